// A comparison in Markdown, with all rows but those that are the same.

import { markdownTable } from "markdown-table";
import type { Comparison } from "../../compare/comparison.ts";
import type { Table } from "../tables.ts";
import { type Section, sectionsOf } from "./sections.ts";
import { countText, outcomeText } from "./words.ts";

/** A text that Markdown shows as it is. Bars are left to the tables, and underscores within a word are nothing. */
export function escapeMarkdown(text: string): string {
  return text.replace(/[\\`*<>[\]~&]|(?<![\p{L}\p{N}])_|_(?![\p{L}\p{N}])/gu, "\\$&").replace(/[\r\n]+/g, " ");
}

/** The last column is text, as the first is. A bar would begin another cell. */
function renderTable(table: Table): string {
  const last = table[0]!.length - 1;
  return markdownTable(
    table.map((row) => row.map((cell) => escapeMarkdown(cell).replaceAll("|", "\\|"))),
    { align: table[0]!.map((_, column) => (column === 0 || column === last ? "l" : "r")), alignDelimiters: false },
  );
}

/** A code span whose fence is longer than any in it. */
function code(text: string): string {
  const fence = "`".repeat(Math.max(0, ...(text.match(/`+/g) ?? []).map((run) => run.length)) + 1);
  const space = text.startsWith("`") || text.endsWith("`") ? " " : "";
  return `${fence}${space}${text.replace(/[\r\n]+/g, " ")}${space}${fence}`;
}

/** A section; `fold`: the rows from which on a table is shown when it is clicked. */
function renderSection({ title, texts, items, table, left }: Section, fold: number): string[] {
  const isCommand = title === "How this was made";
  const lines = [`## ${escapeMarkdown(title)}`, ""];
  for (const text of texts) lines.push(isCommand ? code(text) : escapeMarkdown(text), "");
  for (const item of items) lines.push(`- ${escapeMarkdown(item)}`);
  if (items.length > 0) lines.push("");
  if (table !== null) {
    const rows = table.length - 1;
    const text = renderTable(table);
    if (rows <= fold) lines.push(text, "");
    else lines.push("<details>", `<summary>${countText(rows, "row")}</summary>`, "", text, "", "</details>", "");
  }
  if (left > 0) lines.push(`${countText(left, "row was", "rows were")} left out here.`, "");
  return lines;
}

/** @param fold tables of more rows than this are folded */
export function markdownOf(comparison: Comparison, rowsMax: number, fold: number): string {
  const lines = [`**${escapeMarkdown(outcomeText(comparison))}**`, ""];
  for (const one of sectionsOf(comparison, rowsMax)) lines.push(...renderSection(one, fold));
  return `${lines.join("\n").trimEnd()}\n`;
}

export function renderCompareMarkdown(comparison: Comparison): string {
  return markdownOf(comparison, Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY);
}
