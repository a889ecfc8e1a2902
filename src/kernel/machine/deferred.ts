// Work that a CPU's worker does between events: a list of each CPU, which only that CPU touches.

import { deferredHeadAt, deferredTailAt } from "../cpu-block";
import { cpuBlockSize, cpuBlocks, thisCpu } from "../layout";

/** A deferred piece of work; whoever defers it provides the memory, as with the kernel's `work_struct`. */
@unmanaged
class DeferredWork {
  /** Address of the next item of the CPU's queue, or 0. */
  next: u32 = 0;
  /** Index into the function table. */
  work: u32 = 0;
  /** Handed to the work. */
  argument: u32 = 0;
  pad: u32 = 0;
  /** Not to be run before this time, in ns. */
  dueNs: u64 = 0;
}

/** Bytes of a deferred work item. */
export const deferredWorkSize: usize = 24;
if (offsetof<DeferredWork>() !== 24) ERROR("DeferredWork must be 24 bytes");

/** Has this CPU's worker run `work(argument)` once the clock has reached `dueNs`, or at once for 0. See `defer`. */
export function deferAt(item: usize, work: u32, argument: usize, dueNs: u64): void {
  store<u32>(item, work, offsetof<DeferredWork>("work"));
  store<u32>(item, argument as u32, offsetof<DeferredWork>("argument"));
  store<u64>(item, dueNs, offsetof<DeferredWork>("dueNs"));
  append(item);
}

function ownBlock(): usize {
  return cpuBlocks + usize(thisCpu) * cpuBlockSize;
}

function append(item: usize): void {
  const block = ownBlock();
  store<u32>(item, 0, offsetof<DeferredWork>("next"));
  const tail = load<u32>(block, deferredTailAt);
  if (tail === 0) store<u32>(block, item as u32, deferredHeadAt);
  else store<u32>(tail, item as u32, offsetof<DeferredWork>("next"));
  store<u32>(block, item as u32, deferredTailAt);
}

/** Whether this CPU has deferred work that is due at `nowNs`. */
export function hasDue(nowNs: u64): bool {
  let item = load<u32>(ownBlock(), deferredHeadAt);
  while (item !== 0 && load<u64>(item, offsetof<DeferredWork>("dueNs")) > nowNs) {
    item = load<u32>(item, offsetof<DeferredWork>("next"));
  }
  return item !== 0;
}

/** Runs the deferred work of this CPU that is due at `nowNs`, oldest first, and returns how many items it ran. */
export function runDeferred(nowNs: u64): u32 {
  const block = ownBlock();
  let pending = load<u32>(block, deferredHeadAt);
  // Taken as a whole: work that defers itself again is not run twice in one call.
  store<u32>(block, 0, deferredHeadAt);
  store<u32>(block, 0, deferredTailAt);
  let ran: u32 = 0;
  while (pending !== 0) {
    const item = pending;
    pending = load<u32>(item, offsetof<DeferredWork>("next"));
    const work = load<u32>(item, offsetof<DeferredWork>("work"));
    const argument = load<u32>(item, offsetof<DeferredWork>("argument"));
    const dueNs = load<u64>(item, offsetof<DeferredWork>("dueNs"));
    if (dueNs <= nowNs) {
      call_indirect<void>(work, argument);
      ran++;
    } else append(item);
  }
  return ran;
}
