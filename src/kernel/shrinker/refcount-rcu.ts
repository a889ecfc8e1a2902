// A reference count per shrinker, got under RCU: no lock on the read side, and no grace period in an unregistration.
//
// Follows shrinker_alloc(), shrinker_register(), shrinker_free(), shrinker_try_get(), shrinker_put(), shrink_slab() and
// shrink_slab_memcg() of mm/shrinker.c and include/linux/shrinker.h, Linux 6.7. The reference is given back on every
// path; 6.7 itself forgot it for cgroups without kernel memory.
//
// Costs. A cgroup's visit: per 64 ids the pointers to array and unit and the unit's word; per set bit a look-up, a call, and
// two locked instructions on the shrinker's own line. register: the mutex twice. unregister: a reference, who is in a
// callback of this very shrinker, the mutex, and an RCU callback.
// Memory: an array and a unit per 64 ids, cgroup and node (`info-units.ts`); refcount, completion and the head of the
// callback in the descriptor.
//
// Why both. A callback may sleep, so RCU cannot span it: the reference does. Between reading the pointer and getting the
// reference the shrinker may go: RCU keeps its memory. A shrinker leaves the list only once its count has reached 0, so
// one that a walker holds is still listed when the walker, back in RCU, gives it up and goes on to the next.
//
// Progress: walkers are lock-free but for their callbacks. unregister waits for as long as walkers hold the shrinker;
// those that overlap without end could hold it for ever, as in Linux. Any CPU may call everything.
// As in Linux, a walk that does not get the shrinker of a bit may clear the bit just after another CPU gave the id to a new
// shrinker and set the bit: then the cgroup's objects wait for the next list that gets its first object.
// Left out: shrinkers without cgroups, NONSLAB, debugfs.

import { enter, leave, quiescent } from "../machine/impl";
import { kfree } from "../slab/kmalloc";
import { setShrinkerBit, shrinkerPut, shrinkerTryGet } from "../symbols";
import { complete, initCompletion, waitForCompletion } from "../sync/completion";
import { mutexLock, mutexSize, mutexUnlock } from "../sync/mutex";
import { callRcu, rcuReadLock, rcuReadUnlock } from "../sync/rcu";
import { decrementAndTest, incrementUnlessZero, refcountSet } from "../sync/refcount";
import { nextBit, setBitOf } from "./bits";
import { counterGetFailed } from "./counters";
import { findId } from "./ids";
import {
  capacityOfInfo,
  createInfos,
  deferredOfUnit,
  freeInfos,
  headOfInfo,
  infoOf,
  mapOfUnit,
  reparentInfos,
  takeIdInUnits,
  unitIds,
  unitOf,
} from "./info-units";
import { count, rcuDomain, rootMemcg, variantBase } from "./region";
import {
  allocateShrinker,
  append,
  clearRegistered,
  clearStale,
  coreBytes,
  doneOf,
  doShrinkSlab,
  firstShrinker,
  freeShrinker,
  giveId,
  headOfShrinker,
  idOf,
  idRoot,
  nextShrinker,
  refcountOf,
  remove,
  shrinkEmpty,
  shrinkerSize,
  shrinkMarked,
} from "./shrinker";
import { isOnline } from "./tree";

export {
  bytesOfInfos as infoBytes,
  deferredBytesOfUnits as deferredBytes,
  deferredInUnits as deferredOf,
  isSetInUnits as isBitSet,
  mapBytesOfUnits as mapBytes,
} from "./info-units";
export { initialiseCore as initialise, shrinkerBytes } from "./shrinker";

function mutex(): usize {
  return variantBase() + coreBytes();
}

export function globalBytes(): usize {
  return coreBytes() + mutexSize;
}

export function createMemcg(memcg: u32): bool {
  mutexLock(mutex());
  const made = createInfos(memcg);
  mutexUnlock(mutex());
  return made;
}

export function offlineMemcg(memcg: u32): void {
  // Keeps expansions away, not walkers.
  mutexLock(mutex());
  reparentInfos(memcg);
  mutexUnlock(mutex());
}

export function freeMemcg(memcg: u32): void {
  // Linux needs no lock, because its expansion does not find the cgroup in the tree any more; here it looks at all.
  mutexLock(mutex());
  freeInfos(memcg);
  mutexUnlock(mutex());
}

/** Frees an array once nobody reads it. Its units live on in the next one. */
function retire(info: usize): void {
  callRcu(rcuDomain(), headOfInfo(info), freeRetired.index, info);
}

function freeRetired(info: usize): void {
  kfree(info);
}

export function register(superblock: u32): usize {
  const shrinker = allocateShrinker(superblock, shrinkerSize);
  if (shrinker === 0) return 0;
  mutexLock(mutex());
  const prepared = takeIdInUnits(shrinker, retire);
  mutexUnlock(mutex());
  if (!prepared) {
    // It could be found by its id already, though not used: who found it is still in RCU.
    freeLater(shrinker);
    return 0;
  }
  mutexLock(mutex());
  append(shrinker);
  mutexUnlock(mutex());
  initCompletion(doneOf(shrinker));
  // Last: it could be found before, but not got.
  refcountSet(refcountOf(shrinker), 1);
  return shrinker;
}

export function unregister(shrinker: usize): void {
  put(shrinker);
  waitForCompletion(doneOf(shrinker));
  mutexLock(mutex());
  remove(shrinker);
  clearRegistered(shrinker);
  giveId(idOf(shrinker));
  mutexUnlock(mutex());
  // Walkers that found it before may still be reading its count and its link.
  freeLater(shrinker);
}

function freeLater(shrinker: usize): void {
  callRcu(rcuDomain(), headOfShrinker(shrinker), freeShrinker.index, shrinker);
}

/** Gets a reference, in an RCU read section, unless the shrinker is not registered yet or on its way out. */
function tryGet(shrinker: usize): bool {
  enter(shrinkerTryGet);
  const isGot = incrementUnlessZero(refcountOf(shrinker));
  if (!isGot) count(counterGetFailed);
  leave();
  return isGot;
}

/** Gives a reference back. After the last one, the shrinker is the unregistering task's. */
function put(shrinker: usize): void {
  enter(shrinkerPut);
  if (decrementAndTest(refcountOf(shrinker))) complete(doneOf(shrinker));
  leave();
}

export function setBit(memcg: u32, node: u32, shrinker: usize): void {
  if (memcg === rootMemcg) return;
  enter(setShrinkerBit);
  const id = idOf(shrinker);
  rcuReadLock();
  const info = infoOf(memcg, node);
  if (info !== 0 && id < capacityOfInfo(info)) setBitOf(mapOfUnit(unitOf(info, id / unitIds)), id % unitIds);
  rcuReadUnlock();
  leave();
}

/** Finds where a cgroup's deferred count is (`DeferredCell`). The cell is good for as long as the cgroup. */
function deferredCell(memcg: u32, node: u32, id: u32): usize {
  rcuReadLock();
  const unit = unitOf(infoOf(memcg, node), id / unitIds);
  rcuReadUnlock();
  return deferredOfUnit(unit, id % unitIds);
}

export function shrinkSlab(memcg: u32, node: u32, priority: u32): u32 {
  if (memcg === rootMemcg) return walkList(node, priority);
  return isOnline(memcg) ? walkMap(memcg, node, priority) : 0;
}

function walkList(node: u32, priority: u32): u32 {
  let freed: u32 = 0;
  rcuReadLock();
  for (let shrinker = firstShrinker(); shrinker !== 0; shrinker = nextShrinker(shrinker)) {
    if (!tryGet(shrinker)) continue;
    rcuReadUnlock();
    const result = doShrinkSlab(shrinker, rootMemcg, node, priority, deferredCell);
    if (result !== shrinkEmpty) freed += result;
    // Back in RCU before the reference goes: the link to the next one is still to be read.
    rcuReadLock();
    put(shrinker);
  }
  rcuReadUnlock();
  quiescent();
  return freed;
}

function walkMap(memcg: u32, node: u32, priority: u32): u32 {
  let freed: u32 = 0;
  let index: u32 = 0;
  // Ends behind the last unit. The array is looked up for each, as it may have been replaced meanwhile.
  while (true) {
    rcuReadLock();
    const info = infoOf(memcg, node);
    if (info === 0 || index * unitIds >= capacityOfInfo(info)) {
      rcuReadUnlock();
      return freed;
    }
    const unit = unitOf(info, index);
    rcuReadUnlock();
    freed += walkUnit(unit, index, memcg, node, priority);
    index++;
  }
}

/** The unit lives for as long as its cgroup, which the caller holds. */
function walkUnit(unit: usize, index: u32, memcg: u32, node: u32, priority: u32): u32 {
  const map = mapOfUnit(unit);
  let freed: u32 = 0;
  for (let offset = nextBit(map, unitIds, 0); offset < unitIds; offset = nextBit(map, unitIds, offset + 1)) {
    rcuReadLock();
    const shrinker = findId(idRoot(), index * unitIds + offset);
    if (shrinker === 0 || !tryGet(shrinker)) {
      clearStale(map, offset);
      rcuReadUnlock();
      continue;
    }
    rcuReadUnlock();
    freed += shrinkMarked(shrinker, memcg, node, priority, map, offset, deferredCell);
    put(shrinker);
  }
  return freed;
}

export function background(): void {}

export function pendingCallbacks(): u32 {
  return 0;
}
