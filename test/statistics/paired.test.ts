import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { medianWithInterval, pairedRatio, signTestRank } from "../../src/statistics/paired.ts";
import { Random } from "../../src/workloads/random.ts";

/** How many of the 2^count outcomes of fair coins show at most `rank` heads: exact. */
function outcomesUpTo(rank: number, count: number): bigint {
  let binomial = 1n;
  let sum = 1n;
  for (let heads = 1; heads <= rank; heads++) {
    binomial = (binomial * BigInt(count - heads + 1)) / BigInt(heads);
    sum += binomial;
  }
  return sum;
}

/** Whether leaving out `rank` values at either end still covers the median with 95 %: 2 P(heads <= rank) <= 1/20. */
function covers(rank: number, count: number): boolean {
  return 40n * outcomesUpTo(rank, count) <= 2n ** BigInt(count);
}

const counts = Array.from({ length: 56 }, (_, index) => index + 5);

describe("the rank of the sign test", () => {
  test.each(counts)("for %i values is the largest that exact binomials allow", (count) => {
    const rank = signTestRank(count);
    if (rank === null) {
      expect(covers(0, count)).toBe(false);
      return;
    }
    expect([covers(rank, count), covers(rank + 1, count)]).toEqual([true, false]);
  });

  test.each([
    [0, null],
    [1, null],
    [5, null],
    [6, 0],
    [8, 0],
    [9, 1],
    [12, 2],
    [20, 5],
    [30, 9],
    [60, 21],
  ])("for %i values is %s, as printed tables have it", (count, rank) => {
    expect(signTestRank(count)).toBe(rank);
  });
});

describe("a median with its interval", () => {
  test("does not exist without values", () => {
    expect(medianWithInterval([])).toBeNull();
  });

  test("has no interval with five values, and the extremes with six", () => {
    expect(medianWithInterval([5, 3, 1, 4, 2])).toEqual({ median: 3, low: null, high: null });
    expect(medianWithInterval([6, 5, 3, 1, 4, 2])).toEqual({ median: 3.5, low: 1, high: 6 });
  });

  test("leaves out as many values at either end as the sign test says", () => {
    const values = Array.from({ length: 20 }, (_, index) => 20 - index);
    expect(medianWithInterval(values)).toEqual({ median: 10.5, low: 6, high: 15 });
  });

  test("sorts by size, not as text, and leaves the caller's values in their order", () => {
    const values = [10, 9, 100, -1, 2, 30];
    expect(medianWithInterval(values)).toEqual({ median: 9.5, low: -1, high: 100 });
    expect(values).toEqual([10, 9, 100, -1, 2, 30]);
  });

  test("takes infinite values as extremes", () => {
    const infinite = Number.POSITIVE_INFINITY;
    expect(medianWithInterval([1, 2, 3, 4, 5, infinite])).toEqual({ median: 3.5, low: 1, high: infinite });
  });

  test("lies inside its interval, which lies inside the values, whatever they are", () => {
    const values = fc.array(fc.double({ noNaN: true, min: -1e9, max: 1e9 }), { minLength: 6, maxLength: 80 });
    fc.assert(
      fc.property(values, (some) => {
        const { median, low, high } = medianWithInterval(some)!;
        expect(low! >= Math.min(...some) && low! <= median && median <= high! && high! <= Math.max(...some)).toBe(true);
      }),
    );
  });

  test("of a series too long for exact tails still takes equally much from both ends", () => {
    const values = Array.from({ length: 5000 }, (_, index) => index);
    const { median, low, high } = medianWithInterval(values)!;
    expect(median).toBe(2499.5);
    expect(low! + high!).toBe(4999);
    // The exact interval of 5000 values leaves out 2430 at either end; a thinned one is wider.
    expect(low!).toBeGreaterThan(2000);
    expect(low!).toBeLessThanOrEqual(2430);
  });

  test.each([6, 7, 9, 15, 25, 60])(
    "covers the true median of skewed values at its stated rate, %i at a time",
    (count) => {
      // Exact coverage is 1 - 2 P(heads <= rank); 2000 seeded trials stay within four standard errors of it.
      const seed = 20_240_601;
      const random = new Random(seed);
      const trials = 2000;
      let covered = 0;
      for (let trial = 0; trial < trials; trial++) {
        // The fourth power of a uniform value is far from symmetrical; its median is 1/16.
        const values = Array.from({ length: count }, () => (random.below(1_000_003) / 1_000_003) ** 4);
        const { low, high } = medianWithInterval(values)!;
        if (low! <= 1 / 16 && high! >= 1 / 16) covered++;
      }
      const stated = 1 - 2 * (Number(outcomesUpTo(signTestRank(count)!, count)) / 2 ** count);
      expect(stated).toBeGreaterThanOrEqual(0.95);
      const margin = 4 * Math.sqrt((stated * (1 - stated)) / trials);
      expect(Math.abs(covered / trials - stated), `seed ${seed}`).toBeLessThan(margin);
    },
  );
});

/** A series whose rounds are counted from 0. */
function series(...values: number[]): Map<number, number> {
  return new Map(values.entries());
}

describe("a paired ratio", () => {
  test("is the median of the rounds' ratios, not the ratio of the medians", () => {
    // 2/1, 10/10, 3/6: the medians are 3 and 6, their ratio 0.5.
    expect(pairedRatio(series(2, 10, 3), series(1, 10, 6))).toEqual({ ratio: 1, low: null, high: null, rounds: 3 });
  });

  test("cancels what both series suffer in a round", () => {
    const drift = [1, 5, 2, 9, 1, 30, 4];
    const base = series(...drift);
    const candidate = series(...drift.map((value) => 3 * value));
    expect(pairedRatio(candidate, base)).toEqual({ ratio: 3, low: 3, high: 3, rounds: 7 });
  });

  test("uses only the rounds that both have", () => {
    const candidate = new Map([
      [0, 4],
      [1, 6],
      [7, 100],
    ]);
    const base = new Map([
      [1, 2],
      [0, 2],
      [8, 1],
    ]);
    expect(pairedRatio(candidate, base)).toEqual({ ratio: 2.5, low: null, high: null, rounds: 2 });
  });

  test("does not exist without a common round", () => {
    expect(pairedRatio(series(), series(1))).toBeNull();
    expect(pairedRatio(series(1), series())).toBeNull();
    expect(pairedRatio(new Map([[1, 1]]), new Map([[2, 1]]))).toBeNull();
  });

  test.each([
    ["a base of zero makes the ratio infinite", 5, 0, Number.POSITIVE_INFINITY],
    ["a negative base makes the ratio infinite", 5, -1, Number.POSITIVE_INFINITY],
    ["a negative candidate makes it 0", -5, 2, 0],
    ["a candidate of zero makes it 0", 0, 2, 0],
    ["two that are not above zero count as equal", -5, 0, 1],
  ])("%s", (_, candidate, base, ratio) => {
    expect(pairedRatio(series(candidate), series(base))?.ratio).toBe(ratio);
  });

  test("turned round is its own inverse", () => {
    const times = fc.array(
      fc.tuple(fc.double({ min: 1, max: 1e6, noNaN: true }), fc.double({ min: 1, max: 1e6, noNaN: true })),
      {
        minLength: 7,
        maxLength: 31,
      },
    );
    fc.assert(
      fc.property(times, (pairs) => {
        // An odd number of rounds has a median of its own.
        const odd = pairs.length % 2 === 1 ? pairs : pairs.slice(1);
        const one = series(...odd.map(([left]) => left));
        const other = series(...odd.map(([, right]) => right));
        const there = pairedRatio(one, other)!;
        const back = pairedRatio(other, one)!;
        expect(there.ratio * back.ratio).toBeCloseTo(1, 9);
        expect(there.low! * back.high!).toBeCloseTo(1, 9);
      }),
    );
  });
});
