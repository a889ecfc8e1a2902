import { describe, expect, test } from "vitest";
import { changePoints, exactChanges } from "../../src/statistics/change-points.ts";
import { detectableShift, robustDeviation } from "../../src/statistics/detectable.ts";
import { studentTail } from "../../src/statistics/student.ts";
import { Random } from "../../src/workloads/random.ts";

/** Levels with noise of some percent, and how many values each has. */
function series(levels: readonly (readonly [level: number, count: number])[], noise: number, seed: number): number[] {
  const random = new Random(seed);
  return levels.flatMap(([level, count]) =>
    Array.from({ length: count }, () => level * (1 + noise * (random.below(2001) / 1000 - 1))),
  );
}

describe("the change points of a series", () => {
  test("are where its level changes", () => {
    const found = changePoints(
      series(
        [
          [1, 30],
          [1.2, 40],
          [1.05, 30],
        ],
        0.03,
        1,
      ),
    );
    expect(found.map(({ index }) => index)).toEqual([30, 70]);
    expect(found[0]!.change).toBeGreaterThan(0.17);
    expect(found[0]!.change).toBeLessThan(0.23);
    expect(found[1]!.change).toBeLessThan(-0.09);
  });

  test("are hardly ever found where there is none", () => {
    const seeds = Array.from({ length: 200 }, (_, seed) => seed);
    const alarms = seeds.filter((seed) => changePoints(series([[1, 60]], 0.05, seed)).length > 0);
    expect(alarms.length).toBeLessThanOrEqual(2);
  });

  test("leave out what is small, however clear it is", () => {
    const steps = series(
      [
        [1, 25],
        [1.02, 25],
      ],
      0.001,
      3,
    );
    expect(changePoints(steps)).toEqual([]);
    expect(changePoints(steps, { magnitude: 0.01 }).map(({ index }) => index)).toEqual([25]);
  });

  test("lie in windows of a long series", () => {
    const long = series(
      [
        [10, 130],
        [12, 120],
      ],
      0.05,
      4,
    );
    expect(changePoints(long).map(({ index }) => index)).toEqual([130]);
  });

  test.each([[[]], [[1]], [[1, 2]], [[1, 1, 1, 1]]])("are none in %j", (values) => {
    expect(changePoints(values)).toEqual([]);
  });

  test("of an exact one are all its changes", () => {
    expect(exactChanges([5, 5, 6, 6, 5]).map(({ index, change }) => [index, Number(change.toFixed(4))])).toEqual([
      [2, 0.2],
      [4, -0.1667],
    ]);
  });

  test("refuse what is no number", () => {
    expect(() => changePoints([1, Number.POSITIVE_INFINITY])).toThrow("must be finite, got Infinity");
  });
});

// Quantiles of tables of the t distribution.
test.each([
  [12.7062, 1, 0.025],
  [2.228139, 10, 0.025],
  [2.763769, 10, 0.01],
  [1.644856, 1e6, 0.05],
  [0, 5, 0.5],
  [-2.228139, 10, 0.975],
])("the tail of Student's t above %d with %d degrees of freedom is %d", (t, freedom, tail) => {
  expect(studentTail(t, freedom)).toBeCloseTo(tail, 6);
});

test("what a series could have shown shrinks with its deviation and grows with its power", () => {
  // (1.959964 + 1.281552) * 1.05 * 0.01 / sqrt(12), and simple-statistics knows quantiles to three digits.
  expect(detectableShift(0.01, 12)).toBeCloseTo(0.00982, 4);
  expect(robustDeviation([1, 2, 3, 4, 100])).toBeCloseTo(1.4826, 6);
});
