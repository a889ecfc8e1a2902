// Finds out when all CPUs spin and nobody is left who could end it.

import { heapSize } from "./heap";
import { Activity, Cpu, never } from "./layout";
import { operationNone } from "./protocol";
import { activity } from "./running";
import { cpuAt, heap } from "./tables";

/** Pauses of each CPU without any change, after which none is expected. A loop that gives up by itself does so before. */
const quietPausesMax: u32 = 100_000;

/** Stores, locked operations, requests to the host, and ends of events so far, modulo 2^32. */
let changes: u32 = 0;
/** The cell that was accessed last. */
let lookedAt: u32 = 0;
let isSuspected: bool = false;

export function countChange(): void {
  changes++;
}

export function lookAt(cell: u32): void {
  lookedAt = cell;
}

/** The running CPU pauses in a spin loop. */
export function countQuietPause(): void {
  const doing = changetype<Activity>(activity);
  doing.lookedAt = lookedAt;
  if (doing.seenChanges !== changes) {
    doing.seenChanges = changes;
    doing.quietPauses = 0;
  } else if (++doing.quietPauses % quietPausesMax === 0) isSuspected = true;
}

/** Whether no CPU that does anything can get on. Not known where tasks wait for a CPU. */
export function areAllSpinning(nextTimer: f64): bool {
  if (!isSuspected) return false;
  isSuspected = false;
  if (nextTimer < never) return false;
  for (let position: u32 = 0; position < heapSize; position++) {
    const one = changetype<Cpu>(cpuAt(load<u32>(heap + position * 4)));
    const doing = changetype<Activity>(one.activity);
    const isQuiet = doing.seenChanges === changes && doing.quietPauses >= quietPausesMax;
    if (!isQuiet || doing.operation !== operationNone || one.interruptAt < never || one.sliceEnd < never) return false;
  }
  return true;
}
