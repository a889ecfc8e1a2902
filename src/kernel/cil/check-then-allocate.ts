// Wrong on purpose: looks at the active vector before it takes the context lock, and allocates there only if that will not do.
//
// This is the simple idea, which the message of b1c5ebb21301 (Linux 4.8) argues against; no kernel had it. A push between the
// look and the lock takes the active vector, which the log reads from then on, so that it must not be written any more. The
// commit then has to find memory under the lock after all, as `allocate-under-lock` does, and is stuck as that one is when
// there is none. It takes a push at the wrong moment and memory that is used up by then: rare, and the same deadlock.
// Costs and memory: those of `allocate-under-lock`, with nearly all allocations and frees outside of the lock.

import { enter, leave, load32, storeRelaxed32 } from "../machine/impl";
import { xlogCilAllocShadowBufs, xlogCilInsertFormatItems } from "../symbols";
import {
  account,
  activate,
  beginItem,
  endItem,
  finishCommit,
  insertItems,
  lockContext,
  resetAccounting,
} from "./commit";
import { allocateVector, freeVector, giveBack, kindKmalloc } from "./memory";
import { beginOwning, endOwning } from "./ownership";
import { Item, Transaction, taskOf } from "./region";
import { formatItem, initVector, iovecsOf, markOrdered, prepareVector, sizeOf, vectorSize } from "./vector";

export function commit(transaction: usize): void {
  const task = taskOf(transaction);
  allocateWhereNeeded(transaction, task);
  lockContext(task);
  formatItems(transaction, task);
  const space = insertItems(transaction);
  finishCommit(transaction, task, space);
}

function makeVector(item: usize, task: u32, iovecs: u32, size: u32): usize {
  const vector = allocateVector(task, kindKmalloc, size);
  beginOwning(vector);
  initVector(vector, kindKmalloc, item, iovecs, size);
  return vector;
}

/** Without the context lock: the look at the active vector says only what was. */
function allocateWhereNeeded(transaction: usize, task: u32): void {
  enter(xlogCilAllocShadowBufs);
  let item: usize = load32(transaction + offsetof<Transaction>("first"));
  while (item !== 0) {
    const bytes = load32(item + offsetof<Item>("bytes"));
    const iovecs = iovecsOf(bytes);
    const size = vectorSize(iovecs, bytes);
    const spare: usize = load32(item + offsetof<Item>("shadow"));
    beginOwning(spare);
    if (spare !== 0 && size > sizeOf(spare)) {
      storeRelaxed32(item + offsetof<Item>("shadow"), 0);
      freeVector(task, spare);
    }
    if (!suffices(item, size) && load32(item + offsetof<Item>("shadow")) === 0) {
      storeRelaxed32(item + offsetof<Item>("shadow"), makeVector(item, task, iovecs, size) as u32);
    }
    endOwning(load32(item + offsetof<Item>("shadow")));
    item = load32(item + offsetof<Item>("nextInTransaction"));
  }
  leave();
}

/** Whether the active vector has room. It may be a checkpoint's by now and freed, so its size is the item's to remember. */
function suffices(item: usize, size: u32): bool {
  return load32(item + offsetof<Item>("active")) !== 0 && size <= load32(item + offsetof<Item>("activeSize"));
}

/** With the context lock held. */
function formatItems(transaction: usize, task: u32): void {
  enter(xlogCilInsertFormatItems);
  resetAccounting(transaction);
  let item: usize = load32(transaction + offsetof<Transaction>("first"));
  while (item !== 0) {
    const bytes = load32(item + offsetof<Item>("bytes"));
    const iovecs = iovecsOf(bytes);
    const size = vectorSize(iovecs, bytes);
    beginItem(item);
    const old: usize = load32(item + offsetof<Item>("active"));
    let vector = old;
    if (suffices(item, size)) {
      account(transaction, old, -1);
      // What an ordered item has logged before stays.
      if (bytes !== 0) prepareVector(old, iovecs);
    } else {
      vector = load32(item + offsetof<Item>("shadow"));
      storeRelaxed32(item + offsetof<Item>("shadow"), 0);
      // The active vector would have done, and has gone: the allocation that was to be avoided.
      if (vector === 0) vector = makeVector(item, task, iovecs, size);
      else prepareVector(vector, iovecs);
    }
    if (bytes !== 0) formatItem(item, vector);
    else if (old === 0) markOrdered(vector);
    activate(transaction, item, vector, old);
    storeRelaxed32(item + offsetof<Item>("activeSize"), sizeOf(vector));
    // Kept as the spare one, as with shadows.
    if (old !== 0 && old !== vector) storeRelaxed32(item + offsetof<Item>("shadow"), old as u32);
    endItem(item);
    item = load32(item + offsetof<Item>("nextInTransaction"));
  }
  leave();
}

export function destroyItem(item: usize): void {
  const spare: usize = load32(item + offsetof<Item>("shadow"));
  storeRelaxed32(item + offsetof<Item>("shadow"), 0);
  if (spare !== 0) giveBack(spare);
}

export function usesShadows(): bool {
  return true;
}

export function mayUseMemoryUnderLock(): bool {
  return true;
}
