// Caches count their slabs, and the page that is given back last has a worker destroy the cache. Empty slabs stay where they
// are.
//
// Follows the reference count of memcg_cache_params and the work item of Linux 3.10 to 3.14
// (mem_cgroup_destroy_cache()), and why it did not work (Vladimir Davydov, linux-mm, 2014): a dead cache keeps up to
// min_partial empty slabs on its node, and each CPU some on its list, for nobody allocates from it any more.
//
// Costs. offline as in keep-dead, and a locked instruction per cache. Each slab that comes or goes: one on the count.
// Memory: dead caches with hidden empty slabs, for good.

import { cpu } from "../machine/impl";
import { headPageOf } from "../slab/page";
import { slubAllocate, slubCountFree, slubFree } from "../slab/slub";
import { slubCacheOf } from "../slab/slub-cache";
import { flushDone, flushedCache, slubFlushCpu } from "../slab/slub-shrink";
import { SlubPolicy } from "../slab/slub-slab";
import { mutexLock, mutexUnlock } from "../sync/mutex";
import {
  chargeSlab,
  firstCloneOf,
  flushOwn,
  freeLater,
  isRoot,
  markDead,
  nextCloneOf,
  shrink,
  slabBytes,
} from "./clone";
import { createCounted, destroyCounted, getCounted, putCounted } from "./counted";
import { cacheOfIndex, slabMutex } from "./region";

@unmanaged
class Policy extends SlubPolicy {
  takeSlab(slab: usize): bool {
    const cache = changetype<usize>(this);
    chargeSlab(cache, slabBytes(slab));
    getCounted(cache);
    return true;
  }

  leaveSlab(slab: usize): void {
    chargeSlab(changetype<usize>(this), -slabBytes(slab));
  }

  slabLeft(): void {
    drop(changetype<usize>(this));
  }
}

/** A slab, or its cgroup, gives its reference back. The cache may be gone afterwards. */
function drop(cache: usize): void {
  if (!isRoot(cache) && putCounted(cache)) freeLater(cache);
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
  return createCounted(index, memcg, objectSize, slotSize, objectsPerSlab, order);
}

export function destroyCache(index: u32): void {
  destroyCounted<Policy>(index, flushHere.index, freeLater);
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
    shrink<Policy>(cache, flushHere.index);
    drop(cache);
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
