// Names of what lies at the addresses of a shrinker's case, for timelines.

import type { RunningModule } from "../../build/instance.ts";
import type { ProblemExports } from "../../build/problem.ts";
import * as areas from "../../kernel/shrinker/areas.ts";
import { allocatorName, at, inParts, lineBytes, machineName, pageBytes, slabAt } from "./address-names.ts";

/** Where a page's address stands in its descriptor (`src/kernel/slab/page.ts`). */
const pageAddressAt = 36;
/** Where a cache's distance of objects stands in its descriptor (`src/kernel/slab/cache.ts`). */
const slotSizeAt = 4;
/** Bytes of the descriptors of a cgroup, on one node, and of a superblock (`src/kernel/shrinker/region.ts`). */
const memcgBytes = 128;
const superblockBytes = 128;
/** Where a cgroup's maps, and a superblock's shrinker and lists, stand in them. */
const memcgInfoAt = 64;
const superblockShrinkerAt = 4;
const superblockListsAt = 12;

/** Names of areas that are not tables. */
const areaNames: Readonly<Record<number, string>> = {
  [areas.areaOther]: "counters",
  [areas.areaAllocator]: "slab caches",
  [areas.areaTree]: "lock of the cgroup tree",
  [areas.areaRcu]: "RCU",
  [areas.areaWalkers]: "SRCU of cgroup walks",
  [areas.areaList]: "shrinker_list",
  [areas.areaIds]: "shrinker_idr",
  [areas.areaVariant]: "locks of shrinkers",
};

/** Where the area begins and ends that an address of the problem's memory lies in. Areas are whole lines. */
function boundsOf({ exports, layout }: RunningModule<ProblemExports>, address: number): readonly [number, number] {
  const area = exports.areaAt(address | 0);
  const limit = layout.problemBase + (exports.problemBytes() >>> 0);
  let begin = address - (address % lineBytes);
  let end = begin + lineBytes;
  while (begin > layout.problemBase && exports.areaAt((begin - lineBytes) | 0) === area) begin -= lineBytes;
  while (end < limit && exports.areaAt(end | 0) === area) end += lineBytes;
  return [begin, end];
}

/** Bounds of a table of the problem's memory. */
function tableOf(running: RunningModule<ProblemExports>, area: number): readonly [number, number] {
  const { exports, layout } = running;
  const limit = layout.problemBase + (exports.problemBytes() >>> 0);
  for (let line = layout.problemBase; line < limit; line += lineBytes) {
    if (exports.areaAt(line | 0) === area) return boundsOf(running, line);
  }
  return [0, 0];
}

/** Whose an allocation is, as far as a cgroup or a superblock refers to it. */
function ownerOf(running: RunningModule<ProblemExports>, words: Uint32Array, object: number): string | undefined {
  const find = (area: number, bytes: number, offset: number): number | undefined => {
    const [begin, end] = tableOf(running, area);
    for (let entry = begin; entry < end; entry += bytes) {
      if (words[(entry + offset) / 4] === object) return (entry - begin) / bytes;
    }
    return undefined;
  };
  const names = [
    ["maps of cgroup", areas.areaMemcgs, memcgBytes, memcgInfoAt],
    ["shrinker of superblock", areas.areaSuperblocks, superblockBytes, superblockShrinkerAt],
    ["lists of superblock", areas.areaSuperblocks, superblockBytes, superblockListsAt],
  ] as const;
  for (const [name, area, bytes, offset] of names) {
    const index = find(area, bytes, offset);
    if (index !== undefined) return `${name} ${index}`;
  }
  return undefined;
}

/** An allocation: whose it is, or the size of its cache and its place in the slab. */
function allocationName(running: RunningModule<ProblemExports>, address: number): string {
  const { memory, layout } = running;
  const words = new Uint32Array(memory.buffer);
  const word = (cell: number): number => words[cell / 4] ?? 0;
  const found = slabAt(words, layout, address);
  if (found === undefined) return inParts("page", pageBytes, address - layout.arenaBase);
  const slotBytes = word(found.cache + slotSizeAt);
  const inSlab = address - word(found.slab + pageAddressAt);
  const inSlot = inSlab % slotBytes;
  const name = ownerOf(running, words, address - inSlot);
  return at(name ?? `object ${Math.floor(inSlab / slotBytes)} of kmalloc-${slotBytes}`, inSlot);
}

/** Something of the problem's own. */
function problemName(running: RunningModule<ProblemExports>, address: number): string {
  const area = running.exports.areaAt(address | 0);
  const offset = address - boundsOf(running, address)[0];
  if (area === areas.areaMemcgs) return inParts("mem_cgroup", memcgBytes, offset);
  if (area === areas.areaSuperblocks) return inParts("super_block", superblockBytes, offset);
  return at(areaNames[area] ?? "harness", offset);
}

/** What lies at an address outside of the fibers. */
export function nameOf(running: RunningModule<ProblemExports>, address: number): string {
  const { layout, exports } = running;
  if (address >= layout.arenaBase) return allocationName(running, address);
  const allocator = allocatorName(layout, address);
  if (allocator !== undefined) return allocator;
  const problemEnd = layout.problemBase + (exports.problemBytes() >>> 0);
  if (address >= layout.problemBase && address < problemEnd) return problemName(running, address);
  return machineName(layout, address);
}
