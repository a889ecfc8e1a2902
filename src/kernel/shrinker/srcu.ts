// SRCU instead of the rwsem: walkers write to no line that others use, and an unregistration waits for a grace period.
//
// Follows the series "make slab shrink lockless" as merged for Linux 6.4-rc1 and reverted before 6.4, its generation
// counter included: shrink_slab(), shrink_slab_memcg(), unregister_shrinker() of mm/vmscan.c.
//
// Costs. A cgroup's visit: two counts on lines of this CPU with a barrier each, the words of the map, a look-up and a call
// per set bit, and a load of the generation after each. register: the mutex twice. unregister: the mutex, and a grace
// period, which takes jiffies when the domain is busy. A walk that sees the generation change leaves its read section, so
// that a grace period waits for one callback and not for a whole walk.
// Memory: a block per cgroup and node (`info-block.ts`); replaced blocks go after an SRCU grace period.
//
// Progress: walkers are wait-free but for their callbacks; writers block each other. Any CPU may call everything.
// As in Linux, a walk that finds no shrinker for a bit may clear it just after another CPU gave the id to a new shrinker
// and set the bit: then the cgroup's objects wait for the next list that gets its first object.
// Left out: shrinkers without cgroups, debugfs names.

import { add32, cpus, enter, leave, load32 } from "../machine/impl";
import { kfree } from "../slab/kmalloc";
import { setShrinkerBit } from "../symbols";
import { mutexLock, mutexSize, mutexUnlock } from "../sync/mutex";
import { rcuHeadSize } from "../sync/rcu";
import {
  callSrcu,
  srcuHeadSize,
  srcuPending,
  srcuPoll,
  srcuReadLock,
  srcuReadUnlock,
  srcuSize,
  synchronizeSrcu,
} from "../sync/srcu";
import { nextBit } from "./bits";
import { counterGenerationBreaks } from "./counters";
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
import { count, rootMemcg, variantBase } from "./region";
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
  headOfShrinker,
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

if (srcuHeadSize > rcuHeadSize) ERROR("blocks and shrinkers have room for an RCU head only");

/** The generation, on a line of its own: all walkers read it. */
const generationSize: usize = 64;
const mutexLine: usize = (mutexSize + 63) & ~63;

/** Cell that changes with every unregistration. */
export function generation(): usize {
  return variantBase() + coreBytes();
}

/** Serialises everything that changes ids, list and maps. */
export function mutex(): usize {
  return generation() + generationSize;
}

/** The domain whose readers are walkers, and who sets a bit. */
export function shrinkerSrcu(): usize {
  return mutex() + mutexLine;
}

export function globalBytes(): usize {
  return shrinkerSrcu() + srcuSize(cpus()) - variantBase();
}

export function createMemcg(memcg: u32): bool {
  mutexLock(mutex());
  const made = createBlocks(memcg);
  mutexUnlock(mutex());
  return made;
}

export function offlineMemcg(memcg: u32): void {
  mutexLock(mutex());
  reparentBlocks(memcg);
  mutexUnlock(mutex());
}

export function freeMemcg(memcg: u32): void {
  // Linux needs no lock, because its expansion does not find the cgroup in the tree any more; here it looks at all.
  mutexLock(mutex());
  freeBlocks(memcg);
  mutexUnlock(mutex());
}

/** Frees a block once no walker and nobody who sets a bit reads it. */
function retire(block: usize): void {
  callSrcu(shrinkerSrcu(), headOfBlock(block), freeRetired.index, block);
}

function freeRetired(block: usize): void {
  kfree(block);
}

export function register(superblock: u32): usize {
  return registerSized(superblock, shrinkerSize);
}

/** Registers with a descriptor of so many bytes. */
export function registerSized(superblock: u32, bytes: u32): usize {
  const shrinker = allocateShrinker(superblock, bytes);
  if (shrinker === 0) return 0;
  mutexLock(mutex());
  const prepared = takeIdInBlocks(shrinker, retire);
  mutexUnlock(mutex());
  if (!prepared) {
    // It could be found by its id already: who found it still looks at whether it is registered.
    freeLater(shrinker);
    return 0;
  }
  // In a second step, as the superblock is set up between the two.
  mutexLock(mutex());
  append(shrinker);
  mutexUnlock(mutex());
  return shrinker;
}

/** Frees a shrinker once no walker uses it. The caller does not wait. */
export function freeLater(shrinker: usize): void {
  callSrcu(shrinkerSrcu(), headOfShrinker(shrinker), freeShrinker.index, shrinker);
}

/** Takes a shrinker out of list and ids. Walkers may still be on it, and go on from it. */
export function withdraw(shrinker: usize): void {
  mutexLock(mutex());
  remove(shrinker);
  clearRegistered(shrinker);
  giveId(idOf(shrinker));
  mutexUnlock(mutex());
}

/** Has walkers leave their read sections after the callback that they are in. */
export function breakWalks(): void {
  add32(generation(), 1);
}

export function unregister(shrinker: usize): void {
  withdraw(shrinker);
  breakWalks();
  synchronizeSrcu(shrinkerSrcu());
  freeShrinker(shrinker);
}

export function setBit(memcg: u32, node: u32, shrinker: usize): void {
  if (memcg === rootMemcg) return;
  enter(setShrinkerBit);
  const rank = srcuReadLock(shrinkerSrcu());
  setInBlock(memcg, node, idOf(shrinker));
  srcuReadUnlock(shrinkerSrcu(), rank);
  leave();
}

export function shrinkSlab(memcg: u32, node: u32, priority: u32): u32 {
  if (memcg === rootMemcg) return walkList(node, priority);
  return isOnline(memcg) ? walkMap(memcg, node, priority) : 0;
}

function walkList(node: u32, priority: u32): u32 {
  const rank = srcuReadLock(shrinkerSrcu());
  const begun = load32(generation());
  let freed: u32 = 0;
  for (let shrinker = firstShrinker(); shrinker !== 0; shrinker = nextShrinker(shrinker)) {
    const result = doShrinkSlab(shrinker, rootMemcg, node, priority, deferredInBlock);
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
      if (!isRegistered(shrinker)) continue;
      freed += shrinkMarked(shrinker, memcg, node, priority, map, id, deferredInBlock);
      if (load32(generation()) !== begun) break;
    }
    srcuReadUnlock(shrinkerSrcu(), rank);
    if (id >= ids) return freed;
    count(counterGenerationBreaks);
    id++;
  }
}

export function background(): void {
  srcuPoll(shrinkerSrcu());
}

export function pendingCallbacks(): u32 {
  return srcuPending(shrinkerSrcu());
}
