// Hand-made rows, as a run would have recorded them, and a small run to go with them.

import { metricOf } from "../../src/records/metrics.ts";
import type { MeasuredRow } from "../../src/records/record.ts";
import type { Run } from "../../src/records/run-file.ts";
import { answerAll, type WorkloadAnswers } from "../../src/report/answers.ts";

/** Where rows come from, besides their variant. */
export interface Origin {
  readonly stage: "timed" | "mitata" | "instrumented" | "counted";
  /** @default "libvirt-teardown" */
  readonly workload?: string;
  /** Bytes of the quarantine of a run for the law of growth; without them the rows are for the answers. */
  readonly growthBytes?: number;
  /** The case's parameters besides stage and purpose. @default "guests=2 quarantine-bytes=2097152" */
  readonly parameters?: string;
}

/** Values of a metric: one row each, its rounds counted from 0; `undefined` leaves a round out. */
export type Values = Readonly<Record<string, readonly (number | null | undefined)[]>>;

/** The rows of one variant in one case. */
export function rowsOf(variant: string, origin: Origin, metrics: Values): MeasuredRow[] {
  const { stage, growthBytes } = origin;
  const parameters = growthBytes === undefined ? (origin.parameters ?? "guests=2 quarantine-bytes=2097152") : `guests=1 quarantine-bytes=${growthBytes}`;
  const purpose = growthBytes === undefined ? "answers" : "growth";
  return Object.entries(metrics).flatMap(([metric, values]) =>
    values.flatMap((value, round): MeasuredRow[] => {
      if (value === undefined) return [];
      const { unit, better, assume } = metricOf(metric);
      return [
        {
          run_id: "20250131T235959Z-0a1b2c",
          commit: "",
          problem: "quarantine",
          variant,
          workload: origin.workload ?? "libvirt-teardown",
          instrument: stage === "counted" ? "traced" : "native",
          cpus: 1,
          parameters: [...parameters.split(" "), `purpose=${purpose}`, `stage=${stage}`].sort().join(" "),
          process: 0,
          round,
          metric,
          unit,
          better,
          assume,
          value,
          seed: 1,
          environment_id: "0123456789ab",
        },
      ];
    }),
  );
}

export const reference = "singly-linked-fifo";
export const floor = "floor";

/** Answers from rows, with the variants shown in the order given. */
export async function answer(rows: readonly MeasuredRow[], order: readonly string[]): Promise<WorkloadAnswers[]> {
  async function* each(): AsyncGenerator<MeasuredRow> {
    yield* rows;
  }
  return await answerAll(each(), { reference, floor, order });
}

/** The same value in so many rounds. */
export function times(count: number, value: number): number[] {
  return new Array<number>(count).fill(value);
}

const growthSizes = [2_097_152, 4_194_304, 8_388_608];

/** Counted removals of a growth run whose cost follows a law exactly. */
function removalsByLaw(foreign: readonly number[]): Values {
  const own = [3, 0, 7, 1];
  const batches = [2, 5, 3, 8];
  return {
    "remove-accesses": foreign.map((count, index) => 120 + 11 * count + 29 * own[index]! + 14 * batches[index]!),
    "remove-foreign": foreign,
    "remove-own": own,
    "remove-batches": batches,
  };
}

/** Two workloads: one with removals, one without; a reference, two variants and the floor. Numbers are made up. */
export function fixedRows(): MeasuredRow[] {
  const timed = { stage: "timed" } as const;
  const counted = { stage: "counted", parameters: "guests=1 quarantine-bytes=2097152" } as const;
  const ramfs = { stage: "timed", workload: "stress-ng-ramfs", parameters: "bogo-ops=40 quarantine-bytes=2097152" } as const;
  const memory = { "object-extra-bytes": [0], "cache-extra-bytes": [0], "slab-bytes-touched": [409_600], "true-size": [1], "unfinished-caches": [0] };
  return [
    ...rowsOf(reference, timed, {
      "put-ns": [30, 31, 32, 33, 34, 35, 36],
      "allocate-ns": times(7, 45),
      "evicted-per-allocation": times(7, 2),
      "teardown-ns": [2_000_000, 2_100_000],
      "remove-latency-ns[40960,42...)".length > 0 ? "remove-latency-ns[40960,43008)" : "": [],
    }),
    ...rowsOf(reference, timed, { ...memory, "global-bytes": [1024] }),
    ...rowsOf(floor, timed, { "put-ns": [10, 11, 12, 13, 14, 15, 16], "allocate-ns": times(7, 5) }),
    ...rowsOf(floor, ramfs, {}),
    ...rowsOf(reference, counted, removalsByLaw(growthSizes)),
  ];
}

export const run: Run = null as unknown as Run;
