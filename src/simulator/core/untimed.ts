// The parts that are not measured: what a CPU's instance does costs nothing and happens at once.

import { performUntimed } from "./host";
import { operationNone } from "./protocol";
import { clock, setClock } from "./running";

/** Cells of the instrument itself, which cost nothing: all of them while nothing is timed. */
export let freeBase: u32 = 0;
export let freeBytes: u32 = 0xffff_ffff;
let statisticsBase: u32 = 0;
let statisticsBytes: u32 = 0;

export let isTimed: bool = false;
export let untimedCpu: u32 = 0;
export let untimedPage: u32 = 0;
let pauses: u32 = 0;

/** Where the instrument keeps its own counts. */
export function setStatistics(base: u32, bytes: u32): void {
  statisticsBase = base;
  statisticsBytes = bytes;
}

/** Has what a CPU's instance does cost nothing and happen at once, from time `at` on. */
export function beginUntimed(index: u32, page: u32, at: f64): void {
  isTimed = false;
  freeBase = 0;
  freeBytes = 0xffff_ffff;
  untimedCpu = index;
  untimedPage = page;
  setClock(at);
  pauses = 0;
}

/** Ends that, and returns the time. */
export function endUntimed(): f64 {
  isTimed = true;
  freeBase = statisticsBase;
  freeBytes = statisticsBytes;
  return clock;
}

/** Looks of a spin loop that nobody can end, while nothing is timed. */
const pausesMax: u32 = 2_500_000;

export function countPause(): void {
  if (++pauses > pausesMax) performUntimed(operationNone, untimedCpu, 0, 0, 0);
}

export function forgetPauses(): void {
  pauses = 0;
}
