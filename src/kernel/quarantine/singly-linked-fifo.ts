// The reference: a queue per CPU, and a ring of batches under one lock.
//
// Follows mm/kasan/quarantine.c, Linux since 4.10 in the form of 6.x: kasan_quarantine_put(),
// kasan_quarantine_reduce(), kasan_quarantine_remove_cache() and the CPU hotplug callbacks.
//
// Costs. put: constant; the lock once per MiB. reduce: constant under the lock, then one batch is freed. remove: every
// quarantined object is looked at and chained anew, whichever cache it belongs to.
// Memory: an 8-byte link in the object; a 24-byte queue head per batch and per CPU.
//
// Left out: the free track of KASAN's reports, init_on_free. Different from Linux: objects that a removal takes out of
// the batches leave the total at once. Linux lets the total drift, and then holds less than it may.
// A removal waits for an expedited grace period. Linux asks for a normal one, which expedites itself when the domain has
// been idle for 25 us; between two removals it always has.
// Also different: a CPU that goes offline drains its queue as an SRCU reader, so that no removal overtakes it.

import {
  cpu,
  cpus,
  irqOff,
  irqOn,
  load32,
  load64,
  note,
  quiescent,
  read32,
  storeRelaxed32,
  storeRelaxed64,
  taskStack,
} from "../machine/impl";
import { noteBatchVisited, noteDrained, noteEvicted, noteOwnRemoved } from "../notes";
import { objectSizeOf } from "../slab/cache";
import { countDown, runOnEveryCpu } from "../sync/every-cpu";
import { acquireInIrqOff, acquireIrqOff, releaseInIrqOff, releaseIrqOn } from "../sync/spin-lock";
import { srcuReadLock, srcuReadUnlock, srcuSize, synchronizeSrcuExpedited } from "../sync/srcu";
import { areaBatches, areaGlobal, areaQueues, areaSrcu } from "./areas";
import { append, bytesOf, freeAll, isEmpty, moveAll, moveCache, Queue, queueSize } from "./queue";
import { machineCell, onlineTable, variantBase } from "./region";
import { Request, Ring } from "./ring";
import { batchBytesOf, batchCount, cpuQueueBytesMax, maxBytesOf } from "./sizing";

/** One CPU's part. */
@unmanaged
class CpuPart {
  /** What the CPU freed last. Only that CPU touches it, with interrupts off. */
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
  /** Objects that an interrupt took out of the CPU's queue for a removal, guarded by `removedLock`. */
  removedHead: u32 = 0;
  pad7: u32 = 0;
  removedTail: u32 = 0;
  pad8: u32 = 0;
  removedBytes: u64 = 0;
  removedLock: u32 = 0;
  pad9: u32 = 0;
  pad10: u64 = 0;
  pad11: u64 = 0;
  pad12: u64 = 0;
  pad13: u64 = 0;
}

if (offsetof<CpuPart>() !== 128) ERROR("CpuPart must fill two 64-byte lines");

// The CPUs' parts come first, so that a put finds its own with the fewest instructions.
function cpuPart(index: u32): usize {
  return variantBase() + index * offsetof<CpuPart>();
}

function ring(): usize {
  return cpuPart(cpus());
}

function srcu(): usize {
  return ring() + offsetof<Ring>();
}

function removedQueue(part: usize): usize {
  return part + offsetof<CpuPart>("removedHead");
}

function batch(index: u32): usize {
  return srcu() + srcuSize(cpus()) + usize(index) * queueSize;
}

/** Bytes of the global structures. A multiple of 8. */
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

export function put(cache: usize, object: usize): bool {
  // Interrupts stay off until the objects are either in this CPU's queue or in a batch: a removal first interrupts
  // every CPU and then looks at the batches, so it must not pass between the two (fixed in Linux 4.11).
  irqOff();
  const queue = cpuPart(cpu());
  if (read32(queue + offsetof<CpuPart>("offline")) !== 0) {
    irqOn();
    return false;
  }
  if (append(queue, object, objectSizeOf(cache)) > cpuQueueBytesMax) flushOwn(queue);
  irqOn();
  return true;
}

/** Makes this CPU's objects global. Apart from `put`, which is short without it. */
function flushOwn(queue: usize): void {
  acquireInIrqOff(ring());
  flush(queue);
  releaseInIrqOff(ring());
}

/** Moves a CPU's queue into the batch that is being filled. Under the ring's lock. */
function flush(queue: usize): void {
  const tail = load32(ring() + offsetof<Ring>("tail"));
  storeRelaxed64(ring() + offsetof<Ring>("bytes"), load64(ring() + offsetof<Ring>("bytes")) + bytesOf(queue));
  moveAll(queue, batch(tail));
  if (bytesOf(batch(tail)) >= load64(ring() + offsetof<Ring>("batchBytes"))) {
    const next = tail + 1 === batchCount ? 0 : tail + 1;
    // A full ring does not wrap: the last batch goes on growing.
    if (next !== load32(ring() + offsetof<Ring>("head"))) storeRelaxed32(ring() + offsetof<Ring>("tail"), next);
  }
}

/** Lets the oldest batch go if the quarantine is too large. Returns whether it looked under the lock. */
export function reduceOnce(): bool {
  if (load64(ring() + offsetof<Ring>("bytes")) <= load64(ring() + offsetof<Ring>("bytesMax"))) return false;
  // A removal waits for this section, because the detached batch is on no list that it looks at.
  const rank = srcuReadLock(srcu());
  const detached = taskStack();
  storeRelaxed32(detached + offsetof<Queue>("head"), 0);
  storeRelaxed64(detached + offsetof<Queue>("bytes"), 0);
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
  freeAll(detached, 0, noteEvicted);
  srcuReadUnlock(srcu(), rank);
  return true;
}

export function reduce(): void {
  reduceOnce();
}

/** How a removal takes objects out of a queue: from, to, cache. */
export type Filter = (from: usize, to: usize, cache: usize) => void;

function removeHere(argument: usize): void {
  takeFromThisCpu(load32(argument + offsetof<Request>("cache")), moveCache);
  countDown(argument + offsetof<Request>("pending"));
}

/** The part of a removal that each CPU does in an interrupt. */
export function takeFromThisCpu(cache: usize, filter: Filter): void {
  const part = cpuPart(cpu());
  if (load32(part + offsetof<CpuPart>("offline")) !== 0) return;
  acquireInIrqOff(part + offsetof<CpuPart>("removedLock"));
  filter(part, removedQueue(part), cache);
  releaseInIrqOff(part + offsetof<CpuPart>("removedLock"));
}

export function removeCache(cache: usize): bool {
  removeObjects(cache, removeHere.index, moveCache);
  return true;
}

/**
 * Frees the quarantined objects that `filter` chooses.
 *
 * @param cache their cache, or 0 when they may belong to several
 * @param work the function that does each CPU's part
 */
export function removeObjects(cache: usize, work: u32, filter: Filter): void {
  const removed = taskStack();
  const request = removed + 64;
  storeRelaxed32(removed + offsetof<Queue>("head"), 0);
  storeRelaxed64(removed + offsetof<Queue>("bytes"), 0);
  storeRelaxed32(request + offsetof<Request>("cache"), cache as u32);
  runOnEveryCpu(onlineTable(), work, request, request + offsetof<Request>("pending"));
  // Of every CPU: one may have gone offline since its interrupt.
  for (let index: u32 = 0; index < cpus(); index++) {
    const part = cpuPart(index);
    acquireIrqOff(part + offsetof<CpuPart>("removedLock"));
    filter(removedQueue(part), removed, cache);
    releaseIrqOn(part + offsetof<CpuPart>("removedLock"));
  }
  freeAll(removed, cache, noteOwnRemoved);

  acquireIrqOff(ring());
  for (let index: u32 = 0; index < batchCount; index++) {
    const queue = batch(index);
    if (isEmpty(queue)) continue;
    note(noteBatchVisited, queue);
    const before = bytesOf(queue);
    filter(queue, removed, cache);
    storeRelaxed64(
      ring() + offsetof<Ring>("bytes"),
      load64(ring() + offsetof<Ring>("bytes")) - before + bytesOf(queue),
    );
    // One batch at a time, so that others get the lock and this CPU its interrupts.
    releaseIrqOn(ring());
    quiescent();
    acquireIrqOff(ring());
  }
  releaseIrqOn(ring());
  freeAll(removed, cache, noteOwnRemoved);
  synchronizeSrcuExpedited(srcu());
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
  freeAll(queue, 0, noteDrained);
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
    if (!isEmpty(batch(index))) count++;
  }
  return count;
}

/** What lies at an address of the variant's structures (`areas.ts`). */
export function areaOf(address: usize): u32 {
  if (address < ring()) return areaQueues;
  if (address < srcu()) return areaGlobal;
  return address < batch(0) ? areaSrcu : areaBatches;
}
