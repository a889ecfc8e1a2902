// No cgroup has caches of its own: objects of all come from the same slabs, and each slab knows of every object which object
// cgroup it is charged to. When a cgroup goes, its object cgroups come to the parent.
//
// Follows Roman Gushchin's series of Linux 5.9 (memcg_slab_post_alloc_hook(), memcg_slab_free_hook() of mm/slab.h,
// memcg_reparent_objcgs() of mm/memcontrol.c). The table of a slab is made for its first charged object.
//
// Costs. Allocation: a reference for whoever allocates and one for the object, and free: the object's, on this CPU and a stock of charged bytes (`object-cgroup.ts`), and a cell of
// the slab's table. offline: a spin lock, and some stores for each object cgroup of the cgroup, whatever objects there are.
// Memory: 8 bytes per object of a slab that has charged ones, as in Linux (4 here, counted as 8); an object cgroup until its
// last object goes. No dead caches, no dying cgroups.

import { compareExchange32, cpu, enter, leave, load32, storeRelaxed32 } from "../machine/impl";
import { kfree, kzalloc } from "../slab/kmalloc";
import { addressOf, headPageOf, Page } from "../slab/page";
import { slubAllocate, slubCountFree, slubFree } from "../slab/slub";
import { SlubCache, slubCacheOf, slubObjectSize } from "../slab/slub-cache";
import { SlubPolicy } from "../slab/slub-slab";
import { memcgReparentObjcgs, objCgroupCharge, objCgroupUncharge } from "../symbols";
import { flushOwn } from "./clone";
import { parentOf } from "./memcg";
import {
  chargeObject,
  drainStock,
  getObjcg,
  makeObjcg,
  objcgGlobalBytes,
  putObjcg,
  reparentObjcgs,
  takeObjcg,
  unchargeObject,
} from "./object-cgroup";
import { cacheOfIndex, kmallocCaches, memcgOfIndex } from "./region";
import { destroyShared } from "./shared";

export { createShared as createCache } from "./shared";
export { background, initialise } from "./stateless";

@unmanaged
class Policy extends SlubPolicy {
  leaveSlab(slab: usize): void {
    const table = load32(slab + offsetof<Page>("extension"));
    if (table !== 0) kfree(table);
  }
}

/** Bytes of a cell of a slab's table, as in Linux. */
const cellBytes: u32 = 8;

/** What an object is charged for, as obj_full_size(): itself and its cell. */
function fullSizeOf(cache: usize): u32 {
  return slubObjectSize(cache) + cellBytes;
}

export function globalBytes(): usize {
  return objcgGlobalBytes();
}

export function createMemcg(memcg: usize): bool {
  return makeObjcg(memcg);
}

export function destroyCache(index: u32): void {
  destroyShared<Policy>(index);
}

/** The cell of an object in its slab's table. */
function cellOf(table: usize, slab: usize, cache: usize, object: usize): usize {
  const place = ((object - addressOf(slab)) as u32) / load32(cache + offsetof<SlubCache>("slotSize"));
  return table + usize(place * cellBytes);
}

/** The table of a slab; made when there is none. Returns 0 when the memory is used up. */
function tableOf(slab: usize, cache: usize): usize {
  const cell = slab + offsetof<Page>("extension");
  const table: usize = load32(cell);
  if (table !== 0) return table;
  const made = kzalloc(kmallocCaches(), load32(cache + offsetof<SlubCache>("objectsPerSlab")) * cellBytes);
  if (made === 0) return 0;
  // Another CPU may have been first.
  const held: usize = compareExchange32(cell, 0, made as u32);
  if (held === 0) return made;
  kfree(made);
  return held;
}

export function allocate(index: u32): usize {
  const cache = cacheOfIndex(index);
  const memcg = memcgOfIndex(index);
  if (memcg === 0) return slubAllocate<Policy>(cache);
  enter(objCgroupCharge);
  const objcg = takeObjcg(memcg);
  const bytes = fullSizeOf(cache);
  chargeObject(objcg, bytes);
  leave();
  const object = slubAllocate<Policy>(cache);
  const slab: usize = object === 0 ? 0 : headPageOf(object);
  const table: usize = object === 0 ? 0 : tableOf(slab, cache);
  if (table === 0) {
    if (object !== 0) slubFree<Policy>(cache, slab, object);
    unchargeObject(objcg, bytes);
    putObjcg(objcg);
    return 0;
  }
  getObjcg(objcg);
  storeRelaxed32(cellOf(table, slab, cache, object), objcg as u32);
  putObjcg(objcg);
  return object;
}

export function free(object: usize): void {
  const slab = headPageOf(object);
  const cache = slubCacheOf(slab);
  const table: usize = load32(slab + offsetof<Page>("extension"));
  if (table !== 0) unchargeFor(cellOf(table, slab, cache, object), fullSizeOf(cache));
  slubCountFree(cache);
  slubFree<Policy>(cache, slab, object);
}

/** Takes back the charge of the object that a cell is about, if there is one. */
function unchargeFor(cell: usize, bytes: u32): void {
  const objcg: usize = load32(cell);
  if (objcg === 0) return;
  enter(objCgroupUncharge);
  storeRelaxed32(cell, 0);
  unchargeObject(objcg, bytes);
  putObjcg(objcg);
  leave();
}

export function offlineCaches(memcg: usize): void {
  enter(memcgReparentObjcgs);
  reparentObjcgs(memcg, parentOf(memcg));
  leave();
}

export function finish(): bool {
  return drainStock(cpu());
}

export function flushCpu(cache: usize): void {
  if (cache !== 0) flushOwn<Policy>(cache);
  else drainStock(cpu());
}
