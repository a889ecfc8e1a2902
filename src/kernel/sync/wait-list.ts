// First-in-first-out lists of sleeping tasks, for the locks of this folder.
//
// A waiter lies in its task's own memory, so a task can be on one list at a time. The list's lock, a spin lock of its
// user, guards the links. `state` is the cell that the task sleeps on: 0 until somebody wakes it.
// A waker changes `state` while the waiter is still on the list, or has just been taken off by the waker. After that it
// uses the waiter's address for `wake` only, because the task may have left the list and wait elsewhere with the same
// memory; a wake-up too many is harmless there.

import { load32, store32, storeRelaxed32, storeRelaxed64, task, taskStack, wait, wake } from "../machine/impl";

/** What the waiters of a task's page leave alone: its last 256 bytes belong to the locks. */
const reservedOffset: usize = 3840;
/** The spinner's node has a line of its own (`osq.ts`). */
const waiterOffset: usize = reservedOffset + 64;

/** Head of a list. Zeroed memory is an empty one. */
@unmanaged
export class WaitList {
  /** Address of the waiter that came first, or 0. */
  first: u32 = 0;
  /** Address of the waiter that came last; meaningless while the list is empty. */
  last: u32 = 0;
}

@unmanaged
export class Waiter {
  next: u32 = 0;
  previous: u32 = 0;
  /** 0: asleep or about to be; 1: woken. */
  state: u32 = 0;
  task: u32 = 0;
  /** For the list's user: what the task waits for. */
  kind: u32 = 0;
  /** For the list's user: the lock is kept for the first waiter. */
  handoff: u32 = 0;
  /** For the list's user: when waiting becomes too long, in ns. */
  deadline: u64 = 0;
}

if (offsetof<WaitList>() !== 8) ERROR("WaitList must be 8 bytes");
if (offsetof<Waiter>() !== 32) ERROR("Waiter must be 32 bytes");

/** Node of the running task in a queue of spinners. */
export function ownSpinner(): usize {
  return taskStack() + reservedOffset;
}

/** The running task as a waiter, made ready to be put on a list. */
export function newWaiter(kind: u32, deadline: u64): usize {
  const waiter = taskStack() + waiterOffset;
  storeRelaxed32(waiter + offsetof<Waiter>("state"), 0);
  storeRelaxed32(waiter + offsetof<Waiter>("task"), task());
  storeRelaxed32(waiter + offsetof<Waiter>("kind"), kind);
  storeRelaxed32(waiter + offsetof<Waiter>("handoff"), 0);
  storeRelaxed64(waiter + offsetof<Waiter>("deadline"), deadline);
  return waiter;
}

/** The waiter that came first, or 0. */
export function firstOf(list: usize): usize {
  return load32(list + offsetof<WaitList>("first"));
}

/** The waiter that came next, or 0. */
export function nextOf(waiter: usize): usize {
  return load32(waiter + offsetof<Waiter>("next"));
}

/** Puts a waiter at the end. Under the list's lock. */
export function append(list: usize, waiter: usize): void {
  const isEmpty = firstOf(list) === 0;
  const last = load32(list + offsetof<WaitList>("last"));
  storeRelaxed32(waiter + offsetof<Waiter>("next"), 0);
  storeRelaxed32(waiter + offsetof<Waiter>("previous"), isEmpty ? 0 : last);
  if (isEmpty) storeRelaxed32(list + offsetof<WaitList>("first"), waiter as u32);
  else storeRelaxed32(usize(last) + offsetof<Waiter>("next"), waiter as u32);
  storeRelaxed32(list + offsetof<WaitList>("last"), waiter as u32);
}

/** Takes a waiter off, wherever it stands. Under the list's lock. */
export function remove(list: usize, waiter: usize): void {
  const next = nextOf(waiter);
  const previous = load32(waiter + offsetof<Waiter>("previous"));
  if (previous === 0) storeRelaxed32(list + offsetof<WaitList>("first"), next as u32);
  else storeRelaxed32(usize(previous) + offsetof<Waiter>("next"), next as u32);
  if (next === 0) storeRelaxed32(list + offsetof<WaitList>("last"), previous);
  else storeRelaxed32(next + offsetof<Waiter>("previous"), previous);
}

/** Sleeps until the waiter is woken, at once if it has been. */
export function sleepAs(waiter: usize): void {
  wait(waiter + offsetof<Waiter>("state"), 0);
}

/**
 * Makes a woken waiter ready to sleep again. What the caller waits for has to be looked at after this and before the
 * sleep. A full barrier: the look must not come before the store, or the next wake-up could be overwritten.
 */
export function rearm(waiter: usize): void {
  store32(waiter + offsetof<Waiter>("state"), 0);
}

/** First half of waking a task: it will not sleep any more. */
export function markWoken(waiter: usize): void {
  store32(waiter + offsetof<Waiter>("state"), 1);
}

/** Second half, best without the list's lock: rouses the task if it sleeps. */
export function rouse(waiter: usize): void {
  wake(waiter + offsetof<Waiter>("state"), 1);
}
