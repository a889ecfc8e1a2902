// What the user may say of a run, read and checked: from texts of the command line to choices.

import { existsSync } from "node:fs";
import path from "node:path";
import { suites } from "../../bench/index.ts";
import { kernelFolder } from "../build/compile.ts";
import { InputError } from "../errors.ts";
import { workersByDefault } from "../job-pool.ts";
import type { Choices } from "../plan/plan.ts";
import { readCounts } from "../plan/ranges.ts";
import type { Instrument, Scale, Suite } from "../plan/suite.ts";
import type { Unit } from "../plan/unit.ts";
import { cpusMax } from "../simulator/profile.ts";
import { checkSeed } from "../workloads/parameters.ts";
import type { ParameterValue } from "../workloads/workload.ts";
import type { Machines } from "./machines.ts";

/** Options as the command line gives them. */
export interface RunOptions {
  readonly instrument: readonly string[];
  readonly variant: readonly string[];
  readonly variantFile: readonly string[];
  readonly workload: readonly string[];
  readonly workloadFile?: string;
  readonly slabinfo?: string;
  readonly set: readonly string[];
  /** Absent for each problem's own numbers. */
  readonly cpus?: string;
  readonly hz?: string;
  readonly machine: readonly string[];
  readonly sweep: readonly string[];
  readonly virtualMs?: string;
  readonly sensitivity: boolean;
  readonly refine: boolean;
  readonly workers?: string;
  /** False for `--no-check`. */
  readonly check: boolean;
  readonly seed: string;
  readonly quick: boolean;
  readonly full: boolean;
  /** Folder that holds `results/` and `reports/`. */
  readonly out: string;
  readonly json: boolean;
  /** A run id, or true for the newest incomplete run. */
  readonly resume?: string | true;
}

const instruments: readonly Instrument[] = ["native", "traced", "simulator"];

/** Exit code of a command that the user stopped: 128 and the number of SIGINT. */
export const stoppedCode = 130;

/** Most threads that simulate or check; more than any host has CPUs to gain from. */
export const workersMax = 1024;
/** A day. */
const virtualMsMax = 86_400_000;

export function integerOf(option: string, text: string): number {
  if (!/^\d+$/.test(text)) throw new InputError(`${option}: must be a whole number, got '${text}'`);
  return Number(text);
}

export function withinBounds(option: string, text: string, max: number, min = 1): number {
  const value = integerOf(option, text);
  if (value < min || value > max) throw new InputError(`${option}: must be from ${min} to ${max}, got ${text}`);
  return value;
}

const multiples: Readonly<Record<string, number>> = { KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30 };

/** A number, also such as `64MiB`; null when the text is none. */
function numberOf(text: string): number | null {
  const [, number, suffix = ""] = /^(-?\d+(?:\.\d+)?)(KiB|MiB|GiB)?$/.exec(text) ?? [];
  return number === undefined ? null : Number(number) * (multiples[suffix] ?? 1);
}

/** Takes `key=value` apart, each key of which may stand once. */
function readPairs(option: string, pairs: readonly string[], form: string): Map<string, string> {
  const found = new Map<string, string>();
  for (const pair of pairs) {
    const [, key, value] = /^([a-z][a-z0-9-]*)=(.*)$/s.exec(pair) ?? [];
    if (key === undefined || value === undefined) throw new InputError(`${option} ${pair}: not of the form ${form}`);
    if (found.has(key)) throw new InputError(`${option} ${key}: given twice`);
    found.set(key, value);
  }
  return found;
}

/** Reads `--set key=value`. Numbers, also such as `64MiB`, become numbers; each workload checks its own. */
export function readSettings(pairs: readonly string[]): Record<string, ParameterValue> {
  const settings = [...readPairs("--set", pairs, "key=value")];
  return Object.fromEntries(settings.map(([key, value]) => [key, numberOf(value) ?? value]));
}

/** Reads `--sweep key=value,value`. */
function readSweeps(pairs: readonly string[]): Map<string, readonly number[]> {
  const sweeps = new Map<string, readonly number[]>();
  for (const [key, text] of readPairs("--sweep", pairs, "key=value,value")) {
    const values = text.split(",").map((part) => {
      const value = numberOf(part.trim());
      if (value === null) throw new InputError(`--sweep ${key}: '${part.trim()}' is not a number`);
      return value;
    });
    const twice = values.find((value, index) => values.indexOf(value) !== index);
    if (twice !== undefined) throw new InputError(`--sweep ${key}: ${twice} is given twice`);
    sweeps.set(key, values);
  }
  return sweeps;
}

/** Values of an option that may stand several times and hold several values. */
export function listed(values: readonly string[]): string[] {
  return [...new Set(values.flatMap((value) => value.split(",")).map((value) => value.trim()))];
}

function readInstruments(values: readonly string[]): Instrument[] {
  return listed(values).map((name) => {
    const found = instruments.find((instrument) => instrument === name);
    if (found === undefined) {
      throw new InputError(`--instrument ${name}: unknown; one of: ${instruments.join(", ")}`);
    }
    return found;
  });
}

/** Names of the user's variant files, by which they are shown. */
export function outsideVariants(chosen: readonly Suite[], files: readonly string[]): Map<string, string> {
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

/** The suites of the named problems; all without names. */
export function suitesOf(problems: readonly string[]): readonly Suite[] {
  if (problems.length === 0) return suites;
  return [...new Set(problems)].map((problem) => {
    const suite = suites.find((one) => one.problem === problem);
    if (suite !== undefined) return suite;
    throw new InputError(`problem '${problem}': unknown; one of: ${suites.map((one) => one.problem).join(", ")}`);
  });
}

export function scaleOf({ quick, full }: RunOptions): Scale {
  if (quick && full) throw new InputError("--quick and --full exclude each other");
  return quick ? "quick" : full ? "full" : "standard";
}

export function workersOf({ workers }: Pick<RunOptions, "workers">): number {
  return workers === undefined ? workersByDefault : withinBounds("--workers", workers, workersMax);
}

/** Refuses what is said to the simulator alone where it has no part. */
export function checkSimulatorOptions(options: RunOptions, units: readonly Unit[]): void {
  if (units.some(({ simulation }) => simulation !== null)) return;
  const given: readonly (readonly [string, boolean])[] = [
    ["--machine", options.machine.length > 0],
    ["--sweep", options.sweep.length > 0],
    ["--virtual-ms", options.virtualMs !== undefined],
    ["--sensitivity", options.sensitivity],
    ["--refine", options.refine],
    ["--workers", options.workers !== undefined && !options.check],
  ];
  for (const [option, isGiven] of given) {
    if (isGiven) throw new InputError(`${option}: nothing is simulated; ask for it with --instrument simulator`);
  }
}

/**
 * Reads and checks everything that a plan depends on.
 *
 * @throws {InputError} for what can be told to be wrong without the problems' workloads
 */
export function readChoices(options: RunOptions, chosen: readonly Suite[], machines: Machines): Choices {
  const parameters = readSettings(options.set);
  const sweeps = readSweeps(options.sweep);
  if (options.slabinfo !== undefined) {
    if (Object.hasOwn(parameters, "slabinfo"))
      throw new InputError("--slabinfo and --set slabinfo=... exclude each other");
    parameters.slabinfo = options.slabinfo;
  }
  for (const key of sweeps.keys()) {
    if (Object.hasOwn(parameters, key)) throw new InputError(`--sweep ${key}: is set as well`);
  }
  const brings = options.workload.length > 0 || Object.keys(parameters).length > 0 || sweeps.size > 0;
  if (options.workloadFile !== undefined && brings) {
    throw new InputError(
      "--workload-file: brings its own workload and parameters; leave out --workload, --set, --sweep and --slabinfo",
    );
  }
  return {
    scale: scaleOf(options),
    instruments: readInstruments(options.instrument),
    ...(options.cpus === undefined ? {} : { cpus: readCounts("--cpus", options.cpus, { min: 1, max: cpusMax }) }),
    ...(options.hz === undefined ? {} : { hz: integerOf("--hz", options.hz) }),
    variants: options.variant,
    outside: outsideVariants(chosen, options.variantFile),
    workloads: options.workload,
    ...(options.workloadFile === undefined ? {} : { workloadFile: options.workloadFile }),
    parameters,
    simulation: {
      machines: listed(options.machine),
      sweeps,
      ...(options.virtualMs === undefined
        ? {}
        : { virtualMs: withinBounds("--virtual-ms", options.virtualMs, virtualMsMax) }),
      isSensitivity: options.sensitivity,
      machineOf: (nameOrFile) => machines.load(nameOrFile),
    },
    seed: checkSeed(integerOf("--seed", options.seed)),
  };
}
