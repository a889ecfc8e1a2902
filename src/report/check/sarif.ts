// A check's report as SARIF 2.1.0, which code hosts show at the source line. Cases that stopped at a bound are notes of the
// tool, not results: nothing is wrong at any line.

import { createHash } from "node:crypto";
import path from "node:path";
import { pathToFileURL } from "node:url";
import type { FindingKind } from "../../checker/model.ts";
import type { SourceFrame } from "../../checker/outcome.ts";
import {
  type CheckReport,
  caseText,
  findingName,
  mainFrame,
  type ReportedOutcome,
  replayText,
  sourceFile,
} from "./report.ts";

/** What each rule is about, for who has not read the documentation. */
const descriptions: Readonly<Record<FindingKind, string>> = {
  "use after free": "Memory was loaded or stored to after it had been freed.",
  "double free": "Memory was freed that was free already.",
  leak: "Memory was allocated that nobody has freed at the end.",
  "lost object": "An object is at the end in nobody's hands, though it was not freed.",
  "broken invariant": "A rule that every variant of the problem keeps was broken.",
  deadlock: "Nobody can go on, and not everybody has ended.",
  livelock: "Operations go on, but nobody gets any further.",
  "access outside the arena": "Memory was loaded or stored to that was never handed out.",
  "callback after free": "A callback ran for something that had been taken away before.",
  trap: "WebAssembly trapped.",
  overflow: "A table of fixed size was too small, so the case could not go on.",
};

const kinds = Object.keys(descriptions) as readonly FindingKind[];

function ruleId(kind: FindingKind): string {
  return kind.replaceAll(" ", "-");
}

/** A relative path with what an address may not hold encoded, or a `file:` address. */
function uriOf(frame: SourceFrame): string {
  const file = sourceFile(frame);
  return path.isAbsolute(file) ? pathToFileURL(file).href : file.split("/").map(encodeURIComponent).join("/");
}

function locationOf(frame: SourceFrame) {
  const uri = uriOf(frame);
  return {
    physicalLocation: {
      artifactLocation: { uri, ...(uri.startsWith("file:") ? {} : { uriBaseId: "%SRCROOT%" }) },
      // Both begin with 1.
      region: { startLine: Math.max(1, frame.line), startColumn: Math.max(1, frame.column) },
    },
    ...(frame.symbol === "" ? {} : { logicalLocations: [{ name: frame.symbol, kind: "function" }] }),
  };
}

/** Where a host shows it: of a user's own variant in its file, for no other is the host's. */
function placeOf({ counterexample, variantFile }: ReportedOutcome): SourceFrame | undefined {
  const main = counterexample === undefined ? undefined : mainFrame(counterexample);
  if (variantFile === undefined || (main !== undefined && path.isAbsolute(main.file))) return main;
  return { symbol: "", file: path.resolve(variantFile), line: 1, column: 1 };
}

/** The same for the same finding in later versions of the code, whatever its line and its schedule. */
function fingerprint(outcome: ReportedOutcome): string {
  const { problem, variant, scenario, model, counterexample } = outcome;
  const symbol = (counterexample === undefined ? undefined : mainFrame(counterexample))?.symbol ?? "";
  const text = [problem, variant, scenario, model, findingName(outcome), symbol].join("\n");
  return createHash("sha256").update(text).digest("hex").slice(0, 32);
}

function resultsOf(outcome: ReportedOutcome) {
  const { counterexample } = outcome;
  if (counterexample === undefined) return [];
  const { finding, frames, token, timeline, preemptions } = counterexample;
  const replay = replayText(outcome);
  const main = placeOf(outcome);
  const known = outcome.defect === undefined ? "" : ` Known: ${outcome.defect}.`;
  const text = `${findingName(outcome)}: ${finding.message}. ${caseText(outcome)}.${known}${replay === "" ? "" : ` To see it: ${replay}`}`;
  return [
    {
      ruleId: ruleId(finding.kind),
      ruleIndex: kinds.indexOf(finding.kind),
      // A host that fails for errors is not to fail for what is declared.
      level: outcome.outcome === "defect" ? "note" : "error",
      message: { text },
      locations: main === undefined ? [] : [locationOf(main)],
      ...(frames.length === 0
        ? {}
        : {
            stacks: [
              {
                message: { text: "Where it happened, the innermost call first" },
                frames: frames.map((frame) => ({ location: locationOf(frame) })),
              },
            ],
          }),
      partialFingerprints: { "interleaving/v1": fingerprint(outcome) },
      properties: { token, preemptions, timeline },
    },
  ];
}

export function renderCheckSarif({ outcomes, unfinished, version, command, startedAt }: CheckReport): string {
  const notes = [
    ...outcomes
      .filter(({ outcome }) => outcome === "bound")
      .map((outcome) => `${caseText(outcome)}: stopped at ${outcome.bound}`),
    ...unfinished.map((one) => `${caseText(one)}: not checked, as the check was stopped`),
  ];
  const log = {
    $schema: "https://json.schemastore.org/sarif-2.1.0.json",
    version: "2.1.0",
    runs: [
      {
        tool: {
          driver: {
            name: "reclaim-bench check",
            version,
            rules: kinds.map((kind) => ({
              id: ruleId(kind),
              shortDescription: { text: kind },
              fullDescription: { text: descriptions[kind] },
              help: { text: "`reclaim-bench replay` with the token of the result steps through the schedule." },
              defaultConfiguration: { level: "error" },
            })),
          },
        },
        invocations: [
          {
            commandLine: command,
            startTimeUtc: startedAt,
            executionSuccessful: unfinished.length === 0,
            toolExecutionNotifications: notes.map((text) => ({ level: "note", message: { text } })),
          },
        ],
        originalUriBaseIds: { "%SRCROOT%": { description: { text: "The root of the checked-out repository" } } },
        columnKind: "utf16CodeUnits",
        results: outcomes.flatMap(resultsOf),
      },
    ],
  };
  return `${JSON.stringify(log, null, 2)}\n`;
}
