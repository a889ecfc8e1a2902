// What a simulated case's objects are held against: how many the workload says are live, and where each of those is that
// the notes tell of.

import type { QuarantineExports } from "../build/quarantine.ts";
import { ViolationError } from "../errors.ts";
import {
  eventAOffset,
  eventGroupOffset,
  eventKindOffset,
  eventSize,
  kindBogoOp,
  kindCacheCreate,
  kindObjectAllocate,
  kindObjectFree,
} from "../kernel/events.ts";

/** What the workload's events make of caches and objects. */
export class Ledger {
  /** By cache. */
  readonly #live: Int32Array;
  readonly #sizes: Float64Array;
  bogoOps = 0;

  constructor(caches: number) {
    this.#live = new Int32Array(caches);
    this.#sizes = new Float64Array(caches);
  }

  add(chunk: DataView, isMeasuredPart: boolean): void {
    for (let offset = 0; offset < chunk.byteLength; offset += eventSize) {
      const kind = chunk.getUint16(offset + eventKindOffset, true);
      const cache = chunk.getUint32(offset + eventGroupOffset, true);
      if (kind === kindObjectAllocate) this.#live[cache] = (this.#live[cache] as number) + 1;
      else if (kind === kindObjectFree) this.#live[cache] = (this.#live[cache] as number) - 1;
      else if (kind === kindCacheCreate) this.#sizes[cache] = chunk.getUint32(offset + eventAOffset, true);
      else if (kind === kindBogoOp && isMeasuredPart) this.bogoOps++;
    }
  }

  /** Objects and bytes in use that are not live. */
  held(instance: QuarantineExports): { readonly objects: number; readonly bytes: number } {
    let objects = 0;
    let bytes = 0;
    for (const [cache, live] of this.#live.entries()) {
      if (instance.isCachePresent(cache) === 0) continue;
      const count = instance.usedObjectsOf(cache) - live;
      objects += count;
      bytes += count * (this.#sizes[cache] as number);
    }
    return { objects, bytes };
  }
}

/** The slab substrate gives each object a line of its own to begin in (`src/kernel/slab/cache.ts`). */
const lineShift = 6;

/**
 * The freed objects that wait, by address. An object comes once, when it is put, and leaves once: nothing is freed twice,
 * and no memory is handed out and freed again while it waits.
 */
export class WaitingObjects {
  /** By line: 1 while an object that begins there waits. */
  readonly #waits = new Uint8Array(2 ** (32 - lineShift));
  #count = 0;
  #comingTwice = 0;

  /** The quarantine was offered an object. */
  come(object: number): void {
    const line = object >>> lineShift;
    // Perhaps it was refused the last time, and freed at once: only the end tells (`check`).
    if (this.#waits[line] === 1) this.#comingTwice++;
    else this.#count++;
    this.#waits[line] = 1;
  }

  /**
   * The quarantine is about to free an object.
   *
   * @throws {ViolationError} when it does not wait
   */
  leave(object: number): void {
    const line = object >>> lineShift;
    if (this.#waits[line] !== 1) {
      throw new ViolationError(
        `the object at ${object >>> 0} is freed although it does not wait: freed twice, or never put`,
      );
    }
    this.#waits[line] = 0;
    this.#count--;
  }

  /**
   * Compares it with the slabs, at the end of a case in which every object was taken and its leaving noted.
   *
   * @param held objects that are in use and not live
   * @throws {ViolationError} when objects were lost, or handed out while they waited
   */
  check(held: number): void {
    if (this.#comingTwice > 0) {
      throw new ViolationError(
        `${this.#comingTwice} objects were put again while they waited: their memory was handed out`,
      );
    }
    if (this.#count !== held) {
      throw new ViolationError(`${this.#count} objects wait, and ${held} are in use in their slabs and not live`);
    }
  }
}
