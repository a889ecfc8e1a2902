// The tables of a check, for terminals and Markdown alike.

import type { CheckOutcome, Rung } from "../../checker/outcome.ts";
import { formatNs, formatNumber } from "../format.ts";
import type { Table } from "../tables.ts";
import { type CheckReport, findingName, lastRung } from "./report.ts";

/** How many cases ended how. */
export interface Counts {
  readonly exhausted: number;
  readonly bound: number;
  readonly violation: number;
  /** Violations that the problem declares of the variant. */
  readonly defect: number;
}

export function countsOf(outcomes: readonly CheckOutcome[]): Counts {
  const count = (wanted: CheckOutcome["outcome"]): number =>
    outcomes.filter(({ outcome }) => outcome === wanted).length;
  return {
    exhausted: count("exhausted"),
    bound: count("bound"),
    violation: count("violation"),
    defect: count("defect"),
  };
}

/** Outcomes in groups of one key each, in the order in which they first appeared. */
export function groupBy(
  outcomes: readonly CheckOutcome[],
  keyOf: (outcome: CheckOutcome) => string,
): Map<string, CheckOutcome[]> {
  const groups = new Map<string, CheckOutcome[]>();
  for (const outcome of outcomes) {
    const key = keyOf(outcome);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [outcome]);
    else group.push(outcome);
  }
  return groups;
}

/** How large a size such as `3 tasks x 1 to 2 operations` is: operations of all tasks, roughly. */
function sizeOf(size: string): number {
  const [tasks = 0, least = 1, most = least] = (size.match(/\d+/g) ?? []).map(Number);
  return (tasks * (least + most)) / 2;
}

/** The largest size of the exhausted ones; `–` when none is. */
export function largestExhausted(outcomes: readonly CheckOutcome[]): string {
  const sizes = outcomes.flatMap(({ outcome, size }) => (outcome === "exhausted" ? [size] : []));
  const [first, ...others] = sizes;
  if (first === undefined) return "–";
  return others.reduce((best, size) => (sizeOf(size) > sizeOf(best) ? size : best), first);
}

/** Unknown when it is 0 everywhere: there are schedulers that do not tell states apart. */
function total(outcomes: readonly CheckOutcome[], key: "states" | "executions"): number | null {
  const sum = outcomes.reduce((all, outcome) => all + (lastRung(outcome)?.exploration[key] ?? 0), 0);
  return sum === 0 ? null : sum;
}

/** How the cases of a variant ended, in words. */
function outcomeText(outcomes: readonly CheckOutcome[]): string {
  const { exhausted, bound, violation, defect } = countsOf(outcomes);
  const scenarios = (of: readonly CheckOutcome[]): string => of.map(({ scenario }) => scenario).join(", ");
  const texts: string[] = [];
  const found = (wanted: CheckOutcome["outcome"]): string => {
    const groups = groupBy(
      outcomes.filter(({ outcome }) => outcome === wanted),
      findingName,
    );
    return [...groups].map(([name, of]) => `${name} in ${scenarios(of)}`).join("; ");
  };
  if (violation > 0) texts.push(`violation: ${found("violation")}`);
  if (defect > 0) texts.push(`known defect: ${found("defect")}`);
  if (bound > 0) {
    const stopped = groupBy(
      outcomes.filter(({ outcome }) => outcome === "bound"),
      (one) => one.bound,
    );
    texts.push(...[...stopped].map(([name, of]) => `stopped at ${name}: ${scenarios(of)}`));
  }
  if (exhausted > 0) texts.push(`exhausted: ${exhausted} of ${outcomes.length}`);
  return texts.join("; ");
}

/** A row for each variant and memory model of one problem. */
export function variantTable(outcomes: readonly CheckOutcome[]): Table {
  const rows = [...groupBy(outcomes, ({ variant, model }) => `${variant}\n${model}`).values()].map((group) => [
    group[0]!.variant,
    group[0]!.model,
    largestExhausted(group),
    formatNumber(total(group, "states")),
    formatNumber(total(group, "executions")),
    formatNs(group.reduce((sum, { ms }) => sum + ms, 0) * 1e6),
    outcomeText(group),
  ]);
  return [["variant", "model", "largest exhausted", "states", "executions", "time", "outcome"], ...rows];
}

/** How a rung ended. One that its own number of preemptions has ended has nothing left below that. */
function rungOutcome(name: string, { outcome, bound }: Rung["exploration"]): string {
  if (outcome !== "bound" || bound === "") return outcome;
  const isWhole = bound === "0 preemptions" ? name === "no preemption" : name.endsWith(` ${bound}`);
  return isWhole ? "all explored" : `stopped at ${bound}`;
}

/** A row for each rung of ladders of several rungs; empty where there is none. */
export function rungTable(outcomes: readonly CheckOutcome[]): Table | null {
  const rows = outcomes
    .filter(({ rungs }) => rungs.length > 1)
    .flatMap(({ variant, scenario, model, rungs }) =>
      rungs.map(({ name, exploration }, index) => [
        index === 0 ? `${variant}, ${scenario}, ${model}` : "",
        formatNumber(exploration.states === 0 ? null : exploration.states),
        formatNumber(exploration.executions),
        `${name}: ${rungOutcome(name, exploration)}`,
      ]),
    );
  return rows.length === 0 ? null : [["case", "states", "executions", "rung"], ...rows];
}

/** `52 cases: 50 exhausted, 1 stopped at a bound, 1 violation`, and what was not reached. */
export function totalText({ outcomes, unfinished }: CheckReport): string {
  const { exhausted, bound, violation, defect } = countsOf(outcomes);
  const parts = [
    `${exhausted} exhausted`,
    ...(bound === 0 ? [] : [`${bound} stopped at a bound`]),
    ...(violation === 0 ? [] : [`${violation} ${violation === 1 ? "violation" : "violations"}`]),
    ...(defect === 0 ? [] : [`${defect} known ${defect === 1 ? "defect" : "defects"}`]),
    ...(unfinished.length === 0 ? [] : [`${unfinished.length} not checked, as the check was stopped`]),
  ];
  const cases = outcomes.length + unfinished.length;
  return `${cases} ${cases === 1 ? "case" : "cases"}: ${parts.join(", ")}`;
}

/** With one digit, rounded up: `5e-7`. */
function roundedUp(value: number): string {
  const power = 10 ** Math.floor(Math.log10(value));
  const digit = Math.ceil((value / power) * (1 - Number.EPSILON));
  return (digit * power).toExponential(0);
}

/** What "exhausted" leaves open; empty where no states were told apart by hashes. */
export function missText(outcomes: readonly CheckOutcome[]): string {
  const probability = outcomes.reduce((sum, { missProbability }) => sum + missProbability, 0);
  if (probability === 0) return "";
  return `States are told apart by 64-bit hashes; that two had the same in any of these cases, so that one was left out, has a probability below ${roundedUp(probability)}.`;
}
