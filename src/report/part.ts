// What a problem brings to a report. The report's frame, which is the same for all problems, knows no more of one.

import type { CheckSummary, CheckViolation } from "./checked.ts";
import type { CpuUse, ProblemRows } from "./rows.ts";
import type { Faults } from "./simulator/held.ts";

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
  /** Names of workloads whose simulated cases were not all tried before the run was stopped; absent: none. */
  readonly unsimulated?: ReadonlySet<string>;
  /** What the short check found wrong; absent: nothing. */
  readonly violations?: readonly CheckViolation[];
  /** What is known to be wrong with variants, by id; absent: nothing. */
  readonly defects?: Defects;
}

/** What is known to be wrong with a variant and is the point of keeping it. It is shown, and never chosen. */
export interface KnownDefect {
  /** As the checker calls what it finds: `deadlock`. */
  readonly kind: string;
  /** One line without a full stop: why it is so. */
  readonly why: string;
}

/** By id; each has one or more. */
export type Defects = ReadonlyMap<string, readonly KnownDefect[]>;

/** Who is who, for the answers. */
export type Roles = Pick<Subject, "reference" | "floor" | "order"> &
  Partial<Pick<Subject, "voids" | "incomplete" | "unsimulated" | "defects">>;

/** A workload, and what to choose for it; null: nothing, or nothing yet. */
export interface Choice {
  readonly workload: string;
  readonly variant: string | null;
  readonly isIncomplete: boolean;
}

/** What a problem makes of what was measured and counted of one workload. */
export interface AnsweredWorkload extends Choice {
  /**
   * What to choose and why, or why nothing: a sentence without a full stop. Null where nothing was measured natively and the
   * simulated verdict says all that there is.
   */
  readonly verdict: string | null;
  /** Markdown from its `## ` heading on. */
  readonly markdown: string;
  /** The short answer for a terminal; empty where there is none. */
  readonly terminal: string;
}

/** What a problem makes of what was measured and counted. */
export interface Answered {
  readonly workloads: readonly AnsweredWorkload[];
  /** Markdown that follows the verdict's sentences. */
  readonly remarks: string;
  /** Everything that was found, as data, a workload each. Maps in it are written as objects. */
  readonly answers: readonly { readonly name: string }[];
  /** Constraints that each variant breaks, by id. */
  readonly faults: Faults;
  /** Constraints that a variant could be judged by, by id; absent: all, or the verdict says which not. */
  readonly judged?: Faults;
  /**
   * Whether remarks and choices go by what simulated cases show, too. Then remarks stand where nothing else is known, and
   * what is held against variants is not listed once more. @default false
   */
  readonly isUnited?: boolean;
  /** CPUs of its native stages, and of those that count. */
  readonly native: CpuUse;
  readonly counted: CpuUse;
}

/** What was simulated of one workload on one machine, in short. */
export interface SimulatedSummary {
  readonly workload: string;
  readonly machine: string;
  /** CPU counts, ascending. */
  readonly cpus: readonly number[];
  /** The best on the most CPUs: several when they are level. */
  readonly best: readonly string[];
  /** Those of them that something is held against. */
  readonly held: readonly string[];
  /** Id of the variant to choose; null: none. */
  readonly choice: string | null;
  /** Whether the run was stopped before all of its cases were simulated. */
  readonly isIncomplete: boolean;
}

/** One problem's part of a report. */
export interface Part {
  readonly subject: Subject;
  /** What came of the short check. */
  readonly checked: CheckSummary;
  /** Of the workloads that were measured or counted. */
  readonly choices: readonly Choice[];
  readonly simulated: readonly SimulatedSummary[];
  /** Markdown from its `## Verdict` on, its headings as if it were the only part. */
  readonly markdown: string;
  /** The short answer for a terminal. */
  readonly terminal: string;
  /** Everything that was found, as data, a workload each. Maps in it are written as objects. */
  readonly answers: readonly { readonly name: string }[];
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

/** What variants break, without those that break nothing. */
export function faultsOf(
  ids: readonly string[],
  violationsOf: (id: string) => readonly { readonly constraint: string }[],
): Faults {
  const found = ids.map((id) => [id, violationsOf(id).map(({ constraint }) => constraint)] as const);
  return new Map(found.filter(([, broken]) => broken.length > 0));
}

/** Unites the uses of several workloads. */
export function uniteCpuUses(uses: readonly CpuUse[]): CpuUse {
  return {
    cpus: [...new Set(uses.flatMap((one) => one.cpus))].sort((a, b) => a - b),
    isOversubscribed: uses.some((one) => one.isOversubscribed),
  };
}
