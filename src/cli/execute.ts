// Carries out the short check, then planned units: native ones one after the other, those between them together.

import { StoppedError } from "../errors.ts";
import { caseId, type Unit, unitText } from "../plan/unit.ts";
import { problemOf } from "../problems/index.ts";
import type { Environment } from "../records/environment.ts";
import type { Run } from "../records/run-file.ts";
import { workloadHash } from "../workloads/index.ts";
import type { CheckCase } from "./check-plan.ts";
import { ExactUnits, isExact } from "./exact-units.ts";
import type { Machines } from "./machines.ts";
import type { Modules } from "./modules.ts";
import { runProblemUnit } from "./problem-unit.ts";
import { runQuarantineUnit } from "./quarantine-unit.ts";
import { checkId, parameterText } from "./run-records.ts";
import { type Execution, RunState } from "./run-state.ts";
import { performShortChecks } from "./short-check.ts";
import type { UnitFailures, UnitRun } from "./unit.ts";

/** Who carries out the units of a problem that is not described, in native stages. */
const runners: Readonly<Record<string, (run: UnitRun) => Promise<UnitFailures>>> = {
  quarantine: runQuarantineUnit,
};

function runnerOf({ problem }: Unit): (run: UnitRun) => Promise<UnitFailures> {
  const described = problemOf(problem);
  if (described !== undefined) return (run) => runProblemUnit(described, run);
  const runner = runners[problem];
  if (runner === undefined) throw new Error(`nobody carries out the units of problem '${problem}'`);
  return runner;
}

/** Units that are carried out together: a native one, or neighbours of one workload that are counted or simulated. */
function batchesOf(units: readonly Unit[]): Unit[][] {
  const batches: Unit[][] = [];
  for (const unit of units) {
    const last = batches.at(-1)?.[0];
    const goesOn =
      last !== undefined &&
      isExact(unit) &&
      isExact(last) &&
      last.problem === unit.problem &&
      last.workload.name === unit.workload.name;
    if (goesOn) batches.at(-1)?.push(unit);
    else batches.push([unit]);
  }
  return batches;
}

/** Carries out a native unit. */
async function measure(state: RunState, planned: Unit): Promise<void> {
  const { modules, signal } = state.execution;
  if (state.pending(planned).length === 0) return;
  const unit = { ...planned, variants: planned.variants.filter((variant) => !state.isVoid(planned, variant)) };
  for (const variant of planned.variants) if (state.isVoid(planned, variant)) state.leaveOut(planned, variant);
  state.progress.begin(unitText(unit));
  const recorder = state.recorder(unit);
  let failures: UnitFailures;
  try {
    failures = await runnerOf(unit)({
      unit,
      modules,
      emit: (variant, metric, round, value) => recorder.add(variant, metric, round, value),
      warn: (text) => state.warn(text),
      onProgress: (share) => state.progress.update(share * unit.weight),
      signal,
    });
  } catch (error) {
    // What was sampled before a stop is kept; the cases stay pending and are measured again on resume.
    if (error instanceof StoppedError) await recorder.write();
    throw error;
  }
  for (const variant of unit.variants) {
    const error = failures.get(variant.id);
    if (error === undefined) {
      state.settle(unit, variant);
      continue;
    }
    state.fail(unit, variant, error);
    recorder.drop(variant);
  }
  await recorder.write();
  await state.save();
  state.progress.finish(unit.weight);
}

/**
 * Runs what is pending.
 *
 * @returns the run as it was left, complete or stopped by the signal, and whether a variant did what none may do
 */
export async function execute(execution: Execution): Promise<{ readonly run: Run; readonly violated: boolean }> {
  const exact = new ExactUnits();
  const state = await RunState.open(execution, (row) => exact.add(row));
  try {
    // First, and to its end: what is void need not be measured, and threads that check would disturb what is timed.
    await performShortChecks(state);
    for (const batch of batchesOf(execution.units)) {
      if (execution.signal.aborted) break;
      const [first] = batch;
      if (first === undefined) continue;
      if (isExact(first)) await exact.carryOut(state, batch);
      else await measure(state, first);
    }
  } catch (error) {
    if (!(error instanceof StoppedError)) throw error;
  } finally {
    await state.close();
  }
  return { run: await state.conclude(), violated: state.hasViolation };
}

/** A run that has not begun. */
export function newRun(
  units: readonly Unit[],
  checks: readonly CheckCase[],
  modules: Modules,
  machines: Machines,
  about: {
    runId: string;
    command: string;
    startedAt: string;
    environment: Environment;
    seed: number;
    warnings: readonly string[];
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
  const simulated = new Set(units.flatMap(({ simulation }) => (simulation === null ? [] : [simulation.machine])));
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
    ...(modules.core === null
      ? {}
      : { simulator: { coreWasmSha256: modules.core.sha256, machines: machines.describe(simulated) } }),
    workloads: [...workloads.values()],
    cases: [
      ...checks.map(checkId),
      ...units.flatMap((unit) => unit.variants.map((variant) => caseId(unit, variant))),
    ].map((id) => ({ id, state: "pending" as const })),
    warnings: [...about.warnings],
    rssBytesMax: 0,
  };
}
