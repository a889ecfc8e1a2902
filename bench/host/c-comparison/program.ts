// The event program of the comparison: caches with the object sizes of a real guest, a quarantine filled in bursts,
// and then rounds that do one kind of operation at a time, so that each can be timed alone. Deterministic.
// Not a workload: it imitates no script, and its order is chosen for timing.

import { kindCacheCreate, kindCacheDestroy, kindObjectAllocate, kindObjectFree } from "../../../src/kernel/events.ts";
import { EventWriter } from "../../../src/workloads/event-writer.ts";
import { Random } from "../../../src/workloads/random.ts";
import { chunkEventsMax, type WorkloadLimits } from "../../../src/workloads/workload.ts";

/** Object size in bytes, objects per slab and pages per slab of one kind of cache. */
interface Shape {
  readonly objectBytes: number;
  readonly objectsPerSlab: number;
  readonly pages: number;
}

/** Caches of a Linux guest with KASAN (`src/workloads/inputs/libvirt-guest.slabinfo`), by size. */
const shapes: readonly Shape[] = [
  { objectBytes: 112, objectsPerSlab: 36, pages: 1 },
  { objectBytes: 136, objectsPerSlab: 29, pages: 1 },
  { objectBytes: 192, objectsPerSlab: 21, pages: 1 },
  { objectBytes: 272, objectsPerSlab: 15, pages: 1 },
  { objectBytes: 320, objectsPerSlab: 12, pages: 1 },
  { objectBytes: 384, objectsPerSlab: 10, pages: 1 },
  { objectBytes: 704, objectsPerSlab: 11, pages: 2 },
  { objectBytes: 744, objectsPerSlab: 5, pages: 1 },
  { objectBytes: 848, objectsPerSlab: 9, pages: 2 },
];

/** Bytes that an object counts for on average: the shapes are dealt out evenly. */
export const objectBytesMean = shapes.reduce((sum, { objectBytes }) => sum + objectBytes, 0) / shapes.length;

/** Objects of each cache that a timed removal finds in the quarantine. */
const removedPerCache = 4;

export interface ProgramSizes {
  /** Caches that live throughout. */
  readonly caches: number;
  /** Bytes that the global quarantine may hold. */
  readonly quarantineBytes: number;
  /** Objects in use between rounds; what is freed is drawn from them, so more of them make it colder. */
  readonly liveObjects: number;
  /** Objects that a round allocates, and then frees, each time. `roundObjects * repetitions` is at most 30,000. */
  readonly roundObjects: number;
  /** Times that a round does so. Of several, the first only warms the caches up and is not timed. At least 1. */
  readonly repetitions: number;
  /** Removals of a round. Of several, the first only warms the caches up and is not timed. 1 to 64. */
  readonly removals: number;
  readonly seed: number;
}

/** Events `first` to `end - 1` of a chunk, which are run and timed together. */
export interface Range {
  readonly operation: "set-up" | "allocate" | "put" | "remove";
  readonly first: number;
  readonly end: number;
}

/** Encoded events, valid until the next chunk is asked for. The ranges cover them in order. */
export interface Chunk {
  readonly bytes: Uint8Array;
  readonly ranges: readonly Range[];
}

/** Produces the program chunk by chunk. */
export class Program {
  readonly limits: WorkloadLimits;
  readonly #sizes: ProgramSizes;
  readonly #random: Random;
  readonly #writer = new EventWriter();
  /** Object index and cache of each live object, in two parallel lists. */
  readonly #liveObject: number[] = [];
  readonly #liveCache: number[] = [];
  /** Free object indices, oldest first. A ring: they lie from `#taken` on, and come back at `#returned`. */
  readonly #freeObjects: Uint32Array;
  #taken = 0;
  #returned = 0;
  #ranges: Range[] = [];
  #begun = 0;
  #putCount = 0;

  constructor(sizes: ProgramSizes) {
    this.#sizes = sizes;
    this.#random = new Random(sizes.seed);
    const objects = sizes.liveObjects + 2 * chunkEventsMax;
    this.#freeObjects = Uint32Array.from({ length: objects }, (_, index) => index);
    const caches = sizes.caches + sizes.removals;
    const liveMax = sizes.liveObjects + chunkEventsMax;
    const slabBytes = Math.max(...shapes.map((shape) => shape.pages * 4096));
    const bytesPerObject = Math.max(...shapes.map((shape) => (shape.pages * 4096) / shape.objectsPerSlab));
    this.limits = {
      events: 0,
      caches,
      objects,
      cgroups: 0,
      superblocks: 0,
      tasks: 1,
      liveBytesMax: liveMax * bytesPerObject,
      // Full slabs of the largest objects, and a few empty or partly used ones per cache.
      slabBytesMax: liveMax * bytesPerObject + caches * 6 * slabBytes,
    };
  }

  /** Objects put so far, up to the end of the last chunk. */
  get putCount(): number {
    return this.#putCount;
  }

  /** Creates the caches, allocates what lives, and puts as many bytes as the quarantine holds and half as many again. */
  *fill(): Generator<Chunk> {
    const { caches, liveObjects, quarantineBytes, roundObjects } = this.#sizes;
    for (let cache = 0; cache < caches; cache++) {
      if (this.#writer.room === 0) yield this.#chunk("set-up");
      this.#create(cache);
    }
    yield this.#chunk("set-up");
    for (let count = 0; count < liveObjects; count++) {
      if (this.#writer.room === 0) yield this.#chunk("set-up");
      this.#allocate(this.#random.below(caches));
    }
    if (liveObjects > 0) yield this.#chunk("set-up");
    let bytes = 0;
    while (bytes < 1.5 * quarantineBytes + 2 * 1024 * 1024) {
      for (let count = 0; count < roundObjects; count++) this.#allocate(this.#random.below(caches));
      this.#endRange("set-up");
      for (let count = 0; count < roundObjects; count++) bytes += this.#freeAny();
      yield this.#chunk("set-up");
    }
  }

  /** One round: allocations and puts, and then removals of caches that hold a few quarantined objects each. */
  round(): Chunk {
    const { caches, removals, repetitions, roundObjects } = this.#sizes;
    for (let repetition = 0; repetition < repetitions; repetition++) {
      const warmUp = repetition === 0 && repetitions > 1;
      for (let count = 0; count < roundObjects; count++) this.#allocate(this.#random.below(caches));
      this.#endRange(warmUp ? "set-up" : "allocate");
      for (let count = 0; count < roundObjects; count++) this.#freeAny();
      this.#endRange(warmUp ? "set-up" : "put");
    }
    for (let index = 0; index < removals; index++) {
      this.#create(caches + index);
      for (let count = 0; count < removedPerCache; count++) this.#allocate(caches + index);
      for (let count = 0; count < removedPerCache; count++) this.#free(this.#liveObject.length - 1);
    }
    this.#endRange("set-up");
    for (let index = 0; index < removals; index++) {
      if (index === 1) this.#endRange("set-up");
      this.#writer.add(kindCacheDestroy, 0, caches + index, 0, 0);
    }
    return this.#chunk("remove");
  }

  /** Objects that the removals of one range look at, when the first one finds `quarantined` objects. */
  walked(quarantined: number, { first, end }: Range): number {
    const removals = end - first;
    return removals * quarantined - (removedPerCache * removals * (removals - 1)) / 2;
  }

  #shapeOf(cache: number): Shape {
    return shapes[cache % shapes.length] as Shape;
  }

  #create(cache: number): void {
    const { objectBytes, objectsPerSlab, pages } = this.#shapeOf(cache);
    this.#writer.add(kindCacheCreate, objectsPerSlab, cache, objectBytes, pages);
  }

  #allocate(cache: number): void {
    const object = this.#freeObjects[this.#taken] as number;
    this.#taken = (this.#taken + 1) % this.#freeObjects.length;
    this.#writer.add(kindObjectAllocate, object, cache, 0, 0);
    this.#liveObject.push(object);
    this.#liveCache.push(cache);
  }

  #freeAny(): number {
    return this.#free(this.#random.below(this.#liveObject.length));
  }

  /** Frees the live object at a position and returns the bytes that it counts for. */
  #free(position: number): number {
    const object = this.#liveObject[position] as number;
    const cache = this.#liveCache[position] as number;
    const lastObject = this.#liveObject.pop() as number;
    const lastCache = this.#liveCache.pop() as number;
    if (position < this.#liveObject.length) {
      this.#liveObject[position] = lastObject;
      this.#liveCache[position] = lastCache;
    }
    this.#writer.add(kindObjectFree, object, cache, 0, 0);
    this.#freeObjects[this.#returned] = object;
    this.#returned = (this.#returned + 1) % this.#freeObjects.length;
    this.#putCount++;
    return this.#shapeOf(cache).objectBytes;
  }

  #endRange(operation: Range["operation"]): void {
    const end = chunkEventsMax - this.#writer.room;
    this.#ranges.push({ operation, first: this.#begun, end });
    this.#begun = end;
  }

  #chunk(operation: Range["operation"]): Chunk {
    this.#endRange(operation);
    const ranges = this.#ranges;
    this.#ranges = [];
    this.#begun = 0;
    for (const bytes of this.#writer.flush()) return { bytes, ranges };
    throw new Error("a chunk without events");
  }
}
