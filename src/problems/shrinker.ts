// The shrinker's description.

import {
  kindBogoOp,
  kindCgroupCreate,
  kindCgroupOffline,
  kindCompute,
  kindLruAdd,
  kindReclaimPass,
  kindSuperblockMount,
  kindSuperblockUnmount,
} from "../kernel/events.ts";
import { noteShrinkerAllocated, noteShrinkerFreed } from "../kernel/notes.ts";
import * as areas from "../kernel/shrinker/areas.ts";
import * as counters from "../kernel/shrinker/counters.ts";
import {
  expandShrinkerInfo,
  registerShrinker,
  shrinkSlab,
  superCacheCount,
  superCacheScan,
  unregisterShrinker,
} from "../kernel/symbols.ts";
import type { WorkloadLimits } from "../workloads/workload.ts";
import type { Problem, Sized } from "./problem.ts";

/** Ids of one word of a map; the maps grow by as many. */
const idsPerWord = 64;
/** Ids beyond the superblocks: those of shrinkers on their way out. */
const spareIds = 16;
/** Most bytes of the headers of a block, or of an array of units. */
const headerBytes = 128;
/** Counts and bitmap of 64 ids, with the unit's header. */
const unitBytes = idsPerWord * 8 + 8;
const pointerBytes = 8;
/** Replaced maps that wait for a grace period are always provided for as long as they take no more than this. */
const retiredBytesMax = 128 * 1024 * 1024;
/** Bytes of a shrinker, whatever the variant adds. */
const shrinkerBytesMax = 512;
/** Cgroups of one leaf of a superblock's lists, 8 bytes each. */
const leafCgroups = 64;
/** Leaves that a superblock is expected to have at most: its objects are charged to few cgroups. */
const leavesExpected = 4;

/** Index of the gauge of what one shrinker takes. */
const gaugeShrinkerBytes = 3;

/** NUMA nodes of a workload's machine. */
export function nodesOf({ parameters: { nodes } }: Pick<Sized, "parameters">): number {
  return typeof nodes === "number" ? nodes : 1;
}

/** Bytes that the kernel code's allocator hands out for so many (`src/kernel/slab/kmalloc.ts`). */
function kmallocBytes(bytes: number): number {
  return 2 ** Math.max(6, Math.ceil(Math.log2(bytes)));
}

/**
 * Bytes of the arena that a workload's shrinkers can need, partly filled slabs aside; the layout doubles it.
 *
 * Maps before Linux 6.7 are one block per cgroup and node; during an expansion the old one of every cgroup is still
 * there. Since 6.7 they are units that stay, and an array of pointers that is replaced.
 */
export function shrinkerArenaBytes(limits: WorkloadLimits, nodes: number): number {
  const { cgroups, superblocks } = limits;
  const words = Math.ceil((superblocks + spareIds) / idsPerWord);
  let block = 0;
  let blocksEver = 0;
  for (let grown = 1; grown <= words; grown++) {
    block = kmallocBytes(headerBytes + grown * (idsPerWord * 8 + idsPerWord / 8));
    blocksEver += block;
  }
  const units = words * kmallocBytes(unitBytes) + 2 * kmallocBytes(headerBytes + words * pointerBytes);
  const maps = cgroups * nodes;
  const infos = Math.max(maps * 2 * block, maps * units, Math.min(maps * blocksEver, retiredBytesMax));
  const leaves = Math.min(Math.ceil(cgroups / leafCgroups), leavesExpected);
  const table = kmallocBytes(Math.ceil(cgroups / leafCgroups) * pointerBytes);
  const lists = table + leaves * kmallocBytes(leafCgroups * nodes * 8);
  return infos + superblocks * (lists + shrinkerBytesMax);
}

const passKinds = [kindReclaimPass];

export const shrinker: Problem = {
  name: "shrinker",
  kinds: new Set([
    kindCgroupCreate,
    kindCgroupOffline,
    kindSuperblockMount,
    kindSuperblockUnmount,
    kindLruAdd,
    kindReclaimPass,
    kindCompute,
    kindBogoOp,
  ]),
  globals: (sized) => ({
    cgroupCount: sized.limits.cgroups,
    superblockCount: sized.limits.superblocks,
    nodeCount: nodesOf(sized),
  }),
  // Events of slab objects are the quarantine's.
  limits: (limits) => ({ ...limits, caches: 1, objects: 1, liveBytesMax: 0, slabBytesMax: 0 }),
  arenaBytes: (sized) => shrinkerArenaBytes(sized.limits, nodesOf(sized)),
  // Maps and deferred counts of every cgroup, twice while they grow.
  caseBytes: (sized) => {
    const { cgroups, superblocks } = sized.limits;
    return 2 * cgroups * nodesOf(sized) * (superblocks + 64) * 9 + superblocks * 8192;
  },
  advice: "use fewer cgroups, superblocks or nodes, or free memory",
  counters: [
    {
      index: counters.counterPasses,
      metric: "passes",
      unit: "passes",
      better: "",
      meaning: "Reclaim passes",
      only: "simulated",
    },
    {
      index: counters.counterVisits,
      metric: "visits",
      unit: "visits",
      better: "",
      meaning: "Visits to one cgroup's shrinkers, those given up included",
    },
    {
      index: counters.counterTrylockFailed,
      metric: "visits-given-up",
      unit: "visits",
      better: "lower",
      meaning: "Visits that returned at once because the trylock failed",
    },
    {
      index: counters.counterContendedBreaks,
      metric: "contended-breaks",
      unit: "visits",
      better: "lower",
      meaning: "Visits left early because somebody waited to change the list",
    },
    {
      index: counters.counterGenerationBreaks,
      metric: "generation-breaks",
      unit: "visits",
      better: "lower",
      meaning: "Times that a visit left its read section because a shrinker went",
    },
    {
      index: counters.counterCallbacks,
      metric: "callbacks",
      unit: "calls",
      better: "",
      meaning: "Calls of do_shrink_slab, second looks included, over all visits",
      virtualMeaning: "Calls of do_shrink_slab, second looks included",
    },
    {
      index: counters.counterSecondLooks,
      metric: "second-looks",
      unit: "calls",
      better: "",
      meaning: "Shrinkers asked again after their bit was cleared",
    },
    {
      index: counters.counterFreed,
      metric: "freed-objects",
      unit: "objects",
      better: "",
      meaning: "Objects freed by callbacks",
    },
    {
      index: counters.counterRegistered,
      metric: "registered",
      unit: "shrinkers",
      better: "",
      meaning: "Shrinkers registered",
    },
    {
      index: counters.counterUnregistered,
      metric: "unregistered",
      unit: "shrinkers",
      better: "",
      meaning: "Shrinkers unregistered",
    },
    {
      index: counters.counterCallbacksAfterFree,
      metric: "callbacks-after-free",
      unit: "calls",
      better: "lower",
      meaning: "Callbacks of shrinkers that were unregistered; must be 0",
      forbidden: "callbacks ran after their shrinker had been unregistered",
      only: "native",
    },
  ],
  bogoOps: counters.counterBogoOps,
  durations: [
    {
      index: counters.histogramRegister,
      metric: "register-latency-ns",
      meaning: "Time of registering one shrinker, as its caller waits for it",
      virtualMeaning: "Virtual time of registering one shrinker in the measured part",
    },
    {
      index: counters.histogramUnregister,
      metric: "unregister-latency-ns",
      meaning: "Time of unregistering one shrinker, as its caller waits for it",
      virtualMeaning: "Virtual time of unregistering one shrinker in the measured part",
    },
    {
      index: counters.histogramPass,
      metric: "pass-latency-ns",
      meaning: "Time of one reclaim pass over its whole tree",
      virtualMeaning: "Virtual time of one reclaim pass over its whole tree",
    },
  ],
  gauges: [
    {
      index: 0,
      metric: "map-bytes-max",
      unit: "bytes",
      better: "lower",
      meaning: "Most bytes of bitmaps of all cgroups and nodes",
      read: "max",
      only: "native",
    },
    {
      index: 1,
      metric: "deferred-bytes-max",
      unit: "bytes",
      better: "lower",
      meaning: "Most bytes of deferred counts of all cgroups and nodes",
      read: "max",
      only: "native",
    },
    {
      index: 2,
      metric: "info-bytes-max",
      unit: "bytes",
      better: "lower",
      meaning: "Most bytes of both with headers and pointers, as allocated",
      read: "max",
      only: "native",
    },
    {
      index: gaugeShrinkerBytes,
      metric: "shrinker-bytes",
      unit: "bytes/shrinker",
      better: "lower",
      meaning: "Bytes of one shrinker with what else it needs",
      read: "end",
      isExact: true,
      only: "native",
    },
  ],
  rates: [
    {
      counter: counters.counterVisits,
      kinds: passKinds,
      notBeside: [kindBogoOp],
      metric: "visits-per-s",
      unit: "visits/s",
      better: "higher",
      meaning: "Visits to cgroups by all CPUs in a round, over its time",
      virtualMeaning: "Visits to cgroups in rounds of reclaim, over virtual time",
    },
  ],
  costs: [
    {
      counter: counters.counterVisits,
      kinds: passKinds,
      without: [kindBogoOp, kindSuperblockMount, kindSuperblockUnmount],
      metric: "visit-ns",
      unit: "ns/visit",
      better: "lower",
      meaning: "CPU time of a round of passes only, harness included, per visit",
      only: "native",
    },
    {
      counter: counters.counterVisits,
      kinds: passKinds,
      without: [kindBogoOp],
      metric: "visit-ns",
      unit: "ns/visit",
      better: "lower",
      meaning: "CPU time of rounds of passes only, idle time left out, per visit",
      only: "simulated",
    },
  ],
  operations: [
    {
      symbol: shrinkSlab,
      label: "shrink_slab",
      // The shrinkers' own callbacks.
      without: [superCacheCount, superCacheScan],
      metrics: [
        {
          metric: "visit-accesses-mean",
          unit: "accesses/visit",
          better: "lower",
          meaning: "Accesses of the read side, per visit",
          count: "accesses",
          per: counters.counterVisits,
        },
        {
          metric: "visit-lines-mean",
          unit: "lines/visit",
          better: "lower",
          meaning: "Distinct cache lines of the read side, per visit",
          count: "lines",
          per: counters.counterVisits,
        },
        {
          metric: "visit-locked-mean",
          unit: "operations/visit",
          better: "lower",
          meaning: "Locked operations of the read side, per visit",
          count: "locked",
          per: counters.counterVisits,
        },
        {
          metric: "visit-shared-writes-mean",
          unit: "writes/visit",
          better: "lower",
          meaning:
            "Writes of the read side to lines of locks and globals that visits on other CPUs touch, too, per visit",
          count: "global-shared-writes",
          per: counters.counterVisits,
        },
        {
          metric: "visit-info-shared-writes-mean",
          unit: "writes/visit",
          better: "lower",
          meaning:
            "Writes of the read side to bitmaps and deferred counts that visits on other CPUs touch, too, per visit",
          count: "arena-shared-writes",
          per: counters.counterVisits,
        },
        {
          metric: "callback-shared-writes-mean",
          unit: "writes/call",
          better: "lower",
          meaning:
            "Writes of the read side to lines of shrinkers that visits on other CPUs touch, too, per call of do_shrink_slab",
          count: "object-shared-writes",
          per: counters.counterCallbacks,
        },
      ],
    },
    {
      symbol: registerShrinker,
      label: "register_shrinker",
      metrics: [
        {
          metric: "register-accesses-mean",
          unit: "accesses",
          better: "lower",
          meaning: "Accesses of one registration's own call",
          count: "accesses",
          per: counters.counterRegistered,
        },
        {
          metric: "register-locked-mean",
          unit: "operations",
          better: "lower",
          meaning: "Locked operations of one registration's own call",
          count: "locked",
          per: counters.counterRegistered,
        },
      ],
    },
    {
      symbol: expandShrinkerInfo,
      label: "expand_shrinker_info",
      metrics: [
        {
          metric: "expansion-bytes",
          unit: "bytes",
          better: "lower",
          meaning: "Bytes stored by all expansions of the maps",
          count: "stored-bytes",
          per: counters.counterRegistered,
          isWhole: true,
        },
      ],
    },
    {
      symbol: unregisterShrinker,
      label: "unregister_shrinker",
      metrics: [
        {
          metric: "unregister-accesses-mean",
          unit: "accesses",
          better: "lower",
          meaning: "Accesses of one unregistration's own call",
          count: "accesses",
          per: counters.counterUnregistered,
        },
        {
          metric: "unregister-locked-mean",
          unit: "operations",
          better: "lower",
          meaning: "Locked operations of one unregistration's own call",
          count: "locked",
          per: counters.counterUnregistered,
        },
        {
          metric: "unregister-slept-ns-mean",
          unit: "ns",
          better: "lower",
          meaning: "Virtual time that one unregistration slept",
          count: "slept-ns",
          per: counters.counterUnregistered,
        },
        {
          metric: "unregister-slept-ns-max",
          unit: "ns",
          better: "lower",
          meaning: "Most virtual time that one unregistration slept",
          count: "slept-ns-max",
          per: counters.counterUnregistered,
          isWhole: true,
        },
      ],
    },
  ],
  areas: {
    [areas.areaAllocator]: "slab allocator",
    [areas.areaTree]: "cgroup tree",
    [areas.areaMemcgs]: "mem_cgroup",
    [areas.areaSuperblocks]: "super_block",
    [areas.areaRcu]: "RCU",
    [areas.areaWalkers]: "cgroup walkers",
    [areas.areaList]: "shrinker_list",
    [areas.areaIds]: "shrinker_idr",
    [areas.areaVariant]: "locks of shrinkers",
  },
  gracePeriods: { [areas.areaRcu]: "rcu", [areas.areaVariant]: "srcu" },
  arena: "slab pages (shrinker_info and others)",
  objects: [
    {
      name: "struct shrinker",
      allocated: noteShrinkerAllocated,
      freed: noteShrinkerFreed,
      bytesGauge: gaugeShrinkerBytes,
    },
  ],
  // Only these are what a round's time is told of; the others prepare them.
  workKinds: new Set([kindBogoOp, kindReclaimPass]),
  lastingKinds: new Set([kindReclaimPass, kindCompute]),
};
