// Where the parts of the problem's memory lie: what the harness counts and watches, what the cgroup core has, and the
// variant's own structures.

import { cpuCount, lineSize, problemBase, thisCpu } from "../layout";
import { kmallocSize } from "../slab/kmalloc";
import { statisticsSize } from "../statistics";
import { mutexSize } from "../sync/mutex";
import { percpuCounterSize } from "../sync/percpu-ref";
import { rcuSize } from "../sync/rcu";
import { areaAllocator, areaOther, areaPercpu, areaRcu, areaTree, areaVariant } from "./areas";
import { cgroupCount, nodeCount } from "./harness";

/** Priorities of reclaim, from 12 down to 0: a cursor for each (DEF_PRIORITY + 1). */
export const priorities: u32 = 13;

/** What the whole cgroup core shares. */
@unmanaged
class Header {
  /** Guards the links of the tree and all that is done for a cgroup that comes or goes. Walkers do not take it. */
  mutex0: u64 = 0;
  mutex1: u64 = 0;
  mutex2: u64 = 0;
  mutex3: u64 = 0;
  /** Guards the free per-CPU counters. */
  percpuLock: u32 = 0;
  /** Serial number of the newest cgroup. Under the mutex. */
  serial: u32 = 0;
  /** First free per-CPU counter + 1, or 0 when none was given back. Under `percpuLock`. */
  percpuFree: u32 = 0;
  /** Per-CPU counters handed out from the untouched end so far. Under `percpuLock`. */
  percpuUsed: u32 = 0;
  pad0: u64 = 0;
  pad1: u64 = 0;
}

if (offsetof<Header>() !== 64) ERROR("Header must fill one 64-byte line");
if (mutexSize > 32) ERROR("the mutex must fit into the header");

/**
 * Walks over cgroups with an index below this are watched: who was visited in which round. Of others, every visit counts as a
 * first one, and none as a restart. Workloads have the root and the parents at the lowest indices.
 */
export const watchedRoots: u32 = 32;
/** Bytes of what is known of one cursor's rounds, in front of the cells of its cgroups. */
export const watchHeaderBytes: usize = 32;
/** Bytes of what is kept of one cgroup index. */
export const recordBytes: usize = 16;

/** Cgroups that may have memory at the same time, the dying ones included. */
export function memcgsMax(): u32 {
  return 2 * cgroupCount + 1024;
}

function roundToLine(bytes: usize): usize {
  return (bytes + lineSize - 1) & ~(lineSize - 1);
}

function cursorsWatched(): u32 {
  return min<u32>(watchedRoots, cgroupCount) * nodeCount * priorities;
}

/** Bytes of the watch of one cursor: two rounds of a cell per cgroup index. */
function watchBytes(): usize {
  return watchHeaderBytes + 2 * usize(cgroupCount) * 4;
}

/** The harness's own word, then how many cgroups each CPU has removed and freed: a line each. */
export function tallyBase(): usize {
  return problemBase + statisticsSize();
}

/** This CPU's tally of one of two kinds. */
export function tallyCell(kind: u32, index: u32 = thisCpu): usize {
  return tallyBase() + lineSize + usize(index) * lineSize + usize(kind) * 4;
}

/** What the harness keeps of a cgroup index. */
export function recordOf(index: u32): usize {
  return tallyBase() + lineSize + usize(cpuCount) * lineSize + usize(index) * recordBytes;
}

/** What is known of the rounds of a cursor of a watched root. */
export function watchOf(root: u32, node: u32, priority: u32): usize {
  return recordOf(cgroupCount) + usize((root * nodeCount + node) * priorities + priority) * watchBytes();
}

/** Bytes of what the harness counts and watches, which begins at `problemBase`. A whole number of lines. */
export function harnessBytes(): usize {
  return roundToLine(recordOf(cgroupCount) + usize(cursorsWatched()) * watchBytes() - problemBase);
}

function header(): usize {
  return problemBase + harnessBytes();
}

/** The lock that Linux calls cgroup_mutex. */
export function cgroupMutex(): usize {
  return header() + offsetof<Header>("mutex0");
}

export function serialCell(): usize {
  return header() + offsetof<Header>("serial");
}

export function percpuLock(): usize {
  return header() + offsetof<Header>("percpuLock");
}

export function percpuFreeCell(): usize {
  return header() + offsetof<Header>("percpuFree");
}

export function percpuUsedCell(): usize {
  return header() + offsetof<Header>("percpuUsed");
}

/** The caches behind `kmalloc`. */
export function kmallocCaches(): usize {
  return header() + offsetof<Header>();
}

/** The RCU domain, one for the whole machine. */
export function rcuDomain(): usize {
  return kmallocCaches() + kmallocSize;
}

/** Bytes between the per-CPU memory of two CPUs. */
export function percpuStride(): usize {
  return roundToLine(usize(memcgsMax()) * percpuCounterSize);
}

/** CPU 0's counters of references. */
export function percpuBase(): usize {
  return rcuDomain() + roundToLine(rcuSize(cpuCount));
}

/** Links of the free counters, by index: the next free one + 1. */
export function percpuLinks(): usize {
  return percpuBase() + usize(cpuCount) * percpuStride();
}

/** Address of the variant's own structures; a multiple of 64, zeroed. */
export function variantBase(): usize {
  return percpuLinks() + roundToLine(usize(memcgsMax()) * 4);
}

/** Bytes in front of the variant's structures. */
export function headerBytes(): usize {
  return variantBase() - problemBase;
}

/** What lies at an address: one of `areas.ts`. */
export function areaOf(address: usize, variantBytes: usize): u32 {
  if (address < header() || address >= variantBase() + variantBytes) return areaOther;
  if (address < kmallocCaches()) return areaTree;
  if (address < rcuDomain()) return areaAllocator;
  if (address < percpuBase()) return areaRcu;
  return address < variantBase() ? areaPercpu : areaVariant;
}
