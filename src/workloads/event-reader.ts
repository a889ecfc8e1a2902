// Decodes chunks into objects and sentences, for tests and for people. Not for hot paths: an object per event is
// what the harness must never pay for.

import {
  eventAOffset,
  eventBOffset,
  eventFlagsOffset,
  eventGroupOffset,
  eventKindOffset,
  eventObjectOffset,
  eventSize,
  eventTaskOffset,
  flagMeasured,
  kindBogoOp,
  kindCacheCreate,
  kindCacheDestroy,
  kindCgroupCreate,
  kindCgroupOffline,
  kindCompute,
  kindCpuOffline,
  kindCpuOnline,
  kindLogPush,
  kindLruAdd,
  kindObjectAllocate,
  kindObjectFree,
  kindReclaimPass,
  kindSuperblockMount,
  kindSuperblockUnmount,
  kindTransactionCommit,
  kindTransactionItem,
} from "../kernel/events.ts";

/** One decoded record. */
export interface KernelEvent {
  readonly kind: number;
  readonly flags: number;
  readonly task: number;
  readonly object: number;
  readonly group: number;
  readonly a: bigint;
  readonly b: bigint;
}

/** The events of one chunk, in order. */
export function* decodeEvents(chunk: Uint8Array): Generator<KernelEvent> {
  const view = new DataView(chunk.buffer, chunk.byteOffset, chunk.byteLength);
  for (let at = 0; at < chunk.byteLength; at += eventSize) {
    yield {
      kind: view.getUint16(at + eventKindOffset, true),
      flags: view.getUint16(at + eventFlagsOffset, true),
      task: view.getUint32(at + eventTaskOffset, true),
      object: view.getUint32(at + eventObjectOffset, true),
      group: view.getUint32(at + eventGroupOffset, true),
      a: view.getBigUint64(at + eventAOffset, true),
      b: view.getBigUint64(at + eventBOffset, true),
    };
  }
}

const sentences: Readonly<Record<number, (event: KernelEvent) => string>> = {
  [kindCgroupCreate]: (e) => `create cgroup ${e.group} under cgroup ${e.a}, reclaimed in ${e.b} ns`,
  [kindCgroupOffline]: (e) => `offline cgroup ${e.group}`,
  [kindCacheCreate]: (e) =>
    `create cache ${e.group} of cgroup ${e.b >> 32n}: ${e.a} bytes, ${e.object} objects in ${e.b & 0xffff_ffffn} pages`,
  [kindCacheDestroy]: (e) => `destroy cache ${e.group}`,
  [kindObjectAllocate]: (e) => `allocate object ${e.object} from cache ${e.group}`,
  [kindObjectFree]: (e) => `free object ${e.object} of cache ${e.group}`,
  [kindSuperblockMount]: (e) =>
    `mount superblock ${e.object} (${e.a === 0n ? "tmpfs" : "ramfs"}), its callbacks sleep ${e.b} ns`,
  [kindSuperblockUnmount]: (e) => `unmount superblock ${e.object}`,
  [kindLruAdd]: (e) =>
    `add ${e.a} objects of cgroup ${e.group}, ${e.b} of them freeable, to the LRU of superblock ${e.object}`,
  [kindReclaimPass]: (e) =>
    `reclaim cgroup ${e.group} at priority ${e.a} on node ${e.b}, ${e.object} ns for each cgroup's pages`,
  [kindTransactionItem]: (e) => `add item ${e.object} of ${e.a} bytes to the transaction`,
  [kindTransactionCommit]: () => "commit the transaction",
  [kindLogPush]: () => "push the log",
  [kindCompute]: (e) => `compute for ${e.a} ns`,
  [kindBogoOp]: (e) => `finish bogo-op ${e.a}`,
  [kindCpuOffline]: (e) => `take CPU ${e.a} offline`,
  [kindCpuOnline]: (e) => `take CPU ${e.a} online`,
};

/** One line that says what the event does, such as `task 0 (measured): destroy cache 47`. */
export function describeEvent(event: KernelEvent): string {
  const sentence = sentences[event.kind]?.(event) ?? `unknown event of kind ${event.kind}`;
  return `task ${event.task}${(event.flags & flagMeasured) !== 0 ? " (measured)" : ""}: ${sentence}`;
}
