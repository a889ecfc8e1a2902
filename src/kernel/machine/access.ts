// The native accesses: one instruction each.
//
// Every `load` is atomic, which on x86-64 is a plain `mov` that no optimiser may merge, hoist or drop, and which V8
// precedes by a check of the alignment. A `read` is a plain load, for what only one CPU at a time touches. A relaxed
// store is a plain store. Everything else is sequentially consistent and costs a locked instruction, as in the kernel.
// Nothing weaker than x86-TSO can be expressed.

import { awakeAt, deferredHeadAt, deferredTailAt } from "../cpu-block";
import {
  counterOffset,
  cpuBlockSize,
  cpuBlocks,
  cpuCount,
  pageSize,
  positionOffset,
  progressOffset,
  spinsPerMicrosecond,
  symbolsOffset,
  taskStacks,
  thisCpu,
} from "../layout";
import { deferAt } from "./deferred";

export { deferredWorkSize, runDeferred } from "./deferred";
export { checksOff, checksOn, keep32, objectAllocated, objectFreed, slabGone, slabMade } from "./unwatched";

/** Layout of one CPU's block: lines that no other structure shares. */
@unmanaged
class CpuBlock {
  /** Target of `barrier` and of `sleep`. Only the owner touches it. */
  barrierCell: u32 = 0;
  pad0: u32 = 0;
  pad1: u64 = 0;
  pad2: u64 = 0;
  pad3: u64 = 0;
  pad4: u64 = 0;
  pad5: u64 = 0;
  pad6: u64 = 0;
  pad7: u64 = 0;
  /** A pending interrupt: its argument in the upper half, work in the lower one; 0 when there is none. Any CPU posts, the owner takes. */
  mailbox: u64 = 0;
  /** Not 0 while the CPU runs a task. 0 while it sleeps and between rounds. Written by the owner. */
  awake: u32 = 0;
  /** Cell that the CPU sleeps on, or 0. Written by the owner. */
  sleepCell: u32 = 0;
  pad9: u64 = 0;
  pad10: u64 = 0;
  pad11: u64 = 0;
  pad12: u64 = 0;
  pad13: u64 = 0;
  pad14: u64 = 0;
  /** First of the CPU's deferred work items, oldest first. Only the owner touches it. */
  deferredHead: u32 = 0;
  /** Last of the CPU's deferred work items. Only the owner touches it. */
  deferredTail: u32 = 0;
  /** Counters of this CPU, see `counterCell` in `layout.ts`. */
  counter0: u32 = 0;
  counter1: u32 = 0;
  /** Grows while the CPU gets on (`crew.ts`). Only the owner writes it; the host looks at it. */
  progress: u32 = 0;
  /** Index of the event that the CPU performs. Only the owner writes it. */
  position: u32 = 0;
  /** Symbols that the CPU is in, in the profiled form (`profiled.ts`). Only the owner writes it. */
  symbols: u64 = 0;
  pad18: u64 = 0;
  pad19: u64 = 0;
  pad20: u64 = 0;
  pad21: u64 = 0;
}

if (offsetof<CpuBlock>() !== cpuBlockSize) ERROR("CpuBlock must fill its lines");
if (offsetof<CpuBlock>("counter0") !== counterOffset) ERROR("counters must lie where layout.ts says");
if (offsetof<CpuBlock>("progress") !== progressOffset) ERROR("progress must lie where layout.ts says");
if (offsetof<CpuBlock>("position") !== positionOffset) ERROR("position must lie where layout.ts says");
if (offsetof<CpuBlock>("awake") !== awakeAt) ERROR("awake must lie where cpu-block.ts says");
if (offsetof<CpuBlock>("deferredHead") !== deferredHeadAt) ERROR("deferredHead must lie where cpu-block.ts says");
if (offsetof<CpuBlock>("deferredTail") !== deferredTailAt) ERROR("deferredTail must lie where cpu-block.ts says");
if (offsetof<CpuBlock>("symbols") !== symbolsOffset) ERROR("symbols must lie where layout.ts says");

function blockOf(cpu: u32): usize {
  return cpuBlocks + usize(cpu) * cpuBlockSize;
}

export function load32(cell: usize): u32 {
  return atomic.load<u32>(cell);
}

export function load64(cell: usize): u64 {
  return atomic.load<u64>(cell);
}

/**
 * A load of a cell that nobody else can store to meanwhile, because it is this CPU's own or under a lock that is held,
 * or is not written any more. A plain one: it costs no check of the alignment, and an optimiser may merge two of them
 * between which nothing is stored, called or ordered.
 */
export function read32(cell: usize): u32 {
  return load<u32>(cell);
}

/** The same with 64 bits. */
export function read64(cell: usize): u64 {
  return load<u64>(cell);
}

export function storeRelaxed32(cell: usize, value: u32): void {
  store<u32>(cell, value);
}

export function storeRelaxed64(cell: usize, value: u64): void {
  store<u64>(cell, value);
}

export function store32(cell: usize, value: u32): void {
  atomic.store<u32>(cell, value);
}

export function store64(cell: usize, value: u64): void {
  atomic.store<u64>(cell, value);
}

export function exchange32(cell: usize, value: u32): u32 {
  return atomic.xchg<u32>(cell, value);
}

export function exchange64(cell: usize, value: u64): u64 {
  return atomic.xchg<u64>(cell, value);
}

/** Returns what the cell held; it is `expected` when the exchange took place. */
export function compareExchange32(cell: usize, expected: u32, value: u32): u32 {
  return atomic.cmpxchg<u32>(cell, expected, value);
}

/** Returns what the cell held; it is `expected` when the exchange took place. */
export function compareExchange64(cell: usize, expected: u64, value: u64): u64 {
  return atomic.cmpxchg<u64>(cell, expected, value);
}

/** Returns what the cell held before. V8 compiles `atomic.add` to a loop of its own, so the loop is written here. */
export function add32(cell: usize, delta: u32): u32 {
  let seen = load<u32>(cell);
  let held = atomic.cmpxchg<u32>(cell, seen, seen + delta);
  while (held !== seen) {
    seen = held;
    held = atomic.cmpxchg<u32>(cell, seen, seen + delta);
  }
  return held;
}

/** Returns what the cell held before. */
export function add64(cell: usize, delta: u64): u64 {
  let seen = load<u64>(cell);
  let held = atomic.cmpxchg<u64>(cell, seen, seen + delta);
  while (held !== seen) {
    seen = held;
    held = atomic.cmpxchg<u64>(cell, seen, seen + delta);
  }
  return held;
}

/** Orders everything before it before everything after it. An exchange, because `atomic.fence` is not to be relied on. */
export function barrier(): void {
  atomic.xchg<u32>(blockOf(thisCpu), 0);
}

/** A hint inside a spin loop. Wasm has no such instruction. */
export function pause(): void {}

/** The CPU runs no task from here on: it is in a quiescent state, and spinners need not wait for it. */
export function enterIdle(): void {
  // Pairs with `isIdle`: what the task did is visible before the CPU is seen idle.
  atomic.store<u32>(blockOf(thisCpu), 0, offsetof<CpuBlock>("awake"));
}

/** The CPU runs a task again. */
export function leaveIdle(): void {
  // A full barrier: who saw the CPU idle after it had unlinked something knows that the task will not find that.
  atomic.store<u32>(blockOf(thisCpu), 1, offsetof<CpuBlock>("awake"));
}

/** Whether the CPU runs no task now. What it does when it wakes up comes after its full barrier. */
export function isIdle(target: u32): bool {
  return atomic.load<u32>(blockOf(target), offsetof<CpuBlock>("awake")) === 0;
}

/** Identity of the running task. Natively there is one per CPU. */
export function task(): u32 {
  return thisCpu;
}

/** Whether the task is on a CPU right now, so that spinning until it is done makes sense. */
export function isRunning(identity: u32): bool {
  return atomic.load<u32>(blockOf(identity), offsetof<CpuBlock>("awake")) !== 0;
}

/** Longest sleep without a look at the mailbox, for a doorbell that rang just before the sleep began, in ns. */
const napNs: i64 = 1_000_000;

/** Sleeps on a cell until it is woken or `ns` have passed, unless an interrupt is pending. Returns whether the time passed. */
function nap(cell: usize, expected: u32, ns: i64): bool {
  const block = blockOf(thisCpu);
  store<u32>(block, cell as u32, offsetof<CpuBlock>("sleepCell"));
  // A full barrier. Pairs with the mailbox's exchange in `interrupt`: one of the two sees the other.
  enterIdle();
  const pending = atomic.load<u64>(block, offsetof<CpuBlock>("mailbox")) !== 0;
  const status = pending ? 0 : atomic.wait<u32>(cell, expected, ns);
  store<u32>(block, 0, offsetof<CpuBlock>("sleepCell"));
  leaveIdle();
  deliver();
  return status === 2;
}

/**
 * Sleeps until the cell holds something other than `expected`. Whoever changes the cell calls `wake` afterwards.
 * Interrupts are taken meanwhile. Returns 0 when it slept, 1 when the cell held something else at once.
 */
export function wait(cell: usize, expected: u32): u32 {
  if (atomic.load<u32>(cell) !== expected) return 1;
  do nap(cell, expected, napNs);
  while (atomic.load<u32>(cell) === expected);
  return 0;
}

/** Wakes at most `count` sleepers of the cell and returns how many. */
export function wake(cell: usize, count: u32): u32 {
  return atomic.notify(cell, count as i32) as u32;
}

/** Whether what is to come at a time waits for that time. */
export const isTimed: bool = true;

/** Host clock, in ns since an arbitrary moment. */
declare function clockNs(): f64;

/** Real time in ns since an arbitrary moment. Costs about 100 ns natively, so never call it per operation. */
export function now(): u64 {
  return clockNs() as u64;
}

/** Sleeps for so many ns of real time. Interrupts are taken meanwhile. */
export function sleep(ns: u64): void {
  const begin = now();
  let left = ns;
  while (left > 0) {
    // The barrier's cell always holds 0. Never longer than a nap: an interrupt may have rung just before it began.
    const some = min<u64>(left, u64(napNs));
    if (nap(blockOf(thisCpu), 0, some as i64)) left -= some;
    const passed = now() - begin;
    left = passed >= ns ? 0 : min<u64>(left, ns - passed);
  }
}

/** Spins between two looks at the mailbox. */
const spinsAtOnce: u64 = 4096;

/**
 * Spends so many ns of CPU time without touching shared memory. It counts steps, not time, so that tasks that share a
 * core do not compute at the same time. Interrupts are taken meanwhile.
 */
export function compute(ns: u64): void {
  let left = (ns * u64(spinsPerMicrosecond)) / 1000;
  // Each step needs the one before it.
  let value: u32 = left as u32;
  while (left > 0) {
    const some = min<u64>(left, spinsAtOnce) as u32;
    for (let spin: u32 = 0; spin < some; spin++) value = value * 1_664_525 + 1_013_904_223;
    left -= u64(some);
    deliver();
  }
  store<u32>(blockOf(thisCpu), value, offsetof<CpuBlock>("pad0"));
}

/** The CPU that this code runs on. */
export function cpu(): u32 {
  return thisCpu;
}

/**
 * The running task's own memory, one page, for what a C function would keep on its stack and pass by address. Its
 * contents do not survive the operation. Interrupt handlers must not use it.
 */
export function taskStack(): usize {
  return taskStacks + usize(thisCpu) * pageSize;
}

/** CPUs of the machine, online or not. */
export function cpus(): u32 {
  return cpuCount;
}

/**
 * Asks another CPU to run `work(argument)` with its interrupts off. Returns before that has happened; who needs to
 * know lets the work count down a cell (`sync/every-cpu.ts`). `work` is an index into the function table.
 * Ends when the target's mailbox is free, which it becomes because every CPU takes interrupts at event boundaries,
 * in its wait loops and while it sleeps, this one included.
 */
export function interrupt(target: u32, work: u32, argument: usize): void {
  const mailbox = blockOf(target) + offsetof<CpuBlock>("mailbox");
  const request = (u64(argument) << 32) | u64(work);
  while (atomic.cmpxchg<u64>(mailbox, 0, request) !== 0) deliver();
  const sleepCell = atomic.load<u32>(blockOf(target), offsetof<CpuBlock>("sleepCell"));
  // Others that sleep on the cell find it unchanged and go on sleeping.
  if (sleepCell !== 0) atomic.notify(sleepCell);
}

/** Takes a pending interrupt, if there is one. Called where interrupts are on: event boundaries and wait loops. */
export function deliver(): void {
  const mailbox = blockOf(thisCpu) + offsetof<CpuBlock>("mailbox");
  if (atomic.load<u64>(mailbox) === 0) return;
  const request = atomic.xchg<u64>(mailbox, 0);
  call_indirect<void>(request as u32, (request >> 32) as usize);
}

/**
 * Has this CPU's worker run `work(argument)` once `delayNs` have passed. The item must stay untouched until the work
 * begins. The worker runs between events, never inside one.
 */
export function defer(item: usize, work: u32, argument: usize, delayNs: u64): void {
  deferAt(item, work, argument, delayNs === 0 ? 0 : now() + delayNs);
}

/** Whether the harness has to run deferred work now. Here the host does so between batches. */
export function isWorkDue(): bool {
  return false;
}

/** An event boundary: pending interrupts are taken, and nothing read before it is held on to. */
export function quiescent(): void {
  if (cpuCount > 1) deliver();
}
