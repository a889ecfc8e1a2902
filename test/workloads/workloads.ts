// Small workloads of every type, for the tests of this folder.

import { createWorkload } from "../../src/workloads/index.ts";
import type { ParameterValue, Workload } from "../../src/workloads/workload.ts";

/** A name for the test's title, the workload's type, and its parameters. */
export const smallWorkloads: readonly (readonly [string, string, Readonly<Record<string, ParameterValue>>])[] = [
  [
    "libvirt-teardown",
    "libvirt-teardown",
    { guests: 3, "quarantine-bytes": 200_000, "background-objects": 1000, "churn-batch": 128, "churn-cycles": 3 },
  ],
  [
    "libvirt-teardown without quarantine",
    "libvirt-teardown",
    {
      guests: 2,
      "quarantine-bytes": 0,
      "background-objects": 50,
      "churn-batch": 50,
      "churn-cycles": 0,
      "root-caches": 3,
    },
  ],
  [
    "libvirt-teardown with everything freed early and many root caches",
    "libvirt-teardown",
    {
      guests: 70,
      "guest-freed": 1,
      "quarantine-bytes": 1_000_000,
      "background-objects": 9000,
      "churn-batch": 1,
      "root-caches": 1000,
      "churn-between": 0,
    },
  ],
  [
    "cgroups-4000",
    "cgroups-4000",
    {
      cgroups: 20,
      rounds: 2,
      reclaimers: 3,
      nodes: 2,
      "quarantine-bytes": 100_000,
      "background-objects": 1000,
      "churn-batch": 64,
      "churn-between": 1,
    },
  ],
  [
    "cgroups-4000 with one untouched cgroup and two caches",
    "cgroups-4000",
    {
      cgroups: 1,
      touched: 0,
      reclaimers: 0,
      "caches-per-cgroup": "inode_cache, dentry",
      "quarantine-bytes": 0,
      "background-objects": 10,
      "churn-batch": 10,
    },
  ],
  ["stress-ng-ramfs", "stress-ng-ramfs", { workers: 3, "bogo-ops": 25, "rcu-batch": 7, "quarantine-bytes": 1_000_000 }],
  [
    "stress-ng-ramfs 0.15.06 with one op",
    "stress-ng-ramfs",
    { workers: 1, "bogo-ops": 1, "superblocks-per-op": 1, "quarantine-bytes": 0 },
  ],
];

export function smallWorkload(name: string): Workload {
  const found = smallWorkloads.find(([title]) => title === name);
  if (found === undefined) throw new Error(`no small workload '${name}'`);
  return createWorkload(found[1], found[2], 7);
}

/** Copies of all chunks. */
export function chunksOf(workload: Workload): Uint8Array[] {
  return Array.from(workload.chunks(), (chunk) => chunk.slice());
}
