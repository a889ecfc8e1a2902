// The exact gate: what is measured for it, which rows take part, and what becomes of cases that failed.

import { rm } from "node:fs/promises";
import path from "node:path";
import type { Comparison } from "../compare/comparison.ts";
import { budgetOf, compareExact, type ExactTable, gatherExact } from "../compare/exact.ts";
import { InputError, StoppedError } from "../errors.ts";
import type { Budget } from "../plan/gate.ts";
import { chooseVariants } from "../plan/plan.ts";
import { instrumentOf, type Unit } from "../plan/unit.ts";
import { type PlannedVariant, planVariant } from "../plan/variant.ts";
import { problemOf } from "../problems/index.ts";
import { checkOfRun } from "../records/baseline.ts";
import { readRecords, recordsFile } from "../records/csv.ts";
import type { MeasuredRow } from "../records/record.ts";
import type { Run } from "../records/run-file.ts";
import { execute } from "./execute.ts";
import { noOptions } from "./gate-variants.ts";
import type { Io } from "./io.ts";
import { Machines } from "./machines.ts";
import { listed, type RunOptions, readChoices, suitesOf } from "./options.ts";
import { isTooLarge, parseCase } from "./report.ts";
import { hasVariant, lostVariants, type Revision } from "./revision.ts";
import { listOf, prepare, recordedOptions } from "./run.ts";
import type { Base, RecordedRun } from "./sides.ts";

type VariantName = Pick<MeasuredRow, "problem" | "variant">;
type NamedCase = Pick<MeasuredRow, "problem" | "variant" | "workload" | "instrument" | "metric" | "better">;

/** What the user wants of a comparison, as far as it concerns the exact gate. */
export interface ExactWishes {
  /** Empty for all. */
  readonly problems: readonly string[];
  /** Ids; empty for all. */
  readonly variants: readonly string[];
  /** By how much exact metrics may get worse. */
  readonly budgets: readonly Budget[];
  /** Threads that check and simulate. */
  readonly workers: number;
  readonly out: string;
  readonly command: string;
}

/** Whether a unit is measured for an exact comparison: time on this machine is no exact metric. */
function isExact({ stage }: Unit): boolean {
  return instrumentOf(stage) !== "native";
}

/** What all of some variants have alike. */
function sharedBy<Value>(all: readonly Readonly<Record<string, Value>>[]): Record<string, Value> {
  const [first = {}, ...others] = all;
  return Object.fromEntries(
    Object.entries(first).filter(([key, value]) => others.every((other) => other[key] === value)),
  );
}

/** A variant that the suite does not know any more: with what all of the problem's variants have, and else its own defaults. */
function lostVariant(name: string, known: readonly PlannedVariant[]): PlannedVariant {
  const parameters = sharedBy(known.map((one) => one.parameters));
  const constants = sharedBy(known.map((one) => one.constants));
  return { id: name, name, parameters, constants, skipWhenEmpty: false, isReference: false, isFloor: false };
}

/** Names of variants that a revision has, the suite has not any more, and nobody left out by naming others. */
function lostOf(revision: Revision, problem: string, options: RunOptions): string[] {
  return options.variant.length === 0 ? lostVariants(revision, problem) : [];
}

/** What of a unit a revision has. What is there no more is measured of it, too, so that its values are gone. */
function variantsOfRevision(revision: Revision, { problem, variants }: Unit, options: RunOptions): PlannedVariant[] {
  const kept = variants.filter(({ name }) => hasVariant(revision, problem, name));
  const lost = lostOf(revision, problem, options);
  if (lost.length === 0) return kept;
  // Some units leave variants out; what all have alike is to be the same in each.
  const suites = suitesOf([problem]);
  const known = chooseVariants(suites[0]!, readChoices(options, suites, new Machines()));
  return [...kept, ...lost.map((name) => lostVariant(name, known))];
}

/** Measures, as `run` does; what it leaves is a run like any other. */
async function measure(
  options: RunOptions,
  problems: readonly string[],
  wishes: ExactWishes,
  { io, signal, revision }: { readonly io: Io; readonly signal: AbortSignal; readonly revision?: Revision },
): Promise<RecordedRun> {
  const narrow = (units: readonly Unit[]): Unit[] => {
    const kept = units.filter(isExact).flatMap((unit) => {
      const variants = revision === undefined ? unit.variants : variantsOfRevision(revision, unit, options);
      return variants.length === 0 ? [] : [{ ...unit, variants }];
    });
    if (kept.length === 0) throw new InputError("nothing is counted or simulated of what is to be compared");
    return kept;
  };
  // What is left out must not look as if it had vanished.
  const instruments = (options.instrument.length === 0 ? ["traced", "simulator"] : listed(options.instrument)).filter(
    (one) => one !== "native",
  );
  const { run, ...prepared } = await prepare(problems, options, wishes.command, io, {
    narrow,
    ...(revision === undefined ? {} : { revision }),
  });
  const recorded: Run = { ...run, parameters: { ...run.parameters, instruments: JSON.stringify(instruments) } };
  const folder = path.join(wishes.out, "results", run.runId);
  io.warn(`run ${run.runId}, seed ${run.seed}: ${revision === undefined ? "the working tree" : revision.name}\n`);
  try {
    const execution = { ...prepared, workers: wishes.workers, folder, run: recorded, io, signal };
    const { run: finished } = await execute(execution);
    if (finished.state !== "complete") throw new StoppedError("stopped");
    return { run: finished, records: path.join(folder, recordsFile) };
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
}

/** What a run was told to measure, as far as it hangs on choices: whatever else another run has, it cannot lack. */
class Chosen {
  readonly #instruments: ReadonlySet<string>;
  readonly #problems: ReadonlySet<string>;
  readonly #variants = new Map<string, ReadonlySet<string>>();
  readonly #workloads: ReadonlySet<string>;

  constructor({ run }: RecordedRun) {
    const instruments = listed(listOf(run, "instruments"));
    this.#instruments = new Set([
      ...(instruments.length === 0 ? ["native", "traced", "simulator"] : instruments),
      ...(run.parameters.check === true ? ["checker"] : []),
    ]);
    this.#problems = new Set(listOf(run, "problems"));
    this.#workloads = new Set(listOf(run, "workloads"));
    if (listOf(run, "variants").length === 0) return;
    for (const problem of this.#problems) {
      const own = run.modules.filter((module) => module.problem === problem);
      this.#variants.set(problem, new Set(own.map(({ variant }) => variant)));
    }
  }

  has({
    problem,
    variant,
    workload,
    instrument,
  }: Pick<MeasuredRow, "problem" | "variant" | "workload" | "instrument">): boolean {
    return (
      this.#instruments.has(instrument) &&
      this.#problems.has(problem) &&
      this.#variants.get(problem)?.has(variant) !== false &&
      // The place of a workload has the scenario in rows of the check.
      (instrument === "checker" || this.#workloads.size === 0 || this.#workloads.has(workload))
    );
  }
}

/** Ids of variants; what the problem does not know may be one from outside, whose id is its name. */
function variantIds(problem: string, texts: readonly string[]): ReadonlySet<string> {
  const [suite] = suitesOf([problem]);
  const isKnown = (text: string): boolean => suite!.variants.some(({ name }) => name === text.trim().split(/\s+/)[0]);
  return new Set(texts.map((text) => (isKnown(text) ? planVariant(suite!, text).id : text)));
}

/** Whether a row is of what the user named. */
function wanted({ problems, variants }: ExactWishes): (row: MeasuredRow) => boolean {
  const ids = new Map<string, ReadonlySet<string>>();
  return ({ problem, variant }) => {
    if (problems.length > 0 && !problems.includes(problem)) return false;
    if (variants.length === 0) return true;
    if (!ids.has(problem)) ids.set(problem, variantIds(problem, variants));
    return ids.get(problem)!.has(variant);
  };
}

/** Variants of a run of which a case failed by what they did, with the first error of each case. */
function violationsOf(run: Run): Comparison["violations"] {
  return run.cases.flatMap(({ id, state, error = "" }) =>
    state === "failed" && !isTooLarge.test(error) ? [{ case: id, error }] : [],
  );
}

/**
 * Metrics of native runs that the base has in no other way, though the candidate is not run natively: older baselines have
 * sizes natively only. What says of the workload alone is passed over, and so are counts of what none may do: one that is
 * not 0 is a violation.
 */
function onlyNative(names: readonly NamedCase[]): string[] {
  const keyOf = ({ problem, variant, workload, metric }: NamedCase): string =>
    [problem, variant, workload, metric].join("\0");
  const counted = new Set(names.filter(({ instrument }) => instrument === "traced").map(keyOf));
  const isForbidden = ({ problem, metric }: NamedCase): boolean =>
    problemOf(problem)?.counters.some((one) => one.metric === metric && one.forbidden !== undefined) === true;
  const missed = names.filter(
    (name) => name.instrument === "native" && name.better !== "" && !isForbidden(name) && !counted.has(keyOf(name)),
  );
  return [...new Set(missed.map(({ metric }) => metric))].sort();
}

/** What a user does who wants other sizes, by what the base is. */
const remedies: Readonly<Record<Base["kind"], string>> = {
  baseline: "save a new baseline with: reclaim-bench baseline save --force",
  run: "measure the base again with these sizes",
  revision:
    "let this one comparison fail and merge all the same, or end it with 0 by --exit-zero: later ones have these sizes in their base",
};

export interface ExactOutcome {
  readonly exact: NonNullable<Comparison["exact"]>;
  readonly base: RecordedRun;
  readonly head: RecordedRun;
  readonly violations: Comparison["violations"];
  readonly warnings: readonly string[];
}

/** Options of the runs that are measured now: as the base's were, or the candidate's. */
function optionsAs(model: Run | null, wishes: ExactWishes): { options: RunOptions; problems: readonly string[] } {
  const { problems: named, variants } = wishes;
  const common = { out: wishes.out, json: false };
  const options = model === null ? { ...noOptions, ...common } : recordedOptions(model, common);
  const measured = model === null ? suitesOf([]).map(({ problem }) => problem) : listOf(model, "problems");
  const missing = named.find((problem) => !measured.includes(problem));
  if (missing !== undefined) {
    throw new InputError(`--problem ${missing}: is not in run ${model?.runId}, which has: ${measured.join(", ")}`);
  }
  return {
    options: variants.length === 0 ? options : { ...options, variant: variants },
    problems: named.length > 0 ? named : measured,
  };
}

/**
 * Compares exact metrics, measuring what is not there yet.
 *
 * @param candidate absent: the working tree is measured
 * @throws {InputError} for sides that cannot be compared
 * @throws {StoppedError} when the signal was raised; nothing is left of what was being measured
 */
export async function compareExactly(
  from: Base,
  candidate: RecordedRun | null,
  wishes: ExactWishes,
  io: Io,
  signal: AbortSignal,
): Promise<ExactOutcome> {
  const model = from.kind === "revision" ? (candidate?.run ?? null) : from.recorded.run;
  const { options, problems } = optionsAs(model, wishes);
  const base =
    from.kind === "revision"
      ? await measure(options, problems, wishes, { io, signal, revision: from.revision })
      : from.recorded;
  const isWanted = wanted(wishes);
  const isOf =
    ({ run, records }: RecordedRun) =>
    (row: MeasuredRow): boolean => {
      checkOfRun(run, row, records);
      return isWanted(row);
    };
  // Damage of it is found before anything is measured for it.
  const before = await gatherExact(readRecords(base.records), isOf(base));
  const head = candidate ?? (await measure(options, problems, wishes, { io, signal }));
  if (base.run.seed !== head.run.seed) {
    throw new InputError(
      `seeds ${base.run.seed} and ${head.run.seed}: workloads of different seeds have different exact metrics; measure with --seed ${base.run.seed}`,
    );
  }
  const after = await gatherExact(readRecords(head.records), isOf(head));
  const warnings: string[] = [];
  const violations = violationsOf(head.run);
  const failedBefore = violationsOf(base.run);
  if (failedBefore.length > 0) {
    warnings.push(
      `in the base ${failedBefore[0]!.case} failed (${failedBefore[0]!.error}), so its variant is not compared`,
    );
  }
  const voids = new Set([...violations, ...failedBefore].map(({ case: id }) => voidKey(parseCase(id))));
  const chosen = [new Chosen(base), new Chosen(head)] as const;
  const isVoid = (name: VariantName): boolean => voids.has(voidKey(name));
  let leftOut = 0;
  const narrowed = ({ values, unfinished }: ExactTable): ExactTable => ({
    values: new Map([...values].filter(([, { name }]) => !isVoid(name) && chosen.every((one) => one.has(name)))),
    unfinished,
  });
  for (const { name, summary } of before.values.values()) {
    if (isVoid(name) || chosen.every((one) => one.has(name))) continue;
    if (name.instrument !== "native" || candidate !== null) leftOut += summary.value.samples;
  }
  const left = narrowed(before);
  // An empty comparison would pass, but for what the candidate did.
  if (left.values.size === 0 && violations.length === 0) {
    throw new InputError(["the base has no exact metric of what is to be compared", ...warnings].join("; "));
  }
  const compared = compareExact(left, narrowed(after), {
    budgetOf: (problem, metric) => budgetOf(wishes.budgets, problem, metric),
    remedy: remedies[from.kind],
  });
  if (leftOut > 0) {
    warnings.push(
      `the candidate was told to measure less than the base: ${leftOut} exact samples of the base are not compared (candidate: ${head.run.command})`,
    );
  }
  const names = [...before.values.values()].map(({ name }) => name);
  const untold = candidate === null ? onlyNative(names.filter((name) => !isVoid(name))) : [];
  if (untold.length > 0) {
    warnings.push(
      `the candidate is not run natively, so what the base has of native runs alone is not compared: ${untold.join(", ")}`,
    );
  }
  if (from.kind === "revision") {
    const { revision } = from;
    const lost = problems.flatMap((problem) => lostOf(revision, problem, options).map((name) => `${problem} ${name}`));
    if (lost.length > 0) {
      warnings.push(`the base has ${lost.join(", ")}, which the working tree has not any more`);
    }
  }
  return {
    exact: { compared: compared.compared, rows: compared.rows },
    ...{ base, head, violations },
    warnings: [...warnings, ...compared.warnings],
  };
}

function voidKey({ problem, variant }: VariantName): string {
  return `${problem} / ${variant}`;
}
