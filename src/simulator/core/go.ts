// Who runs next, and for how long.
//
// A CPU runs on while its clock is at most `lookahead` later than all others': nothing that others do from now on reaches
// it sooner. Siblings, which share their caches, do not run ahead of each other.

import { first, firstIsLater, heapSize, pop, secondClock } from "./heap";
import { Activity, Cpu, never } from "./layout";
import { irqOffEnded } from "./marks";
import {
  operationCompute,
  operationNone,
  outcomeEnded,
  outcomeIdle,
  outcomeInterrupt,
  outcomeOperation,
  outcomePaused,
  outcomeReschedule,
  outcomeSpinning,
  outcomeStuck,
  outcomeTimer,
} from "./protocol";
import { activity, clock, cpu, lowerLimit, resume, setLimit, turnTo } from "./running";
import { areAllSpinning } from "./spinning";
import { cpuAt, heap, lookahead, notInHeap } from "./tables";

let nextTimer: f64 = never;

/** When the next timer is due, or Infinity. */
export function setTimer(at: f64): void {
  nextTimer = at;
}

/**
 * What has its CPU for so long without an event boundary or sleep is stuck: 20 s, as for the kernel's soft-lockup detector,
 * which is content with less, a switch to another task.
 */
const stuckAfter: f64 = 200_000_000_000;

function findLimit(): void {
  const one = changetype<Cpu>(cpu);
  // The earliest clock of all others, timers included.
  let horizon = secondClock();
  if (nextTimer < horizon) horizon = nextTimer;
  // A millisecond at a time, so that the host is heard.
  let to = Math.min(horizon + lookahead, clock + 10_000_000);
  // Siblings see each other's accesses at once.
  for (let sibling = one.sibling; sibling !== cpu; sibling = changetype<Cpu>(sibling).sibling) {
    const other = changetype<Cpu>(sibling);
    if (other.clock < to && other.heapIndex !== notInHeap) to = other.clock;
  }
  setLimit(to);
  lowerLimit(one, changetype<Activity>(activity));
}

/**
 * Lets CPUs run, the earliest first, until the host has something to do for one of them, which is then in the heap no
 * more; or until a timer is due; or for a while.
 */
export function go(resumptionsMax: u32): u32 {
  for (let resumptions: u32 = 0; resumptions < resumptionsMax; resumptions++) {
    if (heapSize === 0) return nextTimer < never ? outcomeTimer : outcomeIdle;
    if (nextTimer <= changetype<Cpu>(cpuAt(load<u32>(heap))).clock) return outcomeTimer;
    turnTo(first());
    const one = changetype<Cpu>(cpu);
    const doing = changetype<Activity>(activity);
    if (clock - doing.boundary >= stuckAfter) return leaveWith(outcomeStuck);
    // An access that has begun is completed first.
    if (doing.irqDepth === 0 && doing.transfer === 0) {
      if (one.interruptAt <= clock) return leaveWith(outcomeInterrupt);
      if (doing.preemptDepth === 0 && one.sliceEnd <= clock) return leaveWith(outcomeReschedule);
    }
    if (doing.operation !== operationNone) {
      if (doing.operation !== operationCompute) return leaveWith(outcomeOperation);
      if (doing.span > 0) {
        computePiece();
        continue;
      }
      doing.operation = operationNone;
    }
    findLimit();
    const isSuspended = resume();
    one.clock = clock;
    if (!isSuspended) {
      if (doing.irqDepth > 0) irqOffEnded(one);
      return leaveWith(outcomeEnded);
    }
    if (areAllSpinning(nextTimer)) return leaveWith(outcomeSpinning);
    firstIsLater();
  }
  return outcomePaused;
}

/** The host has something to do for the running CPU, which is in the heap no more. */
function leaveWith(outcome: u32): u32 {
  pop();
  return outcome;
}

/** Begins to compute until the end, or until an interrupt or the end of the time slice. */
function computePiece(): void {
  const one = changetype<Cpu>(cpu);
  const doing = changetype<Activity>(activity);
  let piece = doing.span;
  if (doing.irqDepth === 0) {
    if (one.interruptAt - clock < piece) piece = one.interruptAt - clock;
    if (doing.preemptDepth === 0 && one.sliceEnd - clock < piece) piece = one.sliceEnd - clock;
  }
  doing.span -= piece;
  doing.computingSince = clock;
  one.clock = clock + piece;
  firstIsLater();
}
