// What a harness counts and times, per CPU: counters and histograms, the first thing of a problem's memory.
//
// They belong to the harness, not to what is measured: the simulator takes accesses to them for free, and the other
// instruments leave them out where they count. Each CPU writes its own; the host reads them while nobody runs.

import { histogramSize, recordDuration } from "./histogram";
import { cpuCount, lineSize, problemBase, thisCpu } from "./layout";
import { load64, now, storeRelaxed64 } from "./machine/impl";

/** Counters that a problem may have, u64 each; they fill whole lines together with the word that says what counts. */
export const countersMax: u32 = 39;
/** Histograms that a problem may have. */
export const histogramsMax: u32 = 6;

/** What a count adds to a counter: 1 during measured events, 0 otherwise. In front of a CPU's counters. */
const stepBytes: usize = 8;
const countersBytes: usize = stepBytes + usize(countersMax) * 8;
if (countersBytes % lineSize !== 0) ERROR("counters must fill whole lines");
const cpuBytes: usize = countersBytes + usize(histogramsMax) * histogramSize;

function own(): usize {
  return problemBase + usize(thisCpu) * cpuBytes;
}

/** Where the statistics of the first CPU begin; those of the others follow. */
export function statisticsAddress(): usize {
  return problemBase;
}

/** Bytes of the statistics of all CPUs. A whole number of lines. */
export function statisticsSize(): usize {
  return usize(cpuCount) * cpuBytes;
}

/** Says whether the events that follow on this CPU are measured: 1 or 0. */
export function setMeasured(step: u64): void {
  storeRelaxed64(own(), step);
}

/** Whether the current event on this CPU is measured: 1 or 0. */
export function measured(): u64 {
  return load64(own());
}

function counterCell(counter: u32): usize {
  return own() + stepBytes + usize(counter) * 8;
}

/** Counts on this CPU, during measured events. */
export function count(counter: u32): void {
  countMany(counter, 1);
}

/** Counts `amount` on this CPU, during measured events. */
export function countMany(counter: u32, amount: u64): void {
  const cell = counterCell(counter);
  storeRelaxed64(cell, load64(cell) + amount * measured());
}

/** Counts on this CPU whether the event is measured or not. */
export function countAlways(counter: u32): void {
  const cell = counterCell(counter);
  storeRelaxed64(cell, load64(cell) + 1);
}

/** What a counter of this CPU has come to. */
function counted(counter: u32): u64 {
  return load64(counterCell(counter));
}

/** One of this CPU's counters, as the host asks for it. */
export function counter(index: u32): f64 {
  return counted(index) as f64;
}

/** Raises a counter of this CPU to a level, during measured events: the most that was seen. */
export function countMost(counter: u32, level: u64): void {
  if (measured() !== 0 && level > counted(counter)) storeRelaxed64(counterCell(counter), level);
}

/** Address of one of this CPU's histograms (`histogram.ts`). */
export function histogramAt(histogram: u32): usize {
  return own() + countersBytes + usize(histogram) * histogramSize;
}

/** The clock, if the event is measured. */
export function begin(): u64 {
  return measured() === 0 ? 0 : now();
}

/** Records how long it took since `begun`, if the event is measured. */
export function end(histogram: u32, begun: u64): void {
  if (measured() !== 0) recordDuration(histogramAt(histogram), now() - begun);
}
