// Where the parts of the problem's memory lie: the statistics, the harness's ledger behind them, then what the variants
// share.

import { lineSize, problemBase } from "../layout";
import { load32, storeRelaxed32 } from "../machine/impl";
import { kmallocSize } from "../slab/kmalloc";
import { statisticsSize } from "../statistics";
import { rwsemSize } from "../sync/rwsem";
import {
  areaAllocator,
  areaContextLock,
  areaItems,
  areaList,
  areaOther,
  areaPool,
  areaPush,
  areaTransactions,
  areaVmap,
} from "./areas";
import { itemCount, taskCount } from "./harness";
import { ledgerSize } from "./ledger";

/** The committed item list, what is pushed of it, and the memory of its vectors: lines for what changes together. */
@unmanaged
export class Cil {
  // The context lock fills the first line (`sync/rwsem.ts`).
  lock0: u64 = 0;
  lock1: u64 = 0;
  lock2: u64 = 0;
  lock3: u64 = 0;
  lock4: u64 = 0;
  lock5: u64 = 0;
  lock6: u64 = 0;
  lock7: u64 = 0;
  /** Spin lock that guards the list, and the sums of the current context, among commits. A push needs no lock but its own. */
  listLock: u32 = 0;
  /** First item of the list, or 0. */
  first: u32 = 0;
  /** Last item of the list, or 0. */
  last: u32 = 0;
  /** Sequence of the current context. Changed by pushes, which hold the context lock for writing. */
  sequence: u32 = 0;
  /** Bytes of the current context's items and of what the log adds to each iovec. Under the list's lock. */
  space: u32 = 0;
  /** Iovecs of the current context's items. Under the list's lock. */
  iovecs: u32 = 0;
  pad0: u64 = 0;
  pad1: u64 = 0;
  pad2: u64 = 0;
  pad3: u64 = 0;
  pad4: u64 = 0;
  /** Spin lock that guards this line. */
  pushLock: u32 = 0;
  /** Sequence up to which a push is wanted, or 0: none is. Read without the lock. */
  pushSequence: u32 = 0;
  /** Sequence of the current context, for those who do not hold the context lock. */
  currentSequence: u32 = 0;
  /** Sequence of the last commit record in the log. Read without the lock. */
  recorded: u32 = 0;
  /** Grows with each commit record and each push that found nothing to do. Tasks sleep on it. */
  progress: u32 = 0;
  /** 1 while a task is about to push: there is one worker, which begins one push after the other. */
  pusher: u32 = 0;
  /** First context that was pushed and whose log I/O is not completed, or 0. */
  committing: u32 = 0;
  pad6: u32 = 0;
  pad7: u64 = 0;
  pad8: u64 = 0;
  pad9: u64 = 0;
  pad10: u64 = 0;
  /** Bytes of the pool that vectors take. Changed by locked operations. */
  used: u32 = 0;
  /** Tasks that wait for memory. Changed by locked operations. */
  waiters: u32 = 0;
  /** Grows when memory was freed and somebody waits. Tasks sleep on it. */
  freed: u32 = 0;
  pad11: u32 = 0;
  pad12: u64 = 0;
  pad13: u64 = 0;
  pad14: u64 = 0;
  pad15: u64 = 0;
  pad16: u64 = 0;
  pad17: u64 = 0;
  /** Spin lock of the addresses of vmalloc. */
  vmapLock: u32 = 0;
  pad18: u32 = 0;
  pad19: u64 = 0;
  pad20: u64 = 0;
  pad21: u64 = 0;
  pad22: u64 = 0;
  pad23: u64 = 0;
  pad24: u64 = 0;
  pad25: u64 = 0;
}

const cilSize: usize = 5 * lineSize;
if (offsetof<Cil>() !== 320) ERROR("Cil must fill five 64-byte lines");
if (rwsemSize !== offsetof<Cil>("listLock")) ERROR("the context lock must fill the first line");

/** A task's transaction, as far as its items go. */
@unmanaged
export class Transaction {
  /** First item that has joined, or 0. Written by the task, as everything here. */
  first: u32 = 0;
  /** Last item that has joined, or 0. */
  last: u32 = 0;
  /** Bytes by which the commit changes the current context's space: what it adds less what it replaces. An i32. */
  length: i32 = 0;
  /** The same of iovecs. */
  iovecs: i32 = 0;
  pad0: u64 = 0;
  pad1: u64 = 0;
  pad2: u64 = 0;
  pad3: u64 = 0;
  pad4: u64 = 0;
  pad5: u64 = 0;
}

if (offsetof<Transaction>() !== 64) ERROR("Transaction must fill one 64-byte line");

/** A log item: a line that commits use with the item locked, and a line for its pins. */
@unmanaged
export class Item {
  /** The item's lock: held from joining a transaction until its commit has formatted the item (`item.ts`). */
  lock: u32 = 0;
  /** Transaction that the item has joined, or 0. Under the item's lock. */
  transaction: u32 = 0;
  /** Next item of the transaction, or 0. Under the item's lock. */
  nextInTransaction: u32 = 0;
  /** The active vector: formatted into the current context, or 0. Under the item's lock with the context lock held; a push alone needs the latter only. */
  active: u32 = 0;
  /** A spare vector, or 0. Under the item's lock. */
  shadow: u32 = 0;
  /** Sequence of the context that the item was committed to last. As `active`. */
  sequence: u32 = 0;
  /** Bytes that the running transaction logs, 0 for an ordered item. Under the item's lock. */
  bytes: u32 = 0;
  /** Address of what is logged, or 0. Under the item's lock. */
  data: u32 = 0;
  /** Bytes that there is room for at `data`. Under the item's lock. */
  capacity: u32 = 0;
  /** Grows with each change of the data. Under the item's lock. */
  version: u32 = 0;
  /** Version that was formatted last. As `active`. */
  logged: u32 = 0;
  /** Neighbours in the committed item list, or 0. Under the list's lock. */
  next: u32 = 0;
  previous: u32 = 0;
  /** 1 while the item is on the list. Under the list's lock. */
  isListed: u32 = 0;
  /** 1 if the running transaction's change is the item's last. Under the item's lock. */
  isLast: u32 = 0;
  /** Bytes that the active vector has room for, where the variant looks without the context lock. Under the item's lock. */
  activeSize: u32 = 0;
  /** Spin lock that guards this line. */
  pinLock: u32 = 0;
  /** Checkpoints, the current one included, that keep the item in memory. */
  pins: u32 = 0;
  /** Sequence of the context that pinned it last. */
  pinnedIn: u32 = 0;
  /** 1 when the item is to be destroyed once nothing pins it. */
  isStale: u32 = 0;
  pad1: u64 = 0;
  pad2: u64 = 0;
  pad3: u64 = 0;
  pad4: u64 = 0;
  pad5: u64 = 0;
  pad6: u64 = 0;
}

if (offsetof<Item>() !== 128) ERROR("Item must fill two 64-byte lines");

function roundToLine(bytes: usize): usize {
  return (bytes + lineSize - 1) & ~(lineSize - 1);
}

/** Where the harness's ledger begins. */
export function ledgerBase(): usize {
  return problemBase + statisticsSize();
}

/** The caches behind `kmalloc`. */
export function kmallocCaches(): usize {
  return ledgerBase() + ledgerSize();
}

/** The committed item list. */
export function cil(): usize {
  return roundToLine(kmallocCaches() + kmallocSize);
}

function transactionTable(): usize {
  return cil() + cilSize;
}

function itemTable(): usize {
  return transactionTable() + usize(taskCount) * offsetof<Transaction>();
}

/** The transaction of a task. */
export function transactionOf(task: u32): usize {
  return transactionTable() + usize(task) * offsetof<Transaction>();
}

/** The task that a transaction belongs to. */
export function taskOf(transaction: usize): u32 {
  return ((transaction - transactionTable()) / offsetof<Transaction>()) as u32;
}

/** A log item. */
export function itemAt(index: u32): usize {
  return itemTable() + usize(index) * offsetof<Item>();
}

/** The index of a log item. */
export function indexOf(item: usize): u32 {
  return ((item - itemTable()) / offsetof<Item>()) as u32;
}

/** Bytes that the problem needs at `problemBase`. */
export function regionBytes(): usize {
  return itemAt(itemCount) - problemBase;
}

/** What lies at an address: one of `areas.ts`. */
export function areaOf(address: usize): u32 {
  if (address < kmallocCaches() || address >= problemBase + regionBytes()) return areaOther;
  if (address < cil()) return areaAllocator;
  if (address >= itemTable()) return areaItems;
  if (address >= transactionTable()) return areaTransactions;
  const line = ((address - cil()) / lineSize) as u32;
  if (line === 0) return areaContextLock;
  if (line === 1) return areaList;
  if (line === 2) return areaPush;
  return line === 3 ? areaPool : areaVmap;
}

/** Reads a field of the committed item list that others may change meanwhile. */
export function cilField(offset: usize): u32 {
  return load32(cil() + offset);
}

/** Writes a field of the committed item list. */
export function setCilField(offset: usize, value: u32): void {
  storeRelaxed32(cil() + offset, value);
}
