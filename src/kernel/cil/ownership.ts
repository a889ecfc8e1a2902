// Who alone uses what, where no lock says so.
//
// A vector, and what an item has in the current context, are used by one task at a time for reasons that are no single lock: a
// commit has its items locked and pushes kept out, a push keeps all commits out, a checkpoint's vectors are reachable from it
// alone. That is invariant L2. The checker is told of it as of a lock that nobody ever waits for: it then finds two who own the
// same, and need not try all orders of what one of them does. Elsewhere this is nothing.

import { load32, note, taskStack } from "../machine/impl";
import { noteLockAcquired, noteLockReleased } from "../notes";
import { hangMs } from "./harness";

/** From here on the running task alone uses what lies at an address; 0: nothing. */
export function beginOwning(address: usize): void {
  if (hangMs === 0 && address !== 0) note(noteLockAcquired, address);
}

/** It does so up to its next access, which is to something else. */
export function endOwning(address: usize): void {
  if (hangMs === 0 && address !== 0) note(noteLockReleased, address);
}

/** It does so no more: what follows may give the address to somebody else. */
export function endOwningNow(address: usize): void {
  endOwning(address);
  // An access to the task's own memory ends it.
  if (hangMs === 0) load32(taskStack());
}
