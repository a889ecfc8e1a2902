// `reclaim-bench run`: plans, measures, records and reports.

import { existsSync } from "node:fs";
import { readdir } from "node:fs/promises";
import path from "node:path";
import { isDeepStrictEqual } from "node:util";
import { InputError } from "../errors.ts";
import { caseId, type Unit } from "../plan/unit.ts";
import { readEnvironment } from "../records/environment.ts";
import { newRunId, type Run, readRun } from "../records/run-file.ts";
import type { CheckCase } from "./check-plan.ts";
import { execute, newRun } from "./execute.ts";
import type { Io } from "./io.ts";
import { Machines } from "./machines.ts";
import { compileUnits, type Modules, v8Flags } from "./modules.ts";
import {
  checkSimulatorOptions,
  type RunOptions,
  readChoices,
  scaleOf,
  stoppedCode,
  suitesOf,
  workersOf,
} from "./options.ts";
import { planAll, planWarnings } from "./plan-all.ts";
import { makeReport, showReport } from "./report.ts";
import { checkId } from "./run-records.ts";
import { planShortChecks } from "./short-check.ts";
import { checkWritable } from "./writable.ts";

/** A run that is about to begin. */
export interface Prepared {
  readonly units: readonly Unit[];
  readonly checks: readonly CheckCase[];
  readonly modules: Modules;
  readonly machines: Machines;
  readonly refines: boolean;
  readonly run: Run;
}

/** What a comparison wants other than `run`. */
export interface Particulars {
  /** Takes of the planned units what is carried out, of whose variants all are checked. @default all */
  readonly narrow?: (units: readonly Unit[]) => Unit[];
  /** As `ModuleSource` has it, and the revision that it is of. */
  readonly revision?: { readonly kernelFolder: string; readonly commit: string };
}

/**
 * Plans a run, and compiles what it needs.
 *
 * @param command the command line, for the record
 * @throws {InputError} for what cannot be run, or does not compile
 */
export async function prepare(
  problems: readonly string[],
  options: RunOptions,
  command: string,
  io: Io,
  { narrow = (units) => [...units], revision }: Particulars = {},
): Promise<Prepared> {
  const scale = scaleOf(options);
  const chosen = suitesOf(problems);
  const machines = new Machines();
  const choices = readChoices(options, chosen, machines);
  const planned = planAll(chosen, choices);
  const units = narrow(planned);
  checkSimulatorOptions(options, units);
  const checks = options.check ? planShortChecks(units) : [];
  const modules = await compileUnits(units, checks, io, revision?.kernelFolder);
  const startedAt = io.clock();
  const environment = await readEnvironment();
  const run = newRun(units, checks, modules, machines, {
    runId: newRunId(() => startedAt),
    command,
    startedAt: startedAt.toISOString(),
    environment: revision === undefined ? environment : { ...environment, commit: revision.commit },
    seed: choices.seed,
    warnings: planWarnings(units),
    parameters: {
      problems: JSON.stringify(chosen.map((one) => one.problem)),
      scale,
      instruments: JSON.stringify(options.instrument),
      cpus: options.cpus ?? "",
      hz: options.hz ?? "",
      v8Flags,
      variants: JSON.stringify(options.variant),
      variantFiles: JSON.stringify(options.variantFile),
      workloads: JSON.stringify(options.workload),
      workloadFile: options.workloadFile ?? "",
      set: JSON.stringify(options.set),
      slabinfo: options.slabinfo ?? "",
      machines: JSON.stringify(options.machine),
      sweeps: JSON.stringify(options.sweep),
      virtualMs: options.virtualMs ?? "",
      sensitivity: options.sensitivity,
      refine: options.refine,
      check: options.check,
    },
  });
  return { units, checks, modules, machines, refines: options.refine, run };
}

/** The run to go on with: the one named, or the newest that is incomplete. */
async function findIncomplete(results: string, wanted: string | true): Promise<Run> {
  if (wanted !== true) {
    const run = await readRun(path.join(results, wanted));
    if (run.state === "complete")
      throw new InputError(`--resume ${wanted}: the run is complete; nothing is left to do`);
    return run;
  }
  const names = existsSync(results) ? (await readdir(results)).sort().reverse() : [];
  for (const name of names) {
    if (!existsSync(path.join(results, name, "run.json"))) continue;
    const run = await readRun(path.join(results, name));
    if (run.state === "incomplete") return run;
  }
  throw new InputError(`--resume: no incomplete run in ${results}`);
}

/** A list as `prepare` wrote it: JSON, because what the user gave may hold any separator. */
export function listOf(run: Run, key: string): string[] {
  try {
    return (JSON.parse(String(run.parameters[key])) as unknown[]).map(String);
  } catch {
    throw new InputError(`run ${run.runId}: parameter '${key}' of its run.json is not a list; begin a new run`);
  }
}

/** Options of a run, as it recorded them. */
export function recordedOptions(before: Run, options: Pick<RunOptions, "workers" | "out" | "json">): RunOptions {
  const text = (key: string): string => String(before.parameters[key] ?? "");
  const given = <Key extends string>(key: Key): { readonly [K in Key]?: string } =>
    text(key) === "" ? {} : ({ [key]: text(key) } as { readonly [K in Key]?: string });
  return {
    instrument: listOf(before, "instruments"),
    variant: listOf(before, "variants"),
    variantFile: listOf(before, "variantFiles"),
    workload: listOf(before, "workloads"),
    set: listOf(before, "set"),
    machine: listOf(before, "machines"),
    sweep: listOf(before, "sweeps"),
    sensitivity: before.parameters.sensitivity === true,
    refine: before.parameters.refine === true,
    check: before.parameters.check === true,
    seed: String(before.seed),
    quick: text("scale") === "quick",
    full: text("scale") === "full",
    ...given("cpus"),
    ...given("hz"),
    ...given("virtualMs"),
    ...given("workloadFile"),
    ...given("slabinfo"),
    ...(options.workers === undefined ? {} : { workers: options.workers }),
    out: options.out,
    json: options.json,
  };
}

/** Plans an interrupted run again from what it recorded, and checks that it is still the same work. */
async function prepareResumed(
  problems: readonly string[],
  options: RunOptions,
  results: string,
  io: Io,
): Promise<Prepared> {
  const { instrument, variant, variantFile, workload, set, machine, sweep } = options;
  const lists = [problems, instrument, variant, variantFile, workload, set, machine, sweep];
  const { workloadFile, slabinfo, cpus, hz, virtualMs, sensitivity, refine } = options;
  const others = [workloadFile, slabinfo, cpus, hz, virtualMs].some((option) => option !== undefined);
  if (others || !options.check || sensitivity || refine || lists.some((list) => list.length > 0)) {
    throw new InputError(
      "--resume: goes on with what the run was told; leave out problems, instruments, CPUs, machines, variants, workloads, parameters and --no-check",
    );
  }
  const before = await findIncomplete(results, options.resume as string | true);
  const prepared = await prepare(listOf(before, "problems"), recordedOptions(before, options), before.command, io);
  const { units, checks, run } = prepared;
  // Not by their text: a file's fields come in the order of the schema.
  const same = (key: "modules" | "workloads" | "simulator"): boolean => isDeepStrictEqual(before[key], run[key]);
  const begin = "begin a new run";
  if (!same("modules")) throw new InputError(`run ${before.runId}: the variants have changed since it began; ${begin}`);
  if (!same("workloads"))
    throw new InputError(`run ${before.runId}: its workloads have changed since it began; ${begin}`);
  if (!same("simulator")) {
    throw new InputError(`run ${before.runId}: the simulator or its machines have changed since it began; ${begin}`);
  }
  if (before.environment.id !== run.environment.id) {
    throw new InputError(`run ${before.runId}: it was begun on another machine or Node.js; ${begin}`);
  }
  const planned = new Set([
    ...checks.map(checkId),
    ...units.flatMap((unit) => unit.variants.map((one) => caseId(unit, one))),
  ]);
  const unplanned = before.cases.filter(({ id }) => !planned.has(id));
  // Those were found to be of interest when others were done.
  const isRefined = prepared.refines && unplanned.every(({ id }) => / \/ simulated [^/]*$/.test(id));
  if (before.cases.length - unplanned.length !== planned.size || (unplanned.length > 0 && !isRefined)) {
    throw new InputError(`run ${before.runId}: its cases are not those of this version; ${begin}`);
  }
  const cases = before.cases.flatMap((one) => {
    if (one.state !== "failed") return [one];
    return planned.has(one.id) ? [{ id: one.id, state: "pending" as const }] : [];
  });
  return { ...prepared, run: { ...before, cases } };
}

/**
 * Runs and reports.
 *
 * @param command the command line, for the record
 * @param signal raised when the user stops the run
 * @returns exit code
 */
export async function runCommand(
  problems: readonly string[],
  options: RunOptions,
  command: string,
  io: Io,
  signal: AbortSignal,
): Promise<number> {
  await checkWritable(options.out);
  const results = path.join(options.out, "results");
  const reports = path.join(options.out, "reports");
  const workers = workersOf(options);
  const { run, ...prepared } =
    options.resume === undefined
      ? await prepare(problems, options, command, io)
      : await prepareResumed(problems, options, results, io);
  const folder = path.join(results, run.runId);
  io.warn(`run ${run.runId}, seed ${run.seed}\n`);
  if (options.resume === undefined) for (const warning of run.warnings) io.warn(`reclaim-bench: ${warning}\n`);
  const { run: finished, violated } = await execute({ ...prepared, workers, folder, run, io, signal });
  const reported = await makeReport(folder, reports);
  showReport(reported, folder, options, io);
  if (finished.state === "incomplete") {
    io.warn(`reclaim-bench: stopped; go on with: reclaim-bench run --resume ${run.runId}\n`);
    return stoppedCode;
  }
  if (violated) return 4;
  return finished.cases.some((one) => one.state === "failed") ? 2 : 0;
}
