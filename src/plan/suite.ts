// What a suite in `bench/` says: a problem's variants and workloads, as data.

import type { ParameterValue } from "../workloads/workload.ts";

/** A parameter of a variant that is bound when the variant is compiled. */
export interface VariantParameter {
  /** Name of the compile-time constant, `LAB_...`. */
  readonly constant: string;
  readonly default: ParameterValue;
  /** Allowed values by name; without it the value is an integer. */
  readonly values?: Readonly<Record<string, number>>;
  readonly meaning: string;
  /** Whether the variant's id always names it; otherwise only when it is not at its default. @default false */
  readonly inEveryId?: boolean;
}

/** One variant: a file in the problem's folder of `src/kernel`. */
export interface VariantDefinition {
  readonly name: string;
  /** One line: what it does and where it is from. */
  readonly summary: string;
  readonly parameters?: Readonly<Record<string, VariantParameter>>;
}

/** What a stage's rows come from. */
export type Instrument = "native" | "traced" | "simulator";

/**
 * How a unit is measured. `timed`: the native build without marks; `mitata`: the same, timed by mitata; `instrumented`:
 * native with a clock reading at every mark; `profiled`: native, its symbols sampled; `counted`: traced; `simulated`: on
 * virtual CPUs.
 */
export type Stage = "timed" | "mitata" | "instrumented" | "profiled" | "counted" | "simulated";

/** How large a workload is run. `quick` is what `npm start` runs, `full` the size that was reported. */
export type Scale = "quick" | "standard" | "full";

type Parameters = Readonly<Record<string, ParameterValue>>;

/** How a suite runs one workload. */
export interface SuiteWorkload {
  readonly name: string;
  /** Question that the workload asks of the problem, for the report. */
  readonly question: string;
  /** Parameters of each scale; what is not named has the workload's default. */
  readonly scales: Readonly<Record<Scale, Parameters>>;
  /** What is changed, on top, in stages that are slower than `timed`. */
  readonly lesser: Readonly<Partial<Record<Stage, Parameters>>>;
  /** Stages that quick runs leave out here: what they would say, another workload or instrument of the run says. */
  readonly notInQuick?: readonly Stage[];
  /** Where quick runs take still less in a stage: what comes on top of `lesser`. */
  readonly quickLesser?: Readonly<Partial<Record<Stage, Parameters>>>;
  /**
   * How often and how long the measured chunk of a repeatable workload is repeated in the native stages, instead of
   * being run once: throughput is work in a given time.
   */
  readonly fixedTime?: Readonly<Record<Scale, FixedTime>>;
  /** How it is simulated; what the user sets comes on top. */
  readonly simulated: Readonly<Record<Scale, SimulatedScale>>;
  /** Sizes at which the cost of a removal is measured, to find its law of growth; absent where nothing is removed. */
  readonly growth?: {
    readonly native: Parameters;
    readonly exact: Parameters;
    /** Values of `quarantine-bytes`, at least three. */
    readonly nativeBytes: Readonly<Record<Scale, readonly number[]>>;
    readonly exactBytes: Readonly<Record<Scale, readonly number[]>>;
  };
}

/** Time that a workload is repeated for. */
export interface FixedTime {
  /** Times that each variant gets a slice; one sample each. */
  readonly slices: number;
  /** Length of a slice, in ms. */
  readonly sliceMs: number;
}

/** How a workload is simulated at one scale. */
export interface SimulatedScale {
  /** What is changed, on top of the scale's parameters. */
  readonly parameters: Parameters;
  /**
   * Virtual time for which its measured chunk is repeated, if it is repeatable, where every task has a CPU of its own;
   * longer where they share some. Absent: each chunk is run once.
   */
  readonly virtualMs?: number;
}

/** Where a problem is simulated when the user does not say. */
export interface SimulationDefaults {
  /** Name of a packaged profile. */
  readonly machine: string;
  /** Counts of virtual CPUs, ascending. */
  readonly cpus: readonly number[];
}

/** Of a problem whose structures hold as much as a parameter of its workloads says. */
export interface Sizing {
  /** The parameter, in bytes: `quarantine-bytes`. */
  readonly parameter: string;
  /** Bytes from and to which it makes sense; where there are more, `limit` says why. */
  readonly min: number;
  readonly max: number;
  readonly limit: string;
  /** Of an object in them, on average. */
  readonly objectBytes: number;
  /** Variants that look at every object in them whenever a cache is removed; the others look at few. */
  readonly walkers: readonly string[];
}

/** Whether a problem can be asked with a workload. */
export type Taken = "yes" | "needs parameters" | "refused";

export interface Suite {
  readonly problem: string;
  /** In the order in which they are run. */
  readonly stages: readonly Stage[];
  /** Instruments whose stages are run when the user names none. */
  readonly instruments: Readonly<Record<Scale, readonly Instrument[]>>;
  /** CPUs of the native stages when the user does not say. */
  readonly cpus: number;
  /** Virtual CPUs of the counted stage: several where it is to tell which lines are shared. */
  readonly countedCpus: number;
  readonly simulated: Readonly<Record<Scale, SimulationDefaults>>;
  /** Compile-time constants that every variant gets, unless it has a parameter for one, and the names under which they are recorded. */
  readonly constants: readonly {
    readonly name: string;
    readonly constant: string;
    readonly values: Readonly<Record<Scale, number>>;
    /** Values that the user may choose instead; absent where there is no choice. */
    readonly choice?: readonly number[];
  }[];
  /** Absent where nothing but the events says how large the structures become. */
  readonly sizing?: Sizing;
  /** Whether every variant composes with skip-when-empty, which the harness implements. */
  readonly skipsWhenEmpty: boolean;
  /** Kinds of events, by name (`object free`), of which a workload's measured part must hold one; otherwise it is refused. */
  readonly exercisedBy: readonly string[];
  /** Every workload that exists, and whether the problem takes it. */
  readonly takes: Readonly<Record<string, Taken>>;
  /** What the problem is, in one or two sentences, for the report. */
  readonly statement: string;
  readonly reference: string;
  readonly floor: string;
  readonly variants: readonly VariantDefinition[];
  /** Variant ids that are run when none are chosen. */
  readonly lines: readonly string[];
  readonly workloads: readonly SuiteWorkload[];
}
