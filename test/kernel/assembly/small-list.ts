// A variant from outside for the tests: one CPU's queue and one list, no locks, the rules of `single-list`. LAB_BUG
// builds one known bug in, to show that the comparison with the model finds it; 0 is none. One CPU only.

import { storeRelaxed32 } from "../machine/impl";
import { noteEvicted, noteOwnRemoved } from "../notes";
import { cacheOf, freeObject, objectSizeOf } from "../slab/cache";
import { append, bytesOf, freeAll, headOf, isEmpty, makeEmpty, moveAll, nextOf, queueSize, setBytes } from "./queue";
import { machineCell, variantBase } from "./region";
import { cpuQueueBytesMax, maxBytesOf } from "./sizing";

/** The first object of a CPU's queue is lost when the queue is moved. */
const bugLosesOnFlush: u32 = 1;
/** A removal stops after the first match: the filter of Linux 4.7, corrected in 4.8. */
const bugStopsAfterMatch: u32 = 2;
/** What came last from the CPU's queue goes first. */
const bugNewestFirst: u32 = 3;
/** An object is free again as soon as it is put. */
const bugFreesAtOnce: u32 = 4;
/** What a removal takes out stays in the sum. */
const bugForgetsToCount: u32 = 5;

const bug: u32 = isDefined(LAB_BUG) ? LAB_BUG : 0;

function cpuQueue(): usize {
  return variantBase();
}

function list(): usize {
  return variantBase() + queueSize;
}

/** Two queues for what is on its way from one list to another; empty otherwise. */
function spare(): usize {
  return variantBase() + 2 * queueSize;
}

export function globalBytes(): usize {
  return 4 * queueSize;
}

export function extraObjectBytes(): u32 {
  return 0;
}

export function extraCacheBytes(): u32 {
  return 0;
}

export function initialise(): void {}

export function put(cache: usize, object: usize): bool {
  if (bug === bugFreesAtOnce) {
    freeObject(cache, object);
    return true;
  }
  append(cpuQueue(), object, objectSizeOf(cache));
  if (bytesOf(cpuQueue()) > cpuQueueBytesMax) flush();
  return true;
}

function flush(): void {
  if (bug === bugLosesOnFlush) {
    const second = nextOf(headOf(cpuQueue()));
    if (second !== 0) storeRelaxed32(cpuQueue(), second as u32);
  } else if (bug === bugNewestFirst) {
    moveAll(list(), spare());
    moveAll(cpuQueue(), list());
    moveAll(spare(), list());
    return;
  }
  moveAll(cpuQueue(), list());
}

export function reduce(): void {
  const bytes = bytesOf(list());
  const bytesMax = maxBytesOf(machineCell());
  if (bytes <= bytesMax) return;
  const surplus = bytes - (bytesMax / 4) * 3;
  while (!isEmpty(list()) && bytesOf(spare()) <= surplus) moveFirst(list(), spare());
  freeAll(spare(), 0, noteEvicted);
}

/** Moves the oldest object of a queue to the end of another. */
function moveFirst(from: usize, to: usize): void {
  const object = headOf(from);
  const next = nextOf(object);
  const bytes = u64(objectSizeOf(cacheOf(object)));
  const left = bytesOf(from) - bytes;
  append(to, object, bytes);
  if (next === 0) makeEmpty(from);
  else shortenTo(from, next, left);
}

function shortenTo(queue: usize, first: usize, bytes: u64): void {
  storeRelaxed32(queue, first as u32);
  setBytes(queue, bytes);
}

export function removeCache(cache: usize): bool {
  removeFrom(cpuQueue(), cache);
  removeFrom(list(), cache);
  return true;
}

function removeFrom(queue: usize, cache: usize): void {
  const before = bytesOf(queue);
  const kept = spare();
  const removed = spare() + queueSize;
  let stop = false;
  while (!isEmpty(queue) && !stop) {
    const isOwn = cacheOf(headOf(queue)) === cache;
    moveFirst(queue, isOwn ? removed : kept);
    if (bug === bugStopsAfterMatch && isOwn) stop = true;
  }
  moveAll(queue, kept);
  moveAll(kept, queue);
  freeAll(removed, cache, noteOwnRemoved);
  if (bug === bugForgetsToCount && !isEmpty(queue)) setBytes(queue, before);
}

export function cpuOnline(): void {}

export function cpuOffline(): void {}

export function quarantinedBytes(): u64 {
  return bytesOf(cpuQueue()) + bytesOf(list());
}

export function batchesInUse(): u32 {
  return isEmpty(list()) ? 0 : 1;
}
