// Sleepable RCU: readers count themselves in and out on a line of their own CPU, and who waits sums the counts.
//
// Follows kernel/rcu/srcutree.c (Linux 6.6): two ranks of counters, the reader's two barriers, and a grace period
// that waits for the idle rank, flips, and waits for the other one.
// Left out: the delays in jiffies before and after a grace period. The caller here is a cache removal, which finds
// the domain idle for longer than the 25 us after which the kernel expedites the grace period by itself.
// Readers are wait-free. `synchronize` blocks until every reader that began before it has ended; calls of it are
// serialised, and wait with preemption on. Readers and one waiter may run at the same time on any CPUs.

import {
  barrier,
  compareExchange32,
  cpu,
  cpus,
  deliver,
  load32,
  pause,
  preemptOff,
  preemptOn,
  quiescent,
  store32,
  storeRelaxed32,
} from "../machine/impl";

/** The part of a domain that all CPUs read. */
@unmanaged
class Domain {
  /** Rank that new readers use: 0 or 1. Written by `synchronize`. */
  rank: u32 = 0;
  /** Serialises `synchronize`. */
  lock: u32 = 0;
  pad0: u64 = 0;
  pad1: u64 = 0;
  pad2: u64 = 0;
  pad3: u64 = 0;
  pad4: u64 = 0;
  pad5: u64 = 0;
  pad6: u64 = 0;
}

/** One CPU's counters, on a line of their own. Only that CPU writes them. */
@unmanaged
class Counters {
  /** Readers that entered with rank 0. */
  entered0: u32 = 0;
  /** Readers that entered with rank 1. */
  entered1: u32 = 0;
  /** Readers of rank 0 that left. */
  left0: u32 = 0;
  /** Readers of rank 1 that left. */
  left1: u32 = 0;
  pad0: u64 = 0;
  pad1: u64 = 0;
  pad2: u64 = 0;
  pad3: u64 = 0;
  pad4: u64 = 0;
  pad5: u64 = 0;
}

if (offsetof<Domain>() !== 64) ERROR("Domain must fill one 64-byte line");
if (offsetof<Counters>() !== 64) ERROR("Counters must fill one 64-byte line");

/** Bytes of a domain on a machine of `cpuCount` CPUs. Zeroed memory is an idle domain. */
export function srcuSize(cpuCount: u32): usize {
  return offsetof<Domain>() + cpuCount * offsetof<Counters>();
}

function countersOf(domain: usize, index: u32): usize {
  return domain + offsetof<Domain>() + index * offsetof<Counters>();
}

function enteredCell(domain: usize, index: u32, rank: u32): usize {
  return countersOf(domain, index) + offsetof<Counters>("entered0") + rank * 4;
}

function leftCell(domain: usize, index: u32, rank: u32): usize {
  return countersOf(domain, index) + offsetof<Counters>("left0") + rank * 4;
}

/** Begins a read section and returns its rank, which `readUnlock` wants back. */
export function readLock(domain: usize): u32 {
  // Not preempted between load and store, so that no other reader of this CPU loses its count.
  preemptOff();
  const rank = load32(domain + offsetof<Domain>("rank"));
  const cell = enteredCell(domain, cpu(), rank);
  storeRelaxed32(cell, load32(cell) + 1);
  preemptOn();
  // The count is visible before anything that the section reads. Pairs with the barriers in `isQuiet`.
  barrier();
  return rank;
}

/** Ends a read section. */
export function readUnlock(domain: usize, rank: u32): void {
  // What the section did is visible before the count. Pairs with the barriers in `isQuiet`.
  barrier();
  preemptOff();
  const cell = leftCell(domain, cpu(), rank);
  storeRelaxed32(cell, load32(cell) + 1);
  preemptOn();
}

/** Whether no reader of the rank is inside. The sum of leavers is taken first, so that a reader in between is seen. */
function isQuiet(domain: usize, rank: u32): bool {
  let left: u32 = 0;
  for (let index: u32 = 0; index < cpus(); index++) left += load32(leftCell(domain, index, rank));
  barrier();
  let entered: u32 = 0;
  for (let index: u32 = 0; index < cpus(); index++) entered += load32(enteredCell(domain, index, rank));
  return entered === left;
}

function waitForRank(domain: usize, rank: u32): void {
  // Ends because readers of a rank that is not handed out any more can only leave.
  while (!isQuiet(domain, rank)) {
    pause();
    deliver();
  }
}

/** Waits until every read section that began before the call has ended. */
export function synchronize(domain: usize): void {
  barrier();
  // With preemption on, as with the kernel's mutex: a reader that was preempted on this CPU must be able to end.
  while (compareExchange32(domain + offsetof<Domain>("lock"), 0, 1) !== 0) {
    pause();
    deliver();
  }
  const rank = load32(domain + offsetof<Domain>("rank"));
  // A reader may have fetched the other rank before the last flip and count itself only now: wait for it, too.
  waitForRank(domain, rank ^ 1);
  barrier();
  storeRelaxed32(domain + offsetof<Domain>("rank"), rank ^ 1);
  barrier();
  waitForRank(domain, rank);
  store32(domain + offsetof<Domain>("lock"), 0);
  quiescent();
}
