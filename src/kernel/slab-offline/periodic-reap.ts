// As keep-dead, and a timer that shrinks all dead caches and destroys those that are empty.
//
// Follows what was proposed on linux-mm in 2014 before the patches for SLUB, and what SLAB does for its own lists
// (cache_reap() of mm/slab.c, every 2 s): nothing on the way of a free, and a delay instead.
//
// Costs. offline as in keep-dead. Every `reapNs`: for each dead cache a flush and a look at the node's list, under slab_mutex.
// Memory: dead caches until the timer comes after their last object.
// The timer runs on the CPU whose event boundary first finds dead caches and no timer, and is set again in the same way.

import { compareExchange32, defer, deferredWorkSize, load32, storeRelaxed32 } from "../machine/impl";
import { slubAllocate } from "../slab/slub";
import { mutexLock, mutexUnlock } from "../sync/mutex";
import { ChargedPolicy } from "./charged";
import {
  Clone,
  cloneOf,
  firstCloneOf,
  flushOwn,
  freeCache,
  freeCountedFirst,
  isDeadClone,
  markDead,
  nextCloneOf,
  shrink,
} from "./clone";
import { cacheOfIndex, slabMutex, variantBase } from "./region";

export { createClone as createCache } from "./clone";
export { createMemcg, initialise } from "./stateless";

/** How long after an event boundary that finds dead caches they are looked at. */
const reapNs: u64 = u64(isDefined(LAB_REAP_MS) ? LAB_REAP_MS : 2000) * 1_000_000;

@unmanaged
class Reaper {
  /** First dead cache, or 0. Under slab_mutex; event boundaries look at it. */
  first: u32 = 0;
  /** 1 while a timer is set. Any CPU. */
  isSet: u32 = 0;
  work0: u64 = 0;
  work1: u64 = 0;
  work2: u64 = 0;
  pad0: u64 = 0;
  pad1: u64 = 0;
  pad2: u64 = 0;
  pad3: u64 = 0;
}

if (offsetof<Reaper>() !== 64) ERROR("Reaper must fill one 64-byte line");
if (offsetof<Reaper>("pad0") - offsetof<Reaper>("work0") !== deferredWorkSize) ERROR("the work must fit");

export function globalBytes(): usize {
  return offsetof<Reaper>();
}

function firstCell(): usize {
  return variantBase() + offsetof<Reaper>("first");
}

function nextCell(cache: usize): usize {
  return cloneOf(cache) + offsetof<Clone>("nextDead");
}

export function destroyCache(index: u32): void {
  mutexLock(slabMutex());
  const cache = cacheOfIndex(index);
  // A dead one is left to the timer.
  if (cache !== 0 && !isDeadClone(cache) && !shrink<ChargedPolicy>(cache)) freeCache(cache);
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
    else {
      storeRelaxed32(nextCell(cache), load32(firstCell()));
      storeRelaxed32(firstCell(), cache as u32);
    }
    cache = next;
  }
  mutexUnlock(slabMutex());
}

/** Shrinks all dead caches. Returns whether one went. */
function reap(): bool {
  let isAnyGone = false;
  mutexLock(slabMutex());
  let cell = firstCell();
  let cache: usize = load32(cell);
  while (cache !== 0) {
    if (shrink<ChargedPolicy>(cache)) cell = nextCell(cache);
    else {
      storeRelaxed32(cell, load32(nextCell(cache)));
      freeCache(cache);
      isAnyGone = true;
    }
    cache = load32(cell);
  }
  mutexUnlock(slabMutex());
  return isAnyGone;
}

function reapLater(_argument: usize): void {
  const isSet = variantBase() + offsetof<Reaper>("isSet");
  reap();
  storeRelaxed32(isSet, 0);
}

export function background(): void {
  if (load32(firstCell()) === 0) return;
  const isSet = variantBase() + offsetof<Reaper>("isSet");
  if (load32(isSet) !== 0 || compareExchange32(isSet, 0, 1) !== 0) return;
  defer(variantBase() + offsetof<Reaper>("work0"), reapLater.index, 0, reapNs);
}

export function finish(): bool {
  return reap();
}

export function flushCpu(cache: usize): void {
  if (cache !== 0) flushOwn<ChargedPolicy>(cache);
}
