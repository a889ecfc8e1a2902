// Before a commit takes the context lock it sees to it that each item has a spare vector, its shadow, that is large enough
// whatever happens to the active one.
//
// Follows xlog_cil_alloc_shadow_bufs(), xlog_cil_insert_format_items() and xfs_cil_prepare_item() of fs/xfs/xfs_log_cil.c,
// Linux 4.8 (b1c5ebb21301). Under the lock an item is formatted into its active vector, if that is as large as the shadow;
// otherwise the two change places, or the shadow becomes the active one if a push has taken that. The old vector stays as the
// shadow, to be used again or replaced before a later commit. Nothing is allocated or freed under the lock.
// Under the lock the sizes of the two allocations are compared, not what is needed, as in Linux. It comes to the same: between
// commits no shadow is larger than the active vector, because the larger of the two is always the one that stays active.
// Costs: an allocation outside of the lock when there is no shadow or it is too small; formatting under the lock. Memory: up to
// two vectors per item. Progress: a commit that waits for memory holds no lock that a push needs.

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
import { allocateVector, freeVector, giveBack, isCostly, kindKmalloc, kindVmalloc } from "./memory";
import { beginOwning, endOwning } from "./ownership";
import { Item, Transaction, taskOf } from "./region";
import {
  formatItem,
  initVector,
  iovecsOf,
  isOrdered,
  LogVec,
  markOrdered,
  prepareVector,
  sizeOf,
  vectorSize,
} from "./vector";

export function commit(transaction: usize): void {
  commitWith(transaction, false);
}

/** @param isFailFast whether an allocation that would need compaction is made page by page instead */
export function commitWith(transaction: usize, isFailFast: bool): void {
  const task = taskOf(transaction);
  allocateShadows(transaction, task, isFailFast);
  lockContext(task);
  formatItems(transaction);
  const space = insertItems(transaction);
  finishCommit(transaction, task, space);
}

/** Makes every item of a transaction a shadow for what it logs. Without the context lock. */
function allocateShadows(transaction: usize, task: u32, isFailFast: bool): void {
  enter(xlogCilAllocShadowBufs);
  let item: usize = load32(transaction + offsetof<Transaction>("first"));
  while (item !== 0) {
    allocateShadow(item, task, isFailFast);
    item = load32(item + offsetof<Item>("nextInTransaction"));
  }
  leave();
}

function allocateShadow(item: usize, task: u32, isFailFast: bool): void {
  const bytes = load32(item + offsetof<Item>("bytes"));
  const iovecs = iovecsOf(bytes);
  const size = vectorSize(iovecs, bytes);
  let shadow: usize = load32(item + offsetof<Item>("shadow"));
  beginOwning(shadow);
  if (shadow === 0 || size > sizeOf(shadow)) {
    // Freed first: nobody can be made to wait for memory that the waiter itself keeps.
    storeRelaxed32(item + offsetof<Item>("shadow"), 0);
    if (shadow !== 0) freeVector(task, shadow);
    const kind = isFailFast && isCostly(size) ? kindVmalloc : kindKmalloc;
    shadow = allocateVector(task, kind, size);
    beginOwning(shadow);
    initVector(shadow, kind, item, iovecs, size);
    storeRelaxed32(item + offsetof<Item>("shadow"), shadow as u32);
  } else prepareVector(shadow, iovecs);
  if (bytes === 0) markOrdered(shadow);
  endOwning(shadow);
}

/** With the context lock held. The shadows say how many iovecs there are to be. */
function formatItems(transaction: usize): void {
  enter(xlogCilInsertFormatItems);
  resetAccounting(transaction);
  let item: usize = load32(transaction + offsetof<Transaction>("first"));
  while (item !== 0) {
    beginItem(item);
    const shadow: usize = load32(item + offsetof<Item>("shadow"));
    const old: usize = load32(item + offsetof<Item>("active"));
    const ordered = isOrdered(shadow);
    let vector = shadow;
    // What an ordered item has logged before stays.
    if (old !== 0 && (ordered || sizeOf(shadow) <= sizeOf(old))) {
      vector = old;
      // As if it were new, so that the sums are right.
      account(transaction, old, -1);
      if (!ordered) prepareVector(old, load32(shadow + offsetof<LogVec>("iovecs")));
    }
    if (!ordered) formatItem(item, vector);
    activate(transaction, item, vector, old);
    // The shadow has become the active vector; what was active before is the spare one now.
    if (vector === shadow) storeRelaxed32(item + offsetof<Item>("shadow"), old as u32);
    endItem(item);
    item = load32(item + offsetof<Item>("nextInTransaction"));
  }
  leave();
}

/** xfs_buf_item_relse and its like: nobody commits the item again. */
export function destroyItem(item: usize): void {
  const shadow: usize = load32(item + offsetof<Item>("shadow"));
  storeRelaxed32(item + offsetof<Item>("shadow"), 0);
  if (shadow !== 0) giveBack(shadow);
}

export function usesShadows(): bool {
  return true;
}

export function mayUseMemoryUnderLock(): bool {
  return false;
}
