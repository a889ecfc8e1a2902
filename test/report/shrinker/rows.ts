// Hand-made rows of the shrinker, as a run would have recorded them. The numbers are made up.

import { Histogram } from "../../../src/records/histogram.ts";
import type { MeasuredRow } from "../../../src/records/record.ts";
import type { Subject } from "../../../src/report/part.ts";
import { answerAll, type VariantAnswers, type WorkloadAnswers } from "../../../src/report/shrinker/answers.ts";
import { collect, rowsOfCase, type Values } from "../rows.ts";

export const reference = "rwsem";
export const floor = "floor";
export const order = [reference, "srcu", "refcount-rcu", floor];

export const subject: Subject = {
  problem: "shrinker",
  statement: "What the problem is.",
  reference,
  floor,
  order,
  questions: new Map([["stress-ng-ramfs", "What does mounting cost?"]]),
  voids: new Set(),
  incomplete: new Set(),
};

/** Where rows come from, besides their variant. */
export interface Origin {
  readonly stage: "timed" | "profiled" | "counted";
  /** @default "stress-ng-ramfs" */
  readonly workload?: string;
  /** The case's parameters besides stage and purpose. @default "workers=2", and `hz=1000` for those named srcu */
  readonly parameters?: string;
  /** Whether timed rounds are slices of time. @default not in cgroups-4000 */
  readonly isSliced?: boolean;
  /** @default 2 */
  readonly cpus?: number;
}

/** The rows of one variant in one case. */
export function rowsOf(variant: string, origin: Origin, metrics: Values): MeasuredRow[] {
  const { stage, workload = "stress-ng-ramfs", cpus = 2, parameters = "workers=2" } = origin;
  const { isSliced = workload !== "cgroups-4000" } = origin;
  const slices = stage === "timed" && isSliced ? " slice-ms=100" : "";
  const ofVariant = variant.startsWith("srcu") && origin.parameters === undefined ? "hz=1000 " : "";
  return rowsOfCase(
    {
      problem: "shrinker",
      variant,
      workload,
      stage,
      cpus,
      parameters: `${ofVariant}${parameters} purpose=answers${slices}`,
    },
    metrics,
  );
}

/** Answers from rows, with the variants in the usual order. */
export async function answer(
  rows: readonly MeasuredRow[],
  some: Partial<Pick<Subject, "voids" | "incomplete">> = {},
): Promise<WorkloadAnswers[]> {
  return answerAll(collect(rows, reference), { ...subject, ...some });
}

/** Answers of the only workload of some rows. */
export async function answerOnly(rows: readonly MeasuredRow[]): Promise<WorkloadAnswers> {
  const [workload, ...others] = await answer(rows);
  if (workload === undefined || others.length > 0) throw new Error("the rows are not of one workload");
  return workload;
}

export async function answersOf(id: string, rows: readonly MeasuredRow[]): Promise<VariantAnswers> {
  return (await answerOnly(rows)).variants.find((one) => one.id === id)!;
}

/** Rows of a distribution of times, in ns. */
export function latencies(name: string, ...durationsNs: readonly number[]): Values {
  const histogram = new Histogram();
  for (const ns of durationsNs) histogram.record(ns);
  return Object.fromEntries(histogram.rows(name).map(({ metric, value }) => [metric, [value]]));
}

/** Samples of a profile by function. */
export function profile(samples: Readonly<Record<string, number>>): Values {
  return Object.fromEntries(Object.entries(samples).map(([symbol, count]) => [`profile-samples[${symbol}]`, [count]]));
}

/** Eight rounds around a rate. */
export function around(rate: number): number[] {
  return [1, 1.02, 0.98, 1.01, 0.99, 1.03, 0.97, 1].map((factor) => rate * factor);
}

/** The same in chunks of a workload, whose first one is unlike the others. */
export function afterFirst(first: number, later: number): number[] {
  return [first, ...around(later)];
}

/** So many durations, of which the last few are long. */
export function manyDurations(count: number, ns: number, longNs: number): number[] {
  return Array.from({ length: count }, (_, index) => (index < count - 3 ? ns : longNs));
}

/** One of a kind. */
export function once(values: Readonly<Record<string, number>>): Values {
  return Object.fromEntries(Object.entries(values).map(([metric, value]) => [metric, [value]]));
}

/** A workload without reclaim, one with both, and one of passes only. */
export function fixedRows(): MeasuredRow[] {
  const timed: Origin = { stage: "timed", parameters: "hz=1000 tasks=3 workers=2" };
  const startTimed: Origin = { stage: "timed", workload: "container-start" };
  const passes = { workload: "cgroups-4000", parameters: "cgroups=400 reclaimers=4" } as const;
  const rows: MeasuredRow[] = [];
  for (const [variant, rate, unregisterNs] of [
    [reference, 19_000, 900],
    ["srcu", 1200, 1_520_000],
    ["refcount-rcu", 19_300, 600],
    [floor, 21_000, 70],
  ] as const) {
    rows.push(
      ...rowsOf(variant, timed, {
        "bogo-ops-per-s": around(rate),
        ...latencies("register-latency-ns", 400, 410, 420, 9000),
        ...latencies("unregister-latency-ns", ...manyDurations(1200, unregisterNs, 3 * unregisterNs)),
        ...once({ visits: 0, "visits-given-up": 0, registered: 4, unregistered: 4, "work-per-op-ns": 360_000 }),
        ...(variant === floor ? {} : once({ "callbacks-after-free": 0 })),
      }),
      ...rowsOf(variant, startTimed, {
        "bogo-ops-per-s": around(rate / 2),
        "visits-per-s": around(variant === reference ? 500_000 : 800_000),
        ...latencies("unregister-latency-ns", unregisterNs, 2 * unregisterNs),
        ...once({
          visits: 100_000,
          "visits-given-up": variant === reference ? 30_000 : 0,
          "contended-breaks": variant === reference ? 20 : 0,
          "generation-breaks": variant === "srcu" ? 7 : 0,
          callbacks: variant === floor ? 0 : 120_000,
          "second-looks": 0,
          "freed-objects": 0,
          registered: 4,
          unregistered: 4,
        }),
      }),
    );
  }
  for (const [variant, visitNs, writes, toShrinkers, mapBytes] of [
    [reference, 150, 3, 0, 2000],
    ["srcu", 160, 0, 0, 2000],
    ["refcount-rcu", 130, 0, 2, 4000],
  ] as const) {
    rows.push(
      ...rowsOf(
        variant,
        { stage: "timed", ...passes },
        {
          "visits-per-s": afterFirst(1e8 / visitNs, 1e9 / visitNs),
          "visit-ns": afterFirst(10 * visitNs, visitNs),
          ...latencies("pass-latency-ns", ...manyDurations(120, 60_000, 70_000)),
          ...once({
            visits: 52_000,
            "visits-given-up": 0,
            callbacks: 104_000,
            registered: 0,
            unregistered: 0,
            "map-bytes-max": mapBytes / 10,
            "deferred-bytes-max": mapBytes / 2,
            "info-bytes-max": mapBytes,
            "shrinker-bytes": 192,
          }),
        },
      ),
      ...rowsOf(
        variant,
        { stage: "profiled", ...passes },
        profile({
          idle: 100,
          other: 50,
          shrink_slab: 500,
          do_shrink_slab: 200,
          ...(variant === reference ? { down_read_trylock: 200, up_read: 50 } : {}),
          ...(variant === "srcu" ? { srcu_read_lock: 30, srcu_read_unlock: 20 } : {}),
          ...(variant === "refcount-rcu" ? { shrinker_try_get: 10, shrinker_put: 15 } : {}),
        }),
      ),
      ...rowsOf(
        variant,
        { stage: "counted", ...passes },
        once({
          "visit-accesses-mean": 20 + visitNs / 10,
          "visit-lines-mean": 9,
          "visit-locked-mean": writes === 3 ? 2 : toShrinkers,
          "visit-shared-writes-mean": writes,
          "callback-shared-writes-mean": toShrinkers,
          "register-accesses-mean": 80,
          "register-locked-mean": 4,
          "unregister-accesses-mean": 60,
          "unregister-locked-mean": 2,
          "unregister-slept-ns-mean": variant === "srcu" ? 20_000 : 0,
          "unregister-slept-ns-max": variant === "srcu" ? 900_000 : 0,
          "expansion-bytes": variant === "refcount-rcu" ? 64 : 4160,
        }),
      ),
    );
  }
  rows.push(
    ...rowsOf(
      floor,
      { stage: "timed", ...passes },
      {
        "visits-per-s": afterFirst(1e7, 2e7),
        "visit-ns": afterFirst(100, 50),
        ...once({ visits: 52_000, "visits-given-up": 0 }),
      },
    ),
    ...rowsOf(floor, { stage: "profiled", ...passes }, profile({ idle: 500, other: 300, mem_cgroup_iter: 100 })),
  );
  return rows;
}
