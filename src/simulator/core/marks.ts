// Marks of the code under test, which cost nothing: symbols, locks, sections with preemption or interrupts off.

import { lockHeld, noted, symbolEnded } from "./host";
import { Activity, Cpu, Held, locksMax, locksOffset, Scope, scopesOffset, symbolDepthMax } from "./layout";
import { activity, clock, cpu, cpuIndex, innermost, lowerLimit } from "./running";
import { countChange } from "./spinning";
import { callsOfSymbol, watched } from "./tables";
import { forgetPauses, isTimed, untimedCpu } from "./untimed";

let heardNotes: u64 = 0;

/** Has `noted` called for a kind of notes, also while nothing is timed. */
export function listenTo(kind: u32): void {
  heardNotes |= u64(1) << kind;
}

/** Has `symbolEnded` called for a symbol. */
export function watch(symbol: u32): void {
  store<u32>(watched + symbol * 4, 1);
}

function chargeRunning(symbol: u32): void {
  const one = changetype<Cpu>(cpu);
  const cell = one.symbolTimes + usize(symbol) * 8;
  store<f64>(cell, load<f64>(cell) + (clock - one.charged));
  one.charged = clock;
}

export function enter(symbol: u32): void {
  if (!isTimed) return;
  chargeRunning(innermost());
  const doing = changetype<Activity>(activity);
  if (doing.symbolDepth < symbolDepthMax) {
    const scope = changetype<Scope>(activity + scopesOffset + usize(doing.symbolDepth) * offsetof<Scope>());
    scope.symbol = symbol;
    scope.since = clock;
  }
  doing.symbolDepth++;
  const cell = callsOfSymbol + symbol * 4;
  store<u32>(cell, load<u32>(cell) + 1);
}

export function leave(): void {
  if (!isTimed) return;
  chargeRunning(innermost());
  const doing = changetype<Activity>(activity);
  doing.symbolDepth--;
  if (doing.symbolDepth >= symbolDepthMax) return;
  const scope = changetype<Scope>(activity + scopesOffset + usize(doing.symbolDepth) * offsetof<Scope>());
  if (load<u32>(watched + scope.symbol * 4) !== 0) symbolEnded(cpuIndex, scope.symbol, clock - scope.since);
}

export function preemptOff(): void {
  if (isTimed) changetype<Activity>(activity).preemptDepth++;
}

export function preemptOn(): void {
  if (!isTimed) return;
  const doing = changetype<Activity>(activity);
  if (--doing.preemptDepth === 0) lowerLimit(changetype<Cpu>(cpu), doing);
}

export function irqOff(): void {
  if (!isTimed) return;
  if (changetype<Activity>(activity).irqDepth++ === 0) changetype<Cpu>(cpu).irqOffSince = clock;
}

export function irqOn(): void {
  if (!isTimed) return;
  const doing = changetype<Activity>(activity);
  if (--doing.irqDepth > 0) return;
  const one = changetype<Cpu>(cpu);
  irqOffEnded(one);
  lowerLimit(one, doing);
}

/** Interrupts of the running CPU are on again: at the end of a section, or of the handling of one. */
export function irqOffEnded(one: Cpu): void {
  const span = clock - one.irqOffSince;
  if (span > one.irqOffMax) one.irqOffMax = span;
}

let boundaries: f64 = 0;

/** Event boundaries that CPUs came to so far. */
export function boundaryCount(): f64 {
  return boundaries;
}

/** The CPU is at an event boundary: it is not caught in what it does. */
export function quiescent(): void {
  if (!isTimed) forgetPauses();
  else {
    changetype<Activity>(activity).boundary = clock;
    boundaries++;
    countChange();
  }
}

const noteLockAcquired: u32 = 1;
const noteLockReleased: u32 = 2;

export function note(kind: u32, value: u32): void {
  if (kind > noteLockReleased) {
    if (kind < 64 && ((heardNotes >>> u64(kind)) & 1) !== 0) noted(isTimed ? cpuIndex : untimedCpu, kind, value);
  } else if (isTimed) {
    if (kind === noteLockAcquired) acquired(value);
    else released(value);
  }
}

function acquired(lock: u32): void {
  const doing = changetype<Activity>(activity);
  if (doing.lockCount < locksMax) {
    const held = changetype<Held>(activity + locksOffset + usize(doing.lockCount) * offsetof<Held>());
    held.lock = lock;
    held.since = clock;
  }
  doing.lockCount++;
}

let longestHold: f64 = 0;

function released(lock: u32): void {
  const doing = changetype<Activity>(activity);
  let index = min<u32>(doing.lockCount, locksMax);
  while (index > 0) {
    index--;
    const held = changetype<Held>(activity + locksOffset + usize(index) * offsetof<Held>());
    if (held.lock !== lock) continue;
    const span = clock - held.since;
    if (span > longestHold) {
      longestHold = span;
      lockHeld(lock, span);
    }
    // The last one takes its place: locks need not be given back in order.
    const last = changetype<Held>(
      activity + locksOffset + usize(min<u32>(doing.lockCount, locksMax) - 1) * offsetof<Held>(),
    );
    held.lock = last.lock;
    held.since = last.since;
    doing.lockCount--;
    return;
  }
}

export function forgetHolds(): void {
  longestHold = 0;
}
