// Caches count their slabs, and the page that is given back last has a worker destroy the cache. Empty slabs stay where they
// are.
//
// Follows nr_pages of memcg_cache_params and the work item of Linux 3.8 to 3.15 (mem_cgroup_destroy_cache()), and why it did not work (Vladimir Davydov, linux-mm, 2014): a dead cache keeps up to
// min_partial empty slabs on its node, and each CPU some on its list, for nobody allocates from it any more.
//
// Costs. offline as in keep-dead, and a locked instruction per cache. Each slab that comes or goes: one on the count.
// Memory: dead caches with hidden empty slabs, for good.

import { slubAllocate } from "../slab/slub";
import { mutexLock, mutexUnlock } from "../sync/mutex";
import { firstCloneOf, flushOwn, freeCountedFirst, freeLater, markDead, nextCloneOf, shrink } from "./clone";
import { CountedPolicy, destroyCounted, putCounted } from "./counted";
import { cacheOfIndex, slabMutex } from "./region";

export { createCounted as createCache } from "./counted";
export { background, createMemcg, finish, globalBytes, initialise } from "./stateless";

@unmanaged
class Policy extends CountedPolicy {
  slabLeft(): void {
    putCounted(changetype<usize>(this), freeLater);
  }
}

export function destroyCache(index: u32): void {
  destroyCounted<Policy>(index, freeLater);
}

export function allocate(index: u32): usize {
  return slubAllocate<Policy>(cacheOfIndex(index));
}

export function free(object: usize): void {
  freeCountedFirst<Policy>(object);
}

export function offlineCaches(memcg: usize): void {
  mutexLock(slabMutex());
  let cache = firstCloneOf(memcg);
  while (cache !== 0) {
    const next = nextCloneOf(cache);
    markDead(cache);
    shrink<Policy>(cache);
    putCounted(cache, freeLater);
    cache = next;
  }
  mutexUnlock(slabMutex());
}

export function flushCpu(cache: usize): void {
  if (cache !== 0) flushOwn<Policy>(cache);
}
