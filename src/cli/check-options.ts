// What the user may say of a check, read and checked.

import { suites } from "../../bench/index.ts";
import { type MemoryModel, memoryModels } from "../checker/model.ts";
import type { SchedulerChoice } from "../checker/outcome.ts";
import { InputError } from "../errors.ts";
import { workersByDefault } from "../job-pool.ts";
import { checkFormats } from "../report/check/formats.ts";
import { checkSeed } from "../workloads/parameters.ts";
import type { CheckSelection } from "./check-plan.ts";
import { integerOf, listed, outsideVariants, suitesOf, withinBounds, workersMax } from "./options.ts";

/** Options as the command line gives them. */
export interface CheckOptions {
  readonly problem: readonly string[];
  readonly variantFile: readonly string[];
  readonly scenario: readonly string[];
  readonly memoryModel: readonly string[];
  readonly scheduler: string;
  readonly preemptions?: string;
  readonly executions?: string;
  readonly seed?: string;
  /** False for `--no-reduction`. */
  readonly reduction: boolean;
  readonly statesMax: string;
  readonly stepsMax: string;
  readonly secondsMax: string;
  readonly secondsTotal: string;
  readonly workers?: string;
  readonly format: readonly string[];
  readonly out?: string;
  readonly list: boolean;
}

/** How each case is explored, and where its exploration stops. */
export interface CheckBounds {
  readonly scheduler: SchedulerChoice;
  readonly statesMax: number;
  readonly stepsMax: number;
  readonly msMax: number;
  readonly bytesMax: number;
}

/** Memory of the tables of one case; together with all else a case stays below 2 GiB. */
export const tableBytesMax = 2 ** 30;

export const schedulerNames: readonly SchedulerChoice["name"][] = ["exhaustive", "bounded", "pct", "random"];

export const defaults = {
  scheduler: "exhaustive",
  statesMax: "1000000",
  stepsMax: "20000",
  secondsMax: "30",
  secondsTotal: "140",
} as const;

/** Ladder of the bounded scheduler, and change points of pct, when the user does not say. */
const preemptionsByDefault = 3;
const preemptionsMax = 64;
const executionsByDefault = 10_000;
const executionsMax = 1_000_000_000;
/** What the table of states can tell apart at all. */
const statesMaxMax = 2 ** 31 - 1;
/** Twice what any scenario needs: an execution that is longer is reported as a livelock. */
const stepsMaxMin = 1000;
/** What the journal and the tables of the search have room for. */
const stepsMaxMax = 100_000;
/** A day. */
const secondsMaxMax = 86_400;

/** Options that only some schedulers have a use for. */
const useful: Readonly<Record<string, readonly SchedulerChoice["name"][]>> = {
  "--preemptions": ["bounded", "pct"],
  "--executions": ["pct", "random"],
  "--seed": ["pct", "random"],
  "--no-reduction": ["exhaustive"],
};

function schedulerOf(options: CheckOptions): SchedulerChoice {
  const name = schedulerNames.find((one) => one === options.scheduler);
  if (name === undefined) {
    throw new InputError(`--scheduler ${options.scheduler}: unknown; one of: ${schedulerNames.join(", ")}`);
  }
  const given: readonly (readonly [string, boolean])[] = [
    ["--preemptions", options.preemptions !== undefined],
    ["--executions", options.executions !== undefined],
    ["--seed", options.seed !== undefined],
    ["--no-reduction", !options.reduction],
  ];
  for (const [option, isGiven] of given) {
    const takers = useful[option] ?? [];
    if (isGiven && !takers.includes(name)) {
      throw new InputError(`${option}: only with --scheduler ${takers.join(" or ")}, not ${name}`);
    }
  }
  const preemptions = (): number => {
    const value = integerOf("--preemptions", options.preemptions ?? String(preemptionsByDefault));
    if (value > preemptionsMax) throw new InputError(`--preemptions: must be at most ${preemptionsMax}, got ${value}`);
    return value;
  };
  const executions = withinBounds("--executions", options.executions ?? String(executionsByDefault), executionsMax);
  const seed = checkSeed(integerOf("--seed", options.seed ?? "1"));
  if (name === "exhaustive") return { name, reduction: options.reduction };
  // Whoever names a number wants no more than that.
  if (name === "bounded") return { name, preemptions: preemptions(), isFull: options.preemptions === undefined };
  return name === "pct" ? { name, changes: preemptions(), executions, seed } : { name, executions, seed };
}

export function boundsOf(options: CheckOptions): CheckBounds {
  return {
    scheduler: schedulerOf(options),
    statesMax: withinBounds("--states-max", options.statesMax, statesMaxMax),
    stepsMax: withinBounds("--steps-max", options.stepsMax, stepsMaxMax, stepsMaxMin),
    msMax: 1000 * withinBounds("--seconds-max", options.secondsMax, secondsMaxMax),
    bytesMax: tableBytesMax,
  };
}

/** Time for all cases together, in ms. */
export function totalMsOf({ secondsTotal }: CheckOptions): number {
  return 1000 * withinBounds("--seconds-total", secondsTotal, secondsMaxMax);
}

export function checkWorkersOf({ workers }: Pick<CheckOptions, "workers">): number {
  return workers === undefined ? workersByDefault : withinBounds("--workers", workers, workersMax);
}

function modelsOf(values: readonly string[]): MemoryModel[] {
  return listed(values).map((name) => {
    const found = memoryModels.find((model) => model === name);
    if (found === undefined)
      throw new InputError(`--memory-model ${name}: unknown; one of: ${memoryModels.join(", ")}`);
    return found;
  });
}

/** Formats in the order given; empty when the user names none. */
export function formatsOf({ format }: CheckOptions): string[] {
  return listed(format).map((name) => {
    if (Object.hasOwn(checkFormats, name)) return name;
    throw new InputError(`--format ${name}: unknown; one of: ${Object.keys(checkFormats).join(", ")}`);
  });
}

/**
 * What is to be checked.
 *
 * @param names problems and ids of variants
 * @throws {InputError} for what can be told to be wrong without the problems' scenarios
 */
export function selectionOf(names: readonly string[], options: CheckOptions): CheckSelection {
  const isProblem = (name: string): boolean => suites.some(({ problem }) => problem === name);
  const named = [...listed(options.problem), ...names.filter(isProblem)];
  const problems = named.length === 0 ? [] : suitesOf(named);
  return {
    problems,
    variants: names.filter((name) => !isProblem(name)),
    outside: outsideVariants(problems.length === 0 ? suites : problems, options.variantFile),
    scenarios: listed(options.scenario),
    models: modelsOf(options.memoryModel),
  };
}
