// `reclaim-bench report`: makes the report of a run or of a comparison again from its records.

import { mkdir } from "node:fs/promises";
import path from "node:path";
import { suites } from "../../bench/index.ts";
import { problemCheckOf } from "../checker/problems/index.ts";
import { InputError } from "../errors.ts";
import type { Suite } from "../plan/suite.ts";
import { writeJsonFile, writeTextFile } from "../records/atomic-file.ts";
import { readRecords, recordsFile, recordsFileOf } from "../records/csv.ts";
import { type Run, readRun } from "../records/run-file.ts";
import type { CheckViolation } from "../report/checked.ts";
import { renderMarkdown } from "../report/markdown.ts";
import type { Defects, Part, Subject } from "../report/part.ts";
import { reporterOfProblem } from "../report/problems.ts";
import { ProblemRows } from "../report/rows.ts";
import { renderTerminal } from "../report/terminal.ts";
import { isComparison, planFormats, readComparison, showComparison } from "./compare-output.ts";
import type { Io } from "./io.ts";

/** A run with its answers. */
export interface Reported {
  readonly run: Run;
  /** One per problem of the run, in its order. */
  readonly parts: readonly Part[];
  /** Path of the Markdown. */
  readonly file: string;
}

function suiteOf(run: Run, problem: string): Suite {
  const suite = suites.find((one) => one.problem === problem);
  if (suite === undefined || reporterOfProblem(problem) === undefined) {
    throw new InputError(`run ${run.runId}: problem '${problem}' is not known to this version`);
  }
  return suite;
}

/** What the harness says of a case that is too large for it; any other failed case is a violation. */
export const isTooLarge =
  /is used up[;:]|^cannot reserve |exact counting takes at most|leave no room in 4 GiB|more than 32-bit Wasm can address/;

/** A case's id, taken apart; pairs with `caseId` of `plan/unit.ts`. */
export function parseCase(id: string): {
  readonly problem: string;
  readonly variant: string;
  workload: string;
  stage: string;
} {
  const parts = id.split(" / ");
  const [problem = "", ...others] = parts;
  return { problem, variant: others.slice(0, -2).join(" / "), workload: parts.at(-2) ?? "", stage: parts.at(-1) ?? "" };
}

/** Variants of a problem of which a case failed by what they did. */
function voidsOf(run: Run, problem: string): Set<string> {
  const failed = run.cases.filter(({ state, error = "" }) => state === "failed" && !isTooLarge.test(error));
  return new Set(failed.map(({ id }) => parseCase(id)).flatMap((one) => (one.problem === problem ? one.variant : [])));
}

/** Timed cases that a choice goes by; those for a law of growth play no part in it. */
const timedStage = /^timed(?: cpus=\d+)?$/;
const simulatedStage = /^simulated /;

/** Workloads of a problem that have cases of a stage to come. */
function pendingOf(run: Run, problem: string, stage: RegExp): Set<string> {
  const pending = run.cases.filter(({ state }) => state === "pending").map(({ id }) => parseCase(id));
  return new Set(
    pending.filter((one) => one.problem === problem && stage.test(one.stage)).map(({ workload }) => workload),
  );
}

/** Cases of the short check; pairs with `checkId` of `run-records.ts`. */
const checkedStage = /^checked (\w+)$/;

/** What the short check found wrong of a problem. */
function violationsOf(run: Run, problem: string): CheckViolation[] {
  return run.cases.flatMap(({ id, state }) => {
    const one = parseCase(id);
    const [, model] = checkedStage.exec(one.stage) ?? [];
    if (state !== "failed" || one.problem !== problem || model === undefined) return [];
    return { variant: one.variant, scenario: one.workload, model };
  });
}

function subjectOf(run: Run, suite: Suite): Subject {
  const { problem, statement, reference, floor } = suite;
  const variants = run.modules.filter((one) => one.problem === problem).map((one) => one.variant);
  const order = [...new Set(variants)];
  return {
    problem,
    statement,
    reference,
    floor,
    order,
    questions: new Map(suite.workloads.map((one) => [one.name, one.question])),
    voids: voidsOf(run, problem),
    incomplete: pendingOf(run, problem, timedStage),
    unsimulated: pendingOf(run, problem, simulatedStage),
    violations: violationsOf(run, problem),
    defects: defectsOf(problem, order),
  };
}

/** What the checker is known to find of variants, by id. */
export function defectsOf(problem: string, ids: readonly string[]): Defects {
  const { defects } = problemCheckOf(problem);
  const found = ids.map((id) => {
    const [name] = id.split(" ");
    return [id, defects.filter(({ variant }) => variant === name)] as const;
  });
  return new Map(found.filter(([, own]) => own.length > 0));
}

/** Each problem's part of the report, from one reading of the records. */
async function answer(run: Run, records: string): Promise<Part[]> {
  const problems = [...new Set(run.modules.map((one) => one.problem))];
  const subjects = problems.map((problem) => subjectOf(run, suiteOf(run, problem)));
  const rows = new Map(subjects.map(({ problem, reference }) => [problem, new ProblemRows(reference)]));
  for await (const row of readRecords(records)) {
    const ofProblem = rows.get(row.problem);
    if (ofProblem === undefined) {
      throw new InputError(`${records}: has a row of problem '${row.problem}', of which the run has no module`);
    }
    ofProblem.add(row);
  }
  const parts: Part[] = [];
  for (const subject of subjects) {
    parts.push(await reporterOfProblem(subject.problem)!(rows.get(subject.problem)!, subject));
  }
  return parts;
}

/** Values of a map as an object, so that answers can be written as JSON. */
function plain(_key: string, value: unknown): unknown {
  return value instanceof Map ? Object.fromEntries(value) : value;
}

/** Answers by problem, as JSON. */
function answersOf(parts: readonly Part[]): string {
  return JSON.stringify(Object.fromEntries(parts.map(({ subject, answers }) => [subject.problem, answers])), plain);
}

/**
 * Answers a run's questions and writes its Markdown beside the other reports.
 *
 * @param folder the run's folder of `results/`
 * @param reports folder that the report goes to, as `<run id>.md`; made when it is not there
 * @throws {InputError} when the run or its records are missing or damaged
 */
export async function makeReport(folder: string, reports: string): Promise<Reported> {
  const run = await readRun(folder);
  const parts = await answer(run, path.join(folder, recordsFile));
  const text = renderMarkdown(run, parts);
  const file = path.join(reports, `${path.basename(path.resolve(folder))}.md`);
  await mkdir(reports, { recursive: true });
  await writeTextFile(file, text);
  await writeJsonFile(path.join(folder, "answers.json"), JSON.parse(answersOf(parts)));
  return { run, parts, file };
}

/** Prints a report as the user asked for it. */
export function showReport(reported: Reported, folder: string, options: { readonly json: boolean }, io: Io): void {
  const { run, parts, file } = reported;
  if (options.json) {
    io.write(`${JSON.stringify({ run, answers: JSON.parse(answersOf(parts)) }, null, 2)}\n`);
    return;
  }
  io.write(`${renderTerminal(parts)}\n`);
  if (run.state === "incomplete") io.write("incomplete: the run was stopped; what is missing is shown as –\n");
  for (const warning of run.warnings) io.write(`warning: ${warning}\n`);
  io.write(`records ${recordsFileOf(path.join(folder, recordsFile))}\nreport  ${file}\n`);
}

/** Options as the command line gives them. */
export interface ReportOptions {
  /** Folder for the report. */
  readonly out: string;
  readonly json: boolean;
  readonly format: readonly string[];
}

/** `report`, of a run or of a comparison. */
export async function reportCommand(folder: string, options: ReportOptions, io: Io): Promise<number> {
  if (isComparison(folder)) {
    const output = await planFormats(options.json ? ["json", ...options.format] : options.format);
    await showComparison(await readComparison(folder), output, { folder, reports: options.out }, io);
    return 0;
  }
  if (options.format.length > 0) throw new InputError(`--format: is for comparisons, and ${folder} is none`);
  showReport(await makeReport(folder, options.out), folder, options, io);
  return 0;
}
