// What a mutant is: a variant with one ingredient left out, and what the checker has to say about it.

import type { Constants } from "../../src/build/flags.ts";
import type { FindingKind, MemoryModel } from "../../src/checker/model.ts";

/** A text that stands exactly once in a file, and what it is replaced with. */
export type Replacement = readonly [from: string, to: string];

/** Replacements by file: paths in `src/kernel` without `.ts`, such as `sync/srcu`. Those of a file apply one after the other. */
export type Changes = Readonly<Record<string, readonly Replacement[]>>;

export interface Mutant {
  /** Unique, lower-case words with hyphens; also the name of its variant's file. */
  readonly name: string;
  readonly problem: string;
  /** Name of the variant's file that it is made of, without `.ts`. */
  readonly base: string;
  /** One line: which ingredient is missing, and which bug or fix of Linux it stands for. */
  readonly description: string;
  /**
   * Changes that are no fault and without which a small scenario does not get to the fault. A variant with these alone has
   * to be found correct.
   */
  readonly reachable?: Changes;
  /** The fault. */
  readonly files: Changes;
  /** Beside those of the scenario. */
  readonly constants?: Constants;
  /** Name of the smallest scenario in which it shows. */
  readonly scenario: string;
  /** The weakest requirement: what shows under `sc` shows under `tso`, too. */
  readonly model: MemoryModel;
  /** Any of these is right. Without `invariant`, whichever is named. */
  readonly expected: readonly { readonly kind: FindingKind; readonly invariant?: string }[];
  /** Whether it goes wrong without any concurrency. @default false */
  readonly isSequential?: boolean;
}
