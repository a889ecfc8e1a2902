// What the forms have in common whose host or core knows which CPU runs what, and delivers interrupts by itself.

import { cpuCount, thisCpu } from "../layout";

export function cpu(): u32 {
  return thisCpu;
}

export function cpus(): u32 {
  return cpuCount;
}

/** The host knows when a CPU runs a task. */
export function enterIdle(): void {}
export function leaveIdle(): void {}

/** Interrupts are delivered wherever they are on, so a wait loop need not ask for them. */
export function deliver(): void {}
