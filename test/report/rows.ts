// Hand-made rows, as a run would have recorded them.

import { metricOf } from "../../src/records/metrics.ts";
import type { MeasuredRow } from "../../src/records/record.ts";
import { ProblemRows } from "../../src/report/rows.ts";

/** Values of a metric: one row each, its rounds counted from 0; `undefined` leaves a round out. */
export type Values = Readonly<Record<string, readonly (number | null | undefined)[]>>;

/** What the rows of a case have in common. */
export interface Case {
  readonly problem: string;
  readonly variant: string;
  readonly workload: string;
  readonly stage: string;
  readonly cpus: number;
  /** The case's parameters besides its stage. */
  readonly parameters: string;
}

const instruments: Readonly<Record<string, MeasuredRow["instrument"]>> = {
  counted: "traced",
  simulated: "simulator",
  checked: "checker",
};

/** The rows of one case. */
export function rowsOfCase(one: Case, metrics: Values): MeasuredRow[] {
  const { problem, variant, workload, stage, cpus } = one;
  const parameters = [...one.parameters.split(" "), `stage=${stage}`].sort().join(" ");
  return Object.entries(metrics).flatMap(([metric, values]) =>
    values.flatMap((value, round): MeasuredRow[] => {
      if (value === undefined) return [];
      const { unit, better, assume } = metricOf(metric);
      return [
        {
          run_id: "20250131T235959Z-0a1b2c",
          commit: "",
          problem,
          variant,
          workload,
          instrument: instruments[stage] ?? "native",
          cpus,
          parameters,
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

/** Rows as a report collects them. */
export function collect(rows: readonly MeasuredRow[], reference: string): ProblemRows {
  const collected = new ProblemRows(reference);
  for (const row of rows) collected.add(row);
  return collected;
}

/** The same value in so many rounds. */
export function times(count: number, value: number): number[] {
  return new Array<number>(count).fill(value);
}
