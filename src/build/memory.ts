// Where everything lies in a case's linear memory, and whether it fits.

import { InputError } from "../errors.ts";
import { cpuBlockBytes } from "../kernel/cpu-block.ts";
import { chunkEventsMax, type WorkloadLimits } from "../workloads/workload.ts";

/** Bytes of a Wasm page. */
const wasmPageBytes = 65_536;
/** Most bytes that 32-bit Wasm can address. */
const memoryBytesMax = 65_536 * wasmPageBytes;
const pageBytes = 4096;
const lineBytes = 64;
const pageDescriptorBytes = 64;
/** Below this lie the module's own constants; a module that needs more is refused. */
const staticBytes = 65_536;
const cacheBytes = 192;
const roundCellsBytes = 128;
const eventBytes = 32;
/** Bytes of one CPU's event buffer. */
export const eventBufferBytes = chunkEventsMax * eventBytes;

/** What a module must tell before its memory can be laid out. */
export interface MemoryNeeds {
  readonly cpus: number;
  readonly limits: WorkloadLimits;
  /** Bytes at `problemBase`, as the module's `problemBytes` says. */
  readonly problemBytes: number;
  /** Bytes of freed objects that the problem holds on to, at the caches' object sizes. */
  readonly heldBytesMax: number;
  /** Event buffers: one per CPU, unless several share one. */
  readonly eventBuffers?: number;
  /** Bytes for fibers, behind everything else. @default 0 */
  readonly fiberBytes?: number;
  /** Bytes of the arena at most, for a case that is known to need less than its limits say. @default as much as fits */
  readonly arenaBytesMax?: number;
}

/** The addresses that are passed to a module as immutable globals (`src/kernel/layout.ts`), and the memory's size. */
export interface MemoryLayout {
  readonly cpus: number;
  readonly cpuBlocks: number;
  readonly taskStacks: number;
  readonly roundCells: number;
  /** The first CPU's; the others' follow, {@link eventBufferBytes} apart, unless they share it. */
  readonly eventBuffer: number;
  readonly objectTable: number;
  readonly cacheTable: number;
  readonly problemBase: number;
  readonly pageTable: number;
  readonly arenaBase: number;
  readonly arenaEnd: number;
  /** Whether objects take their true size; otherwise each takes one 64-byte line. */
  readonly trueSize: boolean;
  /** Where the bytes for fibers begin; a multiple of 4096. */
  readonly fibers: number;
  /** Wasm pages of 64 KiB. */
  readonly wasmPages: number;
}

function roundUp(bytes: number, to: number): number {
  return Math.ceil(bytes / to) * to;
}

/**
 * Lays out a case's memory. The arena is made twice as large as the objects need at their true sizes, because slabs
 * are seldom full; untouched pages cost nothing. Where that does not fit, it gets what is left, and where even the
 * objects alone do not, they take one line each.
 *
 * @throws {InputError} when the tables alone do not fit into 4 GiB
 */
export function layOutMemory(needs: MemoryNeeds): MemoryLayout {
  const { cpus, limits, eventBuffers = cpus, fiberBytes = 0, arenaBytesMax = memoryBytesMax } = needs;
  let next = staticBytes;
  const take = (bytes: number, alignment: number): number => {
    const address = roundUp(next, alignment);
    next = address + bytes;
    return address;
  };
  const cpuBlocks = take(cpus * cpuBlockBytes, lineBytes);
  const taskStacks = take(cpus * pageBytes, pageBytes);
  const roundCells = take(roundCellsBytes, lineBytes);
  const eventBuffer = take(eventBuffers * eventBufferBytes, pageBytes);
  const objectTable = take(limits.objects * 4, lineBytes);
  const cacheTable = take(limits.caches * cacheBytes, lineBytes);
  const problemBase = take(needs.problemBytes, lineBytes);
  // The arena's state takes the line below the page table.
  const tableBase = take(lineBytes, lineBytes) + lineBytes;
  const left = memoryBytesMax - wasmPageBytes - tableBase - pageBytes - fiberBytes;
  const pagesLeft = Math.floor(left / (pageBytes + pageDescriptorBytes));
  if (pagesLeft < 64) {
    throw new InputError(
      `the workload needs ${limits.objects} object and ${limits.caches} cache entries, which leave no room in 4 GiB; use fewer`,
    );
  }
  const wanted = Math.ceil((2 * (limits.slabBytesMax + needs.heldBytesMax) + 64 * 1024 * 1024) / pageBytes);
  const needed = Math.ceil((limits.slabBytesMax + 1.05 * needs.heldBytesMax) / pageBytes);
  const trueSize = needed <= pagesLeft;
  const pages = Math.min(wanted, pagesLeft, Math.floor(arenaBytesMax / pageBytes));
  const arenaBase = roundUp(tableBase + pages * pageDescriptorBytes, pageBytes);
  const arenaEnd = arenaBase + pages * pageBytes;
  return {
    cpus,
    cpuBlocks,
    taskStacks,
    roundCells,
    eventBuffer,
    objectTable,
    cacheTable,
    problemBase,
    pageTable: tableBase,
    arenaBase,
    arenaEnd,
    trueSize,
    fibers: arenaEnd,
    wasmPages: Math.ceil((arenaEnd + fiberBytes) / wasmPageBytes),
  };
}
