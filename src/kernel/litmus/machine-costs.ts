// Loops over single operations, to be timed: what they cost is what a machine profile holds (`native/machine-costs.ts`).

import { barrier, compareExchange32, load32, read32, storeRelaxed32 } from "../machine/impl";

/** Where the module's own constants end. */
export function heapBase(): u32 {
  return __heap_base as u32;
}

function next(random: u32): u32 {
  return random * 1_664_525 + 1_013_904_223;
}

function swap(one: usize, other: usize): void {
  const held = read32(one);
  storeRelaxed32(one, read32(other));
  storeRelaxed32(other, held);
}

/**
 * Links lines into one ring in which each holds the address of the next. The lines of a window come in random order,
 * one window after the other: so a prefetcher cannot tell which one is next, and yet few pages are in use at a time.
 *
 * @param stride bytes from line to line
 * @param perWindow lines of a window, at most 2^24; the last window may have fewer
 */
export function link(base: usize, lines: u32, stride: u32, perWindow: u32, seed: u32): void {
  let random = seed;
  for (let first: u32 = 0; first < lines; first += perWindow) {
    const window = base + usize(first) * stride;
    const count = min(perWindow, lines - first);
    for (let index: u32 = 0; index < count; index++) {
      const line = window + usize(index) * stride;
      storeRelaxed32(line, line as u32);
    }
    // Sattolo's shuffle leaves one ring of all lines of the window.
    for (let index = count - 1; index > 0; index--) {
      random = next(random);
      swap(window + usize(index) * stride, window + usize((random >> 8) % index) * stride);
    }
    // Two rings become one when a line of each swaps its successor with the other.
    if (first > 0) swap(base, window);
  }
}

/** Follows a ring of lines. Each load needs the one before it. Returns where it stopped. */
export function chase(start: usize, steps: u32): usize {
  let at = start;
  let left = steps;
  for (; left >= 8; left -= 8) {
    at = read32(at);
    at = read32(at);
    at = read32(at);
    at = read32(at);
    at = read32(at);
    at = read32(at);
    at = read32(at);
    at = read32(at);
  }
  for (; left > 0; left--) at = read32(at);
  return at;
}

/** Relaxed stores to one line, a multiple of 8. */
export function stores(line: usize, count: u32): void {
  for (let index: u32 = 0; index < count; index += 8) {
    storeRelaxed32(line, index);
    storeRelaxed32(line + 4, index);
    storeRelaxed32(line + 8, index);
    storeRelaxed32(line + 12, index);
    storeRelaxed32(line + 16, index);
    storeRelaxed32(line + 20, index);
    storeRelaxed32(line + 24, index);
    storeRelaxed32(line + 28, index);
  }
}

/** Compare-exchanges of one cell, a multiple of 4. All of them succeed, where nobody else touches the cell. */
export function compareExchanges(cell: usize, count: u32): void {
  let seen = load32(cell);
  for (let index: u32 = 0; index < count; index += 4) {
    compareExchange32(cell, seen, seen + 1);
    compareExchange32(cell, seen + 1, seen + 2);
    compareExchange32(cell, seen + 2, seen + 3);
    compareExchange32(cell, seen + 3, seen + 4);
    seen += 4;
  }
}

/** Full barriers with nothing to wait for, a multiple of 4. */
export function barriers(count: u32): void {
  for (let index: u32 = 0; index < count; index += 4) {
    barrier();
    barrier();
    barrier();
    barrier();
  }
}

/** Failed attempts after which a player gives up: tens of milliseconds. */
const attemptsMax: u32 = 4_000_000;

/**
 * Plays ping-pong with another CPU: who finds the cell at its own turn counts it up, by compare-exchanges all the
 * time. So the line moves once per turn. Ends when the turns are played, or when the other one does not answer.
 *
 * @param first the player's first turn; the other's are the odd ones if it is even, and the other way round
 * @param end no turn from this one on
 * @returns the first turn that it did not play
 */
export function pingPong(cell: usize, first: u32, end: u32): u32 {
  let turn = first;
  while (turn < end) {
    let attempts: u32 = 0;
    while (compareExchange32(cell, turn, turn + 1) !== turn) {
      if (++attempts === attemptsMax) return turn;
    }
    turn += 2;
  }
  return turn;
}
