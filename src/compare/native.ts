// Compares two sides of the same cases natively: pairs of modules, each pair in many short processes, the process as the unit
// of replication.

import type { PairedJob, PairedSamples } from "../plan/paired.ts";
import type { ParameterValue } from "../workloads/workload.ts";
import type { Comparison } from "./comparison.ts";

/** Code that is timed. */
export interface NativeSide {
  /** The variant's id. */
  readonly variant: string;
  readonly wasmFile: string;
  /** Of the file, as lower-case hex. */
  readonly sha256: string;
  readonly skipWhenEmpty: boolean;
  readonly isFloor: boolean;
}

/** What one process measures: one workload, with the base and all heads in turn. */
export interface NativeCase {
  readonly problem: string;
  readonly workload: {
    readonly name: string;
    readonly parameters: Readonly<Record<string, ParameterValue>>;
    readonly seed: number;
  };
  readonly cpus: number;
  /** Sorted `key=value` pairs, as rows and records have them. */
  readonly parameters: string;
  /** Each is a row of the comparison, once per head. */
  readonly metrics: readonly { readonly metric: string; readonly isGated: boolean; readonly delta?: number }[];
  readonly base: NativeSide;
  /** Between revisions one, of the base's variant; between variants all others. */
  readonly heads: readonly NativeSide[];
}

/** What the machine does besides. */
export interface MachineWatch {
  /** Runnable tasks of others per core before anything was measured; null where the system does not tell. */
  readonly loadPerCore: number | null;
  /** Share of CPU time that the hypervisor took since the watch began; null where the system does not tell. */
  readonly stealShare: () => Promise<number | null>;
}

/** Rounds of one side in one process, for the records. */
export interface NativeRounds {
  readonly purpose: "first" | "confirmation" | "canary";
  readonly case: NativeCase;
  readonly variant: string;
  readonly side: "base" | "head";
  /** From 0; those of a confirmation are counted on from the first ones. */
  readonly process: number;
  readonly metric: string;
  readonly values: readonly number[];
}

export interface NativeOptions {
  readonly kind: Comparison["kind"];
  readonly cases: readonly NativeCase[];
  /** Whether cases are timed whose two sides are the same to the byte. @default false */
  readonly timesAll?: boolean;
  /** @default 0.05 */
  readonly alpha?: number;
  /** Processes of each case. @default what the number of gated rows needs */
  readonly processes?: number;
  /** Rounds of each process. @default 60 */
  readonly rounds?: number;
  /** Smallest share that counts as a difference, as the user wants it. */
  readonly minEffect?: number;
  /** By how much the same code differed on this machine in 1 of 100 comparisons; null when it was not studied. */
  readonly machineFloor?: (cpus: number) => number | null;
  readonly seed: number;
  /** Performs a job in a process of its own. */
  readonly measure: (job: PairedJob) => Promise<PairedSamples>;
  readonly machine: MachineWatch;
  readonly onRounds: (rounds: NativeRounds) => void;
  /** Called after each process with the share that is done, 0 to 1. */
  readonly onProgress: (share: number, text: string) => void;
  readonly signal: AbortSignal;
}

export interface NativeResult {
  readonly native: NonNullable<Comparison["native"]>;
  readonly violations: Comparison["violations"];
}

/**
 * Times the cases and judges them.
 *
 * @throws {StoppedError} when the signal was raised
 */
export function compareNatively(_options: NativeOptions): Promise<NativeResult> {
  throw new Error("not finished");
}
