// The short answer on a terminal: one table per workload and what to choose.

import type { WorkloadAnswers } from "./answers.ts";
import { overviewTable, type Table } from "./tables.ts";
import { chooseFor } from "./verdict.ts";

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

export function renderTerminal(workloads: readonly WorkloadAnswers[]): string {
  const parts: string[] = [];
  for (const workload of workloads) {
    const choice = chooseFor(workload, workloads);
    parts.push(
      `${workload.name}  (${workload.parameters.timed})`,
      renderColumns(overviewTable(workload, workloads)),
      choice === null
        ? "nothing to choose: fewer than two variants break no constraint and finish every removal"
        : `choose ${choice.id}: ${choice.reason}`,
      "",
    );
  }
  return parts.join("\n");
}
