// Dead caches keep nothing: a free that puts a slab on its CPU's list looks whether the cache is dead and, if so, moves the
// list to the node at once.
//
// Follows d6e0b7fa1186 ("slub: make dead caches discard free slabs immediately", Linux 4.0): cpu_partial and min_partial
// become 0, kick_all_cpus_sync() makes every CPU see that, then the cache is shrunk. put_cpu_partial() has preemption off from
// the publication of the slab to the end of the drain. A free that publishes after the flush sees the mark, for it looks later.
//
// Costs. offline: under slab_mutex, for each cache an interrupt for every CPU, then a flush. A free on a dead cache that freezes
// a slab takes the node's lock at once; others as on a live cache. Each slab that comes or goes: a locked instruction.
// Memory: a dead cache goes with its last object.
// Differs from Linux: there the last page gives back the cgroup, whose end destroys the caches; here the caches count their
// slabs, and are freed a grace period after the last, for the look at the mark comes after the publication.

import { cpu } from "../machine/impl";
import { headPageOf } from "../slab/page";
import { slubAllocate, slubCountFree, slubFree } from "../slab/slub";
import { cpuPartialOf, keepNoEmpty, setCpuPartial, slubCacheOf } from "../slab/slub-cache";
import { flushDone, flushedCache, slubFlushCpu, slubOnCpus } from "../slab/slub-shrink";
import { SlubPolicy } from "../slab/slub-slab";
import { countMany } from "../statistics";
import { mutexLock, mutexUnlock } from "../sync/mutex";
import {
  chargeSlab,
  firstCloneOf,
  flushOwn,
  freeAfterGrace,
  isRoot,
  markDead,
  nextCloneOf,
  shrink,
  slabBytes,
} from "./clone";
import { createCounted, destroyCounted, getCounted, putCounted } from "./counted";
import { counterInterrupts } from "./counters";
import { cacheOfIndex, slabMutex } from "./region";

@unmanaged
class Policy extends SlubPolicy {
  drainsAtOnce(): bool {
    return cpuPartialOf(changetype<usize>(this)) === 0;
  }

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
  if (!isRoot(cache) && putCounted(cache)) freeAfterGrace(cache);
}

/** Interrupt: gives up what this CPU has of a cache. */
function flushHere(request: usize): void {
  slubFlushCpu<Policy>(flushedCache(request), cpu());
  flushDone(request);
}

/** Interrupt: all that it is for is that the CPU has taken it. */
function kick(request: usize): void {
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
  destroyCounted<Policy>(index, flushHere.index, freeAfterGrace);
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
    setCpuPartial(cache, 0);
    keepNoEmpty(cache);
    // Every CPU sees the marks from here on: an interrupt orders what it does afterwards.
    countMany(counterInterrupts, slubOnCpus(cache, kick.index, true));
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
