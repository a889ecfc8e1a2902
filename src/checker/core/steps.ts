// Who can take a step, what the step touches, and taking it.

import { expectBuffering, isTraced, trace } from "./access";
import { irqBit, isReduced, isVisibleWord, letGo, touch, touchContext } from "./conflicts";
import { find } from "./findings";
import { put32, putQuietly } from "./journal";
import {
  Agent,
  agentAt,
  BufferedStore,
  Cpu,
  clock,
  clockAgent,
  contextOf,
  cpuAt,
  cpuCount,
  flusherOf,
  forcedCell,
  handlerOf,
  lastForcedCell,
  mailOffset,
  runsOf,
  storesMax,
  taskCount,
  ticksCell,
  timeCell,
  workOffset,
} from "./layout";
import { countSleep, freeSleeps, hasChanged, lookAgain, looksAt, roundsMax, stopLooking } from "./looks";
import { goOnAfterWait, setDue, setTime, setWaitResult } from "./operations";
import { oldestArgument, oldestWork, takeOldest } from "./pending";
import {
  callRunWork,
  findingAtomicSleep,
  findingLivelock,
  operationBarrier,
  operationBegin,
  operationCompareExchange,
  operationDefer,
  operationEnd,
  operationFlush,
  operationInterrupt,
  operationIsIdle,
  operationIsRunning,
  operationLoad,
  operationNow,
  operationPause,
  operationSleep,
  operationStore,
  operationTick,
  operationWait,
  stateBlocked,
  stateNone,
  statePaused,
  stateReady,
  stateSleeping,
} from "./protocol";
import {
  agent,
  agentIndex,
  beginStep,
  countOperation,
  cpu,
  cpuIndex,
  isCounted,
  operations,
  operationsMax,
  resume,
  setSequential,
  turnTo,
} from "./running";
import { check } from "./shadow";
import { flush, isFull, isTso, oldestStore, storeCount, waitingStores } from "./stores";

/** A tick of the clock: what the rwsem's waiters have patience for. */
const tickNs: u64 = 4_000_000;
/** Time that a round of a loop takes in which everybody only waits. */
const forcedNs: u64 = 100_000;
/** Rounds of loops without anybody else being able to go on, in one execution. */
const forcedMax: u32 = 3000;

/** Whether an operation needs an empty store buffer. */
function drains(operation: u32): bool {
  if (operation === operationStore) return false;
  return (
    (operation > (operationLoad as u32) && operation <= (operationBarrier as u32)) ||
    (operation >= (operationWait as u32) && operation <= (operationSleep as u32))
  );
}

/** Whether its next operation would fail to take a spin lock, and lead to nothing but another try. */
function waitsForLock(doing: Agent): bool {
  return (
    isReduced &&
    doing.operation === operationCompareExchange &&
    doing.awaited !== 0 &&
    doing.awaited === doing.cell &&
    load<u32>(usize(doing.cell)) !== doing.expected
  );
}

/** Whether a ready agent's next operation is possible. */
function isPossible(doing: Agent): bool {
  if (waitsForLock(doing)) return false;
  const count = storeCount(cpuAt(doing.cpu));
  if (count === 0) return true;
  if (drains(doing.operation)) return false;
  if (doing.operation !== operationStore || count < storesMax) return true;
  return !isFull(cpuAt(doing.cpu)) && (isCounted || waitingStores(cpuAt(doing.cpu)) < storesMax);
}

/** Whether a task or a worker can be the one that its CPU runs. */
function canHaveCpu(index: u32, on: usize): bool {
  const one = changetype<Cpu>(on);
  if (one.isHandling !== 0) return false;
  if (one.current === index + 1) return true;
  if (one.storeCount !== 0) return false;
  if (one.current === 0) return true;
  const running = changetype<Agent>(agentAt(one.current - 1));
  return running.preemptDepth === 0 && running.irqDepth === 0;
}

function canHandle(on: usize): bool {
  const one = changetype<Cpu>(on);
  if (one.mailCount === 0 || one.isHandling !== 0) return false;
  return one.current === 0 || changetype<Agent>(agentAt(one.current - 1)).irqDepth === 0;
}

/** Whether an agent that waits in a loop can make another round while others can go on. */
function goesOn(doing: Agent, address: usize, on: usize): bool {
  return doing.pauses < roundsMax && hasChanged(address, on);
}

function isEnabled(index: u32): bool {
  const address = agentAt(index);
  const doing = changetype<Agent>(address);
  const on = cpuAt(doing.cpu);
  if (index >= handlerOf(0)) {
    if (doing.state === stateNone) return canHandle(on);
    return doing.state === statePaused ? goesOn(doing, address, on) : isPossible(doing);
  }
  if (doing.state === stateNone) {
    return index >= taskCount && changetype<Cpu>(on).workCount !== 0 && canHaveCpu(index, on);
  }
  if (doing.state === stateBlocked || !canHaveCpu(index, on)) return false;
  if (doing.state === statePaused) return goesOn(doing, address, on);
  if (doing.state === stateSleeping) return doing.sleeps <= freeSleeps || hasChanged(address, on);
  return isPossible(doing);
}

function isUnderWay(): bool {
  for (let index: u32 = 0; index < flusherOf(0); index++) {
    if (changetype<Agent>(agentAt(index)).state !== stateNone) return true;
  }
  for (let index: u32 = 0; index < cpuCount; index++) {
    const one = changetype<Cpu>(cpuAt(index));
    if ((one.mailCount | one.workCount | one.storeCount) !== 0) return true;
  }
  return false;
}

/** Whether everybody is through. */
export function isOver(): u32 {
  return isUnderWay() ? 0 : 1;
}

/** Agents that can take a step, as a mask. */
export function enabled(): u32 {
  let mask: u32 = 0;
  for (let index: u32 = 0; index < flusherOf(0); index++) {
    if (isEnabled(index)) mask |= 1 << index;
  }
  for (let index: u32 = 0; index < cpuCount; index++) {
    if (storeCount(cpuAt(index)) !== 0) mask |= 1 << flusherOf(index);
  }
  const ticks = load<u32>(ticksCell()) !== 0 && isVisibleWord(timeCell()) && isUnderWay();
  if (ticks) mask |= 1 << clockAgent();
  return mask !== 0 ? mask : findForced();
}

/**
 * Of agents that wait in loops while nobody else can do anything, the next one to look again, as a mask: in turn those
 * that would see a change, else those that spin until the first sleep is over, else whoever's sleep that is.
 */
function findForced(): u32 {
  const last = load<u32>(lastForcedCell());
  const count = flusherOf(0);
  let spins: u32 = 0;
  let sleeps: u32 = 0;
  let earliest: u64 = u64.MAX_VALUE;
  for (let distance: u32 = 0; distance < count; distance++) {
    const index = (last + distance) % count;
    const address = agentAt(index);
    const doing = changetype<Agent>(address);
    const on = cpuAt(doing.cpu);
    if (doing.state !== statePaused && doing.state !== stateSleeping) continue;
    if (index < handlerOf(0) && !canHaveCpu(index, on)) continue;
    if (hasChanged(address, on)) return 1 << index;
    if (doing.state === statePaused) {
      if (spins === 0) spins = 1 << index;
    } else if (doing.due < earliest) {
      earliest = doing.due;
      sleeps = 1 << index;
    }
  }
  return spins !== 0 && (sleeps === 0 || earliest > load<u64>(clock)) ? spins : sleeps;
}

// What the next step of an agent touches: a cell, and perhaps a pseudo-cell, which it writes.
let firstCell: usize = 0;
let firstBytes: u32 = 0;
let firstIsWrite: bool = false;
let secondCell: usize = 0;
/** The agent whose remembered cells it reads, or 0. */
let looks: usize = 0;
let home: u32 = 0;

function isRead(operation: u32): bool {
  return (
    operation === operationLoad ||
    operation === operationNow ||
    operation === operationIsRunning ||
    operation === operationIsIdle
  );
}

function setFirst(cell: usize, bytes: u32, isWrite: bool): void {
  firstCell = cell;
  firstBytes = bytes;
  firstIsWrite = isWrite;
}

function findFootprint(index: u32): void {
  setFirst(0, 0, false);
  secondCell = 0;
  looks = 0;
  home = cpuCount;
  if (index === clockAgent()) {
    setFirst(timeCell(), 4, true);
    return;
  }
  if (index >= flusherOf(0)) {
    const on = index - flusherOf(0);
    const store = changetype<BufferedStore>(oldestStore(cpuAt(on)));
    setFirst(usize(store.cell), store.bytes, true);
    // The last one may make it idle.
    if (changetype<Cpu>(cpuAt(on)).current === 0) secondCell = runsOf(on);
    return;
  }
  const address = agentAt(index);
  const doing = changetype<Agent>(address);
  home = doing.cpu;
  const isHandler = index >= handlerOf(0);
  if (!isHandler && changetype<Cpu>(cpuAt(home)).current !== index + 1) secondCell = runsOf(home);
  if (doing.state === stateNone) {
    if (isHandler) setFirst(contextOf(home), 4, true);
  } else if (doing.state === statePaused) looks = address;
  else if (doing.state === stateSleeping) {
    setFirst(timeCell(), 4, true);
    if (doing.sleeps > freeSleeps) looks = address;
  } else if (doing.state === stateReady) {
    const operation = doing.operation;
    if (operation === operationEnd || operation === operationWait || operation === operationSleep)
      secondCell = runsOf(home);
    if (operation === operationSleep) setFirst(timeCell(), 4, false);
    else if (operation === operationDefer) setFirst(usize(doing.cell), 4, true);
    else if (operation === operationInterrupt) setFirst(contextOf(doing.cell), 4, true);
    else if (operation === operationBegin || operation === operationEnd || operation === operationPause) return;
    // Others notice it when it leaves the buffer.
    else if (isTso && operation === operationStore) return;
    else if (doing.bytes !== 0) setFirst(usize(doing.cell), doing.bytes, !isRead(operation));
    else if (isRead(operation)) setFirst(usize(doing.cell), 4, false);
  }
}

function overlaps(cell: usize, bytes: u32, other: usize, otherBytes: u32): bool {
  return bytes !== 0 && otherBytes !== 0 && cell < other + usize(otherBytes) && other < cell + usize(bytes);
}

/** Of the agents in `mask`, those whose next steps do not commute with that of `index`. */
export function dependents(index: u32, mask: u32): u32 {
  findFootprint(index);
  const cell = firstCell;
  const bytes = firstBytes;
  const isWrite = firstIsWrite;
  const second = secondCell;
  const ownLooks = looks;
  const own = home;
  let found: u32 = 1 << index;
  for (let other: u32 = 0; other <= clockAgent(); other++) {
    if ((mask & (1 << other)) === 0 || other === index) continue;
    findFootprint(other);
    if (
      (own === home && own !== cpuCount) ||
      ((isWrite || firstIsWrite) && overlaps(cell, bytes, firstCell, firstBytes)) ||
      (second !== 0 && (second === secondCell || overlaps(second, 4, firstCell, firstBytes))) ||
      (secondCell !== 0 && overlaps(secondCell, 4, cell, bytes)) ||
      (looks !== 0 && isWrite && looksAt(looks, cell, bytes)) ||
      (ownLooks !== 0 && firstIsWrite && looksAt(ownLooks, firstCell, firstBytes))
    ) {
      found |= 1 << other;
    }
  }
  return found;
}

/** Whether the agent is in the middle of something, so that taking another one instead is a preemption. */
export function isPreempted(index: u32): u32 {
  if (index >= flusherOf(0)) return 0;
  const doing = changetype<Agent>(agentAt(index));
  return doing.state === stateReady && doing.isBegun !== 0 && doing.isReturned === 0 ? 1 : 0;
}

/** Takes the oldest of what waits at an offset of a CPU's record. */
function takeFirst(offset: usize, count: usize): void {
  takeOldest(cpu + offset, cpu + count);
  put32(agent + offsetof<Agent>("call"), callRunWork);
  put32(agent + offsetof<Agent>("a"), oldestWork);
  put32(agent + offsetof<Agent>("b"), oldestArgument);
  putQuietly(agent + offsetof<Agent>("operation"), operationBegin);
  setState(stateReady);
}

function setState(state: u32): void {
  put32(agent + offsetof<Agent>("state"), state);
}

function leaveCpu(): void {
  put32(cpu, 0);
  touch(runsOf(cpuIndex), 4, true);
}

/** Takes the agent's next step. Performs at most `most` operations if that is not 0; else it stops where others notice. */
export function step(index: u32, most: u32, buffersLast: u32): void {
  setSequential(false);
  beginStep(most !== 0, most);
  expectBuffering(buffersLast !== 0);
  if (index === clockAgent()) {
    countOperation();
    put32(ticksCell(), load<u32>(ticksCell()) - 1);
    setTime(load<u64>(clock) + tickNs);
    if (isTraced) trace(operationTick, 0, 0, 0, load<u64>(clock), false);
    return;
  }
  if (index >= flusherOf(0)) {
    flushOf(index);
    return;
  }
  turnTo(index);
  const state = changetype<Agent>(agent).state;
  if ((state === statePaused || state === stateSleeping) && !isEnabled(index)) countForced();
  if (index >= handlerOf(0)) beginHandler();
  else takeCpu();
  go();
}

function flushOf(index: u32): void {
  const on = cpuAt(index - flusherOf(0));
  countOperation();
  const store = changetype<BufferedStore>(oldestStore(on));
  const cell = usize(store.cell);
  const bytes: u32 = store.bytes;
  const value = store.value;
  const before: u64 = bytes === 8 ? load<u64>(cell) : u64(load<u32>(cell));
  flush(on);
  turnTo(handlerOf(index - flusherOf(0)));
  // Whether it is idle counts only where somebody asks.
  const runs = runsOf(cpuIndex);
  if (isVisibleWord(runs) && changetype<Cpu>(on).current === 0 && storeCount(on) === 0) touch(runs, 4, true);
  if (isTraced) trace(operationFlush, cell, bytes, before, value, false);
}

function countForced(): void {
  const count = load<u32>(forcedCell()) + 1;
  if (count > forcedMax) find(findingLivelock, 0, 1);
  put32(forcedCell(), count);
  // While everybody only waits, time passes.
  setTime(load<u64>(clock) + forcedNs);
  put32(lastForcedCell(), agentIndex + 1);
}

function beginHandler(): void {
  if (changetype<Agent>(agent).state !== stateNone) return;
  touchContext();
  put32(cpu + offsetof<Cpu>("isHandling"), 1);
  putQuietly(agent + offsetof<Agent>("held"), irqBit(cpuIndex));
  takeFirst(mailOffset, offsetof<Cpu>("mailCount"));
}

function takeCpu(): void {
  if (changetype<Cpu>(cpu).current !== agentIndex + 1) {
    put32(cpu, agentIndex + 1);
    touch(runsOf(cpuIndex), 4, true);
  }
  if (changetype<Agent>(agent).state !== stateNone) return;
  touchContext();
  takeFirst(workOffset, offsetof<Cpu>("workCount"));
}

function go(): void {
  const doing = changetype<Agent>(agent);
  goOnAfterWait(false);
  if (doing.state === stateSleeping) {
    countOperation();
    touch(timeCell(), 4, true);
    if (doing.due > load<u64>(clock)) setTime(doing.due);
    setState(stateReady);
  } else if (doing.state === statePaused) {
    goOnAfterWait(true);
    setState(stateReady);
  } else if (doing.isReturned !== 0) {
    end();
    return;
  } else if (doing.operation === operationWait && doing.isBegun !== 0) {
    if (!performWait()) return;
  } else if (doing.operation === operationSleep && doing.isBegun !== 0) {
    fallAsleep();
    return;
  } else if (doing.isBegun === 0) {
    countOperation();
    if (isTraced) trace(operationBegin, 0, 0, 0, 0, false);
  }
  if (resume()) return;
  const isHandler = agentIndex >= handlerOf(0);
  const waits = isCounted ? operations >= operationsMax : isVisibleWord(runsOf(cpuIndex));
  if (isHandler || !waits) {
    end();
    return;
  }
  put32(agent + offsetof<Agent>("isReturned"), 1);
  putQuietly(agent + offsetof<Agent>("operation"), operationEnd);
}

/** Looks whether the wait is over. If not, the agent is blocked. */
function performWait(): bool {
  const doing = changetype<Agent>(agent);
  const cell = usize(doing.cell);
  countOperation();
  check(cell, 4);
  touch(cell, 4, true);
  const held = load<u32>(cell);
  const expected = doing.due as u32;
  if (isTraced) trace(operationWait, cell, 4, u64(held), u64(expected), false);
  if (held !== expected) {
    setWaitResult(1);
    return true;
  }
  checkMaySleep(cell);
  setState(stateBlocked);
  leaveCpu();
  return false;
}

/** As `might_sleep()`: whoever keeps others off its CPU must not leave it. */
function checkMaySleep(cell: usize): void {
  const doing = changetype<Agent>(agent);
  const isHandler = agentIndex >= handlerOf(0);
  if (isHandler || doing.preemptDepth !== 0 || doing.irqDepth !== 0) find(findingAtomicSleep, cell, 0);
}

function fallAsleep(): void {
  countOperation();
  checkMaySleep(0);
  countSleep();
  // What is looked at from its first sleep on counts for the next ones.
  if (changetype<Agent>(agent).isLooking === 0) lookAgain();
  setDue(load<u64>(clock) + changetype<Agent>(agent).due);
  if (isTraced) trace(operationSleep, 0, 0, 0, changetype<Agent>(agent).due, false);
  setState(stateSleeping);
  leaveCpu();
}

function end(): void {
  if (isTraced) trace(operationEnd, 0, 0, 0, 0, false);
  const isHandler = agentIndex >= handlerOf(0);
  letGo();
  stopLooking();
  setState(stateNone);
  put32(agent + offsetof<Agent>("isBegun"), 0);
  put32(agent + offsetof<Agent>("isReturned"), 0);
  put32(agent + offsetof<Agent>("pauses"), 0);
  put32(agent + offsetof<Agent>("sleeps"), 0);
  putQuietly(agent + offsetof<Agent>("operation"), operationBegin);
  if (isHandler) {
    touchContext();
    putQuietly(agent + offsetof<Agent>("held"), 0);
    put32(cpu + offsetof<Cpu>("isHandling"), 0);
  } else {
    countOperation();
    leaveCpu();
  }
}
