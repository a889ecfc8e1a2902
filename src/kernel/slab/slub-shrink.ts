// What is empty in a SLUB cache goes back: flushing the CPUs, and shrinking.
//
// Follows flush_all(), __flush_cpu_slab() and __kmem_cache_shrink() of mm/slub.c (Linux 4.0). An interrupt gives no pages
// back, for their cache's owner would count that there; it puts empty slabs on the node's list, from which whoever flushes
// takes them next.
// Called with interrupts on. Ends when every interrupted CPU has taken its interrupt; whoever waits takes those of others.

import {
  add32,
  cpu,
  cpus,
  deliver,
  enter,
  interrupt,
  irqOff,
  irqOn,
  leave,
  load32,
  pause,
  preemptOff,
  preemptOn,
  storeRelaxed32,
  taskStack,
} from "../machine/impl";
import { flushAll as flushAllSymbol, kmemCacheShrink as kmemCacheShrinkSymbol } from "../symbols";
import {
  firstPartial,
  lockNode,
  nextSlabOf,
  removePartial,
  SlubCpu,
  setNextSlab,
  slubCpuOf,
  slubSlabs,
  unlockNode,
} from "./slub-cache";
import { deactivateSlab, unfreezePartials } from "./slub-partial";
import { discardSlabs, SlubPolicy } from "./slub-slab";
import { inUseOf, wordOf } from "./slub-word";

/** What a flush hands to the CPUs. On the stack of the task that flushes. */
@unmanaged
class Flush {
  cache: u32 = 0;
  /** CPUs that have not done it yet. */
  pending: u32 = 0;
}

if (offsetof<Flush>() !== 8) ERROR("Flush must be 8 bytes");

/** The cache that an interrupt is to flush. */
export function flushedCache(request: usize): usize {
  return load32(request + offsetof<Flush>("cache"));
}

/** Says that this CPU has done what it was interrupted for. */
export function flushDone(request: usize): void {
  add32(request + offsetof<Flush>("pending"), u32(-1));
}

/** Gives up what a CPU has of a cache: this CPU with interrupts off, or one that runs nothing. Empty slabs stay on the node's list. */
export function slubFlushCpu<P extends SlubPolicy>(cache: usize, target: u32): void {
  const part = slubCpuOf(cache, target);
  deactivateSlab<P>(cache, part, true);
  unfreezePartials<P>(cache, part, true);
}

/** Whether a CPU has something of a cache. A hint, unless it is this CPU's. */
function hasCpu(cache: usize, target: u32): bool {
  const part = slubCpuOf(cache, target);
  return load32(part + offsetof<SlubCpu>("slab")) !== 0 || load32(part + offsetof<SlubCpu>("partial")) !== 0;
}

/**
 * Has CPUs run `work(request)` with interrupts off, and waits until they have; `work` ends by `flushDone(request)`.
 *
 * @param onAll whether CPUs are asked that have nothing of the cache, too
 * @returns how many other CPUs were interrupted
 */
export function slubOnCpus(cache: usize, work: u32, onAll: bool): u32 {
  enter(flushAllSymbol);
  const request = taskStack();
  const pending = request + offsetof<Flush>("pending");
  storeRelaxed32(request + offsetof<Flush>("cache"), cache as u32);
  storeRelaxed32(pending, 1);
  let sent: u32 = 0;
  preemptOff();
  for (let target: u32 = 0; target < cpus(); target++) {
    if (target === cpu() || (!onAll && !hasCpu(cache, target))) continue;
    add32(pending, 1);
    interrupt(target, work, request);
    sent++;
  }
  irqOff();
  call_indirect<void>(work, request);
  irqOn();
  preemptOn();
  while (load32(pending) !== 0) {
    pause();
    deliver();
  }
  leave();
  return sent;
}

/** Gives back what is empty on the node's list. Returns whether slabs are left; nobody may have given back the last one meanwhile. */
export function slubShrinkNode<P extends SlubPolicy>(cache: usize): bool {
  enter(kmemCacheShrinkSymbol);
  let empty: usize = 0;
  lockNode(cache);
  let slab = firstPartial(cache);
  while (slab !== 0) {
    const next = nextSlabOf(slab);
    // A slab on the list that is empty stays so: nobody takes objects out of it but under the lock.
    if (inUseOf(wordOf(slab)) === 0) {
      removePartial(cache, slab);
      setNextSlab(slab, empty);
      empty = slab;
    }
    slab = next;
  }
  unlockNode(cache);
  discardSlabs<P>(cache, empty);
  const isLeft = slubSlabs(cache) !== 0;
  leave();
  return isLeft;
}
