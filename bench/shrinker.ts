// The shrinker's suite. A new variant is one file in src/kernel/shrinker and one line in `variants` here.

import type { Suite, VariantParameter } from "../src/plan/suite.ts";

/** The slab objects of a workload are the quarantine's; without them more shrinker events fit into the same time. */
const withoutObjects = { "quarantine-bytes": 0, "background-objects": 1, "churn-batch": 1, "churn-cycles": 0 };

const settled = { "settling-passes": 1 };

const hz: VariantParameter = {
  constant: "LAB_HZ",
  default: "1000",
  values: { "100": 100, "250": 250, "300": 300, "1000": 1000 },
  meaning: "jiffies per second (CONFIG_HZ)",
};

export const shrinker: Suite = {
  problem: "shrinker",
  statement:
    "Every mounted file system registers a shrinker, and reclaim calls the shrinkers of every cgroup. The lock between the two decides: a global read-write semaphore costs two locked operations on one cache line per cgroup visited and stops reclaim while a writer waits; SRCU frees the readers, but makes every unmount wait for a grace period; reference counts under RCU do neither.",
  stages: ["timed", "profiled", "counted", "simulated"],
  instruments: {
    quick: ["native", "traced", "simulator"],
    standard: ["native", "traced", "simulator"],
    full: ["native", "traced", "simulator"],
  },
  cpus: 2,
  countedCpus: 2,
  simulated: {
    quick: { machine: "xeon-24-1s", cpus: [24] },
    standard: { machine: "xeon-8260-2s", cpus: [1, 4, 24, 96] },
    full: { machine: "xeon-8260-2s", cpus: [1, 2, 4, 8, 16, 24, 48, 96] },
  },
  // As on the machine of the report of the regression.
  constants: [
    {
      name: "hz",
      constant: "LAB_HZ",
      values: { quick: 1000, standard: 1000, full: 1000 },
      choice: [100, 250, 300, 1000],
    },
  ],
  skipsWhenEmpty: false,
  exercisedBy: ["superblock mount", "reclaim pass"],
  takes: {
    "libvirt-teardown": "needs parameters",
    "cgroups-4000": "yes",
    "stress-ng-ramfs": "yes",
    "container-start": "yes",
    "iterator-churn": "refused",
    "offline-churn": "refused",
    "metadata-commits": "refused",
    "commits-short-of-memory": "refused",
  },
  reference: "rwsem",
  floor: "floor",
  variants: [
    { name: "rwsem", summary: "one global read-write semaphore, readers try (Linux up to 6.3; the reference)" },
    {
      name: "srcu",
      summary: "readers under SRCU, unregistering waits for a grace period (Linux 6.4-rc1)",
      parameters: { hz },
    },
    {
      name: "srcu-expedited",
      summary: "as srcu, with expedited grace periods (proposed as a fix of the regression)",
      parameters: { hz },
    },
    {
      name: "srcu-split",
      summary: "as srcu, the wait put off to after the unmount (proposed by Kirill Tkhai, not merged)",
      parameters: { hz },
    },
    { name: "refcount-rcu", summary: "a reference count in each shrinker, looked up under RCU (Linux since 6.7)" },
    { name: "floor", summary: "does nothing: the cost of the harness" },
  ],
  lines: ["rwsem", "srcu", "srcu-expedited", "srcu-split", "refcount-rcu", "floor"],
  workloads: [
    {
      name: "stress-ng-ramfs",
      question: "What do mounting and unmounting cost, where nothing is reclaimed? (-88.8 % under SRCU, by the report)",
      scales: {
        quick: { "bogo-ops": 32, "quarantine-bytes": 0 },
        standard: { "bogo-ops": 64, "quarantine-bytes": 0 },
        full: { "bogo-ops": 256, "quarantine-bytes": 0 },
      },
      lesser: { counted: { "bogo-ops": 8 } },
      simulated: {
        quick: { parameters: {}, virtualMs: 50 },
        standard: { parameters: {}, virtualMs: 200 },
        full: { parameters: {}, virtualMs: 2000 },
      },
      fixedTime: {
        quick: { slices: 6, sliceMs: 35 },
        standard: { slices: 12, sliceMs: 500 },
        full: { slices: 12, sliceMs: 5000 },
      },
    },
    {
      name: "cgroups-4000",
      question: "What does reclaim cost that walks thousands of cgroups and thousands of shrinkers?",
      notInQuick: ["profiled"],
      scales: {
        quick: { ...withoutObjects, cgroups: 400, touchers: 2, reclaimers: 16, "reclaim-passes": 65 },
        standard: { ...withoutObjects, cgroups: 2000, touchers: 9, reclaimers: 16, "reclaim-passes": 65 },
        full: { ...withoutObjects, touchers: 3001 },
      },
      lesser: {
        // A sample a millisecond: enough passes for some hundred.
        profiled: { cgroups: 400, reclaimers: 48, "reclaim-passes": 195 },
        counted: { cgroups: 130, reclaimers: 2, "reclaim-passes": 13 },
      },
      // Settled: else nearly all time would go into the callbacks that the growth of the maps has asked for.
      simulated: {
        quick: { parameters: { ...settled, cgroups: 100, reclaimers: 24, "reclaim-passes": 2 } },
        standard: { parameters: { ...settled, cgroups: 500, reclaimers: 96, "reclaim-passes": 2 } },
        full: { parameters: { ...settled, reclaimers: 96, "reclaim-passes": 13 } },
      },
    },
    {
      name: "container-start",
      question: "Does reclaim go on while containers start and stop?",
      scales: {
        quick: { cgroups: 200, mounters: 1, reclaimers: 1 },
        standard: { cgroups: 1000 },
        full: { cgroups: 4001, mounters: 16, reclaimers: 16 },
      },
      lesser: { counted: { cgroups: 70, mounters: 2, reclaimers: 2 } },
      simulated: {
        quick: { parameters: { cgroups: 100, mounters: 4, reclaimers: 8 }, virtualMs: 2 },
        standard: { parameters: { cgroups: 500, mounters: 8, reclaimers: 24 }, virtualMs: 10 },
        full: { parameters: { mounters: 16, reclaimers: 80 }, virtualMs: 100 },
      },
      fixedTime: {
        quick: { slices: 6, sliceMs: 35 },
        standard: { slices: 12, sliceMs: 500 },
        full: { slices: 12, sliceMs: 5000 },
      },
    },
    {
      name: "libvirt-teardown",
      question: "What does shutting virtual machines down cost while the machine reclaims?",
      notInQuick: ["profiled"],
      scales: {
        quick: { ...withoutObjects, guests: 16, "dev-tmpfs": 1, reclaimers: 1, "reclaim-passes": 13 },
        standard: { ...withoutObjects, "dev-tmpfs": 1, reclaimers: 2, "reclaim-passes": 130 },
        full: { ...withoutObjects, "dev-tmpfs": 1, reclaimers: 4, "reclaim-passes": 1300 },
      },
      lesser: { counted: { guests: 8, "reclaim-passes": 13, reclaimers: 2 } },
      simulated: {
        quick: { parameters: { reclaimers: 8, "reclaim-passes": 4 } },
        standard: { parameters: { reclaimers: 16, "reclaim-passes": 13 } },
        full: { parameters: { reclaimers: 32, "reclaim-passes": 130 } },
      },
    },
  ],
};
