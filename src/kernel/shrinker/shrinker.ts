// What all variants have in common: a shrinker's descriptor, the list of all shrinkers, and how one is called.
//
// Follows struct shrinker and do_shrink_slab() (Linux 6.7, mm/shrinker.c; the same arithmetic in mm/vmscan.c before).
// The list is written under the variant's lock; a shrinker that was taken out keeps its link to the next one, so that
// walkers on it go on. `doShrinkSlab` may run at the same time on any CPUs, for the same shrinker too; the caller sees to
// it that the shrinker and its owner live. It may sleep, because callbacks may.
// Left out: shrinkers that do not know cgroups or nodes, their own deferred counts, debugfs. Before 6.7 the descriptor
// was a part of its owner; here it is always an allocation, of 128 bytes and what the variant needs besides.

import { add64, enter, exchange64, leave, load32, load64, note, quiescent, storeRelaxed32 } from "../machine/impl";
import { noteShrinkerAllocated, noteShrinkerFreed } from "../notes";
import { kfree, kmallocBytes, kzalloc } from "../slab/kmalloc";
import { doShrinkSlab as doShrinkSlabSymbol } from "../symbols";
import { completionSize } from "../sync/completion";
import { rcuHeadSize, rcuQuiescent } from "../sync/rcu";
import { clearBitOf } from "./bits";
import {
  counterBitsCleared,
  counterBitsSetAgain,
  counterCallbacks,
  counterScans,
  counterSecondLooks,
} from "./counters";
import { allocateId, idsBytes, initialiseIds, releaseId } from "./ids";
import { setBit } from "./impl";
import { count, kmallocCaches, rcuDomain, Superblock, superblockAt, variantBase } from "./region";
import { superCacheCount, superCacheScan } from "./superblock";

/** Descriptor of a shrinker: a line that every visit reads, and a line that walks and callbacks read. */
@unmanaged
export class Shrinker {
  /** Function `count(shrinker, memcg, node): u32`. Written before registration, as all up to `flags`. */
  countObjects: u32 = 0;
  pad0: u32 = 0;
  /** Function `scan(shrinker, memcg, node, objects): u32`. */
  scanObjects: u32 = 0;
  pad1: u32 = 0;
  /** Objects to be scanned by one call, or 0 for `batchDefault`. */
  batch: u64 = 0;
  /** Cost of making an object again. */
  seeks: u32 = 0;
  /** `flagRegistered` or 0. Under the variant's lock. */
  flags: u32 = 0;
  /** Who uses the shrinker, for variants that count it (Linux since 6.7). */
  refcount: u32 = 0;
  pad2: u32 = 0;
  /** Completion that the last user gives, for variants that count (`completionSize` bytes). */
  done: u64 = 0;
  pad3: u64 = 0;
  pad4: u64 = 0;
  /** Link of the next shrinker of the list, or of its head. Under the variant's lock; walkers read it without. */
  next: u32 = 0;
  /** Link of the shrinker before. Under the variant's lock. */
  previous: u32 = 0;
  /** Index in the maps of all cgroups. Written before registration. */
  id: u32 = 0;
  /** Superblock that the shrinker serves. Written before registration. */
  owner: u32 = 0;
  /** The owner's generation, by which a callback tells whether it is late. Written before registration. */
  ownerGeneration: u32 = 0;
  pad5: u32 = 0;
  pad6: u64 = 0;
  pad7: u64 = 0;
  pad8: u64 = 0;
  /** Head by which the descriptor is freed, for variants that defer it (`rcuHeadSize` bytes). */
  head: u64 = 0;
  pad9: u64 = 0;
}

/** Bytes of a descriptor; what a variant needs besides comes behind. */
export const shrinkerSize: u32 = 128;
if (offsetof<Shrinker>() !== 128) ERROR("Shrinker must fill two 64-byte lines");
if (completionSize > 24) ERROR("the completion must fit between refcount and list");
if (rcuHeadSize > 16) ERROR("the head must fit at the end");

/** Bytes that a descriptor takes, as allocated. */
export function shrinkerBytes(): u32 {
  return kmallocBytes(shrinkerSize);
}

/** The shrinker is on the list. */
export const flagRegistered: u32 = 1;
/** DEFAULT_SEEKS. */
export const seeksDefault: u32 = 2;
/** SHRINK_BATCH. */
const batchDefault: i64 = 128;
/** A count: there is nothing at all, so the bit may be cleared. */
export const shrinkEmpty: u32 = u32.MAX_VALUE - 1;
/** A scan: nothing can be done now. */
export const shrinkStop: u32 = u32.MAX_VALUE;
/** What freed descriptors are filled with. */
const poison: u32 = 0x6b6b6b6b;

/** What variants have at the beginning of their memory; the nodes of the ids follow. */
@unmanaged
class Core {
  /** Link of the first shrinker, or of this head. Under the variant's lock; walkers read it without. */
  next: u32 = 0;
  /** Link of the last shrinker, or of this head. Under the variant's lock. */
  previous: u32 = 0;
  /** Topmost node of the ids. Written once. */
  ids: u32 = 0;
  pad0: u32 = 0;
  pad1: u64 = 0;
  pad2: u64 = 0;
  pad3: u64 = 0;
  pad4: u64 = 0;
  pad5: u64 = 0;
  pad6: u64 = 0;
  /** Ids that the maps of all cgroups have room for, a multiple of 64 (`shrinker_nr_max`). Under the variant's lock. */
  capacity: u32 = 0;
  pad7: u32 = 0;
  pad8: u64 = 0;
  pad9: u64 = 0;
  pad10: u64 = 0;
  pad11: u64 = 0;
  pad12: u64 = 0;
  pad13: u64 = 0;
  pad14: u64 = 0;
}

if (offsetof<Core>() !== 128) ERROR("Core must fill two 64-byte lines");

function idNodes(): usize {
  return variantBase() + offsetof<Core>();
}

/** Bytes that the common part takes at `variantBase()`, a multiple of 64. */
export function coreBytes(): usize {
  return offsetof<Core>() + idsBytes();
}

/** Prepares the common part in zeroed memory. */
export function initialiseCore(): void {
  storeRelaxed32(variantBase() + offsetof<Core>("next"), variantBase() as u32);
  storeRelaxed32(variantBase() + offsetof<Core>("previous"), variantBase() as u32);
  storeRelaxed32(variantBase() + offsetof<Core>("ids"), initialiseIds(idNodes()) as u32);
}

/** Where look-ups of an id begin. */
export function idRoot(): usize {
  return load32(variantBase() + offsetof<Core>("ids"));
}

export function capacity(): u32 {
  return load32(variantBase() + offsetof<Core>("capacity"));
}

export function setCapacity(ids: u32): void {
  storeRelaxed32(variantBase() + offsetof<Core>("capacity"), ids);
}

/** Makes a shrinker for a superblock, unknown to anybody. Returns 0 when the memory is used up. */
export function allocateShrinker(superblock: u32, bytes: u32): usize {
  const shrinker = kzalloc(kmallocCaches(), bytes);
  if (shrinker === 0) return 0;
  note(noteShrinkerAllocated, shrinker);
  storeRelaxed32(shrinker + offsetof<Shrinker>("countObjects"), superCacheCount.index);
  storeRelaxed32(shrinker + offsetof<Shrinker>("scanObjects"), superCacheScan.index);
  storeRelaxed32(shrinker + offsetof<Shrinker>("seeks"), seeksDefault);
  storeRelaxed32(shrinker + offsetof<Shrinker>("owner"), superblock);
  storeRelaxed32(
    shrinker + offsetof<Shrinker>("ownerGeneration"),
    load32(superblockAt(superblock) + offsetof<Superblock>("generation")),
  );
  return shrinker;
}

/** Gives a shrinker's memory back, poisoned, so that late uses show. */
export function freeShrinker(shrinker: usize): void {
  note(noteShrinkerFreed, shrinker);
  for (let offset: usize = 0; offset < usize(shrinkerSize); offset += 4) storeRelaxed32(shrinker + offset, poison);
  kfree(shrinker);
}

/** Where a descriptor keeps the head by which it is freed later. */
export function headOfShrinker(shrinker: usize): usize {
  return shrinker + offsetof<Shrinker>("head");
}

/** Cell that counts who uses the shrinker. */
export function refcountOf(shrinker: usize): usize {
  return shrinker + offsetof<Shrinker>("refcount");
}

/** Completion that the last user gives. */
export function doneOf(shrinker: usize): usize {
  return shrinker + offsetof<Shrinker>("done");
}

export function idOf(shrinker: usize): u32 {
  return load32(shrinker + offsetof<Shrinker>("id"));
}

/** Gives a shrinker the lowest free id. Returns the id, or `noId`. Under the variant's lock. */
export function takeId(shrinker: usize): u32 {
  const id = allocateId(idNodes(), shrinker);
  storeRelaxed32(shrinker + offsetof<Shrinker>("id"), id);
  return id;
}

/** Makes an id free. Under the variant's lock. */
export function giveId(id: u32): void {
  releaseId(idNodes(), id);
}

/** Whether the shrinker is on the list. */
export function isRegistered(shrinker: usize): bool {
  return load32(shrinker + offsetof<Shrinker>("flags")) === flagRegistered;
}

/** Appends to the list, and says that the shrinker is there. Under the variant's lock. */
export function append(shrinker: usize): void {
  const link = shrinker + offsetof<Shrinker>("next");
  const last = load32(variantBase() + offsetof<Core>("previous"));
  storeRelaxed32(link, variantBase() as u32);
  storeRelaxed32(shrinker + offsetof<Shrinker>("previous"), last);
  // After its own link, because walkers follow it at once. Stores are seen in order on x86.
  storeRelaxed32(last, link as u32);
  storeRelaxed32(variantBase() + offsetof<Core>("previous"), link as u32);
  storeRelaxed32(shrinker + offsetof<Shrinker>("flags"), flagRegistered);
}

/** Takes a shrinker off the list; its own link stays for walkers. Under the variant's lock. */
export function remove(shrinker: usize): void {
  const next = load32(shrinker + offsetof<Shrinker>("next"));
  const previous = load32(shrinker + offsetof<Shrinker>("previous"));
  storeRelaxed32(previous, next);
  storeRelaxed32(next + offsetof<Core>("previous"), previous);
}

/** Says that the shrinker is not there any more. */
export function clearRegistered(shrinker: usize): void {
  storeRelaxed32(shrinker + offsetof<Shrinker>("flags"), 0);
}

/** The first shrinker of the list, or 0. */
export function firstShrinker(): usize {
  return shrinkerOf(load32(variantBase() + offsetof<Core>("next")));
}

/** The shrinker after another one, or 0. */
export function nextShrinker(shrinker: usize): usize {
  return shrinkerOf(load32(shrinker + offsetof<Shrinker>("next")));
}

function shrinkerOf(link: usize): usize {
  return link === variantBase() ? 0 : link - offsetof<Shrinker>("next");
}

/** Objects that a call asks for because of the pressure: more at a smaller priority. */
export function deltaOf(freeable: i64, priority: u32, seeks: u32): i64 {
  return seeks === 0 ? freeable / 2 : ((freeable >> i64(priority)) * 4) / i64(seeks);
}

/** Objects to be scanned, what was deferred included. */
export function totalOf(freeable: i64, deferred: i64, delta: i64, priority: u32): i64 {
  return min<i64>((deferred >> i64(priority)) + delta, 2 * freeable);
}

/** What is deferred to the next call. */
function deferredAfter(freeable: i64, deferred: i64, delta: i64, scanned: i64): i64 {
  return min<i64>(max<i64>(deferred + delta - scanned, 0), 2 * freeable);
}

/** Finds the cell, a u64, that holds what is deferred for a cgroup, a node and a shrinker's id. */
export type DeferredCell = (memcg: u32, node: u32, id: u32) => usize;

/**
 * Has a shrinker free objects of a cgroup on a node. Returns the objects freed, or `shrinkEmpty`.
 *
 * The cell is looked up before and again after the scans, as in the kernel, because the maps may have moved meanwhile.
 */
export function doShrinkSlab(shrinker: usize, memcg: u32, node: u32, priority: u32, deferredCell: DeferredCell): u32 {
  enter(doShrinkSlabSymbol);
  count(counterCallbacks);
  const counted = call_indirect<u32>(load32(shrinker + offsetof<Shrinker>("countObjects")), shrinker, memcg, node);
  const freed =
    counted === 0 || counted === shrinkEmpty ? counted : scan(shrinker, memcg, node, priority, counted, deferredCell);
  leave();
  return freed;
}

function scan(shrinker: usize, memcg: u32, node: u32, priority: u32, counted: u32, deferredCell: DeferredCell): u32 {
  const id = idOf(shrinker);
  const freeable = i64(counted);
  // Taken as a whole, so that two callers do not do the same deferred work.
  const deferred = exchange64(deferredCell(memcg, node, id), 0) as i64;
  const delta = deltaOf(freeable, priority, load32(shrinker + offsetof<Shrinker>("seeks")));
  const ownBatch = load64(shrinker + offsetof<Shrinker>("batch")) as i64;
  const batch = ownBatch === 0 ? batchDefault : ownBatch;
  let total = totalOf(freeable, deferred, delta, priority);
  let scanned: i64 = 0;
  let freed: u32 = 0;
  // Ends because each turn takes from `total`: it is at least `freeable`, which is not 0, or at least a batch.
  while (total >= batch || total >= freeable) {
    const objects = min<i64>(batch, total);
    count(counterScans);
    const result = call_indirect<u32>(
      load32(shrinker + offsetof<Shrinker>("scanObjects")),
      shrinker,
      memcg,
      node,
      objects as u32,
    );
    if (result === shrinkStop) break;
    freed += result;
    total -= objects;
    scanned += objects;
    quiescent();
    rcuQuiescent(rcuDomain());
  }
  add64(deferredCell(memcg, node, id), deferredAfter(freeable, deferred, delta, scanned) as u64);
  return freed;
}

/**
 * Calls a shrinker whose bit is set. If there is nothing, the bit is cleared, and the shrinker called once more: who
 * adds an object first adds it and then sets the bit. Returns the objects freed.
 */
export function shrinkMarked(
  shrinker: usize,
  memcg: u32,
  node: u32,
  priority: u32,
  map: usize,
  bit: u32,
  deferredCell: DeferredCell,
): u32 {
  const first = doShrinkSlab(shrinker, memcg, node, priority, deferredCell);
  if (first !== shrinkEmpty) return first;
  // Clearing is a full barrier, so the second look comes after it. Pairs with the barrier of setting the bit in
  // `superblock.ts`: either the look finds the object, or the bit is set after it was cleared.
  clearEmpty(map, bit);
  return lookedAgain(doShrinkSlab(shrinker, memcg, node, priority, deferredCell), memcg, node, shrinker);
}

/** Clears the bit of a shrinker that said that there is nothing. */
export function clearEmpty(map: usize, bit: u32): void {
  clearBitOf(map, bit);
  count(counterBitsCleared);
  count(counterSecondLooks);
}

/** Sets the bit again if the second look found something. Returns the objects freed. */
export function lookedAgain(second: u32, memcg: u32, node: u32, shrinker: usize): u32 {
  if (second === shrinkEmpty) return 0;
  setBit(memcg, node, shrinker);
  count(counterBitsSetAgain);
  return second;
}

/** Clears the bit of a shrinker that is not there. */
export function clearStale(map: usize, bit: u32): void {
  clearBitOf(map, bit);
  count(counterBitsCleared);
}
