// The slabs of a dead cache come to the root cache, one by one, and the dead cache goes at once.
//
// Follows Vladimir Davydov's RFC of May 2014 on linux-mm ("slab reparenting"), which was not merged. Full slabs of caches of
// cgroups are on a list of the node, so that all slabs can be found. A free takes a reference to the cache, also when that is
// dying, as long as there is one. When there is none any more, no free of the ordinary kind is on its way and the migration has
// begun: then the free pushes the object under the slab's lock, without care for lists, unless the slab has changed its cache,
// in which case it begins anew. The migration takes what the CPUs have, splices the node's lists, and hands each slab over
// under its lock and the lock of the new node.
//
// Costs. A free: RCU, and a reference count on this CPU, on live caches, too; a slab that becomes full or stops being so, the
// node's lock; no CPU keeps partial slabs. offline: a mark per cache; later, per cache, two grace periods and O(slabs + free
// objects of CPUs).
// Memory: a dead cache for some grace periods. Its slabs stay for as long as they hold objects, in the root cache, and are
// nobody's charge then.

import { cpus, defer, enter, leave, load32, load64, objectFreed, storeRelaxed32 } from "../machine/impl";
import { headPageOf, Page } from "../slab/page";
import { slubAllocate, slubCountFree, slubFree } from "../slab/slub";
import {
  addPartial,
  countSlabs,
  firstFull,
  firstPartial,
  lockNode,
  nextSlabOf,
  removeFull,
  removePartial,
  SlubCpu,
  setNextSlab,
  slubCacheOf,
  slubCpuOf,
  unlockNode,
} from "../slab/slub-cache";
import { setFreelist } from "../slab/slub-partial";
import { discardSlab } from "../slab/slub-slab";
import {
  freelistOf,
  frozenBit,
  inUseOf,
  inUseOne,
  nextFree,
  setNextFree,
  setWord,
  withFreelist,
  wordOf,
} from "../slab/slub-word";
import { count } from "../statistics";
import { memcgReparentSlabs } from "../symbols";
import { mutexLock, mutexUnlock } from "../sync/mutex";
import { percpuRefKill, percpuRefPut, percpuRefTryGet } from "../sync/percpu-ref";
import { rcuReadLock, rcuReadUnlock } from "../sync/rcu";
import { acquireInIrqOff, acquireIrqOff, releaseInIrqOff, releaseIrqOn } from "../sync/spin-lock";
import { ChargedPolicy } from "./charged";
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
  initialiseRef,
  isDeadClone,
  isRoot,
  makeCache,
  markDead,
  nextCloneOf,
  refOf,
  rootFor,
  shrink,
  slabBytes,
} from "./clone";
import { counterSlabsMoved, counterSlowFrees } from "./counters";
import { cacheOfIndex, slabMutex } from "./region";

export { background, createMemcg, finish, globalBytes, initialise } from "./stateless";

@unmanaged
class Policy extends ChargedPolicy {
  mayFreeze(): bool {
    return isRoot(changetype<usize>(this));
  }

  keepsFull(): bool {
    return !isRoot(changetype<usize>(this));
  }
}

function rootOf(cache: usize): usize {
  return load32(cloneOf(cache) + offsetof<Clone>("root"));
}

function lockOf(slab: usize): usize {
  return slab + offsetof<Page>("lock");
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
  const root: usize = memcg === 0 ? 0 : rootFor(objectSize, slotSize, objectsPerSlab, order);
  const cache: usize =
    memcg !== 0 && root === 0 ? 0 : makeCache(index, memcg, objectSize, slotSize, objectsPerSlab, order);
  if (cache !== 0) {
    storeRelaxed32(cloneOf(cache) + offsetof<Clone>("root"), root as u32);
    initialiseRef(cache, migrateLater.index);
    bind(index, cache);
  }
  mutexUnlock(slabMutex());
  return cache !== 0;
}

export function destroyCache(index: u32): void {
  mutexLock(slabMutex());
  const cache = cacheOfIndex(index);
  // A dead one goes by itself.
  if (cache !== 0 && !isDeadClone(cache)) {
    const isLeft = shrink<Policy>(cache);
    if (!isRoot(cache)) kill(cache);
    else if (!isLeft) freeCache(cache);
  }
  mutexUnlock(slabMutex());
}

export function allocate(index: u32): usize {
  return slubAllocate<Policy>(cacheOfIndex(index));
}

export function free(object: usize): void {
  const slab = headPageOf(object);
  while (true) {
    // What is found to be the slab's cache is there until the section ends.
    rcuReadLock();
    const cache = slubCacheOf(slab);
    const isDone = isRoot(cache) ? freeToRoot(cache, slab, object) : freeToClone(cache, slab, object);
    rcuReadUnlock();
    if (isDone) return;
  }
}

function freeToRoot(cache: usize, slab: usize, object: usize): bool {
  slubCountFree(cache);
  slubFree<Policy>(cache, slab, object);
  return true;
}

/** Returns false when the slab has changed its cache. */
function freeToClone(cache: usize, slab: usize, object: usize): bool {
  const ref = refOf(cache);
  if (!percpuRefTryGet(ref)) return push(cache, slab, object);
  slubFree<Policy>(cache, slab, object);
  slubCountFree(cache);
  percpuRefPut(ref);
  return true;
}

/** Pushes an object into a slab that is being handed over. */
function push(cache: usize, slab: usize, object: usize): bool {
  acquireIrqOff(lockOf(slab));
  // Pairs with the store in `handOver`, under the same lock.
  const isHere = slubCacheOf(slab) === cache;
  if (isHere) {
    objectFreed(object);
    const word = wordOf(slab);
    setNextFree(object, freelistOf(word));
    setWord(slab, withFreelist(word, object) - inUseOne);
  }
  releaseIrqOn(lockOf(slab));
  if (isHere) count(counterSlowFrees);
  return isHere;
}

export function offlineCaches(memcg: usize): void {
  mutexLock(slabMutex());
  for (let cache = firstCloneOf(memcg); cache !== 0; cache = nextCloneOf(cache)) {
    if (!isDeadClone(cache)) kill(cache);
  }
  mutexUnlock(slabMutex());
}

function kill(cache: usize): void {
  markDead(cache);
  percpuRefKill(refOf(cache), 0);
}

/** No free of the ordinary kind is on its way any more, and none will be. */
function migrateLater(ref: usize): void {
  const cache = cacheOfRef(ref);
  defer(cloneOf(cache) + offsetof<Clone>("work0"), migrate.index, cache, 0);
}

/** Hands all slabs of a dead cache over to the root cache. */
function migrate(cache: usize): void {
  enter(memcgReparentSlabs);
  mutexLock(slabMutex());
  let slabs: usize = 0;
  // Nobody allocates any more, so what the CPUs have is nobody's business but this task's.
  for (let index: u32 = 0; index < cpus(); index++) {
    const slab = takeActive(slubCpuOf(cache, index));
    if (slab === 0) continue;
    setNextSlab(slab, slabs);
    slabs = slab;
  }
  lockNode(cache);
  for (let slab = firstPartial(cache); slab !== 0; slab = firstPartial(cache)) {
    removePartial(cache, slab);
    setNextSlab(slab, slabs);
    slabs = slab;
  }
  for (let slab = firstFull(cache); slab !== 0; slab = firstFull(cache)) {
    removeFull(cache, slab);
    setNextSlab(slab, slabs);
    slabs = slab;
  }
  unlockNode(cache);
  while (slabs !== 0) {
    const next = nextSlabOf(slabs);
    handOver(cache, slabs, rootOf(cache));
    slabs = next;
  }
  mutexUnlock(slabMutex());
  // Frees that have found a slab of it may still be in `push`.
  freeAfterGrace(cache);
  leave();
}

/** Takes a CPU's active slab, whose free objects go back to it, or returns 0. */
function takeActive(part: usize): usize {
  const slab: usize = load32(part + offsetof<SlubCpu>("slab"));
  if (slab === 0) return 0;
  let object = freelistOf(load64(part));
  storeRelaxed32(part + offsetof<SlubCpu>("slab"), 0);
  setFreelist(part, 0);
  while (object !== 0) {
    const next = nextFree(object);
    acquireIrqOff(lockOf(slab));
    const word = wordOf(slab);
    setNextFree(object, freelistOf(word));
    setWord(slab, withFreelist(word, object) - inUseOne);
    releaseIrqOn(lockOf(slab));
    object = next;
  }
  return slab;
}

/** Hands a slab over to another cache, or gives it back if it is empty. */
function handOver(cache: usize, slab: usize, target: usize): void {
  lockNode(target);
  acquireInIrqOff(lockOf(slab));
  const word = wordOf(slab) & ~frozenBit;
  const isEmpty = inUseOf(word) === 0;
  if (!isEmpty) {
    setWord(slab, word);
    countSlabs(cache, u32(-1));
    countSlabs(target, 1);
    if (freelistOf(word) !== 0) addPartial(target, slab);
    chargeSlab(cache, -slabBytes(slab));
    // Last: who sees it frees in the ordinary way, without the slab's lock.
    storeRelaxed32(slab + offsetof<Page>("cache"), target as u32);
    count(counterSlabsMoved);
  }
  releaseInIrqOff(lockOf(slab));
  unlockNode(target);
  if (isEmpty) discardSlab<Policy>(cache, slab);
}

export function flushCpu(cache: usize): void {
  if (cache !== 0 && !(isDeadClone(cache) && !isRoot(cache))) flushOwn<Policy>(cache);
}
