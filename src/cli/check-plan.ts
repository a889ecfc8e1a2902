// Which cases a check has: variants, scenarios and memory models, and what each is compiled from.

import type { ModuleSource } from "../build/compile.ts";
import type { MemoryModel } from "../checker/model.ts";
import { problemCheckOf } from "../checker/problems/index.ts";
import type { Scenario } from "../checker/scenario.ts";
import { InputError } from "../errors.ts";
import type { Suite } from "../plan/suite.ts";
import { type PlannedVariant, planVariant, skipWhenEmptyName } from "../plan/variant.ts";
import type { CheckedCase } from "../report/check/report.ts";

/** A variant in a scenario under a memory model. */
export interface CheckCase {
  readonly problem: string;
  /** With its own constants only: the suite's are of measurements. */
  readonly variant: PlannedVariant;
  readonly scenario: Scenario;
  readonly model: MemoryModel;
}

/** Which of what there is. */
export interface CheckSelection {
  /** Problems; empty for all, or for those that know the variants. */
  readonly problems: readonly Suite[];
  /** Ids of variants; empty for all that the suites run by default, or for those from outside. */
  readonly variants: readonly string[];
  /** Variants from outside, by name, with their files. */
  readonly outside: ReadonlyMap<string, string>;
  /** Names; empty for all. */
  readonly scenarios: readonly string[];
  /** Empty: each scenario under `sc`, and under `tso` those that are for it. */
  readonly models: readonly MemoryModel[];
}

/** What a case's module is compiled from. */
export function checkedSource({ problem, variant, scenario }: CheckCase): ModuleSource {
  return {
    problem,
    variant: variant.name,
    ...(variant.file === undefined ? {} : { variantFile: variant.file }),
    machine: "checked",
    constants: { ...scenario.constants, ...variant.constants },
  };
}

/** What reports call a case. */
export function checkedCase({ problem, variant, scenario, model }: CheckCase): CheckedCase {
  return { problem, variant: variant.id, scenario: scenario.name, size: scenario.size, model };
}

/** Whether a suite knows a variant of this name, be it from outside. */
function knowsVariant(suite: Suite, text: string, outside: ReadonlyMap<string, string>): boolean {
  const [name = ""] = text.trim().split(/\s+/);
  return outside.has(name) || suite.variants.some((one) => one.name === name);
}

/** Chosen variants of a suite; of those that cannot be checked, why. */
function variantsOf(
  suite: Suite,
  { variants, outside }: CheckSelection,
): { readonly chosen: readonly PlannedVariant[]; readonly reasons: readonly string[] } {
  const chosen = new Map<string, PlannedVariant>();
  const reasons: string[] = [];
  const add = (text: string): void => {
    const variant = planVariant(suite, text, outside);
    const why = problemCheckOf(suite.problem).whyUnchecked(variant);
    if (why === undefined) chosen.set(variant.id, variant);
    else reasons.push(`${suite.problem}: variant '${variant.id}': cannot be checked: ${why}`);
  };
  if (variants.length > 0) {
    for (const text of variants) if (knowsVariant(suite, text, outside)) add(text);
  } else if (outside.size > 0) {
    for (const name of outside.keys()) {
      add(name);
      if (suite.skipsWhenEmpty) add(`${name} ${skipWhenEmptyName}=true`);
    }
  } else for (const text of suite.lines) add(text);
  return { chosen: [...chosen.values()], reasons };
}

function modelsOf({ isForTso }: Scenario, { models }: CheckSelection): readonly MemoryModel[] {
  if (models.length > 0) return models;
  return isForTso ? ["sc", "tso"] : ["sc"];
}

/**
 * The cases of a check, in the order of problems, variants, scenarios and models.
 *
 * @param suites all that there are
 * @throws {InputError} for what no chosen problem knows, or when nothing is left to check
 */
export function planChecks(suites: readonly Suite[], selection: CheckSelection): CheckCase[] {
  const { problems, variants, outside, scenarios } = selection;
  const among = problems.length > 0 ? problems : suites;
  const names = among.map(({ problem }) => problem).join(", ");
  if (outside.size > 0 && among.length !== 1) {
    throw new InputError(`--variant-file: name the one problem that it is for with --problem: ${names}`);
  }
  for (const text of variants) {
    if (among.some((suite) => knowsVariant(suite, text, outside))) continue;
    const known = new Set(among.flatMap((suite) => suite.variants.map(({ name }) => name)));
    throw new InputError(
      `variant '${text}': unknown; one of: ${[...known].join(", ")}; or a problem: ${suites.map(({ problem }) => problem).join(", ")}`,
    );
  }
  const chosen =
    variants.length > 0 ? among.filter((one) => variants.some((id) => knowsVariant(one, id, outside))) : among;
  const known = new Set(chosen.flatMap(({ problem }) => problemCheckOf(problem).scenarios.map(({ name }) => name)));
  for (const name of scenarios) {
    if (!known.has(name)) throw new InputError(`--scenario ${name}: unknown; one of: ${[...known].join(", ")}`);
  }
  const reasons: string[] = [];
  const cases = chosen.flatMap((suite) => {
    const taken = problemCheckOf(suite.problem).scenarios.filter(
      ({ name }) => scenarios.length === 0 || scenarios.includes(name),
    );
    const { problem } = suite;
    const checked = variantsOf(suite, selection);
    reasons.push(...checked.reasons);
    return checked.chosen.flatMap((variant) =>
      taken.flatMap((scenario) =>
        modelsOf(scenario, selection).map((model): CheckCase => ({ problem, variant, scenario, model })),
      ),
    );
  });
  if (cases.length === 0) throw new InputError(reasons[0] ?? "there is nothing to check");
  return cases;
}
