// Measures what a study compares, and what its log has already it does not measure again.

import { createHash } from "node:crypto";
import { performance } from "node:perf_hooks";
import type { PairedProcess } from "../compare/comparison.ts";
import { confirmationProcesses, estimate, worsening } from "../compare/judge.ts";
import {
  confirms,
  drawOthers,
  judgeFirst,
  type Resampler,
  type SlowedSummary,
  type Study,
  type StudyRow,
  type StudyVerdict,
  summariseSlowed,
} from "../compare/study.ts";
import { TimedCase } from "../compare/timed-case.ts";
import { InputError, StoppedError } from "../errors.ts";
import { measurePaired } from "../native/paired.ts";
import type { StudyLog, StudyProcess } from "../records/study-log.ts";
import type { ModuleFiles } from "./compare-native.ts";
import type { Progress } from "./progress.ts";
import { Slowed } from "./slowed.ts";
import { type StudyCase, without } from "./study-cases.ts";

/** Names a comparison of a study. */
type Name = Pick<StudyProcess, "stage" | "steps" | "comparison" | "phase">;

/** Attempts at a slow-down that is as large as it should be, within this share of it. */
const attemptsMax = 4;
const closeEnough = 0.15;
/** Steps of a loop on the base's side; on the head's at first, and at most: beyond, its place does not matter. */
const stepsOfBase = 1;
const stepsFirst = 256;
const stepsMax = 2 ** 22;

/** Measures what the log does not have. */
export class StudyBench {
  readonly #log: StudyLog;
  readonly #rounds: number;
  readonly #seed: number;
  readonly #progress: Progress;
  readonly #signal: AbortSignal;

  constructor(
    log: StudyLog,
    { rounds, seed }: { readonly rounds: number; readonly seed: number },
    progress: Progress,
    signal: AbortSignal,
  ) {
    this.#log = log;
    this.#rounds = rounds;
    this.#seed = seed;
    this.#progress = progress;
    this.#signal = signal;
  }

  /** Draws differ from process to process, and are the same when a study goes on. */
  #seedOf(name: Name, one: StudyCase, process: number): number {
    const key = [this.#seed, ...Object.values(name), one.what.base.variant, one.rows[0]!.name, process];
    return createHash("sha256").update(JSON.stringify(key)).digest().readUInt32LE();
  }

  /**
   * Performs one process of a case, unless it was performed before.
   *
   * @throws {InputError} when the case cannot be timed
   */
  async process(one: StudyCase, name: Name, process: number): Promise<readonly StudyProcess[]> {
    const found = one.rows.map(({ name: row }) => this.#log.find({ ...name, row, process }));
    if (found.every((line) => line !== undefined)) return found;
    if (this.#signal.aborted) throw new StoppedError("stopped");
    const wanted = new Set(one.rows.map(({ metric }) => metric));
    const timed = new TimedCase(one.what, "first", (metric) => wanted.has(metric));
    const begin = performance.now();
    const samples = await measurePaired(timed.job(this.#rounds, this.#seedOf(name, one, process)), this.#signal);
    const seconds = Number(((performance.now() - begin) / 1000).toFixed(3));
    timed.take(0, samples, () => {});
    const [head] = one.what.heads;
    const measured = one.rows.map((row): StudyProcess => {
      const failure = timed.failureOf(head!, row.metric);
      if (failure !== null) throw new InputError(`${row.name}: ${failure}`);
      const { base, head: slower, logRatio, rounds } = timed.processesOf(head!, row.metric)[0]!;
      return { ...name, row: row.name, process, base, head: slower, log_ratio: logRatio, rounds, seconds };
    });
    await this.#log.add(measured);
    return measured;
  }

  /** Performs processes of cases in turn, as the gate does: what drifts, drifts for all. */
  async time(cases: readonly StudyCase[], name: Name, processes: number): Promise<Map<StudyRow, PairedProcess[]>> {
    const all = new Map(cases.flatMap(({ rows }) => rows.map((row): [StudyRow, PairedProcess[]] => [row, []])));
    for (let process = 0; process < processes; process++) {
      for (const one of cases) {
        this.#progress.update(0, `${name.stage} ${name.comparison + 1}: ${one.rows[0]!.name}`);
        const lines = await this.process(one, name, process);
        for (const [index, { base, head, log_ratio: logRatio, rounds }] of lines.entries()) {
          all.get(one.rows[index]!)!.push({ base, head, logRatio, rounds });
        }
        if (name.stage !== "calibration" && name.phase === "first") this.#progress.finish(1);
      }
    }
    return all;
  }
}

/** The same code on both sides, again and again. */
export async function compareSame(
  bench: StudyBench,
  cases: readonly StudyCase[],
  comparisons: number,
  processes: number,
): Promise<Map<StudyRow, { readonly verdicts: StudyVerdict[]; readonly pool: PairedProcess[] }>> {
  const found = new Map(
    cases.flatMap(({ rows }) => rows.map((row) => [row, { verdicts: [], pool: [] }] as const)),
  ) as Map<StudyRow, { verdicts: StudyVerdict[]; pool: PairedProcess[] }>;
  for (let comparison = 0; comparison < comparisons; comparison++) {
    const name = { stage: "same", steps: 0, comparison } as const;
    const first = await bench.time(cases, { ...name, phase: "first" }, processes);
    const judged = new Map([...first].map(([row, measured]) => [row, judgeFirst(row, measured)]));
    const suspected = cases
      .map((one) => ({ ...one, rows: one.rows.filter((row) => judged.get(row)!.isSuspected) }))
      .filter(({ rows }) => rows.length > 0);
    const fresh = await bench.time(suspected, { ...name, phase: "confirmation" }, confirmationProcesses);
    for (const [row, verdict] of judged) {
      const again = fresh.get(row);
      const { verdicts, pool } = found.get(row)!;
      verdicts.push({ ...verdict, isConfirmed: again !== undefined && confirms(row, again) });
      pool.push(...first.get(row)!);
    }
  }
  return found;
}

/** A case whose head computes more, and by how much it was slower. */
interface Calibrated {
  readonly slower: StudyCase;
  readonly steps: number;
  readonly slowdown: number;
}

/** Finds the steps that make a row slower by each of the effects. */
async function calibrate(
  bench: StudyBench,
  one: StudyCase,
  slowed: Slowed,
  files: ModuleFiles,
  { effects, processes }: { readonly effects: readonly number[]; readonly processes: number },
): Promise<readonly Calibrated[] | string> {
  const [row] = one.rows;
  // Of the same form, so that the loop's length alone differs, and not what else its place costs.
  const base = await files.sideOf(one.planned, await slowed.compile(stepsOfBase));
  const attempt = async (steps: number): Promise<Calibrated> => {
    const head = await files.sideOf(one.planned, await slowed.compile(steps));
    const slower = { ...one, what: { ...one.what, base, heads: [head] } };
    const name = { stage: "calibration", steps, comparison: 0, phase: "first" } as const;
    const measured = await bench.time([slower], name, processes);
    return { slower, steps, slowdown: worsening(estimate(measured.get(row!)!), row!.better) };
  };
  // Twice the largest effect: beside it noise is small, and time is linear in the steps.
  const far = 2 * effects.at(-1)!;
  let anchor = await attempt(stepsFirst);
  while (anchor.slowdown < far) {
    // Below a per cent noise would decide.
    const factor = anchor.slowdown > 0.01 ? (1.1 * far) / anchor.slowdown : 8;
    const steps = Math.ceil(anchor.steps * Math.max(1.2, Math.min(8, factor)));
    if (steps > stepsMax) return `${stepsMax} steps make it no slower by ${far}`;
    anchor = await attempt(steps);
  }
  const found: Calibrated[] = [];
  for (const effect of effects) {
    let best = anchor;
    let steps = Math.round((anchor.steps * effect) / anchor.slowdown);
    for (let attempts = 0; attempts < attemptsMax; attempts++) {
      const next = await attempt(Math.max(stepsOfBase + 1, steps));
      if (Math.abs(next.slowdown - effect) < Math.abs(best.slowdown - effect)) best = next;
      if (Math.abs(best.slowdown - effect) <= closeEnough * effect) break;
      const factor = next.slowdown > 0 ? effect / next.slowdown : 2;
      steps = Math.round(next.steps * Math.max(0.5, Math.min(2, factor)));
    }
    found.push(best);
  }
  return found;
}

/** Code that is slower, beside the code that it is made from. */
export async function compareSlowed(
  bench: StudyBench,
  toSlow: readonly StudyCase[],
  { files, sources, draw }: { readonly files: ModuleFiles; readonly sources: string; readonly draw: Resampler },
  wishes: {
    /** CPU counts of the suite's rows. */
    readonly family: readonly number[];
    readonly processes: number;
    readonly effects: readonly number[];
    readonly injections: number;
  },
): Promise<Pick<Study, "slowed" | "notSlowed">> {
  const { family, processes, effects, injections } = wishes;
  const slowed: SlowedSummary[] = [];
  const notSlowed: string[] = [];
  for (const one of toSlow) {
    const row = one.rows[0]!;
    const form = await Slowed.of(sources, row.problem, one.planned, row.metric);
    const found = form === null ? "its code is another variant's" : await calibrate(bench, one, form, files, wishes);
    if (form === null || typeof found === "string") {
      notSlowed.push(`\`${row.name}\`: ${found}`);
      continue;
    }
    // It stands for one row of the suite, beside which all others are unchanged.
    const others = without(family, row.cpus);
    for (const [index, { slower, steps, slowdown }] of found.entries()) {
      const verdicts: StudyVerdict[] = [];
      for (let comparison = 0; comparison < injections; comparison++) {
        const name = { stage: "slowed", steps, comparison } as const;
        const first = (await bench.time([slower], { ...name, phase: "first" }, processes)).get(row)!;
        const verdict = judgeFirst(row, first, drawOthers(draw, others, processes));
        const fresh = verdict.isSuspected
          ? await bench.time([slower], { ...name, phase: "confirmation" }, confirmationProcesses)
          : null;
        verdicts.push({ ...verdict, isConfirmed: fresh !== null && confirms(row, fresh.get(row)!) });
      }
      const what = { row, effect: effects[index]!, calibrated: slowdown, steps, every: form.every };
      slowed.push(summariseSlowed(what, verdicts));
    }
  }
  return { slowed, notSlowed };
}
