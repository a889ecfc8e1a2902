// Performs small programs whose instructions are operations of the machine, to test an instrument by outcomes that are
// known: litmus tests, and programs made at random. It is no problem's harness, and has no variants.
//
// Instructions are events, which it reads with plain loads. So it does with registers: each is one task's own, and written
// by `keep32`, which nobody else notices.

import { eventAOffset, eventBOffset, eventGroupOffset, eventKindOffset, eventObjectOffset, eventSize } from "../events";
import { arenaBase, eventBuffer, problemBase } from "../layout";
import {
  add32,
  add64,
  allocated,
  barrier,
  compareExchange32,
  compareExchange64,
  defer,
  exchange32,
  exchange64,
  freed,
  interrupt,
  irqOff,
  irqOn,
  isIdle,
  isRunning,
  keep32,
  load32,
  load64,
  note,
  now,
  pause,
  preemptOff,
  preemptOn,
  quiescent,
  sleep,
  store32,
  store64,
  storeRelaxed32,
  storeRelaxed64,
  wait,
  wake,
} from "../machine/impl";
import { noteLockAcquired } from "../notes";
import { acquire, release } from "../sync/spin-lock";
import {
  arenaCells,
  cellBytes,
  opAcquire,
  opAcquireCarelessly,
  opAdd32,
  opAdd64,
  opAllocated,
  opBarrier,
  opCompareExchange32,
  opCompareExchange64,
  opDefer,
  opExchange32,
  opExchange64,
  opFreed,
  opInterrupt,
  opIrqOff,
  opIrqOn,
  opIsIdle,
  opIsRunning,
  opLoad32,
  opLoad64,
  opNow,
  opPauseUntil,
  opPreemptOff,
  opPreemptOn,
  opQuiescent,
  opRecurse,
  opRelease,
  opSkip,
  opSkipUnless,
  opSleep,
  opSpinUntil,
  opStore32,
  opStore64,
  opStoreRelaxed32,
  opStoreRelaxed64,
  opTakeTurn,
  opWait,
  opWaitUntil,
  opWake,
  registerCount,
} from "./instructions";

export { computeFor, enterRound, leaveRound } from "../crew";

/** Where the module's own constants end. */
export function heapBase(): u32 {
  return __heap_base as u32;
}

/** Bytes at `problemBase`. */
export function problemBytes(): u32 {
  return cellBytes + registerCount * 8;
}

function cellOf(index: u32): usize {
  if (index >= (arenaCells as u32)) return arenaBase + usize(index - arenaCells) * 4;
  return problemBase + usize(index) * 4;
}

/** @param group of an event */
function registerOf(group: u32): usize {
  return problemBase + cellBytes + usize(group - 1) * 8;
}

function setRegister(group: u32, value: u64): void {
  if (group === 0) return;
  keep32(registerOf(group), value as u32);
  keep32(registerOf(group) + 4, (value >> 32) as u32);
}

function recurse(depth: u32): u32 {
  return recurse(depth + 1) + load32(problemBase);
}

/** Operations on 64-bit cells. */
function perform64(kind: u32, cell: usize, group: u32, value: u64, other: u64): void {
  if (kind === opLoad64) setRegister(group, load64(cell));
  else if (kind === opStoreRelaxed64) storeRelaxed64(cell, value);
  else if (kind === opStore64) store64(cell, value);
  else if (kind === opExchange64) setRegister(group, exchange64(cell, value));
  else if (kind === opCompareExchange64) setRegister(group, compareExchange64(cell, value, other));
  else if (kind === opAdd64) setRegister(group, add64(cell, value));
}

/** Loops and waits. */
function performWait(kind: u32, cell: usize, group: u32, value: u32, other: u32): void {
  if (kind === opPauseUntil) {
    while (load32(cell) !== value) pause();
  } else if (kind === opSpinUntil) {
    while (load32(cell) !== value);
  } else if (kind === opTakeTurn) {
    while (compareExchange32(cell, value, other) !== value) pause();
  } else if (kind === opWait) setRegister(group, wait(cell, value));
  else if (kind === opWake) setRegister(group, wake(cell, value));
  else if (kind === opWaitUntil) {
    for (let seen = load32(cell); seen !== value; seen = load32(cell)) wait(cell, seen);
  } else if (kind === opAcquire) acquire(cell);
  else if (kind === opRelease) release(cell);
  else if (kind === opAcquireCarelessly) {
    preemptOff();
    while (load32(cell) !== 0) pause();
    storeRelaxed32(cell, 1);
    note(noteLockAcquired, cell);
  }
}

/** What concerns CPUs, time and memory. */
function performElse(kind: u32, cell: usize, group: u32, value: u64, other: u64): void {
  if (kind === opSleep) sleep(value);
  else if (kind === opPreemptOff) preemptOff();
  else if (kind === opPreemptOn) preemptOn();
  else if (kind === opIrqOff) irqOff();
  else if (kind === opIrqOn) irqOn();
  else if (kind === opIsRunning) setRegister(group, isRunning(value as u32) ? 1 : 0);
  else if (kind === opIsIdle) setRegister(group, isIdle(value as u32) ? 1 : 0);
  else if (kind === opInterrupt) interrupt(value as u32, 0, other as usize);
  else if (kind === opDefer) defer(cell, 0, other as usize, 0);
  else if (kind === opAllocated) allocated(cell, value as usize);
  else if (kind === opFreed) freed(cell, value as usize);
  else if (kind === opQuiescent) quiescent();
  else if (kind === opNow) setRegister(group, now());
  else if (kind === opRecurse) setRegister(group, recurse(0));
}

/** Performs an instruction and returns how many to go on by. */
function perform(event: usize): u32 {
  const kind: u32 = load<u16>(event, eventKindOffset);
  const cell = cellOf(load<u32>(event, eventObjectOffset));
  const group = load<u32>(event, eventGroupOffset);
  const a = load<u64>(event, eventAOffset);
  const b = load<u64>(event, eventBOffset);
  const held: u32 = group === 0 ? 0 : load<u32>(registerOf(group));
  const value = (a as u32) + held;
  if (kind === opSkip) return 1 + (a as u32);
  if (kind === opSkipUnless) return held === (a as u32) ? 1 : 1 + (b as u32);
  if (kind === opLoad32) setRegister(group, load32(cell));
  else if (kind === opStoreRelaxed32) storeRelaxed32(cell, value);
  else if (kind === opStore32) store32(cell, value);
  else if (kind === opExchange32) setRegister(group, exchange32(cell, a as u32));
  else if (kind === opCompareExchange32) setRegister(group, compareExchange32(cell, a as u32, b as u32));
  else if (kind === opAdd32) setRegister(group, add32(cell, a as u32));
  else if (kind === opBarrier) barrier();
  else if (kind >= (opPauseUntil as u32) && kind <= (opWaitUntil as u32))
    performWait(kind, cell, group, a as u32, b as u32);
  else if (kind >= (opAcquire as u32) && kind <= (opAcquireCarelessly as u32))
    performWait(kind, cell, group, a as u32, b as u32);
  else if (kind >= (opLoad64 as u32) && kind <= (opAdd64 as u32)) perform64(kind, cell, group, a, b);
  else performElse(kind, cell, group, a, b);
  return 1;
}

/** Performs the instructions from one index up to another. */
export function run(first: u32, end: u32): u32 {
  for (let index = first; index < end; ) index += perform(eventBuffer + usize(index) * eventSize);
  return 0;
}

/** Performs a program, as `opInterrupt` names it. */
export function runWork(_work: u32, program: usize): void {
  const first = (program as u32) >> 8;
  run(first, first + ((program as u32) & 255));
}
