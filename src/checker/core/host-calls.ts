// What the host sets up and asks about.

import { hasBuffered } from "./access";
import { forgetTracks, show } from "./conflicts";
import { beginJournal, mark, restore } from "./journal";
import {
  Agent,
  agentAt,
  Cpu,
  clock,
  contextOf,
  cpuAt,
  cpuCount,
  handlerOf,
  pages,
  runnerIndex,
  stackBytes,
  stacks,
  taskCount,
  ticksCell,
  timeCell,
  workerOf,
  workOffset,
} from "./layout";
import { takeOldest } from "./pending";
import { callRun, stateReady } from "./protocol";
import { moveTo, setSequential, turnTo } from "./running";
import { setTso } from "./stores";

/** Identity of the runner of what is not explored: nobody else's. */
const runnerIdentity: u32 = 30;
/** The clock does not begin at 0, so that nothing is due that was never set. */
const startNs: u64 = 1_000_000_000;

let initial: usize = 0;

function describe(index: u32, cpu: u32, identity: u32): void {
  const agent = changetype<Agent>(agentAt(index));
  agent.cpu = cpu;
  agent.identity = identity;
  agent.stack = (stacks + usize(index) * stackBytes) as u32;
  agent.page = (pages + usize(index) * 4096) as u32;
}

/** Prepares what was laid out; nothing has run yet. */
export function prepare(isTso: u32): void {
  beginJournal();
  setTso(isTso !== 0);
  store<u64>(clock, startNs);
  for (let index: u32 = 0; index < cpuCount; index++) {
    describe(workerOf(index), index, workerOf(index));
    describe(handlerOf(index), index, handlerOf(index));
  }
  describe(runnerIndex(), 0, runnerIdentity);
  callSequentially(0);
}

export function bindCpu(index: u32, functions: u32): void {
  changetype<Cpu>(cpuAt(index)).functions = functions;
}

/** A task that performs events of the buffer. */
export function setTask(index: u32, cpu: u32, first: u32, end: u32): void {
  describe(index, cpu, index);
  const agent = changetype<Agent>(agentAt(index));
  agent.call = callRun;
  agent.a = first;
  agent.b = end;
  agent.state = stateReady;
}

/** What is called from now on runs to its end on a CPU, with nobody else. */
export function callSequentially(cpu: u32): void {
  setSequential(true);
  turnTo(runnerIndex());
  moveTo(cpu);
}

/** The present state is the initial one. */
export function begin(ticks: u32): void {
  store<u32>(ticksCell(), ticks);
  for (let cpu: u32 = 0; cpu < cpuCount; cpu++) {
    let tasks: u32 = 0;
    for (let index: u32 = 0; index < taskCount; index++) if (changetype<Agent>(agentAt(index)).cpu === cpu) tasks++;
    // Which of them runs is up to the schedule from the beginning.
    if (tasks > 1) show(contextOf(cpu));
  }
  if (ticks !== 0) show(timeCell());
  beginJournal();
  initial = mark();
}

export function restart(): void {
  restore(initial);
  forgetTracks();
}

/** Takes the oldest deferred work of a CPU. Returns 0 when there is none. */
export function takeWork(index: u32): u32 {
  const cpu = cpuAt(index);
  if (changetype<Cpu>(cpu).workCount === 0) return 0;
  takeOldest(cpu + workOffset, cpu + offsetof<Cpu>("workCount"));
  return 1;
}

export function hasBufferedStore(): u32 {
  return hasBuffered ? 1 : 0;
}

export function stateOf(index: u32): u32 {
  return changetype<Agent>(agentAt(index)).state;
}

export function operationOf(index: u32): u32 {
  return changetype<Agent>(agentAt(index)).operation;
}

/** The spin lock that an agent is about to take, or 0. */
export function awaitedOf(index: u32): u32 {
  return changetype<Agent>(agentAt(index)).awaited;
}

export function operandOf(index: u32): u32 {
  return changetype<Agent>(agentAt(index)).cell;
}
