// A comparison as SARIF 2.1.0, which code hosts show at the file of the variant; no line of it is to blame, so it is the first.
// What fails the gate is an error, a regression that does not a warning. All else is no result, as nothing is wrong at any
// file: why a comparison cannot be trusted, violations without a place, and warnings are notifications of the tool.

import { createHash } from "node:crypto";
import type { Log, Notification, Result } from "sarif";
import type { Comparison } from "../../compare/comparison.ts";
import { caseId, type RowName, RowNames, variantFile } from "./names.ts";
import { type Finding, findingsOf, outcomeText } from "./words.ts";

/** What each rule is about, for who has not read the documentation. */
const rules: Readonly<Record<string, readonly [short: string, full: string]>> = {
  exact: [
    "exact value changed",
    "A value that no clock has a part in differs from the baseline's by more than its budget.",
  ],
  native: ["regression", "Fresh processes confirmed that the variant takes longer than the baseline, by what counts."],
};
const ruleIds = Object.keys(rules);

/** Code hosts show no more of a run. */
export const resultsMax = 5000;

/** The same for the same row in later comparisons, whatever its numbers. */
function fingerprint(rule: string, row: RowName): string {
  return createHash("sha256")
    .update([rule, caseId(row), row.metric].join("\n"))
    .digest("hex")
    .slice(0, 32);
}

function resultOf({ rule, level, text }: Finding, row: RowName): Result {
  return {
    ruleId: rule,
    ruleIndex: ruleIds.indexOf(rule),
    level,
    message: { text: `${text}.` },
    locations: [
      {
        physicalLocation: {
          artifactLocation: {
            uri: variantFile(row).split("/").map(encodeURIComponent).join("/"),
            uriBaseId: "%SRCROOT%",
          },
          region: { startLine: 1 },
        },
        logicalLocations: [{ name: row.variant, kind: "module" }],
      },
    ],
    partialFingerprints: { "comparison/v1": fingerprint(rule, row) },
    properties: {
      problem: row.problem,
      workload: row.workload,
      cpus: row.cpus,
      parameters: row.parameters,
      metric: row.metric,
    },
  };
}

export function renderCompareSarif(comparison: Comparison): string {
  const names = new RowNames(comparison);
  const findings = findingsOf(comparison, names).filter(({ level }) => level !== "note");
  const results = findings.flatMap((one) => (one.row === null ? [] : [resultOf(one, one.row)]));
  const left = Math.max(0, results.length - resultsMax);
  const notifications: Notification[] = [
    { level: "note", message: { text: outcomeText(comparison, names) } },
    ...(left === 0 ? [] : [{ level: "warning" as const, message: { text: `${left} more results were left out` } }]),
    ...findings.flatMap(({ row, level, text }) => (row === null ? [{ level, message: { text } }] : [])),
  ];
  const log: Log = {
    $schema: "https://json.schemastore.org/sarif-2.1.0.json",
    version: "2.1.0",
    runs: [
      {
        tool: {
          driver: {
            name: "reclaim-bench compare",
            rules: Object.entries(rules).map(([id, [short, full]]) => ({
              id,
              shortDescription: { text: short },
              fullDescription: { text: full },
              help: { text: "`reclaim-bench compare` shows the numbers; its CSV and JSON have all of them." },
              defaultConfiguration: { level: "error" },
            })),
          },
        },
        invocations: [
          {
            commandLine: comparison.command,
            startTimeUtc: comparison.startedAt,
            endTimeUtc: comparison.finishedAt,
            executionSuccessful: comparison.outcome !== "violated",
            toolExecutionNotifications: notifications,
          },
        ],
        originalUriBaseIds: { "%SRCROOT%": { description: { text: "The root of the checked-out repository" } } },
        columnKind: "utf16CodeUnits",
        results: results.slice(0, resultsMax),
      },
    ],
  };
  return `${JSON.stringify(log, null, 2)}\n`;
}
