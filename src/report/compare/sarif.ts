// A comparison as SARIF 2.1.0, which code hosts show at the file of the variant; no line of it is to blame, so it is the first.
// What fails the gate, and a violation, is an error, a regression that does not fail it a warning. All else is no result, as
// nothing is known to be wrong at any file: why a comparison cannot be trusted, rows that could not be timed, and warnings are
// notifications of the tool.

import { createHash } from "node:crypto";
import type { Log, Notification, Result } from "sarif";
import type { Comparison } from "../../compare/comparison.ts";
import { type CaseName, caseId, type RowName, RowNames, variantFile } from "./names.ts";
import { type Finding, findingsOf, outcomeText } from "./words.ts";

/** What each rule is about, for who has not read the documentation. */
const rules: Readonly<Record<string, readonly [short: string, full: string]>> = {
  exact: [
    "exact value changed",
    "A value that no clock has a part in differs from the baseline's by more than its budget.",
  ],
  native: ["regression", "Fresh processes confirmed that the variant takes longer than the baseline, by what counts."],
  violation: [
    "violation",
    "The variant did what none may do while it was measured: it trapped, hung, or broke its contract.",
  ],
};
const ruleIds = Object.keys(rules);

/** Of what a finding is a result; null for one that is none. */
function placeOf({ rule, about }: Finding): RowName | CaseName | null {
  return rule === "untimed" ? null : about;
}

/** Code hosts show no more of a run. */
export const resultsMax = 5000;

/** The same for the same row or case in later comparisons, whatever its numbers. */
function fingerprint(rule: string, about: RowName | CaseName): string {
  const parts = "case" in about ? [about.case] : [caseId(about), about.metric];
  return createHash("sha256")
    .update([rule, ...parts].join("\n"))
    .digest("hex")
    .slice(0, 32);
}

function resultOf({ rule, level, text }: Finding, about: RowName | CaseName): Result {
  return {
    ruleId: rule,
    ruleIndex: ruleIds.indexOf(rule),
    level,
    message: { text: `${text}.` },
    locations: [
      {
        physicalLocation: {
          artifactLocation: {
            uri: variantFile(about).split("/").map(encodeURIComponent).join("/"),
            uriBaseId: "%SRCROOT%",
          },
          region: { startLine: 1 },
        },
        logicalLocations: [{ name: about.variant, kind: "module" }],
      },
    ],
    partialFingerprints: { "comparison/v1": fingerprint(rule, about) },
    properties:
      "case" in about
        ? { problem: about.problem, case: about.case }
        : {
            problem: about.problem,
            workload: about.workload,
            cpus: about.cpus,
            parameters: about.parameters,
            metric: about.metric,
          },
  };
}

export function renderCompareSarif(comparison: Comparison): string {
  const names = new RowNames(comparison);
  const findings = findingsOf(comparison, names).filter(({ level }) => level !== "note");
  const results = findings.flatMap((one) => {
    const place = placeOf(one);
    return place === null ? [] : [resultOf(one, place)];
  });
  const left = Math.max(0, results.length - resultsMax);
  const notifications: Notification[] = [
    { level: "note", message: { text: outcomeText(comparison, names) } },
    ...(left === 0 ? [] : [{ level: "warning" as const, message: { text: `${left} more results were left out` } }]),
    ...findings.filter((one) => placeOf(one) === null).map(({ level, text }) => ({ level, message: { text } })),
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
