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

import { slubAllocate } from "../slab/slub";
import { cpuPartialOf, keepNoEmpty, setCpuPartial } from "../slab/slub-cache";
import { flushDone, slubOnCpus } from "../slab/slub-shrink";
import { countMany } from "../statistics";
import { mutexLock, mutexUnlock } from "../sync/mutex";
import { firstCloneOf, flushOwn, freeAfterGrace, freeCountedFirst, markDead, nextCloneOf, shrink } from "./clone";
import { CountedPolicy, destroyCounted, putCounted } from "./counted";
import { counterInterrupts } from "./counters";
import { cacheOfIndex, slabMutex } from "./region";

export { createCounted as createCache } from "./counted";
export { background, createMemcg, finish, globalBytes, initialise } from "./stateless";

@unmanaged
class Policy extends CountedPolicy {
  drainsAtOnce(): bool {
    return cpuPartialOf(changetype<usize>(this)) === 0;
  }

  slabLeft(): void {
    putCounted(changetype<usize>(this), freeAfterGrace);
  }
}

/** Interrupt: all that it is for is that the CPU has taken it. */
function kick(request: usize): void {
  flushDone(request);
}

export function destroyCache(index: u32): void {
  destroyCounted<Policy>(index, freeAfterGrace);
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
    setCpuPartial(cache, 0);
    keepNoEmpty(cache);
    // Every CPU sees the marks from here on: an interrupt orders what it does afterwards.
    countMany(counterInterrupts, slubOnCpus(cache, kick.index, true));
    shrink<Policy>(cache);
    putCounted(cache, freeAfterGrace);
    cache = next;
  }
  mutexUnlock(slabMutex());
}

export function flushCpu(cache: usize): void {
  if (cache !== 0) flushOwn<Policy>(cache);
}
