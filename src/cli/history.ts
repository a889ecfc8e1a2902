// `reclaim-bench history`: keeps headline numbers of runs beside each other, and says between which revisions they changed.

import { mkdir, readdir, rm } from "node:fs/promises";
import path from "node:path";
import { suites } from "../../bench/index.ts";
import { headlineRows, historySeries, matchingSeries, type Roles, type Series } from "../compare/history.ts";
import { InputError } from "../errors.ts";
import { packageRoot } from "../package-root.ts";
import { writeTextFile } from "../records/atomic-file.ts";
import { readRecords, recordsFile } from "../records/csv.ts";
import { git } from "../records/environment.ts";
import { appendHistory, machineOf, readHistory } from "../records/history.ts";
import { type Run, readRun } from "../records/run-file.ts";
import {
  chartFile,
  type History,
  rangeOf,
  renderChart,
  renderHistoryMarkdown,
  renderHistoryTerminal,
  SeriesLabels,
} from "../report/history.ts";
import { newestRun, runFolderOf } from "./baseline.ts";
import type { Io } from "./io.ts";
import { checkWritable } from "./writable.ts";

/** Where histories are in a folder that holds `results/`. */
function folderIn(out: string): string {
  return path.join(out, "results", "history");
}

export interface AddOptions {
  readonly commit?: string;
  readonly out: string;
}

/** What git says; null where there is no git, no checkout or no such revision. */
async function ask(checkout: string, args: readonly string[]): Promise<string | null> {
  return await git(checkout, args).catch(() => null);
}

/** The revision that a run is of, in full, and when it was committed. */
export interface Revision {
  readonly commit: string;
  readonly committedAt: string;
}

/**
 * Tells which revision a run measured.
 *
 * @param given what the user says; for runs that do not know, or were measured with changes that do not count
 * @param checkout folder of the project
 * @throws {InputError} when nobody knows, or the user and the run disagree
 */
export async function revisionOf(run: Run, given: string | undefined, checkout: string): Promise<Revision> {
  const recorded = run.environment.commit;
  const isClean = /^[0-9a-f]+$/.test(recorded);
  if (given === undefined && !isClean) {
    const reason =
      recorded === ""
        ? "no commit is known of it"
        : `it was measured with changes on top of ${recorded.replace(/-dirty$/, "")}`;
    throw new InputError(
      `run ${run.runId}: ${reason}; a history is of commits: name the one that it stands for with --commit`,
    );
  }
  const revision = given ?? recorded;
  const resolved = await ask(checkout, [
    "rev-parse",
    "--verify",
    "--quiet",
    "--end-of-options",
    `${revision}^{commit}`,
  ]);
  const commit = resolved ?? revision;
  if (!/^[0-9a-f]{7,64}$/.test(commit)) {
    throw new InputError(`--commit ${revision}: the checkout has no such revision; give the hash of one`);
  }
  if (isClean && commit !== recorded)
    throw new InputError(`--commit ${revision}: run ${run.runId} was measured at ${recorded}`);
  const time = resolved === null ? null : await ask(checkout, ["show", "--no-patch", "--format=%cI", commit]);
  return { commit, committedAt: time === null ? run.startedAt : new Date(time).toISOString() };
}

/** @throws {InputError} for a run of which something is missing */
function checkWhole(run: Run): void {
  if (run.state !== "complete") {
    throw new InputError(`run ${run.runId}: it is incomplete; finish it with: reclaim-bench run --resume ${run.runId}`);
  }
  const failed = run.cases.find(({ state }) => state === "failed");
  if (failed === undefined) return;
  throw new InputError(
    `run ${run.runId}: ${failed.id} failed, so it does not enter the history: ${failed.error ?? ""}`,
  );
}

/** `history add`. */
export async function addHistory(
  named: string | undefined,
  { commit: given, out }: AddOptions,
  io: Io,
  checkout: string = packageRoot,
): Promise<number> {
  const folder = named === undefined ? await newestRun(out) : runFolderOf(named, out);
  const run = await readRun(folder);
  checkWhole(run);
  const { commit, committedAt } = await revisionOf(run, given, checkout);
  await checkWritable(out);
  const roles = new Map(
    suites.map(({ problem, reference, floor }): [string, Roles] => [problem, { reference, floor }]),
  );
  const found = await headlineRows(readRecords(path.join(folder, recordsFile)), roles);
  if (found.length === 0) {
    throw new InputError(
      `run ${run.runId}: has nothing that a history keeps: it neither counted, simulated nor timed a workload`,
    );
  }
  const machine = machineOf(run.environment);
  const rows = found.map((row) => ({ commit, committed_at: committedAt, machine, ...row }));
  const added = await appendHistory(folderIn(out), rows);
  const ratios = added.filter(({ assume }) => assume === "sampled").length;
  io.write(
    `history: run ${run.runId} of ${commit.slice(0, 12)}: ${added.length - ratios} exact numbers and ${ratios} ratios added to ${folderIn(out)}\n`,
  );
  return 0;
}

export interface ShowOptions {
  readonly series?: string;
  readonly json: boolean;
  readonly out: string;
}

/** How many commits the ranges of all changes have, as far as the checkout knows. */
async function countCommits(series: readonly Series[], checkout: string): Promise<Map<string, number>> {
  const ranges = new Set(series.flatMap(({ changes }) => changes.map(rangeOf)));
  const counts = new Map<string, number>();
  for (const range of ranges) {
    const count = await ask(checkout, ["rev-list", "--count", range, "--"]);
    if (count !== null) counts.set(range, Number(count));
  }
  return counts;
}

/** Writes the report and a chart of each series that changed; charts of before go. */
async function writeReport(history: History, reports: string): Promise<string> {
  const charts = path.join(reports, "history");
  await mkdir(charts, { recursive: true });
  const changed = history.series.filter(({ changes }) => changes.length > 0);
  const labels = new SeriesLabels(history.series);
  for (const series of changed) {
    await writeTextFile(path.join(charts, chartFile(series)), renderChart(series, labels.whereOf(series)));
  }
  const kept = new Set(changed.map(chartFile));
  for (const name of await readdir(charts)) {
    if (name.endsWith(".svg") && !kept.has(name)) await rm(path.join(charts, name));
  }
  const file = path.join(reports, "history.md");
  await writeTextFile(file, renderHistoryMarkdown(history, "history"));
  return file;
}

function jsonOf({ series, commits }: History): string {
  const all = series.map(({ changes, ...one }) => ({
    ...one,
    changes: changes.map((change) => ({ ...change, commits: commits.get(rangeOf(change)) ?? null })),
  }));
  return `${JSON.stringify({ schemaVersion: 1, series: all }, null, 2)}\n`;
}

/** `history show`. */
export async function showHistory(
  { series: glob, json, out }: ShowOptions,
  io: Io,
  checkout: string = packageRoot,
): Promise<number> {
  const folder = folderIn(out);
  const all = historySeries(await readHistory(folder));
  if (all.length === 0) throw new InputError(`no history in ${folder}; begin one with: reclaim-bench history add`);
  const series = glob === undefined ? all : matchingSeries(all, glob);
  if (series.length === 0) {
    throw new InputError(`--series ${glob}: none of ${all.length} series has such a name; the first: ${all[0]!.name}`);
  }
  const history = { series, commits: await countCommits(series, checkout) };
  await checkWritable(out);
  const file = await writeReport(history, path.join(out, "reports"));
  if (json) io.write(jsonOf(history));
  else io.write(`${renderHistoryTerminal(history)}\nreport  ${file}\n`);
  return 0;
}
