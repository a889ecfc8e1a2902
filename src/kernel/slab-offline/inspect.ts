// Looks at all slabs while nobody runs, for checks and tests: whether each is where its state says, and what is in use.

import { pageTable } from "../layout";
import { cpus, load32, load64 } from "../machine/impl";
import { kmallocBytes } from "../slab/kmalloc";
import { Page, pageDescriptorSize, touchedPages } from "../slab/page";
import {
  firstFull,
  firstPartial,
  nextSlabOf,
  partialCountOf,
  SlubCpu,
  slubCacheOf,
  slubCpuOf,
} from "../slab/slub-cache";
import { freelistOf, inUseOf, isFrozen, nextFree, objectsOf, wordOf } from "../slab/slub-word";
import { descriptorBytes, firstRoot, isRootShared, memcgOf, nextRoot, slabBytes } from "./clone";
import { cacheCount, cgroupCount } from "./harness";
import { Memcg, memcgBytes, parentOf } from "./memcg";
import { ObjCgroup, objcgBytes } from "./object-cgroup";
import { dyingCgroups } from "./oracle";
import { cacheOfIndex, memcgCell } from "./region";

/** Longest list that is followed: a longer one goes round in a circle. */
const lengthMax: u32 = 1_000_000;

function isKnown(cache: usize): bool {
  if (cache === 0) return false;
  for (let index: u32 = 0; index < cacheCount; index++) if (cacheOfIndex(index) === cache) return true;
  for (let root = firstRoot(); root !== 0; root = nextRoot(root)) if (root === cache) return true;
  return false;
}

/** The slab whose first page has this number, or 0. */
function slabAt(number: u32): usize {
  const page = pageTable + usize(number) * pageDescriptorSize;
  const isHead = load32(page + offsetof<Page>("head")) === (page as u32);
  return isHead && isKnown(slubCacheOf(page)) ? page : 0;
}

function isOnList(first: usize, slab: usize): bool {
  let at = first;
  for (let length: u32 = 0; at > 1 && length < lengthMax; length++) {
    if (at === slab) return true;
    at = nextSlabOf(at);
  }
  return false;
}

function isWithCpu(cache: usize, slab: usize): bool {
  for (let index: u32 = 0; index < cpus(); index++) {
    const part = slubCpuOf(cache, index);
    if (load32(part + offsetof<SlubCpu>("slab")) === (slab as u32)) return true;
    if (isOnList(load32(part + offsetof<SlubCpu>("partial")), slab)) return true;
  }
  return false;
}

/** Free objects of a slab, by its own list; more than there can be where the list is broken. */
function lengthOf(object: usize, most: u32): u32 {
  let length: u32 = 0;
  for (let at = object; at !== 0 && length <= most; at = nextFree(at)) length++;
  return length;
}

function isInPlace(slab: usize): bool {
  const cache = slubCacheOf(slab);
  const word = wordOf(slab);
  if (lengthOf(freelistOf(word), objectsOf(word)) !== objectsOf(word) - inUseOf(word)) return false;
  if (isFrozen(word)) return isWithCpu(cache, slab);
  if (isWithCpu(cache, slab)) return false;
  const isPartial = isOnList(firstPartial(cache), slab);
  if (freelistOf(word) !== 0) return isPartial;
  return !isPartial && (firstFull(cache) === 0 || isOnList(firstFull(cache), slab));
}

/** Slabs that a node's partial list has more or less than it counts: 0 or 1 for each. */
function isMiscounted(cache: usize): u32 {
  let length: u32 = 0;
  for (let slab = firstPartial(cache); slab !== 0 && length < lengthMax; slab = nextSlabOf(slab)) length++;
  return length === partialCountOf(cache) ? 0 : 1;
}

/** Slabs that are not where their state says, and lists that count wrong: nobody will find them, or too many will. */
export function misplacedSlabCount(): u32 {
  let slabs: u32 = 0;
  for (let index: u32 = 0; index < cacheCount; index++) {
    const cache = cacheOfIndex(index);
    if (cache !== 0 && !isRootShared(cache)) slabs += isMiscounted(cache);
  }
  for (let root = firstRoot(); root !== 0; root = nextRoot(root)) slabs += isMiscounted(root);
  for (let number: u32 = 0; number < touchedPages(); number++) {
    const slab = slabAt(number);
    if (slab !== 0 && !isInPlace(slab)) slabs++;
  }
  return slabs;
}

/** Free objects that a CPU took for itself out of a slab, which count as in use there. */
function takenByCpus(slab: usize): u32 {
  const cache = slubCacheOf(slab);
  let objects: u32 = 0;
  for (let index: u32 = 0; index < cpus(); index++) {
    const part = slubCpuOf(cache, index);
    if (load32(part + offsetof<SlubCpu>("slab")) !== (slab as u32)) continue;
    objects += lengthOf(freelistOf(load64(part)), objectsOf(wordOf(slab)));
  }
  return objects;
}

/** Objects in use in all slabs, by the slabs' own counts. */
export function objectsInUse(): u32 {
  let objects: u32 = 0;
  for (let number: u32 = 0; number < touchedPages(); number++) {
    const slab = slabAt(number);
    if (slab !== 0) objects += inUseOf(wordOf(slab)) - takenByCpus(slab);
  }
  return objects;
}

function isWithin(memcg: usize, top: usize): bool {
  for (let at = memcg; at !== 0; at = parentOf(at)) if (at === top) return true;
  return false;
}

/** Bytes of the slabs of all caches that belong to a cgroup or to one below it. */
export function slabBytesOf(top: usize): u32 {
  let bytes: u32 = 0;
  for (let number: u32 = 0; number < touchedPages(); number++) {
    const slab = slabAt(number);
    if (slab !== 0 && isWithin(memcgOf(slubCacheOf(slab)), top)) bytes += slabBytes(slab);
  }
  return bytes;
}

/** Bytes of the object cgroups of a cgroup, its own and those that were moved there. */
function objcgBytesOf(memcg: usize): f64 {
  let objcgs: f64 = load32(memcg + offsetof<Memcg>("objcg")) === 0 ? 0 : 1;
  let next: usize = load32(memcg + offsetof<Memcg>("objcgs"));
  for (; next !== 0; next = load32(next + offsetof<ObjCgroup>("next"))) objcgs++;
  return objcgs * (objcgBytes() as f64);
}

/** Bytes of all descriptors that somebody still finds: online cgroups and what belongs to them, caches, tables of slabs. */
export function reachableBytes(): f64 {
  let bytes: f64 = 0;
  for (let cgroup: u32 = 0; cgroup < cgroupCount; cgroup++) {
    const memcg: usize = load32(memcgCell(cgroup));
    if (memcg !== 0) bytes += (memcgBytes() as f64) + objcgBytesOf(memcg);
  }
  // Whether something still belongs to them is for `dyingCgroups` to tell.
  bytes += (dyingCgroups() as f64) * (memcgBytes() as f64);
  for (let index: u32 = 0; index < cacheCount; index++) {
    const cache = cacheOfIndex(index);
    if (cache !== 0 && !isRootShared(cache)) bytes += descriptorBytes() as f64;
  }
  for (let root = firstRoot(); root !== 0; root = nextRoot(root)) bytes += descriptorBytes() as f64;
  for (let number: u32 = 0; number < touchedPages(); number++) {
    const slab = slabAt(number);
    if (slab === 0 || load32(slab + offsetof<Page>("extension")) === 0) continue;
    bytes += kmallocBytes(objectsOf(wordOf(slab)) * 8) as f64;
  }
  return bytes;
}
