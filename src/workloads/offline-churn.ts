// offline-churn: cgroups come, allocate objects of their caches and go, and some of the objects are freed only later, by others.
// After the linux-mm thread of 2014 on dead caches, and the figures of 2019 on dying cgroups, which grew by some hundred a
// week on production hosts while page cache and dentries of gone cgroups stayed in use.
//
// No program was published for either. The sequence of events follows from the threads; the numbers are our choice, and
// none was chosen for the curve that comes out.

import { InputError } from "../errors.ts";
import {
  flagMeasured,
  kindBogoOp,
  kindCgroupCreate,
  kindCgroupOffline,
  kindCompute,
  kindObjectAllocate,
  kindObjectFree,
} from "../kernel/events.ts";
import { addCacheCreate, slabBytes } from "./background.ts";
import { checkLimits, tasksMax } from "./common-parameters.ts";
import { EventWriter } from "./event-writer.ts";
import { checkSeed, type ParametersOf, type ParameterTable, resolveParameters } from "./parameters.ts";
import { Random } from "./random.ts";
import { readSlabinfo, type SlabCache } from "./slabinfo.ts";
import { chunkEventsMax, type ParameterValue, type Workload, type WorkloadLimits } from "./workload.ts";

/** What a cgroup's processes allocate most, in the packaged slabinfo of Linux 6.18. */
const cacheNames = ["dentry", "inode_cache", "filp", "radix_tree_node"] as const;

export const offlineChurnParameters = {
  rounds: {
    kind: "integer",
    default: 168,
    min: 2,
    max: 1_000_000,
    unit: "rounds",
    meaning: "measured chunks, each an hour of seven days (our choice)",
  },
  cgroups: {
    kind: "integer",
    default: 10,
    min: 1,
    max: 100_000,
    unit: "cgroups",
    meaning:
      "cgroups that are created in each round and taken offline in the next (derived: 1504 dying ones in 7 days)",
  },
  caches: {
    kind: "integer",
    default: 4,
    min: 1,
    max: cacheNames.length,
    unit: "caches",
    meaning: "caches of each cgroup: the first of dentry, inode_cache, filp, radix_tree_node of Linux 6.18",
  },
  objects: {
    kind: "integer",
    default: 200,
    min: 1,
    max: chunkEventsMax,
    unit: "objects",
    meaning: "objects that each cgroup allocates from each of its caches (our choice)",
  },
  outlive: {
    kind: "real",
    default: 0.1,
    min: 0,
    max: 1,
    unit: "",
    meaning: "share of them that is in use when the cgroup goes (our choice)",
  },
  "long-lived": {
    kind: "real",
    default: 0.2,
    min: 0,
    max: 1,
    unit: "",
    meaning:
      "share of those that outlive their cgroup by more than a round, as page cache and dentries do (our choice)",
  },
  "long-rounds": {
    kind: "integer",
    default: 48,
    min: 1,
    max: 1_000_000,
    unit: "rounds",
    meaning: "rounds over which the long-lived ones are freed, evenly: two days (our choice)",
  },
  tasks: {
    kind: "integer",
    default: 4,
    min: 1,
    max: tasksMax,
    unit: "tasks",
    meaning: "tasks: each cgroup belongs to one; objects that outlive it are freed by another one",
  },
  "interval-ns": {
    kind: "integer",
    default: 0,
    min: 0,
    max: 86_400_000_000_000,
    unit: "ns",
    meaning: "time for which each task sleeps at the end of a round; simulated, an hour costs nothing",
  },
} as const satisfies ParameterTable;

type Values = ParametersOf<typeof offlineChurnParameters>;

/** An object that outlives its cgroup. */
interface Survivor {
  readonly object: number;
  readonly cache: number;
  readonly owner: number;
}

/** Cgroups of a round while they are online. */
interface Generation {
  readonly round: number;
  /** By cgroup: its objects, those of a cache neighbours, and the caches' first index. */
  readonly cgroups: readonly { readonly objects: Uint32Array; readonly firstCache: number }[];
}

/**
 * Program: task 0 creates the root cgroup. Then each round, measured, in one chunk:
 *
 * - each of `cgroups` cgroups is created by its task, with its caches and all of their objects;
 * - objects of cgroups that went in earlier rounds are freed, those that are due, in random order, by tasks other than the
 *   one that allocated them: in the round after the offline all but the long-lived ones, those later;
 * - of the cgroups of the round before, the objects that do not outlive them are freed in random order: half of them by
 *   their task, then it takes the cgroup offline, a bogo-op; the other half by other tasks at the same time;
 * - each task sleeps.
 *
 * What is in use at the end stays so. The cgroups of two rounds take turns with their indices; a cache's index is never used
 * again. An object's is, from the next chunk on.
 */
export class OfflineChurn implements Workload {
  readonly name = "offline-churn";
  readonly parameters: Values;
  readonly seed: number;
  readonly limits: WorkloadLimits;
  readonly repeatable = false;
  readonly #caches: readonly SlabCache[];
  /** Of a cgroup and cache: objects that outlive it, and those of them that do so by more than a round. */
  readonly #late: number;
  readonly #long: number;

  constructor(given: Readonly<Record<string, ParameterValue>>, seed: number) {
    const values = resolveParameters(offlineChurnParameters, given);
    this.parameters = values;
    this.seed = checkSeed(seed);
    const all = readSlabinfo("packaged:linux-6.18-ramfs");
    this.#caches = cacheNames.slice(0, values.caches).map((name) => all.find((cache) => cache.name === name)!);
    this.#late = Math.floor(values.objects * values.outlive);
    this.#long = Math.floor(this.#late * values["long-lived"]);
    this.limits = this.#computeLimits();
  }

  /** Long-lived objects of a cache that are freed so many rounds after the other ones. */
  #longDue(rounds: number): number {
    const span = this.parameters["long-rounds"];
    if (rounds < 1 || rounds > span) return 0;
    return Math.floor((this.#long * rounds) / span) - Math.floor((this.#long * (rounds - 1)) / span);
  }

  /** Objects of a cache that are freed in a round in which its cgroup is so many rounds old. */
  #freedAt(age: number): number {
    const { objects } = this.parameters;
    if (age < 1) return 0;
    if (age === 1) return objects - this.#late;
    return age === 2 ? this.#late - this.#long : this.#longDue(age - 2);
  }

  #computeLimits(): WorkloadLimits {
    const { rounds, cgroups, caches, objects, tasks, "interval-ns": interval } = this.parameters;
    const made = 1 + caches + caches * objects;
    const computes = interval === 0 ? 0 : tasks;
    let events = 1;
    /** Objects of one cgroup's cache in use before a round, over all ages; and bytes of its slabs, by cache. */
    let live = 0;
    let freed = 0;
    const slabs = this.#caches.map(() => 0);
    for (let round = 0; round < rounds; round++) {
      live += objects;
      const inUse = objects - freed;
      for (const [index, cache] of this.#caches.entries()) {
        const pages = slabBytes(cache, objects) / slabBytes(cache, 1);
        slabs[index]! += Math.min(pages, Math.max(0, inUse)) * slabBytes(cache, 1);
      }
      freed += this.#freedAt(round);
      let due = 0;
      for (let age = 1; age <= round; age++) due += this.#freedAt(age);
      const inRound = cgroups * (made + caches * due + (round === 0 ? 0 : 2)) + computes;
      if (inRound > chunkEventsMax) {
        throw new InputError(
          `workload '${this.name}': a round would have ${inRound} events, more than the ${chunkEventsMax} of a chunk; lower cgroups or objects`,
        );
      }
      events += inRound;
      this.#peak = Math.max(this.#peak, live);
      live -= due;
    }
    const bytes = this.#caches.reduce((sum, { objectSize }) => sum + objectSize, 0);
    return checkLimits(this.name, {
      events,
      caches: rounds * cgroups * caches,
      objects: cgroups * caches * this.#peak,
      cgroups: 1 + 2 * cgroups,
      superblocks: 0,
      tasks: Math.max(1, computes, Math.min(tasks, cgroups), this.#helpers()),
      liveBytesMax: cgroups * this.#peak * bytes,
      slabBytesMax: cgroups * slabs.reduce((sum, one) => sum + one, 0),
    });
  }

  /** Most objects of one cgroup's cache in use at a time, over all ages. */
  #peak = 0;

  /** Tasks that free what others allocated: all, where anything is. */
  #helpers(): number {
    const { tasks, objects } = this.parameters;
    return objects - this.#late > 1 || this.#late > 0 ? tasks : 1;
  }

  *chunks(): Generator<Uint8Array> {
    const { rounds, tasks, "interval-ns": interval } = this.parameters;
    const random = new Random(this.seed);
    const writer = new EventWriter();
    writer.add(kindCgroupCreate, 0, 0, 0, 0);
    yield* writer.flush();
    writer.flags = flagMeasured;
    /** By round: what is freed then. */
    const due = new Map<number, Survivor[]>();
    const spare: number[] = [];
    const given = { objects: 0 };
    let online: Generation | undefined;
    for (let round = 0; round < rounds; round++) {
      const freed: number[] = [];
      const generation = this.#create(writer, { round, spare, given });
      this.#freeDead(writer, random, due.get(round) ?? [], freed);
      due.delete(round);
      if (online !== undefined) this.#retire(writer, random, { generation: online, due, freed });
      online = generation;
      for (let task = 0; task < tasks && interval > 0; task++) {
        writer.task = task;
        writer.add(kindCompute, 0, 0, interval, 1);
      }
      yield* writer.flush();
      // Backwards, so that the next round begins with the first of them.
      for (let index = freed.length - 1; index >= 0; index--) spare.push(freed[index]!);
    }
  }

  #cgroupIndex(round: number, cgroup: number): number {
    return 1 + (round % 2) * this.parameters.cgroups + cgroup;
  }

  #create(
    writer: EventWriter,
    { round, spare, given }: { round: number; spare: number[]; given: { objects: number } },
  ): Generation {
    const { cgroups, caches, objects, tasks } = this.parameters;
    const made = Array.from({ length: cgroups }, (_, cgroup) => {
      writer.task = cgroup % tasks;
      const index = this.#cgroupIndex(round, cgroup);
      const firstCache = (round * cgroups + cgroup) * caches;
      writer.add(kindCgroupCreate, 0, index, 0, 0);
      for (const [cache, geometry] of this.#caches.entries()) {
        addCacheCreate(writer, geometry, { cache: firstCache + cache, cgroup: index });
      }
      const own = new Uint32Array(caches * objects);
      for (let object = 0; object < own.length; object++) {
        own[object] = spare.pop() ?? given.objects++;
        writer.add(kindObjectAllocate, own[object]!, firstCache + Math.floor(object / objects), 0, 0);
      }
      return { objects: own, firstCache };
    });
    return { round, cgroups: made };
  }

  /** A task other than the owner, where there is one. */
  #other(random: Random, owner: number): number {
    const { tasks } = this.parameters;
    return tasks === 1 ? owner : (owner + 1 + random.below(tasks - 1)) % tasks;
  }

  #freeDead(writer: EventWriter, random: Random, survivors: readonly Survivor[], freed: number[]): void {
    const order = Uint32Array.from(survivors.keys());
    random.shuffle(order);
    for (const place of order) {
      const { object, cache, owner } = survivors[place]!;
      writer.task = this.#other(random, owner);
      writer.add(kindObjectFree, object, cache, 0, 0);
      freed.push(object);
    }
  }

  /** Frees what does not outlive a round's cgroups, and takes them offline meanwhile. */
  #retire(
    writer: EventWriter,
    random: Random,
    { generation, due, freed }: { generation: Generation; due: Map<number, Survivor[]>; freed: number[] },
  ): void {
    const { objects, tasks, "long-rounds": span } = this.parameters;
    const { round, cgroups } = generation;
    const addDue = (when: number, survivor: Survivor): void => {
      const list = due.get(when);
      if (list === undefined) due.set(when, [survivor]);
      else list.push(survivor);
    };
    const early = cgroups.map(({ objects: own, firstCache }, cgroup) => {
      const owner = cgroup % tasks;
      const leaving: Survivor[] = [];
      for (let first = 0; first < own.length; first += objects) {
        const some = own.slice(first, first + objects);
        random.shuffle(some);
        const cache = firstCache + first / objects;
        for (const [place, object] of some.entries()) {
          const survivor = { object, cache, owner };
          if (place < this.#long) {
            // The first round by which so many are due.
            const rounds = Math.ceil(((place + 1) * span) / this.#long);
            addDue(round + 2 + rounds, survivor);
          } else if (place < this.#late) addDue(round + 2, survivor);
          else leaving.push(survivor);
        }
      }
      const order = Uint32Array.from(leaving.keys());
      random.shuffle(order);
      return Array.from(order, (place) => leaving[place]!);
    });
    for (const [cgroup, leaving] of early.entries()) {
      const owner = cgroup % tasks;
      const half = Math.ceil(leaving.length / 2);
      for (const [place, { object, cache }] of leaving.entries()) {
        if (place === half) this.#goOffline(writer, owner, this.#cgroupIndex(round, cgroup), round);
        writer.task = place < half ? owner : this.#other(random, owner);
        writer.add(kindObjectFree, object, cache, 0, 0);
        freed.push(object);
      }
      if (half === leaving.length) this.#goOffline(writer, owner, this.#cgroupIndex(round, cgroup), round);
    }
  }

  #goOffline(writer: EventWriter, task: number, cgroup: number, round: number): void {
    writer.task = task;
    writer.add(kindCgroupOffline, 0, cgroup, 0, 0);
    writer.add(kindBogoOp, 0, 0, round, 0);
  }
}
