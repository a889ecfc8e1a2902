// Where things lie in linear memory. The host computes these addresses before it instantiates a module and passes
// them in as immutable globals, because a module must hold no mutable state of its own: several instances, one per
// CPU, share one memory.

import { countersAt, cpuBlockBytes, positionAt, progressAt, symbolsAt } from "./cpu-block";

/** This instance's CPU, from 0. */
export declare const thisCpu: u32;
/** CPUs of the case. */
export declare const cpuCount: u32;
/** Per-CPU blocks of the machine, {@link cpuBlockSize} bytes each. */
export declare const cpuBlocks: usize;
/** One page of stack memory per CPU, for the task that runs on it. */
export declare const taskStacks: usize;
/** The cells by which the CPUs of a round begin and end it together: two lines (`crew.ts`). */
export declare const roundCells: usize;
/** Steps of `compute` in one microsecond on this machine, measured by the host. */
export declare const spinsPerMicrosecond: u32;
/** The chunk of event records that this CPU's harness interprets. */
export declare const eventBuffer: usize;
/** One u32 per object index of the workload: the object's address. Read and written by the harness only. */
export declare const objectTable: usize;
/** Cache descriptors, `cacheSize` bytes each (`slab/cache.ts`). */
export declare const cacheTable: usize;
/** Global structures of the problem's variant. */
export declare const problemBase: usize;
/** One 64-byte descriptor per page of the arena, like the kernel's `struct page`. */
export declare const pageTable: usize;
/** First byte of the page arena; a multiple of 4096. */
export declare const arenaBase: usize;
/** One past the last byte of the page arena. */
export declare const arenaEnd: usize;

/** Size of a cache line, in bytes. */
export const lineSize: usize = 64;
/** Size of a page, in bytes. */
export const pageSize: usize = 4096;
/** Bytes of one CPU's block: three lines that nothing else shares (`machine/access.ts`). */
export const cpuBlockSize: usize = cpuBlockBytes;
/** Where the counters lie in a CPU's block. */
export const counterOffset: usize = countersAt;
/** Where a CPU's block says that it gets on. */
export const progressOffset: usize = progressAt;
/** Where a CPU's block says which event it performs. */
export const positionOffset: usize = positionAt;
/** Where a CPU's block keeps the symbols that it is in. */
export const symbolsOffset: usize = symbolsAt;

/** Counter: objects that this CPU put back into their slabs. */
export const counterFreed: usize = 0;
/** Counter: objects that were still in use in caches that this CPU destroyed; a correct variant leaves none. */
export const counterLeftBehind: usize = 1;

/** Address of a counter that only this CPU writes, like the kernel's per-CPU statistics. */
export function counterCell(counter: usize): usize {
  return cpuBlocks + usize(thisCpu) * cpuBlockSize + counterOffset + counter * 4;
}
