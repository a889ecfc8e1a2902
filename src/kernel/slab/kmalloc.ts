// Memory of any size: caches of powers of two up to 8 KiB, and whole pages above.
//
// Follows the shape of kmalloc() and kvmalloc() on SLUB (Linux 6.x): the caches' slabs have as many pages as on a
// machine with more than a few CPUs, and a block above 8 KiB is a power of two of pages. Left out: the sizes of 96 and
// 192 bytes and those below 64; per-CPU slabs, so an allocation takes its cache's lock; the fallback to vmalloc().
// Blocking for as long as a spin lock is held; any CPU may call all functions at any time.

import { lineSize, pageSize } from "../layout";
import { allocated, freed, load32, storeRelaxed32, storeRelaxed64 } from "../machine/impl";
import { allocateObject, cacheOf, cacheSize, createCache, freeObject, usedObjects } from "./cache";
import { addressOf, givePages, headPageOf, Page, takePages } from "./page";

/** log2 of the smallest and of the largest object. */
const smallestLog: u32 = 6;
const largestLog: u32 = 13;
const cacheCount: u32 = largestLog - smallestLog + 1;
/** Objects that a slab has at least, unless it would exceed `slabOrderMax`. */
const objectsPerSlab: u32 = 32;
const slabOrderMax: u32 = 3;

/** Bytes of the caches' descriptors. */
export const kmallocSize: usize = usize(cacheCount) * cacheSize;

/** log2 of the size that is handed out for so many bytes. */
function logOf(bytes: u32): u32 {
  return bytes <= (lineSize as u32) ? smallestLog : 32 - clz<u32>(bytes - 1);
}

/** log2 of the pages that are handed out for so many bytes. */
function orderOf(bytes: u32): u32 {
  const pages = (bytes + (pageSize as u32) - 1) / (pageSize as u32);
  return pages <= 1 ? 0 : 32 - clz<u32>(pages - 1);
}

/** Bytes that an allocation of so many bytes takes. */
export function kmallocBytes(bytes: u32): u32 {
  const log = logOf(bytes);
  return log <= largestLog ? (1 as u32) << log : (pageSize as u32) << orderOf(bytes);
}

/** Prepares zeroed descriptors at `caches`, which lies on a line boundary. */
export function initialiseKmalloc(caches: usize): void {
  for (let index: u32 = 0; index < cacheCount; index++) {
    const size = (1 as u32) << (smallestLog + index);
    const order = min<u32>(orderOf(size * objectsPerSlab), slabOrderMax);
    createCache(caches + usize(index) * cacheSize, size, size, ((pageSize as u32) << order) / size, order);
  }
}

/** Takes memory for so many bytes, with any contents. Returns 0 when the arena is full. */
export function kmalloc(caches: usize, bytes: u32): usize {
  const log = logOf(bytes);
  if (log <= largestLog) return allocateObject(caches + usize(log - smallestLog) * cacheSize);
  const block = takePages(orderOf(bytes));
  if (block === 0) return 0;
  storeRelaxed32(block + offsetof<Page>("cache"), 0);
  allocated(addressOf(block), pageSize << orderOf(bytes));
  return addressOf(block);
}

/** Takes memory for so many bytes, a multiple of 8, all of them 0. Returns 0 when the arena is full. */
export function kzalloc(caches: usize, bytes: u32): usize {
  const address = kmalloc(caches, bytes);
  if (address !== 0) zero(address, bytes);
  return address;
}

/** Writes zeros. Address and bytes are multiples of 8. */
export function zero(address: usize, bytes: u32): void {
  const end = address + bytes;
  for (let cell = address; cell < end; cell += 8) storeRelaxed64(cell, 0);
}

/** Gives memory of `kmalloc` back. */
export function kfree(address: usize): void {
  const cache = cacheOf(address);
  if (cache !== 0) {
    freeObject(cache, address);
    return;
  }
  const block = headPageOf(address);
  freed(address, pageSize << load32(block + offsetof<Page>("order")));
  givePages(block);
}

/** Bytes of the objects in use; blocks of whole pages are not among them. Exact while nobody allocates or frees. */
export function kmallocUsed(caches: usize): f64 {
  let bytes: f64 = 0;
  for (let index: u32 = 0; index < cacheCount; index++) {
    bytes += (usedObjects(caches + usize(index) * cacheSize) as f64) * (((1 as u32) << (smallestLog + index)) as f64);
  }
  return bytes;
}
