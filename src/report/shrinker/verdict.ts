// What follows from the answers: who wins on what, who breaks which of the constraints, what to choose.
//
// The constraints are what the threads about the three generations of the lock held against each of them. The
// thresholds are ours.

import { type Contest, holdContests, type Question, tieRatio } from "../contests.ts";
import { formatBytes, formatNs, formatNumber, formatPercent, formatRatio } from "../format.ts";
import { compareRates, type Rate } from "../net-time.ts";
import { incompleteText } from "../part.ts";
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
export const jiffiesMax = 0.5;
/** Writes to shared lines that a visit may make: fewer than one in ten visits. */
const sharedWritesMax = 0.1;
/** Maps and deferred counts may take so many times the reference's memory. */
const memoryRatioMax = 4;

/** Samples in lock operations that the reference must have before shares of them are ranked. */
const lockSamplesMin = 50;

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

/** Whether a variant that visits cgroups asks no shrinker there, where the reference does. */
function callsNoShrinker({ totals }: VariantAnswers, reference: VariantAnswers | undefined): boolean {
  const ofReference = reference?.totals.get("callbacks") ?? 0;
  return (totals.get("visits") ?? 0) > 0 && totals.get("callbacks") === 0 && ofReference > 0;
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
    const reference = variants.find((one) => one.role === "reference");
    const late = variant.totals.get("callbacks-after-free") ?? 0;
    if (late > 0) add("no late callback", `${formatNumber(late)} callbacks after their shrinker was gone (${name})`);
    if (callsNoShrinker(variant, reference)) add("reclaim goes on", `calls no shrinker (${name})`);
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
      add(
        "read side scales",
        `a visit writes ${formatNumber(writes)} times to shared lines of locks and globals (${name})`,
      );
    }
    const bytes = variant.totals.get(infoBytes);
    const ofReference = reference?.totals.get(infoBytes);
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
    const someGaveUp = workload.variants.some((one) => (one.givenUp ?? 0) > givenUpMax);
    return variant === undefined ? [] : [{ variant, reference, someGaveUp }];
  });
  const judges: Readonly<Record<Constraint, (one: (typeof found)[number]) => boolean>> = {
    "no late callback": ({ variant }) => variant.totals.has("callbacks-after-free"),
    // Only who is registered meanwhile can stop a visit.
    "reclaim goes on": ({ variant, someGaveUp }) =>
      variant.givenUp !== null &&
      (someGaveUp || (variant.totals.get("registered") ?? 0) + (variant.totals.get("unregistered") ?? 0) > 0),
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

const lockQuestion = "Time in lock operations";

const questions: readonly Question<VariantAnswers>[] = [
  {
    question: "Bogo-ops",
    unit: "ops/s",
    exact: false,
    better: "higher",
    value: (one) => one.bogoOps?.perSecond,
    ratio: (one) => one.bogoOps?.ratio,
  },
  {
    question: "Visits to cgroups, without those given up",
    unit: "visits/s",
    exact: false,
    better: "higher",
    value: (one) => one.walked?.perSecond,
    ratio: (one) => one.walked?.ratio,
  },
  {
    question: "One visit, harness subtracted",
    unit: "ns",
    exact: false,
    value: (one) => one.visit?.ns,
    ratio: (one) => one.visit?.ratio,
  },
  { question: "Registering, median", unit: "ns", exact: false, value: (one) => one.register?.p50Ns },
  { question: "Unregistering, median", unit: "ns", exact: false, value: (one) => one.unregister?.p50Ns },
  { question: "Unregistering, 99.9 %", unit: "ns", exact: false, value: (one) => one.unregister?.p999Ns },
  { question: "A reclaim pass, 99 %", unit: "ns", exact: false, value: (one) => one.pass?.p99Ns },
  { question: "Visits given up", unit: "%", exact: false, value: (one) => inPercent(one.givenUp) },
  { question: lockQuestion, unit: "%", exact: false, value: (one) => inPercent(lockShareOf(one)) },
  {
    question: "Writes to shared locks and globals per visit",
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
    exact: false,
    value: (one) => one.totals.get(infoBytes),
  },
  { question: "Memory of one shrinker", unit: "bytes", exact: true, value: (one) => one.totals.get("shrinker-bytes") },
];

/** Who wins on what in one workload. */
export function contestsOf(workload: WorkloadAnswers): Contest[] {
  const reference = workload.variants.find((one) => one.role === "reference");
  const share = reference === undefined ? null : lockShareOf(reference);
  const lockSamples = Math.round((share ?? 0) * (reference?.profile?.busy ?? 0));
  const asked = questions.filter(({ question }) => question !== lockQuestion || lockSamples >= lockSamplesMin);
  return holdContests(workload.variants, asked);
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

/** By the rounds that both have; those of one alone are compared with nothing. */
function isSlower(one: Rate, best: Rate): boolean {
  const paired = compareRates(one.rounds, best.rounds);
  if (paired === null) return one.perSecond * unpairedTieRatio < best.perSecond;
  if (paired.high === null) return paired.ratio * unpairedTieRatio < 1;
  return paired.high < 1 && paired.ratio * tieRatio < 1;
}

/** A variant with the rate that a workload is judged by. */
interface Rated {
  readonly variant: VariantAnswers;
  readonly rate: Rate;
}

/** Variants that take part in a choice; null where there is nothing to go by. */
function ratedOf(workload: WorkloadAnswers): { readonly measure: Measure; readonly rated: readonly Rated[] } | null {
  const measure = measureOf(workload);
  if (measure === null) return null;
  const rated = workload.variants
    .filter((one) => one.role !== "floor" && !one.isVoid)
    .flatMap((variant) => {
      const rate = measure.rate(variant);
      return rate === null ? [] : [{ variant, rate }];
    });
  return { measure, rated };
}

/** Most first: by the ratios that the report shows, where each variant has one. */
function ranked(rated: readonly Rated[]): Rated[] {
  const byRatio = rated.every(({ rate }) => rate.ratio !== null);
  const keyOf = ({ rate }: Rated): number => (byRatio ? rate.ratio!.ratio : rate.perSecond);
  return [...rated].sort((a, b) => keyOf(b) - keyOf(a));
}

/**
 * What to choose for a workload: of the variants that break no constraint, the one that gets most done; of those that
 * the rounds do not tell from it, the reference, or else the one that unregisters in the shortest time. Null where
 * {@link whyNothing} says why.
 */
export function chooseFor(workload: WorkloadAnswers, all: readonly WorkloadAnswers[]): Choice | null {
  const found = ratedOf(workload);
  const reference = workload.variants.find((one) => one.role === "reference");
  if (workload.isIncomplete || found === null || reference === undefined || reference.isVoid) return null;
  const { measure, rated } = found;
  const fit = ranked(rated.filter(({ variant }) => violationsOf(variant.id, all).length === 0));
  const best = fit[0];
  if (rated.length < 2 || best === undefined) return null;

  const alike = fit.filter((one) => one === best || !isSlower(one.rate, best.rate));
  if (alike.some(({ variant }) => variant === reference)) {
    const sentence = [`no variant that breaks no constraint is shown to do more ${measure.name}`];
    return { id: reference.id, reason: [...sentence, ...constraintsText(reference.id, reference, all)].join("; ") };
  }
  const waits = (one: VariantAnswers): number => one.unregister?.p50Ns ?? Number.POSITIVE_INFINITY;
  const chosen = alike.reduce((quickest, one) => (waits(one.variant) < waits(quickest.variant) ? one : quickest));
  const { variant } = chosen;
  const ofReference = rated.find((one) => one.variant === reference);
  const others = alike.filter((one) => one !== chosen).map((one) => `\`${one.variant.id}\``);
  const quicker =
    variant.unregister === null ? "" : `, of which it unregisters quickest (${formatNs(variant.unregister.p50Ns)})`;
  const sentence = [comparisonText(chosen.rate, ofReference?.rate, measure.name, others.length > 0)];
  if (others.length > 0) sentence.push(`not separated from it: ${others.join(", ")}${quicker}`);
  return { id: variant.id, reason: [...sentence, ...constraintsText(variant.id, reference, all)].join("; ") };
}

/** How much a chosen variant does, against the reference. */
function comparisonText(rate: Rate, ofReference: Rate | undefined, name: string, hasAlike: boolean): string {
  const most = `${hasAlike ? "among the most" : "the most"} of the variants that break no constraint`;
  if (rate.ratio === null || ofReference === undefined) return `${most}, by ${name}`;
  const { ratio, low, high } = rate.ratio;
  const times = formatRatio(ratio);
  const interval = low === null || high === null ? "" : `95 % interval ${formatRatio(low)} to ${formatRatio(high)}`;
  const inBrackets = interval === "" ? "" : ` (${interval})`;
  if (isSlower(ofReference, rate)) return `${times} the reference's ${name}${inBrackets}, ${most}`;
  if (isSlower(rate, ofReference)) return `${times} the reference's ${name}${inBrackets}, which is less, but ${most}`;
  const isTold = low !== null && high !== null && (low > 1 || high < 1);
  const all = `(${times}${interval === "" ? "" : `, ${interval}`})`;
  return isTold
    ? `within a tenth of the reference's ${name} ${all}; ${most}`
    : `not told from the reference by ${name} ${all}; ${most}`;
}

/** What the reference breaks, and what nobody could judge of the chosen variant. */
function constraintsText(chosen: string, reference: VariantAnswers, all: readonly WorkloadAnswers[]): string[] {
  const unmeasured = unmeasuredConstraints(chosen, all);
  const broken = violationsOf(reference.id, all).map((one) => one.constraint);
  const isOpen = (constraint: Constraint): boolean => unmeasured.includes(constraint);
  const texts: string[] = [];
  if (broken.length > 0) {
    const names = broken.map((one) => (isOpen(one) ? `${one} (of \`${chosen}\` not measured)` : one));
    texts.push(`the reference breaks: ${names.join(", ")}`);
  }
  const others = unmeasured.filter((one) => !broken.includes(one));
  if (others.length > 0) texts.push(`not measured: ${others.join(", ")}`);
  return texts;
}

/** Why nothing is chosen for a workload. */
export function whyNothing(workload: WorkloadAnswers): string {
  if (workload.isIncomplete) return incompleteText;
  const found = ratedOf(workload);
  const reference = workload.variants.find((one) => one.role === "reference");
  const because = (): string => {
    if (found === null) return "no rate was measured: nobody did a bogo-op or a visit in the measured part";
    if (reference === undefined) return "the reference was not measured";
    if (reference.isVoid) return "the reference is void";
    if (found.rated.length < 2) return "fewer than two variants were measured";
    return "each variant that was measured breaks a constraint";
  };
  return `nothing to choose: ${because()}`;
}
