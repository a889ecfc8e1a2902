// What a comparison comes to.

import type { Comparison } from "./comparison.ts";

/**
 * The outcome. A violation weighs more than anything measured. What is exact holds on any machine, so it regresses even where
 * timings cannot be trusted. A gated row that was timed and could not be told is listed and fails nothing, for among many some
 * never can; one that could not be timed at all, or is suspected and could not be timed again, leaves a hole in the gate.
 */
export function outcomeOf({
  exact,
  native,
  violations,
}: Pick<Comparison, "exact" | "native" | "violations">): Comparison["outcome"] {
  if (violations.length > 0) return "violated";
  if (exact?.rows.some(({ fails }) => fails)) return "regressed";
  if (native === null) return "passed";
  if (native.rows.some(({ gated, verdict }) => gated && verdict === "regressed")) return "regressed";
  const hasHole = native.rows.some(
    ({ gated, verdict, estimate, open = false }) => gated && verdict === "inconclusive" && (estimate === null || open),
  );
  return hasHole || native.distrust.length > 0 ? "inconclusive" : "passed";
}
