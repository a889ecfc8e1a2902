// Who wins on what: one question after the other, with the value that each variant gives to it.

import type { PairedRatio } from "../statistics/paired.ts";
import { formatBytes, formatCount, formatNs, formatRatio, ratioOf } from "./format.ts";
import { formatPairedRatio, type Role, type Table } from "./tables.ts";

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
  /** Ratio to the reference by rounds, where it is not the quotient of the values. */
  readonly ratio?: (variant: Variant) => PairedRatio | null | undefined;
}

/** One question, answered. */
export interface Contest {
  readonly question: string;
  readonly unit: ContestUnit;
  /** Best first; the floor and what is void take no part. */
  readonly ranking: readonly { readonly id: string; readonly value: number }[];
  /** Those that cannot be told from the best: within a tenth of it, for times; equal, for exact values. */
  readonly winners: readonly string[];
  /** The best one's ratio to the reference by rounds; undefined where it is the quotient of the values. */
  readonly ratio?: PairedRatio | null;
}

/** Times closer than this to the best are not told apart: single values of a noisy machine. */
export const tieRatio = 1.1;

/** Questions that fewer than two variants answer are left out. */
export function holdContests<Variant extends { readonly id: string; readonly role: Role; readonly isVoid: boolean }>(
  variants: readonly Variant[],
  questions: readonly Question<Variant>[],
): Contest[] {
  const found: Contest[] = [];
  for (const { question, unit, exact, better = "lower", value, ratio } of questions) {
    const sign = better === "lower" ? 1 : -1;
    const ranking = variants
      .filter((one) => one.role !== "floor" && !one.isVoid)
      .flatMap((one) => {
        const own = value(one);
        return own === null || own === undefined ? [] : [{ id: one.id, value: own, variant: one }];
      })
      .sort((a, b) => sign * (a.value - b.value));
    const best = ranking[0];
    if (best === undefined || ranking.length < 2) continue;
    const isAlike = (other: number): boolean => {
      if (exact) return other === best.value;
      return better === "lower"
        ? other <= Math.max(best.value, 0) * tieRatio
        : other * tieRatio >= Math.max(best.value, 0);
    };
    found.push({
      question,
      unit,
      ranking: ranking.map(({ id, value: own }) => ({ id, value: own })),
      winners: ranking.filter((one) => isAlike(one.value)).map((one) => one.id),
      ...(ratio === undefined ? {} : { ratio: ratio(best.variant) ?? null }),
    });
  }
  return found;
}

function formatOf(unit: ContestUnit): (value: number) => string {
  if (unit === "ns") return formatNs;
  return unit === "bytes" ? formatBytes : (value) => formatCount(value, unit);
}

/**
 * Who wins on what, as a table.
 *
 * @param named how a variant is called
 */
export function contestTable(
  contests: readonly Contest[],
  referenceId: string | undefined,
  named: (id: string) => string = (id) => id,
): Table {
  return [
    ["question", "best", "value", "reference", "ratio"],
    ...contests.map(({ question, unit, ranking, winners, ratio }) => {
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
            : winners.map(named).join("; "),
        format(best.value),
        ofReference === undefined ? "–" : format(ofReference),
        ratio === undefined ? formatRatio(ratioOf(best.value, ofReference)) : formatPairedRatio(ratio),
      ];
    }),
  ];
}
