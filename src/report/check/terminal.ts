// A check's report for a terminal.

import type { CheckOutcome } from "../../checker/outcome.ts";
import { renderFitting, wrapText } from "../terminal.ts";
import { type CheckReport, caseText, findingText, placeText, replayText } from "./report.ts";
import { groupBy, missText, rungTable, totalText, variantTable } from "./tables.ts";

function violationText(outcome: CheckOutcome): string {
  const { counterexample } = outcome;
  if (counterexample === undefined) return "";
  const place = placeText(outcome);
  const replay = replayText(outcome);
  return [
    `violation in ${caseText(outcome)}`,
    "",
    // A timeline ends with what was found.
    counterexample.timeline === "" ? findingText(counterexample.finding) : counterexample.timeline.trimEnd(),
    ...(place === "" ? [] : [`at ${place}`]),
    "",
    ...(replay === "" ? [] : [replay, ""]),
  ].join("\n");
}

export function renderCheckTerminal(report: CheckReport): string {
  const { outcomes } = report;
  const lines: string[] = [];
  for (const [problem, group] of groupBy(outcomes, (one) => one.problem)) {
    lines.push(`problem ${problem}`, "", renderFitting(variantTable(group)), "");
    const rungs = rungTable(group);
    if (rungs !== null) lines.push(renderFitting(rungs), "");
  }
  for (const outcome of outcomes) if (outcome.outcome === "violation") lines.push(violationText(outcome));
  lines.push(totalText(report));
  const miss = missText(outcomes);
  if (miss !== "") lines.push(wrapText(miss));
  return `${lines.join("\n")}\n`;
}
