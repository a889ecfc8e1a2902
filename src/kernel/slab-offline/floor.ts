// The floor: no cgroup has a cache and nothing is charged, so that what is measured is the allocator and the harness.
//
// As Linux without accounting of kernel memory (cgroup.memory=nokmem): objects of all cgroups come from the root caches, and
// nothing happens when a cgroup goes. Never a solution: nobody knows whose memory is whose.

import { cpu } from "../machine/impl";
import { headPageOf } from "../slab/page";
import { slubAllocate, slubCountFree, slubFree } from "../slab/slub";
import { slubCacheOf } from "../slab/slub-cache";
import { flushDone, flushedCache, slubFlushCpu } from "../slab/slub-shrink";
import { SlubPolicy } from "../slab/slub-slab";
import { mutexLock, mutexUnlock } from "../sync/mutex";
import { bind, flushOwn, freeCache, isRootShared, makeCache, rootFor, shrink } from "./clone";
import { cacheOfIndex, setCacheOfIndex, slabMutex } from "./region";

@unmanaged
class Policy extends SlubPolicy {}

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
  const cache =
    memcg === 0
      ? makeCache(index, 0, objectSize, slotSize, objectsPerSlab, order)
      : rootFor(objectSize, slotSize, objectsPerSlab, order);
  if (cache !== 0) bind(index, cache);
  mutexUnlock(slabMutex());
  return cache !== 0;
}

export function destroyCache(index: u32): void {
  mutexLock(slabMutex());
  const cache = cacheOfIndex(index);
  if (cache !== 0) {
    if (isRootShared(cache)) setCacheOfIndex(index, 0);
    else if (!shrink<Policy>(cache, flushHere.index)) freeCache(cache);
  }
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

export function offlineCaches(_memcg: usize): void {}

export function background(): void {}

export function finish(): bool {
  return false;
}

export function flushCpu(cache: usize): void {
  if (cache !== 0) flushOwn<Policy>(cache);
}
