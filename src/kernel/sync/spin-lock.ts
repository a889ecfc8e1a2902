// A test-and-set spin lock in one 32-bit cell: 0 free, 1 held.
//
// Follows the kernel's raw_spinlock_t in what it costs without contention: one locked instruction to take, a plain
// store to give back. Left out: the queue (kernel/locking/qspinlock.c), so waiting CPUs are not served in order.
// Blocking; a holder is never preempted. Any CPU may take it; only the holder gives it back.

import {
  compareExchange32,
  deliver,
  irqOff,
  irqOn,
  load32,
  note,
  pause,
  preemptOff,
  preemptOn,
  storeRelaxed32,
} from "../machine/impl";
import { noteLockAcquired, noteLockAwaited, noteLockReleased } from "../notes";

/** Takes the lock, with preemption off until `release`. Waits until the holder releases it; interrupts are taken meanwhile. */
export function acquire(lock: usize): void {
  preemptOff();
  note(noteLockAwaited, lock);
  // Pairs with the store in `release`: what the last holder wrote is visible here.
  while (compareExchange32(lock, 0, 1) !== 0) {
    while (load32(lock) !== 0) {
      pause();
      deliver();
    }
  }
  note(noteLockAcquired, lock);
}

/** Gives the lock back. On x86 a plain store is a release. */
export function release(lock: usize): void {
  note(noteLockReleased, lock);
  storeRelaxed32(lock, 0);
  preemptOn();
}

/** Takes the lock where interrupts are off already, and takes none while it waits. */
export function acquireInIrqOff(lock: usize): void {
  note(noteLockAwaited, lock);
  while (compareExchange32(lock, 0, 1) !== 0) {
    while (load32(lock) !== 0) pause();
  }
  note(noteLockAcquired, lock);
}

/** Gives back a lock taken by `acquireInIrqOff`. */
export function releaseInIrqOff(lock: usize): void {
  note(noteLockReleased, lock);
  storeRelaxed32(lock, 0);
}

/** Turns interrupts off and takes the lock, as `raw_spin_lock_irqsave` does. */
export function acquireIrqOff(lock: usize): void {
  irqOff();
  acquireInIrqOff(lock);
}

/** Gives back a lock taken by `acquireIrqOff`, and turns interrupts on. */
export function releaseIrqOn(lock: usize): void {
  releaseInIrqOff(lock);
  irqOn();
}
