// The paired comparison as a library call: is this function of yours slower than it was?

import path from "node:path";
import { pathToFileURL } from "node:url";
import type { PairedEstimate, PairedProcess } from "../compare/comparison.ts";
import {
  confirmationProcesses,
  effectFloor,
  estimate,
  isConfirmed,
  judgeRows,
  pairedProcess,
  sings,
} from "../compare/judge.ts";
import { InputError } from "../errors.ts";
import { runJsonProcess } from "../json-process.ts";
import { packageRoot } from "../package-root.ts";
import { gateRounds } from "../plan/gate.ts";
import { Random } from "../workloads/random.ts";
import { type FunctionJob, functionTimesSchema } from "./job.ts";

/** A function of a module. Fresh processes load it, so it cannot be a function of this one. */
export interface ComparedFunction {
  /** URL of the module, or path of its file. Node.js must be able to load it; see {@link CompareOptions.nodeArguments}. */
  readonly module: string | URL;
  /** Name of the function among the module's exports. It is called without arguments. @default "default" */
  readonly export?: string;
}

export interface CompareOptions {
  /** What the other one is held against. */
  readonly base: ComparedFunction;
  readonly head: ComparedFunction;
  /** Smallest difference that counts, as a share; never less than 0.03, which the layout of code alone may make. @default 0.03 */
  readonly minEffect?: number;
  /** Processes, each of which is one observation; 7 or more. @default 12 */
  readonly processes?: number;
  /** Rounds of each process. @default 60 */
  readonly rounds?: number;
  /** Shortest time of an epoch, which is what a function's calls take in one round, in ms. @default 3 */
  readonly epochMs?: number;
  /** Time for which each function is called before, in ms. @default 250 */
  readonly warmupMs?: number;
  /** Whether the base is also compared with itself, which shows what the machine does; takes as long again. @default true */
  readonly canary?: boolean;
  /**
   * Arguments of Node.js, such as `["--import", "tsx"]` for modules in TypeScript.
   *
   * @default those of this process that say how modules are loaded: `--import`, `--require`, `--loader`, `--conditions`,
   * and whether types are stripped
   */
  readonly nodeArguments?: readonly string[];
  /** Of the order of turns. @default 1 */
  readonly seed?: number;
  readonly signal?: AbortSignal;
}

/** What came of a comparison. Ratios are of times, head over base: above 1 the head is slower. */
export interface CompareResult {
  /**
   * `regressed`: slower by `minEffect` or more, and fresh processes alone say so, too. `improved`: faster by as much.
   * `equivalent`: the 90 % interval is within `minEffect`. `inconclusive`: neither, or the machine is not to be trusted.
   */
  readonly verdict: "regressed" | "improved" | "equivalent" | "inconclusive";
  /** Why, in a sentence without a full stop. */
  readonly reason: string;
  readonly estimate: PairedEstimate;
  /** ns of a call on both sides, process by process. */
  readonly processes: readonly PairedProcess[];
  /** The effect floor that was used. */
  readonly delta: number;
  /** Of fresh processes; null where nothing was suspected. */
  readonly confirmation: PairedEstimate | null;
  /** Of the base against itself; null where it was not wanted. */
  readonly canary: PairedEstimate | null;
}

/** Fewer processes cannot find anything at 0.05 and let one disagree. */
const processesMin = 7;
/** Of each, unless the caller says otherwise. */
const processesUsual = 12;
/** Longest time that one function's calls may take in the rounds of a process, beyond what was asked for, in ms. */
const functionMs = 60_000;
/** Longest time of a process beyond what it was asked to take, in ms: both functions', and as much for their first calls. */
const patienceMs = 4 * functionMs;

/** The program of the build: Node.js 20 cannot load TypeScript. */
const processFile = path.join(packageRoot, "dist", "src", "library", "function-process.js");

/** Options of Node.js that say how modules are loaded; each has a value, in the same argument or the next. */
const valuedLoading = new Set([
  ...["--import", "--require", "-r", "--loader", "--experimental-loader", "--conditions", "-C"],
]);
/** The same, without a value. */
const plainLoading = new Set([
  ...["--experimental-strip-types", "--no-experimental-strip-types", "--no-strip-types", "--strip-types"],
  ...["--experimental-transform-types", "--experimental-wasm-modules", "--experimental-vm-modules"],
  ...["--preserve-symlinks", "--enable-source-maps"],
]);

/**
 * What a process that times functions takes over of its caller's arguments. Only what is known to do no harm: with the
 * caller's `--eval` it would run the caller's code, which starts the next such process, and with `--test`, `--watch` or
 * `--inspect-brk` it would not do its work.
 */
export function loadingArguments(execArgv: readonly string[]): string[] {
  return execArgv.flatMap((argument, index) => {
    const [name = ""] = argument.split("=");
    if (plainLoading.has(argument)) return [argument];
    if (!valuedLoading.has(name)) return [];
    return argument === name ? [argument, ...execArgv.slice(index + 1, index + 2)] : [argument];
  });
}

function subjectOf({ module, export: name = "default" }: ComparedFunction): FunctionJob["subjects"][number] {
  const isUrl = module instanceof URL || /^[a-z][a-z0-9+.-]+:/i.test(module);
  return { module: isUrl ? String(module) : pathToFileURL(path.resolve(module)).href, export: name };
}

function checkNumber(name: string, value: number, least: number, isWhole: boolean): void {
  if (Number.isFinite(value) && value >= least && (!isWhole || Number.isInteger(value))) return;
  throw new InputError(`${name}: must be ${isWhole ? "whole and " : ""}at least ${least}, got ${value}`);
}

/** Two functions in several processes. */
class FunctionPair {
  readonly #subjects: FunctionJob["subjects"];
  readonly #options: CompareOptions;
  readonly #random: Random;

  constructor(base: ComparedFunction, head: ComparedFunction, options: CompareOptions, random: Random) {
    this.#subjects = [subjectOf(base), subjectOf(head)];
    this.#options = options;
    this.#random = random;
  }

  async time(): Promise<PairedProcess> {
    const { rounds = gateRounds, epochMs = 3, warmupMs = 250 } = this.#options;
    const { nodeArguments = loadingArguments(process.execArgv) } = this.#options;
    const { signal = new AbortController().signal } = this.#options;
    const seed = this.#random.next();
    const limits = { rounds, epochMs, warmupMs, functionMs: functionMs + rounds * epochMs };
    const job: FunctionJob = { subjects: this.#subjects, ...limits, seed };
    const [base, head] = this.#subjects.map((one) => `${one.export} of ${one.module}`);
    const name = base === head ? `${base}, against itself` : `base ${base}, head ${head}`;
    const end = await runJsonProcess(processFile, job, {
      nodeArguments,
      name,
      patienceMs: patienceMs + 20 * (warmupMs + rounds * epochMs),
      signal,
    });
    if (end.isBadJob) throw new InputError(end.text);
    const { ns } = functionTimesSchema.parse(JSON.parse(end.text));
    const paired = pairedProcess(ns[0]!, ns[1]!);
    if (paired === null) throw new InputError(`${name}: took no time that can be measured`);
    return paired;
  }

  async times(count: number): Promise<PairedProcess[]> {
    const all: PairedProcess[] = [];
    for (let index = 0; index < count; index++) all.push(await this.time());
    return all;
  }
}

/**
 * Compares two functions by their times: in each of several fresh processes both take turns, round by round, and the process
 * is the unit of the statistics. Takes about a second per process.
 *
 * @throws {InputError} for a module that cannot be loaded, an export that is no function, gives a promise or takes too long,
 * an option out of range, and for a call from a module that is loaded to be compared, which would never end
 * @throws {StoppedError} when the signal was raised
 */
export async function compare(options: CompareOptions): Promise<CompareResult> {
  if (process.argv[1] === processFile) {
    throw new InputError(
      "compare was called while a module was loaded to be compared; call it in another module than what it compares",
    );
  }
  const { base, head, minEffect = 0, processes = processesUsual, canary: wantsCanary = true, seed = 1 } = options;
  checkNumber("processes", processes, processesMin, true);
  checkNumber("rounds", options.rounds ?? gateRounds, 10, true);
  checkNumber("epochMs", options.epochMs ?? 3, 0.2, false);
  checkNumber("warmupMs", options.warmupMs ?? 250, 0, false);
  checkNumber("minEffect", minEffect, 0, false);
  checkNumber("seed", seed, 0, true);
  const random = new Random(seed);
  const pair = new FunctionPair(base, head, options, random);
  const same = new FunctionPair(base, base, options, random);
  const timed: PairedProcess[] = [];
  const canaries: PairedProcess[] = [];
  // Beside each other, so that what drifts, drifts for both.
  for (let index = 0; index < processes; index++) {
    timed.push(await pair.time());
    if (wantsCanary) canaries.push(await same.time());
  }
  const delta = effectFloor(1, minEffect);
  const [judged] = judgeRows([{ better: "lower", gated: true, delta, processes: timed }], "revisions");
  const { estimate: found, verdict } = judged!;
  const canary = wantsCanary ? estimate(canaries) : null;
  const result = { estimate: found, processes: timed, delta, canary };
  if (canary !== null && sings(canary, delta)) {
    const reason = `the base differs from itself by ${percent(canary.ratio - 1)}: this machine cannot answer`;
    return { ...result, verdict: "inconclusive", reason, confirmation: null };
  }
  const shift = `${percent(found.ratio - 1)} of the base's time`;
  if (verdict === "suspect") {
    const fresh = estimate(await pair.times(confirmationProcesses));
    const isReal = isConfirmed(fresh, "lower", delta);
    const reason = `${shift}, and ${percent(fresh.ratio - 1)} in ${confirmationProcesses} fresh processes`;
    return { ...result, verdict: isReal ? "regressed" : "inconclusive", reason, confirmation: fresh };
  }
  const detectable = `${timed.length} processes find ${percent(Math.expm1(found.detectable))} or more`;
  const reason = verdict === "inconclusive" ? `${shift}; ${detectable}` : shift;
  return { ...result, verdict: verdict as "improved" | "equivalent" | "inconclusive", reason, confirmation: null };
}

function percent(share: number): string {
  return `${share >= 0 ? "+" : "−"}${(100 * Math.abs(share)).toFixed(1)} %`;
}
