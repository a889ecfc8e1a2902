// Gunther's Universal Scalability Law, fitted to throughput at several CPU counts:
//
//   X(N) = gamma N / (1 + alpha (N - 1) + beta N (N - 1)),  gamma > 0, alpha >= 0, beta >= 0
//
// The fit minimises the squares of the relative errors X(N) / measured - 1. Absolute errors, which R's package usl
// minimises, let the largest throughputs decide: its fit to its own data `specsdm91` misses the point of one user by
// 39 %.
//
// N / X(N) is linear in 1/gamma, alpha/gamma and beta/gamma. So the start, and each step of Gauss and Newton from it, is
// linear least squares with three unknowns that must not be negative; all sets of unknowns at 0 are tried. Only
// + - * / and square roots are used, in an order that does not depend on that of the points, so that every host gets the
// same bits.

export interface UslPoint {
  /** Whole, at least 1. */
  readonly cpus: number;
  /** Per time, in any unit; not negative. */
  readonly throughput: number;
}

export interface UslFit {
  readonly fitted: true;
  /** Throughput of one CPU by the law, in the unit of the points. Extrapolated when no point is of one CPU. */
  readonly gamma: number;
  /** Contention: share of the work that only one CPU does at a time. Above 1 two CPUs get less done than one. */
  readonly alpha: number;
  /** Coherency: what each pair of CPUs costs, by which throughput falls again. */
  readonly beta: number;
  /**
   * CPUs, with fractions, at which the law's throughput is highest, at least 1; null when it rises without end. Beyond
   * the largest count of the points it is an extrapolation.
   */
  readonly peakCpus: number | null;
  /**
   * Root mean square of the relative errors. Where it is large the law does not describe the points, and its parameters
   * mean nothing. With three CPU counts, each measured once, it is often 0 and proves nothing.
   */
  readonly rmsError: number;
  /** The largest relative error, positive where the law is above the point, and its CPUs; of equals that of the fewest. */
  readonly worst: { readonly cpus: number; readonly error: number };
  readonly points: number;
}

/** Why points have no fit: a sentence without a full stop. */
export interface UslRefusal {
  readonly fitted: false;
  readonly reason: string;
}

/** 1/gamma, alpha/gamma and beta/gamma: each non-negative. */
type Terms = readonly [number, number, number];

/** Every non-empty set of terms, small ones first: a term is used only where it lessens the error. */
const termSets: readonly (readonly number[])[] = [[0], [1], [2], [0, 1], [0, 2], [1, 2], [0, 1, 2]];

/** Squared relative error per point below which two fits are the same, so that rounding makes no coherency. */
const negligible = 1e-22;

/** Bounds work only: of 5500 searches on random points the median ended after 12 steps, the longest after 207. */
const stepsMax = 300;

const halvingsMax = 40;

/** The law's throughput at a CPU count. */
export function uslThroughput({ gamma, alpha, beta }: Pick<UslFit, "gamma" | "alpha" | "beta">, cpus: number): number {
  return (gamma * cpus) / (1 + alpha * (cpus - 1) + beta * cpus * (cpus - 1));
}

/**
 * Fits the law to points, which may come in any order and hold a CPU count more than once.
 *
 * @returns a refusal with fewer than three CPU counts, with a throughput of 0, which no relative error goes with, and
 * when the points, none of them of one CPU, are fitted best by a throughput of one CPU without bound
 * @throws {RangeError} for CPUs that are not whole or below 1, and a throughput that is negative or not finite
 */
export function fitUsl(points: readonly UslPoint[]): UslFit | UslRefusal {
  for (const { cpus, throughput } of points) {
    if (!Number.isInteger(cpus) || cpus < 1) throw new RangeError(`cpus: must be whole and at least 1, got ${cpus}`);
    if (!(throughput >= 0 && throughput < Number.POSITIVE_INFINITY))
      throw new RangeError(`throughput at ${cpus} CPUs: must be finite and not negative, got ${throughput}`);
  }
  const sorted = [...points].sort((one, other) => one.cpus - other.cpus || one.throughput - other.throughput);
  const none = sorted.find(({ throughput }) => throughput === 0);
  if (none !== undefined) return { fitted: false, reason: `throughput is 0 at ${none.cpus} CPUs` };
  const counts = new Set(sorted.map(({ cpus }) => cpus)).size;
  if (counts < 3) return { fitted: false, reason: `points at ${counts} CPU counts; a fit needs three` };
  const [first, second, third] = bestTerms(sorted);
  const gamma = 1 / first;
  const alpha = second / first;
  const beta = third / first;
  if (![gamma, alpha, beta].every(Number.isFinite))
    return { fitted: false, reason: "the points leave the throughput of one CPU open; measure one CPU" };
  const errors = sorted.map(({ cpus, throughput }) => ({
    cpus,
    error: uslThroughput({ gamma, alpha, beta }, cpus) / throughput - 1,
  }));
  const worst = errors.reduce((most, one) => (Math.abs(one.error) > Math.abs(most.error) ? one : most));
  const squares = errors.reduce((sum, { error }) => sum + error * error, 0);
  return {
    fitted: true,
    gamma,
    alpha,
    beta,
    peakCpus: peakOf(alpha, beta),
    rmsError: Math.sqrt(squares / errors.length),
    worst,
    points: sorted.length,
  };
}

function peakOf(alpha: number, beta: number): number | null {
  if (alpha >= 1) return 1;
  return beta === 0 ? null : Math.max(1, Math.sqrt((1 - alpha) / beta));
}

/** CPUs per throughput, N / X(N). */
function cpusPerThroughput(terms: Terms, cpus: number): number {
  return terms[0] + terms[1] * (cpus - 1) + terms[2] * cpus * (cpus - 1);
}

/** Sum of squared relative errors. */
function squaredErrors(points: readonly UslPoint[], terms: Terms): number {
  let sum = 0;
  for (const { cpus, throughput } of points) {
    const error = cpus / cpusPerThroughput(terms, cpus) / throughput - 1;
    sum += error * error;
  }
  return sum;
}

/**
 * Points that the law does not describe, such as throughput that breaks down, have several local minima, so the search
 * starts once per set of terms.
 */
function bestTerms(points: readonly UslPoint[]): Terms {
  const weights = points.map(({ cpus, throughput }) => throughput / cpus);
  const targets = points.map(() => 1);
  let best: Terms = [0, 0, 0];
  let least = Number.POSITIVE_INFINITY;
  for (const set of termSets) {
    // Linear in the terms: measured / X(N) - 1.
    const start = nonNegative(points, weights, targets, [set]);
    if (!Number.isFinite(squaredErrors(points, start))) continue;
    const terms = refine(points, start);
    const squares = squaredErrors(points, terms);
    if (!(squares < least - negligible * points.length)) continue;
    best = terms;
    least = squares;
  }
  return best;
}

/** Gauss-Newton: each step solves the linearised problem within the bounds and goes as far towards it as helps. */
function refine(points: readonly UslPoint[], start: Terms): Terms {
  let terms = start;
  let squares = squaredErrors(points, terms);
  for (let step = 0; step < stepsMax; step++) {
    const weights: number[] = [];
    const targets: number[] = [];
    for (const { cpus, throughput } of points) {
      const cost = cpusPerThroughput(terms, cpus);
      const ratio = cpus / cost / throughput;
      weights.push(ratio / cost);
      targets.push(2 * ratio - 1);
    }
    const goal = nonNegative(points, weights, targets, termSets);
    let share = 1;
    let halvings = 0;
    let next = goal;
    let nextSquares = squaredErrors(points, next);
    // Not `>=`: errors without bound may be NaN.
    while (!(nextSquares < squares) && halvings++ < halvingsMax) {
      share /= 2;
      next = [
        terms[0] + share * (goal[0] - terms[0]),
        terms[1] + share * (goal[1] - terms[1]),
        terms[2] + share * (goal[2] - terms[2]),
      ];
      nextSquares = squaredErrors(points, next);
    }
    if (!(nextSquares < squares)) break;
    terms = next;
    squares = nextSquares;
  }
  return terms;
}

/** Terms of least squares of `weight * N/X(N) - target`, none of them negative: the best of the sets of terms. */
function nonNegative(
  points: readonly UslPoint[],
  weights: readonly number[],
  targets: readonly number[],
  sets: readonly (readonly number[])[],
): Terms {
  const columns = [
    weights,
    weights.map((weight, index) => weight * (points[index]!.cpus - 1)),
    weights.map((weight, index) => weight * points[index]!.cpus * (points[index]!.cpus - 1)),
  ];
  let best: Terms = [0, 0, 0];
  const all = dot(targets, targets);
  let least = all;
  for (const set of sets) {
    const { coefficients, squares } = leastSquares(
      set.map((index) => columns[index]!),
      targets,
    );
    if (!coefficients.every((value) => value >= 0) || !(squares < least - negligible * all)) continue;
    const terms: [number, number, number] = [0, 0, 0];
    for (const [place, index] of set.entries()) terms[index] = coefficients[place]!;
    best = terms;
    least = squares;
  }
  return best;
}

function dot(one: readonly number[], other: readonly number[]): number {
  let sum = 0;
  for (const [index, value] of one.entries()) sum += value * other[index]!;
  return sum;
}

/** By modified Gram and Schmidt, which loses fewer digits than the normal equations. A dependent column gives NaN. */
function leastSquares(
  columns: readonly (readonly number[])[],
  targets: readonly number[],
): { coefficients: number[]; squares: number } {
  const rest = [...columns.map((column) => [...column]), [...targets]];
  const shares: number[][] = [];
  for (const [index, column] of rest.slice(0, -1).entries()) {
    const norm = dot(column, column);
    shares.push(
      rest.slice(index + 1).map((other) => {
        const share = dot(column, other) / norm;
        for (const [row, value] of column.entries()) other[row]! -= share * value;
        return share;
      }),
    );
  }
  const coefficients = new Array<number>(columns.length).fill(0);
  for (let index = columns.length - 1; index >= 0; index--) {
    const row = shares[index]!;
    let value = row.at(-1)!;
    for (let other = index + 1; other < columns.length; other++)
      value -= row[other - index - 1]! * coefficients[other]!;
    coefficients[index] = value;
  }
  const residual = rest.at(-1)!;
  return { coefficients, squares: dot(residual, residual) };
}
