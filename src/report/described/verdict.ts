// What follows from the answers: who wins on what, who breaks which constraint, what to choose.

import type { Problem } from "../../problems/index.ts";
import type { Better } from "../../problems/problem.ts";
import { virtualName } from "../../records/metrics.ts";
import { type Contest, holdContests, type Question, tieRatio } from "../contests.ts";
import { formatRatio, formatTimes, ratioOf } from "../format.ts";
import { latencyOf } from "../latency.ts";
import { compareRates, type Rate } from "../net-time.ts";
import { type Defects, incompleteText } from "../part.ts";
import { simulated, type VariantRows } from "../rows.ts";
import type { SimulatedAnswers } from "../simulator/model.ts";
import type { Judge } from "../simulator/view.ts";
import { bogoOpsMetric, timeMetric, type VariantAnswers, type WorkloadAnswers } from "./answers.ts";
import { headOf, metricOf } from "./names.ts";
import type { Constraint, Plan, Source } from "./plan.ts";

/** Whom ratios of rates are to. */
export function baseOf({ variants, base }: WorkloadAnswers): VariantAnswers | undefined {
  return variants.find(({ id }) => id === base);
}

/** Who did not run at its own speed, and what that makes of ratios: a sentence without its full stop; empty when nobody. */
export function hangsText(workload: WorkloadAnswers): string {
  const hung = workload.variants.filter(({ hangs, role }) => hangs > 0 && role !== "floor");
  if (hung.length === 0) return "";
  const texts = hung.map(({ id, hangs }) => `\`${id}\` hangs ${formatTimes(hangs)}`);
  const base = baseOf(workload);
  return [
    `${texts.join(", ")}: ${hung.length === 1 ? "its rate is" : "their rates are"} the watchdog's, and left out`,
    ...(base === undefined || base.role === "reference" ? [] : [`ratios of rates are to \`${base.id}\``]),
  ].join("; ");
}

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
  return constraints.map(({ name, objectionOf }) => {
    const found = (rows: VariantRows, reference: VariantRows | null): string | null | undefined =>
      objectionOf(virtualSource(rows), reference === null ? null : virtualSource(reference));
    return {
      constraint: name,
      objectionOf: (rows, _, reference) => found(rows, reference) ?? null,
      isJudged: (rows, _, reference) => found(rows, reference) !== undefined,
    };
  });
}

/** All that a run knows of variants. */
export interface Evidence {
  readonly workloads: readonly WorkloadAnswers[];
  readonly simulated: readonly SimulatedAnswers[];
  readonly defects: Defects;
}

/** What a run says of a variant and a constraint. */
export type Judgement =
  | { readonly is: "broken"; readonly reason: string }
  /** The checker is known to find that it breaks it. */
  | { readonly is: "known defect" }
  | { readonly is: "kept"; readonly by: "native" | "simulated" }
  | { readonly is: "not judged" };

/** What a constraint says of a variant in a workload; undefined when nothing. */
function objectionIn(workload: WorkloadAnswers, id: string, { objectionOf }: Constraint): string | null | undefined {
  const variant = workload.variants.find((one) => one.id === id);
  const reference = workload.variants.find(({ role }) => role === "reference");
  if (variant === undefined) return undefined;
  return objectionOf(sourceOf(variant), reference === undefined ? null : sourceOf(reference));
}

/** Over all workloads and instruments: broken where the first shows it, natively before simulated. */
export function judgementOf(id: string, constraint: Constraint, evidence: Evidence): Judgement {
  const { workloads, simulated: all, defects } = evidence;
  const { name, kinds = [] } = constraint;
  const natively = workloads.map((workload) => ({ workload, found: objectionIn(workload, id, constraint) }));
  for (const { workload, found } of natively) {
    if (typeof found === "string") return { is: "broken", reason: `${found} (${workload.name})` };
  }
  for (const { workload, machine, objections } of all) {
    const found = objections.find((one) => one.variant === id && one.constraint === name);
    if (found !== undefined) {
      return { is: "broken", reason: `${found.text} (${workload}, simulated on ${machine})` };
    }
  }
  if (defects.get(id)?.some(({ kind }) => kinds.includes(kind))) return { is: "known defect" };
  if (natively.some(({ found }) => found === null)) return { is: "kept", by: "native" };
  if (all.some(({ judged }) => judged.get(name)?.includes(id))) return { is: "kept", by: "simulated" };
  return { is: "not judged" };
}

/** Names of the constraints that a variant breaks in the run, or is known to break. */
export function brokenBy(id: string, plan: Plan, evidence: Evidence): string[] {
  return plan.constraints
    .filter((one) => ["broken", "known defect"].includes(judgementOf(id, one, evidence).is))
    .map(({ name }) => name);
}

/** Names of the constraints that nothing in the run could show to be kept or broken. */
export function unjudgedOf(id: string, plan: Plan, evidence: Evidence): string[] {
  return plan.constraints.filter((one) => judgementOf(id, one, evidence).is === "not judged").map(({ name }) => name);
}

/** The same without what was simulated and what is declared. */
export function nativeOnly({ workloads }: Evidence): Evidence {
  return { workloads, simulated: [], defects: new Map() };
}

/** Whether a variant may be chosen. */
function isFit(id: string, plan: Plan, evidence: Evidence): boolean {
  return !evidence.defects.has(id) && brokenBy(id, plan, evidence).length === 0;
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
 * What to choose for a workload: of the variants that nothing is held against, the best by its first measure; of those that this
 * does not tell apart, the best by the next one, and so on. The reference, where it is among those that are left at the end.
 * Null where {@link whyNothing} says why.
 */
export function chooseFor(workload: WorkloadAnswers, problem: Problem, plan: Plan, evidence: Evidence): Choice | null {
  const measures = measuresOf(workload, problem);
  const reference = workload.variants.find(({ role }) => role === "reference");
  const [first] = measures;
  if (workload.isIncomplete || first === undefined || reference === undefined || reference.isVoid) return null;
  const everybody = rankedOf(workload, first);
  let left = everybody.filter(({ variant }) => isFit(variant.id, plan, evidence));
  if (everybody.length < 2 || left.length === 0) return null;
  const isAlone = left.length === 1;
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
  const texts = [comparisonText(own, among, workload, { ...measure, isAlone })];
  if (measure !== first) texts.push(`level with others by ${first.name}`);
  if (others.length > 0) texts.push(`not separated from it: ${others.join(", ")}`);
  const hung = hangsText(workload);
  if (hung !== "") texts.push(hung);
  const broken = brokenBy(reference.id, plan, evidence);
  if (broken.length > 0) texts.push(`the reference breaks: ${broken.join(", ")}`);
  const open = unjudgedOf(chosen.variant.id, plan, evidence);
  if (open.length > 0) texts.push(`not judged: ${open.join(", ")}`);
  return { id: chosen.variant.id, reason: texts.join("; ") };
}

function comparisonText(
  chosen: Ranked,
  ranked: readonly Ranked[],
  workload: WorkloadAnswers,
  { name, better, isAlone }: Measure & { readonly isAlone: boolean },
): string {
  const baseline = baseOf(workload);
  const superlative = better === "higher" ? "most" : "least";
  if (chosen.variant.role === "reference") {
    return isAlone
      ? "the only variant that nothing is held against"
      : `no variant that nothing is held against is shown to be better by ${name}`;
  }
  const base = ranked.find(({ variant }) => variant === baseline);
  const paired = chosen.rate?.ratio ?? null;
  const ratio = paired?.ratio ?? ratioOf(chosen.value, base?.value);
  const best = isAlone
    ? "the only variant that nothing is held against"
    : `the ${superlative} ${name} of the variants that nothing is held against`;
  if (ratio === null || chosen.variant === baseline) return best;
  const whose = baseline?.role === "reference" ? "the reference's" : `\`${baseline?.id}\`'s`;
  const interval =
    paired === null || paired.low === null || paired.high === null
      ? ""
      : ` (95 % interval ${formatRatio(paired.low)} to ${formatRatio(paired.high)})`;
  return `${formatRatio(ratio)} ${whose} ${name}${interval}, ${best}`;
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
    return "something is held against each variant that was measured";
  };
  return `nothing to choose: ${because()}`;
}

/** Bogo-ops of all rounds; null where there are none. */
function doneOf({ bogoOps }: VariantAnswers): number | null {
  if (bogoOps === null) return null;
  const { rates, times } = bogoOps.rounds;
  const done = [...rates].reduce((all, [round, rate]) => all + (rate * (times.get(round) ?? 0)) / 1e9, 0);
  return done > 0 ? done : null;
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
  const states = [
    ...(problem.costs ?? []),
    ...problem.counters.filter(({ isMost = false }) => isMost),
    ...problem.gauges,
  ];
  const numbers = states.flatMap(({ metric, unit, better }): Question<VariantAnswers>[] =>
    better === ""
      ? []
      : [{ question: headOf(metric), unit, exact: false, better, value: (one) => sourceOf(one).value(metric) }],
  );
  // In equal time who does less has less of everything: that is no merit.
  const { isSliced } = workload;
  const totals = problem.counters.flatMap(({ metric, unit, better, isMost = false }): Question<VariantAnswers>[] =>
    better === "" || isMost
      ? []
      : [
          {
            question: `${headOf(metric)}${isSliced ? " per bogo-op" : ""}`,
            unit,
            exact: false,
            better,
            value: (one) => (isSliced ? ratioOf(one.totals.get(metric), doneOf(one)) : one.totals.get(metric)),
          },
        ],
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
  return holdContests(workload.variants, [...rates, ...latencies, ...totals, ...numbers, ...accesses]).filter(
    ({ ranking }) => ranking.some(({ value }) => value !== 0),
  );
}
