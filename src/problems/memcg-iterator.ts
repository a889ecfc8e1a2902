// The description of the memcg iterator.

import { kindBogoOp, kindCgroupCreate, kindCgroupOffline, kindCompute, kindReclaimPass } from "../kernel/events.ts";
import * as areas from "../kernel/memcg-iterator/areas.ts";
import * as counters from "../kernel/memcg-iterator/counters.ts";
import {
  cgroupMkdir,
  cgroupRmdir,
  memCgroupCssOffline,
  memCgroupCssReleased,
  memCgroupIter,
} from "../kernel/symbols.ts";
import type { Problem, Sized } from "./problem.ts";

/** Most zones of a node that a variant has cursors for. */
const zonesMax = 4;
/** Priorities of reclaim. */
const priorities = 13;
/** Bytes of the largest cursor, and of what else a cgroup has at most. */
const cursorBytes = 24;
const memcgBytes = 256;

/** NUMA nodes of a workload's machine. */
function nodesOf({ parameters: { nodes } }: Pick<Sized, "parameters">): number {
  return typeof nodes === "number" ? nodes : 1;
}

/** Bytes of one cgroup at most, as the kernel code's allocator rounds them (`src/kernel/slab/kmalloc.ts`). */
function cgroupBytes(sized: Sized): number {
  const bytes = memcgBytes + nodesOf(sized) * zonesMax * priorities * cursorBytes;
  let rounded = 64;
  while (rounded < bytes) rounded *= 2;
  return rounded;
}

/** Cgroups that may have memory at once, the dying ones included (`src/kernel/memcg-iterator/region.ts`). */
function cgroupsMax({ limits }: Sized): number {
  return 2 * limits.cgroups + 1024;
}

export const memcgIterator: Problem = {
  name: "memcg-iterator",
  kinds: new Set([kindCgroupCreate, kindCgroupOffline, kindReclaimPass, kindCompute, kindBogoOp]),
  globals: (sized) => ({ cgroupCount: sized.limits.cgroups, nodeCount: nodesOf(sized) }),
  // Events of slab objects and superblocks are other problems'.
  limits: (limits) => ({ ...limits, caches: 1, objects: 1, superblocks: 0, liveBytesMax: 0, slabBytesMax: 0 }),
  arenaBytes: (sized) => cgroupsMax(sized) * cgroupBytes(sized),
  caseBytes: (sized) => 2 * sized.limits.cgroups * cgroupBytes(sized) + 16 * 1024 * 1024,
  advice: "use fewer cgroups or nodes, or free memory",
  counters: [
    {
      index: counters.counterPasses,
      metric: "passes",
      unit: "passes",
      better: "",
      meaning: "Reclaim passes, those broken off included",
    },
    {
      index: counters.counterVisits,
      metric: "visits",
      unit: "visits",
      better: "",
      meaning: "Cgroups that passes were given to reclaim from",
    },
    {
      index: counters.counterRounds,
      metric: "rounds-completed",
      unit: "rounds",
      better: "higher",
      meaning: "Times that walkers came to the end of their tree",
    },
    {
      index: counters.counterRestarts,
      metric: "restarts",
      unit: "restarts",
      better: "lower",
      meaning: "Times that a walk began at its root again before its round was complete",
    },
    {
      index: counters.counterDestroys,
      metric: "destroys",
      unit: "cgroups",
      better: "",
      meaning: "Cgroups removed by rmdir",
    },
    {
      index: counters.counterHits,
      metric: "cursor-hits",
      unit: "cursors",
      better: "",
      meaning: "Cursors that pointed at a cgroup when it was removed",
    },
    {
      index: counters.counterLost,
      metric: "removal-restarts",
      unit: "restarts",
      better: "lower",
      meaning: "Times that a walk could not go on from where its cursor stood because something was removed",
    },
    {
      index: counters.counterLostForNothing,
      metric: "innocent-restarts",
      unit: "restarts",
      better: "lower",
      meaning: "Those of the removal restarts in which the cursor stood at a cgroup that had not been removed",
    },
    {
      index: counters.counterFirst,
      metric: "first-visits",
      unit: "visits",
      better: "",
      meaning: "Visits to a cgroup that its round had not given out before",
    },
    {
      index: counters.counterDyingPositions,
      metric: "dying-positions",
      unit: "cursors",
      better: "",
      meaning: "Cursors that a walker found at a cgroup that it could not get any more",
    },
    {
      index: counters.counterCleared,
      metric: "cursors-cleared",
      unit: "cursors",
      better: "",
      meaning: "Cursors that the end of a cgroup cleared",
    },
    {
      index: counters.counterCompared,
      metric: "cursors-compared",
      unit: "cursors",
      better: "lower",
      meaning: "Cursors that the ends of cgroups looked at",
    },
    {
      index: counters.counterBroken,
      metric: "passes-broken",
      unit: "passes",
      better: "",
      meaning: "Passes broken off before the end",
    },
    {
      index: counters.counterGenerationEnds,
      metric: "passes-ended-by-others",
      unit: "passes",
      better: "",
      meaning: "Passes that ended because another walker had completed the round",
    },
    {
      index: counters.counterLostMoves,
      metric: "lost-moves",
      unit: "moves",
      better: "lower",
      meaning: "Moves of a cursor that failed because another walker had moved it",
    },
    {
      index: counters.counterWatched,
      metric: "rounds-watched",
      unit: "rounds",
      better: "",
      meaning: "Completed rounds of which it is known who was visited",
    },
    {
      index: counters.counterExpected,
      metric: "visits-expected",
      unit: "visits",
      better: "",
      meaning: "Cgroups that were there for all of a watched round, over all of these rounds",
    },
    {
      index: counters.counterTwice,
      metric: "visited-again",
      unit: "visits",
      better: "lower",
      meaning: "Further visits to a cgroup in a watched round that had visited it",
    },
    {
      index: counters.counterNever,
      metric: "never-visited",
      unit: "visits",
      better: "lower",
      meaning: "Cgroups that a watched round did not come to although they were there for all of it",
    },
    {
      index: counters.counterFreedVisits,
      metric: "freed-visits",
      unit: "visits",
      better: "lower",
      meaning: "Visits to cgroups without memory; must be 0",
      forbidden: "visits to cgroups whose memory had been freed",
      only: "native",
    },
  ],
  bogoOps: counters.counterBogoOps,
  durations: [
    {
      index: counters.histogramDestroy,
      metric: "rmdir-latency-ns",
      meaning: "Time of removing one cgroup, as its caller waits for it",
      virtualMeaning: "Virtual time of removing one cgroup, as its caller waits for it",
    },
    {
      index: counters.histogramDestroyWork,
      metric: "destroy-work-ns",
      meaning: "Time that a worker needs to tell the cursors of one cgroup's end",
      virtualMeaning: "Virtual time that a worker needs to tell the cursors of one cgroup's end",
    },
    {
      index: counters.histogramFreed,
      metric: "rmdir-to-free-ns",
      meaning:
        "Time from rmdir until the cgroup's memory is free; the grace periods in between do not wait for ticks, as they do in Linux",
      virtualMeaning:
        "Virtual time from rmdir until the cgroup's memory is free; the grace periods in between do not wait for ticks, as they do in Linux",
    },
    {
      index: counters.histogramPass,
      metric: "walk-latency-ns",
      meaning: "Time of one reclaim pass, as long as its walk lasts",
      virtualMeaning: "Virtual time of one reclaim pass, as long as its walk lasts",
    },
  ],
  gauges: [
    {
      index: counters.gaugeSlotBytes,
      metric: "cursor-bytes-max",
      unit: "bytes",
      better: "lower",
      meaning: "Most bytes of the cursors of all cgroups with memory",
      read: "max",
    },
    {
      index: counters.gaugeDying,
      metric: "dying-cgroups",
      unit: "cgroups",
      better: "lower",
      meaning: "Cgroups that were removed and still have memory",
      read: "rounds",
    },
    {
      index: counters.gaugeDying,
      metric: "pinned-cgroups",
      unit: "cgroups",
      better: "lower",
      meaning: "Cgroups that were removed and still have memory when everything that was put off is done",
      read: "end",
    },
    {
      index: counters.gaugeDyingBytes,
      metric: "pinned-bytes",
      unit: "bytes",
      better: "lower",
      meaning: "Bytes of these cgroups, as allocated",
      read: "end",
    },
    {
      index: counters.gaugeOverReclaim,
      metric: "over-reclaim",
      unit: "ratio",
      better: "lower",
      meaning: "Most visits to one of the cgroups that exist, over their mean",
      read: "end",
    },
    {
      index: counters.gaugeUnvisited,
      metric: "unvisited-cgroups",
      unit: "cgroups",
      better: "lower",
      meaning: "Cgroups that exist and that no measured pass has come to since they were created",
      read: "end",
    },
  ],
  rates: [
    {
      counter: counters.counterFirst,
      kinds: [kindReclaimPass],
      metric: "first-visits-per-s",
      unit: "visits/s",
      better: "higher",
      meaning: "Cgroups that the passes of all CPUs were given and their rounds had not given out before, over time",
      virtualMeaning:
        "Cgroups that the passes of all CPUs were given and their rounds had not given out before, over virtual time",
    },
    {
      counter: counters.counterRounds,
      kinds: [kindReclaimPass],
      metric: "rounds-per-s",
      unit: "rounds/s",
      better: "higher",
      meaning: "Walks over a whole tree that were completed, over the time of a round",
      virtualMeaning: "Walks over a whole tree that were completed, over virtual time",
    },
  ],
  operations: [
    { symbol: memCgroupIter, label: "mem_cgroup_iter" },
    { symbol: memCgroupCssOffline, label: "css_offline" },
    { symbol: memCgroupCssReleased, label: "css_released" },
    { symbol: cgroupMkdir, label: "mkdir" },
    { symbol: cgroupRmdir, label: "rmdir" },
  ],
  areas: {
    [areas.areaAllocator]: "slab allocator",
    [areas.areaTree]: "cgroup_mutex",
    [areas.areaRcu]: "RCU",
    [areas.areaPercpu]: "per-CPU references",
    [areas.areaVariant]: "the variant",
  },
  gracePeriods: { [areas.areaRcu]: "rcu" },
  // Not all visits: a walk that begins again visits most, and gets on least. Nor rounds: those that walkers end side by
  // side count once for each.
  ranking: ["bogo-ops-per-s", "first-visits-per-s"],
  arena: "slab pages (struct mem_cgroup)",
};
