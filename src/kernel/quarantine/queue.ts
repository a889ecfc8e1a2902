// A singly linked FIFO of freed objects with the sum of their sizes, chained through the objects' first word.
//
// Follows struct qlist_head and its helpers in mm/kasan/quarantine.c (Linux 6.x). A queue has no lock of its own:
// its owner says what guards it.

import { enter, leave, load32, load64, note, read32, read64, storeRelaxed32, storeRelaxed64 } from "../machine/impl";
import { noteForeignVisited } from "../notes";
import { cacheOf, FreeObject, freeObject, objectSizeOf } from "../slab/cache";
import { qlistFreeAll, qlistMoveCache } from "../symbols";

/** Head of a queue. Zeroed memory is an empty queue. */
@unmanaged
export class Queue {
  /** Oldest object, or 0. */
  head: u32 = 0;
  pad0: u32 = 0;
  /** Newest object; stale while the queue is empty. */
  tail: u32 = 0;
  pad1: u32 = 0;
  /** Sum of the objects' sizes, in bytes. */
  bytes: u64 = 0;
}

/** Bytes of a queue's head: 24, as in Linux before 5.10. */
export const queueSize: usize = 24;
if (offsetof<Queue>() !== 24) ERROR("Queue must be 24 bytes");

export function headOf(queue: usize): usize {
  return load32(queue + offsetof<Queue>("head"));
}

export function bytesOf(queue: usize): u64 {
  return load64(queue + offsetof<Queue>("bytes"));
}

export function isEmpty(queue: usize): bool {
  return headOf(queue) === 0;
}

export function setBytes(queue: usize, bytes: u64): void {
  storeRelaxed64(queue + offsetof<Queue>("bytes"), bytes);
}

export function nextOf(object: usize): usize {
  return load32(object + offsetof<FreeObject>("next"));
}

export function makeEmpty(queue: usize): void {
  storeRelaxed32(queue + offsetof<Queue>("head"), 0);
  setBytes(queue, 0);
}

/** Appends an object that counts for `bytes`, and returns the new sum. */
export function append(queue: usize, object: usize, bytes: u64): u64 {
  storeRelaxed32(object + offsetof<FreeObject>("next"), 0);
  if (read32(queue + offsetof<Queue>("head")) === 0) storeRelaxed32(queue + offsetof<Queue>("head"), object as u32);
  else storeRelaxed32(read32(queue + offsetof<Queue>("tail")) + offsetof<FreeObject>("next"), object as u32);
  storeRelaxed32(queue + offsetof<Queue>("tail"), object as u32);
  const sum = read64(queue + offsetof<Queue>("bytes")) + bytes;
  setBytes(queue, sum);
  return sum;
}

/** Appends all of `from` to `to` in constant time and leaves `from` empty. */
export function moveAll(from: usize, to: usize): void {
  const first = headOf(from);
  if (first === 0) return;
  if (isEmpty(to)) storeRelaxed32(to + offsetof<Queue>("head"), first as u32);
  else storeRelaxed32(load32(to + offsetof<Queue>("tail")) + offsetof<FreeObject>("next"), first as u32);
  storeRelaxed32(to + offsetof<Queue>("tail"), load32(from + offsetof<Queue>("tail")));
  setBytes(to, bytesOf(to) + bytesOf(from));
  makeEmpty(from);
}

/**
 * Moves the objects of one cache from `from` to `to` and keeps the order of both. Every object that stays is chained
 * anew, as in Linux: a search that finds nothing still writes to each of them.
 */
export function moveCache(from: usize, to: usize, cache: usize): void {
  let object = headOf(from);
  if (object === 0) return;
  enter(qlistMoveCache);
  makeEmpty(from);
  while (object !== 0) {
    const next = nextOf(object);
    const owner = cacheOf(object);
    if (owner === cache) {
      append(to, object, objectSizeOf(owner));
    } else {
      note(noteForeignVisited, object);
      append(from, object, objectSizeOf(owner));
    }
    object = next;
  }
  leave();
}

/** Really frees the objects of a queue, oldest first, and leaves it empty. `cache` is their cache, or 0 to look each one up; `why` as for `freeChain`. */
export function freeAll(queue: usize, cache: usize, why: u32): void {
  freeChain(headOf(queue), cache, why);
  makeEmpty(queue);
}

/** Really frees a chain of objects. `why` is the note that says why they leave: evicted, removed or drained. */
export function freeChain(first: usize, cache: usize, why: u32): void {
  if (first === 0) return;
  enter(qlistFreeAll);
  let object = first;
  while (object !== 0) {
    // Read before the free, which overwrites the link.
    const next = nextOf(object);
    note(why, object);
    freeObject(cache === 0 ? cacheOf(object) : cache, object);
    object = next;
  }
  leave();
}
