// Lets one task wait until others have done something.
//
// Follows kernel/sched/completion.c (Linux 6.6): a count of completions under a spin lock, and a list of waiters.
// Left out: complete_all, timeouts, interruptible waits.
// `complete` does not sleep, but waits for the spin lock. Each one lets exactly one `waitForCompletion` through, one that
// comes later included. Any task may call either, at any time, with interrupts on; not from interrupt handlers.
// When a wait returns, the completer has given the spin lock back and touches the completion no more: it may be freed.

import { enter, leave, load32, storeRelaxed32 } from "../machine/impl";
import { waitForCompletion as waitForCompletionSymbol } from "../symbols";
import { acquireIrqOff, releaseIrqOn } from "./spin-lock";
import { append, firstOf, markWoken, newWaiter, remove, rouse, sleepAs } from "./wait-list";

@unmanaged
class Completion {
  /** Completions that nobody has waited for yet. */
  done: u32 = 0;
  /** Guards the others. */
  lock: u32 = 0;
  waitersFirst: u32 = 0;
  waitersLast: u32 = 0;
}

/** Bytes of a completion. */
export const completionSize: usize = 16;
if (offsetof<Completion>() !== 16) ERROR("Completion must be 16 bytes");

/** Makes a completion that nobody uses ready for use. Zeroed memory is ready, too. */
export function initCompletion(completion: usize): void {
  storeRelaxed32(completion + offsetof<Completion>("done"), 0);
  storeRelaxed32(completion + offsetof<Completion>("lock"), 0);
  storeRelaxed32(completion + offsetof<Completion>("waitersFirst"), 0);
  storeRelaxed32(completion + offsetof<Completion>("waitersLast"), 0);
}

/** Lets one waiter through. */
export function complete(completion: usize): void {
  const lock = completion + offsetof<Completion>("lock");
  const waiters = completion + offsetof<Completion>("waitersFirst");
  acquireIrqOff(lock);
  const done = completion + offsetof<Completion>("done");
  storeRelaxed32(done, load32(done) + 1);
  const first = firstOf(waiters);
  if (first !== 0) {
    remove(waiters, first);
    markWoken(first);
  }
  releaseIrqOn(lock);
  // From here on the completion may be gone.
  if (first !== 0) rouse(first);
}

/** Waits for a completion and uses it up. */
export function waitForCompletion(completion: usize): void {
  enter(waitForCompletionSymbol);
  const lock = completion + offsetof<Completion>("lock");
  const done = completion + offsetof<Completion>("done");
  // Under the lock also when it is done already: that is how the waiter knows that the completer has left.
  acquireIrqOff(lock);
  // Again after a wake-up, because somebody who came just now may have used it up.
  while (load32(done) === 0) {
    const waiter = newWaiter(0, 0);
    append(completion + offsetof<Completion>("waitersFirst"), waiter);
    releaseIrqOn(lock);
    sleepAs(waiter);
    acquireIrqOff(lock);
  }
  storeRelaxed32(done, load32(done) - 1);
  releaseIrqOn(lock);
  leave();
}
