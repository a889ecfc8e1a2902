// What the commits of all variants have in common: holding the context lock, accounting, the list, and letting items go.
//
// Follows xfs_log_commit_cil(), xlog_cil_insert_items(), xfs_cil_prepare_item() and xlog_cil_push_background() of
// fs/xfs/xfs_log_cil.c (Linux 4.7 to 5.17). The lock of the list is taken once per commit. Since 5.20 there is a list per CPU
// instead, which is left out.

import { enter, leave, load32, now, storeRelaxed32 } from "../machine/impl";
import { begin, count, countAlways, end, measured } from "../statistics";
import { xlogCilInsertItems } from "../symbols";
import { readLock, readUnlock } from "../sync/rwsem";
import { acquire, release } from "../sync/spin-lock";
import { contextLock, requestPush } from "./context";
import { counterRelogged, counterSharedVectors, counterSwitched, histogramHold, histogramLockWait } from "./counters";
import { pushThreshold } from "./harness";
import { markStale, pinItem, unlockItem } from "./item";
import { heldSince, setCommitted, setHolder, setWaiting, waitsForNothing, waitsToRead } from "./ledger";
import { beginOwning, endOwning } from "./ownership";
import { Cil, cil, cilField, Item, setCilField, Transaction } from "./region";
import { iovecLogBytes, isOrdered, LogVec } from "./vector";

/** Keeps pushes out. May sleep. */
export function lockContext(task: u32): void {
  const began = begin();
  setWaiting(task, waitsToRead, 0);
  readLock(contextLock());
  setWaiting(task, waitsForNothing, 0);
  end(histogramLockWait, began);
  setHolder(task, true, measured() === 0 ? 0 : now());
}

function unlockContext(task: u32): void {
  end(histogramHold, heldSince(task));
  setHolder(task, false, 0);
  readUnlock(contextLock());
}

/** Begins to add up what a transaction changes. */
export function resetAccounting(transaction: usize): void {
  storeRelaxed32(transaction + offsetof<Transaction>("length"), 0);
  storeRelaxed32(transaction + offsetof<Transaction>("iovecs"), 0);
}

/** Adds what a vector contributes to the context's sums, `sign` 1, or takes it off, -1. */
export function account(transaction: usize, vector: usize, sign: i32): void {
  if (isOrdered(vector)) return;
  const length = transaction + offsetof<Transaction>("length");
  const iovecs = transaction + offsetof<Transaction>("iovecs");
  storeRelaxed32(length, load32(length) + sign * load32(vector + offsetof<LogVec>("bytes")));
  storeRelaxed32(iovecs, load32(iovecs) + sign * load32(vector + offsetof<LogVec>("iovecs")));
}

/**
 * The item's active vector is the given one from here on. With the context lock held and the item locked.
 *
 * @param old the active vector so far, or 0; its contribution is off the sums already when it is the same
 */
export function activate(transaction: usize, item: usize, vector: usize, old: usize): void {
  const sequence = cilField(offsetof<Cil>("sequence"));
  account(transaction, vector, 1);
  if (old === 0) pinItem(item, sequence);
  else if (old === vector) count(counterRelogged);
  else {
    account(transaction, old, -1);
    count(counterSwitched);
  }
  storeRelaxed32(item + offsetof<Item>("active"), vector as u32);
  storeRelaxed32(item + offsetof<Item>("sequence"), sequence);
  markStale(item);
}

/**
 * Begins what a commit does with an item and its vectors, with the context lock held and the item locked: nobody else uses
 * them meanwhile (`ownership.ts`).
 */
export function beginItem(item: usize): void {
  beginOwning(item);
  beginOwning(load32(item + offsetof<Item>("active")));
  beginOwning(load32(item + offsetof<Item>("shadow")));
}

/** Ends it, with whatever vectors the item has then. */
export function endItem(item: usize): void {
  const active = load32(item + offsetof<Item>("active"));
  const shadow = load32(item + offsetof<Item>("shadow"));
  if (active === 0 || active === shadow) countAlways(counterSharedVectors);
  endOwning(item);
  endOwning(active);
  endOwning(shadow);
}

/**
 * xlog_cil_insert_items: accounts what was formatted and moves the items to the end of the list.
 *
 * @returns bytes of the context now
 */
export function insertItems(transaction: usize): u32 {
  enter(xlogCilInsertItems);
  const lock = cil() + offsetof<Cil>("listLock");
  acquire(lock);
  const iovecs = load32(transaction + offsetof<Transaction>("iovecs"));
  const bytes = load32(transaction + offsetof<Transaction>("length")) + iovecs * iovecLogBytes;
  const space = cilField(offsetof<Cil>("space")) + bytes;
  setCilField(offsetof<Cil>("space"), space);
  setCilField(offsetof<Cil>("iovecs"), cilField(offsetof<Cil>("iovecs")) + iovecs);
  let item: usize = load32(transaction + offsetof<Transaction>("first"));
  while (item !== 0) {
    moveToEnd(item);
    item = load32(item + offsetof<Item>("nextInTransaction"));
  }
  release(lock);
  leave();
  return space;
}

/** Under the list's lock. */
function moveToEnd(item: usize): void {
  const last: usize = cilField(offsetof<Cil>("last"));
  if (last === item) return;
  if (load32(item + offsetof<Item>("isListed")) !== 0) {
    const next: usize = load32(item + offsetof<Item>("next"));
    const previous: usize = load32(item + offsetof<Item>("previous"));
    // Not the last one, so there is a next one.
    storeRelaxed32(next + offsetof<Item>("previous"), previous as u32);
    if (previous === 0) setCilField(offsetof<Cil>("first"), next as u32);
    else storeRelaxed32(previous + offsetof<Item>("next"), next as u32);
  }
  storeRelaxed32(item + offsetof<Item>("isListed"), 1);
  storeRelaxed32(item + offsetof<Item>("next"), 0);
  storeRelaxed32(item + offsetof<Item>("previous"), last as u32);
  if (last === 0) setCilField(offsetof<Cil>("first"), item as u32);
  else storeRelaxed32(last + offsetof<Item>("next"), item as u32);
  setCilField(offsetof<Cil>("last"), item as u32);
}

/** iop_committing: every item of a transaction is unlocked, and the transaction is empty. */
export function releaseItems(transaction: usize): void {
  let item: usize = load32(transaction + offsetof<Transaction>("first"));
  storeRelaxed32(transaction + offsetof<Transaction>("first"), 0);
  storeRelaxed32(transaction + offsetof<Transaction>("last"), 0);
  while (item !== 0) {
    const next: usize = load32(item + offsetof<Item>("nextInTransaction"));
    storeRelaxed32(item + offsetof<Item>("transaction"), 0);
    storeRelaxed32(item + offsetof<Item>("nextInTransaction"), 0);
    unlockItem(item);
    item = next;
  }
}

/**
 * What a commit does when its items are on the list: unlocks them, wants a push if there is enough, lets pushes in.
 *
 * @param space bytes of the context, as `insertItems` found them
 */
export function finishCommit(transaction: usize, task: u32, space: u32): void {
  setCommitted(task, cilField(offsetof<Cil>("sequence")));
  releaseItems(transaction);
  // Who waits for memory wants what was committed meanwhile to be pushed, too. Behind the locked operations by which items are
  // unlocked: a waiter that has not seen the list's new items is seen here.
  if (space >= pushThreshold || cilField(offsetof<Cil>("waiters")) !== 0) requestPush();
  unlockContext(task);
}
