// From the rows of a described problem to the answers that its report gives. Nothing here is measured, and nothing is
// rounded.

import { median, sum } from "simple-statistics";
import type { Problem } from "../../problems/index.ts";
import { type Latency, latencyOf } from "../latency.ts";
import { type Rate, type Rounds, rateOf } from "../net-time.ts";
import type { Roles } from "../part.ts";
import { type Profile, profileOf } from "../profile.ts";
import { type CpuUse, type ProblemRows, type Series, VariantRows, type WorkloadRows } from "../rows.ts";
import type { Role } from "../tables.ts";

export interface VariantAnswers {
  readonly id: string;
  readonly role: Role;
  /** Whether it did in some case what no variant may do. */
  readonly isVoid: boolean;
  /** Whether it is kept for what is wrong with it. */
  readonly isDefective: boolean;
  /** Waits that a watchdog ended. With any there are no rates and no time of the whole, for they would be the watchdog's. */
  readonly hangs: number;
  readonly bogoOps: Rate | null;
  /** Rates of the description, by metric. */
  readonly rates: ReadonlyMap<string, Rate>;
  /** Medians over rounds of the description's costs, in their unit. */
  readonly costs: ReadonlyMap<string, number>;
  /** Counters and gauges of the timed run, by metric; of a gauge that is read after each round, the last value. */
  readonly totals: ReadonlyMap<string, number>;
  /** Gauges of the timed run that are read after each round. */
  readonly courses: ReadonlyMap<string, Series>;
  readonly latencies: ReadonlyMap<string, Latency>;
  readonly profile: Profile | null;
  /** Metrics of the counted run, labelled ones with their labels. */
  readonly exact: ReadonlyMap<string, number>;
}

export interface WorkloadAnswers {
  readonly name: string;
  /** Whether the run was stopped before all of its timed cases were tried. */
  readonly isIncomplete: boolean;
  /** Tasks of the timed run, which share its CPUs; null where the rows do not say. */
  readonly tasks: number | null;
  /** Parameters that are not at their defaults, by stage. */
  readonly parameters: Readonly<Record<"timed" | "profiled" | "counted", string>>;
  readonly timedOn: CpuUse;
  readonly profiledOn: CpuUse;
  readonly countedOn: CpuUse;
  readonly variants: readonly VariantAnswers[];
  /** Id of the variant that ratios of rates are to: the reference, or where that hangs the first that does not. */
  readonly base: string;
  /** Whether rounds are slices of equal time, so that totals grow with what got done. */
  readonly isSliced: boolean;
  /** The workload's own computation in a bogo-op, in ns. */
  readonly workPerOpNs: number | null;
}

/** Name of the rate of bogo-ops, which every problem has. */
export const bogoOpsMetric = "bogo-ops-per-s";

/** Name of the time of all rounds together, of a workload whose chunks are run once. */
export const timeMetric = "time-ns";

function present<K, V>(entries: readonly (readonly [K, V | null])[]): Map<K, V> {
  return new Map(entries.flatMap(([key, value]) => (value === null ? [] : [[key, value] as const])));
}

function lastOf(series: Series): number | null {
  const rounds = [...series.keys()];
  return rounds.length === 0 ? null : (series.get(Math.max(...rounds)) ?? null);
}

/** Waits that a watchdog ended, in the timed run. */
function hangsOf(rows: VariantRows, { counters }: Problem): number {
  return sum(counters.map(({ isHang = false, metric }) => (isHang ? (rows.only("timed", metric) ?? 0) : 0)));
}

function answersOf(
  id: string,
  problem: Problem,
  rows: VariantRows,
  base: VariantRows,
  isSliced: boolean,
  who: Pick<VariantAnswers, "role" | "isVoid" | "isDefective">,
): VariantAnswers {
  const hangs = hangsOf(rows, problem);
  const rate = (metric: string): Rate | null => {
    if (hangs > 0) return null;
    const roundsOf = (of: VariantRows): Rounds => ({
      rates: of.series("timed", metric),
      times: of.series("timed", "round-ns"),
    });
    return rateOf(roundsOf(rows), roundsOf(base));
  };
  // A rate of a single round is a rate, too.
  const isRate = (metric: string): boolean =>
    metric === bogoOpsMetric || problem.rates.some((one) => one.metric === metric);
  const medianOf = (metric: string): number | null => {
    const values = rows.values("timed", metric);
    return values.length === 0 ? null : median(values);
  };
  const courses = problem.gauges
    .filter(({ read }) => read === "rounds")
    .map(({ metric }) => [metric, rows.series("timed", metric)] as const)
    .filter(([, series]) => series.size > 0);
  return {
    id,
    ...who,
    hangs,
    bogoOps: rate(bogoOpsMetric),
    rates: present(problem.rates.map(({ metric }) => [metric, rate(metric)])),
    costs: present((problem.costs ?? []).map(({ metric }) => [metric, medianOf(metric)])),
    totals: new Map([
      ...[...rows.single("timed")].filter(([metric]) => !isRate(metric)),
      ...(isSliced || hangs > 0 || rows.series("timed", "round-ns").size === 0
        ? []
        : [[timeMetric, sum(rows.values("timed", "round-ns"))] as const]),
      ...present(courses.map(([metric, series]) => [metric, lastOf(series)] as const)),
    ]),
    courses: new Map(courses),
    latencies: present(problem.durations.map(({ metric }) => [metric, latencyOf(rows, "timed", metric)])),
    profile: profileOf(rows),
    exact: rows.single("counted"),
  };
}

function answerWorkload(workload: WorkloadRows, problem: Problem, roles: Roles): WorkloadAnswers {
  const reference = workload.variants.get(roles.reference) ?? new VariantRows();
  const goesOn = (id: string): boolean => {
    const rows = workload.variants.get(id);
    return rows !== undefined && hangsOf(rows, problem) === 0;
  };
  const others = roles.order.filter((id) => id !== roles.floor && goesOn(id));
  const base = workload.variants.has(roles.reference) && !goesOn(roles.reference) ? others[0] : undefined;
  const baseRows = base === undefined ? reference : workload.variants.get(base)!;
  const isSliced = workload.isSliced("timed");
  const variants = roles.order.flatMap((id) => {
    const rows = workload.variants.get(id);
    if (rows === undefined) return [];
    const role: Role = id === roles.reference ? "reference" : id === roles.floor ? "floor" : "";
    return [
      answersOf(id, problem, rows, baseRows, isSliced, {
        role,
        isVoid: roles.voids?.has(id) ?? false,
        isDefective: roles.defects?.has(id) ?? false,
      }),
    ];
  });
  return {
    name: workload.name,
    isIncomplete: roles.incomplete?.has(workload.name) ?? false,
    tasks: workload.tasksOf("timed"),
    parameters: {
      timed: workload.parameterText("timed"),
      profiled: workload.parameterText("profiled"),
      counted: workload.parameterText("counted"),
    },
    timedOn: workload.cpuUse("timed"),
    profiledOn: workload.cpuUse("profiled"),
    countedOn: workload.cpuUse("counted"),
    variants,
    base: base ?? roles.reference,
    isSliced,
    workPerOpNs: reference.only("timed", "work-per-op-ns"),
  };
}

/** Answers of every workload of a run. */
export function answerAll(rows: ProblemRows, problem: Problem, roles: Roles): WorkloadAnswers[] {
  return [...rows.workloads].map((workload) => answerWorkload(workload, problem, roles));
}
