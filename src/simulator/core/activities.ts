// What the host does for CPUs: it gives them something to perform, and completes what they have asked for.

import { siftUp } from "./heap";
import { Activity, Cpu, never, Scope, scopesOffset, symbolDepthMax } from "./layout";
import { idleSymbol, operationCompute, operationNone } from "./protocol";
import { innermostOf } from "./running";
import { activityAt, cpuAt, idleTable, notInHeap, onCpuTable } from "./tables";

/** Prepares an activity. `stack` and `page` lie in the memory of the code under test; `symbol` is what it is in at first. */
export function newActivity(
  index: u32,
  identity: u32,
  stack: u32,
  page: u32,
  call: u32,
  a: u32,
  b: u32,
  deadline: f64,
  irqDepth: u32,
  symbol: u32,
): void {
  const doing = changetype<Activity>(activityAt(index));
  doing.stack = stack;
  doing.page = page;
  doing.identity = identity;
  doing.isBegun = 0;
  doing.call = call;
  doing.a = a;
  doing.b = b;
  doing.deadline = deadline;
  doing.preemptDepth = 0;
  doing.irqDepth = irqDepth;
  doing.symbol = symbol;
  doing.transfer = 0;
  doing.ranFor = 0;
  doing.quietPauses = 0;
  doing.operation = operationNone;
  doing.symbolDepth = 0;
  doing.lockCount = 0;
}

/** Charges a CPU's time up to now to the symbol that it is in. */
function charge(index: u32): void {
  const one = changetype<Cpu>(cpuAt(index));
  const symbol = one.activity === 0 ? idleSymbol : innermostOf(one.activity);
  chargeTo(index, symbol);
}

function chargeTo(index: u32, symbol: u32): void {
  const one = changetype<Cpu>(cpuAt(index));
  const cell = one.symbolTimes + usize(symbol) * 8;
  store<f64>(cell, load<f64>(cell) + (one.clock - one.charged));
  one.charged = one.clock;
}

/** Gives a CPU something to perform; `none` for nothing. It is not made ready. */
export function setActivity(index: u32, which: u32, none: bool): void {
  charge(index);
  const one = changetype<Cpu>(cpuAt(index));
  if (one.activity !== 0) {
    const left = changetype<Activity>(one.activity);
    left.ranFor = one.clock - left.boundary;
  }
  one.activity = none ? 0 : activityAt(which);
  if (!none) {
    const doing = changetype<Activity>(one.activity);
    doing.computingSince = one.clock;
    doing.boundary = one.clock - doing.ranFor;
    // The handling of an interrupt begins with interrupts off.
    if (doing.isBegun === 0 && doing.irqDepth > 0) one.irqOffSince = one.clock;
  }
  store<u32>(idleTable + index * 4, none ? 1 : 0);
}

/** Says that what a CPU performs goes to sleep, so that it is not stuck. */
export function setBoundary(index: u32): void {
  const one = changetype<Cpu>(cpuAt(index));
  changetype<Activity>(one.activity).boundary = one.clock;
}

/** Moves a CPU's clock on to `to`, unless it is later already; what passes is charged to `symbol`. */
export function passUntil(index: u32, to: f64, symbol: u32): void {
  const one = changetype<Cpu>(cpuAt(index));
  charge(index);
  if (to > one.clock) one.clock = to;
  chargeTo(index, symbol);
}

/** Lets a CPU spend so much time on `symbol`. */
export function spend(index: u32, span: f64, symbol: u32): void {
  passUntil(index, changetype<Cpu>(cpuAt(index)).clock + span, symbol);
}

/** Charges everything, so that symbol times can be read. */
export function settle(index: u32): void {
  charge(index);
}

export function clockOf(index: u32): f64 {
  return changetype<Cpu>(cpuAt(index)).clock;
}

export function isReady(index: u32): bool {
  return changetype<Cpu>(cpuAt(index)).heapIndex !== notInHeap;
}

/** Interrupts what a CPU computes at time `at`, so that it goes on with it later. */
function cutComputation(index: u32, at: f64): void {
  const one = changetype<Cpu>(cpuAt(index));
  const doing = changetype<Activity>(one.activity);
  if (doing.operation !== operationCompute || at >= one.clock) return;
  const from = Math.max(at, doing.computingSince);
  doing.span += one.clock - from;
  one.clock = from;
  if (one.heapIndex !== notInHeap) siftUp(index, one.heapIndex);
}

/** When the next interrupt arrives at a CPU that performs something. */
export function setInterrupt(index: u32, at: f64): void {
  const one = changetype<Cpu>(cpuAt(index));
  one.interruptAt = at;
  if (at < never && one.activity !== 0 && changetype<Activity>(one.activity).irqDepth === 0) cutComputation(index, at);
}

export function setSliceEnd(index: u32, at: f64): void {
  const one = changetype<Cpu>(cpuAt(index));
  one.sliceEnd = at;
  if (at < never && one.activity !== 0) cutComputation(index, at);
}

export function setOnCpu(identity: u32, isOn: u32): void {
  store<u32>(onCpuTable + identity * 4, isOn);
}

export function operationOf(which: u32): u32 {
  return changetype<Activity>(activityAt(which)).operation;
}

export function operand(which: u32, index: u32): u32 {
  return load<u32>(activityAt(which) + offsetof<Activity>("operands0") + index * 4);
}

export function spanOf(which: u32): f64 {
  return changetype<Activity>(activityAt(which)).span;
}

export function preemptDepthOf(which: u32): u32 {
  return changetype<Activity>(activityAt(which)).preemptDepth;
}

export function irqDepthOf(which: u32): u32 {
  return changetype<Activity>(activityAt(which)).irqDepth;
}

export function resultOf(which: u32): u32 {
  return changetype<Activity>(activityAt(which)).result;
}

/** Says what the operation of an activity comes to; it goes on when its CPU does. */
export function complete(which: u32, result: u32): void {
  const doing = changetype<Activity>(activityAt(which));
  doing.operation = operationNone;
  doing.result = result;
}

/** The cell that an activity looked at before its last pause. */
export function lookedAtOf(which: u32): u32 {
  return changetype<Activity>(activityAt(which)).lookedAt;
}

/** The symbols that an activity is in: that of a depth, or 0. */
export function symbolAt(which: u32, depth: u32): u32 {
  const address = activityAt(which);
  if (depth >= changetype<Activity>(address).symbolDepth || depth >= symbolDepthMax) return 0;
  return changetype<Scope>(address + scopesOffset + usize(depth) * offsetof<Scope>()).symbol;
}
