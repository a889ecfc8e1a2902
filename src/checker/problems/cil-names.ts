// Names of what lies at the addresses of a case of cil, for timelines.

import type { RunningModule } from "../../build/instance.ts";
import * as areas from "../../kernel/cil/areas.ts";
import { allocatorName, at, inParts, lineBytes, machineName, pageBytes, slabAt } from "./address-names.ts";
import type { CilExports } from "./cil.ts";

/** Where a page's address stands in its descriptor (`src/kernel/slab/page.ts`). */
const pageAddressAt = 36;
/** Where a cache's distance of objects stands in its descriptor (`src/kernel/slab/cache.ts`). */
const slotSizeAt = 4;
const transactionBytes = 64;
const itemBytes = 128;

/** Names of areas that are one line, or no table. */
const areaNames: Readonly<Record<number, string>> = {
  [areas.areaOther]: "counters",
  [areas.areaAllocator]: "slab caches",
  [areas.areaContextLock]: "xc_ctx_lock",
  [areas.areaVmap]: "vmap_area_lock",
};
/** Names of the words of a line. */
const wordNames: Readonly<Record<number, readonly string[]>> = {
  [areas.areaList]: [
    "xc_cil_lock",
    "xc_cil (first)",
    "xc_cil (last)",
    "xc_ctx sequence",
    "xc_ctx space_used",
    "xc_ctx nvecs",
  ],
  [areas.areaPush]: [
    ...["xc_push_lock", "xc_push_seq", "xc_current_sequence", "last commit record"],
    ...["wait for commit records", "push worker", "xc_committing"],
  ],
  [areas.areaPool]: ["memory in use", "waiters for memory", "wait for memory"],
};
const itemWords: readonly string[] = [
  ...["lock", "transaction", "next of transaction", "li_lv", "li_lv_shadow", "li_seq", "bytes", "data", "capacity"],
  ...["version", "logged version", "next", "previous", "is listed", "is last", "size of li_lv"],
  ...["pin lock", "pins", "pinned in", "is stale"],
];

/** Where an item's vectors and data stand in it. */
const itemParts = [
  [12, "li_lv"],
  [16, "li_lv_shadow"],
  [28, "data"],
] as const;

/** Where the area begins that an address of the problem's memory lies in. */
function beginOf({ exports, layout }: RunningModule<CilExports>, address: number): number {
  const area = exports.areaAt(address | 0);
  let begin = address - (address % lineBytes);
  while (begin > layout.problemBase && exports.areaAt((begin - lineBytes) | 0) === area) begin -= lineBytes;
  return begin;
}

/** Whose an allocation is: an item's vectors and data, as far as items refer to them. */
function ownerOf(running: RunningModule<CilExports>, words: Uint32Array, object: number): string | undefined {
  const { exports, layout } = running;
  // Items are what the problem's memory ends with.
  const end = layout.problemBase + (exports.problemBytes() >>> 0);
  const begin = beginOf(running, end - lineBytes);
  for (let item = begin; item < end; item += itemBytes) {
    const part = itemParts.find(([offset]) => words[(item + offset) / 4] === object);
    if (part !== undefined) return `${part[1]} of item ${(item - begin) / itemBytes}`;
  }
  return undefined;
}

function allocationName(running: RunningModule<CilExports>, address: number): string {
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

/** Something of the problem's own: tables begin where the area does, the other areas are single lines. */
function problemName(running: RunningModule<CilExports>, address: number): string {
  const area = running.exports.areaAt(address | 0);
  const offset = address - beginOf(running, address);
  const words = wordNames[area];
  if (words !== undefined) return words[Math.floor(offset / 4)] ?? at("committed item list", offset);
  if (area === areas.areaTransactions) return inParts("transaction of task", transactionBytes, offset);
  if (area === areas.areaItems) {
    const word = itemWords[Math.floor((offset % itemBytes) / 4)];
    const item = `item ${Math.floor(offset / itemBytes)}`;
    return word === undefined ? at(item, offset % itemBytes) : `${word} of ${item}`;
  }
  return at(areaNames[area] ?? "harness", offset);
}

/** What lies at an address outside of the fibers. */
export function nameOf(running: RunningModule<CilExports>, address: number): string {
  const { layout, exports } = running;
  if (address >= layout.arenaBase) return allocationName(running, address);
  const allocator = allocatorName(layout, address);
  if (allocator !== undefined) return allocator;
  const problemEnd = layout.problemBase + (exports.problemBytes() >>> 0);
  if (address >= layout.problemBase && address < problemEnd) return problemName(running, address);
  return machineName(layout, address);
}
