// What a problem brings to a report. The report's frame, which is the same for all problems, knows no more of one.

import type { CpuUse, ProblemRows } from "./rows.ts";

/** What a report needs of a problem besides its rows. */
export interface Subject {
  readonly problem: string;
  /** What the problem is, in one or two sentences. */
  readonly statement: string;
  /** Id of the variant that every ratio has as its base. */
  readonly reference: string;
  /** Id of the variant that does nothing. */
  readonly floor: string;
  /** Ids of all variants, in the order in which to show them. */
  readonly order: readonly string[];
  /** Question of each workload, by name. */
  readonly questions: ReadonlyMap<string, string>;
}

/** One problem's part of a report. */
export interface Part {
  readonly subject: Subject;
  /** What to choose for each workload; null: nothing. */
  readonly choices: readonly { readonly workload: string; readonly variant: string | null }[];
  /** Markdown from its `## Verdict` on, its headings as if it were the only part. */
  readonly markdown: string;
  /** The short answer for a terminal. */
  readonly terminal: string;
  /** Everything that was found, as data. Maps in it are written as objects. */
  readonly answers: unknown;
  /** CPUs of its native stages, and of those that count. */
  readonly native: CpuUse;
  readonly counted: CpuUse;
}

/** Answers a problem's questions from its rows. */
export type Reporter = (rows: ProblemRows, subject: Subject) => Promise<Part>;

/** Unites the uses of several workloads. */
export function uniteCpuUses(uses: readonly CpuUse[]): CpuUse {
  return {
    cpus: [...new Set(uses.flatMap((one) => one.cpus))].sort((a, b) => a - b),
    isOversubscribed: uses.some((one) => one.isOversubscribed),
  };
}
