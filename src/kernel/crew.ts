// What the CPUs of a native round do together: begin at the same time, end when all have, and show that they get on.
//
// The host starts one thread per CPU. It counts the rounds of a case from 1 and passes the same number to every CPU.

import { cpuBlockSize, cpuBlocks, lineSize, positionOffset, progressOffset, roundCells, thisCpu } from "./layout";
import { add32, compute, cpus, deliver, enterIdle, leaveIdle, load32, pause, wait, wake } from "./machine/impl";

/** Looks at a cell before a CPU goes to sleep on it: some microseconds, in which others mostly arrive. */
const looksMax: u32 = 4096;

/** Waits until the counter has reached `target`. Takes interrupts, for others may still be at work. */
function waitUntilReached(counter: usize, target: u32): void {
  let looks: u32 = 0;
  while (true) {
    const seen = load32(counter);
    // Counters may wrap.
    if (i32(seen - target) >= 0) return;
    if (++looks < looksMax) {
      pause();
      deliver();
    } else wait(counter, seen);
  }
}

function arrive(counter: usize, target: u32): void {
  if (add32(counter, 1) + 1 === target) wake(counter, u32.MAX_VALUE);
}

/** Begins a round: returns when every CPU of the case has called it. */
export function enterRound(round: u32): void {
  leaveIdle();
  arrive(roundCells, round * cpus());
  waitUntilReached(roundCells, round * cpus());
}

/** Ends a round: returns when every CPU has performed its events. Takes interrupts until then. */
export function leaveRound(round: u32): void {
  arrive(roundCells + lineSize, round * cpus());
  waitUntilReached(roundCells + lineSize, round * cpus());
  enterIdle();
}

/** Says that this CPU has got on to the event with this index of its buffer. */
export function progress(position: u32): void {
  const block = cpuBlocks + usize(thisCpu) * cpuBlockSize;
  store<u32>(block, load<u32>(block, progressOffset) + 1, progressOffset);
  store<u32>(block, position, positionOffset);
}

/** Says that this CPU has got on within an event. */
export function progressWithin(): void {
  const block = cpuBlocks + usize(thisCpu) * cpuBlockSize;
  store<u32>(block, load<u32>(block, progressOffset) + 1, progressOffset);
}

/** Computes for as long as `spinsPerMicrosecond` makes of it; with the real ratio unknown, the host finds it so. */
export function computeFor(ns: f64): void {
  compute(ns as u64);
}
