// Dead caches keep nothing: a free that puts a slab on its CPU's list looks whether the cache is dead and, if so, moves the
// list to the node at once.
//
// Follows d6e0b7fa1186 ("slub: make dead caches discard free slabs immediately", Linux 4.0): cpu_partial and min_partial
// become 0 by plain stores, something makes every CPU see that, then the cache is shrunk. put_cpu_partial() has preemption off from
// the publication of the slab to the end of the drain. A free that publishes after the flush sees the mark, for it looks later.
// What makes them see it, by `wait`. kick (the default): kick_all_cpus_sync(), Linux 4.0 to 4.6. sched: synchronize_sched() for
// each cache under slab_mutex, 4.7 to 4.9. sched-once: one for all caches of the cgroup, outside of slab_mutex, 4.10.
//
// Costs. offline: for each cache an interrupt for every CPU, or a grace period, under slab_mutex, or one for all, then flushes. A free on a dead cache that freezes
// a slab takes the node's lock at once; others as on a live cache. Each slab that comes or goes: a locked instruction.
// Memory: a dead cache goes with its last object.
// Differs from Linux: there the last page gives back the cgroup, whose end destroys the caches; here the caches count their
// slabs, and are freed a grace period after the last, for the look at the mark comes after the publication.

import { slubAllocate } from "../slab/slub";
import { cpuPartialOf } from "../slab/slub-cache";
import { flushDone, slubOnCpus } from "../slab/slub-shrink";
import { count, countMany } from "../statistics";
import { mutexLock, mutexUnlock } from "../sync/mutex";
import { synchronizeRcu } from "../sync/rcu";
import {
  firstCloneOf,
  flushOwn,
  freeAfterGrace,
  freeCountedFirst,
  keepNothing,
  markDead,
  nextCloneOf,
  shrink,
} from "./clone";
import { CountedPolicy, destroyCounted, putCounted } from "./counted";
import { counterGraceWaits, counterInterrupts } from "./counters";
import { cacheOfIndex, rcuDomain, slabMutex } from "./region";

export { createCounted as createCache } from "./counted";
export { background, createMemcg, finish, globalBytes, initialise } from "./stateless";

const waitKick: u32 = 0;
const waitSchedOnce: u32 = 2;
/** 0: kick; 1: sched; 2: sched-once. */
const wait: u32 = isDefined(LAB_WAIT) ? LAB_WAIT : 0;

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

function mark(cache: usize): void {
  markDead(cache);
  keepNothing(cache);
}

/** Every CPU sees the marks from here on: an interrupt orders what it does afterwards, and so does a grace period. */
function showMarks(cache: usize): void {
  if (wait === waitKick) {
    countMany(counterInterrupts, slubOnCpus(cache, kick.index, true));
    return;
  }
  count(counterGraceWaits);
  synchronizeRcu(rcuDomain());
}

export function offlineCaches(memcg: usize): void {
  mutexLock(slabMutex());
  if (wait === waitSchedOnce && firstCloneOf(memcg) !== 0) {
    for (let cache = firstCloneOf(memcg); cache !== 0; cache = nextCloneOf(cache)) mark(cache);
    mutexUnlock(slabMutex());
    showMarks(0);
    mutexLock(slabMutex());
  }
  let cache = firstCloneOf(memcg);
  while (cache !== 0) {
    const next = nextCloneOf(cache);
    if (wait !== waitSchedOnce) {
      mark(cache);
      showMarks(cache);
    }
    shrink<Policy>(cache);
    putCounted(cache, freeAfterGrace);
    cache = next;
  }
  mutexUnlock(slabMutex());
}

export function flushCpu(cache: usize): void {
  if (cache !== 0) flushOwn<Policy>(cache);
}
