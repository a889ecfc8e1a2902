// The parts of a comparison as texts and tables, for terminals and Markdown alike.

import type { Canary, Comparison, ExactRow, NativeRow } from "../../compare/comparison.ts";
import { formatNumber, formatPercent } from "../format.ts";
import { type Table, withoutEmptyColumns } from "../tables.ts";
import { RowNames, sideMedians } from "./names.ts";
import {
  changedRows,
  changeText,
  confirmationText,
  countText,
  detectableText,
  exactSides,
  oneLine,
  percent,
  ratioText,
  timedRows,
  totalText,
  valueText,
} from "./words.ts";

/** A heading, what is said, a list or a table, and how many of its rows were left out. */
export interface Section {
  readonly title: string;
  readonly texts: readonly string[];
  readonly items: readonly string[];
  readonly table: Table | null;
  readonly left: number;
}

function section(title: string, parts: Partial<Section>): Section {
  return { title, texts: [], items: [], table: null, left: 0, ...parts };
}

function exactTable(rows: readonly ExactRow[], names: RowNames): Table {
  const cells = rows.map((row) => {
    const { base, head, by } = exactSides(row);
    const what = row.change === "changed" && base === head ? "single values differ" : row.change;
    return [
      names.full(row),
      base,
      head,
      by,
      row.budget > 0 ? percent(row.budget) : "–",
      row.fails ? `${what}, fails` : what,
    ];
  });
  return withoutEmptyColumns([["exact value", "base", "head", "by", "budget", "change"], ...cells]);
}

function nativeTable(rows: readonly NativeRow[], names: RowNames): Table {
  const cells = rows.map((row) => {
    const { estimate, holm, falseDiscovery, delta, unit } = row;
    const sides = sideMedians(row.processes);
    const p = holm ?? falseDiscovery;
    const confirmation = confirmationText(row);
    return [
      names.inProblem(row),
      valueText(sides?.base, unit),
      valueText(sides?.head, unit),
      estimate === null ? "–" : ratioText(estimate),
      p === null ? "–" : p < 0.001 ? "<0.001" : p.toFixed(3),
      estimate === null ? "–" : detectableText(estimate),
      percent(delta),
      [`${row.verdict}${row.gated ? "" : ", not gated"}`, row.reason, confirmation]
        .filter((text) => text !== "")
        .join("; "),
    ];
  });
  return [["row", "base", "head", "head/base [95 %]", "p", "finds", "floor", "verdict"], ...cells];
}

function canaryTable(rows: readonly Canary[], names: RowNames): Table {
  const cells = rows.map((row) => [
    names.full(row),
    ratioText(row.estimate),
    percent(row.delta),
    row.sings ? `sings: ${changeText(row.estimate, row)}` : "silent",
  ]);
  return [["the same code twice", "ratio [95 %]", "floor", "canary"], ...cells];
}

/** What the columns of the tables of times mean. */
const columnsText =
  "Base and head are medians over processes; the ratio is of pairs, so it is not their quotient. p is Holm's over the gated rows, of the others Benjamini and Hochberg's over all; finds: the smallest difference found nine times of ten; floor: the smallest that counts.";

function howMade(comparison: Comparison): string[] {
  const { base, head, environment, native } = comparison;
  const side = ({ label, commit, runId }: Comparison["base"]): string =>
    [label, ...(commit === "" ? [] : [`commit ${commit}`]), ...(runId === null ? [] : [`run ${runId}`])].join(", ");
  const isOther =
    base.environmentId !== null && head.environmentId !== null && base.environmentId !== head.environmentId;
  return [
    `base: ${side(base)}`,
    `head: ${side(head)}`,
    ...(isOther
      ? [
          `exact values are the same on any machine; these were taken on different ones (${base.environmentId} and ${head.environmentId}), all times on this one`,
        ]
      : []),
    `machine: ${environment.cpuModel ?? "unknown CPU"}, ${environment.coreCount ?? "unknown number of"} cores, Node.js ${environment.node}, ${environment.os} ${environment.kernel} (${environment.id})`,
    ...(native === null
      ? []
      : [
          `timed: ${countText(native.processes, "process", "processes")} of ${countText(native.rounds, "round")} for each row, alpha ${native.alpha}`,
        ]),
    `comparison ${comparison.id}, seed ${comparison.seed}, ${comparison.startedAt} to ${comparison.finishedAt}`,
  ];
}

/** Rows that fit, and how many do not. Takes what it gives from what is left for others. */
class Room {
  #left: number;

  constructor(rows: number) {
    this.#left = rows;
  }

  take<Row>(rows: readonly Row[]): { readonly rows: readonly Row[]; readonly left: number } {
    const taken = rows.slice(0, this.#left);
    this.#left -= taken.length;
    return { rows: taken, left: rows.length - taken.length };
  }
}

/** The parts, the weightiest first, with no more than so many rows and items in all. */
export function sectionsOf(comparison: Comparison, rowsMax = Number.POSITIVE_INFINITY): Section[] {
  const { exact, native, violations, warnings } = comparison;
  const names = new RowNames(comparison);
  const room = new Room(rowsMax);
  const sections: Section[] = [];

  const violated = room.take(violations);
  if (violations.length > 0) {
    const items = violated.rows.map((one) => oneLine(`${one.case}: ${one.error}`));
    sections.push(section("Violations", { items, left: violated.left }));
  }
  const distrust = room.take(native?.distrust ?? []);
  if (native !== null && native.distrust.length > 0) {
    sections.push(section("Not to be trusted", { items: distrust.rows.map(oneLine), left: distrust.left }));
  }
  const warned = room.take(warnings);
  if (warnings.length > 0) sections.push(section("Warnings", { items: warned.rows.map(oneLine), left: warned.left }));

  if (exact !== null) {
    const { rows, left } = room.take(changedRows(comparison));
    const total = totalText({ ...comparison, native: null });
    const table = rows.length === 0 ? null : exactTable(rows, names);
    sections.push(section("Exact values", { texts: [`${total}.`], table, left }));
  }
  if (native !== null) {
    const all = timedRows(comparison);
    const { rows } = room.take(all);
    const canaries = room.take(native.canaries);
    const texts = [`${totalText({ ...comparison, exact: null })}.`, ...(all.length === 0 ? [] : [columnsText])];
    sections.push(section("Times", { texts }));
    for (const problem of new Set(native.rows.map((row) => row.problem))) {
      const ofIt = all.filter((row) => row.problem === problem);
      const shown = rows.filter((row) => row.problem === problem);
      if (ofIt.length === 0) continue;
      const table = shown.length === 0 ? null : nativeTable(shown, names);
      sections.push(section(`Times of ${problem}`, { table, left: ofIt.length - shown.length }));
    }
    const machine = [
      `steal: ${native.stealShare === null ? "unknown" : formatPercent(native.stealShare)}`,
      `load per core at the beginning: ${native.loadPerCore === null ? "unknown" : formatNumber(native.loadPerCore)}`,
    ];
    const table = canaries.rows.length === 0 ? null : canaryTable(canaries.rows, names);
    sections.push(section("The machine meanwhile", { texts: [`${machine.join("; ")}.`], table, left: canaries.left }));
  }
  sections.push(section("How this was made", { texts: [comparison.command], items: howMade(comparison) }));
  return sections;
}
