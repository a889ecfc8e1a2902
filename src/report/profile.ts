// Where a sampled build spent its time, and the table that `perf top` would show.

import { sum } from "simple-statistics";
import { formatPercent } from "./format.ts";
import type { VariantRows } from "./rows.ts";
import { type Role, type Table, variantCell } from "./tables.ts";

export interface Profile {
  /** Samples that found a CPU at work. */
  readonly busy: number;
  readonly idle: number;
  /** Busy samples by function, most first. */
  readonly symbols: ReadonlyMap<string, number>;
}

/** Null when nothing was sampled. */
export function profileOf(rows: VariantRows): Profile | null {
  const samples = rows.labelled("profiled", "profile-samples");
  if (samples.size === 0) return null;
  const busy = [...samples].filter(([symbol]) => symbol !== "idle").sort(([, a], [, b]) => b - a);
  return { busy: sum(busy.map(([, count]) => count)), idle: samples.get("idle") ?? 0, symbols: new Map(busy) };
}

/** Fewer busy samples than this say nothing of shares. */
const samplesMin = 200;

/** Whether there are enough samples to speak of shares. */
export function hasShares(profile: Profile | null): profile is Profile {
  return profile !== null && profile.busy >= samplesMin;
}

/** Functions that are shown of each variant. */
const symbolsShown = 8;

interface Profiled {
  readonly id: string;
  readonly role: Role;
  readonly isVoid: boolean;
  readonly profile: Profile | null;
}

/**
 * Shares of the busy samples: a row per function, a column per variant. Null when nobody has enough samples.
 *
 * @param nameOf how a function is written
 */
export function symbolTable(
  variants: readonly Profiled[],
  nameOf: (symbol: string) => string = (symbol) => symbol,
): Table | null {
  const columns = variants.flatMap((one) => (hasShares(one.profile) ? [{ one, profile: one.profile }] : []));
  if (columns.length === 0) return null;
  const sharesOf = (symbol: string): number[] =>
    columns.map(({ profile: { symbols, busy } }) => (symbols.get(symbol) ?? 0) / busy);
  const top = new Set(columns.flatMap(({ profile }) => [...profile.symbols.keys()].slice(0, symbolsShown)));
  const rows = [...top].map((symbol) => ({ symbol, shares: sharesOf(symbol) }));
  return [
    ["function", ...columns.map(({ one }) => variantCell(one))],
    ...rows
      .sort((a, b) => Math.max(...b.shares) - Math.max(...a.shares))
      .map(({ symbol, shares }) => [nameOf(symbol), ...shares.map(formatPercent)]),
  ];
}
