// What each quarantine must do on one CPU, in lists of JavaScript: who is let go and when, in which order, and when a
// cache is gone. Not for what happens between CPUs; that is the checker's.

/** An object that was freed. `put` counts all frees of the program, so it names the object. */
export interface FreedObject {
  readonly put: number;
  readonly cache: number;
  readonly bytes: number;
}

/** The sizes that a quarantine follows from, all in bytes but the last. */
export interface ModelSizes {
  readonly ramBytes: number;
  readonly cpuQueueBytes: number;
  readonly batchCount: number;
}

/** What a variant is bound with, as far as it changes what the variant does. */
export interface ModelOptions {
  readonly skipWhenEmpty: boolean;
  /** `LAB_...` constants. */
  readonly constants: Readonly<Record<string, number>>;
  /** Address of a cache's descriptor, which `hash-buckets` hashes. */
  readonly addressOf: (cache: number) => number;
}

/** Paths that a program reached in the model, so that a test can tell what it has seen. */
export type ModelPath = "flush" | "eviction" | "full ring" | "head past tail" | "removal with own objects" | "worker";

function bytesOf(objects: readonly FreedObject[]): number {
  return objects.reduce((sum, { bytes }) => sum + bytes, 0);
}

/** What all models have in common: one CPU's queue, and a log of what left the quarantine. */
export abstract class QuarantineModel {
  /** Objects let go because of their age, in order. */
  readonly evicted: FreedObject[] = [];
  /** Objects taken out by removals; their order is free. */
  readonly removed: FreedObject[] = [];
  /** Caches that are gone, in any order. */
  readonly gone: number[] = [];
  readonly paths = new Set<ModelPath>();
  protected readonly cpuQueue: FreedObject[] = [];
  protected readonly bytesMax: number;
  protected readonly batchBytes: number;
  protected readonly sizes: ModelSizes;
  protected readonly options: ModelOptions;

  constructor(sizes: ModelSizes, options: ModelOptions) {
    this.sizes = sizes;
    this.options = options;
    const total = Math.floor(sizes.ramBytes / 32);
    this.bytesMax = Math.max(0, total - sizes.cpuQueueBytes);
    this.batchBytes = Math.max(sizes.cpuQueueBytes, Math.floor((2 * total) / sizes.batchCount));
  }

  put(object: FreedObject): void {
    this.cpuQueue.push(object);
    if (bytesOf(this.cpuQueue) <= this.sizes.cpuQueueBytes) return;
    this.paths.add("flush");
    this.flush();
  }

  /** An allocation comes. */
  reduce(): void {
    if (bytesOf(this.globalLists().flat()) <= this.bytesMax) return;
    const oldest = this.takeOldest();
    if (oldest.length > 0) this.paths.add("eviction");
    this.evicted.push(...oldest);
  }

  destroy(cache: number, nowNs: number): void {
    const isEmpty = this.quarantined().every((object) => object.cache !== cache);
    if (!isEmpty) this.paths.add("removal with own objects");
    if (this.options.skipWhenEmpty && isEmpty) this.gone.push(cache);
    else this.remove(cache, nowNs);
  }

  /** Deferred work that is due at `nowNs` is done. */
  work(_nowNs: number): void {}

  /** Everything that is neither live nor free. */
  quarantined(): readonly FreedObject[] {
    return [...this.cpuQueue, ...this.globalLists().flat()];
  }

  quarantinedBytes(): number {
    return bytesOf(this.quarantined());
  }

  batchesInUse(): number {
    return this.globalLists().filter((list) => list.length > 0).length;
  }

  protected remove(cache: number, _nowNs: number): void {
    this.takeOut(new Set([cache]));
    this.gone.push(cache);
  }

  /** Takes every object of these caches out of every list. */
  protected takeOut(caches: ReadonlySet<number>): void {
    for (const list of [this.cpuQueue, ...this.globalLists()]) {
      const all = list.splice(0);
      this.removed.push(...all.filter(({ cache }) => caches.has(cache)));
      list.push(...all.filter(({ cache }) => !caches.has(cache)));
    }
  }

  protected abstract globalLists(): FreedObject[][];
  protected abstract flush(): void;
  protected abstract takeOldest(): FreedObject[];
}

/** A ring of batches, of which the oldest is let go as a whole. */
class RingModel extends QuarantineModel {
  readonly #batches = Array.from({ length: this.sizes.batchCount }, (): FreedObject[] => []);
  #head = 0;
  #tail = 0;

  protected globalLists(): FreedObject[][] {
    return this.#batches;
  }

  protected flush(): void {
    const batch = this.#batches[this.#tail] as FreedObject[];
    batch.push(...this.cpuQueue.splice(0));
    if (bytesOf(batch) < this.batchBytes) return;
    const next = (this.#tail + 1) % this.sizes.batchCount;
    if (next === this.#head) this.paths.add("full ring");
    else this.#tail = next;
  }

  protected takeOldest(): FreedObject[] {
    // As in Linux, nothing keeps the head from passing the tail when one batch is more than the quarantine may hold.
    if (this.#head === this.#tail) this.paths.add("head past tail");
    const oldest = this.#batches[this.#head]?.splice(0) ?? [];
    this.#head = (this.#head + 1) % this.sizes.batchCount;
    return oldest;
  }
}

/** The same batches; inside one, the buckets' objects one bucket after the other. */
class HashBucketsModel extends RingModel {
  protected override takeOldest(): FreedObject[] {
    return super.takeOldest().sort((a, b) => this.#bucketOf(a) - this.#bucketOf(b));
  }

  #bucketOf({ cache }: FreedObject): number {
    const bucketCount = this.options.constants.LAB_BUCKETS ?? 16;
    return Math.imul(this.options.addressOf(cache), 0x61c88647) >>> (32 - Math.log2(bucketCount));
  }
}

/** One list, of which at least a quarter of the limit is let go. */
class SingleListModel extends QuarantineModel {
  protected readonly list: FreedObject[] = [];

  protected globalLists(): FreedObject[][] {
    return [this.list];
  }

  protected flush(): void {
    this.list.push(...this.cpuQueue.splice(0));
  }

  /** Up to the first object with which the rest falls below three quarters of the limit. */
  protected takeOldest(): FreedObject[] {
    const surplus = bytesOf(this.list) - Math.floor((this.bytesMax * 3) / 4);
    const oldest: FreedObject[] = [];
    while (this.list.length > 0 && bytesOf(oldest) <= surplus) oldest.push(...this.list.splice(0, 1));
    return oldest;
  }
}

/** One list, of which a batch's worth is let go; the limit is looked at every 32 objects only. */
class DoublyLinkedModel extends SingleListModel {
  protected override takeOldest(): FreedObject[] {
    const oldest: FreedObject[] = [];
    while (bytesOf(oldest) < this.batchBytes && bytesOf(this.list) > this.bytesMax) {
      for (let count = 0; count < 32 && this.list.length > 0 && bytesOf(oldest) < this.batchBytes; count++) {
        oldest.push(...this.list.splice(0, 1));
      }
    }
    return oldest;
  }

  /** A removal first makes the CPUs' queues global. */
  protected override remove(cache: number, nowNs: number): void {
    this.flush();
    super.remove(cache, nowNs);
  }
}

/** Dead caches wait for a walk that a full group or the oldest one's timeout starts. */
class ScanModel extends RingModel {
  #dead: number[] = [];
  #groupPending = false;
  #timerDueNs: number | null = null;

  protected override remove(cache: number, nowNs: number): void {
    this.#dead.push(cache);
    const isGroup = this.#dead.length >= (this.options.constants.LAB_GROUP ?? 24);
    if (isGroup && !this.#groupPending) this.#groupPending = true;
    else this.#timerDueNs ??= nowNs + (this.options.constants.LAB_TIMEOUT_MS ?? 1000) * 1_000_000;
  }

  override work(nowNs: number): void {
    const timerDue = this.#timerDueNs !== null && this.#timerDueNs <= nowNs;
    if (timerDue) this.#timerDueNs = null;
    if (!timerDue && !this.#groupPending) return;
    this.#groupPending = false;
    this.paths.add("worker");
    this.takeOut(new Set(this.#dead));
    this.gone.push(...this.#dead.splice(0));
  }
}

/** A dead cache waits for a reduction that finds none of its objects left. */
class DeferredModel extends RingModel {
  #dead: number[] = [];

  protected override remove(cache: number): void {
    this.#dead.push(cache);
    if (this.#isEmpty(cache)) this.gone.push(...this.#dead.splice(-1));
  }

  override reduce(): void {
    const isTooLarge = bytesOf(this.globalLists().flat()) > this.bytesMax;
    super.reduce();
    if (!isTooLarge) return;
    this.gone.push(...this.#dead.filter((cache) => this.#isEmpty(cache)));
    this.#dead = this.#dead.filter((cache) => !this.#isEmpty(cache));
  }

  #isEmpty(cache: number): boolean {
    return this.quarantined().every((object) => object.cache !== cache);
  }
}

/** No quarantine: an object is free again at once. */
class FloorModel extends QuarantineModel {
  override put(object: FreedObject): void {
    this.removed.push(object);
  }

  protected globalLists(): FreedObject[][] {
    return [];
  }

  protected flush(): void {}

  protected takeOldest(): FreedObject[] {
    return [];
  }
}

const models: Readonly<Record<string, new (sizes: ModelSizes, options: ModelOptions) => QuarantineModel>> = {
  "single-list": SingleListModel,
  "singly-linked-fifo": RingModel,
  "hash-buckets": HashBucketsModel,
  "doubly-linked": DoublyLinkedModel,
  "batched-async form=scan": ScanModel,
  "batched-async form=deferred": DeferredModel,
  floor: FloorModel,
};

/**
 * The model of a variant.
 *
 * @param variant its name, and its form if it has several
 * @throws {Error} when the variant has no model
 */
export function makeModel(variant: string, sizes: ModelSizes, options: ModelOptions): QuarantineModel {
  const Model = models[variant];
  if (Model === undefined) throw new Error(`variant '${variant}' has no model in test/kernel/quarantine-model.ts`);
  return new Model(sizes, options);
}
