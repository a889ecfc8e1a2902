// What an access costs, and when it happens.
//
// To take a line from another core, a CPU sends for it, waits until all others have come to the moment at which the line
// sets out, and performs its access then.

import { clusterBitOf, copyOf, count, fromBelow, fromL2, fromOthers, have, isInLater, put } from "./caches";
import { Activity, Cpu, Line, lineAbsent, lineExclusive, lineIsRead, lineShared } from "./layout";
import { howLoad, howLocked, howStore } from "./protocol";
import {
  activity,
  advance,
  clock,
  cpu,
  cpuIndex,
  hasResumed,
  innermost,
  l1,
  limit,
  ownCore,
  setClock,
  suspend,
} from "./running";
import { countChange, countQuietPause, lookAt } from "./spinning";
import {
  costBarrier,
  costL1,
  costL2,
  costLocked,
  costPause,
  costStore,
  cpuAt,
  l1Mask,
  l1Ways,
  l2Mask,
  l2Ways,
  lines,
  requestShare,
  storesBuffered,
} from "./tables";
import { countPause, freeBase, freeBytes, isTimed } from "./untimed";

let accesses: u64 = 0;

/** Stores that a core can have on their way to memory at a time (Skylake). */
const storesAtOnce: f64 = 12;

/** Performs the cost of an access of the running CPU, when it is its turn. */
export function access(cell: u32, how: u32): void {
  if (cell - freeBase < freeBytes) return;
  let hasWaited: bool = false;
  if (hasResumed()) {
    hasWaited = true;
    if (changetype<Activity>(activity).transfer !== 0) {
      arrive(cell, how);
      return;
    }
  } else if (clock > limit) {
    suspend();
    return;
  }
  if (how === howLocked) {
    // All stores before it are performed first. Others may get ahead meanwhile.
    const done = changetype<Cpu>(cpu).storesDone;
    if (done > clock) {
      setClock(done);
      if (clock > limit) {
        suspend();
        return;
      }
    }
  }
  lookAt(cell);
  if (how !== howLoad) countChange();
  const line = cell >>> 6;
  const record = changetype<Line>(lines + usize(line) * offsetof<Line>());
  const tag = (u64(record.version) << 32) | u64(line);
  const set = l1 + usize((line & l1Mask) * l1Ways) * 8;
  if (load<u64>(set) === tag || isInLater(set, tag, l1Ways)) {
    if (record.presentAt > clock && isComing(record)) {
      accessComing(record, cell, how);
      return;
    }
    if (record.setsOutAt !== 0 && clock >= record.setsOutAt) {
      // It leaves before. Looked for again when it is gone; for an access that has waited, it is.
      if (!hasWaited) {
        suspend();
        return;
      }
      if (clock > record.setsOutAt) record.setsOutAt = 0;
    }
    if (how === howLoad) {
      accesses++;
      advance(costL1);
      return;
    }
    if (record.holder === ownCore && (record.state & lineExclusive) !== 0) {
      accesses++;
      if (how === howStore) storeHit();
      else advance(costLocked);
      return;
    }
    fetch(cell, how, true);
    return;
  }
  fetch(cell, how, false);
}

/** Whether a line that is not there yet comes to the running CPU's core, of which it has the tag already. */
function isComing(record: Line): bool {
  return changetype<Cpu>(cpuAt(record.presentTo)).core + 1 === u32(ownCore);
}

/** The line of a cell comes to the running CPU's core, and is there from `at` on. Its own stores it finds before. */
function expect(record: Line, at: f64, buffered: u32): void {
  record.presentAt = at;
  record.presentTo = u16(cpuIndex);
  record.buffered = u16(buffered);
}

/** One bit for each word of a line. */
function wordBit(cell: u32): u32 {
  return 1 << ((cell >>> 2) & 15);
}

/** Accesses a line that is on its way to the running CPU's core. */
function accessComing(record: Line, cell: u32, how: u32): void {
  const isOwn = u32(record.presentTo) === cpuIndex;
  if (how === howLoad && isOwn && (record.buffered & wordBit(cell)) !== 0) {
    accesses++;
    advance(costL1);
    return;
  }
  if (how === howStore && record.holder === ownCore && (record.state & lineExclusive) !== 0) {
    accesses++;
    expect(record, record.presentAt, isOwn ? record.buffered | wordBit(cell) : wordBit(cell));
    bufferStore(record.presentAt, 0);
    return;
  }
  // Looked for again when it is there.
  setClock(record.presentAt);
  suspend();
}

/** A store to a line that the core has: it goes to memory behind the stores before it. */
function storeHit(): void {
  const done = changetype<Cpu>(cpu).storesDone;
  if (done > clock) bufferStore(done, 0);
  else advance(costStore);
}

/** Fetches a line, or the right to write it, or sends for it. */
function fetch(cell: u32, how: u32, isHeld: bool): void {
  const line = cell >>> 6;
  const one = changetype<Cpu>(cpu);
  const record = changetype<Line>(lines + usize(line) * offsetof<Line>());
  const state: u32 = record.state & ~lineIsRead;
  const isOwned = state === lineExclusive && record.holder === ownCore;
  const set2 = one.l2 + usize((line & l2Mask) * l2Ways) * 8;
  const tag = (u64(record.version) << 32) | u64(line);
  const isNear = isHeld || load<u64>(set2) === tag || isInLater(set2, tag, l2Ways);
  if (isNear && (how === howLoad || isOwned)) {
    if (record.presentAt > clock && isComing(record)) {
      setClock(record.presentAt);
      suspend();
      return;
    }
    accesses++;
    if (!isHeld) {
      put(l1 + usize((line & l1Mask) * l1Ways) * 8, l1Ways, tag);
      count(fromL2);
    }
    if (how === howStore) storeHit();
    else advance((isHeld ? costL1 : costL2) + (how === howLocked ? costLocked : 0));
    return;
  }
  if (state === lineAbsent || isOwned) {
    if (record.arrivesAt > clock && how !== howStore) {
      // Looked for again when it has come there from a core that ran ahead, or has arrived where it was sent to before.
      setClock(record.arrivesAt);
      suspend();
      return;
    }
    const end = Math.max(clock, record.arrivesAt) + fromBelow(line);
    record.arrivesAt = end + (how === howLocked ? costLocked : 0);
    record.lastTo = 0;
    have(line, how, set2);
    accesses++;
    if (how === howStore) {
      expect(record, end, wordBit(cell));
      bufferStore(end, end - clock);
    } else {
      expect(record, record.arrivesAt, 0);
      setClock(record.arrivesAt);
    }
    return;
  }
  if (state === lineShared && how === howLoad) {
    accesses++;
    // The copy that a reader sent for is copied when it is there.
    if (record.copyAt > clock) setClock(record.copyAt);
    advance(copyOf(record.clusters));
    have(line, how, set2);
    expect(record, clock, 0);
    return;
  }
  if (how === howLoad && (record.state & lineIsRead) !== 0 && record.arrivesAt > clock) {
    // Looked for again when the other reader has it.
    setClock(record.arrivesAt);
    suspend();
    return;
  }
  send(cell, how, set2);
}

/** Clusters of the cores that have to give a line away: who sent for it last hands it on. */
function givers(record: Line, state: u32): u32 {
  const present = state === lineShared ? record.clusters : clusterBitOf(record.holder);
  if (record.arrivesAt <= clock || record.lastTo === 0) return present;
  return (record.state & lineIsRead) !== 0 ? present | record.lastTo : record.lastTo;
}

/** Sends for a line that other cores have: the request takes a part of the way's time, and the line the rest. */
function send(cell: u32, how: u32, set2: usize): void {
  const line = cell >>> 6;
  const record = changetype<Line>(lines + usize(line) * offsetof<Line>());
  const state: u32 = record.state & ~lineIsRead;
  const latency = fromOthers(givers(record, state));
  const way = Math.floor(latency * requestShare);
  const reached = clock + way;
  // Requests for a line are served in turn, and a core that got it keeps it for as long as the next request's way.
  const begin = Math.max(reached, record.arrivesAt + way);
  // A locked operation holds on to the line until it is done.
  record.arrivesAt = begin + (latency - way) + (how === howLocked ? costLocked : 0);
  record.lastTo = changetype<Cpu>(cpu).clusterBit;
  if (record.setsOutAt === 0) record.setsOutAt = begin;
  record.transfers++;
  record.waited += begin - reached;
  record.symbol = u8(innermost());
  accesses++;
  if (how === howStore) {
    // The CPU goes on; that the line is gone shows at once, half a transfer too early.
    const end = record.arrivesAt;
    if (record.setsOutAt === begin) record.setsOutAt = 0;
    have(line, how, set2);
    expect(record, end, wordBit(cell));
    bufferStore(end, latency);
    return;
  }
  record.state = u8(how === howLoad ? state | lineIsRead : state);
  setClock(begin);
  changetype<Activity>(activity).transfer = latency - way;
  // Others may use the line until it sets out.
  suspend();
}

/** Lets a line arrive that has set out to the running CPU. */
function arrive(cell: u32, how: u32): void {
  const line = cell >>> 6;
  const doing = changetype<Activity>(activity);
  const record = changetype<Line>(lines + usize(line) * offsetof<Line>());
  advance(doing.transfer);
  if (how === howLoad) record.copyAt = clock;
  const way = Math.floor((doing.transfer / (1 - requestShare)) * requestShare);
  doing.transfer = 0;
  have(line, how, changetype<Cpu>(cpu).l2 + usize((line & l2Mask) * l2Ways) * 8);
  if (how === howLocked) advance(costLocked);
  expect(record, clock, 0);
  // Whoever sent for it next gets it when his request has come.
  record.setsOutAt = record.arrivesAt > clock ? clock + way : 0;
}

/** Lets a store be performed at `end` at the soonest, while the CPU goes on as long as its store buffer has room. */
function bufferStore(end: f64, latency: f64): void {
  const one = changetype<Cpu>(cpu);
  const share = Math.floor(latency / storesAtOnce);
  const before = one.storesDone > clock ? one.storesDone : clock;
  one.storesDone = Math.max(before + share, end);
  const slot = one.stores + usize(one.oldestStore) * 8;
  const oldest = load<f64>(slot);
  store<f64>(slot, one.storesDone);
  one.oldestStore = one.oldestStore === u32(storesBuffered) - 1 ? 0 : one.oldestStore + 1;
  advance(costStore);
  if (oldest > clock) setClock(oldest);
}

export function barrier(): void {
  if (!isTimed) return;
  const done = changetype<Cpu>(cpu).storesDone;
  setClock((done > clock ? done : clock) + costBarrier);
}

export function pause(): void {
  advance(costPause);
  if (isTimed) countQuietPause();
  else countPause();
}

export function accessCount(): f64 {
  return accesses as f64;
}

export function forgetAccesses(): void {
  accesses = 0;
}
