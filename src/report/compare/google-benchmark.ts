// The times of a comparison as Google Benchmark's JSON: a repetition for each process, base and head under names of their own,
// so that `compare.py filters FILE ^base/ ^head/` compares them. A rate is shown as the time of one operation, with the rate
// beside. CPU time was not measured: where the format
// demands it, it is the time, and the CPU's frequency 0. Exact values have no time and are left out, as
// are canaries; the outcome is in the context.

import type { Comparison, NativeRow } from "../../compare/comparison.ts";
import { nanosecondsOf, rowId } from "./names.ts";
import { findingsOf, outcomeText, timedRows } from "./words.ts";

/** @param index of the row among those written */
function runsOf(row: NativeRow, index: number, side: "base" | "head", repetitions: readonly number[]) {
  const name = `${side}/${rowId(row)}`;
  return repetitions.map((value, repetition) => {
    const time = nanosecondsOf(row.unit, value);
    return {
      name,
      family_index: index,
      per_family_instance_index: side === "base" ? 0 : 1,
      run_name: name,
      run_type: "iteration",
      repetitions: repetitions.length,
      repetition_index: repetition,
      threads: row.cpus,
      iterations: row.processes[repetition]?.rounds ?? 1,
      real_time: time,
      cpu_time: time,
      time_unit: "ns",
      ...(row.unit.endsWith("/s") ? { items_per_second: value } : {}),
      label: row.parameters,
    };
  });
}

export function renderGoogleBenchmark(comparison: Comparison): string {
  const { environment } = comparison;
  const rows = timedRows(comparison).filter(
    ({ unit, processes }) =>
      processes.length > 0 &&
      processes.every((one) => nanosecondsOf(unit, one.base) !== null && nanosecondsOf(unit, one.head) !== null),
  );
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
    benchmarks: rows.flatMap((row, index) => [
      ...runsOf(
        row,
        index,
        "base",
        row.processes.map(({ base }) => base),
      ),
      ...runsOf(
        row,
        index,
        "head",
        row.processes.map(({ head }) => head),
      ),
    ]),
  };
  return `${JSON.stringify(file, null, 2)}\n`;
}
