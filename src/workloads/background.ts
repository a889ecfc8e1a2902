// Background churn: the rest of the system, which allocates from and frees to root caches. It is what fills the
// quarantine with objects that a cache's destruction has to look past.

import { InputError } from "../errors.ts";
import { kindCacheCreate, kindObjectAllocate, kindObjectFree } from "../kernel/events.ts";
import { checkTasks } from "./common-parameters.ts";
import type { EventWriter } from "./event-writer.ts";
import type { Random } from "./random.ts";
import { pageSize, type SlabCache } from "./slabinfo.ts";

/** Bytes of slab pages that hold this many objects, when partly used slabs are filled before a new one is taken. */
export function slabBytes(cache: SlabCache, objects: number): number {
  return Math.ceil(objects / cache.objectsPerSlab) * cache.pagesPerSlab * pageSize;
}

/** Emits the creation of a cache. */
export function addCacheCreate(writer: EventWriter, cache: SlabCache, index: { cache: number; cgroup: number }): void {
  const geometry = cache.pagesPerSlab + index.cgroup * 0x1_0000_0000;
  writer.add(kindCacheCreate, cache.objectsPerSlab, index.cache, cache.objectSize, geometry);
}

export interface BackgroundOptions {
  readonly slabinfo: readonly SlabCache[];
  /** Root caches; 0 for one per cache of the slabinfo file. */
  readonly rootCaches: number;
  /** Objects live after a burst of allocations. */
  readonly objects: number;
  /** Objects in one burst; at most `objects`. */
  readonly batch: number;
  /** Tasks that churn, from task 0 on; at most `batch`. */
  readonly tasks: number;
}

/** What one task churns, as positions in the table of slots. */
interface Part {
  readonly task: number;
  readonly first: number;
  readonly end: number;
  /** Objects of a burst that are this task's. */
  readonly batch: number;
}

/** How the background objects divide over root caches. Root cache i has cache index i and belongs to cgroup 0. */
export class BackgroundPlan {
  readonly caches: readonly SlabCache[];
  /** Live objects of each root cache after a burst of allocations. */
  readonly counts: readonly number[];
  readonly objects: number;
  readonly batch: number;
  readonly parts: readonly Part[];
  /** Bytes of all live objects after a burst of allocations. */
  readonly bytes: number;
  /** Bytes of slab pages that they occupy. */
  readonly slabBytes: number;

  constructor(options: BackgroundOptions) {
    const { slabinfo, batch, objects, tasks } = options;
    if (batch > objects) {
      throw new InputError(`parameter 'churn-batch': must be at most background-objects (${objects}), got ${batch}`);
    }
    checkTasks("churn-tasks", tasks, { count: batch, of: "churn-batch" });
    // The busiest first, so that a few root caches are those that matter; the sort keeps the file's order of equals.
    const types = [...slabinfo].sort((one, other) => other.objects - one.objects);
    const count = options.rootCaches === 0 ? types.length : options.rootCaches;
    this.caches = Array.from({ length: count }, (_, index) => types[index % types.length] as SlabCache);
    this.counts = apportion(
      objects,
      this.caches.map((cache) => cache.objects),
    );
    this.objects = objects;
    this.batch = batch;
    this.parts = divide(objects, batch, tasks);
    this.bytes = this.caches.reduce((sum, cache, index) => sum + cache.objectSize * (this.counts[index] as number), 0);
    this.slabBytes = this.caches.reduce((sum, cache, index) => sum + slabBytes(cache, this.counts[index] as number), 0);
  }

  /** Cycles of {@link Background.cycle} that free this many bytes. On average: victims are drawn at random. */
  cyclesToFree(bytes: number): number {
    return Math.ceil((bytes * this.objects) / (this.bytes * this.batch));
  }

  /** Events of {@link Background.create}. */
  get createEvents(): number {
    return this.caches.length + this.objects - this.batch;
  }

  /** Events of {@link Background.cycle}. */
  get cycleEvents(): number {
    return 2 * this.batch;
  }
}

/**
 * Divides objects and a burst evenly; the first tasks have one more where a division leaves a remainder. So with a
 * burst of at most all objects, no task's part of it is more than its objects.
 */
function divide(objects: number, batch: number, tasks: number): Part[] {
  const share = (total: number, task: number) => Math.floor(total / tasks) + (task < total % tasks ? 1 : 0);
  const parts: Part[] = [];
  for (let task = 0, first = 0; task < tasks; task++) {
    const end = first + share(objects, task);
    parts.push({ task, first, end, batch: share(batch, task) });
    first = end;
  }
  return parts;
}

/** Divides `total` in proportion to the weights, by the largest remainder. BigInt, because the products exceed 2^53. */
function apportion(total: number, weights: readonly number[]): number[] {
  const sum = weights.reduce((partial, weight) => partial + BigInt(weight), 0n);
  if (sum === 0n) {
    throw new InputError("parameter 'slabinfo': no cache has objects (num_objs), so there is nothing to churn");
  }
  const shares = weights.map((weight, index) => {
    const product = BigInt(total) * BigInt(weight);
    return { index, count: Number(product / sum), remainder: product % sum };
  });
  const counts = shares.map((share) => share.count);
  const left = total - counts.reduce((partial, count) => partial + count, 0);
  shares.sort((one, other) => (one.remainder === other.remainder ? 0 : one.remainder < other.remainder ? 1 : -1));
  for (const { index } of shares.slice(0, left)) counts[index] = (counts[index] as number) + 1;
  return counts;
}

/**
 * Churns a fixed table of objects. Every object index belongs to one cache for good: what a burst frees, the next
 * burst allocates again, in the same order. So the live set after a burst of allocations is always the plan's, which
 * makes the limits exact, while the order of caches and the victims' ages are random. With several tasks, each churns a
 * part of the objects as its own, from the first allocation on, and has its share of every burst.
 */
export class Background {
  readonly #plan: BackgroundPlan;
  readonly #random: Random;
  readonly #firstObject: number;
  /** Slots in random order; the first `batch` of each task's part are free between two cycles. */
  readonly #slots: Uint32Array;
  /** Cache of each slot. */
  readonly #cacheOf: Uint32Array;

  constructor(options: { plan: BackgroundPlan; random: Random; firstObject: number }) {
    this.#plan = options.plan;
    this.#random = options.random;
    this.#firstObject = options.firstObject;
    this.#slots = Uint32Array.from({ length: this.#plan.objects }, (_, slot) => slot);
    this.#cacheOf = new Uint32Array(this.#plan.objects);
    let slot = 0;
    this.#plan.counts.forEach((count, cache) => {
      this.#cacheOf.fill(cache, slot, slot + count);
      slot += count;
    });
    this.#random.shuffle(this.#slots);
  }

  /** Task 0 creates the root caches; all objects but the first burst are allocated, by the tasks that churn them. */
  *create(writer: EventWriter): Generator<Uint8Array> {
    for (const [index, cache] of this.#plan.caches.entries()) {
      yield* writer.reserve(1);
      addCacheCreate(writer, cache, { cache: index, cgroup: 0 });
    }
    // The other tasks need the caches.
    if (this.#plan.parts.length > 1) yield* writer.flush();
    for (const part of this.#plan.parts) {
      writer.task = part.task;
      for (let from = part.first + part.batch; from < part.end; ) {
        yield* writer.reserve(1);
        const to = Math.min(part.end, from + writer.room);
        this.#emit(writer, kindObjectAllocate, from, to);
        from = to;
      }
    }
    writer.task = 0;
  }

  /** A burst of allocations, then a burst of frees of random victims. Bursts are homogeneous and never straddle chunks. */
  *cycle(writer: EventWriter): Generator<Uint8Array> {
    const { batch, parts } = this.#plan;
    yield* writer.reserve(batch);
    this.#burst(writer, kindObjectAllocate);
    for (const part of parts) this.#draw(part);
    yield* writer.reserve(batch);
    this.#burst(writer, kindObjectFree);
  }

  #burst(writer: EventWriter, kind: number): void {
    for (const { task, first, batch } of this.#plan.parts) {
      writer.task = task;
      this.#emit(writer, kind, first, first + batch);
    }
    writer.task = 0;
  }

  #emit(writer: EventWriter, kind: number, from: number, to: number): void {
    for (let index = from; index < to; index++) {
      const slot = this.#slots[index] as number;
      writer.add(kind, this.#firstObject + slot, this.#cacheOf[slot] as number, 0, 0);
    }
  }

  /** Moves random slots of a part to its front, as many as its share of a burst: the first steps of a shuffle. */
  #draw(part: Part): void {
    const slots = this.#slots;
    for (let index = part.first; index < part.first + part.batch; index++) {
      const other = index + this.#random.below(part.end - index);
      const slot = slots[index] as number;
      slots[index] = slots[other] as number;
      slots[other] = slot;
    }
  }
}
