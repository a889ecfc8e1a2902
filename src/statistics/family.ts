// Several tests at once: how likely it is that one of them alone cries wolf, and how many processes they need.

/** Ascending by p, with each one's place. */
function ascending(ps: readonly number[]): { readonly p: number; readonly place: number }[] {
  for (const p of ps) if (!(p >= 0 && p <= 1)) throw new RangeError(`p: must be from 0 to 1, got ${p}`);
  return ps.map((p, place) => ({ p, place })).sort((one, other) => one.p - other.p);
}

/**
 * Holm's adjusted p: with those at most alpha rejected, the probability of one false rejection or more is at most alpha.
 *
 * @returns in the order given
 * @throws {RangeError} for a p that is none
 */
export function holm(ps: readonly number[]): number[] {
  const adjusted = new Array<number>(ps.length);
  let most = 0;
  for (const [rank, { p, place }] of ascending(ps).entries()) {
    most = Math.max(most, Math.min(1, p * (ps.length - rank)));
    adjusted[place] = most;
  }
  return adjusted;
}

/**
 * Benjamini and Hochberg's adjusted p: of those at most q, a share of q is expected to be false.
 *
 * @returns in the order given
 * @throws {RangeError} for a p that is none
 */
export function benjaminiHochberg(ps: readonly number[]): number[] {
  const adjusted = new Array<number>(ps.length);
  let least = 1;
  for (const [fromEnd, { p, place }] of ascending(ps).reverse().entries()) {
    least = Math.min(least, (p * ps.length) / (ps.length - fromEnd));
    adjusted[place] = least;
  }
  return adjusted;
}

/**
 * Processes with which one of `tests` can be found at all: the smallest p of the signed-rank test must pass Holm. One is on
 * top, so that one process may disagree.
 *
 * @param tests at least 1
 * @param alpha above 0 and below 1
 */
export function processesFor(tests: number, alpha: number): number {
  return Math.ceil(Math.log2((2 * tests) / alpha)) + 1;
}
