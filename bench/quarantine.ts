// The quarantine's suite. A new variant is one file in src/kernel/quarantine and one line in `variants` here.

import type { Suite } from "../src/plan/suite.ts";

const mebibyte = 1024 * 1024;

/** Background of quick runs: their time would go into setting up a larger one. */
const fewObjects = { "background-objects": 8192, "churn-batch": 2048 };

export const quarantine: Suite = {
  problem: "quarantine",
  statement:
    "KASAN delays the reuse of freed slab objects in a quarantine. Before a slab cache can be destroyed, its objects must be taken out of it, and Linux finds them by walking the whole quarantine: with many cgroups, each with caches of its own, a teardown walks it thousands of times.",
  stages: ["timed", "mitata", "instrumented", "counted", "simulated"],
  // Of its many variants, the simulator would take longer than all else.
  instruments: {
    quick: ["native", "traced"],
    standard: ["native", "traced", "simulator"],
    full: ["native", "traced", "simulator"],
  },
  cpus: 1,
  countedCpus: 1,
  simulated: {
    quick: { machine: "xeon-24-1s", cpus: [4] },
    standard: { machine: "xeon-8260-2s", cpus: [1, 4, 24] },
    full: { machine: "xeon-8260-2s", cpus: [1, 4, 24, 96] },
  },
  // Batches in the ring: max(1024, 4 x CONFIG_NR_CPUS). The reporter's batches of 3,601,946 bytes fit CONFIG_NR_CPUS=512.
  constants: [{ name: "batches", constant: "LAB_BATCHES", values: { quick: 1024, standard: 1024, full: 2048 } }],
  // Below the smallest, batches do not turn over: one is at least 1 MiB. The tables take the rest of the largest.
  sizing: {
    parameter: "quarantine-bytes",
    min: 2 * mebibyte,
    max: 3.75 * 1024 * mebibyte,
    limit: "3.75 GiB; Wasm has 4 GiB of memory",
    objectBytes: 250,
    walkers: ["single-list", "singly-linked-fifo"],
  },
  skipsWhenEmpty: true,
  exercisedBy: ["object free", "cache destroy"],
  takes: {
    "libvirt-teardown": "yes",
    "cgroups-4000": "yes",
    "stress-ng-ramfs": "yes",
    "container-start": "refused",
    "iterator-churn": "refused",
    "offline-churn": "refused",
    "metadata-commits": "refused",
    "commits-short-of-memory": "refused",
  },
  reference: "singly-linked-fifo",
  floor: "floor",
  variants: [
    { name: "single-list", summary: "one global list under one lock (Linux 4.7)" },
    { name: "singly-linked-fifo", summary: "a ring of batches, walked on removal (Linux since 4.10; the reference)" },
    {
      name: "hash-buckets",
      summary: "every batch is an array of lists, one per hash of the cache (proposed in the report)",
      parameters: {
        buckets: {
          constant: "LAB_BUCKETS",
          default: 16,
          meaning: "lists per batch, a power of two from 2 to 128",
          inEveryId: true,
        },
      },
    },
    { name: "doubly-linked", summary: "objects are also on a list of their cache (proposed in the report)" },
    {
      name: "batched-async",
      summary: "removals are put off and done together, or when the cache is empty (proposed in the report)",
      parameters: {
        form: {
          constant: "LAB_FORM",
          default: "scan",
          values: { scan: 1, deferred: 2 },
          meaning: "scan: one walk for a group of caches; deferred: a cache goes once it is empty",
          inEveryId: true,
        },
        group: { constant: "LAB_GROUP", default: 24, meaning: "dead caches that start a walk, with form=scan" },
        "timeout-ms": {
          constant: "LAB_TIMEOUT_MS",
          default: 1000,
          meaning: "longest time that a dead cache waits for a walk, with form=scan",
        },
      },
    },
    { name: "floor", summary: "does nothing: the cost of the harness" },
  ],
  lines: [
    "singly-linked-fifo",
    "singly-linked-fifo skip-when-empty=true",
    "single-list",
    "single-list skip-when-empty=true",
    "hash-buckets buckets=16",
    "hash-buckets buckets=16 skip-when-empty=true",
    "doubly-linked",
    "doubly-linked skip-when-empty=true",
    "batched-async form=scan",
    "batched-async form=scan skip-when-empty=true",
    "batched-async form=deferred",
    "batched-async form=deferred skip-when-empty=true",
    "floor",
  ],
  workloads: [
    {
      name: "libvirt-teardown",
      question: "How long does it take to shut down virtual machines whose caches are mostly empty?",
      scales: {
        quick: { ...fewObjects, guests: 3, "quarantine-bytes": 4 * mebibyte, "churn-cycles": 20 },
        standard: { guests: 46, "quarantine-bytes": 64 * mebibyte, "churn-cycles": 100 },
        full: { guests: 46, "quarantine-bytes": 3_646_449_664, "churn-cycles": 200, fill: 1.05 },
      },
      lesser: {
        counted: { guests: 1, "quarantine-bytes": 4 * mebibyte, "churn-cycles": 8 },
        instrumented: { guests: 1, "churn-cycles": 8, drain: 0 },
      },
      quickLesser: {
        counted: { "quarantine-bytes": 2 * mebibyte, "churn-cycles": 4 },
        instrumented: { "quarantine-bytes": 2 * mebibyte, "churn-cycles": 4 },
      },
      simulated: {
        quick: { parameters: { guests: 1, "quarantine-bytes": 2 * mebibyte, "churn-cycles": 2 } },
        standard: { parameters: { guests: 4, "quarantine-bytes": 8 * mebibyte, "churn-cycles": 8 } },
        full: { parameters: { guests: 46, "quarantine-bytes": 64 * mebibyte, fill: 1.25 } },
      },
      growth: {
        // Several guests, because in some the hash of a cache falls together with that of a large one.
        native: { guests: 2, "churn-cycles": 0, drain: 0 },
        exact: { guests: 2, "churn-cycles": 0, drain: 0 },
        nativeBytes: {
          quick: [2 * mebibyte, 4 * mebibyte, 8 * mebibyte],
          standard: [16 * mebibyte, 32 * mebibyte, 64 * mebibyte, 128 * mebibyte, 256 * mebibyte],
          full: [64 * mebibyte, 256 * mebibyte, 1024 * mebibyte, 2048 * mebibyte],
        },
        exactBytes: {
          quick: [2 * mebibyte, 2.5 * mebibyte, 3 * mebibyte],
          standard: [8 * mebibyte, 16 * mebibyte, 32 * mebibyte],
          full: [16 * mebibyte, 32 * mebibyte, 64 * mebibyte],
        },
      },
    },
    {
      name: "cgroups-4000",
      question: "What does it cost to create, use and remove thousands of cgroups?",
      notInQuick: ["mitata", "instrumented"],
      scales: {
        quick: { ...fewObjects, cgroups: 8, "quarantine-bytes": 4 * mebibyte, "churn-cycles": 20 },
        standard: { cgroups: 400, "quarantine-bytes": 32 * mebibyte, "churn-cycles": 100 },
        full: { "quarantine-bytes": 1024 * mebibyte },
      },
      lesser: {
        counted: { cgroups: 3, "quarantine-bytes": 2 * mebibyte, "churn-cycles": 4 },
        instrumented: { cgroups: 8, "churn-cycles": 8 },
      },
      quickLesser: { instrumented: { cgroups: 3, "quarantine-bytes": 2 * mebibyte, "churn-cycles": 4 } },
      simulated: {
        quick: { parameters: { cgroups: 4, "quarantine-bytes": 2 * mebibyte, "churn-cycles": 2 } },
        standard: { parameters: { cgroups: 24, "quarantine-bytes": 8 * mebibyte, "churn-cycles": 8 } },
        full: { parameters: { cgroups: 400, "quarantine-bytes": 32 * mebibyte } },
      },
    },
    {
      name: "stress-ng-ramfs",
      question: "What does the quarantine cost where no cache is ever destroyed?",
      notInQuick: ["mitata", "instrumented"],
      scales: {
        quick: { "bogo-ops": 200, "quarantine-bytes": 4 * mebibyte },
        standard: { "bogo-ops": 2000, "quarantine-bytes": 128 * mebibyte },
        full: { "bogo-ops": 10_000, "quarantine-bytes": 1024 * mebibyte },
      },
      lesser: { counted: { "bogo-ops": 20, "quarantine-bytes": 2 * mebibyte }, instrumented: { "bogo-ops": 50 } },
      quickLesser: { instrumented: { "bogo-ops": 20, "quarantine-bytes": 2 * mebibyte } },
      simulated: {
        quick: { parameters: { "bogo-ops": 20, "quarantine-bytes": 2 * mebibyte } },
        standard: { parameters: { "bogo-ops": 200, "quarantine-bytes": 8 * mebibyte } },
        full: { parameters: { "bogo-ops": 1000, "quarantine-bytes": 64 * mebibyte } },
      },
    },
  ],
};
