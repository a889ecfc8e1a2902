// A check's report in Markdown.

import { renderTable } from "../markdown.ts";
import {
  type CheckReport,
  caseText,
  findingName,
  findingText,
  placeText,
  type ReportedOutcome,
  replayText,
  violationsOf,
} from "./report.ts";
import { groupBy, missText, rungTable, totalText, variantTable } from "./tables.ts";

/** A fence that is longer than any in the text. */
function fenced(text: string): string {
  const longest = Math.max(2, ...(text.match(/`+/g) ?? []).map((run) => run.length));
  const fence = "`".repeat(longest + 1);
  return `${fence}text\n${text.trimEnd()}\n${fence}`;
}

/** The first as a drawing; of the others, where the same was found. */
function violationSection([outcome, ...others]: readonly ReportedOutcome[]): string[] {
  const counterexample = outcome?.counterexample;
  if (outcome === undefined || counterexample === undefined) return [];
  const place = placeText(outcome);
  const replay = replayText(outcome);
  return [
    `### ${caseText(outcome)}`,
    "",
    ...(outcome.defect === undefined ? [] : [`Known: ${outcome.defect}.`, ""]),
    ...(place === "" ? [] : [`**${findingName(outcome)}** at \`${place}\`:`, ""]),
    // A timeline ends with what was found.
    fenced(counterexample.timeline === "" ? findingText(counterexample.finding) : counterexample.timeline),
    "",
    ...(replay === "" ? [] : [fenced(replay), ""]),
    ...others.flatMap((other) => {
      const own = replayText(other);
      return own === ""
        ? [`The same in ${caseText(other)}.`, ""]
        : [`The same in ${caseText(other)}:`, "", fenced(own), ""];
    }),
  ];
}

export function renderCheckMarkdown(report: CheckReport): string {
  const { outcomes, command, startedAt, version } = report;
  const lines = ["# Interleavings explored", "", `${totalText(report)}.`, ""];
  for (const [problem, group] of groupBy(outcomes, (one) => one.problem)) {
    lines.push(`## ${problem}`, "", renderTable(variantTable(group)), "");
    const rungs = rungTable(group);
    if (rungs !== null) lines.push(renderTable(rungs), "");
  }
  const violations = violationsOf(outcomes);
  if (violations.length > 0) lines.push("## Violations", "", ...violations.flatMap(violationSection));
  const defects = violationsOf(outcomes, "defect");
  if (defects.length > 0) {
    const text = "Each of these is the point of its variant: the check expects it, and would complain of its absence.";
    lines.push("## Known defects", "", text, "", ...defects.flatMap(violationSection));
  }
  const miss = missText(outcomes);
  lines.push("## How this was made", "", ...(miss === "" ? [] : [miss, ""]), fenced(command), "");
  lines.push(`Begun ${startedAt}, version ${version}.`, "");
  return lines.join("\n");
}
