// The first merged form: a queue per CPU, and one global list under one lock.
//
// Follows mm/kasan/quarantine.c of Linux 4.7: quarantine_put(), quarantine_reduce(), quarantine_remove_cache().
//
// Costs. put: constant; the lock once per MiB. reduce: walks a quarter of the quarantine under the lock with
// interrupts off, then walks it again to free it. remove: walks the whole list under the lock with interrupts off.
// Memory: an 8-byte link in the object; one queue head per CPU and one in all.
//
// Left out: three bugs that later versions fixed. Interrupts stay off until a CPU's queue is in the global list, and
// a removal waits for reducers (both 4.11); the list filter is the corrected one (4.8). An offline CPU takes no
// objects (5.10). Different from Linux: what a removal takes out leaves the total at once.
// Also different: a CPU that goes offline drains its queue as an SRCU reader, so that no removal overtakes it.

import {
  cpu,
  cpus,
  irqOff,
  irqOn,
  load32,
  load64,
  note,
  read32,
  storeRelaxed32,
  storeRelaxed64,
  taskStack,
} from "../machine/impl";
import { noteBatchVisited, noteDrained, noteEvicted, noteOwnRemoved } from "../notes";
import { cacheOf, FreeObject, objectSizeOf } from "../slab/cache";
import { countDown, runOnEveryCpu } from "../sync/every-cpu";
import { acquireInIrqOff, acquireIrqOff, releaseInIrqOff, releaseIrqOn } from "../sync/spin-lock";
import { srcuReadLock, srcuReadUnlock, srcuSize, synchronizeSrcuExpedited } from "../sync/srcu";
import { areaGlobal, areaQueues, areaSrcu } from "./areas";
import {
  append,
  bytesOf,
  freeAll,
  freeChain,
  headOf,
  isEmpty,
  makeEmpty,
  moveAll,
  moveCache,
  nextOf,
  Queue,
  setBytes,
} from "./queue";
import { machineCell, onlineTable, variantBase } from "./region";
import { Request } from "./ring";
import { cpuQueueBytesMax, maxBytesOf } from "./sizing";

/** The global quarantine. */
@unmanaged
class Global {
  /** Guards this line and the list. Taken with interrupts off. */
  lock: u32 = 0;
  pad0: u32 = 0;
  /** The list, as a `Queue`; its bytes are also read without the lock. */
  head: u32 = 0;
  pad1: u32 = 0;
  tail: u32 = 0;
  pad2: u32 = 0;
  bytes: u64 = 0;
  /** Bytes above which the oldest objects are let go. Also read without the lock. */
  bytesMax: u64 = 0;
  pad3: u64 = 0;
  pad4: u64 = 0;
  pad5: u64 = 0;
}

/** One CPU's queue, as a `Queue`. Only that CPU touches it, with interrupts off. */
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
  /** What an interrupt takes out of the queue, as a `Queue`; empty outside it. */
  removedHead: u32 = 0;
  pad4: u32 = 0;
  removedTail: u32 = 0;
  pad5: u32 = 0;
  removedBytes: u64 = 0;
}

if (offsetof<Global>() !== 64) ERROR("Global must fill one 64-byte line");
if (offsetof<CpuPart>() !== 64) ERROR("CpuPart must fill one 64-byte line");

// The CPUs' parts come first, so that a put finds its own with the fewest instructions.
function cpuPart(index: u32): usize {
  return variantBase() + index * offsetof<CpuPart>();
}

function global(): usize {
  return cpuPart(cpus());
}

function globalQueue(): usize {
  return global() + offsetof<Global>("head");
}

function srcu(): usize {
  return global() + offsetof<Global>();
}

/** Bytes of the global structures. */
export function globalBytes(): usize {
  return srcu() + srcuSize(cpus()) - variantBase();
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
  storeRelaxed64(global() + offsetof<Global>("bytesMax"), maxBytesOf(machineCell()));
}

export function put(cache: usize, object: usize): bool {
  // Interrupts stay off until the objects are in one of the two places that a removal looks at.
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
  acquireInIrqOff(global());
  moveAll(queue, globalQueue());
  releaseInIrqOff(global());
}

export function reduce(): void {
  if (load64(global() + offsetof<Global>("bytes")) <= load64(global() + offsetof<Global>("bytesMax"))) return;
  const rank = srcuReadLock(srcu());
  let first: usize = 0;
  acquireIrqOff(global());
  const bytesMax = maxBytesOf(machineCell());
  storeRelaxed64(global() + offsetof<Global>("bytesMax"), bytesMax);
  const bytes = bytesOf(globalQueue());
  if (bytes > bytesMax) {
    first = headOf(globalQueue());
    cutOff(bytes, bytes - (bytesMax * 3) / 4);
  }
  releaseIrqOn(global());
  freeChain(first, 0, noteEvicted);
  srcuReadUnlock(srcu(), rank);
}

/** Cuts the oldest objects off the list, up to the first one with which they exceed `surplus` bytes. Under the lock. */
function cutOff(bytes: u64, surplus: u64): void {
  let last = headOf(globalQueue());
  let cutBytes = u64(objectSizeOf(cacheOf(last)));
  let next = nextOf(last);
  while (next !== 0 && cutBytes <= surplus) {
    last = next;
    cutBytes += objectSizeOf(cacheOf(last));
    next = nextOf(last);
  }
  storeRelaxed32(last + offsetof<FreeObject>("next"), 0);
  if (next === 0) {
    makeEmpty(globalQueue());
  } else {
    storeRelaxed32(globalQueue() + offsetof<Queue>("head"), next as u32);
    setBytes(globalQueue(), bytes - cutBytes);
  }
}

/** The part of a removal that each CPU does in an interrupt: it frees the cache's objects right there. */
function removeHere(argument: usize): void {
  const part = cpuPart(cpu());
  if (load32(part + offsetof<CpuPart>("offline")) === 0) {
    const cache = load32(argument + offsetof<Request>("cache"));
    // Not on the stack, which belongs to the task that is interrupted.
    const removed = part + offsetof<CpuPart>("removedHead");
    moveCache(part, removed, cache);
    freeAll(removed, cache, noteOwnRemoved);
  }
  countDown(argument + offsetof<Request>("pending"));
}

export function removeCache(cache: usize): bool {
  const removed = taskStack();
  const request = removed + 64;
  storeRelaxed32(request + offsetof<Request>("cache"), cache as u32);
  runOnEveryCpu(onlineTable(), removeHere.index, request, request + offsetof<Request>("pending"));
  makeEmpty(removed);
  acquireIrqOff(global());
  if (!isEmpty(globalQueue())) {
    note(noteBatchVisited, globalQueue());
    moveCache(globalQueue(), removed, cache);
  }
  releaseIrqOn(global());
  freeAll(removed, cache, noteOwnRemoved);
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
  freeAll(queue, 0, noteDrained);
  srcuReadUnlock(srcu(), rank);
}

/** Bytes of all quarantined objects. Exact while nobody puts or reduces. */
export function quarantinedBytes(): u64 {
  let bytes = bytesOf(globalQueue());
  for (let index: u32 = 0; index < cpus(); index++) bytes += bytesOf(cpuPart(index));
  return bytes;
}

/** Batches that hold objects: the list is one. */
export function batchesInUse(): u32 {
  return isEmpty(globalQueue()) ? 0 : 1;
}

/** What lies at an address of the variant's structures (`areas.ts`). */
export function areaOf(address: usize): u32 {
  if (address < global()) return areaQueues;
  return address < srcu() ? areaGlobal : areaSrcu;
}
