// Where the parts of the problem's memory lie: statistics and what the harness keeps for itself, then what all variants
// share, then the variant's own structures.

import { cpuCount, lineSize, problemBase } from "../layout";
import { load32, storeRelaxed32 } from "../machine/impl";
import { kmallocSize } from "../slab/kmalloc";
import { statisticsSize } from "../statistics";
import { mutexSize } from "../sync/mutex";
import { rcuSize } from "../sync/rcu";
import { areaAllocator, areaCaches, areaHeader, areaMemcgs, areaOther, areaRcu, areaVariant } from "./areas";
import { cacheCount, cgroupCount } from "./harness";

/** What all variants share. */
@unmanaged
class Header {
  /** slab_mutex: guards the caches of cgroups, and the list of root caches. 32 bytes. */
  mutex0: u64 = 0;
  mutex1: u64 = 0;
  mutex2: u64 = 0;
  mutex3: u64 = 0;
  /** First of the root caches that stand for caches of cgroups, or 0. Under the mutex. */
  roots: u32 = 0;
  /** Not 0 while no other CPU runs or will run before it is 0 again. Written by the harness. */
  isAlone: u32 = 0;
  pad0: u64 = 0;
  pad1: u64 = 0;
  pad2: u64 = 0;
}

if (offsetof<Header>() !== 64) ERROR("Header must fill one 64-byte line");
if (mutexSize !== offsetof<Header>("roots")) ERROR("the mutex must fit");

/** Where a cache is, by the workload's index. */
@unmanaged
class Handle {
  /** Address of the cache that its objects come from, or 0. Under the mutex; who allocates reads it. */
  cache: u32 = 0;
  /** Address of the cgroup that is charged, or 0. Written at creation. */
  memcg: u32 = 0;
}

function roundToLine(bytes: usize): usize {
  return (bytes + lineSize - 1) & ~(lineSize - 1);
}

/** Oracle of a cache, and of a cgroup; see `oracle.ts`. */
export const cacheRecordBytes: usize = 24;
export const cgroupRecordBytes: usize = 8;
export const cpuRecordBytes: usize = 64;

/** Address of what the harness keeps for itself behind its statistics. */
export function oracleBase(): usize {
  return problemBase + statisticsSize();
}

/** Bytes of the records of caches and cgroups: whole lines, so that those of CPUs begin on one. */
export function recordsBytes(): usize {
  return roundToLine(usize(cacheCount) * cacheRecordBytes + usize(cgroupCount) * cgroupRecordBytes);
}

/** Bytes of what one CPU counts, whole lines. */
export function cpuRecordsBytes(): usize {
  return cpuRecordBytes + roundToLine(usize(cacheCount) * 4);
}

function oracleBytes(): usize {
  return recordsBytes() + lineSize + usize(cpuCount) * cpuRecordsBytes();
}

/** Bytes of the statistics and of what else the harness keeps for itself, from `problemBase` on. */
export function harnessBytes(): usize {
  return statisticsSize() + oracleBytes();
}

function header(): usize {
  return problemBase + harnessBytes();
}

export function slabMutex(): usize {
  return header() + offsetof<Header>("mutex0");
}

/** Cell of the first of the root caches. */
export function rootsCell(): usize {
  return header() + offsetof<Header>("roots");
}

/** Whether other CPUs run nothing, and will not: what they have may be touched for them. */
export function isAlone(): bool {
  return load32(header() + offsetof<Header>("isAlone")) !== 0;
}

export function setAlone(alone: bool): void {
  storeRelaxed32(header() + offsetof<Header>("isAlone"), alone ? 1 : 0);
}

/** The caches behind `kmalloc`. */
export function kmallocCaches(): usize {
  return header() + offsetof<Header>();
}

/** The RCU domain, one for the whole machine. */
export function rcuDomain(): usize {
  return kmallocCaches() + kmallocSize;
}

/** Cell that holds the address of an online cgroup, or 0. */
export function memcgCell(cgroup: u32): usize {
  return rcuDomain() + roundToLine(rcuSize(cpuCount)) + usize(cgroup) * 4;
}

function handles(): usize {
  return memcgCell(0) + roundToLine(usize(cgroupCount) * 4);
}

function handleAt(index: u32): usize {
  return handles() + usize(index) * offsetof<Handle>();
}

/** The cache that objects of an index come from, or 0. */
export function cacheOfIndex(index: u32): usize {
  return load32(handleAt(index) + offsetof<Handle>("cache"));
}

export function setCacheOfIndex(index: u32, cache: usize): void {
  storeRelaxed32(handleAt(index) + offsetof<Handle>("cache"), cache as u32);
}

/** The cgroup that objects of an index are charged to, or 0. It may be gone once it is offline. */
export function memcgOfIndex(index: u32): usize {
  return load32(handleAt(index) + offsetof<Handle>("memcg"));
}

export function setMemcgOfIndex(index: u32, memcg: usize): void {
  storeRelaxed32(handleAt(index) + offsetof<Handle>("memcg"), memcg as u32);
}

/** Address of the variant's own structures; a multiple of 64, zeroed. */
export function variantBase(): usize {
  return handles() + roundToLine(usize(cacheCount) * offsetof<Handle>());
}

/** What lies at an address: one of `areas.ts`. */
export function areaOf(address: usize, variantBytes: usize): u32 {
  if (address < header() || address >= variantBase() + variantBytes) return areaOther;
  if (address < kmallocCaches()) return areaHeader;
  if (address < rcuDomain()) return areaAllocator;
  if (address < memcgCell(0)) return areaRcu;
  if (address < handles()) return areaMemcgs;
  return address < variantBase() ? areaCaches : areaVariant;
}

/** Bytes in front of the variant's structures. */
export function headerBytes(): usize {
  return variantBase() - problemBase;
}
