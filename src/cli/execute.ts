// Carries out planned units one after the other and keeps what they measure: rows go to the records as they come,
// and run.json says after each unit how far the run has come, so that a killed run can be resumed.

import { existsSync } from "node:fs";
import { mkdir, rename, rm } from "node:fs/promises";
import path from "node:path";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { type CompiledModule, compileModule } from "../build/compile.ts";
import type { MachineForm } from "../build/flags.ts";
import { asViolation, InputError, StoppedError, ViolationError } from "../errors.ts";
import { InstrumentedMachine } from "../native/instrumented-machine.ts";
import { crossCheckPut, measureInstrumented, measureNatively, type Subject } from "../native/measure.ts";
import { caseId, quarantineBytesOf, type Unit } from "../plan/plan.ts";
import type { PlannedVariant } from "../plan/variant.ts";
import { RecordWriter, readRecords, recordsFile } from "../records/csv.ts";
import { type Environment, environmentId } from "../records/environment.ts";
import { metricOf } from "../records/metrics.ts";
import type { MeasuredRow } from "../records/record.ts";
import { type Run, writeRun } from "../records/run-file.ts";
import { countExactly } from "../traced/measure.ts";
import { workloadHash } from "../workloads/index.ts";
import type { Workload } from "../workloads/workload.ts";
import type { Io } from "./io.ts";
import { Progress } from "./progress.ts";

/** CPUs of a case. */
const cpus = 1;

const machineOfStage: Readonly<Record<Unit["stage"], MachineForm>> = {
  timed: "native",
  mitata: "native",
  instrumented: "instrumented",
  counted: "traced",
};

/** Compiled modules of a run, by variant and form of the machine. */
export class Modules {
  readonly #modules = new Map<string, { readonly variant: PlannedVariant; readonly compiled: CompiledModule }>();

  static #key(variant: PlannedVariant, machine: MachineForm): string {
    return `${machine} ${variant.id}`;
  }

  /** @throws {InputError} when a variant does not compile */
  async compile(problem: string, variant: PlannedVariant, machine: MachineForm): Promise<void> {
    const key = Modules.#key(variant, machine);
    if (this.#modules.has(key)) return;
    const compiled = await compileModule({
      problem,
      variant: variant.name,
      ...(variant.file === undefined ? {} : { variantFile: variant.file }),
      machine,
      constants: variant.constants,
    });
    this.#modules.set(key, { variant, compiled });
  }

  get(variant: PlannedVariant, stage: Unit["stage"]): CompiledModule {
    const found = this.#modules.get(Modules.#key(variant, machineOfStage[stage]));
    if (found === undefined) throw new Error(`${variant.id} was not compiled for ${stage}`);
    return found.compiled;
  }

  describe(problem: string): Run["modules"] {
    return [...this.#modules].map(([key, { variant, compiled }]) => ({
      problem,
      variant: variant.id,
      machine: key.split(" ")[0] as string,
      wasmSha256: compiled.sha256,
    }));
  }

  flags(): string[] {
    const first = [...this.#modules.values()].find(({ variant }) => variant.isReference);
    return [...(first?.compiled.flags ?? [])];
  }
}

/**
 * Compiles everything that the units need.
 *
 * @throws {InputError} when a variant does not compile; nothing was written by then
 */
export async function compileUnits(units: readonly Unit[], io: Io): Promise<Modules> {
  setFlagsFromString(v8Flags);
  const wanted = new Map<string, () => Promise<void>>();
  const modules = new Modules();
  for (const { problem, stage, variants } of units) {
    for (const variant of variants) {
      const machine = machineOfStage[stage];
      wanted.set(`${machine} ${variant.id}`, () => modules.compile(problem, variant, machine));
    }
  }
  const progress = new Progress(io, { unitsTotal: wanted.size });
  for (const [key, compile] of wanted) {
    progress.begin(`compile ${key}`);
    try {
      await compile();
    } catch (error) {
      progress.clear();
      throw error;
    }
    progress.finish(1);
  }
  progress.clear();
  return modules;
}

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

/** Flags of V8 that hold for the whole run: Wasm is compiled by the optimising compiler from the first call on. */
export const v8Flags = "--no-liftoff";

/** Frees the Wasm memories of finished cases, which the collector does not see as large. */
const collectGarbage: () => void = (() => {
  setFlagsFromString("--expose-gc");
  return runInNewContext("gc") as () => void;
})();

/** Times that the instrumented build runs a workload: the longest section of one run may be that of a preempted holder. */
const instrumentedRounds = 2;

/** Writes one unit's rows. */
class UnitRecorder {
  readonly #writer: RecordWriter;
  readonly #base: Pick<
    MeasuredRow,
    "run_id" | "commit" | "problem" | "workload" | "instrument" | "seed" | "environment_id"
  >;
  readonly #unit: Unit;
  #rows: MeasuredRow[] = [];

  constructor(writer: RecordWriter, run: Run, unit: Unit) {
    this.#writer = writer;
    this.#unit = unit;
    this.#base = {
      run_id: run.runId,
      commit: run.environment.commit,
      problem: unit.problem,
      workload: unit.workload.name,
      instrument: unit.stage === "counted" ? "traced" : "native",
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
      cpus,
      parameters: parameterText({ ...workload.parameters, ...variant.parameters, stage, purpose }),
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

/** Bytes that one session of a workload touches, roughly. */
function sessionBytes(workload: Workload): number {
  const { limits } = workload;
  return (
    1.3 * (quarantineBytesOf(workload) + limits.slabBytesMax) + limits.objects * 4 + limits.caches * 192 + 16 * 2 ** 20
  );
}

/** Splits subjects into groups that fit into memory together; within a group they run in turns. */
function groupByMemory<T>(subjects: readonly T[], bytesEach: number, bytesAvailable: number): T[][] {
  const size = Math.max(1, Math.floor(bytesAvailable / bytesEach));
  const groups: T[][] = [];
  for (let first = 0; first < subjects.length; first += size) groups.push(subjects.slice(first, first + size));
  return groups;
}

/** Measures one subject on its own, in any stage but the timed one. */
async function measureOne(
  stage: Unit["stage"],
  subject: Subject,
  workload: Workload,
  emit: (metric: string, round: number, value: number) => void,
  signal: AbortSignal,
): Promise<void> {
  if (stage === "mitata") {
    const check = await crossCheckPut(subject, workload, signal);
    if (check !== null) {
      emit("put-ns-mitata", 0, check.mitataNs);
      emit("put-ns-checked", 0, check.oursNs);
    }
  } else if (stage === "instrumented") {
    for (let round = 0; round < instrumentedRounds; round++) {
      const machine = new InstrumentedMachine();
      await measureInstrumented(subject, workload, machine, signal);
      emit("lock-hold-ns-max", round, machine.lockHoldNsMax);
      emit("irq-off-ns-max", round, machine.irqOffNsMax);
      collectGarbage();
    }
  } else {
    await countExactly(subject, subject.compiled, workload, subject.sizes, emit, signal);
  }
}

async function runUnit(
  unit: Unit,
  modules: Modules,
  recorder: UnitRecorder,
  warn: (warning: string) => void,
  onProgress: (share: number) => void,
  signal: AbortSignal,
): Promise<Map<string, Error>> {
  const failures = new Map<string, Error>();
  const { workload, variants, stage } = unit;
  const quarantineBytes = quarantineBytesOf(workload);
  const byId = new Map(variants.map((variant) => [variant.id, variant]));
  const variantOf = (id: string): PlannedVariant => byId.get(id) as PlannedVariant;
  const subjects = variants.map(
    (variant): Subject => ({
      id: variant.id,
      compiled: modules.get(variant, stage),
      sizes: { cpus, quarantineBytes, skipWhenEmpty: variant.skipWhenEmpty },
      isFloor: variant.isFloor,
    }),
  );
  if (stage === "timed") {
    const groups = groupByMemory(subjects, sessionBytes(workload), process.availableMemory() / 2);
    if (groups.length > 1 && unit.purpose === "answers") {
      warn(
        `${workload.name}: only ${(groups[0] as Subject[]).length} variants fit into memory at a time, so not all were measured in turns; ratios between groups carry the machine's drift`,
      );
    }
    for (const [index, group] of groups.entries()) {
      const failed = await measureNatively({
        subjects: group,
        workload,
        signal,
        onSample: (id, metric, round, value) => recorder.add(variantOf(id), metric, round, value),
        onRemovals: (id, latencies) => {
          for (const { metric, value } of latencies.rows("remove-latency-ns"))
            recorder.add(variantOf(id), metric, 0, value);
        },
        onProgress: (share) => onProgress((index + share) / groups.length),
      });
      for (const [id, error] of failed) failures.set(id, error);
      collectGarbage();
    }
    return failures;
  }
  for (const [index, subject] of subjects.entries()) {
    const variant = variantOf(subject.id);
    const emit = (metric: string, round: number, value: number): void => recorder.add(variant, metric, round, value);
    try {
      await measureOne(stage, subject, workload, emit, signal);
    } catch (error) {
      if (error instanceof StoppedError) throw error;
      failures.set(subject.id, asViolation(subject.id, error));
    }
    collectGarbage();
    onProgress((index + 1) / subjects.length);
  }
  return failures;
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
  return `${row.problem} / ${row.variant} / ${row.workload} / ${parameters.get("stage")}${bytes}`;
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

  let violated = false;
  const writer = await openRecords(folder, done, caseOfRow);
  await writeRun(folder, snapshot("incomplete", null));
  const unitsDone = units.filter(isDone).reduce((sum, unit) => sum + unit.weight, 0);
  const progress = new Progress(io, { unitsTotal: units.reduce((sum, unit) => sum + unit.weight, 0), unitsDone });
  try {
    for (const unit of units) {
      if (isDone(unit)) continue;
      if (signal.aborted) break;
      const name = `${unit.workload.name}, ${unit.stage}${unit.purpose === "growth" ? ` at ${Math.round(quarantineBytesOf(unit.workload) / 2 ** 20)} MiB` : ""}`;
      progress.begin(name);
      const recorder = new UnitRecorder(writer, execution.run, unit);
      let failures: ReadonlyMap<string, Error>;
      try {
        failures = await runUnit(
          unit,
          modules,
          recorder,
          (text) => warnings.add(text),
          (share) => progress.update(share * unit.weight),
          signal,
        );
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
        violated ||= error instanceof ViolationError;
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
  return { run: result, violated };
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
    modules: modules.describe((units[0] as Unit).problem),
    workloads: [...workloads.values()],
    cases: units.flatMap((unit) =>
      unit.variants.map((variant) => ({ id: caseId(unit, variant), state: "pending" as const })),
    ),
    warnings: [],
    rssBytesMax: 0,
  };
}
