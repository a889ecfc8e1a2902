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
  enter,
  leave,
  load32,
  load64,
  note,
  now,
  preemptOff,
  preemptOn,
  storeRelaxed32,
  task,
} from "../machine/impl";
import { noteLockAcquired, noteLockReleased, noteLockShared, noteLockUnshared } from "../notes";
import { downRead, downReadTrylock, downWrite, upRead, upWrite } from "../symbols";
import { hz, jiffyNs } from "./jiffies";
import { allowSpinning, nobody, spinAsHeir, spinAsWriter } from "./rwsem-spin";
import {
  anyFlag,
  flagHandoff,
  flagWaiters,
  flagWriter,
  heldMask,
  oneReader,
  ownedBy,
  ownerCell,
  setReaderOwner,
  waitersOf,
  waitLockOf,
} from "./rwsem-word";
import { acquireIrqOff, releaseIrqOn } from "./spin-lock";
import { append, firstOf, markWoken, newWaiter, nextOf, rearm, remove, rouse, sleepAs, Waiter } from "./wait-list";

export { rwsemSize } from "./rwsem-word";

const kindReader: u32 = 0;
const kindWriter: u32 = 1;

/** How long a waiter waits until it asks for the hand-off: 4 ms, in whole ticks. */
const handoffNs: u64 = u64((hz + 249) / 250) * jiffyNs;

/** Counts the task in as a reader unless a flag is set. `seen` is what the count is or is guessed to be. */
function enterAsReader(sem: usize, seen: u32): bool {
  // Count and owner change without a preemption in between: a spinner that saw the one without the other would wait
  // for a task that may not run.
  preemptOff();
  let isTaken: bool = false;
  while ((seen & anyFlag) === 0) {
    const held = compareExchange32(sem, seen, seen + oneReader);
    if (held === seen) {
      setReaderOwner(sem, task());
      note(noteLockShared, sem);
      isTaken = true;
      break;
    }
    seen = held;
  }
  preemptOn();
  return isTaken;
}

/** Takes the lock as a reader unless somebody writes or waits. */
export function tryReadLock(sem: usize): bool {
  enter(downReadTrylock);
  // Looks first, as in Linux: where somebody writes or waits, nothing is written.
  const isTaken = enterAsReader(sem, load32(sem));
  leave();
  return isTaken;
}

/** Takes the lock as a reader. May sleep. */
export function readLock(sem: usize): void {
  enter(downRead);
  // A guess stands for the kernel's addition, which does not look first either.
  if (!enterAsReader(sem, 0)) {
    readLockSlowly(sem);
    note(noteLockShared, sem);
  }
  leave();
}

/** Gives the lock back as a reader. */
export function readUnlock(sem: usize): void {
  enter(upRead);
  note(noteLockUnshared, sem);
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

function setWaiters(sem: usize): void {
  let seen = load32(sem);
  let held = compareExchange32(sem, seen, seen | flagWaiters);
  while (held !== seen) {
    seen = held;
    held = compareExchange32(sem, seen, seen | flagWaiters);
  }
}
