// The suite of the native gate: few rows, small, each dominated by the variants' own work. What else a workload computes is
// left out of it, and what does not fit into the CPU's caches is, too: how pages lie differs from process to process.

import type { Gate } from "../src/plan/gate.ts";

const visits = { mounters: 1, cgroups: 200, rounds: 1, containers: 1, "reclaim-passes": 52, "compute-ns": 0 };

const walks = {
  ...{ cgroups: 1000, parents: 4, churners: 0, "direct-reclaimers": 0, "slow-cgroups": 0, "break-percent": 0 },
  ...{ "slow-ns": 0, "visit-ns": 0, "churn-ns": 0, rounds: 1, "churn-ops": 1, passes: 50 },
};

/** Items of a block each: much of a commit is then the variant's vectors, and little is the harness's. */
const commits = {
  ...{ committers: 2, transactions: 200, items: 64, mix: "4096:1" },
  ...{ "compute-ns": 0, "io-ns": 0, "push-threshold": 262_144 },
};

const quarantined = { "quarantine-bytes": 2 * 1024 * 1024, "background-objects": 8192, "churn-between": 0, drain: 0 };

export const gate: Gate = {
  rows: [
    {
      problem: "quarantine",
      workload: "libvirt-teardown",
      // A round is a burst.
      parameters: { ...quarantined, guests: 1, "churn-batch": 4096, "churn-cycles": 74 },
      cpus: 1,
      metrics: [
        { metric: "put-ns", isGated: true },
        { metric: "allocate-ns", isGated: true },
      ],
    },
    {
      problem: "quarantine",
      workload: "libvirt-teardown",
      // A round is a guest.
      parameters: { ...quarantined, guests: 74, "churn-batch": 1024, "churn-cycles": 0 },
      cpus: 1,
      metrics: [{ metric: "teardown-ns", isGated: true }],
      // Some microseconds: where things lie in memory decides, and differs by a tenth between processes.
      without: ["doubly-linked", "batched-async form=deferred"],
    },
    {
      problem: "shrinker",
      workload: "container-start",
      parameters: { ...visits, reclaimers: 1 },
      cpus: 1,
      metrics: [{ metric: "visits-per-s", isGated: true }],
    },
    {
      problem: "shrinker",
      workload: "container-start",
      parameters: { ...visits, reclaimers: 3 },
      cpus: 2,
      metrics: [{ metric: "visits-per-s", isGated: true }],
    },
    {
      problem: "memcg-iterator",
      workload: "iterator-churn",
      parameters: { ...walks, walkers: 1 },
      cpus: 1,
      metrics: [{ metric: "rounds-per-s", isGated: true }],
    },
    {
      problem: "slab-offline",
      workload: "offline-churn",
      parameters: { rounds: 76, cgroups: 2, objects: 300, "long-rounds": 4, tasks: 2 },
      cpus: 1,
      metrics: [{ metric: "bogo-ops-per-s", isGated: true }],
    },
    {
      problem: "cil",
      workload: "metadata-commits",
      parameters: commits,
      cpus: 1,
      metrics: [{ metric: "commits-per-s", isGated: true }],
    },
    {
      problem: "cil",
      workload: "metadata-commits",
      parameters: commits,
      cpus: 2,
      metrics: [{ metric: "commits-per-s", isGated: true }],
    },
  ],
  budgets: [],
};
