// The reference: one rwsem around everything, with walkers that do not wait for it.
//
// Follows shrink_slab(), shrink_slab_memcg(), prealloc_shrinker(), register_shrinker_prepared() and
// unregister_shrinker() of mm/vmscan.c, Linux 6.3 (and again 6.4 to 6.6).
//
// Costs. A cgroup's visit: two locked instructions on the line of the rwsem, the words of the map, a look-up and a call per
// set bit, and a look at the rwsem's wait list after each. register: the write lock twice. unregister: once; whoever walks
// holds it up for one callback at least.
// A walk that finds the lock taken, or somebody waiting to write, frees nothing and does not wait.
// Memory: a block per cgroup and node (`info-block.ts`); replaced blocks go after an RCU grace period, for setting a bit
// takes only RCU's read lock.
//
// Left out: shrinkers without cgroups, debugfs names.

import { enter, leave } from "../machine/impl";
import { kfree } from "../slab/kmalloc";
import { setShrinkerBit } from "../symbols";
import { callRcu, rcuReadLock, rcuReadUnlock } from "../sync/rcu";
import { isContended, readLock, readUnlock, rwsemSize, tryReadLock, writeLock, writeUnlock } from "../sync/rwsem";
import { nextBit } from "./bits";
import { counterContendedBreaks, counterTrylockFailed } from "./counters";
import { findId } from "./ids";
import {
  blockOf,
  capacityOf,
  createBlocks,
  deferredInBlock,
  freeBlocks,
  headOfBlock,
  mapOf,
  reparentBlocks,
  setInBlock,
  takeIdInBlocks,
} from "./info-block";
import { count, rcuDomain, rootMemcg, variantBase } from "./region";
import {
  allocateShrinker,
  append,
  clearRegistered,
  clearStale,
  coreBytes,
  doShrinkSlab,
  firstShrinker,
  freeShrinker,
  giveId,
  idOf,
  idRoot,
  isRegistered,
  nextShrinker,
  remove,
  shrinkEmpty,
  shrinkerSize,
  shrinkMarked,
} from "./shrinker";
import { isOnline } from "./tree";

export {
  bytesOfBlocks as infoBytes,
  deferredBytesOfBlocks as deferredBytes,
  deferredOfBlock as deferredOf,
  isSetInBlock as isBitSet,
  mapBytesOfBlocks as mapBytes,
} from "./info-block";
export { initialiseCore as initialise, shrinkerBytes } from "./shrinker";

function sem(): usize {
  return variantBase() + coreBytes();
}

export function globalBytes(): usize {
  return coreBytes() + rwsemSize;
}

export function createMemcg(memcg: u32): bool {
  writeLock(sem());
  const made = createBlocks(memcg);
  writeUnlock(sem());
  return made;
}

export function offlineMemcg(memcg: u32): void {
  // As a reader: it keeps expansions away, not other walkers.
  readLock(sem());
  reparentBlocks(memcg);
  readUnlock(sem());
}

export function freeMemcg(memcg: u32): void {
  // Linux needs no lock, because its expansion does not find the cgroup in the tree any more; here it looks at all. As a
  // reader, so that no walker finds the lock taken.
  readLock(sem());
  freeBlocks(memcg);
  readUnlock(sem());
}

/** Frees a block once nobody can be setting a bit in it. */
function retire(block: usize): void {
  callRcu(rcuDomain(), headOfBlock(block), freeRetired.index, block);
}

function freeRetired(block: usize): void {
  kfree(block);
}

export function register(superblock: u32): usize {
  const shrinker = allocateShrinker(superblock, shrinkerSize);
  if (shrinker === 0) return 0;
  writeLock(sem());
  const prepared = takeIdInBlocks(shrinker, retire);
  writeUnlock(sem());
  if (!prepared) {
    freeShrinker(shrinker);
    return 0;
  }
  // In a second step, as the superblock is set up between the two.
  writeLock(sem());
  append(shrinker);
  writeUnlock(sem());
  return shrinker;
}

export function unregister(shrinker: usize): void {
  writeLock(sem());
  remove(shrinker);
  clearRegistered(shrinker);
  giveId(idOf(shrinker));
  writeUnlock(sem());
  // Walkers hold the lock while they use a shrinker, so nobody does any more.
  freeShrinker(shrinker);
}

export function setBit(memcg: u32, node: u32, shrinker: usize): void {
  if (memcg === rootMemcg) return;
  enter(setShrinkerBit);
  rcuReadLock();
  setInBlock(memcg, node, idOf(shrinker));
  rcuReadUnlock();
  leave();
}

export function shrinkSlab(memcg: u32, node: u32, priority: u32): u32 {
  if (memcg !== rootMemcg && !isOnline(memcg)) return 0;
  if (!tryReadLock(sem())) {
    count(counterTrylockFailed);
    return 0;
  }
  const freed = memcg === rootMemcg ? walkList(node, priority) : walkMap(memcg, node, priority);
  readUnlock(sem());
  return freed;
}

/** Under the read lock. */
function walkList(node: u32, priority: u32): u32 {
  let freed: u32 = 0;
  for (let shrinker = firstShrinker(); shrinker !== 0; shrinker = nextShrinker(shrinker)) {
    const result = doShrinkSlab(shrinker, rootMemcg, node, priority, deferredInBlock);
    if (result !== shrinkEmpty) freed += result;
    if (isContended(sem())) return endEarly(freed);
  }
  return freed;
}

/** Under the read lock. */
function walkMap(memcg: u32, node: u32, priority: u32): u32 {
  const block = blockOf(memcg, node);
  if (block === 0) return 0;
  const map = mapOf(block);
  const ids = capacityOf(block);
  let freed: u32 = 0;
  for (let id = nextBit(map, ids, 0); id < ids; id = nextBit(map, ids, id + 1)) {
    const shrinker = findId(idRoot(), id);
    if (shrinker === 0) {
      clearStale(map, id);
      continue;
    }
    if (!isRegistered(shrinker)) continue;
    freed += shrinkMarked(shrinker, memcg, node, priority, map, id, deferredInBlock);
    if (isContended(sem())) return endEarly(freed);
  }
  return freed;
}

/** Somebody waits for the lock, so the rest is left for another time. Never 0, which would say that nothing is left. */
function endEarly(freed: u32): u32 {
  count(counterContendedBreaks);
  return max<u32>(freed, 1);
}

export function background(): void {}

export function pendingCallbacks(): u32 {
  return 0;
}
