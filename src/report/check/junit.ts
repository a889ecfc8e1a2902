// A check's report as JUnit XML: a suite for each problem, a test case for each case. One that stopped at a bound is
// skipped, with the bound: it has neither passed nor failed.

import { xmlTag, xmlText } from "../xml.ts";
import {
  type CheckedCase,
  type CheckReport,
  findingName,
  lastRung,
  placeText,
  type ReportedOutcome,
  replayText,
} from "./report.ts";
import { countsOf } from "./tables.ts";

/** Times are in seconds. */
function seconds(ms: number): string {
  return (ms / 1000).toFixed(3);
}

function head({ problem, variant, scenario, model }: CheckedCase, ms: number): string {
  return xmlTag("testcase", {
    name: `${variant} ${scenario} ${model}`,
    classname: `reclaim-bench.check.${problem}`,
    time: seconds(ms),
  });
}

function failureOf(outcome: ReportedOutcome): string {
  const { counterexample } = outcome;
  const texts = [placeText(outcome), counterexample?.timeline ?? "", replayText(outcome)].filter((text) => text !== "");
  const message = `${findingName(outcome)}: ${counterexample?.finding.message ?? ""}`;
  return `      ${xmlTag("failure", { type: "interleaving", message })}>${xmlText(texts.join("\n\n"))}</failure>`;
}

/** What is known to be wrong is no failure. */
function defectOf(outcome: ReportedOutcome): string {
  const text = `known defect: ${findingName(outcome)}: ${outcome.defect ?? ""}\n\n${replayText(outcome)}`;
  return `<system-out>${xmlText(text)}</system-out>`;
}

function testCase(outcome: ReportedOutcome): string[] {
  const begin = `    ${head(outcome, outcome.ms)}`;
  if (outcome.outcome === "exhausted") return [`${begin}/>`];
  if (outcome.outcome === "defect") return [`${begin}>`, `      ${defectOf(outcome)}`, "    </testcase>"];
  const inside =
    outcome.outcome === "violation"
      ? failureOf(outcome)
      : `      ${xmlTag("skipped", { message: `stopped at ${outcome.bound}` })}/>`;
  return [`${begin}>`, inside, "    </testcase>"];
}

function suite(report: CheckReport, problem: string, id: number): string[] {
  const outcomes = report.outcomes.filter((one) => one.problem === problem);
  const unfinished = report.unfinished.filter((one) => one.problem === problem);
  const { bound, violation } = countsOf(outcomes);
  const states = outcomes.reduce((sum, outcome) => sum + (lastRung(outcome)?.exploration.states ?? 0), 0);
  const property = (name: string, value: string | number): string => `      ${xmlTag("property", { name, value })}/>`;
  return [
    `  ${xmlTag("testsuite", {
      package: "reclaim-bench.check",
      id,
      name: problem,
      // The format has no time zone.
      timestamp: report.startedAt.replace(/(\.\d+)?Z$/, ""),
      // Reports name no host.
      hostname: "localhost",
      tests: outcomes.length + unfinished.length,
      failures: violation,
      errors: 0,
      skipped: bound + unfinished.length,
      time: seconds(outcomes.reduce((sum, { ms }) => sum + ms, 0)),
    })}>`,
    "    <properties>",
    property("command", report.command),
    property("version", report.version),
    property("states", states),
    "    </properties>",
    ...outcomes.flatMap(testCase),
    ...unfinished.flatMap((one) => [
      `    ${head(one, 0)}>`,
      `      ${xmlTag("skipped", { message: "not checked, as the check was stopped" })}/>`,
      "    </testcase>",
    ]),
    "    <system-out/>",
    "    <system-err/>",
    "  </testsuite>",
  ];
}

export function renderCheckJunit(report: CheckReport): string {
  const problems = [...new Set([...report.outcomes, ...report.unfinished].map(({ problem }) => problem))];
  return `${[
    '<?xml version="1.0" encoding="UTF-8"?>',
    "<testsuites>",
    ...problems.flatMap((problem, id) => suite(report, problem, id)),
    "</testsuites>",
  ].join("\n")}\n`;
}
