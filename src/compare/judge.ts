// Verdicts about paired timings: first on all rows of a comparison together, then, for those suspected to have regressed, on
// fresh processes alone. The process is the unit: rounds of one process share its memory layout and its neighbours.

import { median, sampleSkewness } from "simple-statistics";
import { detectableShift, robustDeviation } from "../statistics/detectable.ts";
import { benjaminiHochberg, holm } from "../statistics/family.ts";
import { hodgesLehmann, signedRankTest, signTest } from "../statistics/signed-rank.ts";
import type { NativeRow, PairedEstimate, PairedProcess, Verdict } from "./comparison.ts";

/** False alarms allowed, as a share of comparisons in which nothing changed. */
export const alpha = 0.05;
/** p that fresh processes alone must pass. */
export const confirmationAlpha = 0.01;
/** Fresh processes for what is suspected, however many there were before. */
export const confirmationProcesses = 12;
/** Share of false ones that the list of what is worth a look may hold. */
export const falseDiscoveryMax = 0.1;

/** Smallest differences that count, as shares: below are the layout of code and what the machine does between processes. */
export const floorOneCpu = 0.03;
export const floorSeveralCpus = 0.05;

/** Where the signed-rank test does not hold: values far from symmetric, or many of the same size. */
const skewnessMax = 2;
const tiesMax = 0.2;

/**
 * The effect floor of a row.
 *
 * @param declared the suite's own, or the user's
 * @param machine what the machine showed between the same code in 99 of 100 comparisons; null when it was not studied
 */
export function effectFloor(cpus: number, declared = 0, machine: number | null = null): number {
  return Math.max(declared, cpus === 1 ? floorOneCpu : floorSeveralCpus, machine ?? 0);
}

/**
 * One process's rounds, as its log ratio. A round in which neither side has a value above 0 says nothing and is left out; one
 * in which only one side has is an extreme: left out, it would flatter a side that came to nothing.
 *
 * @returns null when there is no round, or half of them are such extremes
 */
export function pairedProcess(base: readonly number[], head: readonly number[]): PairedProcess | null {
  const rounds = base
    .map((value, round) => ({ base: value, head: head[round] ?? 0 }))
    .filter((pair) => pair.base > 0 || pair.head > 0);
  if (rounds.length === 0) return null;
  const logRatio = median(rounds.map((pair) => Math.log(pair.head / pair.base)));
  if (!Number.isFinite(logRatio)) return null;
  return {
    base: median(rounds.map((pair) => pair.base)),
    head: median(rounds.map((pair) => pair.head)),
    logRatio,
    rounds: rounds.length,
  };
}

/** Share of values whose size another one has, too. */
function tiedShare(values: readonly number[]): number {
  const sizes = new Map<number, number>();
  for (const value of values) sizes.set(Math.abs(value), (sizes.get(Math.abs(value)) ?? 0) + 1);
  return values.filter((value) => (sizes.get(Math.abs(value)) ?? 0) > 1).length / values.length;
}

/** @throws {RangeError} without processes */
export function estimate(processes: readonly PairedProcess[]): PairedEstimate {
  const logs = processes.map(({ logRatio }) => logRatio);
  const wide = hodgesLehmann(logs, 0.95);
  const narrow = hodgesLehmann(logs, 0.9);
  const varies = logs.some((value) => value !== logs[0]);
  const isSkewed = logs.length >= 3 && varies && Math.abs(sampleSkewness(logs)) > skewnessMax;
  const test = isSkewed || tiedShare(logs) > tiesMax ? "sign" : "signed-rank";
  const exp = (value: number | null): number | null => (value === null ? null : Math.exp(value));
  return {
    ratio: Math.exp(wide.estimate),
    low: exp(wide.low),
    high: exp(wide.high),
    low90: exp(narrow.low),
    high90: exp(narrow.high),
    p: test === "sign" ? signTest(logs) : signedRankTest(logs).p,
    test,
    detectable: detectableShift(robustDeviation(logs), logs.length),
  };
}

/** By how much the head is worse, as a share; negative where it is better. */
export function worsening({ ratio }: Pick<PairedEstimate, "ratio">, better: NativeRow["better"]): number {
  return better === "higher" ? 1 / ratio - 1 : ratio - 1;
}

/** Whether the whole interval at 90 % is within the floor, in both directions. */
function isEquivalent({ low90, high90 }: PairedEstimate, delta: number): boolean {
  return low90 !== null && high90 !== null && low90 > 1 / (1 + delta) && high90 < 1 + delta;
}

/** What a row is judged by. */
export interface RowInput {
  readonly better: NativeRow["better"];
  readonly gated: boolean;
  readonly delta: number;
  readonly processes: readonly PairedProcess[];
}

/** A row's verdict from the first processes; `suspect`: regressed, if fresh processes confirm it. */
export interface FirstVerdict {
  readonly estimate: PairedEstimate;
  readonly holm: number | null;
  readonly falseDiscovery: number;
  readonly verdict: "suspect" | Exclude<Verdict, "regressed">;
}

/**
 * Judges the rows of one comparison together.
 *
 * @param kind between variants no row is suspected: that one is slower than another is nobody's fault
 * @param limit share of false alarms that the gated ones may raise
 */
export function judgeRows(
  rows: readonly RowInput[],
  kind: "revisions" | "variants",
  limit: number = alpha,
): FirstVerdict[] {
  const estimates = rows.map(({ processes }) => estimate(processes));
  const gated = [...rows.keys()].filter((index) => rows[index]!.gated);
  const adjusted = holm(gated.map((index) => estimates[index]!.p));
  const discoveries = benjaminiHochberg(estimates.map(({ p }) => p));
  return rows.map(({ better, delta }, index) => {
    const found = estimates[index]!;
    const place = gated.indexOf(index);
    const holmP = place < 0 ? null : adjusted[place]!;
    const falseDiscovery = discoveries[index]!;
    const isReal = holmP === null ? falseDiscovery <= falseDiscoveryMax : holmP <= limit;
    const isApart = found.low !== null && found.high !== null && (found.low > 1 || found.high < 1);
    const worse = worsening(found, better);
    const differs = isReal && isApart;
    const equal = isEquivalent(found, delta) ? "equivalent" : "inconclusive";
    const verdict =
      kind === "variants"
        ? differs
          ? worse > 0
            ? "slower"
            : "faster"
          : "not separated"
        : differs && worse >= delta
          ? "suspect"
          : differs && worsening({ ratio: 1 / found.ratio }, better) >= delta
            ? "improved"
            : equal;
    return { estimate: found, holm: holmP, falseDiscovery, verdict };
  });
}

/** Whether fresh processes alone show what was suspected. */
export function isConfirmed(fresh: PairedEstimate, better: NativeRow["better"], delta: number): boolean {
  return fresh.p < confirmationAlpha && worsening(fresh, better) >= delta;
}

/** Whether two sides of the same code differ by what would count as a difference: then the machine cannot be trusted. */
export function sings({ ratio }: PairedEstimate, delta: number): boolean {
  return Math.max(ratio, 1 / ratio) - 1 >= delta;
}
