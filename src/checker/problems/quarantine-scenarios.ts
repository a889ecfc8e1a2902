// The quarantine's scenarios: small cases in which puts, reductions, CPUs that come and go and removals meet.
//
// Objects of cache A, the one that most of them destroy, lie between objects of cache B: in a batch, and in the queue of
// CPU 0, which only a put or an interrupt reaches. A set-up allocates everything first, because an allocation would let
// batches go, and leaves room in every slab, so that no task needs new pages. Rules of the contract hold here, too: only
// the task that destroys a cache puts objects of it, and before.

import type { Constants } from "../../build/flags.ts";
import {
  kindCacheCreate,
  kindCacheDestroy,
  kindCpuOffline,
  kindCpuOnline,
  kindObjectAllocate,
  kindObjectFree,
} from "../../kernel/events.ts";
import type { Scenario, ScenarioEvent, ScenarioTask } from "../scenario.ts";
import { eventsBeforeClosing } from "./problem.ts";

/** Bytes of an object of any cache: the smallest there are, which take one line. */
const objectBytes = 64;
const objectsPerSlab = 8;

/**
 * A CPU's queue holds two objects, and the third put makes all three global, which fills a batch. There are two batches:
 * whether the ring wraps, or its last batch grows, depends on whether a reduction was first.
 */
const constants: Constants = { LAB_CPU_QUEUE_BYTES: 2 * objectBytes, LAB_BATCHES: 2 };

/**
 * RAM in pages of 4 KiB. The quarantine's share is 128 bytes, no more than the queue of a single CPU may hold, so while
 * any CPU is online nothing is left for the global part: every reduction lets a batch go.
 */
export const ramPages = 1;

/** An object of a scenario. Set-up and tasks allocate every index once at most. */
export interface SmallObject {
  readonly cache: number;
  readonly object: number;
}

const cacheA = 0;
const cacheB = 1;
const cacheC = 2;
/** The closing's own cache. */
const cacheSpare = 3;
const cacheCount = 4;

const objectsMax = 8;
const objectOf = (cache: number, index: number): SmallObject => ({ cache, object: cache * objectsMax + index });
const a = (index: number): SmallObject => objectOf(cacheA, index);
const b = (index: number): SmallObject => objectOf(cacheB, index);
const c = (index: number): SmallObject => objectOf(cacheC, index);
const spare = (index: number): SmallObject => objectOf(cacheSpare, index);

const create = (group: number): ScenarioEvent => ({
  kind: kindCacheCreate,
  object: objectsPerSlab,
  group,
  a: objectBytes,
  b: 1,
});
const destroy = (group: number): ScenarioEvent => ({ kind: kindCacheDestroy, group });
const allocate = ({ cache, object }: SmallObject): ScenarioEvent => ({
  kind: kindObjectAllocate,
  object,
  group: cache,
});
const free = ({ cache, object }: SmallObject): ScenarioEvent => ({ kind: kindObjectFree, object, group: cache });
const offline = (cpu: number): ScenarioEvent => ({ kind: kindCpuOffline, a: cpu });
const online = (cpu: number): ScenarioEvent => ({ kind: kindCpuOnline, a: cpu });

/** Caches with their objects, of which `freed` go to the quarantine at once, in that order. */
function setUp(caches: readonly number[], objects: readonly SmallObject[], freed: readonly SmallObject[]) {
  return [...caches.map(create), ...objects.map(allocate), ...freed.map(free)];
}

/** Caches that exist after these events, and objects in use; what is in quarantine is not. */
export interface Remainder {
  readonly caches: ReadonlySet<number>;
  /** By index. */
  readonly live: ReadonlyMap<number, SmallObject>;
}

/** What events leave, whichever way several tasks' events interleave. */
export function leftBy(events: readonly ScenarioEvent[]): Remainder {
  const caches = new Set<number>();
  const live = new Map<number, SmallObject>();
  for (const { kind, object = 0, group = 0 } of events) {
    if (kind === kindCacheCreate) caches.add(group);
    else if (kind === kindCacheDestroy) caches.delete(group);
    else if (kind === kindObjectAllocate) live.set(object, { cache: group, object });
    else if (kind === kindObjectFree) live.delete(object);
  }
  return { caches, live };
}

/** More than there can be batches, and enough for a variant that lets two objects go at a time. */
const reductions = 6;

/**
 * Has everything go, by means that variants of all kinds know. CPUs go offline, which empties their queues: nothing else
 * reaches those of all CPUs. All caches are destroyed. The FIFO turns over, for variants whose dead caches wait for that.
 */
function closingOf(cpus: number, events: readonly ScenarioEvent[]): readonly ScenarioEvent[] {
  const { caches, live } = leftBy(events);
  const others = Array.from({ length: cpus - 1 }, (_, index) => index + 1);
  const batch = [spare(0), spare(1), spare(2)];
  return [
    ...others.flatMap((cpu) => [offline(cpu), online(cpu)]),
    offline(0),
    // Freed at once, because the CPU is offline.
    ...[...live.values()].map(free),
    online(0),
    ...[...caches].map(destroy),
    create(cacheSpare),
    ...batch.map(allocate),
    // A batch, so that there is a reduction, in which dead caches are looked at, even when nothing else is left.
    ...batch.map(free),
    offline(0),
    ...Array.from({ length: reductions }, () => [allocate(spare(3)), free(spare(3))]).flat(),
    destroy(cacheSpare),
    online(0),
  ];
}

function sizeOf(tasks: readonly ScenarioTask[]): string {
  const counts = tasks.map(({ events }) => events.length);
  const [least, most] = [Math.min(...counts), Math.max(...counts)];
  return `${tasks.length} tasks x ${least === most ? most : `${least} to ${most}`} operation${most === 1 ? "" : "s"}`;
}

/** What differs from one scenario to the next; the rest follows. */
type Case = Pick<Scenario, "name" | "description" | "setup" | "tasks" | "effort"> & { readonly isShort?: boolean };

function scenarioOf({ name, description, setup, tasks, effort = 1, isShort = false }: Case): Scenario {
  const cpus = 1 + Math.max(...tasks.map(({ cpu }) => cpu));
  return {
    name,
    description,
    size: sizeOf(tasks),
    effort,
    cpus,
    constants,
    setup,
    tasks,
    ticks: 0,
    closing: closingOf(cpus, eventsBeforeClosing({ setup, tasks })),
    caches: cacheCount,
    objects: cacheCount * objectsMax,
    cgroups: 0,
    superblocks: 0,
    isShort,
    isForTso: tasks.length === 2,
  };
}

/** Three of A and B in a batch, and two in the queue of CPU 0, which the next put there makes global. */
const inBatchAndQueue = [a(0), b(0), a(1), b(1), a(2)];
/** Two batches, and with them all of A that is not live. */
const inTwoBatches = [a(0), b(0), a(1), b(1), a(2), b(2)];

/** One of each of three caches in a batch, and one of A and of B in the queue of CPU 0. */
const ofThreeCaches = {
  setup: setUp([cacheA, cacheB, cacheC], [a(0), a(1), b(0), b(1), c(0), c(1)], [a(0), b(0), c(0), b(1), a(1)]),
};

export const quarantineScenarios: readonly Scenario[] = [
  {
    name: "put-against-remove",
    description: "a put makes a queue global that holds objects of a cache which another CPU destroys",
    setup: setUp([cacheA, cacheB], [a(0), a(1), a(2), a(3), b(0), b(1), b(2), b(3)], inBatchAndQueue),
    tasks: [
      { cpu: 0, events: [free(b(2)), free(b(3))] },
      { cpu: 1, events: [free(a(3)), destroy(cacheA)] },
    ],
    isShort: true,
  },
  {
    name: "reduce-against-remove",
    description: "allocations let batches go with the last objects of a cache that another CPU destroys",
    setup: setUp([cacheA, cacheB], [a(0), a(1), a(2), b(0), b(1), b(2)], inTwoBatches),
    tasks: [
      { cpu: 0, events: [allocate(b(3)), allocate(b(4))] },
      { cpu: 1, events: [destroy(cacheA), allocate(b(5))] },
    ],
    isShort: true,
  },
  {
    name: "offline-against-remove",
    description: "a CPU goes offline, with objects of a cache in its queue that another CPU destroys, and comes back",
    setup: setUp([cacheA, cacheB], [a(0), a(1), a(2), a(3), b(0), b(1)], inBatchAndQueue),
    tasks: [
      { cpu: 0, events: [offline(0), online(0)] },
      { cpu: 1, events: [free(a(3)), destroy(cacheA)] },
    ],
  },
  {
    name: "crossing-removals",
    description: "two CPUs destroy a cache each, and interrupt each other",
    ...ofThreeCaches,
    tasks: [
      { cpu: 0, events: [free(c(1)), destroy(cacheA)] },
      { cpu: 1, events: [destroy(cacheB)] },
    ],
  },
  {
    name: "two-removals",
    description: "two CPUs destroy a cache each, while a third makes a queue global that holds objects of both",
    ...ofThreeCaches,
    tasks: [
      { cpu: 0, events: [free(c(1))] },
      { cpu: 1, events: [destroy(cacheA)] },
      { cpu: 2, events: [destroy(cacheB)] },
    ],
  },
  {
    name: "put-reduce-remove",
    description: "one CPU puts, one lets batches go, and one destroys a cache whose objects both may hold",
    setup: setUp([cacheA, cacheB], [a(0), a(1), a(2), a(3), b(0), b(1), b(2), b(3)], inBatchAndQueue),
    tasks: [
      { cpu: 0, events: [free(b(2)), free(b(3))] },
      { cpu: 1, events: [allocate(b(4)), allocate(b(5))] },
      { cpu: 2, events: [free(a(3)), destroy(cacheA)] },
    ],
    effort: 4,
  },
  {
    name: "preempted",
    description:
      "two tasks take turns on one CPU: one lets a batch go and puts, one destroys a cache; another CPU lets go",
    setup: setUp([cacheA, cacheB], [a(0), a(1), a(2), b(0), b(1), b(2)], inBatchAndQueue),
    tasks: [
      { cpu: 0, events: [allocate(b(3)), free(b(2))] },
      { cpu: 0, events: [destroy(cacheA)] },
      { cpu: 1, events: [allocate(b(4))] },
    ],
  },
].map(scenarioOf);
