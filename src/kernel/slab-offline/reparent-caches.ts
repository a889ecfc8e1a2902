// The caches themselves come to the parent cgroup: one pointer each, and the dying cgroup is free of them. A dead cache goes
// with its last slab.
//
// Follows Roman Gushchin's series of Linux 5.3 (memcg_deactivate_kmem_caches(), memcg_reparent_kmem_caches(),
// kmemcg_cache_deactivate() of mm/slab_common.c): a page knows its cache, the cache its cgroup; a reference count per CPU and
// cache, one reference a slab, killed when the cache is deactivated. cpu_partial and min_partial become 0, and the cache is
// shrunk by a worker a grace period later, nobody waits for it. put_cpu_partial() drains at once as in 4.0.
//
// Costs. offline: under slab_mutex, some stores per cache. Later, per cache: a grace period, a flush and a shrink, another
// grace period for the count. A slab that comes or goes: a count on this CPU, until the cache is dead. Frees as in self-drain.
// Memory: a dead cache until its last slab goes; no dying cgroup.
// Differs from Linux: the cache is freed a grace period after the last reference, see self-drain.

import { defer, storeRelaxed32 } from "../machine/impl";
import { slubAllocate } from "../slab/slub";
import { cpuPartialOf } from "../slab/slub-cache";
import { SlubPolicy } from "../slab/slub-slab";
import { count } from "../statistics";
import { mutexLock, mutexUnlock } from "../sync/mutex";
import { percpuRefGet, percpuRefKill, percpuRefPut } from "../sync/percpu-ref";
import { callRcu, rcuReadLock, rcuReadUnlock } from "../sync/rcu";
import {
  bind,
  Clone,
  cacheOfRef,
  chargeSlab,
  cloneOf,
  firstCloneOf,
  flushOwn,
  freeAfterGrace,
  freeCache,
  freeCountedFirst,
  initialiseRef,
  isDeadClone,
  isRoot,
  keepNothing,
  linkTo,
  makeCache,
  markDead,
  nextCloneOf,
  refOf,
  shrink,
  slabBytes,
} from "./clone";
import { counterReparented } from "./counters";
import { Memcg, memcgGet, memcgPut, parentOf } from "./memcg";
import { cacheOfIndex, rcuDomain, slabMutex } from "./region";

export { background, createMemcg, finish, globalBytes, initialise } from "./stateless";

@unmanaged
class Policy extends SlubPolicy {
  drainsAtOnce(): bool {
    return cpuPartialOf(changetype<usize>(this)) === 0;
  }

  takeSlab(slab: usize): bool {
    const cache = changetype<usize>(this);
    chargeNow(cache, slabBytes(slab));
    if (!isRoot(cache)) percpuRefGet(refOf(cache));
    return true;
  }

  leaveSlab(slab: usize): void {
    chargeNow(changetype<usize>(this), -slabBytes(slab));
  }

  slabLeft(): void {
    const cache = changetype<usize>(this);
    if (!isRoot(cache)) percpuRefPut(refOf(cache));
  }
}

/** Charges the cgroup that the cache has now, or takes the charge back. */
function chargeNow(cache: usize, bytes: u32): void {
  // The cgroup may be going: what is read here is there until the section ends. Charges count at the parent either way.
  rcuReadLock();
  chargeSlab(cache, bytes);
  rcuReadUnlock();
}

/** The last reference is gone. */
function released(ref: usize): void {
  freeAfterGrace(cacheOfRef(ref));
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
  if (cache !== 0) {
    initialiseRef(cache, released.index);
    bind(index, cache);
  }
  mutexUnlock(slabMutex());
  return cache !== 0;
}

export function destroyCache(index: u32): void {
  mutexLock(slabMutex());
  const cache = cacheOfIndex(index);
  if (cache !== 0) {
    const isLeft = shrink<Policy>(cache);
    if (isRoot(cache)) {
      if (!isLeft) freeCache(cache);
    } else if (!isDeadClone(cache)) {
      markDead(cache);
      percpuRefKill(refOf(cache), 0);
    }
  }
  mutexUnlock(slabMutex());
}

export function allocate(index: u32): usize {
  return slubAllocate<Policy>(cacheOfIndex(index));
}

export function free(object: usize): void {
  freeCountedFirst<Policy>(object);
}

export function offlineCaches(memcg: usize): void {
  mutexLock(slabMutex());
  for (let cache = firstCloneOf(memcg); cache !== 0; cache = nextCloneOf(cache)) {
    if (isDeadClone(cache)) continue;
    markDead(cache);
    keepNothing(cache);
    callRcu(rcuDomain(), cloneOf(cache) + offsetof<Clone>("head0"), deactivateLater.index, cache);
  }
  reparent(memcg, parentOf(memcg));
  mutexUnlock(slabMutex());
}

/** Moves all caches of a cgroup to its parent. Under slab_mutex. */
function reparent(memcg: usize, parent: usize): void {
  let cache = firstCloneOf(memcg);
  storeRelaxed32(memcg + offsetof<Memcg>("caches"), 0);
  while (cache !== 0) {
    const next = nextCloneOf(cache);
    memcgGet(parent);
    linkTo(parent, cache);
    memcgPut(memcg);
    count(counterReparented);
    cache = next;
  }
}

/** A grace period after the marks: no free that has not seen them is still on its way. */
function deactivateLater(cache: usize): void {
  defer(cloneOf(cache) + offsetof<Clone>("work0"), deactivate.index, cache, 0);
}

function deactivate(cache: usize): void {
  mutexLock(slabMutex());
  shrink<Policy>(cache);
  percpuRefKill(refOf(cache), 0);
  mutexUnlock(slabMutex());
}

export function flushCpu(cache: usize): void {
  if (cache !== 0) flushOwn<Policy>(cache);
}
