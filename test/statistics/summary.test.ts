import fc from "fast-check";
import { median } from "simple-statistics";
import { expect, test } from "vitest";
import { summarise } from "../../src/statistics/summary.ts";

const durations = fc.array(fc.integer({ min: 1, max: 1_000_000_000 }), { minLength: 1, maxLength: 40 });

test("tinybench gets each of our samples once, sorts them, and its median is ours", async () => {
  await fc.assert(
    fc.asyncProperty(durations, async (samplesNs) => {
      const statistics = await summarise("put-ns", samplesNs);
      expect(statistics.samplesCount).toBe(samplesNs.length);
      const sorted = [...samplesNs].sort((a, b) => a - b);
      expect(statistics.samples).toHaveLength(sorted.length);
      for (const [index, ns] of sorted.entries()) expect(statistics.samples![index]! * 1e6).toBeCloseTo(ns, 5);
      expect(statistics.p50 * 1e6).toBeCloseTo(median(samplesNs), 3);
      expect(statistics.min * 1e6).toBeCloseTo(sorted[0]!, 5);
      expect(statistics.max * 1e6).toBeCloseTo(sorted.at(-1)!, 5);
    }),
    { numRuns: 30 },
  );
});

test("the mean and the relative margin of error are those of the samples", async () => {
  // Mean 200, standard deviation 100, standard error 57.735; Student's t of 2 degrees of freedom is 4.303.
  const statistics = await summarise("put-ns", [100, 200, 300]);
  expect(statistics.mean * 1e6).toBeCloseTo(200, 9);
  expect(statistics.sd * 1e6).toBeCloseTo(100, 9);
  expect(statistics.rme).toBeCloseTo((100 * 4.303 * 57.735) / 200, 1);
});

test("the caller's samples keep their order", async () => {
  const samplesNs = [3, 1, 2];
  await summarise("put-ns", samplesNs);
  expect(samplesNs).toEqual([3, 1, 2]);
});

test("differences of noisy times may be zero, and are counted", async () => {
  const statistics = await summarise("put-ns", [0, 0, 5]);
  expect(statistics.samplesCount).toBe(3);
  expect(statistics.p50).toBe(0);
});
