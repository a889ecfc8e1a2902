// What an access costs, and when it happens.
//
// To take a line from another core, a CPU sends for it, waits until all others have come to the moment at which the line
// sets out, and performs its access then.

import { copyOf, count, fromBelow, fromL2, fromOthers, have, isInLater, put } from "./caches";
import { Activity, Cpu, Line, lineAbsent, lineExclusive, lineIsRead, lineShared } from "./layout";
import { howLoad, howLocked, howStore } from "./protocol";
import { activity, advance, clock, cpu, hasResumed, innermost, l1, limit, ownCore, setClock, suspend } from "./running";
import {
  costBarrier,
  costL1,
  costL2,
  costLocked,
  costPause,
  costStore,
  l1Mask,
  l1Ways,
  l2Mask,
  l2Ways,
  lines,
  requestShare,
} from "./tables";
import { countPause, freeBase, freeBytes, isTimed } from "./untimed";

let accesses: u64 = 0;

/** Stores that a core can have on their way to memory at a time, and that its store buffer holds (Skylake: 12 and 56). */
const storesAtOnce: f64 = 12;
const storesBuffered: f64 = 56;

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
  const line = cell >>> 6;
  const record = changetype<Line>(lines + usize(line) * offsetof<Line>());
  const tag = (u64(record.version) << 32) | u64(line);
  const set = l1 + usize((line & l1Mask) * l1Ways) * 8;
  if (load<u64>(set) === tag || isInLater(set, tag, l1Ways)) {
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
      advance(how === howStore ? costStore : costLocked);
      return;
    }
    fetch(line, how, true);
    return;
  }
  fetch(line, how, false);
}

/** Fetches a line, or the right to write it, or sends for it. */
function fetch(line: u32, how: u32, isHeld: bool): void {
  const one = changetype<Cpu>(cpu);
  const record = changetype<Line>(lines + usize(line) * offsetof<Line>());
  const state: u32 = record.state & ~lineIsRead;
  const isOwned = state === lineExclusive && record.holder === ownCore;
  const set2 = one.l2 + usize((line & l2Mask) * l2Ways) * 8;
  const tag = (u64(record.version) << 32) | u64(line);
  const isNear = isHeld || load<u64>(set2) === tag || isInLater(set2, tag, l2Ways);
  if (isNear && (how === howLoad || isOwned)) {
    accesses++;
    let cost = isHeld ? costL1 : costL2;
    if (!isHeld) {
      put(l1 + usize((line & l1Mask) * l1Ways) * 8, l1Ways, tag);
      count(fromL2);
    }
    if (how === howLocked) cost += costLocked;
    else if (how === howStore) cost = costStore;
    advance(cost);
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
    have(line, how, set2);
    accesses++;
    if (how === howStore) bufferStore(end, end - clock);
    else setClock(record.arrivesAt);
    return;
  }
  if (state === lineShared && how === howLoad) {
    accesses++;
    advance(copyOf(record.clusters));
    have(line, how, set2);
    return;
  }
  if (how === howLoad && (record.state & lineIsRead) !== 0 && record.arrivesAt > clock) {
    // Looked for again when the other reader has it.
    setClock(record.arrivesAt);
    suspend();
    return;
  }
  send(line, how, set2);
}

/** Sends for a line that other cores have. The request takes half of the way, and the line the other half. */
function send(line: u32, how: u32, set2: usize): void {
  const record = changetype<Line>(lines + usize(line) * offsetof<Line>());
  const state: u32 = record.state & ~lineIsRead;
  const latency = fromOthers(record.clusters, state === lineShared ? 0 : u32(record.holder));
  const way = Math.floor(latency * requestShare);
  const reached = clock + way;
  // Requests for a line are served in turn, and a core that got it keeps it for as long as the next request's way.
  const begin = Math.max(reached, record.arrivesAt + way);
  // A locked operation holds on to the line until it is done.
  record.arrivesAt = begin + (latency - way) + (how === howLocked ? costLocked : 0);
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
  // Whoever sent for it next gets it when his request has come.
  const done = clock + (how === howLocked ? costLocked : 0);
  record.setsOutAt =
    record.arrivesAt > done ? done + Math.floor((doing.transfer / (1 - requestShare)) * requestShare) : 0;
  doing.transfer = 0;
  have(line, how, changetype<Cpu>(cpu).l2 + usize((line & l2Mask) * l2Ways) * 8);
  if (how === howLocked) advance(costLocked);
}

/** Lets a store be performed while the CPU goes on, as long as the store buffer has room. */
function bufferStore(end: f64, latency: f64): void {
  const one = changetype<Cpu>(cpu);
  const share = Math.floor(latency / storesAtOnce);
  const before = one.storesDone > clock ? one.storesDone : clock;
  one.storesDone = Math.max(before + share, end);
  advance(costStore);
  const most = share * storesBuffered + latency;
  // One store that waits for its line in a queue takes one entry only.
  if (one.storesDone - clock > most && end - clock <= latency) setClock(one.storesDone - most);
}

export function barrier(): void {
  if (!isTimed) return;
  const done = changetype<Cpu>(cpu).storesDone;
  setClock((done > clock ? done : clock) + costBarrier);
}

export function pause(): void {
  advance(costPause);
  if (!isTimed) countPause();
}

export function accessCount(): f64 {
  return accesses as f64;
}

export function forgetAccesses(): void {
  accesses = 0;
}
