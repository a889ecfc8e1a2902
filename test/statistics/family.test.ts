import { expect, test } from "vitest";
import { benjaminiHochberg, holm, processesFor } from "../../src/statistics/family.ts";

/** Of R: p.adjust(c(0.01, 0.04, 0.03, 0.02, 0.05), ...). */
const ps = [0.01, 0.04, 0.03, 0.02, 0.05];

function rounded(values: readonly number[]): number[] {
  return values.map((value) => Number(value.toFixed(12)));
}

test("Holm's adjusted p is that of R", () => {
  expect(rounded(holm(ps))).toEqual([0.05, 0.09, 0.09, 0.08, 0.09]);
  expect(rounded(holm([0.6, 0.7]))).toEqual([1, 1]);
  expect(holm([])).toEqual([]);
});

test("Benjamini and Hochberg's adjusted p is that of R", () => {
  expect(rounded(benjaminiHochberg(ps))).toEqual([0.05, 0.05, 0.05, 0.05, 0.05]);
  // Table 1 of their paper of 1995: of 15, four are rejected at 0.05.
  const paper = [0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.324, 0.4262, 0.5719];
  const all = benjaminiHochberg([...paper, 0.6528, 0.759, 1]);
  expect(all.filter((p) => p <= 0.05)).toHaveLength(4);
});

test("a p that is none is refused", () => {
  expect(() => holm([1.5])).toThrow("must be from 0 to 1, got 1.5");
});

test.each([
  [1, 7],
  [5, 9],
  [10, 10],
  [20, 11],
  [40, 12],
  [100, 13],
])("for %i tests at 0.05 there are %i processes", (tests, processes) => {
  expect(processesFor(tests, 0.05)).toBe(processes);
});
