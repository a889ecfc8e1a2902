// What the harnesses of problems have in common: how they go through their events, and what the host asks of all alike.
//
// The event stream belongs to the harness, so it is read with plain loads.

import { progress } from "./crew";
import { eventKindOffset, eventSize, eventTaskOffset, kindBogoOp, kindReclaimPass } from "./events";
import { eventBuffer } from "./layout";
import { cpus, now } from "./machine/impl";

/** `run` got through. */
const runDone: u32 = 0;
/** `run` stopped because memory was used up. */
const runOutOfMemory: u32 = 1;

/**
 * What a harness does with its events. A harness extends this class; there are no objects of it: the loops take the class as
 * a type.
 */
@unmanaged
export class Performer {
  /** Performs one event, and what comes behind it. Returns false when memory is used up. */
  perform(_event: usize): bool {
    return false;
  }
}

/** Performs the events from `first` up to, not including, `end` of the event buffer. */
export function performAll<P extends Performer>(first: u32, end: u32): u32 {
  for (let index = first; index < end; index++) {
    progress(index);
    if (!changetype<P>(0).perform(eventBuffer + usize(index) * eventSize)) return runOutOfMemory;
  }
  return runDone;
}

/**
 * Performs the events over and over until `deadlineNs` by the machine's clock, so that they can begin anew: ends when a
 * bogo-op is done and no task is between an event of the kind `opening` and its bogo-op; where there are no bogo-ops, when
 * a reclaim pass is done; at the latest at the events' end.
 */
export function performUntil<P extends Performer>(first: u32, end: u32, deadlineNs: f64, opening: u32): u32 {
  if (first === end) return runDone;
  const closing: u32 = holdsBogoOp(first, end) ? kindBogoOp : kindReclaimPass;
  // A bit for each task that is in the middle of a bogo-op. Tasks beyond 64 share bits, and may lose an op at the end.
  let open: u64 = 0;
  do {
    for (let index = first; index < end; index++) {
      const event = eventBuffer + usize(index) * eventSize;
      const kind: u32 = load<u16>(event, eventKindOffset);
      progress(index);
      if (!changetype<P>(0).perform(event)) return runOutOfMemory;
      const task: u64 = 1 << (u64(load<u32>(event, eventTaskOffset) / cpus()) & 63);
      if (kind === opening) open |= task;
      else if (kind === kindBogoOp) open &= ~task;
      if (kind === closing && open === 0 && (now() as f64) >= deadlineNs) return runDone;
    }
  } while ((now() as f64) < deadlineNs);
  return runDone;
}

function holdsBogoOp(first: u32, end: u32): bool {
  for (let index = first; index < end; index++) {
    if (load<u16>(eventBuffer + usize(index) * eventSize, eventKindOffset) === kindBogoOp) return true;
  }
  return false;
}

/** Where the module's own constants end. Everything else lies above. */
export function heapBase(): u32 {
  return __heap_base as u32;
}

/** Calls a function of the table, as the target of an interrupt or of deferred work. */
export function runWork(work: u32, argument: usize): void {
  call_indirect<void>(work, argument);
}
