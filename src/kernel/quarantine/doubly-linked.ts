// Two doubly linked lists through every object: the global FIFO, and the list of its cache's quarantined objects.
//
// Follows the last idea in the mailing-list thread that reported the problem ("Memory cgroup quarantine livelock",
// linux-mm, November 2017), in the form that gives objects a second pair of links; it was never merged. The queues
// per CPU and the sizes follow mm/kasan/quarantine.c, Linux since 4.10.
//
// Costs. put: constant, one link more than the reference; and once per MiB the objects of the CPU's queue are chained
// to their caches' lists, one by one, under the lock. reduce: a batch's worth of objects, each unlinked from its
// cache's list under the lock, a few at a time. remove: the cache's own objects; each writes to two neighbours.
// Memory: 24 bytes more in every object, so small objects grow; two words in every cache. Order: strict, but for what
// waits in the queues of other CPUs.
//
// Objects are chained to their caches' lists when a queue is moved and not in put, where each would need the lock of the
// list; a form that does it in put would cost there what this one costs once per MiB.
//
// The back link of a cache's list is kept as proposed, although both lists have the same order here, so that an object
// always leaves its cache's list at the head: without it an object would need 16 bytes more, not 24.
// Also different: a CPU that goes offline drains its queue as an SRCU reader, so that no removal overtakes it.

import {
  cpu,
  cpus,
  enter,
  irqOff,
  irqOn,
  leave,
  load32,
  load64,
  note,
  quiescent,
  read32,
  read64,
  storeRelaxed32,
  storeRelaxed64,
  taskStack,
} from "../machine/impl";
import { noteDrained, noteEvicted, noteForeignVisited, noteOwnRemoved } from "../notes";
import { cacheOf, FreeObject, objectSizeOf, variantLineOf } from "../slab/cache";
import { qlistMoveCache } from "../symbols";
import { countDown, runOnEveryCpu } from "../sync/every-cpu";
import { acquireInIrqOff, acquireIrqOff, releaseInIrqOff, releaseIrqOn } from "../sync/spin-lock";
import { srcuReadLock, srcuReadUnlock, srcuSize, synchronizeSrcuExpedited } from "../sync/srcu";
import { areaGlobal, areaQueues, areaSrcu } from "./areas";
import { freeChain } from "./queue";
import { machineCell, onlineTable, variantBase } from "./region";
import { Request } from "./ring";
import { batchBytesOf, cpuQueueBytesMax, maxBytesOf } from "./sizing";

/** What the variant keeps in a quarantined object. The first word is `FreeObject.next`. */
@unmanaged
class Node {
  /** Next object of the global list or of a CPU's queue. */
  next: u32 = 0;
  pad0: u32 = 0;
  state: u32 = 0;
  pad1: u32 = 0;
  /** Object before this one. */
  previous: u32 = 0;
  pad2: u32 = 0;
  /** Next quarantined object of the same cache, or 0. */
  cacheNext: u32 = 0;
  pad3: u32 = 0;
  /** Quarantined object of the same cache before this one, or 0. */
  cachePrevious: u32 = 0;
  pad4: u32 = 0;
}

if (offsetof<Node>("next") !== offsetof<FreeObject>("next")) ERROR("Node must begin like FreeObject");
if (offsetof<Node>("state") !== offsetof<FreeObject>("state")) ERROR("Node must keep the state of FreeObject");
if (offsetof<Node>() > 64) ERROR("Node must fit into the smallest object");

/** The cache's list, in the variant's line of its descriptor. Guarded by the global lock. */
@unmanaged
class CacheList {
  /** Oldest object of the cache, or 0. */
  head: u32 = 0;
  pad0: u32 = 0;
  /** Newest object of the cache, or 0. */
  tail: u32 = 0;
  pad1: u32 = 0;
}

/** A doubly linked list with ends. Zeroed memory is an empty list. */
@unmanaged
class List {
  /** Oldest object, or 0. */
  head: u32 = 0;
  pad0: u32 = 0;
  /** Newest object, or 0. */
  tail: u32 = 0;
  pad1: u32 = 0;
  /** Sum of the objects' sizes. */
  bytes: u64 = 0;
}

/** The global quarantine. */
@unmanaged
class Global {
  /** Guards this line, the global list and all caches' lists. Taken with interrupts off. */
  lock: u32 = 0;
  pad0: u32 = 0;
  /** The list, as a `List`; its bytes are also read without the lock. */
  head: u32 = 0;
  pad1: u32 = 0;
  tail: u32 = 0;
  pad2: u32 = 0;
  bytes: u64 = 0;
  /** Bytes above which the oldest objects are let go. Also read without the lock. */
  bytesMax: u64 = 0;
  /** Bytes that one reduction lets go. */
  batchBytes: u64 = 0;
  pad3: u64 = 0;
  pad4: u64 = 0;
}

/** One CPU's queue, as a `List`. Only that CPU touches it, with interrupts off. */
@unmanaged
class CpuPart {
  head: u32 = 0;
  pad0: u32 = 0;
  tail: u32 = 0;
  pad1: u32 = 0;
  bytes: u64 = 0;
  /** Not 0 when the CPU is offline and takes no objects. */
  offline: u32 = 0;
  pad2: u32 = 0;
  pad3: u64 = 0;
  pad4: u64 = 0;
  pad5: u64 = 0;
  pad6: u64 = 0;
}

if (offsetof<Global>() !== 64) ERROR("Global must fill one 64-byte line");
if (offsetof<CpuPart>() !== 64) ERROR("CpuPart must fill one 64-byte line");

/** Objects that are unlinked under one hold of the lock. */
const objectsPerHold: u32 = 32;

// The CPUs' parts come first, so that a put finds its own with the fewest instructions.
function cpuPart(index: u32): usize {
  return variantBase() + index * offsetof<CpuPart>();
}

function global(): usize {
  return cpuPart(cpus());
}

function globalList(): usize {
  return global() + offsetof<Global>("head");
}

function srcu(): usize {
  return global() + offsetof<Global>();
}

/** Bytes of the global structures. */
export function globalBytes(): usize {
  return srcu() + srcuSize(cpus()) - variantBase();
}

/** Bytes that the variant needs in every object beyond the link that Linux keeps there: three links of 8 bytes. */
export function extraObjectBytes(): u32 {
  return 24;
}

/** Bytes that the variant needs in every cache's descriptor. */
export function extraCacheBytes(): u32 {
  return 16;
}

export function initialise(): void {
  updateSizes();
}

function updateSizes(): void {
  storeRelaxed64(global() + offsetof<Global>("bytesMax"), maxBytesOf(machineCell()));
  storeRelaxed64(global() + offsetof<Global>("batchBytes"), batchBytesOf(machineCell()));
}

function headOf(list: usize): usize {
  return load32(list + offsetof<List>("head"));
}

function bytesOf(list: usize): u64 {
  return load64(list + offsetof<List>("bytes"));
}

/** Appends the chain from `first` to `last`, whose inner links are complete, and returns the new sum of sizes. */
function append(list: usize, first: usize, last: usize, bytes: u64): u64 {
  const tail = read32(list + offsetof<List>("tail"));
  storeRelaxed32(first + offsetof<Node>("previous"), tail);
  storeRelaxed32(last + offsetof<Node>("next"), 0);
  if (tail === 0) storeRelaxed32(list + offsetof<List>("head"), first as u32);
  else storeRelaxed32(tail + offsetof<Node>("next"), first as u32);
  storeRelaxed32(list + offsetof<List>("tail"), last as u32);
  const sum = read64(list + offsetof<List>("bytes")) + bytes;
  storeRelaxed64(list + offsetof<List>("bytes"), sum);
  return sum;
}

/** Takes an object out of a list: two neighbours, or the list's ends, are written. */
function unlink(list: usize, object: usize, bytes: u64): void {
  const next = load32(object + offsetof<Node>("next"));
  const previous = load32(object + offsetof<Node>("previous"));
  if (previous === 0) storeRelaxed32(list + offsetof<List>("head"), next);
  else storeRelaxed32(previous + offsetof<Node>("next"), next);
  if (next === 0) storeRelaxed32(list + offsetof<List>("tail"), previous);
  else storeRelaxed32(next + offsetof<Node>("previous"), previous);
  storeRelaxed64(list + offsetof<List>("bytes"), bytesOf(list) - bytes);
}

function appendToCache(cache: usize, object: usize): void {
  const list = variantLineOf(cache);
  const tail = load32(list + offsetof<CacheList>("tail"));
  storeRelaxed32(object + offsetof<Node>("cacheNext"), 0);
  storeRelaxed32(object + offsetof<Node>("cachePrevious"), tail);
  if (tail === 0) storeRelaxed32(list + offsetof<CacheList>("head"), object as u32);
  else storeRelaxed32(tail + offsetof<Node>("cacheNext"), object as u32);
  storeRelaxed32(list + offsetof<CacheList>("tail"), object as u32);
}

function unlinkFromCache(cache: usize, object: usize): void {
  const list = variantLineOf(cache);
  const next = load32(object + offsetof<Node>("cacheNext"));
  const previous = load32(object + offsetof<Node>("cachePrevious"));
  if (previous === 0) storeRelaxed32(list + offsetof<CacheList>("head"), next);
  else storeRelaxed32(previous + offsetof<Node>("cacheNext"), next);
  if (next === 0) storeRelaxed32(list + offsetof<CacheList>("tail"), previous);
  else storeRelaxed32(next + offsetof<Node>("cachePrevious"), previous);
}

export function put(cache: usize, object: usize): bool {
  // Interrupts stay off until the objects are global: a removal first has every CPU flush its queue.
  irqOff();
  const queue = cpuPart(cpu());
  if (read32(queue + offsetof<CpuPart>("offline")) !== 0) {
    irqOn();
    return false;
  }
  if (append(queue, object, object, objectSizeOf(cache)) > cpuQueueBytesMax) flushOwn(queue);
  irqOn();
  return true;
}

/** Makes this CPU's objects global. Apart from `put`, which is short without it. */
function flushOwn(queue: usize): void {
  acquireInIrqOff(global());
  flush(queue);
  releaseInIrqOff(global());
}

/** Moves a CPU's queue to the end of the global list, and each object to its cache's list. Under the global lock. */
function flush(queue: usize): void {
  const first = headOf(queue);
  if (first === 0) return;
  let object = first;
  while (object !== 0) {
    note(noteForeignVisited, object);
    appendToCache(cacheOf(object), object);
    object = load32(object + offsetof<Node>("next"));
  }
  append(globalList(), first, load32(queue + offsetof<List>("tail")), bytesOf(queue));
  storeRelaxed32(queue + offsetof<List>("head"), 0);
  storeRelaxed32(queue + offsetof<List>("tail"), 0);
  storeRelaxed64(queue + offsetof<List>("bytes"), 0);
}

export function reduce(): void {
  if (load64(global() + offsetof<Global>("bytes")) <= load64(global() + offsetof<Global>("bytesMax"))) return;
  // A removal waits for this section: objects that were unlinked here and not freed yet are on no list.
  const rank = srcuReadLock(srcu());
  acquireIrqOff(global());
  updateSizes();
  const batchBytes = load64(global() + offsetof<Global>("batchBytes"));
  let evictedBytes: u64 = 0;
  // Ends when a batch's worth is gone or the list is small enough or empty.
  while (evictedBytes < batchBytes && bytesOf(globalList()) > load64(global() + offsetof<Global>("bytesMax"))) {
    let chain: usize = 0;
    let chainTail: usize = 0;
    for (let count: u32 = 0; count < objectsPerHold && evictedBytes < batchBytes; count++) {
      const object = headOf(globalList());
      if (object === 0) break;
      const cache = cacheOf(object);
      const bytes = u64(objectSizeOf(cache));
      unlink(globalList(), object, bytes);
      unlinkFromCache(cache, object);
      storeRelaxed32(object + offsetof<Node>("next"), 0);
      if (chain === 0) chain = object;
      else storeRelaxed32(chainTail + offsetof<Node>("next"), object as u32);
      chainTail = object;
      evictedBytes += bytes;
    }
    releaseIrqOn(global());
    freeChain(chain, 0, noteEvicted);
    acquireIrqOff(global());
  }
  releaseIrqOn(global());
  srcuReadUnlock(srcu(), rank);
}

/** The part of a removal that each CPU does in an interrupt: it makes its objects global. */
function flushHere(request: usize): void {
  const queue = cpuPart(cpu());
  if (load32(queue + offsetof<CpuPart>("offline")) === 0) {
    flushOwn(queue);
  }
  countDown(request + offsetof<Request>("pending"));
}

export function removeCache(cache: usize): bool {
  const request = taskStack();
  runOnEveryCpu(onlineTable(), flushHere.index, request, request + offsetof<Request>("pending"));
  const list = variantLineOf(cache);
  enter(qlistMoveCache);
  acquireIrqOff(global());
  // Ends because nobody puts objects of a cache that is being destroyed.
  while (load32(list + offsetof<CacheList>("head")) !== 0) {
    let chain: usize = 0;
    let chainTail: usize = 0;
    for (let count: u32 = 0; count < objectsPerHold; count++) {
      const object = load32(list + offsetof<CacheList>("head"));
      if (object === 0) break;
      unlinkFromCache(cache, object);
      unlink(globalList(), object, objectSizeOf(cache));
      storeRelaxed32(object + offsetof<Node>("next"), 0);
      if (chain === 0) chain = object;
      else storeRelaxed32(chainTail + offsetof<Node>("next"), object);
      chainTail = object;
    }
    releaseIrqOn(global());
    freeChain(chain, cache, noteOwnRemoved);
    quiescent();
    acquireIrqOff(global());
  }
  releaseIrqOn(global());
  leave();
  synchronizeSrcuExpedited(srcu());
  return true;
}

export function cpuOnline(): void {
  storeRelaxed32(cpuPart(cpu()) + offsetof<CpuPart>("offline"), 0);
}

export function cpuOffline(): void {
  const queue = cpuPart(cpu());
  // A removal waits for the drain, whose objects are on no list that it looks at.
  const rank = srcuReadLock(srcu());
  // Before the drain, so that an interrupt that arrives in between leaves the queue alone.
  storeRelaxed32(queue + offsetof<CpuPart>("offline"), 1);
  freeChain(headOf(queue), 0, noteDrained);
  storeRelaxed32(queue + offsetof<List>("head"), 0);
  storeRelaxed32(queue + offsetof<List>("tail"), 0);
  storeRelaxed64(queue + offsetof<List>("bytes"), 0);
  srcuReadUnlock(srcu(), rank);
}

/** Bytes of all quarantined objects. Exact while nobody puts or reduces. */
export function quarantinedBytes(): u64 {
  let bytes = bytesOf(globalList());
  for (let index: u32 = 0; index < cpus(); index++) bytes += bytesOf(cpuPart(index));
  return bytes;
}

/** Batches that hold objects: the list is one. */
export function batchesInUse(): u32 {
  return headOf(globalList()) === 0 ? 0 : 1;
}

/** What lies at an address of the variant's structures (`areas.ts`). */
export function areaOf(address: usize): u32 {
  if (address < global()) return areaQueues;
  return address < srcu() ? areaGlobal : areaSrcu;
}
