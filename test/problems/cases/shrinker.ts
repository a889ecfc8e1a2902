// What shrinker is tried with.

import { shrinker } from "../../../src/problems/shrinker.ts";
import type { Case, Run } from "./case.ts";

const workload: Run["workload"] = [
  "container-start",
  { mounters: 1, reclaimers: 1, cgroups: 10, rounds: 2, containers: 3, "reclaim-passes": 2, "compute-ns": 2000 },
];

export const tried: Case = {
  problem: shrinker,
  runs: [
    { variant: "refcount-rcu", workload },
    { variant: "rwsem", workload },
    { variant: "srcu", workload },
  ],
  // Every file system is mounted and unmounted, and none holds an object.
  alike: [
    ["contended-breaks", "second-looks", "freed-objects"],
    ["registered", "unregistered"],
  ],
};
