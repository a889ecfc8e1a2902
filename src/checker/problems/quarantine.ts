// The quarantine, as the checker sees it: its rules, how a case of it is started, and when the end of one is wrong.

import { type QuarantineExports, startQuarantine } from "../../build/quarantine.ts";
import { kindCacheCreate, kindObjectFree } from "../../kernel/events.ts";
import { noteLeftBehind } from "../../kernel/notes.ts";
import type { Finding } from "../model.ts";
import type { Invariant, Scenario } from "../scenario.ts";
import { eventsBeforeClosing, findingOf, type ProblemCheck } from "./problem.ts";
import { nameOf } from "./quarantine-names.ts";
import { leftBy, quarantineScenarios, ramPages } from "./quarantine-scenarios.ts";

const nothingOfDestroyed: Invariant = {
  name: "no object of a destroyed cache",
  description:
    "When a removal is complete, no object of the cache is in a queue, in a batch, or on its way between two (I1).",
};
const sumsAreRight: Invariant = {
  name: "the sums are what is held",
  description: "What the quarantine says that it holds is the sum of the objects that it holds (I2).",
};
const onePlace: Invariant = {
  name: "a freed object is in one place",
  description: "A freed object waits in exactly one place, and leaves it once, for its slab (I4).",
};
const removalsEnd: Invariant = {
  name: "a destroyed cache goes",
  description:
    "A cache goes once it was asked to, and none of its objects is left (contract of removeCache); at the latest when the FIFO has turned over.",
};

/** Far more than the largest scenario needs. */
const arenaBytesMax = 1 << 20;

/** What a scenario's events come to, whichever way those of its tasks interleave. */
interface Expected {
  /** Caches ever created. */
  readonly caches: readonly number[];
  /** Objects in use when the tasks have ended, by cache. */
  readonly liveOf: ReadonlyMap<number, number>;
  /** Bytes that an object counts for, by cache. */
  readonly bytesOf: ReadonlyMap<number, number>;
  /** Objects ever freed, the closing's included; none is in use then. */
  readonly frees: number;
}

function expectedOf(scenario: Scenario): Expected {
  const upToTasks = eventsBeforeClosing(scenario);
  const all = [...upToTasks, ...scenario.closing];
  const created = all.filter(({ kind }) => kind === kindCacheCreate);
  const liveOf = new Map<number, number>();
  for (const { cache } of leftBy(upToTasks).live.values()) liveOf.set(cache, (liveOf.get(cache) ?? 0) + 1);
  return {
    caches: created.map(({ group = 0 }) => group),
    liveOf,
    bytesOf: new Map(created.map(({ group = 0, a = 0 }) => [group, a])),
    frees: all.filter(({ kind }) => kind === kindObjectFree).length,
  };
}

function sum(instances: readonly QuarantineExports[], of: (instance: QuarantineExports) => number): number {
  return instances.reduce((total, instance) => total + (of(instance) >>> 0), 0);
}

/** What caches left that were destroyed; whatever else is wrong comes of it. */
function findLeftBehind(instances: readonly QuarantineExports[]): Finding | undefined {
  const left = sum(instances, (instance) => instance.leftBehindCount());
  if (left === 0) return undefined;
  return findingOf(nothingOfDestroyed, "broken invariant", `${objects(left)} left in caches that were destroyed`);
}

const objects = (count: number): string => `${count} object${count === 1 ? "" : "s"}`;

export const quarantineCheck: ProblemCheck<QuarantineExports, Expected> = {
  scenarios: quarantineScenarios,
  invariants: [nothingOfDestroyed, sumsAreRight, onePlace, removalsEnd],
  defects: [],

  whyUnchecked({ isFloor }) {
    return isFloor ? "it forgets what it is given, so no cache of it can be destroyed" : undefined;
  },

  start(compiled, scenario, { skipWhenEmpty, coreBytes, machine, attach }) {
    const { cpus, caches, objects, cgroups, superblocks, tasks } = scenario;
    const none = { events: 0, liveBytesMax: 0, slabBytesMax: 0 };
    return startQuarantine(
      compiled,
      { ...none, caches, objects, cgroups, superblocks, tasks: tasks.length },
      { cpus, quarantineBytes: 0, ramPages, skipWhenEmpty, fiberBytes: coreBytes, arenaBytesMax },
      machine,
      attach,
    );
  },

  violationOf(note) {
    return note === noteLeftBehind ? { kind: "broken invariant", invariant: nothingOfDestroyed.name } : undefined;
  },

  baseline: (_instances, scenario) => expectedOf(scenario),

  checkTasks(instances, _scenario, { caches, liveOf, bytesOf }) {
    const [first] = instances as readonly [QuarantineExports];
    const leftBehind = findLeftBehind(instances);
    if (leftBehind !== undefined) return leftBehind;
    let used = 0;
    let usedBytes = 0;
    for (const cache of caches) {
      if (first.isCachePresent(cache) === 0) continue;
      const count = (first.usedObjectsOf(cache) >>> 0) - (liveOf.get(cache) ?? 0);
      used += count;
      usedBytes += count * (bytesOf.get(cache) as number);
    }
    const statedBytes = first.quarantinedBytes();
    if (usedBytes === statedBytes) return undefined;
    const message = `${objects(used)} of ${usedBytes} bytes were freed and are not back in their slabs, but the quarantine says that it holds ${statedBytes} bytes`;
    return usedBytes > statedBytes
      ? findingOf(onePlace, "lost object", message)
      : findingOf(sumsAreRight, "broken invariant", message);
  },

  checkEnd(instances, _scenario, { caches, frees }) {
    const [first] = instances as readonly [QuarantineExports];
    const leftBehind = findLeftBehind(instances);
    if (leftBehind !== undefined) return leftBehind;
    const present = caches.find((cache) => first.isCachePresent(cache) !== 0);
    if (present !== undefined) {
      const used = first.usedObjectsOf(present) >>> 0;
      const message = `cache ${present} was to be destroyed and is still there, with ${objects(used)} in use`;
      return findingOf(removalsEnd, "broken invariant", message);
    }
    const freed = sum(instances, (instance) => instance.freedCount());
    if (freed !== frees) {
      const message = `${objects(frees)} were freed, and ${freed} came back to their slabs`;
      return findingOf(onePlace, freed < frees ? "lost object" : "double free", message);
    }
    const bytes = first.quarantinedBytes();
    const batches = first.batchesInUse();
    if (bytes !== 0 || batches !== 0) {
      const message = `the quarantine says that it holds ${bytes} bytes in ${batches} batches, and there is no object left`;
      return findingOf(sumsAreRight, "broken invariant", message);
    }
    const holding = caches.find((cache) => first.heldBytesOf(cache) !== 0);
    if (holding !== undefined) return findingOf(removalsEnd, "leak", `cache ${holding} is gone and still has slabs`);
    return undefined;
  },

  nameOf,
};
