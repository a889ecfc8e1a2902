// Fits of growth laws: several regressors by least squares, and the exponent of a power law.

import { linearRegression } from "simple-statistics";

/** `y = coefficients[0] + coefficients[1] x1 + ...`, and the share of the variance that it explains. */
export interface Fit {
  readonly coefficients: readonly number[];
  /** 1 is a perfect fit; null when all observed values are equal. */
  readonly rSquared: number | null;
  readonly observations: number;
}

/**
 * Least squares with an intercept. A regressor that does not vary, or that others determine, gets the coefficient 0.
 *
 * @param rows one row of regressors per observation, all of the same length
 */
export function fitLinear(rows: readonly (readonly number[])[], observed: readonly number[]): Fit | null {
  const first = rows[0];
  if (first === undefined) return null;
  const width = first.length + 1;
  // Each column is scaled by its largest value, so that the pivots can be compared.
  const scale = new Float64Array(width).fill(1);
  for (const row of rows)
    for (const [index, value] of row.entries()) scale[index + 1] = Math.max(scale[index + 1]!, Math.abs(value));
  const matrix = Array.from({ length: width }, () => new Float64Array(width + 1));
  for (const [number, row] of rows.entries()) {
    const x = [1, ...row].map((value, index) => value / scale[index]!);
    for (let i = 0; i < width; i++) {
      for (let j = 0; j < width; j++) matrix[i]![j]! += x[i]! * x[j]!;
      matrix[i]![width]! += x[i]! * observed[number]!;
    }
  }
  const coefficients = solve(matrix, rows.length * 1e-9).map((value, index) => value / scale[index]!);
  const mean = observed.reduce((sum, value) => sum + value, 0) / observed.length;
  // Not by a total of 0: the mean of equal fractions may miss them by its last bit.
  const varies = observed.some((value) => value !== observed[0]);
  let total = 0;
  let residual = 0;
  for (const [number, row] of rows.entries()) {
    const fitted = row.reduce((sum, value, index) => sum + value * coefficients[index + 1]!, coefficients[0]!);
    residual += (observed[number]! - fitted) ** 2;
    total += (observed[number]! - mean) ** 2;
  }
  return { coefficients, rSquared: varies ? 1 - residual / total : null, observations: rows.length };
}

/** Gauss-Jordan elimination of an augmented matrix; an unknown without a pivot above `smallest` is 0. */
function solve(matrix: Float64Array[], smallest: number): number[] {
  const width = matrix.length;
  const pivotRow = new Array<number>(width).fill(-1);
  const used = new Set<number>();
  for (let column = 0; column < width; column++) {
    let best = -1;
    for (let row = 0; row < width; row++) {
      if (used.has(row)) continue;
      if (best < 0 || Math.abs(matrix[row]![column]!) > Math.abs(matrix[best]![column]!)) best = row;
    }
    if (best < 0 || Math.abs(matrix[best]![column]!) <= smallest) continue;
    used.add(best);
    pivotRow[column] = best;
    for (let row = 0; row < width; row++) {
      if (row === best) continue;
      const factor = matrix[row]![column]! / matrix[best]![column]!;
      for (let index = column; index <= width; index++) matrix[row]![index]! -= factor * matrix[best]![index]!;
    }
  }
  return pivotRow.map((row, column) => (row < 0 ? 0 : matrix[row]![width]! / matrix[row]![column]!));
}

/** Exponent p of `cost = constant * size^p`, fitted to logarithms; null with fewer than two sizes or a cost of zero. */
export function growthExponent(points: readonly (readonly [size: number, cost: number])[]): number | null {
  const sizes = new Set(points.map(([size]) => size));
  if (sizes.size < 2 || points.some(([size, cost]) => size <= 0 || cost <= 0)) return null;
  return linearRegression(points.map(([size, cost]) => [Math.log(size), Math.log(cost)])).m;
}
