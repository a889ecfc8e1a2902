// What the checker knows of slab-offline: how a case is started, and what must hold when its tasks have ended.
//
// Which objects are in use, and which cgroups are there, follows from the events alone.

import type { RunningModule } from "../../build/instance.ts";
import { startProblem } from "../../build/problem.ts";
import { kindCgroupCreate, kindCgroupOffline, kindObjectAllocate, kindObjectFree } from "../../kernel/events.ts";
import { gaugeDeadCaches, gaugeDyingCgroups } from "../../kernel/slab-offline/counters.ts";
import { slabOffline } from "../../problems/slab-offline.ts";
import type { Finding } from "../model.ts";
import type { Invariant, Scenario, ScenarioEvent } from "../scenario.ts";
import { type Defect, eventsBeforeClosing, findingOf, type ProblemCheck } from "./problem.ts";
import { type NamedExports, nameOf } from "./slab-offline-names.ts";
import { slabOfflineScenarios } from "./slab-offline-scenarios.ts";

/** What the harness exports besides, for checks. Integers are 32 bits wide unless said otherwise. */
export interface SlabOfflineCheckExports extends NamedExports {
  /** Bytes of all descriptors, and of those that somebody still finds. f64. */
  allocatedBytes(): number;
  reachableBytes(): number;
  /** Objects in use in all slabs, by the slabs' counts. */
  usedObjectCount(): number;
  /** Slabs that are not where their state says. */
  misplacedSlabs(): number;
  /** Bytes charged to an online cgroup, and of the slabs of the caches that belong to it. */
  chargedBytes(cgroup: number): number;
  ownedBytes(cgroup: number): number;
}

/** Far more than the largest scenario needs. */
const arenaBytesMax = 512 * 1024;

const deadCacheGoes: Invariant = {
  name: "a dead cache goes",
  description:
    "K1: when a cgroup is offline and the last object of its caches is freed, they go, and the cgroup with them",
};
const objectsAreCounted: Invariant = {
  name: "slabs count their objects",
  description: "K3: what slabs and CPUs count as in use are the objects in use, and each slab is where its state says",
};
const chargesAreRight: Invariant = {
  name: "charges are those of what is there",
  description:
    "K4: a cgroup is charged with the slabs of the caches that belong to it and to those below, and no others",
};
const nothingIsLost: Invariant = {
  name: "no descriptor is lost",
  description: "K1: what somebody still finds is all that is allocated: nothing is freed twice or never",
};

/** Variants that leave dead caches behind, as Linux did, and why. */
const leaks: readonly (readonly [variant: string, why: string])[] = [
  [
    "keep-dead",
    "a cache that is not empty when its cgroup goes is not looked at again: the leak that the others were made against",
  ],
  [
    "refcount-destroy",
    "the last slabs of a dead cache stay empty on its node or on a CPU's list: why counting slabs alone was not enough",
  ],
];

/** Scenarios in which objects are in use when the cgroup goes. */
const withObjects = [
  "freeze-against-offline",
  "fast-free-against-offline",
  "last-free-against-offline",
  "two-last-frees",
  "preempted-frees-of-dead",
  "one-preempted-free-against-offline",
  "preempted-free-against-offline",
  "reparent-against-frees",
  "full-slab-against-offline",
  "frees-on-three-cpus-against-offline",
];

const defects: readonly Defect[] = leaks.flatMap(([variant, why]) =>
  withObjects.map((scenario) => ({ variant, scenario, kind: "leak", invariant: deadCacheGoes.name, why })),
);

/** What events leave behind, in any order of their tasks. */
function remainsOf(events: readonly ScenarioEvent[]): {
  readonly objects: number;
  readonly cgroups: readonly number[];
} {
  const objects = new Set<number>();
  const cgroups = new Set<number>();
  for (const { kind, object = 0, group = 0 } of events) {
    if (kind === kindObjectAllocate) objects.add(object);
    else if (kind === kindObjectFree) objects.delete(object);
    else if (kind === kindCgroupCreate) cgroups.add(group);
    else if (kind === kindCgroupOffline) cgroups.delete(group);
  }
  return { objects: objects.size, cgroups: [...cgroups] };
}

const several = (count: number, what: string): string => `${count} ${what}${count === 1 ? "" : "s"}`;

function findMiscounted(first: SlabOfflineCheckExports, objects: number): Finding | undefined {
  const used = first.usedObjectCount() >>> 0;
  if (used === objects) return undefined;
  const message = `${several(objects, "object")} in use, and the slabs count ${used}`;
  return findingOf(objectsAreCounted, "broken invariant", message);
}

function findMisplaced(first: SlabOfflineCheckExports): Finding | undefined {
  const misplaced = first.misplacedSlabs() >>> 0;
  if (misplaced === 0) return undefined;
  const message = `${several(misplaced, "slab")} not where the state says: nobody will find it there`;
  return findingOf(objectsAreCounted, "broken invariant", message);
}

function findDead(first: SlabOfflineCheckExports): Finding | undefined {
  const caches = first.gauge(gaugeDeadCaches);
  if (caches > 0) {
    const message = `${several(caches, "dead cache")} left, of which no object is in use: nobody will ever free it`;
    return findingOf(deadCacheGoes, "leak", message);
  }
  const cgroups = first.gauge(gaugeDyingCgroups);
  if (cgroups === 0) return undefined;
  return findingOf(deadCacheGoes, "leak", `${several(cgroups, "offline cgroup")} left to which nothing belongs`);
}

function findWrongCharge(first: SlabOfflineCheckExports, cgroups: readonly number[]): Finding | undefined {
  for (const cgroup of cgroups) {
    const charged = first.chargedBytes(cgroup) | 0;
    const owned = first.ownedBytes(cgroup) | 0;
    if (charged === owned) continue;
    const message = `cgroup ${cgroup} is charged with ${charged} bytes, and has ${owned}`;
    return findingOf(chargesAreRight, "broken invariant", message);
  }
  return undefined;
}

function findLost(first: SlabOfflineCheckExports): Finding | undefined {
  const excess = first.allocatedBytes() - first.reachableBytes();
  if (excess === 0) return undefined;
  if (excess > 0 && excess < arenaBytesMax) {
    return findingOf(nothingIsLost, "leak", `${excess} bytes of descriptors that nobody finds any more`);
  }
  return findingOf(nothingIsLost, "double free", "descriptors were freed that are in use or had been freed");
}

function firstOf([first]: readonly SlabOfflineCheckExports[]): SlabOfflineCheckExports {
  if (first === undefined) throw new Error("a case has at least one CPU");
  return first;
}

/** Caches of a case, by its memory: names are asked for without the scenario. */
const cacheCounts = new WeakMap<WebAssembly.Memory, number>();

export const slabOfflineCheck: ProblemCheck<SlabOfflineCheckExports, undefined> = {
  scenarios: slabOfflineScenarios,
  invariants: [deadCacheGoes, objectsAreCounted, chargesAreRight, nothingIsLost],
  defects,

  whyUnchecked() {
    return undefined;
  },

  start(compiled, scenario, { coreBytes, machine, attach }) {
    const { caches, objects, cgroups, cpus } = scenario;
    const limits = { events: 0, caches, objects, cgroups, superblocks: 0, tasks: 1, liveBytesMax: 0, slabBytesMax: 0 };
    const sizes = { cpus, fiberBytes: coreBytes, arenaBytesMax };
    const running: RunningModule<SlabOfflineCheckExports> = startProblem<SlabOfflineCheckExports>(
      slabOffline,
      compiled,
      { limits, parameters: {} },
      sizes,
      machine,
      attach,
    );
    cacheCounts.set(running.memory, caches);
    return running;
  },

  violationOf() {
    return undefined;
  },

  baseline() {
    return undefined;
  },

  checkTasks(instances, scenario) {
    return findMiscounted(firstOf(instances), remainsOf(eventsBeforeClosing(scenario)).objects);
  },

  checkEnd(instances, scenario: Scenario) {
    const first = firstOf(instances);
    const { objects, cgroups } = remainsOf([...eventsBeforeClosing(scenario), ...scenario.closing]);
    return (
      findMiscounted(first, objects) ??
      findMisplaced(first) ??
      findWrongCharge(first, cgroups) ??
      findLost(first) ??
      // Last, for some variants are known for it, and what else is wrong with them has to show.
      findDead(first)
    );
  },

  nameOf: (running, address) => nameOf(running, address, cacheCounts.get(running.memory) ?? 0),
};
