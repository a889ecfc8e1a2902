// The harness of a made-up problem, compiled as if it lay in a problem's folder: a jar of marbles that all CPUs share.
//
// A create event puts `a` marbles in, a reclaim pass takes one out, both under a lock; adding to an LRU puts one in the
// arena, which the next such event takes away. To offline a cgroup is what no variant may do.

export { heapBase, runWork } from "../common-harness";
export { computeFor, enterRound, leaveRound } from "../crew";
export { counter, histogramAt as histogramAddress, statisticsAddress } from "../statistics";

import { progress } from "../crew";
import {
  eventAOffset,
  eventFlagsOffset,
  eventKindOffset,
  eventSize,
  flagMeasured,
  kindBogoOp,
  kindCgroupCreate,
  kindCgroupOffline,
  kindCompute,
  kindLogPush,
  kindLruAdd,
  kindReclaimPass,
} from "../events";
import { arenaBase, eventBuffer, lineSize, problemBase } from "../layout";
import { compute, load64, note, now, quiescent, storeRelaxed64 } from "../machine/impl";
import { noteGracePeriod, noteShrinkerAllocated, noteShrinkerFreed } from "../notes";
import { begin, count, countAlways, countMost, end as endTime, setMeasured, statisticsSize } from "../statistics";
import { acquire, release } from "./spin-lock";

/** Bytes of the harness's own behind the statistics: how often a gauge was read. */
const readsBytes: usize = lineSize;

function readsCell(): usize {
  return problemBase + statisticsSize();
}

function lockCell(): usize {
  return readsCell() + readsBytes;
}

function jarCell(): usize {
  return lockCell() + lineSize;
}

function marbleCell(): usize {
  return arenaBase + 4096;
}

export function problemBytes(): u32 {
  return (statisticsSize() + readsBytes + 2 * lineSize) as u32;
}

export function initialise(): void {}

export function run(first: u32, end: u32): u32 {
  for (let index = first; index < end; index++) {
    progress(index);
    if (!perform(eventBuffer + usize(index) * eventSize)) return 1;
    quiescent();
  }
  return 0;
}

export function runUntil(first: u32, end: u32, deadlineNs: f64): u32 {
  do {
    if (run(first, end) !== 0) return 1;
  } while ((now() as f64) < deadlineNs);
  return 0;
}

function perform(event: usize): bool {
  const kind: u32 = load<u16>(event, eventKindOffset);
  const amount = load<u64>(event, eventAOffset);
  setMeasured(u64(load<u16>(event, eventFlagsOffset) & flagMeasured));
  if (kind === kindCgroupCreate) {
    acquire(lockCell());
    storeRelaxed64(jarCell(), load64(jarCell()) + amount);
    countMost(1, amount);
    release(lockCell());
  } else if (kind === kindReclaimPass) take();
  else if (kind === kindLruAdd) note(amount === 1 ? noteShrinkerAllocated : noteShrinkerFreed, marbleCell());
  else if (kind === kindCgroupOffline) countAlways(3);
  else if (kind === kindCompute) {
    compute(amount);
    storeRelaxed64(marbleCell(), amount);
  } else if (kind === kindBogoOp) count(2);
  else if (kind === kindLogPush) return false;
  return true;
}

function take(): void {
  const begun = begin();
  acquire(lockCell());
  storeRelaxed64(jarCell(), load64(jarCell()) - 1);
  count(0);
  release(lockCell());
  note(noteGracePeriod, lockCell());
  note(noteGracePeriod, problemBase);
  endTime(0, begun);
}

/** One marble more for each CPU. */
export function drain(): void {
  storeRelaxed64(jarCell(), load64(jarCell()) + 1);
}

/** 0: marbles in the jar; 1: bytes of a marble; 2: a number that cannot be once the jar is empty. */
export function gauge(index: u32): f64 {
  storeRelaxed64(readsCell(), load64(readsCell()) + 1);
  if (index === 1) return 128;
  const marbles = load64(jarCell()) as f64;
  return index === 0 ? marbles : marbles - 1;
}

export function statisticsBytes(): usize {
  return statisticsSize() + readsBytes;
}

/** 1: the lock; 2: the jar. */
export function areaAt(address: usize): u32 {
  if (address < lockCell() || address >= lockCell() + 2 * lineSize) return 0;
  return address < jarCell() ? 1 : 2;
}

export function touchedPageCount(): u32 {
  return 0;
}
