// Background churn: the rest of the system, which allocates from and frees to root caches. It is what fills the
// quarantine with objects that a cache's destruction has to look past.

import { InputError } from "../errors.ts";
import { kindCacheCreate, kindObjectAllocate, kindObjectFree } from "../kernel/events.ts";
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
}

/** How the background objects divide over root caches. Root cache i has cache index i and belongs to cgroup 0. */
export class BackgroundPlan {
  readonly caches: readonly SlabCache[];
  /** Live objects of each root cache after a burst of allocations. */
  readonly counts: readonly number[];
  readonly objects: number;
  readonly batch: number;
  /** Bytes of all live objects after a burst of allocations. */
  readonly bytes: number;
  /** Bytes of slab pages that they occupy. */
  readonly slabBytes: number;

  constructor(options: BackgroundOptions) {
    const { slabinfo, batch, objects } = options;
    if (batch > objects) {
      throw new InputError(`parameter 'churn-batch': must be at most background-objects (${objects}), got ${batch}`);
    }
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
 * makes the limits exact, while the order of caches and the victims' ages are random.
 */
export class Background {
  readonly #plan: BackgroundPlan;
  readonly #random: Random;
  readonly #firstObject: number;
  /** Slots in random order; the first `batch` of them are free between two cycles. */
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

  /** Creates the root caches, and allocates all objects but the first burst. */
  *create(writer: EventWriter): Generator<Uint8Array> {
    for (const [index, cache] of this.#plan.caches.entries()) {
      yield* writer.reserve(1);
      addCacheCreate(writer, cache, { cache: index, cgroup: 0 });
    }
    for (let from = this.#plan.batch; from < this.#plan.objects; ) {
      yield* writer.reserve(1);
      const to = Math.min(this.#plan.objects, from + writer.room);
      this.#emit(writer, kindObjectAllocate, from, to);
      from = to;
    }
  }

  /** A burst of allocations, then a burst of frees of random victims. Bursts are homogeneous and never straddle chunks. */
  *cycle(writer: EventWriter): Generator<Uint8Array> {
    const batch = this.#plan.batch;
    yield* writer.reserve(batch);
    this.#emit(writer, kindObjectAllocate, 0, batch);
    this.#draw(batch);
    yield* writer.reserve(batch);
    this.#emit(writer, kindObjectFree, 0, batch);
  }

  #emit(writer: EventWriter, kind: number, from: number, to: number): void {
    for (let index = from; index < to; index++) {
      const slot = this.#slots[index] as number;
      writer.add(kind, this.#firstObject + slot, this.#cacheOf[slot] as number, 0, 0);
    }
  }

  /** Moves `count` random slots to the front: the first steps of a shuffle. */
  #draw(count: number): void {
    const slots = this.#slots;
    for (let index = 0; index < count; index++) {
      const other = index + this.#random.below(slots.length - index);
      const slot = slots[index] as number;
      slots[index] = slots[other] as number;
      slots[other] = slot;
    }
  }
}
