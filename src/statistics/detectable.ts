// How small a difference a series could have shown.

import { medianAbsoluteDeviation, probit } from "simple-statistics";

/** Of a normal distribution, the standard deviation over the median absolute deviation. */
const deviationsPerMad = 1.4826;
/** What the signed-rank test needs more than the t-test, on normal values: 1 / sqrt(3 / pi) is 1.023; rounded up. */
const rankCost = 1.05;

/** Standard deviation by the median absolute deviation, which a few extremes do not move. */
export function robustDeviation(values: readonly number[]): number {
  return deviationsPerMad * medianAbsoluteDeviation(values as number[]);
}

/**
 * The smallest shift of the middle that is found with a probability of `power`, by a two-sided test at `alpha`.
 *
 * @param deviation standard deviation of the values
 * @param count how many there are, at least 1
 */
export function detectableShift(deviation: number, count: number, alpha = 0.05, power = 0.9): number {
  return ((probit(1 - alpha / 2) + probit(power)) * rankCost * deviation) / Math.sqrt(count);
}
