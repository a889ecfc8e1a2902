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
  /** Ids of variants that did in some case what none may do: no number of theirs is worth anything. */
  readonly voids: ReadonlySet<string>;
  /** Names of workloads whose timed cases were not all tried before the run was stopped. */
  readonly incomplete: ReadonlySet<string>;
}

/** Who is who, for the answers. */
export type Roles = Pick<Subject, "reference" | "floor" | "order"> & Partial<Pick<Subject, "voids" | "incomplete">>;

/** One problem's part of a report. */
export interface Part {
  readonly subject: Subject;
  /** What to choose for each workload; null: nothing, or nothing yet. */
  readonly choices: readonly {
    readonly workload: string;
    readonly variant: string | null;
    readonly isIncomplete: boolean;
  }[];
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

/** Why nothing is chosen where the run was stopped. */
export const incompleteText = "incomplete: not all of its timed cases were tried, so nothing is chosen";

/** Variants whose numbers are void, in words; empty when there are none. */
export function voidsText({ voids }: Subject): string {
  if (voids.size === 0) return "";
  const ids = [...voids].map((id) => `\`${id}\``).join(", ");
  return `**Void:** ${ids}, by what no variant may do; see the failed cases. What else was measured stands in the tables, and takes no part in contests and choices.`;
}

/** What a variant breaks, in a cell: that nothing is broken is said only of what was judged. */
export function breaksCell(broken: readonly string[], judged: number, all: number): string {
  if (broken.length > 0) return broken.join(", ");
  return judged === all ? "none" : `none of ${judged} judged`;
}

/** Unites the uses of several workloads. */
export function uniteCpuUses(uses: readonly CpuUse[]): CpuUse {
  return {
    cpus: [...new Set(uses.flatMap((one) => one.cpus))].sort((a, b) => a - b),
    isOversubscribed: uses.some((one) => one.isOversubscribed),
  };
}
