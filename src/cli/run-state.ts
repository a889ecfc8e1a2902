// How far a run has come: its cases, its records, and what the user is told of it. Rows go to the records as cases end,
// and run.json says which are done, so that a killed run can be resumed.

import type { CheckOutcome } from "../checker/outcome.ts";
import { InputError, ViolationError } from "../errors.ts";
import { caseId, instrumentOf, type Unit } from "../plan/unit.ts";
import type { PlannedVariant } from "../plan/variant.ts";
import type { RecordWriter } from "../records/csv.ts";
import type { MeasuredRow } from "../records/record.ts";
import { type Run, writeRun } from "../records/run-file.ts";
import type { CheckCase } from "./check-plan.ts";
import type { Io } from "./io.ts";
import type { Machines } from "./machines.ts";
import type { Modules } from "./modules.ts";
import { Progress } from "./progress.ts";
import { checkId, checkRows, openRecords, UnitRecorder } from "./run-records.ts";

/** What a run needs besides its units. */
export interface Execution {
  readonly units: readonly Unit[];
  /** What is checked before anything is measured. */
  readonly checks: readonly CheckCase[];
  readonly modules: Modules;
  readonly machines: Machines;
  /** Threads that check or simulate at the same time. */
  readonly workers: number;
  /** Whether places where simulated variants change places are looked for between the CPUs asked for. */
  readonly refines: boolean;
  /** Folder of the run; made when it is not there. */
  readonly folder: string;
  readonly run: Run;
  readonly io: Io;
  readonly signal: AbortSignal;
}

/** Time between two writes of run.json where cases end in quick succession. */
const saveMs = 1000;

type Case = Run["cases"][number];

export class RunState {
  readonly execution: Execution;
  readonly progress: Progress;
  readonly #writer: RecordWriter;
  readonly #cases: Map<string, Case>;
  readonly #warnings: Set<string>;
  /** Problem and variant of those that did what none may do. */
  readonly #voided = new Set<string>();
  #rssBytesMax: number;
  #savedMs = Number.NEGATIVE_INFINITY;

  private constructor(execution: Execution, writer: RecordWriter) {
    const { units, run, io } = execution;
    this.execution = execution;
    this.#writer = writer;
    this.#cases = new Map(run.cases.map((one) => [one.id, one]));
    this.#warnings = new Set(run.warnings);
    this.#rssBytesMax = run.rssBytesMax;
    const sum = (weightOf: (unit: Unit) => number): number => units.reduce((total, unit) => total + weightOf(unit), 0);
    this.progress = new Progress(io, {
      unitsTotal: sum(({ weight }) => weight),
      unitsDone: sum(
        (unit) => (unit.weight * (unit.variants.length - this.pending(unit).length)) / unit.variants.length,
      ),
    });
  }

  /**
   * @param onKept called with each row that an earlier attempt has left
   * @throws {Error} when the folder cannot be written
   */
  static async open(execution: Execution, onKept: (row: MeasuredRow) => void): Promise<RunState> {
    const done = new Set(execution.run.cases.flatMap(({ id, state }) => (state === "done" ? [id] : [])));
    for (const unit of execution.units) {
      const ids = unit.variants.map((variant) => caseId(unit, variant));
      // What is measured in turns is measured again together.
      if (instrumentOf(unit.stage) === "native" && !ids.every((id) => done.has(id)))
        for (const id of ids) done.delete(id);
    }
    const cases = execution.run.cases.map(({ id, state, ...more }) => ({
      id,
      ...(state === "done" && !done.has(id) ? { state: "pending" as const } : { state, ...more }),
    }));
    const writer = await openRecords(execution.folder, done, onKept);
    const state = new RunState({ ...execution, run: { ...execution.run, cases } }, writer);
    await state.save();
    return state;
  }

  isDone(unit: Unit, variant: PlannedVariant): boolean {
    return this.#cases.get(caseId(unit, variant))?.state === "done";
  }

  /** Whether nothing was wrong in a case of the short check. */
  isChecked(check: CheckCase): boolean {
    return this.#cases.get(checkId(check))?.state === "done";
  }

  /** Variants of a unit that are not done. */
  pending(unit: Unit): readonly PlannedVariant[] {
    return unit.variants.filter((variant) => !this.isDone(unit, variant));
  }

  /** Whether a variant did what none may do: what hung or trapped once is not waited for again. */
  isVoid({ problem }: Pick<Unit, "problem">, variant: PlannedVariant): boolean {
    return this.#voided.has(`${problem} ${variant.id}`);
  }

  get hasViolation(): boolean {
    return this.#voided.size > 0;
  }

  recorder(unit: Unit): UnitRecorder {
    return new UnitRecorder(this.#writer, this.execution.run, unit);
  }

  warn(warning: string): void {
    this.#warnings.add(warning);
  }

  /** A case ended well. */
  settle(unit: Unit, variant: PlannedVariant): void {
    const id = caseId(unit, variant);
    this.#cases.set(id, { id, state: "done" });
  }

  /** A case is left out, as the variant is void. */
  leaveOut(unit: Unit, variant: PlannedVariant): void {
    const id = caseId(unit, variant);
    this.#cases.set(id, { id, state: "failed", error: `variant '${variant.id}': void, so not measured any more` });
  }

  /**
   * A case failed.
   *
   * @throws the error itself when neither the user nor the variant has caused it
   */
  fail(unit: Unit, variant: PlannedVariant, error: Error): void {
    this.#fail(caseId(unit, variant), unit.problem, variant, error);
  }

  #fail(id: string, problem: string, variant: PlannedVariant, error: Error): void {
    this.#cases.set(id, { id, state: "failed", error: error.message });
    if (!(error instanceof InputError || error instanceof ViolationError)) throw error;
    if (error instanceof ViolationError) this.#voided.add(`${problem} ${variant.id}`);
    this.progress.clear();
    this.execution.io.warn(`reclaim-bench: ${error.message}\n`);
  }

  /** A case of the short check ended without a violation. */
  async settleCheck(check: CheckCase, outcome: CheckOutcome): Promise<void> {
    for (const row of checkRows(this.execution.run, check, outcome)) await this.#writer.write(row);
    await this.#writer.flush();
    const id = checkId(check);
    this.#cases.set(id, { id, state: "done" });
  }

  /** The short check found something wrong, so the variant is void. */
  failCheck(check: CheckCase, error: ViolationError): void {
    this.#fail(checkId(check), check.problem, check.variant, error);
  }

  #snapshot(state: Run["state"], finishedAt: string | null): Run {
    return {
      ...this.execution.run,
      state,
      finishedAt,
      cases: [...this.#cases.values()],
      warnings: [...this.#warnings],
      rssBytesMax: this.#rssBytesMax,
    };
  }

  async save(): Promise<void> {
    this.#savedMs = performance.now();
    this.#rssBytesMax = Math.max(this.#rssBytesMax, process.resourceUsage().maxRSS * 1024);
    await writeRun(this.execution.folder, this.#snapshot("incomplete", null));
  }

  /** Saves unless that was done a moment ago. What a killed run has not saved is measured again. */
  async saveNowAndThen(): Promise<void> {
    if (performance.now() - this.#savedMs >= saveMs) await this.save();
  }

  /** Ends the records. */
  async close(): Promise<void> {
    this.progress.clear();
    await this.#writer.finish();
  }

  /** The run as it is left: complete when every case was tried. */
  async conclude(): Promise<Run> {
    const complete = [...this.#cases.values()].every((one) => one.state !== "pending");
    const run = this.#snapshot(
      complete ? "complete" : "incomplete",
      complete ? this.execution.io.clock().toISOString() : null,
    );
    await writeRun(this.execution.folder, run);
    return run;
  }
}
