// One measured row, and the metrics that rows may carry. Nothing is averaged away before it.

/** Whether a metric may vary between runs of the same case. Exact ones are compared exactly. */
export type Assume = "exact" | "sampled";

/** One row of `records.csv`: one sample of one metric of one case. */
export interface MeasuredRow {
  readonly run_id: string;
  /** Revision of the project that measured, or empty outside a git checkout. */
  readonly commit: string;
  readonly problem: string;
  /** The variant's id: its name and its sorted parameters, such as `batched-async form=scan`. */
  readonly variant: string;
  readonly workload: string;
  readonly instrument: "native" | "traced" | "simulator" | "checker";
  readonly cpus: number;
  /** Sorted `key=value` pairs of the case, separated by spaces. */
  readonly parameters: string;
  /** Index of the process that measured, from 0. */
  readonly process: number;
  /** Index of the sample in its process, from 0. */
  readonly round: number;
  readonly metric: string;
  readonly unit: string;
  readonly better: "lower" | "higher" | "";
  readonly assume: Assume;
  /** Raw and unscaled. `null` is written as an empty field, never as 0. */
  readonly value: number | null;
  readonly seed: number;
  readonly environment_id: string;
}

/** The columns of `records.csv`, in order. */
export const recordColumns = [
  "run_id",
  "commit",
  "problem",
  "variant",
  "workload",
  "instrument",
  "cpus",
  "parameters",
  "process",
  "round",
  "metric",
  "unit",
  "better",
  "assume",
  "value",
  "seed",
  "environment_id",
] as const satisfies readonly (keyof MeasuredRow)[];
