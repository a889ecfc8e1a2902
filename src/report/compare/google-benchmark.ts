// The times of a comparison as Google Benchmark's JSON: a repetition for each process, base and head under names of their own,
// so that `compare.py filters FILE ^base/ ^head/` compares them. It wants both under one name behind the slash: of variants
// that is the variant's, and `base=<reference>/` says whose times the others are. A rate is shown as the time of one
// operation, with the rate beside. CPU time was not measured: where the format demands it, it is the time, and the CPU's
// frequency 0. Exact values have no time and are left out, as are canaries; the outcome is in the context.

import type { Comparison, NativeRow } from "../../compare/comparison.ts";
import { nanosecondsOf, oneWord, rowId } from "./names.ts";
import { findingsOf, outcomeText, timedRows } from "./words.ts";

/**
 * @param index of the row among those written
 * @param prefix of the side's names
 */
function runsOf(row: NativeRow, index: number, side: "base" | "head", prefix: string) {
  const name = `${prefix}/${rowId(row)}`;
  return row.processes.map(({ [side]: value, rounds }, repetition) => {
    const time = nanosecondsOf(row.unit, value);
    return {
      name,
      family_index: index,
      per_family_instance_index: side === "base" ? 0 : 1,
      run_name: name,
      run_type: "iteration",
      repetitions: row.processes.length,
      repetition_index: repetition,
      threads: row.cpus,
      iterations: rounds,
      real_time: time,
      cpu_time: time,
      time_unit: "ns",
      ...(row.unit.endsWith("/s") ? { items_per_second: value } : {}),
      label: row.parameters,
    };
  });
}

export function googleRuns(comparison: Comparison) {
  const { kind, base } = comparison;
  const basePrefix = kind === "variants" ? `base=${oneWord(base.label)}` : "base";
  const rows = timedRows(comparison).filter(
    ({ unit, processes }) =>
      processes.length > 0 &&
      processes.every((one) => nanosecondsOf(unit, one.base) !== null && nanosecondsOf(unit, one.head) !== null),
  );
  return rows.flatMap((row, index) => [
    ...runsOf(row, index, "base", basePrefix),
    ...runsOf(row, index, "head", "head"),
  ]);
}

export function renderGoogleBenchmark(comparison: Comparison): string {
  const { environment } = comparison;
  const file = {
    context: {
      date: comparison.startedAt,
      // Reports name no host.
      host_name: "localhost",
      executable: "reclaim-bench compare",
      num_cpus: environment.coreCount ?? 1,
      mhz_per_cpu: 0,
      cpu_scaling_enabled: environment.governor !== null && environment.governor !== "performance",
      caches: [],
      load_avg: environment.loadAverage ?? [],
      library_version: "reclaim-bench",
      library_build_type: "release",
      json_schema_version: 1,
      comparison: comparison.id,
      outcome: outcomeText(comparison),
      findings: findingsOf(comparison)
        .map(({ text }) => text)
        .join("\n"),
    },
    benchmarks: googleRuns(comparison),
  };
  return `${JSON.stringify(file, null, 2)}\n`;
}
