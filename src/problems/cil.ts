// The description of cil: XFS's committed item list.

import * as areas from "../kernel/cil/areas.ts";
import * as counters from "../kernel/cil/counters.ts";
import * as gauges from "../kernel/cil/gauges.ts";
import { kindBogoOp, kindCompute, kindLogPush, kindTransactionCommit, kindTransactionItem } from "../kernel/events.ts";
import * as symbols from "../kernel/symbols.ts";
import { largestOf } from "../workloads/metadata-commits.ts";
import type { Problem, Sized } from "./problem.ts";

/** Header, iovecs and slack of the largest vectors, more than any has. */
const vectorOverheadBytes = 512;
/** A context of a checkpoint whose log I/O runs, and what slabs waste. */
const spareBytes = 4 * 1024 * 1024;
/** Orders of pages that a mix of sizes can use. Free blocks are not merged, so each order can come to its own peak. */
const ordersMax = 4;
/** Largest item of a workload of which the sizes are not known: that of a saved one from elsewhere. */
const itemBytesUnknown = 65_536;

/** What a case is laid out for, as its workload's parameters say; defaults are those of `metadata-commits`. */
function settingsOf({ parameters }: Sized): {
  readonly pushThreshold: number;
  readonly memoryLimit: number;
  readonly ioNs: number;
  readonly compactionNs: number;
  readonly hangMs: number;
  readonly itemBytesMax: number;
} {
  const number = (name: string, otherwise: number): number => {
    const value = parameters[name];
    return typeof value === "number" ? value : otherwise;
  };
  return {
    pushThreshold: number("push-threshold", 32 * 1024 * 1024),
    memoryLimit: number("memory-limit", 0),
    ioNs: number("io-ns", 1_000_000),
    compactionNs: number("compaction-ns", 0),
    hangMs: number("hang-ms", 120_000),
    itemBytesMax: largestOf(parameters.mix, itemBytesUnknown),
  };
}

/** Bytes that the kernel code's allocator hands out for so many (`src/kernel/slab/kmalloc.ts`). */
export function kmallocBytes(bytes: number): number {
  let size = 64;
  while (size < bytes) size *= 2;
  return size;
}

/**
 * Bytes of the arena: the data of all items, and vectors. Of these there are, per item, an active one and a shadow, and
 * what the log has not written yet; with a limit, no more than that, in each of the orders in use.
 */
function arenaBytes(sized: Sized): number {
  const { pushThreshold, memoryLimit, itemBytesMax } = settingsOf(sized);
  const items = sized.limits.objects;
  const vector = kmallocBytes(itemBytesMax + vectorOverheadBytes);
  const ofItems = items * vector;
  const vectors = memoryLimit === 0 ? 2 * ofItems + 4 * pushThreshold : ordersMax * memoryLimit;
  return ofItems + vectors + spareBytes;
}

export const cil: Problem = {
  name: "cil",
  kinds: new Set([kindTransactionItem, kindTransactionCommit, kindLogPush, kindCompute, kindBogoOp]),
  workKinds: new Set([kindTransactionItem, kindTransactionCommit, kindLogPush, kindBogoOp]),
  globals: (sized) => {
    const { pushThreshold, memoryLimit, ioNs, compactionNs, hangMs } = settingsOf(sized);
    return {
      itemCount: sized.limits.objects,
      taskCount: sized.limits.tasks,
      pushThreshold,
      memoryLimit,
      ioNs,
      compactionNs,
      hangMs,
    };
  },
  // Items are the harness's own, and no slab objects.
  limits: (limits) => ({
    ...limits,
    caches: 1,
    objects: 1,
    cgroups: 0,
    superblocks: 0,
    liveBytesMax: 0,
    slabBytesMax: 0,
  }),
  arenaBytes,
  caseBytes: (sized) => arenaBytes(sized) / 2,
  advice: "use fewer or smaller items, a smaller push-threshold, or a memory-limit",
  counters: [
    {
      index: counters.counterCommits,
      metric: "commits",
      unit: "commits",
      better: "",
      meaning: "transactions committed to the committed item list",
    },
    {
      index: counters.counterFormatted,
      metric: "items-formatted",
      unit: "items",
      better: "",
      meaning: "items copied into a log vector",
    },
    {
      index: counters.counterFormattedBytes,
      metric: "formatted-bytes",
      unit: "bytes",
      better: "",
      meaning: "bytes copied into log vectors",
    },
    {
      index: counters.counterHeaderBytes,
      metric: "vector-header-bytes",
      unit: "bytes",
      better: "lower",
      meaning: "bytes of headers and iovecs of the vectors that were formatted",
    },
    {
      index: counters.counterAllocations,
      metric: "vector-allocations",
      unit: "allocations",
      better: "lower",
      meaning: "log vectors allocated",
    },
    {
      index: counters.counterAllocationsUnderLock,
      metric: "allocations-under-lock",
      unit: "allocations",
      better: "lower",
      meaning: "log vectors allocated by a task that held the context lock",
    },
    {
      index: counters.counterFreesUnderLock,
      metric: "frees-under-lock",
      unit: "frees",
      better: "lower",
      meaning: "log vectors freed by a task that held the context lock",
    },
    {
      index: counters.counterVmallocs,
      metric: "vector-vmallocs",
      unit: "allocations",
      better: "",
      meaning: "log vectors made of single pages, because no block of their size was to be had",
    },
    {
      index: counters.counterCompactions,
      metric: "compactions",
      unit: "compactions",
      better: "lower",
      meaning: "allocations for which memory was compacted",
    },
    {
      index: counters.counterMemoryWaits,
      metric: "memory-waits",
      unit: "waits",
      better: "lower",
      meaning: "allocations that had to wait for memory",
    },
    {
      index: counters.counterRelogged,
      metric: "relogged-in-place",
      unit: "items",
      better: "",
      meaning: "items formatted again into the vector that they had in the current checkpoint",
    },
    {
      index: counters.counterSwitched,
      metric: "vectors-switched",
      unit: "items",
      better: "",
      meaning: "items whose vector in the current checkpoint gave way to another one",
    },
    {
      index: counters.counterPushes,
      metric: "pushes",
      unit: "pushes",
      better: "",
      meaning: "checkpoints taken off the committed item list and written to the log",
    },
    {
      index: counters.counterCheckpoints,
      metric: "checkpoints-completed",
      unit: "checkpoints",
      better: "",
      meaning: "checkpoints whose log I/O was completed",
    },
    {
      index: counters.counterShadowsReclaimed,
      metric: "shadows-reclaimed",
      unit: "vectors",
      better: "",
      meaning: "shadows of clean items freed because somebody waited for memory",
    },
    {
      index: counters.counterItemsDestroyed,
      metric: "items-destroyed",
      unit: "items",
      better: "",
      meaning: "items destroyed once their last change was in the log",
    },
    {
      index: counters.counterDeadlocks,
      isHang: true,
      metric: "deadlocks",
      unit: "deadlocks",
      better: "lower",
      meaning: "waits for memory that lasted until the watchdog ended them",
    },
    {
      index: counters.counterDeadlocksWithPush,
      metric: "deadlocks-with-push",
      unit: "deadlocks",
      better: "lower",
      meaning: "those of them during which a push waited for the context lock",
    },
    {
      index: counters.counterBlockedCommits,
      metric: "commits-behind-push",
      unit: "commits",
      better: "lower",
      meaning: "commits that waited for the context lock when the watchdog ended a wait, summed over the waits",
    },
    {
      index: counters.counterChangedVectors,
      metric: "changed-checkpoints",
      unit: "vectors",
      better: "lower",
      meaning: "vectors of a pushed checkpoint that held something other than what was committed; always 0",
      forbidden: "vectors of pushed checkpoints held something other than what was committed",
    },
    {
      index: counters.counterOverruns,
      metric: "vector-overruns",
      unit: "items",
      better: "lower",
      meaning: "items that did not fit into the vector that they were formatted into; always 0",
      forbidden: "items did not fit into the vector that they were formatted into",
    },
    {
      index: counters.counterSharedVectors,
      metric: "shared-vectors",
      unit: "vectors",
      better: "lower",
      meaning: "vectors that were active and shadow at the same time, or missing; always 0",
      forbidden: "items of the list had no vector, or the same one as active and as shadow",
    },
    {
      index: counters.counterWrongPins,
      metric: "wrong-pins",
      unit: "pins",
      better: "lower",
      meaning: "items pinned twice for one checkpoint, or unpinned without being pinned; always 0",
      forbidden: "items were pinned twice for one checkpoint, or unpinned without being pinned",
    },
    {
      index: counters.counterMiscounted,
      metric: "miscounted-checkpoints",
      unit: "checkpoints",
      better: "lower",
      meaning: "checkpoints whose size differed from the sum over their items; always 0",
      forbidden: "checkpoints had another size than the sum over their items",
    },
    {
      index: counters.counterDisordered,
      metric: "disordered-records",
      unit: "records",
      better: "lower",
      meaning: "commit records out of order, or log forces that returned too early; always 0",
      forbidden: "commit records came out of order, or a log force returned before the record of its caller's commit",
    },
    {
      index: counters.counterForbiddenMemory,
      metric: "forbidden-allocations",
      unit: "allocations",
      better: "lower",
      meaning: "vectors allocated or freed under the context lock by a variant that says that it never does; always 0",
      forbidden: "vectors were allocated or freed under the context lock, though the variant says that it never does",
    },
  ],
  bogoOps: counters.counterBogoOps,
  durations: [
    { index: counters.histogramCommit, metric: "commit-ns", meaning: "durations of commits" },
    {
      index: counters.histogramHold,
      metric: "context-lock-hold-ns",
      meaning: "how long commits held the context lock, as readers",
    },
    {
      index: counters.histogramLockWait,
      metric: "context-lock-wait-ns",
      meaning: "how long commits waited for the context lock",
    },
    {
      index: counters.histogramPushWait,
      metric: "push-lock-wait-ns",
      meaning: "how long pushes waited for the context lock, as writers",
    },
    { index: counters.histogramPush, metric: "push-ns", meaning: "durations of pushes, up to their commit record" },
    { index: counters.histogramMemoryWait, metric: "memory-wait-ns", meaning: "waits for memory of vectors" },
  ],
  gauges: [
    {
      index: gauges.gaugeFootprintMax,
      read: "end",
      metric: "vector-footprint-max-bytes",
      unit: "bytes",
      better: "lower",
      meaning: "most memory of log vectors, as allocated, looked at when a push begins",
    },
    {
      index: gauges.gaugeFootprint,
      read: "end",
      metric: "vector-footprint-bytes",
      unit: "bytes",
      better: "lower",
      meaning: "memory of log vectors at the end, as allocated",
    },
    {
      index: gauges.gaugeShadows,
      read: "max",
      metric: "shadow-bytes",
      unit: "bytes",
      better: "lower",
      meaning: "memory of spare vectors, the most after any round",
    },
    {
      index: gauges.gaugeDeadlockWaiter,
      isForSentences: true,
      read: "end",
      metric: "deadlock-waiter",
      unit: "task",
      better: "",
      meaning: "of the first deadlock: 1 + the task that waited for memory; 0: there was none",
    },
    {
      index: gauges.gaugeDeadlockHolder,
      isForSentences: true,
      read: "end",
      metric: "deadlock-waiter-holds-lock",
      unit: "boolean",
      better: "",
      meaning: "1: that task held the context lock as a reader",
    },
    {
      index: gauges.gaugeDeadlockBytes,
      isForSentences: true,
      read: "end",
      metric: "deadlock-bytes",
      unit: "bytes",
      better: "",
      meaning: "bytes that it waited for",
    },
    {
      index: gauges.gaugeDeadlockPusher,
      isForSentences: true,
      read: "end",
      metric: "deadlock-pusher",
      unit: "task",
      better: "",
      meaning: "1 + the task that waited for the context lock in order to push, which would have freed memory; 0: none",
    },
    {
      index: gauges.gaugeDeadlockBlocked,
      isForSentences: true,
      read: "end",
      metric: "deadlock-blocked-commits",
      unit: "commits",
      better: "",
      meaning: "commits that waited for the context lock behind that push",
    },
    {
      index: gauges.gaugeDeadlockNs,
      isForSentences: true,
      read: "end",
      metric: "deadlock-at-ns",
      unit: "ns",
      better: "",
      meaning: "when the watchdog ended the first deadlock, by the clock of the case",
    },
  ],
  rates: [
    {
      counter: counters.counterCommits,
      kinds: [kindTransactionCommit],
      metric: "commits-per-s",
      unit: "commits/s",
      better: "higher",
      meaning: "transactions committed per second, all CPUs together",
    },
    {
      counter: counters.counterFormattedBytes,
      kinds: [kindTransactionCommit],
      metric: "formatted-bytes-per-s",
      unit: "bytes/s",
      better: "higher",
      meaning: "bytes of items logged per second, all CPUs together",
    },
  ],
  operations: [
    { symbol: symbols.xlogCilCommit, label: "xlog_cil_commit" },
    { symbol: symbols.xlogCilInsertFormatItems, label: "xlog_cil_insert_format_items" },
    { symbol: symbols.xlogCilPushWork, label: "xlog_cil_push_work" },
  ],
  areas: {
    [areas.areaAllocator]: "slab allocator",
    [areas.areaContextLock]: "xc_ctx_lock",
    [areas.areaList]: "xc_cil_lock and list",
    [areas.areaPush]: "xc_push_lock",
    [areas.areaPool]: "free memory",
    [areas.areaVmap]: "vmap_area_lock",
    [areas.areaTransactions]: "transactions",
    [areas.areaItems]: "log items",
  },
  gracePeriods: {},
  arena: "log vectors and item data",
};
