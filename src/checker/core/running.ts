// The agent that runs, and how its call is suspended and goes on.
//
// Binaryen's asyncify goes by two globals, which the core shares with the instances of all CPUs.

import { find } from "./findings";
import { join, put32, put64, saveBlock } from "./journal";
import { Agent, agentAt, Cpu, cpuAt, stackBytes } from "./layout";
import { callRunWork, findingLivelock } from "./protocol";

const normal: i32 = 0;
const unwinding: i32 = 1;
const rewinding: i32 = 2;

export let __asyncify_state: i32 = normal;
export let __asyncify_data: i32 = 0;

/** The running agent: its record, its index, its CPU. */
export let agent: usize = 0;
export let agentIndex: u32 = 0;
export let cpu: usize = 0;
export let cpuIndex: u32 = 0;
/** Whether nothing is explored: calls run through, one at a time, and interrupts are handled at once. */
export let isSequential: bool = true;
/** Whether every operation counts, and the agent stops when it has performed so many. Else it stops where others notice. */
export let isCounted: bool = false;
/** Operations that the step has performed, and may perform. */
export let operations: u32 = 0;
export let operationsMax: u32 = 0;

/** A step that performs so many operations reaches nothing. */
const operationsPerStep: u32 = 200_000;

export function turnTo(index: u32): void {
  agentIndex = index;
  agent = agentAt(index);
  cpuIndex = changetype<Agent>(agent).cpu;
  cpu = cpuAt(cpuIndex);
}

/** Has what runs sequentially run on a CPU. */
export function moveTo(index: u32): void {
  cpuIndex = index;
  cpu = cpuAt(index);
}

export function setSequential(is: bool): void {
  isSequential = is;
}

export function beginStep(counted: bool, most: u32): void {
  isCounted = counted;
  operationsMax = most;
  operations = 0;
}

export function countOperation(): void {
  if (++operations > operationsPerStep) find(findingLivelock, 0, 0);
}

/** Suspends the running call: the import that calls this returns at once, and is called again when the agent goes on. */
export function suspend(): void {
  __asyncify_data = changetype<Agent>(agent).stack;
  __asyncify_state = unwinding;
}

/** Whether the running call is here for the second time. From now on it runs again. */
export function hasResumed(): bool {
  if (__asyncify_state === normal) return false;
  __asyncify_state = normal;
  return true;
}

/** After a trap: the instance is as if nothing had been called. */
export function abandon(): void {
  __asyncify_state = normal;
}

/** Runs the agent's call to its next suspension or its end. Returns whether it is suspended. */
export function resume(): bool {
  const doing = changetype<Agent>(agent);
  const functions = changetype<Cpu>(cpu).functions;
  if (doing.isBegun !== 0) {
    saveBlock(doing.stack, (load<u32>(doing.stack) - doing.stack + 7) & ~7);
    __asyncify_data = doing.stack;
    __asyncify_state = rewinding;
  } else {
    // Where the next frame goes, and where the room ends.
    put32(agent + offsetof<Agent>("isBegun"), 1);
    store<u32>(doing.stack, doing.stack + 8);
    store<u32>(doing.stack, doing.stack + (stackBytes as u32), 4);
  }
  if (doing.call === callRunWork) call_indirect<void>(functions + callRunWork, doing.a, usize(doing.b));
  else call_indirect<u32>(functions + doing.call, doing.a, doing.b);
  if (__asyncify_state !== unwinding) {
    setFrames(0);
    return false;
  }
  // Traps when the frames took more than the room for them.
  call_indirect<void>(functions + callRunWork + 1);
  __asyncify_state = normal;
  setFrames(hashFrames(doing.stack));
  return true;
}

function setFrames(hash: u64): void {
  put64(agent + offsetof<Agent>("frames"), hash);
}

function hashFrames(stack: u32): u64 {
  const end = usize(load<u32>(stack));
  let hash: u64 = u64(end - usize(stack)) * join(0x9e37_79b9, 0x7f4a_7c15);
  let at = usize(stack) + 8;
  // Frames are made of words.
  while (at + 8 <= end) {
    hash = (hash ^ load<u64>(at)) * join(0xd6e8_feb8, 0x6659_fd93);
    hash ^= hash >> 32;
    at += 8;
  }
  if (at < end) {
    hash = (hash ^ u64(load<u32>(at))) * join(0xd6e8_feb8, 0x6659_fd93);
    hash ^= hash >> 32;
  }
  return hash;
}
