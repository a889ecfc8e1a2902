// The queue of tasks that spin for a sleeping lock: one of them looks at the lock, the others each at a line of their own.
//
// Follows osq_lock() and osq_unlock() of kernel/locking/osq_lock.c (Linux 6.6): an MCS queue, here of nodes in the
// spinners' own memory, of which the cell holds the last one's address; 0 is a free queue.
// Left out: leaving the queue early. In the kernel a spinner does so when its time slice is over or its predecessor's
// virtual CPU is preempted; the machine knows of neither, and a spinner in front ends when the lock's owner sleeps.
// Served in order, blocking. Called with preemption off and interrupts on, which are taken meanwhile, so that no spinner
// leaves its CPU; not from interrupt handlers. A task spins in one queue at a time. Only who got through leaves.

import { compareExchange32, deliver, enter, exchange32, leave, load32, pause, storeRelaxed32 } from "../machine/impl";
import { osqLock as osqLockSymbol } from "../symbols";
import { ownSpinner } from "./wait-list";

@unmanaged
class Spinner {
  /** Address of the node behind this one, or 0. Written by that one. */
  next: u32 = 0;
  /** Not 0 when the task is at the front. Written by the predecessor. */
  granted: u32 = 0;
}

if (offsetof<Spinner>() !== 8) ERROR("Spinner must be 8 bytes");

/** Gets in line and waits until the task is at the front. */
export function osqLock(queue: usize): void {
  enter(osqLockSymbol);
  const node = ownSpinner();
  storeRelaxed32(node + offsetof<Spinner>("next"), 0);
  storeRelaxed32(node + offsetof<Spinner>("granted"), 0);
  const previous = exchange32(queue, node as u32);
  if (previous !== 0) {
    // The predecessor does not leave before it has found its successor.
    storeRelaxed32(usize(previous) + offsetof<Spinner>("next"), node as u32);
    while (load32(node + offsetof<Spinner>("granted")) === 0) {
      pause();
      deliver();
    }
  }
  leave();
}

/** Lets the next one to the front. */
export function osqUnlock(queue: usize): void {
  const node = ownSpinner();
  if (compareExchange32(queue, node as u32, 0) === (node as u32)) return;
  let next = load32(node + offsetof<Spinner>("next"));
  // Somebody is behind, but has not said so yet.
  while (next === 0) {
    pause();
    deliver();
    next = load32(node + offsetof<Spinner>("next"));
  }
  storeRelaxed32(usize(next) + offsetof<Spinner>("granted"), 1);
}
