// What the harness keeps for itself: which cgroups exist, how many were removed and freed, and who was visited in which
// round of which cursor.
//
// It lies behind the statistics, which instruments leave out, and nothing here influences a variant. Cells are read by
// `load32` and written by `keep32`, and only the cells of a CPU are that CPU's alone: natively two CPUs that visit the
// same cgroup in the same round at the same moment may be counted as one, and the order of what is compared is not exact
// to some nanoseconds. Under the simulator and the checker one CPU at a time comes here.
//
// A round of a cursor is what is given out between two times that the cursor comes to the end of the tree. Its visits are
// judged when the next round is complete: natively the last ones may be noted a moment after the end.

import { cpus, keep32, load32 } from "../machine/impl";
import { count, countMany } from "../statistics";
import { counterExpected, counterNever, counterTwice, counterWatched } from "./counters";
import { cgroupCount } from "./harness";
import { recordOf, tallyBase, tallyCell, watchedRoots, watchHeaderBytes, watchOf } from "./region";

/** What is kept of a cgroup index. */
@unmanaged
class CgroupRecord {
  /** Address of the cgroup, or 0 when none with this index exists. */
  memcg: u32 = 0;
  /** The moment of its creation. */
  born: u32 = 0;
  /** Visits that it was given in measured passes. */
  visits: u32 = 0;
  /** Index of the parent; its own at the top. */
  parent: u32 = 0;
}

// `recordBytes` of region.ts, which is not known here yet when both are compiled.
if (offsetof<CgroupRecord>() !== 16) ERROR("a record must be as large as region.ts says");

/** What is known of a cursor's rounds. */
@unmanaged
class Watch {
  /** Number of the present round. */
  round: u32 = 0;
  pad0: u32 = 0;
  /** The moment of its beginning; 0: not seen. */
  begun0: u32 = 0;
  begun1: u32 = 0;
  /** Visits in it so far. */
  visits0: u32 = 0;
  visits1: u32 = 0;
  pad1: u64 = 0;
}

if (offsetof<Watch>() !== 32) ERROR("a watch must be as large as region.ts says");

const tallyKindRemoved: u32 = 0;
const tallyKindFreed: u32 = 1;

function add(cell: usize, amount: u32): void {
  keep32(cell, load32(cell) + amount);
}

/** The next moment of a clock that counts what happens to cgroups and rounds. */
function tick(): u32 {
  const moment = load32(tallyBase()) + 1;
  keep32(tallyBase(), moment);
  return moment;
}

export function tallyRemoved(): void {
  add(tallyCell(tallyKindRemoved), 1);
}

export function tallyFreed(): void {
  add(tallyCell(tallyKindFreed), 1);
}

function tallied(kind: u32): u32 {
  let sum: u32 = 0;
  for (let index: u32 = 0; index < cpus(); index++) sum += load32(tallyCell(kind, index));
  return sum;
}

/** Cgroups that were removed and still have memory. */
export function dyingCgroups(): u32 {
  return tallied(tallyKindRemoved) - tallied(tallyKindFreed);
}

/** Address of the cgroup with an index, or 0. */
export function cgroupAt(index: u32): usize {
  return load32(recordOf(index) + offsetof<CgroupRecord>("memcg"));
}

/** Says that a cgroup exists. */
export function cgroupAppeared(index: u32, memcg: usize, parent: u32): void {
  const record = recordOf(index);
  keep32(record + offsetof<CgroupRecord>("parent"), parent);
  keep32(record + offsetof<CgroupRecord>("born"), tick());
  keep32(record + offsetof<CgroupRecord>("visits"), 0);
  keep32(record + offsetof<CgroupRecord>("memcg"), memcg as u32);
}

/** Says that a cgroup is about to be removed. */
export function cgroupDisappeared(index: u32): void {
  keep32(recordOf(index) + offsetof<CgroupRecord>("memcg"), 0);
}

/** Whether a cgroup is `root` or below it. */
function isBelow(index: u32, root: u32): bool {
  let current = index;
  while (current !== root) {
    const parent = load32(recordOf(current) + offsetof<CgroupRecord>("parent"));
    if (parent === current) return false;
    current = parent;
  }
  return true;
}

/** Whether rounds of walks over a cgroup are watched. */
export function isWatched(root: u32): bool {
  return root < watchedRoots;
}

/** The cell of a cgroup in the round of a parity: the round's number in the upper 24 bits, visits in the lower 8. */
function cellOf(watch: usize, parity: u32, index: u32): usize {
  return watch + watchHeaderBytes + usize(parity * cgroupCount + index) * 4;
}

/** Says that a measured pass was given a cgroup. */
export function countVisit(index: u32): void {
  add(recordOf(index) + offsetof<CgroupRecord>("visits"), 1);
}

/** The round that a watched cursor is in: how often it has come to the end. */
export function presentRound(root: u32, node: u32, priority: u32): u32 {
  return load32(watchOf(root, node, priority) + offsetof<Watch>("round"));
}

/** Says that a walk is given a cgroup in the present round of a watched cursor. Returns whether it was given out before. */
export function noteVisit(root: u32, node: u32, priority: u32, index: u32): bool {
  const watch = watchOf(root, node, priority);
  const round = load32(watch + offsetof<Watch>("round"));
  const parity = round & 1;
  const cell = cellOf(watch, parity, index);
  const number = round & 0xff_ffff;
  const held = load32(cell);
  const visits: u32 = held >>> 8 === number ? held & 0xff : 0;
  if (visits < 255) keep32(cell, (number << 8) | (visits + 1));
  add(watch + offsetof<Watch>("visits0") + usize(parity) * 4, 1);
  return visits !== 0;
}

/** Visits of a cgroup in a round of a watched cursor. */
export function visitsIn(root: u32, node: u32, priority: u32, round: u32, index: u32): u32 {
  const held = load32(cellOf(watchOf(root, node, priority), round & 1, index));
  return held >>> 8 === (round & 0xff_ffff) ? held & 0xff : 0;
}

/** Says that a watched cursor has come to the end: the next round begins. */
export function noteRound(root: u32, node: u32, priority: u32): void {
  const watch = watchOf(root, node, priority);
  const round = load32(watch + offsetof<Watch>("round")) + 1;
  keep32(watch + offsetof<Watch>("round"), round);
  const parity = usize(round & 1) * 4;
  // The one before the one that has just ended.
  if (round >= 2) judge(watch, root, round - 2);
  keep32(watch + offsetof<Watch>("begun0") + parity, tick());
  keep32(watch + offsetof<Watch>("visits0") + parity, 0);
}

/** Counts who was visited twice and who never, among those who are there and were there when the round began. */
function judge(watch: usize, root: u32, round: u32): void {
  const parity = round & 1;
  const begun = load32(watch + offsetof<Watch>("begun0") + usize(parity) * 4);
  const visits = load32(watch + offsetof<Watch>("visits0") + usize(parity) * 4);
  // The first round began before anybody looked. And two walkers may end a round twice: in the one between is nobody.
  if (begun === 0 || visits === 0) return;
  const number = round & 0xff_ffff;
  let expected: u32 = 0;
  let never: u32 = 0;
  let twice: u32 = 0;
  for (let index: u32 = 0; index < cgroupCount; index++) {
    const record = recordOf(index);
    if (load32(record + offsetof<CgroupRecord>("memcg")) === 0) continue;
    if (i32(load32(record + offsetof<CgroupRecord>("born")) - begun) >= 0) continue;
    if (root !== 0 && !isBelow(index, root)) continue;
    expected++;
    const held = load32(cellOf(watch, parity, index));
    const seen: u32 = held >>> 8 === number ? held & 0xff : 0;
    if (seen === 0) never++;
    else twice += seen - 1;
  }
  count(counterWatched);
  countMany(counterExpected, expected);
  countMany(counterNever, never);
  countMany(counterTwice, twice);
}

/** What gauges tell of the cgroups that exist: how many, visits of all and of the one with most, how many had none. */
export function summary(what: u32): u32 {
  let cgroups: u32 = 0;
  let visits: u32 = 0;
  let most: u32 = 0;
  let unvisited: u32 = 0;
  for (let index: u32 = 0; index < cgroupCount; index++) {
    const record = recordOf(index);
    if (load32(record + offsetof<CgroupRecord>("memcg")) === 0) continue;
    const own = load32(record + offsetof<CgroupRecord>("visits"));
    cgroups++;
    visits += own;
    most = max<u32>(most, own);
    if (own === 0) unvisited++;
  }
  if (what === summaryCgroups) return cgroups;
  if (what === summaryVisits) return visits;
  return what === summaryMost ? most : unvisited;
}

export const summaryCgroups: u32 = 0;
export const summaryVisits: u32 = 1;
export const summaryMost: u32 = 2;
export const summaryUnvisited: u32 = 3;
