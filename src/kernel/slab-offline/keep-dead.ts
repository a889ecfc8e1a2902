// The reference: caches that are not empty when their cgroup goes stay for good, and keep it.
//
// Follows memcg_unregister_all_caches() of mm/memcontrol.c (Linux 3.16 to 3.19, after 1e32e77f95d6 had taken the destruction at
// the last page away, see `refcount-destroy`), as Vladimir Davydov described the state of 2014 on linux-mm: a cache is destroyed if a shrink leaves it
// without slabs, and else nobody looks at it again.
//
// Costs. offline: under slab_mutex, for each cache a flush (an interrupt for each CPU that has something of it) and a look at
// the node's list. A free is the same on live and dead caches, without a lock where slub.ts has none.
// Memory: the dead caches with their descriptors, the slabs that they keep empty, and the cgroups.
// What is wrong with it is the point of it: the caches leak.

import { slubAllocate } from "../slab/slub";
import { mutexLock, mutexUnlock } from "../sync/mutex";
import { ChargedPolicy } from "./charged";
import { firstCloneOf, flushOwn, freeCache, freeCountedFirst, markDead, nextCloneOf, shrink } from "./clone";
import { cacheOfIndex, slabMutex } from "./region";

export { createClone as createCache } from "./clone";
export { background, createMemcg, finish, globalBytes, initialise } from "./stateless";

export function destroyCache(index: u32): void {
  mutexLock(slabMutex());
  const cache = cacheOfIndex(index);
  if (cache !== 0 && !shrink<ChargedPolicy>(cache)) freeCache(cache);
  mutexUnlock(slabMutex());
}

export function allocate(index: u32): usize {
  return slubAllocate<ChargedPolicy>(cacheOfIndex(index));
}

export function free(object: usize): void {
  freeCountedFirst<ChargedPolicy>(object);
}

export function offlineCaches(memcg: usize): void {
  mutexLock(slabMutex());
  let cache = firstCloneOf(memcg);
  while (cache !== 0) {
    const next = nextCloneOf(cache);
    markDead(cache);
    if (!shrink<ChargedPolicy>(cache)) freeCache(cache);
    cache = next;
  }
  mutexUnlock(slabMutex());
}

export function flushCpu(cache: usize): void {
  if (cache !== 0) flushOwn<ChargedPolicy>(cache);
}
