// A comparison as the table of the 0-day robot (lkp-tests, lib/compare.rb): a block for each case, mean and standard deviation
// over processes on both sides, and how the mean changed. As there, the change is of the means shown; the verdict of the pairs
// stands in the lines with # before the blocks. Of several exact values the sum and the worst have a line where they differ.
// Exact values that did not change, or that one side lacks, are left out, as are intervals, canaries and what the machine did.

import { mean, sampleStandardDeviation } from "simple-statistics";
import type { Comparison } from "../../compare/comparison.ts";
import { changedParts, oneWord, type RowName } from "./names.ts";
import { changedRows, findingsOf, oneLine, outcomeText, timedRows } from "./words.ts";

const absWidth = 10;
const relWidth = 10;
const errWidth = 6;

/** Both sides of a line: all their values. */
interface Line {
  readonly row: RowName;
  readonly metric: string;
  readonly base: readonly number[];
  readonly head: readonly number[];
}

/** Three significant digits or so in the width of a column, as C's `%g` with that precision. */
function general(value: number, digits: number): string {
  if (value === 0) return "0";
  const exponent = Math.floor(Math.log10(Math.abs(Number(value.toPrecision(digits)))));
  if (exponent >= -4 && exponent < digits) return String(Number(value.toPrecision(digits)));
  const [mantissa = "", power = ""] = value.toExponential(digits - 1).split("e");
  const sign = power.startsWith("-") ? "-" : "+";
  return `${String(Number(mantissa))}e${sign}${power.replace(/^[+-]/, "").padStart(2, "0")}`;
}

function valueText(values: readonly number[]): string {
  const average = mean([...values]);
  const size = Math.abs(average);
  const text = size < 1000 ? average.toFixed(2) : size > 1e8 ? general(average, 4) : String(Math.trunc(average));
  const deviation = values.length > 1 && average !== 0 ? (100 * sampleStandardDeviation([...values])) / average : -1;
  const error = deviation > 2 ? ` ±${String(Math.trunc(deviation)).padStart(errWidth - 3)}%` : " ".repeat(errWidth);
  return `${text.padStart(absWidth)}${error}`;
}

function changeText(base: readonly number[], head: readonly number[]): string {
  // As there, which would rather show a large number than none.
  const from = mean([...base]) || 1e-100;
  const change = (100 * (mean([...head]) - from)) / from;
  const digits = Math.abs(change) < 100_000 ? change.toFixed(1) : general(change, 2);
  return `${`${change >= 0 ? "+" : ""}${digits}`.padStart(relWidth)}% `;
}

function lineText({ row, metric, base, head }: Line): string {
  const key = ["reclaim-bench", row.problem, row.variant, metric].map(oneWord).join(".");
  return `${valueText(base)}${changeText(base, head)}${valueText(head)}  ${key}`;
}

/** What the lines of a block share. */
function axesOf({ problem, workload, cpus, parameters }: RowName): Map<string, string> {
  const pairs = parameters.split(" ").filter((pair) => pair !== "");
  return new Map([
    ["problem", problem],
    ["workload", workload],
    ["nr_cpu", String(cpus)],
    ...pairs.map((pair): [string, string] => [pair.slice(0, pair.indexOf("=")), pair.slice(pair.indexOf("=") + 1)]),
  ]);
}

/** Sides by their commits, or where these do not tell them apart by their labels. */
function sideTexts({ base, head }: Comparison): readonly [base: string, head: string] {
  const text = ({ label, commit }: Comparison["base"]): string =>
    oneWord(commit === "" || base.commit === head.commit ? label : commit);
  return [text(base), text(head)];
}

function blockText(comparison: Comparison, lines: readonly Line[]): string[] {
  const axes = axesOf(lines[0]!.row);
  const [base, head] = sideTexts(comparison);
  const first = absWidth + errWidth;
  const width = first + relWidth + 1;
  return [
    "=".repeat(89),
    `${[...axes.keys()].join("/")}:`,
    `  ${[...axes.values()].join("/")}`,
    "",
    "commit: ",
    `  ${base}`,
    `  ${head}`,
    "",
    `${base.slice(0, first).padStart(first)} ${head.slice(0, width).padStart(width)} `,
    `${"-".repeat(first)} ${"-".repeat(width)} `,
    "         %stddev     %change         %stddev",
    "             \\          |                \\  ",
    ...lines.map(lineText),
    "",
  ];
}

export function renderZeroDay(comparison: Comparison): string {
  const lines: Line[] = [
    ...changedRows(comparison).flatMap((row) =>
      changedParts(row).map(({ metric, base, head }) => ({ row, metric, base: [base], head: [head] })),
    ),
    ...timedRows(comparison).map((row) => ({
      row,
      metric: row.metric,
      base: row.processes.map(({ base }) => base),
      head: row.processes.map(({ head }) => head),
    })),
  ];
  const blocks = new Map<string, Line[]>();
  for (const line of lines) {
    const { problem, workload, cpus, parameters } = line.row;
    const key = JSON.stringify([problem, workload, cpus, parameters]);
    const block = blocks.get(key) ?? [];
    blocks.set(key, block);
    block.push(line);
  }
  const notes = findingsOf(comparison).map(({ text }) => `# ${oneLine(text)}`);
  return `${[
    `# ${outcomeText(comparison)}`,
    ...notes,
    "",
    ...[...blocks.values()].flatMap((block) => blockText(comparison, block)),
  ]
    .join("\n")
    .replace(/\n+$/, "")}\n`;
}
