// The times of one side of a comparison as pyperf's JSON: a benchmark for each row, a run for each process. Pyperf compares
// files, so there is one for each side: `pyperf compare_to BASE HEAD --table`. It takes the sides for independent samples.
// Times are of one operation, in seconds; a rate is shown as the time of one. Exact values, verdicts and the rest are left out.
// Pyperf refuses a file without benchmarks.

import type { Comparison } from "../../compare/comparison.ts";
import { nanosecondsOf, rowId } from "./names.ts";
import { outcomeText, timedRows } from "./words.ts";

/** Values of metadata are one line, trimmed, and not empty. */
function metadata(pairs: Readonly<Record<string, string | number | null>>): Record<string, string | number> {
  return Object.fromEntries(
    Object.entries(pairs).flatMap(([key, value]): [string, string | number][] => {
      if (value === null) return [];
      if (typeof value === "number") return [[key, value]];
      const text = value.replace(/\s+/g, " ").trim();
      return text === "" ? [] : [[key, text]];
    }),
  );
}

export function pyperfBenchmarks(comparison: Comparison, side: "base" | "head") {
  return timedRows(comparison).flatMap((row) => {
    const runs = row.processes.flatMap((one) => {
      const ns = nanosecondsOf(row.unit, one[side]);
      return ns === null || ns === 0 ? [] : [{ values: [ns / 1e9] }];
    });
    if (runs.length === 0) return [];
    return [{ metadata: metadata({ name: rowId(row), metric: row.metric, parameters: row.parameters }), runs }];
  });
}

function pyperfOf(comparison: Comparison, side: "base" | "head"): string {
  const { environment } = comparison;
  const { label, commit } = comparison[side];
  const file = {
    benchmarks: pyperfBenchmarks(comparison, side),
    metadata: metadata({
      unit: "second",
      description: outcomeText(comparison),
      side,
      label,
      commit,
      cpu_count: environment.coreCount,
      cpu_model_name: environment.cpuModel,
      platform: `${environment.os} ${environment.kernel} ${environment.arch}`,
      node_version: environment.node,
    }),
    version: "1.0",
  };
  return `${JSON.stringify(file, null, 2)}\n`;
}

export function renderPyperfBase(comparison: Comparison): string {
  return pyperfOf(comparison, "base");
}

export function renderPyperfHead(comparison: Comparison): string {
  return pyperfOf(comparison, "head");
}
