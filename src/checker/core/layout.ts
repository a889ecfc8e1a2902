// Where the core's own data lie: in the memory of the code under test, behind its arena, so that one journal covers both.

import { cpusMax, tasksMax } from "./protocol";

/** Who takes steps: a task, a CPU's worker, a CPU's handler of interrupts, or the runner of what is not explored. */
@unmanaged
export class Agent {
  /** One of `state...`. */
  state: u32 = 0;
  /** Its next operation, and what that touches; meaningless unless it is ready. */
  operation: u32 = 0;
  cell: u32 = 0;
  bytes: u32 = 0;
  preemptDepth: u32 = 0;
  irqDepth: u32 = 0;
  /** Locks that it holds, as a set of bits; and those that it holds beside others. */
  held: u32 = 0;
  heldShared: u32 = 0;
  /** Hash of the frames of its suspended call. */
  frames: u64 = 0;
  /** Function of its CPU's instance, one of `call...`, and its arguments. */
  call: u32 = 0;
  a: u32 = 0;
  b: u32 = 0;
  /** 0 before the call has begun. */
  isBegun: u32 = 0;
  /** 1 when the call has returned and only the end is left. */
  isReturned: u32 = 0;
  /** Depth of sections in which the allocator touches free memory. */
  unchecked: u32 = 0;
  /** Pauses and sleeps since the last event boundary, up to a limit. */
  pauses: u32 = 0;
  sleeps: u32 = 0;
  /** 1 while cells that it looks at are remembered, and how many there are. */
  isLooking: u32 = 0;
  lookCount: u32 = 0;
  /** When its sleep is over. */
  due: u64 = 0;
  cpu: u32 = 0;
  identity: u32 = 0;
  /** Address of its suspended frames, and of the page that is its stack to the code under test. */
  stack: u32 = 0;
  page: u32 = 0;
  /** The spin lock that it is about to take, or 0; and what its next compare-exchange expects. */
  awaited: u32 = 0;
  expected: u32 = 0;
  /** Locks of `held` and of `heldShared` that its next access gives back. */
  givesBack: u32 = 0;
  givesBackShared: u32 = 0;
}

/** A cell that a waiting agent looked at, and what it held. */
@unmanaged
export class Look {
  cell: u32 = 0;
  value: u32 = 0;
}

export const looksMax: u32 = 44;
export const looksOffset: usize = offsetof<Agent>();
export const agentSize: usize = looksOffset + usize(looksMax) * offsetof<Look>();

/** One CPU. */
@unmanaged
export class Cpu {
  /** The agent that it runs, plus one; or 0. */
  current: u32 = 0;
  /** 1 while it handles an interrupt. */
  isHandling: u32 = 0;
  /** Interrupts that have not been taken yet, the oldest first. */
  mailCount: u32 = 0;
  /** Deferred work that has not begun yet, the oldest first. */
  workCount: u32 = 0;
  /** Stores in the store buffer, the oldest first. */
  storeCount: u32 = 0;
  /** Where the table has the exported functions of the CPU's instance. */
  functions: u32 = 0;
}

/** Interrupts and work items that a CPU can have waiting. */
export const pendingMax: u32 = 8;
/** Stores that can wait in a CPU's store buffer while interleavings are explored. */
export const storesMax: u32 = 6;
/** Stores that there is room for, those included that only wait for others. */
export const storeSlots: u32 = 128;
export const mailOffset: usize = offsetof<Cpu>();
export const workOffset: usize = mailOffset + usize(pendingMax) * 8;
export const storesOffset: usize = workOffset + usize(pendingMax) * 8;
export const cpuSize: usize = storesOffset + usize(storeSlots) * 16;

/** A store that has not reached memory. */
@unmanaged
export class BufferedStore {
  cell: u32 = 0;
  /** 4 or 8. */
  bytes: u16 = 0;
  /** 1 when it waits only for those before it, and follows the last of them at once. */
  follows: u16 = 0;
  value: u64 = 0;
}

/** Bytes for the frames of one suspended call. */
export const stackBytes: usize = 4096;
const pageBytes: usize = 4096;
/** Agents that run code, the runner included. */
export const runnersMax: u32 = tasksMax + 2 * cpusMax + 1;
/** Locks that are told apart. The bits above are preemption off and interrupts off of each CPU. */
export const locksMax: u32 = 24;

// Cells that stand for something else than memory, so that conflicts about it are found as those about memory are: of each
// CPU whether preemption and interrupts are on, and what it runs; and the time.
const pseudoBytes: usize = 256;

export let caseStart: usize = 0;
export let arenaBase: usize = 0;
export let arenaEnd: usize = 0;
export let pages: usize = 0;
export let pseudo: usize = 0;
export let trackedEnd: usize = 0;
export let agents: usize = 0;
export let cpuTable: usize = 0;
export let clock: usize = 0;
export let lockTable: usize = 0;
export let stacks: usize = 0;
export let shadow: usize = 0;
export let slots: usize = 0;
export let visible: usize = 0;
export let tracks: usize = 0;
export let touched: usize = 0;
export let journalBase: usize = 0;
export let journalEnd: usize = 0;

export let taskCount: u32 = 0;
export let cpuCount: u32 = 0;

function roundUp(address: usize): usize {
  return (address + 63) & ~63;
}

/**
 * Lays the core's data out from `arenaTo` on, and returns where the journal begins.
 *
 * @param from lowest address that the code under test may touch
 */
export function lay(from: usize, arenaFrom: usize, arenaTo: usize, end: usize, tasks: u32, cpus: u32): usize {
  caseStart = from;
  arenaBase = arenaFrom;
  arenaEnd = arenaTo;
  taskCount = tasks;
  cpuCount = cpus;
  pages = (arenaTo + pageBytes - 1) & ~(pageBytes - 1);
  pseudo = pages + usize(runnersMax) * pageBytes;
  trackedEnd = pseudo + pseudoBytes;
  agents = roundUp(trackedEnd);
  cpuTable = roundUp(agents + usize(runnersMax) * agentSize);
  clock = roundUp(cpuTable + usize(cpusMax) * cpuSize);
  lockTable = clock + 64;
  stacks = roundUp(lockTable + usize(locksMax) * 4);
  shadow = stacks + usize(runnersMax) * stackBytes;
  slots = roundUp(shadow + (arenaEnd - arenaBase) / 8);
  visible = roundUp(slots + ((arenaEnd - arenaBase) / pageBytes) * 4);
  tracks = roundUp(visible + trackedEnd / 4);
  touched = tracks + (trackedEnd / 4) * 8;
  journalBase = roundUp(touched + trackedEnd);
  journalEnd = end;
  return journalBase;
}

/** The time, in ns: a u64. Ticks that may still pass, and steps that had to be forced, follow it. */
export function ticksCell(): usize {
  return clock + 8;
}

export function forcedCell(): usize {
  return clock + 12;
}

export function lastForcedCell(): usize {
  return clock + 16;
}

export function agentAt(index: u32): usize {
  return agents + usize(index) * agentSize;
}

export function cpuAt(index: u32): usize {
  return cpuTable + usize(index) * cpuSize;
}

/** Pseudo-cells. */
export function contextOf(cpu: u32): usize {
  return pseudo + usize(cpu) * 8;
}

export function runsOf(cpu: u32): usize {
  return pseudo + usize(cpu) * 8 + 4;
}

export function timeCell(): usize {
  return pseudo + usize(cpusMax) * 8;
}

/** What is deferred on a CPU: the order in which several agents defer is the order in which it is performed. */
export function workCell(cpu: u32): usize {
  return timeCell() + 8 + usize(cpu) * 4;
}

// Agents in the order of their bits.

export function workerOf(cpu: u32): u32 {
  return taskCount + cpu;
}

export function handlerOf(cpu: u32): u32 {
  return taskCount + cpuCount + cpu;
}

export function flusherOf(cpu: u32): u32 {
  return taskCount + 2 * cpuCount + cpu;
}

export function clockAgent(): u32 {
  return taskCount + 3 * cpuCount;
}

/** Where the runner's record is: behind those that run code. */
export function runnerIndex(): u32 {
  return taskCount + 2 * cpuCount;
}
