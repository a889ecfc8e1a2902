// The floor: commits nothing, so that what is measured is the harness itself: transactions, item locks and data.
//
// Nothing is ever on the committed item list, so pushes and log forces find nothing. Never a solution.

import { releaseItems } from "./commit";

export function commit(transaction: usize): void {
  releaseItems(transaction);
}

export function destroyItem(_item: usize): void {}

export function usesShadows(): bool {
  return false;
}

export function mayUseMemoryUnderLock(): bool {
  return false;
}
