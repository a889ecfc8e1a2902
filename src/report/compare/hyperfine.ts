// The times of a comparison as hyperfine's JSON, for the scripts that draw it: two commands for each row, base and head, with
// a time for each process. Times are of one operation, in seconds; a rate is shown as the time of one. CPU times were not
// measured, and are the 0 that the format demands. Of variants the base's command names the reference, and beside whom. Exact
// values, verdicts and the rest are left out.

import { max, mean, median, min, sampleStandardDeviation } from "simple-statistics";
import type { Comparison, NativeRow } from "../../compare/comparison.ts";
import { nanosecondsOf, parametersOf, RowNames } from "./names.ts";
import { timedRows } from "./words.ts";

function resultOf(row: NativeRow, side: "base" | "head", names: RowNames, reference: string | null) {
  const variant = side === "base" && reference !== null ? reference : row.variant;
  const beside = variant === row.variant ? "" : `, beside ${row.variant}`;
  const times = row.processes.flatMap((one) => {
    const ns = nanosecondsOf(row.unit, one[side]);
    return ns === null ? [] : [ns / 1e9];
  });
  if (times.length === 0) return [];
  return [
    {
      command: `${side}: ${names.full(row, variant)}${beside}`,
      mean: mean(times),
      stddev: times.length > 1 ? sampleStandardDeviation(times) : null,
      median: median(times),
      user: 0,
      system: 0,
      min: min(times),
      max: max(times),
      times,
      exit_codes: times.map(() => 0),
      parameters: {
        ...Object.fromEntries(parametersOf(row)),
        side,
        problem: row.problem,
        variant,
        workload: row.workload,
        cpus: String(row.cpus),
        metric: row.metric,
      },
    },
  ];
}

export function hyperfineResults(comparison: Comparison) {
  const names = new RowNames(comparison);
  const reference = comparison.kind === "variants" ? comparison.base.label : null;
  return timedRows(comparison).flatMap((row) => [
    ...resultOf(row, "base", names, reference),
    ...resultOf(row, "head", names, reference),
  ]);
}

export function renderHyperfine(comparison: Comparison): string {
  return `${JSON.stringify({ results: hyperfineResults(comparison) }, null, 2)}\n`;
}
