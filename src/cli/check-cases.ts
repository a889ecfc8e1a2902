// Performs cases of a check in threads, and tells how far they are.

import type { CompiledModule } from "../build/compile.ts";
import { violationWithoutSchedule } from "../checker/job.ts";
import type { CheckJob, CheckOutcome, SourceFrame } from "../checker/outcome.ts";
import type { Checking, CheckResult } from "../checker/pool.ts";
import { InputError, StoppedError } from "../errors.ts";
import type { RunningJob } from "../job-pool.ts";
import { caseText } from "../report/check/report.ts";
import { formatNumber } from "../report/format.ts";
import type { CheckBounds } from "./check-options.ts";
import { type CheckCase, checkedCase } from "./check-plan.ts";
import type { Progress } from "./progress.ts";

/** Memory of a case besides the tables that grow with its states: the arena, the journal and the instances of its CPUs. */
const caseBytes = 512 * 2 ** 20;

/** Time between two looks at the progress, in ms. */
const lookMs = 200;
/** Time at least over which a speed is told, in ms. */
const speedMs = 2000;

/** How much more than an even share of the time that is left a case may have: most need less. */
const generosity = 16;
/** A case has this much time at least, in ms. */
const leastMs = 500;

/** Divides a time between cases that are begun one after the other. */
export class TimeShares {
  readonly #deadline: number;
  readonly #workers: number;
  #waiting: number;

  /**
   * @param totalMs for all of them
   * @param cases how many there are
   * @param workers how many run at the same time
   */
  constructor(totalMs: number, cases: number, workers: number) {
    this.#deadline = performance.now() + totalMs;
    this.#workers = workers;
    this.#waiting = cases;
  }

  /** Time for the case that begins now, in ms. */
  next(): number {
    const leftMs = Math.max(0, this.#deadline - performance.now()) * this.#workers;
    const share = (generosity * leftMs) / Math.max(generosity, this.#waiting--);
    return Math.max(leastMs, Math.floor(share));
  }
}

/** What a thread is given for a case. */
export function jobOf(
  { problem, variant, scenario, model }: CheckCase,
  { compiled, core }: { readonly compiled: CompiledModule; readonly core: CompiledModule },
  bounds: CheckBounds,
): CheckJob {
  const { id, skipWhenEmpty } = variant;
  return {
    problem,
    variant: { id, skipWhenEmpty },
    scenario: scenario.name,
    model,
    ...bounds,
    statesMax: Math.ceil(bounds.statesMax * (scenario.effort ?? 1)),
    core: core.wasm,
    compiled,
  };
}

/** A user's file is compiled as if it lay in the problem's folder; in a frame it is where it is. */
export function ownFrame({ problem, variant }: CheckCase, frame: SourceFrame): SourceFrame {
  const { file, name } = variant;
  return file !== undefined && frame.file === `${problem}/${name}.ts` ? { ...frame, file } : frame;
}

function outcomeOf(one: CheckCase, job: CheckJob, result: CheckResult): CheckOutcome {
  if (result.kind === "bad input") throw new InputError(result.message);
  // Whoever goes on without performing an operation ends nowhere.
  if (result.kind === "hung") return violationWithoutSchedule(job, "livelock", result.message, result.ms);
  const { counterexample, ...rest } = result.outcome;
  if (counterexample === undefined) return rest;
  const frames = counterexample.frames.map((frame) => ownFrame(one, frame));
  return { ...rest, counterexample: { ...counterexample, frames } };
}

/** Cases that run, and what they have explored. */
class Watched {
  readonly #cases: readonly CheckCase[];
  readonly #running: readonly RunningJob<CheckResult>[];
  readonly #isOver: readonly boolean[];
  /** What each told last of its states and executions. */
  readonly #told: (readonly [number, number])[];
  /** Of all together. An exploration that begins again explores again what it has, so nothing is taken away. */
  #done: [states: number, executions: number] = [0, 0];
  #speed = "";
  #speedDone: readonly [number, number] = [0, 0];
  #speedAtMs = performance.now();

  constructor(cases: readonly CheckCase[], running: readonly RunningJob<CheckResult>[], isOver: readonly boolean[]) {
    this.#cases = cases;
    this.#running = running;
    this.#isOver = isOver;
    this.#told = running.map(() => [0, 0]);
  }

  /** Cases' worth of work that is done in those that are not over. */
  get share(): number {
    return this.#running.reduce((sum, { share }, index) => sum + (this.#isOver[index] ? 0 : share()), 0);
  }

  /** Looks at what the cases tell of themselves. */
  look(): void {
    for (const [index, { own }] of this.#running.entries()) {
      const told = own();
      const before = this.#told[index] ?? told;
      for (const place of [0, 1] as const) {
        this.#done[place] += told[place] >= before[place] ? told[place] - before[place] : told[place];
      }
      this.#told[index] = told;
    }
    const ms = performance.now() - this.#speedAtMs;
    if (ms < speedMs) return;
    const [states, executions] = this.#done.map((all, place) =>
      Math.round((1000 * (all - this.#speedDone[place]!)) / ms),
    );
    if (states! > 0) this.#speed = `${formatNumber(states)} states/s  `;
    else this.#speed = executions! > 0 ? `${formatNumber(executions)} executions/s  ` : "";
    this.#speedDone = [...this.#done];
    this.#speedAtMs = performance.now();
  }

  /** The speed, once it is known, and the first case that is not over. */
  get text(): string {
    const index = this.#isOver.indexOf(false);
    const one = this.#cases[index];
    if (one === undefined) return `${this.#speed}done`;
    const percent = Math.floor(100 * (this.#running[index]?.share() ?? 0));
    return `${this.#speed}${caseText(checkedCase(one))} ${percent}%`;
  }
}

export interface PerformOptions {
  /** Called as a case ends. */
  readonly onOutcome?: (outcome: CheckOutcome, index: number) => void;
  /** What is left to each case of a time for all; absent: each has its own limit only. */
  readonly shares?: TimeShares;
}

/**
 * Performs cases, and closes the pool.
 *
 * @param jobs of the cases, in their order
 * @returns outcomes in the order of the cases; undefined for those that the user stopped
 * @throws {InputError} when the memory of a case cannot be had
 */
export async function performCases(
  cases: readonly CheckCase[],
  jobs: readonly CheckJob[],
  pool: Checking,
  progress: Progress,
  { onOutcome = () => {}, shares }: PerformOptions = {},
): Promise<(CheckOutcome | undefined)[]> {
  const isOver = cases.map(() => false);
  const prepare = (job: CheckJob): CheckJob =>
    shares === undefined ? job : { ...job, msMax: Math.min(job.msMax, shares.next()) };
  const running = jobs.map((job) => pool.run({ job, bytes: caseBytes, isWanted: () => true, prepare }));
  const watched = new Watched(cases, running, isOver);
  const update = (ended: number): void => {
    watched.look();
    progress.update(watched.share + ended, watched.text);
  };
  const timer = setInterval(() => update(0), lookMs);
  progress.begin(watched.text);
  try {
    return await Promise.all(
      running.map(async ({ outcome: promised }, index) => {
        try {
          const result = await promised;
          if (result === null) throw new Error("a case was left out that somebody waits for");
          const outcome = outcomeOf(cases[index]!, jobs[index]!, result);
          isOver[index] = true;
          onOutcome(outcome, index);
          update(1);
          progress.finish(1);
          return outcome;
        } catch (error) {
          if (error instanceof StoppedError) return undefined;
          throw error;
        }
      }),
    );
  } finally {
    clearInterval(timer);
    progress.clear();
    await pool.close();
  }
}
