// The reference with removals put off: a destroyed cache is marked as dying and goes to a list of dead caches.
//
// Follows two ideas from the mailing-list thread that reported the problem ("Memory cgroup quarantine livelock",
// linux-mm, November 2017); neither was merged. LAB_FORM chooses:
//   1, `scan`: when LAB_GROUP caches are dead, or the first has waited for LAB_TIMEOUT_MS, one worker walks the
//      quarantine once for all of them.
//   2, `deferred`: nobody walks; after each reduction the dead caches are looked at, and one without used objects goes.
// put, reduce and the structures are those of `singly-linked-fifo`.
//
// Costs. remove: constant for the caller. `scan`: one walk of the quarantine per group, by a worker. `deferred`: a
// look at every dead cache per reduction; a cache lives on until the FIFO has turned over.
// Memory: two words in every cache; dead caches keep their slabs until they go.
// Left out: in `deferred`, flushing the queues of CPUs that free nothing any more, so their objects keep a cache alive.

import { defer, deferredWorkSize, load32, note, storeRelaxed32 } from "../machine/impl";
import { noteForeignVisited } from "../notes";
import { cacheOf, destroyCache, objectSizeOf, usedObjects, variantLineOf } from "../slab/cache";
import { countDown } from "../sync/every-cpu";
import { acquireIrqOff, releaseIrqOn } from "../sync/spin-lock";
import { areaDead } from "./areas";
import { append, headOf, makeEmpty, nextOf } from "./queue";
import { variantBase } from "./region";
import {
  areaOf as areaOfRing,
  initialise as initialiseRing,
  reduceOnce,
  removeObjects,
  globalBytes as ringBytes,
  takeFromThisCpu,
} from "./singly-linked-fifo";

export { batchesInUse, cpuOffline, cpuOnline, extraObjectBytes, put, quarantinedBytes } from "./singly-linked-fifo";

const formScan: u32 = 1;
const formDeferred: u32 = 2;
const form: u32 = isDefined(LAB_FORM) ? LAB_FORM : 1;
if (form !== formScan && form !== formDeferred) ERROR("LAB_FORM must be 1 (scan) or 2 (deferred)");

/** Dead caches that start a walk. */
const groupSize: u32 = isDefined(LAB_GROUP) ? LAB_GROUP : 24;
if (groupSize < 1) ERROR("LAB_GROUP must be at least 1");

/** Longest time that a dead cache waits for a walk, in ns. */
const timeoutNs: u64 = isDefined(LAB_TIMEOUT_MS) ? LAB_TIMEOUT_MS * 1000000 : 1000000000;

/** The dead caches. */
@unmanaged
class Dead {
  /** Guards this line. */
  lock: u32 = 0;
  /** Cache that died last, or 0. */
  first: u32 = 0;
  /** Dead caches that no walk has begun for. */
  count: u32 = 0;
  /** Not 0 while a walk for a full group is on its way. */
  groupPending: u32 = 0;
  /** Not 0 while the timer runs. */
  timerPending: u32 = 0;
  /** Not 0 while a worker walks. Only one does at a time: another could not see the objects that the first holds. */
  walking: u32 = 0;
  /** Not 0 when a worker came while another walked; the other walks once more. */
  walkAgain: u32 = 0;
  pad0: u32 = 0;
  pad2: u64 = 0;
  pad3: u64 = 0;
  pad4: u64 = 0;
  pad5: u64 = 0;
}

if (offsetof<Dead>() !== 64) ERROR("Dead must fill one 64-byte line");

/** What the variant keeps in a cache's descriptor. */
@unmanaged
class CacheState {
  /** Not 0 once the cache is being destroyed. Read by the walk for every object. */
  dying: u32 = 0;
  /** Next dead cache, or 0. */
  nextDead: u32 = 0;
}

function dead(): usize {
  return variantBase() + ((ringBytes() + 63) & ~63);
}

function groupWork(): usize {
  return dead() + offsetof<Dead>();
}

function timerWork(): usize {
  return groupWork() + deferredWorkSize;
}

/** Bytes of the global structures. */
export function globalBytes(): usize {
  return timerWork() + deferredWorkSize - variantBase();
}

/** Bytes that the variant needs in every cache's descriptor: a flag and a link. */
export function extraCacheBytes(): u32 {
  return 16;
}

export function initialise(): void {
  initialiseRing();
}

function nextDead(cache: usize): usize {
  return load32(variantLineOf(cache) + offsetof<CacheState>("nextDead"));
}

export function removeCache(cache: usize): bool {
  if (form === formDeferred && usedObjects(cache) === 0) return true;
  acquireIrqOff(dead());
  storeRelaxed32(variantLineOf(cache) + offsetof<CacheState>("dying"), 1);
  storeRelaxed32(variantLineOf(cache) + offsetof<CacheState>("nextDead"), load32(dead() + offsetof<Dead>("first")));
  storeRelaxed32(dead() + offsetof<Dead>("first"), cache as u32);
  const count = load32(dead() + offsetof<Dead>("count")) + 1;
  storeRelaxed32(dead() + offsetof<Dead>("count"), count);
  let startGroup = false;
  let startTimer = false;
  if (form === formScan) {
    startGroup = count >= groupSize && load32(dead() + offsetof<Dead>("groupPending")) === 0;
    startTimer = !startGroup && load32(dead() + offsetof<Dead>("timerPending")) === 0;
    if (startGroup) storeRelaxed32(dead() + offsetof<Dead>("groupPending"), 1);
    if (startTimer) storeRelaxed32(dead() + offsetof<Dead>("timerPending"), 1);
  }
  releaseIrqOn(dead());
  if (startGroup) defer(groupWork(), walkForGroup.index, 0, 0);
  if (startTimer) defer(timerWork(), walkAtTimeout.index, 0, timeoutNs);
  return false;
}

function walkForGroup(_argument: usize): void {
  walkForDead(offsetof<Dead>("groupPending"));
}

function walkAtTimeout(_argument: usize): void {
  walkForDead(offsetof<Dead>("timerPending"));
}

/** Takes all dead caches and frees their quarantined objects in one walk, unless another worker is walking. */
function walkForDead(pending: usize): void {
  acquireIrqOff(dead());
  storeRelaxed32(dead() + pending, 0);
  if (load32(dead() + offsetof<Dead>("walking")) !== 0) {
    storeRelaxed32(dead() + offsetof<Dead>("walkAgain"), 1);
    releaseIrqOn(dead());
    return;
  }
  storeRelaxed32(dead() + offsetof<Dead>("walking"), 1);
  let again = true;
  // Ends when no worker came during the last walk.
  while (again) {
    storeRelaxed32(dead() + offsetof<Dead>("walkAgain"), 0);
    const cache: usize = load32(dead() + offsetof<Dead>("first"));
    storeRelaxed32(dead() + offsetof<Dead>("first"), 0);
    storeRelaxed32(dead() + offsetof<Dead>("count"), 0);
    releaseIrqOn(dead());
    if (cache !== 0) walk(cache);
    acquireIrqOff(dead());
    again = load32(dead() + offsetof<Dead>("walkAgain")) !== 0;
  }
  storeRelaxed32(dead() + offsetof<Dead>("walking"), 0);
  releaseIrqOn(dead());
}

/** Walks the quarantine once for the dead caches from `first` on, and destroys them. */
function walk(first: usize): void {
  removeObjects(0, removeHere.index, moveDying);
  let cache = first;
  while (cache !== 0) {
    const next = nextDead(cache);
    // A cache that died during the walk may have lost objects to it; it is still on the list of the next walk.
    destroyCache(cache);
    cache = next;
  }
}

/** The part of a walk that each CPU does in an interrupt. `request` begins with the count of CPUs to go. */
function removeHere(request: usize): void {
  takeFromThisCpu(0, moveDying);
  countDown(request);
}

/** As `moveCache` of `queue.ts`, for the objects of every dying cache. */
function moveDying(from: usize, to: usize, _cache: usize): void {
  let object = headOf(from);
  if (object === 0) return;
  makeEmpty(from);
  while (object !== 0) {
    const next = nextOf(object);
    const owner = cacheOf(object);
    if (load32(variantLineOf(owner) + offsetof<CacheState>("dying")) !== 0) {
      append(to, object, objectSizeOf(owner));
    } else {
      note(noteForeignVisited, object);
      append(from, object, objectSizeOf(owner));
    }
    object = next;
  }
}

export function reduce(): void {
  if (!reduceOnce()) return;
  if (form === formDeferred && load32(dead() + offsetof<Dead>("first")) !== 0) finishEmpty();
}

/** Destroys the dead caches that hold no used object any more. */
function finishEmpty(): void {
  let finished: usize = 0;
  acquireIrqOff(dead());
  let cache: usize = load32(dead() + offsetof<Dead>("first"));
  let kept: usize = 0;
  storeRelaxed32(dead() + offsetof<Dead>("first"), 0);
  while (cache !== 0) {
    const next = nextDead(cache);
    const line = variantLineOf(cache);
    if (usedObjects(cache) === 0) {
      storeRelaxed32(line + offsetof<CacheState>("nextDead"), finished as u32);
      finished = cache;
      storeRelaxed32(dead() + offsetof<Dead>("count"), load32(dead() + offsetof<Dead>("count")) - 1);
    } else {
      if (kept === 0) storeRelaxed32(dead() + offsetof<Dead>("first"), cache as u32);
      else storeRelaxed32(variantLineOf(kept) + offsetof<CacheState>("nextDead"), cache as u32);
      storeRelaxed32(line + offsetof<CacheState>("nextDead"), 0);
      kept = cache;
    }
    cache = next;
  }
  releaseIrqOn(dead());
  while (finished !== 0) {
    const next = nextDead(finished);
    destroyCache(finished);
    finished = next;
  }
}

/** What lies at an address of the variant's structures (`areas.ts`). */
export function areaOf(address: usize): u32 {
  return address < dead() ? areaOfRing(address) : areaDead;
}
