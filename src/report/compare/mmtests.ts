// A comparison as the table of mmtests (compare-kernels.sh): the arithmetic mean over processes for what is better when it is
// lower, the harmonic one for rates, and by how much the head's is better, in percent, so that a minus is a loss. Stars stand
// for brackets where the pairs tell the two apart. Exact values that did not change, or that one side lacks, are left out, as
// are metrics without a direction, intervals, canaries and what the machine did.

import { harmonicMean, mean } from "simple-statistics";
import type { Comparison, NativeRow } from "../../compare/comparison.ts";
import { RowNames } from "./names.ts";
import { changedRows, oneLine, outcomeText, timedRows } from "./words.ts";

const fieldWidth = 12;
const percentWidth = 7;
/** Of a value with its percentage: ` (`, digits, `%)`. */
const columnWidth = fieldWidth + percentWidth + 4;

interface Line {
  readonly statistic: "Amean" | "Hmean";
  readonly operation: string;
  readonly base: number;
  readonly head: number;
  readonly isSignificant: boolean;
}

/** By how much it is better, as mmtests' `pdiff` and `pndiff` have it. */
function gain({ statistic, base, head }: Line): number {
  if (base === head) return 0;
  if (statistic === "Amean") return head === 0 ? 100 : base === 0 ? -99 : 100 - (head * 100) / base;
  return head === 0 ? 0 : base === 0 ? 100 : (head * 100) / base - 100;
}

function cell(value: number, percent: number, isSignificant: boolean): string {
  const [before, after] = isSignificant ? ["*", "*"] : ["(", ")"];
  // A zero has no sign.
  const digits = (percent + 0 === 0 ? 0 : percent).toFixed(2).padStart(percentWidth);
  return `${value.toFixed(2).padStart(fieldWidth)} ${before}${digits}%${after}`;
}

function nativeLine(row: NativeRow, names: RowNames): Line {
  const [base, head] = [row.processes.map((one) => one.base), row.processes.map((one) => one.head)];
  const isRate = row.better === "higher";
  const average = (values: number[]): number => (isRate ? harmonicMean(values) : mean(values));
  return {
    statistic: isRate ? "Hmean" : "Amean",
    operation: operation(names.full(row)),
    base: average(base),
    head: average(head),
    isSignificant: ["regressed", "improved", "slower", "faster"].includes(row.verdict),
  };
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
    ...changedRows(comparison).flatMap((row): Line[] =>
      row.base === null || row.head === null || row.better === ""
        ? []
        : [
            {
              statistic: row.better === "higher" ? "Hmean" : "Amean",
              operation: operation(names.full(row)),
              base: row.base.sum,
              head: row.head.sum,
              isSignificant: true,
            },
          ],
    ),
    ...timedRows(comparison)
      .filter(({ better }) => better !== "")
      .map((row) => nativeLine(row, names)),
  ];
  const width = Math.max(0, ...lines.map((line) => [...line.operation].length));
  const head = ([base, other]: readonly [string, string]): string =>
    `${" ".repeat(5 + 1 + width)}${base.slice(0, columnWidth - 1).padStart(columnWidth)}${other.slice(0, columnWidth - 1).padStart(columnWidth)}`;
  return `${[
    `# ${oneLine(outcomeText(comparison, names))}`,
    head(["base", "head"]),
    head([oneLine(comparison.base.label), oneLine(comparison.head.label)]),
    ...lines.map(
      (line) =>
        `${line.statistic} ${line.operation.padEnd(width)}${cell(line.base, 0, false)}${cell(line.head, gain(line), line.isSignificant)}`,
    ),
  ].join("\n")}\n`;
}
