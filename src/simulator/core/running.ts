// The CPU that runs: its clock, how far it may run, and how its calls are suspended and resumed.
//
// Binaryen's asyncify goes by two globals, which the core shares with the instances of all CPUs, so that suspending needs
// no call at all.

import { Activity, Cpu, Scope, scopesOffset, symbolDepthMax } from "./layout";
import { callRun, callRunUntil, callRunWork } from "./protocol";
import { cpuAt } from "./tables";

const normal: i32 = 0;
const unwinding: i32 = 1;
const rewinding: i32 = 2;

export let __asyncify_state: i32 = normal;
export let __asyncify_data: i32 = 0;

export let cpu: usize = 0;
export let cpuIndex: u32 = 0;
export let activity: usize = 0;
export let clock: f64 = 0;
/** Up to where the CPU may run on what its cache answers. */
export let limit: f64 = 0;
/** Its core, plus one, and that core's first cache. */
export let ownCore: u32 = 0;
export let l1: usize = 0;

let suspensions: u64 = 0;

/** Has a CPU be the running one. */
export function turnTo(index: u32): void {
  cpuIndex = index;
  cpu = cpuAt(index);
  const one = changetype<Cpu>(cpu);
  activity = one.activity;
  clock = one.clock;
  ownCore = one.core + 1;
  l1 = one.l1;
}

export function setClock(to: f64): void {
  clock = to;
}

export function advance(by: f64): void {
  clock += by;
}

export function setLimit(to: f64): void {
  limit = to;
}

/** Suspends the running call: the import that calls this returns at once, and is called again when the CPU goes on. */
export function suspend(): void {
  __asyncify_data = changetype<Activity>(activity).stack;
  __asyncify_state = unwinding;
  suspensions++;
}

/** Whether the running call is here for the second time, after it was suspended here. From now on it runs again. */
export function hasResumed(): bool {
  if (__asyncify_state === normal) return false;
  __asyncify_state = normal;
  return true;
}

/** Has the running CPU stop where an interrupt arrives or its time slice ends, if it can then. */
export function lowerLimit(one: Cpu, doing: Activity): void {
  if (doing.irqDepth > 0) return;
  if (one.interruptAt < limit) limit = one.interruptAt;
  if (doing.preemptDepth === 0 && one.sliceEnd < limit) limit = one.sliceEnd;
}

/** The CPU that the outcome of {@link go} is about. */
export function current(): u32 {
  return cpuIndex;
}

/** The symbol that an activity is in. */
export function innermostOf(which: usize): u32 {
  const depth = changetype<Activity>(which).symbolDepth;
  if (depth === 0) return changetype<Activity>(which).symbol;
  const level = depth > symbolDepthMax ? symbolDepthMax : depth;
  return changetype<Scope>(which + scopesOffset + usize(level - 1) * offsetof<Scope>()).symbol;
}

export function innermost(): u32 {
  return innermostOf(activity);
}

/** The running CPU's time, in ns. */
export function nowNs(): f64 {
  return Math.floor(clock / 10);
}

/** Runs the activity to its next suspension or its end. Returns whether it is suspended. */
export function resume(): bool {
  const doing = changetype<Activity>(activity);
  const functions = changetype<Cpu>(cpu).functions;
  if (doing.isBegun !== 0) {
    __asyncify_data = doing.stack;
    __asyncify_state = rewinding;
  }
  doing.isBegun = 1;
  if (doing.call === callRun) doing.result = call_indirect<u32>(functions + callRun, doing.a, doing.b);
  else if (doing.call === callRunUntil) {
    doing.result = call_indirect<u32>(functions + callRunUntil, doing.a, doing.b, doing.deadline);
  } else call_indirect<void>(functions + callRunWork, doing.a, usize(doing.b));
  if (__asyncify_state !== unwinding) return false;
  // Traps when the frames took more than the region for them.
  call_indirect<void>(functions + 3);
  __asyncify_state = normal;
  return true;
}

export function suspensionCount(): f64 {
  return suspensions as f64;
}

export function forgetSuspensions(): void {
  suspensions = 0;
}
