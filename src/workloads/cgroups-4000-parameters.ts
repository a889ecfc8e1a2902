// Parameters of cgroups-4000.

import { cachesByDefault } from "./cgroups-4000-steps.ts";
import {
  callbackSleepNs,
  churnParameters,
  fill,
  quarantineBytes,
  slabinfo,
  tasksMax,
  teardownTasks,
} from "./common-parameters.ts";
import type { ParameterTable } from "./parameters.ts";

export const cgroups4000Parameters = {
  cgroups: {
    kind: "integer",
    default: 4001,
    min: 1,
    max: 1_000_000,
    unit: "cgroups",
    meaning: "child cgroups of `test`, each with a tmpfs of its own; the script's `seq 0 4000`",
  },
  rounds: {
    kind: "integer",
    default: 1,
    min: 1,
    max: 1_000_000,
    unit: "rounds",
    meaning: "times that all of it is created, used and removed; 10 in the 2018 patch, with 500 cgroups",
  },
  slabinfo,
  "caches-per-cgroup": {
    kind: "text",
    default: cachesByDefault,
    unit: "names",
    meaning:
      "caches that a cgroup clones, out of slabinfo (default: of these, the ones in slabinfo; derived: those of the packaged file that Linux 6.18 charged during the script, and those that every process has)",
  },
  touched: {
    kind: "real",
    default: 0.75,
    min: 0,
    max: 1,
    unit: "",
    meaning: "share of the cgroups in which a dd writes 1 MiB to the tmpfs; the script's 3001 of 4001, rounded",
  },
  touchers: {
    kind: "integer",
    default: 1,
    min: 1,
    max: tasksMax,
    unit: "tasks",
    meaning:
      "tasks, from task 0 on, that run the dd's, one each at a time, in every touched cgroup in turn; at most those",
  },
  "callback-sleep-ns": { ...callbackSleepNs, meaning: "time for which each callback of a tmpfs's shrinker sleeps" },
  reclaimers: {
    kind: "integer",
    default: 32,
    min: 0,
    max: tasksMax,
    unit: "tasks",
    meaning: "tasks that reclaim at once, for the concurrent dd's over the limit of `test` (our choice)",
  },
  "reclaim-passes": {
    kind: "integer",
    default: 13,
    min: 0,
    max: 1_000_000,
    unit: "passes",
    meaning: "passes of each reclaimer in a round, at priority 12 down to 0 and over again: little is reclaimable",
  },
  "settling-passes": {
    kind: "integer",
    default: 0,
    min: 0,
    max: 1_000_000,
    unit: "passes",
    meaning:
      "passes of task 0 as set-up before the reclaimers begin: they clear the bits that growing maps have set in all cgroups, as reclaim does before somebody starts a profiler",
  },
  "start-spread-ns": {
    kind: "integer",
    default: 0,
    min: 0,
    max: 4_000_000_000,
    unit: "ns",
    meaning:
      "each reclaimer computes for a random time up to this before its first pass; 0: all begin at once. The script forks its dd's one after the other, 2.44 ms each on Linux 6.18, so 2.44 ms times the reclaimers",
  },
  "pages-ns": {
    kind: "integer",
    default: 0,
    min: 0,
    max: 1_000_000_000,
    unit: "ns",
    meaning:
      "time that the reclaim of a cgroup's pages takes in every visit, before its shrinkers are called. On Linux 6.18 (2 virtual CPUs, Cascade Lake class) a visit less shrink_slab and what it calls takes 455 ns with 250 cgroups and 1027 ns with 4001",
  },
  nodes: { kind: "integer", default: 1, min: 1, max: 1024, unit: "nodes", meaning: "NUMA nodes; a pass visits each" },
  "quarantine-bytes": quarantineBytes,
  fill,
  ...churnParameters,
  "churn-cycles": {
    kind: "integer",
    default: 8,
    min: 0,
    max: 1_000_000_000,
    unit: "cycles",
    meaning: "measured cycles (a burst of allocations, a burst of frees) before the removal",
  },
  "churn-between": {
    kind: "integer",
    default: 0,
    min: 0,
    max: 1_000_000,
    unit: "cycles",
    meaning: "measured cycles between the removals of two cgroups",
  },
  "teardown-tasks": teardownTasks,
} as const satisfies ParameterTable;
