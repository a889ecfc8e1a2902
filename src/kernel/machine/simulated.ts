// The machine of the simulator: each access asks the simulator's core first, which says when it happens and adds what it
// costs, and is then performed here.
//
// The same accesses as in the traced form. It is a form of its own for speed: an access that need not wait is one call
// from Wasm to Wasm, without values, and 64 bits need no halves.

export { cpu, cpus, deliver, enterIdle, leaveIdle } from "./hosted";

import { deferAt, hasDue } from "./deferred";

export { deferredWorkSize, runDeferred } from "./deferred";
export { checksOff, checksOn, keep32, objectAllocated, objectFreed, slabGone, slabMade } from "./unwatched";

// How an access touches its cell, and the operations, as in `src/simulator/core/protocol.ts`.
const howLoad: u32 = 0;
const howStore: u32 = 1;
const howLocked: u32 = 2;
const operationCompute: u32 = 1;
const operationSleep: u32 = 2;
const operationBlock: u32 = 3;
const operationWake: u32 = 4;
const operationInterrupt: u32 = 5;

declare function access(cell: usize, how: u32): void;
declare function request(operation: u32, a: u32, b: u32, c: u32): u32;
declare function requestSpan(operation: u32, ns: f64): void;
declare function nowNs(): f64;

export declare function barrier(): void;
export declare function pause(): void;
/** Identity of the running task. Never suspends. */
export declare function task(): u32;
/** Whether the task is on a CPU right now. Never suspends. */
export declare function isRunning(identity: u32): bool;
/** Whether the CPU runs no task now. Never suspends. */
export declare function isIdle(target: u32): bool;
/** Each task has memory of its own. Never suspends. */
export declare function taskStack(): usize;
export declare function preemptOff(): void;
export declare function preemptOn(): void;
export declare function irqOff(): void;
export declare function irqOn(): void;
export declare function enter(symbol: u32): void;
export declare function leave(): void;
export declare function note(kind: u32, value: usize): void;

export function load32(cell: usize): u32 {
  access(cell, howLoad);
  return load<u32>(cell);
}

export function load64(cell: usize): u64 {
  access(cell, howLoad);
  return load<u64>(cell);
}

export function read32(cell: usize): u32 {
  access(cell, howLoad);
  return load<u32>(cell);
}

export function read64(cell: usize): u64 {
  access(cell, howLoad);
  return load<u64>(cell);
}

export function storeRelaxed32(cell: usize, value: u32): void {
  access(cell, howStore);
  store<u32>(cell, value);
}

export function storeRelaxed64(cell: usize, value: u64): void {
  access(cell, howStore);
  store<u64>(cell, value);
}

export function store32(cell: usize, value: u32): void {
  access(cell, howLocked);
  store<u32>(cell, value);
}

export function store64(cell: usize, value: u64): void {
  access(cell, howLocked);
  store<u64>(cell, value);
}

export function exchange32(cell: usize, value: u32): u32 {
  access(cell, howLocked);
  const held = load<u32>(cell);
  store<u32>(cell, value);
  return held;
}

export function exchange64(cell: usize, value: u64): u64 {
  access(cell, howLocked);
  const held = load<u64>(cell);
  store<u64>(cell, value);
  return held;
}

export function compareExchange32(cell: usize, expected: u32, value: u32): u32 {
  access(cell, howLocked);
  const held = load<u32>(cell);
  if (held === expected) store<u32>(cell, value);
  return held;
}

export function compareExchange64(cell: usize, expected: u64, value: u64): u64 {
  access(cell, howLocked);
  const held = load<u64>(cell);
  if (held === expected) store<u64>(cell, value);
  return held;
}

export function add32(cell: usize, delta: u32): u32 {
  access(cell, howLocked);
  const held = load<u32>(cell);
  store<u32>(cell, held + delta);
  return held;
}

export function add64(cell: usize, delta: u64): u64 {
  access(cell, howLocked);
  const held = load<u64>(cell);
  store<u64>(cell, held + delta);
  return held;
}

export function wait(cell: usize, expected: u32): u32 {
  if (load32(cell) !== expected) return 1;
  // The simulator looks once more when it is this CPU's turn to sleep.
  do request(operationBlock, cell as u32, expected, 0);
  while (load32(cell) === expected);
  return 0;
}

export function wake(cell: usize, count: u32): u32 {
  return request(operationWake, cell as u32, count, 0);
}

export function interrupt(target: u32, work: u32, argument: usize): void {
  request(operationInterrupt, target, work, argument as u32);
}

/** Whether what is to come at a time waits for that time. */
export const isTimed: bool = true;

export function now(): u64 {
  return nowNs() as u64;
}

export function sleep(ns: u64): void {
  requestSpan(operationSleep, ns as f64);
}

export function compute(ns: u64): void {
  requestSpan(operationCompute, ns as f64);
}

/** An event boundary. Never suspends: the simulator looks at the time slice and for interrupts at every access. */
export declare function quiescent(): void;

export function allocated(_address: usize, _bytes: usize): void {}
export function freed(_address: usize, _bytes: usize): void {}

export function defer(item: usize, work: u32, argument: usize, delayNs: u64): void {
  deferAt(item, work, argument, delayNs === 0 ? 0 : now() + delayNs);
}

/** Whether the harness has to run deferred work now: the simulator cannot suspend what it calls between events. */
export function isWorkDue(): bool {
  return hasDue(now());
}
