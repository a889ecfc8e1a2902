// A problem as data: what the instruments have to know of one whose harness counts and times what happens itself
// (`src/kernel/statistics.ts`). They run any problem that is described so, and know none by name.

import type { Workload, WorkloadLimits } from "../workloads/workload.ts";

/** Whether there is one of some kinds of events among those of a round. */
export function holdsAny(kinds: ReadonlySet<number>, some: Iterable<number>): boolean {
  for (const kind of some) if (kinds.has(kind)) return true;
  return false;
}

/** What a problem's sizes follow from. */
export type Sized = Pick<Workload, "limits" | "parameters">;

/** Whether less of something is better, or more; empty where neither is. */
export type Better = "lower" | "higher" | "";

/** A metric natively; simulated it has the same name behind `virtual-`. */
export interface Metric {
  /** Lower case with hyphens. */
  readonly metric: string;
  readonly unit: string;
  readonly better: Better;
  /** One line without a full stop, for the table of metrics. */
  readonly meaning: string;
  /** What it means simulated, where that is not the same. @default `meaning` */
  readonly virtualMeaning?: string;
  /** The instrument that alone tells it. @default both */
  readonly only?: "native" | "simulated";
}

/** A counter of the harness: what all CPUs counted during measured events, summed, or where `isMost`, the largest. */
export interface Counter extends Metric {
  /** As `counter(index)` of the harness takes it. */
  readonly index: number;
  /**
   * Whether each is a wait that a watchdog ended. How long a case with any took is the watchdog's choice: it has no rates,
   * and is ranked by none. @default false
   */
  readonly isHang?: boolean;
  /** Whether each CPU keeps the most that it saw. @default false */
  readonly isMost?: boolean;
  /** What no variant may do: `callbacks ran after their shrinker had been unregistered`. Any count voids the variant. */
  readonly forbidden?: string;
}

/** Durations of measured operations, a histogram per CPU: `offline-latency-ns`. */
export interface Durations {
  /** As `histogramAddress(index)` of the harness takes it. */
  readonly index: number;
  readonly metric: string;
  readonly meaning: string;
  /** What it means simulated, where that is not the same. @default `meaning` */
  readonly virtualMeaning?: string;
}

/** A state of the whole case that is read while nobody runs. */
export interface Gauge extends Metric {
  /** As `gauge(index)` of the harness takes it. */
  readonly index: number;
  /**
   * `max`: the largest after any round; `end`: after the last one and all deferred work; `rounds`: after each measured
   * round, under its number.
   */
  readonly read: "max" | "end" | "rounds";
  /** Whether it is the same in every run, as the size of a structure is. Then the counted stage tells it as well. @default false */
  readonly isExact?: boolean;
  /** Whether it is no amount, but told in sentences alone: which task waited. Tables leave it out. @default false */
  readonly isForSentences?: boolean;
}

/** Work of all CPUs in a measured round, over its time. */
export interface Rate extends Metric {
  /** Index of the counter of the work. */
  readonly counter: number;
  /** Kinds of events of which a round must hold one for the rate to be told of it. */
  readonly kinds: readonly number[];
  /**
   * Kinds beside which a simulated round that is run once says nothing of the rate, as other work takes longer.
   * @default none
   */
  readonly notBeside?: readonly number[];
}

/** CPU time of all CPUs in measured rounds, idle time left out, per unit of work. Natively of each round. */
export interface Cost extends Metric {
  /** Index of the counter of the work. */
  readonly counter: number;
  /** Kinds of events of which such a round holds one. */
  readonly kinds: readonly number[];
  /** Kinds of which it holds none. */
  readonly without: readonly number[];
}

/** Objects that come and go in the arena and are told by notes, so that their lines can be called by name. */
export interface NotedObjects {
  /** As Linux calls them: `struct shrinker`. */
  readonly name: string;
  /** Notes (`src/kernel/notes.ts`) by which one comes and goes; their value is its address. */
  readonly allocated: number;
  readonly freed: number;
  /** Index of the gauge that says how many bytes one has, the same for the whole case. */
  readonly bytesGauge: number;
}

/** What is counted of the calls of an operation. */
export type OperationCount =
  | "accesses"
  /** Distinct 64-byte lines of each call. */
  | "lines"
  | "locked"
  | "stored-bytes"
  /** Virtual time that they slept, and that the longest one did. */
  | "slept-ns"
  | "slept-ns-max"
  /** Writes to lines that calls on other CPUs touch, too: all of them, or those to noted objects, to what else lies in
   * the arena, and to everything outside of it. */
  | "shared-writes"
  | "object-shared-writes"
  | "arena-shared-writes"
  | "global-shared-writes";

/** A metric of an operation under a name of its own. */
export interface OperationMetric extends Pick<Metric, "metric" | "unit" | "better" | "meaning"> {
  readonly count: OperationCount;
  /** Index of the counter that it is divided by; where that stays 0, nothing is told. */
  readonly per: number;
  /** Whether the count is told as it is, and not divided. @default false */
  readonly isWhole?: boolean;
}

/** A function whose accesses, cache lines and locked operations are counted, per call. */
export interface Operation {
  /** One of `src/kernel/symbols.ts`. */
  readonly symbol: number;
  /** Label of its metrics: `accesses-mean[css_released]`. */
  readonly label: string;
  /** Functions called by it whose share is left out: the harness's own. */
  readonly without?: readonly number[];
  /** What is told of it instead of the labelled metrics. */
  readonly metrics?: readonly OperationMetric[];
}

export interface Problem {
  /** Name of its folder in `src/kernel`, and of its suite. */
  readonly name: string;
  /** Kinds of events that its harness acts on or counts; all others are skipped. */
  readonly kinds: ReadonlySet<number>;
  /** Values of the globals that its harness declares, other than those of `src/kernel/layout.ts`. */
  readonly globals: (sized: Sized) => Readonly<Record<string, number>>;
  /** Limits that a case's memory is laid out for: a problem without slab objects of its own leaves those out. */
  readonly limits: (limits: WorkloadLimits) => WorkloadLimits;
  /** Bytes of the arena that can be needed at the same time, live objects of the limits and partly filled slabs aside. */
  readonly arenaBytes: (sized: Sized) => number;
  /** Bytes that one case touches, roughly. */
  readonly caseBytes: (sized: Sized) => number;
  /** What to do when a case does not fit into memory: `use fewer cgroups`. */
  readonly advice: string;
  readonly counters: readonly Counter[];
  /** Index of the counter of bogo-ops. */
  readonly bogoOps: number;
  readonly durations: readonly Durations[];
  readonly gauges: readonly Gauge[];
  readonly rates: readonly Rate[];
  readonly operations: readonly Operation[];
  /** What `areaAt` of the harness tells, in words, by area; areas without an entry are the machine's or the arena. */
  readonly areas: Readonly<Record<number, string>>;
  /** Flavour of the grace periods of a domain in an area: `rcu`. */
  readonly gracePeriods: Readonly<Record<number, string>>;
  /** What the arena holds, in words. @default "slab pages" */
  readonly arena?: string;
  readonly costs?: readonly Cost[];
  readonly objects?: readonly NotedObjects[];
  /**
   * Kinds that are the workload's own work: of a measured round without any, simulated, neither its time nor what the
   * machine did is told, and none is repeated for a time. @default `kinds`
   */
  readonly workKinds?: ReadonlySet<number>;
  /**
   * Kinds that leave all that they act on as they found it. Measured chunks of these alone need not wait for each other:
   * they are simulated as one round, in which each task begins its next events when it is done with the last. @default none
   */
  readonly lastingKinds?: ReadonlySet<number>;
  /**
   * Native names of the rates, costs, counters and gauges that simulated variants are ranked by, the foremost first: the
   * first that a workload has a value of decides. @default bogo-ops-per-s, then the rates
   */
  readonly ranking?: readonly string[];
}
