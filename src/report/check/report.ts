// What a check has to report, and how its cases and places are named in every format.

import path from "node:path";
import type { Finding, MemoryModel } from "../../checker/model.ts";
import type { CheckOutcome, Counterexample, Rung, SourceFrame } from "../../checker/outcome.ts";

/** What tells a case from the others of its check. */
export interface CheckedCase {
  readonly problem: string;
  readonly variant: string;
  readonly scenario: string;
  /** Of the scenario: `3 tasks x 2 operations`. */
  readonly size: string;
  readonly model: MemoryModel;
}

/** What came of a case, and where its variant is when it is one of the user's own. */
export interface ReportedOutcome extends CheckOutcome {
  readonly variantFile?: string;
}

export interface CheckReport {
  /** The command line, without the program's own path. */
  readonly command: string;
  /** Version of the project. */
  readonly version: string;
  /** UTC, as ISO 8601. */
  readonly startedAt: string;
  /** In the order of the plan. */
  readonly outcomes: readonly ReportedOutcome[];
  /** Cases without an outcome, as the user stopped the check. */
  readonly unfinished: readonly CheckedCase[];
}

/** A case in words: `quarantine: single-list, put-and-remove (2 tasks x 2 operations), sc`. */
export function caseText({ problem, variant, scenario, size, model }: CheckedCase): string {
  return `${problem}: ${variant}, ${scenario} (${size}), ${model}`;
}

/** What was found and what that was, as a timeline ends with it. */
export function findingText({ kind, invariant, message }: Finding): string {
  return `${kind}${invariant === "" ? "" : ` (${invariant})`}: ${message}`;
}

/** What was found, in words: `broken invariant (no object of a destroyed cache)`. */
export function findingName({ counterexample }: CheckOutcome): string {
  if (counterexample === undefined) return "";
  const { kind, invariant } = counterexample.finding;
  return invariant === "" ? kind : `${kind} (${invariant})`;
}

/** A word of a command line, in quotes where a shell needs them. */
function shellWord(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

/** What shows a violation again; empty where it cannot be. */
export function replayText({ counterexample, variantFile }: ReportedOutcome): string {
  const token = counterexample?.token ?? "";
  if (token === "") return "";
  const own = variantFile === undefined ? "" : ` --variant-file ${shellWord(userFile(variantFile))}`;
  return `reclaim-bench replay ${token}${own}`;
}

/** The rung that went furthest, whose numbers stand for the case. */
export function lastRung({ rungs }: CheckOutcome): Rung | undefined {
  return rungs.at(-1);
}

/**
 * A frame's file with slashes: from the project's root, or for a user's file from the present folder, if it lies in it.
 */
export function sourceFile({ file }: SourceFrame): string {
  return path.isAbsolute(file) ? userFile(file) : path.posix.join("src/kernel", file.split(path.sep).join("/"));
}

function userFile(file: string): string {
  const relative = path.relative(process.cwd(), path.resolve(file));
  const isInside = relative !== "" && !relative.startsWith("..") && !path.isAbsolute(relative);
  return (isInside ? relative : file).split(path.sep).join("/");
}

/**
 * Where it happened. The operations themselves are of the machine; what counts is who performs them, and to the user the
 * file of their own before all that it calls.
 */
export function mainFrame({ frames }: Pick<Counterexample, "frames">): SourceFrame | undefined {
  return (
    frames.find(({ file }) => path.isAbsolute(file)) ??
    frames.find(({ file }) => !file.startsWith("machine/")) ??
    frames[0]
  );
}

/** A frame in words: `single_put, src/kernel/quarantine/single-list.ts:88:5`. */
export function frameText(frame: SourceFrame): string {
  const place = `${sourceFile(frame)}:${frame.line}:${frame.column}`;
  return frame.symbol === "" ? place : `${frame.symbol}, ${place}`;
}

/**
 * Violations, or known defects, of one variant that are the same finding at the same place, the one with the shortest
 * drawing first.
 */
export function violationsOf(
  outcomes: readonly ReportedOutcome[],
  wanted: "violation" | "defect" = "violation",
): ReportedOutcome[][] {
  const groups = new Map<string, ReportedOutcome[]>();
  for (const outcome of outcomes) {
    if (outcome.outcome !== wanted) continue;
    const key = [outcome.problem, outcome.variant, findingName(outcome), placeText(outcome)].join("\n");
    groups.set(key, [...(groups.get(key) ?? []), outcome]);
  }
  const length = ({ counterexample }: CheckOutcome): number => counterexample?.timeline.split("\n").length ?? 0;
  return [...groups.values()].map((group) => group.sort((a, b) => length(a) - length(b)));
}

/** Where a violation happened, in words; empty where nobody knows. */
export function placeText({ counterexample }: CheckOutcome): string {
  const frame = counterexample === undefined ? undefined : mainFrame(counterexample);
  return frame === undefined ? "" : frameText(frame);
}
