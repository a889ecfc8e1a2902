// Runs a workload's events against the variant that is bound to `impl.ts`. The host exports nothing but this file.
//
// Kinds that cgroups and reclaim passes have no use for are skipped. The event stream belongs to the harness, so it reads
// it with plain loads, and looks at cursors so, for what it counts; everything else goes through the machine. What cgroups
// there are, who walks and who removes at the same time is up to the workload.

import { Performer, performAll, performUntil } from "../common-harness";
import { progressWithin } from "../crew";
import {
  eventAOffset,
  eventBOffset,
  eventFlagsOffset,
  eventGroupOffset,
  eventKindOffset,
  eventObjectOffset,
  flagMeasured,
  kindBogoOp,
  kindCgroupCreate,
  kindCgroupOffline,
  kindCompute,
  kindReclaimPass,
} from "../events";
import { compute, enterIdle, keep32, load64, note, quiescent, runDeferred, sleep, taskStack } from "../machine/impl";
import { noteFreedCgroupVisited, noteLongWalk, noteReferenceMissing, noteWalkGoesOn } from "../notes";
import { initialiseKmalloc, kmallocUsed } from "../slab/kmalloc";
import { begin, count, countAlways, countMany, end, measured, setMeasured } from "../statistics";
import { jiffyNs } from "../sync/jiffies";
import { percpuRefCountAt, percpuRefIsDying, percpuRefPut, percpuRefTryGetLive } from "../sync/percpu-ref";
import { rcuPending, rcuQuiescent, rcuReadLock, rcuReadUnlock } from "../sync/rcu";
import {
  counterBogoOps,
  counterBroken,
  counterDestroys,
  counterFirst,
  counterFreedVisits,
  counterGenerationEnds,
  counterHits,
  counterLost,
  counterLostForNothing,
  counterPasses,
  counterRestarts,
  counterRounds,
  counterVisits,
  gaugeCgroups,
  gaugeDying,
  gaugeDyingBytes,
  gaugeOverReclaim,
  gaugeSlotBytes,
  gaugeUnvisited,
  histogramPass,
} from "./counters";
import { allocatedBytesOf, createCgroup, removeCgroup } from "./css";
import { endedCell, generationAt } from "./cursor";
import {
  generationCell,
  globalBytes,
  initialise as initialiseVariant,
  iterate,
  iterateBreak,
  positionCell,
  slotBytes,
} from "./impl";
import { areaOf, harnessBytes, headerBytes, kmallocCaches, priorities, rcuDomain } from "./region";
import { liveMark, Memcg, parentOf, refOf } from "./tree";
import {
  cgroupAppeared,
  cgroupAt,
  cgroupDisappeared,
  countVisit,
  dyingCgroups,
  isWatched,
  noteRound,
  noteVisit,
  presentRound,
  summary,
  summaryCgroups,
  summaryMost,
  summaryUnvisited,
  summaryVisits,
  visitsIn,
} from "./watch";

export { heapBase, runWork } from "../common-harness";
export { computeFor, enterRound, leaveRound } from "../crew";
export { touchedPages as touchedPageCount } from "../slab/page";
export { counter, histogramAt as histogramAddress, statisticsAddress } from "../statistics";

/** One more than the largest cgroup index. */
export declare const cgroupCount: u32;
/** NUMA nodes, at least 1. */
export declare const nodeCount: u32;

/** Longest time without an event boundary. In Linux there is one each few milliseconds; more of them here cost the host. */
const sliceNs: u64 = 100_000_000;

/** A walk that was given so many times as many cgroups as there can be is told of; under the checker it has no end. */
const longWalk: u32 = 16;

/** Bytes that the problem needs at `problemBase`. Callable before anything is laid out. */
export function problemBytes(): u32 {
  return (headerBytes() + globalBytes()) as u32;
}

/** Prepares zeroed memory. Called once per case, on one CPU. */
export function initialise(): void {
  initialiseKmalloc(kmallocCaches());
  initialiseVariant();
}

/** What a CPU does between events, and between the cgroups of a walk: interrupts, callbacks, its worker. */
function boundary(): void {
  quiescent();
  rcuQuiescent(rcuDomain());
  // All work here is due at once. Under the checker the worker is a task of its own.
  runDeferred(0);
}

/** Computes, with event boundaries as reclaim has its cond_resched() and user code its ticks. */
function spend(ns: u64): void {
  let left = ns;
  while (left > sliceNs) {
    compute(sliceNs);
    boundary();
    left -= sliceNs;
  }
  if (left !== 0) compute(left);
}

@unmanaged
class Harness extends Performer {
  perform(event: usize): bool {
    if (!perform(event)) return false;
    boundary();
    return true;
  }
}

/** Performs the events from `first` up to, not including, `end` of the event buffer. */
export function run(first: u32, end: u32): u32 {
  return performAll<Harness>(first, end);
}

/** Performs them over and over until `deadlineNs`; a removal opens a bogo-op. */
export function runUntil(first: u32, end: u32, deadlineNs: f64): u32 {
  return performUntil<Harness>(first, end, deadlineNs, kindCgroupOffline);
}

/** Performs one event. Returns false when the memory is used up. */
function perform(event: usize): bool {
  const kind: u32 = load<u16>(event, eventKindOffset);
  setMeasured(u64(load<u16>(event, eventFlagsOffset) & flagMeasured));
  if (kind === kindReclaimPass) reclaim(event);
  else if (kind === kindCgroupOffline) remove(load<u32>(event, eventGroupOffset));
  else if (kind === kindCgroupCreate) return create(event);
  else if (kind === kindCompute) spend(load<u64>(event, eventAOffset));
  else if (kind === kindBogoOp) count(counterBogoOps);
  return true;
}

function create(event: usize): bool {
  const index = load<u32>(event, eventGroupOffset);
  const parent = load<u64>(event, eventAOffset) as u32;
  const memcg = createCgroup(index, parent === index ? 0 : cgroupAt(parent), load<u64>(event, eventBOffset));
  if (memcg === 0) return false;
  cgroupAppeared(index, memcg, parent);
  return true;
}

function remove(index: u32): void {
  const memcg = cgroupAt(index);
  if (memcg === 0) return;
  cgroupDisappeared(index);
  countMany(counterHits, u64(cursorsAt(memcg)));
  removeCgroup(memcg);
  count(counterDestroys);
}

/** Cursors of a cgroup's ancestors that point at it. Costs nothing that an instrument could see. */
function cursorsAt(memcg: usize): u32 {
  let found: u32 = 0;
  for (let root = parentOf(memcg); root !== 0; root = parentOf(root)) {
    for (let node: u32 = 0; node < nodeCount; node++) {
      for (let priority: u32 = 0; priority < priorities; priority++) {
        const cell = positionCell(root, node, priority);
        if (cell !== 0 && usize(load<u32>(cell)) === memcg) found++;
      }
    }
  }
  return found;
}

/** The cgroup with an index, with a reference, or 0 when there is none that is not dying. */
function takeRoot(index: u32): usize {
  rcuReadLock();
  const root = cgroupAt(index);
  const isTaken = root !== 0 && percpuRefTryGetLive(refOf(root));
  rcuReadUnlock();
  return isTaken ? root : 0;
}

/** Walks over a cgroup and all below it, as shrink_zone() and shrink_node_memcgs(). */
function reclaim(event: usize): void {
  const index = load<u32>(event, eventGroupOffset);
  const priority = load<u64>(event, eventAOffset) as u32;
  const operand = load<u64>(event, eventBOffset);
  const node = operand as u32;
  const visitsMax = (operand >> 32) as u32;
  if (node >= nodeCount) return;
  const root = takeRoot(index);
  if (root === 0) return;
  const pagesNs: u64 = load<u32>(event, eventObjectOffset);
  const begun = begin();
  // The tail of the stack belongs to the locks.
  const cookie = taskStack();
  let visits: u32 = 0;
  let memcg = next(root, 0, node, priority, cookie);
  while (memcg !== 0) {
    visit(memcg, pagesNs);
    visits++;
    if (visits === longWalk * cgroupCount) note(noteLongWalk, root);
    if (visits === visitsMax) {
      iterateBreak(root, memcg);
      count(counterBroken);
      break;
    }
    memcg = next(root, memcg, node, priority, cookie);
  }
  end(histogramPass, begun);
  count(counterPasses);
  percpuRefPut(refOf(root));
}

/** One step of a walk, and what is to be known of it. */
function next(root: usize, previous: usize, node: u32, priority: u32, cookie: usize): usize {
  keep32(endedCell(cookie), 0);
  const isOver = previous !== 0 && hasRoundEnded(root, node, priority, cookie);
  const memcg = iterate(root, previous, node, priority, cookie);
  if (isOver && memcg !== 0) note(noteWalkGoesOn, root);
  const ended = load<u32>(endedCell(cookie));
  if (ended !== 0) countMany(counterRounds, u64(ended));
  else if (memcg === 0) count(counterGenerationEnds);
  if (memcg === 0 || !isAlive(memcg)) return memcg;
  count(counterVisits);
  const given = load<u32>(memcg, offsetof<Memcg>("index"));
  // A dying one may have lost its index to another.
  if (measured() !== 0 && cgroupAt(given) === memcg) countVisit(given);
  return memcg;
}

/** Whether the round that a walker has joined is over. Costs nothing that an instrument could see. */
function hasRoundEnded(root: usize, node: u32, priority: u32, cookie: usize): bool {
  const cell = generationCell(root, node, priority);
  return cell !== 0 && load<u32>(cell) !== load<u32>(cookie + generationAt);
}

/** Index of the root of a walk that is watched, or u32.MAX_VALUE. */
function watchedIndex(root: usize): u32 {
  const index = load<u32>(root, offsetof<Memcg>("index"));
  return isWatched(index) && cgroupAt(index) === root ? index : u32.MAX_VALUE;
}

/**
 * A variant says that a cursor has just been moved, and `memcg` is being given out; 0: it has come to the end, and the next
 * walk begins at the root.
 */
export function cursorMoved(root: usize, node: u32, priority: u32, memcg: usize): void {
  if (memcg !== 0) cursorKept(root, node, priority, memcg);
  else {
    const top = watchedIndex(root);
    if (top !== u32.MAX_VALUE) noteRound(top, node, priority);
  }
}

/** A variant says that `memcg` is being given out although the cursor was not moved to it; 0: nobody is. */
export function cursorKept(root: usize, node: u32, priority: u32, memcg: usize): void {
  if (memcg === 0 || !isPresent(memcg)) return;
  const top = watchedIndex(root);
  const isAgain = top !== u32.MAX_VALUE && noteVisit(top, node, priority, load<u32>(memcg, offsetof<Memcg>("index")));
  if (!isAgain) count(counterFirst);
  else if (memcg === root) count(counterRestarts);
}

/** Whether an address is that of a cgroup that was not removed. It was one's once; what is there now may be anything. */
function isPresent(memcg: usize): bool {
  const index = load<u32>(memcg, offsetof<Memcg>("index"));
  return index < cgroupCount && cgroupAt(index) === memcg;
}

/** A variant says that walks do not go on from where a cursor stood, because something was removed. */
export function cursorLost(position: usize): void {
  count(counterLost);
  if (isPresent(position)) count(counterLostForNothing);
}

/** A variant says the same without having looked where the cursor stands, if anywhere. */
export function cursorDistrusted(root: usize, node: u32, priority: u32): void {
  const position: usize = load<u32>(positionCell(root, node, priority));
  if (position !== 0) cursorLost(position);
}

/** A variant without cursors says that it gives a cgroup out. */
export function cursorMissing(): void {
  count(counterFirst);
}

/** Whether a cgroup that a walk was given has memory; says so if not. */
function isAlive(memcg: usize): bool {
  if (load<u32>(memcg, offsetof<Memcg>("mark")) === liveMark) return true;
  countAlways(counterFreedVisits);
  note(noteFreedCgroupVisited, memcg);
  return false;
}

/** Says so if a dying cgroup has no reference left, which its caller has one to. */
export function lookForReference(memcg: usize): void {
  if (load<u32>(refOf(memcg), percpuRefCountAt) !== 0) return;
  countAlways(counterFreedVisits);
  note(noteReferenceMissing, memcg);
}

/** Reclaims from a cgroup: takes its time. Others may come in between, and the cgroup may be removed. */
function visit(memcg: usize, pagesNs: u64): void {
  const ns = load64(memcg + offsetof<Memcg>("reclaimNs")) + pagesNs;
  spend(ns);
  progressWithin();
  boundary();
  isAlive(memcg);
}

/** Runs this CPU's callbacks and work until nothing is left. All other CPUs are idle. */
export function drain(): void {
  while (true) {
    boundary();
    if (rcuPending(rcuDomain()) === 0 && runDeferred(0) === 0 && rcuPending(rcuDomain()) === 0) break;
    sleep(jiffyNs / 4);
  }
  // Outside of a round nobody runs here; a sleep ends awake.
  enterIdle();
}

/** A state of the whole case (`counters.ts`), while nobody runs. */
export function gauge(index: u32): f64 {
  if (index === gaugeDying) return dyingCgroups() as f64;
  if (index === gaugeDyingBytes) return (dyingCgroups() as f64) * (allocatedBytesOf() as f64);
  if (index === gaugeUnvisited) return summary(summaryUnvisited) as f64;
  const cgroups = summary(summaryCgroups) as f64;
  if (index === gaugeCgroups) return cgroups;
  if (index === gaugeSlotBytes) return (cgroups + (dyingCgroups() as f64)) * (slotBytes() as f64);
  if (index !== gaugeOverReclaim) return 0;
  const visits = summary(summaryVisits) as f64;
  return visits === 0 ? 0 : ((summary(summaryMost) as f64) * cgroups) / visits;
}

/** Bytes of what the harness counts and watches. */
export function statisticsBytes(): usize {
  return harnessBytes();
}

/** What the problem's memory holds at an address: one of `areas.ts`. */
export function areaAt(address: usize): u32 {
  return areaOf(address, globalBytes());
}

/** For checks: bytes of all allocations but those of whole pages. */
export function allocatedBytes(): f64 {
  return kmallocUsed(kmallocCaches());
}

/** For checks: bytes that one cgroup takes, as allocated. */
export function cgroupBytes(): u32 {
  return allocatedBytesOf();
}

/** For checks: address of the cgroup with an index, or 0. */
export function cgroupAddress(index: u32): usize {
  return cgroupAt(index);
}

/** For checks: index of the cgroup that a cursor points at, whether it exists or not; u32.MAX_VALUE for none. */
export function positionOf(root: u32, node: u32, priority: u32): u32 {
  const memcg = cgroupAt(root);
  if (memcg === 0) return u32.MAX_VALUE;
  const cell = positionCell(memcg, node, priority);
  const position: usize = cell === 0 ? 0 : load<u32>(cell);
  return position === 0 ? u32.MAX_VALUE : load<u32>(position, offsetof<Memcg>("index"));
}

/** For checks: the round that a watched cursor is in. */
export function roundOf(root: u32, node: u32, priority: u32): u32 {
  return presentRound(root, node, priority);
}

/** For checks: visits of a cgroup in one of the last two rounds of a cursor. */
export function visits(root: u32, node: u32, priority: u32, round: u32, index: u32): u32 {
  return visitsIn(root, node, priority, round, index);
}

/** For checks: whether a cgroup that exists was removed, 1 or 0. */
export function isDying(index: u32): u32 {
  const memcg = cgroupAt(index);
  return memcg !== 0 && percpuRefIsDying(refOf(memcg)) ? 1 : 0;
}
