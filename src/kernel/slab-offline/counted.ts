// Caches that count their slabs and go with the last one.
//
// Follows what memcg_cache_params.refcount and nr_pages were for (Linux 3.10 to 4.0, and the patches of 2014 on linux-mm):
// a reference for each slab, and one that is given back when the cgroup goes. What happens at 0 is the variant's.

import { add32 } from "../machine/impl";
import { SlubPolicy } from "../slab/slub-slab";
import { mutexLock, mutexUnlock } from "../sync/mutex";
import { decrementAndTest, refcountSet } from "../sync/refcount";
import { bind, Clone, cloneOf, freeCache, isDeadClone, isRoot, makeCache, markDead, shrink } from "./clone";
import { cacheOfIndex, slabMutex } from "./region";

function refsOf(cache: usize): usize {
  return cloneOf(cache) + offsetof<Clone>("refs");
}

/** Makes a cache with its own reference. Returns false when the memory is used up. */
export function createCounted(
  index: u32,
  memcg: usize,
  objectSize: u32,
  slotSize: u32,
  objectsPerSlab: u32,
  order: u32,
): bool {
  mutexLock(slabMutex());
  const cache = makeCache(index, memcg, objectSize, slotSize, objectsPerSlab, order);
  if (cache !== 0) {
    refcountSet(refsOf(cache), 1);
    bind(index, cache);
  }
  mutexUnlock(slabMutex());
  return cache !== 0;
}

/** A slab comes. The cache is alive, or somebody has a reference. */
export function getCounted(cache: usize): void {
  if (!isRoot(cache)) add32(refsOf(cache), 1);
}

/** Gives a reference back. Returns whether it was the last one; if not, the cache may be gone. */
export function putCounted(cache: usize): bool {
  return decrementAndTest(refsOf(cache));
}

/**
 * Destroys a cache without objects in use: what is empty goes, and with it the cache.
 *
 * @param release what happens at 0
 */
export function destroyCounted<P extends SlubPolicy>(index: u32, work: u32, release: (cache: usize) => void): void {
  mutexLock(slabMutex());
  const cache = cacheOfIndex(index);
  if (cache !== 0) {
    shrink<P>(cache, work);
    if (isRoot(cache)) freeCache(cache);
    else if (!isDeadClone(cache)) {
      markDead(cache);
      if (putCounted(cache)) release(cache);
    }
  }
  mutexUnlock(slabMutex());
}
