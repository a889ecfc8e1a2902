// What a cgroup knows of shrinkers on a node, in one block: deferred counts, then the bitmap (Linux up to 6.6).
//
// Follows shrinker_info, alloc_shrinker_info(), expand_shrinker_info(), set_shrinker_bit() and
// reparent_shrinker_deferred() of mm/vmscan.c (Linux 6.3). When ids outgrow the maps, every cgroup gets a larger block on
// every node: counts are copied, and all bits that were there are set, because somebody may set one in the old block
// while it is copied. Old blocks go once nobody reads them any more; the variant says how (`Retire`).
// Making, expanding and moving run under the variant's lock. Bits may be set and cleared at any time, by readers of the
// kind that the variant retires blocks by. As in Linux, what a walk defers while its block is replaced (srcu variants),
// or while its cgroup goes offline, may be counted twice or not at all.

import { add64, enter, leave, load32, load64, storeRelaxed32, storeRelaxed64 } from "../machine/impl";
import { kfree, kmalloc, kmallocBytes, kzalloc, zero } from "../slab/kmalloc";
import { expandShrinkerInfo } from "../symbols";
import { rcuHeadSize } from "../sync/rcu";
import { isSet, setBitOf } from "./bits";
import { counterCopiedBytes, counterExpansions } from "./counters";
import { cgroupCount, nodeCount } from "./harness";
import { noId } from "./ids";
import { count, countMany, infoCell, kmallocCaches } from "./region";
import { capacity, giveId, setCapacity, takeId } from "./shrinker";
import { parentOf } from "./tree";

/** Header of a block; the head for its release, the counts and the bitmap follow. */
@unmanaged
class Block {
  /** Ids that the block has room for, a multiple of 64. Written once, as all others. */
  capacity: u32 = 0;
  pad0: u32 = 0;
  /** Address of the deferred counts, 8 bytes each. */
  deferred: u32 = 0;
  pad1: u32 = 0;
  /** Address of the bitmap. */
  map: u32 = 0;
  pad2: u32 = 0;
}

if (offsetof<Block>() !== 24) ERROR("Block must be 24 bytes");

/** Bytes of a block's header, a multiple of 8. */
const blockHeader: u32 = (((offsetof<Block>() as usize) + rcuHeadSize + 7) & ~7) as u32;

/** Has a replaced block freed once nobody reads it any more. */
export type Retire = (block: usize) => void;

/** Bytes of deferred counts for so many ids. */
export function deferredSize(ids: u32): u32 {
  return ids * 8;
}

/** Bytes of a bitmap for so many ids. */
export function mapSize(ids: u32): u32 {
  return ids / 8;
}

/** Bytes of a whole block. */
function blockSize(ids: u32): u32 {
  return blockHeader + deferredSize(ids) + mapSize(ids);
}

/** Where a block keeps the head by which it is retired. */
export function headOfBlock(block: usize): usize {
  return block + offsetof<Block>();
}

/** The block of a cgroup on a node, or 0. */
export function blockOf(memcg: u32, node: u32): usize {
  return load32(infoCell(memcg, node));
}

export function capacityOf(block: usize): u32 {
  return load32(block + offsetof<Block>("capacity"));
}

export function mapOf(block: usize): usize {
  return load32(block + offsetof<Block>("map"));
}

function describe(block: usize, ids: u32): void {
  const deferred = block + usize(blockHeader);
  storeRelaxed32(block + offsetof<Block>("capacity"), ids);
  storeRelaxed32(block + offsetof<Block>("deferred"), deferred as u32);
  storeRelaxed32(block + offsetof<Block>("map"), (deferred + usize(deferredSize(ids))) as u32);
}

/** Makes a cgroup's blocks, all zero. Returns false, and leaves none, when the memory is used up. */
export function createBlocks(memcg: u32): bool {
  const ids = capacity();
  for (let node: u32 = 0; node < nodeCount; node++) {
    const block = kzalloc(kmallocCaches(), blockSize(ids));
    if (block === 0) {
      freeBlocks(memcg);
      return false;
    }
    describe(block, ids);
    storeRelaxed32(infoCell(memcg, node), block as u32);
  }
  return true;
}

/** Frees a cgroup's blocks at once. Nobody reads them any more. */
export function freeBlocks(memcg: u32): void {
  for (let node: u32 = 0; node < nodeCount; node++) {
    const block = blockOf(memcg, node);
    storeRelaxed32(infoCell(memcg, node), 0);
    if (block !== 0) kfree(block);
  }
}

/**
 * Gives a shrinker the lowest free id, and makes room for it in the blocks of all cgroups.
 *
 * @returns false when the memory is used up; the shrinker has no id then
 */
export function takeIdInBlocks(shrinker: usize, retire: Retire): bool {
  const id = takeId(shrinker);
  if (id === noId) return false;
  if (id < capacity()) return true;
  enter(expandShrinkerInfo);
  count(counterExpansions);
  const expanded = expandBlocks((id & ~63) + 64, retire);
  leave();
  if (!expanded) giveId(id);
  return expanded;
}

/** Blocks that were enlarged before the memory was used up stay so, as in Linux; the next expansion passes over them. */
function expandBlocks(ids: u32, retire: Retire): bool {
  for (let memcg: u32 = 0; memcg < cgroupCount; memcg++) {
    for (let node: u32 = 0; node < nodeCount; node++) {
      const old = blockOf(memcg, node);
      // No cgroup; or one that an expansion got to before it ran out of memory.
      if (old === 0 || capacityOf(old) >= ids) continue;
      const block = kmalloc(kmallocCaches(), blockSize(ids));
      if (block === 0) return false;
      describe(block, ids);
      copyInto(block, old);
      // Readers see the block complete: stores are seen in order on x86.
      storeRelaxed32(infoCell(memcg, node), block as u32);
      retire(old);
    }
  }
  setCapacity(ids);
  return true;
}

/** Sets a bit, as a reader. */
export function setInBlock(memcg: u32, node: u32, id: u32): void {
  const block = blockOf(memcg, node);
  if (block !== 0 && id < capacityOf(block)) setBitOf(mapOf(block), id);
}

/** Copies the counts, sets all bits that the old block has, and clears the rest. */
function copyInto(block: usize, old: usize): void {
  const ids = capacityOf(old);
  const from: usize = load32(old + offsetof<Block>("deferred"));
  const to: usize = load32(block + offsetof<Block>("deferred"));
  const bytes = usize(deferredSize(ids));
  for (let offset: usize = 0; offset < bytes; offset += 8) storeRelaxed64(to + offset, load64(from + offset));
  zero(to + bytes, deferredSize(capacityOf(block) - ids));
  const map = mapOf(block);
  const mapBytes = usize(mapSize(ids));
  for (let offset: usize = 0; offset < mapBytes; offset += 8) storeRelaxed64(map + offset, u64.MAX_VALUE);
  zero(map + mapBytes, mapSize(capacityOf(block) - ids));
  countMany(counterCopiedBytes, bytes);
}

/** Finds where a cgroup's deferred count is (`DeferredCell`). The cell is good for as long as the block is read. */
export function deferredInBlock(memcg: u32, node: u32, id: u32): usize {
  return usize(load32(blockOf(memcg, node) + offsetof<Block>("deferred"))) + usize(id) * 8;
}

/** Adds the deferred counts of a cgroup to its parent's. The cgroup is offline. */
export function reparentBlocks(memcg: u32): void {
  const parent = parentOf(memcg);
  if (parent === memcg) return;
  for (let node: u32 = 0; node < nodeCount; node++) {
    const ids = capacityOf(blockOf(memcg, node));
    for (let id: u32 = 0; id < ids; id++) {
      add64(deferredInBlock(parent, node, id), load64(deferredInBlock(memcg, node, id)));
    }
  }
}

/** Whether a bit is set. For reports and tests. */
export function isSetInBlock(memcg: u32, node: u32, id: u32): bool {
  const block = blockOf(memcg, node);
  return block !== 0 && id < capacityOf(block) && isSet(mapOf(block), id);
}

/** What is deferred. For reports and tests. */
export function deferredOfBlock(memcg: u32, node: u32, id: u32): u64 {
  const block = blockOf(memcg, node);
  return block === 0 || id >= capacityOf(block) ? 0 : load64(deferredInBlock(memcg, node, id));
}

/** Ids that the blocks of all present cgroups have room for, added up. */
function idsOfAll(): f64 {
  let ids: f64 = 0;
  for (let memcg: u32 = 0; memcg < cgroupCount; memcg++) {
    for (let node: u32 = 0; node < nodeCount; node++) {
      const block = blockOf(memcg, node);
      if (block !== 0) ids += capacityOf(block) as f64;
    }
  }
  return ids;
}

/** Bytes of the bitmaps of all present cgroups. */
export function mapBytesOfBlocks(): f64 {
  return idsOfAll() / 8;
}

/** Bytes of the deferred counts of all present cgroups. */
export function deferredBytesOfBlocks(): f64 {
  return idsOfAll() * 8;
}

/** Bytes that the blocks of all present cgroups take. */
export function bytesOfBlocks(): f64 {
  let bytes: f64 = 0;
  for (let memcg: u32 = 0; memcg < cgroupCount; memcg++) {
    for (let node: u32 = 0; node < nodeCount; node++) {
      const block = blockOf(memcg, node);
      if (block !== 0) bytes += kmallocBytes(blockSize(capacityOf(block))) as f64;
    }
  }
  return bytes;
}
