// Tables as rows of text, for Markdown and for the terminal alike, and what every problem's tables share.

import type { PairedRatio } from "../statistics/paired.ts";
import { formatRatio } from "./format.ts";

/** First row: the heads. Columns after the first are numbers. */
export type Table = readonly (readonly string[])[];

/** Where a variant stands in its problem. */
export type Role = "reference" | "floor" | "";

/** Drops columns in which no row has a value. */
export function withoutEmptyColumns(table: Table): Table {
  const kept = table[0]!.map((_, column) => column === 0 || table.slice(1).some((row) => row[column] !== "–"));
  return table.map((row) => row.filter((_, column) => kept[column]));
}

/** How a variant is marked that is kept for what is wrong with it. */
export const defectMark = "known defect";

/** A variant as a row's first cell. */
export function variantCell(variant: {
  readonly id: string;
  readonly role: Role;
  readonly isVoid: boolean;
  readonly isDefective?: boolean;
}): string {
  const { role, isVoid, isDefective = false } = variant;
  const marks = [...(role === "" ? [] : [role]), ...(isVoid ? ["void"] : []), ...(isDefective ? [defectMark] : [])];
  return marks.length === 0 ? variant.id : `${variant.id} (${marks.join(", ")})`;
}

/** `~` marks a ratio that the rounds do not tell from 1, `?` one of too few rounds to tell. */
export function formatPairedRatio(paired: PairedRatio | null | undefined): string {
  if (paired === null || paired === undefined) return formatRatio(null);
  const { ratio, low, high } = paired;
  const isReference = ratio === 1 && (low === null || low === high);
  const mark = isReference ? "" : low === null || high === null ? "?" : low <= 1 && high >= 1 ? "~" : "";
  return `${mark}${formatRatio(ratio)}`;
}
