// cgroups-4000: thousands of cgroups with a tmpfs each are created, used, reclaimed from and removed. After the
// script in Qi Zheng's "mm: shrinker: make global slab shrink lockless" (linux-mm, 2023) and, for the removal, the
// one in Shakeel Butt's "slab, slub: skip unnecessary kasan_cache_shutdown()" (March 2018, f9e13c0a5a33: create
// cgroups, run one process in each, remove them). Not a model of page reclaim: only slab objects and shrinkers take
// part, and for the rest of a visit a time.

import {
  flagMeasured,
  kindCacheDestroy,
  kindCgroupCreate,
  kindCgroupOffline,
  kindCompute,
  kindLruAdd,
  kindObjectAllocate,
  kindObjectFree,
  kindReclaimPass,
  kindSuperblockMount,
  kindSuperblockUnmount,
} from "../kernel/events.ts";
import { addCacheCreate, Background, BackgroundPlan, slabBytes } from "./background.ts";
import { cgroups4000Parameters } from "./cgroups-4000-parameters.ts";
import { planSteps, presentCaches, type StepName, type StepPlan, selectCaches } from "./cgroups-4000-steps.ts";
import { checkLimits, checkTasks } from "./common-parameters.ts";
import { EventWriter } from "./event-writer.ts";
import { checkSeed, type ParametersOf, resolveParameters } from "./parameters.ts";
import { Random } from "./random.ts";
import { readSlabinfo, type SlabCache } from "./slabinfo.ts";
import type { ParameterValue, Workload, WorkloadLimits } from "./workload.ts";

type Values = ParametersOf<typeof cgroups4000Parameters>;

/**
 * Program: set-up creates the root cgroup, its caches and background objects, and the cgroup `test`. Then each round:
 *
 * 1. measured: create every cgroup and run one process in it (the script's mkdir), one after the other; mount every
 *    tmpfs, charged to its cgroup; in the touched ones run a dd that leaves a file, `touchers` of them at a time.
 * 2. not measured: `settling-passes`. Measured: all reclaimers walk `test` at once, in chunks of their own. With
 *    `start-spread-ns`, each first computes for a time of its own, so that they do not follow each other from cgroup to
 *    cgroup in step.
 * 3. not measured: background churn frees `fill` times the quarantine's size, so that the processes' objects leave it.
 * 4. measured: `churn-cycles`; then, from a new chunk on, per cgroup: unmount, free the tmpfs's objects, rmdir,
 *    destroy its caches back to back. Most caches are empty by then, which is the case that the 2018 patch skips.
 *    Several `teardown-tasks` remove a cgroup each, and then comes the churn that lies between as many removals.
 *
 * So a pass visits `test` and its children, 4002 cgroups by default, and finds in each child the bit of its own tmpfs.
 * Nothing on these lists can be freed: Linux 6.18 scanned no object of them. Simpler than the script: there the shell
 * still is in the last cgroup when it mounts, and file systems that all share have bits as well.
 *
 * Task 0 is the shell. The background dd's are the touchers, the first of them task 0, and what they need of others is
 * done in chunks before theirs. The reclaimers, the first of them task 0 as well, reclaim in step 2 only. No event of a
 * task depends on an event of another task in the same chunk. RCU's delay of frees is left out.
 */
export class Cgroups4000 implements Workload {
  readonly name = "cgroups-4000";
  readonly parameters: Values;
  readonly seed: number;
  readonly limits: WorkloadLimits;
  readonly repeatable = false;
  /** A cgroup's caches. */
  readonly #caches: readonly SlabCache[];
  readonly #steps: Readonly<Record<StepName, StepPlan>>;
  readonly #plan: BackgroundPlan;
  readonly #fillCycles: number;
  /** The first `touched` cgroups are touched. */
  readonly #touched: number;

  constructor(given: Readonly<Record<string, ParameterValue>>, seed: number) {
    const asked = resolveParameters(cgroups4000Parameters, given);
    const all = readSlabinfo(asked.slabinfo);
    const isNamed = Object.hasOwn(given, "caches-per-cgroup");
    const names = isNamed ? asked["caches-per-cgroup"] : presentCaches(all, asked.slabinfo);
    const values = { ...asked, "caches-per-cgroup": names };
    this.parameters = values;
    this.seed = checkSeed(seed);
    this.#caches = selectCaches(all, values["caches-per-cgroup"], values.slabinfo);
    this.#steps = planSteps(this.#caches);
    this.#plan = new BackgroundPlan({
      slabinfo: all,
      rootCaches: values["root-caches"],
      objects: values["background-objects"],
      batch: values["churn-batch"],
      tasks: values["churn-tasks"],
    });
    this.#fillCycles = this.#plan.cyclesToFree(values.fill * values["quarantine-bytes"]);
    this.#touched = Math.round(values.cgroups * values.touched);
    checkTasks("touchers", values.touchers, { count: this.#touched, of: "the touched cgroups" });
    checkTasks("teardown-tasks", values["teardown-tasks"], { count: values.cgroups, of: "cgroups" });
    this.limits = this.#computeLimits();
  }

  /** Exact in events and indices; bytes as if all processes ran while everything that is ever mounted is mounted. */
  #computeLimits(): WorkloadLimits {
    const values = this.parameters;
    const { process, mount, file } = this.#steps;
    const { cgroups, touchers } = values;
    const touched = this.#touched;
    const cycles = this.#fillCycles + values["churn-cycles"] + (cgroups - 1) * values["churn-between"];
    const starts = values["reclaim-passes"] > 0 && values["start-spread-ns"] > 0 ? values.reclaimers : 0;
    const passes = values["settling-passes"] + values.reclaimers * values["reclaim-passes"];
    const reclaim = starts + passes * values.nodes;
    const stepEvents = (step: StepPlan) => 2 * (step.creates.length + step.allocates.length);
    // Created and offline; mounted, added to the LRU, unmounted. A touched one: a second process, added to the LRU.
    const cgroupEvents = 2 + stepEvents(process) + 3 + stepEvents(mount);
    const touchedEvents = 2 * process.allocates.length + stepEvents(file) + 1;
    const roundEvents = cgroups * cgroupEvents + touched * touchedEvents + reclaim + cycles * this.#plan.cycleEvents;
    // Processes that run at once do so in different cgroups, and use other caches than mounts and files do.
    const mountSlabBytes = (cgroups - touched) * this.#slabBytes(mount) + touched * this.#slabBytes(mount, file);
    const slabBytesMax = mountSlabBytes + touchers * this.#slabBytes(process);
    return checkLimits(this.name, {
      events: 2 + this.#plan.createEvents + values.rounds * roundEvents,
      caches: this.#plan.caches.length + values.rounds * cgroups * this.#caches.length,
      objects: this.#firstBackgroundObject() + this.#plan.objects,
      cgroups: 2 + cgroups,
      superblocks: cgroups,
      tasks: Math.max(
        ...[touchers, values["churn-tasks"], values["teardown-tasks"]],
        values["reclaim-passes"] === 0 ? 0 : values.reclaimers,
      ),
      liveBytesMax: cgroups * mount.bytes + touched * file.bytes + touchers * process.bytes + this.#plan.bytes,
      slabBytesMax: slabBytesMax + this.#plan.slabBytes,
    });
  }

  /** Bytes of one cgroup's slab pages while the objects of these steps are live. */
  #slabBytes(...steps: readonly StepPlan[]): number {
    const counts = this.#caches.map(() => 0);
    for (const cache of steps.flatMap((step) => step.allocates)) counts[cache] = (counts[cache] as number) + 1;
    return this.#caches.reduce((sum, cache, index) => sum + slabBytes(cache, counts[index] as number), 0);
  }

  // Object indices: those of the one process that each task runs; then by cgroup those of its mount and of its file.
  #firstProcessObject(task: number): number {
    return task * this.#steps.process.allocates.length;
  }

  #firstMountObject(cgroup: number): number {
    return this.#firstProcessObject(this.parameters.touchers) + cgroup * this.#steps.mount.allocates.length;
  }

  #firstFileObject(cgroup: number): number {
    return this.#firstMountObject(this.parameters.cgroups) + cgroup * this.#steps.file.allocates.length;
  }

  #firstBackgroundObject(): number {
    return this.#firstFileObject(this.#touched);
  }

  *chunks(): Generator<Uint8Array> {
    const values = this.parameters;
    const random = new Random(this.seed);
    const writer = new EventWriter();
    const background = new Background({ plan: this.#plan, random, firstObject: this.#firstBackgroundObject() });
    writer.add(kindCgroupCreate, 0, 0, 0, 0);
    yield* background.create(writer);
    yield* writer.reserve(1);
    writer.add(kindCgroupCreate, 0, testCgroup, 0, 0);
    yield* writer.flush();

    for (let round = 0; round < values.rounds; round++) {
      writer.flags = flagMeasured;
      yield* this.#populate(writer, round);
      yield* writer.flush();
      writer.flags = 0;
      yield* this.#settle(writer);
      yield* writer.flush();
      writer.flags = flagMeasured;
      yield* this.#reclaim(writer, random);
      yield* writer.flush();
      writer.flags = 0;
      for (let cycle = 0; cycle < this.#fillCycles; cycle++) yield* background.cycle(writer);
      yield* writer.flush();
      writer.flags = flagMeasured;
      for (let cycle = 0; cycle < values["churn-cycles"]; cycle++) yield* background.cycle(writer);
      yield* writer.flush();
      for (let first = 0; first < values.cgroups; first += values["teardown-tasks"]) {
        const end = Math.min(first + values["teardown-tasks"], values.cgroups);
        for (let cgroup = first; cgroup < end; cgroup++) {
          writer.task = cgroup - first;
          yield* this.#remove(writer, round, cgroup);
        }
        writer.task = 0;
        const gaps = end - first - (end === values.cgroups ? 1 : 0);
        for (let cycle = 0; cycle < gaps * values["churn-between"]; cycle++) yield* background.cycle(writer);
      }
      yield* writer.flush();
    }
  }

  *#populate(writer: EventWriter, round: number): Generator<Uint8Array> {
    const { process, mount } = this.#steps;
    for (let cgroup = 0; cgroup < this.parameters.cgroups; cgroup++) {
      yield* writer.reserve(1);
      writer.add(kindCgroupCreate, 0, firstCgroup + cgroup, testCgroup, 0);
      yield* this.#createCaches(writer, round, cgroup, process);
      yield* this.#objects(writer, { kind: kindObjectAllocate, round, cgroup, step: process, first: 0 });
      yield* this.#objects(writer, { kind: kindObjectFree, round, cgroup, step: process, first: 0 });
    }
    for (let cgroup = 0; cgroup < this.parameters.cgroups; cgroup++) {
      yield* writer.reserve(1);
      writer.add(kindSuperblockMount, cgroup, 0, 0, this.parameters["callback-sleep-ns"]);
      yield* this.#createCaches(writer, round, cgroup, mount);
      const first = this.#firstMountObject(cgroup);
      yield* this.#objects(writer, { kind: kindObjectAllocate, round, cgroup, step: mount, first });
      yield* writer.reserve(1);
      writer.add(kindLruAdd, cgroup, firstCgroup + cgroup, lruObjects, 0);
    }
    yield* this.#touch(writer, round);
  }

  *#touch(writer: EventWriter, round: number): Generator<Uint8Array> {
    const { process, file } = this.#steps;
    const { touchers } = this.parameters;
    if (touchers > 1) {
      // The touchers need the mounts and the caches.
      for (let cgroup = 0; cgroup < this.#touched; cgroup++) yield* this.#createCaches(writer, round, cgroup, file);
      yield* writer.flush();
    }
    for (let from = 0; from < this.#touched; from += touchers) {
      const end = Math.min(from + touchers, this.#touched);
      // As many dd's as there are touchers, all at the same point.
      for (let cgroup = from; cgroup < end; cgroup++) {
        writer.task = cgroup - from;
        const first = this.#firstProcessObject(writer.task);
        yield* this.#objects(writer, { kind: kindObjectAllocate, round, cgroup, step: process, first });
      }
      for (let cgroup = from; cgroup < end; cgroup++) {
        writer.task = cgroup - from;
        if (touchers === 1) yield* this.#createCaches(writer, round, cgroup, file);
        const first = this.#firstFileObject(cgroup);
        yield* this.#objects(writer, { kind: kindObjectAllocate, round, cgroup, step: file, first });
        yield* writer.reserve(1);
        writer.add(kindLruAdd, cgroup, firstCgroup + cgroup, lruObjects, 0);
      }
      for (let cgroup = from; cgroup < end; cgroup++) {
        writer.task = cgroup - from;
        const first = this.#firstProcessObject(writer.task);
        yield* this.#objects(writer, { kind: kindObjectFree, round, cgroup, step: process, first });
      }
    }
    writer.task = 0;
  }

  *#settle(writer: EventWriter): Generator<Uint8Array> {
    const values = this.parameters;
    for (let pass = 0; pass < values["settling-passes"]; pass++) {
      yield* writer.reserve(values.nodes);
      for (let node = 0; node < values.nodes; node++) {
        writer.add(kindReclaimPass, 0, testCgroup, priorityOf(pass), node);
      }
    }
  }

  *#reclaim(writer: EventWriter, random: Random): Generator<Uint8Array> {
    const values = this.parameters;
    const spread = values["start-spread-ns"];
    for (let pass = 0; pass < values["reclaim-passes"]; pass++) {
      for (let node = 0; node < values.nodes; node++) {
        const isSpread = spread > 0 && pass === 0 && node === 0;
        yield* writer.reserve(Math.max(1, (isSpread ? 2 : 1) * values.reclaimers));
        for (let task = 0; task < values.reclaimers; task++) {
          writer.task = task;
          if (isSpread) writer.add(kindCompute, 0, 0, random.below(spread + 1), 0);
          writer.add(kindReclaimPass, values["pages-ns"], testCgroup, priorityOf(pass), node);
        }
      }
      // All reclaimers are at the same pass, which is where they contend; and the first pass, in which maps may have every
      // bit set, is a round of its own.
      yield* writer.flush();
    }
    writer.task = 0;
  }

  *#remove(writer: EventWriter, round: number, cgroup: number): Generator<Uint8Array> {
    const { process, mount, file } = this.#steps;
    const touched = cgroup < this.#touched;
    yield* writer.reserve(1);
    writer.add(kindSuperblockUnmount, cgroup, 0, 0, 0);
    if (touched) {
      const first = this.#firstFileObject(cgroup);
      yield* this.#objects(writer, { kind: kindObjectFree, round, cgroup, step: file, first });
    }
    yield* this.#objects(writer, {
      kind: kindObjectFree,
      round,
      cgroup,
      step: mount,
      first: this.#firstMountObject(cgroup),
    });
    yield* writer.reserve(1 + this.#caches.length);
    writer.add(kindCgroupOffline, 0, firstCgroup + cgroup, 0, 0);
    for (const step of touched ? [process, mount, file] : [process, mount]) {
      for (const cache of step.creates) writer.add(kindCacheDestroy, 0, this.#cacheIndex(round, cgroup, cache), 0, 0);
    }
  }

  /** A destroyed cache's index is not used again, so every round has its own. */
  #cacheIndex(round: number, cgroup: number, cache: number): number {
    return this.#plan.caches.length + (round * this.parameters.cgroups + cgroup) * this.#caches.length + cache;
  }

  *#createCaches(writer: EventWriter, round: number, cgroup: number, step: StepPlan): Generator<Uint8Array> {
    if (step.creates.length === 0) return;
    yield* writer.reserve(step.creates.length);
    for (const cache of step.creates) {
      const index = { cache: this.#cacheIndex(round, cgroup, cache), cgroup: firstCgroup + cgroup };
      addCacheCreate(writer, this.#caches[cache] as SlabCache, index);
    }
  }

  *#objects(
    writer: EventWriter,
    what: { kind: number; round: number; cgroup: number; step: StepPlan; first: number },
  ): Generator<Uint8Array> {
    const { allocates } = what.step;
    const firstCache = this.#cacheIndex(what.round, what.cgroup, 0);
    if (allocates.length > 0) yield* writer.reserve(allocates.length);
    for (let index = 0; index < allocates.length; index++) {
      writer.add(what.kind, what.first + index, firstCache + (allocates[index] as number), 0, 0);
    }
  }
}

/** Cgroup 0 is the root, 1 the script's `test`, the children follow. */
const testCgroup = 1;
const firstCgroup = 2;
/** DEF_PRIORITY: a reclaim starts at 12 and becomes more urgent down to 0. */
const priorityMax = 12;

function priorityOf(pass: number): number {
  return priorityMax - (pass % (priorityMax + 1));
}

/** A dentry and an inode, neither of which a scan can free. */
const lruObjects = 2;
