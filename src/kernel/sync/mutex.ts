// A sleeping lock for one holder.
//
// Follows kernel/locking/mutex.c (Linux 6.6): the owner word with its three flags, optimistic spinning behind the queue
// of `osq.ts`, the wait list, and the hand-off to a first waiter that woke up in vain.
// Left out: wait/wound mutexes, interruptible and timed waits, debugging; a spinner's end of time slice (`osq.ts`).
// Blocking. Who is first on the wait list gets the lock at the second unlock at the latest, so nobody starves there.
// Any task may lock, with interrupts on and while it may sleep; only the holder unlocks. Not from interrupt handlers.
// The holder does not touch the mutex any more once somebody else can have got it, except to wake that one: so an
// object that the mutex lies in must not be freed by who takes the lock next.

import {
  compareExchange32,
  deliver,
  enter,
  isRunning,
  leave,
  load32,
  note,
  pause,
  preemptOff,
  preemptOn,
  task,
} from "../machine/impl";
import { noteLockAcquired, noteLockReleased } from "../notes";
import { mutexLock as mutexLockSymbol, mutexUnlock as mutexUnlockSymbol } from "../symbols";
import { osqLock, osqUnlock } from "./osq";
import { acquireIrqOff, releaseIrqOn } from "./spin-lock";
import { append, firstOf, markWoken, newWaiter, rearm, remove, rouse, sleepAs, Waiter } from "./wait-list";

@unmanaged
class Mutex {
  /** (holder's task + 1) * 8, or 0, and the flags. */
  owner: u32 = 0;
  /** Queue of spinners. */
  spinners: u32 = 0;
  /** Guards `waiters`. */
  waitLock: u32 = 0;
  pad0: u32 = 0;
  waitersFirst: u32 = 0;
  waitersLast: u32 = 0;
  pad1: u64 = 0;
}

/** Bytes of a mutex. Zeroed memory is a free one. */
export const mutexSize: usize = 32;
if (offsetof<Mutex>() !== 32) ERROR("Mutex must be 32 bytes");

/** Somebody is on the wait list. Changed under `waitLock`. */
const flagWaiters: u32 = 1;
/** The holder has to give the lock to the first waiter. Set by that waiter. */
const flagHandoff: u32 = 2;
/** The lock was given to the task in the owner word, which does not know yet. */
const flagPickup: u32 = 4;
const flags: u32 = 7;

function holderOf(identity: u32): u32 {
  return (identity + 1) << 3;
}

function waitLockOf(mutex: usize): usize {
  return mutex + offsetof<Mutex>("waitLock");
}

function waitersOf(mutex: usize): usize {
  return mutex + offsetof<Mutex>("waitersFirst");
}

/** Takes the mutex. May sleep. */
export function mutexLock(mutex: usize): void {
  enter(mutexLockSymbol);
  if (compareExchange32(mutex, 0, holderOf(task())) !== 0) lockSlowly(mutex);
  note(noteLockAcquired, mutex);
  leave();
}

/** Gives the mutex back. */
export function mutexUnlock(mutex: usize): void {
  enter(mutexUnlockSymbol);
  note(noteLockReleased, mutex);
  const self = holderOf(task());
  if (compareExchange32(mutex, self, 0) !== self) unlockSlowly(mutex);
  leave();
}

/**
 * Takes the mutex if it is free or was given to this task. Returns 0 when it got it, or who holds it.
 *
 * @param asksForHandoff whether the holder is to give it to the first waiter, which the caller is
 */
function holderUnlessTaken(mutex: usize, asksForHandoff: bool): u32 {
  const self = holderOf(task());
  let seen = load32(mutex);
  while (true) {
    const holder = seen & ~flags;
    let obstacle: u32 = 0;
    let next = self | (seen & flags);
    if (holder !== 0) {
      if ((seen & flagPickup) !== 0) {
        if (holder !== self) return holder;
        next &= ~flagPickup;
      } else {
        if (!asksForHandoff || (seen & flagHandoff) !== 0) return holder;
        next = seen | flagHandoff;
        obstacle = holder;
      }
    }
    const held = compareExchange32(mutex, seen, next);
    if (held === seen) return obstacle;
    seen = held;
  }
}

function tryLock(mutex: usize, asksForHandoff: bool): bool {
  return holderUnlessTaken(mutex, asksForHandoff) === 0;
}

/** Waits while the holder is the same and on a CPU. Returns whether it makes sense to go on spinning. */
function spinOnHolder(mutex: usize, holder: u32): bool {
  while ((load32(mutex) & ~flags) === holder) {
    if (!isRunning((holder >> 3) - 1)) return false;
    pause();
    deliver();
  }
  return true;
}

/** Spins for the mutex as long as its holder runs. Returns whether it got it. */
function spin(mutex: usize, isFirstWaiter: bool): bool {
  preemptOff();
  let isTaken: bool = false;
  // The first waiter competes with the first spinner only.
  if (!isFirstWaiter) {
    const holder = load32(mutex) & ~flags;
    if (holder !== 0 && !isRunning((holder >> 3) - 1)) {
      preemptOn();
      return false;
    }
    osqLock(mutex + offsetof<Mutex>("spinners"));
  }
  while (true) {
    // The holder that stood in the way, not a later one: that may be this task, to which the lock was given meanwhile.
    const holder = holderUnlessTaken(mutex, false);
    isTaken = holder === 0;
    if (isTaken || !spinOnHolder(mutex, holder)) break;
    pause();
    deliver();
  }
  if (!isFirstWaiter) osqUnlock(mutex + offsetof<Mutex>("spinners"));
  preemptOn();
  return isTaken;
}

function changeFlags(mutex: usize, set: u32, clear: u32): void {
  let seen = load32(mutex);
  let held = compareExchange32(mutex, seen, (seen & ~clear) | set);
  while (held !== seen) {
    seen = held;
    held = compareExchange32(mutex, seen, (seen & ~clear) | set);
  }
}

function lockSlowly(mutex: usize): void {
  if (tryLock(mutex, false) || spin(mutex, false)) return;
  const waitLock = waitLockOf(mutex);
  const waiters = waitersOf(mutex);
  const waiter = newWaiter(0, 0);
  acquireIrqOff(waitLock);
  append(waiters, waiter);
  // From here on an unlock takes the slow path and wakes the first waiter; an unlock before it is seen by `tryLock`.
  if (firstOf(waiters) === waiter) changeFlags(mutex, flagWaiters, 0);
  while (!tryLock(mutex, false)) {
    releaseIrqOn(waitLock);
    sleepAs(waiter);
    rearm(waiter);
    // Looked at without the lock: who is first stays so.
    const isFirst = firstOf(waiters) === waiter;
    if (tryLock(mutex, isFirst) || (isFirst && spin(mutex, true))) {
      acquireIrqOff(waitLock);
      break;
    }
    acquireIrqOff(waitLock);
  }
  remove(waiters, waiter);
  if (firstOf(waiters) === 0) changeFlags(mutex, 0, flags);
  releaseIrqOn(waitLock);
}

function unlockSlowly(mutex: usize): void {
  let seen = load32(mutex);
  while ((seen & flagHandoff) === 0) {
    const held = compareExchange32(mutex, seen, seen & flags);
    if (held === seen) {
      if ((seen & flagWaiters) === 0) return;
      break;
    }
    seen = held;
  }
  const waitLock = waitLockOf(mutex);
  acquireIrqOff(waitLock);
  const first = firstOf(waitersOf(mutex));
  if ((seen & flagHandoff) !== 0) give(mutex, first);
  if (first !== 0) markWoken(first);
  releaseIrqOn(waitLock);
  if (first !== 0) rouse(first);
}

/** Makes the first waiter the holder. Under `waitLock`, by the present holder. */
function give(mutex: usize, first: usize): void {
  const identity = load32(first + offsetof<Waiter>("task"));
  const next = flagWaiters | flagPickup | holderOf(identity);
  let seen = load32(mutex);
  let held = compareExchange32(mutex, seen, next);
  while (held !== seen) {
    seen = held;
    held = compareExchange32(mutex, seen, next);
  }
}
