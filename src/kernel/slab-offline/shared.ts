// Root caches from which objects of all cgroups come: no cgroup has one of its own that could be left behind.

import { SlubPolicy } from "../slab/slub-slab";
import { mutexLock, mutexUnlock } from "../sync/mutex";
import { bind, freeCache, isRootShared, makeCache, rootFor, shrink } from "./clone";
import { cacheOfIndex, setCacheOfIndex, slabMutex } from "./region";

/** Has objects of an index come from the root cache for such objects. Returns false when the memory is used up. */
export function createShared(
  index: u32,
  memcg: usize,
  objectSize: u32,
  slotSize: u32,
  objectsPerSlab: u32,
  order: u32,
): bool {
  mutexLock(slabMutex());
  const cache =
    memcg === 0
      ? makeCache(index, 0, objectSize, slotSize, objectsPerSlab, order)
      : rootFor(objectSize, slotSize, objectsPerSlab, order);
  if (cache !== 0) bind(index, cache);
  mutexUnlock(slabMutex());
  return cache !== 0;
}

/** No object of an index is in use any more. A cache that others share stays. */
export function destroyShared<P extends SlubPolicy>(index: u32): void {
  mutexLock(slabMutex());
  const cache = cacheOfIndex(index);
  if (cache !== 0) {
    if (isRootShared(cache)) setCacheOfIndex(index, 0);
    else if (!shrink<P>(cache)) freeCache(cache);
  }
  mutexUnlock(slabMutex());
}
