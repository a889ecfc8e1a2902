import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { hodgesLehmann, signedRankTest, signTest, smallestP } from "../../src/statistics/signed-rank.ts";
import { Random } from "../../src/workloads/random.ts";

/** Hollander and Wolfe, Table 3.1: change of a depression score in nine patients. R: wilcox.test(x, y, paired = TRUE). */
const depression = [0.952, -0.147, 1.022, 0.43, 0.62, 0.59, 0.49, -0.08, 0.01];

/** Two-sided p by all assignments of signs. */
function byEnumeration(values: readonly number[]): number {
  const counted = values.filter((value) => value !== 0);
  const rankOf = (value: number): number => {
    const below = counted.filter((other) => Math.abs(other) < Math.abs(value)).length;
    const equal = counted.filter((other) => Math.abs(other) === Math.abs(value)).length;
    return below + (equal + 1) / 2;
  };
  const ranks = counted.map(rankOf);
  const total = ranks.reduce((sum, rank) => sum + rank, 0);
  const observed = ranks.reduce((sum, rank, index) => sum + (counted[index]! > 0 ? rank : 0), 0);
  let extreme = 0;
  for (let signs = 0; signs < 2 ** counted.length; signs++) {
    const sum = ranks.reduce((all, rank, index) => all + ((signs >> index) & 1 ? rank : 0), 0);
    if (sum <= Math.min(observed, total - observed)) extreme++;
  }
  return Math.min(1, (2 * extreme) / 2 ** counted.length);
}

describe("the signed-rank test", () => {
  test("gives what R gives", () => {
    expect(signedRankTest(depression)).toEqual({ statistic: 40, p: 0.0390625, count: 9 });
  });

  test("is that of all assignments of signs, with ties and zeros", () => {
    const values = fc.array(fc.integer({ min: -4, max: 4 }), { maxLength: 10 });
    fc.assert(
      fc.property(values, (some) => {
        expect(signedRankTest(some).p).toBeCloseTo(byEnumeration(some), 12);
      }),
    );
  });

  test.each([
    [5, 0.0625],
    [6, 0.03125],
    [12, 2 / 4096],
  ])("of %i values on one side is the smallest there is", (count, p) => {
    const values = Array.from({ length: count }, (_, index) => index + 1);
    expect(signedRankTest(values).p).toBe(p);
    expect(smallestP(count)).toBe(p);
  });

  test("of nothing but zeros finds nothing", () => {
    expect(signedRankTest([0, 0, 0])).toEqual({ statistic: 0, p: 1, count: 0 });
  });

  test("refuses what is no number", () => {
    expect(() => signedRankTest([1, Number.NaN])).toThrow("must be finite, got NaN");
  });
});

describe("the Hodges-Lehmann estimate", () => {
  test("gives what R gives", () => {
    const { estimate, low, high } = hodgesLehmann(depression);
    expect(estimate).toBeCloseTo(0.46, 10);
    expect(low).toBeCloseTo(0.01, 10);
    expect(high).toBeCloseTo(0.786, 10);
  });

  test("has no interval where none covers the middle often enough", () => {
    expect(hodgesLehmann([1, 2, 3, 4, 5])).toEqual({ estimate: 3, low: null, high: null });
    expect(hodgesLehmann([1, 2, 3, 4, 5, 6])).toEqual({ estimate: 3.5, low: 1, high: 6 });
  });

  test("leaves 0 out of its interval exactly when the test rejects it", () => {
    const value = fc.integer({ min: -1000, max: 1000 }).map((whole) => whole / 7 + 0.01);
    fc.assert(
      fc.property(fc.uniqueArray(value, { minLength: 6, maxLength: 14, selector: Math.abs }), (values) => {
        const { low, high } = hodgesLehmann(values);
        expect(low! > 0 || high! < 0).toBe(signedRankTest(values).p <= 0.05);
      }),
    );
  });

  test("covers the middle of random values as often as it says, or more", () => {
    const random = new Random(7);
    let covered = 0;
    for (let trial = 0; trial < 1000; trial++) {
      const values = Array.from({ length: 12 }, () => random.below(1_000_000) / 1e6 - 0.5);
      const { low, high } = hodgesLehmann(values, 0.9);
      if (low! <= 0 && high! >= 0) covered++;
    }
    expect(covered).toBeGreaterThanOrEqual(880);
    expect(covered).toBeLessThan(950);
  });
});

describe("the sign test", () => {
  test.each([
    [[1, 1, 1, 1, 1, 1], 0.03125],
    [[1, 1, 1, 1, 1, -1], 0.21875],
    [[1, -1], 1],
    [[0, 0], 1],
  ])("of %j is %d", (values, p) => {
    expect(signTest(values)).toBeCloseTo(p, 12);
  });
});
