// A check's report as JSON: everything that is known of each case.

import type { CheckReport } from "./report.ts";
import { countsOf } from "./tables.ts";

export function renderCheckJson(report: CheckReport): string {
  const { command, version, startedAt, outcomes, unfinished } = report;
  const counts = { ...countsOf(outcomes), unfinished: unfinished.length };
  return `${JSON.stringify({ schemaVersion: 1, command, version, startedAt, counts, outcomes, unfinished }, null, 2)}\n`;
}
