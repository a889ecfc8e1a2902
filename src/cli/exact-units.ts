// Carries out counted and simulated units: their cases are independent jobs of a pool. Rows are written in an order that
// the plan alone decides, so the records do not depend on which job ends first.

import path from "node:path";
import type { CompiledModule } from "../build/compile.ts";
import { InputError, StoppedError, ViolationError } from "../errors.ts";
import { JobPool, type RunningJob as RunningJobOf } from "../job-pool.ts";
import { packageRoot } from "../package-root.ts";
import { type Simulation, scaledText, type Unit, unitText } from "../plan/unit.ts";
import { problemOf } from "../problems/index.ts";
import type { MeasuredRow } from "../records/record.ts";
import { hung, type JobOutcome } from "../simulator/outcome.ts";
import type { ExactJob } from "./exact-worker.ts";
import { quarantineCaseBytes } from "./quarantine-unit.ts";
import { Refinement, type SimulatedPoint } from "./refinement.ts";
import type { RunState } from "./run-state.ts";

/** Times a second at which progress is looked at. */
const lookMs = 200;

/** How long a counted case may not be heard of, in ms: between two chunks it is not, and they may take minutes. */
const countedPatienceMs = 3_600_000;

/** Of the build, also where the sources run: Node.js 20 cannot load TypeScript into a thread. */
const workerFile = path.join(packageRoot, "dist", "src", "cli", "exact-worker.js");

type RunningJob = RunningJobOf<JobOutcome>;
type ExactPool = JobPool<ExactJob, JobOutcome>;

/** The outcome of a job that nothing was heard of for so long. */
function hungOutcome(job: ExactJob, patienceMs: number): JobOutcome {
  if ("simulated" in job) return hung(job.simulated, patienceMs);
  const { variant } = job.counted;
  const message = `variant '${variant.id}': hung: nothing was counted for ${patienceMs / 1000} s of the host's time`;
  return { kind: "violation", message };
}

/** Whether a unit's cases are independent of each other and of the host, so that they may run side by side. */
export function isExact({ stage }: Unit): boolean {
  return stage === "counted" || stage === "simulated";
}

function simulationOf({ simulation }: Unit): Simulation {
  if (simulation === null) throw new Error("the unit is not simulated");
  return simulation;
}

/** Memory of a case: what it touches natively, the record of each of these lines, and the machine. */
function bytesOf({ problem, workload }: Unit): number {
  const touched = problemOf(problem)?.caseBytes(workload) ?? quarantineCaseBytes(workload);
  return 1.5 * touched + 64 * 2 ** 20;
}

function jobOf(state: RunState, { unit, variant: planned }: SimulatedPoint): ExactJob {
  const { modules, machines } = state.execution;
  const { workload: own, workloadFile, problem, cpus } = unit;
  const { id, isFloor, skipWhenEmpty } = planned;
  const variant = { id, isFloor, skipWhenEmpty };
  const compiled = modules.get(unit, planned);
  const workload =
    workloadFile === undefined
      ? { name: own.name, parameters: own.parameters, seed: own.seed }
      : { file: workloadFile };
  if (unit.stage === "counted") return { counted: { problem, variant, compiled, workload, cpus } };
  const { machine, scaled, virtualMs, isByCpu } = simulationOf(unit);
  const core = (modules.core as CompiledModule).wasm;
  const profile = machines.profileOf(machine, scaled);
  return { simulated: { problem, variant, core, compiled, workload, profile, cpus, virtualMs, isByCpu } };
}

/** Counts and simulates batches of units, and keeps of their rows what a refinement needs. */
export class ExactUnits {
  readonly #refinement = new Refinement();

  /** Hears of a row of a case that is done. */
  add(row: MeasuredRow): void {
    this.#refinement.add(row);
  }

  /**
   * Carries out units of one workload: those that are counted, then those that are simulated, the most expensive first.
   *
   * @throws {StoppedError} when the signal was raised; what was done until then is in the records
   */
  async carryOut(state: RunState, units: readonly Unit[]): Promise<void> {
    const { workers, signal, refines } = state.execution;
    const options = { workers, bytesMax: process.availableMemory() / 2, signal };
    const pool: ExactPool = new JobPool({ workerFile, hung: hungOutcome }, options);
    try {
      const counted = units.filter(({ simulation }) => simulation === null);
      const simulated = units.filter(({ simulation }) => simulation !== null);
      // Stable, so units of equal weight keep their order.
      const sorted = [...simulated].sort((one, other) => weightOf(other) - weightOf(one));
      const planned = [...counted, ...sorted].flatMap((unit) => unit.variants.map((variant) => ({ unit, variant })));
      await this.#perform(state, pool, planned);
      if (!refines || simulated.length === 0) return;
      await this.#refinement.run(simulated, (points) => {
        const more = points.filter(({ unit, variant }) => !state.isDone(unit, variant));
        state.progress.expect(more.reduce((sum, { unit }) => sum + weightOf(unit), 0));
        return this.#perform(state, pool, more);
      });
    } finally {
      await pool.close();
    }
  }

  /** Performs those of some cases that are not done, and writes their rows in the order of the cases. */
  async #perform(state: RunState, pool: ExactPool, points: readonly SimulatedPoint[]): Promise<void> {
    const pending = points.filter(({ unit, variant }) => !state.isDone(unit, variant));
    /** By variant: the first case that no variant may end in. Those behind it do not count. */
    const firstVoid = new Map<string, number>();
    const running = pending.map((point, index): RunningJob => {
      const { id } = point.variant;
      const job = pool.run({
        job: jobOf(state, point),
        bytes: bytesOf(point.unit),
        ...(point.unit.stage === "counted" ? { patienceMs: countedPatienceMs } : {}),
        isWanted: () => !state.isVoid(point.unit, point.variant) && index < (firstVoid.get(id) ?? pending.length),
      });
      const look = (outcome: JobOutcome | null): void => {
        if (outcome?.kind === "violation") firstVoid.set(id, Math.min(index, firstVoid.get(id) ?? index));
      };
      job.outcome.then(look, () => {});
      return job;
    });
    let written = 0;
    const ofCase = ({ unit }: SimulatedPoint): number => unit.weight / unit.variants.length;
    const timer = setInterval(() => {
      const shares = pending.map((point, index) =>
        index < written ? 0 : ofCase(point) * (running[index]?.share() ?? 0),
      );
      state.progress.update(shares.reduce((sum, share) => sum + share, 0));
    }, lookMs);
    try {
      for (const [index, point] of pending.entries()) {
        state.progress.begin(pointName(point.unit));
        await this.#write(state, point, (await running[index]?.outcome) ?? null);
        written = index + 1;
        state.progress.finish(ofCase(point));
      }
    } catch (error) {
      if (error instanceof StoppedError)
        await this.#writeFinished(state, pending.slice(written), running.slice(written));
      throw error;
    } finally {
      clearInterval(timer);
    }
    await state.save();
  }

  /** After a stop: writes what ended before its turn. */
  async #writeFinished(
    state: RunState,
    points: readonly SimulatedPoint[],
    running: readonly RunningJob[],
  ): Promise<void> {
    const outcomes = await Promise.allSettled(running.map(({ outcome }) => outcome));
    for (const [index, point] of points.entries()) {
      const outcome = outcomes[index];
      if (outcome?.status !== "fulfilled" || outcome.value?.kind !== "done") continue;
      await this.#write(state, point, outcome.value);
    }
  }

  /** Writes a case's rows, or why it has none. */
  async #write(state: RunState, { unit, variant }: SimulatedPoint, outcome: JobOutcome | null): Promise<void> {
    if (state.isVoid(unit, variant)) state.leaveOut(unit, variant);
    else if (outcome === null)
      throw new Error(`case of '${variant.id}' was left out, though nothing was wrong before it`);
    else if (outcome.kind === "done") {
      const recorder = state.recorder(unit);
      for (const { metric, round = 0, value } of outcome.samples) recorder.add(variant, metric, round, value);
      for (const row of recorder.rows) this.add(row);
      await recorder.write();
      state.settle(unit, variant);
    } else {
      const { kind, message } = outcome;
      state.fail(unit, variant, kind === "violation" ? new ViolationError(message) : new InputError(message));
    }
    await state.saveNowAndThen();
  }
}

/** What the user is told of a case that is waited for. */
function pointName(unit: Unit): string {
  if (unit.simulation === null) return unitText(unit);
  const { machine, swept, scaled } = simulationOf(unit);
  const pairs = Object.entries(swept).map(([key, value]) => ` ${key}=${value}`);
  const change = scaled === null ? "" : ` ${scaledText(scaled)}`;
  return `${unitText(unit)} on ${machine}, ${unit.cpus} ${unit.cpus === 1 ? "CPU" : "CPUs"}${pairs.join("")}${change}`;
}

/** Expected seconds of one of a unit's cases. */
function weightOf({ weight, variants }: Unit): number {
  return weight / variants.length;
}
