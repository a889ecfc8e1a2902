// From the rows of the shrinker to the answers that its report gives. Nothing here is measured, and nothing is rounded.

import { median, sum } from "simple-statistics";
import { type NetTime, netTime, type Rate, type Rounds, rateOf } from "../net-time.ts";
import type { CpuUse, ProblemRows, WorkloadRows } from "../rows.ts";
import { minus, VariantRows } from "../rows.ts";
import type { Role } from "../tables.ts";

/** Distribution of the time that callers of an operation waited. */
export interface Latency {
  readonly count: number;
  readonly p50Ns: number;
  readonly p99Ns: number;
  readonly p999Ns: number;
  readonly maxNs: number;
}

/** Where a sampled build spent its time. */
export interface Profile {
  /** Samples that found a CPU at work. */
  readonly busy: number;
  readonly idle: number;
  /** Busy samples by function, most first. */
  readonly symbols: ReadonlyMap<string, number>;
  /** Shares of the busy samples in lock operations: those of visits, and those of registering and unregistering; null with too few samples. */
  readonly readerLocks: number | null;
  readonly writerLocks: number | null;
}

export interface VariantAnswers {
  readonly id: string;
  readonly role: Role;
  /** Jiffies per second of the run; null where no variant of it has any. */
  readonly hz: number | null;
  readonly bogoOps: Rate | null;
  /** Visits to cgroups, those given up included. */
  readonly visits: Rate | null;
  /** Share of all visits that were given up because the trylock failed. */
  readonly givenUp: number | null;
  /** Visits less that share. */
  readonly walked: Rate | null;
  /** One visit above the floor's, in rounds of passes only. */
  readonly visit: NetTime | null;
  /** The same in the first such round, when maps may have every bit set, and at the median of the others, in ns. */
  readonly firstVisitNs: number | null;
  readonly laterVisitNs: number | null;
  /** `visit` per call of do_shrink_slab, in ns. */
  readonly callbackNs: number | null;
  readonly register: Latency | null;
  readonly unregister: Latency | null;
  readonly pass: Latency | null;
  readonly profile: Profile | null;
  /** Counts and bytes of the timed run, by metric. */
  readonly totals: ReadonlyMap<string, number>;
  /** Metrics of the counted run. */
  readonly exact: ReadonlyMap<string, number>;
}

export interface WorkloadAnswers {
  readonly name: string;
  /** Parameters that are not at their defaults, by stage. */
  readonly parameters: Readonly<Record<"timed" | "profiled" | "counted", string>>;
  readonly timedOn: CpuUse;
  readonly profiledOn: CpuUse;
  readonly countedOn: CpuUse;
  readonly variants: readonly VariantAnswers[];
  /** The harness alone, from the floor. */
  readonly harness: {
    /** CPU time of one visit, in ns. */
    readonly visitNs: number | null;
    /** The workload's own computation in a bogo-op, in ns. */
    readonly workPerOpNs: number | null;
  };
}

/** Functions of the read side whose time is that of its lock, or of what stands in for one. */
const readerLocks = new Set([
  "down_read_trylock",
  "down_read",
  "up_read",
  "srcu_read_lock",
  "srcu_read_unlock",
  "rcu_read_lock",
  "rcu_read_unlock",
  "shrinker_try_get",
  "shrinker_put",
]);

/** The same of registering and unregistering, their waits included as far as they keep a CPU busy. */
const writerLocks = new Set([
  "down_write",
  "up_write",
  "osq_lock",
  "mutex_lock",
  "mutex_unlock",
  "synchronize_srcu",
  "synchronize_srcu_expedited",
  "synchronize_rcu",
  "call_rcu",
  "call_srcu",
  "wait_for_completion",
]);

/** Whether a function of a profile is a lock operation. */
export function isLockOperation(symbol: string): boolean {
  return readerLocks.has(symbol) || writerLocks.has(symbol);
}

function latencyOf(rows: VariantRows, name: string): Latency | null {
  const histogram = rows.distribution("timed", name);
  if (histogram === null) return null;
  return {
    count: histogram.count,
    p50Ns: histogram.quantile(0.5)!,
    p99Ns: histogram.quantile(0.99)!,
    p999Ns: histogram.quantile(0.999)!,
    maxNs: histogram.max!,
  };
}

/** Fewer busy samples than this say nothing of shares. */
const samplesMin = 200;

function profileOf(rows: VariantRows): Profile | null {
  const samples = rows.labelled("profiled", "profile-samples");
  if (samples.size === 0) return null;
  const busySamples = [...samples].filter(([symbol]) => symbol !== "idle").sort(([, a], [, b]) => b - a);
  const busy = sum(busySamples.map(([, count]) => count));
  const shareOf = (locks: ReadonlySet<string>): number | null =>
    busy < samplesMin
      ? null
      : sum(busySamples.filter(([symbol]) => locks.has(symbol)).map(([, count]) => count)) / busy;
  return {
    busy,
    idle: samples.get("idle") ?? 0,
    symbols: new Map(busySamples),
    readerLocks: shareOf(readerLocks),
    writerLocks: shareOf(writerLocks),
  };
}

/** Quotient of two counts; null where one is unknown or the divisor is 0. */
function quotient(value: number | undefined, of: number | undefined): number | null {
  return value === undefined || of === undefined || of === 0 ? null : value / of;
}

function givenUpOf(rows: VariantRows): number | null {
  const totals = rows.single("timed");
  return quotient(totals.get("visits-given-up"), totals.get("visits"));
}

function roundsOf(rows: VariantRows, metric: string): Rounds {
  return { rates: rows.series("timed", metric), times: rows.series("timed", "round-ns") };
}

/** Visits per second, by round, less the share of all that was given up. */
function walkedRounds(rows: VariantRows): Rounds {
  const givenUp = givenUpOf(rows);
  const { rates, times } = roundsOf(rows, "visits-per-s");
  return {
    rates: new Map(givenUp === null ? [] : [...rates].map(([round, value]) => [round, value * (1 - givenUp)])),
    times,
  };
}

async function answersOf(
  id: string,
  workload: WorkloadRows,
  { reference, floor }: { readonly reference: VariantRows; readonly floor: VariantRows },
  role: Role,
): Promise<VariantAnswers> {
  const rows = workload.variants.get(id)!;
  const rate = (metric: string): Rate | null => rateOf(roundsOf(rows, metric), roundsOf(reference, metric));
  const visit =
    role === "floor"
      ? null
      : await netTime(
          "visit-ns",
          rows.series("timed", "visit-ns"),
          floor.series("timed", "visit-ns"),
          reference.series("timed", "visit-ns"),
        );
  const { first, later } = role === "floor" ? { first: null, later: null } : firstAndLater(rows, floor);
  const totals = rows.single("timed");
  const callbacksPerVisit = quotient(totals.get("callbacks"), totals.get("visits"));
  return {
    id,
    role,
    hz: workload.numberOf(id, "hz"),
    bogoOps: rate("bogo-ops-per-s"),
    visits: rate("visits-per-s"),
    givenUp: givenUpOf(rows),
    walked: rateOf(walkedRounds(rows), walkedRounds(reference)),
    visit,
    firstVisitNs: first,
    laterVisitNs: later,
    callbackNs: visit === null || !callbacksPerVisit ? null : visit.ns / callbacksPerVisit,
    register: latencyOf(rows, "register-latency-ns"),
    unregister: latencyOf(rows, "unregister-latency-ns"),
    pass: latencyOf(rows, "pass-latency-ns"),
    profile: profileOf(rows),
    totals,
    exact: rows.single("counted"),
  };
}

/** Fewer rounds than this have no first one and others. */
const laterRoundsMin = 3;

/** A visit above the floor's in the first round of passes, and at the median of the others. */
function firstAndLater(rows: VariantRows, floor: VariantRows): { first: number | null; later: number | null } {
  const net = minus(rows.series("timed", "visit-ns"), floor.series("timed", "visit-ns"));
  const [first, ...others] = [...net].sort(([a], [b]) => a - b).map(([, ns]) => ns);
  if (first === undefined || others.length < laterRoundsMin) return { first: null, later: null };
  return { first, later: median(others) };
}

/** Answers of every workload of a run. */
export async function answerAll(
  rows: ProblemRows,
  roles: { readonly reference: string; readonly floor: string; readonly order: readonly string[] },
): Promise<WorkloadAnswers[]> {
  const answers: WorkloadAnswers[] = [];
  for (const workload of rows.workloads) {
    const floor = workload.variants.get(roles.floor) ?? new VariantRows();
    const reference = workload.variants.get(roles.reference) ?? new VariantRows();
    const variants: VariantAnswers[] = [];
    for (const id of roles.order) {
      if (!workload.variants.has(id)) continue;
      const role = id === roles.reference ? "reference" : id === roles.floor ? "floor" : "";
      variants.push(await answersOf(id, workload, { reference, floor }, role));
    }
    const ofFloor = floor.values("timed", "visit-ns");
    answers.push({
      name: workload.name,
      parameters: {
        timed: workload.parameterText("timed"),
        profiled: workload.parameterText("profiled"),
        counted: workload.parameterText("counted"),
      },
      timedOn: workload.cpuUse("timed"),
      profiledOn: workload.cpuUse("profiled"),
      countedOn: workload.cpuUse("counted"),
      variants,
      harness: {
        visitNs: ofFloor.length === 0 ? null : median(ofFloor),
        workPerOpNs: reference.only("timed", "work-per-op-ns"),
      },
    });
  }
  return answers;
}
