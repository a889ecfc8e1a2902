// The machine whose every operation is an import, so that the host decides when it happens and what it costs.
//
// 64-bit values cross as two halves, because an i64 would cross as a BigInt. The host keeps the upper half of the
// last result for `upperHalf`, which is no operation of the machine and never suspends.

export { cpu, cpus, deliver, enterIdle, leaveIdle } from "./hosted";
export { checksOff, checksOn, keep32, objectAllocated, objectFreed, slabGone, slabMade } from "./unwatched";

/** Bytes of a deferred work item, as in the native form. */
export const deferredWorkSize: usize = 24;

export declare function load32(cell: usize): u32;
export declare function storeRelaxed32(cell: usize, value: u32): void;
export declare function store32(cell: usize, value: u32): void;
export declare function exchange32(cell: usize, value: u32): u32;
export declare function compareExchange32(cell: usize, expected: u32, value: u32): u32;
export declare function add32(cell: usize, delta: u32): u32;
export declare function barrier(): void;
export declare function pause(): void;
export declare function wait(cell: usize, expected: u32): u32;
export declare function wake(cell: usize, count: u32): u32;
export declare function interrupt(target: u32, work: u32, argument: usize): void;
export declare function quiescent(): void;
/** Identity of the running task. Never suspends. */
export declare function task(): u32;
/** Whether the task is on a CPU right now. Never suspends. */
export declare function isRunning(identity: u32): bool;
/** Whether the CPU runs no task now. Never suspends. */
export declare function isIdle(target: u32): bool;
/** The host gives each task memory of its own. Never suspends. */
export declare function taskStack(): usize;
export declare function preemptOff(): void;
export declare function preemptOn(): void;
export declare function irqOff(): void;
export declare function irqOn(): void;
export declare function allocated(address: usize, bytes: usize): void;
export declare function freed(address: usize, bytes: usize): void;
export declare function enter(symbol: u32): void;
export declare function leave(): void;
export declare function note(kind: u32, value: usize): void;

declare function load64Halves(cell: usize): u32;
declare function storeRelaxed64Halves(cell: usize, lower: u32, upper: u32): void;
declare function store64Halves(cell: usize, lower: u32, upper: u32): void;
declare function exchange64Halves(cell: usize, lower: u32, upper: u32): u32;
declare function compareExchange64Halves(
  cell: usize,
  expectedLower: u32,
  expectedUpper: u32,
  lower: u32,
  upper: u32,
): u32;
declare function add64Halves(cell: usize, lower: u32, upper: u32): u32;
declare function upperHalf(): u32;
declare function clockNs(): f64;
declare function sleepNs(ns: f64): void;
declare function computeNs(ns: f64): void;
declare function deferNs(item: usize, work: u32, argument: usize, delayNs: f64): void;
declare function runDeferredUntil(nowNs: f64): u32;

function joined(lower: u32): u64 {
  return (u64(upperHalf()) << 32) | u64(lower);
}

export function load64(cell: usize): u64 {
  return joined(load64Halves(cell));
}

export function storeRelaxed64(cell: usize, value: u64): void {
  storeRelaxed64Halves(cell, value as u32, (value >> 32) as u32);
}

export function store64(cell: usize, value: u64): void {
  store64Halves(cell, value as u32, (value >> 32) as u32);
}

export function exchange64(cell: usize, value: u64): u64 {
  return joined(exchange64Halves(cell, value as u32, (value >> 32) as u32));
}

export function compareExchange64(cell: usize, expected: u64, value: u64): u64 {
  return joined(
    compareExchange64Halves(cell, expected as u32, (expected >> 32) as u32, value as u32, (value >> 32) as u32),
  );
}

export function add64(cell: usize, delta: u64): u64 {
  return joined(add64Halves(cell, delta as u32, (delta >> 32) as u32));
}

/** No different from other loads here: whoever examines accesses sees all of them. */
export function read32(cell: usize): u32 {
  return load32(cell);
}

export function read64(cell: usize): u64 {
  return load64(cell);
}

/** Whether what is to come at a time waits for that time. */
export const isTimed: bool = true;

export function now(): u64 {
  return clockNs() as u64;
}

export function sleep(ns: u64): void {
  sleepNs(ns as f64);
}

export function compute(ns: u64): void {
  computeNs(ns as f64);
}

export function defer(item: usize, work: u32, argument: usize, delayNs: u64): void {
  deferNs(item, work, argument, delayNs as f64);
}

/** Whether the harness has to run deferred work now. Here the host does so. */
export function isWorkDue(): bool {
  return false;
}

export function runDeferred(nowNs: u64): u32 {
  return runDeferredUntil(nowNs as f64);
}
