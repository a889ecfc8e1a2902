// What a cgroup knows of shrinkers on a node, in units of 64 ids that never move (Linux since 6.7).
//
// Follows shrinker_info, shrinker_info_unit, alloc_shrinker_info(), expand_shrinker_info(), set_shrinker_bit() and
// reparent_shrinker_deferred() of mm/shrinker.c (Linux 6.7). When ids outgrow the maps, every cgroup gets a larger array
// of pointers on every node and a new unit; the units that were there stay where they are, with their bits and counts.
// Arrays are retired through RCU; a unit lives for as long as its cgroup, so who holds the cgroup may use it without.
// Making, expanding and moving run under the variant's lock. Bits may be set and cleared at any time on any CPU.

import { add64, enter, leave, load32, load64, storeRelaxed32 } from "../machine/impl";
import { kfree, kmallocBytes, kzalloc } from "../slab/kmalloc";
import { expandShrinkerInfo } from "../symbols";
import { rcuHeadSize } from "../sync/rcu";
import { isSet } from "./bits";
import { counterCopiedBytes, counterExpansions } from "./counters";
import { cgroupCount, nodeCount } from "./harness";
import { noId } from "./ids";
import { Retire } from "./info-block";
import { count, countMany, infoCell, kmallocCaches } from "./region";
import { capacity, giveId, setCapacity, takeId } from "./shrinker";
import { parentOf } from "./tree";

/** Ids of a unit. */
export const unitIds: u32 = 64;
/** Bytes of a pointer in the array, as in the kernel. */
const pointerSize: u32 = 8;
/** Bytes of a unit: the deferred counts, 8 bytes each, and the bitmap behind. */
export const unitSize: u32 = unitIds * 8 + 8;
const unitMap: usize = usize(unitIds) * 8;

/** Header of an array of units; the head for its release and the pointers follow. */
@unmanaged
class Info {
  /** Ids that there are units for, a multiple of 64. Written once. */
  capacity: u32 = 0;
  pad0: u32 = 0;
}

if (offsetof<Info>() !== 8) ERROR("Info must be 8 bytes");

/** Bytes of an array's header, a multiple of 8. */
const infoHeader: u32 = (((offsetof<Info>() as usize) + rcuHeadSize + 7) & ~7) as u32;

/** Bytes of the pointers to units for so many ids. */
export function pointersSize(ids: u32): u32 {
  return (ids / unitIds) * pointerSize;
}

/** Where an array keeps the head by which it is retired. */
export function headOfInfo(info: usize): usize {
  return info + offsetof<Info>();
}

/** The array of a cgroup on a node, or 0. To be used in an RCU read section. */
export function infoOf(memcg: u32, node: u32): usize {
  return load32(infoCell(memcg, node));
}

export function capacityOfInfo(info: usize): u32 {
  return load32(info + offsetof<Info>("capacity"));
}

function unitCell(info: usize, index: u32): usize {
  return info + usize(infoHeader) + usize(index * pointerSize);
}

/** A unit of an array. */
export function unitOf(info: usize, index: u32): usize {
  return load32(unitCell(info, index));
}

export function mapOfUnit(unit: usize): usize {
  return unit + unitMap;
}

/** The cell of a deferred count in a unit. */
export function deferredOfUnit(unit: usize, offset: u32): usize {
  return unit + usize(offset) * 8;
}

/** Makes the units from `first` on. Returns false, and leaves none of them, when the memory is used up. */
function createUnits(info: usize, first: u32, end: u32): bool {
  for (let index = first; index < end; index++) {
    const unit = kzalloc(kmallocCaches(), unitSize);
    if (unit === 0) {
      freeUnits(info, first, index);
      return false;
    }
    storeRelaxed32(unitCell(info, index), unit as u32);
  }
  return true;
}

function freeUnits(info: usize, first: u32, end: u32): void {
  for (let index = first; index < end; index++) kfree(unitOf(info, index));
}

/** An array with new units from `first` on, or 0. The pointers to those before are still to be written. */
function createInfo(ids: u32, first: u32): usize {
  const info = kzalloc(kmallocCaches(), infoHeader + pointersSize(ids));
  if (info === 0) return 0;
  storeRelaxed32(info + offsetof<Info>("capacity"), ids);
  if (createUnits(info, first, ids / unitIds)) return info;
  kfree(info);
  return 0;
}

/** Makes a cgroup's arrays and units, all zero. Returns false, and leaves none, when the memory is used up. */
export function createInfos(memcg: u32): bool {
  for (let node: u32 = 0; node < nodeCount; node++) {
    const info = createInfo(capacity(), 0);
    if (info === 0) {
      freeInfos(memcg);
      return false;
    }
    storeRelaxed32(infoCell(memcg, node), info as u32);
  }
  return true;
}

/** Frees a cgroup's arrays and units at once. Nobody reads them any more. */
export function freeInfos(memcg: u32): void {
  for (let node: u32 = 0; node < nodeCount; node++) {
    const info = infoOf(memcg, node);
    if (info === 0) continue;
    storeRelaxed32(infoCell(memcg, node), 0);
    freeUnits(info, 0, capacityOfInfo(info) / unitIds);
    kfree(info);
  }
}

/**
 * Gives a shrinker the lowest free id, and makes room for it in the maps of all cgroups.
 *
 * @returns false when the memory is used up; the shrinker has no id then
 */
export function takeIdInUnits(shrinker: usize, retire: Retire): bool {
  const id = takeId(shrinker);
  if (id === noId) return false;
  if (id < capacity()) return true;
  enter(expandShrinkerInfo);
  count(counterExpansions);
  const expanded = expandInfos((id & ~63) + 64, retire);
  leave();
  if (!expanded) giveId(id);
  return expanded;
}

/** Maps that were enlarged before the memory was used up stay so, as in Linux; the next expansion passes over them. */
function expandInfos(ids: u32, retire: Retire): bool {
  for (let memcg: u32 = 0; memcg < cgroupCount; memcg++) {
    for (let node: u32 = 0; node < nodeCount; node++) {
      const old = infoOf(memcg, node);
      // No cgroup; or one that an expansion got to before it ran out of memory.
      if (old === 0 || capacityOfInfo(old) >= ids) continue;
      const units = capacityOfInfo(old) / unitIds;
      const info = createInfo(ids, units);
      if (info === 0) return false;
      for (let index: u32 = 0; index < units; index++) {
        storeRelaxed32(unitCell(info, index), unitOf(old, index) as u32);
      }
      countMany(counterCopiedBytes, u64(units * pointerSize));
      // Readers see the array complete: stores are seen in order on x86.
      storeRelaxed32(infoCell(memcg, node), info as u32);
      retire(old);
    }
  }
  setCapacity(ids);
  return true;
}

/** Adds the deferred counts of a cgroup to its parent's. The cgroup is offline. */
export function reparentInfos(memcg: u32): void {
  const parent = parentOf(memcg);
  if (parent === memcg) return;
  for (let node: u32 = 0; node < nodeCount; node++) {
    const child = infoOf(memcg, node);
    const inheriting = infoOf(parent, node);
    const units = capacityOfInfo(child) / unitIds;
    for (let index: u32 = 0; index < units; index++) {
      for (let offset: u32 = 0; offset < unitIds; offset++) {
        const deferred = load64(deferredOfUnit(unitOf(child, index), offset));
        add64(deferredOfUnit(unitOf(inheriting, index), offset), deferred);
      }
    }
  }
}

/** Whether a bit is set. For reports and tests. */
export function isSetInUnits(memcg: u32, node: u32, id: u32): bool {
  const info = infoOf(memcg, node);
  if (info === 0 || id >= capacityOfInfo(info)) return false;
  return isSet(mapOfUnit(unitOf(info, id / unitIds)), id % unitIds);
}

/** What is deferred. For reports and tests. */
export function deferredInUnits(memcg: u32, node: u32, id: u32): u64 {
  const info = infoOf(memcg, node);
  if (info === 0 || id >= capacityOfInfo(info)) return 0;
  return load64(deferredOfUnit(unitOf(info, id / unitIds), id % unitIds));
}

/** Units of all present cgroups. */
function unitsOfAll(): f64 {
  let units: f64 = 0;
  for (let memcg: u32 = 0; memcg < cgroupCount; memcg++) {
    for (let node: u32 = 0; node < nodeCount; node++) {
      const info = infoOf(memcg, node);
      if (info !== 0) units += (capacityOfInfo(info) / unitIds) as f64;
    }
  }
  return units;
}

/** Bytes of the bitmaps of all present cgroups. */
export function mapBytesOfUnits(): f64 {
  return unitsOfAll() * 8;
}

/** Bytes of the deferred counts of all present cgroups. */
export function deferredBytesOfUnits(): f64 {
  return unitsOfAll() * (unitIds as f64) * 8;
}

/** Bytes that arrays and units of all present cgroups take. */
export function bytesOfInfos(): f64 {
  let bytes = unitsOfAll() * (kmallocBytes(unitSize) as f64);
  for (let memcg: u32 = 0; memcg < cgroupCount; memcg++) {
    for (let node: u32 = 0; node < nodeCount; node++) {
      const info = infoOf(memcg, node);
      if (info !== 0) bytes += kmallocBytes(infoHeader + pointersSize(capacityOfInfo(info))) as f64;
    }
  }
  return bytes;
}
