// What simulated shrinkers are ranked by, and what is told of them.

import { formatNs, formatNumber, formatPercent } from "../format.ts";
import type { VariantRows } from "../rows.ts";
import { latencyOf } from "../simulator/detail.ts";
import {
  bogoOp,
  bogoOpsPerSecond,
  type Judge,
  type Measure,
  quantity,
  readValue,
  type View,
} from "../simulator/view.ts";
import { type Constraint, jiffiesMax, jiffiesOf } from "./verdict.ts";

/** Share of the visits that returned at once because the trylock failed; null when nobody counted. */
function givenUpOf(rows: VariantRows): number | null {
  const visits = readValue(rows, "virtual-visits");
  const givenUp = readValue(rows, "virtual-visits-given-up");
  return visits === null || visits === 0 || givenUp === null ? null : givenUp / visits;
}

/** A visit that is given up costs next to nothing, and does nothing. */
function walkedPerSecond(all: readonly VariantRows[]): Measure {
  const gaveUp = all.some((rows) => (givenUpOf(rows) ?? 0) > 0);
  return {
    name: gaveUp ? "visits/s without those given up" : "visits/s",
    better: "higher",
    format: formatNumber,
    read: (rows) => {
      const rate = readValue(rows, "virtual-visits-per-s");
      return rate === null ? null : rate * (1 - (givenUpOf(rows) ?? 0));
    },
  };
}

/** A share that is given up and is worth a word. */
const givenUpMin = 0.01;

/** How long registering or unregistering takes at the median, where it is longer than the constraint allows. */
function longestWaitOf(rows: VariantRows, hz: number): string | null {
  const waits = [
    { what: "registering", ns: latencyOf(rows, "register")?.p50Ns ?? 0 },
    { what: "unregistering", ns: latencyOf(rows, "unregister")?.p50Ns ?? 0 },
  ].sort((one, other) => other.ns - one.ns);
  const [{ what, ns }] = waits as [(typeof waits)[number]];
  const jiffies = jiffiesOf(ns, Number.isNaN(hz) ? null : hz) ?? 0;
  if (jiffies < jiffiesMax) return null;
  return `takes ${formatNumber(jiffies)} jiffies (${formatNs(ns)}) for ${what} at the median`;
}

function isRegistering(rows: VariantRows): boolean {
  return ["register", "unregister"].some((operation) => latencyOf(rows, operation) !== null);
}

const visitTime = quantity("CPU time of a visit", "virtual-visit-ns", formatNs);

export const shrinkerView: View = {
  measures: (all) => [bogoOpsPerSecond, walkedPerSecond(all)],
  works: [bogoOp, { name: "visit", read: (rows) => readValue(rows, "virtual-visits") }],
  costs: [visitTime],
  columns: [
    visitTime,
    {
      name: "visits given up",
      read: givenUpOf,
      format: (share) => (share === 0 ? formatNumber(0) : formatPercent(share)),
    },
  ],
  caveatOf: (parameters) =>
    parameters.get("settling-passes") === "0"
      ? "The first passes after growing maps have set the bits of all cgroups clear them, and are part of all numbers here: `settling-passes=0`; with more, maps are as they are when somebody starts a profiler"
      : null,
  judges: [
    {
      constraint: "reclaim goes on",
      objectionOf: (rows) => {
        const share = givenUpOf(rows);
        return share === null || share < givenUpMin ? null : `gives ${formatPercent(share)} of its visits up`;
      },
      // Only who is registered meanwhile can stop a visit.
      isJudged: (rows) => givenUpOf(rows) !== null && (givenUpOf(rows) !== 0 || isRegistering(rows)),
    },
    {
      constraint: "quick registration",
      withOwnCpus: true,
      objectionOf: (rows, parameters) => longestWaitOf(rows, Number(parameters.get("hz"))),
      isJudged: (rows, parameters) => isRegistering(rows) && Number(parameters.get("hz")) > 0,
    },
  ] satisfies readonly (Judge & { readonly constraint: Constraint })[],
  decidingOperation: "unregister",
};
