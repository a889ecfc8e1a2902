// Descriptors of SLUB's caches, and the lists of slabs on their node.
//
// Follows struct kmem_cache, kmem_cache_cpu and kmem_cache_node of include/linux/slub_def.h and mm/slab.h (Linux 4.0 to
// 5.9), with one NUMA node. A descriptor is one block of whole lines: what is mostly read, the node, two lines for whoever
// stands on this allocator, and a line per CPU.

import { cpuCount, lineSize } from "../layout";
import { add32, load32, storeRelaxed32 } from "../machine/impl";
import { acquireIrqOff, releaseIrqOn } from "../sync/spin-lock";
import { Page } from "./page";

@unmanaged
export class SlubCache {
  /** Bytes that one object counts for. Written at creation. */
  objectSize: u32 = 0;
  /** Distance between objects in memory. Written at creation. */
  slotSize: u32 = 0;
  /** Objects of one slab, at most 32767. Written at creation. */
  objectsPerSlab: u32 = 0;
  /** log2 of the pages of one slab. Written at creation. */
  order: u32 = 0;
  /** Slabs that the node's list may have before empty ones are given back. Read under the node's lock. */
  minPartial: u32 = 0;
  /** Free objects that a CPU's list of partial slabs may have before it is moved to the node. */
  cpuPartial: u32 = 0;
  /** The owner's name for the cache. */
  index: u32 = 0;
  /** Free for the owner. */
  owner: u32 = 0;
  pad0: u64 = 0;
  pad1: u64 = 0;
  pad2: u64 = 0;
  pad3: u64 = 0;
  /** Guards the node's lists. */
  listLock: u32 = 0;
  /** Slabs of the partial list. Under `listLock`; also read without, as a hint. */
  partialCount: u32 = 0;
  /** First slab of the partial list, or 0. Under `listLock`. */
  partialFirst: u32 = 0;
  /** Last slab of the partial list, or 0. Under `listLock`. */
  partialLast: u32 = 0;
  /** First slab of the list of full slabs, or 0; empty where full slabs are on no list. Under `listLock`. */
  fullFirst: u32 = 0;
  pad4: u32 = 0;
  pad5: u64 = 0;
  pad6: u64 = 0;
  pad7: u64 = 0;
  pad8: u64 = 0;
  /** Slabs of the cache, wherever they are. Any CPU. */
  slabCount: u32 = 0;
  pad9: u32 = 0;
}

if (offsetof<SlubCache>() !== 128) ERROR("SlubCache must fill two 64-byte lines");

/** What a CPU has of a cache: its line. */
@unmanaged
export class SlubCpu {
  /** First free object that the CPU alone hands out, or 0. One 64-bit word with `tid`. */
  freelist: u32 = 0;
  /** Counts what happened to `freelist` and `slab`, so that who was preempted finds out. */
  tid: u32 = 0;
  /** The active slab, frozen, or 0. With interrupts off. */
  slab: u32 = 0;
  /** First of the CPU's frozen partial slabs, or 0. */
  partial: u32 = 0;
  /** Allocations and frees on this CPU: statistics (CONFIG_SLUB_STATS). A preempted task may lose one. */
  allocated: u32 = 0;
  freed: u32 = 0;
  /** For a counter of the owner. */
  owner: u32 = 0;
  pad0: u32 = 0;
  pad1: u64 = 0;
  pad2: u64 = 0;
  pad3: u64 = 0;
  pad4: u64 = 0;
}

if (offsetof<SlubCpu>() !== 64) ERROR("SlubCpu must fill one 64-byte line");

/** Bytes that a cache's owner has in its descriptor. */
export const ownerBytes: u32 = 128;
const cpusAt: usize = offsetof<SlubCache>() + usize(ownerBytes);

/** Bytes of a descriptor. */
export function slubCacheBytes(): u32 {
  return (cpusAt + usize(cpuCount) * offsetof<SlubCpu>()) as u32;
}

/** Address of the two lines of a descriptor that are its owner's. Zero when the cache is made. */
export function ownerPartOf(cache: usize): usize {
  return cache + offsetof<SlubCache>();
}

/** Address of what a CPU has of a cache. */
export function slubCpuOf(cache: usize, target: u32): usize {
  return cache + cpusAt + usize(target) * offsetof<SlubCpu>();
}

/** Bytes between what two CPUs have. */
export const slubCpuStride: usize = lineSize;

export function orderOf(cache: usize): u32 {
  return load32(cache + offsetof<SlubCache>("order"));
}

/** Bytes that one object counts for. */
export function slubObjectSize(cache: usize): u32 {
  return load32(cache + offsetof<SlubCache>("objectSize"));
}

/** The owner's name for the cache. */
export function slubIndexOf(cache: usize): u32 {
  return load32(cache + offsetof<SlubCache>("index"));
}

/** Slabs of a cache. Exact while nobody allocates or frees. */
export function slubSlabs(cache: usize): u32 {
  return load32(cache + offsetof<SlubCache>("slabCount"));
}

/** Counts slabs that come or go. Returns how many there were. */
export function countSlabs(cache: usize, change: u32): u32 {
  return add32(cache + offsetof<SlubCache>("slabCount"), change);
}

/** Takes the lock of the node's lists, with interrupts off. */
export function lockNode(cache: usize): void {
  acquireIrqOff(cache + offsetof<SlubCache>("listLock"));
}

export function unlockNode(cache: usize): void {
  releaseIrqOn(cache + offsetof<SlubCache>("listLock"));
}

export function minPartialOf(cache: usize): u32 {
  return load32(cache + offsetof<SlubCache>("minPartial"));
}

/** From now on the node gives every empty slab back that a free leaves. */
export function keepNoEmpty(cache: usize): void {
  // Under the lock, where it is read: whoever takes the lock later gives back what is empty.
  lockNode(cache);
  storeRelaxed32(cache + offsetof<SlubCache>("minPartial"), 0);
  unlockNode(cache);
}

export function cpuPartialOf(cache: usize): u32 {
  return load32(cache + offsetof<SlubCache>("cpuPartial"));
}

export function setCpuPartial(cache: usize, objects: u32): void {
  storeRelaxed32(cache + offsetof<SlubCache>("cpuPartial"), objects);
}

/** Slabs of the node's partial list. */
export function partialCountOf(cache: usize): u32 {
  return load32(cache + offsetof<SlubCache>("partialCount"));
}

export function firstPartial(cache: usize): usize {
  return load32(cache + offsetof<SlubCache>("partialFirst"));
}

export function nextSlabOf(slab: usize): usize {
  return load32(slab + offsetof<Page>("next"));
}

export function setNextSlab(slab: usize, next: usize): void {
  storeRelaxed32(slab + offsetof<Page>("next"), next as u32);
}

function changePartialCount(cache: usize, change: u32): void {
  storeRelaxed32(cache + offsetof<SlubCache>("partialCount"), partialCountOf(cache) + change);
}

/** Puts a slab at the end of the node's partial list. Under its lock. */
export function addPartial(cache: usize, slab: usize): void {
  const last: usize = load32(cache + offsetof<SlubCache>("partialLast"));
  setNextSlab(slab, 0);
  storeRelaxed32(slab + offsetof<Page>("previous"), last as u32);
  if (last === 0) storeRelaxed32(cache + offsetof<SlubCache>("partialFirst"), slab as u32);
  else setNextSlab(last, slab);
  storeRelaxed32(cache + offsetof<SlubCache>("partialLast"), slab as u32);
  changePartialCount(cache, 1);
}

/** Takes a slab off the node's partial list. Under its lock. */
export function removePartial(cache: usize, slab: usize): void {
  const next = nextSlabOf(slab);
  const previous: usize = load32(slab + offsetof<Page>("previous"));
  if (previous === 0) storeRelaxed32(cache + offsetof<SlubCache>("partialFirst"), next as u32);
  else setNextSlab(previous, next);
  if (next === 0) storeRelaxed32(cache + offsetof<SlubCache>("partialLast"), previous as u32);
  else storeRelaxed32(next + offsetof<Page>("previous"), previous as u32);
  changePartialCount(cache, u32(-1));
}

export function firstFull(cache: usize): usize {
  return load32(cache + offsetof<SlubCache>("fullFirst"));
}

/** Puts a slab on the list of full ones. Under the node's lock. */
export function addFull(cache: usize, slab: usize): void {
  const first = firstFull(cache);
  setNextSlab(slab, first);
  storeRelaxed32(slab + offsetof<Page>("previous"), 0);
  if (first !== 0) storeRelaxed32(first + offsetof<Page>("previous"), slab as u32);
  storeRelaxed32(cache + offsetof<SlubCache>("fullFirst"), slab as u32);
}

/** Takes a slab off the list of full ones. Under the node's lock. */
export function removeFull(cache: usize, slab: usize): void {
  const next = nextSlabOf(slab);
  const previous: usize = load32(slab + offsetof<Page>("previous"));
  if (previous === 0) storeRelaxed32(cache + offsetof<SlubCache>("fullFirst"), next as u32);
  else setNextSlab(previous, next);
  if (next !== 0) storeRelaxed32(next + offsetof<Page>("previous"), previous as u32);
}

/** The cache that a slab belongs to. */
export function slubCacheOf(slab: usize): usize {
  return load32(slab + offsetof<Page>("cache"));
}
