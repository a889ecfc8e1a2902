import fc from "fast-check";
import { expect, test } from "vitest";
import { minimise } from "../../src/checker/minimise.ts";
import type { Limits, Slice } from "../../src/checker/model.ts";
import { pct } from "../../src/checker/schedulers/pct.ts";
import { random } from "../../src/checker/schedulers/random.ts";
import { replay } from "../../src/checker/schedulers/replay.ts";
import { countOperations } from "../../src/checker/slices.ts";
import {
  free,
  load,
  lostUpdate,
  oppositeLocks,
  store,
  storeBuffering,
  type ToyCase,
  ToyModel,
  type ToyOperation,
} from "./toy-model.ts";

const limits: Limits = { states: 10_000, steps: 1000, deadline: Number.POSITIVE_INFINITY, bytes: 1 << 20 };
const options = { deadline: Number.POSITIVE_INFINITY, operationsMax: 1000 };

const noise = (cell: string, count: number): ToyOperation[] => Array.from({ length: count }, () => store(cell, 1));

/** A lost update among much else, and two tasks that have no part in it. */
const noisy: ToyCase = {
  programs: [
    [...noise("a", 6), load("x"), ...noise("a", 3), store("x", "register", 1), ...noise("a", 4)],
    [...noise("b", 5), load("x"), ...noise("b", 2), store("x", "register", 1), ...noise("b", 5)],
    noise("c", 12),
    noise("c", 12),
  ],
  check: ({ x }) => (x === 2 ? undefined : `x is ${x}`),
};

const slice = (agent: number, operations: number, isBuffered = false): Slice => ({ agent, operations, isBuffered });

test("what lots find in a noisy case becomes one preemption", () => {
  const model = new ToyModel(noisy);
  for (const seed of [1, 2, 3, 4, 5]) {
    const { finding, schedule } = random({ executions: 100, seed })(model, limits, () => {});
    expect(schedule!.length).toBeGreaterThan(20);
    const found = minimise(model, schedule!, finding!, options)!;
    expect(found.preemptions).toBe(1);
    expect(found.schedule.length).toBeLessThanOrEqual(2);
    expect(found.performed.length).toBeLessThanOrEqual(5);
    expect(found.replays).toBeLessThanOrEqual(400);
    expect(replay(new ToyModel(noisy), found.schedule, 1000)).toEqual({
      finding: found.finding,
      schedule: found.performed,
      preemptions: 1,
    });
  }
});

test("a deadlock of two tasks among four comes down to the two", () => {
  const crowd: ToyCase = { programs: [noise("c", 5), ...oppositeLocks.programs, noise("c", 5)] };
  const model = new ToyModel(crowd);
  const { finding, schedule } = pct({ changes: 3, executions: 1000, seed: 1 })(model, limits, () => {});
  expect(finding?.kind).toBe("deadlock");
  const found = minimise(model, schedule!, finding!, options)!;
  expect(found.preemptions).toBe(1);
  // One of them has its first lock when the other one begins; the rest comes by itself.
  expect(found.schedule.filter(({ agent }) => agent === 1 || agent === 2).length).toBeGreaterThan(0);
  expect(found.performed.filter(({ agent }) => agent === 0 || agent === 3)).toHaveLength(2);
});

test("what needs no particular schedule becomes an empty one", () => {
  const always: ToyCase = { programs: [[free("x"), load("x")], noise("y", 5)] };
  const model = new ToyModel(always);
  const { finding, schedule } = random({ executions: 1, seed: 3 })(model, limits, () => {});
  expect(minimise(model, schedule!, finding!, options)?.schedule).toEqual([]);
});

test("only stores that matter stay in the buffer", () => {
  const buffering = storeBuffering("tso");
  const programs = buffering.programs.map((program, task) => [...noise(`own ${task}`, 3), ...program]);
  const model = new ToyModel({ ...buffering, programs });
  const { finding, schedule } = random({ executions: 1000, seed: 1 })(model, limits, () => {});
  const found = minimise(model, schedule!, finding!, options)!;
  // The task that loads first has its store in the buffer; the other one may store to memory at once.
  expect(found.performed.filter(({ isBuffered }) => isBuffered)).toHaveLength(1);
  expect(found.preemptions).toBe(0);
});

test("what does not show the finding is not minimised", () => {
  const model = new ToyModel(lostUpdate(2));
  const finding = { kind: "broken invariant", invariant: "the check", message: "", agent: null } as const;
  expect(minimise(model, [slice(0, 2)], finding, options)).toBeUndefined();
  expect(minimise(model, [slice(0, 1), slice(1, 1)], { ...finding, invariant: "another" }, options)).toBeUndefined();
  expect(minimise(model, [slice(0, 1), slice(1, 1)], { ...finding, kind: "leak" }, options)).toBeUndefined();
});

test("without time or replays it gives back what it was given", () => {
  const model = new ToyModel(noisy);
  const { finding, schedule } = random({ executions: 100, seed: 1 })(model, limits, () => {});
  for (const bound of [{ deadline: Number.NEGATIVE_INFINITY }, { replaysMax: 2 }]) {
    const found = minimise(model, schedule!, finding!, { ...options, ...bound })!;
    expect(found.replays).toBeLessThanOrEqual(3);
    expect(replay(new ToyModel(noisy), found.schedule, 1000).finding).toEqual(found.finding);
  }
});

test("the result is never worse, and always shows the same", () => {
  const cases = [noisy, lostUpdate(3), lostUpdate(3, { memory: "tso" }), oppositeLocks, storeBuffering("tso", true)];
  fc.assert(
    fc.property(fc.constantFrom(...cases), fc.nat(), fc.nat(60), (toyCase, seed, replaysMax) => {
      const model = new ToyModel(toyCase);
      const { finding, schedule } = random({ executions: 50, seed })(model, limits, () => {});
      if (finding === undefined || schedule === undefined) return;
      const before = replay(new ToyModel(toyCase), schedule, 1000);
      const found = minimise(model, schedule, finding, { ...options, replaysMax })!;
      expect(found.preemptions).toBeLessThanOrEqual(before.preemptions);
      expect(countOperations(found.schedule)).toBeLessThanOrEqual(countOperations(found.performed));
      const after = replay(new ToyModel(toyCase), found.schedule, 1000);
      expect(after).toEqual({ finding: found.finding, schedule: found.performed, preemptions: found.preemptions });
      expect([after.finding?.kind, after.finding?.invariant]).toEqual([finding.kind, finding.invariant]);
    }),
    { numRuns: 100 },
  );
});
