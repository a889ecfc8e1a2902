// On one CPU at a time, every variant does what the model does (`memcg-iterator-model.ts`), whatever the program: as many
// visits, as many rounds, the same position of every cursor, and as many cgroups with memory.
//
// The seed is fixed; TEST_SEED=n tries another.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  counterFreedVisits,
  counterRounds,
  counterVisits,
  gaugeCgroups,
  gaugeDying,
} from "../../src/kernel/memcg-iterator/counters.ts";
import { type CursorRule, IteratorModel } from "./memcg-iterator-model.ts";
import {
  compileIterator,
  type IteratorStep,
  iteratorVariants,
  perform,
  plainIteratorRig,
  settle,
  total,
} from "./memcg-iterator-rig.ts";

const seed = Number(process.env.TEST_SEED ?? 1);
const programs = 25;
const sizes = { cpus: 2, cgroups: 9, nodes: 2 };

const rules: Readonly<Record<string, CursorRule>> = {
  "dead-count": "count",
  "targeted-wipe": "cleared",
  "pinned-position": "kept",
  "weak-position": "cleared",
  floor: "none",
};

interface Command {
  readonly kind: "create" | "remove" | "pass";
  readonly choice: number;
  readonly cpu: number;
  readonly priority: number;
  readonly node: number;
  readonly visits: number;
}

const command: fc.Arbitrary<Command> = fc.record({
  kind: fc.constantFrom("create" as const, "remove" as const, "pass" as const, "pass" as const),
  choice: fc.nat({ max: 1000 }),
  cpu: fc.nat({ max: sizes.cpus - 1 }),
  priority: fc.constantFrom(0, 12),
  node: fc.nat({ max: sizes.nodes - 1 }),
  visits: fc.constantFrom(0, 1, 2, 3, 5),
});
const program = fc.array(command, { minLength: 20, maxLength: 60, size: "max" });

describe("does what the model does, one event at a time", () => {
  test.each(iteratorVariants)("$id", { timeout: 60_000 }, async (one) => {
    const rule = rules[one.variant] as CursorRule;
    const compiled = await compileIterator(one, "traced");
    let [broken, removed] = [0, 0];
    fc.assert(
      fc.property(program, (commands) => {
        const rig = plainIteratorRig(compiled, sizes);
        // Linux 3.19 to 6.11: in the same generation.
        const endsRounds = !["pinned-position", "weak-position"].includes(one.id);
        const model = new IteratorModel(rule, endsRounds);
        const [first] = rig.exports;
        const apply = (cpu: number, step: IteratorStep): void => {
          perform(rig, cpu, step);
          settle(rig);
          const counts = [
            total(rig, counterVisits),
            total(rig, counterFreedVisits),
            first!.gauge(gaugeCgroups),
            first!.gauge(gaugeDying),
            first!.allocatedBytes() / first!.cgroupBytes(),
          ];
          const expected = [model.visits, 0, model.present.size, model.memory - model.present.size, model.memory];
          expect(counts).toEqual(expected);
          expect(total(rig, counterRounds)).toBe(model.rounds);
          for (const root of model.present.keys()) {
            for (const [node, priority] of [
              [0, 0],
              [1, 12],
            ] as const) {
              const position = model.positionOf(root, `${node} ${priority}`);
              if (position === undefined) continue;
              expect(first!.positionOf(root, node, priority)).toBe(position ?? -1);
            }
          }
        };
        model.create(0, 0);
        apply(0, { kind: "create", cgroup: 0, parent: 0 });
        for (const { kind, choice, cpu, priority, node, visits } of commands) {
          const present = [...model.present.keys()];
          const chosen = present[choice % present.length]!;
          if (kind === "create") {
            const cgroup = Array.from({ length: sizes.cgroups }, (_, index) => index).find(
              (index) => !model.present.has(index),
            );
            if (cgroup === undefined) continue;
            model.create(cgroup, chosen);
            apply(cpu, { kind: "create", cgroup, parent: chosen });
          } else if (kind === "remove") {
            const hasChildren = present.some(
              (index) => index !== chosen && model.present.get(index)!.parent === model.present.get(chosen),
            );
            if (chosen === 0 || hasChildren) continue;
            removed++;
            model.remove(chosen);
            apply(cpu, { kind: "offline", cgroup: chosen });
          } else {
            const before = model.visits;
            model.pass(chosen, `${node} ${priority}`, visits);
            if (visits > 0 && model.visits - before === visits) broken++;
            apply(cpu, { kind: "pass", root: chosen, priority, node, visits });
          }
        }
      }),
      { seed, numRuns: programs },
    );
    // The programs have seen what the test is for.
    expect(Math.min(broken, removed)).toBeGreaterThan(20);
  });
});
