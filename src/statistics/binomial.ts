// What a number of hits in so many trials says of their probability.

import { incompleteBeta } from "./student.ts";

/** Halvings of an interval: it is then as short as doubles allow. */
const halvings = 60;

/** Where an increasing function of a probability reaches `wanted`. */
function solve(increasing: (p: number) => number, wanted: number): number {
  let low = 0;
  let high = 1;
  for (let halving = 0; halving < halvings; halving++) {
    const middle = (low + high) / 2;
    if (increasing(middle) < wanted) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/**
 * The exact interval of a probability (Clopper and Pearson): it covers the true one with the level, or more.
 *
 * @param hits from 0 to `trials`
 * @param trials 1 at least
 * @param level share of such intervals that cover it, above 0 and below 1
 * @throws {RangeError} for numbers outside of these
 */
export function clopperPearson(
  hits: number,
  trials: number,
  level = 0.95,
): { readonly low: number; readonly high: number } {
  if (!Number.isInteger(trials) || trials < 1) throw new RangeError(`trials: must be 1 at least, got ${trials}`);
  if (!Number.isInteger(hits) || hits < 0 || hits > trials) {
    throw new RangeError(`hits: must be from 0 to ${trials}, got ${hits}`);
  }
  if (!(level > 0 && level < 1)) throw new RangeError(`level: must be above 0 and below 1, got ${level}`);
  const tail = (1 - level) / 2;
  // P(X >= hits) and P(X > hits) of so many trials are incomplete beta functions of the probability.
  return {
    low: hits === 0 ? 0 : solve((p) => incompleteBeta(p, hits, trials - hits + 1), tail),
    high: hits === trials ? 1 : solve((p) => incompleteBeta(p, hits + 1, trials - hits), 1 - tail),
  };
}
