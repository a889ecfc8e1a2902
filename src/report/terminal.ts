// The short answer on a terminal: one table per workload and what to choose.

import type { Part } from "./part.ts";
import type { Table } from "./tables.ts";

/** Columns aligned with spaces; the first and the last to the left, numbers to the right. */
export function renderColumns(table: Table): string {
  const last = table[0]!.length - 1;
  const widths = table[0]!.map((_, column) => Math.max(...table.map((row) => [...row[column]!].length)));
  return table
    .map((row) =>
      row
        .map((cell, column) =>
          column === 0 || column === last ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!),
        )
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

/** Columns that a report takes on a terminal. */
export const terminalWidth = 120;

/** What stands in front of a row whose first cell has a line of its own. */
const indent = "  ";

/** How wide a table is at least: with its first cells on lines of their own. */
export function leastWidth(table: Table): number {
  const rest = table.map((row) => [indent, ...row.slice(1)]);
  return Math.max(...table.map((row) => [...row[0]!].length), ...lengths(renderColumns(rest)));
}

function lengths(text: string): number[] {
  return text.split("\n").map((line) => [...line].length);
}

/**
 * A table no wider than a terminal where that can be: the text of the last column goes on below itself, and where that
 * is not enough, first cells get lines of their own.
 */
export function renderFitting(table: Table): string {
  const beside = wrapLast(table);
  if (Math.max(...lengths(beside)) <= terminalWidth) return beside;
  return wrapLast(
    table.map((row) => [indent, ...row.slice(1)]),
    table,
  );
}

/** @param firsts a table whose first cells go on lines before the rows of the other */
function wrapLast(table: Table, firsts?: Table): string {
  const last = table[0]!.length - 1;
  const without = renderColumns(table.map((row) => [...row.slice(0, last), "|"]));
  const room = terminalWidth - Math.max(...lengths(without)) + 1;
  const columns = without.split("\n").map((line) => line.slice(0, -1));
  return columns
    .flatMap((line, index) => {
      const texts = room < lastRoomMin ? [table[index]![last]!] : wrapText(table[index]![last]!, room).split("\n");
      const rows = texts.map((text, place) => `${place === 0 ? line : " ".repeat([...line].length)}${text}`.trimEnd());
      return firsts === undefined ? rows : [firsts[index]![0]!, ...rows];
    })
    .join("\n");
}

/** With less room than this a text is not worth wrapping. */
const lastRoomMin = 16;

/** Text in lines of at most so many characters, but for words that are longer. */
export function wrapText(text: string, width: number = terminalWidth): string {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && [...line].length + 1 + [...word].length > width) {
      lines.push(line);
      line = word;
    } else line = line === "" ? word : `${line} ${word}`;
  }
  return [...lines, line].join("\n");
}

/** All parts; with several, each under its problem's name. */
export function renderTerminal(parts: readonly Part[]): string {
  if (parts.length === 1) return parts[0]!.terminal;
  return parts.map((part) => `problem ${part.subject.problem}\n\n${part.terminal}`).join("\n");
}
