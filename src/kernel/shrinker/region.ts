// Where the parts of the problem's memory lie: first what the harness writes and every variant may read, then the
// variant's own structures. And the counters, which harness and variants share: not those of `../statistics.ts`, which lie in
// front of all and are larger, because where memory lies shows in the simulator's times.

import { histogramSize } from "../histogram";
import { cpuCount, lineSize, problemBase, thisCpu } from "../layout";
import { load64, storeRelaxed64 } from "../machine/impl";
import { kmallocSize } from "../slab/kmalloc";
import { rcuSize } from "../sync/rcu";
import { srcuSize } from "../sync/srcu";
import {
  areaAllocator,
  areaIds,
  areaList,
  areaMemcgs,
  areaOther,
  areaRcu,
  areaSuperblocks,
  areaTree,
  areaVariant,
  areaWalkers,
} from "./areas";
import { counterCount, histogramCount } from "./counters";
import { cgroupCount, nodeCount, superblockCount } from "./harness";

/** What the whole harness shares. */
@unmanaged
class Header {
  /** Guards the links of the cgroup tree. */
  treeLock: u32 = 0;
  pad0: u32 = 0;
  pad1: u64 = 0;
  pad2: u64 = 0;
  pad3: u64 = 0;
  pad4: u64 = 0;
  pad5: u64 = 0;
  pad6: u64 = 0;
  pad7: u64 = 0;
}

if (offsetof<Header>() !== 64) ERROR("Header must fill one 64-byte line");

/** Descriptor of a cgroup. A line per NUMA node follows, whose first word is the address of the shrinkers' info. */
@unmanaged
export class Memcg {
  /** `memcgAbsent`, `memcgOnline` or `memcgOffline`. Written by the harness. */
  state: u32 = 0;
  /** Index of the parent; its own for the root. Written when the cgroup is created. */
  parent: u32 = 0;
  /** Index + 1 of the first child, or 0. Under the tree's lock; walkers read it without. */
  firstChild: u32 = 0;
  /** Index + 1 of the last child, or 0. Under the tree's lock. */
  lastChild: u32 = 0;
  /** Index + 1 of the next sibling, or 0. Stays when the cgroup is unlinked. Under the tree's lock; walkers read it. */
  next: u32 = 0;
  /** Index + 1 of the sibling before, or 0. Under the tree's lock. */
  previous: u32 = 0;
  pad0: u64 = 0;
  pad1: u64 = 0;
  pad2: u64 = 0;
  pad3: u64 = 0;
  pad4: u64 = 0;
}

if (offsetof<Memcg>() !== 64) ERROR("Memcg must fill one 64-byte line");

export const memcgAbsent: u32 = 0;
export const memcgOnline: u32 = 1;
/** Removed by rmdir, but walkers may still be on it. */
export const memcgOffline: u32 = 2;

/** The root cgroup, for which the list of all shrinkers is walked. */
export const rootMemcg: u32 = 0;

/** Descriptor of a superblock: a line that callbacks read, and a line that LRU operations write. */
@unmanaged
export class Superblock {
  /** Counts mounts and unmounts: odd while mounted. Written by the mounting task. */
  generation: u32 = 0;
  /** Address of its shrinker, or 0 before registration has returned: then nothing can be reclaimed. */
  shrinker: u32 = 0;
  /** Not 0 once an unmount has begun. */
  dying: u32 = 0;
  /** Addresses of the LRU's leaves by cgroup / 64 (`superblock.ts`), or 0. Under the lock; callbacks read it. */
  lists: u32 = 0;
  /** Time for which each callback sleeps, in ns. Written before registration. */
  sleepNs: u64 = 0;
  pad0: u64 = 0;
  pad1: u64 = 0;
  pad2: u64 = 0;
  pad3: u64 = 0;
  pad4: u64 = 0;
  /** Guards the LRU. */
  lock: u32 = 0;
  pad5: u32 = 0;
  pad6: u64 = 0;
  pad7: u64 = 0;
  pad8: u64 = 0;
  pad9: u64 = 0;
  pad10: u64 = 0;
  pad11: u64 = 0;
  pad12: u64 = 0;
}

if (offsetof<Superblock>() !== 128) ERROR("Superblock must fill two 64-byte lines");

/** What a count adds to a counter: 1 during measured events, 0 otherwise. In front of a CPU's counters. */
const stepBytes: usize = 8;
const countersBytes: usize = (stepBytes + usize(counterCount) * 8 + lineSize - 1) & ~(lineSize - 1);
const cpuBytes: usize = countersBytes + usize(histogramCount) * histogramSize;

function roundToLine(bytes: usize): usize {
  return (bytes + lineSize - 1) & ~(lineSize - 1);
}

/** Where what the first CPU counts and times begins; that of the others follows. */
export function statisticsBase(): usize {
  return problemBase + offsetof<Header>() + kmallocSize;
}

/** Bytes of what all CPUs count and time. */
export function statisticsSize(): usize {
  return usize(cpuCount) * cpuBytes;
}

function cpuArea(): usize {
  return statisticsBase() + usize(thisCpu) * cpuBytes;
}

function memcgBytes(): usize {
  return offsetof<Memcg>() + usize(nodeCount) * lineSize;
}

function memcgTable(): usize {
  return statisticsBase() + statisticsSize();
}

function superblockTable(): usize {
  return memcgTable() + usize(cgroupCount) * memcgBytes();
}

/** Cell of the lock of the cgroup tree. */
export function treeLock(): usize {
  return problemBase + offsetof<Header>("treeLock");
}

/** The caches behind `kmalloc`. */
export function kmallocCaches(): usize {
  return problemBase + offsetof<Header>();
}

/** Descriptor of a cgroup. */
export function memcgAt(memcg: u32): usize {
  return memcgTable() + usize(memcg) * memcgBytes();
}

/** Cell that holds the address of the shrinkers' info of a cgroup on a node. */
export function infoCell(memcg: u32, node: u32): usize {
  return memcgAt(memcg) + offsetof<Memcg>() + usize(node) * lineSize;
}

/** Descriptor of a superblock. */
export function superblockAt(superblock: u32): usize {
  return superblockTable() + usize(superblock) * offsetof<Superblock>();
}

/** The RCU domain, one for the whole machine. */
export function rcuDomain(): usize {
  return superblockAt(superblockCount);
}

/** The SRCU domain whose readers are the walks over the cgroup tree. */
export function walkers(): usize {
  return rcuDomain() + roundToLine(rcuSize(cpuCount));
}

/** Address of the variant's own structures; a multiple of 64, zeroed. */
export function variantBase(): usize {
  return walkers() + roundToLine(srcuSize(cpuCount));
}

/** What lies at an address: one of `areas.ts`. Lists and ids are the common part of all variants (`shrinker.ts`). */
export function areaOf(address: usize, commonBytes: usize, variantBytes: usize): u32 {
  if (address < problemBase || address >= variantBase() + variantBytes) return areaOther;
  if (address < kmallocCaches()) return areaTree;
  if (address < kmallocCaches() + kmallocSize) return areaAllocator;
  if (address < memcgTable()) return areaOther;
  if (address < superblockTable()) return areaMemcgs;
  if (address < rcuDomain()) return areaSuperblocks;
  if (address < walkers()) return areaRcu;
  if (address < variantBase()) return areaWalkers;
  if (address < variantBase() + lineSize) return areaList;
  return address < variantBase() + commonBytes ? areaIds : areaVariant;
}

/** Bytes in front of the variant's structures. */
export function headerBytes(): usize {
  return variantBase() - problemBase;
}

/** This CPU's counter. */
export function counterAddress(counter: u32): usize {
  return cpuArea() + stepBytes + usize(counter) * 8;
}

/** This CPU's histogram. */
export function histogramAt(histogram: u32): usize {
  return cpuArea() + countersBytes + usize(histogram) * histogramSize;
}

/** Says whether the events that follow on this CPU are measured. */
export function setMeasured(step: u64): void {
  storeRelaxed64(cpuArea(), step);
}

/** Whether the current event on this CPU is measured: 1 or 0. */
export function measured(): u64 {
  return load64(cpuArea());
}

/** Counts on this CPU, during measured events. */
export function count(counter: u32): void {
  countMany(counter, 1);
}

/** Counts `amount` on this CPU, during measured events. */
export function countMany(counter: u32, amount: u64): void {
  const cell = counterAddress(counter);
  storeRelaxed64(cell, load64(cell) + amount * measured());
}

/** Counts on this CPU whether the event is measured or not. */
export function countAlways(counter: u32): void {
  const cell = counterAddress(counter);
  storeRelaxed64(cell, load64(cell) + 1);
}
