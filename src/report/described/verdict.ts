// What follows from the answers: who wins on what, who breaks which constraint, what to choose.

import type { Problem } from "../../problems/index.ts";
import type { Better } from "../../problems/problem.ts";
import { virtualName } from "../../records/metrics.ts";
import { type Contest, holdContests, type Question, tieRatio } from "../contests.ts";
import { formatRatio, ratioOf } from "../format.ts";
import { latencyOf } from "../latency.ts";
import { compareRates, type Rate } from "../net-time.ts";
import { incompleteText } from "../part.ts";
import { simulated, type VariantRows } from "../rows.ts";
import type { Judge } from "../simulator/view.ts";
import { bogoOpsMetric, timeMetric, type VariantAnswers, type WorkloadAnswers } from "./answers.ts";
import { headOf, metricOf } from "./names.ts";
import type { Constraint, Plan, Source } from "./plan.ts";

/** A variant's numbers of the native run. */
export function sourceOf(variant: VariantAnswers): Source {
  return {
    value: (metric) =>
      variant.totals.get(metric) ?? rateOf(variant, metric)?.perSecond ?? variant.costs.get(metric) ?? null,
    latency: (metric) => variant.latencies.get(metric) ?? null,
  };
}

function rateOf(variant: VariantAnswers, metric: string): Rate | null {
  return metric === bogoOpsMetric ? variant.bogoOps : (variant.rates.get(metric) ?? null);
}

/** The same simulated, under the native names. */
export function virtualSource(rows: VariantRows): Source {
  return {
    value: (metric) => rows.only(simulated, virtualName(metric)),
    latency: (metric) => latencyOf(rows, simulated, virtualName(metric)),
  };
}

/** The constraints as the simulated part of a report asks them. */
export function judgesOf({ constraints }: Plan): readonly Judge[] {
  return constraints.map(({ name, objectionOf }) => ({
    constraint: name,
    objectionOf: (rows) => objectionOf(virtualSource(rows), null) ?? null,
    isJudged: (rows) => objectionOf(virtualSource(rows), null) !== undefined,
  }));
}

export interface Violation {
  readonly constraint: string;
  readonly reason: string;
}

/** What a constraint says of a variant in a workload; undefined when nothing. */
function objectionIn(workload: WorkloadAnswers, id: string, { objectionOf }: Constraint): string | null | undefined {
  const variant = workload.variants.find((one) => one.id === id);
  const reference = workload.variants.find(({ role }) => role === "reference");
  if (variant === undefined) return undefined;
  return objectionOf(sourceOf(variant), reference === undefined ? null : sourceOf(reference));
}

/** Constraints that a variant breaks natively, over all workloads, each with the first workload that shows it. */
export function violationsOf(id: string, plan: Plan, workloads: readonly WorkloadAnswers[]): Violation[] {
  return plan.constraints.flatMap((constraint) => {
    for (const workload of workloads) {
      const reason = objectionIn(workload, id, constraint);
      if (typeof reason === "string") return [{ constraint: constraint.name, reason: `${reason} (${workload.name})` }];
    }
    return [];
  });
}

/** Constraints that no native workload of the run could show to be kept or broken. */
export function unmeasuredOf(id: string, plan: Plan, workloads: readonly WorkloadAnswers[]): string[] {
  return plan.constraints
    .filter((constraint) => workloads.every((workload) => objectionIn(workload, id, constraint) === undefined))
    .map(({ name }) => name);
}

/** What a workload is judged by. */
export interface Measure {
  readonly metric: string;
  readonly name: string;
  readonly better: Exclude<Better, "">;
}

/** The whole time of a workload whose chunks are run once: what is left to go by where nothing else differs. */
const time: Measure = { metric: timeMetric, name: "time", better: "lower" };

/** Those of the description's ranking that anybody has, the foremost first, and the time of the whole workload. */
export function measuresOf(workload: WorkloadAnswers, problem: Problem): Measure[] {
  const ranking = problem.ranking ?? [bogoOpsMetric, ...problem.rates.map(({ metric }) => metric)];
  const isHad = (metric: string): boolean =>
    workload.variants.some((one) => one.role !== "floor" && (sourceOf(one).value(metric) ?? 0) > 0);
  const known = ranking.flatMap((metric): Measure[] => {
    const better = metric === bogoOpsMetric ? "higher" : metricOf(problem, metric)?.better;
    return better === undefined || better === "" ? [] : [{ metric, name: headOf(metric), better }];
  });
  return [...known, time].filter(({ metric }) => isHad(metric));
}

/** What a workload is judged by first; null when nobody has anything. */
export function measureOf(workload: WorkloadAnswers, problem: Problem): Measure | null {
  return measuresOf(workload, problem)[0] ?? null;
}

/** A variant with the number that a workload is judged by. */
interface Ranked {
  readonly variant: VariantAnswers;
  readonly value: number;
  readonly rate: Rate | null;
}

/** Numbers without rounds are told apart when they are this many times apart. */
const unpairedTieRatio = 1.5;

/** Whether one is worse than another, by the rounds that both have where there are any. */
function isWorse(one: Ranked, best: Ranked, { metric, better }: Measure): boolean {
  const paired = one.rate === null || best.rate === null ? null : compareRates(one.rate.rounds, best.rate.rounds);
  if (paired !== null) {
    return paired.high === null ? paired.ratio * unpairedTieRatio < 1 : paired.high < 1 && paired.ratio * tieRatio < 1;
  }
  const isCounted = one.rate === null && metric !== timeMetric;
  const least = isCounted ? tieRatio : unpairedTieRatio;
  return better === "higher" ? one.value * least < best.value : one.value > best.value * least;
}

/** Best first; the floor and what is void take no part. */
function rankedOf(workload: WorkloadAnswers, measure: Measure): Ranked[] {
  const all = workload.variants
    .filter(({ role, isVoid }) => role !== "floor" && !isVoid)
    .flatMap((variant): Ranked[] => {
      const value = sourceOf(variant).value(measure.metric);
      return value === null ? [] : [{ variant, value, rate: rateOf(variant, measure.metric) }];
    });
  const sign = measure.better === "higher" ? -1 : 1;
  return all.sort((a, b) => sign * (a.value - b.value));
}

export interface Choice {
  readonly id: string;
  /** One sentence without its full stop. */
  readonly reason: string;
}

/**
 * What to choose for a workload: of the variants that break no constraint, the best by its first measure; of those that this
 * does not tell apart, the best by the next one, and so on. The reference, where it is among those that are left at the end.
 * Null where {@link whyNothing} says why.
 */
export function chooseFor(
  workload: WorkloadAnswers,
  problem: Problem,
  plan: Plan,
  all: readonly WorkloadAnswers[],
): Choice | null {
  const measures = measuresOf(workload, problem);
  const reference = workload.variants.find(({ role }) => role === "reference");
  const [first] = measures;
  if (workload.isIncomplete || first === undefined || reference === undefined || reference.isVoid) return null;
  const everybody = rankedOf(workload, first);
  let left = everybody.filter(({ variant }) => violationsOf(variant.id, plan, all).length === 0);
  if (everybody.length < 2 || left.length === 0) return null;
  /** What told variants apart, in turn, and among which. */
  let deciding: { readonly measure: Measure; readonly among: readonly Ranked[] } = { measure: first, among: everybody };
  for (const measure of measures) {
    const ranked = rankedOf(workload, measure);
    const fit = ranked.filter(({ variant }) => left.some((one) => one.variant === variant));
    const [best] = fit;
    if (best === undefined) continue;
    const alike = fit.filter((one) => !isWorse(one, best, measure));
    if (measure === first || alike.length < left.length) deciding = { measure, among: ranked };
    left = alike;
    if (left.length === 1) break;
  }
  const chosen = left.find(({ variant }) => variant === reference) ?? (left[0] as Ranked);
  const others = left.filter((one) => one !== chosen).map(({ variant }) => `\`${variant.id}\``);
  const { measure, among } = deciding;
  const own = among.find(({ variant }) => variant === chosen.variant) ?? chosen;
  const texts = [comparisonText(own, among, reference, measure)];
  if (measure !== first) texts.push(`level with others by ${first.name}`);
  if (others.length > 0) texts.push(`not separated from it: ${others.join(", ")}`);
  const broken = violationsOf(reference.id, plan, all).map(({ constraint }) => constraint);
  if (broken.length > 0) texts.push(`the reference breaks: ${broken.join(", ")}`);
  const open = unmeasuredOf(chosen.variant.id, plan, all);
  if (open.length > 0) texts.push(`not measured: ${open.join(", ")}`);
  return { id: chosen.variant.id, reason: texts.join("; ") };
}

function comparisonText(
  chosen: Ranked,
  ranked: readonly Ranked[],
  reference: VariantAnswers,
  { name, better }: Measure,
): string {
  const superlative = better === "higher" ? "most" : "least";
  if (chosen.variant === reference) return `no variant that breaks no constraint is shown to be better by ${name}`;
  const base = ranked.find(({ variant }) => variant === reference);
  const paired = chosen.rate?.ratio ?? null;
  const ratio = paired?.ratio ?? ratioOf(chosen.value, base?.value);
  const best = `the ${superlative} ${name} of the variants that break no constraint`;
  if (ratio === null) return best;
  const interval =
    paired === null || paired.low === null || paired.high === null
      ? ""
      : ` (95 % interval ${formatRatio(paired.low)} to ${formatRatio(paired.high)})`;
  return `${formatRatio(ratio)} the reference's ${name}${interval}, ${best}`;
}

/** Why nothing is chosen for a workload. */
export function whyNothing(workload: WorkloadAnswers, problem: Problem): string {
  if (workload.isIncomplete) return incompleteText;
  const measure = measureOf(workload, problem);
  const reference = workload.variants.find(({ role }) => role === "reference");
  const because = (): string => {
    if (measure === null) return "nothing was measured natively that variants are ranked by";
    if (reference === undefined) return "the reference was not measured";
    if (reference.isVoid) return "the reference is void";
    if (rankedOf(workload, measure).length < 2) return "fewer than two variants were measured";
    return "each variant that was measured breaks a constraint";
  };
  return `nothing to choose: ${because()}`;
}

/** Who wins on what in one workload: whatever the description says that less or more of is better. */
export function contestsOf(workload: WorkloadAnswers, problem: Problem): Contest[] {
  const rates = [{ metric: bogoOpsMetric, unit: "ops/s" }, ...problem.rates].map(
    ({ metric, unit }): Question<VariantAnswers> => ({
      question: headOf(metric),
      unit: unit === "bytes/s" ? "bytes" : unit,
      exact: false,
      better: "higher",
      value: (one) => rateOf(one, metric)?.perSecond,
      ratio: (one) => rateOf(one, metric)?.ratio,
    }),
  );
  const latencies = problem.durations.flatMap(({ metric }): Question<VariantAnswers>[] => [
    {
      question: `${headOf(metric)}, median`,
      unit: "ns",
      exact: false,
      value: (one) => one.latencies.get(metric)?.p50Ns,
    },
    { question: `${headOf(metric)}, 99 %`, unit: "ns", exact: false, value: (one) => one.latencies.get(metric)?.p99Ns },
  ]);
  const numbers = [...(problem.costs ?? []), ...problem.counters, ...problem.gauges].flatMap(
    ({ metric, unit, better }): Question<VariantAnswers>[] =>
      better === ""
        ? []
        : [{ question: headOf(metric), unit, exact: false, better, value: (one) => sourceOf(one).value(metric) }],
  );
  const accesses = problem.operations.map(
    ({ label }): Question<VariantAnswers> => ({
      question: `accesses of ${label}`,
      unit: "accesses",
      exact: true,
      value: (one) => one.exact.get(`accesses-mean[${label}]`),
    }),
  );
  // Where nobody has any, nobody wins.
  return holdContests(workload.variants, [...rates, ...latencies, ...numbers, ...accesses]).filter(({ ranking }) =>
    ranking.some(({ value }) => value !== 0),
  );
}
