// On one CPU, every variant does what the model does (`shrinker-model.ts`), whatever the program: the same callbacks, and
// the same ids, bits, deferred counts and objects afterwards. Deferred counts are conserved because the model's are.
//
// The seed is fixed; TEST_SEED=n tries another. fast-check prints the seed, and the smallest program, of a failure.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  counterBitsCleared,
  counterBitsSetAgain,
  counterCallbacks,
  counterCallbacksAfterFree,
  counterExpansions,
  counterFreed,
  counterScans,
  counterSecondLooks,
  counterTrylockFailed,
  counterVisits,
} from "../../src/kernel/shrinker/counters.ts";
import { ShrinkerModel } from "./shrinker-model.ts";
import {
  perform,
  plainShrinkerRig,
  type ShrinkerRig,
  type ShrinkerStep,
  shrinkerVariants,
  usesBlocks,
} from "./shrinker-rig.ts";

const seed = Number(process.env.TEST_SEED ?? 1);
const programs = 12;
const sizes = { cpus: 1, cgroups: 8, superblocks: 150, nodes: 2, arenaPages: 1024 };

type Command =
  | { readonly kind: "create" | "offline" | "unmount"; readonly choice: number }
  | { readonly kind: "mount"; readonly count: number }
  | {
      readonly kind: "add";
      readonly choice: number;
      readonly cgroup: number;
      readonly objects: number;
      readonly share: number;
    }
  | { readonly kind: "pass"; readonly choice: number; readonly priority: number; readonly node: number };

const choice = fc.nat({ max: 1000 });
const commands: fc.Arbitrary<Command> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constantFrom("create" as const, "create" as const, "offline" as const), choice }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("mount" as const), count: fc.constantFrom(1, 2, 40) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("unmount" as const), choice }) },
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant("add" as const),
      choice,
      cgroup: choice,
      objects: fc.constantFrom(0, 1, 2, 50, 127, 1000, 100_000),
      share: fc.constantFrom(0, 0.5, 1),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant("pass" as const),
      choice,
      priority: fc.nat({ max: 12 }),
      node: fc.nat({ max: 1 }),
    }),
  },
);
const program = fc.array(commands, { minLength: 20, maxLength: 90, size: "max" });

/** Steps of a command, given what there is. */
function* stepsOf(command: Command, model: ShrinkerModel): Generator<ShrinkerStep> {
  const cgroups = [...model.parents.keys()];
  const mounted = [...model.ids.keys()];
  if (command.kind === "create") {
    const cgroup = Array.from({ length: sizes.cgroups }, (_, index) => index).find(
      (index) => !model.parents.has(index),
    );
    if (cgroup !== undefined) yield { kind: "create", cgroup, parent: cgroups[command.choice % cgroups.length]! };
  } else if (command.kind === "offline") {
    const parents = new Set(
      [...model.parents].filter(([cgroup, parent]) => cgroup !== parent).map(([, parent]) => parent),
    );
    const leaves = cgroups.filter((cgroup) => cgroup !== 0 && !parents.has(cgroup));
    if (leaves.length > 0) yield { kind: "offline", cgroup: leaves[command.choice % leaves.length]! };
  } else if (command.kind === "mount") {
    let left = command.count;
    for (let superblock = 0; superblock < sizes.superblocks && left > 0; superblock++) {
      if (mounted.includes(superblock)) continue;
      yield { kind: "mount", superblock };
      left--;
    }
  } else if (command.kind === "unmount") {
    if (mounted.length > 0) yield { kind: "unmount", superblock: mounted[command.choice % mounted.length]! };
  } else if (command.kind === "add") {
    if (mounted.length === 0) return;
    const { objects, share } = command;
    const superblock = mounted[command.choice % mounted.length]!;
    const cgroup = cgroups[command.cgroup % cgroups.length]!;
    yield { kind: "add", superblock, cgroup, objects, freeable: Math.floor(objects * share) };
  } else if (command.kind === "pass") {
    const { priority, node } = command;
    yield { kind: "pass", root: cgroups[command.choice % cgroups.length]!, priority, node };
  }
}

function compareState(rig: ShrinkerRig, model: ShrinkerModel): void {
  const [exports] = rig.exports;
  const bits = new Set<string>();
  const deferred = new Map<string, number>();
  for (const memcg of model.parents.keys()) {
    for (let node = 0; node < sizes.nodes; node++) {
      for (let id = 0; id < model.capacity; id++) {
        const key = `${memcg}/${node}/${id}`;
        if (exports!.isBitSet(memcg, node, id) === 1) bits.add(key);
        const left = exports!.deferredOf(memcg, node, id);
        if (left !== 0) deferred.set(key, left);
      }
    }
  }
  expect(exports!.capacity()).toBe(model.capacity);
  expect([...bits].sort()).toEqual([...model.bits].sort());
  expect(Object.fromEntries(deferred)).toEqual(Object.fromEntries(model.deferred));
  for (const [superblock, id] of model.ids) {
    expect(exports!.shrinkerId(superblock)).toBe(id);
    for (const cgroup of model.parents.keys()) {
      expect(exports!.lruObjects(superblock, cgroup, superblock % sizes.nodes)).toBe(model.objects(superblock, cgroup));
    }
  }
  const maps = model.parents.size * sizes.nodes;
  expect(exports!.mapBytes()).toBe((maps * model.capacity) / 8);
  expect(exports!.deferredBytes()).toBe(maps * model.capacity * 8);
}

function compareCounts(rig: ShrinkerRig, before: readonly number[], model: ShrinkerModel): void {
  const { visits, callbacks, scans, freed, secondLooks, bitsCleared, expansions } = model.counts;
  const counted = counters(rig).map((value, index) => value - before[index]!);
  expect(counted).toEqual([visits, callbacks, scans, freed, secondLooks, bitsCleared, expansions, 0, 0, 0]);
}

function counters({ exports }: ShrinkerRig): number[] {
  return [
    counterVisits,
    counterCallbacks,
    counterScans,
    counterFreed,
    counterSecondLooks,
    counterBitsCleared,
    counterExpansions,
    counterBitsSetAgain,
    counterTrylockFailed,
    counterCallbacksAfterFree,
  ].map((counter) => exports[0]!.counter(counter));
}

describe("does what the model does on one CPU", () => {
  test.each(shrinkerVariants)("%s", { timeout: 60_000 }, async (variant) => {
    const { rig, clock } = await plainShrinkerRig(variant, sizes);
    const { layout } = rig;
    const reached = { capacity: 0, freed: 0, deferred: 0, secondLooks: 0 };
    fc.assert(
      fc.property(program, (lines) => {
        // Zeroed memory is a fresh machine.
        rig.bytes.fill(0, layout.cpuBlocks, layout.eventBuffer);
        rig.bytes.fill(0, layout.problemBase);
        clock.nowNs += 1e9;
        rig.exports[0]!.initialise();
        const before = counters(rig);
        const model = new ShrinkerModel(sizes.nodes, usesBlocks(variant));
        let steps = 0;
        const step = (one: ShrinkerStep): void => {
          perform(rig, 0, one);
          clock.nowNs += 100_000;
          model.perform(one);
          compareCounts(rig, before, model);
          if (++steps % 25 === 0) compareState(rig, model);
        };
        step({ kind: "create", cgroup: 0, parent: 0 });
        for (const line of lines) for (const one of stepsOf(line, model)) step(one);
        compareState(rig, model);
        reached.capacity = Math.max(reached.capacity, model.capacity);
        reached.freed += model.counts.freed;
        reached.deferred += model.deferred.size;
        reached.secondLooks += model.counts.secondLooks;
      }),
      { seed, numRuns: programs },
    );
    // The programs have seen what the test is for.
    expect(reached.capacity).toBe(192);
    expect(Math.min(reached.freed, reached.deferred, reached.secondLooks)).toBeGreaterThan(0);
  });
});
