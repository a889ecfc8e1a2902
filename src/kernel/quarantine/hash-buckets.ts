// The reference with hash buckets: every queue and every batch is an array of lists, one per hash of the cache.
//
// Follows the idea in the mailing-list thread that reported the problem ("Memory cgroup quarantine livelock",
// linux-mm, November 2017), in the form of one bucket array per batch; it was never merged. Everything else follows
// mm/kasan/quarantine.c, Linux since 4.10, as `singly-linked-fifo` does.
//
// Costs. put: constant, one hash more than the reference. Moving a queue into a batch and letting a batch go: the
// number of buckets, under the lock. remove: one bucket of every batch in use, and in it the cache's own objects and
// those whose cache has the same hash.
// Memory: nothing in the object; 16 bytes per bucket and batch. Order: kept between batches, not inside one.
//
// LAB_BUCKETS: buckets per batch, a power of two from 2 to 128.
// Also different: a CPU that goes offline drains its queue as an SRCU reader, so that no removal overtakes it.

import { lineSize } from "../layout";
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
import { noteBatchVisited, noteDrained, noteEvicted, noteForeignVisited, noteOwnRemoved } from "../notes";
import { cacheOf, FreeObject, objectSizeOf } from "../slab/cache";
import { qlistMoveCache } from "../symbols";
import { countDown, runOnEveryCpu } from "../sync/every-cpu";
import { acquireInIrqOff, acquireIrqOff, releaseInIrqOff, releaseIrqOn } from "../sync/spin-lock";
import { srcuReadLock, srcuReadUnlock, srcuSize, synchronizeSrcuExpedited } from "../sync/srcu";
import { areaBatches, areaGlobal, areaQueues, areaSrcu } from "./areas";
import { freeChain, nextOf } from "./queue";
import { machineCell, onlineTable, variantBase } from "./region";
import { Request, Ring } from "./ring";
import { batchBytesOf, batchCount, cpuQueueBytesMax, maxBytesOf } from "./sizing";

/** Buckets of a batch. */
const bucketCount: u32 = isDefined(LAB_BUCKETS) ? LAB_BUCKETS : 16;
if (bucketCount < 2 || bucketCount > 128 || (bucketCount & (bucketCount - 1)) !== 0) {
  ERROR("LAB_BUCKETS must be a power of two from 2 to 128");
}

/** A list of objects. Zeroed memory is an empty list. */
@unmanaged
class Bucket {
  /** Oldest object, or 0. */
  head: u32 = 0;
  pad0: u32 = 0;
  /** Newest object; stale while the bucket is empty. */
  tail: u32 = 0;
  pad1: u32 = 0;
}

/** In front of every array of buckets. */
@unmanaged
class Buckets {
  /** Sum of the objects' sizes in all buckets. */
  bytes: u64 = 0;
  /** In a CPU's part: not 0 when the CPU is offline and takes no objects. */
  offline: u32 = 0;
  pad0: u32 = 0;
}

if (offsetof<Bucket>() !== 16) ERROR("Bucket must be 16 bytes");
if (offsetof<Buckets>() !== 16) ERROR("Buckets must be 16 bytes");

/** Where the request lies on the stack: behind a detached batch. */
const requestOffset: usize = 3072;

const bucketsSize: usize = offsetof<Buckets>() + bucketCount * offsetof<Bucket>();
/** A CPU's part: its buckets, then on a line of its own the lock and list of objects taken out for a removal. */
const removedOffset: usize = (bucketsSize + lineSize - 1) & ~(lineSize - 1);
const cpuPartSize: usize = removedOffset + lineSize;

// The CPUs' parts come first, so that a put finds its own with the fewest instructions.
function cpuPart(index: u32): usize {
  return variantBase() + usize(index) * cpuPartSize;
}

function ring(): usize {
  return cpuPart(cpus());
}

function srcu(): usize {
  return ring() + offsetof<Ring>();
}

function removedLock(index: u32): usize {
  return cpuPart(index) + removedOffset;
}

function removedList(index: u32): usize {
  return removedLock(index) + 8;
}

function batch(index: u32): usize {
  return srcu() + srcuSize(cpus()) + usize(index) * bucketsSize;
}

function bucketOf(buckets: usize, index: u32): usize {
  return buckets + offsetof<Buckets>() + usize(index) * offsetof<Bucket>();
}

/** Bucket of a cache: Fibonacci hashing of its descriptor's address, as the kernel's hash_ptr(). */
function hashOf(cache: usize): u32 {
  return ((cache as u32) * 0x61c88647) >> (clz<u32>(bucketCount) + 1);
}

/** Bytes of the global structures. */
export function globalBytes(): usize {
  return batch(batchCount) - variantBase();
}

/** Bytes that the variant needs in every object beyond the link that Linux keeps there. */
export function extraObjectBytes(): u32 {
  return 0;
}

/** Bytes that the variant needs in every cache's descriptor. */
export function extraCacheBytes(): u32 {
  return 0;
}

export function initialise(): void {
  updateSizes();
}

function updateSizes(): void {
  storeRelaxed64(ring() + offsetof<Ring>("bytesMax"), maxBytesOf(machineCell()));
  storeRelaxed64(ring() + offsetof<Ring>("batchBytes"), batchBytesOf(machineCell()));
}

function headOf(bucket: usize): usize {
  return load32(bucket + offsetof<Bucket>("head"));
}

function setHead(bucket: usize, object: usize): void {
  storeRelaxed32(bucket + offsetof<Bucket>("head"), object as u32);
}

/** Appends the chain from `first` to `last`. */
function append(bucket: usize, first: usize, last: usize): void {
  if (read32(bucket + offsetof<Bucket>("head")) === 0) setHead(bucket, first);
  else storeRelaxed32(read32(bucket + offsetof<Bucket>("tail")) + offsetof<FreeObject>("next"), first as u32);
  storeRelaxed32(bucket + offsetof<Bucket>("tail"), last as u32);
}

function bytesOf(buckets: usize): u64 {
  return load64(buckets + offsetof<Buckets>("bytes"));
}

function setBytes(buckets: usize, bytes: u64): void {
  storeRelaxed64(buckets + offsetof<Buckets>("bytes"), bytes);
}

export function put(cache: usize, object: usize): bool {
  // Interrupts stay off until the objects are in one of the two places that a removal looks at.
  irqOff();
  const part = cpuPart(cpu());
  if (read32(part + offsetof<Buckets>("offline")) !== 0) {
    irqOn();
    return false;
  }
  storeRelaxed32(object + offsetof<FreeObject>("next"), 0);
  append(bucketOf(part, hashOf(cache)), object, object);
  const bytes = read64(part + offsetof<Buckets>("bytes")) + objectSizeOf(cache);
  setBytes(part, bytes);
  if (bytes > cpuQueueBytesMax) flushOwn(part);
  irqOn();
  return true;
}

/** Makes this CPU's objects global. Apart from `put`, which is short without it. */
function flushOwn(part: usize): void {
  acquireInIrqOff(ring());
  flush(part);
  releaseInIrqOff(ring());
}

/** Appends all buckets of `from` to those of `to` and leaves `from` empty. */
function moveAll(from: usize, to: usize): void {
  for (let index: u32 = 0; index < bucketCount; index++) {
    const source = bucketOf(from, index);
    const first = headOf(source);
    if (first === 0) continue;
    append(bucketOf(to, index), first, load32(source + offsetof<Bucket>("tail")));
    setHead(source, 0);
  }
  setBytes(to, bytesOf(to) + bytesOf(from));
  setBytes(from, 0);
}

/** Moves a CPU's objects into the batch that is being filled. Under the ring's lock. */
function flush(part: usize): void {
  const tail = load32(ring() + offsetof<Ring>("tail"));
  storeRelaxed64(ring() + offsetof<Ring>("bytes"), load64(ring() + offsetof<Ring>("bytes")) + bytesOf(part));
  moveAll(part, batch(tail));
  if (bytesOf(batch(tail)) >= load64(ring() + offsetof<Ring>("batchBytes"))) {
    const next = tail + 1 === batchCount ? 0 : tail + 1;
    // A full ring does not wrap: the last batch goes on growing.
    if (next !== load32(ring() + offsetof<Ring>("head"))) storeRelaxed32(ring() + offsetof<Ring>("tail"), next);
  }
}

export function reduce(): void {
  if (load64(ring() + offsetof<Ring>("bytes")) <= load64(ring() + offsetof<Ring>("bytesMax"))) return;
  // A removal waits for this section, because the detached batch is on no list that it looks at.
  const rank = srcuReadLock(srcu());
  const detached = taskStack();
  for (let index: u32 = 0; index < bucketCount; index++) setHead(bucketOf(detached, index), 0);
  setBytes(detached, 0);
  acquireIrqOff(ring());
  updateSizes();
  const bytes = load64(ring() + offsetof<Ring>("bytes"));
  if (bytes > load64(ring() + offsetof<Ring>("bytesMax"))) {
    const head = load32(ring() + offsetof<Ring>("head"));
    moveAll(batch(head), detached);
    storeRelaxed64(ring() + offsetof<Ring>("bytes"), bytes - bytesOf(detached));
    storeRelaxed32(ring() + offsetof<Ring>("head"), head + 1 === batchCount ? 0 : head + 1);
  }
  releaseIrqOn(ring());
  freeBuckets(detached, noteEvicted);
  srcuReadUnlock(srcu(), rank);
}

function freeBuckets(buckets: usize, why: u32): void {
  for (let index: u32 = 0; index < bucketCount; index++) {
    freeChain(headOf(bucketOf(buckets, index)), 0, why);
    setHead(bucketOf(buckets, index), 0);
  }
  setBytes(buckets, 0);
}

/** Moves the objects of one cache from one bucket to another list and returns their bytes. */
function moveCache(from: usize, to: usize, cache: usize): u64 {
  let object = headOf(from);
  if (object === 0) return 0;
  enter(qlistMoveCache);
  let bytes: u64 = 0;
  setHead(from, 0);
  while (object !== 0) {
    const next = nextOf(object);
    const owner = cacheOf(object);
    storeRelaxed32(object + offsetof<FreeObject>("next"), 0);
    if (owner === cache) {
      bytes += objectSizeOf(owner);
      append(to, object, object);
    } else {
      note(noteForeignVisited, object);
      append(from, object, object);
    }
    object = next;
  }
  leave();
  return bytes;
}

/** The part of a removal that each CPU does in an interrupt. */
function removeHere(argument: usize): void {
  const part = cpuPart(cpu());
  if (load32(part + offsetof<Buckets>("offline")) === 0) {
    const cache = load32(argument + offsetof<Request>("cache"));
    acquireInIrqOff(removedLock(cpu()));
    const bytes = moveCache(bucketOf(part, hashOf(cache)), removedList(cpu()), cache);
    setBytes(part, bytesOf(part) - bytes);
    releaseInIrqOff(removedLock(cpu()));
  }
  countDown(argument + offsetof<Request>("pending"));
}

export function removeCache(cache: usize): bool {
  const removed = taskStack();
  const request = removed + requestOffset;
  setHead(removed, 0);
  storeRelaxed32(request + offsetof<Request>("cache"), cache as u32);
  runOnEveryCpu(onlineTable(), removeHere.index, request, request + offsetof<Request>("pending"));
  // Of every CPU: one may have gone offline since its interrupt.
  for (let index: u32 = 0; index < cpus(); index++) {
    acquireIrqOff(removedLock(index));
    moveCache(removedList(index), removed, cache);
    releaseIrqOn(removedLock(index));
  }

  acquireIrqOff(ring());
  for (let index: u32 = 0; index < batchCount; index++) {
    const bucket = bucketOf(batch(index), hashOf(cache));
    if (headOf(bucket) === 0) continue;
    note(noteBatchVisited, batch(index));
    const bytes = moveCache(bucket, removed, cache);
    setBytes(batch(index), bytesOf(batch(index)) - bytes);
    storeRelaxed64(ring() + offsetof<Ring>("bytes"), load64(ring() + offsetof<Ring>("bytes")) - bytes);
    releaseIrqOn(ring());
    quiescent();
    acquireIrqOff(ring());
  }
  releaseIrqOn(ring());
  freeChain(headOf(removed), cache, noteOwnRemoved);
  synchronizeSrcuExpedited(srcu());
  return true;
}

export function cpuOnline(): void {
  storeRelaxed32(cpuPart(cpu()) + offsetof<Buckets>("offline"), 0);
}

export function cpuOffline(): void {
  const part = cpuPart(cpu());
  // A removal waits for the drain, whose objects are on no list that it looks at.
  const rank = srcuReadLock(srcu());
  // Before the drain, so that an interrupt that arrives in between leaves the buckets alone.
  storeRelaxed32(part + offsetof<Buckets>("offline"), 1);
  freeBuckets(part, noteDrained);
  srcuReadUnlock(srcu(), rank);
}

/** Bytes of all quarantined objects. Exact while nobody puts or reduces. */
export function quarantinedBytes(): u64 {
  let bytes = load64(ring() + offsetof<Ring>("bytes"));
  for (let index: u32 = 0; index < cpus(); index++) bytes += bytesOf(cpuPart(index));
  return bytes;
}

/** Batches that hold objects. Exact while nobody puts or reduces. */
export function batchesInUse(): u32 {
  let count: u32 = 0;
  for (let index: u32 = 0; index < batchCount; index++) {
    if (bytesOf(batch(index)) !== 0) count++;
  }
  return count;
}

/** What lies at an address of the variant's structures (`areas.ts`). */
export function areaOf(address: usize): u32 {
  if (address < ring()) return areaQueues;
  if (address < srcu()) return areaGlobal;
  return address < batch(0) ? areaSrcu : areaBatches;
}
