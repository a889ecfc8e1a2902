// A check's report for a terminal.

import { renderFitting, wrapText } from "../terminal.ts";
import {
  type CheckReport,
  caseText,
  findingText,
  placeText,
  type ReportedOutcome,
  replayText,
  violationsOf,
} from "./report.ts";
import { groupBy, missText, rungTable, totalText, variantTable } from "./tables.ts";

/** The first as a drawing; of the others, where the same was found. */
function violationText([outcome, ...others]: readonly ReportedOutcome[]): string {
  const counterexample = outcome?.counterexample;
  if (outcome === undefined || counterexample === undefined) return "";
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
    ...others.flatMap((other) => [
      [`the same in ${caseText(other)}`, replayText(other)].filter((line) => line !== "").join("\n"),
      "",
    ]),
  ].join("\n");
}

/** A known defect in few lines: what it is, and how to see it. */
function defectText([outcome, ...others]: readonly ReportedOutcome[]): string {
  const finding = outcome?.counterexample?.finding;
  if (outcome === undefined || finding === undefined) return "";
  const scenarios = others.map(({ scenario, model }) => `${scenario} (${model})`).join(", ");
  const lines = [
    wrapText(`known defect in ${caseText(outcome)}: ${findingText(finding)}`),
    wrapText(outcome.defect ?? ""),
    ...(scenarios === "" ? [] : [wrapText(`the same in ${scenarios}`)]),
    replayText(outcome),
  ];
  return [...lines.filter((line) => line !== ""), ""].join("\n");
}

export function renderCheckTerminal(report: CheckReport): string {
  const { outcomes } = report;
  const lines: string[] = [];
  for (const [problem, group] of groupBy(outcomes, (one) => one.problem)) {
    lines.push(`problem ${problem}`, "", renderFitting(variantTable(group)), "");
    const rungs = rungTable(group);
    if (rungs !== null) lines.push(renderFitting(rungs), "");
  }
  for (const group of violationsOf(outcomes)) lines.push(violationText(group));
  for (const group of violationsOf(outcomes, "defect")) lines.push(defectText(group));
  lines.push(totalText(report));
  const miss = missText(outcomes);
  if (miss !== "") lines.push(wrapText(miss));
  return `${lines.join("\n")}\n`;
}
