// The memcg iterator's suite. A new variant is one file in src/kernel/memcg-iterator and one line in `variants` here.

import type { Suite, VariantParameter } from "../src/plan/suite.ts";

const zones: VariantParameter = {
  constant: "LAB_ZONES",
  default: 4,
  meaning: "zones of a node, each with cursors of its own, of which passes use one; 1 to 4",
};

const restart: VariantParameter = {
  constant: "LAB_RESTART",
  default: "none",
  values: { none: 0, winner: 1 },
  meaning: "what a walker does that finds the cursor moved: as in Linux 4.4, or begins again from there, as in 6.12",
};

/** The slab objects of a workload are the quarantine's; without them more of the rest fits into the same time. */
const withoutObjects = { "quarantine-bytes": 0, "background-objects": 1, "churn-batch": 1, "churn-cycles": 0 };

/** Everything in microseconds instead of milliseconds and seconds: for threads, whose time is real. */
const fast = { "slow-ns": 50_000, "visit-ns": 1000, "churn-ns": 50_000 };

/** The times of the report, where they cost nothing, and the cursors of a machine with two nodes. */
const reported = {
  "slow-ns": 3_000_000_000,
  "visit-ns": 1_000_000,
  "churn-ns": 100_000_000,
  nodes: 2,
  priorities: 13,
};

const twelveHours = {
  ...reported,
  walkers: 2,
  churners: 4,
  "direct-reclaimers": 4,
  "visit-ns": 10_000_000,
  "churn-ns": 1_000_000_000,
};

export const memcgIterator: Suite = {
  problem: "memcg-iterator",
  statement:
    "Reclaimers share a cursor on their way over the tree of cgroups, and cgroups go meanwhile. A cursor that any removal makes invalid sends every walk back to the root, so that with many cgroups coming and going a round never ends, the first cgroups are reclaimed from over and over and the last ones never. Cursors that hold a reference go on, but keep what was removed; clearing exactly those that point at it costs a look at all of them.",
  stages: ["timed", "profiled", "counted", "simulated"],
  instruments: {
    quick: ["native", "traced", "simulator"],
    standard: ["native", "traced", "simulator"],
    full: ["native", "traced", "simulator"],
  },
  cpus: 2,
  countedCpus: 2,
  simulated: {
    quick: { machine: "xeon-24-1s", cpus: [8] },
    standard: { machine: "xeon-8260-2s", cpus: [1, 4, 24, 96] },
    full: { machine: "xeon-8260-2s", cpus: [1, 2, 4, 8, 16, 24, 48, 96] },
  },
  constants: [],
  skipsWhenEmpty: false,
  exercisedBy: ["reclaim pass"],
  takes: {
    "cgroups-4000": "yes",
    "commits-short-of-memory": "refused",
    "container-start": "yes",
    "iterator-churn": "yes",
    "libvirt-teardown": "needs parameters",
    "metadata-commits": "refused",
    "offline-churn": "refused",
    "stress-ng-ramfs": "refused",
  },
  reference: "dead-count",
  floor: "floor",
  variants: [
    {
      name: "dead-count",
      summary:
        "a count of what was destroyed below a root makes its cursors invalid (Linux 3.10 to 3.18; the reference)",
      parameters: { zones },
    },
    {
      name: "targeted-wipe",
      summary: "the cursors that point at a dying cgroup are cleared, all others stay (Virtuozzo, 2021)",
      parameters: { zones },
    },
    {
      name: "pinned-position",
      summary: "a cursor holds a reference to where it stands (Linux 3.19 to 4.3)",
      parameters: { zones },
    },
    {
      name: "weak-position",
      summary: "cursors are cleared when the last reference is gone (Linux since 4.4; restart=winner: since 6.12)",
      parameters: { restart },
    },
    { name: "floor", summary: "no cursors: each walker goes over all cgroups by itself" },
  ],
  lines: ["dead-count", "targeted-wipe", "pinned-position", "weak-position", "weak-position restart=winner", "floor"],
  workloads: [
    {
      name: "iterator-churn",
      question: "Do walks over all cgroups come to their end while cgroups come and go? What does a removal cost?",
      notInQuick: ["profiled"],
      scales: {
        quick: { ...fast, cgroups: 200, "slow-cgroups": 4 },
        standard: { ...fast },
        full: { ...fast, cgroups: 4000, "slow-cgroups": 40 },
      },
      lesser: {
        counted: {
          ...fast,
          cgroups: 60,
          "slow-cgroups": 1,
          rounds: 2,
          "churn-ops": 20,
          passes: 20,
          "direct-reclaimers": 1,
        },
      },
      // The times of the report: seconds cost nothing here.
      simulated: {
        quick: { parameters: { ...reported }, virtualMs: 40_000 },
        standard: {
          parameters: { ...reported, walkers: 2, churners: 4, "direct-reclaimers": 8 },
          virtualMs: 1_000_000,
        },
        // The twelve hours of the report's test, in which 12,000 cursors and more point at a cgroup that goes.
        full: { parameters: twelveHours, virtualMs: 43_200_000 },
      },
      fixedTime: {
        quick: { slices: 6, sliceMs: 40 },
        standard: { slices: 12, sliceMs: 500 },
        full: { slices: 12, sliceMs: 5000 },
      },
    },
    {
      name: "cgroups-4000",
      question: "What does a step of many reclaimers at once cost, and the end of thousands of cgroups?",
      notInQuick: ["profiled"],
      scales: {
        quick: { ...withoutObjects, cgroups: 300, touchers: 2, reclaimers: 8, "reclaim-passes": 13 },
        standard: { ...withoutObjects, cgroups: 2000, touchers: 9, reclaimers: 16, "reclaim-passes": 65 },
        full: { ...withoutObjects, touchers: 3001 },
      },
      lesser: {
        profiled: { cgroups: 300, reclaimers: 96, "reclaim-passes": 200 },
        counted: { cgroups: 100, reclaimers: 2, "reclaim-passes": 13 },
      },
      simulated: {
        quick: { parameters: { cgroups: 100, reclaimers: 16, "reclaim-passes": 4 } },
        standard: { parameters: { cgroups: 500, reclaimers: 96, "reclaim-passes": 13 } },
        full: { parameters: { reclaimers: 96, "reclaim-passes": 13 } },
      },
    },
    {
      name: "container-start",
      question: "What do walks over a tree cost to which nothing happens?",
      notInQuick: ["profiled", "counted"],
      scales: {
        quick: { cgroups: 200, mounters: 1, reclaimers: 2, rounds: 4, containers: 20 },
        standard: { cgroups: 1000, reclaimers: 4 },
        full: { cgroups: 4001, mounters: 16, reclaimers: 16 },
      },
      lesser: { counted: { cgroups: 70, mounters: 1, reclaimers: 2, rounds: 2, containers: 4 } },
      simulated: {
        quick: { parameters: { cgroups: 100, mounters: 1, reclaimers: 8, rounds: 2, containers: 10 } },
        standard: { parameters: { cgroups: 500, mounters: 1, reclaimers: 24, rounds: 4 } },
        full: { parameters: { mounters: 1, reclaimers: 80, rounds: 4 } },
      },
    },
    {
      name: "libvirt-teardown",
      question: "What do the ends of virtual machines' cgroups cost while the machine reclaims?",
      notInQuick: ["profiled", "counted"],
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
