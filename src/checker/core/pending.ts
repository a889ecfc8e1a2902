// What waits for a CPU: interrupts and deferred work, each a number of the function table and an argument, the oldest first.

import { find } from "./findings";
import { put32 } from "./journal";
import { pendingMax } from "./layout";
import { findingOverflow } from "./protocol";

/** What {@link takeOldest} took. */
export let oldestWork: u32 = 0;
export let oldestArgument: u32 = 0;

/**
 * Adds an item.
 *
 * @param queue address of its items
 * @param count address of how many there are
 */
export function addPending(queue: usize, count: usize, work: u32, argument: usize): void {
  const before = load<u32>(count);
  if (before === pendingMax) find(findingOverflow, 0, 0);
  put32(queue + usize(before) * 8, work);
  put32(queue + usize(before) * 8 + 4, argument as u32);
  put32(count, before + 1);
}

/** Takes the oldest item out of a queue that has one. */
export function takeOldest(queue: usize, count: usize): void {
  oldestWork = load<u32>(queue);
  oldestArgument = load<u32>(queue, 4);
  const left = load<u32>(count) - 1;
  for (let index: u32 = 0; index < pendingMax; index++) {
    const at = queue + usize(index) * 8;
    put32(at, index < left ? load<u32>(at, 8) : 0);
    put32(at + 4, index < left ? load<u32>(at, 12) : 0);
  }
  put32(count, left);
}
