// What a CPU has of a SLUB cache and gives up: its active slab and its list of partial slabs.
//
// Follows put_cpu_partial(), unfreeze_partials() and deactivate_slab() of mm/slub.c (Linux 4.0). All but `putCpuPartial`
// are called with interrupts off, on the CPU itself or for one that runs nothing. Blocking for as long as the lock of the
// node is held.

import {
  compareExchange32,
  cpu,
  enter,
  irqOff,
  irqOn,
  leave,
  load32,
  load64,
  preemptOff,
  preemptOn,
  storeRelaxed32,
  storeRelaxed64,
} from "../machine/impl";
import {
  deactivateSlab as deactivateSlabSymbol,
  putCpuPartial as putCpuPartialSymbol,
  unfreezePartials as unfreezePartialsSymbol,
} from "../symbols";
import { Page } from "./page";
import {
  addFull,
  addPartial,
  cpuPartialOf,
  lockNode,
  minPartialOf,
  nextSlabOf,
  partialCountOf,
  removeFull,
  removePartial,
  SlubCpu,
  setNextSlab,
  slubCpuOf,
  unlockNode,
} from "./slub-cache";
import { discardSlab, discardSlabs, SlubPolicy } from "./slub-slab";
import {
  exchangeWord,
  freelistOf,
  frozenBit,
  inUseOf,
  inUseOne,
  nextFree,
  objectsOf,
  setNextFree,
  withFreelist,
  wordOf,
} from "./slub-word";

/** One more in the upper half of a CPU's word. */
const tidOne: u64 = 1 << 32;

/** A CPU's word with another freelist, and a tid that tells it apart. */
export function advanced(word: u64, freelist: usize): u64 {
  return ((word + tidOne) & ~u64(0xffff_ffff)) | u64(freelist);
}

/** Changes a CPU's freelist, with interrupts off. */
export function setFreelist(part: usize, freelist: usize): void {
  // A fast path that was preempted finds another tid.
  storeRelaxed64(part, advanced(load64(part), freelist));
}

function partialCellOf(part: usize): usize {
  return part + offsetof<SlubCpu>("partial");
}

/** Takes the mark off that a CPU has the slab. Returns the word as it is then. */
function unfreeze(slab: usize): u64 {
  while (true) {
    const seen = wordOf(slab);
    if (exchangeWord(slab, seen, seen & ~frozenBit)) return seen & ~frozenBit;
  }
}

/** Gives a frozen slab with free objects to the node, or back if it is empty. The cache may be gone afterwards. */
function giveToNode<P extends SlubPolicy>(cache: usize, slab: usize): void {
  lockNode(cache);
  const word = unfreeze(slab);
  const isLeft = inUseOf(word) === 0 && partialCountOf(cache) >= minPartialOf(cache);
  if (!isLeft) addPartial(cache, slab);
  unlockNode(cache);
  if (isLeft) discardSlab<P>(cache, slab);
}

/**
 * Puts a slab that this CPU has frozen on its list.
 *
 * @param drains whether a list that is long enough goes to the node first
 */
export function putCpuPartial<P extends SlubPolicy>(cache: usize, slab: usize, drains: bool): void {
  enter(putCpuPartialSymbol);
  preemptOff();
  const part = slubCpuOf(cache, cpu());
  const cell = partialCellOf(part);
  while (true) {
    let first: usize = load32(cell);
    if (changetype<P>(cache).isClosed(first)) {
      giveToNode<P>(cache, slab);
      preemptOn();
      leave();
      return;
    }
    let objects: u32 = 0;
    let slabs: u32 = 0;
    if (first !== 0) {
      objects = load32(first + offsetof<Page>("partialObjects"));
      slabs = load32(first + offsetof<Page>("partialSlabs"));
      if (drains && objects > cpuPartialOf(cache)) {
        irqOff();
        unfreezePartials<P>(cache, part, false);
        irqOn();
        first = 0;
        objects = 0;
        slabs = 0;
      }
    }
    const word = wordOf(slab);
    storeRelaxed32(slab + offsetof<Page>("partialSlabs"), slabs + 1);
    storeRelaxed32(slab + offsetof<Page>("partialObjects"), objects + objectsOf(word) - inUseOf(word));
    setNextSlab(slab, first);
    // An interrupt may have flushed the list meanwhile.
    if (compareExchange32(cell, first as u32, slab as u32) === (first as u32)) break;
  }
  if (changetype<P>(cache).drainsAtOnce()) {
    irqOff();
    unfreezePartials<P>(cache, part, false);
    irqOn();
  }
  preemptOn();
  leave();
}

/**
 * Moves a CPU's list to the node.
 *
 * @param keepsEmpty whether empty slabs stay, too: where it is an interrupt that does this
 */
export function unfreezePartials<P extends SlubPolicy>(cache: usize, part: usize, keepsEmpty: bool): void {
  const cell = partialCellOf(part);
  let slab: usize = load32(cell);
  if (slab === 0 || changetype<P>(cache).isClosed(slab)) return;
  enter(unfreezePartialsSymbol);
  let empty: usize = 0;
  lockNode(cache);
  while (slab !== 0) {
    const next = nextSlabOf(slab);
    storeRelaxed32(cell, next as u32);
    const word = unfreeze(slab);
    if (!keepsEmpty && inUseOf(word) === 0 && partialCountOf(cache) >= minPartialOf(cache)) {
      setNextSlab(slab, empty);
      empty = slab;
    } else addPartial(cache, slab);
    slab = next;
  }
  unlockNode(cache);
  discardSlabs<P>(cache, empty);
  leave();
}

/** Where a slab is while it is being given up. */
const onNoList: u32 = 0;
const onPartial: u32 = 1;
const onFull: u32 = 2;

/** Gives up a CPU's active slab, with all of its free objects. `keepsEmpty` as above. */
export function deactivateSlab<P extends SlubPolicy>(cache: usize, part: usize, keepsEmpty: bool): void {
  const slab: usize = load32(part + offsetof<SlubCpu>("slab"));
  if (slab === 0) return;
  enter(deactivateSlabSymbol);
  let object = freelistOf(load64(part));
  storeRelaxed32(part + offsetof<SlubCpu>("slab"), 0);
  setFreelist(part, 0);
  // All but the last go back one by one; the slab stays frozen meanwhile.
  for (let next: usize = object === 0 ? 0 : nextFree(object); next !== 0; next = nextFree(object)) {
    while (true) {
      const seen = wordOf(slab);
      setNextFree(object, freelistOf(seen));
      if (exchangeWord(slab, seen, withFreelist(seen, object) - inUseOne)) break;
    }
    object = next;
  }
  deactivateLast<P>(cache, slab, object, keepsEmpty);
  leave();
}

/** The last object goes back together with the mark, so that the slab is on the right list when it is not frozen any more. */
function deactivateLast<P extends SlubPolicy>(cache: usize, slab: usize, object: usize, keepsEmpty: bool): void {
  let list = onNoList;
  let isLocked = false;
  let isEmpty = false;
  while (true) {
    const seen = wordOf(slab);
    let word = seen & ~frozenBit;
    if (object !== 0) {
      setNextFree(object, freelistOf(seen));
      word = withFreelist(word, object) - inUseOne;
    }
    isEmpty = inUseOf(word) === 0 && !keepsEmpty && partialCountOf(cache) >= minPartialOf(cache);
    let wanted = onNoList;
    if (!isEmpty) {
      if (freelistOf(word) !== 0) wanted = onPartial;
      else if (changetype<P>(cache).keepsFull()) wanted = onFull;
    }
    if (wanted !== onNoList && !isLocked) {
      lockNode(cache);
      isLocked = true;
    }
    if (list !== wanted) {
      if (list === onPartial) removePartial(cache, slab);
      else if (list === onFull) removeFull(cache, slab);
      if (wanted === onPartial) addPartial(cache, slab);
      else if (wanted === onFull) addFull(cache, slab);
      list = wanted;
    }
    if (exchangeWord(slab, seen, word)) break;
  }
  if (isLocked) unlockNode(cache);
  if (isEmpty) discardSlab<P>(cache, slab);
}
