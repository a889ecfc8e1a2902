// Superblocks as the harness sees them: their LRU lists by cgroup, and the callbacks of their shrinkers.
//
// Follows super_cache_count() and super_cache_scan() of fs/super.c and list_lru of mm/list_lru.c (Linux 6.x). A list is
// a pair of numbers, objects and how many of them a scan can free; objects in use are rotated. A superblock's lists
// hang on a table by cgroup / 64, whose leaves are made when a cgroup's first object comes, for its ancestors too, so
// that moving lists to the parent needs no memory. Events name no node: a superblock's objects lie on the node (index
// modulo nodes). Adding sets the shrinker's bit when a list gets its first object, with the list locked.
// Left out: two lists per superblock (dentries and inodes), a lock per node, the lock of the superblock in a scan
// (a scan stops once an unmount has begun, without a locked instruction).
// Counting takes no lock. Callbacks may run at the same time on any CPUs, for the same superblock too.

import {
  compareExchange32,
  enter,
  leave,
  load32,
  load64,
  note,
  sleep,
  storeRelaxed32,
  storeRelaxed64,
} from "../machine/impl";
import { noteCallbackAfterFree } from "../notes";
import { kfree, kmallocBytes, kzalloc } from "../slab/kmalloc";
import {
  registerShrinker,
  superCacheCount as superCacheCountSymbol,
  superCacheScan as superCacheScanSymbol,
  unregisterShrinker,
} from "../symbols";
import { acquire, release } from "../sync/spin-lock";
import { counterCallbacksAfterFree, counterFreed } from "./counters";
import { cgroupCount, nodeCount, superblockCount } from "./harness";
import { register, setBit, unregister } from "./impl";
import { countAlways, countMany, kmallocCaches, rootMemcg, Superblock, superblockAt } from "./region";
import { Shrinker, shrinkEmpty, shrinkStop } from "./shrinker";
import { parentOf } from "./tree";

/** One list: the objects of a superblock that are charged to a cgroup and lie on a node. */
@unmanaged
class List {
  /** Objects. Under the superblock's lock; counts read it without. */
  objects: u32 = 0;
  /** How many of them a scan can free. Under the superblock's lock. */
  freeable: u32 = 0;
}

const listSize: usize = 8;
if (offsetof<List>() !== 8) ERROR("List must be 8 bytes");
/** Cgroups of one leaf. */
const leafCgroups: u32 = 64;
/** Bytes of a pointer in the table, as in the kernel. */
const pointerSize: u32 = 8;

function tableBytes(): u32 {
  return ((cgroupCount + leafCgroups - 1) / leafCgroups) * pointerSize;
}

function leafBytes(): u32 {
  return leafCgroups * nodeCount * (listSize as u32);
}

function leafCell(table: usize, memcg: u32): usize {
  return table + usize(memcg / leafCgroups) * usize(pointerSize);
}

/** The node that a superblock's objects lie on. */
function nodeOf(superblock: u32): u32 {
  return superblock % nodeCount;
}

/** The list of a cgroup on a node, or 0 when none was made. */
function listOf(superblock: usize, memcg: u32, node: u32): usize {
  const table: usize = load32(superblock + offsetof<Superblock>("lists"));
  if (table === 0) return 0;
  const leaf: usize = load32(leafCell(table, memcg));
  if (leaf === 0) return 0;
  return leaf + usize((memcg % leafCgroups) * nodeCount + node) * listSize;
}

/** Makes memory for a pointer cell that is still 0. Returns false when there is none. */
function fill(cell: usize, bytes: u32): bool {
  if (load32(cell) !== 0) return true;
  const made = kzalloc(kmallocCaches(), bytes);
  if (made === 0) return false;
  // Another CPU may have been first.
  if (compareExchange32(cell, 0, made as u32) !== 0) kfree(made);
  return true;
}

/** Makes the lists of a cgroup and of its ancestors. Returns false when the memory is used up. */
function makeLists(superblock: usize, memcg: u32): bool {
  const tableCell = superblock + offsetof<Superblock>("lists");
  if (!fill(tableCell, tableBytes())) return false;
  let current = memcg;
  while (true) {
    if (!fill(leafCell(load32(tableCell), current), leafBytes())) return false;
    if (current === parentOf(current)) return true;
    current = parentOf(current);
  }
}

/**
 * Mounts a superblock: registers its shrinker.
 *
 * @returns false when the memory is used up; the superblock is not mounted then
 */
export function mount(index: u32, sleepNs: u64): bool {
  const superblock = superblockAt(index);
  const generation = load32(superblock + offsetof<Superblock>("generation")) + 1;
  storeRelaxed64(superblock + offsetof<Superblock>("sleepNs"), sleepNs);
  storeRelaxed32(superblock + offsetof<Superblock>("dying"), 0);
  storeRelaxed32(superblock + offsetof<Superblock>("generation"), generation);
  enter(registerShrinker);
  const shrinker = register(index);
  leave();
  if (shrinker === 0) storeRelaxed32(superblock + offsetof<Superblock>("generation"), generation + 1);
  storeRelaxed32(superblock + offsetof<Superblock>("shrinker"), shrinker as u32);
  return shrinker !== 0;
}

/** Begins an unmount: scans find nothing to do from here on. Returns the shrinker, which has to be unregistered. */
export function beginUnmount(index: u32): usize {
  const superblock = superblockAt(index);
  storeRelaxed32(superblock + offsetof<Superblock>("dying"), 1);
  // Under the lock: who moves objects here from a cgroup that goes offline must not use a shrinker that is being freed.
  acquire(superblock + offsetof<Superblock>("lock"));
  const shrinker = load32(superblock + offsetof<Superblock>("shrinker"));
  storeRelaxed32(superblock + offsetof<Superblock>("shrinker"), 0);
  release(superblock + offsetof<Superblock>("lock"));
  return shrinker;
}

/** Unregisters the shrinker. From here on, any callback of it is a bug. */
export function unregisterShrinkerOf(index: u32, shrinker: usize): void {
  const superblock = superblockAt(index);
  enter(unregisterShrinker);
  unregister(shrinker);
  leave();
  storeRelaxed32(
    superblock + offsetof<Superblock>("generation"),
    load32(superblock + offsetof<Superblock>("generation")) + 1,
  );
}

/** Ends an unmount: the lists go, whatever is on them. */
export function endUnmount(index: u32): void {
  const superblock = superblockAt(index);
  acquire(superblock + offsetof<Superblock>("lock"));
  const table: usize = load32(superblock + offsetof<Superblock>("lists"));
  storeRelaxed32(superblock + offsetof<Superblock>("lists"), 0);
  storeRelaxed32(superblock + offsetof<Superblock>("shrinker"), 0);
  release(superblock + offsetof<Superblock>("lock"));
  if (table === 0) return;
  for (let memcg: u32 = 0; memcg < cgroupCount; memcg += leafCgroups) {
    const leaf: usize = load32(leafCell(table, memcg));
    if (leaf !== 0) kfree(leaf);
  }
  kfree(table);
}

/** Address of a superblock's shrinker, or 0. */
export function shrinkerAt(index: u32): usize {
  return load32(superblockAt(index) + offsetof<Superblock>("shrinker"));
}

/** Whether a superblock is mounted and its shrinker registered. */
export function isMounted(index: u32): bool {
  return shrinkerAt(index) !== 0;
}

/**
 * Adds objects of a cgroup to the LRU of a mounted superblock.
 *
 * @param freeable how many of them a scan can free, at most `objects`
 * @returns false when the memory is used up; nothing is added then
 */
export function addObjects(index: u32, memcg: u32, objects: u32, freeable: u32): bool {
  const superblock = superblockAt(index);
  if (!makeLists(superblock, memcg)) return false;
  acquire(superblock + offsetof<Superblock>("lock"));
  addToList(superblock, memcg, nodeOf(index), objects, freeable);
  release(superblock + offsetof<Superblock>("lock"));
  return true;
}

/** Adds to a list that exists. Under the superblock's lock. */
function addToList(superblock: usize, memcg: u32, node: u32, objects: u32, freeable: u32): void {
  if (objects === 0) return;
  const list = listOf(superblock, memcg, node);
  const before = load32(list + offsetof<List>("objects"));
  storeRelaxed32(list + offsetof<List>("freeable"), load32(list + offsetof<List>("freeable")) + freeable);
  // Before the bit, which is set with a full barrier. Pairs with the barrier between clearing the bit and looking again
  // in the variants' walks: one of the two sees the other.
  storeRelaxed32(list + offsetof<List>("objects"), before + objects);
  const shrinker = load32(superblock + offsetof<Superblock>("shrinker"));
  // An unmount that has begun takes the objects along.
  if (before === 0 && shrinker !== 0) setBit(memcg, node, shrinker);
}

/** Moves all objects of a cgroup that goes offline to its parent. */
export function reparentObjects(memcg: u32): void {
  const parent = parentOf(memcg);
  for (let index: u32 = 0; index < superblockCount; index++) {
    const superblock = superblockAt(index);
    if (load32(superblock + offsetof<Superblock>("lists")) === 0) continue;
    acquire(superblock + offsetof<Superblock>("lock"));
    for (let node: u32 = 0; node < nodeCount; node++) {
      const list = listOf(superblock, memcg, node);
      if (list === 0) continue;
      const objects = load32(list + offsetof<List>("objects"));
      const freeable = load32(list + offsetof<List>("freeable"));
      storeRelaxed32(list + offsetof<List>("objects"), 0);
      storeRelaxed32(list + offsetof<List>("freeable"), 0);
      if (memcg !== rootMemcg) addToList(superblock, parent, node, objects, freeable);
    }
    release(superblock + offsetof<Superblock>("lock"));
  }
}

/** Objects of a cgroup on a superblock's lists of a node. Exact while nobody adds or scans. */
export function objectsOf(index: u32, memcg: u32, node: u32): u32 {
  const list = listOf(superblockAt(index), memcg, node);
  return list === 0 ? 0 : load32(list + offsetof<List>("objects"));
}

/** Bytes that the lists of one superblock take at most. */
export function listBytesMax(): u32 {
  return kmallocBytes(tableBytes()) + ((cgroupCount + leafCgroups - 1) / leafCgroups) * kmallocBytes(leafBytes());
}

/** Whether the owner's shrinker is not registered any more, or another one is. */
function isLate(shrinker: usize): bool {
  const owner = load32(shrinker + offsetof<Shrinker>("owner"));
  if (owner >= superblockCount) return true;
  return (
    load32(superblockAt(owner) + offsetof<Superblock>("generation")) !==
    load32(shrinker + offsetof<Shrinker>("ownerGeneration"))
  );
}

function countLate(shrinker: usize): void {
  note(noteCallbackAfterFree, shrinker);
  countAlways(counterCallbacksAfterFree);
}

/** What a callback does first. Returns the superblock, or 0 when the callback must not run. */
function beginCallback(shrinker: usize): usize {
  if (isLate(shrinker)) {
    countLate(shrinker);
    return 0;
  }
  const superblock = superblockAt(load32(shrinker + offsetof<Shrinker>("owner")));
  const sleepNs = load64(superblock + offsetof<Superblock>("sleepNs"));
  if (sleepNs !== 0) sleepInCallback(shrinker, sleepNs);
  return superblock;
}

/** A callback that sleeps looks again when it wakes up: its owner may have gone. */
function sleepInCallback(shrinker: usize, ns: u64): void {
  sleep(ns);
  if (isLate(shrinker)) countLate(shrinker);
}

/** Callback: objects of a cgroup on a node, 0 when they cannot be reclaimed yet, or `shrinkEmpty`. */
export function superCacheCount(shrinker: usize, memcg: u32, node: u32): u32 {
  enter(superCacheCountSymbol);
  const objects = countCached(shrinker, memcg, node);
  leave();
  return objects;
}

function countCached(shrinker: usize, memcg: u32, node: u32): u32 {
  const superblock = beginCallback(shrinker);
  if (superblock === 0 || load32(superblock + offsetof<Superblock>("shrinker")) === 0) return 0;
  const list = listOf(superblock, memcg, node);
  const objects: u32 = list === 0 ? 0 : load32(list + offsetof<List>("objects"));
  return objects === 0 ? shrinkEmpty : objects;
}

/** Callback: looks at so many objects of a cgroup on a node, frees those that can be freed, and returns how many. */
export function superCacheScan(shrinker: usize, memcg: u32, node: u32, objects: u32): u32 {
  enter(superCacheScanSymbol);
  const freed = scanCached(shrinker, memcg, node, objects);
  leave();
  return freed;
}

function scanCached(shrinker: usize, memcg: u32, node: u32, objects: u32): u32 {
  const superblock = beginCallback(shrinker);
  if (superblock === 0 || load32(superblock + offsetof<Superblock>("dying")) !== 0) return shrinkStop;
  acquire(superblock + offsetof<Superblock>("lock"));
  const list = listOf(superblock, memcg, node);
  let freed: u32 = 0;
  if (list !== 0) {
    const freeable = load32(list + offsetof<List>("freeable"));
    freed = min<u32>(objects, freeable);
    storeRelaxed32(list + offsetof<List>("freeable"), freeable - freed);
    storeRelaxed32(list + offsetof<List>("objects"), load32(list + offsetof<List>("objects")) - freed);
  }
  release(superblock + offsetof<Superblock>("lock"));
  countMany(counterFreed, freed);
  return freed;
}
