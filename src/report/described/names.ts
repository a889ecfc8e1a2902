// How a described metric's numbers are headed and written.

import type { Problem } from "../../problems/index.ts";
import type { Metric } from "../../problems/problem.ts";
import { formatBytes, formatNs, formatNumber } from "../format.ts";

type Format = (value: number | null | undefined) => string;

/** By its unit. */
export function formatOf(unit: string): Format {
  if (/^ns\b/.test(unit)) return formatNs;
  return /^bytes\b/.test(unit) ? formatBytes : formatNumber;
}

/** As it heads a column: `rounds/s` of `rounds-per-s`, `offline` of `offline-latency-ns`. */
export function headOf(metric: string): string {
  return metric
    .replace(/-per-s$/, "/s")
    .replace(/(-latency)?-ns$/, "")
    .replaceAll("-", " ")
    .replace("bogo ops", "bogo-ops");
}

/** The description of a metric among a problem's rates, costs, counters and gauges; undefined for durations. */
export function metricOf(problem: Problem, name: string): Metric | undefined {
  const all: readonly Metric[] = [...problem.rates, ...(problem.costs ?? []), ...problem.counters, ...problem.gauges];
  return all.find(({ metric }) => metric === name);
}
