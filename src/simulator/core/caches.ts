// Caches: sets of tags, the one that was used last first. A tag is a line and its version: a write elsewhere makes copies
// invalid by a new version, and they keep their places until they fall out.

import { Cpu, Line, lineAbsent, lineExclusive, lineIsRead, lineShared } from "./layout";
import { howLoad } from "./protocol";
import { clock, cpu, l1, ownCore } from "./running";
import {
  coreClusters,
  costL3,
  costMemoryLocal,
  costMemoryRemote,
  costTransferCluster,
  costTransferCross,
  costTransferSocket,
  isL3PerCluster,
  l1Mask,
  l1Ways,
  l2Ways,
  l3Sets,
  l3Ways,
  lines,
  sockets,
} from "./tables";

/** By source of what an access fetched: one of `from...`. */
export const fetched: usize = memory.data(8 * 8, 8);

export const fromL2: usize = 0;
const fromL3: usize = 1;
const fromSameCluster: usize = 2;
const fromSameSocket: usize = 3;
const fromOtherSocket: usize = 4;
const fromMemoryLocal: usize = 5;
const fromMemoryRemote: usize = 6;

/** Counts where a line came from. */
export function count(source: usize): void {
  store<u64>(fetched + source * 8, load<u64>(fetched + source * 8) + 1);
}

/** Looks a tag up in the ways of a set behind the first, and moves it there. */
export function isInLater(set: usize, tag: u64, ways: u32): bool {
  const end = set + usize(ways) * 8;
  let way = set + 8;
  while (way < end && load<u64>(way) !== tag) way += 8;
  if (way >= end) return false;
  moveUp(set, way, tag);
  return true;
}

/** Makes a tag the first of its set; what lies before `way` moves up by one. */
function moveUp(set: usize, way: usize, tag: u64): void {
  while (way > set) {
    store<u64>(way, load<u64>(way - 8));
    way -= 8;
  }
  store<u64>(set, tag);
}

/** Puts a line into a set, in the place of an older copy of its own if there is one, and returns what falls out, or 0. */
export function put(set: usize, ways: u32, tag: u64): u64 {
  const last = set + usize(ways - 1) * 8;
  let way = set;
  while (way < last && load<u32>(way) !== u32(tag)) way += 8;
  const out = load<u64>(way);
  moveUp(set, way, tag);
  return u32(out) === u32(tag) ? 0 : out;
}

/** The set of the last-level cache, which spreads lines by a hash of their address, so that strides do not collide. */
function setOfL3(line: u32): usize {
  const hash = ((line * 0x9e37_79b1) >>> 8) ^ line;
  return changetype<Cpu>(cpu).l3 + usize((hash % l3Sets) * l3Ways) * 8;
}

/** Latency of what no core's cache has. */
export function fromBelow(line: u32): f64 {
  const one = changetype<Cpu>(cpu);
  const set = setOfL3(line);
  const end = set + usize(l3Ways) * 8;
  const tag = (u64(changetype<Line>(lines + usize(line) * offsetof<Line>()).version) << 32) | u64(line);
  for (let way = set; way < end; way += 8) {
    if (load<u64>(way) === tag) {
      count(fromL3);
      return costL3;
    }
  }
  // Pages are dealt to the sockets in turn.
  if ((line >>> 6) % sockets === one.socket) {
    count(fromMemoryLocal);
    return costMemoryLocal;
  }
  count(fromMemoryRemote);
  return costMemoryRemote;
}

/** Bit of the cluster of a core, which is given plus one. */
export function clusterBitOf(holder: u32): u32 {
  return 1 << load<u32>(coreClusters + (holder - 1) * 4);
}

/** Latency of a line that a core in one of these clusters has to give away, or several have. */
export function fromOthers(where: u32): f64 {
  const one = changetype<Cpu>(cpu);
  if ((where & ~one.socketBits) !== 0) {
    count(fromOtherSocket);
    return costTransferCross;
  }
  if ((where & ~one.clusterBit) !== 0) {
    count(fromSameSocket);
    return costTransferSocket;
  }
  count(fromSameCluster);
  return costTransferCluster;
}

/** Latency of one more copy of a line that others only read. */
export function copyOf(clusters: u32): f64 {
  const one = changetype<Cpu>(cpu);
  if ((clusters & one.clusterBit) !== 0 || (!isL3PerCluster && (clusters & one.socketBits) !== 0)) {
    count(fromL3);
    return costL3;
  }
  if ((clusters & one.socketBits) !== 0) {
    count(fromSameSocket);
    return costTransferSocket;
  }
  count(fromOtherSocket);
  return costTransferCross;
}

/** What falls out of a core's second cache goes to its last-level cache. */
function evict(tag: u64): void {
  const line = tag as u32;
  const record = changetype<Line>(lines + usize(line) * offsetof<Line>());
  if (record.version !== u32(tag >>> 32)) return;
  if (record.holder === ownCore && (record.state & ~lineIsRead) !== lineShared) {
    // What the first cache may still have is gone as well, and what another last-level cache has of it is out of date.
    record.version++;
    record.state = u8(lineAbsent);
    // Who is behind does not find it there sooner.
    if (record.arrivesAt < clock) record.arrivesAt = clock;
    record.holder = 0;
    record.clusters = 0;
  }
  put(setOfL3(line), l3Ways, (u64(record.version) << 32) | u64(line));
}

/** The running CPU's core has the line from now on. */
export function have(line: u32, how: u32, set2: usize): void {
  const record = changetype<Line>(lines + usize(line) * offsetof<Line>());
  const bit = changetype<Cpu>(cpu).clusterBit;
  const state: u32 = record.state & ~lineIsRead;
  if (how === howLoad && state !== lineAbsent && record.holder !== ownCore) {
    record.state = u8(lineShared);
    record.clusters |= bit;
  } else if (how !== howLoad || state !== lineShared) {
    if (how !== howLoad) record.version++;
    record.state = u8(lineExclusive);
    record.holder = u16(ownCore);
    record.clusters = bit;
  }
  const tag = (u64(record.version) << 32) | u64(line);
  put(l1 + usize((line & l1Mask) * l1Ways) * 8, l1Ways, tag);
  const out = put(set2, l2Ways, tag);
  if (out !== 0) evict(out);
}
