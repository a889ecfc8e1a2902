// Values of variants along a sweep, and how they compare.

import { findCrossovers } from "../../statistics/crossover.ts";
import type { VariantRows } from "../rows.ts";
import { type Curve, isRanked, levelTolerance, type SimulatedVariant, type Twin, type Values } from "./model.ts";
import type { Point } from "./points.ts";
import type { Measure } from "./view.ts";

/** Values of each variant along points that have an x each. */
export function valuesOf<X>(
  ids: readonly string[],
  points: readonly Point[],
  xOf: (point: Point) => X,
  read: (rows: VariantRows) => number | null,
): Values<X> {
  return new Map(
    ids.map((id) => {
      const values = points.flatMap((point) => {
        const rows = point.variants.get(id);
        const value = rows === undefined ? null : read(rows);
        return value === null ? [] : [[xOf(point), value] as const];
      });
      return [id, new Map(values)];
    }),
  );
}

/** Numbers under other keys, for those who compare along numbers. */
export function byNumber(values: Values<string>): Values<number> {
  return new Map([...values].map(([id, series]) => [id, new Map([...series].map(([x, value]) => [Number(x), value]))]));
}

export function rankedOnly<X>(values: Values<X>, variants: readonly SimulatedVariant[]): Values<X> {
  return new Map([...values].filter(([id]) => variants.some((one) => one.id === id && isRanked(one))));
}

/** Who changes places with whom; of variants that are the same everywhere the first speaks for all. */
export function placesOf(values: Values<number>, better: Measure["better"]): Pick<Curve, "pairs" | "twins"> {
  const distinct = new Map<string, ReadonlyMap<number, number>>();
  const twins: Twin[] = [];
  for (const [id, series] of values) {
    const same = [...distinct].find(([, other]) => isSame(series, other));
    if (same === undefined || series.size === 0) distinct.set(id, series);
    else twins.push({ id, of: same[0] });
  }
  return { pairs: findCrossovers(distinct, { better, tolerance: levelTolerance }), twins };
}

function isSame(one: ReadonlyMap<number, number>, other: ReadonlyMap<number, number>): boolean {
  return one.size === other.size && [...one].every(([x, value]) => other.get(x) === value);
}

/**
 * Places that all variants were to be simulated at, not only two that change places near there: those of the floor, or
 * without one those at which at least half of the variants have a value.
 */
export function commonOf<X>(values: Values<X>, xs: readonly X[], variants: readonly SimulatedVariant[]): X[] {
  const floor = variants.find(({ role }) => role === "floor");
  const ofFloor = floor === undefined ? undefined : values.get(floor.id);
  if (ofFloor !== undefined && ofFloor.size > 0) return xs.filter((x) => ofFloor.has(x));
  const all = [...values.values()].filter(({ size }) => size > 0);
  return xs.filter((x) => 2 * all.filter((series) => series.has(x)).length >= all.length);
}

/** Whether two values are level: so close that nobody is ahead. */
export function isLevel(one: number, other: number, tolerance: number = levelTolerance): boolean {
  return Math.abs(one - other) <= tolerance * Math.max(Math.abs(one), Math.abs(other));
}

/** Far behind is less than this share of the most, or a time of which the least is less than this share. */
const farBehind = 0.5;

/**
 * Of some variants those that are far behind the best by another measure than the foremost, and by which.
 *
 * @param values by measure, the foremost first
 */
export function behindOf<X>(
  ids: readonly string[],
  values: readonly Values<X>[],
  x: X,
  variants: readonly SimulatedVariant[],
  measures: readonly Measure[],
): Map<string, readonly string[]> {
  const ranked = variants.filter(isRanked);
  const found = ids.map((id) => {
    const names = measures.flatMap(({ name, better }, place) => {
      const all = ranked.flatMap((one) => values[place]?.get(one.id)?.get(x) ?? []);
      const own = values[place]?.get(id)?.get(x);
      if (place === 0 || own === undefined) return [];
      const isBehind = better === "higher" ? own < farBehind * Math.max(...all) : own * farBehind > Math.min(...all);
      return isBehind ? [name] : [];
    });
    return [id, names] as const;
  });
  return new Map(found.filter(([, names]) => names.length > 0));
}

/** Ids of those that nobody is ahead of; empty without values. */
export function leadersOf<X>(
  values: Values<X>,
  x: X,
  variants: readonly SimulatedVariant[],
  { better }: Pick<Measure, "better">,
  tolerance: number = levelTolerance,
): string[] {
  const known = variants.filter(isRanked).flatMap(({ id }) => {
    const value = values.get(id)?.get(x);
    return value === undefined ? [] : [{ id, value }];
  });
  if (known.length === 0) return [];
  const best = known.reduce((most, one) =>
    (better === "higher" ? one.value > most.value : one.value < most.value) ? one : most,
  );
  return known.filter(({ value }) => isLevel(value, best.value, tolerance)).map(({ id }) => id);
}
