import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { clopperPearson } from "../../src/statistics/binomial.ts";

/** P(X <= hits) by adding up. */
function atMost(hits: number, trials: number, p: number): number {
  let term = (1 - p) ** trials;
  let sum = term;
  for (let count = 1; count <= hits; count++) {
    term *= ((trials - count + 1) / count) * (p / (1 - p));
    sum += term;
  }
  return sum;
}

describe("Clopper and Pearson's interval", () => {
  // R: binom.test(hits, trials)$conf.int. At the ends it is 1 - 0.025^(1/n).
  test.each([
    [0, 100, 0, 1 - 0.025 ** (1 / 100)],
    [100, 100, 0.025 ** (1 / 100), 1],
    [1, 10, 0.002528579, 0.4450161],
    [5, 10, 0.187086, 0.812914],
    [7, 20, 0.1539092, 0.5921885],
    [0, 2000, 0, 1 - 0.025 ** (1 / 2000)],
  ])("of %i in %i", (hits, trials, low, high) => {
    const found = clopperPearson(hits, trials);
    expect(found.low).toBeCloseTo(low, 6);
    expect(found.high).toBeCloseTo(high, 6);
  });

  test("leaves half of what the level leaves at either end", () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 40 }), fc.double({ min: 0, max: 1, noNaN: true }), (trials, share) => {
        const hits = Math.min(trials - 1, Math.max(1, Math.round(share * trials)));
        const { low, high } = clopperPearson(hits, trials, 0.9);
        expect(1 - atMost(hits - 1, trials, low)).toBeCloseTo(0.05, 6);
        expect(atMost(hits, trials, high)).toBeCloseTo(0.05, 6);
      }),
    );
  });

  test.each([
    [-1, 10, 0.95],
    [11, 10, 0.95],
    [0, 0, 0.95],
    [1.5, 10, 0.95],
    [1, 10, 1],
  ])("refuses %d of %d at %d", (hits, trials, level) => {
    expect(() => clopperPearson(hits, trials, level)).toThrow(RangeError);
  });
});
