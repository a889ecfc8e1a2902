// What cil is tried with.

import { cil } from "../../../src/problems/cil.ts";
import type { Case, Run } from "./case.ts";

const shortOfMemory = (committers: number): Run["workload"] => [
  "metadata-commits",
  {
    ...{ committers, transactions: 8, items: 10, "items-per-transaction": 2, mix: "65536:1", "compute-ns": 2000 },
    ...{ "memory-limit": 1_572_864, "io-ns": 100_000, "hang-ms": 10 },
  },
];

export const tried: Case = {
  problem: cil,
  runs: [
    {
      variant: "shadow-buffers",
      workload: ["metadata-commits", { committers: 2, transactions: 20, "push-threshold": 65_536, "compute-ns": 2000 }],
    },
    { variant: "allocate-under-lock", workload: shortOfMemory(5) },
    { variant: "allocate-under-lock", workload: shortOfMemory(6) },
    { variant: "fail-fast-allocation", workload: shortOfMemory(4) },
  ],
  // Everything that was pushed is in the log at the end.
  alike: [["pushes", "checkpoints-completed"]],
};
