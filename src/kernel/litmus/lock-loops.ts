// Loops over the primitives of `sync`: their functions one by one for planned sequences, loops that several CPUs run at
// the same time and that look for broken promises, and pairs of read-side operations to be timed.
//
// The stress loops return how many promises they found broken. They begin with a CPU that is awake (`begin`) and end in
// bounded steps, whatever the other CPUs do, provided these get on.

import {
  add32,
  cpu,
  deliver,
  enterIdle,
  exchange32,
  leaveIdle,
  load32,
  quiescent,
  sleep,
  storeRelaxed32,
} from "../machine/impl";
import { complete, waitForCompletion } from "../sync/completion";
import { mutexLock, mutexUnlock } from "../sync/mutex";
import {
  callRcu,
  rcuHeadSize,
  rcuPending,
  rcuQuiescent,
  rcuReadLock,
  rcuReadUnlock,
  rcuSize,
  synchronizeRcu,
} from "../sync/rcu";
import { decrementAndTest, incrementUnlessZero } from "../sync/refcount";
import { readLock, readUnlock, rwsemSize, tryReadLock, writeLock, writeUnlock } from "../sync/rwsem";
import {
  callSrcu,
  srcuHeadSize,
  srcuPending,
  srcuPoll,
  srcuReadLock,
  srcuReadUnlock,
  srcuSize,
  synchronizeSrcu,
  synchronizeSrcuExpedited,
} from "../sync/srcu";

export { complete, completionSize, initCompletion, waitForCompletion } from "../sync/completion";
export { mutexLock, mutexSize, mutexUnlock } from "../sync/mutex";
export { osqLock, osqUnlock } from "../sync/osq";
export { rcuPending, rcuQuiescent, rcuSize, synchronizeRcu } from "../sync/rcu";
export { decrementAndTest, incrementUnlessZero, refcountSet } from "../sync/refcount";
export { isContended, readLock, readUnlock, rwsemSize, tryReadLock, writeLock, writeUnlock } from "../sync/rwsem";
export {
  srcuNoDelayMax,
  srcuPending,
  srcuPoll,
  srcuReadLock,
  srcuReadUnlock,
  srcuSize,
  synchronizeSrcu,
  synchronizeSrcuExpedited,
} from "../sync/srcu";

/** Where the module's own constants end. */
export function heapBase(): u32 {
  return __heap_base as u32;
}

/** Calls a function of the table, as the target of an interrupt. */
export function runWork(work: u32, argument: usize): void {
  call_indirect<void>(work, argument);
}

/** The CPU runs a task from here on. */
export function begin(): void {
  leaveIdle();
}

/** The CPU runs no task any more. */
export function end(): void {
  enterIdle();
}

// A callback that keeps a record: `argument` is the address of a cell that it counts up.

function countUp(argument: usize): void {
  add32(argument, 1);
}

/** Index of a callback that adds 1 to the cell that its argument points at. */
export function countUpWork(): u32 {
  return countUp.index;
}

export function callRcuCounting(rcu: usize, head: usize, cell: usize): void {
  callRcu(rcu, head, countUp.index, cell);
}

export function callSrcuCounting(domain: usize, head: usize, cell: usize): void {
  callSrcu(domain, head, countUp.index, cell);
}

/** What a callback of `callRcuAgain` is about. */
@unmanaged
class Chain {
  head0: u64 = 0;
  head1: u64 = 0;
  domain: u32 = 0;
  /** Callbacks still to be queued, one from the other. */
  left: u32 = 0;
  /** Callbacks that have run. */
  ran: u32 = 0;
}

if (offsetof<Chain>("domain") !== 16 || rcuHeadSize !== 16 || srcuHeadSize !== 16) ERROR("a head must fit in front");

function rcuAgain(chain: usize): void {
  add32(chain + offsetof<Chain>("ran"), 1);
  const left = load32(chain + offsetof<Chain>("left"));
  if (left === 0) return;
  storeRelaxed32(chain + offsetof<Chain>("left"), left - 1);
  callRcu(load32(chain + offsetof<Chain>("domain")), chain, rcuAgain.index, chain);
}

function srcuAgain(chain: usize): void {
  add32(chain + offsetof<Chain>("ran"), 1);
  const left = load32(chain + offsetof<Chain>("left"));
  if (left === 0) return;
  storeRelaxed32(chain + offsetof<Chain>("left"), left - 1);
  callSrcu(load32(chain + offsetof<Chain>("domain")), chain, srcuAgain.index, chain);
}

/** Queues a callback at `chain` (28 bytes) that queues itself again `more` times; counts at `chain + 24`. */
export function callRcuAgain(rcu: usize, chain: usize, more: u32): void {
  storeRelaxed32(chain + offsetof<Chain>("domain"), rcu as u32);
  storeRelaxed32(chain + offsetof<Chain>("left"), more);
  callRcu(rcu, chain, rcuAgain.index, chain);
}

/** The same with SRCU. */
export function callSrcuAgain(domain: usize, chain: usize, more: u32): void {
  storeRelaxed32(chain + offsetof<Chain>("domain"), domain as u32);
  storeRelaxed32(chain + offsetof<Chain>("left"), more);
  callSrcu(domain, chain, srcuAgain.index, chain);
}

function next(random: u32): u32 {
  return random * 1_664_525 + 1_013_904_223;
}

function below(random: u32, count: u32): u32 {
  return (random >> 8) % count;
}

/** Spends some loads, so that sections have a length. */
function dawdle(cell: usize, rounds: u32): void {
  for (let round: u32 = 0; round < rounds; round++) load32(cell);
}

/** Sleeps in the middle of things, some microseconds up to a fraction of a millisecond. */
function nap(random: u32): void {
  sleep(u64(1 + below(random, 8)) * 25_000);
}

/**
 * Readers and writers of two words on different lines that are always equal outside of a writer.
 *
 * @param words the two words at +0 and +64; at +128 the number of writes in all
 * @param writeEvery one in so many operations writes
 * @param napEvery one in so many operations sleeps while it holds the lock
 */
export function rwsemStress(sem: usize, words: usize, rounds: u32, writeEvery: u32, napEvery: u32): u32 {
  let broken: u32 = 0;
  let writes: u32 = 0;
  let random = cpu() + 1;
  for (let round: u32 = 0; round < rounds; round++) {
    random = next(random);
    const naps = below(random, napEvery) === 0;
    if (below(next(random), writeEvery) === 0) {
      writeLock(sem);
      const value = load32(words);
      if (load32(words + 64) !== value) broken++;
      storeRelaxed32(words, value + 1);
      dawdle(words, 20);
      if (naps) nap(random);
      if (load32(words + 64) !== value) broken++;
      storeRelaxed32(words + 64, value + 1);
      writeUnlock(sem);
      writes++;
    } else {
      if ((random & 0x10000) === 0) readLock(sem);
      else if (!tryReadLock(sem)) continue;
      const value = load32(words);
      dawdle(words, 10);
      if (naps) nap(random);
      if (load32(words + 64) !== value) broken++;
      readUnlock(sem);
    }
    quiescent();
  }
  add32(words + 128, writes);
  return broken;
}

/** Counts a word up without atomic operations, twice as far apart as it is short. */
export function mutexStress(mutex: usize, word: usize, rounds: u32, napEvery: u32): u32 {
  let broken: u32 = 0;
  let random = cpu() + 1;
  for (let round: u32 = 0; round < rounds; round++) {
    random = next(random);
    mutexLock(mutex);
    const value = load32(word);
    storeRelaxed32(word, value + 1);
    dawdle(word, 10);
    if (below(random, napEvery) === 0) nap(random);
    if (load32(word) !== value + 1) broken++;
    mutexUnlock(mutex);
    dawdle(word, below(random, 40));
    quiescent();
  }
  return broken;
}

/**
 * Every CPU holds one reference to each of `rounds` objects, takes and gives back another one where there is one to be
 * had, and gives its own back. Who gives back the last one marks the object as freed.
 *
 * @param objects per object one line: the count at +0, at +4 how often it was freed
 */
export function refcountStress(objects: usize, rounds: u32): u32 {
  let broken: u32 = 0;
  let random = cpu() + 1;
  for (let round: u32 = 0; round < rounds; round++) {
    random = next(random);
    // Half of the CPUs give theirs back first and then try on what may be gone.
    const isEarly = (random & 0x10000) === 0;
    const object = objects + usize(round) * 64;
    if (isEarly && decrementAndTest(object)) add32(object + 4, 1);
    if (incrementUnlessZero(object)) {
      dawdle(object, below(random, 20));
      if (load32(object + 4) !== 0) broken++;
      if (decrementAndTest(object)) add32(object + 4, 1);
    } else if (!isEarly) {
      broken++;
    }
    if (!isEarly && decrementAndTest(object)) add32(object + 4, 1);
  }
  return broken;
}

/**
 * Two CPUs pass a turn to each other.
 *
 * @param side 0 begins, 1 answers
 * @param word counts the turns
 */
export function completionStress(mine: usize, other: usize, word: usize, side: u32, rounds: u32): u32 {
  let broken: u32 = 0;
  for (let round: u32 = 0; round < rounds; round++) {
    if (side !== 0) waitForCompletion(mine);
    if (load32(word) !== 2 * round + side) broken++;
    storeRelaxed32(word, 2 * round + side + 1);
    complete(other);
    if (side === 0) waitForCompletion(mine);
    quiescent();
  }
  return broken;
}

/** An object that is published, retired and used again. */
@unmanaged
class Published {
  /** For the callback. */
  head0: u64 = 0;
  head1: u64 = 0;
  /** Equal to `second` while the object may be read. */
  first: u32 = 0;
  /** Not 0 when its owner may publish it. */
  isFree: u32 = 0;
  pad0: u64 = 0;
  pad1: u64 = 0;
  pad2: u64 = 0;
  pad3: u64 = 0;
  second: u32 = 0;
  pad4: u32 = 0;
}

/** Bytes of an object of `srcuStress` and `rcuStress`. */
export const publishedSize: u32 = 64;
if (offsetof<Published>() !== 64) ERROR("Published must fill one line");
/** Objects that each CPU brings along. */
export const publishedPerCpu: u32 = 8;
const poison: u32 = 0x80000000;

function fill(object: usize, value: u32): void {
  storeRelaxed32(object + offsetof<Published>("isFree"), 0);
  storeRelaxed32(object + offsetof<Published>("first"), value);
  storeRelaxed32(object + offsetof<Published>("second"), value);
}

/** Makes a retired object unreadable; nobody may look at it any more. */
function retire(object: usize): void {
  storeRelaxed32(object + offsetof<Published>("first"), poison);
  dawdle(object, 5);
  storeRelaxed32(object + offsetof<Published>("second"), poison + 1);
  storeRelaxed32(object + offsetof<Published>("isFree"), 1);
}

/** Reads an object inside of a read section. Returns whether it was retired too early. */
function isBroken(object: usize, rounds: u32): bool {
  const value = load32(object + offsetof<Published>("first"));
  dawdle(object, rounds);
  return value >= poison || load32(object + offsetof<Published>("second")) !== value;
}

function freeObjectOf(objects: usize): usize {
  for (let index: u32 = 0; index < publishedPerCpu; index++) {
    const object = objects + usize(index) * publishedSize;
    if (load32(object + offsetof<Published>("isFree")) !== 0) return object;
  }
  return 0;
}

function updates(objects: usize, pointer: usize, value: u32): usize {
  const object = freeObjectOf(objects);
  if (object === 0) return 0;
  fill(object, value & (poison - 1));
  // Who exchanges owns what was there. It may come from another CPU, which gets it back.
  return exchange32(pointer, object as u32);
}

const byCallback: u32 = 0;
const bySynchronize: u32 = 1;

/** Makes the objects of a CPU free. */
export function preparePublished(objects: usize): void {
  for (let index: u32 = 0; index < publishedPerCpu; index++) retire(objects + usize(index) * publishedSize);
}

/**
 * Reads the object at `pointer` in SRCU read sections, and now and then publishes another one and retires the old one
 * after a grace period: by callback (0), `synchronizeSrcu` (1) or `synchronizeSrcuExpedited` (2).
 *
 * @param objects `publishedPerCpu` objects of this CPU, prepared
 * @param updateEvery one in so many operations updates
 */
export function srcuStress(
  domain: usize,
  pointer: usize,
  objects: usize,
  rounds: u32,
  updateEvery: u32,
  napEvery: u32,
  how: u32,
): u32 {
  let broken: u32 = 0;
  let random = cpu() + 1;
  for (let round: u32 = 0; round < rounds; round++) {
    random = next(random);
    if (below(random, updateEvery) === 0) {
      const old = updates(objects, pointer, random);
      if (old !== 0) {
        if (how === byCallback) {
          callSrcu(domain, old, retire.index, old);
        } else {
          if (how === bySynchronize) synchronizeSrcu(domain);
          else synchronizeSrcuExpedited(domain);
          retire(old);
        }
      }
    } else {
      const rank = srcuReadLock(domain);
      const object: usize = load32(pointer);
      if (below(next(random), napEvery) === 0) nap(random);
      if (isBroken(object, below(random, 30))) broken++;
      srcuReadUnlock(domain, rank);
    }
    srcuPoll(domain);
    quiescent();
  }
  while (srcuPending(domain) !== 0) {
    srcuPoll(domain);
    sleep(100_000);
  }
  return broken;
}

/** The same with RCU: by callback (0) or `synchronizeRcu` (1). Sleeps outside of read sections. */
export function rcuStress(
  rcu: usize,
  pointer: usize,
  objects: usize,
  rounds: u32,
  updateEvery: u32,
  napEvery: u32,
  how: u32,
): u32 {
  let broken: u32 = 0;
  let random = cpu() + 1;
  for (let round: u32 = 0; round < rounds; round++) {
    random = next(random);
    if (below(random, updateEvery) === 0) {
      const old = updates(objects, pointer, random);
      if (old !== 0) {
        if (how === byCallback) {
          callRcu(rcu, old, retire.index, old);
        } else {
          synchronizeRcu(rcu);
          retire(old);
        }
      }
    } else {
      rcuReadLock();
      const object: usize = load32(pointer);
      if (isBroken(object, below(random, 30))) broken++;
      rcuReadUnlock();
      if (below(next(random), napEvery) === 0) nap(random);
    }
    if ((random & 0x70000) === 0) rcuQuiescent(rcu);
    quiescent();
  }
  while (rcuPending(rcu) !== 0) {
    rcuQuiescent(rcu);
    sleep(100_000);
  }
  return broken;
}

// Pairs to be timed. Each with one load between, so that the section is not empty.

/** Memory that the loops below want at `memory`, for so many CPUs. */
export function pairsBytes(cpuCount: u32): u32 {
  return (max<usize>(max<usize>(srcuSize(cpuCount), rcuSize(cpuCount)), rwsemSize) + 64) as u32;
}

/** Trylock and unlock of one rwsem. Returns how often the lock was got. */
export function rwsemPairs(memory: usize, count: u32): u32 {
  let got: u32 = 0;
  for (let index: u32 = 0; index < count; index++) {
    if (!tryReadLock(memory)) continue;
    got++;
    load32(memory + 64);
    readUnlock(memory);
  }
  return got;
}

/** References to one object. The count has to be 1 or more at first. */
export function refcountPairs(memory: usize, count: u32): u32 {
  let got: u32 = 0;
  for (let index: u32 = 0; index < count; index++) {
    if (!incrementUnlessZero(memory)) continue;
    got++;
    load32(memory + 64);
    if (decrementAndTest(memory)) got = 0;
  }
  return got;
}

/** Read sections of one SRCU domain. */
export function srcuPairs(memory: usize, count: u32): u32 {
  for (let index: u32 = 0; index < count; index++) {
    const rank = srcuReadLock(memory);
    load32(memory);
    srcuReadUnlock(memory, rank);
  }
  return count;
}

/** Read sections of RCU, each with a quiescent state, as the harness has one at every event boundary. */
export function rcuPairs(memory: usize, count: u32): u32 {
  for (let index: u32 = 0; index < count; index++) {
    rcuReadLock();
    load32(memory);
    rcuReadUnlock();
    rcuQuiescent(memory);
  }
  return count;
}

/** Takes interrupts, for a CPU that has nothing else to do. */
export function idleRounds(rounds: u32): void {
  for (let round: u32 = 0; round < rounds; round++) deliver();
}
