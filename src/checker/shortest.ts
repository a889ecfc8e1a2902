// A schedule with as few preemptions as can be for something that another scheduler has found.

import type { Exploration, Finding, Limits, Model } from "./model.ts";
import { ladder } from "./schedulers/bounded.ts";

/** Whether two findings are the same thing, for whoever looks for a shorter way to it. */
export function isSameFinding(one: Finding | undefined, other: Finding): boolean {
  return one?.kind === other.kind && one.invariant === other.invariant;
}

/**
 * Searches with fewer preemptions than the known schedule has, from none on. Minimising changes a schedule where it
 * stands; this finds others.
 *
 * @param preemptions of the known schedule
 * @param limits of each search; where one of them ends a search, those with more preemptions are not begun
 * @returns the search that found it, or undefined
 */
export function findWithFewer(
  model: Model,
  finding: Finding,
  preemptions: number,
  limits: Limits,
): Exploration | undefined {
  for (const { explore } of ladder(preemptions - 1)) {
    const isLate = performance.now() >= limits.deadline;
    const exploration = isLate ? undefined : explore(model, limits, () => {});
    if (exploration?.finding !== undefined)
      return isSameFinding(exploration.finding, finding) ? exploration : undefined;
    if (exploration === undefined || !exploration.bound.includes("preemption")) return undefined;
  }
  return undefined;
}
