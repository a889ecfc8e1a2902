// What simulated quarantines are ranked by, and what is told of them.

import { formatNs, formatNumber } from "../format.ts";
import type { VariantRows } from "../rows.ts";
import { bogoOp, bogoOpsPerSecond, type Measure, quantity, readValue, type View } from "../simulator/view.ts";

/** All removals, and the runs of workers, those that were left at the end included; null without removals. */
function teardownOf(rows: VariantRows): number | null {
  const removals = (readValue(rows, "virtual-removals") ?? 0) + (readValue(rows, "virtual-removals-skipped") ?? 0);
  const parts = ["virtual-remove-ns", "virtual-worker-ns", "virtual-left-work-ns"].map((metric) =>
    readValue(rows, metric),
  );
  if (removals === 0 || parts[0] == null) return null;
  return parts.reduce<number>((sum, part) => sum + (part ?? 0), 0);
}

/** Removals that had not ended when the measured part had. */
function lateOf(rows: VariantRows): number | null {
  const begun = readValue(rows, "virtual-removals");
  const ended = readValue(rows, "virtual-removals-completed");
  return begun === null || ended === null ? null : Math.max(0, begun - ended);
}

const teardown: Measure = {
  name: "teardown, workers included",
  better: "lower",
  format: formatNs,
  read: teardownOf,
};

const putsPerSecond: Measure = { ...quantity("puts/s", "virtual-puts-per-s", formatNumber), better: "higher" };

export const quarantineView: View = {
  measures: (all) => {
    const hasOps = all.some((rows) => (bogoOpsPerSecond.read(rows) ?? 0) > 0);
    return [teardown, hasOps ? bogoOpsPerSecond : putsPerSecond];
  },
  works: [bogoOp, { name: "put", read: (rows) => readValue(rows, "virtual-puts") }],
  costs: [],
  columns: [
    quantity("puts, together", "virtual-put-ns", formatNs),
    quantity("reductions, together", "virtual-reduce-ns", formatNs),
    { name: "removals not ended", read: lateOf, format: formatNumber },
    quantity("caches not gone at the end", "virtual-unfinished-caches", formatNumber),
  ],
  judges: [
    {
      constraint: "removals end",
      objectionOf: (rows) => {
        const late = lateOf(rows) ?? 0;
        const all = formatNumber(readValue(rows, "virtual-removals"));
        return late === 0 ? null : `${formatNumber(late)} of its ${all} removals had not ended when the workload had`;
      },
    },
  ],
  operations: ["put", "reduce", "remove", "teardown", "gone"],
};
