// Runs a workload's events against the variant that is bound to `impl.ts`. The host exports nothing but this file.
//
// Kinds that the quarantine has no use for are skipped and counted. The event stream and the object table belong to
// the harness, so it reads them with plain loads; everything else goes through the machine.

import { progress } from "../crew";
import {
  eventAOffset,
  eventBOffset,
  eventGroupOffset,
  eventKindOffset,
  eventObjectOffset,
  eventSize,
  kindCacheCreate,
  kindCacheDestroy,
  kindCpuOffline,
  kindCpuOnline,
  kindObjectAllocate,
  kindObjectFree,
} from "../events";
import { counterCell, counterFreed, counterLeftBehind, cpuCount, eventBuffer, objectTable } from "../layout";
import {
  add32,
  cpu,
  enter,
  isWorkDue,
  keep32,
  leave,
  load32,
  note,
  now,
  quiescent,
  runDeferred as runDeferredUntil,
  storeRelaxed32,
  storeRelaxed64,
} from "../machine/impl";
import { noteQuarantined, noteRemovalBegun, noteRemovalSkipped } from "../notes";
import {
  allocateObject,
  cacheAt,
  cacheExists,
  createCache,
  destroyCache,
  freeObject,
  heldBytes,
  markQuarantined,
  usedObjects,
} from "../slab/cache";
import { touchedPages } from "../slab/page";
import {
  kasanQuarantinePut,
  kasanQuarantineReduce,
  kasanQuarantineRemoveCache,
  kmemCacheAlloc,
  kmemCacheFree,
  kworker,
} from "../symbols";
import { areaUnknown } from "./areas";
import * as variant from "./impl";
import {
  cpuOffline,
  cpuOnline,
  globalBytes,
  initialise as initialiseVariant,
  put,
  reduce,
  removeCache,
  batchesInUse as variantBatches,
  quarantinedBytes as variantBytes,
  extraCacheBytes as variantCacheBytes,
  extraObjectBytes as variantObjectBytes,
} from "./impl";
import { headerSize, machineCell, onlineTable } from "./region";
import { batchBytes, Machine, maxBytes, totalBytes } from "./sizing";

export { computeFor, enterRound, leaveRound } from "../crew";

/** Whether a cache without used objects is destroyed without asking the variant: 0 or 1. */
declare const skipWhenEmpty: u32;
/** Objects get their true size (1) or one 64-byte line each (0). */
declare const trueSize: u32;

/** `run` got through. */
const runDone: u32 = 0;
/** `run` stopped because the arena was full. */
const runOutOfMemory: u32 = 1;

/** Bytes that the problem needs at `problemBase`. Callable before anything is laid out. */
export function problemBytes(): u32 {
  return (headerSize + globalBytes()) as u32;
}

/** Where the module's own constants end. Everything else lies above. */
export function heapBase(): u32 {
  return __heap_base as u32;
}

/** Prepares zeroed memory. Called once per case, on one CPU. RAM is given in units of 4 KiB. */
export function initialise(ramPages: u32, onlineCount: u32): void {
  storeRelaxed64(machineCell() + offsetof<Machine>("ramBytes"), u64(ramPages) * 4096);
  storeRelaxed32(machineCell() + offsetof<Machine>("onlineCount"), onlineCount);
  for (let index: u32 = 0; index < cpuCount; index++) {
    storeRelaxed32(onlineTable() + index * 4, index < onlineCount ? 1 : 0);
  }
  initialiseVariant();
}

function objectCell(index: u32): usize {
  return objectTable + usize(index) * 4;
}

/** What a CPU does between events. */
function boundary(): void {
  quiescent();
  if (isWorkDue()) runDeferred(now() as f64);
}

/** Performs the events from `first` up to, not including, `end` of the event buffer. */
export function run(first: u32, end: u32): u32 {
  let index = first;
  while (index < end) {
    const event = eventBuffer + usize(index) * eventSize;
    const kind: u32 = load<u16>(event, eventKindOffset);
    if (kind === kindObjectFree) {
      index = runFrees(index, end);
      continue;
    }
    progress(index);
    if (kind === kindObjectAllocate) {
      const object = allocate(cacheAt(load<u32>(event, eventGroupOffset)));
      if (object === 0) return runOutOfMemory;
      keep32(objectCell(load<u32>(event, eventObjectOffset)), object as u32);
    } else if (kind === kindCacheCreate) {
      create(event);
    } else if (kind === kindCacheDestroy) {
      destroy(cacheAt(load<u32>(event, eventGroupOffset)));
    } else if (kind === kindCpuOffline) {
      setOnline(load<u32>(event, eventAOffset), false);
    } else if (kind === kindCpuOnline) {
      setOnline(load<u32>(event, eventAOffset), true);
    }
    boundary();
    index++;
  }
  return runDone;
}

/** Performs frees from `first` on and returns the index of the first other event. A loop of its own, so that the harness adds little to a put. */
function runFrees(first: u32, end: u32): u32 {
  let event = eventBuffer + usize(first) * eventSize;
  const stop = eventBuffer + usize(end) * eventSize;
  while (event < stop && load<u16>(event, eventKindOffset) === kindObjectFree) {
    const object = load<u32>(objectCell(load<u32>(event, eventObjectOffset)));
    // For `settle` and `freeNow`; the index may belong to another object by then.
    keep32(event + eventAOffset, object);
    free(event, cacheAt(load<u32>(event, eventGroupOffset)), object);
    boundary();
    event += eventSize;
  }
  return ((event - eventBuffer) / eventSize) as u32;
}

/**
 * Really frees the objects that the events from `first` to `end` handed to the floor variant, which forgot them.
 * Not timed.
 */
export function settle(first: u32, end: u32): void {
  for (let index = first; index < end; index++) {
    const event = eventBuffer + usize(index) * eventSize;
    if (load<u16>(event, eventKindOffset) !== kindObjectFree) continue;
    freeObject(cacheAt(load<u32>(event, eventGroupOffset)), load<u32>(event, eventAOffset));
  }
}

function free(event: usize, cache: usize, object: usize): void {
  markQuarantined(object);
  note(noteQuarantined, object);
  enter(kasanQuarantinePut);
  const taken = put(cache, object);
  leave();
  if (!taken) freeNow(event);
}

/** Frees what was not taken. Looks again for what it frees, so that a put need not keep it for a case that is rare. */
function freeNow(event: usize): void {
  enter(kmemCacheFree);
  freeObject(cacheAt(load<u32>(event, eventGroupOffset)), load<u32>(event, eventAOffset));
  leave();
}

function allocate(cache: usize): usize {
  enter(kasanQuarantineReduce);
  reduce();
  leave();
  enter(kmemCacheAlloc);
  const object = allocateObject(cache);
  leave();
  return object;
}

function create(event: usize): void {
  const objectSize = load<u64>(event, eventAOffset) as u32;
  const pages = load<u64>(event, eventBOffset) as u32;
  const order: u32 = pages <= 1 ? 0 : 32 - clz<u32>(pages - 1);
  const slotSize: u32 = trueSize !== 0 ? max<u32>((objectSize + 7) & ~7, 64) : 64;
  const fitting = ((4096 as u32) << order) / slotSize;
  const stated = load<u32>(event, eventObjectOffset);
  createCache(
    cacheAt(load<u32>(event, eventGroupOffset)),
    objectSize,
    slotSize,
    trueSize !== 0 ? min<u32>(stated, fitting) : fitting,
    order,
  );
}

function destroy(cache: usize): void {
  note(noteRemovalBegun, cache);
  enter(kasanQuarantineRemoveCache);
  const isSkipped = skipWhenEmpty !== 0 && usedObjects(cache) === 0;
  if (isSkipped) note(noteRemovalSkipped, cache);
  const completed = isSkipped || removeCache(cache);
  leave();
  if (completed) destroyCache(cache);
}

/** CPU hotplug callbacks run on the CPU itself. */
function setOnline(target: u32, online: bool): void {
  if (target !== cpu()) return;
  const countCell = machineCell() + offsetof<Machine>("onlineCount");
  if (online) {
    storeRelaxed32(onlineTable() + target * 4, 1);
    add32(countCell, 1);
    cpuOnline();
  } else {
    cpuOffline();
    storeRelaxed32(onlineTable() + target * 4, 0);
    add32(countCell, u32(-1));
  }
}

/** Runs the work that the variant deferred and that is due. Returns the number of items. `nowNs` is 0 for "without a delay", infinity for all. */
export function runDeferred(nowNs: f64): u32 {
  enter(kworker);
  const ran = runDeferredUntil(nowNs >= 1.8e19 ? u64.MAX_VALUE : (nowNs as u64));
  leave();
  return ran;
}

function runAllDeferred(_argument: usize): void {
  runDeferred(Infinity);
}

/** Index, for `runWork`, of the function that runs all work that the CPU deferred, due or not. */
export function drainIndex(): u32 {
  return runAllDeferred.index;
}

/** Calls a function of the table, as the target of an interrupt or of deferred work. */
export function runWork(work: u32, argument: usize): void {
  call_indirect<void>(work, argument);
}

/** Objects that this CPU put back into their slabs so far. */
export function freedCount(): u32 {
  return load32(counterCell(counterFreed));
}

/** Objects that this CPU left in caches that it destroyed: not 0 when the variant's `removeCache` is wrong. */
export function leftBehindCount(): u32 {
  return load32(counterCell(counterLeftBehind));
}

/** Bytes in quarantine. */
export function quarantinedBytes(): f64 {
  return variantBytes() as f64;
}

/** Batches that hold objects. */
export function batchesInUse(): u32 {
  return variantBatches();
}

export function extraObjectBytes(): u32 {
  return variantObjectBytes();
}

export function extraCacheBytes(): u32 {
  return variantCacheBytes();
}

/** Bytes of the variant's global structures. */
export function extraGlobalBytes(): u32 {
  return globalBytes() as u32;
}

/** What the variant's structures hold at an address: one of `areas.ts`. */
export function areaAt(address: usize): u32 {
  if (isDefined(variant.areaOf)) return variant.areaOf(address);
  return areaUnknown;
}

/** Whether the cache with this index exists. */
export function isCachePresent(index: u32): u32 {
  return cacheExists(cacheAt(index)) ? 1 : 0;
}

/** Objects of the cache in use, quarantined ones included. */
export function usedObjectsOf(index: u32): u32 {
  return usedObjects(cacheAt(index));
}

/** Bytes of pages that the cache holds. */
export function heldBytesOf(index: u32): u32 {
  return heldBytes(cacheAt(index));
}

/** Pages of the arena that were ever used. */
export function touchedPageCount(): u32 {
  return touchedPages();
}

/** The kernel's formulas, for tests: bytes in quarantine in all. RAM is given in units of 4 KiB. */
export function sizingTotal(ramPages: u32): f64 {
  return totalBytes(u64(ramPages) * 4096) as f64;
}

/** The kernel's formulas, for tests: bytes of the global part. */
export function sizingMax(ramPages: u32, onlineCount: u32): f64 {
  return maxBytes(u64(ramPages) * 4096, onlineCount) as f64;
}

/** The kernel's formulas, for tests: bytes of a full batch. */
export function sizingBatch(ramPages: u32): f64 {
  return batchBytes(u64(ramPages) * 4096) as f64;
}
