// Names of what lies at the addresses of a memcg iterator's case, for timelines.

import type { RunningModule } from "../../build/instance.ts";
import type { ProblemExports } from "../../build/problem.ts";
import * as areas from "../../kernel/memcg-iterator/areas.ts";
import { allocatorName, at, inParts, lineBytes, machineName, pageBytes, slabAt } from "./address-names.ts";

/** Where a page's address stands in its descriptor (`src/kernel/slab/page.ts`). */
const pageAddressAt = 36;
/** Where a cache's distance of objects stands in its descriptor (`src/kernel/slab/cache.ts`). */
const slotSizeAt = 4;

/** Where the parts of a cgroup begin (`src/kernel/memcg-iterator/tree.ts`), the last first. */
const partsOfMemcg: readonly (readonly [begin: number, name: string])[] = [
  [192, "the variant's part"],
  [128, "works"],
  [112, "RCU head"],
  [64, "references"],
];
/** Fields of a cgroup that others look at, by offset. */
const fieldsOfMemcg: Readonly<Record<number, string>> = {
  0: "parent",
  4: "first child",
  8: "last child",
  12: "next",
  16: "previous",
  20: "released",
  24: "serial",
  28: "index",
};
/** Where the index stands in a cgroup. */
const memcgIndexAt = 28;

const areaNames: Readonly<Record<number, string>> = {
  [areas.areaOther]: "counters",
  [areas.areaAllocator]: "slab caches",
  [areas.areaTree]: "cgroup_mutex",
  [areas.areaRcu]: "RCU",
  [areas.areaPercpu]: "per-CPU references",
  [areas.areaVariant]: "the variant's own",
};

function memcgName(index: number, offset: number): string {
  const cgroup = `cgroup ${index}`;
  const field = fieldsOfMemcg[offset];
  if (field !== undefined) return `${cgroup} (${field})`;
  for (const [begin, name] of partsOfMemcg) if (offset >= begin) return at(`${cgroup} (${name})`, offset - begin);
  return at(cgroup, offset);
}

/** All that is allocated are cgroups, each with its index inside, which stays when the memory is given back. */
function allocationName({ memory, layout }: RunningModule<ProblemExports>, address: number): string {
  const words = new Uint32Array(memory.buffer);
  const word = (cell: number): number => words[cell / 4] ?? 0;
  const found = slabAt(words, layout, address);
  if (found === undefined) return inParts("page", pageBytes, address - layout.arenaBase);
  const slotBytes = word(found.cache + slotSizeAt);
  const inSlot = (address - word(found.slab + pageAddressAt)) % slotBytes;
  return memcgName(word(address - inSlot + memcgIndexAt), inSlot);
}

/** What lies at an address outside of the fibers. */
export function nameOf(running: RunningModule<ProblemExports>, address: number): string {
  const { layout, exports } = running;
  if (address >= layout.arenaBase) return allocationName(running, address - (address % 4));
  const allocator = allocatorName(layout, address);
  if (allocator !== undefined) return allocator;
  const problemEnd = layout.problemBase + (exports.problemBytes() >>> 0);
  if (address < layout.problemBase || address >= problemEnd) return machineName(layout, address);
  const area = exports.areaAt(address | 0);
  let begin = address - (address % lineBytes);
  while (begin > layout.problemBase && exports.areaAt((begin - lineBytes) | 0) === area) begin -= lineBytes;
  return at(areaNames[area] ?? "harness", address - begin);
}
