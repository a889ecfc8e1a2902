// What a report tells of simulated rows: much is alike for all problems, and each may say what it goes by.

import type { Better } from "../../statistics/ahead.ts";
import { formatNs, formatNumber } from "../format.ts";
import { type SimulatedRows, simulated, type VariantRows } from "../rows.ts";

/** A number of a simulated variant. */
export interface Quantity {
  /** As it heads a column. */
  readonly name: string;
  readonly format: (value: number | null | undefined) => string;
  /** Null where the variant has no such number. */
  readonly read: (rows: VariantRows) => number | null;
}

/** What variants are ranked by. */
export interface Measure extends Quantity {
  readonly better: Better;
}

/** What a workload does many of, to count costs by. */
export interface Work {
  /** One of it: `bogo-op`. */
  readonly name: string;
  readonly read: (rows: VariantRows) => number | null;
}

/** A constraint that simulated cases can show to be broken. */
export interface Judge {
  readonly constraint: string;
  /** Only cases count in which no two tasks share a CPU: with others, who waits for a task also waits for its turn. */
  readonly withOwnCpus?: boolean;
  /**
   * How a variant breaks it with these parameters of the case: `gives 3.00 % of its visits up`; null when it does not.
   *
   * @param reference the reference's rows of the same place; null where it has none
   */
  readonly objectionOf: (
    rows: VariantRows,
    parameters: ReadonlyMap<string, string>,
    reference: VariantRows | null,
  ) => string | null;
  /** Whether such a case can show it; absent: nobody is told where none does. */
  readonly isJudged?: (
    rows: VariantRows,
    parameters: ReadonlyMap<string, string>,
    reference: VariantRows | null,
  ) => boolean;
}

/** What a problem goes by. */
export interface View {
  /** What the cases of a workload may be ranked by, the foremost first. Those that nobody has are left out. */
  readonly measures: (all: readonly VariantRows[]) => readonly Measure[];
  /** The first that anybody did is what costs are counted by. */
  readonly works: readonly Work[];
  /** Costs in ns, besides the waits of callers, of which a sweep shows how they grow. */
  readonly costs: readonly Quantity[];
  /** Waits of a case that a watchdog ended: with any, its rates and times would be the watchdog's, and are left out. */
  readonly hangsOf?: (rows: VariantRows) => number;
  /** Columns of its own beside what the machine did. */
  readonly columns: readonly Quantity[];
  /** Constraints; a variant that breaks one in any case of a run is not chosen. */
  readonly judges?: readonly Judge[];
  /** Of variants that are equal by the foremost measure, the one whose callers wait less for this operation is chosen. */
  readonly decidingOperation?: string;
  /** What a reader has to know of all numbers with these parameters: a sentence; null when nothing. */
  readonly caveatOf?: (parameters: ReadonlyMap<string, string>) => string | null;
  /** Operations of which the report shows how long callers wait, in this order; absent: all that were recorded. */
  readonly operations?: readonly string[];
  /** More of a workload, as Markdown with headings of the third level; empty where there is nothing. */
  readonly details?: (rows: SimulatedRows, workload: string) => string;
}

/** The value of a metric; null where the variant has none. */
export function readValue(rows: VariantRows, metric: string): number | null {
  return rows.only(simulated, metric);
}

/** A metric under a name. */
export function quantity(name: string, metric: string, format: Quantity["format"]): Quantity {
  return { name, format, read: (rows) => readValue(rows, metric) };
}

export const bogoOpsPerSecond: Measure = {
  ...quantity("bogo-ops/s", "virtual-bogo-ops-per-s", formatNumber),
  better: "higher",
};

export const bogoOp: Work = { name: "bogo-op", read: (rows) => readValue(rows, "virtual-bogo-ops") };

/** What a problem goes by that does not say. */
export const defaultView: View = { measures: () => [bogoOpsPerSecond], works: [bogoOp], costs: [], columns: [] };

const time: Measure = { ...quantity("virtual time", "virtual-ns", formatNs), better: "lower" };

/** Measures that somebody has, or else the time that the whole measured part takes. Who hangs has none. */
export function measuresOf(view: View, all: readonly VariantRows[]): Measure[] {
  const { hangsOf } = view;
  const unlessHung = (measure: Measure): Measure =>
    hangsOf === undefined ? measure : { ...measure, read: (rows) => (hangsOf(rows) > 0 ? null : measure.read(rows)) };
  const known = view
    .measures(all)
    .map(unlessHung)
    .filter(({ read }) => all.some((rows) => (read(rows) ?? 0) > 0));
  if (known.length > 0) return known;
  const ofAll = unlessHung(time);
  return all.some((rows) => ofAll.read(rows) !== null) ? [ofAll] : [];
}

/** Null where there is nothing that anybody did. */
export function workOf(view: View, all: readonly VariantRows[]): Work | null {
  return view.works.find(({ read }) => all.some((rows) => (read(rows) ?? 0) > 0)) ?? null;
}
