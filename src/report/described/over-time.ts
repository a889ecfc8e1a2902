// How a state of the simulated machine changed over virtual time: the gauges that are read after each round.

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

/**
 * Growth in the second half of the rounds over that in the first: 1 for growth at a steady pace, 0 for what has come to
 * rest. Null where nothing grew in the first.
 */
export function paceOf(values: readonly number[]): number | null {
  const middle = values[Math.floor((values.length - 1) / 2)];
  const [first, last] = [values[0], values.at(-1)];
  if (first === undefined || middle === undefined || last === undefined || middle <= first) return null;
  return (last - middle) / (middle - first);
}

/** Null where no case has such a curve. */
function curveTable(cases: readonly SimulatedCase[], metric: string, unit: string): Table | null {
  const name = virtualName(metric);
  const format = formatOf(unit);
  const drawn = cases.filter(({ rows }) => rows.series(simulated, name).size > 1);
  const [first] = drawn;
  if (first === undefined) return null;
  const ends = first.rows.series(simulated, roundEnd);
  const moments = momentsOf([...ends.keys()].sort((a, b) => a - b));
  return [
    ["variant", ...moments.map((round) => formatNs(ends.get(round))), "2nd half / 1st"],
    ...drawn.map(({ variant, rows }) => {
      const series = rows.series(simulated, name);
      const rounds = [...series.keys()].sort((a, b) => a - b);
      return [
        variant,
        ...moments.map((round) => format(series.get(round))),
        formatNumber(paceOf(rounds.map((round) => series.get(round)!))),
      ];
    }),
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

/** Sections with a curve for each gauge of the problem that is read after each round; empty where there is none. */
export function overTimeMarkdown(rows: SimulatedRows, workload: string, problem: Problem): string {
  const { place, cases } = mainCases(rows, workload);
  return problem.gauges
    .filter(({ read }) => read === "rounds")
    .flatMap(({ metric, unit, meaning }) => {
      const table = curveTable(cases, metric, unit);
      if (table === null) return [];
      const text = `${capitalised(meaning)}, after measured rounds, whose virtual times head the columns (${place}). The last column is the growth in the second half of the rounds over that in the first: about 1 is growth at a steady pace, about 0 has come to rest.`;
      return [`### ${headOf(metric)} over time (simulated)`, "", text, "", renderTable(table), ""];
    })
    .join("\n");
}
