// A comparison as the table of mmtests (compare-kernels.sh): the arithmetic mean over processes for what is better when it is
// lower, the harmonic one for rates, and by how much the head's is better, in percent, so that a minus is a loss. Stars stand
// for brackets where the pairs tell the two apart. Of several exact values their sum and the worst have a line where they
// differ. Exact values that did not change, or that one side lacks, are left out, as are metrics without a direction,
// intervals, canaries and what the machine did.

import { harmonicMean, mean } from "simple-statistics";
import type { Comparison, ExactRow, NativeRow } from "../../compare/comparison.ts";
import { changedParts, RowNames } from "./names.ts";
import { changedRows, oneLine, outcomeText, timedRows } from "./words.ts";

/** Of columns, at least. */
const fieldWidth = 12;
const percentWidth = 7;

interface Line {
  readonly statistic: "Amean" | "Hmean" | "Sum" | "Max" | "Min";
  readonly operation: string;
  /** Whether more is better. */
  readonly isRate: boolean;
  readonly base: number;
  readonly head: number;
  readonly isSignificant: boolean;
}

const statistics = { sum: "Sum", max: "Max", min: "Min" } as const;

/** By how much it is better, as mmtests' `pdiff` and `pndiff` have it. */
function gain({ isRate, base, head }: Line): number {
  if (base === head) return 0;
  if (!isRate) return head === 0 ? 100 : base === 0 ? -99 : 100 - (head * 100) / base;
  return head === 0 ? 0 : base === 0 ? 100 : (head * 100) / base - 100;
}

/** A value with its percentage, before they are put in columns. */
interface Cell {
  readonly value: string;
  readonly percent: string;
  readonly isSignificant: boolean;
}

function cellOf(value: number, percent: number, isSignificant: boolean): Cell {
  // A zero has no sign.
  return { value: value.toFixed(2), percent: (percent + 0 === 0 ? 0 : percent).toFixed(2), isSignificant };
}

function nativeLine(row: NativeRow, names: RowNames): Line {
  const [base, head] = [row.processes.map((one) => one.base), row.processes.map((one) => one.head)];
  const isRate = row.better === "higher";
  const average = (values: number[]): number => (isRate ? harmonicMean(values) : mean(values));
  return {
    statistic: isRate ? "Hmean" : "Amean",
    operation: operation(names.full(row)),
    isRate,
    base: average(base),
    head: average(head),
    isSignificant: ["regressed", "improved", "slower", "faster"].includes(row.verdict),
  };
}

function exactLines(row: ExactRow, names: RowNames): Line[] {
  const isRate = row.better === "higher";
  const isSingle = row.base?.samples === 1 && row.head?.samples === 1;
  const mean = isRate ? "Hmean" : "Amean";
  return changedParts(row).map(({ part, base, head }) => ({
    // One value is its own mean.
    statistic: isSingle ? mean : statistics[part],
    operation: operation(names.full(row)),
    ...{ isRate, base, head },
    isSignificant: true,
  }));
}

/** A name without white space, which parts the columns. */
function operation(name: string): string {
  return name
    .replaceAll(" / ", "/")
    .replace(/[\s,()]+/g, "-")
    .replace(/-$/, "");
}

export function renderMmtests(comparison: Comparison): string {
  const names = new RowNames(comparison);
  const lines: Line[] = [
    ...changedRows(comparison)
      .filter(({ better }) => better !== "")
      .flatMap((row) => exactLines(row, names)),
    ...timedRows(comparison)
      .filter(({ better }) => better !== "")
      .map((row) => nativeLine(row, names)),
  ];
  const width = Math.max(0, ...lines.map((line) => [...line.operation].length));
  const cells = lines.map((line) => [cellOf(line.base, 0, false), cellOf(line.head, gain(line), line.isSignificant)]);
  // Tools part the columns at white space.
  const field = Math.max(fieldWidth, ...cells.flat().map(({ value }) => value.length + 1));
  const percent = Math.max(percentWidth, ...cells.flat().map((one) => one.percent.length));
  /** Of a value with its percentage: ` (`, digits, `%)`. */
  const column = field + percent + 4;
  const text = ({ value, percent: digits, isSignificant }: Cell): string => {
    const [before, after] = isSignificant ? ["*", "*"] : ["(", ")"];
    return `${value.padStart(field)} ${before}${digits.padStart(percent)}%${after}`;
  };
  const head = (names: readonly string[]): string =>
    `${" ".repeat(5 + 1 + width)}${names.map((name) => name.slice(0, column - 1).padStart(column)).join("")}`;
  return `${[
    `# ${oneLine(outcomeText(comparison, names))}`,
    head(["base", "head"]),
    head([oneLine(comparison.base.label), oneLine(comparison.head.label)]),
    ...lines.map(
      (line, index) => `${line.statistic.padEnd(5)} ${line.operation.padEnd(width)}${cells[index]!.map(text).join("")}`,
    ),
  ].join("\n")}\n`;
}
