// Names of what lies at the addresses of a shrinker's case, for timelines.

import type { RunningModule } from "../../build/instance.ts";
import type { ShrinkerExports } from "../../build/shrinker.ts";
import { cpuBlockBytes } from "../../kernel/cpu-block.ts";
import * as areas from "../../kernel/shrinker/areas.ts";

const lineBytes = 64;
const pageBytes = 4096;
const pageDescriptorBytes = 64;
/** Where the cache of a page, its address and its block's first page stand in its descriptor (`src/kernel/slab/page.ts`). */
const pageCacheAt = 0;
const pageHeadAt = 32;
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

const at = (name: string, offset: number): string => (offset === 0 ? name : `${name} +${offset}`);

/** The name of an address in one of several equal parts that lie one after the other. */
function inParts(name: string, bytes: number, offset: number): string {
  return at(`${name} ${Math.floor(offset / bytes)}`, offset % bytes);
}

/** Where the area begins and ends that an address of the problem's memory lies in. Areas are whole lines. */
function boundsOf({ exports, layout }: RunningModule<ShrinkerExports>, address: number): readonly [number, number] {
  const area = exports.areaAt(address | 0);
  const limit = layout.problemBase + (exports.problemBytes() >>> 0);
  let begin = address - (address % lineBytes);
  let end = begin + lineBytes;
  while (begin > layout.problemBase && exports.areaAt((begin - lineBytes) | 0) === area) begin -= lineBytes;
  while (end < limit && exports.areaAt(end | 0) === area) end += lineBytes;
  return [begin, end];
}

/** Bounds of a table of the problem's memory. */
function tableOf(running: RunningModule<ShrinkerExports>, area: number): readonly [number, number] {
  const { exports, layout } = running;
  const limit = layout.problemBase + (exports.problemBytes() >>> 0);
  for (let line = layout.problemBase; line < limit; line += lineBytes) {
    if (exports.areaAt(line | 0) === area) return boundsOf(running, line);
  }
  return [0, 0];
}

/** Whose an allocation is, as far as a cgroup or a superblock refers to it. */
function ownerOf(running: RunningModule<ShrinkerExports>, words: Uint32Array, object: number): string | undefined {
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
function allocationName(running: RunningModule<ShrinkerExports>, address: number): string {
  const { memory, layout } = running;
  const words = new Uint32Array(memory.buffer);
  const word = (cell: number): number => words[cell / 4] ?? 0;
  const offset = address - layout.arenaBase;
  const page = layout.pageTable + Math.floor(offset / pageBytes) * pageDescriptorBytes;
  const slab = word(page + pageHeadAt);
  const cache = slab === 0 ? 0 : word(slab + pageCacheAt);
  if (cache === 0) return inParts("page", pageBytes, offset);
  const slotBytes = word(cache + slotSizeAt);
  const inSlab = address - word(slab + pageAddressAt);
  const inSlot = inSlab % slotBytes;
  const name = ownerOf(running, words, address - inSlot);
  return at(name ?? `object ${Math.floor(inSlab / slotBytes)} of kmalloc-${slotBytes}`, inSlot);
}

/** Something of the problem's own. */
function problemName(running: RunningModule<ShrinkerExports>, address: number): string {
  const area = running.exports.areaAt(address | 0);
  const offset = address - boundsOf(running, address)[0];
  if (area === areas.areaMemcgs) return inParts("mem_cgroup", memcgBytes, offset);
  if (area === areas.areaSuperblocks) return inParts("super_block", superblockBytes, offset);
  return at(areaNames[area] ?? "harness", offset);
}

/** What lies at an address outside of the fibers. */
export function nameOf(running: RunningModule<ShrinkerExports>, address: number): string {
  const { layout, exports } = running;
  if (address >= layout.arenaBase) return allocationName(running, address);
  if (address >= layout.pageTable) return inParts("struct page", pageDescriptorBytes, address - layout.pageTable);
  const arenaState = layout.pageTable - lineBytes;
  if (address >= arenaState) return at("page allocator", address - arenaState);
  const problemEnd = layout.problemBase + (exports.problemBytes() >>> 0);
  if (address >= layout.problemBase && address < problemEnd) return problemName(running, address);
  if (address >= layout.eventBuffer) return at("events", address - layout.eventBuffer);
  if (address >= layout.roundCells) return at("rounds", address - layout.roundCells);
  if (address >= layout.taskStacks) return inParts("stack of CPU", pageBytes, address - layout.taskStacks);
  if (address >= layout.cpuBlocks) return inParts("block of CPU", cpuBlockBytes, address - layout.cpuBlocks);
  return at("constants", address);
}
