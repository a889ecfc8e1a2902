// What a comparison found, in the words that all formats share.

import type { Comparison, ExactRow, ExactValue, NativeRow, PairedEstimate, Verdict } from "../../compare/comparison.ts";
import { worsening } from "../../compare/judge.ts";
import { formatNs, formatNumber } from "../format.ts";
import { isSpeed, type RowName, RowNames } from "./names.ts";

/** A share in percent, with one decimal or none, or where that would be 0 with one digit: `9.8 %`, `3 %`, `0.003 %`. */
export function percent(share: number): string {
  const value = 100 * share;
  const digits = value !== 0 && Math.abs(value) < 0.05 ? value.toPrecision(1) : value.toFixed(1);
  return `${Number(digits)} %`;
}

/** With its sign. */
export function signedPercent(share: number): string {
  return `${share > 0 ? "+" : ""}${percent(share)}`;
}

/** A count and its noun: `1 row`, `2 rows`. */
export function countText(count: number, one: string, several = `${one}s`): string {
  return `${formatNumber(count)} ${count === 1 ? one : several}`;
}

/** By decimals. Made once: to make one takes longer than to use it a hundred times. */
const numberFormats = Array.from(
  { length: 21 },
  (_, decimals) => new Intl.NumberFormat("en-US", { maximumFractionDigits: decimals }),
);

/** Texts of two values with four digits, or as many as it takes to tell them apart; none before the point is left out. */
export function exactTexts(base: number, head: number): readonly [base: string, head: string] {
  const text = (value: number, digits: number): string => {
    const before = value === 0 ? 1 : Math.floor(Math.log10(Math.abs(value))) + 1;
    const decimals = Math.min(20, Math.max(0, digits - before));
    return numberFormats[decimals]!.format(value);
  };
  let digits = 4;
  while (digits < 17 && base !== head && text(base, digits) === text(head, digits)) digits++;
  return [text(base, digits), text(head, digits)];
}

/** What is compared of an exact value: with several samples their mean. */
export function exactMean({ sum, samples }: ExactValue): number {
  return sum / samples;
}

/** Both sides of an exact row, in words: what differs of them. A side that lacks it is `–`. */
export function exactSides({ base, head }: Pick<ExactRow, "base" | "head">): {
  base: string;
  head: string;
  by: string;
} {
  const of = base ?? head;
  if (of === null) return { base: "–", head: "–", by: "–" };
  const [a, b] = [base ?? of, head ?? of];
  const isSingle = a.samples === 1 && b.samples === 1;
  const parts: { name: string; texts: readonly [string, string]; from: number; to: number }[] = [];
  const add = (name: string, from: number, to: number): void => {
    parts.push({ name: isSingle ? "" : `${name} `, texts: exactTexts(from, to), from, to });
  };
  const [fromMean, toMean] = [exactMean(a), exactMean(b)];
  const isSame = fromMean === toMean && a.max === b.max && a.samples === b.samples;
  if (isSame || fromMean !== toMean) add("mean", fromMean, toMean);
  if (!isSingle && (isSame || a.max !== b.max)) add("max", a.max, b.max);
  if (a.samples !== b.samples) add("samples", a.samples, b.samples);
  const first = parts[0];
  const isKnown = first !== undefined && base !== null && head !== null && first.from !== 0 && first.from !== first.to;
  const side = (index: 0 | 1): string => parts.map(({ name, texts }) => `${name}${texts[index]}`).join(", ");
  return {
    base: base === null ? "–" : side(0),
    head: head === null ? "–" : side(1),
    by: isKnown ? signedPercent(first.to / first.from - 1) : "–",
  };
}

/** What became of an exact row, as the end of a sentence that begins with its name. */
export function exactText(row: ExactRow): string {
  if (row.change === "gone") return "is gone: the candidate has no such value";
  if (row.change === "added") return "is new: the baseline has no such value";
  const { base, head, by } = exactSides(row);
  if (row.change === "same") return `is the same, ${base}`;
  if (base === head) return "has changed: sum and maximum agree, single values do not";
  const budget = percent(row.budget);
  const from = `from ${base} to ${head}${by === "–" ? "" : ` (${by})`}`;
  if (row.change === "within budget") return `is worse, ${from}, within its budget of ${budget}`;
  if (row.change === "worse") return `is worse, ${from}${row.budget > 0 ? `, over its budget of ${budget}` : ""}`;
  return row.change === "better" ? `is better, ${from}` : `has changed, ${from}`;
}

/**
 * How the head differs from the base, in the words of the metric: `9.8 % slower [8.1, 11.2]`. Slower by 10 % takes 10 % more
 * time, faster by 10 % does 10 % more in the same time; the interval is of the same share.
 */
export function changeText(
  estimate: Pick<PairedEstimate, "ratio" | "low" | "high">,
  { unit, better }: RowName,
): string {
  const isWorse = better === "" ? estimate.ratio >= 1 : worsening(estimate, better) >= 0;
  const share = (ratio: number): number =>
    better === "" ? (isWorse ? ratio - 1 : 1 - ratio) : worsening({ ratio: isWorse ? ratio : 1 / ratio }, better);
  const [worse, less] =
    better === "" ? ["higher", "lower"] : isSpeed(unit) ? ["slower", "faster"] : ["worse", "better"];
  const ends = [estimate.low, estimate.high].flatMap((end) => (end === null ? [] : [share(end)])).sort((a, b) => a - b);
  const digits = (end: number): string => (100 * end).toFixed(1).replace(/^-0\.0$/, "0.0");
  const interval = ends.length < 2 ? "" : ` [${ends.map(digits).join(", ")}]`;
  return `${digits(share(estimate.ratio))} % ${isWorse ? worse : less}${interval}`;
}

/** Head over base: `1.098 [1.081, 1.112]`. */
export function ratioText({ ratio, low, high }: Pick<PairedEstimate, "ratio" | "low" | "high">): string {
  const digits = (value: number): string => value.toFixed(3);
  return low === null || high === null ? digits(ratio) : `${digits(ratio)} [${digits(low)}, ${digits(high)}]`;
}

/** The smallest difference that would have been found nine times of ten. */
export function detectableText({ detectable }: Pick<PairedEstimate, "detectable">): string {
  return percent(Math.expm1(detectable));
}

/** A value with its unit: `101 ns/object`, `1.20 µs/object`. */
export function valueText(value: number | null | undefined, unit: string): string {
  if (value === null || value === undefined) return "–";
  return /^ns(\/|$)/.test(unit) ? `${formatNs(value)}${unit.slice(2)}` : `${formatNumber(value)} ${unit}`.trim();
}

/** What fresh processes said of a suspicion; empty where there was none. */
export function confirmationText({ confirmation, ...row }: NativeRow): string {
  if (confirmation === null) return "";
  const { processes, estimate, confirmed } = confirmation;
  const fresh = countText(processes.length, "fresh process", "fresh processes");
  return `${confirmed ? "confirmed" : "not confirmed"} on ${fresh} (${changeText(estimate, row)})`;
}

/** What became of a native row, as the end of a sentence that begins with its name. */
export function nativeText(row: NativeRow): string {
  if (row.estimate === null) return `is ${row.verdict}: ${row.reason}`;
  const change = `is ${changeText(row.estimate, row)}`;
  const confirmation = confirmationText(row);
  const about = `${change}${confirmation === "" ? "" : `, ${confirmation}`}`;
  return row.verdict === "regressed" ? about : `${about}: ${row.verdict}`;
}

/** What a reader should know of first, worst first. */
export interface Finding {
  readonly rule: "violation" | "exact" | "native" | "machine" | "warning";
  /** `error`: fails the gate; `warning`: worth a look; `note`: good to know. */
  readonly level: "error" | "warning" | "note";
  /** Null where it is of none. */
  readonly row: RowName | null;
  /** A sentence without a full stop. */
  readonly text: string;
}

/** By how much a row is worse, for sorting. */
function badness({ estimate, better }: NativeRow): number {
  return estimate === null ? 0 : worsening(estimate, better);
}

/** Exact rows that are not the same, those that fail first, then what else is worse. */
export function changedRows({ exact }: Comparison): ExactRow[] {
  const order: readonly ExactRow["change"][] = ["worse", "gone", "changed", "within budget", "added", "better"];
  return (exact?.rows ?? [])
    .filter(({ change }) => change !== "same")
    .sort((a, b) => Number(b.fails) - Number(a.fails) || order.indexOf(a.change) - order.indexOf(b.change));
}

const verdictOrder: readonly Verdict[] = [
  "regressed",
  "inconclusive",
  "slower",
  "improved",
  "faster",
  "not separated",
  "equivalent",
];

/** Native rows that were timed, the worst verdicts first, and of those the gated ones. */
export function timedRows({ native }: Comparison): NativeRow[] {
  return (native?.rows ?? [])
    .filter(({ estimate }) => estimate !== null)
    .sort(
      (a, b) =>
        verdictOrder.indexOf(a.verdict) - verdictOrder.indexOf(b.verdict) ||
        Number(b.gated) - Number(a.gated) ||
        badness(b) - badness(a),
    );
}

/** All that is to be said of a comparison besides its tables. */
export function findingsOf(comparison: Comparison, names = new RowNames(comparison)): Finding[] {
  const { violations, native, warnings } = comparison;
  const exact = changedRows(comparison).map(
    (row): Finding => ({
      rule: "exact",
      level: row.fails ? "error" : "note",
      row,
      text: `${names.full(row)} ${exactText(row)}`,
    }),
  );
  const timed = timedRows(comparison)
    .filter(({ verdict }) => verdict === "regressed" || verdict === "improved")
    .map(
      (row): Finding => ({
        rule: "native",
        level: row.verdict === "improved" ? "note" : row.gated ? "error" : "warning",
        row,
        text: `${names.full(row)} ${nativeText(row)}`,
      }),
    );
  const singing = (native?.canaries ?? []).filter(({ sings }) => sings);
  const all: Finding[] = [
    ...violations.map(
      (one): Finding => ({ rule: "violation", level: "error", row: null, text: `${one.case}: ${one.error}` }),
    ),
    ...exact,
    ...timed,
    ...(native?.distrust ?? []).map((text): Finding => ({ rule: "machine", level: "warning", row: null, text })),
    ...singing.map(
      (row): Finding => ({
        rule: "machine",
        level: "warning",
        row: null,
        text: `the same code twice, ${names.full(row)}: the second is ${changeText(row.estimate, row)}, more than the ${percent(row.delta)} that count`,
      }),
    ),
    ...warnings.map((text): Finding => ({ rule: "warning", level: "warning", row: null, text })),
  ];
  const levels: readonly Finding["level"][] = ["error", "warning", "note"];
  return levels.flatMap((level) => all.filter((one) => one.level === level));
}

/** How many there are of each, in order: `1 improved, 38 equivalent`. */
function tally(words: readonly string[], order: readonly string[]): string {
  return order
    .map((word) => ({ word, count: words.filter((one) => one === word).length }))
    .filter(({ count }) => count > 0)
    .map(({ word, count }) => `${formatNumber(count)} ${word}`)
    .join(", ");
}

/** What was compared and what came of it, without the names of rows. */
export function totalText({ exact, native }: Comparison): string {
  const parts: string[] = [];
  if (exact !== null) {
    const changed = exact.rows.filter(({ change }) => change !== "same").map(({ change }) => change);
    const compared = countText(exact.compared, "exact value");
    const words = ["worse", "gone", "changed", "within budget", "added", "better"];
    parts.push(
      changed.length === 0 ? `${compared} compared, all the same` : `${compared} compared: ${tally(changed, words)}`,
    );
  }
  if (native !== null) {
    const timed = native.rows.filter(({ estimate }) => estimate !== null).map(({ verdict }) => verdict);
    const same = native.rows.length - timed.length;
    parts.push(`${countText(timed.length, "row")} timed${timed.length === 0 ? "" : `: ${tally(timed, verdictOrder)}`}`);
    if (same > 0) parts.push(`${countText(same, "row")} of the same code, not timed`);
  }
  return parts.length === 0 ? "nothing was compared" : parts.join("; ");
}

/** The first thing to read, in one line: the outcome and what it is about. */
export function outcomeText(comparison: Comparison, names = new RowNames(comparison)): string {
  const { outcome } = comparison;
  const findings = findingsOf(comparison, names);
  const of = (rule: Finding["rule"], level: Finding["level"]): Finding[] =>
    findings.filter((one) => one.rule === rule && one.level === level);
  const lead = (of: readonly Pick<Finding, "text">[], one: string): string | null => {
    const [first, ...others] = of;
    if (first === undefined) return null;
    return others.length === 0 ? first.text : `${first.text}; and ${countText(others.length, `more ${one}`)}`;
  };
  const why = {
    passed: () => null,
    regressed: () => lead([...of("exact", "error"), ...of("native", "error")], "row"),
    violated: () => lead(of("violation", "error"), "violation"),
    inconclusive: () => {
      const reasons = of("machine", "warning");
      if (reasons.length > 0) return lead(reasons, "reason");
      const open = timedRows(comparison).filter(({ gated, verdict }) => gated && verdict === "inconclusive");
      const texts = open.map((row) => ({ text: `${names.full(row)} could not be decided: ${row.reason}` }));
      return lead(texts, "row");
    },
  }[outcome]();
  return `${outcome}: ${oneLine(why ?? totalText(comparison))}`;
}

/** A text without line breaks. */
export function oneLine(text: string): string {
  return text.replace(/\s*[\r\n]+\s*/g, " ");
}
