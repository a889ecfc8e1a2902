// A case to be checked, as it is handed to a thread, and what comes back. Everything here can be posted.

import type { CompiledModule } from "../build/compile.ts";
import type { Exploration, Finding, MemoryModel, Slice } from "./model.ts";

/** How the interleavings are chosen. */
export type SchedulerChoice =
  /** All of them. `reduction: false` takes every operation for a noticeable one and keeps no sleep sets. */
  | { readonly name: "exhaustive"; readonly reduction: boolean }
  /** Those with at most 0, 1, 2, … `preemptions` preemptions, then all of them if `isFull`. */
  | { readonly name: "bounded"; readonly preemptions: number; readonly isFull: boolean }
  /** Random priorities with `changes` change points; a run for each of `executions` seeds from `seed` on. */
  | { readonly name: "pct"; readonly changes: number; readonly executions: number; readonly seed: number }
  | { readonly name: "random"; readonly executions: number; readonly seed: number };

export interface CheckJob {
  /** One of `problems/index.ts`. */
  readonly problem: string;
  readonly variant: { readonly id: string; readonly skipWhenEmpty: boolean };
  /** Name of a scenario of the problem. */
  readonly scenario: string;
  readonly model: MemoryModel;
  readonly scheduler: SchedulerChoice;
  /** Bounds: states (or executions), noticeable operations of one execution, milliseconds, bytes of tables. */
  readonly statesMax: number;
  readonly stepsMax: number;
  readonly msMax: number;
  readonly bytesMax: number;
  /** Wasm of the core. */
  readonly core: Uint8Array<ArrayBuffer>;
  /** The variant, compiled for the checked form of the machine with the scenario's constants. */
  readonly compiled: CompiledModule;
}

/** A violation, and how to see it again. */
export interface Counterexample {
  readonly finding: Finding;
  /** Minimised. */
  readonly schedule: readonly Slice[];
  /** Preemptions of the schedule. */
  readonly preemptions: number;
  /** For `reclaim-bench replay`. */
  readonly token: string;
  /** The schedule as a drawing for a terminal, one column per CPU. */
  readonly timeline: string;
  /** Where in the sources it happened, the innermost first; paths relative to `src/kernel`, or the user's file. */
  readonly frames: readonly SourceFrame[];
}

export interface SourceFrame {
  readonly symbol: string;
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** One rung of a ladder of bounds, or the only one. */
export interface Rung {
  /** `at most 1 preemption`, `every interleaving`, `1000 random executions`. */
  readonly name: string;
  readonly exploration: Omit<Exploration, "finding" | "schedule">;
}

export interface CheckOutcome {
  readonly problem: string;
  readonly variant: string;
  readonly scenario: string;
  /** Of the scenario: `3 tasks x 2 operations`. */
  readonly size: string;
  readonly model: MemoryModel;
  readonly scheduler: SchedulerChoice["name"];
  /** Of all rungs together. `defect`: the violation that the problem declares of this variant in this scenario. */
  readonly outcome: Exploration["outcome"] | "defect";
  /** The bound, for `bound`. */
  readonly bound: string;
  readonly rungs: readonly Rung[];
  /** Wall-clock time that it took. */
  readonly ms: number;
  /** Upper limit of the probability that two different states had the same hash, so that one was left out. */
  readonly missProbability: number;
  readonly counterexample?: Counterexample;
  /** Why the violation is known and kept, for `defect`. */
  readonly defect?: string;
}
