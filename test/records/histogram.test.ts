import fc from "fast-check";
import { expect, test } from "vitest";
import { InputError } from "../../src/errors.ts";
import {
  bucketCount,
  bucketHigh,
  bucketLow,
  bucketMetric,
  bucketOf,
  Histogram,
  parseBucketMetric,
} from "../../src/records/histogram.ts";

// Durations of every magnitude, not only the large ones that a uniform choice would give.
const duration = fc
  .tuple(fc.maxSafeNat(), fc.integer({ min: 0, max: 52 }))
  .map(([value, shift]) => Math.floor(value / 2 ** shift));

function histogramFrom(durations: readonly number[]): Histogram {
  const histogram = new Histogram();
  for (const ns of durations) histogram.record(ns);
  return histogram;
}

test("the buckets follow one another without a gap, from 0 to 2^53", () => {
  expect(bucketLow(0)).toBe(0);
  for (let index = 1; index < bucketCount; index += 1) expect(bucketLow(index)).toBe(bucketHigh(index - 1));
  expect(bucketHigh(bucketCount - 1)).toBe(2 ** 53);
});

test("every duration lies in its bucket", () => {
  fc.assert(
    fc.property(duration, (ns) => {
      const index = bucketOf(ns);
      expect(bucketLow(index)).toBeLessThanOrEqual(ns);
      expect(bucketHigh(index)).toBeGreaterThan(ns);
    }),
  );
});

test("both ends of every bucket belong to it", () => {
  for (let index = 0; index < bucketCount; index += 1) {
    expect([bucketOf(bucketLow(index)), bucketOf(bucketHigh(index) - 1)]).toEqual([index, index]);
  }
});

test("a bucket holds one integer below 64 ns, and is at most 1/32 of its lower bound wide above", () => {
  for (let index = 0; index < bucketCount; index += 1) {
    const width = bucketHigh(index) - bucketLow(index);
    if (index < 64) expect(width).toBe(1);
    else expect(width).toBeLessThanOrEqual(bucketLow(index) / 32);
  }
});

test.each([-1, 0.5, 2 ** 53, Number.NaN, Number.POSITIVE_INFINITY])("%s is refused as a duration", (ns) => {
  expect(() => new Histogram().record(ns)).toThrow(RangeError);
});

test.each([-1, 0.5, bucketCount])("%s is refused as a bucket index", (index) => {
  expect(() => bucketLow(index)).toThrow(RangeError);
  expect(() => bucketHigh(index)).toThrow(RangeError);
});

test("a quantile is never below the sorted sample's, and less than 1/32 above it", () => {
  fc.assert(
    fc.property(fc.array(duration, { minLength: 1 }), fc.double({ min: 0, max: 1, noNaN: true }), (durations, q) => {
      const sorted = durations.toSorted((a, b) => a - b);
      const exact = sorted[Math.max(1, Math.ceil(q * sorted.length)) - 1]!;
      const histogram = histogramFrom(durations);
      const estimate = histogram.quantile(q)!;
      expect(estimate).toBeGreaterThanOrEqual(exact);
      if (exact < 64) expect(estimate).toBe(exact);
      else expect((estimate - exact) * 32).toBeLessThan(exact);
      expect(histogram.quantile(1)).toBe(sorted.at(-1));
      expect([histogram.count, histogram.max]).toEqual([sorted.length, sorted.at(-1)]);
    }),
  );
});

test("an empty histogram has no longest duration, no quantile and no rows", () => {
  const histogram = new Histogram();
  expect([histogram.count, histogram.max, histogram.quantile(0.5), histogram.rows("x-ns")]).toEqual([
    0,
    null,
    null,
    [],
  ]);
});

test.each([-0.1, 1.1, Number.NaN])("the quantile %s is refused", (q) => {
  expect(() => histogramFrom([1]).quantile(q)).toThrow(RangeError);
});

test("merging equals recording everything in one histogram", () => {
  fc.assert(
    fc.property(fc.array(duration), fc.array(duration), (left, right) => {
      const merged = histogramFrom(left);
      merged.merge(histogramFrom(right));
      expect(merged.rows("x-ns")).toEqual(histogramFrom([...left, ...right]).rows("x-ns"));
      expect(merged.count).toBe(left.length + right.length);
    }),
  );
});

test("rows name the bounds of their bucket, and end with the longest duration", () => {
  expect(histogramFrom([63, 63, 1030]).rows("remove-latency-ns")).toEqual([
    { metric: "remove-latency-ns[63,64)", value: 2 },
    { metric: "remove-latency-ns[1024,1056)", value: 1 },
    { metric: "remove-latency-ns-max", value: 1030 },
  ]);
});

test("the rows of several histograms, among others, give the merged one back", () => {
  fc.assert(
    fc.property(fc.array(duration), fc.array(duration), (left, right) => {
      const other = [
        { metric: "x-ns-of-something-else[1,2)", value: 1 },
        { metric: "bytes", value: null },
      ];
      const rows = [...other, ...histogramFrom(left).rows("x-ns"), ...histogramFrom(right).rows("x-ns")];
      const back = Histogram.fromRows(rows, "x-ns");
      const merged = histogramFrom([...left, ...right]);
      expect([back.count, back.max, back.rows("x-ns")]).toEqual([merged.count, merged.max, merged.rows("x-ns")]);
    }),
  );
});

test("a bucket's metric is parsed back, and other metrics are no buckets", () => {
  for (let index = 0; index < bucketCount; index += 1) {
    expect(parseBucketMetric(bucketMetric("x-ns", index))).toEqual({ name: "x-ns", index });
  }
  for (const metric of ["x-ns", "x-ns-max", "[1,2)", "x-ns[1,2]"]) expect(parseBucketMetric(metric)).toBeNull();
});

test.each(["x-ns[1,3)", "x-ns[1025,1057)", "x-ns[01,2)", `x-ns[${2 ** 53},${2 ** 54})`])(
  "%s is no bucket",
  (metric) => {
    expect(() => parseBucketMetric(metric)).toThrow(InputError);
  },
);

test.each([
  ["a count that is missing", [{ metric: "x-ns[1,2)", value: null }]],
  ["a count of half a duration", [{ metric: "x-ns[1,2)", value: 0.5 }]],
  ["a lost longest duration", [{ metric: "x-ns[1,2)", value: 1 }]],
  [
    "a lost highest bucket",
    [
      { metric: "x-ns[1,2)", value: 1 },
      { metric: "x-ns-max", value: 2 },
    ],
  ],
])("%s is refused when rows are read", (_, rows) => {
  expect(() => Histogram.fromRows(rows, "x-ns")).toThrow(InputError);
});
