// Distributions of durations in fixed log-linear buckets, and their projection to rows of `records.csv`.
//
// The buckets never depend on the data, so histograms of different runs and machines can be merged and compared
// bucket by bucket. It is not for batches: those are stored as raw rows.

import { InputError } from "../errors.ts";
import type { MeasuredRow } from "./record.ts";

/** Each power of two is cut into this many buckets of equal width. */
const bucketsPerOctave = 32;

/** One more than the largest bucket index: durations up to 2^53 - 1 ns. */
export const bucketCount = 48 * bucketsPerOctave + bucketsPerOctave;

/**
 * Index of the bucket that holds a duration.
 *
 * Below 64 ns every integer has its own bucket; above, a bucket is at most 1/32 (3.1 %) of its lower bound wide.
 *
 * @param ns integer from 0 to 2^53 - 1
 * @returns index from 0 to {@link bucketCount} - 1
 * @throws {RangeError} when `ns` is negative, too large or no integer: a clock that ran backwards, or a mean
 */
export function bucketOf(ns: number): number {
  if (!Number.isSafeInteger(ns) || ns < 0) {
    throw new RangeError(`a duration must be an integer from 0 to 2^53 - 1 ns, not ${ns}`);
  }
  const exponent = ns < 2 ** 32 ? 31 - Math.clz32(ns) : 63 - Math.clz32(ns / 2 ** 32);
  const shift = Math.max(0, exponent - 5);
  return shift * bucketsPerOctave + Math.floor(ns / 2 ** shift);
}

/**
 * Smallest duration of a bucket, in ns.
 *
 * @throws {RangeError} when there is no bucket `index`
 */
export function bucketLow(index: number): number {
  if (!Number.isInteger(index) || index < 0 || index >= bucketCount) {
    throw new RangeError(`a bucket index must be an integer from 0 to ${bucketCount - 1}, not ${index}`);
  }
  const shift = shiftOf(index);
  return (index - shift * bucketsPerOctave) * 2 ** shift;
}

/**
 * Lower bound of the next bucket, in ns: the smallest duration that is too long for this one.
 *
 * @throws {RangeError} when there is no bucket `index`
 */
export function bucketHigh(index: number): number {
  return bucketLow(index) + 2 ** shiftOf(index);
}

function shiftOf(index: number): number {
  return Math.max(0, Math.floor(index / bucketsPerOctave) - 1);
}

/** One row of a distribution, before the columns of its case are added. */
export interface DistributionRow {
  /** A bucket's metric ({@link bucketMetric}), or the distribution's name followed by `-max`. */
  readonly metric: string;
  /** Durations in the bucket, at least 1; or the longest duration, in ns. */
  readonly value: number;
}

/** Counts of durations per bucket. Counts, and the longest duration, are exact; quantiles are not. */
export class Histogram {
  readonly #counts = new Float64Array(bucketCount);
  #count = 0;
  #max = -1;

  /** Durations recorded. */
  get count(): number {
    return this.#count;
  }

  /** Longest duration in ns, exact; `null` when nothing was recorded. */
  get max(): number | null {
    return this.#count === 0 ? null : this.#max;
  }

  /**
   * Adds one duration.
   *
   * @param ns integer from 0 to 2^53 - 1
   * @throws {RangeError} as {@link bucketOf}
   */
  record(ns: number): void {
    const index = bucketOf(ns);
    this.#counts[index]! += 1;
    this.#count += 1;
    if (ns > this.#max) this.#max = ns;
  }

  /** Adds all durations of another histogram, which stays as it is. The order of merges does not matter. */
  merge(other: Histogram): void {
    for (const [index, count] of other.#counts.entries()) this.#counts[index]! += count;
    this.#count += other.#count;
    this.#max = Math.max(this.#max, other.#max);
  }

  /**
   * Adds durations that were counted elsewhere in the same buckets.
   *
   * @param counts by bucket index
   * @param max the longest of them, in ns
   */
  addCounts(counts: ArrayLike<number>, max: number): void {
    for (let index = 0; index < Math.min(counts.length, bucketCount); index++) {
      const count = counts[index]!;
      this.#counts[index]! += count;
      this.#count += count;
    }
    if (this.#count > 0) this.#max = Math.max(this.#max, max);
  }

  /**
   * The duration of rank `ceil(q * count)` (at least 1) among the sorted durations, in ns.
   *
   * Exact below 64 ns and for `q = 1`. Otherwise never below the true value, and above it by less than 1/32 of it
   * (3.1 %): what is returned is the largest duration of its bucket, or {@link max} if that is less.
   *
   * @param q from 0 to 1
   * @returns `null` when nothing was recorded
   * @throws {RangeError} when `q` is outside 0 to 1
   */
  quantile(q: number): number | null {
    if (!(q >= 0 && q <= 1)) throw new RangeError(`a quantile must lie from 0 to 1, not ${q}`);
    if (this.#count === 0) return null;
    const rank = Math.max(1, Math.ceil(q * this.#count));
    let index = 0;
    let passed = this.#counts[0]!;
    while (passed < rank) {
      index += 1;
      passed += this.#counts[index]!;
    }
    return Math.min(bucketHigh(index) - 1, this.#max);
  }

  /**
   * The distribution as rows: one per bucket that is not empty, shortest first, and then the longest duration.
   * A histogram without durations has no rows. {@link fromRows} is the way back.
   *
   * @param name the distribution's metric, such as `remove-latency-ns`; it carries the unit of the bounds
   */
  rows(name: string): DistributionRow[] {
    const rows: DistributionRow[] = [];
    for (const [index, value] of this.#counts.entries()) {
      if (value > 0) rows.push({ metric: bucketMetric(name, index), value });
    }
    if (this.#count > 0) rows.push({ metric: `${name}-max`, value: this.#max });
    return rows;
  }

  /**
   * Collects the rows of one distribution. Rows of other metrics are passed over, and a bucket that occurs more than
   * once (in several processes or rounds) is added up, so that the rows of any set of cases can be merged.
   *
   * @param name the distribution's metric, as given to {@link rows}
   * @throws {InputError} when a bucket does not exist, when its count is not an integer of at least 1, or when the
   *   longest duration is missing or does not lie in the highest bucket: rows were lost or edited
   */
  static fromRows(rows: Iterable<Pick<MeasuredRow, "metric" | "value">>, name: string): Histogram {
    const histogram = new Histogram();
    let highest = -1;
    for (const { metric, value } of rows) {
      if (metric === `${name}-max` && value !== null) histogram.#max = Math.max(histogram.#max, value);
      const bucket = metric.startsWith(`${name}[`) ? parseBucketMetric(metric) : null;
      if (bucket === null) continue;
      if (value === null || !Number.isSafeInteger(value) || value < 1) {
        throw new InputError(`metric '${metric}': a bucket's count must be an integer of at least 1, not ${value}`);
      }
      histogram.#counts[bucket.index]! += value;
      histogram.#count += value;
      highest = Math.max(highest, bucket.index);
    }
    if (highest < 0) return new Histogram();
    if (histogram.#max < bucketLow(highest) || histogram.#max >= bucketHigh(highest)) {
      throw new InputError(
        `metric '${name}-max': missing, or not in the highest bucket '${bucketMetric(name, highest)}'`,
      );
    }
    return histogram;
  }
}

/** Metric of one bucket: the distribution's name and the bucket's bounds in ns, such as `remove-latency-ns[1024,1056)`. */
export function bucketMetric(name: string, index: number): string {
  return `${name}[${bucketLow(index)},${bucketHigh(index)})`;
}

/**
 * The way back from {@link bucketMetric}.
 *
 * @returns `null` when the metric is not a bucket's
 * @throws {InputError} when its bounds are not those of a bucket: the row was edited, or written by another version
 */
export function parseBucketMetric(metric: string): { readonly name: string; readonly index: number } | null {
  const [, name, low] = /^(.+)\[(\d+),\d+\)$/.exec(metric) ?? [];
  if (name === undefined) return null;
  if (Number.isSafeInteger(Number(low))) {
    const index = bucketOf(Number(low));
    if (bucketMetric(name, index) === metric) return { name, index };
  }
  throw new InputError(`metric '${metric}': there is no bucket with these bounds`);
}
