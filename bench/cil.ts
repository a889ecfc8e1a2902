// The suite of cil. A new variant is one file in src/kernel/cil and one line in `variants` here.

import type { Suite } from "../src/plan/suite.ts";

const mebibyte = 1024 * 1024;

export const cil: Suite = {
  problem: "cil",
  statement:
    "A journal collects changed metadata in memory: commits copy their items into vectors under the read side of a lock, and a push takes them all under the write side. Where commits allocate vectors under that lock, and memory is short, they wait for memory that only the push would free, and the push waits for them. Vectors that are allocated before the lock, one too many per item, end that; how they are allocated decides what large ones cost.",
  stages: ["timed", "profiled", "counted", "simulated"],
  instruments: {
    quick: ["native", "traced", "simulator"],
    standard: ["native", "traced", "simulator"],
    full: ["native", "traced", "simulator"],
  },
  cpus: 2,
  countedCpus: 2,
  simulated: {
    quick: { machine: "xeon-24-1s", cpus: [16] },
    standard: { machine: "xeon-8260-2s", cpus: [1, 4, 16, 32] },
    full: { machine: "xeon-8260-2s", cpus: [1, 2, 4, 8, 16, 32, 64, 96] },
  },
  constants: [],
  skipsWhenEmpty: false,
  exercisedBy: ["transaction commit"],
  takes: {
    "libvirt-teardown": "refused",
    "cgroups-4000": "refused",
    "stress-ng-ramfs": "refused",
    "container-start": "refused",
    "iterator-churn": "refused",
    "offline-churn": "refused",
    "metadata-commits": "yes",
    "commits-short-of-memory": "yes",
  },
  reference: "allocate-under-lock",
  floor: "floor",
  variants: [
    {
      name: "allocate-under-lock",
      summary: "vectors are allocated under the context lock (Linux up to 4.7; the reference)",
    },
    {
      name: "shadow-buffers",
      summary: "each item has a spare vector, made before the lock is taken (Linux 4.8)",
    },
    {
      name: "check-then-allocate",
      summary: "looks before the lock whether a vector is needed: broken, a push can take the one it found",
    },
    {
      name: "fail-fast-allocation",
      summary: "as shadow-buffers, large vectors by vmalloc instead of compaction (Linux 5.17)",
    },
    { name: "floor", summary: "commits nothing: the cost of the harness" },
  ],
  lines: ["allocate-under-lock", "shadow-buffers", "check-then-allocate", "fail-fast-allocation", "floor"],
  workloads: [
    {
      name: "metadata-commits",
      question: "What do commits cost, and how long do they keep pushes out, where there is memory?",
      notInQuick: ["profiled"],
      scales: {
        quick: { committers: 4, items: 32, transactions: 400, "push-threshold": 2 * mebibyte, "io-ns": 100_000 },
        standard: { committers: 8, items: 64, transactions: 1500, "push-threshold": 8 * mebibyte },
        full: { committers: 16, items: 128, transactions: 3000 },
      },
      lesser: { counted: { items: 16, transactions: 24, "push-threshold": mebibyte } },
      simulated: {
        quick: {
          parameters: {
            ...{ committers: 6, items: 12, transactions: 50, "items-per-transaction": 2 },
            ...{ "push-threshold": mebibyte / 2, "io-ns": 100_000 },
          },
          virtualMs: 1,
        },
        standard: {
          parameters: { committers: 32, items: 24, "push-threshold": 4 * mebibyte, "io-ns": 200_000 },
          virtualMs: 2,
        },
        full: { parameters: { committers: 96, items: 48 }, virtualMs: 10 },
      },
      fixedTime: {
        quick: { slices: 6, sliceMs: 40 },
        standard: { slices: 12, sliceMs: 500 },
        full: { slices: 12, sliceMs: 5000 },
      },
    },
    {
      name: "commits-short-of-memory",
      question: "What happens when a commit has to wait for memory that only a push can free?",
      notInQuick: ["profiled"],
      scales: {
        quick: {
          committers: 4,
          items: 24,
          transactions: 250,
          "memory-limit": 3 * mebibyte,
          "io-ns": 100_000,
          "hang-ms": 10,
        },
        standard: { committers: 8, items: 64, transactions: 800, "hang-ms": 50 },
        full: {
          committers: 16,
          items: 128,
          transactions: 2000,
          "memory-limit": 64 * mebibyte,
          "push-threshold": 128 * mebibyte,
          "hang-ms": 200,
        },
      },
      lesser: { counted: { items: 16, transactions: 24, "hang-ms": 120_000 } },
      simulated: {
        quick: {
          parameters: {
            ...{ committers: 4, items: 10, transactions: 8, "items-per-transaction": 2, mix: "65536:1" },
            ...{ "memory-limit": 1.5 * mebibyte, "hang-ms": 120_000 },
          },
        },
        standard: {
          parameters: { committers: 16, items: 24, transactions: 24, "memory-limit": 8 * mebibyte, "hang-ms": 120_000 },
        },
        full: {
          parameters: {
            committers: 32,
            items: 48,
            transactions: 48,
            "memory-limit": 32 * mebibyte,
            "push-threshold": 64 * mebibyte,
            "hang-ms": 120_000,
          },
        },
      },
      // Slices are long enough for a wait or two that the watchdog ends.
      fixedTime: {
        quick: { slices: 6, sliceMs: 40 },
        standard: { slices: 12, sliceMs: 250 },
        full: { slices: 12, sliceMs: 2000 },
      },
    },
  ],
};
