// Where things lie in a CPU's block (`machine/access.ts`), for the code under test and for the host.
//
// This file is compiled by both languages, so it holds untyped integer constants only. All in bytes.

/** Size of one CPU's block: three lines that nothing else shares. */
export const cpuBlockBytes = 192;
/** u32: first and last of the CPU's deferred work items. */
export const deferredHeadAt = 128;
export const deferredTailAt = 132;
/** u32 each: what the CPU counts (`counterFreed`, `counterLeftBehind` of `layout.ts`). */
export const countersAt = 136;
/** u32: objects that were still in use in caches that the CPU destroyed. */
export const counterLeftBehindAt = 140;
/** u32: grows while the CPU gets on. */
export const progressAt = 144;
/** u32: index of the event that the CPU performs. */
export const positionAt = 148;
/** u64: symbols that the CPU is in, 8 bits each, the innermost lowest; only in the profiled form. */
export const symbolsAt = 152;
/** u32: not 0 while the CPU runs a task. */
export const awakeAt = 72;
