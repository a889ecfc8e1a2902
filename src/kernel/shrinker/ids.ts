// Ids of shrinkers: a radix tree from id to address, 64 ways per level.
//
// Follows idr_alloc(), idr_find() and idr_remove() of lib/idr.c on the radix tree (Linux 6.x): the lowest free id is
// found through a bitmap per node, and a look-up loads a node's header and one slot per level; nodes have the kernel's
// 576 bytes. Different: all nodes are there from the beginning, for as many ids as the workload has superblocks, so
// the tree always has its full height (two levels for 65 to 4096 superblocks) and allocation does not fail halfway.
// `findId` is wait-free and may run at any time on any CPU. The rest runs under the variant's lock.

import { enter, leave, load32, load64, storeRelaxed32, storeRelaxed64 } from "../machine/impl";
import { idrFind } from "../symbols";
import { superblockCount } from "./harness";

/** Header of a node, a line of its own; 64 slots of 8 bytes follow, of which the first 4 are used. */
@unmanaged
class IdNode {
  /** log2 of the ids below one slot. Written once. */
  shift: u32 = 0;
  pad0: u32 = 0;
  /** Slots with a free id in or below them, bit 0 first. Under the variant's lock. */
  free: u64 = 0;
  pad1: u64 = 0;
  pad2: u64 = 0;
  pad3: u64 = 0;
  pad4: u64 = 0;
  pad5: u64 = 0;
  pad6: u64 = 0;
}

if (offsetof<IdNode>() !== 64) ERROR("IdNode must fill one 64-byte line");

const slotSize: usize = 8;
const nodeBytes: usize = offsetof<IdNode>() + 64 * slotSize;
/** No id is free. */
export const noId: u32 = u32.MAX_VALUE;

/** Nodes of a level; level 0 holds the ids. */
function nodesOf(level: u32): u32 {
  let nodes = max<u32>(1, (superblockCount + 63) >> 6);
  for (let above: u32 = 0; above < level; above++) nodes = (nodes + 63) >> 6;
  return nodes;
}

/** The level of the single topmost node. */
function topLevel(): u32 {
  let level: u32 = 0;
  while (nodesOf(level) > 1) level++;
  return level;
}

/** Bytes of all nodes. */
export function idsBytes(): usize {
  let nodes: u32 = 0;
  for (let level: u32 = 0; level <= topLevel(); level++) nodes += nodesOf(level);
  return usize(nodes) * nodeBytes;
}

function nodeAt(ids: usize, level: u32, index: u32): usize {
  let before: u32 = 0;
  for (let below: u32 = 0; below < level; below++) before += nodesOf(below);
  return ids + usize(before + index) * nodeBytes;
}

function slotCell(node: usize, slot: u32): usize {
  return node + offsetof<IdNode>() + usize(slot) * slotSize;
}

/** Prepares zeroed nodes at `ids` and returns the topmost one, with which look-ups begin. */
export function initialiseIds(ids: usize): usize {
  const top = topLevel();
  for (let level: u32 = 0; level <= top; level++) {
    for (let index: u32 = 0; index < nodesOf(level); index++) {
      const node = nodeAt(ids, level, index);
      const slots: u32 = level === 0 ? 64 : min<u32>(64, nodesOf(level - 1) - index * 64);
      storeRelaxed32(node + offsetof<IdNode>("shift"), level * 6);
      storeRelaxed64(node + offsetof<IdNode>("free"), u64.MAX_VALUE >> u64(64 - slots));
      if (level === 0) continue;
      for (let slot: u32 = 0; slot < slots; slot++) {
        storeRelaxed32(slotCell(node, slot), nodeAt(ids, level - 1, index * 64 + slot) as u32);
      }
    }
  }
  return nodeAt(ids, top, 0);
}

/** Gives the lowest free id to a shrinker, which can be found from then on. Returns `noId` when there is none. */
export function allocateId(ids: usize, shrinker: usize): u32 {
  const top = topLevel();
  let node = nodeAt(ids, top, 0);
  let id: u32 = 0;
  for (let level = top; ; level--) {
    const free = load64(node + offsetof<IdNode>("free"));
    if (free === 0) return noId;
    const slot = ctz<u64>(free) as u32;
    id = (id << 6) | slot;
    if (level === 0) {
      storeRelaxed32(slotCell(node, slot), shrinker as u32);
      break;
    }
    node = load32(slotCell(node, slot));
  }
  mark(ids, top, id, false);
  return id;
}

/** Takes an id back. It is not found any more. */
export function releaseId(ids: usize, id: u32): void {
  storeRelaxed32(slotCell(nodeAt(ids, 0, id >> 6), id & 63), 0);
  mark(ids, topLevel(), id, true);
}

/** Notes in the nodes above an id whether it is free, as far up as that changes anything. */
function mark(ids: usize, top: u32, id: u32, isFree: bool): void {
  for (let level: u32 = 0; level <= top; level++) {
    const below = id >> (level * 6);
    const cell = nodeAt(ids, level, below >> 6) + offsetof<IdNode>("free");
    const free = load64(cell);
    const bit = u64(1) << u64(below & 63);
    storeRelaxed64(cell, isFree ? free | bit : free & ~bit);
    if (isFree ? free !== 0 : (free & ~bit) !== 0) return;
  }
}

/** The shrinker with an id, or 0. `root` is the topmost node. */
export function findId(root: usize, id: u32): usize {
  enter(idrFind);
  let node = root;
  let shift = load32(node + offsetof<IdNode>("shift"));
  let found: usize = 0;
  if (id >> shift < 64) {
    while (true) {
      found = load32(slotCell(node, (id >> shift) & 63));
      if (shift === 0 || found === 0) break;
      node = found;
      shift = load32(node + offsetof<IdNode>("shift"));
    }
  }
  leave();
  return found;
}
