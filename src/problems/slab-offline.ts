// The description of slab-offline.

import {
  kindBogoOp,
  kindCacheCreate,
  kindCacheDestroy,
  kindCgroupCreate,
  kindCgroupOffline,
  kindCompute,
  kindCpuOffline,
  kindObjectAllocate,
  kindObjectFree,
} from "../kernel/events.ts";
import * as areas from "../kernel/slab-offline/areas.ts";
import * as counters from "../kernel/slab-offline/counters.ts";
import { kmemCacheAlloc, kmemCacheFree, memcgOfflineKmem } from "../kernel/symbols.ts";
import type { Problem } from "./problem.ts";

/** Bytes of a cache's descriptor on a machine of about a hundred CPUs. */
const descriptorBytesMax = 8192;
/** Bytes of the empty slabs that a dead cache is expected to keep at most: five on its node, and one on some CPUs. */
const hiddenBytes = 65_536;
/** What all of them together are provided for. */
const hiddenBytesMax = 2 ** 30;
/** Bytes of a cgroup, with its object cgroup on a machine of about a hundred CPUs. */
const cgroupBytesMax = 8256;

const frees = [kindObjectFree];

export const slabOffline: Problem = {
  name: "slab-offline",
  kinds: new Set([
    kindCgroupCreate,
    kindCgroupOffline,
    kindCacheCreate,
    kindCacheDestroy,
    kindObjectAllocate,
    kindObjectFree,
    kindCompute,
    kindBogoOp,
    kindCpuOffline,
  ]),
  globals: ({ limits }) => ({ cgroupCount: Math.max(1, limits.cgroups), cacheCount: Math.max(1, limits.caches) }),
  // The caches' descriptors come from the arena; the table of caches is the problem's own.
  limits: (limits) => ({ ...limits, caches: 1, superblocks: 0 }),
  arenaBytes: ({ limits: { caches, cgroups } }) =>
    caches * descriptorBytesMax + Math.min(caches * hiddenBytes, hiddenBytesMax) + cgroups * cgroupBytesMax,
  caseBytes: ({ limits }) => limits.slabBytesMax + limits.caches * 16_384 + limits.objects * 4,
  advice: "use fewer caches, cgroups or objects",
  counters: [
    {
      index: counters.counterOfflines,
      metric: "offlines",
      unit: "cgroups",
      better: "",
      meaning: "Cgroups taken offline",
    },
    {
      index: counters.counterAllocations,
      metric: "allocations",
      unit: "objects",
      better: "",
      meaning: "Objects allocated",
    },
    {
      index: counters.counterFreesLive,
      metric: "frees-live",
      unit: "objects",
      better: "",
      meaning: "Objects freed whose cgroup was online, or that belonged to none",
    },
    {
      index: counters.counterFreesDead,
      metric: "frees-dead",
      unit: "objects",
      better: "",
      meaning: "Objects freed after their cgroup was taken offline",
    },
    {
      index: counters.counterCachesCreated,
      metric: "caches-created",
      unit: "caches",
      better: "",
      meaning: "Caches made for a cgroup",
    },
    {
      index: counters.counterCachesDestroyed,
      metric: "caches-destroyed",
      unit: "caches",
      better: "",
      meaning: "Caches of cgroups that were freed",
    },
    {
      index: counters.counterSlabsMoved,
      metric: "slabs-moved",
      unit: "slabs",
      better: "",
      meaning: "Slabs of dead caches that came to another cache",
    },
    {
      index: counters.counterReparented,
      metric: "reparented",
      unit: "moves",
      better: "",
      meaning: "Caches or object cgroups that came to a parent cgroup",
    },
    {
      index: counters.counterGraceWaits,
      metric: "grace-periods-waited",
      unit: "waits",
      better: "lower",
      meaning: "Grace periods that somebody slept for",
    },
    {
      index: counters.counterInterrupts,
      metric: "cpus-interrupted",
      unit: "interrupts",
      better: "lower",
      meaning: "Interrupts sent to other CPUs",
    },
    {
      index: counters.counterShrinks,
      metric: "shrinks",
      unit: "shrinks",
      better: "lower",
      meaning: "Caches that were flushed and looked through for empty slabs",
    },
    {
      index: counters.counterSlowFrees,
      metric: "frees-while-moved",
      unit: "objects",
      better: "",
      meaning: "Objects freed into a slab that was on its way to another cache",
    },
  ],
  bogoOps: counters.counterBogoOps,
  durations: [
    {
      index: counters.histogramOffline,
      metric: "offline-latency-ns",
      meaning: "Time of taking a cgroup offline, as its caller waits for it",
    },
    {
      index: counters.histogramCacheGone,
      metric: "cache-gone-ns",
      meaning:
        "From a cgroup's offline until one of its caches is freed; what call_rcu() puts off does not wait for ticks, as it does in Linux",
    },
    {
      index: counters.histogramDestroy,
      metric: "cache-destroy-latency-ns",
      meaning: "Time of destroying a cache that was asked to go, as its caller waits for it",
    },
    {
      index: counters.histogramFreeLive,
      metric: "free-live-latency-ns",
      meaning: "Time of a free whose cgroup is online, one of 16 on each CPU, the clock's own time included",
      virtualMeaning: "Virtual time of a free whose cgroup is online, one of 16 on each CPU",
    },
    {
      index: counters.histogramFreeDead,
      metric: "free-dead-latency-ns",
      meaning: "Time of a free whose cgroup is offline, one of 16 frees of each CPU, the clock's own time included",
      virtualMeaning: "Virtual time of a free whose cgroup is offline, one of 16 frees of each CPU",
    },
    {
      index: counters.histogramAllocate,
      metric: "allocate-latency-ns",
      meaning: "Time of an allocation, one of 16 on each CPU, the clock's own time included",
      virtualMeaning: "Virtual time of an allocation, one of 16 on each CPU",
    },
  ],
  gauges: [
    {
      index: counters.gaugeDeadCaches,
      metric: "dead-caches",
      unit: "caches",
      better: "lower",
      meaning: "Caches of offline cgroups that are still there",
      read: "rounds",
    },
    {
      index: counters.gaugePinnedBytes,
      metric: "pinned-bytes",
      unit: "bytes",
      better: "lower",
      meaning: "Bytes of the pages of dead caches",
      read: "rounds",
    },
    {
      index: counters.gaugeDyingCgroups,
      metric: "dying-cgroups",
      unit: "cgroups",
      better: "lower",
      meaning: "Cgroups that are offline and still referred to",
      read: "rounds",
    },
    {
      index: counters.gaugeSlabBytes,
      metric: "slab-bytes",
      unit: "bytes",
      better: "lower",
      meaning: "Bytes of the pages of all caches",
      read: "rounds",
    },
    {
      index: counters.gaugeDescriptorBytes,
      metric: "descriptor-bytes-max",
      unit: "bytes",
      better: "lower",
      meaning: "Most bytes of descriptors of caches and cgroups, and of what belongs to them",
      read: "max",
    },
    {
      index: counters.gaugeDeadCaches,
      metric: "dead-caches-left",
      unit: "caches",
      better: "lower",
      meaning: "Caches of offline cgroups that are still there after all deferred work",
      read: "end",
    },
    {
      index: counters.gaugeDyingCgroups,
      metric: "dying-cgroups-left",
      unit: "cgroups",
      better: "lower",
      meaning: "Cgroups that are offline and still there after all deferred work",
      read: "end",
    },
    {
      index: counters.gaugeLeakedCaches,
      metric: "leaked-caches",
      unit: "caches",
      better: "lower",
      meaning: "Dead caches without an object in use that nobody will ever free",
      read: "end",
    },
    {
      index: counters.gaugePinnedBytes,
      metric: "pinned-bytes-left",
      unit: "bytes",
      better: "lower",
      meaning: "Bytes of the pages of dead caches after all deferred work",
      read: "end",
    },
  ],
  rates: [
    {
      counter: counters.counterFreesDead,
      kinds: frees,
      metric: "frees-dead-per-s",
      unit: "objects/s",
      better: "higher",
      meaning: "Objects of offline cgroups freed by all CPUs in a round, over its time",
      notBeside: [kindCompute],
    },
  ],
  operations: [
    { symbol: kmemCacheAlloc, label: "kmem_cache_alloc" },
    { symbol: kmemCacheFree, label: "kmem_cache_free" },
    { symbol: memcgOfflineKmem, label: "memcg_offline_kmem" },
  ],
  areas: {
    [areas.areaAllocator]: "kmalloc caches",
    [areas.areaHeader]: "slab_mutex",
    [areas.areaRcu]: "RCU",
    [areas.areaMemcgs]: "cgroups",
    [areas.areaCaches]: "caches",
    [areas.areaVariant]: "structures of the variant",
  },
  gracePeriods: { [areas.areaRcu]: "rcu" },
  arena: "slabs and descriptors",
  ranking: ["leaked-caches", "dying-cgroups-left", "dead-caches-left"],
};
