// How long an operation took, from the distribution that a stage recorded.

import type { VariantRows } from "./rows.ts";

/** Distribution of the time that an operation took, or that its callers waited. */
export interface Latency {
  readonly count: number;
  readonly p50Ns: number;
  /** Null with too few durations to have one. */
  readonly p99Ns: number | null;
  readonly p999Ns: number | null;
  readonly maxNs: number;
}

/** Null when the stage recorded none. Quantiles that too few durations cannot have are null. */
export function latencyOf(rows: VariantRows, stage: string, metric: string): Latency | null {
  const histogram = rows.distribution(stage, metric);
  if (histogram === null) return null;
  const { count } = histogram;
  return {
    count,
    p50Ns: histogram.quantile(0.5)!,
    p99Ns: count < 100 ? null : histogram.quantile(0.99),
    p999Ns: count < 1000 ? null : histogram.quantile(0.999),
    maxNs: histogram.max!,
  };
}
