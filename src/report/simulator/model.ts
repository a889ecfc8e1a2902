// What simulated cases answer, as data.

import type { PairCrossovers } from "../../statistics/crossover.ts";
import type { Sensitivity } from "../../statistics/sensitivity.ts";
import type { UslFit, UslRefusal } from "../../statistics/usl.ts";
import type { Latency } from "../latency.ts";
import type { Role } from "../tables.ts";
import type { Axis } from "./points.ts";
import type { Measure, Quantity, Work } from "./view.ts";

/** Two values are level when they differ by less of the larger one. */
export const levelTolerance = 0.01;

export interface SimulatedVariant {
  readonly id: string;
  readonly role: Role;
  readonly isVoid: boolean;
  /** Whether it is kept for what is wrong with it; absent: no. */
  readonly isDefective?: boolean;
}

/** A number of each variant along a sweep; what is missing was not simulated, or has no such number. */
export type Values<X> = ReadonlyMap<string, ReadonlyMap<X, number>>;

/** One variant's fit to the Universal Scalability Law. */
export interface Law {
  readonly id: string;
  readonly law: UslFit | UslRefusal;
  /** The fewest CPUs that were simulated of those with the highest rate, or one that is level with it. */
  readonly best: number;
}

/** A sweep over CPUs. */
export interface Curve {
  readonly at: ReadonlyMap<string, string>;
  readonly cpus: readonly number[];
  /** Of these the counts for all variants; others are for two that change places near there. */
  readonly common: readonly number[];
  /** By measure, the foremost first, and variant. */
  readonly values: readonly Values<number>[];
  /** Of the foremost measure that is a rate; empty without one, and with too few counts. */
  readonly laws: readonly Law[];
  /** Counts of CPUs that the laws are fitted to: those that the workload has a task for each of. */
  readonly fitted: readonly number[];
  /** By the foremost measure, of those that take part in a ranking and are not the same as another. */
  readonly pairs: readonly PairCrossovers[];
  /** Variants that have the same values as one before them at every place. */
  readonly twins: readonly Twin[];
}

export interface Twin {
  readonly id: string;
  readonly of: string;
}

/** A cost along a sweep, for its law of growth. */
export interface Cost {
  readonly name: string;
  /** In ns. */
  readonly values: Values<string>;
  /** By variant; null along what is no number, with fewer than three places, and with a cost of 0. */
  readonly growth: ReadonlyMap<string, Growth | null>;
}

/** A power of the swept parameter, fitted to a cost. */
export interface Growth {
  readonly exponent: number;
  /** How many times the cost is above or below the fit where the two are farthest apart; at least 1. */
  readonly worst: number;
}

/** A sweep over a parameter. */
export interface Sweep {
  readonly axis: Axis;
  readonly cpus: number;
  /** Values of the other axes. */
  readonly at: ReadonlyMap<string, string>;
  /** By the foremost measure and variant. */
  readonly values: Values<string>;
  /** Null where the parameter is no number; as those of a curve. */
  readonly pairs: readonly PairCrossovers[] | null;
  readonly twins: readonly Twin[];
  /** The foremost costs, and the others of which some variant's depends on the parameter. */
  readonly costs: readonly Cost[];
  readonly others: readonly Cost[];
  /** Names of those others that depend on it in no variant. */
  readonly constants: readonly string[];
}

/** Lines of one name, of the hottest, that CPUs took from each other. */
export interface HotLines {
  readonly name: string;
  readonly lines: number;
  readonly transfers: number;
  /** Time that transfers waited for others of the same line. */
  readonly waitedNs: number;
}

/** Where the time of one CPU went. */
export interface CpuTime {
  readonly cpu: number;
  /** Share of its time that it was busy. */
  readonly busy: number;
  /** Where most of the busy time went, as a share of all its time; null on a CPU that was idle throughout. */
  readonly hottest: { readonly symbol: string; readonly share: number } | null;
}

/** Everything of one variant at one point. */
export interface Detail extends SimulatedVariant {
  /** By measure, the foremost first. */
  readonly values: readonly (number | null)[];
  /** Waits that a watchdog ended; with any there are no values. */
  readonly hangs: number;
  /** Virtual time from the beginning of the measured part to the end of its last task. */
  readonly virtualNs: number | null;
  /** What its callers wait for the deciding operation at the median; null without one, or where nobody called it. */
  readonly decidingNs: number | null;
  /** How many bogo-ops, or else visits, it did; null where nobody did any. */
  readonly done: number | null;
  /** The problem's own columns. */
  readonly own: readonly (number | null)[];
  /** CPUs that were busy on average. */
  readonly utilisation: number | null;
  /** By CPU, the lowest first; empty where the run did not record them. */
  readonly cpus: readonly CpuTime[];
  /** Shares of time that single CPUs were busy; null where the run did not record them. */
  readonly busy: { readonly least: number; readonly median: number; readonly most: number } | null;
  /** Lines fetched from other cores' caches, and of these from another socket's. */
  readonly transfers: number | null;
  readonly transfersAcross: number | null;
  readonly contextSwitches: number | null;
  readonly interrupts: number | null;
  /** By flavour. */
  readonly gracePeriods: ReadonlyMap<string, number>;
  readonly irqOffNsMax: number | null;
  readonly longestHold: { readonly lock: string; readonly ns: number } | null;
  /** By operation. */
  readonly latencies: ReadonlyMap<string, Latency>;
  /** Share of all CPUs' time by innermost symbol, idle included, most first. */
  readonly profile: ReadonlyMap<string, number>;
  /** Most transfers first. */
  readonly lines: readonly HotLines[];
}

/** A constraint that a simulated case shows to be broken. */
export interface Objection {
  readonly variant: string;
  readonly constraint: string;
  /** How it is broken: `gives 3.00 % of its visits up`. */
  readonly text: string;
  readonly cpus: number;
  /** Values of what was swept. */
  readonly at: ReadonlyMap<string, string>;
}

export interface SimulatedAnswers {
  readonly workload: string;
  readonly machine: string;
  /** Whether the run was stopped before all cases of the workload were simulated. */
  readonly isIncomplete: boolean;
  /** Parameters that are not at their defaults, and were the same in all cases. */
  readonly parameters: string;
  readonly boundToCpus: readonly string[];
  /** In the order in which to show them; only those with rows. */
  readonly variants: readonly SimulatedVariant[];
  /** What variants are ranked by, the foremost first; empty where nothing came out that can be ranked. */
  readonly measures: readonly Measure[];
  readonly work: Work | null;
  /** The problem's own columns. */
  readonly columns: readonly Quantity[];
  /** What was swept besides CPUs. */
  readonly axes: readonly Axis[];
  /** CPU counts, ascending. */
  readonly cpus: readonly number[];
  /** Empty with one count of CPUs. */
  readonly curves: readonly Curve[];
  readonly sweeps: readonly Sweep[];
  /** What cases show against variants that are ranked, at the machine's own costs; places in their order. */
  readonly objections: readonly Objection[];
  /** Ids of the variants of which some case could show a constraint to be kept or broken, by its name. */
  readonly judged: ReadonlyMap<string, readonly string[]>;
  /** Who is best by the foremost measure at each place that all variants were to be simulated at. */
  readonly places: readonly Place[];
  /** For how long repeatable workloads were repeated; null where they were not, or the rows do not say. */
  readonly virtualMs: number | null;
  /** What a reader has to know of all numbers here: sentences. */
  readonly caveats: readonly string[];
  /** The largest count of CPUs, and of that the last values of what was swept. */
  readonly main: {
    readonly cpus: number;
    readonly at: ReadonlyMap<string, string>;
    readonly variants: readonly Detail[];
  };
  /** By place, the main one last; empty where no costs were changed, or there was nothing to rank. */
  readonly sensitivities: readonly PlacedSensitivity[];
}

/** The best at one place. */
export interface Place {
  readonly cpus: number;
  /** Values of what was swept. */
  readonly at: ReadonlyMap<string, string>;
  /** Ids of those that nobody is ahead of. */
  readonly best: readonly string[];
  /** Values of those that take part in rankings, by the foremost measure. */
  readonly values: ReadonlyMap<string, number>;
  /** Other measures by which some of the best are far behind others, by id. */
  readonly behind: ReadonlyMap<string, readonly string[]>;
}

/** What changes of the machine's costs do to a ranking. */
export interface PlacedSensitivity {
  readonly cpus: number;
  readonly at: ReadonlyMap<string, string>;
  readonly found: Sensitivity;
  /** Costs that were changed, and by what. */
  readonly costs: readonly string[];
  readonly factors: readonly number[];
}

/** Whether a variant takes part in rankings. */
export function isRanked({ role, isVoid }: SimulatedVariant): boolean {
  return role !== "floor" && !isVoid;
}

/** The curve over CPUs that ends at the main point; undefined with one count of CPUs there. */
export function mainCurve({ curves, main }: SimulatedAnswers): Curve | undefined {
  return curves.find(({ at }) => [...at].every(([key, value]) => main.at.get(key) === value));
}
