// What memcg-iterator is tried with.

import { memcgIterator } from "../../../src/problems/memcg-iterator.ts";
import type { Case, Run } from "./case.ts";

const few: Run["workload"] = [
  "iterator-churn",
  {
    ...{ cgroups: 20, "slow-cgroups": 0, rounds: 2, "churn-ops": 5, passes: 5 },
    ...{ "visit-ns": 100, "churn-ns": 1000 },
  },
];
const many = (passes: number): Run["workload"] => [
  "iterator-churn",
  {
    ...{ cgroups: 20, "slow-cgroups": 4, rounds: 3, "churn-ops": 20, passes },
    ...{ "visit-ns": 300, "churn-ns": 300 },
  },
];

export const tried: Case = {
  problem: memcgIterator,
  runs: [
    { variant: "weak-position", workload: few },
    { variant: "dead-count", workload: few },
    { variant: "dead-count", workload: many(20) },
    { variant: "targeted-wipe", workload: many(20) },
    { variant: "pinned-position", workload: many(1) },
  ],
  // None of these happens on two CPUs.
  alike: [
    ["lost-moves", "never-visited"],
    ["pinned-cgroups", "pinned-bytes"],
  ],
};
