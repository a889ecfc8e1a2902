// Dead caches are marked, and no free that began before the mark puts a slab on a CPU's list after the flush. Two forms:
//
// grace-period (the default): a free looks at the mark before it freezes a slab, and has preemption off; offline marks, waits
// for a grace period, so for all frees in flight, and then shrinks. Follows Vladimir Davydov's patches of June 2014 on
// linux-mm (withdrawn in July). In Linux 4.7 and later there is a wait at the same place, but frees go on freezing slabs and
// drain them: that is `self-drain` with `wait`.
// poison: no wait. The flush closes each CPU's list with a value that is no slab; a free that would put a slab there finds it
// in the very compare-and-exchange that publishes, and gives the slab to the node instead. His first version, May 2014.
//
// Costs. grace-period: a grace period per cache under slab_mutex; a free on a dead cache takes the node's lock
// where a slab gets its first free object or its last. poison: an interrupt for every CPU per cache. All: a locked
// instruction on the count per slab.
// Memory: a dead cache goes with its last object.
// The constant has a third value, without any wait: the race itself, for whoever wants to see it found.
// In the grace-period form statistics are written after the object is back, as in Linux, and the cache is freed a grace period
// after its last slab. With poison frees can be preempted, and nothing of the cache is touched once the object is back.

import { cpu, storeRelaxed32 } from "../machine/impl";
import { headPageOf } from "../slab/page";
import { slubAllocate, slubCountFree, slubFree } from "../slab/slub";
import { keepNoEmpty, SlubCpu, slubCacheOf, slubCpuOf } from "../slab/slub-cache";
import { flushDone, flushedCache, slubFlushCpu, slubShrinkNode } from "../slab/slub-shrink";
import { count } from "../statistics";
import { mutexLock, mutexUnlock } from "../sync/mutex";
import { rcuReadLock, rcuReadUnlock, synchronizeRcu } from "../sync/rcu";
import {
  firstCloneOf,
  flush,
  flushOwn,
  freeAfterGrace,
  freeLater,
  isDeadClone,
  markDead,
  nextCloneOf,
  shrink,
} from "./clone";
import { CountedPolicy, destroyCounted, putCounted } from "./counted";
import { counterGraceWaits, counterShrinks } from "./counters";
import { cacheOfIndex, rcuDomain, slabMutex } from "./region";

export { createCounted as createCache } from "./counted";
export { background, createMemcg, finish, globalBytes, initialise } from "./stateless";

const formPoison: u32 = 0;
const formGracePeriod: u32 = 1;
/** 0: poison; 1: grace-period; 2: marks and does not wait, which leaks. */
const form: u32 = isDefined(LAB_FORM) ? LAB_FORM : 1;
/** What a closed list of a CPU holds: no address of a slab. */
const closed: u32 = 1;

@unmanaged
class Policy extends CountedPolicy {
  mayFreeze(): bool {
    return form === formPoison || !isDeadClone(changetype<usize>(this));
  }

  isClosed(partial: usize): bool {
    return form === formPoison && partial === usize(closed);
  }

  slabLeft(): void {
    putCounted(changetype<usize>(this), release);
  }
}

/** Nothing refers to the cache any more but frees that have begun. */
function release(cache: usize): void {
  if (form === formPoison) freeLater(cache);
  else freeAfterGrace(cache);
}

/** Interrupt: gives up what this CPU has of a cache, and closes the list. */
function closeHere(request: usize): void {
  const cache = flushedCache(request);
  slubFlushCpu<Policy>(cache, cpu());
  storeRelaxed32(slubCpuOf(cache, cpu()) + offsetof<SlubCpu>("partial"), closed);
  flushDone(request);
}

export function destroyCache(index: u32): void {
  destroyCounted<Policy>(index, release);
}

export function allocate(index: u32): usize {
  return slubAllocate<Policy>(cacheOfIndex(index));
}

export function free(object: usize): void {
  if (form === formPoison) {
    const slab = headPageOf(object);
    const cache = slubCacheOf(slab);
    slubCountFree(cache);
    slubFree<Policy>(cache, slab, object);
    return;
  }
  // Pairs with the grace period between mark and flush, and with the one before the cache is freed.
  rcuReadLock();
  const slab = headPageOf(object);
  const cache = slubCacheOf(slab);
  slubFree<Policy>(cache, slab, object);
  slubCountFree(cache);
  rcuReadUnlock();
}

function waitForFrees(): void {
  count(counterGraceWaits);
  synchronizeRcu(rcuDomain());
}

export function offlineCaches(memcg: usize): void {
  mutexLock(slabMutex());
  let cache = firstCloneOf(memcg);
  while (cache !== 0) {
    const next = nextCloneOf(cache);
    keepNoEmpty(cache);
    markDead(cache);
    if (form === formPoison) close(cache);
    else {
      if (form === formGracePeriod) waitForFrees();
      shrink<Policy>(cache);
    }
    putCounted(cache, release);
    cache = next;
  }
  mutexUnlock(slabMutex());
}

/** Closes the list of every CPU and gives back what is empty. */
function close(cache: usize): void {
  count(counterShrinks);
  flush<Policy>(cache, closeHere.index, true);
  slubShrinkNode<Policy>(cache);
}

export function flushCpu(cache: usize): void {
  if (cache !== 0) flushOwn<Policy>(cache);
}
