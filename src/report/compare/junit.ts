// A comparison as JUnit XML: a suite for the comparison itself and one for each problem, with a test case for each exact value
// that changed and each row of times. What cannot be told is skipped: it has neither passed nor failed. Exact values that are
// the same are counted in a property. A row's own time is not known, so that of the first suite is the whole.

import type { Comparison, ExactRow, NativeRow } from "../../compare/comparison.ts";
import { xmlTag, xmlText } from "../xml.ts";
import { baseName, RowNames, sideMedians } from "./names.ts";
import {
  changedRows,
  changeText,
  confirmationText,
  detectableText,
  exactText,
  nativeText,
  outcomeText,
  percent,
  ratioText,
  totalText,
  valueText,
} from "./words.ts";

/** A test case and what came of it. */
interface Case {
  readonly name: string;
  readonly state: "passed" | "failed" | "skipped";
  /** Of a failure. */
  readonly type?: string;
  readonly message: string;
  readonly detail: string;
}

function exactCase(row: ExactRow, names: RowNames): Case {
  const message = `${names.full(row)} ${exactText(row)}`;
  const state = row.fails ? "failed" : "passed";
  return { name: names.inProblem(row), state, type: "exact", message, detail: row.parameters };
}

function nativeCase(row: NativeRow, names: RowNames, base: string): Case {
  const { estimate, verdict, gated, unit, delta, reason } = row;
  const sides = sideMedians(row.processes);
  const isUndecided = verdict === "inconclusive" || (verdict === "regressed" && !gated);
  const detail = [
    `${verdict}${gated ? "" : ", not gated"}: ${reason}`,
    ...(estimate === null || sides === null
      ? []
      : [
          `${base} ${valueText(sides.base, unit)}, head ${valueText(sides.head, unit)}, head/base ${ratioText(estimate)}`,
          `finds ${detectableText(estimate)}; what counts: ${percent(delta)}`,
          confirmationText(row),
        ]),
    row.parameters,
  ];
  return {
    name: names.inProblem(row),
    state: verdict === "regressed" && gated ? "failed" : isUndecided ? "skipped" : "passed",
    type: "regression",
    message: `${names.full(row)} ${nativeText(row)}`,
    detail: detail.filter((line) => line !== "").join("\n"),
  };
}

/** Violations, canaries and the state of the machine. */
function generalCases(comparison: Comparison, names: RowNames): Case[] {
  const { native, violations } = comparison;
  return [
    ...violations.map(
      (one): Case => ({ name: one.case, state: "failed", type: "violation", message: one.error, detail: one.error }),
    ),
    ...(native?.canaries ?? []).map(
      (row, index): Case => ({
        name: `canary ${index + 1}: ${names.full(row)}`,
        state: row.sings ? "skipped" : "passed",
        message: `the same code twice: the second is ${changeText(row.estimate, row)}`,
        detail: `ratio ${ratioText(row.estimate)}; what counts: ${percent(row.delta)}`,
      }),
    ),
    ...(native === null
      ? []
      : [
          {
            name: "machine",
            state: native.distrust.length > 0 ? "skipped" : "passed",
            message: native.distrust.length > 0 ? native.distrust.join("; ") : "nothing speaks against the machine",
            detail: `steal ${native.stealShare ?? "unknown"}, load per core ${native.loadPerCore ?? "unknown"}`,
          } as const,
        ]),
  ];
}

function testCase({ name, state, type, message, detail }: Case, classname: string): string[] {
  const head = `    ${xmlTag("testcase", { name, classname, time: "0.000" })}`;
  if (state === "passed") return [`${head}/>`];
  const tag = state === "failed" ? "failure" : "skipped";
  const attributes = state === "failed" ? { type: type ?? "", message } : { message };
  return [`${head}>`, `      ${xmlTag(tag, attributes)}>${xmlText(detail)}</${tag}>`, "    </testcase>"];
}

interface Suite {
  readonly name: string;
  readonly cases: readonly Case[];
  readonly properties: Readonly<Record<string, string | number>>;
  readonly seconds: string;
  readonly output: readonly string[];
}

function suiteText({ name, cases, properties, seconds, output }: Suite, id: number, startedAt: string): string[] {
  const count = (state: Case["state"]): number => cases.filter((one) => one.state === state).length;
  // A test case that passed has no text of its own in this format.
  const passed = cases.filter(({ state }) => state === "passed").map(({ message }) => message);
  return [
    `  ${xmlTag("testsuite", {
      package: "reclaim-bench.compare",
      id,
      name,
      // The format has no time zone.
      timestamp: startedAt.replace(/(\.\d+)?Z$/, ""),
      // Reports name no host.
      hostname: "localhost",
      tests: cases.length,
      failures: count("failed"),
      errors: 0,
      skipped: count("skipped"),
      time: seconds,
    })}>`,
    "    <properties>",
    ...Object.entries(properties).map(([key, value]) => `      ${xmlTag("property", { name: key, value })}/>`),
    "    </properties>",
    ...cases.flatMap((one) => testCase(one, `reclaim-bench.compare.${name}`)),
    `    <system-out>${xmlText([...output, ...passed].join("\n"))}</system-out>`,
    "    <system-err/>",
    "  </testsuite>",
  ];
}

export function renderCompareJunit(comparison: Comparison): string {
  const names = new RowNames(comparison);
  const { native, exact, startedAt, finishedAt } = comparison;
  const changed = changedRows(comparison);
  const timed = native?.rows ?? [];
  const suites: Suite[] = [
    {
      name: "comparison",
      cases: generalCases(comparison, names),
      properties: {
        outcome: comparison.outcome,
        command: comparison.command,
        base: comparison.base.label,
        head: comparison.head.label,
        seed: comparison.seed,
        environment: comparison.environment.id,
        "exact-compared": exact?.compared ?? 0,
        inconclusive: timed.filter(({ verdict }) => verdict === "inconclusive").length,
      },
      seconds: ((Date.parse(finishedAt) - Date.parse(startedAt)) / 1000).toFixed(3),
      output: [outcomeText(comparison, names), totalText(comparison), ...comparison.warnings],
    },
    ...[...new Set([...changed, ...timed].map(({ problem }) => problem))].map((problem) => ({
      name: problem,
      cases: [
        ...changed.filter((row) => row.problem === problem).map((row) => exactCase(row, names)),
        ...timed.filter((row) => row.problem === problem).map((row) => nativeCase(row, names, baseName(comparison))),
      ],
      properties: {},
      seconds: "0.000",
      output: [],
    })),
  ];
  const lines = suites.flatMap((suite, id) => suiteText(suite, id, startedAt));
  return `${['<?xml version="1.0" encoding="UTF-8"?>', "<testsuites>", ...lines, "</testsuites>"].join("\n")}\n`;
}
