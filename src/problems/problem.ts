// A problem as data: what the instruments have to know of one whose harness counts and times what happens itself
// (`src/kernel/statistics.ts`). They run any problem that is described so, and know none by name.

import type { Workload, WorkloadLimits } from "../workloads/workload.ts";

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
}

/** A counter of the harness: what all CPUs counted during measured events, summed, or where `isMost`, the largest. */
export interface Counter extends Metric {
  /** As `counter(index)` of the harness takes it. */
  readonly index: number;
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
}

/** Work of all CPUs in a measured round, over its time. */
export interface Rate extends Metric {
  /** Index of the counter of the work. */
  readonly counter: number;
  /** Kinds of events of which a round must hold one for the rate to be told of it. */
  readonly kinds: readonly number[];
}

/** A function whose accesses, cache lines and locked operations are counted, per call. */
export interface Operation {
  /** One of `src/kernel/symbols.ts`. */
  readonly symbol: number;
  /** Label of its metrics: `accesses-mean[css_released]`. */
  readonly label: string;
  /** Functions called by it whose share is left out: the harness's own. */
  readonly without?: readonly number[];
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
}
