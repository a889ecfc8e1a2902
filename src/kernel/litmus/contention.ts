// What two or more CPUs come to that do nothing but change one cache line, in the patterns of locks: the simplest
// question to a model of contention, with answers from real machines.

import { lineSize, problemBase } from "../layout";
import { add32, compareExchange32, load32, pause, storeRelaxed32 } from "../machine/impl";

/** Where modules' own constants end. */
export function heapBase(): u32 {
  return __heap_base as u32;
}

/** Bytes at `problemBase`. */
export function problemBytes(): u32 {
  return (lineSize * 2) as u32;
}

/** A locked add. */
export const patternAdd: u32 = 0;
/** A load, and a compare-and-exchange until it succeeds. */
export const patternCompareExchange: u32 = 1;
/** The read side of a read-write semaphore: a reader in by compare-and-exchange, and out by a locked add. */
export const patternReaderPair: u32 = 2;
/** A test-and-set spin lock. */
export const patternSpinLock: u32 = 3;

function once(pattern: u32): void {
  const cell = problemBase;
  if (pattern === patternAdd) {
    add32(cell, 1);
  } else if (pattern === patternCompareExchange || pattern === patternReaderPair) {
    let seen = load32(cell);
    let held = compareExchange32(cell, seen, seen + 256);
    while (held !== seen) {
      seen = held;
      held = compareExchange32(cell, seen, seen + 256);
    }
    if (pattern === patternReaderPair) add32(cell, u32(-256));
  } else {
    while (compareExchange32(cell, 0, 1) !== 0) {
      while (load32(cell) !== 0) pause();
    }
    storeRelaxed32(cell, 0);
  }
}

/** Performs a pattern so many times. */
export function run(pattern: u32, times: u32): u32 {
  for (let index: u32 = 0; index < times; index++) once(pattern);
  return 0;
}

export function runWork(_work: u32, _argument: usize): void {}
