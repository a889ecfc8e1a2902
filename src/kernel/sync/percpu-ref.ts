// A reference count that is per CPU until it is killed.
//
// Follows lib/percpu-refcount.c and include/linux/percpu-refcount.h (Linux 6.6): until the initial reference is about to
// go, nobody need know whether the count is 0, so each CPU counts for itself. A kill marks the count, waits for a grace
// period of RCU, after which every CPU counts in the atomic word, adds up what the CPUs had counted, and gives the initial
// reference back.
// Left out: counts that begin or stay atomic, the way back from a dead count (reinit, resurrect), and with these the lock
// that orders switches; the warnings about a count below 0. The word and the marks lie together, as in Linux until 5.10.
//
// Any task may call these at any time, with interrupts on; not from interrupt handlers, which could come in between the
// load and the store of a CPU's counter (in the kernel one instruction). `get`, `put` and the two `tryGet` never wait:
// wait-free while the count is per CPU, lock-free afterwards. `kill` comes once, and does not wait either.
//
// Why no reference is lost. A count is read as per CPU, and counted so, in one RCU section; so once the grace period
// after the mark has ended, no CPU's counter changes any more, and their sum, modulo 2^32, is what was taken less what was
// given back. Meanwhile others count in the word already, and may give back there what was taken in a counter. The word
// begins with a bias that no number of references comes near, and the sum is added and the bias taken off in one step, so
// the word is not 0 before it is the true count. The grace period itself has a reference, given back after `confirm`.

import { add32, cpu, cpus, load32, storeRelaxed32 } from "../machine/impl";
import { callRcu, rcuHeadSize, rcuReadLock, rcuReadUnlock } from "./rcu";
import { decrementAndTest, incrementUnlessZero } from "./refcount";

/** Who finds what refers to memory of it must be in an RCU section: the memory may go a grace period after its release. */
@unmanaged
class PercpuRef {
  /** `isAtomic` and `isDead`, or 0. Written by the kill. */
  marks: u32 = 0;
  /** Address of CPU 0's counter. Written when the count is made. */
  counters: u32 = 0;
  /** Bytes between the counters of two CPUs. Written when the count is made. */
  stride: u32 = 0;
  /** The bias and what was counted here; the count itself once the sum is in. Any CPU. */
  count: u32 = 0;
  /** Index of the function to be called when the last reference is gone, with the address of this. */
  release: u32 = 0;
  /** Index of the function to be called when the count is seen as dead everywhere, or 0. Written by the kill. */
  confirm: u32 = 0;
  /** Address of the RCU domain. */
  rcu: u32 = 0;
  pad: u32 = 0;
  /** For the grace period of the kill. */
  head0: u64 = 0;
  head1: u64 = 0;
}

/** Bytes of a count, a multiple of 8. */
export const percpuRefSize: usize = 48;
if (offsetof<PercpuRef>() !== 48) ERROR("PercpuRef must be 48 bytes");
if (offsetof<PercpuRef>() - offsetof<PercpuRef>("head0") !== rcuHeadSize) ERROR("the head must fit");

/** Where the count of a dying one stands, for whoever only looks. */
export const percpuRefCountAt: usize = 12;
if (offsetof<PercpuRef>("count") !== 12) ERROR("the count must stand where it is said");

const isAtomic: u32 = 1;
const isDead: u32 = 2;
const bias: u32 = 0x8000_0000;

/** Bytes of one CPU's counter. */
export const percpuCounterSize: usize = 4;

/**
 * Makes a count of 1, the initial reference. Nobody else may look at it yet.
 *
 * @param counters address of CPU 0's counter. Those of one CPU lie side by side, as per-CPU memory does
 * @param stride bytes between the counters of two CPUs; a multiple of the line size, or CPUs share lines
 * @param rcu the domain whose grace period a kill waits for
 * @param release index of the function that is called with the address of the count, on the CPU that gave the last
 *   reference back; it may run within an RCU callback, and so must not wait
 */
export function percpuRefInit(ref: usize, counters: usize, stride: usize, rcu: usize, release: u32): void {
  for (let index: u32 = 0; index < cpus(); index++) storeRelaxed32(counters + usize(index) * stride, 0);
  storeRelaxed32(ref + offsetof<PercpuRef>("marks"), 0);
  storeRelaxed32(ref + offsetof<PercpuRef>("counters"), counters as u32);
  storeRelaxed32(ref + offsetof<PercpuRef>("stride"), stride as u32);
  storeRelaxed32(ref + offsetof<PercpuRef>("count"), bias + 1);
  storeRelaxed32(ref + offsetof<PercpuRef>("release"), release);
  storeRelaxed32(ref + offsetof<PercpuRef>("confirm"), 0);
  storeRelaxed32(ref + offsetof<PercpuRef>("rcu"), rcu as u32);
}

function counterOf(ref: usize, index: u32): usize {
  const stride = usize(load32(ref + offsetof<PercpuRef>("stride")));
  return usize(load32(ref + offsetof<PercpuRef>("counters"))) + usize(index) * stride;
}

/** Counts on this CPU. In an RCU section, in which the count was seen to be per CPU. */
function countHere(ref: usize, delta: u32): void {
  const cell = counterOf(ref, cpu());
  storeRelaxed32(cell, load32(cell) + delta);
}

function marksOf(ref: usize): u32 {
  return load32(ref + offsetof<PercpuRef>("marks"));
}

/** Takes another reference. The caller has one. */
export function percpuRefGet(ref: usize): void {
  rcuReadLock();
  if ((marksOf(ref) & isAtomic) === 0) countHere(ref, 1);
  else add32(ref + offsetof<PercpuRef>("count"), 1);
  rcuReadUnlock();
}

/** Takes a reference unless there is none any more: a dying count still gives them. */
export function percpuRefTryGet(ref: usize): bool {
  let isTaken: bool = true;
  rcuReadLock();
  if ((marksOf(ref) & isAtomic) === 0) countHere(ref, 1);
  else isTaken = incrementUnlessZero(ref + offsetof<PercpuRef>("count"));
  rcuReadUnlock();
  return isTaken;
}

/**
 * Takes a reference unless the count is dying. It may still succeed for some time after the kill; when `confirm` is
 * called, it does not any more.
 */
export function percpuRefTryGetLive(ref: usize): bool {
  let isTaken: bool = true;
  rcuReadLock();
  const marks = marksOf(ref);
  if ((marks & isAtomic) === 0) countHere(ref, 1);
  else if ((marks & isDead) === 0) isTaken = incrementUnlessZero(ref + offsetof<PercpuRef>("count"));
  else isTaken = false;
  rcuReadUnlock();
  return isTaken;
}

/** Gives a reference back, and calls `release` if it was the last one; then returns true. */
export function percpuRefPut(ref: usize): bool {
  let isLast: bool = false;
  rcuReadLock();
  if ((marksOf(ref) & isAtomic) === 0) countHere(ref, u32(-1));
  else isLast = decrementAndTest(ref + offsetof<PercpuRef>("count"));
  rcuReadUnlock();
  if (isLast) call_indirect<void>(load32(ref + offsetof<PercpuRef>("release")), ref);
  return isLast;
}

/**
 * Gives the initial reference back. After a grace period `confirm` is called with the address of the count, on this
 * CPU, within an RCU callback: it must not wait. `release` comes later than that.
 *
 * @param confirm index of a function, or 0
 */
export function percpuRefKill(ref: usize, confirm: u32): void {
  storeRelaxed32(ref + offsetof<PercpuRef>("confirm"), confirm);
  // Seen by every CPU after the grace period, for whose sake `callRcu` makes it visible.
  storeRelaxed32(ref + offsetof<PercpuRef>("marks"), isAtomic | isDead);
  // For the grace period.
  add32(ref + offsetof<PercpuRef>("count"), 1);
  callRcu(load32(ref + offsetof<PercpuRef>("rcu")), ref + offsetof<PercpuRef>("head0"), sumUp.index, ref);
  percpuRefPut(ref);
}

/** The grace period has ended: nobody counts on a CPU any more. */
function sumUp(ref: usize): void {
  let sum: u32 = 0;
  for (let index: u32 = 0; index < cpus(); index++) sum += load32(counterOf(ref, index));
  // In one step. All CPUs first: what one took, another may have given back.
  add32(ref + offsetof<PercpuRef>("count"), sum - bias);
  const confirm = load32(ref + offsetof<PercpuRef>("confirm"));
  if (confirm !== 0) call_indirect<void>(confirm, ref);
  percpuRefPut(ref);
}

/** Whether the count was killed. */
export function percpuRefIsDying(ref: usize): bool {
  return (marksOf(ref) & isDead) !== 0;
}

/** Whether no reference is left. */
export function percpuRefIsZero(ref: usize): bool {
  return (marksOf(ref) & isAtomic) !== 0 && load32(ref + offsetof<PercpuRef>("count")) === 0;
}
