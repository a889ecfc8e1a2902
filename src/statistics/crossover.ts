// Where two variants change places along a sweep: from points that are there, or by measuring between them.

import { type Better, checkTolerance, compareValues } from "./ahead.ts";

/** A variant's values by x: CPUs, cgroups, a share. What is absent or null was not measured. */
export type Series = ReadonlyMap<number, number | null>;

/** Two variants change places. */
export interface Crossover {
  /** The variant that is ahead before, and the one that is after. */
  readonly before: string;
  readonly after: string;
  /** The last x compared at which `before` is ahead. */
  readonly from: number;
  /** The first x compared at which `after` is. Between the two they are level, or nothing was compared. */
  readonly to: number;
  /**
   * Where they are level: the first and the last such x where points are; else both are where the difference, taken as
   * linear between `from` and `to`, is 0.
   */
  readonly level: { readonly first: number; readonly last: number };
}

/** Two variants along one sweep. */
export interface PairCrossovers {
  readonly variants: readonly [string, string];
  /** In the order of x. */
  readonly crossovers: readonly Crossover[];
  /** Stretches where they are level while the same variant is ahead on both sides. */
  readonly touches: readonly { readonly ahead: string; readonly first: number; readonly last: number }[];
  /** Who is ahead at the smallest x at which they are not level; null when they are level wherever both have a value. */
  readonly leader: string | null;
  /** Every x at which both have a value, ascending. */
  readonly compared: readonly number[];
  /** Every x at which they are level, ascending. Those at either end are in no crossover and no touch. */
  readonly level: readonly number[];
  /** Every x that some series of the sweep has, and one of these two has not; ascending. */
  readonly missing: readonly { readonly x: number; readonly variants: readonly string[] }[];
}

export interface CrossoverOptions {
  readonly better: Better;
  /** Share of the larger value up to which two values are level; 0 when absent. */
  readonly tolerance?: number;
}

/**
 * Crossovers of all pairs of a sweep's variants, in the order of the map.
 *
 * @throws {RangeError} for an x or a value that is not finite, and a tolerance not from 0 to below 1
 */
export function findCrossovers(sweep: ReadonlyMap<string, Series>, options: CrossoverOptions): PairCrossovers[] {
  const { better, tolerance = 0 } = options;
  checkTolerance(tolerance);
  for (const [variant, series] of sweep) {
    for (const [x, value] of series) {
      if (!Number.isFinite(x)) throw new RangeError(`variant '${variant}': x must be finite, got ${x}`);
      if (value !== null && !Number.isFinite(value))
        throw new RangeError(`variant '${variant}': the value at ${x} must be finite or null, got ${value}`);
    }
  }
  const all = [...new Set([...sweep.values()].flatMap((series) => [...series.keys()]))].sort((a, b) => a - b);
  // Where no variant at all has a value, none is missing beside the others.
  const xs = all.filter((x) => [...sweep.values()].some((series) => (series.get(x) ?? null) !== null));
  const variants = [...sweep.keys()];
  return variants.flatMap((first, index) =>
    variants.slice(index + 1).map((second) => comparePair([first, second], sweep, xs, better, tolerance)),
  );
}

function comparePair(
  variants: readonly [string, string],
  sweep: ReadonlyMap<string, Series>,
  xs: readonly number[],
  better: Better,
  tolerance: number,
): PairCrossovers {
  const [first, second] = variants;
  const crossovers: Crossover[] = [];
  const touches: { ahead: string; first: number; last: number }[] = [];
  const compared: number[] = [];
  const level: number[] = [];
  const missing: { x: number; variants: string[] }[] = [];
  let leader: string | null = null;
  /** The last x at which one was ahead, who that was, and by how much the first variant was above the second. */
  let last: { readonly x: number; readonly ahead: string; readonly difference: number } | null = null;
  let levelSince: number[] = [];
  for (const x of xs) {
    const one = sweep.get(first)?.get(x) ?? null;
    const other = sweep.get(second)?.get(x) ?? null;
    if (one === null || other === null) {
      missing.push({ x, variants: [...(one === null ? [first] : []), ...(other === null ? [second] : [])] });
      continue;
    }
    compared.push(x);
    const order = compareValues(one, other, better, tolerance);
    if (order === 0) {
      level.push(x);
      levelSince.push(x);
      continue;
    }
    const ahead = order > 0 ? first : second;
    const difference = one - other;
    leader ??= ahead;
    if (last !== null && last.ahead !== ahead) {
      const place = levelSince[0] ?? interpolate(last.x, last.difference, x, difference);
      crossovers.push({
        before: last.ahead,
        after: ahead,
        from: last.x,
        to: x,
        level: { first: place, last: levelSince.at(-1) ?? place },
      });
    } else if (last !== null && levelSince.length > 0) {
      touches.push({ ahead, first: levelSince[0]!, last: levelSince.at(-1)! });
    }
    last = { x, ahead, difference };
    levelSince = [];
  }
  return { variants, crossovers, touches, leader, compared, level, missing };
}

/** Where a line through two points of opposite sign is 0. */
function interpolate(x0: number, y0: number, x1: number, y1: number): number {
  const place = x0 + (x1 - x0) * (y0 / (y0 - y1));
  // Rounding may put it a bit outside.
  return Math.min(Math.max(place, x0), x1);
}

export interface LocateOptions extends CrossoverOptions {
  readonly variants: readonly [string, string];
  /** Whole, `low` below `high`: the bracket, at whose ends different variants are ahead. */
  readonly low: number;
  readonly high: number;
  /** Both variants' values at a whole x of the bracket, in the order of `variants`. Asked once per x, one at a time. */
  readonly measure: (x: number) => Promise<readonly [number, number]>;
  /** At most so many x are measured, the bracket's ends among them; at least 2. */
  readonly probesMax: number;
}

export interface Located {
  /**
   * `exact`: `from` and `to` are neighbours, or their neighbours between them are level; `limited`: `probesMax` was
   * reached before, the crossover is as narrow as the probes make it; `none`: the ends do not have different
   * variants ahead.
   */
  readonly outcome: "exact" | "limited" | "none";
  /** Null exactly when the outcome is `none`. */
  readonly crossover: Crossover | null;
  /** What was measured, by x, ascending. */
  readonly probes: ReadonlyMap<number, readonly [number, number]>;
}

/**
 * Finds by bisection at which whole x two variants change places. Where they do so more than once in the bracket, one of
 * the places is found.
 *
 * @throws {RangeError} for bounds that are not whole or not in order, a limit below 2, one variant twice, and what `findCrossovers` refuses
 */
export async function locateCrossover(options: LocateOptions): Promise<Located> {
  const { variants, low, high, measure, probesMax } = options;
  if (!Number.isSafeInteger(low) || !Number.isSafeInteger(high) || low >= high)
    throw new RangeError(`bounds: must be whole and in order, got ${low} and ${high}`);
  if (variants[0] === variants[1]) throw new RangeError(`variants: '${variants[0]}' is given twice`);
  if (!Number.isInteger(probesMax) || probesMax < 2)
    throw new RangeError(`probesMax: must be whole and at least 2, got ${probesMax}`);
  let probes = new Map<number, readonly [number, number]>();
  const probe = async (x: number): Promise<Crossover | null> => {
    probes.set(x, await measure(x));
    probes = new Map([...probes].sort(([one], [other]) => one - other));
    const sweep = variants.map((name, place) => {
      const series = [...probes].map(([at, values]) => [at, values[place]!] as const);
      return [name, new Map(series)] as const;
    });
    return findCrossovers(new Map(sweep), options)[0]?.crossovers[0] ?? null;
  };
  await probe(low);
  let crossover = await probe(high);
  while (crossover !== null) {
    const next = nextProbe(crossover, [...probes.keys()]);
    if (next === null) return { outcome: "exact", crossover, probes };
    if (probes.size >= probesMax) return { outcome: "limited", crossover, probes };
    crossover = await probe(next);
  }
  return { outcome: "none", crossover, probes };
}

/**
 * Where to measure next, so that a crossover becomes narrower: the middle of the gap behind `from`, or where that is
 * closed, of the gap before `to`; null when both are closed.
 *
 * @param probed every x at which both have a value, `from` and `to` among them; whole, ascending
 */
export function nextProbe({ from, to }: Crossover, probed: readonly number[]): number | null {
  const behind = probed.find((x) => x > from)!;
  if (behind - from > 1) return from + Math.floor((behind - from) / 2);
  const before = probed.findLast((x) => x < to)!;
  return to - before > 1 ? before + Math.floor((to - before) / 2) : null;
}
