// Bitmaps of 64-bit words, as set_bit(), clear_bit() and find_next_bit() of the kernel.
//
// Setting and clearing are lock-free, cost one locked instruction even if the bit is as wanted already, as in the
// kernel, and are full barriers. Any CPU may do anything at any time.

import { compareExchange64, enter, leave, load64 } from "../machine/impl";
import { findNextBit } from "../symbols";

function wordCell(map: usize, bit: u32): usize {
  return map + usize(bit >> 6) * 8;
}

export function setBitOf(map: usize, bit: u32): void {
  const cell = wordCell(map, bit);
  const mask = u64(1) << u64(bit & 63);
  let seen = load64(cell);
  while (true) {
    const held = compareExchange64(cell, seen, seen | mask);
    if (held === seen) return;
    seen = held;
  }
}

export function clearBitOf(map: usize, bit: u32): void {
  const cell = wordCell(map, bit);
  const mask = u64(1) << u64(bit & 63);
  let seen = load64(cell);
  while (true) {
    const held = compareExchange64(cell, seen, seen & ~mask);
    if (held === seen) return;
    seen = held;
  }
}

export function isSet(map: usize, bit: u32): bool {
  return ((load64(wordCell(map, bit)) >> u64(bit & 63)) & 1) !== 0;
}

/** The first bit from `from` on that is set, or `size`, a multiple of 64, if there is none. Reads each word anew. */
export function nextBit(map: usize, size: u32, from: u32): u32 {
  if (from >= size) return size;
  enter(findNextBit);
  let base = from & ~63;
  let word = load64(wordCell(map, base)) & (u64.MAX_VALUE << u64(from & 63));
  while (word === 0) {
    base += 64;
    if (base >= size) break;
    word = load64(wordCell(map, base));
  }
  leave();
  return word === 0 ? size : base + (ctz<u64>(word) as u32);
}
