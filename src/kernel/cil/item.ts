// Log items: their lock, their pins, the data that they log, and their end.
//
// Follows struct xfs_log_item and the items of buffers and inodes of fs/xfs (Linux 4.7 to 5.17). The lock stands for that of
// the buffer or inode: a transaction holds it from joining an item until iop_committing, so that an item is in one
// transaction at a time, and its vectors need no lock of their own. It is a sleeping lock of one cell: 0 free, 1 held, 2 held
// and perhaps waited for. Any task may take it, in any order that the workload answers for; as it is held over events, it is
// none of the locks that the notes tell of. An item that is made stale
// (a buffer invalidated, an inode evicted) is destroyed by the last unpin, and its index may be used for a new one.
// Left out: the AIL, so an item is clean as soon as the log I/O of its last checkpoint is completed.

import { compareExchange32, exchange32, load32, storeRelaxed32, wait, wake } from "../machine/impl";
import { kfree, kmalloc, kmallocBytes } from "../slab/kmalloc";
import { count, countAlways } from "../statistics";
import { acquire, release } from "../sync/spin-lock";
import { counterItemsDestroyed, counterShadowsReclaimed, counterWrongPins } from "./counters";
import { itemCount } from "./harness";
import { destroyItem, usesShadows } from "./impl";
import { countByWorker } from "./ledger";
import { giveBack } from "./memory";
import { Item, indexOf, itemAt, kmallocCaches, Transaction } from "./region";
import { stampData } from "./vector";

const free: u32 = 0;
const held: u32 = 1;
const heldAwaited: u32 = 2;

function tryLockItem(item: usize): bool {
  return compareExchange32(item + offsetof<Item>("lock"), free, held) === free;
}

function lockItem(item: usize): void {
  if (tryLockItem(item)) return;
  const lock = item + offsetof<Item>("lock");
  // Who finds it free here cannot know whether others sleep, so its unlock wakes one in any case.
  while (exchange32(lock, heldAwaited) !== free) wait(lock, heldAwaited);
}

/** Gives an item's lock back. */
export function unlockItem(item: usize): void {
  const lock = item + offsetof<Item>("lock");
  if (exchange32(lock, free) === heldAwaited) wake(lock, 1);
}

/**
 * An item joins a transaction: it is locked, and its data change.
 *
 * @param bytes what the transaction logs of it; 0: it is ordered, only tracked
 * @param isLast whether it is to be destroyed when this change is in the log
 * @returns false when there is no memory for its data
 */
export function joinItem(transaction: usize, item: usize, bytes: u32, isLast: bool): bool {
  if (load32(item + offsetof<Item>("transaction")) !== (transaction as u32)) {
    lockItem(item);
    storeRelaxed32(item + offsetof<Item>("transaction"), transaction as u32);
    storeRelaxed32(item + offsetof<Item>("nextInTransaction"), 0);
    const last: usize = load32(transaction + offsetof<Transaction>("last"));
    if (last === 0) storeRelaxed32(transaction + offsetof<Transaction>("first"), item as u32);
    else storeRelaxed32(last + offsetof<Item>("nextInTransaction"), item as u32);
    storeRelaxed32(transaction + offsetof<Transaction>("last"), item as u32);
  }
  setStale(item, false);
  storeRelaxed32(item + offsetof<Item>("isLast"), isLast ? 1 : 0);
  storeRelaxed32(item + offsetof<Item>("bytes"), bytes);
  if (bytes > load32(item + offsetof<Item>("capacity")) && !growData(item, bytes)) return false;
  stampData(item, indexOf(item));
  return true;
}

function growData(item: usize, bytes: u32): bool {
  const old: usize = load32(item + offsetof<Item>("data"));
  if (old !== 0) kfree(old);
  const data = kmalloc(kmallocCaches(), bytes);
  storeRelaxed32(item + offsetof<Item>("data"), data as u32);
  storeRelaxed32(item + offsetof<Item>("capacity"), data === 0 ? 0 : kmallocBytes(bytes));
  return data !== 0;
}

function setStale(item: usize, isStale: bool): void {
  // Under the lock of the pins: the last unpin of a stale item destroys it, and must not do so when it is used again.
  acquire(item + offsetof<Item>("pinLock"));
  storeRelaxed32(item + offsetof<Item>("isStale"), isStale ? 1 : 0);
  release(item + offsetof<Item>("pinLock"));
}

/** A pinned item whose last change is in the current context goes when nothing pins it any more. With the item locked. */
export function markStale(item: usize): void {
  if (load32(item + offsetof<Item>("isLast")) !== 0) setStale(item, true);
}

/** iop_pin: a checkpoint begins to hold the item. With the item locked and the context lock held. */
export function pinItem(item: usize, sequence: u32): void {
  acquire(item + offsetof<Item>("pinLock"));
  if (load32(item + offsetof<Item>("pinnedIn")) === sequence) countAlways(counterWrongPins);
  storeRelaxed32(item + offsetof<Item>("pinnedIn"), sequence);
  storeRelaxed32(item + offsetof<Item>("pins"), load32(item + offsetof<Item>("pins")) + 1);
  release(item + offsetof<Item>("pinLock"));
}

/** iop_unpin: a checkpoint that held the item is in the log. */
export function unpinItem(item: usize): void {
  acquire(item + offsetof<Item>("pinLock"));
  const pins = load32(item + offsetof<Item>("pins"));
  if (pins === 0) countAlways(counterWrongPins);
  else storeRelaxed32(item + offsetof<Item>("pins"), pins - 1);
  const isLast = pins === 1 && load32(item + offsetof<Item>("isStale")) !== 0;
  if (isLast) {
    // No transaction has it: one that joins takes the mark away first, and waits for the lock of the pins to do so.
    destroyItem(item);
    const data: usize = load32(item + offsetof<Item>("data"));
    if (data !== 0) kfree(data);
    storeRelaxed32(item + offsetof<Item>("data"), 0);
    storeRelaxed32(item + offsetof<Item>("capacity"), 0);
    storeRelaxed32(item + offsetof<Item>("isStale"), 0);
    countByWorker(counterItemsDestroyed);
  }
  release(item + offsetof<Item>("pinLock"));
}

/** Frees the shadows of items that are clean and in no transaction, as when kswapd lets their inodes and buffers go. */
export function reclaimShadows(): void {
  if (!usesShadows()) return;
  for (let index: u32 = 0; index < itemCount; index++) {
    const item = itemAt(index);
    if (load32(item + offsetof<Item>("shadow")) === 0 || load32(item + offsetof<Item>("pins")) !== 0) continue;
    if (!tryLockItem(item)) continue;
    const shadow: usize = load32(item + offsetof<Item>("shadow"));
    if (shadow !== 0 && load32(item + offsetof<Item>("pins")) === 0) {
      storeRelaxed32(item + offsetof<Item>("shadow"), 0);
      giveBack(shadow);
      count(counterShadowsReclaimed);
    }
    unlockItem(item);
  }
}
