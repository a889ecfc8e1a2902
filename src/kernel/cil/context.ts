// Checkpoint contexts: what a push takes off the committed item list, writes to the log, and lets go when that is done.
//
// Follows xlog_cil_push_work(), xlog_cil_committed(), xlog_cil_push_now() and xlog_cil_force_seq() of fs/xfs/xfs_log_cil.c
// (Linux 4.7; later versions differ in what is left out here). A push takes the context lock for writing, chains the active
// vectors of all items of the list, puts a new context in place, publishes its sequence, and gives the lock back. It then
// writes the chain, and the commit record when the records of all earlier contexts are in the log. A checkpoint's log I/O is
// completed `ioNs` later: its items are unpinned and its vectors freed, without the context lock.
// The one worker of Linux is whichever task comes by at an event boundary or in a wait for memory; it claims the next push,
// and has done with the claim when the new context is in place, so pushes can overtake each other until their records.
// Completions are the worker's of the pushing CPU, or of a task that waits for memory and finds one due.
// Left out: iclogs and the copy into them (a line is read where Linux copies all), tickets and reservations, busy extents,
// the limit at which commits wait for the push (who exceeds the threshold here pushes next), the AIL.
// `pushIfRequested`, `forceLog` may sleep; the caller holds neither the context lock nor a spin lock.

import {
  add32,
  compareExchange32,
  defer,
  deferredWorkSize,
  enter,
  leave,
  load32,
  load64,
  note,
  now,
  store32,
  storeRelaxed32,
  storeRelaxed64,
  wait,
  wake,
} from "../machine/impl";
import { noteCheckpointChanged } from "../notes";
import { kfree, kmalloc, zero } from "../slab/kmalloc";
import { begin, count, countAlways, end } from "../statistics";
import { xlogCilCommitted, xlogCilForceSeq, xlogCilPushWork, xlogWrite } from "../symbols";
import { writeLock, writeUnlock } from "../sync/rwsem";
import { acquire, release } from "../sync/spin-lock";
import {
  counterChangedVectors,
  counterCheckpoints,
  counterDisordered,
  counterMiscounted,
  counterPushes,
  histogramPush,
  histogramPushWait,
} from "./counters";
import { hangMs, ioNs } from "./harness";
import { unpinItem } from "./item";
import {
  addOutstanding,
  committedBy,
  countByWorker,
  lookAtFootprint,
  setWaiting,
  waitsForNothing,
  waitsToWrite,
} from "./ledger";
import { giveBack } from "./memory";
import { beginOwning, endOwning } from "./ownership";
import { Cil, cil, cilField, Item, indexOf, kmallocCaches, setCilField } from "./region";
import { holdsVersion, iovecLogBytes, isOrdered, LogVec } from "./vector";

/** A checkpoint that was pushed, until its log I/O is completed. What is current lies with the list (`Cil`). */
@unmanaged
export class Context {
  /** First of its vectors, or 0 before the push. Under the push lock. */
  chain: u32 = 0;
  /** Next context of which the log I/O is not completed. Under the push lock. */
  next: u32 = 0;
  /** One of the constants below. Under the push lock. */
  state: u32 = 0;
  /** The worker's item and the completion. Who lets the last go frees the context. Under the push lock. */
  references: u32 = 0;
  pad0: u64 = 0;
  /** When the log I/O is done, in ns. Written before `state` says that it runs. */
  dueNs: u64 = 0;
  /** Deferred work. */
  work0: u64 = 0;
  work1: u64 = 0;
  work2: u64 = 0;
  pad1: u64 = 0;
}

const contextSize: u32 = 64;
if (offsetof<Context>() !== 64) ERROR("Context must be 64 bytes");
if (deferredWorkSize !== 24) ERROR("the deferred work must fit");

/** States: the push writes it to the log, which is 0. */
/** The commit record is in the log, and the log I/O runs. */
const stateInFlight: u32 = 1;
/** Somebody completes it. */
const stateCompleting: u32 = 2;

function pushLock(): usize {
  return cil() + offsetof<Cil>("pushLock");
}

export function contextLock(): usize {
  return cil();
}

/** Makes the first context the current one. */
export function initialiseContexts(): void {
  setCilField(offsetof<Cil>("sequence"), 1);
  setCilField(offsetof<Cil>("currentSequence"), 1);
}

/** Takes memory for a context, which is of a fixed size, and few of them are: the arena has it, whatever the pool says. */
function allocateContext(): usize {
  const context = kmalloc(kmallocCaches(), contextSize);
  if (context === 0) unreachable();
  return context;
}

/** Wants what is committed so far to be pushed, if there is anything. */
export function requestPush(): void {
  if (isPushRequested() || cilField(offsetof<Cil>("first")) === 0) return;
  acquire(pushLock());
  setCilField(offsetof<Cil>("pushSequence"), cilField(offsetof<Cil>("currentSequence")));
  release(pushLock());
}

function isPushRequested(): bool {
  return cilField(offsetof<Cil>("pushSequence")) !== 0;
}

/** Pushes if that is wanted and nobody else is about to. */
export function pushIfRequested(task: u32): void {
  if (!isPushRequested()) return;
  const claim = cil() + offsetof<Cil>("pusher");
  if (compareExchange32(claim, 0, 1) === 0) push(task);
}

/**
 * Whether no vectors will be freed: no checkpoint is on its way, and none will be while the caller waits.
 *
 * @param isHolder whether the caller holds the context lock, which keeps pushes from beginning
 */
export function isStuck(isHolder: bool): bool {
  if (cilField(offsetof<Cil>("committing")) !== 0) return false;
  if (isHolder) return true;
  return !isPushRequested() && cilField(offsetof<Cil>("pusher")) === 0;
}

/** Wakes who waits for a commit record. */
function announceProgress(): void {
  add32(cil() + offsetof<Cil>("progress"), 1);
  wake(cil() + offsetof<Cil>("progress"), u32.MAX_VALUE);
}

/** As the worker, which the caller has claimed to be. */
function push(task: u32): void {
  enter(xlogCilPushWork);
  const began = begin();
  const context = allocateContext();
  setWaiting(task, waitsToWrite, 0);
  writeLock(contextLock());
  setWaiting(task, waitsForNothing, 0);
  end(histogramPushWait, began);
  const sequence = cilField(offsetof<Cil>("sequence"));
  const isEmpty = cilField(offsetof<Cil>("first")) === 0;
  if (isEmpty || cilField(offsetof<Cil>("pushSequence")) < sequence) {
    acquire(pushLock());
    // Nobody can have wanted the current context to be pushed, in which there is nothing.
    if (isEmpty) setCilField(offsetof<Cil>("pushSequence"), 0);
    release(pushLock());
    writeUnlock(contextLock());
    store32(cil() + offsetof<Cil>("pusher"), 0);
    announceProgress();
    kfree(context);
    leave();
    return;
  }
  lookAtFootprint();
  // Nobody commits, so the list needs no lock of its own.
  beginOwning(cil() + offsetof<Cil>("listLock"));
  const chain = chainVectors();
  replaceContext(context, chain, sequence + 1);
  endOwning(cil() + offsetof<Cil>("listLock"));
  writeUnlock(contextLock());
  // The worker is free for the next context. A locked store: who claims it sees the sequence.
  store32(cil() + offsetof<Cil>("pusher"), 0);
  count(counterPushes);
  writeChain(chain);
  writeCommitRecord(context, sequence);
  end(histogramPush, began);
  leave();
}

/**
 * Takes the vectors off all items of the list, which are on it no more. With the context lock held for writing.
 *
 * @returns the first of the vectors, which are chained
 */
function chainVectors(): usize {
  let space: u32 = 0;
  let iovecs: u32 = 0;
  let first: usize = 0;
  let last: usize = 0;
  let item: usize = cilField(offsetof<Cil>("first"));
  while (item !== 0) {
    const following: usize = load32(item + offsetof<Item>("next"));
    storeRelaxed32(item + offsetof<Item>("isListed"), 0);
    storeRelaxed32(item + offsetof<Item>("next"), 0);
    storeRelaxed32(item + offsetof<Item>("previous"), 0);
    beginOwning(item);
    const vector: usize = load32(item + offsetof<Item>("active"));
    beginOwning(vector);
    if (first === 0) first = vector;
    else storeRelaxed32(last + offsetof<LogVec>("next"), vector as u32);
    // The checkpoint owns it from here on, and the next commit of the item finds none.
    storeRelaxed32(item + offsetof<Item>("active"), 0);
    storeRelaxed32(vector + offsetof<LogVec>("next"), 0);
    storeRelaxed32(vector + offsetof<LogVec>("version"), load32(item + offsetof<Item>("logged")));
    if (!isOrdered(vector)) {
      space += load32(vector + offsetof<LogVec>("bytes"));
      iovecs += load32(vector + offsetof<LogVec>("iovecs"));
    }
    endOwning(item);
    endOwning(last);
    last = vector;
    item = following;
  }
  const isRight =
    cilField(offsetof<Cil>("space")) === space + iovecs * iovecLogBytes && cilField(offsetof<Cil>("iovecs")) === iovecs;
  if (!isRight) countAlways(counterMiscounted);
  endOwning(last);
  return first;
}

/** Has commits go into the next context, and publishes its sequence. With the context lock held for writing. */
function replaceContext(context: usize, chain: usize, sequence: u32): void {
  setCilField(offsetof<Cil>("sequence"), sequence);
  setCilField(offsetof<Cil>("space"), 0);
  setCilField(offsetof<Cil>("iovecs"), 0);
  acquire(pushLock());
  zero(context, contextSize);
  storeRelaxed32(context + offsetof<Context>("references"), 2);
  // Before anybody can commit into the new context: who then forces the log has to see which one that is.
  setCilField(offsetof<Cil>("currentSequence"), sequence);
  setCilField(offsetof<Cil>("pushSequence"), 0);
  storeRelaxed32(context + offsetof<Context>("chain"), chain as u32);
  storeRelaxed32(context + offsetof<Context>("next"), cilField(offsetof<Cil>("committing")));
  setCilField(offsetof<Cil>("committing"), context as u32);
  release(pushLock());
  // Behind the sequence; pairs with the looks of `forceLog`.
  setCilField(offsetof<Cil>("first"), 0);
  setCilField(offsetof<Cil>("last"), 0);
}

/** Reads every vector of a checkpoint, as the log does. Nobody may change them any more. */
function writeChain(chain: usize): void {
  enter(xlogWrite);
  let vector = chain;
  while (vector !== 0) {
    beginOwning(vector);
    checkVector(vector);
    const following: usize = load32(vector + offsetof<LogVec>("next"));
    endOwning(vector);
    vector = following;
  }
  leave();
}

function checkVector(vector: usize): void {
  const item: usize = load32(vector + offsetof<LogVec>("item"));
  if (holdsVersion(vector, indexOf(item), load32(vector + offsetof<LogVec>("version")))) return;
  note(noteCheckpointChanged, vector);
  countAlways(counterChangedVectors);
}

/** Writes the commit record, after those of all earlier checkpoints, and starts the log I/O. */
function writeCommitRecord(context: usize, sequence: u32): void {
  awaitRecord(sequence - 1);
  acquire(pushLock());
  if (cilField(offsetof<Cil>("recorded")) !== sequence - 1) countAlways(counterDisordered);
  setCilField(offsetof<Cil>("recorded"), sequence);
  storeRelaxed64(context + offsetof<Context>("dueNs"), hangMs === 0 ? 0 : now() + u64(ioNs));
  storeRelaxed32(context + offsetof<Context>("state"), stateInFlight);
  release(pushLock());
  announceProgress();
  // The worker has the other reference, so the context is there even if somebody has completed it by now.
  addOutstanding(1);
  defer(context + offsetof<Context>("work0"), completed.index, context, u64(ioNs));
}

/** Waits until a sequence has its commit record. */
function awaitRecord(sequence: u32): void {
  while (true) {
    const seen = cilField(offsetof<Cil>("progress"));
    if (cilField(offsetof<Cil>("recorded")) >= sequence) return;
    wait(cil() + offsetof<Cil>("progress"), seen);
  }
}

/** The log I/O of a checkpoint is done: a worker's work. */
function completed(context: usize): void {
  addOutstanding(-1);
  acquire(pushLock());
  const isMine = load32(context + offsetof<Context>("state")) === stateInFlight;
  if (isMine) storeRelaxed32(context + offsetof<Context>("state"), stateCompleting);
  const chain: usize = load32(context + offsetof<Context>("chain"));
  release(pushLock());
  if (isMine) complete(context, chain);
  put(context);
}

/** Completes one checkpoint whose log I/O is done by now, whoever's work that is. Returns how many: 0 or 1. */
export function completeDue(nowNs: u64): u32 {
  acquire(pushLock());
  let chain: usize = 0;
  let context: usize = cilField(offsetof<Cil>("committing"));
  while (context !== 0) {
    const isInFlight = load32(context + offsetof<Context>("state")) === stateInFlight;
    if (isInFlight && load64(context + offsetof<Context>("dueNs")) <= nowNs) {
      storeRelaxed32(context + offsetof<Context>("state"), stateCompleting);
      chain = load32(context + offsetof<Context>("chain"));
      break;
    }
    context = load32(context + offsetof<Context>("next"));
  }
  release(pushLock());
  if (context === 0) return 0;
  complete(context, chain);
  return 1;
}

/** xlog_cil_committed: unpins the items, then frees the vectors, and lets the context go. Whoever has marked it so. */
function complete(context: usize, chain: usize): void {
  enter(xlogCilCommitted);
  let vector = chain;
  while (vector !== 0) {
    beginOwning(vector);
    checkVector(vector);
    const item: usize = load32(vector + offsetof<LogVec>("item"));
    const following: usize = load32(vector + offsetof<LogVec>("next"));
    endOwning(vector);
    unpinItem(item);
    vector = following;
  }
  vector = chain;
  while (vector !== 0) {
    beginOwning(vector);
    const following: usize = load32(vector + offsetof<LogVec>("next"));
    giveBack(vector);
    vector = following;
  }
  countByWorker(counterCheckpoints);
  acquire(pushLock());
  let link = cil() + offsetof<Cil>("committing");
  while (load32(link) !== (context as u32)) link = usize(load32(link)) + offsetof<Context>("next");
  storeRelaxed32(link, load32(context + offsetof<Context>("next")));
  release(pushLock());
  put(context);
  leave();
}

function put(context: usize): void {
  acquire(pushLock());
  const references = load32(context + offsetof<Context>("references")) - 1;
  storeRelaxed32(context + offsetof<Context>("references"), references);
  release(pushLock());
  if (references === 0) kfree(context);
}

/** Pushes what is committed so far, and waits for its commit record and those before. */
export function forceLog(task: u32): void {
  enter(xlogCilForceSeq);
  let sequence = cilField(offsetof<Cil>("currentSequence"));
  while (true) {
    const seen = cilField(offsetof<Cil>("progress"));
    // In this order: a push publishes the next sequence before it empties the list. So what is empty while the sequence is
    // still current has nothing to be pushed, and what is not will be.
    const isEmpty = cilField(offsetof<Cil>("first")) === 0;
    if (isEmpty && cilField(offsetof<Cil>("currentSequence")) === sequence) sequence--;
    if (cilField(offsetof<Cil>("recorded")) >= sequence) break;
    requestPush();
    pushIfRequested(task);
    wait(cil() + offsetof<Cil>("progress"), seen);
  }
  if (committedBy(task) > cilField(offsetof<Cil>("recorded"))) countAlways(counterDisordered);
  leave();
}

/** The context after one, or after 0 the first, of those that were pushed and whose log I/O is not completed; 0: no more. */
export function nextCommitting(context: usize): usize {
  return context === 0 ? cilField(offsetof<Cil>("committing")) : load32(context + offsetof<Context>("next"));
}
