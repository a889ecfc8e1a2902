// libvirt-teardown: many guests' cgroups are destroyed one after the other while the KASAN quarantine is full of
// other objects. From a report to linux-mm in November 2017, answered by Dmitry Vyukov: quarantine_remove_cache ran for
// minutes on a host with 46 libvirt guests, each with a clone of 24 accounted caches, 12 of them without a slab.
//
// The guests' own history of frees was never published. What the generator assumes is stated at the parameters.
//
// The report has no part that concerns shrinkers. With `dev-tmpfs` and `reclaimers`, both off by default, the same
// teardown asks what a mount-heavy host would: libvirt since 2017 starts each QEMU in a mount namespace
// with a tmpfs of its own on /dev, whose superblock goes away with the guest, and kswapd may be running meanwhile. That
// it was running, and how many objects were on the lists, is our assumption and not the report's.

import { InputError } from "../errors.ts";
import {
  flagMeasured,
  kindCacheDestroy,
  kindCgroupCreate,
  kindCgroupOffline,
  kindLruAdd,
  kindObjectAllocate,
  kindObjectFree,
  kindReclaimPass,
  kindSuperblockMount,
  kindSuperblockUnmount,
} from "../kernel/events.ts";
import { addCacheCreate, Background, BackgroundPlan, slabBytes } from "./background.ts";
import {
  checkLimits,
  checkTasks,
  churnParameters,
  fill,
  quarantineBytes,
  slabinfo,
  tasksMax,
  teardownTasks,
} from "./common-parameters.ts";
import { EventWriter } from "./event-writer.ts";
import { checkSeed, type ParametersOf, type ParameterTable, resolveParameters } from "./parameters.ts";
import { Random } from "./random.ts";
import { readSlabinfo, type SlabCache } from "./slabinfo.ts";
import { chunkEventsMax, type ParameterValue, type Workload, type WorkloadLimits } from "./workload.ts";

export const libvirtTeardownParameters = {
  guests: {
    kind: "integer",
    default: 46,
    min: 1,
    max: 1_000_000,
    unit: "guests",
    meaning: "guests, each a cgroup with a clone of every cache in slabinfo",
  },
  slabinfo,
  "quarantine-bytes": quarantineBytes,
  fill,
  "guest-freed": {
    kind: "real",
    default: 0.5,
    min: 0,
    max: 1,
    unit: "",
    meaning:
      "share of a guest's active objects that it freed before its teardown; rounded down per cache (our choice: the active counts include quarantined objects, the division is unknown)",
  },
  ...churnParameters,
  "churn-cycles": {
    kind: "integer",
    default: 8,
    min: 0,
    max: 1_000_000_000,
    unit: "cycles",
    meaning: "measured cycles (a burst of allocations, a burst of frees) before the first teardown",
  },
  "churn-between": {
    kind: "integer",
    default: 1,
    min: 0,
    max: 1_000_000,
    unit: "cycles",
    meaning: "measured cycles between the teardowns of two guests",
  },
  "teardown-tasks": teardownTasks,
  "dev-tmpfs": {
    kind: "integer",
    default: 0,
    min: 0,
    max: 1,
    unit: "",
    meaning:
      "1: each guest has a private tmpfs on /dev, mounted with it and unmounted in its teardown, as libvirt's mount namespaces have",
  },
  reclaimers: {
    kind: "integer",
    default: 0,
    min: 0,
    max: tasksMax,
    unit: "tasks",
    meaning: "tasks that walk the root cgroup, as kswapd does, while guests are torn down by others",
  },
  "reclaim-passes": {
    kind: "integer",
    default: 0,
    min: 0,
    max: chunkEventsMax,
    unit: "passes",
    meaning: "passes of each reclaimer while a guest, or one per teardown task, is torn down; from priority 12 down",
  },
  drain: {
    kind: "real",
    default: 1.25,
    min: 0,
    max: 100,
    unit: "",
    meaning: "times quarantine-bytes freed after the last teardown, so that removals that wait for evictions can end",
  },
} as const satisfies ParameterTable;

type Values = ParametersOf<typeof libvirtTeardownParameters>;

/**
 * Program, all by task 0 unless several tasks churn or tear down:
 *
 * 1. set-up: the root cgroup and its caches; guests, their caches and their active objects; background churn that
 *    frees `fill` times the quarantine's size. Over the last quarantine's worth of it, the guests free their share, in turn.
 * 2. measured: `churn-cycles` of background churn.
 * 3. measured, per guest, each in a new chunk: free all live objects, unmount its /dev, offline the cgroup, destroy its
 *    caches back to back, then `churn-between` cycles. Several `teardown-tasks` have a guest each in one chunk, and
 *    then comes the churn that lies between as many teardowns. Each of these chunks begins with the reclaimers' passes:
 *    they are tasks of their own, above those that churn and tear down, and so run while these do.
 * 4. not measured: background churn that frees `drain` times the quarantine's size.
 *
 * The active count of slabinfo is taken as the objects that the guest allocated and that were not really freed:
 * the freed share of them is in the quarantine, the rest is live. Objects parked in SLAB's per-CPU arrays cannot be
 * told apart and count as live. A cache with active objects frees at least one in its teardown (unless `guest-freed`
 * is 1), so it has objects in the quarantine when it is destroyed; a cache without slabs never has. No event of a task
 * depends on an event of another task in the same chunk.
 */
export class LibvirtTeardown implements Workload {
  readonly name = "libvirt-teardown";
  readonly parameters: Values;
  readonly seed: number;
  readonly limits: WorkloadLimits;
  readonly repeatable = false;
  readonly #caches: readonly SlabCache[];
  readonly #plan: BackgroundPlan;
  /** Cycles of background churn that fill the quarantine, and how many of them, the last, the guests take part in. */
  readonly #fillCycles: number;
  readonly #drainCycles: number;
  readonly #sharedCycles: number;
  /** Cache of each of a guest's objects, by position within the guest. Objects of one cache are neighbours. */
  readonly #cacheOf: Uint32Array;
  /** The same of those freed before the teardown, and of those freed in it: positions within the guest. */
  readonly #early: Uint32Array;
  readonly #late: Uint32Array;

  constructor(given: Readonly<Record<string, ParameterValue>>, seed: number) {
    const values = resolveParameters(libvirtTeardownParameters, given);
    this.parameters = values;
    this.seed = checkSeed(seed);
    this.#caches = readSlabinfo(values.slabinfo);
    this.#plan = new BackgroundPlan({
      slabinfo: this.#caches,
      rootCaches: values["root-caches"],
      objects: values["background-objects"],
      batch: values["churn-batch"],
      tasks: values["churn-tasks"],
    });
    checkTasks("teardown-tasks", values["teardown-tasks"], { count: values.guests, of: "guests" });
    checkReclaim(values);
    this.#fillCycles = this.#plan.cyclesToFree(values.fill * values["quarantine-bytes"]);
    this.#drainCycles = this.#plan.cyclesToFree(values.drain * values["quarantine-bytes"]);
    this.#sharedCycles = Math.min(this.#fillCycles, this.#plan.cyclesToFree(values["quarantine-bytes"]));
    this.limits = this.#computeLimits();

    const active = this.#caches.reduce((sum, cache) => sum + cache.activeObjects, 0);
    this.#cacheOf = new Uint32Array(active);
    this.#early = new Uint32Array(this.#earlyObjects());
    this.#late = new Uint32Array(active - this.#early.length);
    let object = 0;
    let early = 0;
    let late = 0;
    for (const [cache, { activeObjects }] of this.#caches.entries()) {
      const freed = Math.floor(activeObjects * values["guest-freed"]);
      for (let index = 0; index < activeObjects; index++, object++) {
        this.#cacheOf[object] = cache;
        if (index < freed) this.#early[early++] = object;
        else this.#late[late++] = object;
      }
    }
  }

  #earlyObjects(): number {
    const share = this.parameters["guest-freed"];
    return this.#caches.reduce((sum, cache) => sum + Math.floor(cache.activeObjects * share), 0);
  }

  /** Exact: the live set is the plan's by construction, and its largest is reached with the first churn cycle. */
  #computeLimits(): WorkloadLimits {
    const values = this.parameters;
    const { guests, "churn-cycles": churnCycles, "churn-between": between, "dev-tmpfs": devTmpfs } = values;
    const plan = this.#plan;
    const caches = this.#caches;
    const active = caches.reduce((sum, cache) => sum + cache.activeObjects, 0);
    const guestBytes = caches.reduce((sum, cache) => sum + cache.activeObjects * cache.objectSize, 0);
    const guestSlabBytes = caches.reduce((sum, cache) => sum + slabBytes(cache, cache.activeObjects), 0);
    const cycles = this.#fillCycles + churnCycles + (guests - 1) * between + this.#drainCycles;
    // Per guest: created and taken offline; its caches created and destroyed; its objects allocated and freed; its /dev
    // mounted, added to the LRU, unmounted.
    const guestEvents = 2 + 2 * caches.length + 2 * active + 3 * devTmpfs;
    const reclaim = Math.ceil(guests / values["teardown-tasks"]) * values.reclaimers * values["reclaim-passes"];
    return checkLimits(this.name, {
      events: 1 + plan.createEvents + guests * guestEvents + cycles * plan.cycleEvents + reclaim,
      caches: plan.caches.length + guests * caches.length,
      objects: guests * active + plan.objects,
      cgroups: 1 + guests,
      superblocks: devTmpfs * guests,
      tasks: this.#firstReclaimer + values.reclaimers,
      liveBytesMax: guests * guestBytes + plan.bytes,
      slabBytesMax: guests * guestSlabBytes + plan.slabBytes,
    });
  }

  get #firstReclaimer(): number {
    return Math.max(this.parameters["churn-tasks"], this.parameters["teardown-tasks"]);
  }

  *chunks(): Generator<Uint8Array> {
    const { guests, "churn-cycles": churnCycles, "churn-between": between, "teardown-tasks": tasks } = this.parameters;
    const random = new Random(this.seed);
    const writer = new EventWriter();
    const background = new Background({ plan: this.#plan, random, firstObject: guests * this.#cacheOf.length });
    // One order for all guests: each guest's frees are spread over the whole time in which they are due.
    const early = this.#early.slice();
    random.shuffle(early);

    writer.add(kindCgroupCreate, 0, 0, 0, 0);
    yield* background.create(writer);
    for (let guest = 0; guest < guests; guest++) yield* this.#createGuest(writer, guest);
    for (let cycle = 0; cycle < this.#fillCycles - this.#sharedCycles; cycle++) yield* background.cycle(writer);
    let freed = 0;
    for (let cycle = 1; cycle <= this.#sharedCycles; cycle++) {
      yield* background.cycle(writer);
      const due = Math.floor((early.length * guests * cycle) / this.#sharedCycles);
      yield* this.#freeEarly(writer, { early, from: freed, to: due });
      freed = due;
    }
    yield* this.#freeEarly(writer, { early, from: freed, to: early.length * guests });
    yield* writer.flush();

    writer.flags = flagMeasured;
    for (let cycle = 0; cycle < churnCycles; cycle++) yield* background.cycle(writer);
    for (let first = 0; first < guests; first += tasks) {
      yield* writer.flush();
      this.#reclaim(writer);
      const end = Math.min(first + tasks, guests);
      for (let guest = first; guest < end; guest++) {
        writer.task = guest - first;
        yield* this.#tearDown(writer, guest);
      }
      writer.task = 0;
      const gaps = end - first - (end === guests ? 1 : 0);
      for (let cycle = 0; cycle < gaps * between; cycle++) yield* background.cycle(writer);
    }
    yield* writer.flush();

    writer.flags = 0;
    for (let cycle = 0; cycle < this.#drainCycles; cycle++) yield* background.cycle(writer);
    yield* writer.flush();
  }

  /** Fits into an empty chunk, see `checkReclaim`. */
  #reclaim(writer: EventWriter): void {
    const { reclaimers, "reclaim-passes": passes } = this.parameters;
    for (let pass = 0; pass < passes; pass++) {
      for (let reclaimer = 0; reclaimer < reclaimers; reclaimer++) {
        writer.task = this.#firstReclaimer + reclaimer;
        writer.add(kindReclaimPass, 0, 0, priorityMax - (pass % (priorityMax + 1)), 0);
      }
    }
    writer.task = 0;
  }

  /** Guest g is cgroup g + 1, its /dev superblock g; its clone of the file's cache k follows those of earlier guests. */
  #cacheIndex(guest: number, cache: number): number {
    return this.#plan.caches.length + guest * this.#caches.length + cache;
  }

  *#createGuest(writer: EventWriter, guest: number): Generator<Uint8Array> {
    yield* writer.reserve(1);
    writer.add(kindCgroupCreate, 0, guest + 1, 0, 0);
    for (const [index, cache] of this.#caches.entries()) {
      yield* writer.reserve(1);
      addCacheCreate(writer, cache, { cache: this.#cacheIndex(guest, index), cgroup: guest + 1 });
    }
    for (let object = 0; object < this.#cacheOf.length; object++) {
      if (writer.room === 0) yield* writer.flush();
      this.#add(writer, kindObjectAllocate, guest, object);
    }
    if (this.parameters["dev-tmpfs"] === 0) return;
    yield* writer.reserve(2);
    writer.add(kindSuperblockMount, guest, 0, 0, 0);
    writer.add(kindLruAdd, guest, guest + 1, devLruObjects, 0);
  }

  /** Frees the guests' early objects number `from` to `to - 1`: one of every guest, then the next of every guest. */
  *#freeEarly(writer: EventWriter, what: { early: Uint32Array; from: number; to: number }): Generator<Uint8Array> {
    const guests = this.parameters.guests;
    for (let rank = what.from; rank < what.to; rank++) {
      if (writer.room === 0) yield* writer.flush();
      this.#add(writer, kindObjectFree, rank % guests, what.early[Math.floor(rank / guests)] as number);
    }
  }

  *#tearDown(writer: EventWriter, guest: number): Generator<Uint8Array> {
    for (const object of this.#late) {
      if (writer.room === 0) yield* writer.flush();
      this.#add(writer, kindObjectFree, guest, object);
    }
    if (this.parameters["dev-tmpfs"] !== 0) {
      yield* writer.reserve(1);
      writer.add(kindSuperblockUnmount, guest, 0, 0, 0);
    }
    yield* writer.reserve(1);
    writer.add(kindCgroupOffline, 0, guest + 1, 0, 0);
    for (let cache = 0; cache < this.#caches.length; cache++) {
      yield* writer.reserve(1);
      writer.add(kindCacheDestroy, 0, this.#cacheIndex(guest, cache), 0, 0);
    }
  }

  #add(writer: EventWriter, kind: number, guest: number, object: number): void {
    const cache = this.#cacheIndex(guest, this.#cacheOf[object] as number);
    writer.add(kind, guest * this.#cacheOf.length + object, cache, 0, 0);
  }
}

/** DEF_PRIORITY: a reclaim starts at 12 and becomes more urgent down to 0. */
const priorityMax = 12;
/**
 * Dentry and inode of null, full, zero, random, urandom, ptmx, kvm, rtc and hpet, the nodes that qemu.conf lists for
 * every guest. None can be freed: a tmpfs keeps what it holds.
 */
const devLruObjects = 18;

/** @throws {InputError} for reclaimers without work, or more passes than fit into a chunk together with a teardown */
function checkReclaim(values: Values): void {
  const { reclaimers, "reclaim-passes": passes } = values;
  if (reclaimers > 0 && passes === 0) {
    throw new InputError(`parameter 'reclaim-passes': must be at least 1 with ${reclaimers} reclaimers, got 0`);
  }
  const max = chunkEventsMax / 2;
  if (reclaimers * passes > max) {
    throw new InputError(
      `parameter 'reclaim-passes': must be at most ${max} for all reclaimers, got ${reclaimers * passes}`,
    );
  }
}
