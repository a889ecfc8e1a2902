// How a state of the simulated machine changed over the rounds of a workload: the gauges that are read after each.

import { linearRegression, linearRegressionLine, rSquared } from "simple-statistics";
import type { Problem } from "../../problems/index.ts";
import { virtualName } from "../../records/metrics.ts";
import { capitalised, formatNs, formatNumber } from "../format.ts";
import { renderTable } from "../markdown.ts";
import { type SimulatedCase, type SimulatedRows, simulated } from "../rows.ts";
import type { Table } from "../tables.ts";
import { formatOf, headOf } from "./names.ts";
import { type Plan, toldSection } from "./plan.ts";
import { virtualSource } from "./verdict.ts";

/** Metric of the virtual time at which a measured round ended, since the measured part began. */
const roundEnd = "virtual-round-end-ns";
/** Moments that a table shows. */
const momentsMax = 8;

/** The rounds to show: evenly over all, the last among them. */
function momentsOf(rounds: readonly number[]): number[] {
  const count = Math.min(momentsMax, rounds.length);
  return Array.from({ length: count }, (_, index) => rounds[Math.round(((index + 1) * rounds.length) / count) - 1]!);
}

/** Rounds of which a line says anything. */
const halfMin = 3;
/** Share of the values' variance that a line must explain: below, they go up and down and get nowhere. */
const explainedMin = 0.5;

/** Growth from round to round by a straight line, least squares; 0 where no line describes the values. */
function growthOf(values: readonly number[]): number {
  const points = values.map((value, index) => [index, value] as [number, number]);
  const line = linearRegression(points);
  return line.m !== 0 && rSquared(points, linearRegressionLine(line)) >= explainedMin ? line.m : 0;
}

/**
 * Growth in the second half of the rounds over that in the first: 1 for growth at a steady pace, 0 for what has come to
 * rest, infinity for what began to grow late. Null where neither half grew, or too few rounds tell.
 */
export function paceOf(values: readonly number[]): number | null {
  const half = Math.ceil(values.length / 2);
  if (half < halfMin) return null;
  const first = growthOf(values.slice(0, half));
  const second = growthOf(values.slice(-half));
  if (first > 0) return second / first;
  return second > 0 ? Number.POSITIVE_INFINITY : null;
}

function paceText(pace: number | null): string {
  return pace === Number.POSITIVE_INFINITY ? "∞" : formatNumber(pace);
}

function roundsOf(series: ReadonlyMap<number, number>): number[] {
  return [...series.keys()].sort((a, b) => a - b);
}

/** Null where no case has such a curve, or all of them stay at 0. */
function curveTable(cases: readonly SimulatedCase[], metric: string, unit: string): Table | null {
  const name = virtualName(metric);
  const format = formatOf(unit);
  const drawn = cases.map((one) => ({
    ...one,
    series: one.rows.series(simulated, name),
    ends: one.rows.series(simulated, roundEnd),
  }));
  const curves = drawn.filter(({ series }) => series.size > 1);
  if (curves.every(({ series }) => [...series.values()].every((value) => value === 0))) return null;
  // One may have been stopped early.
  const all = [...new Set(curves.flatMap(({ series }) => [...series.keys()]))].sort((a, b) => a - b);
  const moments = momentsOf(all);
  return [
    ["variant", ...moments.map((round) => `round ${all.indexOf(round) + 1}`), "2nd half / 1st", "all rounds took"],
    ...curves.map(({ variant, series, ends }) => [
      variant,
      ...moments.map((round) => format(series.get(round))),
      paceText(paceOf(roundsOf(series).map((round) => series.get(round)!))),
      formatNs(ends.get(roundsOf(ends).at(-1) ?? 0)),
    ]),
  ];
}

/** Cases of a workload on its first machine's largest number of CPUs, as they are and not with a changed cost. */
function mainCases(rows: SimulatedRows, workload: string): { readonly place: string; readonly cases: SimulatedCase[] } {
  const [machine, all = []] = [...rows.casesOf(workload)][0] ?? ["", []];
  const plain = all.filter(({ parameters }) => !parameters.has("scaled"));
  const cpus = Math.max(0, ...plain.map((one) => one.cpus));
  return { place: `${cpus} CPUs of ${machine}`, cases: plain.filter((one) => one.cpus === cpus) };
}

/** What the simulated numbers of each variant add up to, in words; empty where there is nothing to tell. */
export function toldMarkdown(rows: SimulatedRows, workload: string, plan: Plan): string {
  const { place, cases } = mainCases(rows, workload);
  const variants = cases.map((one) => ({ id: one.variant, numbers: virtualSource(one.rows) }));
  return toldSection(`### What was seen (simulated, ${place})`, variants, plan).join("\n");
}

/** What all curves have in common. */
const curveText =
  "Rounds are the workload's, the same for all variants; how long all of them took in virtual time is in the last column. The column before is the growth from round to round in the second half of the rounds over that in the first, each by a straight line: about 1 is growth at a steady pace, about 0 has come to rest, ∞ grew in the second half alone; `–`: grew in neither.";

/**
 * Sections with a curve for each gauge of the problem that is read after each round; empty where there is none that ever
 * leaves 0.
 */
export function overTimeMarkdown(rows: SimulatedRows, workload: string, problem: Problem): string {
  const { place, cases } = mainCases(rows, workload);
  return problem.gauges
    .filter(({ read }) => read === "rounds")
    .flatMap(({ metric, unit, meaning }) => {
      const table = curveTable(cases, metric, unit);
      return table === null ? [] : [{ metric, meaning, table }];
    })
    .flatMap(({ metric, meaning, table }, index) => [
      `### ${headOf(metric)} over time (simulated)`,
      "",
      `${capitalised(meaning)}, after measured rounds (${place}).${index === 0 ? ` ${curveText}` : ""}`,
      "",
      renderTable(table),
      "",
    ])
    .join("\n");
}
