// What the harness knows of caches and cgroups, and no variant may look at: which are dead, and how many objects are in use.
// It lies behind the statistics.
//
// Each CPU counts for itself; what several write is written when a cgroup or a cache comes or goes.

import { recordDuration } from "../histogram";
import { cpuCount, lineSize, pageSize, thisCpu } from "../layout";
import { add32, load32, load64, now, storeRelaxed32, storeRelaxed64 } from "../machine/impl";
import { orderOf, slubSlabs } from "../slab/slub-cache";
import { count, histogramAt, measured } from "../statistics";
import { counterCachesCreated, counterCachesDestroyed, histogramCacheGone, sampledEvery } from "./counters";
import { cacheCount } from "./harness";
import {
  cacheOfIndex,
  cacheRecordBytes,
  cgroupRecordBytes,
  cpuRecordBytes,
  cpuRecordsBytes,
  oracleBase,
  recordsBytes,
} from "./region";

/** Of a cache. */
@unmanaged
class CacheRecord {
  /** 0 where no cache was made, as objects come from a shared one; `cacheAlive`, `cacheDead` or `cacheGone`. */
  state: u32 = 0;
  /** Index + 1 of the next cache of the cgroup, or 0. */
  next: u32 = 0;
  /** When its cgroup was taken offline, in ns. */
  deadNs: u64 = 0;
  /** Whether its cgroup is offline, whether or not it has a cache of its own: 0 or 1. */
  isOffline: u32 = 0;
  pad0: u32 = 0;
}

if (offsetof<CacheRecord>() !== 24) ERROR("CacheRecord must be 24 bytes");

const cacheAlive: u32 = 1;
const cacheDead: u32 = 2;
const cacheGone: u32 = 3;

/** Of all. */
@unmanaged
class Totals {
  /** Cgroups that are offline and still there. */
  dying: u32 = 0;
  /** Dead caches that are still there. */
  dead: u32 = 0;
}

function recordOf(index: u32): usize {
  return oracleBase() + usize(index) * cacheRecordBytes;
}

/** Cell with the index + 1 of the first cache of a cgroup. */
function firstCellOf(cgroup: u32): usize {
  return recordOf(cacheCount) + usize(cgroup) * cgroupRecordBytes;
}

function totals(): usize {
  return oracleBase() + recordsBytes();
}

function cpuRecord(cpu: u32): usize {
  return totals() + lineSize + usize(cpu) * cpuRecordsBytes();
}

function liveCell(cpu: u32, index: u32): usize {
  return cpuRecord(cpu) + cpuRecordBytes + usize(index) * 4;
}

/** A cgroup with this index appears. */
export function knowCgroup(cgroup: u32): void {
  storeRelaxed32(firstCellOf(cgroup), 0);
}

/** A cache belongs to a cgroup. */
export function knowCache(index: u32, cgroup: u32): void {
  storeRelaxed32(recordOf(index) + offsetof<CacheRecord>("next"), load32(firstCellOf(cgroup)));
  storeRelaxed32(firstCellOf(cgroup), index + 1);
}

/** A cgroup is about to be taken offline: its caches are dead. */
export function knowOffline(cgroup: u32): void {
  const offlineNs: u64 = measured() === 0 ? 0 : now();
  let next = load32(firstCellOf(cgroup));
  while (next !== 0) {
    const record = recordOf(next - 1);
    storeRelaxed32(record + offsetof<CacheRecord>("isOffline"), 1);
    if (load32(record + offsetof<CacheRecord>("state")) === cacheAlive) {
      storeRelaxed32(record + offsetof<CacheRecord>("state"), cacheDead);
      storeRelaxed64(record + offsetof<CacheRecord>("deadNs"), offlineNs);
      add32(totals() + offsetof<Totals>("dead"), 1);
    }
    next = load32(record + offsetof<CacheRecord>("next"));
  }
}

/** A cache was made for a cgroup. */
export function noticeMade(index: u32): void {
  storeRelaxed32(recordOf(index) + offsetof<CacheRecord>("state"), cacheAlive);
  count(counterCachesCreated);
}

/** A cache of a cgroup goes. */
export function noticeGone(index: u32): void {
  const record = recordOf(index);
  if (load32(record + offsetof<CacheRecord>("state")) === cacheDead) {
    add32(totals() + offsetof<Totals>("dead"), u32(-1));
    const deadNs = load64(record + offsetof<CacheRecord>("deadNs"));
    if (deadNs !== 0 && measured() !== 0) recordDuration(histogramAt(histogramCacheGone), now() - deadNs);
  }
  storeRelaxed32(record + offsetof<CacheRecord>("state"), cacheGone);
  count(counterCachesDestroyed);
}

/** A cgroup is dying from now on, or it is gone. */
export function noticeDying(change: u32): void {
  add32(totals() + offsetof<Totals>("dying"), change);
}

/** Whether the cgroup of a cache is offline. */
export function isDead(index: u32): bool {
  return load32(recordOf(index) + offsetof<CacheRecord>("isOffline")) !== 0;
}

/** Counts objects of a cache that come into use on this CPU, or go out of it. */
export function countLive(index: u32, change: u32): void {
  const cell = liveCell(thisCpu, index);
  storeRelaxed32(cell, load32(cell) + change);
}

/** Whether it is this CPU's turn to time an allocation or a free. */
export function isSampled(): bool {
  if (measured() === 0) return false;
  const cell = cpuRecord(thisCpu);
  const turn = load32(cell) + 1;
  storeRelaxed32(cell, turn % sampledEvery);
  return turn === sampledEvery;
}

/** Objects of a cache in use. Exact while nobody runs. */
function liveObjects(index: u32): u32 {
  let live: u32 = 0;
  for (let cpu: u32 = 0; cpu < cpuCount; cpu++) live += load32(liveCell(cpu, index));
  return live;
}

export function dyingCgroups(): u32 {
  return load32(totals() + offsetof<Totals>("dying"));
}

export function deadCaches(): u32 {
  return load32(totals() + offsetof<Totals>("dead"));
}

function isDeadCache(index: u32): bool {
  return load32(recordOf(index) + offsetof<CacheRecord>("state")) === cacheDead;
}

/** Bytes of the pages of a cache. */
export function bytesOf(cache: usize): f64 {
  return (slubSlabs(cache) as f64) * (((pageSize as u32) << orderOf(cache)) as f64);
}

/** Bytes of the pages of all dead caches. */
export function pinnedBytes(): f64 {
  let bytes: f64 = 0;
  for (let index: u32 = 0; index < cacheCount; index++) if (isDeadCache(index)) bytes += bytesOf(cacheOfIndex(index));
  return bytes;
}

/** Dead caches of which no object is in use. */
export function unusedDeadCaches(): u32 {
  let caches: u32 = 0;
  for (let index: u32 = 0; index < cacheCount; index++) if (isDeadCache(index) && liveObjects(index) === 0) caches++;
  return caches;
}
