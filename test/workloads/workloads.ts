// Small workloads of every type, for the tests of this folder.

import { decodeEvents, type KernelEvent } from "../../src/workloads/event-reader.ts";
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
    "libvirt-teardown by 3 tasks, with 5 that churn and 2 that reclaim",
    "libvirt-teardown",
    {
      guests: 8,
      "quarantine-bytes": 300_000,
      "background-objects": 1003,
      "churn-batch": 127,
      "churn-cycles": 2,
      "churn-between": 2,
      "churn-tasks": 5,
      "teardown-tasks": 3,
      "dev-tmpfs": 1,
      reclaimers: 2,
      "reclaim-passes": 15,
    },
  ],
  [
    "libvirt-teardown of all guests at once",
    "libvirt-teardown",
    {
      guests: 130,
      "quarantine-bytes": 0,
      "background-objects": 64,
      "churn-batch": 64,
      "churn-between": 3,
      "teardown-tasks": 130,
      "dev-tmpfs": 1,
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
    "cgroups-4000 with 4 touchers, 2 that churn and 3 that remove",
    "cgroups-4000",
    {
      cgroups: 20,
      rounds: 2,
      touched: 0.7,
      touchers: 4,
      reclaimers: 2,
      "start-spread-ns": 5000,
      "callback-sleep-ns": 1000,
      "quarantine-bytes": 100_000,
      "background-objects": 1000,
      "churn-batch": 64,
      "churn-between": 1,
      "churn-tasks": 2,
      "teardown-tasks": 3,
    },
  ],
  [
    "cgroups-4000 with all that is possible at once",
    "cgroups-4000",
    {
      cgroups: 200,
      touched: 1,
      touchers: 200,
      reclaimers: 0,
      "quarantine-bytes": 100_000,
      "background-objects": 300,
      "churn-batch": 300,
      "churn-tasks": 300,
      "teardown-tasks": 200,
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
  [
    "stress-ng-ramfs with more workers than fit into a chunk",
    "stress-ng-ramfs",
    { workers: 300, "bogo-ops": 3, "quarantine-bytes": 0, "rcu-batch": 2 },
  ],
  [
    "container-start",
    "container-start",
    { cgroups: 50, mounters: 3, reclaimers: 2, rounds: 3, containers: 5, "callback-sleep-ns": 9, "slow-cgroups": 2 },
  ],
  [
    "container-start with more passes than containers",
    "container-start",
    { cgroups: 1, mounters: 1, reclaimers: 7, rounds: 1, containers: 4, "reclaim-passes": 27, "lru-objects": 130 },
  ],
  [
    "container-start without reclaim",
    "container-start",
    { cgroups: 30_000, rounds: 2, mounters: 6, containers: 2184, "reclaim-passes": 0 },
  ],
  [
    "metadata-commits",
    "metadata-commits",
    { committers: 3, transactions: 40, items: 12, ordered: 0.1, shared: 0.5, "force-every": 7 },
  ],
  [
    "metadata-commits in several chunks",
    "metadata-commits",
    { committers: 500, transactions: 50, items: 5, "items-per-transaction": 5, mix: "128:3,1048576:1", shared: 1 },
  ],
  [
    "commits-short-of-memory",
    "commits-short-of-memory",
    { committers: 2, transactions: 30, items: 9, "compute-ns": 0, evict: 0.2 },
  ],
  [
    "offline-churn",
    "offline-churn",
    { rounds: 9, cgroups: 3, objects: 40, outlive: 0.3, "long-rounds": 4, tasks: 3, "interval-ns": 1000 },
  ],
  [
    "iterator-churn",
    "iterator-churn",
    {
      cgroups: 30,
      parents: 3,
      walkers: 2,
      churners: 2,
      nodes: 2,
      rounds: 3,
      "churn-ops": 6,
      passes: 8,
      priorities: 13,
    },
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

/** All events, decoded. */
export function eventsOf(workload: Workload): KernelEvent[] {
  return chunksOf(workload).flatMap((chunk) => [...decodeEvents(chunk)]);
}

export function count(events: readonly KernelEvent[], kind: number): number {
  return events.filter((event) => event.kind === kind).length;
}
