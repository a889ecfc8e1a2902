// What slab-offline is tried with.

import { slabOffline } from "../../../src/problems/slab-offline.ts";
import type { Case, Run } from "./case.ts";

const workload: Run["workload"] = ["offline-churn", { rounds: 6, cgroups: 4, objects: 40, "long-rounds": 3 }];

export const tried: Case = {
  problem: slabOffline,
  runs: ["reparent-slabs", "keep-dead", "mark-and-wait", "self-drain", "reparent-caches"].map((variant) => ({
    variant,
    workload,
  })) as [Run, ...Run[]],
  alike: [],
};
