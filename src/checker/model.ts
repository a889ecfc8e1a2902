// What the schedulers explore: agents that take steps, on a machine whose states can be marked and restored.
//
// The implementation is `machine.ts`; tests of schedulers have small ones of their own.

/** How loads and stores of several CPUs are ordered. */
export type MemoryModel = "sc" | "tso";
export const memoryModels: readonly MemoryModel[] = ["sc", "tso"];

/** Who takes steps. */
export interface Agent {
  /** `flush`: a CPU's store buffer. `clock`: ticks. `worker`: runs a CPU's deferred work. `handler`: a CPU's interrupts. */
  readonly kind: "task" | "worker" | "handler" | "flush" | "clock";
  /** The CPU that it belongs to; null for the clock. */
  readonly cpu: number | null;
  /** For messages: `task 1 on CPU 0`. */
  readonly name: string;
}

/** What can be wrong. */
export type FindingKind =
  | "use after free"
  | "double free"
  | "leak"
  | "lost object"
  | "broken invariant"
  | "deadlock"
  | "livelock"
  | "access outside the arena"
  | "callback after free"
  | "trap"
  | "overflow";

export interface Finding {
  readonly kind: FindingKind;
  /** Name of the broken invariant, if it is one of the problem's list; else empty. */
  readonly invariant: string;
  /** One line: who did what to what. */
  readonly message: string;
  /** Who did it; null where nobody in particular did, as in a deadlock. */
  readonly agent: number | null;
}

/**
 * A piece of a schedule: an agent performs so many operations. Counts are of all operations of the machine, noticeable or
 * not, so that a schedule means the same whatever the checker took to be noticeable when it found it.
 */
export interface Slice {
  /** Index into {@link Model.agents}. */
  readonly agent: number;
  /** Operations, at least 1; 1 for a flush and for a tick. */
  readonly operations: number;
  /** Whether the last of them is a store that stays in the store buffer. Only under `tso`. */
  readonly isBuffered: boolean;
}

/** A machine with a case to be explored. It is in one state at a time, at first in the initial one. */
export interface Model {
  /** At most 31, so that a set of them is a mask of bits. */
  readonly agents: readonly Agent[];
  /** What the last step, or {@link finish}, found. Whoever finds something restores an earlier state before going on. */
  readonly finding: Finding | undefined;
  /** Agents that can take a step now, as a mask. 0: {@link isOver}, or a deadlock. */
  enabled(): number;
  /** Whether every task has ended and nothing is pending. */
  isOver(): boolean;
  /**
   * Agents whose next steps do not commute with the next step of this one, itself included, as a mask.
   *
   * @param among the only ones that the caller wants to know of @default all
   */
  dependents(agent: number, among?: number): number;
  /** The agent performs its next noticeable operation and runs up to the one after it. It must be enabled. */
  step(agent: number): void;
  /** Operations that the last step performed. */
  readonly operations: number;
  /** Whether the first of them is a store that went into the store buffer. */
  readonly isBuffered: boolean;
  /** Whether the agent is in the middle of something, so that taking another one instead is a preemption. */
  isPreempted(agent: number): boolean;
  /**
   * The agent performs at most so many operations, every one of which may be the last.
   *
   * @returns how many it performed; fewer when it has to wait, ends, or when something was found
   */
  perform(slice: Slice): number;
  /** What is closed once everybody is through, and whether the end is as it should be. Sets {@link finding}. */
  finish(): void;
  /** Who waits for what; for messages. */
  whoWaits(): string;
  /** A name of the present state. Marks are restored in reverse order; restoring the same one again is possible. */
  mark(): number;
  restore(mark: number): void;
  /** A 64-bit hash of the present state, in two signed halves. Valid until the next step. */
  hashLow(): number;
  hashHigh(): number;
  /**
   * Cells that turned out to be used by several agents since {@link forget}: then what was explored up to now may have left
   * something out, and the exploration has to begin again.
   */
  readonly learnt: number;
  /** Begins again from the initial state, with what was learnt. */
  restart(): void;
}

/** Where an exploration stops by itself. */
export interface Limits {
  /** States, or executions for a scheduler that has no states. */
  readonly states: number;
  /** Noticeable operations of one execution; more are a livelock. */
  readonly steps: number;
  /** Moment, as `performance.now()` tells it. */
  readonly deadline: number;
  /** Bytes of the checker's own tables. */
  readonly bytes: number;
}

export interface Progress {
  readonly states: number;
  readonly executions: number;
  /** How much of the whole is done, 0 to 1, as far as can be told from where the search stands. */
  readonly share: number;
}

/** What an exploration did. */
export interface Exploration {
  /** `exhausted`: every interleaving was explored, up to what the reduction may leave out. `bound`: see {@link bound}. */
  readonly outcome: "exhausted" | "bound" | "violation";
  /** The bound that it stopped at: `10000 states`, `2 preemptions`, `1000 executions`; empty otherwise. */
  readonly bound: string;
  /** Distinct states. 0 where they are not told apart. */
  readonly states: number;
  /** Steps that were taken. */
  readonly transitions: number;
  /** Executions from the beginning to an end. */
  readonly executions: number;
  /** The longest execution, in noticeable operations. */
  readonly depth: number;
  readonly finding?: Finding;
  /** How to get there; only with a finding. */
  readonly schedule?: readonly Slice[];
}

/** Explores the interleavings of a model, which is left in any state. It restarts when {@link Model.learnt} grows. */
export type Explore = (model: Model, limits: Limits, onProgress: (progress: Progress) => void) => Exploration;
