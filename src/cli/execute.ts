// Carries out planned units one after the other and keeps what they measure: rows go to the records as they come,
// and run.json says after each unit how far the run has come, so that a killed run can be resumed.

import { existsSync } from "node:fs";
import { mkdir, rename, rm } from "node:fs/promises";
import path from "node:path";
import { InputError, StoppedError, ViolationError } from "../errors.ts";
import { isOversubscribed } from "../native/crew.ts";
import { caseId, cpusText, quarantineBytesOf, type Unit } from "../plan/plan.ts";
import type { PlannedVariant } from "../plan/variant.ts";
import { RecordWriter, readRecords, recordsFile } from "../records/csv.ts";
import { type Environment, environmentId } from "../records/environment.ts";
import { metricOf } from "../records/metrics.ts";
import type { MeasuredRow } from "../records/record.ts";
import { type Run, writeRun } from "../records/run-file.ts";
import { workloadHash } from "../workloads/index.ts";
import type { Io } from "./io.ts";
import type { Modules } from "./modules.ts";
import { Progress } from "./progress.ts";
import { runQuarantineUnit } from "./quarantine-unit.ts";
import { runShrinkerUnit } from "./shrinker-unit.ts";
import type { UnitFailures, UnitRun } from "./unit.ts";

/** Who carries out a problem's units. */
const runners: Readonly<Record<string, (run: UnitRun) => Promise<UnitFailures>>> = {
  quarantine: runQuarantineUnit,
  shrinker: runShrinkerUnit,
};

/** What a run needs besides its units. */
export interface Execution {
  readonly units: readonly Unit[];
  readonly modules: Modules;
  /** Folder of the run; made when it is not there. */
  readonly folder: string;
  readonly run: Run;
  readonly io: Io;
  readonly signal: AbortSignal;
}

/** Text of a case's parameters: sorted, with white space escaped so that pairs can be told apart. */
function parameterText(parameters: Readonly<Record<string, string | number | boolean>>): string {
  return Object.entries(parameters)
    .map(([key, value]) => `${key}=${String(value).replace(/[%\s]/g, encodeURIComponent)}`)
    .sort()
    .join(" ");
}

function runnerOf({ problem }: Unit): (run: UnitRun) => Promise<UnitFailures> {
  const runner = runners[problem];
  if (runner === undefined) throw new Error(`nobody carries out the units of problem '${problem}'`);
  return runner;
}

/** Writes one unit's rows. */
class UnitRecorder {
  readonly #writer: RecordWriter;
  readonly #base: Pick<
    MeasuredRow,
    "run_id" | "commit" | "problem" | "workload" | "instrument" | "cpus" | "seed" | "environment_id"
  >;
  readonly #unit: Unit;
  /** What every row of the unit says of how it was measured. */
  readonly #marks: Readonly<Record<string, string | number | boolean>>;
  #rows: MeasuredRow[] = [];

  constructor(writer: RecordWriter, run: Run, unit: Unit) {
    this.#writer = writer;
    this.#unit = unit;
    this.#marks = {
      ...(unit.stage !== "counted" && isOversubscribed(unit.cpus) ? { oversubscribed: true } : {}),
      tasks: unit.workload.limits.tasks,
      ...(unit.fixedTime === null ? {} : { "slice-ms": unit.fixedTime.sliceMs }),
    };
    this.#base = {
      run_id: run.runId,
      commit: run.environment.commit,
      problem: unit.problem,
      workload: unit.workload.name,
      instrument: unit.stage === "counted" ? "traced" : "native",
      cpus: unit.cpus,
      seed: unit.workload.seed,
      environment_id: environmentId(run.environment),
    };
  }

  add(variant: PlannedVariant, metric: string, round: number, value: number | null): void {
    const { unit, better, assume } = metricOf(metric);
    const { stage, purpose, workload } = this.#unit;
    this.#rows.push({
      ...this.#base,
      variant: variant.id,
      parameters: parameterText({ ...workload.parameters, ...variant.parameters, stage, purpose, ...this.#marks }),
      process: 0,
      round,
      metric,
      unit,
      better,
      assume,
      value,
    });
  }

  /** Forgets a variant's rows: its numbers are void. */
  drop(variant: PlannedVariant): void {
    this.#rows = this.#rows.filter((row) => row.variant !== variant.id);
  }

  async write(): Promise<void> {
    for (const row of this.#rows) await this.#writer.write(row);
    this.#rows.length = 0;
    await this.#writer.flush();
  }
}

/** Opens the records of a run, keeping the rows of cases that an earlier attempt has done. */
async function openRecords(
  folder: string,
  done: ReadonlySet<string>,
  caseOf: (row: MeasuredRow) => string,
): Promise<RecordWriter> {
  await mkdir(folder, { recursive: true });
  const previous = path.join(folder, "records.previous.csv");
  const partial = path.join(folder, `${recordsFile}.partial`);
  // When it is there, an attempt was killed while it copied: the copy lacks rows that only the original has.
  if (existsSync(previous)) await rm(partial, { force: true });
  for (const file of [path.join(folder, recordsFile), partial]) if (existsSync(file)) await rename(file, previous);
  const writer = await RecordWriter.open(folder);
  if (!existsSync(previous)) return writer;
  try {
    for await (const row of readRecords(previous)) if (done.has(caseOf(row))) await writer.write(row);
  } catch (error) {
    // A killed run may have torn its last row; rows of done cases were flushed before.
    if (!(error instanceof InputError)) throw error;
  }
  await writer.flush();
  await rm(previous);
  return writer;
}

/** The case that a row belongs to, from the row alone; pairs with `caseId` of `plan/plan.ts`. */
function caseOfRow(row: MeasuredRow): string {
  const parameters = new Map(row.parameters.split(" ").map((pair) => pair.split("=") as [string, string]));
  const bytes = parameters.get("purpose") === "growth" ? ` quarantine-bytes=${parameters.get("quarantine-bytes")}` : "";
  return `${row.problem} / ${row.variant} / ${row.workload} / ${parameters.get("stage")}${cpusText(row.cpus)}${bytes}`;
}

/**
 * Runs what is pending.
 *
 * @returns the run as it was left, complete or stopped by the signal, and whether a variant did what none may do
 */
export async function execute(execution: Execution): Promise<{ readonly run: Run; readonly violated: boolean }> {
  const { units, modules, folder, io, signal } = execution;
  const cases = new Map(execution.run.cases.map((one) => [one.id, one]));
  const isDone = (unit: Unit): boolean =>
    unit.variants.every((variant) => cases.get(caseId(unit, variant))?.state === "done");
  const done = new Set([...cases.values()].filter((one) => one.state === "done").map((one) => one.id));
  const warnings = new Set(execution.run.warnings);
  let rssBytesMax = execution.run.rssBytesMax;
  const snapshot = (state: Run["state"], finishedAt: string | null): Run => ({
    ...execution.run,
    state,
    finishedAt,
    cases: [...cases.values()],
    warnings: [...warnings],
    rssBytesMax,
  });

  /** Problem and variant of those that did what none may do. */
  const voided = new Set<string>();
  const isVoid = (unit: Unit, variant: string): boolean => voided.has(`${unit.problem} ${variant}`);
  const writer = await openRecords(folder, done, caseOfRow);
  await writeRun(folder, snapshot("incomplete", null));
  const unitsDone = units.filter(isDone).reduce((sum, unit) => sum + unit.weight, 0);
  const progress = new Progress(io, { unitsTotal: units.reduce((sum, unit) => sum + unit.weight, 0), unitsDone });
  try {
    for (const planned of units) {
      if (isDone(planned)) continue;
      if (signal.aborted) break;
      // What hung or trapped once is not waited for again.
      const unit = { ...planned, variants: planned.variants.filter(({ id }) => !isVoid(planned, id)) };
      for (const variant of planned.variants) {
        if (!isVoid(planned, variant.id)) continue;
        const id = caseId(planned, variant);
        cases.set(id, { id, state: "failed", error: `variant '${variant.id}': void, so not measured any more` });
      }
      const name = `${unit.problem}: ${unit.workload.name}, ${unit.stage}${unit.purpose === "growth" ? ` at ${Math.round(quarantineBytesOf(unit.workload) / 2 ** 20)} MiB` : ""}`;
      progress.begin(name);
      const recorder = new UnitRecorder(writer, execution.run, unit);
      let failures: UnitFailures;
      try {
        failures = await runnerOf(unit)({
          unit,
          modules,
          emit: (variant, metric, round, value) => recorder.add(variant, metric, round, value),
          warn: (text) => warnings.add(text),
          onProgress: (share) => progress.update(share * unit.weight),
          signal,
        });
      } catch (error) {
        if (!(error instanceof StoppedError)) throw error;
        // What was sampled before the stop is kept; the case stays pending and is measured again on resume.
        await recorder.write();
        break;
      }
      for (const variant of unit.variants) {
        const id = caseId(unit, variant);
        const error = failures.get(variant.id);
        cases.set(id, error === undefined ? { id, state: "done" } : { id, state: "failed", error: error.message });
        if (error === undefined) continue;
        if (!(error instanceof InputError || error instanceof ViolationError)) throw error;
        if (error instanceof ViolationError) voided.add(`${unit.problem} ${variant.id}`);
        recorder.drop(variant);
        progress.clear();
        io.warn(`reclaim-bench: ${error.message}\n`);
      }
      rssBytesMax = Math.max(rssBytesMax, process.resourceUsage().maxRSS * 1024);
      await recorder.write();
      await writeRun(folder, snapshot("incomplete", null));
      progress.finish(unit.weight);
    }
  } finally {
    progress.clear();
    await writer.finish();
  }
  const complete = [...cases.values()].every((one) => one.state !== "pending");
  const result = snapshot(complete ? "complete" : "incomplete", complete ? io.clock().toISOString() : null);
  await writeRun(folder, result);
  return { run: result, violated: voided.size > 0 };
}

/** A run that has not begun. */
export function newRun(
  units: readonly Unit[],
  modules: Modules,
  about: {
    runId: string;
    command: string;
    startedAt: string;
    environment: Environment;
    seed: number;
    parameters: Run["parameters"];
  },
): Run {
  const workloads = new Map<string, Run["workloads"][number]>();
  for (const { workload } of units) {
    const key = `${workload.name} ${parameterText(workload.parameters)}`;
    if (workloads.has(key)) continue;
    const { name, parameters, seed, limits } = workload;
    workloads.set(key, { name, parameters, seed, limits, sha256: workloadHash(workload) });
  }
  return {
    schemaVersion: 1,
    runId: about.runId,
    command: about.command,
    startedAt: about.startedAt,
    finishedAt: null,
    state: "incomplete",
    environment: about.environment,
    parameters: about.parameters,
    seed: about.seed,
    flags: modules.flags(),
    modules: modules.describe(),
    workloads: [...workloads.values()],
    cases: units.flatMap((unit) =>
      unit.variants.map((variant) => ({ id: caseId(unit, variant), state: "pending" as const })),
    ),
    warnings: [],
    rssBytesMax: 0,
  };
}
