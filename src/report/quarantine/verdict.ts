// What follows from the answers: who wins on what, who breaks which of the constraints, what to choose.
//
// The constraints are those that the thread in which the problem was reported set for any solution: the queue stays a
// best-effort global FIFO, put stays cheap, and memory, above all per object, is scarce.

import { pairedRatio } from "../../statistics/paired.ts";
import { type Contest, holdContests, type Question, tieRatio } from "../contests.ts";
import { formatBytes } from "../format.ts";
import { incompleteText } from "../part.ts";
import type { VariantAnswers, WorkloadAnswers } from "./answers.ts";

export const constraints = ["global FIFO", "cheap put", "little memory"] as const;

export type Constraint = (typeof constraints)[number];

export interface Violation {
  readonly constraint: Constraint;
  readonly reason: string;
}

/** A put may cost this much of the reference's before it no longer counts as cheap. */
const putRatioMax = 1.25;
/** Global structures may take this many bytes. */
const globalBytesMax = 4 * 1024 * 1024;
/** Eviction may stray from FIFO by this many of the reference's batches: one being filled and one CPU's queue. */
const strayBatchesMax = 2;

/** Constraints that a variant breaks, over all workloads. */
export function violationsOf(id: string, workloads: readonly WorkloadAnswers[]): Violation[] {
  const found = new Map<string, Violation>();
  const add = (constraint: Constraint, reason: string): void => {
    if (!found.has(constraint)) found.set(constraint, { constraint, reason });
  };
  for (const workload of workloads) {
    const variant = workload.variants.find((one) => one.id === id);
    const reference = workload.variants.find((one) => one.role === "reference");
    if (variant === undefined || reference === undefined) continue;
    const stray = variant.exact.get("fifo-rank-error-max");
    const batch = reference.exact.get("evicted-at-once-max");
    if (stray !== undefined && batch !== undefined && stray > strayBatchesMax * batch) {
      add(
        "global FIFO",
        `an object left ${stray} places out of order; ${strayBatchesMax} batches are ${strayBatchesMax * batch} objects`,
      );
    }
    const ratio = variant.put?.ratio;
    if (ratio != null && ratio.low !== null && ratio.low > putRatioMax) {
      add("cheap put", `a put costs at least ${ratio.low.toFixed(2)} times the reference's (${workload.name})`);
    }
    const perObject = variant.exact.get("object-extra-bytes");
    if (perObject !== undefined && perObject > 0) add("little memory", `${perObject} bytes more in every object`);
    const global = variant.exact.get("global-bytes");
    if (global !== undefined && global > globalBytesMax) add("little memory", `${global} bytes of global structures`);
  }
  return [...found.values()];
}

/** Constraints that no workload of the run could show to be kept or broken. */
export function unmeasuredConstraints(id: string, workloads: readonly WorkloadAnswers[]): Constraint[] {
  const found = workloads.flatMap((one) => one.variants.filter((variant) => variant.id === id));
  const unmeasured: Constraint[] = [];
  if (!found.some((one) => one.exact.has("fifo-rank-error-max"))) unmeasured.push("global FIFO");
  if (!found.some((one) => one.put?.ratio?.low != null)) unmeasured.push("cheap put");
  if (!found.some((one) => one.exact.has("object-extra-bytes"))) unmeasured.push("little memory");
  return unmeasured;
}

/** A removal that never ended took no time; it wins nothing. */
function finished(variant: VariantAnswers): boolean {
  return (variant.exact.get("unfinished-caches") ?? 0) === 0;
}

const questions: readonly Question<VariantAnswers>[] = [
  {
    question: "Whole teardown, workers included",
    unit: "ns",
    exact: false,
    value: (one) => (finished(one) ? one.teardownNs : null),
  },
  {
    question: "Longest wait for one removal",
    unit: "ns",
    exact: false,
    value: (one) => (finished(one) ? one.removals?.maxNs : null),
  },
  { question: "Put", unit: "ns", exact: false, value: (one) => one.put?.ns },
  {
    question: "Free and later eviction, mixed with allocations",
    unit: "ns",
    exact: false,
    value: (one) => one.mixed?.ns,
  },
  {
    question: "Longest lock hold (soft lockup), in accesses",
    unit: "accesses",
    exact: true,
    value: (one) => one.exact.get("lock-hold-accesses-max"),
  },
  { question: "Order of eviction", unit: "objects", exact: true, value: (one) => one.exact.get("fifo-rank-error-max") },
  { question: "Memory per object", unit: "bytes", exact: true, value: (one) => one.exact.get("object-extra-bytes") },
  { question: "Global memory", unit: "bytes", exact: true, value: (one) => one.exact.get("global-bytes") },
  {
    question: "Memory pinned by dying caches",
    unit: "bytes",
    exact: true,
    value: (one) => one.exact.get("pinned-bytes-max"),
  },
];

/** What {@link tieRatio} is to other times, for single totals, which one slow moment of the machine can stretch. */
const totalsTieRatio = 1.5;

/** Who wins on what in one workload. */
export function contestsOf(workload: WorkloadAnswers): Contest[] {
  return holdContests(workload.variants, questions);
}

export interface Choice {
  readonly id: string;
  /** One sentence. */
  readonly reason: string;
}

/**
 * What to choose for a workload: the fastest of those that break no constraint and finish every removal; by the whole
 * teardown, or where nothing is removed, by the cost of freeing. The reference stays where nothing is shown to be
 * better. Null when fewer than two variants qualify, and where the run was stopped before all were timed.
 */
export function chooseFor(workload: WorkloadAnswers, all: readonly WorkloadAnswers[]): Choice | null {
  const reference = workload.variants.find((one) => one.role === "reference");
  const fit = workload.variants
    .filter((one) => one.role !== "floor" && !one.isVoid)
    .filter((one) => violationsOf(one.id, all).length === 0)
    .filter(finished);
  if (workload.isIncomplete || reference === undefined || reference.isVoid || fit.length < 2) return null;
  const choice = reference.teardownNs === null ? chooseByFree(reference, fit) : chooseByTeardown(reference, fit);
  if (choice === null || choice.id === reference.id) return choice;
  const unmeasured = unmeasuredConstraints(choice.id, all);
  if (unmeasured.length === 0) return choice;
  return { ...choice, reason: `${choice.reason}; too few samples to judge: ${unmeasured.join(", ")}` };
}

/** Why nothing is chosen for a workload. */
export function whyNothing(workload: WorkloadAnswers): string {
  if (workload.isIncomplete) return incompleteText;
  if (workload.variants.some((one) => one.role === "reference" && one.isVoid)) {
    return "nothing to choose: the reference is void";
  }
  return "nothing to choose: fewer than two variants break no constraint and finish every removal";
}

function chooseByTeardown(reference: VariantAnswers, fit: readonly VariantAnswers[]): Choice | null {
  const timed = fit.filter((one) => one.teardownNs !== null).sort((a, b) => a.teardownNs! - b.teardownNs!);
  const best = timed[0];
  if (best === undefined) return null;
  const alike = timed
    .slice(1)
    .filter((one) => !isSlower(one, best))
    .map((one) => one.id);
  const tie = alike.length === 0 ? "" : `; not separated from it: ${alike.map((id) => `\`${id}\``).join(", ")}`;
  if (best === reference || alike.includes(reference.id)) {
    return { id: reference.id, reason: "no variant that breaks no constraint is shown to have a shorter teardown" };
  }
  const ratio = (best.teardownNs! / reference.teardownNs!).toPrecision(2);
  const deferred = best.exact.get("removals-deferred") ?? 0;
  const delay = best.exact.get("removal-delay-puts-max") ?? 0;
  const pinned = best.exact.get("pinned-bytes-max") ?? 0;
  const later =
    deferred === 0
      ? ""
      : `; its removals end after their call returns, ${delay === 0 ? "by a worker" : `where counted up to ${delay.toLocaleString("en-US")} puts later`}, with up to ${formatBytes(pinned)} of slabs pinned meanwhile`;
  return {
    id: best.id,
    reason: `least teardown (${ratio}× the reference's) of the variants that break none of the three constraints and finish every removal${later}${tie}`,
  };
}

/**
 * Whether the parts of the teardown tell the two apart. With too few parts, or where a worker does the work of several
 * parts at once, the totals decide, and have to be further apart.
 */
function isSlower(one: VariantAnswers, best: VariantAnswers): boolean {
  const ratio = pairedRatio(one.teardownParts, best.teardownParts);
  const parted = (one.workerNs ?? 0) === 0 && (best.workerNs ?? 0) === 0;
  if (!parted || ratio === null || ratio.low === null) return one.teardownNs! > best.teardownNs! * totalsTieRatio;
  return ratio.low > 1 && one.teardownNs! > best.teardownNs! * tieRatio;
}

function chooseByFree(reference: VariantAnswers, fit: readonly VariantAnswers[]): Choice {
  const cheaper = fit
    .map((one) => ({ id: one.id, ratio: (one.mixed ?? one.put)?.ratio ?? null }))
    .filter(({ ratio }) => ratio !== null && ratio.high !== null && ratio.high < 1 / tieRatio)
    .sort((a, b) => a.ratio!.ratio - b.ratio!.ratio);
  const best = cheaper[0];
  if (best === undefined) {
    return {
      id: reference.id,
      reason: "no variant that breaks no constraint is shown to free a tenth cheaper, evictions included",
    };
  }
  return {
    id: best.id,
    reason: `a free with its eviction costs ${best.ratio!.ratio.toPrecision(2)}× the reference's (95 % interval to ${best.ratio!.high!.toPrecision(2)}×), the least of the variants that break none of the three constraints`,
  };
}
