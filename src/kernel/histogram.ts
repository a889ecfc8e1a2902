// Distributions of durations in fixed log-linear buckets, the same as `src/records/histogram.ts` has.
//
// A histogram belongs to one CPU, which alone writes it; the host reads it while that CPU is still.

import { load32, load64, storeRelaxed32, storeRelaxed64 } from "./machine/impl";

/** Each power of two is cut into this many buckets of equal width. */
const bucketsPerOctave: u64 = 32;
/** Buckets of u32 each; durations up to 2^54 - 1 ns. Longer ones count in the last. */
export const histogramBuckets: u32 = 1600;
/** Where a histogram holds its longest duration: u64, ns. */
export const histogramMaxOffset: usize = 6400;
/** Where a histogram holds how many durations it has: u64. */
export const histogramCountOffset: usize = 6408;
/** Bytes of a histogram, a whole number of lines. Zeroed memory is an empty one. */
export const histogramSize: usize = 6464;
if (histogramMaxOffset !== usize(histogramBuckets) * 4) ERROR("the longest duration must follow the buckets");

/** Index of the bucket that holds a duration. */
export function bucketOf(ns: u64): u32 {
  const exponent: u64 = ns === 0 ? 0 : 63 - clz<u64>(ns);
  const shift: u64 = exponent > 5 ? exponent - 5 : 0;
  return min<u64>(shift * bucketsPerOctave + (ns >> shift), u64(histogramBuckets - 1)) as u32;
}

/** The same for the host. */
export function histogramBucket(ns: f64): u32 {
  return bucketOf(ns as u64);
}

/** Adds a duration to this CPU's histogram. */
export function recordDuration(histogram: usize, ns: u64): void {
  const cell = histogram + usize(bucketOf(ns)) * 4;
  storeRelaxed32(cell, load32(cell) + 1);
  if (ns > load64(histogram + histogramMaxOffset)) storeRelaxed64(histogram + histogramMaxOffset, ns);
  storeRelaxed64(histogram + histogramCountOffset, load64(histogram + histogramCountOffset) + 1);
}
