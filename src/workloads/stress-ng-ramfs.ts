// stress-ng-ramfs: workers mount, use and unmount a tmpfs or ramfs as fast as they can, after stress-ng's ramfs
// stressor (`stress-ng --ramfs 9`, stress-ramfs.c). No slab cache is ever destroyed and no memory is reclaimed: on
// Linux 6.18 neither kmem_cache_destroy nor shrink_slab nor list_lru_add was seen once. So there is no LRU event
// either, and a problem about destroying caches or reclaim must refuse this workload.
//
// Counts and lifetimes are those of the kmem trace events on Linux 6.18 with stress-ng 0.15.06, 2 and 9 stressors.
// With one superblock per op 55 objects are allocated; 34.2 + 21.2 were counted. The rest is left out: a tenth of an
// open file per op, and the allocator's own vectors (alloc_slab_obj_exts). Later versions of stress-ng were not traced:
// with two superblocks per op every count is taken twice.

import {
  flagMeasured,
  kindBogoOp,
  kindCgroupCreate,
  kindCompute,
  kindObjectAllocate,
  kindObjectFree,
  kindSuperblockMount,
  kindSuperblockUnmount,
} from "../kernel/events.ts";
import { addCacheCreate, slabBytes } from "./background.ts";
import { checkLimits, fill, quarantineBytes } from "./common-parameters.ts";
import { EventWriter } from "./event-writer.ts";
import { checkSeed, type ParametersOf, type ParameterTable, resolveParameters } from "./parameters.ts";
import { readSlabinfo, type SlabCache } from "./slabinfo.ts";
import { chunkEventsMax, type ParameterValue, type Workload, type WorkloadLimits } from "./workload.ts";

export const stressNgRamfsParameters = {
  workers: {
    kind: "integer",
    default: 9,
    min: 1,
    max: 4096,
    unit: "tasks",
    meaning: "stressors, a task each; 9 in the kernel test robot's report of May 2023",
  },
  "bogo-ops": {
    kind: "integer",
    default: 1000,
    min: 1,
    max: 1_000_000_000,
    unit: "ops",
    meaning: "measured bogo-ops of each worker, tmpfs and ramfs in turn",
  },
  "superblocks-per-op": {
    kind: "integer",
    default: 2,
    min: 1,
    max: 16,
    unit: "superblocks",
    meaning: "mounts per bogo-op: 2 since stress-ng 0.15.08 (mount, then the new mount API), 1 in 0.15.06",
  },
  "compute-ns": {
    kind: "integer",
    default: 180_000,
    min: 0,
    max: 1_000_000_000,
    unit: "ns",
    meaning:
      "other work while a superblock is mounted: the robot's 384 us per op and worker, halved, less the shrinker's own cost; 350000 for Qi Zheng's machine",
  },
  "rcu-batch": {
    kind: "integer",
    default: 96,
    min: 1,
    max: 100_000,
    unit: "ops",
    meaning:
      "bogo-ops of a worker after which its RCU-deferred frees are done in one burst: 10.1 ms of life at 9571 ops/s (Linux 6.18, 2 stressors)",
  },
  "quarantine-bytes": quarantineBytes,
  fill,
} as const satisfies ParameterTable;

type Values = ParametersOf<typeof stressNgRamfsParameters>;
type FileSystem = "tmpfs" | "ramfs";

/**
 * When an object is freed: before the next is allocated, when mount(2) returns, at unmount, or with the next burst
 * of RCU callbacks.
 */
type Life = "call" | "mount" | "superblock" | "rcu";

/** Objects per superblock: cache, function that allocates (Linux 6.18), count, life, and the file system if not both. */
const allocations: readonly (readonly [string, string, number, Life, FileSystem?])[] = [
  ["kmalloc-4k", "copy_mount_options", 1, "mount"],
  ["kmalloc-8", "strndup_user", 2, "mount"],
  ["kmalloc-64", "getname_flags", 1, "call"],
  ["names_cache", "getname_flags", 2, "call"],
  ["kmalloc-cg-192", "alloc_fs_context", 1, "mount"],
  ["kmalloc-96", "shmem_init_fs_context", 1, "mount", "tmpfs"],
  ["kmalloc-8", "ramfs_init_fs_context", 1, "superblock", "ramfs"],
  ["kmalloc-8", "vfs_parse_fs_qstr", 1, "call"],
  ["kmalloc-8", "vfs_parse_fs_qstr", 1, "mount"],
  ["kmalloc-2k", "alloc_super", 1, "rcu"],
  ["kmalloc-8", "lsm_blob_alloc", 1, "rcu"],
  ["kmalloc-128", "shrinker_alloc", 1, "rcu"],
  ["kmalloc-64", "__list_lru_init", 2, "superblock"],
  ["maple_node", "mas_alloc_cyclic, mas_erase", 2, "call"],
  ["kmalloc-192", "shmem_fill_super", 1, "superblock", "tmpfs"],
  ["mnt_cache", "alloc_vfsmnt", 1, "rcu"],
  ["kmalloc-cg-8", "alloc_vfsmnt", 1, "rcu"],
  ["kmalloc-32", "get_mountpoint", 1, "call"],
  ["kmalloc-32", "get_mountpoint", 1, "superblock"],
  ["kmalloc-64", "memcg_list_lru_alloc", 4, "superblock"],
  ["radix_tree_node", "xas_alloc", 2, "rcu"],
  ["inode_cache", "alloc_inode", 4, "rcu", "ramfs"],
  ["shmem_inode_cache", "shmem_alloc_inode", 4, "rcu", "tmpfs"],
  ["lsm_inode_cache", "security_inode_alloc", 4, "rcu"],
  ["dentry", "__d_alloc", 4, "rcu"],
  ["filp", "alloc_empty_file", 1, "call"],
  ["lsm_file_cache", "security_file_alloc", 1, "call"],
  ["kmalloc-64", "shmem_symlink", 1, "rcu", "tmpfs"],
  ["names_cache", "getname_flags", 13, "call"],
];

/** One superblock's life as steps, worked out once: generation only adds offsets. */
interface Program {
  /** Cache of every object that the next RCU burst frees. */
  readonly deferred: readonly number[];
  /** Caches of the objects freed at once, by slot; a slot is used again once it is free. */
  readonly slots: readonly number[];
  /** Steps before the mount, before the compute, and after the unmount. */
  readonly mount: readonly Step[];
  readonly use: readonly Step[];
  readonly unmount: readonly Step[];
}

interface Step {
  readonly kind: number;
  readonly cache: number;
  /** Slot of the worker, or position among the superblock's deferred objects. */
  readonly place: number;
  readonly deferred: boolean;
}

function program(system: FileSystem, cacheIndex: (name: string) => number): Program {
  const slots: number[] = [];
  const deferred: number[] = [];
  const mount: Step[] = [];
  const use: Step[] = [];
  const mountFrees: Step[] = [];
  const unmount: Step[] = [];
  // A call's objects share one slot per cache.
  const slotOfCall = new Map<number, number>();
  let steps = mount;
  for (const [name, allocator, count, life, only] of allocations) {
    if (only !== undefined && only !== system) continue;
    const cache = cacheIndex(name);
    // With the first inode the superblock is there: what follows happens after the mount.
    if (allocator === "alloc_inode" || allocator === "shmem_alloc_inode") steps = use;
    for (let index = 0; index < count; index++) {
      if (life === "rcu") {
        steps.push({ kind: kindObjectAllocate, cache, place: deferred.length, deferred: true });
        deferred.push(cache);
        continue;
      }
      let place = life === "call" ? slotOfCall.get(cache) : undefined;
      if (place === undefined) {
        place = slots.length;
        slots.push(cache);
        if (life === "call") slotOfCall.set(cache, place);
      }
      steps.push({ kind: kindObjectAllocate, cache, place, deferred: false });
      const free = { kind: kindObjectFree, cache, place, deferred: false };
      if (life === "call") steps.push(free);
      else if (life === "mount") mountFrees.push(free);
      else unmount.push(free);
    }
  }
  return { slots, deferred, mount, use: [...mountFrees, ...use], unmount };
}

/**
 * Program: set-up by task 0 creates the root cgroup and the caches. Then each worker does its bogo-ops, the first
 * ones as set-up and without compute until all of them together have freed `fill` times the quarantine's size.
 *
 * Worker w only ever touches its own superblock w and its own objects, and set-up ends with its chunk. So no event
 * of one task depends on an event of another task in the same chunk. A bogo-op unmounts what it mounts and never
 * straddles chunks, nor do all workers' ops together where they fit. Frees that RCU defers are done by the worker
 * itself, as softirqs do on the worker's CPU.
 */
export class StressNgRamfs implements Workload {
  readonly name = "stress-ng-ramfs";
  readonly parameters: Values;
  readonly seed: number;
  readonly limits: WorkloadLimits;
  /** Unless one bogo-op of every worker is more than a chunk: then a chunk has only some of the workers' ops. */
  readonly repeatable: boolean;
  readonly #caches: readonly SlabCache[];
  /** For even bogo-ops (tmpfs) and for odd ones (ramfs). */
  readonly #programs: readonly [Program, Program];
  readonly #warmUpOps: number;
  /** Object indices of one worker: first its slots, then room for the deferred objects of one RCU batch. */
  readonly #slotsOfWorker: number;
  readonly #deferredOfOp: number;

  constructor(given: Readonly<Record<string, ParameterValue>>, seed: number) {
    this.parameters = resolveParameters(stressNgRamfsParameters, given);
    // Nothing in the program is random; the seed is part of the workload's identity all the same.
    this.seed = checkSeed(seed);
    this.#caches = readSlabinfo("packaged:linux-6.18-ramfs");
    const cacheIndex = (name: string) => {
      const index = this.#caches.findIndex((cache) => cache.name === name);
      if (index < 0) throw new Error(`the packaged slabinfo has no ${name}`);
      return index;
    };
    this.#programs = [program("tmpfs", cacheIndex), program("ramfs", cacheIndex)];
    const [tmpfs, ramfs] = this.#programs;
    const { workers, "superblocks-per-op": superblocks } = this.parameters;
    this.#slotsOfWorker = Math.max(tmpfs.slots.length, ramfs.slots.length);
    this.#deferredOfOp = superblocks * Math.max(tmpfs.deferred.length, ramfs.deferred.length);
    const bytesOfPair = superblocks * (this.#freedBytes(tmpfs) + this.#freedBytes(ramfs));
    const fillBytes = this.parameters.fill * this.parameters["quarantine-bytes"];
    // Tmpfs and ramfs in turn, so whole pairs.
    this.#warmUpOps = 2 * Math.ceil(fillBytes / (workers * bytesOfPair));
    this.limits = this.#computeLimits();
    this.repeatable = this.#programs.every((one) => workers * this.#opEvents(one) <= chunkEventsMax);
  }

  /** Events of a measured bogo-op. */
  #opEvents(of: Program): number {
    return this.parameters["superblocks-per-op"] * (of.mount.length + of.use.length + of.unmount.length + 3) + 1;
  }

  #freedBytes(of: Program): number {
    const freed = [...of.mount, ...of.use].filter((step) => step.kind === kindObjectAllocate);
    return freed.reduce((sum, step) => sum + (this.#caches[step.cache] as SlabCache).objectSize, 0);
  }

  /** Objects of each cache live at once in one worker: all its slots, and a full RCU batch, half of each file system. */
  #peaks(): number[] {
    const { "rcu-batch": batch, "superblocks-per-op": superblocks } = this.parameters;
    const opsPending = Math.min(batch, this.#ops);
    const peaks = this.#programs.map((one) =>
      this.#caches.map((_, cache) => {
        const slots = one.slots.filter((of) => of === cache).length;
        const deferred = one.deferred.filter((of) => of === cache).length;
        return { slots, deferred: deferred * superblocks };
      }),
    );
    return this.#caches.map((_, cache) => {
      const [tmpfs, ramfs] = peaks.map((of) => of[cache] as { slots: number; deferred: number });
      const half = Math.floor(opsPending / 2);
      const most = Math.max(tmpfs?.deferred ?? 0, ramfs?.deferred ?? 0);
      const slots = Math.max(tmpfs?.slots ?? 0, ramfs?.slots ?? 0);
      return slots + half * ((tmpfs?.deferred ?? 0) + (ramfs?.deferred ?? 0)) + (opsPending % 2) * most;
    });
  }

  get #ops(): number {
    return this.#warmUpOps + this.parameters["bogo-ops"];
  }

  #computeLimits(): WorkloadLimits {
    const { workers, "bogo-ops": measured, "superblocks-per-op": superblocks, "rcu-batch": batch } = this.parameters;
    const peaks = this.#peaks().map((peak) => peak * workers);
    const [tmpfs, ramfs] = this.#programs;
    // A mount and an unmount each; compute and bogo-op only where they are.
    const events = (of: Program) =>
      superblocks * (of.mount.length + of.use.length + of.unmount.length + of.deferred.length + 2) + 1;
    const opsEvents = Math.ceil(this.#ops / 2) * events(tmpfs) + Math.floor(this.#ops / 2) * events(ramfs);
    return checkLimits(this.name, {
      events: 1 + this.#caches.length + workers * (opsEvents + measured * superblocks),
      caches: this.#caches.length,
      objects: workers * (this.#slotsOfWorker + Math.min(batch, this.#ops) * this.#deferredOfOp),
      cgroups: 1,
      superblocks: workers,
      tasks: workers,
      liveBytesMax: this.#caches.reduce((sum, cache, index) => sum + cache.objectSize * (peaks[index] as number), 0),
      slabBytesMax: this.#caches.reduce((sum, cache, index) => sum + slabBytes(cache, peaks[index] as number), 0),
    });
  }

  *chunks(): Generator<Uint8Array> {
    const { workers, "rcu-batch": batch } = this.parameters;
    const writer = new EventWriter();
    writer.add(kindCgroupCreate, 0, 0, 0, 0);
    for (const [index, cache] of this.#caches.entries()) addCacheCreate(writer, cache, { cache: index, cgroup: 0 });
    yield* writer.flush();

    const ops = this.#ops;
    for (let op = 0; op < ops; op++) {
      if (op === this.#warmUpOps) {
        yield* writer.flush();
        writer.flags = flagMeasured;
      }
      const one = this.#programs[op % 2] as Program;
      const opEvents = this.#opEvents(one);
      // All workers' op in one chunk where it fits, so that a round holds the same work of every worker.
      if (workers * opEvents <= chunkEventsMax) yield* writer.reserve(workers * opEvents);
      for (let worker = 0; worker < workers; worker++) {
        yield* writer.reserve(opEvents);
        this.#bogoOp(writer, { worker, op });
      }
      if ((op + 1) % batch === 0 || op === ops - 1) {
        const first = op - (op % batch);
        for (let worker = 0; worker < workers; worker++) yield* this.#rcuBurst(writer, { worker, first, last: op });
      }
    }
    yield* writer.flush();
  }

  #firstObject(worker: number): number {
    const { "rcu-batch": batch } = this.parameters;
    return worker * (this.#slotsOfWorker + Math.min(batch, this.#ops) * this.#deferredOfOp);
  }

  /** First of the deferred objects of one superblock; those of a batch have their own indices until the burst. */
  #firstDeferred(worker: number, op: number, superblock: number): number {
    const { "rcu-batch": batch, "superblocks-per-op": superblocks } = this.parameters;
    const position = (op % batch) * superblocks + superblock;
    return this.#firstObject(worker) + this.#slotsOfWorker + position * (this.#deferredOfOp / superblocks);
  }

  #bogoOp(writer: EventWriter, at: { worker: number; op: number }): void {
    const { worker, op } = at;
    const one = this.#programs[op % 2] as Program;
    const compute = this.parameters["compute-ns"];
    const slots = this.#firstObject(worker);
    writer.task = worker;
    for (let superblock = 0; superblock < this.parameters["superblocks-per-op"]; superblock++) {
      const deferred = this.#firstDeferred(worker, op, superblock);
      addSteps(writer, one.mount, { slots, deferred });
      writer.add(kindSuperblockMount, worker, 0, op % 2, 0);
      addSteps(writer, one.use, { slots, deferred });
      if (op >= this.#warmUpOps) writer.add(kindCompute, 0, 0, compute, 0);
      writer.add(kindSuperblockUnmount, worker, 0, 0, 0);
      addSteps(writer, one.unmount, { slots, deferred });
    }
    writer.add(kindBogoOp, 0, 0, op, 0);
  }

  *#rcuBurst(writer: EventWriter, what: { worker: number; first: number; last: number }): Generator<Uint8Array> {
    writer.task = what.worker;
    for (let op = what.first; op <= what.last; op++) {
      const { deferred } = this.#programs[op % 2] as Program;
      for (let superblock = 0; superblock < this.parameters["superblocks-per-op"]; superblock++) {
        yield* writer.reserve(deferred.length);
        const first = this.#firstDeferred(what.worker, op, superblock);
        for (const [index, cache] of deferred.entries()) writer.add(kindObjectFree, first + index, cache, 0, 0);
      }
    }
  }
}

function addSteps(writer: EventWriter, steps: readonly Step[], first: { slots: number; deferred: number }): void {
  for (const step of steps) {
    writer.add(step.kind, (step.deferred ? first.deferred : first.slots) + step.place, step.cache, 0, 0);
  }
}
