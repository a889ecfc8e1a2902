// A comparison for a terminal: the outcome, then what it rests on. Of many rows the weightiest are shown.

import type { Comparison } from "../../compare/comparison.ts";
import { renderFitting, wrapText } from "../terminal.ts";
import { sectionsOf } from "./sections.ts";
import { countText, outcomeText } from "./words.ts";

/** Rows of all tables together; CSV and JSON have all. */
const rowsMax = 100;

export function renderCompareTerminal(comparison: Comparison): string {
  const lines = [outcomeText(comparison), ""];
  for (const { title, texts, items, table, left } of sectionsOf(comparison, rowsMax)) {
    lines.push(title, "");
    for (const text of texts) lines.push(wrapText(text), "");
    for (const item of items) lines.push(wrapText(`- ${item}`).replaceAll("\n", "\n  "));
    if (items.length > 0) lines.push("");
    if (table !== null) lines.push(renderFitting(table), "");
    if (left > 0) lines.push(`${countText(left, "more row")}: see --format csv`, "");
  }
  return `${lines.join("\n").trimEnd()}\n`;
}
