// From the rows of the shrinker to the answers that its report gives. Nothing here is measured, and nothing is rounded.

import { median, sum } from "simple-statistics";
import { type Latency, latencyOf } from "../latency.ts";
import { type MedianTime, medianNetTime, type Rate, type Rounds, rateOf } from "../net-time.ts";
import type { Roles } from "../part.ts";
import { hasShares, type Profile, profileOf } from "../profile.ts";
import { type CpuUse, type ProblemRows, type Series, VariantRows, type WorkloadRows } from "../rows.ts";
import type { Role } from "../tables.ts";

/** Where a sampled build spent its time, and how much of it in lock operations. */
export interface LockProfile extends Profile {
  /** Shares of the busy samples in lock operations: those of visits, and those of registering and unregistering; null with too few samples. */
  readonly readerLocks: number | null;
  readonly writerLocks: number | null;
}

export interface VariantAnswers {
  readonly id: string;
  readonly role: Role;
  /** Whether it did in some case what no variant may do. */
  readonly isVoid: boolean;
  /** Jiffies per second of the run; null where no variant of it has any. */
  readonly hz: number | null;
  readonly bogoOps: Rate | null;
  /**
   * Whether the first round of passes is among those that rates and times of visits are of. Where rounds are chunks of
   * the workload that round is unlike the others, and stands apart; only very few rounds are taken as they are.
   */
  readonly isPooled: boolean;
  /** Visits to cgroups, those given up included. */
  readonly visits: Rate | null;
  /** The same in a first round that stands apart, per second. */
  readonly firstVisits: number | null;
  /** Share of all visits that were given up because the trylock failed. */
  readonly givenUp: number | null;
  /** Visits less that share, which is known of all rounds together only. */
  readonly walked: Rate | null;
  /** One visit above the floor's, in rounds of passes only. */
  readonly visit: MedianTime | null;
  /** The same in a first round that stands apart, in ns. */
  readonly firstVisitNs: number | null;
  /** `visit` per call of do_shrink_slab, in ns. Null where a round stands apart: calls are not counted by round. */
  readonly callbackNs: number | null;
  readonly register: Latency | null;
  readonly unregister: Latency | null;
  readonly pass: Latency | null;
  readonly profile: LockProfile | null;
  /** Counts and bytes of the timed run, by metric. */
  readonly totals: ReadonlyMap<string, number>;
  /** Metrics of the counted run. */
  readonly exact: ReadonlyMap<string, number>;
}

export interface WorkloadAnswers {
  readonly name: string;
  /** Whether the run was stopped before all of its timed cases were tried. */
  readonly isIncomplete: boolean;
  /** Tasks of the timed run, which share its CPUs; null where the rows do not say. */
  readonly tasks: number | null;
  /** Whether rounds are chunks of the workload, whose first one with passes stands apart. */
  readonly isChunked: boolean;
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
  "synchronize_rcu",
  "call_rcu",
  "wait_for_completion",
]);

/** Whether a function of a profile is a lock operation. */
export function isLockOperation(symbol: string): boolean {
  return readerLocks.has(symbol) || writerLocks.has(symbol);
}

function lockProfileOf(rows: VariantRows): LockProfile | null {
  const profile = profileOf(rows);
  if (profile === null) return null;
  const shareOf = (locks: ReadonlySet<string>): number | null =>
    hasShares(profile) ? sum([...locks].map((lock) => profile.symbols.get(lock) ?? 0)) / profile.busy : null;
  return { ...profile, readerLocks: shareOf(readerLocks), writerLocks: shareOf(writerLocks) };
}

/** Quotient of two counts; null where one is unknown or the divisor is 0. */
function quotient(value: number | undefined, of: number | undefined): number | null {
  return value === undefined || of === undefined || of === 0 ? null : value / of;
}

function givenUpOf(rows: VariantRows): number | null {
  const totals = rows.single("timed");
  return quotient(totals.get("visits-given-up"), totals.get("visits"));
}

/** Fewer rounds than this are taken as they are: without the first, too few would be left to speak for all. */
const roundsMin = 4;

/** The first round of passes of a workload whose rounds are chunks; null where they are slices of time. */
function firstRoundOf(workload: WorkloadRows): number | null {
  if (workload.isSliced("timed")) return null;
  const rounds = [...workload.variants.values()].flatMap((rows) => passRounds(rows));
  return rounds.length === 0 ? null : rounds.reduce((least, round) => Math.min(least, round));
}

/** Numbers of a variant's rounds with passes. */
function passRounds(rows: VariantRows): number[] {
  const metrics = ["visits-per-s", "visit-ns"];
  return [...new Set(metrics.flatMap((metric) => [...rows.series("timed", metric).keys()]))];
}

/** The rounds of passes that speak for all: without the first where it stands apart. */
function speaking(rows: VariantRows, metric: "visits-per-s" | "visit-ns", first: number | null): Series {
  const series = rows.series("timed", metric);
  return standsApart(rows, first) ? new Map([...series].filter(([round]) => round !== first)) : series;
}

/** Whether a variant's first round of passes stands apart. */
function standsApart(rows: VariantRows, first: number | null): boolean {
  return first !== null && passRounds(rows).length >= roundsMin;
}

/** Visits per second by round, less a share of all. */
function visitRounds(rows: VariantRows, first: number | null, givenUp = 0): Rounds {
  const rates = [...speaking(rows, "visits-per-s", first)].map(
    ([round, value]) => [round, value * (1 - givenUp)] as const,
  );
  return { rates: new Map(rates), times: rows.series("timed", "round-ns") };
}

/** Visits without those given up; no rounds where nobody knows how many those were. */
function walkedRounds(rows: VariantRows, first: number | null): Rounds {
  const givenUp = givenUpOf(rows);
  return givenUp === null ? { rates: new Map(), times: new Map() } : visitRounds(rows, first, givenUp);
}

function answersOf(
  id: string,
  workload: WorkloadRows,
  { reference, floor }: { readonly reference: VariantRows; readonly floor: VariantRows },
  { role, isVoid }: Pick<VariantAnswers, "role" | "isVoid">,
): VariantAnswers {
  const rows = workload.variants.get(id)!;
  const first = firstRoundOf(workload);
  const bogoRounds = (of: VariantRows): Rounds => ({
    rates: of.series("timed", "bogo-ops-per-s"),
    times: of.series("timed", "round-ns"),
  });
  const isApart = standsApart(rows, first);
  const inFirst = (metric: string, of: VariantRows = rows): number | undefined =>
    isApart ? of.series("timed", metric).get(first!) : undefined;
  const floorTimes = floor.series("timed", "visit-ns");
  const visit =
    role === "floor"
      ? null
      : medianNetTime(speaking(rows, "visit-ns", first), floorTimes, speaking(reference, "visit-ns", first));
  const [firstVisit, firstOfFloor] = [inFirst("visit-ns"), inFirst("visit-ns", floor)];
  const totals = rows.single("timed");
  const callbacksPerVisit = quotient(totals.get("callbacks"), totals.get("visits"));
  return {
    id,
    role,
    isVoid,
    hz: workload.numberOf(id, "hz"),
    bogoOps: rateOf(bogoRounds(rows), bogoRounds(reference)),
    isPooled: first !== null && !isApart && passRounds(rows).length > 0,
    visits: rateOf(visitRounds(rows, first), visitRounds(reference, first)),
    firstVisits: inFirst("visits-per-s") ?? null,
    givenUp: givenUpOf(rows),
    walked: rateOf(walkedRounds(rows, first), walkedRounds(reference, first)),
    visit,
    firstVisitNs:
      role === "floor" || firstVisit === undefined || firstOfFloor === undefined ? null : firstVisit - firstOfFloor,
    callbackNs: visit === null || isApart || !callbacksPerVisit ? null : visit.ns / callbacksPerVisit,
    register: latencyOf(rows, "timed", "register-latency-ns"),
    unregister: latencyOf(rows, "timed", "unregister-latency-ns"),
    pass: latencyOf(rows, "timed", "pass-latency-ns"),
    profile: lockProfileOf(rows),
    totals,
    exact: rows.single("counted"),
  };
}

/** Answers of every workload of a run. */
export function answerAll(rows: ProblemRows, roles: Roles): WorkloadAnswers[] {
  const answers: WorkloadAnswers[] = [];
  for (const workload of rows.workloads) {
    const floor = workload.variants.get(roles.floor) ?? new VariantRows();
    const reference = workload.variants.get(roles.reference) ?? new VariantRows();
    const variants: VariantAnswers[] = [];
    for (const id of roles.order) {
      if (!workload.variants.has(id)) continue;
      const role = id === roles.reference ? "reference" : id === roles.floor ? "floor" : "";
      const isVoid = roles.voids?.has(id) ?? false;
      variants.push(answersOf(id, workload, { reference, floor }, { role, isVoid }));
    }
    const ofFloor = [...speaking(floor, "visit-ns", firstRoundOf(workload)).values()];
    answers.push({
      name: workload.name,
      isIncomplete: roles.incomplete?.has(workload.name) ?? false,
      tasks: workload.tasksOf("timed"),
      isChunked: firstRoundOf(workload) !== null,
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
