import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { fitLinear, growthExponent } from "../../src/statistics/least-squares.ts";

const small = fc.integer({ min: -1000, max: 1000 });

/** `value` is `expected` up to a millionth of `size`. */
function expectNear(value: number, expected: number, size: number): void {
  expect(Math.abs(value - expected)).toBeLessThanOrEqual(1e-6 * Math.max(1, size));
}

describe("a linear fit", () => {
  test("recovers planted coefficients", () => {
    const planted = fc.record({
      coefficients: fc.tuple(small, small, small),
      // Corners of a square, so that the regressors vary independently of each other, and points around them.
      extra: fc.array(fc.tuple(fc.integer({ min: 0, max: 100 }), fc.integer({ min: 0, max: 100 })), { maxLength: 20 }),
    });
    fc.assert(
      fc.property(planted, ({ coefficients: [base, first, second], extra }) => {
        const rows = [[0, 0], [100, 0], [0, 100], [100, 100], ...extra];
        const observed = rows.map(([x, y]) => base + first * x! + second * y!);
        const fit = fitLinear(rows, observed)!;
        expectNear(fit.coefficients[0]!, base, 1e5);
        expectNear(fit.coefficients[1]!, first, 1000);
        expectNear(fit.coefficients[2]!, second, 1000);
        if (first === 0 && second === 0) expect(fit.rSquared).toBeNull();
        else expect(fit.rSquared).toBeCloseTo(1, 9);
        expect(fit.observations).toBe(rows.length);
      }),
    );
  });

  test("recovers the law of a removal from sizes of very different magnitude", () => {
    const rows = [
      [26_000, 12, 3],
      [52_000, 0, 5],
      [104_000, 40, 9],
      [13_000, 7, 2],
      [208_000, 3, 17],
      [60_000, 90, 4],
    ];
    const fit = fitLinear(
      rows,
      rows.map(([foreign, own, batches]) => 120 + 11 * foreign! + 29 * own! + 14 * batches!),
    )!;
    for (const [index, expected] of [120, 11, 29, 14].entries()) {
      expect(fit.coefficients[index]).toBeCloseTo(expected, 3);
    }
    expect(fit.rSquared).toBeCloseTo(1, 9);
  });

  test("of scattered values is the line of least squares, worked out by hand", () => {
    // Means 1 and 2; slope ((-1)(-1) + 0 + 1 * 2) / 2 = 1.5; intercept 0.5; residuals 0.5, -1 and 0.5; around their
    // mean the values have the squares 1, 1 and 4.
    const fit = fitLinear([[0], [1], [2]], [1, 1, 4])!;
    expect(fit.coefficients[0]).toBeCloseTo(0.5, 9);
    expect(fit.coefficients[1]).toBeCloseTo(1.5, 9);
    expect(fit.rSquared).toBeCloseTo(1 - 1.5 / 6, 9);
  });

  test.each([7, 0, -3])("gives a regressor that is always %i the coefficient 0", (constant) => {
    const rows = [1, 2, 3, 4].map((x) => [constant, x]);
    const fit = fitLinear(
      rows,
      rows.map(([, x]) => 10 + 2 * x!),
    )!;
    expect(fit.coefficients[1]).toBe(0);
    expect(fit.coefficients[0]).toBeCloseTo(10, 6);
    expect(fit.coefficients[2]).toBeCloseTo(2, 6);
  });

  test("gives a regressor that another one determines the coefficient 0, and still fits", () => {
    const rows = [1, 2, 3, 5, 8].map((x) => [x, 3 * x + 4]);
    const fit = fitLinear(
      rows,
      rows.map(([x]) => 6 * x! - 1),
    )!;
    expect(fit.coefficients.filter((value) => value === 0)).toHaveLength(1);
    expect(fit.rSquared).toBeCloseTo(1, 9);
  });

  test("of equal values is a constant without a share of variance, fractions included", () => {
    const fit = fitLinear([[1], [2], [3]], [0.1, 0.1, 0.1])!;
    expect(fit.coefficients[0]).toBeCloseTo(0.1, 9);
    expect(fit.coefficients[1]).toBeCloseTo(0, 9);
    expect(fit.rSquared).toBeNull();
  });

  test("does not exist without observations", () => {
    expect(fitLinear([], [])).toBeNull();
  });

  test("of one observation is that value", () => {
    expect(fitLinear([[5]], [42])).toEqual({ coefficients: [42, 0], rSquared: null, observations: 1 });
  });
});

describe("the exponent of growth", () => {
  test("of a power law is its power", () => {
    const law = fc.record({
      power: fc.double({ min: -3, max: 3, noNaN: true }),
      factor: fc.double({ min: 0.001, max: 1000, noNaN: true }),
      sizes: fc.uniqueArray(fc.integer({ min: 0, max: 20 }), { minLength: 2, maxLength: 6 }),
    });
    fc.assert(
      fc.property(law, ({ power, factor, sizes }) => {
        const points = sizes.map((log) => [2 ** log, factor * (2 ** log) ** power] as const);
        expect(growthExponent(points)).toBeCloseTo(power, 6);
      }),
    );
  });

  test.each([
    ["one size", [[8, 1]]],
    ["no size", []],
    [
      "one size twice",
      [
        [8, 1],
        [8, 2],
      ],
    ],
    [
      "a cost of zero",
      [
        [8, 0],
        [16, 5],
      ],
    ],
    [
      "a negative cost",
      [
        [8, -1],
        [16, 5],
      ],
    ],
    [
      "a size of zero",
      [
        [0, 1],
        [16, 5],
      ],
    ],
  ] as const)("is unknown with %s", (_, points) => {
    expect(growthExponent(points)).toBeNull();
  });
});
