// What the code under test asks of its machine besides accesses.

import { isTraced, stopBefore, trace } from "./access";
import {
  bitOfLock,
  irqBit,
  isHandler,
  isVisibleWord,
  preemptBit,
  showInterrupts,
  showSpinLock,
  touch,
  touchContext,
} from "./conflicts";
import { find, noteLockAcquired } from "./findings";
import { entered, left } from "./host";
import { put32, put64, putQuietly } from "./journal";
import {
  Agent,
  agentAt,
  Cpu,
  clock,
  contextOf,
  cpuAt,
  cpuCount,
  handlerOf,
  mailOffset,
  runnersMax,
  runsOf,
  timeCell,
  workCell,
  workOffset,
} from "./layout";
import { countPause, forgetRounds, lookAgain } from "./looks";
import { addPending } from "./pending";
import {
  callRunWork,
  findingInvariant,
  findingStuck,
  operationDefer,
  operationInterrupt,
  operationIrqOff,
  operationIrqOn,
  operationIsIdle,
  operationIsRunning,
  operationNow,
  operationPause,
  operationPreemptOff,
  operationPreemptOn,
  operationSleep,
  operationWait,
  operationWake,
  stateBlocked,
  statePaused,
  stateReady,
} from "./protocol";
import {
  agent,
  agentIndex,
  countOperation,
  cpu,
  cpuIndex,
  hasResumed,
  isCounted,
  isSequential,
  moveTo,
  operations,
  operationsMax,
} from "./running";

/** What a wait returned that is over: 1 when the cell held something else at once. */
let waitResult: u32 = 0;
/** What the running agent's last pause or sleep was, now that it goes on. */
let hasWaited: bool = false;
/** Rounds of loops that the runner made since anything else happened. */
let sequentialRounds: u32 = 0;
/** Notes by which the code under test reports that it broke a rule: a bit for each kind. */
let violations: u64 = 0;

const sequentialRoundsMax: u32 = 100_000;
const noteLockReleased: u32 = 2;
const noteLockShared: u32 = 17;
const noteLockUnshared: u32 = 18;
const noteLockAwaited: u32 = 19;

/** @param low kinds below 32, a bit each; `high` those from 32 to 63 */
export function setViolations(low: u32, high: u32): void {
  violations = u64(low) | (u64(high) << 32);
}

function isViolation(kind: u32): bool {
  return kind < 64 && (violations & ((1 as u64) << kind)) !== 0;
}

export function goOnAfterWait(waited: bool): void {
  hasWaited = waited;
}

export function setWaitResult(result: u32): void {
  waitResult = result;
}

/** Whether an operation is to be performed now, which others notice if `isNoticed`. If not, the call has been stopped. */
function begins(operation: u32, cell: usize, isNoticed: bool): bool {
  if (isSequential) return true;
  if (!hasResumed() && (isCounted ? operations >= operationsMax : isNoticed)) {
    stopBefore(operation, cell, 0);
    return false;
  }
  countOperation();
  return true;
}

function traceMark(operation: u32, cell: u32, before: u64, after: u64): void {
  if (isTraced) trace(operation, usize(cell), 0, before, after, false);
}

/** Keeps preemption off. Turned on again at once with interrupts: nobody waits for that to happen at a certain moment. */
export function preemptOff(): void {
  const depth = changetype<Agent>(agent).preemptDepth;
  const isOutermost = depth === 0;
  if (!begins(operationPreemptOff, 0, isOutermost && isVisibleWord(contextOf(cpuIndex)))) return;
  if (isSequential) return;
  touchContext();
  traceMark(operationPreemptOff, 0, depth, depth + 1);
  put32(agent + offsetof<Agent>("preemptDepth"), depth + 1);
  if (isOutermost && !isHandler()) hold(preemptBit(cpuIndex));
}

export function preemptOn(): void {
  if (!begins(operationPreemptOn, 0, false)) return;
  if (isSequential) return;
  touchContext();
  const depth = changetype<Agent>(agent).preemptDepth - 1;
  traceMark(operationPreemptOn, 0, depth + 1, depth);
  put32(agent + offsetof<Agent>("preemptDepth"), depth);
  if (depth === 0 && changetype<Agent>(agent).irqDepth === 0) release(preemptBit(cpuIndex));
}

export function irqOff(): void {
  const depth = changetype<Agent>(agent).irqDepth;
  const isOutermost = depth === 0;
  if (!begins(operationIrqOff, 0, isOutermost && isVisibleWord(contextOf(cpuIndex)))) return;
  if (isSequential) return;
  touchContext();
  traceMark(operationIrqOff, 0, depth, depth + 1);
  put32(agent + offsetof<Agent>("irqDepth"), depth + 1);
  if (isOutermost && !isHandler()) hold(irqBit(cpuIndex) | preemptBit(cpuIndex));
}

export function irqOn(): void {
  if (!begins(operationIrqOn, 0, false)) return;
  if (isSequential) return;
  touchContext();
  const depth = changetype<Agent>(agent).irqDepth - 1;
  traceMark(operationIrqOn, 0, depth + 1, depth);
  put32(agent + offsetof<Agent>("irqDepth"), depth);
  if (depth === 0 && !isHandler()) {
    release(changetype<Agent>(agent).preemptDepth === 0 ? irqBit(cpuIndex) | preemptBit(cpuIndex) : irqBit(cpuIndex));
  }
}

function hold(bits: u32): void {
  putQuietly(agent + offsetof<Agent>("held"), changetype<Agent>(agent).held | bits);
}

function release(bits: u32): void {
  putQuietly(agent + offsetof<Agent>("held"), changetype<Agent>(agent).held & ~bits);
}

function share(bits: u32): void {
  putQuietly(agent + offsetof<Agent>("heldShared"), changetype<Agent>(agent).heldShared | bits);
}

/** Finds something when somebody else holds a lock that the running agent has just got. */
function checkAlone(lock: usize, bit: u32, isShared: bool): void {
  for (let index: u32 = 0; index < runnersMax; index++) {
    if (index === agentIndex) continue;
    const other = changetype<Agent>(agentAt(index));
    const held = isShared ? other.held : other.held | other.heldShared;
    if ((held & bit) !== 0) find(findingInvariant, lock, noteLockAcquired);
  }
}

export function note(kind: u32, value: usize): void {
  if (isSequential) {
    if (isViolation(kind)) find(findingInvariant, value, kind);
    return;
  }
  if (kind === noteLockAwaited) {
    showSpinLock(value);
    putQuietly(agent + offsetof<Agent>("awaited"), value as u32);
  } else if (kind === noteLockAcquired || kind === noteLockShared) {
    putQuietly(agent + offsetof<Agent>("awaited"), 0);
    const bit = bitOfLock(value);
    checkAlone(value, bit, kind === noteLockShared);
    if (kind === noteLockAcquired) hold(bit);
    else share(bit);
  } else if (kind === noteLockReleased) {
    putQuietly(agent + offsetof<Agent>("givesBack"), changetype<Agent>(agent).givesBack | bitOfLock(value));
  } else if (kind === noteLockUnshared) {
    const shared = agent + offsetof<Agent>("givesBackShared");
    putQuietly(shared, load<u32>(shared) | bitOfLock(value));
  } else if (isViolation(kind)) find(findingInvariant, value, kind);
}

export function checksOff(): void {
  const depth = agent + offsetof<Agent>("unchecked");
  put32(depth, load<u32>(depth) + 1);
}

export function checksOn(): void {
  const depth = agent + offsetof<Agent>("unchecked");
  put32(depth, load<u32>(depth) - 1);
}

export function enter(symbol: u32): void {
  if (isTraced) entered(agentIndex, symbol);
}

export function leave(): void {
  if (isTraced) left(agentIndex);
}

export function quiescent(): void {
  sequentialRounds = 0;
  if (!isSequential) forgetRounds();
}

export function task(): u32 {
  return changetype<Agent>(agent).identity;
}

export function taskStack(): u32 {
  return changetype<Agent>(agent).page;
}

function countSequentialRound(cell: usize): void {
  if (++sequentialRounds > sequentialRoundsMax) find(findingStuck, cell, 0);
}

export function pause(): void {
  if (isSequential) {
    countSequentialRound(0);
    return;
  }
  if (hasResumed()) {
    if (hasWaited) {
      countPause();
      lookAgain();
      countOperation();
      traceMark(operationPause, 0, 0, 0);
      return;
    }
  } else if (isCounted && operations >= operationsMax) {
    stopBefore(operationPause, 0, 0);
    return;
  }
  if (changetype<Agent>(agent).isLooking === 0) {
    countPause();
    lookAgain();
    countOperation();
    traceMark(operationPause, 0, 0, 0);
    return;
  }
  put32(agent + offsetof<Agent>("state"), statePaused);
  stopBefore(operationPause, 0, 0);
}

export function wait(cell: usize, expected: u32): u32 {
  if (isSequential) {
    if (load<u32>(cell) !== expected) return 1;
    find(findingStuck, cell, 0);
  }
  if (hasResumed()) return waitResult;
  // Performed by `steps.ts`, for the call goes on only once the wait is over.
  putQuietly(agent + offsetof<Agent>("due"), expected);
  stopBefore(operationWait, cell, 4);
  return 0;
}

export function wake(cell: usize, count: u32): u32 {
  if (isSequential) return 0;
  if (!hasResumed()) {
    stopBefore(operationWake, cell, 4);
    return 0;
  }
  countOperation();
  let woken: u32 = 0;
  for (let index: u32 = 0; index < handlerOf(0) && woken < count; index++) {
    const other = changetype<Agent>(agentAt(index));
    if (other.state !== stateBlocked || other.cell !== (cell as u32)) continue;
    put32(agentAt(index) + offsetof<Agent>("state"), stateReady);
    woken++;
  }
  if (isTraced) trace(operationWake, cell, 4, 0, woken, false);
  return woken;
}

export function interrupt(target: u32, work: u32, argument: usize): void {
  if (isSequential) {
    const from = cpuIndex;
    const own = cpu;
    moveTo(target);
    call_indirect<void>(changetype<Cpu>(cpu).functions + callRunWork, work, argument);
    if (own !== cpu) moveTo(from);
    return;
  }
  if (!hasResumed()) {
    stopBefore(operationInterrupt, usize(target), 0);
    return;
  }
  countOperation();
  // The handler is somebody else on that CPU.
  showInterrupts(target);
  touch(contextOf(target), 4, true);
  const to = cpuAt(target);
  addPending(to + mailOffset, to + offsetof<Cpu>("mailCount"), work, argument);
  traceMark(operationInterrupt, target, 0, work);
}

export function deferAfter(work: u32, argument: usize): void {
  const list = workCell(cpuIndex);
  if (!begins(operationDefer, list, isVisibleWord(list))) return;
  if (!isSequential) touch(list, 4, true);
  addPending(cpu + workOffset, cpu + offsetof<Cpu>("workCount"), work, argument);
}

/** Times are part of the state only where somebody asks for the time. */
export function putTime(cell: usize, ns: u64): void {
  if (isVisibleWord(timeCell())) {
    put64(cell, ns);
    return;
  }
  putQuietly(cell, ns as u32);
  putQuietly(cell + 4, (ns >> 32) as u32);
}

export function setTime(ns: u64): void {
  putTime(clock, ns);
}

export function setDue(ns: u64): void {
  putTime(agent + offsetof<Agent>("due"), ns);
}

/** Goes to sleep, and goes on when the sleep is over. */
export function sleep(ns: u64): void {
  if (isSequential) {
    countSequentialRound(0);
    setTime(load<u64>(clock) + ns);
    return;
  }
  if (hasResumed()) {
    lookAgain();
    return;
  }
  // How long; `steps.ts` makes a moment of it.
  setDue(ns);
  stopBefore(operationSleep, 0, 0);
}

export function now(): u64 {
  if (!begins(operationNow, timeCell(), isVisibleWord(timeCell()))) return 0;
  if (!isSequential) touch(timeCell(), 4, false);
  traceMark(operationNow, 0, 0, load<u64>(clock));
  return load<u64>(clock);
}

/** The CPU that a task or worker belongs to. */
export function isRunning(identity: u32): u32 {
  if (isSequential) return identity === changetype<Agent>(agent).identity ? 1 : 0;
  if (identity >= handlerOf(0)) return 0;
  const home = changetype<Agent>(agentAt(identity)).cpu;
  if (!begins(operationIsRunning, runsOf(home), isVisibleWord(runsOf(home)))) return 0;
  touch(runsOf(home), 4, false);
  const runs: u32 = changetype<Cpu>(cpuAt(home)).current === identity + 1 ? 1 : 0;
  traceMark(operationIsRunning, identity, runs, runs);
  return runs;
}

export function isIdle(target: u32): u32 {
  if (isSequential) return target === cpuIndex ? 0 : 1;
  if (target >= cpuCount) return 1;
  if (!begins(operationIsIdle, runsOf(target), isVisibleWord(runsOf(target)))) return 0;
  touch(runsOf(target), 4, false);
  const on = changetype<Cpu>(cpuAt(target));
  // A CPU executes a full barrier before others see it idle.
  const idle: u32 = on.current === 0 && on.storeCount === 0 ? 1 : 0;
  traceMark(operationIsIdle, target, idle, idle);
  return idle;
}
