// Runs a workload's events against the variant that is bound to `impl.ts`. The host exports nothing but this file.
//
// Kinds that the problem has no use for are skipped. The event stream belongs to the harness, so it reads it with plain
// loads; everything else goes through the machine. A task's transaction lasts from its first item to its commit, over
// several events, with the items locked: no other task of the same chunk may use them.
// At the end of every event but a join, what Linux has workers for is done: completions that are due on this CPU, and a push
// that somebody wants.

import { Performer, performAll, performUntil } from "../common-harness";
import {
  eventAOffset,
  eventBOffset,
  eventFlagsOffset,
  eventKindOffset,
  eventObjectOffset,
  eventTaskOffset,
  flagMeasured,
  kindBogoOp,
  kindCompute,
  kindLogPush,
  kindTransactionCommit,
  kindTransactionItem,
} from "../events";
import { compute, enter, enterIdle, leave, load32, now, quiescent, runDeferred, sleep } from "../machine/impl";
import { initialiseKmalloc, kmallocUsed } from "../slab/kmalloc";
import { begin, count, end, setMeasured, statisticsSize } from "../statistics";
import { xlogCilCommit } from "../symbols";
import { Context, forceLog, initialiseContexts, nextCommitting, pushIfRequested } from "./context";
import { counterBogoOps, counterCommits, histogramCommit } from "./counters";
import {
  gaugeContextSpace,
  gaugeDeadlockBlocked,
  gaugeDeadlockBytes,
  gaugeDeadlockHolder,
  gaugeDeadlockNs,
  gaugeDeadlockPusher,
  gaugeDeadlockWaiter,
  gaugeFootprint,
  gaugeFootprintMax,
  gaugeInFlight,
  gaugeShadows,
} from "./gauges";
import { commit } from "./impl";
import { joinItem } from "./item";
import { firstDeadlock, firstDeadlockNs, footprint, ledgerSize, outstanding, peakBytes } from "./ledger";
import { takenBytes } from "./memory";
import { areaOf, Cil, cilField, Item, itemAt, kmallocCaches, regionBytes, Transaction, transactionOf } from "./region";
import { iovecSpace, LogVec, iovecsOf as regionsOf, sizeOf, vectorSize } from "./vector";

export { heapBase, runWork } from "../common-harness";
export { computeFor, enterRound, leaveRound } from "../crew";
export { histogramBucket } from "../histogram";
export { touchedPages as touchedPageCount } from "../slab/page";
export { counter, histogramAt as histogramAddress, statisticsAddress } from "../statistics";

/** One more than the largest item index. */
export declare const itemCount: u32;
/** One more than the largest task index. */
export declare const taskCount: u32;
/** Bytes of a context at which a push is due. */
export declare const pushThreshold: u32;
/** Bytes that vectors may take at a time; 0: as many as there are. */
export declare const memoryLimit: u32;
/** Time from a commit record to the completion of its log I/O, in ns. */
export declare const ioNs: u32;
/** Time that it takes to compact memory for an allocation above order 3, in ns; 0: there are free blocks of every order. */
export declare const compactionNs: u32;
/** Wait for memory that counts as a deadlock, in ms; 0: nobody watches. */
export declare const hangMs: u32;

/** How often `drain` looks, in ns. */
const drainNapNs: u64 = 100_000;

/** Bytes that the problem needs at `problemBase`. Callable before anything is laid out. */
export function problemBytes(): u32 {
  return regionBytes() as u32;
}

/** Prepares zeroed memory. Called once per case, on one CPU. */
export function initialise(): void {
  initialiseKmalloc(kmallocCaches());
  initialiseContexts();
}

/** What a CPU does behind an event: it takes interrupts, and does what workers would. */
function boundary(task: u32): void {
  quiescent();
  // Without a watchdog the machine has workers.
  if (hangMs !== 0) runDeferred(now());
  pushIfRequested(task);
}

@unmanaged
class Harness extends Performer {
  perform(event: usize): bool {
    return perform(event);
  }
}

/** Performs the events from `first` up to, not including, `end` of the event buffer. */
export function run(first: u32, end: u32): u32 {
  return performAll<Harness>(first, end);
}

/** Performs them over and over until `deadlineNs`; an item that joins opens a bogo-op. */
export function runUntil(first: u32, end: u32, deadlineNs: f64): u32 {
  return performUntil<Harness>(first, end, deadlineNs, kindTransactionItem);
}

/** Performs one event, and what comes behind it. Returns false when the memory is used up. */
function perform(event: usize): bool {
  const kind: u32 = load<u16>(event, eventKindOffset);
  const task = load<u32>(event, eventTaskOffset);
  setMeasured(u64(load<u16>(event, eventFlagsOffset) & flagMeasured));
  if (kind === kindTransactionItem) {
    quiescent();
    return join(event, task);
  }
  if (kind === kindTransactionCommit) commitTransaction(task);
  else if (kind === kindLogPush) {
    forceLog(task);
    return true;
  } else if (kind === kindCompute) compute(load<u64>(event, eventAOffset));
  else if (kind === kindBogoOp) count(counterBogoOps);
  boundary(task);
  return true;
}

function join(event: usize, task: u32): bool {
  const item = itemAt(load<u32>(event, eventObjectOffset));
  const bytes = load<u64>(event, eventAOffset) as u32;
  return joinItem(transactionOf(task), item, bytes, load<u64>(event, eventBOffset) !== 0);
}

function commitTransaction(task: u32): void {
  const transaction = transactionOf(task);
  if (load32(transaction + offsetof<Transaction>("first")) === 0) return;
  enter(xlogCilCommit);
  const begun = begin();
  commit(transaction);
  end(histogramCommit, begun);
  count(counterCommits);
  leave();
}

/** Waits until all completions of this CPU have run. All other CPUs are idle. */
export function drain(): void {
  if (hangMs === 0) return;
  while (outstanding() !== 0) {
    if (runDeferred(now()) === 0) sleep(drainNapNs);
  }
  // Outside of a round nobody runs here; a sleep ends awake.
  enterIdle();
}

/** A state of the whole case (`gauges.ts`), while nobody runs. */
export function gauge(index: u32): f64 {
  if (index === gaugeFootprint) return footprint() as f64;
  if (index === gaugeFootprintMax) return max<u64>(peakBytes(), footprint()) as f64;
  if (index === gaugeShadows) return shadowBytes();
  if (index === gaugeInFlight) return inFlightBytes();
  if (index === gaugeContextSpace) return cilField(offsetof<Cil>("space")) as f64;
  if (index === gaugeDeadlockNs) return firstDeadlockNs() as f64;
  if (index === gaugeDeadlockWaiter) return firstDeadlock(0) as f64;
  if (index === gaugeDeadlockHolder) return firstDeadlock(1) as f64;
  if (index === gaugeDeadlockPusher) return firstDeadlock(2) as f64;
  if (index === gaugeDeadlockBlocked) return firstDeadlock(3) as f64;
  return index === gaugeDeadlockBytes ? (firstDeadlock(4) as f64) : 0;
}

function bytesOf(vector: usize): u32 {
  return vector === 0 ? 0 : takenBytes(load32(vector + offsetof<LogVec>("kind")), sizeOf(vector));
}

function shadowBytes(): f64 {
  let bytes: f64 = 0;
  for (let index: u32 = 0; index < itemCount; index++) {
    bytes += bytesOf(load32(itemAt(index) + offsetof<Item>("shadow"))) as f64;
  }
  return bytes;
}

function inFlightBytes(): f64 {
  let bytes: f64 = 0;
  for (let context = nextCommitting(0); context !== 0; context = nextCommitting(context)) {
    let vector: usize = load32(context + offsetof<Context>("chain"));
    while (vector !== 0) {
      bytes += bytesOf(vector) as f64;
      vector = load32(vector + offsetof<LogVec>("next"));
    }
  }
  return bytes;
}

/** Bytes of the statistics of all CPUs and of the ledger behind them. */
export function statisticsBytes(): u32 {
  return (statisticsSize() + ledgerSize()) as u32;
}

/** What the problem's memory holds at an address: one of `areas.ts`. */
export function areaAt(address: usize): u32 {
  return areaOf(address);
}

/** For checks: bytes of all allocations but those of whole pages. */
export function allocatedBytes(): f64 {
  return kmallocUsed(kmallocCaches());
}

/**
 * For checks: what an item has. 0: address of its active vector; 1: of its shadow; 2: pins; 3: version; 4: whether it is
 * on the list; 5: address of its data; 6: whether it is locked; 7: bytes that there is room for at its data.
 */
export function itemState(index: u32, part: u32): u32 {
  const item = itemAt(index);
  if (part === 0) return load32(item + offsetof<Item>("active"));
  if (part === 1) return load32(item + offsetof<Item>("shadow"));
  if (part === 2) return load32(item + offsetof<Item>("pins"));
  if (part === 3) return load32(item + offsetof<Item>("version"));
  if (part === 4) return load32(item + offsetof<Item>("isListed"));
  if (part === 5) return load32(item + offsetof<Item>("data"));
  if (part === 6) return load32(item + offsetof<Item>("lock"));
  return load32(item + offsetof<Item>("capacity"));
}

/** For checks: what a vector has. 0: next; 1: iovecs; 2: bytes; 3: size; 4: address of its data; 5: length; 6: kind. */
export function vectorState(vector: usize, part: u32): u32 {
  if (part === 0) return load32(vector + offsetof<LogVec>("next"));
  if (part === 1) return load32(vector + offsetof<LogVec>("iovecs"));
  if (part === 2) return load32(vector + offsetof<LogVec>("bytes"));
  if (part === 3) return load32(vector + offsetof<LogVec>("size"));
  if (part === 4) return load32(vector + offsetof<LogVec>("data"));
  return load32(vector + (part === 5 ? offsetof<LogVec>("length") : offsetof<LogVec>("kind")));
}

/** For checks: the current context, 0: its sequence; 1: its space; 2: its iovecs. */
export function contextState(part: u32): u32 {
  if (part === 0) return cilField(offsetof<Cil>("sequence"));
  return cilField(part === 1 ? offsetof<Cil>("space") : offsetof<Cil>("iovecs"));
}

/** For tests: sizes of a vector. 0: of its header; 1: of all of it; 2: iovecs of an item of so many bytes. */
export function vectorSizes(part: u32, iovecs: u32, bytes: u32): u32 {
  if (part === 0) return iovecSpace(iovecs);
  return part === 1 ? vectorSize(iovecs, bytes) : regionsOf(bytes);
}
