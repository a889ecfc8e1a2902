// Memory of vectors: a pool of limited size, what has to be done to get some, and the wait for more.
//
// Follows kmem_alloc() of fs/xfs/kmem.c (Linux 4.7: tries for ever, with congestion_wait() in between), kvmalloc() and
// vmalloc(). Kinds: kmalloc rounds up to a power of two, vmalloc to pages. Above order 3 no free blocks are to be had when
// `compactionNs` is not 0, as on a machine that has been up for a while: kmalloc then has memory compacted, in its caller's
// time, or fails at once when it must not.
// An allocation waits until the pool has room (no `__GFP_FS`, so the caller reclaims nothing of the file system itself).
// While it waits it wants a push, and does what others would do for it: it pushes, unless it holds the context lock; it
// completes checkpoints whose log I/O is done, which needs no lock that is held for long; it frees shadows of clean items,
// as kswapd does by letting inodes and buffers go. If the wait is longer than `hangMs`, and nothing is under way that will free
// memory, the watchdog counts a deadlock, and the bytes come from a reserve. With `hangMs` 0 there is no watchdog, and the wait is a sleep that a free ends.
// Left out: reclaim of anything else, per-CPU counts of free memory (the pool is one cell), mapping of pages.

import {
  add32,
  compareExchange32,
  compute,
  enter,
  leave,
  load32,
  now,
  runDeferred,
  sleep,
  wait,
  wake,
} from "../machine/impl";
import { kfree, kmalloc, kmallocBytes } from "../slab/kmalloc";
import { begin, count, countAlways, end } from "../statistics";
import { congestionWait, kvfree, kvmalloc, tryToCompactPages, vmalloc } from "../symbols";
import { acquire, release } from "../sync/spin-lock";
import { completeDue, isStuck, pushIfRequested, requestPush } from "./context";
import {
  counterAllocations,
  counterAllocationsUnderLock,
  counterCompactions,
  counterForbiddenMemory,
  counterFreesUnderLock,
  counterMemoryWaits,
  counterVmallocs,
  histogramMemoryWait,
} from "./counters";
import { compactionNs, hangMs, memoryLimit } from "./harness";
import { mayUseMemoryUnderLock } from "./impl";
import { reclaimShadows } from "./item";
import { addFootprint, isHolder, recordDeadlock, setWaiting, waitsForMemory, waitsForNothing } from "./ledger";
import { beginOwning, endOwningNow } from "./ownership";
import { Cil, cil, cilField, kmallocCaches } from "./region";
import { LogVec, sizeOf } from "./vector";

/** Kinds of memory. */
export const kindKmalloc: u32 = 0;
export const kindVmalloc: u32 = 1;

/** Largest block that the allocator has without compaction: order 3 (PAGE_ALLOC_COSTLY_ORDER). */
const cheapBytesMax: u32 = 32_768;
const pageBytes: u32 = 4096;
/**
 * How long a vmalloc() or a vfree() holds the lock of the addresses, in ns: half of the 0.58 us that a pair took on one
 * thread of a Threadripper 3970X before the lock was split.
 */
const vmapNs: u64 = 290;

/** First and longest sleep of a wait: the longest is that of congestion_wait() in kmem_alloc(), HZ / 50. */
const napNsFirst: u64 = 20_000;
const napNsMax: u64 = 20_000_000;
const nanosecondsPerMs: u64 = 1_000_000;

/** Bytes that an allocation takes. */
export function takenBytes(kind: u32, bytes: u32): u32 {
  return kind === kindKmalloc ? kmallocBytes(bytes) : (bytes + pageBytes - 1) & ~(pageBytes - 1);
}

/** Whether kmalloc has no block of the size without compacting memory. */
export function isCostly(bytes: u32): bool {
  return compactionNs !== 0 && bytes > cheapBytesMax;
}

/** Takes bytes of the pool, if it has them. */
function tryCharge(bytes: u32): bool {
  if (memoryLimit === 0) return true;
  const cell = cil() + offsetof<Cil>("used");
  let seen = load32(cell);
  while (u64(seen) + u64(bytes) <= u64(memoryLimit)) {
    const held = compareExchange32(cell, seen, seen + bytes);
    if (held === seen) return true;
    seen = held;
  }
  return false;
}

function uncharge(bytes: u32): void {
  if (memoryLimit !== 0) add32(cil() + offsetof<Cil>("used"), 0 - bytes);
  // After a locked operation: the task that waits has said so before it looked at the pool for the last time.
  if (cilField(offsetof<Cil>("waiters")) === 0) return;
  add32(cil() + offsetof<Cil>("freed"), 1);
  wake(cil() + offsetof<Cil>("freed"), u32.MAX_VALUE);
}

/** Takes memory, if the pool and the arena have it; or 0. */
function tryTake(kind: u32, bytes: u32): usize {
  const taken = takenBytes(kind, bytes);
  if (!tryCharge(taken)) return 0;
  const address = kmalloc(kmallocCaches(), taken);
  if (address === 0) uncharge(taken);
  return address;
}

/**
 * Takes memory for a vector of a task. Never fails.
 *
 * @returns its address; the contents are anything
 */
export function allocateVector(task: u32, kind: u32, bytes: u32): usize {
  enter(kind === kindKmalloc ? kvmalloc : vmalloc);
  count(counterAllocations);
  if (isHolder(task)) {
    count(counterAllocationsUnderLock);
    if (!mayUseMemoryUnderLock()) countAlways(counterForbiddenMemory);
  }
  if (kind === kindVmalloc) {
    count(counterVmallocs);
    useAddresses();
  } else if (isCostly(bytes)) {
    enter(tryToCompactPages);
    count(counterCompactions);
    compute(compactionNs);
    leave();
  }
  let address = tryTake(kind, bytes);
  if (address === 0) address = waitForMemory(task, kind, bytes);
  addFootprint(i64(takenBytes(kind, bytes)));
  leave();
  return address;
}

/** The lock under which vmalloc finds and gives back addresses. */
function useAddresses(): void {
  const lock = cil() + offsetof<Cil>("vmapLock");
  acquire(lock);
  compute(vmapNs);
  release(lock);
}

/** Gives a vector back that belongs to nobody any more. */
export function freeVector(task: u32, vector: usize): void {
  if (isHolder(task)) {
    count(counterFreesUnderLock);
    if (!mayUseMemoryUnderLock()) countAlways(counterForbiddenMemory);
  }
  giveBack(vector);
}

/** The same by a worker, which belongs to no task, and by who owns the vector. */
export function giveBack(vector: usize): void {
  enter(kvfree);
  beginOwning(vector);
  const kind = load32(vector + offsetof<LogVec>("kind"));
  const taken = takenBytes(kind, sizeOf(vector));
  if (kind === kindVmalloc) useAddresses();
  kfree(vector);
  endOwningNow(vector);
  addFootprint(-i64(taken));
  uncharge(taken);
  leave();
}

/** Waits until the pool has room. */
function waitForMemory(task: u32, kind: u32, bytes: u32): usize {
  enter(congestionWait);
  count(counterMemoryWaits);
  const began = begin();
  const since: u64 = hangMs === 0 ? 0 : now();
  const waiters = cil() + offsetof<Cil>("waiters");
  // A full barrier: who frees after the look at the pool below sees that somebody waits.
  add32(waiters, 1);
  let napNs = napNsFirst;
  let address: usize = 0;
  while (true) {
    setWaiting(task, waitsForMemory, bytes);
    const seen = cilField(offsetof<Cil>("freed"));
    address = tryTake(kind, bytes);
    if (address !== 0) break;
    requestPush();
    if (!isHolder(task)) pushIfRequested(task);
    reclaimShadows();
    if (cilField(offsetof<Cil>("freed")) !== seen) continue;
    if (hangMs === 0) {
      setWaiting(task, waitsForMemory, bytes);
      wait(cil() + offsetof<Cil>("freed"), seen);
      continue;
    }
    const nowNs = now();
    if (runDeferred(nowNs) + completeDue(nowNs) > 0) continue;
    if (nowNs - since > u64(hangMs) * nanosecondsPerMs && isStuck(isHolder(task))) {
      recordDeadlock(task, takenBytes(kind, bytes), nowNs);
      address = takeReserve(kind, bytes);
      break;
    }
    setWaiting(task, waitsForMemory, bytes);
    sleep(napNs);
    napNs = min<u64>(napNs * 2, napNsMax);
  }
  setWaiting(task, waitsForNothing, 0);
  add32(waiters, u32.MAX_VALUE);
  end(histogramMemoryWait, began);
  leave();
  return address;
}

/** Takes memory though the pool has none, so that the run goes on. */
function takeReserve(kind: u32, bytes: u32): usize {
  const taken = takenBytes(kind, bytes);
  if (memoryLimit !== 0) add32(cil() + offsetof<Cil>("used"), taken);
  const address = kmalloc(kmallocCaches(), taken);
  // The arena holds more than the pool; who gets here has a case that was laid out too small.
  if (address === 0) unreachable();
  return address;
}
