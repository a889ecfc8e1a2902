// The reference: caches that are not empty when their cgroup goes stay for good, and keep it.
//
// Follows mem_cgroup_destroy_all_caches() and kmem_cache_destroy_memcg_children() of mm/memcontrol.c and mm/slab_common.c
// (Linux 3.10 to 3.18), as Vladimir Davydov described the state of 2014 on linux-mm: a cache is destroyed if a shrink leaves it
// without slabs, and else nobody looks at it again.
//
// Costs. offline: under slab_mutex, for each cache a flush (an interrupt for each CPU that has something of it) and a look at
// the node's list. A free is the same on live and dead caches, without a lock where slub.ts has none.
// Memory: the dead caches with their descriptors, the slabs that they keep empty, and the cgroups.
// What is wrong with it is the point of it: the caches leak.

import { cpu } from "../machine/impl";
import { headPageOf } from "../slab/page";
import { slubAllocate, slubCountFree, slubFree } from "../slab/slub";
import { slubCacheOf } from "../slab/slub-cache";
import { flushDone, flushedCache, slubFlushCpu } from "../slab/slub-shrink";
import { SlubPolicy } from "../slab/slub-slab";
import { mutexLock, mutexUnlock } from "../sync/mutex";
import {
  bind,
  chargeSlab,
  firstCloneOf,
  flushOwn,
  freeCache,
  makeCache,
  markDead,
  nextCloneOf,
  shrink,
  slabBytes,
} from "./clone";
import { cacheOfIndex, slabMutex } from "./region";

@unmanaged
class Policy extends SlubPolicy {
  takeSlab(slab: usize): bool {
    chargeSlab(changetype<usize>(this), slabBytes(slab));
    return true;
  }

  leaveSlab(slab: usize): void {
    chargeSlab(changetype<usize>(this), -slabBytes(slab));
  }
}

/** Interrupt: gives up what this CPU has of a cache. */
function flushHere(request: usize): void {
  slubFlushCpu<Policy>(flushedCache(request), cpu());
  flushDone(request);
}

export function globalBytes(): usize {
  return 0;
}

export function initialise(): void {}

export function createMemcg(_memcg: usize): bool {
  return true;
}

export function createCache(
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

export function destroyCache(index: u32): void {
  mutexLock(slabMutex());
  const cache = cacheOfIndex(index);
  if (cache !== 0 && !shrink<Policy>(cache, flushHere.index)) freeCache(cache);
  mutexUnlock(slabMutex());
}

export function allocate(index: u32): usize {
  return slubAllocate<Policy>(cacheOfIndex(index));
}

export function free(object: usize): void {
  const slab = headPageOf(object);
  const cache = slubCacheOf(slab);
  // First: once the object is back, the cache may go.
  slubCountFree(cache);
  slubFree<Policy>(cache, slab, object);
}

export function offlineCaches(memcg: usize): void {
  mutexLock(slabMutex());
  let cache = firstCloneOf(memcg);
  while (cache !== 0) {
    const next = nextCloneOf(cache);
    markDead(cache);
    if (!shrink<Policy>(cache, flushHere.index)) freeCache(cache);
    cache = next;
  }
  mutexUnlock(slabMutex());
}

export function background(): void {}

export function finish(): bool {
  return false;
}

export function flushCpu(cache: usize): void {
  if (cache !== 0) flushOwn<Policy>(cache);
}
