// What a comparison comes to.

import type { Comparison } from "./comparison.ts";

/**
 * The outcome. A violation weighs more than anything measured. What is exact holds on any machine, so it regresses even where
 * timings cannot be trusted; a timed row that could not be told alone is listed and fails nothing.
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
  return native.distrust.length > 0 ? "inconclusive" : "passed";
}
