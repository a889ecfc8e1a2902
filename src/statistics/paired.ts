// Compares two series of timings that were taken in turns: round by round, so that the machine's drift cancels.

import { medianSorted } from "simple-statistics";

/** A ratio with the range that the rounds support. */
export interface PairedRatio {
  /** Median over rounds of candidate over base. Below 1 is less. */
  readonly ratio: number;
  /** Sign-test interval of that median, at 95 % or more; null when there are too few rounds for one. */
  readonly low: number | null;
  readonly high: number | null;
  /** Rounds that both series have. */
  readonly rounds: number;
}

/**
 * Rank, from 0, of the lower end of the sign-test interval for the median of `count` values: the largest rank with
 * which the interval still covers the median with 95 % probability. Null when even the extremes do not.
 */
export function signTestRank(count: number): number | null {
  // Probability that at most `rank` of `count` fair coins fall heads; kept as a running sum of binomial terms.
  let term = 0.5 ** count;
  let tail = term;
  if (2 * tail > 0.05) return null;
  let rank = 0;
  while (2 * (tail + (term * (count - rank)) / (rank + 1)) <= 0.05) {
    term = (term * (count - rank)) / (rank + 1);
    tail += term;
    rank++;
  }
  return rank;
}

/** Median of values with its sign-test interval. Null without values. */
export function medianWithInterval(
  values: readonly number[],
): { median: number; low: number | null; high: number | null } | null {
  if (values.length === 0) return null;
  const sorted = Float64Array.from(values).sort() as unknown as number[];
  // 0.5^count is exact up to 1074; a longer series is thinned, which only widens the interval.
  const count = Math.min(sorted.length, 1000);
  const rank = signTestRank(count);
  const scale = sorted.length / count;
  return {
    median: medianSorted(sorted),
    low: rank === null ? null : (sorted[Math.floor(rank * scale)] as number),
    high: rank === null ? null : (sorted[sorted.length - 1 - Math.floor(rank * scale)] as number),
  };
}

/**
 * Ratio of two series by round. Rounds in which one of them is not above zero, which a difference of noisy times can
 * be, are kept as extremes, so that leaving them out cannot flatter either side.
 */
export function pairedRatio(
  candidate: ReadonlyMap<number, number>,
  base: ReadonlyMap<number, number>,
): PairedRatio | null {
  const ratios: number[] = [];
  for (const [round, value] of candidate) {
    const other = base.get(round);
    if (other === undefined) continue;
    if (value <= 0 && other <= 0) ratios.push(1);
    else if (other <= 0) ratios.push(Number.POSITIVE_INFINITY);
    else ratios.push(Math.max(0, value / other));
  }
  const found = medianWithInterval(ratios);
  if (found === null) return null;
  return { ratio: found.median, low: found.low, high: found.high, rounds: ratios.length };
}
