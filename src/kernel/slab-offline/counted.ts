// Caches that count their slabs and go with the last one.
//
// Follows what memcg_cache_params.refcount and nr_pages were for (Linux 3.10 to 4.0, and the patches of 2014 on linux-mm):
// a reference for each slab, and one that is given back when the cgroup goes. What happens at 0 is the variant's.

import { add32 } from "../machine/impl";
import { SlubPolicy } from "../slab/slub-slab";
import { mutexLock, mutexUnlock } from "../sync/mutex";
import { decrementAndTest, refcountSet } from "../sync/refcount";
import { ChargedPolicy } from "./charged";
import { bind, Clone, cloneOf, freeCache, isDeadClone, isRoot, makeCache, markDead, shrink } from "./clone";
import { cacheOfIndex, slabMutex } from "./region";

/** Each slab has a reference. That a slab has left the variant says: `putCounted`. */
@unmanaged
export class CountedPolicy extends ChargedPolicy {
  takeSlab(slab: usize): bool {
    super.takeSlab(slab);
    const cache = changetype<usize>(this);
    // The cache is alive, or somebody has a reference.
    if (!isRoot(cache)) add32(refsOf(cache), 1);
    return true;
  }
}

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

/** Whether a reference that is given back was the last one; if not, the cache may be gone. */
function isLastPut(cache: usize): bool {
  return decrementAndTest(refsOf(cache));
}

/**
 * A slab, or its cgroup, gives its reference back. The cache may be gone afterwards.
 *
 * @param release what happens at 0
 */
export function putCounted(cache: usize, release: (cache: usize) => void): void {
  if (!isRoot(cache) && isLastPut(cache)) release(cache);
}

/**
 * Destroys a cache without objects in use: what is empty goes, and with it the cache.
 *
 * @param release what happens at 0
 */
export function destroyCounted<P extends SlubPolicy>(index: u32, release: (cache: usize) => void): void {
  mutexLock(slabMutex());
  const cache = cacheOfIndex(index);
  if (cache !== 0) {
    shrink<P>(cache);
    if (isRoot(cache)) freeCache(cache);
    else if (!isDeadClone(cache)) {
      markDead(cache);
      if (isLastPut(cache)) release(cache);
    }
  }
  mutexUnlock(slabMutex());
}
