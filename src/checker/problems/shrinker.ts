// What the checker knows of the shrinker: how a case is started, and what must hold when its tasks have ended.
//
// Which superblocks and cgroups are there at the end follows from the events alone, because a scenario's tasks do not get
// into each other's way there (`shrinker-scenarios.ts`). The floor registers nothing and never calls back: of it, only the
// harness is checked, its lists, its cgroup tree and its wait for walkers.

import { type ProblemExports, startProblem } from "../../build/problem.ts";
import {
  kindCgroupCreate,
  kindCgroupOffline,
  kindLruAdd,
  kindSuperblockMount,
  kindSuperblockUnmount,
} from "../../kernel/events.ts";
import { noteCallbackAfterFree } from "../../kernel/notes.ts";
import { counterCallbacksAfterFree } from "../../kernel/shrinker/counters.ts";
import { shrinker } from "../../problems/shrinker.ts";
import type { Finding } from "../model.ts";
import type { Invariant, Scenario, ScenarioEvent } from "../scenario.ts";
import { eventsBeforeClosing, findingOf, type ProblemCheck } from "./problem.ts";
import { nameOf } from "./shrinker-names.ts";
import { shrinkerScenarios } from "./shrinker-scenarios.ts";

/** What the harness exports besides, for checks. Integers are 32 bits wide unless said otherwise. */
export interface ShrinkerCheckExports extends ProblemExports {
  /** Ids that the maps of all cgroups have room for. */
  capacity(): number;
  /** Bytes of the maps and deferred counts of all present cgroups, as allocated. An f64, as the next. */
  infoBytes(): number;
  /** Bytes of one shrinker. */
  shrinkerBytes(): number;
  /** Bytes of all allocations but those of whole pages. An f64. */
  allocatedBytes(): number;
  /** Bytes that the LRU lists of one superblock take at most. */
  lruBytesMax(): number;
  /** Id of a mounted superblock's shrinker. Not for the floor. */
  shrinkerId(superblock: number): number;
  /** Objects of a cgroup on a superblock's LRU of a node. */
  lruObjects(superblock: number, memcg: number, node: number): number;
  /** 1 if the bit of an id is set for a cgroup on a node. */
  isBitSet(memcg: number, node: number, id: number): number;
}

/** Bytes after the set-up. */
export interface ShrinkerBaseline {
  readonly allocated: number;
  /** Those of them that are the maps of present cgroups. */
  readonly maps: number;
}

const rootCgroup = 0;
/** The only node. */
const node = 0;
/** Enough for every scenario: caches of a slab each, at most 8 pages, and the descriptors of 65 shrinkers. */
const arenaBytesMax = 512 * 1024;

const noCallbackAfterUnregister: Invariant = {
  name: "no callback after unregister",
  description: "I1 in src/kernel/shrinker/README.md: no callback runs after `unregister` has returned",
};
const noLostBit: Invariant = {
  name: "no lost bit",
  description:
    "I3 and I6: a list with objects has its bit set when nobody walks, also when the maps have grown meanwhile",
};
const ownId: Invariant = {
  name: "one shrinker per id",
  description: "I4: an id belongs to one registered shrinker at a time, and every map has room for it",
};
const noLeak: Invariant = {
  name: "no leak of shrinkers or maps",
  description: "I2: what is unregistered or replaced is freed, once",
};
const allWalked: Invariant = {
  name: "every shrinker is walked",
  description: "contract of `shrinkSlab`: a walk over the root comes to every shrinker that is registered",
};

/**
 * Lists that may have objects without their bit, by scenario: as in Linux, a walk that does not get the shrinker of a bit
 * may clear the bit just after another CPU gave the id to a new shrinker and set the bit. Only a list of a shrinker that
 * is registered while a walk may have found the old bit of its id is among them. The rwsem keeps walks away meanwhile and
 * loses nothing, but what is being checked is not known here, so it has the exception, too.
 */
const mayLoseBit: Readonly<Record<string, readonly { readonly superblock: number; readonly cgroup: number }[]>> = {
  "id-reuse-against-walk": [{ superblock: 2, cgroup: 1 }],
};

/** What events leave behind, in any order of their tasks. */
interface Remains {
  readonly cgroups: ReadonlySet<number>;
  /** Of each mounted superblock, whether it has lists, and how many objects no scan frees. */
  readonly mounted: ReadonlyMap<number, { readonly hasLists: boolean; readonly used: number }>;
}

function remainsOf(events: readonly ScenarioEvent[]): Remains {
  const cgroups = new Set<number>();
  const mounted = new Map<number, { hasLists: boolean; used: number }>();
  for (const { kind, object = 0, group = 0, a = 0, b = 0 } of events) {
    if (kind === kindCgroupCreate) cgroups.add(group);
    else if (kind === kindCgroupOffline) cgroups.delete(group);
    else if (kind === kindSuperblockMount) mounted.set(object, { hasLists: false, used: 0 });
    else if (kind === kindSuperblockUnmount) mounted.delete(object);
    else if (kind === kindLruAdd) {
      const before = mounted.get(object);
      if (before !== undefined && cgroups.has(group)) {
        mounted.set(object, { hasLists: true, used: before.used + a - b });
      }
    }
  }
  return { cgroups, mounted };
}

/** Whether the variant has shrinkers at all. */
function hasShrinkers(instance: ShrinkerCheckExports): boolean {
  return instance.shrinkerBytes() > 0;
}

/** Objects whose bit is not set: no walk over a cgroup would come to them. */
function findLostBit(instance: ShrinkerCheckExports, scenario: Scenario, remains: Remains): Finding | undefined {
  const allowed = mayLoseBit[scenario.name] ?? [];
  for (const superblock of remains.mounted.keys()) {
    for (let cgroup = rootCgroup + 1; cgroup < scenario.cgroups; cgroup++) {
      const objects = instance.lruObjects(superblock, cgroup, node);
      if (objects === 0 || allowed.some((pair) => pair.superblock === superblock && pair.cgroup === cgroup)) continue;
      const owners = `${objects} object${objects === 1 ? "" : "s"} of superblock ${superblock} in cgroup ${cgroup}`;
      if (!remains.cgroups.has(cgroup)) {
        return { kind: "lost object", invariant: "", message: `${owners}, which has been removed`, agent: null };
      }
      const id = instance.shrinkerId(superblock);
      if (instance.isBitSet(cgroup, node, id) === 0) {
        return findingOf(noLostBit, "broken invariant", `${owners}, but the bit of its shrinker's id ${id} is not set`);
      }
    }
  }
  return undefined;
}

function findSharedId(instance: ShrinkerCheckExports, { mounted }: Remains): Finding | undefined {
  const owners = new Map<number, number>();
  const capacity = instance.capacity();
  for (const superblock of mounted.keys()) {
    const id = instance.shrinkerId(superblock);
    const other = owners.get(id);
    if (other !== undefined) {
      return findingOf(
        ownId,
        "broken invariant",
        `the shrinkers of superblocks ${other} and ${superblock} both have id ${id}`,
      );
    }
    if (id >= capacity) {
      const message = `the shrinker of superblock ${superblock} has id ${id}, but the maps have room for ${capacity}`;
      return findingOf(ownId, "broken invariant", message);
    }
    owners.set(id, superblock);
  }
  return undefined;
}

/** Bytes that mounted superblocks take: their shrinkers and their lists. */
function mountedBytes(instance: ShrinkerCheckExports, { mounted }: Remains): number {
  let bytes = 0;
  for (const { hasLists } of mounted.values()) {
    bytes += instance.shrinkerBytes() + (hasLists ? instance.lruBytesMax() : 0);
  }
  return bytes;
}

function findLeak(
  instance: ShrinkerCheckExports,
  scenario: Scenario,
  remains: Remains,
  before: ShrinkerBaseline,
): Finding | undefined {
  // What the variant keeps for itself is what it had after the set-up.
  const own = before.allocated - before.maps - mountedBytes(instance, remainsOf(scenario.setup));
  const expected = own + mountedBytes(instance, remains) + instance.infoBytes();
  const excess = instance.allocatedBytes() - expected;
  if (excess === 0) return undefined;
  // The allocator's counts do not go below 0: a count of more than there is was one of less than nothing.
  if (excess > 0 && excess < arenaBytesMax) {
    return findingOf(noLeak, "leak", `${excess} bytes of shrinkers, maps or lists are not freed`);
  }
  return findingOf(noLeak, "double free", "shrinkers, maps or lists were freed that are in use or had been freed");
}

function findUnwalked(instance: ShrinkerCheckExports, scenario: Scenario, { mounted }: Remains): Finding | undefined {
  for (const [superblock, { used }] of mounted) {
    let objects = 0;
    for (let cgroup = 0; cgroup < scenario.cgroups; cgroup++) objects += instance.lruObjects(superblock, cgroup, node);
    const expected = hasShrinkers(instance) ? used : objects;
    if (objects > expected) {
      const message = `the last pass left ${objects - expected} objects of superblock ${superblock} that can be freed`;
      return findingOf(allWalked, "broken invariant", message);
    }
    if (objects < expected) {
      const message = `${expected - objects} objects of superblock ${superblock} that cannot be freed are gone`;
      return { kind: "lost object", invariant: "", message, agent: null };
    }
  }
  return undefined;
}

/** A case's first instance. */
function firstOf([first]: readonly ShrinkerCheckExports[]): ShrinkerCheckExports {
  if (first === undefined) throw new Error("a case has at least one CPU");
  return first;
}

export const shrinkerCheck: ProblemCheck<ShrinkerCheckExports, ShrinkerBaseline> = {
  scenarios: shrinkerScenarios,
  invariants: [noCallbackAfterUnregister, noLostBit, ownId, noLeak, allWalked],
  defects: [],

  whyUnchecked() {
    return undefined;
  },

  start(compiled, scenario, { coreBytes, machine, attach }) {
    const { cgroups, superblocks, caches, objects, cpus } = scenario;
    const limits = { events: 0, caches, objects, cgroups, superblocks, tasks: 1, liveBytesMax: 0, slabBytesMax: 0 };
    const sizes = { cpus, fiberBytes: coreBytes, arenaBytesMax };
    return startProblem<ShrinkerCheckExports>(shrinker, compiled, { limits, parameters: {} }, sizes, machine, attach);
  },

  violationOf(note) {
    if (note !== noteCallbackAfterFree) return undefined;
    return { kind: "callback after free", invariant: noCallbackAfterUnregister.name };
  },

  baseline(instances) {
    const first = firstOf(instances);
    return { allocated: first.allocatedBytes(), maps: first.infoBytes() };
  },

  checkTasks(instances, scenario) {
    const first = firstOf(instances);
    if (!hasShrinkers(first)) return undefined;
    const remains = remainsOf(eventsBeforeClosing(scenario));
    return findSharedId(first, remains) ?? findLostBit(first, scenario, remains);
  },

  checkEnd(instances, scenario, baseline) {
    const first = firstOf(instances);
    const late = instances.reduce((sum, instance) => sum + instance.counter(counterCallbacksAfterFree), 0);
    if (late > 0) {
      const message = `${late} callback${late === 1 ? "" : "s"} of shrinkers that had been unregistered`;
      return findingOf(noCallbackAfterUnregister, "callback after free", message);
    }
    const remains = remainsOf([...eventsBeforeClosing(scenario), ...scenario.closing]);
    return findLeak(first, scenario, remains, baseline) ?? findUnwalked(first, scenario, remains);
  },

  nameOf,
};
