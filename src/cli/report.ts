// `reclaim-bench report`: makes a run's report again from its records.

import { mkdir } from "node:fs/promises";
import path from "node:path";
import { suites } from "../../bench/index.ts";
import { InputError } from "../errors.ts";
import type { Suite } from "../plan/suite.ts";
import { writeJsonFile, writeTextFile } from "../records/atomic-file.ts";
import { readRecords, recordsFile } from "../records/csv.ts";
import { type Run, readRun } from "../records/run-file.ts";
import { answerAll, type WorkloadAnswers } from "../report/answers.ts";
import { renderMarkdown } from "../report/markdown.ts";
import { renderTerminal } from "../report/terminal.ts";
import type { Io } from "./io.ts";

/** A run with its answers. */
export interface Reported {
  readonly run: Run;
  readonly workloads: readonly WorkloadAnswers[];
  /** Path of the Markdown. */
  readonly file: string;
}

function suiteOf(run: Run): Suite {
  const problem = run.modules[0]?.problem;
  const suite = suites.find((one) => one.problem === problem);
  if (suite === undefined) throw new InputError(`run ${run.runId}: problem '${problem}' is not known to this version`);
  return suite;
}

/** Values of a map as an object, so that answers can be written as JSON. */
function plain(_key: string, value: unknown): unknown {
  return value instanceof Map ? Object.fromEntries(value) : value;
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
  const suite = suiteOf(run);
  const order = [...new Set(run.modules.map((one) => one.variant))];
  const workloads = await answerAll(readRecords(path.join(folder, recordsFile)), { ...suite, order });
  const text = renderMarkdown(run, workloads, {
    problem: suite.problem,
    statement: suite.statement,
    reference: suite.reference,
    questions: new Map(suite.workloads.map((one) => [one.name, one.question])),
  });
  const file = path.join(reports, `${path.basename(path.resolve(folder))}.md`);
  await mkdir(reports, { recursive: true });
  await writeTextFile(file, text);
  await writeJsonFile(path.join(folder, "answers.json"), JSON.parse(JSON.stringify(workloads, plain)));
  return { run, workloads, file };
}

/** Prints a report as the user asked for it. */
export function showReport(reported: Reported, folder: string, options: { readonly json: boolean }, io: Io): void {
  const { run, workloads, file } = reported;
  if (options.json) {
    io.write(`${JSON.stringify({ run, workloads }, plain, 2)}\n`);
    return;
  }
  io.write(`${renderTerminal(workloads)}\n`);
  if (run.state === "incomplete") io.write("incomplete: the run was stopped; what is missing is shown as –\n");
  for (const warning of run.warnings) io.write(`warning: ${warning}\n`);
  io.write(`records ${path.join(folder, recordsFile)}\nreport  ${file}\n`);
}
