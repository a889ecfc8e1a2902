// SLUB: objects of one size from slabs of whole pages, handed out and freed without a lock where that is possible.
//
// Follows mm/slub.c of Linux 4.0 to 5.9 (slab_alloc_node(), __slab_alloc(), get_partial_node(), acquire_slab(),
// get_freelist(), slab_free(), __slab_free()) on machines with a double-word compare-and-exchange. A slab is full (on no
// list), partial (on its node's list), frozen as the active slab of a CPU, frozen on a CPU's list of partial slabs, or
// empty. Its cache is found through its page's descriptor.
//
// Costs. Allocation and free on the CPU's active slab: one compare-and-exchange on the CPU's own line; the kernel's needs no
// lock prefix there, ours has one. Other frees: one on the slab's descriptor; the node's lock where a slab comes to have its
// first free object or its last.
// Lock-free but for the node's lock. Any task may allocate and free on any CPU at any time, with interrupts on, and may be
// preempted anywhere; not from interrupt handlers.
// Left out: NUMA, debugging, bulk operations, freelist pointers that are disguised, tasks that change their CPU, and the
// sorting of the node's list by a shrink.

import {
  compareExchange64,
  cpu,
  enter,
  irqOff,
  irqOn,
  leave,
  load32,
  load64,
  objectAllocated,
  objectFreed,
  storeRelaxed32,
} from "../machine/impl";
import {
  getPartialNode as getPartialNodeSymbol,
  slabAlloc as slabAllocSymbol,
  slabFree as slabFreeSymbol,
} from "../symbols";
import { acquireInIrqOff, releaseInIrqOff } from "../sync/spin-lock";
import { headPageOf } from "./page";
import {
  addFull,
  addPartial,
  cpuPartialOf,
  firstPartial,
  lockNode,
  minPartialOf,
  nextSlabOf,
  partialCountOf,
  removeFull,
  removePartial,
  SlubCache,
  SlubCpu,
  slubCpuOf,
  unlockNode,
} from "./slub-cache";
import { advanced, putCpuPartial, setFreelist } from "./slub-partial";
import { discardSlab, makeSlab, SlubPolicy } from "./slub-slab";
import {
  exchangeWord,
  freelistOf,
  frozenBit,
  inUseOf,
  inUseOne,
  isFrozen,
  nextFree,
  objectsOf,
  setNextFree,
  withAllTaken,
  withFreelist,
  wordOf,
} from "./slub-word";

/** Empty slabs that a node keeps: MIN_PARTIAL. */
const minPartialDefault: u32 = isDefined(LAB_MIN_PARTIAL) ? LAB_MIN_PARTIAL : 5;

/** As kmem_cache_open() has it, by the size of objects. */
function cpuPartialFor(bytes: u32): u32 {
  if (bytes >= 4096) return 2;
  if (bytes >= 1024) return 6;
  return bytes >= 256 ? 13 : 30;
}

/**
 * Makes a cache in zeroed memory of `slubCacheBytes()` bytes.
 *
 * @param objectSize bytes that an object counts for
 * @param slotSize distance between objects; a multiple of 8, at least 64
 * @param objectsPerSlab at most what fits into the pages, and 32767
 * @param order log2 of the pages of one slab
 * @param index the owner's name for it
 */
export function slubCreate(
  cache: usize,
  objectSize: u32,
  slotSize: u32,
  objectsPerSlab: u32,
  order: u32,
  index: u32,
): void {
  storeRelaxed32(cache + offsetof<SlubCache>("objectSize"), objectSize);
  storeRelaxed32(cache + offsetof<SlubCache>("slotSize"), slotSize);
  storeRelaxed32(cache + offsetof<SlubCache>("objectsPerSlab"), objectsPerSlab);
  storeRelaxed32(cache + offsetof<SlubCache>("order"), order);
  storeRelaxed32(cache + offsetof<SlubCache>("minPartial"), minPartialDefault);
  storeRelaxed32(cache + offsetof<SlubCache>("cpuPartial"), cpuPartialFor(slotSize));
  storeRelaxed32(cache + offsetof<SlubCache>("index"), index);
}

function slabCellOf(part: usize): usize {
  return part + offsetof<SlubCpu>("slab");
}

/** Takes an object out of a cache, or returns 0 when the arena is full. */
export function slubAllocate<P extends SlubPolicy>(cache: usize): usize {
  const part = slubCpuOf(cache, cpu());
  let object: usize = 0;
  while (true) {
    const seen = load64(part);
    object = freelistOf(seen);
    if (object === 0) {
      enter(slabAllocSymbol);
      irqOff();
      object = allocateHere<P>(cache, part);
      irqOn();
      leave();
      if (object === 0) return 0;
      break;
    }
    // Somebody may have taken the object since; the exchange fails then, because of the tid.
    const next = nextFree(object);
    if (compareExchange64(part, seen, advanced(seen, next)) === seen) break;
  }
  objectAllocated(object);
  const counted = part + offsetof<SlubCpu>("allocated");
  storeRelaxed32(counted, load32(counted) + 1);
  return object;
}

/** With interrupts off: whoever preempted this task may have changed everything. */
function allocateHere<P extends SlubPolicy>(cache: usize, part: usize): usize {
  let slab: usize = load32(slabCellOf(part));
  let object: usize = slab === 0 ? 0 : freelistOf(load64(part));
  while (true) {
    if (slab !== 0) {
      if (object === 0) object = takeFreelist<P>(cache, slab);
      if (object !== 0) {
        setFreelist(part, nextFree(object));
        return object;
      }
      storeRelaxed32(slabCellOf(part), 0);
      setFreelist(part, 0);
    }
    slab = load32(part + offsetof<SlubCpu>("partial"));
    if (slab !== 0 && !changetype<P>(cache).isClosed(slab)) {
      storeRelaxed32(part + offsetof<SlubCpu>("partial"), nextSlabOf(slab) as u32);
    } else {
      object = getPartialNode<P>(cache);
      if (object === 0) object = makeSlab<P>(cache);
      if (object === 0) return 0;
      slab = headPageOf(object);
    }
    storeRelaxed32(slabCellOf(part), slab as u32);
    setFreelist(part, 0);
  }
}

/** Takes all free objects of the active slab. When there are none, the slab is full and nobody's. */
function takeFreelist<P extends SlubPolicy>(cache: usize, slab: usize): usize {
  const keepsFull = changetype<P>(cache).keepsFull();
  if (keepsFull) lockNode(cache);
  let object: usize = 0;
  while (true) {
    const seen = wordOf(slab);
    object = freelistOf(seen);
    const word = object === 0 ? seen & ~frozenBit : withAllTaken(seen);
    if (exchangeWord(slab, seen, word)) break;
  }
  if (keepsFull) {
    if (object === 0) addFull(cache, slab);
    unlockNode(cache);
  }
  return object;
}

/** Takes the first slab off the node's list, frozen, and returns its free objects; more slabs go to the CPU's list. */
function getPartialNode<P extends SlubPolicy>(cache: usize): usize {
  if (partialCountOf(cache) === 0) return 0;
  enter(getPartialNodeSymbol);
  const lock = cache + offsetof<SlubCache>("listLock");
  acquireInIrqOff(lock);
  let object: usize = 0;
  let available: u32 = 0;
  let slab = firstPartial(cache);
  while (slab !== 0) {
    const next = nextSlabOf(slab);
    const seen = wordOf(slab);
    const isFirst = object === 0;
    const word = (isFirst ? withAllTaken(seen) : seen) | frozenBit;
    // Fails when a remote free comes in between.
    if (!exchangeWord(slab, seen, word)) break;
    removePartial(cache, slab);
    available += objectsOf(seen) - inUseOf(seen);
    if (isFirst) object = freelistOf(seen);
    else putCpuPartial<P>(cache, slab, false);
    if (!changetype<P>(cache).mayFreeze() || available > cpuPartialOf(cache) / 2) break;
    slab = next;
  }
  releaseInIrqOff(lock);
  leave();
  return object;
}

/**
 * Puts an object back into its slab. Once it is there, the cache may go: whoever needs it longer keeps it.
 *
 * @param slab the object's, of the cache
 */
export function slubFree<P extends SlubPolicy>(cache: usize, slab: usize, object: usize): void {
  objectFreed(object);
  const part = slubCpuOf(cache, cpu());
  while (true) {
    // Before the slab: it tells whether what follows is still so.
    const seen = load64(part);
    if (load32(slabCellOf(part)) !== (slab as u32)) break;
    setNextFree(object, freelistOf(seen));
    if (compareExchange64(part, seen, advanced(seen, object)) === seen) return;
  }
  enter(slabFreeSymbol);
  freeSlowly<P>(cache, slab, object);
  leave();
}

function freeSlowly<P extends SlubPolicy>(cache: usize, slab: usize, object: usize): void {
  let isLocked = false;
  let seen: u64 = 0;
  let word: u64 = 0;
  while (true) {
    if (isLocked) {
      unlockNode(cache);
      isLocked = false;
    }
    seen = wordOf(slab);
    setNextFree(object, freelistOf(seen));
    word = withFreelist(seen, object) - inUseOne;
    const isFull = freelistOf(seen) === 0;
    if (!isFrozen(seen) && (isFull || inUseOf(word) === 0)) {
      if (isFull && changetype<P>(cache).mayFreeze()) word |= frozenBit;
      else {
        // The slab comes to a list or leaves one.
        lockNode(cache);
        isLocked = true;
      }
    }
    if (exchangeWord(slab, seen, word)) break;
  }
  if (!isLocked) {
    if (isFrozen(word) && !isFrozen(seen)) putCpuPartial<P>(cache, slab, true);
    return;
  }
  const wasFull = freelistOf(seen) === 0;
  const isEmpty = inUseOf(word) === 0 && partialCountOf(cache) >= minPartialOf(cache);
  if (wasFull) {
    if (changetype<P>(cache).keepsFull()) removeFull(cache, slab);
    if (!isEmpty) addPartial(cache, slab);
  } else if (isEmpty) removePartial(cache, slab);
  unlockNode(cache);
  if (isEmpty) discardSlab<P>(cache, slab);
}

/** Counts a free on this CPU. The cache must be there. */
export function slubCountFree(cache: usize): void {
  const counted = slubCpuOf(cache, cpu()) + offsetof<SlubCpu>("freed");
  storeRelaxed32(counted, load32(counted) + 1);
}
