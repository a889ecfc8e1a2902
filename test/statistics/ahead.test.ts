import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { checkTolerance, compareValues } from "../../src/statistics/ahead.ts";

const value = fc.double({ min: -1e6, max: 1e6, noNaN: true });
const tolerance = fc.double({ min: 0, max: 0.5, noNaN: true });

describe("of two values", () => {
  test.each([
    [2, 1, "higher", 0, 1],
    [2, 1, "lower", 0, -1],
    [1, 1, "higher", 0, 0],
    [0, 0, "lower", 0.01, 0],
    [0, -0, "higher", 0, 0],
    [100, 99, "higher", 0.01, 0],
    [100, 98.99, "higher", 0.01, 1],
    [99, 100, "lower", 0.01, 0],
    [98.99, 100, "lower", 0.01, 1],
    [-100, -99, "higher", 0.01, 0],
    [0, 1e-9, "higher", 0.01, -1],
  ] as const)("%d and %d, the %s ahead, with tolerance %d: %i", (first, second, better, share, expected) => {
    expect(compareValues(first, second, better, share)).toBe(expected);
  });

  test("the other one is ahead with the other direction, and when they are swapped", () => {
    fc.assert(
      fc.property(value, value, tolerance, (first, second, share) => {
        const order = compareValues(first, second, "higher", share);
        expect(compareValues(first, second, "lower", share) + order).toBe(0);
        expect(compareValues(second, first, "higher", share) + order).toBe(0);
        if (order !== 0) expect(first > second).toBe(order > 0);
      }),
    );
  });
});

test.each([-0.01, 1, 2, Number.NaN])("a tolerance of %d is an error", (share) => {
  expect(() => checkTolerance(share)).toThrow(RangeError);
  expect(() => checkTolerance(share)).toThrow(`tolerance: must be at least 0 and below 1, got ${share}`);
});

test.each([0, 0.01, 0.99])("a tolerance of %d is none", (share) => {
  expect(() => checkTolerance(share)).not.toThrow();
});
