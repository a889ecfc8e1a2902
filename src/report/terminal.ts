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

/** All parts; with several, each under its problem's name. */
export function renderTerminal(parts: readonly Part[]): string {
  if (parts.length === 1) return parts[0]!.terminal;
  return parts.map((part) => `problem ${part.subject.problem}\n\n${part.terminal}`).join("\n");
}
