// The machine of the checker: its core performs every operation itself, on the same memory, when the schedule says so.
//
// Which operations can be scheduled is the core's business, and so are store buffers. Marks and notes reach it, too.

export { cpu, cpus, deliver, enterIdle, leaveIdle } from "./hosted";

/** Bytes of a deferred work item, as in the native form. The core has a list of its own. */
export const deferredWorkSize: usize = 24;

export declare function load32(cell: usize): u32;
export declare function load64(cell: usize): u64;
export declare function storeRelaxed32(cell: usize, value: u32): void;
export declare function storeRelaxed64(cell: usize, value: u64): void;
export declare function store32(cell: usize, value: u32): void;
export declare function store64(cell: usize, value: u64): void;
export declare function exchange32(cell: usize, value: u32): u32;
export declare function exchange64(cell: usize, value: u64): u64;
export declare function compareExchange32(cell: usize, expected: u32, value: u32): u32;
export declare function compareExchange64(cell: usize, expected: u64, value: u64): u64;
export declare function add32(cell: usize, delta: u32): u32;
export declare function add64(cell: usize, delta: u64): u64;
export declare function barrier(): void;
export declare function pause(): void;
export declare function wait(cell: usize, expected: u32): u32;
export declare function wake(cell: usize, count: u32): u32;
export declare function interrupt(target: u32, work: u32, argument: usize): void;
export declare function sleep(ns: u64): void;
export declare function preemptOff(): void;
export declare function preemptOn(): void;
export declare function irqOff(): void;
export declare function irqOn(): void;
/** How long it takes does not matter: any order of what is due at some time is possible. */
export const isTimed: bool = false;
export declare function now(): u64;
/** Whether the task is on a CPU right now. */
export declare function isRunning(identity: u32): bool;
/** Whether the CPU runs no task now. */
export declare function isIdle(target: u32): bool;
/** An event boundary. Never suspends. */
export declare function quiescent(): void;
export declare function allocated(address: usize, bytes: usize): void;
export declare function freed(address: usize, bytes: usize): void;
export declare function objectAllocated(object: usize): void;
export declare function objectFreed(object: usize): void;
/** Identity of the running task. Never suspends, nor does what follows. */
export declare function task(): u32;
export declare function taskStack(): usize;
export declare function slabMade(block: usize, bytes: usize, slotBytes: usize): void;
export declare function slabGone(block: usize, bytes: usize): void;
export declare function checksOff(): void;
export declare function checksOn(): void;
export declare function enter(symbol: u32): void;
export declare function leave(): void;
export declare function note(kind: u32, value: usize): void;
export declare function keep32(cell: usize, value: u32): void;

declare function deferAfter(work: u32, argument: usize): void;

/** No different from other loads: whoever examines accesses sees all of them. */
export function read32(cell: usize): u32 {
  return load32(cell);
}

export function read64(cell: usize): u64 {
  return load64(cell);
}

/** Time passes where somebody sleeps, and where the scenario lets it. */
export function compute(_ns: u64): void {}

/** How long it takes does not matter: any order of what is due at some time is possible. */
export function defer(_item: usize, work: u32, argument: usize, _delayNs: u64): void {
  deferAfter(work, argument);
}

/** Deferred work runs in a task of its own. */
export function isWorkDue(): bool {
  return false;
}

export function runDeferred(_nowNs: u64): u32 {
  return 0;
}
