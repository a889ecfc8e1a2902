// Compares exact metrics of two runs. They are the same on every machine, so any difference is a change of the code, of the
// workload or of an instrument.
//
// A metric with labels is compared label by label where the labels are the harness's own, such as the operations of
// `accesses-mean[visit]`. Where they follow from what was measured (functions, lines, locks, buckets of a distribution) a part
// says nothing alone: a line is told only while it is among the hottest, and a function that was inlined is not gone. There
// all parts are one value of the case, by their sum, their largest and the hash of all with their labels.

import { createHash } from "node:crypto";
import type { Budget } from "../plan/gate.ts";
import { parseBucketMetric } from "../records/histogram.ts";
import { parseLabelledMetric } from "../records/labelled.ts";
import type { MeasuredRow } from "../records/record.ts";
import type { ExactChange, ExactRow, ExactValue } from "./comparison.ts";

/** Metrics whose labels follow from what was measured. */
const foundLabels: ReadonlySet<string> = new Set([
  "symbol-ns",
  "cpu-symbol-ns",
  "symbol-calls",
  "line-transfers",
  "line-waited-ns",
  "virtual-lock-hold-ns-max",
]);

/** Pairs of a case that say something of the machine that measured, which exact metrics do not depend on. */
const hostPair = /^oversubscribed=/;

/** A row's name without its metric: what was measured. */
type CaseName = Pick<ExactRow, "problem" | "variant" | "workload" | "instrument" | "cpus" | "parameters">;
type Name = CaseName & Pick<ExactRow, "metric" | "unit" | "better">;

interface Sample {
  /** What is hashed before the value, where it is one of several parts. */
  readonly label: string;
  readonly process: number;
  readonly round: number;
  readonly value: number;
}

function caseKey({ problem, variant, workload, instrument, cpus, parameters }: CaseName): string {
  return [problem, variant, workload, instrument, cpus, parameters].join("\0");
}

function caseNameOf(row: MeasuredRow): CaseName {
  const { problem, variant, workload, instrument, cpus } = row;
  const pairs = row.parameters.split(" ").filter((pair) => !hostPair.test(pair));
  return { problem, variant, workload, instrument, cpus, parameters: pairs.sort().join(" ") };
}

/** By which name a metric is compared, and which part of it the row is. */
function partOf(metric: string): { readonly metric: string; readonly label: string } {
  const bucket = parseBucketMetric(metric);
  if (bucket !== null) return { metric: bucket.name, label: metric.slice(bucket.name.length) };
  const labelled = parseLabelledMetric(metric);
  return labelled !== null && foundLabels.has(labelled.name)
    ? { metric: labelled.name, label: labelled.label }
    : { metric, label: "" };
}

/** Whether two samples stand in their order: by process, round and label. */
function inOrder(one: Sample, other: Sample): number {
  return (
    one.process - other.process ||
    one.round - other.round ||
    (one.label < other.label ? -1 : Number(one.label > other.label))
  );
}

/** What a metric of a case came to. */
export interface ExactSummary {
  readonly value: ExactValue & { readonly min: number };
  /** Whether its samples are parts whose number follows from what was measured; otherwise there is one for each round. */
  readonly hasParts: boolean;
}

function summarise(samples: readonly Sample[]): ExactSummary {
  const sorted = [...samples].sort(inOrder);
  const hash = createHash("sha256");
  let sum = 0;
  let min = Number.POSITIVE_INFINITY;
  let max = Number.NEGATIVE_INFINITY;
  for (const { label, value } of sorted) {
    sum += value;
    min = Math.min(min, value);
    max = Math.max(max, value);
    hash.update(`${label}=${value}\n`);
  }
  const value = { samples: sorted.length, sum, max, min, sha256: hash.digest("hex") };
  return { value, hasParts: sorted.some(({ label }) => label !== "") };
}

/** The exact metrics of one run. */
export interface ExactTable {
  /** By the row's key, in the order in which they were met. */
  readonly values: ReadonlyMap<string, { readonly name: Name; readonly summary: ExactSummary }>;
  /** Keys of cases of the check that stopped at a bound. What they come to within their time hangs on the host. */
  readonly unfinished: ReadonlySet<string>;
}

/**
 * Gathers the exact metrics of a run from its records, which are read once and not kept.
 *
 * @param includes whether a row is compared
 */
export async function gatherExact(
  rows: AsyncIterable<MeasuredRow>,
  includes: (row: MeasuredRow) => boolean = () => true,
): Promise<ExactTable> {
  const gathered = new Map<string, { readonly name: Name; readonly samples: Sample[] }>();
  const unfinished = new Set<string>();
  for await (const row of rows) {
    if (!includes(row)) continue;
    const { assume, unit, better, process, round, value } = row;
    if (row.metric === "check-exhausted" && value === 0) unfinished.add(caseKey(caseNameOf(row)));
    if (assume !== "exact" || value === null) continue;
    const { metric, label } = partOf(row.metric);
    const name = caseNameOf(row);
    const key = `${caseKey(name)}\0${metric}`;
    let found = gathered.get(key);
    if (found === undefined) {
      found = { name: { ...name, metric, unit, better }, samples: [] };
      gathered.set(key, found);
    }
    found.samples.push({ label, process, round, value });
  }
  const values = new Map<string, { name: Name; summary: ExactSummary }>();
  for (const [key, { name, samples }] of gathered) {
    values.set(key, { name, summary: summarise(samples) });
    // Only the summary is needed from here on.
    gathered.delete(key);
  }
  return { values, unfinished };
}

/** By which share a number is worse; negative where it is better. */
function worseningOf(base: number, head: number, better: "lower" | "higher"): number {
  const rise = better === "lower" ? head - base : base - head;
  return rise === 0 ? 0 : base === 0 ? Math.sign(rise) * Number.POSITIVE_INFINITY : rise / Math.abs(base);
}

/** Whether the candidate has a metric in more rounds than the base, or in fewer. */
function isRecounted(base: ExactSummary, head: ExactSummary): boolean {
  return !base.hasParts && !head.hasParts && base.value.samples !== head.value.samples;
}

/**
 * What became of a metric. Worse is what is worse by its sum or by its worst single value: one does not make up for the other.
 * What has another number of rounds is never better or within a budget: a sum of fewer values is smaller for no merit.
 */
export function changeOf(
  base: ExactSummary,
  head: ExactSummary,
  better: ExactRow["better"],
  budget: number,
): ExactChange {
  if (base.value.sha256 === head.value.sha256) return "same";
  if (better === "") return "changed";
  const worstOf = ({ value }: ExactSummary): number => (better === "lower" ? value.max : value.min);
  const shares = [
    worseningOf(base.value.sum, head.value.sum, better),
    worseningOf(worstOf(base), worstOf(head), better),
  ];
  const worst = Math.max(...shares);
  if (worst > budget) return "worse";
  if (isRecounted(base, head)) return "changed";
  if (worst > 0) return "within budget";
  return Math.min(...shares) < 0 ? "better" : "changed";
}

/** The share by which a metric may get worse. */
export function budgetOf(budgets: readonly Budget[], problem: string, metric: string): number {
  const name = parseLabelledMetric(metric)?.name ?? metric;
  const names = [metric, `${name}[]`];
  return budgets.find((budget) => budget.problem === problem && names.includes(budget.metric))?.share ?? 0;
}

/** Changes that fail the gate. A case that vanished would weaken it. */
const failing: ReadonlySet<ExactChange> = new Set(["worse", "gone"]);

/** Why rows were left out, or cannot be compared, in sentences without full stops. */
function describeCases(names: readonly CaseName[]): string {
  const distinct = [...new Set(names.map(({ problem, variant, workload }) => `${problem} ${variant} / ${workload}`))];
  return `${distinct.slice(0, 3).join(", ")}${distinct.length > 3 ? ` and ${distinct.length - 3} more` : ""}`;
}

/** What differs between the parameters of two cases: `items=16 to items=32`. */
function differenceOf(one: CaseName, other: CaseName): string {
  const own = [`cpus=${one.cpus}`, ...one.parameters.split(" ")];
  const others = [`cpus=${other.cpus}`, ...other.parameters.split(" ")];
  const text = (pairs: readonly string[]): string => pairs.join(" ") || "nothing";
  return `${text(own.filter((pair) => !others.includes(pair)))} to ${text(others.filter((pair) => !own.includes(pair)))}`;
}

/** Cases that are gone and came back with other parameters or CPUs, and what to do where that is meant. */
function resizedText(rows: readonly ExactRow[], remedy: string): string | null {
  const keyOf = ({ problem, variant, workload, instrument, metric }: ExactRow): string =>
    [problem, variant, workload, instrument, metric].join("\0");
  const added = new Map<string, ExactRow>();
  for (const row of rows) if (row.change === "added") added.set(keyOf(row), row);
  const pairs = rows.flatMap((row) => {
    const other = row.change === "gone" ? added.get(keyOf(row)) : undefined;
    return other === undefined ? [] : [{ row, other }];
  });
  const [first] = pairs;
  if (first === undefined) return null;
  const example = differenceOf(first.row, first.other);
  return `sizes have changed, so these cases cannot be compared: ${describeCases(pairs.map(({ row }) => row))} (${example}); if that is wanted, ${remedy}`;
}

/** What a comparison hangs on besides the two runs. */
export interface ExactTerms {
  /** Share by which a metric of a problem may get worse. */
  readonly budgetOf: (problem: string, metric: string) => number;
  /** What a user does who wants other sizes, as the end of a sentence. */
  readonly remedy: string;
}

export interface ExactComparison {
  readonly compared: number;
  readonly rows: ExactRow[];
  /** In sentences without full stops. */
  readonly warnings: string[];
}

/**
 * Compares two runs. Of a base without values nothing fails: who calls it sees to that.
 */
export function compareExact(base: ExactTable, head: ExactTable, { budgetOf, remedy }: ExactTerms): ExactComparison {
  const rows: ExactRow[] = [];
  const untold: CaseName[] = [];
  const recounted: CaseName[] = [];
  let compared = 0;
  for (const [key, { name, summary }] of base.values) {
    const other = head.values.get(key)?.summary;
    if (other === undefined && head.unfinished.has(caseKey(name))) {
      untold.push(name);
      continue;
    }
    const budget = budgetOf(name.problem, name.metric);
    const change = other === undefined ? "gone" : changeOf(summary, other, name.better, budget);
    const hasOtherRounds = other !== undefined && isRecounted(summary, other);
    if (other !== undefined) compared += 1;
    if (hasOtherRounds) recounted.push(name);
    const fails = failing.has(change) || hasOtherRounds;
    rows.push({ ...name, base: summary.value, head: other?.value ?? null, change, budget, fails });
  }
  for (const [key, { name, summary }] of head.values) {
    if (base.values.has(key) || base.unfinished.has(caseKey(name))) continue;
    const budget = budgetOf(name.problem, name.metric);
    rows.push({ ...name, base: null, head: summary.value, change: "added", budget, fails: false });
  }
  const warnings: string[] = [];
  if (untold.length > 0) {
    warnings.push(
      `the check stopped at a bound on this machine, so what it counts is not compared: ${describeCases(untold)}`,
    );
  }
  if (recounted.length > 0) {
    warnings.push(`values have another number of rounds than in the base, which fails: ${describeCases(recounted)}`);
  }
  const resized = resizedText(rows, remedy);
  if (resized !== null) warnings.push(resized);
  return { compared, rows, warnings };
}
