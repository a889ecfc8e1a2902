// Who wins on what: one question after the other, with the value that each variant gives to it.

import { formatBytes, formatNs, formatNumber, formatRatio, ratioOf } from "./format.ts";
import type { Role, Table } from "./tables.ts";

/** Unit of a contest's values, which says how they are written. */
export type ContestUnit = "ns" | "bytes" | (string & {});

/** A question to all variants of a workload. */
export interface Question<Variant> {
  readonly question: string;
  readonly unit: ContestUnit;
  /** Exact values tie when they are equal, times and rates within a tenth. */
  readonly exact: boolean;
  /** @default "lower" */
  readonly better?: "lower" | "higher";
  /** Null or undefined: takes no part. */
  readonly value: (variant: Variant) => number | null | undefined;
}

/** One question, answered. */
export interface Contest {
  readonly question: string;
  readonly unit: ContestUnit;
  /** Best first; the floor takes no part. */
  readonly ranking: readonly { readonly id: string; readonly value: number }[];
  /** Those that cannot be told from the best: within a tenth of it, for times; equal, for exact values. */
  readonly winners: readonly string[];
}

/** Times closer than this to the best are not told apart: single values of a noisy machine. */
export const tieRatio = 1.1;

/** Questions that fewer than two variants answer are left out. */
export function holdContests<Variant extends { readonly id: string; readonly role: Role }>(
  variants: readonly Variant[],
  questions: readonly Question<Variant>[],
): Contest[] {
  const found: Contest[] = [];
  for (const { question, unit, exact, better = "lower", value } of questions) {
    const sign = better === "lower" ? 1 : -1;
    const ranking = variants
      .filter((one) => one.role !== "floor")
      .map((one) => ({ id: one.id, value: value(one) }))
      .filter((one): one is { id: string; value: number } => one.value !== null && one.value !== undefined)
      .sort((a, b) => sign * (a.value - b.value));
    const best = ranking[0];
    if (best === undefined || ranking.length < 2) continue;
    const isAlike = (other: number): boolean => {
      if (exact) return other === best.value;
      return better === "lower"
        ? other <= Math.max(best.value, 0) * tieRatio
        : other * tieRatio >= Math.max(best.value, 0);
    };
    found.push({ question, unit, ranking, winners: ranking.filter((one) => isAlike(one.value)).map((one) => one.id) });
  }
  return found;
}

function formatOf(unit: ContestUnit): (value: number) => string {
  if (unit === "ns") return formatNs;
  return unit === "bytes" ? formatBytes : (value) => `${formatNumber(value)} ${unit}`.trimEnd();
}

/** Who wins on what, as a table. */
export function contestTable(contests: readonly Contest[], referenceId: string | undefined): Table {
  return [
    ["question", "best", "value", "reference", "ratio"],
    ...contests.map(({ question, unit, ranking, winners }) => {
      const ofReference = ranking.find((one) => one.id === referenceId)?.value;
      const best = ranking[0]!;
      const format = formatOf(unit);
      const everybody = winners.length === ranking.length;
      return [
        question,
        everybody
          ? "all alike"
          : winners.length > 3
            ? `${winners.length} of ${ranking.length} alike`
            : winners.join("; "),
        format(best.value),
        ofReference === undefined ? "–" : format(ofReference),
        formatRatio(ratioOf(best.value, ofReference)),
      ];
    }),
  ];
}
