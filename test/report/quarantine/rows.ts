// Hand-made rows of the quarantine, as a run would have recorded them, and a small run to go with them.

import { Histogram } from "../../../src/records/histogram.ts";
import type { MeasuredRow } from "../../../src/records/record.ts";
import type { Run } from "../../../src/records/run-file.ts";
import { answerAll, type WorkloadAnswers } from "../../../src/report/quarantine/answers.ts";
import { collect, rowsOfCase, times, type Values } from "../rows.ts";

export { times } from "../rows.ts";

/** Where rows come from, besides their variant. */
export interface Origin {
  readonly stage: "timed" | "mitata" | "instrumented" | "counted";
  /** @default "libvirt-teardown" */
  readonly workload?: string;
  /** Bytes of the quarantine of a run for the law of growth; without them the rows are for the answers. */
  readonly growthBytes?: number;
  /** The case's parameters besides stage and purpose. @default "guests=2 quarantine-bytes=2097152" */
  readonly parameters?: string;
  /** @default 1 */
  readonly cpus?: number;
}

/** The rows of one variant in one case. */
export function rowsOf(variant: string, origin: Origin, metrics: Values): MeasuredRow[] {
  const { stage, growthBytes } = origin;
  const parameters =
    growthBytes === undefined
      ? (origin.parameters ?? "guests=2 quarantine-bytes=2097152")
      : `guests=1 quarantine-bytes=${growthBytes}`;
  const purpose = growthBytes === undefined ? "answers" : "growth";
  return rowsOfCase(
    {
      problem: "quarantine",
      variant,
      workload: origin.workload ?? "libvirt-teardown",
      stage,
      cpus: origin.cpus ?? 1,
      parameters: `${parameters} purpose=${purpose}`,
    },
    metrics,
  );
}

export const reference = "singly-linked-fifo";
export const floor = "floor";

/** Answers from rows, with the variants shown in the order given. */
export async function answer(rows: readonly MeasuredRow[], order: readonly string[]): Promise<WorkloadAnswers[]> {
  return await answerAll(collect(rows, reference), { reference, floor, order });
}

/** Rows of a distribution of removal times, in ns. */
export function removals(...durationsNs: readonly number[]): Values {
  const histogram = new Histogram();
  for (const ns of durationsNs) histogram.record(ns);
  return Object.fromEntries(histogram.rows("remove-latency-ns").map(({ metric, value }) => [metric, [value]]));
}

/** Counted removals whose accesses are 120 + 11 per foreign object + 29 per own one + 14 per batch. */
export function removalsByLaw(foreign: readonly number[]): Values {
  const own = [3, 0, 7, 1];
  const batches = [2, 5, 3, 8];
  return {
    "remove-accesses": foreign.map((count, index) => 120 + 11 * count + 29 * own[index]! + 14 * batches[index]!),
    "remove-foreign": foreign,
    "remove-own": own,
    "remove-batches": batches,
  };
}

const memory = {
  "object-extra-bytes": [0],
  "cache-extra-bytes": [0],
  "slab-bytes-touched": [409_600],
  "true-size": [1],
  "unfinished-caches": [0],
};

/** A workload with removals and one without; the reference, two variants and the floor. The numbers are made up. */
export function fixedRows(): MeasuredRow[] {
  const timed: Origin = { stage: "timed" };
  const mitata: Origin = { stage: "mitata" };
  const instrumented: Origin = { stage: "instrumented", parameters: "guests=1 quarantine-bytes=2097152" };
  const counted: Origin = { stage: "counted", parameters: "guests=1 quarantine-bytes=2097152" };
  const ramfs: Origin = {
    stage: "timed",
    workload: "stress-ng-ramfs",
    parameters: "bogo-ops=40 quarantine-bytes=2097152",
  };
  const rows = [
    ...rowsOf(reference, timed, {
      "put-ns": [30, 31, 32, 33, 34, 35, 36],
      "allocate-ns": times(7, 45),
      "evicted-per-allocation": times(7, 2),
      "teardown-ns": [2_000_000, 2_100_000],
      ...removals(40_000, 41_000, 90_000, 2_000_000),
      ...memory,
      "global-bytes": [1024],
    }),
    ...rowsOf("hash-buckets", timed, {
      "put-ns": [25, 26, 27, 28, 29, 30, 31],
      "allocate-ns": times(7, 25),
      "evicted-per-allocation": times(7, 2),
      "teardown-ns": [200_000, 210_000],
      ...removals(1000, 1500, 2000, 200_000),
      ...memory,
      "global-bytes": [16_384],
    }),
    ...rowsOf("batched-async form=deferred", timed, {
      "put-ns": [50, 51, 52, 53, 54, 55, 56],
      "allocate-ns": times(7, 45),
      "evicted-per-allocation": times(7, 2),
      "teardown-ns": [10_000, 12_000],
      "worker-ns": [undefined, 6000],
      ...removals(100, 100, 120, 150),
      ...memory,
      "global-bytes": [2048],
      "unfinished-caches": [3],
    }),
    ...rowsOf(floor, timed, {
      "put-ns": [10, 11, 12, 13, 14, 15, 16],
      "allocate-ns": times(7, 5),
      "evicted-per-allocation": times(7, 0),
      "teardown-ns": [1000, 1000],
      ...removals(200, 210, 220, 230),
    }),
    ...rowsOf(reference, mitata, { "put-ns-mitata": [33], "put-ns-checked": [32] }),
    ...rowsOf("hash-buckets", mitata, { "put-ns-mitata": [40], "put-ns-checked": [32] }),
  ];
  for (const [variant, factor] of [
    [reference, 1],
    ["hash-buckets", 2],
  ] as const) {
    rows.push(
      ...rowsOf(variant, instrumented, {
        "lock-hold-ns-max": [9000 * factor, 5000 * factor, 7000 * factor],
        "irq-off-ns-max": [9500 * factor, 5500 * factor, 7500 * factor],
      }),
      ...rowsOf(variant, counted, {
        "put-accesses-mean": [9.5 * factor],
        "put-lines-mean": [4.25],
        "reduce-accesses-mean": [12],
        "remove-accesses-mean": [4800 / factor],
        "fifo-rank-error-max": [100 * factor],
        "fifo-rank-error-p99": [80],
        "evicted-at-once-max": [500],
        "pinned-bytes-max": [0],
        "removals-deferred": [0],
      }),
      ...rowsOf(
        variant,
        { stage: "timed", growthBytes: 2_097_152 },
        { "teardown-ns": [40_000], ...removals(20_000, 20_000) },
      ),
      ...rowsOf(
        variant,
        { stage: "timed", growthBytes: 8_388_608 },
        { "teardown-ns": [160_000 / factor], ...removals(80_000, 80_000) },
      ),
      ...rowsOf(variant, { stage: "counted", growthBytes: 2_097_152 }, removalsByLaw([100, 200, 150, 400])),
      ...rowsOf(variant, { stage: "counted", growthBytes: 8_388_608 }, removalsByLaw([400, 800, 600, 1700])),
      ...rowsOf(variant, ramfs, { "mixed-ns": times(10, 60 / factor), "bogo-op-ns": times(10, 9000) }),
    );
  }
  rows.push(
    ...rowsOf("batched-async form=deferred", counted, {
      "fifo-rank-error-max": [100],
      "pinned-bytes-max": [81_920],
      "removals-deferred": [4],
    }),
    ...rowsOf("batched-async form=deferred", ramfs, { "mixed-ns": times(10, 65) }),
  );
  rows.push(...rowsOf(floor, ramfs, { "mixed-ns": times(10, 20), "bogo-op-ns": times(10, 4000) }));
  return rows;
}

/** Ids of the fixed rows, in the order in which to show them. */
export const fixedOrder = [reference, "hash-buckets", "batched-async form=deferred", floor];

/** A complete run to go with {@link fixedRows}. */
export const fixedRun: Run = {
  schemaVersion: 1,
  runId: "20250131T235959Z-0a1b2c",
  command: "reclaim-bench run quarantine --quick",
  startedAt: "2025-01-31T23:59:59.000Z",
  finishedAt: "2025-02-01T00:00:59.000Z",
  state: "complete",
  environment: {
    id: "0123456789ab",
    node: "20.20.0",
    v8: "11.3",
    os: "linux",
    kernel: "6.1.0",
    arch: "x64",
    cpuModel: "Example CPU | 2 GHz",
    coreCount: 4,
    memoryBytes: 2 ** 34,
    governor: null,
    virtualised: true,
    loadAverage: [0.4, 0, 0],
    clockResolutionNs: 20,
    clockCostNs: 25,
    commit: "",
  },
  parameters: { problem: "quarantine", scale: "quick" },
  seed: 1,
  flags: {
    native: ["-O3", "--noAssert"],
    traced: ["-O0", "--noAssert"],
    instrumented: ["-O3", "--noAssert"],
  },
  modules: fixedOrder.map((variant) => ({
    problem: "quarantine",
    variant,
    machine: "native",
    wasmSha256: "ab".repeat(32),
  })),
  workloads: [],
  cases: [{ id: "quarantine / floor / libvirt-teardown / timed", state: "done" }],
  warnings: ["two cores only"],
  rssBytesMax: 123_456_789,
};
