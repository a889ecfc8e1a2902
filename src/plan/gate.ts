// What a suite of the native gate says: rows that are timed in pairs, as data.

import type { ParameterValue } from "../workloads/workload.ts";
import type { PlannedVariant } from "./variant.ts";

/** A metric of a row's processes. */
export interface GateMetric {
  readonly metric: string;
  /** Whether a regression of it fails the build; the others are listed as worth a look. */
  readonly isGated: boolean;
  /** Smallest share that counts as a difference, where it is more than the general one. */
  readonly delta?: number;
}

/** A workload that is timed with each of a problem's variants, as {@link timedVariants} says. */
export interface GateRow {
  readonly problem: string;
  readonly workload: string;
  /** What is not named has the workload's default. */
  readonly parameters: Readonly<Record<string, ParameterValue>>;
  readonly cpus: number;
  readonly metrics: readonly GateMetric[];
  /** Ids of variants whose own work does not show in it. @default none */
  readonly without?: readonly string[];
}

/** How much worse an exact metric may get. */
export interface Budget {
  readonly problem: string;
  /** Name of the metric; a labelled one with empty brackets stands for all its labels: `accesses-mean[]`. */
  readonly metric: string;
  readonly share: number;
}

export interface Gate {
  readonly rows: readonly GateRow[];
  readonly budgets: readonly Budget[];
}

/** The variants that a row is timed with: not the floor, nor those that are others with `skip-when-empty`, whose code they share. */
export function timedVariants({ without = [] }: GateRow, variants: readonly PlannedVariant[]): PlannedVariant[] {
  return variants.filter(({ id, isFloor, skipWhenEmpty }) => !isFloor && !skipWhenEmpty && !without.includes(id));
}

/** Rounds of a process: with fewer, single neighbours on the machine show. */
export const gateRounds = 60;
/** Rounds before these: caches, branch predictors and the clock frequency. */
export const gateWarmupRounds = 12;

/**
 * Length of a round that is a slice of time, in ms: ten thousand times the clock's cost, and less than a scheduler lets a task
 * run at a stretch. Most rounds are then left alone even where others want the CPUs, and the median is one of those; of
 * rounds of 4 ms most are hit.
 */
export const gateSliceMs = 1;
