// Splits a chunk of events into the pieces that are timed one by one.
//
// A clock reading costs as much as several operations, so operations are timed in runs of one kind. Where a workload
// mixes kinds event by event, a batch is mixed and gives a time per freed object instead. A removal is always alone.

import {
  eventFlagsOffset,
  eventKindOffset,
  eventSize,
  flagMeasured,
  kindBogoOp,
  kindCacheCreate,
  kindCacheDestroy,
  kindCpuOffline,
  kindCpuOnline,
  kindObjectAllocate,
  kindObjectFree,
} from "../kernel/events.ts";

/** What a batch consists of. */
export type BatchKind = "allocate" | "free" | "mixed" | "destroy";

export interface Batch {
  readonly kind: BatchKind;
  /** Index of the first event in the chunk. */
  readonly first: number;
  /** One past the last. */
  readonly end: number;
  /** Objects allocated. */
  readonly allocations: number;
  /** Objects freed. */
  readonly frees: number;
  /** Units of the workload's own work done. */
  readonly bogoOps: number;
  /** Whether the batch belongs to the measured part of the workload. */
  readonly measured: boolean;
}

/** A run of one kind shorter than this is mixed with its neighbours. */
const runEventsMin = 256;
/** A mixed batch ends after so many events. */
const mixedEventsMax = 4096;

/** Kinds that the quarantine acts on or counts; its harness skips all others. */
export const knownKinds: ReadonlySet<number> = new Set([
  kindCacheCreate,
  kindCacheDestroy,
  kindObjectAllocate,
  kindObjectFree,
  kindBogoOp,
  kindCpuOffline,
  kindCpuOnline,
]);

/** Events of a chunk that the quarantine has no use for. */
export function countSkipped(chunk: DataView): number {
  let skipped = 0;
  for (let offset = eventKindOffset; offset < chunk.byteLength; offset += eventSize) {
    if (!knownKinds.has(chunk.getUint16(offset, true))) skipped++;
  }
  return skipped;
}

/** The batches of a chunk, in order; together they are the whole chunk. */
export function splitIntoBatches(chunk: Uint8Array): Batch[] {
  const view = new DataView(chunk.buffer, chunk.byteOffset, chunk.byteLength);
  const count = chunk.byteLength / eventSize;
  const kindAt = (index: number): number => view.getUint16(index * eventSize + eventKindOffset, true);
  const measuredAt = (index: number): boolean =>
    (view.getUint16(index * eventSize + eventFlagsOffset, true) & flagMeasured) !== 0;

  const batches: Batch[] = [];
  let mixedFirst = 0;
  const close = (kind: BatchKind, first: number, end: number): void => {
    if (first === end) return;
    let allocations = 0;
    let frees = 0;
    let bogoOps = 0;
    for (let index = first; index < end; index++) {
      const eventKind = kindAt(index);
      if (eventKind === kindObjectAllocate) allocations++;
      else if (eventKind === kindObjectFree) frees++;
      else if (eventKind === kindBogoOp) bogoOps++;
    }
    batches.push({ kind, first, end, allocations, frees, bogoOps, measured: measuredAt(first) });
  };

  let index = 0;
  while (index < count) {
    const kind = kindAt(index);
    const measured = measuredAt(index);
    let end = index + 1;
    if (kind !== kindCacheDestroy) while (end < count && kindAt(end) === kind && measuredAt(end) === measured) end++;
    const alone =
      kind === kindCacheDestroy ||
      (end - index >= runEventsMin && (kind === kindObjectAllocate || kind === kindObjectFree));
    if (alone) {
      close("mixed", mixedFirst, index);
      close(kind === kindCacheDestroy ? "destroy" : kind === kindObjectFree ? "free" : "allocate", index, end);
      mixedFirst = end;
    } else if (end - mixedFirst >= mixedEventsMax || (end < count && measuredAt(end) !== measured)) {
      close("mixed", mixedFirst, end);
      mixedFirst = end;
    }
    index = end;
  }
  close("mixed", mixedFirst, count);
  return batches;
}
