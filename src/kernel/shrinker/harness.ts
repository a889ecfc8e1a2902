// Runs a workload's events against the variant that is bound to `impl.ts`. The host exports nothing but this file.
//
// Kinds that shrinkers have no use for are skipped. The event stream belongs to the harness, so it reads it with plain
// loads; everything else goes through the machine. Who registers, unregisters and walks at the same time is up to the
// workload; the harness sees to it that a cgroup is there for as long as somebody walks.

import { Performer, performAll, performUntil } from "../common-harness";
import { progressWithin } from "../crew";
import {
  eventAOffset,
  eventBOffset,
  eventFlagsOffset,
  eventGroupOffset,
  eventKindOffset,
  eventObjectOffset,
  flagMeasured,
  kindBogoOp,
  kindCgroupCreate,
  kindCgroupOffline,
  kindCompute,
  kindLruAdd,
  kindReclaimPass,
  kindSuperblockMount,
  kindSuperblockUnmount,
} from "../events";
import { recordDuration } from "../histogram";
import { compute, enter, enterIdle, leave, load64, now, quiescent, sleep } from "../machine/impl";
import { initialiseKmalloc, kmallocUsed } from "../slab/kmalloc";
import { shrinkSlab as shrinkSlabSymbol } from "../symbols";
import { jiffyNs } from "../sync/jiffies";
import { rcuPending, rcuQuiescent } from "../sync/rcu";
import { enterReader, leaveReader, srcuNoDelayMax as noDelayMax, waitForReaders } from "../sync/srcu";
import { amountsOf } from "./amounts";
import {
  counterBogoOps,
  counterPasses,
  counterRegistered,
  counterUnregistered,
  counterVisits,
  histogramPass,
  histogramRegister,
  histogramUnregister,
} from "./counters";
import {
  background,
  createMemcg,
  freeMemcg,
  globalBytes,
  initialise as initialiseVariant,
  offlineMemcg,
  pendingCallbacks,
  shrinkSlab,
  isBitSet as variantBit,
  deferredOf as variantDeferred,
  deferredBytes as variantDeferredBytes,
  infoBytes as variantInfoBytes,
  mapBytes as variantMapBytes,
  shrinkerBytes as variantShrinkerBytes,
} from "./impl";
import { deferredSize, mapSize } from "./info-block";
import { pointersSize, unitIds, unitSize } from "./info-units";
import {
  areaOf,
  count,
  counterAddress,
  headerBytes,
  histogramAt,
  kmallocCaches,
  measured,
  memcgAbsent,
  memcgOffline,
  memcgOnline,
  rcuDomain,
  setMeasured,
  walkers,
} from "./region";
import { coreBytes, idOf, capacity as variantCapacity } from "./shrinker";
import {
  addObjects,
  beginUnmount,
  endUnmount,
  isMounted,
  listBytesMax,
  mount,
  objectsOf,
  reparentObjects,
  shrinkerAt,
  unregisterShrinkerOf,
} from "./superblock";
import { isPresent, link, nextMemcg, noMemcg, setParent, setState, unlink } from "./tree";

export { heapBase, runWork } from "../common-harness";
export { computeFor, enterRound, leaveRound } from "../crew";
export { histogramBucket } from "../histogram";
export { touchedPages as touchedPageCount } from "../slab/page";
export {
  histogramAt as histogramAddress,
  statisticsBase as statisticsAddress,
  statisticsSize as statisticsBytes,
} from "./region";

/** One more than the largest cgroup index. */
export declare const cgroupCount: u32;
/** One more than the largest superblock index. */
export declare const superblockCount: u32;
/** NUMA nodes, at least 1. */
export declare const nodeCount: u32;

/** Bytes that the problem needs at `problemBase`. Callable before anything is laid out. */
export function problemBytes(): u32 {
  return (headerBytes() + globalBytes()) as u32;
}

/** Prepares zeroed memory. Called once per case, on one CPU. */
export function initialise(): void {
  initialiseKmalloc(kmallocCaches());
  initialiseVariant();
}

/** What a CPU does between events, and between the cgroups of a walk: it takes interrupts and runs callbacks. */
function boundary(): void {
  quiescent();
  rcuQuiescent(rcuDomain());
  background();
}

@unmanaged
class Harness extends Performer {
  perform(event: usize): bool {
    if (!perform(event)) return false;
    boundary();
    return true;
  }
}

/** Performs the events from `first` up to, not including, `end` of the event buffer. */
export function run(first: u32, end: u32): u32 {
  return performAll<Harness>(first, end);
}

/** Performs them over and over until `deadlineNs`; a mount opens a bogo-op. */
export function runUntil(first: u32, end: u32, deadlineNs: f64): u32 {
  return performUntil<Harness>(first, end, deadlineNs, kindSuperblockMount);
}

/** Performs one event. Returns false when the memory is used up. */
function perform(event: usize): bool {
  const kind: u32 = load<u16>(event, eventKindOffset);
  setMeasured(u64(load<u16>(event, eventFlagsOffset) & flagMeasured));
  if (kind === kindSuperblockMount) return mountSuperblock(event);
  if (kind === kindSuperblockUnmount) unmountSuperblock(load<u32>(event, eventObjectOffset));
  else if (kind === kindLruAdd) return addToLru(event);
  else if (kind === kindReclaimPass) reclaim(event);
  else if (kind === kindCompute) compute(load<u64>(event, eventAOffset));
  else if (kind === kindBogoOp) count(counterBogoOps);
  else if (kind === kindCgroupCreate) return createCgroup(event);
  else if (kind === kindCgroupOffline) offlineCgroup(load<u32>(event, eventGroupOffset));
  return true;
}

/** The clock, if the event is measured. */
function begin(): u64 {
  return measured() === 0 ? 0 : now();
}

/** Records how long it took since `begun`, if the event is measured. */
function end(histogram: u32, begun: u64): void {
  if (measured() !== 0) recordDuration(histogramAt(histogram), now() - begun);
}

function mountSuperblock(event: usize): bool {
  const superblock = load<u32>(event, eventObjectOffset);
  const begun = begin();
  if (!mount(superblock, load<u64>(event, eventBOffset))) return false;
  end(histogramRegister, begun);
  count(counterRegistered);
  return true;
}

function unmountSuperblock(superblock: u32): void {
  if (!isMounted(superblock)) return;
  const shrinker = beginUnmount(superblock);
  const begun = begin();
  unregisterShrinkerOf(superblock, shrinker);
  end(histogramUnregister, begun);
  count(counterUnregistered);
  endUnmount(superblock);
}

function addToLru(event: usize): bool {
  const superblock = load<u32>(event, eventObjectOffset);
  const memcg = load<u32>(event, eventGroupOffset);
  if (!isMounted(superblock) || !isPresent(memcg)) return true;
  const objects = load<u64>(event, eventAOffset) as u32;
  return addObjects(superblock, memcg, objects, load<u64>(event, eventBOffset) as u32);
}

/** Walks over a cgroup and all below it. */
function reclaim(event: usize): void {
  const root = load<u32>(event, eventGroupOffset);
  const priority = load<u64>(event, eventAOffset) as u32;
  const node = load<u64>(event, eventBOffset) as u32;
  if (!isPresent(root) || node >= nodeCount) return;
  const pagesNs: u64 = load<u32>(event, eventObjectOffset);
  const begun = begin();
  const rank = enterReader(walkers());
  for (let memcg = root; memcg !== noMemcg; memcg = nextMemcg(memcg, root)) {
    count(counterVisits);
    if (pagesNs !== 0) compute(pagesNs);
    enter(shrinkSlabSymbol);
    shrinkSlab(memcg, node, priority);
    leave();
    progressWithin();
    boundary();
  }
  leaveReader(walkers(), rank);
  end(histogramPass, begun);
  count(counterPasses);
}

function createCgroup(event: usize): bool {
  const memcg = load<u32>(event, eventGroupOffset);
  setParent(memcg, load<u64>(event, eventAOffset) as u32);
  if (!createMemcg(memcg)) return false;
  setState(memcg, memcgOnline);
  link(memcg);
  return true;
}

/** As rmdir: what the cgroup has goes to its parent, then it is freed once nobody walks over it. In Linux a worker waits. */
function offlineCgroup(memcg: u32): void {
  if (!isPresent(memcg)) return;
  setState(memcg, memcgOffline);
  reparentObjects(memcg);
  offlineMemcg(memcg);
  unlink(memcg);
  waitForReaders(walkers(), true);
  freeMemcg(memcg);
  setState(memcg, memcgAbsent);
}

/** Waits until all callbacks of this CPU have run. All other CPUs are idle. */
export function drain(): void {
  while (true) {
    boundary();
    if (rcuPending(rcuDomain()) + pendingCallbacks() === 0) break;
    sleep(jiffyNs / 4);
  }
  // Outside of a round nobody runs here; a sleep ends awake.
  enterIdle();
}

/** One of this CPU's counters (`counters.ts`). */
export function counter(index: u32): f64 {
  return load64(counterAddress(index)) as f64;
}

/** What all cgroups take: 0 bytes of bitmaps, 1 of deferred counts, 2 of both as allocated. 3: bytes of one shrinker. */
export function gauge(index: u32): f64 {
  if (index === 0) return mapBytes();
  if (index === 1) return deferredBytes();
  return index === 2 ? infoBytes() : shrinkerBytes();
}

/** Ids that the maps have room for. */
export function capacity(): u32 {
  return globalBytes() === 0 ? 0 : variantCapacity();
}

/** Bytes of the bitmaps of all present cgroups. */
export function mapBytes(): f64 {
  return variantMapBytes();
}

/** Bytes of the deferred counts of all present cgroups. */
export function deferredBytes(): f64 {
  return variantDeferredBytes();
}

/** Bytes that maps and deferred counts of all present cgroups take, with headers and as allocated. */
export function infoBytes(): f64 {
  return variantInfoBytes();
}

/** Bytes that one shrinker takes, as allocated. */
export function shrinkerBytes(): f64 {
  return variantShrinkerBytes() as f64;
}

/** Bytes that the LRU lists of one superblock take at most, as allocated. */
export function lruBytesMax(): u32 {
  return listBytesMax();
}

/** What the problem's memory holds at an address: one of `areas.ts`. */
export function areaAt(address: usize): u32 {
  return areaOf(address, globalBytes() === 0 ? 0 : coreBytes(), globalBytes());
}

/** Bytes of all allocations but those of whole pages. */
export function allocatedBytes(): f64 {
  return kmallocUsed(kmallocCaches());
}

/** For tests: id of a mounted superblock's shrinker. Not for the floor. */
export function shrinkerId(superblock: u32): u32 {
  return idOf(shrinkerAt(superblock));
}

/** For tests: objects of a cgroup on a superblock's LRU of a node. */
export function lruObjects(superblock: u32, memcg: u32, node: u32): u32 {
  return objectsOf(superblock, memcg, node);
}

/** For tests: whether the bit of an id is set for a cgroup on a node. */
export function isBitSet(memcg: u32, node: u32, id: u32): u32 {
  return variantBit(memcg, node, id) ? 1 : 0;
}

/** For tests: what is deferred for a cgroup, a node and an id. */
export function deferredOf(memcg: u32, node: u32, id: u32): f64 {
  return variantDeferred(memcg, node, id) as f64;
}

/** For tests: what a call of a shrinker does (`amounts.ts`). */
export function shrinkAmounts(freeable: u32, deferred: u32, priority: u32, seeks: u32): usize {
  return amountsOf(freeable, deferred, priority, seeks);
}

/** For tests: bytes of a cgroup's maps on a node for so many ids, without headers. 0: one block; 1: units; 2: pointers to units. */
export function infoSize(part: u32, ids: u32): u32 {
  if (part === 0) return deferredSize(ids) + mapSize(ids);
  return part === 1 ? (ids / unitIds) * unitSize : pointersSize(ids);
}

/** For tests: how often a phase of a grace period may be looked at without a delay. */
export function srcuNoDelayMax(): u32 {
  return noDelayMax();
}
