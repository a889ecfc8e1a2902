// A comparison in the Bencher Metric Format: a benchmark for each case, a measure for each metric. Bencher keeps series, so
// there are exact values of the head, and of times the ratio of head to base with its interval, as times of different machines
// would not compare. Of several exact values there are the sum and the worst. Which way is better is set in Bencher itself. The
// format has nothing for texts: verdicts, warnings and parameters, which are a hash in the name, are left out.

import type { Comparison } from "../../compare/comparison.ts";
import { caseId, exactParts, shortHash } from "./names.ts";

const slugMax = 64;

interface Metric {
  readonly value: number;
  readonly lower_value?: number;
  readonly upper_value?: number;
}

/** A measure's name as Bencher wants it. One that had to be changed ends with a hash, so that no two become one. */
function slug(name: string): string {
  if (/^[a-z0-9]+(-[a-z0-9]+)*$/.test(name) && name.length <= slugMax) return name;
  const plain = name
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-|-$/g, "");
  return `${plain.slice(0, slugMax - 9)}-${shortHash(name)}`.replace(/^-|-(?=-)/g, "");
}

export function bencherBenchmarks({
  kind,
  base,
  exact,
  native,
}: Comparison): ReadonlyMap<string, Record<string, Metric>> {
  const benchmarks = new Map<string, Record<string, Metric>>();
  const add = (name: string, measure: string, metric: Metric): void => {
    const measures = benchmarks.get(name) ?? {};
    benchmarks.set(name, measures);
    measures[slug(measure)] = metric;
  };
  for (const row of exact?.rows ?? []) {
    const { head } = row;
    if (head === null) continue;
    for (const { metric, part } of exactParts(row)) add(caseId(row), metric, { value: head[part]! });
  }
  // A series beside another reference is another series.
  const to = kind === "variants" ? `-to-${base.label}` : "";
  for (const row of native?.rows ?? []) {
    if (row.estimate === null) continue;
    const { ratio, low, high } = row.estimate;
    const limits = low === null || high === null ? {} : { lower_value: low, upper_value: high };
    add(caseId(row), `${row.metric}-ratio${to}`, { value: ratio, ...limits });
  }
  return benchmarks;
}

export function renderBencher(comparison: Comparison): string {
  return `${JSON.stringify(Object.fromEntries(bencherBenchmarks(comparison)), null, 2)}\n`;
}
