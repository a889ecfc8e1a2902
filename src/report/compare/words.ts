// What a comparison found, in the words that all formats share.

import type { Comparison, ExactRow, NativeRow, PairedEstimate, Verdict } from "../../compare/comparison.ts";
import { worsening } from "../../compare/judge.ts";
import { changeShare } from "../../compare/reasons.ts";
import { formatNs, formatNumber } from "../format.ts";
import { type CaseName, caseNameOf, type ExactPart, isSpeed, type RowName, RowNames, worstPart } from "./names.ts";

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

type Sides = Pick<ExactRow, "base" | "head" | "better">;

/** What is shown of several exact values: the sum and the worst, or where none is worse the largest. */
function shownParts(row: Sides): ExactPart[] {
  const isSingle = [row.base, row.head].every((side) => side === null || side.samples === 1);
  return isSingle ? ["sum"] : ["sum", worstPart(row) ?? "max"];
}

/** Parts of several exact values in which the two sides differ. */
function differingParts(row: Sides): (ExactPart | "samples")[] {
  const { base, head } = row;
  if (base === null || head === null) return [];
  return [...shownParts(row), "samples" as const].filter((part) => base[part] !== head[part]);
}

/** The share by which an exact value rose, by the part that is worst; null where there is none. */
function exactShare(row: Sides): number | null {
  const { base, head, better } = row;
  const differing = differingParts(row);
  const worst = worstPart(row);
  const deciding = differing.filter((part) => part === "sum" || part === worst);
  const shares = (deciding.length > 0 ? deciding : differing)
    .filter((part) => base![part] !== 0)
    .map((part) => head![part]! / base![part]! - 1);
  if (shares.length === 0) return null;
  return better === "higher" ? Math.min(...shares) : Math.max(...shares);
}

/** Both sides of an exact row, in words: what differs of them, and by how much. A side that lacks it is `–`. */
export function exactSides(row: Sides): { readonly base: string; readonly head: string; readonly by: string } {
  const { base, head } = row;
  const of = base ?? head;
  if (of === null) return { base: "–", head: "–", by: "–" };
  const [from, to] = [base ?? of, head ?? of];
  const isSingle = from.samples === 1 && to.samples === 1;
  const differing = differingParts(row);
  const shown = differing.length > 0 ? differing : shownParts(row);
  const texts = shown.map((part) => ({
    name: isSingle ? "" : `${part} `,
    sides: exactTexts(from[part]!, to[part]!),
  }));
  const side = (index: 0 | 1): string => texts.map(({ name, sides }) => `${name}${sides[index]}`).join(", ");
  const share = exactShare(row);
  return {
    base: base === null ? "–" : side(0),
    head: head === null ? "–" : side(1),
    by: share === null ? "–" : signedPercent(share),
  };
}

/** What became of an exact row, as the end of a sentence that begins with its name. */
export function exactText(row: ExactRow): string {
  if (row.change === "gone") return "is gone: the candidate has no such value";
  if (row.change === "added") return "is new: the baseline has no such value";
  const { base, head, by } = exactSides(row);
  if (row.change === "same") return `is the same, ${base}`;
  if (base === head) {
    const extreme = worstPart(row) === "min" ? "minimum" : "maximum";
    return `has changed: sum and ${extreme} agree, single values do not`;
  }
  const budget = percent(row.budget);
  const from = `from ${base} to ${head}${by === "–" ? "" : ` (${by})`}`;
  if (row.change === "within budget") return `is worse, ${from}, within its budget of ${budget}`;
  if (row.change === "worse") return `is worse, ${from}${row.budget > 0 ? `, over its budget of ${budget}` : ""}`;
  return row.change === "better" ? `is better, ${from}` : `has changed, ${from}`;
}

/**
 * How the head differs from the base, in the words of the metric: `9.8 % slower [8.1, 11.2]`. Slower by 10 % takes 10 % more
 * time, faster by 10 % does 10 % more in the same time. Of the interval, what is below 0 goes by the other word.
 */
export function changeText(
  estimate: Pick<PairedEstimate, "ratio" | "low" | "high">,
  { unit, better }: RowName,
): string {
  const isWorse = changeShare(estimate, better) >= 0;
  const share = (ratio: number): number => (isWorse ? 1 : -1) * changeShare({ ratio }, better);
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
  if (row.estimate === null || row.open) return `is ${row.verdict}: ${row.reason}`;
  const change = `is ${changeText(row.estimate, row)}`;
  const confirmation = confirmationText(row);
  const about = `${change}${confirmation === "" ? "" : `, ${confirmation}`}`;
  return row.verdict === "regressed" ? about : `${about}: ${row.verdict}`;
}

/** What a reader should know of first, worst first. */
export interface Finding {
  readonly rule: "violation" | "exact" | "native" | "untimed" | "machine" | "warning";
  /** `error`: fails the gate; `warning`: worth a look; `note`: good to know. */
  readonly level: "error" | "warning" | "note";
  /** The row or the case that it is of; null where it is of none. */
  readonly about: RowName | CaseName | null;
  /** A sentence without a full stop. */
  readonly text: string;
}

/** By how much a row is worse, for sorting. */
function badness({ estimate, better }: NativeRow): number {
  return estimate === null ? 0 : worsening(estimate, better);
}

/** Exact rows that are not the same: those that fail first, then what else is worse, and of the same kind the larger change. */
export function changedRows({ exact }: Comparison): ExactRow[] {
  const order: readonly ExactRow["change"][] = ["worse", "gone", "changed", "within budget", "added", "better"];
  return (exact?.rows ?? [])
    .filter(({ change }) => change !== "same")
    .map((row) => ({ row, size: Math.abs(exactShare(row) ?? 0) }))
    .sort(
      (a, b) =>
        Number(b.row.fails) - Number(a.row.fails) ||
        order.indexOf(a.row.change) - order.indexOf(b.row.change) ||
        b.size - a.size,
    )
    .map(({ row }) => row);
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
      about: row,
      text: `${names.full(row)} ${exactText(row)}`,
    }),
  );
  const timed = timedRows(comparison)
    .filter(({ verdict }) => verdict === "regressed" || verdict === "improved")
    .map(
      (row): Finding => ({
        rule: "native",
        level: row.verdict === "improved" ? "note" : row.gated ? "error" : "warning",
        about: row,
        text: `${names.full(row)} ${nativeText(row)}`,
      }),
    );
  // Nothing is known to be worse of them, and nothing to be as before.
  const untimed = (native?.rows ?? [])
    .filter(({ estimate, verdict, open }) => verdict === "inconclusive" && (estimate === null || open))
    .map(
      (row): Finding => ({
        rule: "untimed",
        level: row.gated ? "warning" : "note",
        about: row,
        text: `${names.full(row)} ${row.open ? nativeText(row) : row.reason}`,
      }),
    );
  const singing = (native?.canaries ?? []).filter(({ sings }) => sings);
  const all: Finding[] = [
    ...violations.map(
      (one): Finding => ({
        rule: "violation",
        level: "error",
        about: caseNameOf(one.case),
        text: `${one.case}: ${one.error}`,
      }),
    ),
    ...exact,
    ...timed,
    ...untimed,
    ...(native?.distrust ?? []).map((text): Finding => ({ rule: "machine", level: "warning", about: null, text })),
    ...singing.map(
      (row): Finding => ({
        rule: "machine",
        level: "warning",
        about: null,
        text: `the same code twice, ${names.full(row)}: the second is ${changeText(row.estimate, row)}, more than the ${percent(row.delta)} that count`,
      }),
    ),
    ...warnings.map((text): Finding => ({ rule: "warning", level: "warning", about: null, text })),
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
    const untimed = native.rows.filter(({ estimate }) => estimate === null);
    const same = untimed.filter(({ verdict }) => verdict === "equivalent").length;
    const failed = untimed.length - same;
    parts.push(`${countText(timed.length, "row")} timed${timed.length === 0 ? "" : `: ${tally(timed, verdictOrder)}`}`);
    if (failed > 0) parts.push(`${countText(failed, "row")} could not be timed`);
    if (same > 0) parts.push(`${countText(same, "row")} of the same code, not timed`);
  }
  return parts.length === 0 ? "nothing was compared" : parts.join("; ");
}

/** Variants that a text names besides its first row's. */
const variantsNamed = 3;

/** The first, how many others there are, and of which other variants. */
function leadText(findings: readonly Pick<Finding, "about" | "text">[], noun: string): string | null {
  const [first, ...others] = findings;
  if (first === undefined || others.length === 0) return first?.text ?? null;
  const nameOf = ({ about }: Pick<Finding, "about">): string =>
    about === null ? "" : `${about.problem} / ${about.variant}`;
  const names = [...new Set(others.map(nameOf))].filter((name) => name !== "" && name !== nameOf(first));
  const left = names.length - variantsNamed;
  const named = names.slice(0, variantsNamed).join(", ");
  const also = named === "" ? "" : `, also of ${named}${left > 0 ? ` and ${countText(left, "more variant")}` : ""}`;
  return `${first.text}; and ${countText(others.length, `more ${noun}`)}${also}`;
}

/** The first thing to read, in one line: the outcome and what it is about. */
export function outcomeText(comparison: Comparison, names = new RowNames(comparison)): string {
  const { outcome } = comparison;
  const findings = findingsOf(comparison, names);
  const of = (rule: Finding["rule"], level: Finding["level"]): Finding[] =>
    findings.filter((one) => one.rule === rule && one.level === level);
  const why = {
    passed: () => null,
    regressed: () => leadText([...of("exact", "error"), ...of("native", "error")], "row"),
    violated: () => leadText(of("violation", "error"), "violation"),
    inconclusive: () => {
      const reasons = of("machine", "warning");
      if (reasons.length > 0) return leadText(reasons, "reason");
      // Where the machine is trusted, gated rows that could not be timed are what is left.
      return leadText(of("untimed", "warning"), "row");
    },
  }[outcome]();
  return `${outcome}: ${oneLine(why ?? totalText(comparison))}`;
}

/** A text without line breaks. */
export function oneLine(text: string): string {
  return text.replace(/\s*[\r\n]+\s*/g, " ");
}
