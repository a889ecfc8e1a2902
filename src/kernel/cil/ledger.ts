// What the harness keeps of its own: what each task does and waits for, so that a deadlock can be told, and how much
// memory the vectors take. It lies behind the statistics, and no variant reads it.

import { cpuCount, lineSize, thisCpu } from "../layout";
import { load32, load64, storeRelaxed32, storeRelaxed64 } from "../machine/impl";
import { count, countMany } from "../statistics";
import { counterBlockedCommits, counterDeadlocks, counterDeadlocksWithPush } from "./counters";
import { hangMs, taskCount } from "./harness";
import { ledgerBase } from "./region";

/** What a task waits for. */
export const waitsForNothing: u32 = 0;
export const waitsForMemory: u32 = 1;
/** As the pusher. */
export const waitsToWrite: u32 = 2;
/** As a committer. */
export const waitsToRead: u32 = 3;

/** The first deadlock, and the most memory. */
@unmanaged
class Summary {
  /** Time of the first deadlock, in ns; 0: none yet. */
  deadlockNs: u64 = 0;
  /** 1 + the task whose wait the watchdog ended first. */
  waiter: u32 = 0;
  /** Whether that task held the context lock. */
  isHolder: u32 = 0;
  /** 1 + a task that waited for the lock in order to push, or 0. */
  pusher: u32 = 0;
  /** Commits that waited for the lock. */
  blocked: u32 = 0;
  /** Bytes that the task waited for. */
  bytes: u32 = 0;
  pad0: u32 = 0;
  /** Most bytes of vectors, looked at by pushes. */
  peakBytes: u64 = 0;
  pad1: u64 = 0;
  pad2: u64 = 0;
  pad3: u64 = 0;
}

if (offsetof<Summary>() !== 64) ERROR("Summary must fill one 64-byte line");

/** A CPU's part of what is summed up over all of them. Written by that CPU. */
@unmanaged
class CpuPart {
  /** Bytes of vectors allocated here less those freed here. May be below 0. */
  bytes: i64 = 0;
  /** Checkpoints whose completion this CPU's worker still has before it. */
  outstanding: u64 = 0;
  pad0: u64 = 0;
  pad1: u64 = 0;
  pad2: u64 = 0;
  pad3: u64 = 0;
  pad4: u64 = 0;
  pad5: u64 = 0;
}

if (offsetof<CpuPart>() !== 64) ERROR("CpuPart must fill one 64-byte line");

/** A task. Written by itself. */
@unmanaged
class TaskState {
  /** One of the constants above. */
  waitsFor: u32 = 0;
  /** 1 while it holds the context lock as a reader. */
  isHolder: u32 = 0;
  /** Sequence of the context that it committed to last. */
  sequence: u32 = 0;
  /** Bytes that it waits for. */
  bytes: u32 = 0;
  /** When it began to hold the lock, in ns. */
  heldSinceNs: u64 = 0;
  pad0: u64 = 0;
  pad1: u64 = 0;
  pad2: u64 = 0;
  pad3: u64 = 0;
  pad4: u64 = 0;
}

if (offsetof<TaskState>() !== 64) ERROR("TaskState must fill one 64-byte line");

/** Bytes of the ledger. */
export function ledgerSize(): usize {
  return offsetof<Summary>() + usize(cpuCount) * lineSize + usize(taskCount) * lineSize;
}

function cpuPart(cpu: u32): usize {
  return ledgerBase() + offsetof<Summary>() + usize(cpu) * lineSize;
}

function stateOf(task: u32): usize {
  return cpuPart(cpuCount) + usize(task) * lineSize;
}

/** Says what a task waits for from here on. */
export function setWaiting(task: u32, what: u32, bytes: u32): void {
  storeRelaxed32(stateOf(task) + offsetof<TaskState>("bytes"), bytes);
  storeRelaxed32(stateOf(task) + offsetof<TaskState>("waitsFor"), what);
}

/** Says whether a task holds the context lock as a reader, and since when. */
export function setHolder(task: u32, isHolder: bool, sinceNs: u64): void {
  storeRelaxed32(stateOf(task) + offsetof<TaskState>("isHolder"), isHolder ? 1 : 0);
  storeRelaxed64(stateOf(task) + offsetof<TaskState>("heldSinceNs"), sinceNs);
}

/** Whether a task holds the context lock as a reader. */
export function isHolder(task: u32): bool {
  return load32(stateOf(task) + offsetof<TaskState>("isHolder")) !== 0;
}

/** Since when a task has held the context lock, in ns. */
export function heldSince(task: u32): u64 {
  return load64(stateOf(task) + offsetof<TaskState>("heldSinceNs"));
}

/** Remembers the sequence that a task has committed to. */
export function setCommitted(task: u32, sequence: u32): void {
  storeRelaxed32(stateOf(task) + offsetof<TaskState>("sequence"), sequence);
}

/** The sequence that a task has committed to last, or 0. */
export function committedBy(task: u32): u32 {
  return load32(stateOf(task) + offsetof<TaskState>("sequence"));
}

/**
 * Whether workers are beside the tasks of their CPU, as in the checker, and not between their events: then what a CPU adds up
 * by itself would be torn, and be something that the two had to take turns at.
 */
function hasWorkers(): bool {
  return hangMs === 0;
}

/** Counts what a worker may do, during measured events. */
export function countByWorker(counter: u32): void {
  if (!hasWorkers()) count(counter);
}

/** Accounts bytes of vectors on this CPU, negative when they are freed. */
export function addFootprint(bytes: i64): void {
  if (hasWorkers()) return;
  const cell = cpuPart(thisCpu) + offsetof<CpuPart>("bytes");
  storeRelaxed64(cell, load64(cell) + (bytes as u64));
}

/** Bytes of all vectors. Exact while nobody runs. */
export function footprint(): u64 {
  let bytes: u64 = 0;
  for (let cpu: u32 = 0; cpu < cpuCount; cpu++) bytes += load64(cpuPart(cpu) + offsetof<CpuPart>("bytes"));
  return bytes;
}

/** Looks at the memory in use. One task at a time. */
export function lookAtFootprint(): void {
  const cell = ledgerBase() + offsetof<Summary>("peakBytes");
  const bytes = footprint();
  // Others allocate and free meanwhile, so that a sum may be a little below 0.
  if ((bytes as i64) > (load64(cell) as i64)) storeRelaxed64(cell, bytes);
}

/** Most bytes of vectors that a push has seen. */
export function peakBytes(): u64 {
  return load64(ledgerBase() + offsetof<Summary>("peakBytes"));
}

/** Changes how many completions this CPU's worker has before it. */
export function addOutstanding(change: i64): void {
  if (hasWorkers()) return;
  const cell = cpuPart(thisCpu) + offsetof<CpuPart>("outstanding");
  storeRelaxed64(cell, load64(cell) + (change as u64));
}

/** Completions that this CPU's worker has before it. */
export function outstanding(): u64 {
  return load64(cpuPart(thisCpu) + offsetof<CpuPart>("outstanding"));
}

/** The watchdog has ended a task's wait for memory: counts it with who waits for what, and keeps the first one. */
export function recordDeadlock(task: u32, bytes: u32, nowNs: u64): void {
  let pusher: u32 = 0;
  let blocked: u32 = 0;
  for (let other: u32 = 0; other < taskCount; other++) {
    const what = load32(stateOf(other) + offsetof<TaskState>("waitsFor"));
    if (what === waitsToWrite && pusher === 0) pusher = other + 1;
    if (what === waitsToRead) blocked++;
  }
  count(counterDeadlocks);
  if (pusher !== 0) count(counterDeadlocksWithPush);
  countMany(counterBlockedCommits, blocked);
  const summary = ledgerBase();
  if (load32(summary + offsetof<Summary>("waiter")) !== 0) return;
  storeRelaxed32(summary + offsetof<Summary>("waiter"), task + 1);
  storeRelaxed32(summary + offsetof<Summary>("isHolder"), isHolder(task) ? 1 : 0);
  storeRelaxed32(summary + offsetof<Summary>("pusher"), pusher);
  storeRelaxed32(summary + offsetof<Summary>("blocked"), blocked);
  storeRelaxed32(summary + offsetof<Summary>("bytes"), bytes);
  storeRelaxed64(summary + offsetof<Summary>("deadlockNs"), nowNs);
}

/** What is known of the first deadlock. 0: 1 + the waiter; 1: whether it held the lock; 2: 1 + the pusher; 3: blocked commits; 4: bytes. */
export function firstDeadlock(part: u32): u32 {
  return load32(ledgerBase() + offsetof<Summary>("waiter") + usize(part) * 4);
}

/** When the first deadlock was recorded, in ns. */
export function firstDeadlockNs(): u64 {
  return load64(ledgerBase() + offsetof<Summary>("deadlockNs"));
}
