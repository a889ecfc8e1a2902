// Why a row of a native comparison has its verdict, in words.

import type { NativeRow, PairedEstimate } from "./comparison.ts";
import { worsening } from "./judge.ts";

/** A share as people read it. */
export function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}

type Better = NativeRow["better"];

/**
 * The share by which the head is worse, below 0 where it is better: of both directions that of the larger side over the
 * smaller one, so that a factor and its inverse read the same. Where no direction is better, by how much it is higher.
 */
export function changeShare({ ratio }: Pick<PairedEstimate, "ratio">, better: Better): number {
  if (better === "") return ratio - 1;
  const share = worsening({ ratio }, better);
  return share >= 0 ? share : -worsening({ ratio: 1 / ratio }, better);
}

function changeText(estimate: Pick<PairedEstimate, "ratio">, better: Better): string {
  const share = changeShare(estimate, better);
  return `${percent(Math.abs(share))} ${share >= 0 ? "worse" : "better"}`;
}

function intervalText(low: number | null, high: number | null, better: Better): string | null {
  if (low === null || high === null) return null;
  // From the better end to the worse one, whichever way the metric runs.
  const ends = [low, high].sort((a, b) => worsening({ ratio: a }, better) - worsening({ ratio: b }, better));
  return ends.map((ratio) => changeText({ ratio }, better)).join(" to ");
}

/** Of a row that has an estimate. */
export function reasonOf(row: NativeRow): string {
  const { estimate, confirmation, better, delta, processes, verdict } = row;
  if (estimate === null) return row.reason;
  const wide = intervalText(estimate.low, estimate.high, better);
  const found = `${changeText(estimate, better)}${wide === null ? "" : ` (95 % interval ${wide})`}`;
  if (confirmation !== null) {
    const fresh = `${changeText(confirmation.estimate, better)} in ${confirmation.processes.length} fresh processes`;
    return confirmation.confirmed ? `${found}; ${fresh}` : `${found}, not confirmed: ${fresh}`;
  }
  if (verdict === "equivalent") {
    return `the 90 % interval, ${intervalText(estimate.low90, estimate.high90, better)}, is within ${percent(delta)}`;
  }
  if (verdict === "inconclusive" || verdict === "not separated") {
    return `${found}; ${processes.length} processes find ${percent(Math.expm1(estimate.detectable))} or more`;
  }
  return found;
}
