// As `srcu`, but an unregistration has two halves: a fast one that the caller waits for, and a slow one that it does not.
//
// Follows Kirill Tkhai's "mm: Split unregister_shrinker() in fast and slow part" (linux-mm, 2023, v2; never merged):
// every shrinker has a rwsem of its own, which walkers take around a callback. The fast half takes the shrinker off list
// and ids, and then its rwsem for writing, so that no callback runs any more; the slow half waits for a grace period and
// frees. There, a worker of the superblock waits; here, a callback of the grace period frees, which costs the CPU less.
//
// Costs. As `srcu.ts`, and two locked instructions on the shrinker's own line per visit of it. unregister: the mutex, and
// whoever is in a callback of this very shrinker. Memory: a rwsem per shrinker on top.
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
  clearRegistered,
  clearStale,
  doShrinkSlab,
  firstShrinker,
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
  return registerSized(superblock, descriptorBytes());
}

export function unregister(shrinker: usize): void {
  mutexLock(mutex());
  remove(shrinker);
  giveId(idOf(shrinker));
  mutexUnlock(mutex());
  // After this, who still gets to the shrinker finds that it is not registered.
  writeLock(semOf(shrinker));
  clearRegistered(shrinker);
  writeUnlock(semOf(shrinker));
  breakWalks();
  freeLater(shrinker);
}

export function shrinkSlab(memcg: u32, node: u32, priority: u32): u32 {
  if (memcg === rootMemcg) return walkList(node, priority);
  return isOnline(memcg) ? walkMap(memcg, node, priority) : 0;
}

/** Takes the shrinker's rwsem if the shrinker is still registered. */
function lockRegistered(shrinker: usize): bool {
  readLock(semOf(shrinker));
  if (isRegistered(shrinker)) return true;
  readUnlock(semOf(shrinker));
  count(counterGetFailed);
  return false;
}

function walkList(node: u32, priority: u32): u32 {
  const rank = srcuReadLock(shrinkerSrcu());
  const begun = load32(generation());
  let freed: u32 = 0;
  for (let shrinker = firstShrinker(); shrinker !== 0; shrinker = nextShrinker(shrinker)) {
    if (!lockRegistered(shrinker)) continue;
    const result = doShrinkSlab(shrinker, rootMemcg, node, priority, deferredInBlock);
    readUnlock(semOf(shrinker));
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
      if (!lockRegistered(shrinker)) continue;
      freed += shrinkMarked(shrinker, memcg, node, priority, map, id, deferredInBlock);
      readUnlock(semOf(shrinker));
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
