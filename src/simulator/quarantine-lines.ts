// Names of the lines of a quarantine's case, by what lies in them.

import type { RunningModule } from "../build/instance.ts";
import type { QuarantineExports } from "../build/quarantine.ts";
import * as areas from "../kernel/quarantine/areas.ts";

const cacheBytes = 192;
const lineBytes = 64;

/** Names of what the variant's structures hold, by area. */
const areaNames: Readonly<Record<number, string>> = {
  [areas.areaQueues]: "CPU queues",
  [areas.areaGlobal]: "quarantine_lock",
  [areas.areaSrcu]: "remove_cache_srcu",
  [areas.areaBatches]: "global_quarantine",
  [areas.areaDead]: "dead caches",
};

/** Names of the lines of a cache's descriptor. */
const cacheLines = ["kmem_cache (sizes)", "kmem_cache (lock)", "kmem_cache (variant)"] as const;

/** What lies at an address of a case's memory. */
export function nameOfAddress({ layout, exports }: RunningModule<QuarantineExports>, address: number): string {
  if (address >= layout.fibers) return "stacks of tasks";
  if (address >= layout.arenaBase) return "objects";
  if (address >= layout.pageTable) return "struct page";
  if (address >= layout.pageTable - lineBytes) return "page allocator";
  const header = (exports.problemBytes() >>> 0) - (exports.extraGlobalBytes() >>> 0);
  if (address >= layout.problemBase + header) return areaNames[exports.areaAt(address | 0)] ?? "quarantine";
  if (address >= layout.problemBase) return "online CPUs";
  if (address < layout.cacheTable) return "machine";
  return cacheLines[Math.floor(((address - layout.cacheTable) % cacheBytes) / lineBytes)] as string;
}
