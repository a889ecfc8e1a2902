// Slab caches: objects of one size, in slabs of whole pages.
//
// Follows the shape of mm/slub.c (Linux 6.x) as far as a freed object's path shows in the cost of a quarantine: an
// object's cache is found through its page's descriptor, free objects are chained through their own first word, a
// cache keeps its partly used slabs on a list, and quarantined objects count as used.
// Left out: per-CPU slabs, so every allocation and free takes the cache's lock once; NUMA nodes; merging of caches.
//
// An object is at least one 64-byte line, so that no two begin in the same one.

import { cacheTable, counterCell, counterFreed, counterLeftBehind, lineSize, pageSize } from "../layout";
import {
  checksOff,
  checksOn,
  load32,
  note,
  objectAllocated,
  objectFreed,
  read32,
  slabGone,
  slabMade,
  storeRelaxed32,
} from "../machine/impl";
import { noteLeftBehind, noteRemovalCompleted } from "../notes";
import { acquireIrqOff, releaseIrqOn } from "../sync/spin-lock";
import { addressOf, givePages, headPageOf, Page, takePages } from "./page";

/** Empty slabs that a cache keeps before it gives pages back, as `min_partial` in mm/slub.c. */
const emptySlabsMax: u32 = 5;

/** Descriptor of a cache: a line that is read, a line that is written, and a line for the problem's variant. */
@unmanaged
export class Cache {
  /** Bytes that one object counts for, KASAN's redzones included. Written at creation. */
  objectSize: u32 = 0;
  /** Distance between objects in memory. Written at creation. */
  slotSize: u32 = 0;
  /** Objects of one slab. Written at creation. */
  objectsPerSlab: u32 = 0;
  /** log2 of the pages of one slab. Written at creation. */
  order: u32 = 0;
  /** 1 while the cache exists. Under the workload's order. */
  exists: u32 = 0;
  pad0: u32 = 0;
  pad1: u64 = 0;
  pad2: u64 = 0;
  pad3: u64 = 0;
  pad4: u64 = 0;
  pad5: u64 = 0;
  /** Guards this line and the descriptors of the cache's slabs. */
  lock: u32 = 0;
  /** First partly used or empty slab, or 0. */
  partial: u32 = 0;
  /** Objects in use, quarantined ones included. */
  usedCount: u32 = 0;
  /** Slabs. */
  slabCount: u32 = 0;
  /** Slabs without a used object. */
  emptyCount: u32 = 0;
  /** First of all slabs, or 0. */
  slabs: u32 = 0;
  pad6: u64 = 0;
  pad7: u64 = 0;
  pad8: u64 = 0;
  pad9: u64 = 0;
  pad10: u64 = 0;
  /** First word of the line that belongs to the problem's variant. Zero when the cache is created. */
  variant: u32 = 0;
  pad11: u32 = 0;
  pad12: u64 = 0;
  pad13: u64 = 0;
  pad14: u64 = 0;
  pad15: u64 = 0;
  pad16: u64 = 0;
  pad17: u64 = 0;
  pad18: u64 = 0;
}

/** Bytes of a cache's descriptor. */
export const cacheSize: usize = 192;
if (offsetof<Cache>() !== 192) ERROR("Cache must fill three 64-byte lines");

/**
 * What the allocator and the quarantine keep inside an object that is not live, at its beginning. The kernel's
 * `kasan_free_meta` is the first two words: a link and the track of who freed it.
 */
@unmanaged
export class FreeObject {
  /** Next object of the list that the object is on. */
  next: u32 = 0;
  pad0: u32 = 0;
  /** `objectFree`, `objectLive` or `objectQuarantined`. */
  state: u32 = 0;
  pad1: u32 = 0;
}

/** The object lies in its slab, unused. */
export const objectFree: u32 = 0;
/** The object is in use. */
export const objectLive: u32 = 1;
/** The object was freed, and its memory is not to be used again yet. */
export const objectQuarantined: u32 = 2;

/** Descriptor of the cache with a workload's cache index. */
export function cacheAt(index: u32): usize {
  return cacheTable + usize(index) * cacheSize;
}

/** Address of the line that the problem's variant may use in a cache's descriptor. */
export function variantLineOf(cache: usize): usize {
  return cache + offsetof<Cache>("variant");
}

/** The cache that an object belongs to, found through its page as the kernel does. */
export function cacheOf(object: usize): usize {
  return load32(headPageOf(object) + offsetof<Page>("cache"));
}

/** Bytes that one object of the cache counts for. */
export function objectSizeOf(cache: usize): u32 {
  return read32(cache + offsetof<Cache>("objectSize"));
}

/** Objects of the cache in use, quarantined ones included. Exact while nobody allocates or frees. */
export function usedObjects(cache: usize): u32 {
  return load32(cache + offsetof<Cache>("usedCount"));
}

/** Bytes of the pages that the cache holds. */
export function heldBytes(cache: usize): u32 {
  return load32(cache + offsetof<Cache>("slabCount")) * ((pageSize as u32) << load32(cache + offsetof<Cache>("order")));
}

/** Whether the cache exists. */
export function cacheExists(cache: usize): bool {
  return load32(cache + offsetof<Cache>("exists")) !== 0;
}

/**
 * Creates a cache.
 *
 * @param objectSize bytes that an object counts for
 * @param slotSize distance between objects; a multiple of 8, at least 64
 * @param objectsPerSlab at most what fits into the pages
 * @param order log2 of the pages of one slab
 */
export function createCache(cache: usize, objectSize: u32, slotSize: u32, objectsPerSlab: u32, order: u32): void {
  storeRelaxed32(cache + offsetof<Cache>("objectSize"), objectSize);
  storeRelaxed32(cache + offsetof<Cache>("slotSize"), slotSize);
  storeRelaxed32(cache + offsetof<Cache>("objectsPerSlab"), objectsPerSlab);
  storeRelaxed32(cache + offsetof<Cache>("order"), order);
  storeRelaxed32(cache + offsetof<Cache>("lock"), 0);
  storeRelaxed32(cache + offsetof<Cache>("partial"), 0);
  storeRelaxed32(cache + offsetof<Cache>("usedCount"), 0);
  storeRelaxed32(cache + offsetof<Cache>("slabCount"), 0);
  storeRelaxed32(cache + offsetof<Cache>("emptyCount"), 0);
  storeRelaxed32(cache + offsetof<Cache>("slabs"), 0);
  for (let offset: usize = 0; offset < lineSize; offset += 4) storeRelaxed32(variantLineOf(cache) + offset, 0);
  storeRelaxed32(cache + offsetof<Cache>("exists"), 1);
}

/** Gives back the pages of a cache without used objects, and says that the cache is gone. */
export function destroyCache(cache: usize): void {
  // Under the lock, because whoever freed the last object may have counted it and not linked its slab yet.
  acquireIrqOff(cache + offsetof<Cache>("lock"));
  const left = load32(cache + offsetof<Cache>("usedCount"));
  if (left !== 0) {
    note(noteLeftBehind, left);
    storeRelaxed32(counterCell(counterLeftBehind), load32(counterCell(counterLeftBehind)) + left);
  }
  let slab: usize = load32(cache + offsetof<Cache>("slabs"));
  while (slab !== 0) {
    const next = load32(slab + offsetof<Page>("nextSlab"));
    releaseSlab(cache, slab);
    slab = next;
  }
  storeRelaxed32(cache + offsetof<Cache>("slabs"), 0);
  storeRelaxed32(cache + offsetof<Cache>("partial"), 0);
  storeRelaxed32(cache + offsetof<Cache>("slabCount"), 0);
  storeRelaxed32(cache + offsetof<Cache>("exists"), 0);
  releaseIrqOn(cache + offsetof<Cache>("lock"));
  note(noteRemovalCompleted, cache);
}

function releaseSlab(cache: usize, slab: usize): void {
  slabGone(addressOf(slab), pageSize << load32(cache + offsetof<Cache>("order")));
  givePages(slab);
}

function pushPartial(cache: usize, slab: usize): void {
  const first = load32(cache + offsetof<Cache>("partial"));
  storeRelaxed32(slab + offsetof<Page>("next"), first);
  storeRelaxed32(slab + offsetof<Page>("previous"), 0);
  if (first !== 0) storeRelaxed32(first + offsetof<Page>("previous"), slab as u32);
  storeRelaxed32(cache + offsetof<Cache>("partial"), slab as u32);
}

function unlinkPartial(cache: usize, slab: usize): void {
  const next = load32(slab + offsetof<Page>("next"));
  const previous = load32(slab + offsetof<Page>("previous"));
  if (previous === 0) storeRelaxed32(cache + offsetof<Cache>("partial"), next);
  else storeRelaxed32(previous + offsetof<Page>("next"), next);
  if (next !== 0) storeRelaxed32(next + offsetof<Page>("previous"), previous);
}

/** Makes a new slab and links it. Returns 0 when the arena is full. Under the cache's lock. */
function grow(cache: usize): usize {
  const slab = takePages(load32(cache + offsetof<Cache>("order")));
  if (slab === 0) return 0;
  const slotSize = load32(cache + offsetof<Cache>("slotSize"));
  const count = load32(cache + offsetof<Cache>("objectsPerSlab"));
  const base = addressOf(slab);
  slabMade(base, pageSize << load32(cache + offsetof<Cache>("order")), slotSize);
  // Chained from the last to the first, so that objects are handed out in address order.
  let next: u32 = 0;
  checksOff();
  for (let index = count; index > 0; index--) {
    const object = base + (index - 1) * slotSize;
    storeRelaxed32(object + offsetof<FreeObject>("next"), next);
    storeRelaxed32(object + offsetof<FreeObject>("state"), objectFree);
    next = object as u32;
  }
  checksOn();
  storeRelaxed32(slab + offsetof<Page>("cache"), cache as u32);
  storeRelaxed32(slab + offsetof<Page>("freeObjects"), next);
  storeRelaxed32(slab + offsetof<Page>("usedCount"), 0);
  const first = load32(cache + offsetof<Cache>("slabs"));
  storeRelaxed32(slab + offsetof<Page>("nextSlab"), first);
  storeRelaxed32(slab + offsetof<Page>("previousSlab"), 0);
  if (first !== 0) storeRelaxed32(first + offsetof<Page>("previousSlab"), slab as u32);
  storeRelaxed32(cache + offsetof<Cache>("slabs"), slab as u32);
  pushPartial(cache, slab);
  storeRelaxed32(cache + offsetof<Cache>("slabCount"), load32(cache + offsetof<Cache>("slabCount")) + 1);
  storeRelaxed32(cache + offsetof<Cache>("emptyCount"), load32(cache + offsetof<Cache>("emptyCount")) + 1);
  return slab;
}

/** Unlinks an empty slab and gives its pages back. Under the cache's lock. */
function shrink(cache: usize, slab: usize): void {
  unlinkPartial(cache, slab);
  const next = load32(slab + offsetof<Page>("nextSlab"));
  const previous = load32(slab + offsetof<Page>("previousSlab"));
  if (previous === 0) storeRelaxed32(cache + offsetof<Cache>("slabs"), next);
  else storeRelaxed32(previous + offsetof<Page>("nextSlab"), next);
  if (next !== 0) storeRelaxed32(next + offsetof<Page>("previousSlab"), previous);
  storeRelaxed32(cache + offsetof<Cache>("slabCount"), load32(cache + offsetof<Cache>("slabCount")) - 1);
  releaseSlab(cache, slab);
}

/** Takes an object out of the cache, or returns 0 when the arena is full. */
export function allocateObject(cache: usize): usize {
  acquireIrqOff(cache + offsetof<Cache>("lock"));
  let slab: usize = load32(cache + offsetof<Cache>("partial"));
  if (slab === 0) {
    slab = grow(cache);
    if (slab === 0) {
      releaseIrqOn(cache + offsetof<Cache>("lock"));
      return 0;
    }
  }
  const object = load32(slab + offsetof<Page>("freeObjects"));
  objectAllocated(object);
  const next = load32(object + offsetof<FreeObject>("next"));
  storeRelaxed32(slab + offsetof<Page>("freeObjects"), next);
  const used = load32(slab + offsetof<Page>("usedCount"));
  storeRelaxed32(slab + offsetof<Page>("usedCount"), used + 1);
  if (used === 0)
    storeRelaxed32(cache + offsetof<Cache>("emptyCount"), load32(cache + offsetof<Cache>("emptyCount")) - 1);
  if (next === 0) unlinkPartial(cache, slab);
  storeRelaxed32(object + offsetof<FreeObject>("state"), objectLive);
  storeRelaxed32(cache + offsetof<Cache>("usedCount"), load32(cache + offsetof<Cache>("usedCount")) + 1);
  releaseIrqOn(cache + offsetof<Cache>("lock"));
  return object;
}

/** Puts an object back into its slab, ready to be allocated again. */
export function freeObject(cache: usize, object: usize): void {
  const slab = headPageOf(object);
  acquireIrqOff(cache + offsetof<Cache>("lock"));
  const first = load32(slab + offsetof<Page>("freeObjects"));
  objectFreed(object);
  checksOff();
  storeRelaxed32(object + offsetof<FreeObject>("next"), first);
  storeRelaxed32(object + offsetof<FreeObject>("state"), objectFree);
  checksOn();
  storeRelaxed32(slab + offsetof<Page>("freeObjects"), object as u32);
  const used = load32(slab + offsetof<Page>("usedCount")) - 1;
  storeRelaxed32(slab + offsetof<Page>("usedCount"), used);
  storeRelaxed32(cache + offsetof<Cache>("usedCount"), load32(cache + offsetof<Cache>("usedCount")) - 1);
  if (first === 0) pushPartial(cache, slab);
  if (used === 0) {
    const empty = load32(cache + offsetof<Cache>("emptyCount"));
    if (empty >= emptySlabsMax) shrink(cache, slab);
    else storeRelaxed32(cache + offsetof<Cache>("emptyCount"), empty + 1);
  }
  countFree();
  releaseIrqOn(cache + offsetof<Cache>("lock"));
}

/** Counts a free on this CPU. Called with interrupts off. */
function countFree(): void {
  storeRelaxed32(counterCell(counterFreed), load32(counterCell(counterFreed)) + 1);
}

/** Marks a live object as freed but not reusable. */
export function markQuarantined(object: usize): void {
  storeRelaxed32(object + offsetof<FreeObject>("state"), objectQuarantined);
}
