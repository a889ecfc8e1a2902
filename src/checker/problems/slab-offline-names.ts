// Names of what lies at the addresses of a case of slab-offline, for timelines.

import type { RunningModule } from "../../build/instance.ts";
import type { ProblemExports } from "../../build/problem.ts";
import * as areas from "../../kernel/slab-offline/areas.ts";
import { allocatorName, at, inParts, lineBytes, machineName, pageBytes, slabAt } from "./address-names.ts";

/** What the names need of the harness. */
export interface NamedExports extends ProblemExports {
  cacheAddress(index: number): number;
}

/** Where a page's address stands in its descriptor (`src/kernel/slab/page.ts`). */
const pageAddressAt = 36;
/** Where the distance of objects stands in a cache's descriptor: in that of kmalloc's caches and of SLUB's alike. */
const slotSizeAt = 4;
/** Where the node, the owner's part and the CPUs' lines begin in a descriptor of SLUB's (`src/kernel/slab/slub-cache.ts`). */
const nodeAt = 64;
const ownerAt = 128;
const cpusAt = 256;

const areaNames: Readonly<Record<number, string>> = {
  [areas.areaOther]: "harness",
  [areas.areaAllocator]: "kmalloc caches",
  [areas.areaHeader]: "slab_mutex",
  [areas.areaRcu]: "RCU",
  [areas.areaMemcgs]: "cgroups",
  [areas.areaCaches]: "caches",
  [areas.areaVariant]: "the variant's own",
};

/** A place in a descriptor of SLUB's. */
function inCache(index: number, offset: number): string {
  const name = `kmem_cache ${index}`;
  if (offset >= cpusAt) return inParts(`${name}: CPU`, lineBytes, offset - cpusAt);
  if (offset >= ownerAt) return at(`${name}: memcg_params`, offset - ownerAt);
  return offset >= nodeAt ? at(`${name}: node`, offset - nodeAt) : at(name, offset);
}

/** Something in the arena: an object, or a descriptor. */
function arenaName({ memory, layout, exports }: RunningModule<NamedExports>, address: number, caches: number): string {
  const words = new Uint32Array(memory.buffer);
  const word = (cell: number): number => words[cell / 4] ?? 0;
  const found = slabAt(words, layout, address);
  if (found === undefined) return inParts("page", pageBytes, address - layout.arenaBase);
  const slotBytes = Math.max(8, word(found.cache + slotSizeAt));
  const inSlab = address - word(found.slab + pageAddressAt);
  const begin = address - (inSlab % slotBytes);
  for (let index = 0; index < caches; index++) {
    const cache = exports.cacheAddress(index) >>> 0;
    if (cache === begin) return inCache(index, address - begin);
    if (cache === found.cache) {
      return at(`object ${Math.floor(inSlab / slotBytes)} of a slab of kmem_cache ${index}`, inSlab % slotBytes);
    }
  }
  return at(`object ${Math.floor(inSlab / slotBytes)} of ${slotBytes} bytes`, inSlab % slotBytes);
}

/** Where the area begins that an address of the problem's memory lies in. Areas are whole lines. */
function beginOf({ exports, layout }: RunningModule<NamedExports>, address: number): number {
  const area = exports.areaAt(address | 0);
  let begin = address - (address % lineBytes);
  while (begin > layout.problemBase && exports.areaAt((begin - lineBytes) | 0) === area) begin -= lineBytes;
  return begin;
}

/**
 * What lies at an address outside of the fibers.
 *
 * @param caches one more than the largest index of a cache
 */
export function nameOf(running: RunningModule<NamedExports>, address: number, caches: number): string {
  const { layout, exports } = running;
  if (address >= layout.arenaBase) return arenaName(running, address, caches);
  const allocator = allocatorName(layout, address);
  if (allocator !== undefined) return allocator;
  const problemEnd = layout.problemBase + (exports.problemBytes() >>> 0);
  if (address < layout.problemBase || address >= problemEnd) return machineName(layout, address);
  const area = exports.areaAt(address | 0);
  return at(areaNames[area] ?? "harness", address - beginOf(running, address));
}
