// How the rows of a comparison are named: for people by what tells them apart, for tools by all that they are.

import { createHash } from "node:crypto";
import { median } from "simple-statistics";
import type { Comparison, ExactRow, NativeRow, PairedProcess } from "../../compare/comparison.ts";
import { formatCpus } from "../cpus.ts";

/** What names a row, exact or native. */
export type RowName = Pick<
  NativeRow,
  "problem" | "variant" | "workload" | "cpus" | "parameters" | "metric" | "unit" | "better"
>;

/** What the id of a case says of it. */
export interface CaseName {
  readonly problem: string;
  readonly variant: string;
  readonly case: string;
}

/** Reads `problem / variant / workload / stage`; null for what is no such id. */
export function caseNameOf(id: string): CaseName | null {
  const parts = id.split(" / ");
  const [problem = "", ...others] = parts;
  const variant = others.slice(0, -2).join(" / ");
  return problem === "" || variant === "" ? null : { problem, variant, case: id };
}

/** The pairs of a row's parameters, with their spaces. */
export function parametersOf({ parameters }: Pick<RowName, "parameters">): Map<string, string> {
  const pairs = parameters.split(" ").filter((pair) => pair !== "");
  return new Map(
    pairs.map((pair) => {
      const [key = "", ...value] = pair.split("=");
      return [key, decoded(value.join("="))];
    }),
  );
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Names rows so that no two of a comparison are alike: with those parameters only in which such rows differ. */
export class RowNames {
  /** By what such rows share: the parameters in which they differ. */
  readonly #differing = new Map<string, readonly string[]>();

  /** Pairs by their text, as thousands of rows have the same. */
  readonly #parameters = new Map<string, ReadonlyMap<string, string>>();

  constructor({ exact, native }: Comparison) {
    const groups = new Map<string, Map<string, ReadonlyMap<string, string>>>();
    for (const row of [...(exact?.rows ?? []), ...(native?.rows ?? []), ...(native?.canaries ?? [])]) {
      const key = groupOf(row);
      const group = groups.get(key) ?? new Map<string, ReadonlyMap<string, string>>();
      groups.set(key, group);
      group.set(row.parameters, this.#parametersOf(row));
    }
    for (const [key, group] of groups) {
      const all = [...group.values()];
      const keys = new Set(all.flatMap((parameters) => [...parameters.keys()]));
      const differing = [...keys].filter((one) => new Set(all.map((parameters) => parameters.get(one))).size > 1);
      this.#differing.set(key, differing.sort());
    }
  }

  #parametersOf(row: RowName): ReadonlyMap<string, string> {
    const known = this.#parameters.get(row.parameters) ?? parametersOf(row);
    this.#parameters.set(row.parameters, known);
    return known;
  }

  /** The parameters that tell a row from those alike but for them: `fill=1.25`. */
  own(row: RowName): string[] {
    const parameters = this.#parametersOf(row);
    return (this.#differing.get(groupOf(row)) ?? []).map((key) => `${key}=${parameters.get(key) ?? ""}`);
  }

  /**
   * `quarantine / doubly-linked / put-ns (libvirt-teardown, 1 CPU)`.
   *
   * @param variant whose values they are, if not the row's own
   */
  full(row: RowName, variant = row.variant): string {
    return `${row.problem} / ${this.inProblem(row, variant)}`;
  }

  /** The same where the problem is said already. */
  inProblem(row: RowName, variant = row.variant): string {
    const where = [row.workload, formatCpus([row.cpus]), ...this.own(row)].filter((text) => text !== "");
    return `${variant} / ${row.metric} (${where.join(", ")})`;
  }
}

function groupOf({ problem, variant, workload, cpus, metric }: RowName): string {
  return JSON.stringify([problem, variant, workload, cpus, metric]);
}

/** What of several exact values stands for them. */
export type ExactPart = "sum" | "max" | "min";

/**
 * The single value that a row is judged by besides its sum; null where there is none: the metric has no direction, or the
 * comparison was made before the smallest value was kept.
 */
export function worstPart({ better, base, head }: Pick<ExactRow, "better" | "base" | "head">): "max" | "min" | null {
  if (better === "lower") return "max";
  return better === "higher" && [base, head].every((side) => side === null || side.min !== undefined) ? "min" : null;
}

/**
 * What an exact row is judged by, under names of their own: the sum over its samples and, of several, the worst:
 * `line-waited-ns:max`.
 */
export function exactParts(row: Pick<ExactRow, "metric" | "better" | "base" | "head">): {
  readonly metric: string;
  readonly part: ExactPart;
}[] {
  const { metric, base, head } = row;
  const isSingle = [base, head].every((side) => side === null || side.samples === 1);
  const sum = { metric, part: "sum" } as const;
  const worst = worstPart(row);
  return isSingle || worst === null ? [sum] : [sum, { metric: `${metric}:${worst}`, part: worst }];
}

/**
 * The parts of a row that differ, where both sides have it; the sum where only single values do. One does not make up for
 * the other: a row whose sum is better fails when its worst value is worse.
 */
export function changedParts(row: ExactRow): {
  readonly metric: string;
  readonly part: ExactPart;
  readonly base: number;
  readonly head: number;
}[] {
  const { base, head } = row;
  if (base === null || head === null) return [];
  const parts = exactParts(row).map((one) => ({ ...one, base: base[one.part]!, head: head[one.part]! }));
  const differing = parts.filter((one) => one.base !== one.head);
  return differing.length > 0 ? differing : parts.slice(0, 1);
}

/** Whose times are the base's: of variants those of the reference, which is no older state of them. */
export function baseName({ kind, base }: Pick<Comparison, "kind" | "base">): string {
  return kind === "variants" ? base.label : "base";
}

/** Eight digits that are the same for the same text, now and later. */
export function shortHash(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 8);
}

/** A text without white space. */
export function oneWord(text: string): string {
  return text.trim().replace(/\s+/g, "_");
}

/**
 * What a row is of, in one word that is the same in every comparison, for tools that keep series by name:
 * `quarantine/doubly-linked/libvirt-teardown/cpus:1#0a1b2c3d`. The digits stand for the parameters.
 */
export function caseId({ problem, variant, workload, cpus, parameters }: RowName): string {
  return `${[problem, variant, workload].map(oneWord).join("/")}/cpus:${cpus}#${shortHash(parameters)}`;
}

/** A row in one word: `quarantine/doubly-linked/libvirt-teardown/cpus:1#0a1b2c3d/put-ns`. */
export function rowId(row: RowName): string {
  return `${caseId(row)}/${oneWord(row.metric)}`;
}

/**
 * Where a variant is written, from the root of this project: variants have the name of their file. One of the user's own
 * has none there.
 */
export function variantFile({ problem, variant }: Pick<RowName, "problem" | "variant">): string {
  return `src/kernel/${problem}/${variant.split(" ")[0] ?? ""}.ts`;
}

/** What a process is to its row, one for each side, in the row's unit; null where nothing was timed. */
export function sideMedians(
  processes: readonly PairedProcess[],
): { readonly base: number; readonly head: number } | null {
  if (processes.length === 0) return null;
  return { base: median(processes.map(({ base }) => base)), head: median(processes.map(({ head }) => head)) };
}

const nsPerUnit: Readonly<Record<string, number>> = { ns: 1, us: 1e3, µs: 1e3, ms: 1e6, s: 1e9 };

/** Whether a unit is of times, or of rates: then worse is slower. */
export function isSpeed(unit: string): boolean {
  return unit.endsWith("/s") || Object.hasOwn(nsPerUnit, unit.split("/")[0] ?? "");
}

/** A value as the nanoseconds of one operation: a time as it is, a rate as its inverse; null for what is neither. */
export function nanosecondsOf(unit: string, value: number): number | null {
  if (unit.endsWith("/s")) return value > 0 ? 1e9 / value : null;
  const factor = nsPerUnit[unit.split("/")[0] ?? ""];
  return factor === undefined ? null : value * factor;
}
