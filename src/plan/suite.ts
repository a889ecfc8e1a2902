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
  /** What is changed, on top, for exact counting, which is slower than native. */
  readonly exact: Parameters;
  /** What is changed, on top, for the instrumented build. */
  readonly instrumented: Parameters;
  /** Sizes at which the cost of a removal is measured, to find its law of growth; absent where nothing is removed. */
  readonly growth?: {
    readonly native: Parameters;
    readonly exact: Parameters;
    /** Values of `quarantine-bytes`, at least three. */
    readonly nativeBytes: Readonly<Record<Scale, readonly number[]>>;
    readonly exactBytes: Readonly<Record<Scale, readonly number[]>>;
  };
}

/** Whether a problem can be asked with a workload. */
export type Taken = "yes" | "needs parameters" | "refused";

export interface Suite {
  readonly problem: string;
  /** Batches in the ring at each scale: max(1024, 4 x CONFIG_NR_CPUS) of the machine in question. */
  readonly batches: Readonly<Record<Scale, number>>;
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
