// The short check of a run: before anything is measured, each variant is checked in the short scenarios of its problem.
// What came of it is kept, for it follows from the module, the checker and the scenario alone.

import { suites } from "../../bench/index.ts";
import type { CompiledModule } from "../build/compile.ts";
import type { CheckOutcome } from "../checker/outcome.ts";
import { type Checking, CheckPool } from "../checker/pool.ts";
import { problemCheckOf } from "../checker/problems/index.ts";
import { ViolationError } from "../errors.ts";
import type { PoolOptions } from "../job-pool.ts";
import type { Unit } from "../plan/unit.ts";
import { type PlannedVariant, planVariant } from "../plan/variant.ts";
import { findingName, replayText } from "../report/check/report.ts";
import { CheckCache } from "./check-cache.ts";
import { jobOf, performCases } from "./check-cases.ts";
import { type CheckBounds, defaults, tableBytesMax } from "./check-options.ts";
import type { CheckCase } from "./check-plan.ts";
import { Progress } from "./progress.ts";
import type { RunState } from "./run-state.ts";

/** Time for all scenarios of a variant together. */
const msPerVariant = 10_000;

/** How long a case may not be heard of before it counts as hung. */
const patienceMs = 60_000;

/**
 * What a run checks of the variants that it is about to measure. Constants that the suite gives to all variants are of
 * the measurements; the scenarios have their own.
 */
export function planShortChecks(units: readonly Unit[]): CheckCase[] {
  const variants = new Map<string, { readonly problem: string; readonly variant: PlannedVariant }>();
  for (const { problem, variants: planned } of units) {
    for (const variant of planned) variants.set(`${problem} ${variant.id}`, { problem, variant });
  }
  return [...variants.values()].flatMap(({ problem, variant }) => {
    const suite = suites.find((one) => one.problem === problem);
    const check = problemCheckOf(problem);
    if (suite === undefined || check.whyUnchecked(variant) !== undefined) return [];
    // Of a revision there may be one that the suite has not any more.
    if (variant.file === undefined && !suite.variants.some(({ name }) => name === variant.name)) return [];
    const own = planVariant(
      suite,
      variant.id,
      new Map(variant.file === undefined ? [] : [[variant.name, variant.file]]),
    );
    return check.scenarios
      .filter(({ isShort }) => isShort)
      .map((scenario): CheckCase => ({ problem, variant: own, scenario, model: "sc" }));
  });
}

/** Bounds of a case; scenarios of one variant share the time that it has. */
function boundsOf(one: CheckCase, all: readonly CheckCase[]): CheckBounds {
  const ofVariant = all.filter(({ problem, variant }) => problem === one.problem && variant.id === one.variant.id);
  return {
    scheduler: { name: "exhaustive", reduction: true },
    statesMax: Number(defaults.statesMax),
    stepsMax: Number(defaults.stepsMax),
    msMax: Math.floor(msPerVariant / ofVariant.length),
    bytesMax: tableBytesMax,
  };
}

/** What is wrong with the variant, in one line. */
function violationText({ variant }: CheckCase, outcome: CheckOutcome): string {
  const { scenario, size, model, counterexample } = outcome;
  const replay = replayText(variant.file === undefined ? outcome : { ...outcome, variantFile: variant.file });
  const message = counterexample?.finding.message ?? "";
  return `variant '${variant.id}': ${findingName(outcome)} in ${scenario} (${size}) under ${model}: ${message}${replay === "" ? "" : `; to see it: ${replay}`}`;
}

/**
 * Performs what is pending of the short check.
 *
 * @param openPool tests bring their own
 * @throws what is no fault of a variant
 */
export async function performShortChecks(
  state: RunState,
  openPool: (options: PoolOptions) => Checking = (options) => new CheckPool(options),
): Promise<void> {
  const { checks, modules, workers, signal, io } = state.execution;
  const pending = checks.filter((check) => !state.isChecked(check));
  if (pending.length === 0) return;
  const core = modules.checkerCore as CompiledModule;
  const jobs = pending.map((check) =>
    jobOf(check, { core, compiled: modules.checked(check) }, boundsOf(check, checks)),
  );
  const cache = new CheckCache();
  const outcomes = pending.map((check, index) => cache.read(check, jobs[index]!));
  const missing = pending.flatMap((_, index) => (outcomes[index] === undefined ? [index] : []));
  if (missing.length > 0) {
    const pool = openPool({ workers, bytesMax: process.availableMemory() / 2, signal, patienceMs });
    const fresh = await performCases(
      missing.map((index) => pending[index]!),
      missing.map((index) => jobs[index]!),
      pool,
      new Progress(io, { unitsTotal: missing.length }),
      { onOutcome: (outcome, place) => cache.keep(pending[missing[place]!]!, jobs[missing[place]!]!, outcome) },
    );
    for (const [place, index] of missing.entries()) outcomes[index] = fresh[place];
  }
  for (const [index, check] of pending.entries()) {
    const outcome = outcomes[index];
    if (outcome === undefined) continue;
    if (outcome.outcome === "violation") state.failCheck(check, new ViolationError(violationText(check, outcome)));
    else await state.settleCheck(check, outcome);
  }
  await state.save();
}
