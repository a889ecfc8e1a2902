// Which of two values is ahead, and when the two count as level.

/** Which direction of a metric is better. */
export type Better = "higher" | "lower";

/** @throws {RangeError} unless a tolerance is at least 0 and below 1 */
export function checkTolerance(tolerance: number): void {
  if (!(tolerance >= 0 && tolerance < 1))
    throw new RangeError(`tolerance: must be at least 0 and below 1, got ${tolerance}`);
}

/**
 * Compares two values of one metric.
 *
 * @param tolerance share of the larger magnitude up to which two values are level; 0: only equal ones are
 * @returns above 0: the first is ahead; below 0: the second; 0: level
 */
export function compareValues(first: number, second: number, better: Better, tolerance: number): -1 | 0 | 1 {
  const difference = better === "higher" ? first - second : second - first;
  if (Math.abs(difference) <= tolerance * Math.max(Math.abs(first), Math.abs(second))) return 0;
  return difference > 0 ? 1 : -1;
}
