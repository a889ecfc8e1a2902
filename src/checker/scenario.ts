// A small case to be explored: what is there at the beginning, who does what, and what has to hold at the end.

import type { Constants } from "../build/flags.ts";

/** One event of a scenario (`src/kernel/events.ts`); what is left out is 0. */
export interface ScenarioEvent {
  readonly kind: number;
  readonly object?: number;
  readonly group?: number;
  readonly a?: number;
  readonly b?: number;
}

/** A task, and the events that it performs one after the other. */
export interface ScenarioTask {
  readonly cpu: number;
  readonly events: readonly ScenarioEvent[];
}

export interface Scenario {
  /** Unique within its problem: lower-case words with hyphens. */
  readonly name: string;
  /** One line: which race it is about. */
  readonly description: string;
  /** `3 tasks x 2 operations`, for reports. */
  readonly size: string;
  /** At most 4. */
  readonly cpus: number;
  /** Constants of the module, beside those of the variant, which win. */
  readonly constants: Constants;
  /** Performed before anything is explored, one after the other, on CPU 0; a CPU comes and goes by itself. */
  readonly setup: readonly ScenarioEvent[];
  /** At most 8. They begin at the same time. */
  readonly tasks: readonly ScenarioTask[];
  /** Ticks of 4 ms that may pass at any moment, beside what sleeping takes. */
  readonly ticks: number;
  /** Performed as {@link setup} when all tasks have ended; what is deferred runs to its end before and after it. */
  readonly closing: readonly ScenarioEvent[];
  /** Sizes of the case's tables: one more than the largest index. */
  readonly caches: number;
  readonly objects: number;
  readonly cgroups: number;
  readonly superblocks: number;
  /** Whether the short check of a run explores it: seconds at most. */
  readonly isShort: boolean;
  /** How many times the usual number of states a check explores of it at most. @default 1 */
  readonly effort?: number;
  /** Whether it is explored under x86-TSO by default, too. */
  readonly isForTso: boolean;
}

/** A rule that a problem's variants keep. */
export interface Invariant {
  /** Lower-case words: `no object of a destroyed cache`. */
  readonly name: string;
  /** Where it is stated: the problem's README. */
  readonly description: string;
}
