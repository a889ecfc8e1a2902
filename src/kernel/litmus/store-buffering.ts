// The litmus case "store buffering": two tasks, each stores to its own cell and then loads the other's.
//
// On x86 both loads may return 0 when the stores are relaxed, because each may still wait in its CPU's buffer; never
// when the stores are sequentially consistent or a barrier follows them. It tests the instruments, not a variant.
// Both tasks run the same function with the cells swapped. Cells begin with 0.

import { barrier, load32, store32, storeRelaxed32 } from "../machine/impl";

/** A relaxed store. Both tasks may return 0. */
export function relaxed(own: usize, other: usize): u32 {
  storeRelaxed32(own, 1);
  return load32(other);
}

/** A sequentially consistent store. At least one task returns 1. */
export function sequential(own: usize, other: usize): u32 {
  store32(own, 1);
  return load32(other);
}

/** A relaxed store and a barrier. At least one task returns 1. */
export function fenced(own: usize, other: usize): u32 {
  storeRelaxed32(own, 1);
  // Pairs with the barrier of the other task: whichever comes second, its task loads what the first one stored.
  barrier();
  return load32(other);
}

/** As `relaxed`, and loads its own cell in between: 2 for the own store, which a task always sees, + the other's cell. */
export function forwarding(own: usize, other: usize): u32 {
  storeRelaxed32(own, 1);
  const seen = load32(own);
  return 2 * seen + load32(other);
}
