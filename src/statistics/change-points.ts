// Where a series of measurements, one per revision, changed its level.
//
// E-Divisive (Matteson and James, 2014) finds the split that separates two stretches best by the energy distance. Whether
// the split counts is decided by Welch's t-test instead of permutations, as Hunter does (Fleming and others, ICPE 2023), so
// that the same series always gives the same answer.

import { mean, sampleVariance } from "simple-statistics";
import { studentTail } from "./student.ts";

/** A place where the level changed. */
export interface ChangePoint {
  /** Index of the first value of the new level. */
  readonly index: number;
  /** Mean of the values since the change before, and up to the next. */
  readonly before: number;
  readonly after: number;
  /** `after / before - 1`; infinite from a level of 0. */
  readonly change: number;
  /** Of Welch's t-test; 0 where both stretches are constant. */
  readonly p: number;
}

export interface ChangePointOptions {
  /** Values that are looked at together; windows overlap by half. @default 50 */
  readonly window?: number;
  /** A split above this is not looked at further. @default 0.01 */
  readonly firstP?: number;
  /** A change above this is dropped in the end. @default 0.001 */
  readonly p?: number;
  /** A change smaller than this share is dropped. @default 0.05 */
  readonly magnitude?: number;
}

/**
 * Change points of a series of sampled values, in order.
 *
 * @throws {RangeError} for a value that is not finite
 */
export function changePoints(values: readonly number[], options: ChangePointOptions = {}): ChangePoint[] {
  const bad = values.find((value) => !Number.isFinite(value));
  if (bad !== undefined) throw new RangeError(`values: must be finite, got ${bad}`);
  const { window = 50, firstP = 0.01, p = 0.001, magnitude = 0.05 } = options;
  const found = new Set<number>();
  for (let first = 0; first === 0 || first + window / 2 < values.length; first += Math.floor(window / 2)) {
    split(values, first, Math.min(first + window, values.length), firstP, found);
  }
  return prune(values, [...found], { p, magnitude });
}

/** Every index at which an exact series differs from the value before: there is nothing to test. */
export function exactChanges(values: readonly number[]): ChangePoint[] {
  return values.flatMap((after, index) => {
    const before = values[index - 1];
    return before === undefined || before === after ? [] : [{ index, before, after, change: after / before - 1, p: 0 }];
  });
}

/** Looks for change points between two indices, and in the two parts of each that it finds. */
function split(values: readonly number[], first: number, end: number, firstP: number, found: Set<number>): void {
  const index = bestSplit(values, first, end);
  if (index === null || welchP(values.slice(first, index), values.slice(index, end)) > firstP) return;
  found.add(index);
  split(values, first, index, firstP, found);
  split(values, index, end, firstP, found);
}

/** The split of a stretch with the largest energy distance; a part has two values at least. */
function bestSplit(values: readonly number[], first: number, end: number): number | null {
  const count = end - first;
  const distance = (one: number, other: number): number => Math.abs(values[first + one]! - values[first + other]!);
  // Sums of distances within the part before the split, within the part after it, and between the two; moved along.
  let before = 0;
  let after = 0;
  let between = 0;
  for (let one = 0; one < count; one++) for (let other = one + 1; other < count; other++) after += distance(one, other);
  let best: number | null = null;
  let most = 0;
  for (let size = 1; size <= count - 2; size++) {
    const moved = size - 1;
    let toBefore = 0;
    let toAfter = 0;
    for (let other = 0; other < moved; other++) toBefore += distance(moved, other);
    for (let other = size; other < count; other++) toAfter += distance(moved, other);
    before += toBefore;
    between += toAfter - toBefore;
    after -= toAfter;
    if (size < 2) continue;
    const rest = count - size;
    const energy =
      (2 * between) / (size * rest) - before / ((size * (size - 1)) / 2) - after / ((rest * (rest - 1)) / 2);
    const statistic = ((size * rest) / count) * energy;
    if (statistic > most) {
      most = statistic;
      best = first + size;
    }
  }
  return best;
}

/** Drops the weakest change until all that are left count: what is dropped joins two stretches, which changes the others. */
function prune(
  values: readonly number[],
  indices: readonly number[],
  { p, magnitude }: { readonly p: number; readonly magnitude: number },
): ChangePoint[] {
  const kept = [...indices].sort((one, other) => one - other);
  while (true) {
    const points = kept.map((index, place): ChangePoint => {
      const before = values.slice(kept[place - 1] ?? 0, index);
      const after = values.slice(index, kept[place + 1] ?? values.length);
      return {
        index,
        before: mean(before),
        after: mean(after),
        change: mean(after) / mean(before) - 1,
        p: welchP(before, after),
      };
    });
    const failing = points.filter((point) => point.p > p || !(Math.abs(point.change) >= magnitude));
    const weakest = failing.sort((one, other) => other.p - one.p || Math.abs(one.change) - Math.abs(other.change))[0];
    if (weakest === undefined) return points;
    kept.splice(kept.indexOf(weakest.index), 1);
  }
}

/** Two-sided p of Welch's t-test; 1 when a side has fewer than two values. */
function welchP(one: readonly number[], other: readonly number[]): number {
  if (one.length < 2 || other.length < 2) return 1;
  const shareOf = (side: readonly number[]): number => sampleVariance(side as number[]) / side.length;
  const first = shareOf(one);
  const second = shareOf(other);
  const difference = mean(one as number[]) - mean(other as number[]);
  if (first + second === 0) return difference === 0 ? 1 : 0;
  const t = Math.abs(difference) / Math.sqrt(first + second);
  const freedom = (first + second) ** 2 / (first ** 2 / (one.length - 1) + second ** 2 / (other.length - 1));
  return Math.min(1, 2 * studentTail(t, freedom));
}
