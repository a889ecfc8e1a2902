// Who changes places with whom along a sweep, in sentences.

import type { Crossover, PairCrossovers } from "../../statistics/crossover.ts";
import { formatNumber } from "../format.ts";

/**
 * `srcu` passes `rwsem` between 1 and 4 CPUs.
 *
 * @param unit what was swept: `CPUs`, `cgroups`
 */
export function crossoverText({ before, after, from, to }: Crossover, unit: string): string {
  return `\`${after}\` passes \`${before}\` between ${formatNumber(from)} and ${formatNumber(to)} ${unit}`;
}

/** Where a pair changes places. */
interface Found {
  readonly crossover: Crossover;
  /** Every place at which the two are level. */
  readonly level: readonly number[];
}

/** The same, and where in between. */
export function crossoverSentence({ crossover, level }: Found, unit: string): string {
  return `${crossoverText(crossover, unit)}${placeText(crossover, level)}.`;
}

/** A line through two places is no more than a guess at where between them. */
function placeText({ from, to, level: { first, last } }: Crossover, level: readonly number[]): string {
  if (first !== last) return `; they are level from ${formatNumber(first)} to ${formatNumber(last)}`;
  if (level.includes(first)) return `; they are level at ${formatNumber(first)}`;
  // Between whole numbers next to each other there is nothing to be run.
  if (Number.isInteger(from) && to - from === 1) return "";
  return `, by a straight line at about ${formatNumber(Number(first.toPrecision(2)))}`;
}

/** All that pairs do, those with the reference first, then by place. */
export function crossoversOf(pairs: readonly PairCrossovers[], reference: string | undefined): Found[] {
  const found = pairs.flatMap(({ crossovers, variants, level }) =>
    crossovers.map((crossover) => ({ crossover, level, isOfReference: variants.some((id) => id === reference) })),
  );
  found.sort((first, second) => {
    if (first.isOfReference !== second.isOfReference) return first.isOfReference ? -1 : 1;
    return first.crossover.level.first - second.crossover.level.first;
  });
  return found.map(({ crossover, level }) => ({ crossover, level }));
}
