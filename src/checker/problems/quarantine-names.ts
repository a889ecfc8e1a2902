// Names of what lies at the addresses of a quarantine's case, for timelines.

import type { RunningModule } from "../../build/instance.ts";
import type { MemoryLayout } from "../../build/memory.ts";
import type { QuarantineExports } from "../../build/quarantine.ts";
import * as areas from "../../kernel/quarantine/areas.ts";
import { allocatorName, at, inParts, lineBytes, machineName, pageBytes, slabAt } from "./address-names.ts";

const cacheBytes = 192;
const slotBytes = 64;

const cacheLines = ["sizes", "lock", "variant"] as const;

/** Names of what the variant's structures hold, but for the CPUs' own parts. */
const areaNames: Readonly<Record<number, string>> = {
  [areas.areaGlobal]: "global quarantine",
  [areas.areaSrcu]: "remove_cache_srcu",
  [areas.areaBatches]: "batches",
  [areas.areaDead]: "dead caches",
};

/** An object: by the indices under which it was allocated, and its cache, also when that is gone. */
function objectName({ memory, layout }: RunningModule<QuarantineExports>, address: number): string {
  const words = new Uint32Array(memory.buffer);
  const offset = address - layout.arenaBase;
  const slot = address - (offset % slotBytes);
  const table = words.subarray(layout.objectTable / 4, layout.cacheTable / 4);
  const indices = [...table.keys()].filter((index) => table[index] === slot);
  const found = slabAt(words, layout, address);
  if (found === undefined) return inParts("page", pageBytes, offset);
  const name = indices.length === 0 ? "an object" : `object ${indices.join("/")}`;
  return at(`${name} of cache ${(found.cache - layout.cacheTable) / cacheBytes}`, address - slot);
}

/** Something of the variant's own. Where it lies in its area is found out by asking about its neighbours. */
function variantName(exports: QuarantineExports, { cpus }: MemoryLayout, base: number, address: number): string {
  const end = base + (exports.extraGlobalBytes() >>> 0);
  const area = exports.areaAt(address | 0);
  const isSame = (other: number): boolean => other >= base && other < end && exports.areaAt(other | 0) === area;
  let begin = address & ~7;
  while (isSame(begin - 8)) begin -= 8;
  if (area !== areas.areaQueues) return at(areaNames[area] ?? "quarantine", address - begin);
  let after = address;
  while (isSame(after)) after += 8 - (after & 7);
  const bytes = (after - begin) / cpus;
  return Number.isInteger(bytes) ? inParts("queue of CPU", bytes, address - begin) : at("queues", address - begin);
}

/** What lies at an address outside of the fibers. */
export function nameOf(running: RunningModule<QuarantineExports>, address: number): string {
  const { layout, exports } = running;
  if (address >= layout.arenaBase) return objectName(running, address);
  const allocator = allocatorName(layout, address);
  if (allocator !== undefined) return allocator;
  const variant = layout.problemBase + (exports.problemBytes() >>> 0) - (exports.extraGlobalBytes() >>> 0);
  if (address >= variant) return variantName(exports, layout, variant, address);
  const online = layout.problemBase + lineBytes;
  if (address >= online) return inParts("online CPU", 4, address - online);
  if (address >= layout.problemBase) return at("RAM and online CPUs", address - layout.problemBase);
  if (address >= layout.cacheTable) {
    const offset = address - layout.cacheTable;
    const line = cacheLines[Math.floor((offset % cacheBytes) / lineBytes)];
    return at(`cache ${Math.floor(offset / cacheBytes)} (${line})`, offset % lineBytes);
  }
  if (address >= layout.objectTable) return inParts("address of object", 4, address - layout.objectTable);
  return machineName(layout, address);
}
