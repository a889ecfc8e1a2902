// The suite of slab-offline. A new variant is one file in src/kernel/slab-offline and one line in `variants` here.

import type { Suite, VariantParameter } from "../src/plan/suite.ts";

const form: VariantParameter = {
  constant: "LAB_FORM",
  default: "grace-period",
  values: { poison: 0, "grace-period": 1 },
  meaning: "how a free that is in flight is kept from hiding a slab: by a closed list, or by a wait",
};

const wait: VariantParameter = {
  constant: "LAB_WAIT",
  default: "kick",
  values: { kick: 0, sched: 1, "sched-once": 2 },
  meaning:
    "what makes every CPU see that a cache is dead: an interrupt (Linux 4.0), a grace period per cache (4.7) or per cgroup (4.10)",
};

const reapMs: VariantParameter = {
  constant: "LAB_REAP_MS",
  default: 2000,
  meaning: "ms between two looks at all dead caches (2000: as SLAB's cache_reap)",
};

/** An hour. */
const hourNs = 3_600_000_000_000;
/** The slab objects of these workloads are enough without those that fill a quarantine. */
const withoutQuarantine = { "quarantine-bytes": 0 };

export const slabOffline: Suite = {
  problem: "slab-offline",
  statement:
    "Every cgroup has slab caches of its own. When it goes, objects of them are still in use, and the last slabs stay hidden, empty, on the lists of CPUs and of the node, so that caches and cgroups pile up. Marking dead caches is not enough, for a free that is under way may still hide a slab; what closes that gap costs a wait, an interrupt or a lock, until caches, slabs or charges move to the parent cgroup instead.",
  stages: ["timed", "profiled", "counted", "simulated"],
  instruments: {
    // So many variants take their time to compile and to run on threads.
    quick: ["traced", "simulator"],
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
  constants: [
    {
      name: "hz",
      constant: "LAB_HZ",
      values: { quick: 1000, standard: 1000, full: 1000 },
      choice: [100, 250, 300, 1000],
    },
  ],
  skipsWhenEmpty: false,
  // A cgroup that goes without objects leaves nothing behind.
  exercisedBy: ["object free"],
  takes: {
    "cgroups-4000": "yes",
    "commits-short-of-memory": "refused",
    "container-start": "refused",
    "iterator-churn": "refused",
    "libvirt-teardown": "yes",
    "metadata-commits": "refused",
    "offline-churn": "yes",
    "stress-ng-ramfs": "yes",
  },
  reference: "keep-dead",
  floor: "floor",
  variants: [
    {
      name: "keep-dead",
      summary: "caches that are not empty when their cgroup goes stay for good (Linux 3.16 to 3.19; the reference)",
    },
    {
      name: "periodic-reap",
      summary: "a timer shrinks all dead caches (proposed in 2014; SLAB does so with its own lists)",
      parameters: { "reap-ms": reapMs },
    },
    {
      name: "refcount-destroy",
      summary: "a cache goes with its last slab, but empty slabs stay hidden (Linux 3.8 to 3.15)",
    },
    {
      name: "mark-and-wait",
      summary: "marks dead caches and keeps frees in flight from hiding slabs (proposed in 2014, not merged)",
      parameters: { form },
    },
    {
      name: "self-drain",
      summary: "a free of a dead cache drains its CPU's list at once (Linux 4.0 to 5.2)",
      parameters: { wait },
    },
    {
      name: "reparent-slabs",
      summary: "slabs of a dead cache come to the root cache (proposed in 2014, not merged)",
    },
    { name: "reparent-caches", summary: "caches come to the parent cgroup (Linux 5.3)" },
    {
      name: "object-cgroups",
      summary: "cgroups share all caches, and every object knows whom it is charged to (Linux 5.9)",
    },
    { name: "floor", summary: "shared caches without charges: the cost of the harness and of the allocator" },
  ],
  lines: [
    "keep-dead",
    "periodic-reap",
    "refcount-destroy",
    "mark-and-wait",
    "mark-and-wait form=poison",
    "self-drain",
    "self-drain wait=sched",
    "self-drain wait=sched-once",
    "reparent-slabs",
    "reparent-caches",
    "object-cgroups",
    "floor",
  ],
  workloads: [
    {
      name: "offline-churn",
      question: "What do cgroups that go leave behind, for how long, and what do offline and frees cost?",
      scales: {
        quick: { rounds: 12, cgroups: 4, objects: 50, "long-rounds": 8 },
        standard: { rounds: 168 },
        full: { rounds: 168, cgroups: 14, objects: 400, tasks: 16 },
      },
      lesser: { counted: { rounds: 6, cgroups: 4, objects: 50, "long-rounds": 3 } },
      // Seven days, an hour a round.
      simulated: {
        quick: {
          parameters: {
            rounds: 14,
            cgroups: 2,
            objects: 20,
            outlive: 0.2,
            "long-lived": 0.25,
            "long-rounds": 6,
            tasks: 8,
            "interval-ns": hourNs,
          },
        },
        standard: { parameters: { rounds: 168, cgroups: 10, objects: 50, tasks: 24, "interval-ns": hourNs } },
        full: { parameters: { rounds: 168, cgroups: 24, objects: 100, tasks: 96, "interval-ns": hourNs } },
      },
    },
    {
      name: "cgroups-4000",
      question: "What does it cost to take thousands of cgroups with caches offline?",
      scales: {
        quick: {
          ...withoutQuarantine,
          cgroups: 60,
          touchers: 2,
          reclaimers: 0,
          "background-objects": 500,
          "churn-batch": 250,
          "churn-cycles": 2,
        },
        standard: { ...withoutQuarantine, cgroups: 1000, touchers: 2, reclaimers: 0, "background-objects": 8192 },
        full: { ...withoutQuarantine, touchers: 16, reclaimers: 0 },
      },
      lesser: {
        counted: { cgroups: 12, touchers: 2, "background-objects": 100, "churn-batch": 50, "churn-cycles": 1 },
      },
      simulated: {
        quick: {
          parameters: { cgroups: 12, touchers: 8, "teardown-tasks": 8, "background-objects": 100, "churn-batch": 50 },
        },
        standard: {
          parameters: {
            cgroups: 200,
            touchers: 24,
            "teardown-tasks": 24,
            "background-objects": 512,
            "churn-batch": 256,
          },
        },
        full: { parameters: { cgroups: 1000, touchers: 96, "teardown-tasks": 96 } },
      },
    },
    {
      name: "libvirt-teardown",
      question: "What does it cost to destroy the caches of virtual machines that go?",
      notInQuick: ["counted"],
      scales: {
        quick: { ...withoutQuarantine, guests: 8, "background-objects": 500, "churn-batch": 250, "churn-cycles": 2 },
        standard: { ...withoutQuarantine, guests: 24, "background-objects": 8192 },
        full: { ...withoutQuarantine },
      },
      lesser: { counted: { guests: 2, "background-objects": 100, "churn-batch": 50, "churn-cycles": 1 } },
      simulated: {
        quick: { parameters: { guests: 2, "teardown-tasks": 2, "background-objects": 100, "churn-batch": 50 } },
        standard: { parameters: { guests: 12, "teardown-tasks": 12, "background-objects": 512, "churn-batch": 256 } },
        full: { parameters: { "teardown-tasks": 24 } },
      },
    },
    {
      name: "stress-ng-ramfs",
      question: "What do allocations and frees cost where no cgroup goes?",
      notInQuick: ["counted"],
      scales: {
        quick: { ...withoutQuarantine, "bogo-ops": 12, workers: 2 },
        standard: { ...withoutQuarantine, "bogo-ops": 128 },
        full: { ...withoutQuarantine, "bogo-ops": 512 },
      },
      lesser: { counted: { "bogo-ops": 3 } },
      simulated: {
        quick: { parameters: { "bogo-ops": 2, workers: 8 } },
        standard: { parameters: { "bogo-ops": 16, workers: 24 } },
        full: { parameters: { "bogo-ops": 64, workers: 96 } },
      },
    },
  ],
};
