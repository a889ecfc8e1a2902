// What a replay tells of each operation, for timelines and for the place in the sources.

import type { SourceFrame } from "./outcome.ts";

/** One performed operation. Values are unsigned, as hex digits would show them; 64-bit ones are bigints. */
export interface TracedOperation {
  readonly agent: number;
  /** One of `operation…` of `core/protocol.ts`. */
  readonly operation: number;
  /** Address of the cell; for an interrupt or `isIdle` the CPU, for `isRunning` the task; 0 where there is none. */
  readonly cell: number;
  /** Bytes of the cell, 4 or 8; 0 where there is none. */
  readonly bytes: 0 | 4 | 8;
  /** What the cell held for this agent before. */
  readonly before: bigint;
  /** What it holds for this agent afterwards. */
  readonly after: bigint;
  /** Whether a store stays in the CPU's store buffer for the time being. */
  readonly isBuffered: boolean;
  /** The function by its kernel name, `kasan_quarantine_put`; empty outside of marked ones. */
  readonly symbol: string;
  /** Where it is in the sources, innermost first; empty for operations of no code, such as a flush. */
  readonly frames: readonly SourceFrame[];
  /** What lies at the address: `ring of batches +16`; empty where there is no cell. */
  readonly place: string;
}
