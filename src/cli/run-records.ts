// The table of a run's rows: what a unit's rows say, and which case a row belongs to when a run is resumed.

import { existsSync } from "node:fs";
import { mkdir, rename, rm } from "node:fs/promises";
import path from "node:path";
import type { CheckOutcome } from "../checker/outcome.ts";
import { InputError } from "../errors.ts";
import { isOversubscribed } from "../native/crew.ts";
import { cpusText, instrumentOf, pointText, scaledText, type Unit } from "../plan/unit.ts";
import type { PlannedVariant } from "../plan/variant.ts";
import { RecordWriter, readRecords, recordsFile } from "../records/csv.ts";
import { environmentId } from "../records/environment.ts";
import { labelledMetric } from "../records/labelled.ts";
import { metricOf } from "../records/metrics.ts";
import type { MeasuredRow } from "../records/record.ts";
import type { Run } from "../records/run-file.ts";
import { lastRung } from "../report/check/report.ts";
import type { ParameterValue } from "../workloads/workload.ts";
import type { CheckCase } from "./check-plan.ts";

type Parameters = Readonly<Record<string, ParameterValue>>;

/** Text of a case's parameters: sorted, with white space escaped so that pairs can be told apart. */
export function parameterText(parameters: Parameters): string {
  return Object.entries(parameters)
    .map(([key, value]) => `${key}=${String(value).replace(/[%\s]/g, encodeURIComponent)}`)
    .sort()
    .join(" ");
}

/** What every row of a unit says of how it was measured. */
function marksOf({ stage, purpose, workload, cpus, fixedTime, simulation }: Unit): Parameters {
  const marks: Parameters = { stage, purpose, tasks: workload.limits.tasks };
  if (simulation !== null) {
    const { machine, virtualMs, scaled, swept } = simulation;
    return {
      ...marks,
      machine,
      "virtual-ms": virtualMs ?? 0,
      ...(scaled === null ? {} : { scaled: scaledText(scaled) }),
      ...(Object.keys(swept).length === 0 ? {} : { swept: Object.keys(swept).sort().join(",") }),
    };
  }
  return {
    ...marks,
    ...(instrumentOf(stage) === "native" && isOversubscribed(cpus) ? { oversubscribed: true } : {}),
    ...(fixedTime === null ? {} : { "slice-ms": fixedTime.sliceMs }),
  };
}

/** Holds one unit's rows until they are written. */
export class UnitRecorder {
  readonly #writer: RecordWriter;
  readonly #base: Pick<
    MeasuredRow,
    "run_id" | "commit" | "problem" | "workload" | "instrument" | "cpus" | "seed" | "environment_id"
  >;
  readonly #workload: Parameters;
  readonly #marks: Parameters;
  /** By variant. */
  readonly #parameters = new Map<string, string>();
  #rows: MeasuredRow[] = [];

  constructor(writer: RecordWriter, run: Run, unit: Unit) {
    this.#writer = writer;
    this.#workload = unit.workload.parameters;
    this.#marks = marksOf(unit);
    this.#base = {
      run_id: run.runId,
      commit: run.environment.commit,
      problem: unit.problem,
      workload: unit.workload.name,
      instrument: instrumentOf(unit.stage),
      cpus: unit.cpus,
      seed: unit.workload.seed,
      environment_id: environmentId(run.environment),
    };
  }

  add(variant: PlannedVariant, metric: string, round: number, value: number | null): void {
    const { unit, better, assume } = metricOf(metric);
    let parameters = this.#parameters.get(variant.id);
    if (parameters === undefined) {
      parameters = parameterText({ ...this.#workload, ...variant.parameters, ...this.#marks });
      this.#parameters.set(variant.id, parameters);
    }
    this.#rows.push({
      ...this.#base,
      variant: variant.id,
      parameters,
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

  /** Rows that are not written yet. */
  get rows(): readonly MeasuredRow[] {
    return this.#rows;
  }

  async write(): Promise<void> {
    for (const row of this.#rows) await this.#writer.write(row);
    this.#rows = [];
    await this.#writer.flush();
  }
}

/** A case's id; pairs with {@link caseOfRow}. The place of a workload has the scenario. */
export function checkId({ problem, variant, scenario, model }: CheckCase): string {
  return `${problem} / ${variant.id} / ${scenario.name} / checked ${model}`;
}

/** What is recorded of an outcome without a violation. What hangs on the host's speed is not exact. */
function metricsOf(outcome: CheckOutcome): readonly (readonly [metric: string, value: number])[] {
  const { states = 0, transitions = 0, executions = 0, depth = 0 } = lastRung(outcome)?.exploration ?? {};
  const time = ["check-ms", outcome.ms] as const;
  if (outcome.outcome === "bound") {
    return [
      ["check-exhausted", 0],
      [labelledMetric("check-bound", outcome.bound.replaceAll(/[^A-Za-z0-9_.() -]/g, "").trim()), 1],
      ["check-states-reached", states],
      time,
    ];
  }
  if (outcome.outcome === "defect") {
    const kind = outcome.counterexample?.finding.kind ?? "";
    return [[labelledMetric("check-defect", kind), 1], time];
  }
  return [
    ["check-exhausted", 1],
    ["check-states", states],
    ["check-transitions", transitions],
    ["check-executions", executions],
    ["check-depth", depth],
    time,
  ];
}

/** Rows of a case of the short check. */
export function checkRows(run: Run, { variant, scenario }: CheckCase, outcome: CheckOutcome): MeasuredRow[] {
  const { problem, model, scheduler, size } = outcome;
  const parameters = parameterText({
    ...variant.parameters,
    stage: "checked",
    "memory-model": model,
    scheduler,
    size,
  });
  return metricsOf(outcome).map(([metric, value]) => {
    const { unit, better, assume } = metricOf(metric);
    return {
      run_id: run.runId,
      commit: run.environment.commit,
      problem,
      variant: variant.id,
      workload: scenario.name,
      instrument: "checker",
      cpus: scenario.cpus,
      parameters,
      process: 0,
      round: 0,
      metric,
      unit,
      better,
      assume,
      value,
      seed: run.seed,
      environment_id: environmentId(run.environment),
    };
  });
}

/**
 * Opens the records of a run, keeping the rows of cases that an earlier attempt has done.
 *
 * @param onKept called with each of these rows
 */
export async function openRecords(
  folder: string,
  done: ReadonlySet<string>,
  onKept: (row: MeasuredRow) => void,
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
    for await (const row of readRecords(previous)) {
      if (!done.has(caseOfRow(row))) continue;
      await writer.write(row);
      onKept(row);
    }
  } catch (error) {
    // A killed run may have torn its last row; rows of done cases were flushed before.
    if (!(error instanceof InputError)) throw error;
  }
  await writer.flush();
  await rm(previous);
  return writer;
}

/** The case that a row belongs to, from the row alone; pairs with `caseId` of `plan/unit.ts`. */
export function caseOfRow(row: MeasuredRow): string {
  const parameters = new Map(row.parameters.split(" ").map((pair) => pair.split("=") as [string, string]));
  const get = (key: string): string => parameters.get(key) ?? "";
  const head = `${row.problem} / ${row.variant} / ${row.workload}`;
  if (row.instrument === "checker") return `${head} / checked ${get("memory-model")}`;
  if (row.instrument === "simulator") {
    const keys = (parameters.get("swept") ?? "").split(",").filter((key) => key !== "");
    const swept = Object.fromEntries(keys.map((key) => [key, get(key)]));
    return `${head} / ${pointText(get("machine"), row.cpus, swept, parameters.get("scaled") ?? null)}`;
  }
  const bytes = get("purpose") === "growth" ? ` quarantine-bytes=${get("quarantine-bytes")}` : "";
  return `${head} / ${get("stage")}${cpusText(row.cpus)}${bytes}`;
}
