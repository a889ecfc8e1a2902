// Names of what lies at the addresses that every problem's case has, for timelines.

import type { MemoryLayout } from "../../build/memory.ts";
import { cpuBlockBytes } from "../../kernel/cpu-block.ts";

export const lineBytes = 64;
export const pageBytes = 4096;
const pageDescriptorBytes = 64;
/** Where the cache of a page and its block's first page stand in its descriptor (`src/kernel/slab/page.ts`). */
const pageCacheAt = 0;
const pageHeadAt = 32;

export const at = (name: string, offset: number): string => (offset === 0 ? name : `${name} +${offset}`);

/** The name of an address in one of several equal parts that lie one after the other. */
export function inParts(name: string, bytes: number, offset: number): string {
  return at(`${name} ${Math.floor(offset / bytes)}`, offset % bytes);
}

/** The slab that an address of the arena lies in: its descriptor and its cache; undefined where there is none. */
export function slabAt(
  words: Uint32Array,
  { arenaBase, pageTable }: MemoryLayout,
  address: number,
): { readonly slab: number; readonly cache: number } | undefined {
  const page = pageTable + Math.floor((address - arenaBase) / pageBytes) * pageDescriptorBytes;
  const slab = words[(page + pageHeadAt) / 4] ?? 0;
  const cache = slab === 0 ? 0 : (words[(slab + pageCacheAt) / 4] ?? 0);
  return cache === 0 ? undefined : { slab, cache };
}

/** What lies between the problem's memory and the arena. */
export function allocatorName({ pageTable }: MemoryLayout, address: number): string | undefined {
  if (address >= pageTable) return inParts("struct page", pageDescriptorBytes, address - pageTable);
  const arenaState = pageTable - lineBytes;
  return address >= arenaState ? at("page allocator", address - arenaState) : undefined;
}

/** What lies below the problem's memory and its tables. */
export function machineName(layout: MemoryLayout, address: number): string {
  if (address >= layout.eventBuffer) return at("events", address - layout.eventBuffer);
  if (address >= layout.roundCells) return at("rounds", address - layout.roundCells);
  if (address >= layout.taskStacks) return inParts("stack of CPU", pageBytes, address - layout.taskStacks);
  if (address >= layout.cpuBlocks) return inParts("block of CPU", cpuBlockBytes, address - layout.cpuBlocks);
  return at("constants", address);
}
