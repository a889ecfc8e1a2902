// What a study makes of its processes: how often the gate raises an alarm when nothing has changed, and how often when
// something has. Everything is judged by the gate's own rules.

import { median, quantile } from "simple-statistics";
import type { Environment } from "../records/environment.ts";
import { clopperPearson } from "../statistics/binomial.ts";
import { robustDeviation } from "../statistics/detectable.ts";
import { Random } from "../workloads/random.ts";
import type { NativeRow, PairedProcess } from "./comparison.ts";
import { confirmationProcesses, estimate, isConfirmed, judgeRows, type RowInput, worsening } from "./judge.ts";
import type { MachineFloor } from "./machine-floor.ts";

/** A gated row of the suite: a metric of a case. */
export interface StudyRow {
  /** `problem/variant/workload/cpus/metric`. */
  readonly name: string;
  readonly problem: string;
  readonly variant: string;
  readonly workload: string;
  readonly cpus: number;
  readonly metric: string;
  readonly better: NativeRow["better"];
  readonly delta: number;
}

/** What the gate would have made of one comparison. */
export interface StudyVerdict {
  /** By how much the head was worse, by the first processes. */
  readonly shift: number;
  readonly isSuspected: boolean;
  readonly isImproved: boolean;
  /** By fresh processes; false without a suspicion. */
  readonly isConfirmed: boolean;
}

/** A share of trials, with the exact interval of the probability behind it. */
export interface Rate {
  readonly hits: number;
  readonly trials: number;
  readonly low: number;
  readonly high: number;
}

export function rateOf(hits: number, trials: number): Rate {
  return { hits, trials, ...clopperPearson(hits, trials) };
}

function rateWhere<One>(all: readonly One[], isHit: (one: One) => boolean): Rate {
  return rateOf(all.filter(isHit).length, all.length);
}

function inputOf({ better, delta }: StudyRow, processes: readonly PairedProcess[]): RowInput {
  return { better, delta, gated: true, processes };
}

/** Processes of each row, in which both sides are the same code. */
export type Pools = ReadonlyMap<StudyRow, readonly PairedProcess[]>;

/** Draws from what was measured, with replacement. */
export class Resampler {
  readonly #pools: Pools;
  readonly #random: Random;

  /** @param pools none of them empty */
  constructor(pools: Pools, seed: number) {
    this.#pools = pools;
    this.#random = new Random(seed);
  }

  processes(row: StudyRow, count: number): PairedProcess[] {
    const pool = this.#pools.get(row)!;
    return Array.from({ length: count }, () => pool[this.#random.below(pool.length)]!);
  }

  /** A studied row that stands for one of the suite, which may not have been studied: one with as many CPUs, if there is one. */
  rowLike(cpus: number): StudyRow {
    const all = [...this.#pools.keys()];
    const alike = all.filter((row) => row.cpus === cpus);
    const among = alike.length > 0 ? alike : all;
    return among[this.#random.below(among.length)]!;
  }
}

/**
 * The first processes of a row, judged as one of a family.
 *
 * @param others the family's other rows
 */
export function judgeFirst(
  row: StudyRow,
  processes: readonly PairedProcess[],
  others: readonly RowInput[] = [],
): Omit<StudyVerdict, "isConfirmed"> {
  const { estimate: found, verdict } = judgeRows([inputOf(row, processes), ...others], "revisions")[0]!;
  return {
    shift: worsening(found, row.better),
    isSuspected: verdict === "suspect",
    isImproved: verdict === "improved",
  };
}

/** Whether fresh processes confirm what was suspected. */
export function confirms({ better, delta }: StudyRow, processes: readonly PairedProcess[]): boolean {
  return isConfirmed(estimate(processes), better, delta);
}

/** Other rows of a family, drawn: `cpus` has an entry for each. */
export function drawOthers(draw: Resampler, cpus: readonly number[], processes: number): RowInput[] {
  return cpus.map((count) => {
    const row = draw.rowLike(count);
    return inputOf(row, draw.processes(row, processes));
  });
}

export interface FamilyRates {
  readonly suspected: Rate;
  readonly confirmed: Rate;
}

/** Rates of families of rows in which nothing has changed: with any suspicion, and with any confirmed one. */
export function resampleFamilies(
  draw: Resampler,
  cpus: readonly number[],
  processes: number,
  families: number,
): FamilyRates {
  let suspected = 0;
  let confirmed = 0;
  for (let family = 0; family < families; family++) {
    const rows = cpus.map((count) => draw.rowLike(count));
    const judged = judgeRows(
      rows.map((row) => inputOf(row, draw.processes(row, processes))),
      "revisions",
    );
    const suspects = rows.filter((_, index) => judged[index]!.verdict === "suspect");
    if (suspects.length > 0) suspected++;
    // Each of them is confirmed or not by itself, and all are measured again.
    const alarms = suspects.filter((row) => confirms(row, draw.processes(row, confirmationProcesses)));
    if (alarms.length > 0) confirmed++;
  }
  return { suspected: rateOf(suspected, families), confirmed: rateOf(confirmed, families) };
}

/** As if the head were worse by a share. */
export function worsened(
  processes: readonly PairedProcess[],
  better: NativeRow["better"],
  share: number,
): PairedProcess[] {
  const shift = better === "higher" ? -Math.log1p(share) : Math.log1p(share);
  return processes.map((one) => ({
    ...one,
    head: one.head * Math.exp(shift),
    logRatio: one.logRatio + shift,
  }));
}

/** Rates of a row that is worse by a factor, in families in which nothing else has changed. */
export function resampleEffect(
  draw: Resampler,
  cpus: number,
  share: number,
  others: readonly number[],
  processes: number,
  families: number,
): FamilyRates {
  let suspected = 0;
  let confirmed = 0;
  for (let family = 0; family < families; family++) {
    const row = draw.rowLike(cpus);
    const worse = (count: number): PairedProcess[] => worsened(draw.processes(row, count), row.better, share);
    if (!judgeFirst(row, worse(processes), drawOthers(draw, others, processes)).isSuspected) continue;
    suspected++;
    if (confirms(row, worse(confirmationProcesses))) confirmed++;
  }
  return { suspected: rateOf(suspected, families), confirmed: rateOf(confirmed, families) };
}

/** A row compared with itself again and again. */
export interface SameSummary extends FamilyRates {
  readonly row: StudyRow;
  readonly improved: Rate;
  /** What half, 95 % and 99 % of the comparisons were off by at most, in either direction; 99 % only of 100 or more. */
  readonly shift50: number;
  readonly shift95: number;
  readonly shift99: number | null;
  /** Robust standard deviation of the processes' log ratios. */
  readonly deviation: number;
}

/** In either direction, the larger side over the smaller one. */
function sizeOf(shift: number): number {
  return Math.exp(Math.abs(Math.log1p(shift))) - 1;
}

/** Comparisons from which the 99th of 100 can be told. */
const comparisonsMin = 100;

function percentile99(shifts: readonly number[]): number | null {
  return shifts.length < comparisonsMin ? null : quantile(shifts.map(sizeOf), 0.99);
}

export function summariseSame(
  row: StudyRow,
  verdicts: readonly StudyVerdict[],
  processes: readonly PairedProcess[],
): SameSummary {
  const sizes = verdicts.map(({ shift }) => sizeOf(shift));
  return {
    row,
    suspected: rateWhere(verdicts, (one) => one.isSuspected),
    improved: rateWhere(verdicts, (one) => one.isImproved),
    confirmed: rateWhere(verdicts, (one) => one.isConfirmed),
    shift50: median(sizes),
    shift95: quantile(sizes, 0.95),
    shift99: percentile99(sizes),
    deviation: robustDeviation(processes.map(({ logRatio }) => logRatio)),
  };
}

/** The machine's floor for each CPU count that was compared often enough. */
export function floorsOf(shifts: ReadonlyMap<StudyRow, readonly number[]>): MachineFloor["floors"] {
  const counts = [...new Set([...shifts.keys()].map(({ cpus }) => cpus))].sort((a, b) => a - b);
  return counts.flatMap((cpus) => {
    const all = [...shifts].flatMap(([row, values]) => (row.cpus === cpus ? values : []));
    const shift = percentile99(all);
    return shift === null ? [] : [{ cpus, shift: Math.min(1, shift), comparisons: all.length }];
  });
}

/** A row whose head was made slower by code, not by a factor. */
export interface SlowedSummary extends FamilyRates {
  readonly row: StudyRow;
  /** What was aimed at, and what processes of their own measured before. */
  readonly effect: number;
  readonly calibrated: number;
  /** Steps of the loop, and calls from one loop to the next. */
  readonly steps: number;
  readonly every: number;
  /** Estimates of the comparisons. */
  readonly shiftLow: number;
  readonly shift50: number;
  readonly shiftHigh: number;
}

export function summariseSlowed(
  what: Pick<SlowedSummary, "row" | "effect" | "calibrated" | "steps" | "every">,
  verdicts: readonly StudyVerdict[],
): SlowedSummary {
  const shifts = verdicts.map(({ shift }) => shift);
  return {
    ...what,
    suspected: rateWhere(verdicts, (one) => one.isSuspected),
    confirmed: rateWhere(verdicts, (one) => one.isConfirmed),
    shiftLow: Math.min(...shifts),
    shift50: median(shifts),
    shiftHigh: Math.max(...shifts),
  };
}

/** All that a study has found. */
export interface Study {
  readonly startedAt: string;
  readonly finishedAt: string;
  readonly command: string;
  readonly environment: Environment;
  /** Of this machine when the study began or went on, and since then. */
  readonly loadPerCore: number | null;
  readonly stealShare: number | null;
  readonly processes: number;
  readonly rounds: number;
  readonly seed: number;
  /** Gated rows of the whole suite. */
  readonly family: number;
  readonly same: readonly SameSummary[];
  readonly families: FamilyRates;
  readonly slowed: readonly SlowedSummary[];
  /** Rows that cannot be slowed, by name, with the reason. */
  readonly notSlowed: readonly string[];
  readonly multiplied: readonly (FamilyRates & { readonly cpus: number; readonly effect: number })[];
  /** What a process takes of each row of the suite, all its variants together. */
  readonly times: readonly {
    readonly problem: string;
    readonly workload: string;
    readonly cpus: number;
    readonly variants: number;
    readonly metrics: readonly string[];
    readonly seconds: number;
  }[];
  readonly floors: MachineFloor["floors"];
}
