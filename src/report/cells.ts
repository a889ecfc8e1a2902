// Cells that native tables have in common: a number beside its ratio, a rate with its interval.

import { formatRatio, ratioOf } from "./format.ts";
import type { Rate } from "./net-time.ts";
import { formatPairedRatio } from "./tables.ts";

type Format = (value: number | null | undefined) => string;

/** A number and its ratio to the reference's. */
export function pairOf(
  value: number | null | undefined,
  base: number | null | undefined,
  format: Format,
): [string, string] {
  return [format(value), formatRatio(ratioOf(value, base))];
}

/** A rate, its interval, and its ratio to the reference's. */
export function rateCells(rate: Rate | null | undefined, format: Format): [string, string, string] {
  const interval = rate?.low == null ? "–" : `${format(rate.low)} to ${format(rate.high)}`;
  return [format(rate?.perSecond), interval, formatPairedRatio(rate?.ratio)];
}
