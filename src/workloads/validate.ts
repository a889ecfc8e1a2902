// Checks that a stream of records is a program a kernel could run, and that it keeps the workload's limits. Used on
// files, whose author is unknown, and on the generators by their tests.

import {
  eventAOffset,
  eventBOffset,
  eventFlagsOffset,
  eventGroupOffset,
  eventKindOffset,
  eventObjectOffset,
  eventSize,
  eventTaskOffset,
  flagMeasured,
  kindBogoOp,
  kindCacheCreate,
  kindCacheDestroy,
  kindCgroupCreate,
  kindCgroupOffline,
  kindCompute,
  kindCpuOffline,
  kindCpuOnline,
  kindLogPush,
  kindLruAdd,
  kindObjectAllocate,
  kindObjectFree,
  kindReclaimPass,
  kindSuperblockMount,
  kindSuperblockUnmount,
  kindTransactionCommit,
  kindTransactionItem,
} from "../kernel/events.ts";
import { pageSize } from "./slabinfo.ts";
import type { WorkloadLimits } from "./workload.ts";

const twoTo32 = 0x1_0000_0000;
const objectSizeMax = 64 * 1024 * 1024;
const pagesPerSlabMax = 1024;
const priorityMax = 12;
/** Linux's own bounds: MAX_NUMNODES and NR_CPUS at their largest. */
const nodesMax = 1024;
const cpusMax = 8192;
/** Longest sleep of a shrinker's callback that still ends within a run: 10 s. */
export const callbackSleepNsMax = 10_000_000_000;

/** Largest log item, 256 pages: the largest vectors that were seen (8dc9384b7d75, Linux 5.17). */
export const logItemBytesMax = 1_048_576;

/** What is wrong with a record. */
export class RecordProblem extends Error {
  override readonly name = "RecordProblem";
  readonly record: number;
  readonly field: string;

  constructor(where: { record: number; field: string }, wrong: string) {
    super(wrong);
    this.record = where.record;
    this.field = where.field;
  }
}

/** A typed array that grows to the indices in use, so that memory follows the stream and not what its header claims. */
class Cells<Items extends Uint8Array | Uint32Array | Float64Array> {
  items: Items;
  readonly #make: (size: number) => Items;

  constructor(make: (size: number) => Items) {
    this.#make = make;
    this.items = make(64);
  }

  reach(index: number): void {
    if (index < this.items.length) return;
    let size = this.items.length;
    while (size <= index) size *= 2;
    const larger = this.#make(size);
    larger.set(this.items);
    this.items = larger;
  }
}

/** Feed it every chunk of a workload in order. */
export class Validator {
  readonly #limits: WorkloadLimits;
  #record = 0;
  /** Cgroups: 0 never or offline, else children + 1. The parent of each is needed to count them. */
  readonly #cgroups = new Cells((size) => new Uint32Array(size));
  readonly #parents = new Cells((size) => new Uint32Array(size));
  /** Caches: object size, 0 when there is none; objects per slab; bytes of a slab; objects live, now and at most. */
  readonly #objectSizes = new Cells((size) => new Uint32Array(size));
  readonly #objectsPerSlab = new Cells((size) => new Uint32Array(size));
  readonly #slabSizes = new Cells((size) => new Uint32Array(size));
  readonly #live = new Cells((size) => new Uint32Array(size));
  readonly #peaks = new Cells((size) => new Uint32Array(size));
  /** Objects: cache + 1, or 0 when the object is free. */
  readonly #owners = new Cells((size) => new Float64Array(size));
  readonly #superblocks = new Cells((size) => new Uint8Array(size));
  #liveBytes = 0;
  #slabBytes = 0;
  #liveBytesPeak = 0;
  #slabBytesPeak = 0;

  constructor(limits: WorkloadLimits) {
    this.#limits = limits;
  }

  /** What the events so far reached, in the words of {@link WorkloadLimits}. */
  get reached(): Pick<WorkloadLimits, "events" | "liveBytesMax" | "slabBytesMax"> {
    return { events: this.#record, liveBytesMax: this.#liveBytesPeak, slabBytesMax: this.#slabBytesPeak };
  }

  /** @throws {RecordProblem} at the first record that is wrong */
  check(chunk: Uint8Array): void {
    const view = new DataView(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    const limits = this.#limits;
    for (let at = 0; at < chunk.byteLength; at += eventSize, this.#record++) {
      const kind = view.getUint16(at + eventKindOffset, true);
      const flags = view.getUint16(at + eventFlagsOffset, true);
      const task = view.getUint32(at + eventTaskOffset, true);
      const object = view.getUint32(at + eventObjectOffset, true);
      const group = view.getUint32(at + eventGroupOffset, true);
      const a = view.getUint32(at + eventAOffset, true) + view.getUint32(at + eventAOffset + 4, true) * twoTo32;
      const b = view.getUint32(at + eventBOffset, true) + view.getUint32(at + eventBOffset + 4, true) * twoTo32;
      if (this.#record >= limits.events) throw this.#problem("kind", `the limit is ${limits.events} events`);
      if ((flags & ~flagMeasured) !== 0) throw this.#problem("flags", `unknown flags in 0x${flags.toString(16)}`);
      if (task >= limits.tasks) throw this.#problem("task", `is ${task}, the limit is ${limits.tasks} tasks`);
      // 2^53 and above would lose bits in the host's doubles.
      if (a > Number.MAX_SAFE_INTEGER) throw this.#problem("a", "is 2^53 or more");
      if (b > Number.MAX_SAFE_INTEGER) throw this.#problem("b", "is 2^53 or more");
      switch (kind) {
        case kindObjectAllocate:
          this.#allocate(object, group);
          break;
        case kindObjectFree:
          this.#free(object, group);
          break;
        case kindCacheCreate:
          this.#createCache({ cache: group, objectsPerSlab: object, objectSize: a, b });
          break;
        case kindCacheDestroy:
          this.#destroyCache(group);
          break;
        case kindCgroupCreate:
          this.#createCgroup(group, a);
          break;
        case kindCgroupOffline:
          this.#offlineCgroup(group);
          break;
        case kindSuperblockMount:
          this.#mount(object, a);
          if (b > callbackSleepNsMax)
            throw this.#problem("b", `callbacks sleep ${b} ns, more than ${callbackSleepNsMax}`);
          break;
        case kindSuperblockUnmount:
          this.#needSuperblock(object);
          this.#superblocks.items[object] = 0;
          break;
        case kindLruAdd:
          this.#needSuperblock(object);
          this.#needCgroup("group", group);
          if (a === 0 || a >= twoTo32) throw this.#problem("a", `adds ${a} objects; expected 1 to 2^32 - 1`);
          if (b > a) throw this.#problem("b", `${b} of ${a} objects can be freed`);
          break;
        case kindReclaimPass:
          this.#needCgroup("group", group);
          if (a > priorityMax) throw this.#problem("a", `priority ${a} is above ${priorityMax}`);
          if (b % twoTo32 >= nodesMax) throw this.#problem("b", `node ${b % twoTo32} is not below ${nodesMax}`);
          break;
        case kindTransactionItem:
          this.#needIndex("object", object, limits.objects);
          if (a > logItemBytesMax) throw this.#problem("a", `logs ${a} bytes, more than ${logItemBytesMax}`);
          if (b > 1) throw this.#problem("b", `${b} is neither 0 (the item stays) nor 1 (it is destroyed)`);
          break;
        case kindCpuOffline:
        case kindCpuOnline:
          if (a >= cpusMax) throw this.#problem("a", `CPU ${a} is not below ${cpusMax}`);
          break;
        case kindTransactionCommit:
        case kindLogPush:
        case kindCompute:
        case kindBogoOp:
          break;
        default:
          throw this.#problem("kind", `${kind} is unknown`);
      }
    }
  }

  #problem(field: string, wrong: string): RecordProblem {
    return new RecordProblem({ record: this.#record, field }, wrong);
  }

  #needIndex(field: string, index: number, limit: number): void {
    if (index >= limit) throw this.#problem(field, `index ${index} is not below the limit ${limit}`);
  }

  #allocate(object: number, cache: number): void {
    this.#needCache(cache);
    this.#needIndex("object", object, this.#limits.objects);
    this.#owners.reach(object);
    if (this.#owners.items[object] !== 0) throw this.#problem("object", `${object} is live already`);
    this.#owners.items[object] = cache + 1;
    this.#changeLive(cache, 1);
    if (this.#liveBytes > this.#liveBytesPeak) this.#liveBytesPeak = this.#liveBytes;
    if (this.#slabBytes > this.#slabBytesPeak) this.#slabBytesPeak = this.#slabBytes;
    if (this.#liveBytes > this.#limits.liveBytesMax) {
      throw this.#problem("object", `makes ${this.#liveBytes} bytes live, the limit is ${this.#limits.liveBytesMax}`);
    }
    if (this.#slabBytes > this.#limits.slabBytesMax) {
      throw this.#problem(
        "object",
        `makes ${this.#slabBytes} bytes of slabs, the limit is ${this.#limits.slabBytesMax}`,
      );
    }
  }

  #free(object: number, cache: number): void {
    this.#needCache(cache);
    this.#needIndex("object", object, this.#limits.objects);
    const owner = object < this.#owners.items.length ? (this.#owners.items[object] as number) : 0;
    if (owner === 0) throw this.#problem("object", `${object} is not live`);
    if (owner !== cache + 1)
      throw this.#problem("group", `object ${object} came from cache ${owner - 1}, not ${cache}`);
    this.#owners.items[object] = 0;
    this.#changeLive(cache, -1);
  }

  #changeLive(cache: number, change: 1 | -1): void {
    this.#slabBytes -= this.#occupied(cache);
    const live = (this.#live.items[cache] as number) + change;
    this.#live.items[cache] = live;
    if (live > (this.#peaks.items[cache] as number)) this.#peaks.items[cache] = live;
    this.#slabBytes += this.#occupied(cache);
    this.#liveBytes += change * (this.#objectSizes.items[cache] as number);
  }

  /**
   * Bytes of slabs that a cache's live objects can lie in. An allocator that fills partial slabs first never has more
   * slabs than its most live objects fill, and each slab that counts holds one of the live objects.
   */
  #occupied(cache: number): number {
    const slabs = Math.ceil((this.#peaks.items[cache] as number) / (this.#objectsPerSlab.items[cache] as number));
    return Math.min(slabs, this.#live.items[cache] as number) * (this.#slabSizes.items[cache] as number);
  }

  #createCache(what: { cache: number; objectsPerSlab: number; objectSize: number; b: number }): void {
    const { cache, objectsPerSlab, objectSize } = what;
    const pages = what.b % twoTo32;
    this.#needIndex("group", cache, this.#limits.caches);
    for (const cells of [this.#objectSizes, this.#objectsPerSlab, this.#slabSizes, this.#live, this.#peaks]) {
      cells.reach(cache);
    }
    if (this.#slabSizes.items[cache] !== 0) throw this.#problem("group", `cache ${cache} was created before`);
    if (objectsPerSlab === 0) throw this.#problem("object", "0 objects per slab");
    if (objectSize === 0 || objectSize > objectSizeMax) {
      throw this.#problem("a", `object size ${objectSize} is not 1 to ${objectSizeMax}`);
    }
    if (pages === 0 || pages > pagesPerSlabMax) throw this.#problem("b", `${pages} pages per slab`);
    if (objectsPerSlab * objectSize > pages * pageSize) {
      throw this.#problem("object", `${objectsPerSlab} objects of ${objectSize} bytes exceed ${pages} pages`);
    }
    this.#needCgroup("b", Math.floor(what.b / twoTo32));
    this.#objectSizes.items[cache] = objectSize;
    this.#objectsPerSlab.items[cache] = objectsPerSlab;
    this.#slabSizes.items[cache] = pages * pageSize;
    this.#peaks.items[cache] = 0;
  }

  #needCache(cache: number): void {
    this.#needIndex("group", cache, this.#limits.caches);
    if (cache >= this.#objectSizes.items.length || this.#objectSizes.items[cache] === 0) {
      throw this.#problem("group", `cache ${cache} does not exist`);
    }
  }

  #destroyCache(cache: number): void {
    this.#needCache(cache);
    const live = this.#live.items[cache] as number;
    if (live > 0) throw this.#problem("group", `cache ${cache} still has ${live} live objects`);
    this.#objectSizes.items[cache] = 0;
  }

  #createCgroup(cgroup: number, parent: number): void {
    this.#needIndex("group", cgroup, this.#limits.cgroups);
    this.#cgroups.reach(cgroup);
    this.#parents.reach(cgroup);
    if (this.#cgroups.items[cgroup] !== 0) throw this.#problem("group", `cgroup ${cgroup} exists already`);
    if (parent !== cgroup) {
      this.#needCgroup("a", parent);
      this.#cgroups.items[parent] = (this.#cgroups.items[parent] as number) + 1;
    }
    this.#cgroups.items[cgroup] = 1;
    this.#parents.items[cgroup] = parent;
  }

  #needCgroup(field: string, cgroup: number): void {
    this.#needIndex(field, cgroup, this.#limits.cgroups);
    if (cgroup >= this.#cgroups.items.length || this.#cgroups.items[cgroup] === 0) {
      throw this.#problem(field, `cgroup ${cgroup} does not exist`);
    }
  }

  #offlineCgroup(cgroup: number): void {
    this.#needCgroup("group", cgroup);
    const children = (this.#cgroups.items[cgroup] as number) - 1;
    if (children > 0) throw this.#problem("group", `cgroup ${cgroup} still has ${children} children`);
    this.#cgroups.items[cgroup] = 0;
    const parent = this.#parents.items[cgroup] as number;
    if (parent !== cgroup) this.#cgroups.items[parent] = (this.#cgroups.items[parent] as number) - 1;
  }

  #mount(superblock: number, type: number): void {
    this.#needIndex("object", superblock, this.#limits.superblocks);
    this.#superblocks.reach(superblock);
    if (this.#superblocks.items[superblock] !== 0) throw this.#problem("object", `superblock ${superblock} is mounted`);
    if (type > 1) throw this.#problem("a", `type ${type} is neither 0 (tmpfs) nor 1 (ramfs)`);
    this.#superblocks.items[superblock] = 1;
  }

  #needSuperblock(superblock: number): void {
    this.#needIndex("object", superblock, this.#limits.superblocks);
    if (superblock >= this.#superblocks.items.length || this.#superblocks.items[superblock] === 0) {
      throw this.#problem("object", `superblock ${superblock} is not mounted`);
    }
  }
}
