// The rounds of a described problem's case: what of a workload is begun together.

import { eventKindOffset, eventSize } from "../kernel/events.ts";
import type { Problem } from "../problems/index.ts";
import { holdsAny } from "../problems/problem.ts";
import { chunkEventsMax, type Workload } from "../workloads/workload.ts";
import { isMeasured } from "./simulation.ts";

/** A chunk of events, or several that need not wait for each other. */
export interface Round {
  readonly events: Uint8Array;
  readonly isMeasured: boolean;
  /** Kinds of its events. */
  readonly kinds: ReadonlySet<number>;
  /** Whether any of them is of the workload's own work. */
  readonly isWork: boolean;
}

function kindsOf(chunk: Uint8Array): ReadonlySet<number> {
  const kinds = new Set<number>();
  for (let offset = 0; offset < chunk.byteLength; offset += eventSize)
    kinds.add(chunk[offset + eventKindOffset] as number);
  return kinds;
}

/** The workload's chunks; those that leave all as they found it, which begin whenever their tasks are ready, as one. */
export function* roundsOf(
  { kinds: known, workKinds = known, lastingKinds = new Set() }: Problem,
  workload: Workload,
): Generator<Round> {
  let waiting: Uint8Array[] = [];
  let bytes = 0;
  const merged = (): Round => {
    const events = new Uint8Array(bytes);
    let at = 0;
    for (const chunk of waiting) {
      events.set(chunk, at);
      at += chunk.byteLength;
    }
    waiting = [];
    bytes = 0;
    return { events, isMeasured: true, kinds: kindsOf(events), isWork: true };
  };
  for (const chunk of workload.chunks()) {
    const kinds = kindsOf(chunk);
    const isWork = holdsAny(kinds, workKinds);
    const lasts = isMeasured(chunk) && isWork && [...kinds].every((kind) => lastingKinds.has(kind));
    if (waiting.length > 0 && (!lasts || bytes + chunk.byteLength > chunkEventsMax * eventSize)) yield merged();
    if (lasts) {
      waiting.push(chunk.slice());
      bytes += chunk.byteLength;
    } else yield { events: chunk, isMeasured: isMeasured(chunk), kinds, isWork };
  }
  if (waiting.length > 0) yield merged();
}
