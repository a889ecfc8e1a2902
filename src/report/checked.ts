// What the short check found before a run's measurements, per variant: a table for Markdown and a line for the terminal.

import { parseLabelledMetric } from "../records/labelled.ts";
import type { MeasuredRow } from "../records/record.ts";
import { formatNumber } from "./format.ts";
import type { Table } from "./tables.ts";

/** A scenario that a variant was checked in. */
interface CheckedScenario {
  readonly scenario: string;
  /** `3 tasks x 2 operations`. */
  readonly size: string;
  readonly model: string;
  readonly values: Map<string, number>;
  /** The bound that its check stopped at; empty when it was exhausted. */
  bound: string;
  /** What was found, as the problem declares it of the variant; empty when nothing is wrong. */
  defect: string;
}

/** A violation of the short check; its case has no rows. */
export interface CheckViolation {
  readonly variant: string;
  readonly scenario: string;
  readonly model: string;
}

/**
 * What is known of a variant: `exhausted` when all that was checked of it was; `known defect` when what was found is what
 * the problem declares of it.
 */
export type CheckStanding = "exhausted" | "stopped at a bound" | "known defect" | "violation" | "unchecked";

/** Rows of the checker of one problem in a run. */
export class CheckedRows {
  /** By variant, then by scenario and model. */
  readonly #variants = new Map<string, Map<string, CheckedScenario>>();

  add(row: MeasuredRow): void {
    const parameters = new Map(row.parameters.split(" ").map((pair) => pair.split("=") as [string, string]));
    const model = parameters.get("memory-model") ?? "";
    const scenarios = this.#variants.get(row.variant) ?? new Map<string, CheckedScenario>();
    this.#variants.set(row.variant, scenarios);
    const key = `${row.workload} ${model}`;
    const size = decodeURIComponent(parameters.get("size") ?? "");
    const one = scenarios.get(key) ?? { scenario: row.workload, size, model, values: new Map(), bound: "", defect: "" };
    scenarios.set(key, one);
    if (row.value === null) return;
    const label = parseLabelledMetric(row.metric);
    if (label?.name === "check-bound") one.bound = label.label;
    else if (label?.name === "check-defect") one.defect = label.label;
    else one.values.set(row.metric, row.value);
  }

  scenariosOf(variant: string): CheckedScenario[] {
    return [...(this.#variants.get(variant)?.values() ?? [])];
  }
}

/** The short check of one problem. */
export class CheckSummary {
  readonly #rows: CheckedRows;
  readonly #violations: readonly CheckViolation[];
  readonly #order: readonly string[];

  /** @param order ids of all variants of the run, in the order in which to show them */
  constructor(rows: CheckedRows, violations: readonly CheckViolation[], order: readonly string[]) {
    this.#rows = rows;
    this.#violations = violations;
    this.#order = order;
  }

  standingOf(variant: string): CheckStanding {
    if (this.#violations.some((one) => one.variant === variant)) return "violation";
    const scenarios = this.#rows.scenariosOf(variant);
    if (scenarios.length === 0) return "unchecked";
    if (scenarios.some(({ defect }) => defect !== "")) return "known defect";
    return scenarios.every(({ values }) => values.get("check-exhausted") === 1) ? "exhausted" : "stopped at a bound";
  }

  /** Whether any interleaving was explored. */
  get isChecked(): boolean {
    return this.#order.some((variant) => this.standingOf(variant) !== "unchecked");
  }

  get table(): Table {
    const rows = this.#order.flatMap((variant): string[][] => {
      const violations = this.#violations
        .filter((one) => one.variant === variant)
        .map(({ scenario, model }) => [variant, scenario, "–", model, "–", "**violation**"]);
      const scenarios = this.#rows.scenariosOf(variant).map(({ scenario, size, model, values, bound, defect }) => {
        if (defect !== "") return [variant, scenario, size, model, "–", `known defect: ${defect}`];
        const isExhausted = values.get("check-exhausted") === 1;
        const states = values.get(isExhausted ? "check-states" : "check-states-reached");
        const outcome = isExhausted ? "exhausted" : `stopped at ${bound === "" ? "a bound" : bound}`;
        return [variant, scenario, size, model, formatNumber(states), outcome];
      });
      const all = [...violations, ...scenarios];
      return all.length === 0 ? [[variant, "–", "–", "–", "–", "unchecked"]] : all;
    });
    return [["variant", "scenario", "size", "model", "states", "outcome"], ...rows];
  }

  /** How many variants stand how, and which: those that are exhausted are not named. */
  get line(): string {
    const of = (standing: CheckStanding): string[] =>
      this.#order.filter((variant) => this.standingOf(variant) === standing);
    const named = (standing: CheckStanding, text: string): string[] =>
      of(standing).length === 0 ? [] : [`${text}: ${of(standing).join(", ")}`];
    if (!this.isChecked) return "unchecked: no interleavings were explored";
    return `checked in short scenarios: ${[
      `${of("exhausted").length} of ${this.#order.length} variants exhausted`,
      ...named("stopped at a bound", "stopped at a bound"),
      ...named("known defect", "known defect"),
      ...named("violation", "violation"),
      ...named("unchecked", "unchecked"),
    ].join("; ")}`;
  }
}
