// A reference count in one 32-bit cell.
//
// Follows refcount_t of include/linux/refcount.h (Linux 6.6): 0 is final, nobody gets a reference to what has none.
// Left out: saturation, and with it the warnings about overflow and use after free.
// Lock-free. Any CPU may call any of these at any time, interrupt handlers included; a decrement needs a reference.
// A decrement guesses that there is one other reference, which saves the load: V8 compiles an atomic addition to a loop
// with a load in front (`machine/access.ts`). An increment looks first, as in Linux: when several CPUs take references at
// once, a failed compare-exchange costs more than the load.

import { compareExchange32, load32, storeRelaxed32 } from "../machine/impl";

/** Sets the count of an object that nobody else can reach, or that still has the count 0. On x86 a plain store is a release. */
export function refcountSet(cell: usize, count: u32): void {
  storeRelaxed32(cell, count);
}

/** Takes a reference if there is one. What was written before the count became other than 0 is visible afterwards. */
export function incrementUnlessZero(cell: usize): bool {
  let seen = load32(cell);
  while (seen !== 0) {
    const held = compareExchange32(cell, seen, seen + 1);
    if (held === seen) return true;
    seen = held;
  }
  return false;
}

/** Gives a reference back. Returns whether it was the last one; then all other users' accesses have happened. */
export function decrementAndTest(cell: usize): bool {
  let seen: u32 = 2;
  while (true) {
    const held = compareExchange32(cell, seen, seen - 1);
    if (held === seen) return seen === 1;
    seen = held;
  }
}
