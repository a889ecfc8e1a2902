// `reclaim-bench run`: plans, measures, records and reports.

import { existsSync } from "node:fs";
import { readdir, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { isDeepStrictEqual } from "node:util";
import { suites } from "../../bench/index.ts";
import { kernelFolder } from "../build/compile.ts";
import { InputError } from "../errors.ts";
import { type Choices, caseId, knows, planUnits, type Unit } from "../plan/plan.ts";
import type { Scale, Suite } from "../plan/suite.ts";
import { readEnvironment } from "../records/environment.ts";
import { newRunId, type Run, readRun } from "../records/run-file.ts";
import { checkSeed } from "../workloads/parameters.ts";
import type { ParameterValue } from "../workloads/workload.ts";
import { execute, newRun } from "./execute.ts";
import type { Io } from "./io.ts";
import { compileUnits, type Modules, v8Flags } from "./modules.ts";
import { makeReport, showReport } from "./report.ts";

/** Options as the command line gives them. */
export interface RunOptions {
  readonly variant: readonly string[];
  readonly variantFile: readonly string[];
  readonly workload: readonly string[];
  readonly workloadFile?: string;
  readonly slabinfo?: string;
  readonly set: readonly string[];
  /** CPUs of the native stages; absent for each problem's own number. */
  readonly cpus?: string;
  readonly seed: string;
  readonly quick: boolean;
  readonly full: boolean;
  /** Folder that holds `results/` and `reports/`. */
  readonly out: string;
  readonly json: boolean;
  /** A run id, or true for the newest incomplete run. */
  readonly resume?: string | true;
}

/** Most CPUs of the native instrument: each is a thread. */
const cpusMax = 64;

/** Exit code of a run that the user stopped: 128 and the number of SIGINT. */
export const stoppedCode = 130;

function integerOf(option: string, text: string): number {
  if (!/^\d+$/.test(text)) throw new InputError(`${option}: must be a whole number, got '${text}'`);
  return Number(text);
}

const multiples: Readonly<Record<string, number>> = { KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30 };

/** Reads `--set key=value`. Numbers, also such as `64MiB`, become numbers; each workload checks its own. */
export function readSettings(pairs: readonly string[]): Record<string, ParameterValue> {
  const settings: Record<string, ParameterValue> = {};
  for (const pair of pairs) {
    const [, key, value] = /^([a-z][a-z0-9-]*)=(.*)$/s.exec(pair) ?? [];
    if (key === undefined || value === undefined) throw new InputError(`--set ${pair}: not of the form key=value`);
    if (Object.hasOwn(settings, key)) throw new InputError(`--set ${key}: given twice`);
    const [, number, suffix = ""] = /^(-?\d+(?:\.\d+)?)(KiB|MiB|GiB)?$/.exec(value) ?? [];
    settings[key] = number === undefined ? value : Number(number) * (multiples[suffix] ?? 1);
  }
  return settings;
}

/** Names of the user's variant files, by which they are shown. */
function outsideVariants(chosen: readonly Suite[], files: readonly string[]): Map<string, string> {
  const found = new Map<string, string>();
  for (const file of files) {
    const name = path.basename(file, ".ts");
    if (!file.endsWith(".ts")) throw new InputError(`--variant-file ${file}: must be a .ts file`);
    if (!existsSync(file)) throw new InputError(`--variant-file ${file}: no such file`);
    if (!/^[a-z0-9][a-z0-9-]*$/i.test(name)) {
      throw new InputError(`--variant-file ${file}: the file's name must be letters, digits and hyphens`);
    }
    // The variant takes a file's place in its problem's folder.
    const isTaken = chosen.some(({ problem }) => existsSync(path.join(kernelFolder, problem, `${name}.ts`)));
    if (isTaken || found.has(name)) {
      throw new InputError(`--variant-file ${file}: the name '${name}' is taken; rename the file`);
    }
    found.set(name, path.resolve(file));
  }
  return found;
}

function suitesOf(problems: readonly string[]): readonly Suite[] {
  if (problems.length === 0) return suites;
  return [...new Set(problems)].map((problem) => {
    const suite = suites.find((one) => one.problem === problem);
    if (suite !== undefined) return suite;
    throw new InputError(`problem '${problem}': unknown; one of: ${suites.map((one) => one.problem).join(", ")}`);
  });
}

/** What of the choices concerns one of several problems; null when nothing does. */
function restrict(suite: Suite, choices: Choices): Choices | null {
  const variants = choices.variants.filter((text) => {
    const [name] = text.trim().split(/\s+/);
    return suite.variants.some((one) => one.name === name);
  });
  const workloads = choices.workloads.filter((name) => suite.workloads.some((one) => one.name === name));
  if (choices.variants.length > 0 && variants.length === 0) return null;
  if (choices.workloads.length > 0 && workloads.length === 0) return null;
  const taken = workloads.length > 0 ? workloads : suite.workloads.map((one) => one.name);
  const parameters = Object.fromEntries(
    Object.entries(choices.parameters).filter(([parameter]) => taken.some((name) => knows(name, parameter))),
  );
  return { ...choices, variants, workloads, parameters };
}

/**
 * The units of all chosen problems. Where several were chosen, each takes of the variants and workloads those that it
 * knows; what none knows is refused.
 */
function planAll(chosen: readonly Suite[], choices: Choices): Unit[] {
  const [only] = chosen;
  if (only !== undefined && chosen.length === 1) return planUnits(only, choices);
  const names = chosen.map((one) => one.problem).join(", ");
  if (choices.outside.size > 0 || choices.workloadFile !== undefined) {
    throw new InputError(`--variant-file and --workload-file: name the one problem that they are for: ${names}`);
  }
  for (const text of choices.variants) {
    const [name = ""] = text.trim().split(/\s+/);
    if (chosen.some((suite) => suite.variants.some((one) => one.name === name))) continue;
    throw new InputError(
      `variant '${name}': unknown; one of: ${chosen.flatMap((suite) => suite.variants.map((one) => one.name)).join(", ")}`,
    );
  }
  for (const name of choices.workloads) {
    if (chosen.some((suite) => suite.workloads.some((one) => one.name === name))) continue;
    const known = new Set(chosen.flatMap((suite) => suite.workloads.map((one) => one.name)));
    throw new InputError(`workload '${name}': unknown for problems ${names}; one of: ${[...known].join(", ")}`);
  }
  const restricted = chosen.flatMap((suite) => {
    const own = restrict(suite, choices);
    return own === null ? [] : [{ suite, own }];
  });
  if (restricted.length === 0) throw new InputError(`no problem of ${names} knows both the variants and the workloads`);
  for (const parameter of Object.keys(choices.parameters)) {
    if (restricted.some(({ own }) => Object.hasOwn(own.parameters, parameter))) continue;
    throw new InputError(`--set ${parameter}: no chosen workload has this parameter; 'list' shows them`);
  }
  return restricted.flatMap(({ suite, own }) => planUnits(suite, own));
}

function cpusOf(text: string): number {
  const cpus = integerOf("--cpus", text);
  if (cpus < 1 || cpus > cpusMax) throw new InputError(`--cpus: must be from 1 to ${cpusMax}, got ${text}`);
  return cpus;
}

interface Prepared {
  readonly units: readonly Unit[];
  readonly modules: Modules;
  readonly run: Run;
}

async function prepare(problems: readonly string[], options: RunOptions, command: string, io: Io): Promise<Prepared> {
  if (options.quick && options.full) throw new InputError("--quick and --full exclude each other");
  const scale: Scale = options.quick ? "quick" : options.full ? "full" : "standard";
  const seed = checkSeed(integerOf("--seed", options.seed));
  const chosen = suitesOf(problems);
  const parameters = readSettings(options.set);
  if (options.slabinfo !== undefined) {
    if (Object.hasOwn(parameters, "slabinfo"))
      throw new InputError("--slabinfo and --set slabinfo=... exclude each other");
    parameters.slabinfo = options.slabinfo;
  }
  if (options.workloadFile !== undefined && (options.workload.length > 0 || Object.keys(parameters).length > 0)) {
    throw new InputError(
      "--workload-file: brings its own workload and parameters; leave out --workload, --set and --slabinfo",
    );
  }
  const units = planAll(chosen, {
    scale,
    ...(options.cpus === undefined ? {} : { cpus: cpusOf(options.cpus) }),
    variants: options.variant,
    outside: outsideVariants(chosen, options.variantFile),
    workloads: options.workload,
    ...(options.workloadFile === undefined ? {} : { workloadFile: options.workloadFile }),
    parameters,
    seed,
  });
  const modules = await compileUnits(units, io);
  const startedAt = io.clock();
  const run = newRun(units, modules, {
    runId: newRunId(() => startedAt),
    command,
    startedAt: startedAt.toISOString(),
    environment: await readEnvironment(),
    seed,
    parameters: {
      problems: JSON.stringify(chosen.map((one) => one.problem)),
      scale,
      cpus: options.cpus ?? "",
      v8Flags,
      variants: JSON.stringify(options.variant),
      variantFiles: JSON.stringify(options.variantFile),
      workloads: JSON.stringify(options.workload),
      workloadFile: options.workloadFile ?? "",
      set: JSON.stringify(options.set),
      slabinfo: options.slabinfo ?? "",
    },
  });
  return { units, modules, run };
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
function listOf(run: Run, key: string): string[] {
  try {
    return (JSON.parse(String(run.parameters[key])) as unknown[]).map(String);
  } catch {
    throw new InputError(`run ${run.runId}: parameter '${key}' of its run.json is not a list; begin a new run`);
  }
}

/** Plans an interrupted run again from what it recorded, and checks that it is still the same work. */
async function prepareResumed(
  problems: readonly string[],
  options: RunOptions,
  results: string,
  io: Io,
): Promise<Prepared> {
  const ignored = [...problems, ...options.variant, ...options.variantFile, ...options.workload, ...options.set];
  const others = [options.workloadFile, options.slabinfo, options.cpus].some((option) => option !== undefined);
  if (ignored.length > 0 || others) {
    throw new InputError(
      "--resume: goes on with what the run was told; leave out problems, CPUs, variants, workloads and parameters",
    );
  }
  const before = await findIncomplete(results, options.resume as string | true);
  const text = (key: string): string => String(before.parameters[key] ?? "");
  const { units, modules, run } = await prepare(
    listOf(before, "problems"),
    {
      ...options,
      variant: listOf(before, "variants"),
      variantFile: listOf(before, "variantFiles"),
      workload: listOf(before, "workloads"),
      set: listOf(before, "set"),
      seed: String(before.seed),
      ...(text("cpus") === "" ? {} : { cpus: text("cpus") }),
      quick: text("scale") === "quick",
      full: text("scale") === "full",
      ...(text("workloadFile") === "" ? {} : { workloadFile: text("workloadFile") }),
      ...(text("slabinfo") === "" ? {} : { slabinfo: text("slabinfo") }),
    },
    before.command,
    io,
  );
  // Not by their text: a file's fields come in the order of the schema.
  const same = (key: "modules" | "workloads"): boolean => isDeepStrictEqual(before[key], run[key]);
  if (!same("modules"))
    throw new InputError(`run ${before.runId}: the variants have changed since it began; begin a new run`);
  if (!same("workloads"))
    throw new InputError(`run ${before.runId}: its workloads have changed since it began; begin a new run`);
  if (before.environment.id !== run.environment.id) {
    throw new InputError(`run ${before.runId}: it was begun on another machine or Node.js; begin a new run`);
  }
  const planned = new Set(units.flatMap((unit) => unit.variants.map((variant) => caseId(unit, variant))));
  if (before.cases.length !== planned.size || before.cases.some(({ id }) => !planned.has(id))) {
    throw new InputError(`run ${before.runId}: its cases are not those of this version; begin a new run`);
  }
  const cases = before.cases.map((one) => (one.state === "failed" ? { id: one.id, state: "pending" as const } : one));
  return { units, modules, run: { ...before, cases } };
}

/** Refuses a folder that cannot be written before anything is measured. */
async function checkWritable(folder: string): Promise<void> {
  let existing = path.resolve(folder);
  while (!existsSync(existing)) existing = path.dirname(existing);
  try {
    const probe = path.join(existing, `.reclaim-bench-${process.pid}`);
    await writeFile(probe, "");
    await rm(probe);
  } catch (error) {
    throw new InputError(`--out ${folder}: cannot write in ${existing} (${(error as NodeJS.ErrnoException).code})`);
  }
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
  const { units, modules, run } =
    options.resume === undefined
      ? await prepare(problems, options, command, io)
      : await prepareResumed(problems, options, results, io);
  const folder = path.join(results, run.runId);
  io.warn(`run ${run.runId}, seed ${run.seed}\n`);
  const { run: finished, violated } = await execute({ units, modules, folder, run, io, signal });
  const reported = await makeReport(folder, reports);
  showReport(reported, folder, options, io);
  if (finished.state === "incomplete") {
    io.warn(`reclaim-bench: stopped; go on with: reclaim-bench run --resume ${run.runId}\n`);
    return stoppedCode;
  }
  if (violated) return 4;
  return finished.cases.some((one) => one.state === "failed") ? 2 : 0;
}
