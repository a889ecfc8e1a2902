// As `srcu`, but an unregistration has two halves: a fast one that the caller waits for, and a slow one that it does not.
//
// Follows Kirill Tkhai's patch that splits unregister_shrinker() in fast and slow part, as first posted (linux-mm, May
// 2023; never merged): every shrinker has a rwsem of its own, which do_shrink_slab() takes around each call. The fast half
// takes the shrinker off the list, and under the same mutex its rwsem for writing, so that no callback runs any more; the
// slow half waits for a grace period and frees. The published profile with down_read in it is of this version; the second
// one only tries the lock and passes over a shrinker that is being unregistered.
// There, a worker of the superblock waits, and makes walks break off; here the caller makes them break off, and a callback
// of the grace period frees, which costs the CPU less.
//
// Costs. As `srcu.ts`, and two locked instructions on the shrinker's own line per call of it. register: a rwsem on top.
// unregister: the mutex, and with it held, whoever is in a callback of this very shrinker; so a slow callback holds up
// every other registration. Memory: a rwsem per shrinker.
// Progress: a walker waits for a shrinker that is being unregistered, which waits for the callbacks of others.
// Left out: as in `srcu.ts`.

import { load32 } from "../machine/impl";
import { kmallocBytes } from "../slab/kmalloc";
import { mutexLock, mutexUnlock } from "../sync/mutex";
import { readLock, readUnlock, rwsemSize, writeLock, writeUnlock } from "../sync/rwsem";
import { srcuReadLock, srcuReadUnlock } from "../sync/srcu";
import { nextBit } from "./bits";
import { counterGenerationBreaks, counterGetFailed } from "./counters";
import { findId } from "./ids";
import { blockOf, capacityOf, deferredInBlock, mapOf } from "./info-block";
import { count, rootMemcg } from "./region";
import {
  clearEmpty,
  clearRegistered,
  clearStale,
  doShrinkSlab,
  firstShrinker,
  giveId,
  idOf,
  idRoot,
  isRegistered,
  lookedAgain,
  nextShrinker,
  remove,
  shrinkEmpty,
  shrinkerSize,
} from "./shrinker";
import { breakWalks, freeLater, generation, mutex, registerSized, shrinkerSrcu } from "./srcu";
import { isOnline } from "./tree";

export {
  background,
  createMemcg,
  deferredBytes,
  deferredOf,
  freeMemcg,
  globalBytes,
  infoBytes,
  initialise,
  isBitSet,
  mapBytes,
  offlineMemcg,
  pendingCallbacks,
  setBit,
} from "./srcu";

/** A shrinker's own rwsem, behind its descriptor. */
function semOf(shrinker: usize): usize {
  return shrinker + usize(shrinkerSize);
}

function descriptorBytes(): u32 {
  return shrinkerSize + (rwsemSize as u32);
}

export function register(superblock: u32): usize {
  const shrinker = registerSized(superblock, descriptorBytes());
  // What the flag costs there under the shrinker's rwsem.
  if (shrinker !== 0) {
    writeLock(semOf(shrinker));
    writeUnlock(semOf(shrinker));
  }
  return shrinker;
}

export function unregister(shrinker: usize): void {
  mutexLock(mutex());
  remove(shrinker);
  // After this, who still gets to the shrinker finds that it is not registered.
  writeLock(semOf(shrinker));
  clearRegistered(shrinker);
  writeUnlock(semOf(shrinker));
  giveId(idOf(shrinker));
  mutexUnlock(mutex());
  breakWalks();
  freeLater(shrinker);
}

export function shrinkSlab(memcg: u32, node: u32, priority: u32): u32 {
  if (memcg === rootMemcg) return walkList(node, priority);
  return isOnline(memcg) ? walkMap(memcg, node, priority) : 0;
}

/** do_shrink_slab under the shrinker's rwsem; 0 for one that is not registered any more. */
function shrinkLocked(shrinker: usize, memcg: u32, node: u32, priority: u32): u32 {
  readLock(semOf(shrinker));
  let result: u32 = 0;
  if (isRegistered(shrinker)) result = doShrinkSlab(shrinker, memcg, node, priority, deferredInBlock);
  else count(counterGetFailed);
  readUnlock(semOf(shrinker));
  return result;
}

/** As `shrinkMarked`, each look under the rwsem. */
function shrinkMarkedLocked(shrinker: usize, memcg: u32, node: u32, priority: u32, map: usize, bit: u32): u32 {
  const first = shrinkLocked(shrinker, memcg, node, priority);
  if (first !== shrinkEmpty) return first;
  clearEmpty(map, bit);
  return lookedAgain(shrinkLocked(shrinker, memcg, node, priority), memcg, node, shrinker);
}

function walkList(node: u32, priority: u32): u32 {
  const rank = srcuReadLock(shrinkerSrcu());
  const begun = load32(generation());
  let freed: u32 = 0;
  for (let shrinker = firstShrinker(); shrinker !== 0; shrinker = nextShrinker(shrinker)) {
    const result = shrinkLocked(shrinker, rootMemcg, node, priority);
    if (result !== shrinkEmpty) freed += result;
    if (load32(generation()) !== begun) {
      // The list cannot be entered again in its middle, so the rest is left for another time.
      count(counterGenerationBreaks);
      freed = max<u32>(freed, 1);
      break;
    }
  }
  srcuReadUnlock(shrinkerSrcu(), rank);
  return freed;
}

function walkMap(memcg: u32, node: u32, priority: u32): u32 {
  let freed: u32 = 0;
  let id: u32 = 0;
  // Ends: each turn goes on behind the id at which the one before left off.
  while (true) {
    const rank = srcuReadLock(shrinkerSrcu());
    const block = blockOf(memcg, node);
    const ids: u32 = block === 0 ? 0 : capacityOf(block);
    const map: usize = block === 0 ? 0 : mapOf(block);
    const begun = load32(generation());
    for (id = nextBit(map, ids, id); id < ids; id = nextBit(map, ids, id + 1)) {
      const shrinker = findId(idRoot(), id);
      if (shrinker === 0) {
        clearStale(map, id);
        continue;
      }
      freed += shrinkMarkedLocked(shrinker, memcg, node, priority, map, id);
      if (load32(generation()) !== begun) break;
    }
    srcuReadUnlock(shrinkerSrcu(), rank);
    if (id >= ids) return freed;
    count(counterGenerationBreaks);
    id++;
  }
}

export function shrinkerBytes(): u32 {
  return kmallocBytes(descriptorBytes());
}
