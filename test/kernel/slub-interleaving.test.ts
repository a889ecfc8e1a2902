// Random programs of three tasks on two CPUs, in random orders of their accesses: objects are allocated, freed elsewhere, CPUs
// flushed, and in every other program the cgroup goes meanwhile. Whatever the order, no memory is used that is not handed out,
// slabs count what is in use, and nothing is left when everything was freed. One thread, so a seed repeats a run; it samples
// executions, where the checker's scenarios explore all of smaller ones.
//
// The seed is fixed; TEST_SEED=n tries others.

import { beforeAll, describe, expect, test } from "vitest";
import { compileCheckerCore, compileModule } from "../../src/build/compile.ts";
import { CheckedMachine } from "../../src/checker/machine.ts";
import { slabOfflineCheck } from "../../src/checker/problems/slab-offline.ts";
import type { Scenario, ScenarioEvent } from "../../src/checker/scenario.ts";
import { random } from "../../src/checker/schedulers/random.ts";
import {
  kindCacheCreate,
  kindCacheDestroy,
  kindCgroupCreate,
  kindCgroupOffline,
  kindCpuOffline,
  kindObjectAllocate,
  kindObjectFree,
} from "../../src/kernel/events.ts";
import { Random } from "../../src/workloads/random.ts";
import { subjects } from "./slab-offline-rig.ts";

const firstSeed = Number(process.env.TEST_SEED ?? 1);
const programs = 8;
const executions = 40;
const taskCpus = [0, 1, 1];
const eventsPerTask = 5;
const objectsBefore = 8;
/** Caches 0 and 1 are the cgroup's, with two objects to a slab and with one; 2 is the root's. */
const caches: readonly ScenarioEvent[] = [
  { kind: kindCacheCreate, group: 0, object: 2, a: 2048, b: 1 + 2 ** 32 },
  { kind: kindCacheCreate, group: 1, object: 1, a: 4096, b: 1 + 2 ** 32 },
  { kind: kindCacheCreate, group: 2, object: 2, a: 2048, b: 1 },
];
const rootCache = 2;

interface Program {
  readonly scenario: Scenario;
  readonly allocations: number;
  readonly frees: number;
  readonly isOffline: boolean;
}

/** A program that a workload could be: an object is freed once, and nobody allocates from a cache of a cgroup that goes. */
function programOf(seed: number): Program {
  const numbers = new Random(seed);
  const isOffline = seed % 2 === 0;
  const cacheOf = new Map<number, number>();
  const allocate = (object: number, cache: number): ScenarioEvent => {
    cacheOf.set(object, cache);
    return { kind: kindObjectAllocate, object, group: cache };
  };
  const free = (object: number): ScenarioEvent => ({ kind: kindObjectFree, object, group: cacheOf.get(object)! });
  const setup: ScenarioEvent[] = [
    { kind: kindCgroupCreate, group: 0 },
    { kind: kindCgroupCreate, group: 1, a: 0 },
    ...caches,
    ...Array.from({ length: objectsBefore }, (_, object) => allocate(object, numbers.below(caches.length))),
  ];
  const unclaimed = Array.from({ length: objectsBefore }, (_, object) => object);
  const left: number[] = [];
  let objects = objectsBefore;
  let allocations = 0;
  let frees = 0;
  const tasks = taskCpus.map((cpu, task) => {
    const own: number[] = [];
    const events = Array.from({ length: eventsPerTask }, (_, place): ScenarioEvent => {
      if (isOffline && task === 0 && place === 1) return { kind: kindCgroupOffline, group: 1 };
      const choice = numbers.below(8);
      if (choice === 0) return { kind: kindCpuOffline, a: cpu };
      const claimed =
        choice < 5 ? (own.pop() ?? unclaimed.splice(numbers.below(unclaimed.length || 1), 1)[0]) : undefined;
      if (claimed !== undefined) {
        frees++;
        return free(claimed);
      }
      allocations++;
      own.push(objects);
      return allocate(objects++, isOffline ? rootCache : numbers.below(caches.length));
    });
    left.push(...own);
    return { cpu, events };
  });
  const closing: ScenarioEvent[] = [...unclaimed, ...left].map(free);
  closing.push({ kind: kindCacheDestroy, group: rootCache });
  if (!isOffline) closing.push({ kind: kindCgroupOffline, group: 1 });
  const scenario: Scenario = {
    name: `random-${seed}`,
    description: "",
    size: "",
    cpus: 2,
    constants: {},
    setup,
    tasks,
    ticks: 0,
    closing,
    caches: caches.length,
    objects,
    cgroups: 2,
    superblocks: 0,
    isShort: false,
    isForTso: false,
  };
  return { scenario, allocations, frees, isOffline };
}

const all = Array.from({ length: programs }, (_, index) => programOf(firstSeed + index));
let core: Uint8Array<ArrayBuffer>;

beforeAll(async () => {
  core = (await compileCheckerCore()).wasm;
});

test("the programs allocate, free and take the cgroup offline", () => {
  const sum = (of: (program: Program) => number): number => all.reduce((total, one) => total + of(one), 0);
  expect(sum(({ allocations }) => allocations)).toBeGreaterThan(programs);
  expect(sum(({ frees }) => frees)).toBeGreaterThan(programs);
  expect(sum(({ isOffline }) => (isOffline ? 1 : 0))).toBe(programs / 2);
});

describe("nothing is lost or used when it is nobody's", () => {
  const right = subjects.filter(({ frees }) => frees);
  test.each(right.map((subject) => [subject.name, subject] as const))(
    "%s",
    { timeout: 120_000 },
    async (_, { variant, constants }) => {
      const compiled = await compileModule({
        problem: "slab-offline",
        variant,
        machine: "checked",
        constants: { LAB_MIN_PARTIAL: 1, ...constants },
      });
      for (const [index, { scenario }] of all.entries()) {
        const machine = new CheckedMachine({
          core,
          compiled,
          problem: slabOfflineCheck,
          scenario,
          skipWhenEmpty: false,
          model: "sc",
          reduction: true,
        });
        const limits = { states: executions, steps: 50_000, deadline: Number.POSITIVE_INFINITY, bytes: 256 * 2 ** 20 };
        const explored = random({ executions, seed: firstSeed + index })(machine, limits, () => {});
        expect(explored.finding, scenario.name).toBeUndefined();
        expect(explored.executions, scenario.name).toBe(executions);
      }
    },
  );
});
