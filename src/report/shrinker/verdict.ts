// What follows from the answers: who wins on what, who breaks which of the constraints, what to choose.
//
// The constraints are what the threads about the three generations of the lock held against each of them. The
// thresholds are ours.

import { type Contest, holdContests, type Question, tieRatio } from "../contests.ts";
import { formatBytes, formatNs, formatNumber, formatPercent, formatRatio } from "../format.ts";
import { compareRates, type Rate } from "../net-time.ts";
import type { VariantAnswers, WorkloadAnswers } from "./answers.ts";

/** In the order in which they are shown. */
export const constraints = [
  "no late callback",
  "reclaim goes on",
  "quick registration",
  "read side scales",
  "little memory",
] as const;

export type Constraint = (typeof constraints)[number];

export interface Violation {
  readonly constraint: Constraint;
  readonly reason: string;
}

/** Share of the visits that may be given up because the trylock failed. */
const givenUpMax = 0.01;
/** Jiffies that registering or unregistering may take at the median. What waits for a grace period waits for one or two. */
const jiffiesMax = 0.5;
/** Writes to shared lines that a visit may make: fewer than one in ten visits. */
const sharedWritesMax = 0.1;
/** Maps and deferred counts may take so many times the reference's memory. */
const memoryRatioMax = 4;

const infoBytes = "info-bytes-max";

/** A duration in jiffies; null when nobody knows how long one is. */
export function jiffiesOf(ns: number | null | undefined, hz: number | null): number | null {
  return ns === null || ns === undefined || hz === null ? null : (ns * hz) / 1e9;
}

/** The longest of what a registration or an unregistration takes: by the clock at the median, or counted. */
function longestWait(variant: VariantAnswers): { readonly what: string; readonly ns: number } | null {
  const slept = variant.exact.get("unregister-slept-ns-mean");
  const waits = [
    { what: "registering takes % at the median", ns: variant.register?.p50Ns },
    { what: "unregistering takes % at the median", ns: variant.unregister?.p50Ns },
    { what: "unregistering sleeps % on average, counted", ns: slept },
  ].filter((one): one is { what: string; ns: number } => one.ns !== undefined);
  return waits.reduce<{ what: string; ns: number } | null>(
    (longest, one) => (longest === null || one.ns > longest.ns ? one : longest),
    null,
  );
}

/** Constraints that a variant breaks, over all workloads. */
export function violationsOf(id: string, workloads: readonly WorkloadAnswers[]): Violation[] {
  const found = new Map<Constraint, Violation>();
  const add = (constraint: Constraint, reason: string): void => {
    if (!found.has(constraint)) found.set(constraint, { constraint, reason });
  };
  for (const { name, variants } of workloads) {
    const variant = variants.find((one) => one.id === id);
    if (variant === undefined) continue;
    const late = variant.totals.get("callbacks-after-free") ?? 0;
    if (late > 0) add("no late callback", `${formatNumber(late)} callbacks after their shrinker was gone (${name})`);
    if (variant.givenUp !== null && variant.givenUp > givenUpMax) {
      add("reclaim goes on", `${formatPercent(variant.givenUp)} of all visits given up (${name})`);
    }
    const wait = longestWait(variant);
    const jiffies = jiffiesOf(wait?.ns, variant.hz);
    if (wait !== null && jiffies !== null && jiffies >= jiffiesMax) {
      const text = `${formatNumber(jiffies)} jiffies (${formatNs(wait.ns)})`;
      add("quick registration", `${wait.what.replace("%", text)} (${name})`);
    }
    const writes = variant.exact.get("visit-shared-writes-mean") ?? 0;
    if (writes > sharedWritesMax) {
      add("read side scales", `a visit writes ${formatNumber(writes)} times to lines that other CPUs touch (${name})`);
    }
    const bytes = variant.totals.get(infoBytes);
    const ofReference = variants.find((one) => one.role === "reference")?.totals.get(infoBytes);
    if (bytes !== undefined && ofReference !== undefined && bytes > memoryRatioMax * ofReference) {
      add(
        "little memory",
        `maps and deferred counts take ${formatBytes(bytes)}, the reference's ${formatBytes(ofReference)} (${name})`,
      );
    }
  }
  return constraints.flatMap((constraint) => found.get(constraint) ?? []);
}

/** Constraints that no workload of the run could show to be kept or broken. */
export function unmeasuredConstraints(id: string, workloads: readonly WorkloadAnswers[]): Constraint[] {
  const found = workloads.flatMap((workload) => {
    const variant = workload.variants.find((one) => one.id === id);
    const reference = workload.variants.find((one) => one.role === "reference");
    return variant === undefined ? [] : [{ variant, reference }];
  });
  const judges: Readonly<Record<Constraint, (one: (typeof found)[number]) => boolean>> = {
    "no late callback": ({ variant }) => variant.totals.has("callbacks-after-free"),
    // Only who is registered meanwhile can stop a visit.
    "reclaim goes on": ({ variant }) =>
      variant.givenUp !== null &&
      (variant.totals.get("registered") ?? 0) + (variant.totals.get("unregistered") ?? 0) > 0,
    "quick registration": ({ variant }) => longestWait(variant) !== null && variant.hz !== null,
    "read side scales": ({ variant }) => variant.exact.has("visit-shared-writes-mean"),
    "little memory": ({ variant, reference }) =>
      variant.totals.has(infoBytes) && reference?.totals.get(infoBytes) !== undefined,
  };
  return constraints.filter((constraint) => !found.some(judges[constraint]));
}

/** Share of the busy time in lock operations, of visits and of registrations. */
export function lockShareOf(variant: VariantAnswers): number | null {
  const { readerLocks = null, writerLocks = null } = variant.profile ?? {};
  return readerLocks === null || writerLocks === null ? null : readerLocks + writerLocks;
}

const inPercent = (share: number | null): number | null => (share === null ? null : 100 * share);

const questions: readonly Question<VariantAnswers>[] = [
  {
    question: "Bogo-ops",
    unit: "ops/s",
    exact: false,
    better: "higher",
    value: (one) => one.bogoOps?.perSecond,
  },
  {
    question: "Visits to cgroups, without those given up",
    unit: "visits/s",
    exact: false,
    better: "higher",
    value: (one) => one.walked?.perSecond,
  },
  { question: "One visit, harness subtracted", unit: "ns", exact: false, value: (one) => one.visit?.ns },
  { question: "Registering, median", unit: "ns", exact: false, value: (one) => one.register?.p50Ns },
  { question: "Unregistering, median", unit: "ns", exact: false, value: (one) => one.unregister?.p50Ns },
  { question: "Unregistering, 99.9 %", unit: "ns", exact: false, value: (one) => one.unregister?.p999Ns },
  { question: "A reclaim pass, 99 %", unit: "ns", exact: false, value: (one) => one.pass?.p99Ns },
  { question: "Visits given up", unit: "%", exact: false, value: (one) => inPercent(one.givenUp) },
  { question: "Time in lock operations", unit: "%", exact: false, value: (one) => inPercent(lockShareOf(one)) },
  {
    question: "Writes to shared lines per visit",
    unit: "writes",
    exact: true,
    value: (one) => one.exact.get("visit-shared-writes-mean"),
  },
  {
    question: "Accesses per visit",
    unit: "accesses",
    exact: true,
    value: (one) => one.exact.get("visit-accesses-mean"),
  },
  {
    question: "Memory of maps and deferred counts",
    unit: "bytes",
    exact: true,
    value: (one) => one.totals.get(infoBytes),
  },
  { question: "Memory of one shrinker", unit: "bytes", exact: true, value: (one) => one.totals.get("shrinker-bytes") },
];

/** Who wins on what in one workload. */
export function contestsOf(workload: WorkloadAnswers): Contest[] {
  return holdContests(workload.variants, questions);
}

/** What a workload is judged by: its own work, and where it has none, reclaim's. */
interface Measure {
  readonly name: string;
  readonly rate: (variant: VariantAnswers) => Rate | null;
}

/** Null when the workload has neither. */
export function measureOf(workload: WorkloadAnswers): Measure | null {
  const measures: readonly Measure[] = [
    { name: "bogo-ops/s", rate: (one) => one.bogoOps },
    { name: "visits/s", rate: (one) => one.walked },
  ];
  return measures.find(({ rate }) => workload.variants.some((one) => (rate(one)?.perSecond ?? 0) > 0)) ?? null;
}

export interface Choice {
  readonly id: string;
  /** One sentence. */
  readonly reason: string;
}

/** Rates without an interval are told apart when they are this many times apart. */
const unpairedTieRatio = 1.5;

function isSlower(one: Rate, best: Rate): boolean {
  const paired = compareRates(one.rounds, best.rounds);
  if (paired === null || paired.high === null) return one.perSecond * unpairedTieRatio < best.perSecond;
  return paired.high < 1 && paired.ratio * tieRatio < 1;
}

/**
 * What to choose for a workload: of the variants that break no constraint, the one that gets most done; of those that
 * the rounds do not tell from it, the reference, or else the one that unregisters in the shortest time. Null when fewer
 * than two variants were measured, or each breaks a constraint.
 */
export function chooseFor(workload: WorkloadAnswers, all: readonly WorkloadAnswers[]): Choice | null {
  const measure = measureOf(workload);
  const reference = workload.variants.find((one) => one.role === "reference");
  if (measure === null || reference === undefined) return null;
  const measured = workload.variants
    .filter((one) => one.role !== "floor")
    .flatMap((variant) => {
      const rate = measure.rate(variant);
      return rate === null ? [] : [{ variant, rate }];
    });
  const fit = measured
    .filter(({ variant }) => violationsOf(variant.id, all).length === 0)
    .sort((a, b) => b.rate.perSecond - a.rate.perSecond);
  const best = fit[0];
  if (measured.length < 2 || best === undefined) return null;

  const alike = fit.filter((one) => one === best || !isSlower(one.rate, best.rate));
  if (alike.some(({ variant }) => variant === reference)) {
    return { id: reference.id, reason: `no variant that breaks no constraint is shown to do more ${measure.name}` };
  }
  const waits = (one: VariantAnswers): number => one.unregister?.p50Ns ?? Number.POSITIVE_INFINITY;
  const chosen = alike.reduce((quickest, one) => (waits(one.variant) < waits(quickest.variant) ? one : quickest));
  const { variant, rate } = chosen;
  const quicker =
    variant.unregister === null ? "" : `, of which it unregisters quickest (${formatNs(variant.unregister.p50Ns)})`;
  const others = alike.filter((one) => one !== chosen).map((one) => `\`${one.variant.id}\``);
  const sentence = [
    rate.ratio === null
      ? `most ${measure.name} of the variants that break no constraint`
      : `${formatRatio(rate.ratio.ratio)} the reference's ${measure.name}${intervalText(rate)}, ${others.length === 0 ? "the most" : "among the most"} of the variants that break no constraint`,
  ];
  if (others.length > 0) sentence.push(`not separated from it: ${others.join(", ")}${quicker}`);
  const broken = violationsOf(reference.id, all).map((one) => one.constraint);
  if (broken.length > 0) sentence.push(`the reference breaks: ${broken.join(", ")}`);
  const unmeasured = unmeasuredConstraints(variant.id, all);
  if (unmeasured.length > 0) sentence.push(`not measured: ${unmeasured.join(", ")}`);
  return { id: variant.id, reason: sentence.join("; ") };
}

function intervalText({ ratio }: Rate): string {
  if (ratio === null || ratio.low === null || ratio.high === null) return "";
  return ` (95 % interval ${formatRatio(ratio.low)} to ${formatRatio(ratio.high)})`;
}

/** Why nothing is chosen, for one workload. */
export const nothingToChoose =
  "nothing to choose: fewer than two variants were measured, or each of them breaks a constraint";
