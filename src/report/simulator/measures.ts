// What simulated variants are ranked by, and per what their costs are counted.

import type { Better } from "../../statistics/ahead.ts";
import { formatNs, formatNumber } from "../format.ts";
import { simulated, type VariantRows } from "../rows.ts";

export interface Measure {
  /** As it is written behind a number: `bogo-ops/s`. */
  readonly name: string;
  readonly better: Better;
  readonly format: (value: number | null | undefined) => string;
  /** Null where the variant has no such number. */
  readonly valueOf: (rows: VariantRows) => number | null;
}

function only(rows: VariantRows, metric: string): number | null {
  return rows.only(simulated, metric);
}

/** Share of the visits that returned at once because the trylock failed; null when nobody counted. */
export function givenUpOf(rows: VariantRows): number | null {
  const visits = only(rows, "virtual-visits");
  const givenUp = only(rows, "virtual-visits-given-up");
  return visits === null || visits === 0 || givenUp === null ? null : givenUp / visits;
}

/**
 * What the cases of a workload can be ranked by, the foremost first: its own work, and where it has none, reclaim's;
 * without either, the time that all of it takes.
 */
export function measuresOf(all: readonly VariantRows[]): Measure[] {
  const gaveUp = all.some((rows) => (givenUpOf(rows) ?? 0) > 0);
  const rates: readonly Measure[] = [
    {
      name: "bogo-ops/s",
      better: "higher",
      format: formatNumber,
      valueOf: (rows) => only(rows, "virtual-bogo-ops-per-s"),
    },
    {
      name: gaveUp ? "visits/s without those given up" : "visits/s",
      better: "higher",
      format: formatNumber,
      valueOf: (rows) => {
        const rate = only(rows, "virtual-visits-per-s");
        return rate === null ? null : rate * (1 - (givenUpOf(rows) ?? 0));
      },
    },
  ];
  const known = rates.filter(({ valueOf }) => all.some((rows) => (valueOf(rows) ?? 0) > 0));
  if (known.length > 0) return known;
  const time: Measure = {
    name: "virtual time",
    better: "lower",
    format: formatNs,
    valueOf: (rows) => only(rows, "virtual-ns"),
  };
  return all.some((rows) => time.valueOf(rows) !== null) ? [time] : [];
}

/** What a workload does many of, to count costs by. */
export interface Work {
  /** `bogo-op` or `visit`. */
  readonly name: string;
  readonly countOf: (rows: VariantRows) => number | null;
}

/** Null where there is nothing that all of them did. */
export function workOf(all: readonly VariantRows[]): Work | null {
  const works: readonly Work[] = [
    { name: "bogo-op", countOf: (rows) => only(rows, "virtual-bogo-ops") },
    { name: "visit", countOf: (rows) => only(rows, "virtual-visits") },
  ];
  return works.find(({ countOf }) => all.some((rows) => (countOf(rows) ?? 0) > 0)) ?? null;
}
