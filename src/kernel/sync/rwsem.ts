// A sleeping lock for many readers or one writer.
//
// Follows kernel/locking/rwsem.c (Linux 6.6): one word with writer, waiters, hand-off and the count of readers; the
// owner beside it on the same line; writers that spin behind the queue of `osq.ts` while a writer owns and runs, or for
// some 10 us while readers own; a first-in-first-out wait list whose readers wake up together; stealing by one reader
// when the lock is free; a hand-off to the first waiter once it has waited for 4 ms.
// Different: a reader that cannot get in never appears in the count, because it compares and exchanges instead of adding
// first. So the last reader always sees that it is the last, and nobody has to look again on its behalf. And a spinning
// writer gives up as soon as the lock is kept for the first waiter, where the kernel has the end of its time slice.
// Left out: downgrading, timed and killable waits, the guard against 2^23 readers, the end of a time slice (`osq.ts`).
//
// The trylock is lock-free and fails as soon as a task is on the wait list. Everything else blocks. Any task may call
// these at any time with interrupts on; all but the trylock may sleep. Not from interrupt handlers. Whoever unlocks
// must hold the lock. An object that the lock lies in must not be freed by who takes the lock next (`mutex.ts`).
//
// Why no wake-up is lost: a task sets `flagWaiters` under the wait lock and looks at the lock once more before it
// sleeps. An unlock is one read-modify-write of the same word: it comes before, and is seen, or after, and sees the
// flag. Whoever takes a free lock past the wait list keeps the flag, so its own unlock wakes the first waiter again.

import {
  compareExchange32,
  deliver,
  enter,
  isRunning,
  leave,
  load32,
  load64,
  note,
  now,
  pause,
  preemptOff,
  preemptOn,
  storeRelaxed32,
  task,
} from "../machine/impl";
import { noteLockAcquired, noteLockReleased } from "../notes";
import { downRead, downReadTrylock, downWrite, upRead, upWrite } from "../symbols";
import { hz, jiffyNs } from "./jiffies";
import { osqLock, osqUnlock } from "./osq";
import { acquireIrqOff, releaseIrqOn } from "./spin-lock";
import {
  append,
  firstOf,
  markWoken,
  newWaiter,
  nextOf,
  rearm,
  remove,
  rouse,
  sleepAs,
  Waiter,
  WaitList,
} from "./wait-list";

@unmanaged
class Rwsem {
  /** The flags, and 256 for each reader. */
  count: u32 = 0;
  /** (task + 1) * 4 of the writer, or of the reader that came last, and the owner's flags. A hint for spinners. */
  owner: u32 = 0;
  /** Queue of spinning writers. */
  spinners: u32 = 0;
  /** Guards `waiters`, and the flags of `count` but for the writer's. */
  waitLock: u32 = 0;
  waitersFirst: u32 = 0;
  waitersLast: u32 = 0;
  pad0: u64 = 0;
  pad1: u64 = 0;
  pad2: u64 = 0;
  pad3: u64 = 0;
  pad4: u64 = 0;
}

/** Bytes of a rwsem: one line. Zeroed memory is a free one. */
export const rwsemSize: usize = 64;
if (offsetof<Rwsem>() !== 64) ERROR("Rwsem must fill one 64-byte line");
if (offsetof<Rwsem>("waitersFirst") % offsetof<WaitList>() !== 0) ERROR("the list must be aligned");

const flagWriter: u32 = 1;
/** Somebody is on the wait list. */
const flagWaiters: u32 = 2;
/** Only the first waiter may take the lock. */
const flagHandoff: u32 = 4;
const anyFlag: u32 = 7;
const oneReader: u32 = 256;
/** Set while somebody holds the lock. */
const heldMask: u32 = ~(oneReader - 1) | flagWriter;

/** The lock belongs, or belonged last, to readers. */
const ownerReaders: u32 = 1;
/** Writers have spun for these readers for long enough. */
const ownerNotSpinnable: u32 = 2;
const ownerFlags: u32 = 3;

const kindReader: u32 = 0;
const kindWriter: u32 = 1;

/** How long a waiter waits until it asks for the hand-off: 4 ms, in whole ticks. */
const handoffNs: u64 = u64((hz + 249) / 250) * jiffyNs;

function ownerCell(sem: usize): usize {
  return sem + offsetof<Rwsem>("owner");
}

function waitLockOf(sem: usize): usize {
  return sem + offsetof<Rwsem>("waitLock");
}

function waitersOf(sem: usize): usize {
  return sem + offsetof<Rwsem>("waitersFirst");
}

function ownedBy(identity: u32): u32 {
  return (identity + 1) << 2;
}

function setReaderOwner(sem: usize, identity: u32): void {
  const kept = load32(ownerCell(sem)) & ownerNotSpinnable;
  storeRelaxed32(ownerCell(sem), ownedBy(identity) | ownerReaders | kept);
}

/** Counts the task in as a reader unless a flag is set. */
function enterAsReader(sem: usize): bool {
  // Count and owner change without a preemption in between: a spinner that saw the one without the other would wait
  // for a task that may not run.
  preemptOff();
  let isTaken: bool = false;
  // The kernel guesses a free lock, too.
  let seen: u32 = 0;
  do {
    const held = compareExchange32(sem, seen, seen + oneReader);
    if (held === seen) {
      setReaderOwner(sem, task());
      isTaken = true;
      break;
    }
    seen = held;
  } while ((seen & anyFlag) === 0);
  preemptOn();
  return isTaken;
}

/** Takes the lock as a reader unless somebody writes or waits. */
export function tryReadLock(sem: usize): bool {
  enter(downReadTrylock);
  const isTaken = enterAsReader(sem);
  leave();
  return isTaken;
}

/** Takes the lock as a reader. May sleep. */
export function readLock(sem: usize): void {
  enter(downRead);
  if (!enterAsReader(sem)) readLockSlowly(sem);
  leave();
}

/** Gives the lock back as a reader. */
export function readUnlock(sem: usize): void {
  enter(upRead);
  // Guesses that there is no other reader.
  let seen: u32 = oneReader;
  let held = compareExchange32(sem, seen, seen - oneReader);
  while (held !== seen) {
    seen = held;
    held = compareExchange32(sem, seen, seen - oneReader);
  }
  if (((seen - oneReader) & (heldMask | flagWaiters)) === flagWaiters) {
    allowSpinning(sem);
    wakeFirst(sem);
  }
  leave();
}

/** Takes the lock as the writer. May sleep. */
export function writeLock(sem: usize): void {
  enter(downWrite);
  preemptOff();
  const isTaken = compareExchange32(sem, 0, flagWriter) === 0;
  if (isTaken) storeRelaxed32(ownerCell(sem), ownedBy(task()));
  preemptOn();
  if (!isTaken) writeLockSlowly(sem);
  note(noteLockAcquired, sem);
  leave();
}

/** Gives the lock back as the writer. */
export function writeUnlock(sem: usize): void {
  enter(upWrite);
  note(noteLockReleased, sem);
  preemptOff();
  storeRelaxed32(ownerCell(sem), 0);
  let seen: u32 = flagWriter;
  let held = compareExchange32(sem, seen, seen & ~flagWriter);
  while (held !== seen) {
    seen = held;
    held = compareExchange32(sem, seen, seen & ~flagWriter);
  }
  preemptOn();
  if ((seen & flagWaiters) !== 0) wakeFirst(sem);
  leave();
}

/** Whether somebody is on the wait list. */
export function isContended(sem: usize): bool {
  return firstOf(waitersOf(sem)) !== 0;
}

function changeCount(sem: usize, add: u32, clear: u32): void {
  let seen = load32(sem);
  let held = compareExchange32(sem, seen, (seen + add) & ~clear);
  while (held !== seen) {
    seen = held;
    held = compareExchange32(sem, seen, (seen + add) & ~clear);
  }
}

/** Wakes the first waiter, and if it is a reader all waiting readers. */
function wakeFirst(sem: usize): void {
  acquireIrqOff(waitLockOf(sem));
  const first = firstOf(waitersOf(sem));
  let readers: usize = 0;
  let writer: usize = 0;
  if (first !== 0) {
    if (load32(first + offsetof<Waiter>("kind")) === kindWriter) {
      writer = first;
      markWoken(writer);
    } else {
      readers = admitReaders(sem, false);
    }
  }
  releaseIrqOn(waitLockOf(sem));
  if (writer !== 0) rouse(writer);
  wakeAll(readers);
}

/**
 * Counts in all readers of the wait list, of which the first waiter is one, and takes them off. Under the wait lock.
 * Returns the first of them, chained by `next`, for `wakeAll`; or 0 when a writer was faster.
 *
 * @param isReadLocked whether the caller holds the lock as a reader
 */
function admitReaders(sem: usize, isReadLocked: bool): usize {
  const waiters = waitersOf(sem);
  const first = firstOf(waiters);
  if (!isReadLocked) {
    // One reader in the count keeps writers out while the others are collected.
    let seen = load32(sem);
    while (true) {
      const isWritten = (seen & flagWriter) !== 0;
      // The writer's unlock wakes the first waiter again.
      if (isWritten && ((seen & flagHandoff) !== 0 || !isOverdue(first))) return 0;
      const held = compareExchange32(sem, seen, isWritten ? seen | flagHandoff : seen + oneReader);
      if (held === seen) {
        if (!isWritten) break;
        storeRelaxed32(first + offsetof<Waiter>("handoff"), 1);
        return 0;
      }
      seen = held;
    }
    setReaderOwner(sem, load32(first + offsetof<Waiter>("task")));
  }
  let chain: usize = 0;
  let chainEnd: usize = 0;
  let count: u32 = 0;
  let waiter = first;
  while (waiter !== 0) {
    const next = nextOf(waiter);
    if (load32(waiter + offsetof<Waiter>("kind")) === kindReader) {
      remove(waiters, waiter);
      storeRelaxed32(waiter + offsetof<Waiter>("next"), 0);
      if (chain === 0) chain = waiter;
      else storeRelaxed32(chainEnd + offsetof<Waiter>("next"), waiter as u32);
      chainEnd = waiter;
      count++;
    }
    waiter = next;
  }
  const counted: u32 = isReadLocked ? 0 : 1;
  // With a reader in, the hand-off to it has happened.
  const gone: u32 = firstOf(waiters) === 0 ? flagWaiters | flagHandoff : flagHandoff;
  changeCount(sem, (count - counted) * oneReader, gone);
  return chain;
}

function wakeAll(first: usize): void {
  let waiter = first;
  while (waiter !== 0) {
    // Read first: a reader that is woken leaves with its memory.
    const next = nextOf(waiter);
    markWoken(waiter);
    rouse(waiter);
    waiter = next;
  }
}

function isOverdue(waiter: usize): bool {
  return now() > load64(waiter + offsetof<Waiter>("deadline"));
}

function steal(sem: usize, seen: u32): bool {
  preemptOff();
  const isTaken = compareExchange32(sem, seen, seen + oneReader) === seen;
  if (isTaken) setReaderOwner(sem, task());
  preemptOn();
  return isTaken;
}

function readLockSlowly(sem: usize): void {
  const waitLock = waitLockOf(sem);
  const waiters = waitersOf(sem);
  const seen = load32(sem);
  // A free lock may be taken past the wait list, by one reader at a time so that writers do not starve.
  if ((seen & (heldMask | flagHandoff)) === 0 && steal(sem, seen)) {
    if ((seen & flagWaiters) === 0) return;
    // Readers that wait at the front come along.
    acquireIrqOff(waitLock);
    const first = firstOf(waiters);
    let readers: usize = 0;
    if (first !== 0 && load32(first + offsetof<Waiter>("kind")) === kindReader) readers = admitReaders(sem, true);
    releaseIrqOn(waitLock);
    wakeAll(readers);
    return;
  }
  const waiter = newWaiter(kindReader, now() + handoffNs);
  acquireIrqOff(waitLock);
  if (firstOf(waiters) === 0) {
    let last = load32(sem);
    while (true) {
      const isWritten = (last & flagWriter) !== 0;
      const held = compareExchange32(sem, last, isWritten ? last | flagWaiters : last + oneReader);
      if (held === last) {
        if (isWritten) break;
        setReaderOwner(sem, task());
        releaseIrqOn(waitLock);
        return;
      }
      last = held;
    }
  }
  append(waiters, waiter);
  releaseIrqOn(waitLock);
  // Whoever wakes a reader has counted it in.
  sleepAs(waiter);
}

/** The owner is unknown: the lock is free or changes hands. */
const nobody: u32 = 0;
const runningWriter: u32 = 1;
const readers: u32 = 2;
/** The owner sleeps, or its readers take too long. */
const hopeless: u32 = 3;

function kindOfOwner(owner: u32): u32 {
  if ((owner & ownerNotSpinnable) !== 0) return hopeless;
  if ((owner & ownerReaders) !== 0) return readers;
  return owner === 0 ? nobody : runningWriter;
}

/** Waits while the same writer owns the lock and runs. Returns who owns it then. */
function spinOnOwner(sem: usize): u32 {
  const owner = load32(ownerCell(sem));
  const kind = kindOfOwner(owner);
  if (kind !== runningWriter) return kind;
  while (true) {
    const present = load32(ownerCell(sem));
    if (present !== owner) return kindOfOwner(present);
    if (!isRunning((owner >> 2) - 1)) return hopeless;
    pause();
    deliver();
  }
}

function allowSpinning(sem: usize): void {
  let owner = load32(ownerCell(sem));
  while ((owner & ownerNotSpinnable) !== 0) {
    const held = compareExchange32(ownerCell(sem), owner, owner & ~ownerNotSpinnable);
    if (held === owner) return;
    owner = held;
  }
}

function forbidSpinning(sem: usize): void {
  let owner = load32(ownerCell(sem));
  while ((owner & ownerFlags) === ownerReaders) {
    const held = compareExchange32(ownerCell(sem), owner, owner | ownerNotSpinnable);
    if (held === owner) return;
    owner = held;
  }
}

/** Takes a free lock past the wait list, unless it is kept for the first waiter. */
function tryWriteUnqueued(sem: usize): bool {
  let seen = load32(sem);
  while ((seen & (heldMask | flagHandoff)) === 0) {
    const held = compareExchange32(sem, seen, seen | flagWriter);
    if (held === seen) {
      storeRelaxed32(ownerCell(sem), ownedBy(task()));
      return true;
    }
    seen = held;
  }
  return false;
}

/** How long to spin for readers: some time for the lock and some for each of them. */
function readersSpinNs(sem: usize): u64 {
  return u64(20 + min<u32>(load32(sem) / oneReader, 30)) * 500;
}

/** Looks at the clock once in so many rounds. */
const roundsPerLook: u32 = 16;

/** Spins for the lock while its owner runs. Returns whether the task is the writer now. */
function spinAsWriter(sem: usize): bool {
  preemptOff();
  const owner = load32(ownerCell(sem));
  const kind = kindOfOwner(owner);
  if (kind === hopeless || (kind === runningWriter && !isRunning((owner >> 2) - 1))) {
    preemptOn();
    return false;
  }
  osqLock(sem + offsetof<Rwsem>("spinners"));
  let isTaken: bool = false;
  let before = nobody;
  let rounds: u32 = 0;
  let deadline: u64 = 0;
  while (true) {
    const present = spinOnOwner(sem);
    if (present === hopeless) break;
    isTaken = tryWriteUnqueued(sem);
    // Kept for the first waiter, which may wait for this very CPU.
    if (isTaken || (load32(sem) & flagHandoff) !== 0) break;
    if (present === readers) {
      if (before !== readers) {
        rounds = 0;
        deadline = now() + readersSpinNs(sem);
      } else {
        rounds++;
        if (rounds % roundsPerLook === 0 && now() > deadline) {
          forbidSpinning(sem);
          break;
        }
      }
    }
    before = present;
    pause();
    deliver();
  }
  osqUnlock(sem + offsetof<Rwsem>("spinners"));
  preemptOn();
  return isTaken;
}

/** Takes the lock as a waiter if it is free, or asks for the hand-off if it is time. Under the wait lock. */
function tryWriteQueued(sem: usize, waiter: usize): bool {
  const first = firstOf(waitersOf(sem));
  const isOnly = first === waiter && nextOf(waiter) === 0;
  let seen = load32(sem);
  while (true) {
    const isHandedOff = (seen & flagHandoff) !== 0;
    if (isHandedOff && first !== waiter && load32(first + offsetof<Waiter>("handoff")) !== 0) return false;
    const isHeld = (seen & heldMask) !== 0;
    let next = seen | flagHandoff;
    if (isHeld) {
      if (isHandedOff || !isOverdue(waiter)) return false;
    } else {
      next = (seen | flagWriter) & ~flagHandoff;
      if (isOnly) next &= ~flagWaiters;
    }
    const held = compareExchange32(sem, seen, next);
    if (held === seen) {
      if (isHeld) {
        storeRelaxed32(first + offsetof<Waiter>("handoff"), 1);
        return false;
      }
      remove(waitersOf(sem), waiter);
      storeRelaxed32(ownerCell(sem), ownedBy(task()));
      return true;
    }
    seen = held;
  }
}

function writeLockSlowly(sem: usize): void {
  if (spinAsWriter(sem)) return;
  const waitLock = waitLockOf(sem);
  const waiters = waitersOf(sem);
  const waiter = newWaiter(kindWriter, now() + handoffNs);
  acquireIrqOff(waitLock);
  append(waiters, waiter);
  if (firstOf(waiters) === waiter) setWaiters(sem);
  while (!tryWriteQueued(sem, waiter)) {
    const isHandedOff = load32(waiter + offsetof<Waiter>("handoff")) !== 0;
    releaseIrqOn(waitLock);
    // The lock is this task's next: it pays to wait for a writer that runs.
    if (!isHandedOff || spinAsHeir(sem) !== nobody) {
      sleepAs(waiter);
      rearm(waiter);
    }
    acquireIrqOff(waitLock);
  }
  releaseIrqOn(waitLock);
}

function spinAsHeir(sem: usize): u32 {
  preemptOff();
  const kind = spinOnOwner(sem);
  preemptOn();
  return kind;
}

function setWaiters(sem: usize): void {
  let seen = load32(sem);
  let held = compareExchange32(sem, seen, seen | flagWaiters);
  while (held !== seen) {
    seen = held;
    held = compareExchange32(sem, seen, seen | flagWaiters);
  }
}
