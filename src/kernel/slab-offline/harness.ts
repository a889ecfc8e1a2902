// Runs a workload's events against the variant that is bound to `impl.ts`. The host exports nothing but this file.
//
// Kinds that caches have no use for are skipped. The event stream and the object table belong to the harness, so it reads
// them with plain loads; everything else goes through the machine.

import { Performer, performAll } from "../common-harness";
import {
  eventAOffset,
  eventBOffset,
  eventFlagsOffset,
  eventGroupOffset,
  eventKindOffset,
  eventObjectOffset,
  flagMeasured,
  kindBogoOp,
  kindCacheCreate,
  kindCacheDestroy,
  kindCgroupCreate,
  kindCgroupOffline,
  kindCompute,
  kindCpuOffline,
  kindObjectAllocate,
  kindObjectFree,
} from "../events";
import { objectTable } from "../layout";
import {
  compute,
  cpu,
  enter,
  enterIdle,
  isWorkDue,
  keep32,
  leave,
  load32,
  now,
  quiescent,
  runDeferred as runDeferredUntil,
  sleep,
  storeRelaxed32,
} from "../machine/impl";
import { initialiseKmalloc, kmallocUsed } from "../slab/kmalloc";
import { begin, count, end, setMeasured } from "../statistics";
import { kmemCacheAlloc, kmemCacheFree, kworker, memcgOfflineKmem } from "../symbols";
import { jiffyNs } from "../sync/jiffies";
import { mutexLock, mutexUnlock } from "../sync/mutex";
import { rcuPending, rcuQuiescent } from "../sync/rcu";
import { firstRoot, isRootShared, nextRoot } from "./clone";
import {
  counterAllocations,
  counterBogoOps,
  counterFreesDead,
  counterFreesLive,
  counterOfflines,
  gaugeDeadCaches,
  gaugeDyingCgroups,
  gaugeLeakedCaches,
  gaugePinnedBytes,
  gaugeSlabBytes,
  histogramAllocate,
  histogramDestroy,
  histogramFreeDead,
  histogramFreeLive,
  histogramOffline,
} from "./counters";
import {
  allocate,
  background,
  createCache,
  createMemcg,
  destroyCache,
  finish,
  flushCpu,
  free,
  globalBytes,
  initialise as initialiseVariant,
  offlineCaches,
} from "./impl";
import { misplacedSlabCount, objectsInUse, slabBytesOf, reachableBytes as variantReachable } from "./inspect";
import { chargedTo, makeMemcg, markOffline, memcgPut } from "./memcg";
import {
  bytesOf,
  countLive,
  deadCaches,
  dyingCgroups,
  isDead,
  isSampled,
  knowCache,
  knowCgroup,
  knowOffline,
  pinnedBytes,
  unusedDeadCaches,
} from "./oracle";
import {
  areaOf,
  cacheOfIndex,
  harnessBytes,
  headerBytes,
  kmallocCaches,
  memcgCell,
  rcuDomain,
  setAlone,
  setMemcgOfIndex,
  slabMutex,
} from "./region";

export { heapBase, runWork } from "../common-harness";
export { computeFor, enterRound, leaveRound } from "../crew";
export { touchedPages as touchedPageCount } from "../slab/page";
export { counter, histogramAt as histogramAddress, statisticsAddress } from "../statistics";

/** One more than the largest cgroup index. */
export declare const cgroupCount: u32;
/** One more than the largest cache index. */
export declare const cacheCount: u32;
/** Objects get their true size (1) or one 64-byte line each (0). */
declare const trueSize: u32;

/** Bytes that the problem needs at `problemBase`. Callable before anything is laid out. */
export function problemBytes(): u32 {
  return (headerBytes() + globalBytes()) as u32;
}

/** Prepares zeroed memory. Called once per case, on one CPU. */
export function initialise(): void {
  initialiseKmalloc(kmallocCaches());
  initialiseVariant();
}

/** What a CPU does between events: it takes interrupts, runs callbacks of grace periods, and work that is due. */
function boundary(): void {
  quiescent();
  rcuQuiescent(rcuDomain());
  if (isWorkDue()) runDeferred(now() as f64);
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

/** Performs the events once, whatever the time: objects that come in one chunk and go in another cannot be repeated. */
export function runUntil(first: u32, end: u32, _deadlineNs: f64): u32 {
  return run(first, end);
}

/** Performs one event. Returns false when the memory is used up. */
function perform(event: usize): bool {
  const kind: u32 = load<u16>(event, eventKindOffset);
  const group = load<u32>(event, eventGroupOffset);
  setMeasured(u64(load<u16>(event, eventFlagsOffset) & flagMeasured));
  if (kind === kindObjectAllocate) return allocateObject(load<u32>(event, eventObjectOffset), group);
  if (kind === kindObjectFree) freeObject(load<u32>(event, eventObjectOffset), group);
  else if (kind === kindCompute) pass(load<u64>(event, eventAOffset), load<u64>(event, eventBOffset) !== 0);
  else if (kind === kindBogoOp) count(counterBogoOps);
  else if (kind === kindCacheCreate) return create(event);
  else if (kind === kindCacheDestroy) destroy(group);
  else if (kind === kindCgroupCreate) return createCgroup(group, load<u64>(event, eventAOffset) as u32);
  else if (kind === kindCgroupOffline) offlineCgroup(group);
  else if (kind === kindCpuOffline) flushThisCpu(load<u64>(event, eventAOffset) as u32);
  return true;
}

/** The task does something else, or nothing. */
function pass(ns: u64, isAsleep: bool): void {
  if (isAsleep) sleep(ns);
  else compute(ns);
}

function objectCell(index: u32): usize {
  return objectTable + usize(index) * 4;
}

function allocateObject(index: u32, cache: u32): bool {
  const isTimed = isSampled();
  enter(kmemCacheAlloc);
  const begun: u64 = isTimed ? begin() : 0;
  const object = allocate(cache);
  if (isTimed) end(histogramAllocate, begun);
  leave();
  if (object === 0) return false;
  keep32(objectCell(index), object as u32);
  countLive(cache, 1);
  count(counterAllocations);
  return true;
}

function freeObject(index: u32, cache: u32): void {
  const object: usize = load<u32>(objectCell(index));
  const isTimed = isSampled();
  const isOfDead = isDead(cache);
  enter(kmemCacheFree);
  const begun: u64 = isTimed ? begin() : 0;
  free(object);
  if (isTimed) end(isOfDead ? histogramFreeDead : histogramFreeLive, begun);
  leave();
  countLive(cache, u32(-1));
  count(isOfDead ? counterFreesDead : counterFreesLive);
}

function memcgAt(cgroup: u32): usize {
  return load32(memcgCell(cgroup));
}

function create(event: usize): bool {
  const index = load<u32>(event, eventGroupOffset);
  const objectSize = load<u64>(event, eventAOffset) as u32;
  const pages = load<u64>(event, eventBOffset) as u32;
  const cgroup = (load<u64>(event, eventBOffset) >> 32) as u32;
  const order: u32 = pages <= 1 ? 0 : 32 - clz<u32>(pages - 1);
  const slotSize: u32 = trueSize !== 0 ? max<u32>((objectSize + 7) & ~7, 64) : 64;
  const fitting = ((4096 as u32) << order) / slotSize;
  const stated = load<u32>(event, eventObjectOffset);
  const objects = trueSize !== 0 ? min<u32>(stated, fitting) : fitting;
  // Caches of the root cgroup are nobody's.
  const memcg: usize = cgroup === 0 ? 0 : memcgAt(cgroup);
  setMemcgOfIndex(index, memcg);
  if (memcg !== 0) knowCache(index, cgroup);
  return createCache(index, memcg, objectSize, slotSize, objects, order);
}

function destroy(index: u32): void {
  const begun = begin();
  destroyCache(index);
  end(histogramDestroy, begun);
}

function createCgroup(cgroup: u32, parent: u32): bool {
  const memcg = makeMemcg(cgroup, cgroup === parent ? 0 : memcgAt(parent));
  if (memcg === 0 || !createMemcg(memcg)) return false;
  storeRelaxed32(memcgCell(cgroup), memcg as u32);
  knowCgroup(cgroup);
  return true;
}

/** As rmdir: what the cgroup has is dealt with, and its own reference is given back. */
function offlineCgroup(cgroup: u32): void {
  const memcg = memcgAt(cgroup);
  if (memcg === 0 || cgroup === 0) return;
  knowOffline(cgroup);
  const begun = begin();
  enter(memcgOfflineKmem);
  storeRelaxed32(memcgCell(cgroup), 0);
  markOffline(memcg);
  offlineCaches(memcg);
  memcgPut(memcg);
  leave();
  end(histogramOffline, begun);
  count(counterOfflines);
}

/** A CPU gives up what it has of all caches, as when it goes offline; CPU hotplug callbacks run on the CPU itself. */
function flushThisCpu(target: u32): void {
  if (target !== cpu()) return;
  mutexLock(slabMutex());
  for (let index: u32 = 0; index < cacheCount; index++) {
    const cache = cacheOfIndex(index);
    if (cache !== 0 && !isRootShared(cache)) flushCpu(cache);
  }
  for (let root = firstRoot(); root !== 0; root = nextRoot(root)) flushCpu(root);
  flushCpu(0);
  mutexUnlock(slabMutex());
}

/** Runs the work that this CPU deferred and that is due. Returns the number of items. `nowNs` is infinity for all. */
export function runDeferred(nowNs: f64): u32 {
  enter(kworker);
  const ran = runDeferredUntil(nowNs >= 1.8e19 ? u64.MAX_VALUE : (nowNs as u64));
  leave();
  return ran;
}

/** Does all that this CPU has put off, and what timers would do. All other CPUs are idle. */
export function drain(): void {
  setAlone(true);
  while (true) {
    quiescent();
    rcuQuiescent(rcuDomain());
    const ran = runDeferred(Infinity);
    const isAnyDone = finish();
    if (ran === 0 && !isAnyDone && rcuPending(rcuDomain()) === 0) break;
    sleep(jiffyNs / 4);
  }
  setAlone(false);
  // Outside of a round nobody runs here; a sleep ends awake.
  enterIdle();
}

/** A state of the whole case (`counters.ts`), while nobody runs. */
export function gauge(index: u32): f64 {
  if (index === gaugeDeadCaches) return deadCaches() as f64;
  if (index === gaugePinnedBytes) return pinnedBytes();
  if (index === gaugeDyingCgroups) return dyingCgroups() as f64;
  if (index === gaugeLeakedCaches) return unusedDeadCaches() as f64;
  if (index === gaugeSlabBytes) return slabBytesOfAll();
  return kmallocUsed(kmallocCaches());
}

function slabBytesOfAll(): f64 {
  let bytes: f64 = 0;
  for (let index: u32 = 0; index < cacheCount; index++) {
    const cache = cacheOfIndex(index);
    if (cache !== 0 && !isRootShared(cache)) bytes += bytesOf(cache);
  }
  for (let root = firstRoot(); root !== 0; root = nextRoot(root)) bytes += bytesOf(root);
  return bytes;
}

/** Bytes of the statistics, and of what else the harness keeps for itself behind them. */
export function statisticsBytes(): usize {
  return harnessBytes();
}

/** What the problem's memory holds at an address: one of `areas.ts`. */
export function areaAt(address: usize): u32 {
  return areaOf(address, globalBytes());
}

/** For checks: bytes of all descriptors. */
export function allocatedBytes(): f64 {
  return kmallocUsed(kmallocCaches());
}

/** For checks: bytes of those of them that somebody still finds. */
export function reachableBytes(): f64 {
  return variantReachable();
}

/** For checks: address of the cache that objects of an index come from, or 0. */
export function cacheAddress(index: u32): usize {
  return cacheOfIndex(index);
}

/** For checks: objects in use in all slabs, by the slabs' counts. */
export function usedObjectCount(): u32 {
  return objectsInUse();
}

/** For checks: slabs that are not where their state says. */
export function misplacedSlabs(): u32 {
  return misplacedSlabCount();
}

/** For checks: bytes charged to an online cgroup. */
export function chargedBytes(cgroup: u32): u32 {
  const memcg = memcgAt(cgroup);
  return memcg === 0 ? 0 : chargedTo(memcg);
}

/** For checks: bytes of the slabs of caches that belong to an online cgroup or to those below. */
export function ownedBytes(cgroup: u32): u32 {
  const memcg = memcgAt(cgroup);
  return memcg === 0 ? 0 : slabBytesOf(memcg);
}
