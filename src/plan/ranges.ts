// Counts for a sweep, as the command line has them: one, a list, or a range of which a few are taken.

import { InputError } from "../errors.ts";

/** Counts taken of a range that does not say how many. */
const pointsOfRange = 12;

/** Halvings by which the bounds of a root of numbers below 2^53 become neighbouring doubles. */
const bisections = 110;

export interface CountBounds {
  /** Whole, at least 1. */
  readonly min: number;
  readonly max: number;
}

/**
 * Reads `24`, `1,2,8`, `1..96` or `1..96:24`. Of a range at most 12 counts are taken, or as many as stand behind the
 * colon, spread geometrically, both ends among them.
 *
 * @param option how errors name it: `--cpus`
 * @returns ascending, each once
 * @throws {InputError} for text of another form, counts out of bounds or given twice, and a range that goes down
 */
export function readCounts(option: string, text: string, { min, max }: CountBounds): number[] {
  const fail = (wrong: string): InputError =>
    new InputError(
      `${option} ${text}: ${wrong}; give a count, a list or a range, such as ${max} or ${min},${max} or ${min}..${max}`,
    );
  const count = (digits: string): number => {
    if (!/^\d+$/.test(digits)) throw fail(`'${digits}' is not a whole number`);
    const value = Number(digits);
    if (value < min || value > max) throw fail(`must be from ${min} to ${max}, got ${digits}`);
    return value;
  };
  const parts = text.split(",").map((part) => part.trim());
  if (!text.includes("..")) {
    const counts = parts.map(count);
    const twice = counts.find((value, index) => counts.indexOf(value) !== index);
    if (twice !== undefined) throw fail(`${twice} is given twice`);
    return counts.sort((one, other) => one - other);
  }
  if (parts.length > 1) throw fail("a range stands alone, not in a list");
  const [, from, to, points] = /^([^.:]*)\.\.([^.:]*)(?::(.*))?$/.exec(parts[0]!) ?? [];
  if (from === undefined || to === undefined) throw fail("a range is of the form first..last or first..last:points");
  const first = count(from.trim());
  const last = count(to.trim());
  if (first > last) throw fail("the first count is above the last");
  if (points !== undefined && (!/^\d+$/.test(points.trim()) || Number(points) < 2))
    throw fail(`the number of points must be whole and at least 2, got '${points}'`);
  return spreadCounts(first, last, points === undefined ? pointsOfRange : Number(points));
}

/**
 * Whole counts from `first` to `last`, both among them, each about the same multiple of the one before; where that is
 * less than one more, one more. So there are `points` of them, or as many as the range has.
 *
 * @param first whole, at least 1, and `last` not below it
 * @param points whole, at least 2
 */
export function spreadCounts(first: number, last: number, points: number): number[] {
  const counts = [first];
  let count = first;
  for (let left = Math.min(points - 1, last - first); left > 0; left--) {
    // The multiple is taken anew, because a step of one goes further than it says.
    count = left === 1 ? last : Math.max(count + 1, Math.round(count * rootOf(last / count, left)));
    counts.push(count);
  }
  return counts;
}

/** The `degree`-th root of a number of at least 1, by bisection: `Math.pow` differs between hosts. */
function rootOf(value: number, degree: number): number {
  let low = 1;
  let high = value;
  for (let step = 0; step < bisections; step++) {
    const middle = low + (high - low) / 2;
    if (middle === low || middle === high) break;
    let power = 1;
    for (let factor = 0; factor < degree && power <= value; factor++) power *= middle;
    if (power <= value) low = middle;
    else high = middle;
  }
  return low;
}
