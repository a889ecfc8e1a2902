// Compares two sides of the same cases natively: pairs of modules, each pair in many short processes, the process as the unit
// of replication.

import { InputError, StoppedError } from "../errors.ts";
import { gateRounds } from "../plan/gate.ts";
import type { PairedJob, PairedSamples } from "../plan/paired.ts";
import { cpusText } from "../plan/unit.ts";
import { metricOf } from "../records/metrics.ts";
import { processesFor } from "../statistics/family.ts";
import { Random } from "../workloads/random.ts";
import type { Canary, Comparison, NativeRow, PairedEstimate } from "./comparison.ts";
import {
  confirmationProcesses,
  effectFloor,
  estimate,
  isConfirmed,
  judgeRows,
  sings,
  alpha as usualAlpha,
} from "./judge.ts";
import { changeShare, percent, reasonOf } from "./reasons.ts";
import { type NativeCase, type NativeRounds, type NativeSide, TimedCase } from "./timed-case.ts";

/** What the machine does besides. */
export interface MachineWatch {
  /** Runnable tasks of others per core before anything was measured; null where the system does not tell. */
  readonly loadPerCore: number | null;
  /** Share of CPU time that the hypervisor took since the watch began; null where the system does not tell. */
  readonly stealShare: () => Promise<number | null>;
  /** What is more than these cannot be trusted. */
  readonly limits: { readonly loadPerCore: number; readonly stealShare: number };
}

export interface NativeOptions {
  readonly kind: Comparison["kind"];
  readonly cases: readonly NativeCase[];
  /** Whether cases are timed whose two sides are the same to the byte. @default false */
  readonly timesAll?: boolean;
  /** @default 0.05 */
  readonly alpha?: number;
  /** Processes of each case. @default 12, or more if the number of gated rows needs it */
  readonly processes?: number;
  /** Rounds of each process. @default 60 */
  readonly rounds?: number;
  /** Smallest share that counts as a difference, as the user wants it. */
  readonly minEffect?: number;
  /** By how much the same code differed on this machine in 1 of 100 comparisons; null when it was not studied. */
  readonly machineFloor?: (cpus: number) => number | null;
  readonly seed: number;
  /** Performs a job in a process of its own. */
  readonly measure: (job: PairedJob) => Promise<PairedSamples>;
  readonly machine: MachineWatch;
  readonly onRounds: (rounds: NativeRounds) => void;
  /** Called after each process with the share that is done, 0 to 1. */
  readonly onProgress: (share: number, text: string) => void;
  readonly signal: AbortSignal;
}

export interface NativeResult {
  readonly native: NonNullable<Comparison["native"]>;
  readonly violations: Comparison["violations"];
}

/** Processes at least: a small family needs fewer to find anything at all, but costs little, and finds less with fewer. */
const processesMin = 12;

/** Processes of each case, where so many gated rows are judged together. */
export function processesOf(family: number, alpha = usualAlpha): number {
  return Math.max(processesMin, processesFor(family, alpha));
}

/** A row while it is judged. */
interface Draft {
  readonly timed: TimedCase;
  readonly head: NativeSide;
  /** All that is known of it without a measurement. */
  readonly row: NativeRow;
}

function isSameCode({ base, heads }: NativeCase): boolean {
  return heads.every((head) => head.sha256 === base.sha256 && head.skipWhenEmpty === base.skipWhenEmpty);
}

type Judged = Pick<NativeOptions, "kind" | "cases" | "timesAll" | "alpha" | "processes">;

function isTimed(what: NativeCase, { kind, timesAll = false }: Pick<NativeOptions, "kind" | "timesAll">): boolean {
  return kind === "variants" || timesAll || !isSameCode(what);
}

/**
 * Processes of each case.
 *
 * @throws {InputError} for fewer than could tell anything of so many rows, whatever they measure
 */
export function processesWanted({ kind, cases, timesAll = false, alpha = usualAlpha, processes }: Judged): number {
  const timed = cases.filter((what) => isTimed(what, { kind, timesAll }));
  const rows = timed.flatMap(({ heads, metrics }) => heads.flatMap(() => metrics));
  const family = (kind === "revisions" ? rows.filter(({ isGated }) => isGated).length : 0) || Math.max(1, rows.length);
  const wanted = processes ?? processesOf(family, alpha);
  const least = processesFor(kind === "revisions" ? family : 1, alpha) - 1;
  if (timed.length > 0 && wanted < least) {
    throw new InputError(
      `--processes ${wanted}: with ${family} rows judged together at alpha ${alpha} no difference could be found; at least ${least} are needed`,
    );
  }
  return wanted;
}

class NativeComparison {
  readonly #options: NativeOptions;
  readonly #random: Random;
  #jobsDone = 0;
  #jobs = 0;

  constructor(options: NativeOptions) {
    this.#options = options;
    this.#random = new Random(options.seed);
  }

  /** Performs so many processes of each: all of them in turn, so that what drifts, drifts for all. */
  async #time(timed: readonly TimedCase[], processes: number): Promise<void> {
    const { measure, onRounds, onProgress, signal, rounds = gateRounds } = this.#options;
    this.#jobs += timed.length * processes;
    for (let process = 0; process < processes; process++) {
      for (const one of timed) {
        if (signal.aborted) throw new StoppedError("stopped");
        if (one.isOpen) one.take(process, await measure(one.job(rounds, this.#random.next())), onRounds);
        onProgress(++this.#jobsDone / this.#jobs, `${one.what.problem}: ${one.what.base.variant}`);
      }
    }
  }

  #delta(what: NativeCase, declared = 0): number {
    const { minEffect = 0, machineFloor } = this.#options;
    return effectFloor(what.cpus, Math.max(declared, minEffect), machineFloor?.(what.cpus) ?? null);
  }

  #rowName(
    what: NativeCase,
    variant: string,
    metric: string,
  ): Omit<Canary, "processes" | "estimate" | "delta" | "sings"> {
    const { unit, better } = metricOf(metric);
    const { problem, workload, cpus, parameters } = what;
    return { problem, variant, workload: workload.name, cpus, parameters, metric, unit, better };
  }

  #drafts(timed: TimedCase): Draft[] {
    const { what } = timed;
    return what.heads.flatMap((head) =>
      what.metrics.map(({ metric, isGated, delta }): Draft => {
        const row: NativeRow = {
          ...this.#rowName(what, head.variant, metric),
          gated: isGated && this.#options.kind === "revisions",
          baseSha256: what.base.sha256,
          headSha256: head.sha256,
          processes: [],
          estimate: null,
          delta: this.#delta(what, delta),
          holm: null,
          falseDiscovery: null,
          confirmation: null,
          verdict: "inconclusive",
          reason: "not timed",
        };
        return { timed, head, row };
      }),
    );
  }

  /** The same code on both sides of two cases, of which one has one CPU and the other several, if there are both. */
  #canaries(cases: readonly NativeCase[]): TimedCase[] {
    const [first] = cases;
    const second = cases.find(({ cpus }) => (cpus === 1) !== (first?.cpus === 1)) ?? cases.find((one) => one !== first);
    return [first, second].flatMap((what) =>
      what === undefined
        ? []
        : [new TimedCase({ ...what, heads: [what.base] }, "canary", (metric) => metric === metricOfCanary(what))],
    );
  }

  #judgeCanary(timed: TimedCase): Canary | null {
    const { what } = timed;
    const metric = metricOfCanary(what);
    if (timed.failureOf(what.base, metric) !== null) return null;
    const processes = timed.processesOf(what.base, metric);
    const found = estimate(processes);
    const delta = this.#delta(what, what.metrics.find((one) => one.metric === metric)?.delta);
    return {
      ...this.#rowName(what, what.base.variant, metric),
      processes: [...processes],
      estimate: found,
      delta,
      sings: sings(found, delta),
    };
  }

  /** Judges what was measured; verdicts of what is suspected are left open. */
  #judge(drafts: readonly Draft[]): { readonly rows: NativeRow[]; readonly suspects: readonly Draft[] } {
    const { kind, alpha } = this.#options;
    const rows = drafts.map(({ timed, head, row }): NativeRow => {
      const failure = timed.failureOf(head, row.metric);
      return failure === null
        ? { ...row, processes: [...timed.processesOf(head, row.metric)] }
        : { ...row, reason: failure };
    });
    const places = [...rows.keys()].filter((index) => rows[index]!.processes.length > 0);
    const judged = judgeRows(
      places.map((place) => rows[place]!),
      kind,
      alpha,
    );
    const suspects: Draft[] = [];
    for (const [index, { verdict, ...found }] of judged.entries()) {
      const place = places[index]!;
      const row: NativeRow = { ...rows[place]!, ...found, verdict: verdict === "suspect" ? "inconclusive" : verdict };
      rows[place] = { ...row, reason: reasonOf(row) };
      if (verdict === "suspect") suspects.push({ ...drafts[place]!, row: rows[place] });
    }
    return { rows, suspects };
  }

  /** Measures again what is suspected, and gives the rows with what came of it, and the cases that it was measured in. */
  async #confirm(
    suspects: readonly Draft[],
    processesBefore: number,
  ): Promise<{ readonly rows: readonly NativeRow[]; readonly again: readonly TimedCase[] }> {
    const wanted = new Map<TimedCase, Set<string>>();
    for (const { timed, row } of suspects) wanted.set(timed, (wanted.get(timed) ?? new Set()).add(row.metric));
    const fresh = new Map(
      [...wanted].map(([timed, metrics]) => [
        timed,
        new TimedCase(timed.what, "confirmation", (metric) => metrics.has(metric), processesBefore),
      ]),
    );
    await this.#time([...fresh.values()], confirmationProcesses);
    const rows = suspects.map(({ timed, head, row }) => {
      const again = fresh.get(timed) as TimedCase;
      const failure = again.failureOf(head, row.metric);
      if (failure !== null) return { ...row, open: true, reason: `${reasonOf(row)}; not confirmed: ${failure}` };
      const processes = [...again.processesOf(head, row.metric)];
      const found: PairedEstimate = estimate(processes);
      const confirmed = isConfirmed(found, row.better, row.delta);
      const after: NativeRow = {
        ...row,
        confirmation: { processes, estimate: found, confirmed },
        verdict: confirmed ? "regressed" : "inconclusive",
      };
      return { ...after, reason: reasonOf(after) };
    });
    return { rows, again: [...fresh.values()] };
  }

  /** Why verdicts from this machine cannot be trusted. */
  #distrust(canaries: readonly Canary[], steal: number | null): string[] {
    if (canaries.length === 0) return ["no case could be timed against itself"];
    const { loadPerCore, limits } = this.#options.machine;
    const singing = canaries.filter((canary) => canary.sings);
    return [
      ...singing.map(
        ({ problem, variant, workload, metric, estimate: { ratio }, better, delta }) =>
          `the same code differed from itself by ${percent(Math.abs(changeShare({ ratio }, better)))} where ${percent(delta)} counts (${problem}, ${variant}, ${workload}, ${metric})`,
      ),
      ...(loadPerCore !== null && loadPerCore > limits.loadPerCore
        ? [
            `${loadPerCore.toFixed(1)} other tasks per core were runnable when it began; ${limits.loadPerCore} are too many`,
          ]
        : []),
      ...(steal !== null && steal > limits.stealShare
        ? [`the hypervisor took ${percent(steal)} of the CPU time; ${percent(limits.stealShare)} is too much`]
        : []),
    ];
  }

  async run(): Promise<NativeResult> {
    const { kind, cases, timesAll = false, alpha = usualAlpha, rounds = gateRounds, machine } = this.#options;
    const all = cases.map((what) => new TimedCase(what, "first"));
    const timed = all.filter(({ what }) => isTimed(what, { kind, timesAll }));
    const drafts = timed.flatMap((one) => this.#drafts(one));
    const same = all
      .filter((one) => !timed.includes(one))
      .flatMap((one) =>
        this.#drafts(one).map(({ row }): NativeRow => ({ ...row, verdict: "equivalent", reason: "the same code" })),
      );
    const processes = drafts.length === 0 ? 0 : processesWanted(this.#options);
    const watched = this.#canaries(timed.map(({ what }) => what));
    await this.#time([...watched, ...timed], processes);
    const canaries = watched.map((one) => this.#judgeCanary(one)).filter((canary) => canary !== null);
    const { rows, suspects } = this.#judge(drafts);
    // Of a machine that cannot be trusted, fresh processes say no more than the first ones.
    const stealBefore = drafts.length === 0 ? null : await machine.stealShare();
    const distrustBefore = drafts.length === 0 ? [] : this.#distrust(canaries, stealBefore);
    const isTrusted = distrustBefore.length === 0;
    const confirmed = isTrusted ? await this.#confirm(suspects, processes) : { rows: [], again: [] };
    // Nothing was measured since where it was not trusted, and less steal by now would not undo it.
    const stealShare = isTrusted && drafts.length > 0 ? await machine.stealShare() : stealBefore;
    const distrust = isTrusted && drafts.length > 0 ? this.#distrust(canaries, stealShare) : distrustBefore;
    const final = rows.map((row) => {
      const place = suspects.findIndex((suspect) => suspect.row === row);
      const found = confirmed.rows[place] ?? row;
      if (distrust.length === 0 || found.estimate === null) return found;
      return {
        ...found,
        verdict: "inconclusive" as const,
        reason: `${found.reason}; but the machine cannot be trusted`,
      };
    });
    // A canary's head is the base.
    const violations = [...all, ...confirmed.again].flatMap((one) => one.violations());
    return {
      native: {
        ...{ alpha, processes, rounds, rows: [...final, ...same], canaries, stealShare },
        loadPerCore: machine.loadPerCore,
        distrust,
      },
      violations: violations.map(({ what, variant, error }) => ({
        case: `${what.problem} / ${variant} / ${what.workload.name} / timed${cpusText(what.cpus)}`,
        error,
      })),
    };
  }
}

/** The metric by which a canary is judged. */
function metricOfCanary({ metrics }: NativeCase): string {
  return (metrics.find(({ isGated }) => isGated) ?? metrics[0])!.metric;
}

/**
 * Times the cases and judges them.
 *
 * @throws {InputError} when the processes that were asked for are too few to find anything
 * @throws {StoppedError} when the signal was raised
 */
export function compareNatively(options: NativeOptions): Promise<NativeResult> {
  return new NativeComparison(options).run();
}
