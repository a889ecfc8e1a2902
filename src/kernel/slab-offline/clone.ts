// Caches of cgroups (clones), and what all variants that have them share: their lists, their shrinking and their end.
//
// Follows struct memcg_cache_params of mm/slab.h and memcg_create_kmem_cache(), slab_kmem_cache_release() of
// mm/slab_common.c (Linux 3.10 to 5.8). A clone has a reference to its cgroup. Lists and lifetime are under slab_mutex.
// Left out: sysfs, aliases, and caches that are made by a worker on the first allocation: here an event makes them.

import { pageSize } from "../layout";
import {
  cpu,
  cpus,
  defer,
  deferredWorkSize,
  enter,
  irqOff,
  irqOn,
  leave,
  load32,
  storeRelaxed32,
} from "../machine/impl";
import { kfree, kmallocBytes, kzalloc } from "../slab/kmalloc";
import { headPageOf, Page } from "../slab/page";
import { slubCountFree, slubCreate, slubFree } from "../slab/slub";
import {
  orderOf,
  ownerBytes,
  ownerPartOf,
  SlubCache,
  SlubCpu,
  setCpuPartial,
  slubCacheBytes,
  slubCacheOf,
  slubCpuOf,
  slubCpuStride,
  slubIndexOf,
} from "../slab/slub-cache";
import { flushDone, flushedCache, slubFlushCpu, slubOnCpus, slubShrinkNode } from "../slab/slub-shrink";
import { SlubPolicy } from "../slab/slub-slab";
import { count, countMany } from "../statistics";
import { kmemCacheCreate, kmemCacheDestroy } from "../symbols";
import { mutexLock, mutexUnlock } from "../sync/mutex";
import { percpuRefInit, percpuRefSize } from "../sync/percpu-ref";
import { callRcu, rcuHeadSize } from "../sync/rcu";
import { counterInterrupts, counterShrinks } from "./counters";
import { charge, Memcg, memcgGet, memcgPut } from "./memcg";
import { noticeGone, noticeMade } from "./oracle";
import { isAlone, kmallocCaches, rcuDomain, rootsCell, setCacheOfIndex, slabMutex } from "./region";

/** What the variants have in a cache's descriptor. */
@unmanaged
export class Clone {
  /** Address of its cgroup, or 0 for a root cache. Changed by variants that move caches. */
  memcg: u32 = 0;
  /** Address of the root cache that it stands for, or 0 where nobody needs it. Written at creation. */
  root: u32 = 0;
  /** Next cache of the cgroup, or 0. Under slab_mutex. */
  next: u32 = 0;
  /** Cache of the cgroup before this one, or 0. Under slab_mutex. */
  previous: u32 = 0;
  /** Not 0 once its cgroup is offline, or it is to go. Written under slab_mutex. */
  isDead: u32 = 0;
  /** Its slabs, and one until it is dead. Any CPU; for variants that count them. */
  refs: u32 = 0;
  /** Next dead cache, or 0. Under slab_mutex. */
  nextDead: u32 = 0;
  pad0: u32 = 0;
  /** A `sync/percpu-ref.ts`, for variants that have one. */
  ref0: u64 = 0;
  ref1: u64 = 0;
  ref2: u64 = 0;
  ref3: u64 = 0;
  ref4: u64 = 0;
  ref5: u64 = 0;
  /** For deferred work. */
  work0: u64 = 0;
  work1: u64 = 0;
  work2: u64 = 0;
  /** For a grace period. */
  head0: u64 = 0;
  head1: u64 = 0;
  pad1: u64 = 0;
}

if (offsetof<Clone>() !== usize(ownerBytes)) ERROR("Clone must fill the owner's lines");
if (offsetof<Clone>("work0") - offsetof<Clone>("ref0") !== percpuRefSize) ERROR("the count must fit");
if (offsetof<Clone>("head0") - offsetof<Clone>("work0") !== deferredWorkSize) ERROR("the work must fit");
if (offsetof<Clone>("pad1") - offsetof<Clone>("head0") !== rcuHeadSize) ERROR("the head must fit");

/** Address of what the variants have in a cache's descriptor. */
export function cloneOf(cache: usize): usize {
  return ownerPartOf(cache);
}

/** The cgroup that a cache's slabs are charged to, or 0. In an RCU section where the cache may be moved. */
export function memcgOf(cache: usize): usize {
  return load32(cloneOf(cache) + offsetof<Clone>("memcg"));
}

export function isRoot(cache: usize): bool {
  return memcgOf(cache) === 0;
}

export function isDeadClone(cache: usize): bool {
  return load32(cloneOf(cache) + offsetof<Clone>("isDead")) !== 0;
}

export function markDead(cache: usize): void {
  storeRelaxed32(cloneOf(cache) + offsetof<Clone>("isDead"), 1);
}

/**
 * CPUs and the node are to keep nothing that is empty. Plain stores, as in Linux: who calls sees to it that every CPU knows
 * before the cache is shrunk.
 */
export function keepNothing(cache: usize): void {
  setCpuPartial(cache, 0);
  storeRelaxed32(cache + offsetof<SlubCache>("minPartial"), 0);
}

/** The cache's `sync/percpu-ref.ts`, for variants that have one. */
export function refOf(cache: usize): usize {
  return cloneOf(cache) + offsetof<Clone>("ref0");
}

/** The cache whose `refOf` this is. */
export function cacheOfRef(ref: usize): usize {
  return ref - refOf(0);
}

/** Makes the count, of the CPUs' words in the cache. `released` is called with its address when the last reference is gone. */
export function initialiseRef(cache: usize, released: u32): void {
  const counters = slubCpuOf(cache, 0) + offsetof<SlubCpu>("owner");
  percpuRefInit(refOf(cache), counters, slubCpuStride, rcuDomain(), released);
}

/** Bytes of the pages of a slab. */
export function slabBytes(slab: usize): u32 {
  return (pageSize as u32) << load32(slab + offsetof<Page>("order"));
}

/** Charges a slab of a cache, or takes the charge back. */
export function chargeSlab(cache: usize, bytes: u32): void {
  const memcg = memcgOf(cache);
  if (memcg !== 0) charge(memcg, bytes);
}

/**
 * Makes a cache. Under slab_mutex, unless nobody else knows it.
 *
 * @param memcg the cgroup, or 0 for a root cache
 * @returns 0 when the memory is used up
 */
export function makeCache(
  index: u32,
  memcg: usize,
  objectSize: u32,
  slotSize: u32,
  objectsPerSlab: u32,
  order: u32,
): usize {
  enter(kmemCacheCreate);
  const cache = kzalloc(kmallocCaches(), slubCacheBytes());
  if (cache !== 0) {
    slubCreate(cache, objectSize, slotSize, objectsPerSlab, order, index);
    if (memcg !== 0) {
      memcgGet(memcg);
      linkTo(memcg, cache);
    }
  }
  leave();
  return cache;
}

/** Makes a cache for an index, one of a cgroup's own where there is one. Returns false when the memory is used up. */
export function createClone(
  index: u32,
  memcg: usize,
  objectSize: u32,
  slotSize: u32,
  objectsPerSlab: u32,
  order: u32,
): bool {
  mutexLock(slabMutex());
  const cache = makeCache(index, memcg, objectSize, slotSize, objectsPerSlab, order);
  if (cache !== 0) bind(index, cache);
  mutexUnlock(slabMutex());
  return cache !== 0;
}

/** Has objects of an index come from a cache that was made for it. */
export function bind(index: u32, cache: usize): void {
  setCacheOfIndex(index, cache);
  if (!isRoot(cache)) noticeMade(index);
}

/** Puts a cache on the list of a cgroup. The reference is the caller's business. */
export function linkTo(memcg: usize, cache: usize): void {
  const first = load32(memcg + offsetof<Memcg>("caches"));
  const clone = cloneOf(cache);
  storeRelaxed32(clone + offsetof<Clone>("memcg"), memcg as u32);
  storeRelaxed32(clone + offsetof<Clone>("next"), first);
  storeRelaxed32(clone + offsetof<Clone>("previous"), 0);
  if (first !== 0) storeRelaxed32(cloneOf(first) + offsetof<Clone>("previous"), cache as u32);
  storeRelaxed32(memcg + offsetof<Memcg>("caches"), cache as u32);
}

function unlink(cache: usize): void {
  const clone = cloneOf(cache);
  const next = load32(clone + offsetof<Clone>("next"));
  const previous = load32(clone + offsetof<Clone>("previous"));
  if (previous === 0) storeRelaxed32(memcgOf(cache) + offsetof<Memcg>("caches"), next);
  else storeRelaxed32(cloneOf(previous) + offsetof<Clone>("next"), next);
  if (next !== 0) storeRelaxed32(cloneOf(next) + offsetof<Clone>("previous"), previous);
}

/** First cache of a cgroup, or 0. Under slab_mutex. */
export function firstCloneOf(memcg: usize): usize {
  return load32(memcg + offsetof<Memcg>("caches"));
}

export function nextCloneOf(cache: usize): usize {
  return load32(cloneOf(cache) + offsetof<Clone>("next"));
}

/** Frees a cache without slabs. Under slab_mutex. */
export function freeCache(cache: usize): void {
  const memcg = memcgOf(cache);
  setCacheOfIndex(slubIndexOf(cache), 0);
  if (memcg !== 0) {
    unlink(cache);
    noticeGone(slubIndexOf(cache));
    memcgPut(memcg);
  }
  kfree(cache);
}

/** Has a worker free a cache whose last slab is gone. Does not sleep. */
export function freeLater(cache: usize): void {
  defer(cloneOf(cache) + offsetof<Clone>("work0"), freeNow.index, cache, 0);
}

function freeNow(cache: usize): void {
  enter(kmemCacheDestroy);
  mutexLock(slabMutex());
  freeCache(cache);
  mutexUnlock(slabMutex());
  leave();
}

/** The same after a grace period: frees that have begun may still look at the cache. */
export function freeAfterGrace(cache: usize): void {
  callRcu(rcuDomain(), cloneOf(cache) + offsetof<Clone>("head0"), freeLater.index, cache);
}

/** Interrupt: gives up what this CPU has of a cache. */
function flushHere<P extends SlubPolicy>(request: usize): void {
  slubFlushCpu<P>(flushedCache(request), cpu());
  flushDone(request);
}

/** Gives up what the CPUs have of a cache. `work` is an interrupt's, which ends by `flushDone`. */
export function flush<P extends SlubPolicy>(cache: usize, work: u32, onAll: bool): void {
  if (!isAlone()) {
    countMany(counterInterrupts, slubOnCpus(cache, work, onAll));
    return;
  }
  irqOff();
  for (let target: u32 = 0; target < cpus(); target++) slubFlushCpu<P>(cache, target);
  irqOn();
}

/** Gives back all that is empty in a cache. Returns whether slabs are left. Whoever calls keeps the cache. */
export function shrink<P extends SlubPolicy>(cache: usize): bool {
  count(counterShrinks);
  // The table has functions that are not generic.
  const work = (request: usize): void => flushHere<P>(request);
  flush<P>(cache, work.index, false);
  return slubShrinkNode<P>(cache);
}

/** Gives an object back to its cache, which nothing keeps meanwhile. */
export function freeCountedFirst<P extends SlubPolicy>(object: usize): void {
  const slab = headPageOf(object);
  const cache = slubCacheOf(slab);
  // First: once the object is back, the cache may go.
  slubCountFree(cache);
  slubFree<P>(cache, slab, object);
}

/** Gives up what this CPU has of a cache, as when it goes offline. */
export function flushOwn<P extends SlubPolicy>(cache: usize): void {
  irqOff();
  slubFlushCpu<P>(cache, cpu());
  irqOn();
}

/** The root cache that stands for all caches of such objects; made when there is none. Under slab_mutex. Returns 0 when the memory is used up. */
export function rootFor(objectSize: u32, slotSize: u32, objectsPerSlab: u32, order: u32): usize {
  let root: usize = load32(rootsCell());
  while (root !== 0) {
    if (
      load32(root + offsetof<SlubCache>("objectSize")) === objectSize &&
      load32(root + offsetof<SlubCache>("slotSize")) === slotSize &&
      load32(root + offsetof<SlubCache>("objectsPerSlab")) === objectsPerSlab &&
      orderOf(root) === order
    ) {
      return root;
    }
    root = nextRoot(root);
  }
  root = makeCache(u32.MAX_VALUE, 0, objectSize, slotSize, objectsPerSlab, order);
  if (root === 0) return 0;
  storeRelaxed32(root + offsetof<SlubCache>("owner"), load32(rootsCell()));
  storeRelaxed32(rootsCell(), root as u32);
  return root;
}

/** Whether a root cache stands for caches of cgroups. */
export function isRootShared(cache: usize): bool {
  return slubIndexOf(cache) === u32.MAX_VALUE;
}

export function firstRoot(): usize {
  return load32(rootsCell());
}

export function nextRoot(root: usize): usize {
  return load32(root + offsetof<SlubCache>("owner"));
}

/** Bytes of a cache's descriptor, as allocated. */
export function descriptorBytes(): u32 {
  return kmallocBytes(slubCacheBytes());
}
