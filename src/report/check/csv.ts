// A check's report as CSV: a row for each rung of each case. A missing value is empty, never 0.

import { stringify } from "csv-stringify/sync";
import { guardFormula } from "../../records/csv.ts";
import { type CheckReport, mainFrame, sourceFile } from "./report.ts";

/** The columns, in order. */
export const checkColumns = [
  "problem",
  "variant",
  "scenario",
  "size",
  "memory_model",
  "scheduler",
  "outcome",
  "bound",
  "ms",
  "miss_probability",
  "rung",
  "rung_outcome",
  "rung_bound",
  "states",
  "transitions",
  "executions",
  "depth",
  "finding",
  "invariant",
  "message",
  "preemptions",
  "file",
  "line",
  "column",
  "token",
] as const;

type CheckRow = Readonly<Record<(typeof checkColumns)[number], string | number | null>>;

export function renderCheckCsv({ outcomes, unfinished }: CheckReport): string {
  const rows: CheckRow[] = outcomes.flatMap((outcome) =>
    outcome.rungs.map(({ name, exploration }, index): CheckRow => {
      // It was found on the last rung.
      const found = index === outcome.rungs.length - 1 ? outcome.counterexample : undefined;
      const frame = found === undefined ? undefined : mainFrame(found);
      return {
        problem: outcome.problem,
        variant: outcome.variant,
        scenario: outcome.scenario,
        size: outcome.size,
        memory_model: outcome.model,
        scheduler: outcome.scheduler,
        outcome: outcome.outcome,
        bound: outcome.bound,
        ms: outcome.ms,
        miss_probability: outcome.missProbability,
        rung: name,
        rung_outcome: exploration.outcome,
        rung_bound: exploration.bound,
        states: exploration.states === 0 ? null : exploration.states,
        transitions: exploration.transitions,
        executions: exploration.executions,
        depth: exploration.depth,
        finding: found?.finding.kind ?? null,
        invariant: found?.finding.invariant ?? null,
        message: found?.finding.message ?? null,
        preemptions: found?.preemptions ?? null,
        file: frame === undefined ? null : sourceFile(frame),
        line: frame?.line ?? null,
        column: frame?.column ?? null,
        token: found?.token ?? null,
      };
    }),
  );
  const nothing = Object.fromEntries(checkColumns.map((column) => [column, null])) as CheckRow;
  for (const { problem, variant, scenario, size, model } of unfinished) {
    rows.push({ ...nothing, problem, variant, scenario, size, memory_model: model, outcome: "unfinished" });
  }
  return stringify(rows, { header: true, columns: checkColumns, cast: { string: guardFormula } });
}
