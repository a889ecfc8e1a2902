// Wilcoxon's signed-rank test and the Hodges-Lehmann estimate with the interval that belongs to it. Both are exact: the
// distribution of the rank sum is counted, with ties by the mid-ranks that were observed, and not taken for a normal one.

import { medianSorted } from "simple-statistics";

/**
 * Shares of the 2^n assignments of signs by the sum of the ranks with a plus, in half ranks: mid-ranks are multiples of one
 * half. Shares and not counts, so that no number of values overflows.
 */
function signDistribution(doubledRanks: readonly number[]): Float64Array {
  const total = doubledRanks.reduce((sum, rank) => sum + rank, 0);
  const shares = new Float64Array(total + 1);
  shares[0] = 1;
  let reached = 0;
  for (const rank of doubledRanks) {
    reached += rank;
    for (let sum = reached; sum >= 0; sum--) {
      shares[sum] = (shares[sum]! + (sum >= rank ? shares[sum - rank]! : 0)) / 2;
    }
  }
  return shares;
}

/** Twice the mid-rank of each magnitude. */
function doubledMidRanks(magnitudes: readonly number[]): number[] {
  const order = [...magnitudes.keys()].sort((one, other) => magnitudes[one]! - magnitudes[other]!);
  const ranks = new Array<number>(magnitudes.length);
  for (let first = 0; first < order.length; ) {
    let end = first + 1;
    while (end < order.length && magnitudes[order[end]!] === magnitudes[order[first]!]) end++;
    // Ranks first + 1 to end, whose mean is (first + 1 + end) / 2.
    for (let place = first; place < end; place++) ranks[order[place]!] = first + 1 + end;
    first = end;
  }
  return ranks;
}

/** A test of whether values lie around 0. */
export interface SignedRank {
  /** Sum of the ranks of positive values. */
  readonly statistic: number;
  /** Two-sided; 1 when all values are 0. */
  readonly p: number;
  /** Values that are not 0, which alone count. */
  readonly count: number;
}

/**
 * Wilcoxon's signed-rank test, two-sided and exact.
 *
 * @throws {RangeError} for a value that is not finite
 */
export function signedRankTest(values: readonly number[]): SignedRank {
  checkFinite(values);
  const counted = values.filter((value) => value !== 0);
  const ranks = doubledMidRanks(counted.map(Math.abs));
  const total = ranks.reduce((sum, rank) => sum + rank, 0);
  const positive = ranks.reduce((sum, rank, index) => sum + (counted[index]! > 0 ? rank : 0), 0);
  const distribution = signDistribution(ranks);
  let tail = 0;
  for (let sum = 0; sum <= Math.min(positive, total - positive); sum++) tail += distribution[sum]!;
  return { statistic: positive / 2, p: Math.min(1, 2 * tail), count: counted.length };
}

/** The smallest two-sided p that so many values can have. */
export function smallestP(count: number): number {
  return Math.min(1, 2 * 0.5 ** count);
}

/** Where the middle of symmetric values lies. */
export interface HodgesLehmann {
  /** Median of the means of all pairs of values, each with itself, too. */
  readonly estimate: number;
  /** Interval that covers the middle with the level asked for, or more; null when there are too few values for it. */
  readonly low: number | null;
  readonly high: number | null;
}

/**
 * The Hodges-Lehmann estimate, and the interval of middles that the signed-rank test does not reject.
 *
 * @param level share of intervals that cover the middle, above 0 and below 1
 * @throws {RangeError} without values, and for one that is not finite
 */
export function hodgesLehmann(values: readonly number[], level = 0.95): HodgesLehmann {
  checkFinite(values);
  if (values.length === 0) throw new RangeError("values: there must be one at least");
  if (!(level > 0 && level < 1)) throw new RangeError(`level: must be above 0 and below 1, got ${level}`);
  const means = values.flatMap((one, index) => values.slice(index).map((other) => (one + other) / 2));
  means.sort((one, other) => one - other);
  const estimate = medianSorted(means);
  const distribution = signDistribution(values.map((_, index) => 2 * (index + 1)));
  // How many means may be left out at either end: P(sum < outside) <= (1 - level) / 2.
  let outside = 0;
  let tail = 0;
  while (tail + distribution[2 * outside]! <= (1 - level) / 2) tail += distribution[2 * outside++]!;
  if (outside === 0) return { estimate, low: null, high: null };
  return { estimate, low: means[outside - 1]!, high: means[means.length - outside]! };
}

/**
 * The sign test, two-sided and exact: whether as many values are above 0 as below. It needs no symmetry.
 *
 * @throws {RangeError} for a value that is not finite
 */
export function signTest(values: readonly number[]): number {
  checkFinite(values);
  const counted = values.filter((value) => value !== 0);
  const positive = counted.filter((value) => value > 0).length;
  const distribution = signDistribution(counted.map(() => 1));
  let tail = 0;
  for (let heads = 0; heads <= Math.min(positive, counted.length - positive); heads++) tail += distribution[heads]!;
  return Math.min(1, 2 * tail);
}

function checkFinite(values: readonly number[]): void {
  const bad = values.find((value) => !Number.isFinite(value));
  if (bad !== undefined) throw new RangeError(`values: must be finite, got ${bad}`);
}
