import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { collectGarbage } from "../../src/build/garbage.ts";
import { memoryModels } from "../../src/checker/model.ts";
import { compileLitmus, describeEnd, explore, LitmusMachine, searches, TolerantMachine } from "./litmus.ts";
import { accessPrograms, anyPrograms } from "./random-programs.ts";
import { endsOf, knownOperations } from "./x86-tso.ts";

// The same programs each time: a failure is one of the change, not of the day.
fc.configureGlobal({ seed: 1 });

const litmus = await compileLitmus();

describe("programs of loads, stores, locked operations and barriers come to what the abstract machine comes to", () => {
  test.each(memoryModels)("%s", (model) => {
    fc.assert(
      fc.property(accessPrograms({ min: 2, max: 4 }), (program) => {
        expect(program.tasks.flatMap(({ code }) => code).every(({ kind }) => knownOperations.includes(kind))).toBe(
          true,
        );
        const expected = [...endsOf(program, model)].sort();
        for (const { name, reduction, search } of searches) {
          const machine = new LitmusMachine(litmus, program, { model, reduction }, describeEnd);
          expect(explore(machine, search).outcome).toBe("exhausted");
          expect({ name, ends: [...machine.ends].sort() }).toEqual({ name, ends: expected });
        }
        collectGarbage();
      }),
      { numRuns: 25 },
    );
  });
});

const brokenLock = "found: broken invariant";

describe("programs of everything come to the same, and have the same deadlocks and findings, however reduced", () => {
  test.each(memoryModels)("%s", (model) => {
    fc.assert(
      fc.property(anyPrograms({ min: 1, max: 3 }), (program) => {
        let expected: readonly string[] | undefined;
        for (const { name, reduction, search } of searches) {
          const machine = new TolerantMachine(litmus, program, { model, reduction }, describeEnd);
          const { outcome } = explore(machine, search);
          // Too large to be compared.
          fc.pre(outcome !== "bound");
          // What a broken lock leads to besides is not looked for.
          const ends = machine.ends.has(brokenLock) ? [brokenLock] : [...machine.ends].sort();
          expected ??= [outcome, ...ends];
          expect({ name, ends: [outcome, ...ends] }).toEqual({ name, ends: expected });
        }
        collectGarbage();
      }),
      { numRuns: 40 },
    );
  });
});
