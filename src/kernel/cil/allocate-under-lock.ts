// Vectors are allocated and freed while the commit holds the context lock as a reader.
//
// Follows xlog_cil_insert_format_items() and xfs_cil_prepare_item() of fs/xfs/xfs_log_cil.c, Linux 3.11 to 4.7: an item whose
// active vector is large enough is formatted into it again; otherwise a new one is made with kmem_zalloc(KM_SLEEP | KM_NOFS),
// all of it zeroed, and the old one freed.
// Costs: an allocation, with whatever memory has to be compacted or waited for, and a free, per item that grows or is new
// to the context, all under the lock. Memory: one vector per item of the current context.
// Progress: none when memory is short. The commit waits for memory, which a push would free; the push waits for the commit
// to give the lock back, and all commits that come later wait behind the push.

import { enter, leave, load32 } from "../machine/impl";
import { zero } from "../slab/kmalloc";
import { xlogCilInsertFormatItems } from "../symbols";
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
import { allocateVector, freeVector, kindKmalloc } from "./memory";
import { beginOwning } from "./ownership";
import { Item, Transaction, taskOf } from "./region";
import { formatItem, initVector, iovecsOf, markOrdered, prepareVector, sizeOf, vectorSize } from "./vector";

export function commit(transaction: usize): void {
  const task = taskOf(transaction);
  lockContext(task);
  formatItems(transaction, task);
  const space = insertItems(transaction);
  finishCommit(transaction, task, space);
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
    if (old !== 0 && size <= sizeOf(old)) {
      // As if it were new, so that the sums are right.
      account(transaction, old, -1);
      // What an ordered item has logged before stays.
      if (bytes !== 0) prepareVector(old, iovecs);
    } else {
      vector = allocateVector(task, kindKmalloc, size);
      beginOwning(vector);
      zero(vector, size);
      initVector(vector, kindKmalloc, item, iovecs, size);
    }
    if (bytes !== 0) formatItem(item, vector);
    else if (old === 0) markOrdered(vector);
    activate(transaction, item, vector, old);
    if (old !== 0 && old !== vector) freeVector(task, old);
    endItem(item);
    item = load32(item + offsetof<Item>("nextInTransaction"));
  }
  leave();
}

/** An item that is not in any context has no vector. */
export function destroyItem(_item: usize): void {}

export function usesShadows(): bool {
  return false;
}

export function mayUseMemoryUnderLock(): bool {
  return true;
}
