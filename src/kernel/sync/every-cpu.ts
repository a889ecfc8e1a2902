// Runs a function on every CPU that is online and waits until all have done so.
//
// Follows on_each_cpu() of kernel/smp.c: the own CPU calls the function directly with interrupts off, the others by
// an interrupt. Called with interrupts on. Calls may run at the same time, each with a cell of its own.
// Ends when every CPU has taken its interrupt; a waiting CPU takes those of others, so two callers cannot block each
// other.

import {
  add32,
  cpu,
  cpus,
  deliver,
  enter,
  interrupt,
  irqOff,
  irqOn,
  leave,
  load32,
  pause,
  preemptOff,
  preemptOn,
  storeRelaxed32,
} from "../machine/impl";
import { onEachCpu } from "../symbols";

/**
 * Runs `work(argument)` once on every online CPU.
 *
 * @param online table of one u32 per CPU, not 0 when the CPU is online
 * @param work index of a function in the table that ends by counting `pending` down (`countDown`)
 * @param pending a cell of the caller's own
 */
export function runOnEveryCpu(online: usize, work: u32, argument: usize, pending: usize): void {
  enter(onEachCpu);
  // One for this CPU, and one more before each interrupt is sent: a CPU that comes or goes meanwhile is either
  // interrupted and counted or neither.
  storeRelaxed32(pending, 1);
  preemptOff();
  for (let target: u32 = 0; target < cpus(); target++) {
    if (target === cpu() || load32(online + target * 4) === 0) continue;
    add32(pending, 1);
    interrupt(target, work, argument);
  }
  irqOff();
  call_indirect<void>(work, argument);
  irqOn();
  preemptOn();
  while (load32(pending) !== 0) {
    pause();
    deliver();
  }
  leave();
}

/** Says that this CPU has done its part. What it did is visible to the caller of `runOnEveryCpu`. */
export function countDown(pending: usize): void {
  add32(pending, u32(-1));
}
