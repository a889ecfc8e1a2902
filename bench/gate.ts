// The suite of the native gate: few rows, small, each dominated by the variants' own work.

import type { Gate } from "../src/plan/gate.ts";

export const gate: Gate = {
  rows: [
    {
      problem: "shrinker",
      workload: "container-start",
      parameters: {
        ...{ mounters: 1, reclaimers: 1, cgroups: 200, rounds: 1, containers: 1 },
        ...{ "reclaim-passes": 52, "compute-ns": 0 },
      },
      cpus: 1,
      metrics: [{ metric: "visits-per-s", isGated: true }],
    },
  ],
  budgets: [],
};
