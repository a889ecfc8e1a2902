// The tables of the shrinker's report, as rows of text, for Markdown and for the terminal alike.

import { pairOf, rateCells } from "../cells.ts";
import { contestTable as renderContests } from "../contests.ts";
import { formatBytes, formatNs, formatNumber, formatPercent, formatRatio, ratioOf } from "../format.ts";
import type { Latency } from "../latency.ts";
import type { Rate } from "../net-time.ts";
import { breaksCell } from "../part.ts";
import { symbolTable as profileTable } from "../profile.ts";
import { formatPairedRatio, type Table, variantCell, withoutEmptyColumns } from "../tables.ts";
import { isLockOperation, type VariantAnswers, type WorkloadAnswers } from "./answers.ts";
import {
  chooseFor,
  constraints,
  contestsOf,
  jiffiesOf,
  lockShareOf,
  measureOf,
  unmeasuredConstraints,
  violationsOf,
} from "./verdict.ts";

const none = "–";

function referenceOf(workload: WorkloadAnswers): VariantAnswers | undefined {
  return workload.variants.find((one) => one.role === "reference");
}

function withoutFloor(workload: WorkloadAnswers): VariantAnswers[] {
  return workload.variants.filter((one) => one.role !== "floor");
}

/** A rate or time of visits; `?` where it is pooled with a first round that is unlike the others. */
function ofVisits(variant: VariantAnswers, text: string): string {
  return variant.isPooled && text !== none ? `?${text}` : text;
}

/** Whether anybody gave a visit up. */
function someGaveUp(workload: WorkloadAnswers): boolean {
  return workload.variants.some((one) => (one.givenUp ?? 0) > 0);
}

/** Whether reclaim was at work in the timed run; null when nobody knows. */
export function hasVisits(workload: WorkloadAnswers): boolean | null {
  const counts = workload.variants.flatMap((one) => one.totals.get("visits") ?? one.visits?.perSecond ?? []);
  return counts.length === 0 ? null : counts.some((count) => count > 0);
}

/** Constraints that a variant breaks, in a cell. */
function faults({ id, role, isVoid }: VariantAnswers, all: readonly WorkloadAnswers[]): string {
  if (isVoid) return "void";
  if (role === "floor") return "";
  const broken = violationsOf(id, all).map(({ constraint }) => constraint);
  return breaksCell(broken, constraints.length - unmeasuredConstraints(id, all).length, constraints.length);
}

/** The short table of the terminal: what each variant does, and which constraints it breaks. */
export function overviewTable(workload: WorkloadAnswers, all: readonly WorkloadAnswers[]): Table {
  const gaveUp = someGaveUp(workload);
  return withoutEmptyColumns([
    [
      "variant",
      "bogo-ops/s",
      "ratio",
      gaveUp ? "visits/s not given up" : "visits/s",
      "ratio",
      "given up",
      "visit",
      "unregister p50",
      "p99.9",
      "in locks",
      "shared writes",
      "maps",
      "breaks",
    ],
    ...workload.variants.map((one) => {
      // A visit that is given up costs next to nothing, and does nothing.
      const visits = gaveUp ? one.walked : (one.walked ?? one.visits);
      return [
        variantCell(one),
        formatNumber(one.bogoOps?.perSecond),
        formatPairedRatio(one.bogoOps?.ratio),
        ofVisits(one, formatNumber(visits?.perSecond)),
        formatPairedRatio(visits?.ratio),
        gaveUp ? formatPercent(one.givenUp) : none,
        ofVisits(one, formatNs(one.visit?.ns)),
        formatNs(one.unregister?.p50Ns),
        formatNs(one.unregister?.p999Ns),
        formatPercent(lockShareOf(one)),
        one.role === "floor" ? none : formatNumber(one.exact.get("visit-shared-writes-mean")),
        one.role === "floor" ? none : formatBytes(one.totals.get("info-bytes-max")),
        faults(one, all),
      ];
    }),
  ]);
}

/** The verdict over all workloads: one row per variant. */
export function constraintTable(workloads: readonly WorkloadAnswers[]): Table {
  const ids = [...new Set(workloads.flatMap((one) => withoutFloor(one).map(({ id }) => id)))];
  const chosen = workloads.map((one) => chooseFor(one, workloads)?.id);
  return [
    ["variant", ...constraints, ...workloads.map((one) => one.name)],
    ...ids.map((id) => {
      const isVoid = workloads.some((one) => one.variants.some((variant) => variant.id === id && variant.isVoid));
      const violations = violationsOf(id, workloads);
      const unmeasured = unmeasuredConstraints(id, workloads);
      return [
        id,
        ...constraints.map((constraint) => {
          if (isVoid) return "**void**";
          const found = violations.find((one) => one.constraint === constraint);
          if (found !== undefined) return `**broken**: ${found.reason}`;
          return unmeasured.includes(constraint) ? none : "kept";
        }),
        ...workloads.map((workload, index) => {
          const variant = workload.variants.find((one) => one.id === id);
          const rate = variant === undefined || isVoid ? null : (measureOf(workload)?.rate(variant) ?? null);
          const text = formatPairedRatio(rate?.ratio);
          return chosen[index] === id ? `**${text}**` : text;
        }),
      ];
    }),
  ];
}

/** Who wins on what. */
export function contestTable(workload: WorkloadAnswers): Table {
  return renderContests(contestsOf(workload), referenceOf(workload)?.id);
}

function visitCells(variant: VariantAnswers, rate: Rate | null): [string, string, string] {
  const [perSecond, ...others] = rateCells(rate, formatNumber);
  return [ofVisits(variant, perSecond), ...others];
}

export function throughputTable(workload: WorkloadAnswers): Table {
  const reference = referenceOf(workload);
  const gaveUp = someGaveUp(workload);
  return withoutEmptyColumns([
    [
      "variant",
      "bogo-ops/s",
      "95 % interval",
      "ratio",
      gaveUp ? "visits/s, those given up included" : "visits/s",
      "95 % interval",
      "ratio",
      "without those given up",
      "95 % interval",
      "ratio",
      "visits/s in the first round",
      "ratio",
      "one visit",
      "95 % interval",
      "ratio",
      "in the first round",
      "ratio",
      "per callback",
      "ratio",
    ],
    ...workload.variants.map((one) => [
      variantCell(one),
      ...rateCells(one.bogoOps, formatNumber),
      ...visitCells(one, one.visits),
      ...visitCells(one, gaveUp ? one.walked : null),
      ...pairOf(one.firstVisits, reference?.firstVisits, formatNumber),
      ofVisits(one, formatNs(one.visit?.ns)),
      one.visit?.low == null ? none : `${formatNs(one.visit.low)} to ${formatNs(one.visit.high)}`,
      formatPairedRatio(one.visit?.ratio),
      ...pairOf(one.firstVisitNs, reference?.firstVisitNs, formatNs),
      ...pairOf(one.callbackNs, reference?.callbackNs, formatNs),
    ]),
  ]);
}

/** Null when nobody has such a latency. */
export function latencyTable(workload: WorkloadAnswers, key: "register" | "unregister" | "pass"): Table | null {
  if (workload.variants.every((one) => one[key] === null)) return null;
  const base = referenceOf(workload)?.[key];
  const ratios = (own: Latency | null): string[] =>
    (["p50Ns", "p99Ns", "p999Ns", "maxNs"] as const).map((field) => formatRatio(ratioOf(own?.[field], base?.[field])));
  return withoutEmptyColumns([
    ["variant", "count", "p50", "in jiffies", "p99", "p99.9", "max", "ratio of p50", "of p99", "of p99.9", "of max"],
    ...workload.variants.map((one) => {
      const own = one[key];
      return [
        variantCell(one),
        formatNumber(own?.count),
        formatNs(own?.p50Ns),
        key === "pass" ? none : formatNumber(jiffiesOf(own?.p50Ns, one.hz)),
        formatNs(own?.p99Ns),
        formatNs(own?.p999Ns),
        formatNs(own?.maxNs),
        ...ratios(own),
      ];
    }),
  ]);
}

/** Null when nothing was sampled. */
export function lockTable(workload: WorkloadAnswers): Table | null {
  if (workload.variants.every((one) => one.profile === null)) return null;
  const reference = referenceOf(workload);
  const base = reference === undefined ? null : lockShareOf(reference);
  return [
    ["variant", "busy samples", "idle samples", "in lock operations", "ratio", "of visits", "of registration"],
    ...workload.variants.map((one) => [
      variantCell(one),
      formatNumber(one.profile?.busy),
      formatNumber(one.profile?.idle),
      ...pairOf(lockShareOf(one), base, formatPercent),
      formatPercent(one.profile?.readerLocks),
      formatPercent(one.profile?.writerLocks),
    ]),
  ];
}

/** Where the time goes. Bold: lock operations. Null when nothing was sampled. */
export function symbolTable(workload: WorkloadAnswers): Table | null {
  return profileTable(workload.variants, (symbol) => (isLockOperation(symbol) ? `**${symbol}**` : symbol));
}

/** Reclaim that did not take place, and what did. */
export function reclaimTable(workload: WorkloadAnswers): Table {
  const reference = referenceOf(workload);
  return withoutEmptyColumns([
    [
      "variant",
      "visits",
      "given up",
      "share",
      "ratio",
      "left early",
      "ratio",
      "generation breaks",
      "callbacks",
      "ratio",
      "second looks",
      "objects freed",
    ],
    ...withoutFloor(workload).map((one) => [
      variantCell(one),
      formatNumber(one.totals.get("visits")),
      formatNumber(one.totals.get("visits-given-up")),
      ...pairOf(one.givenUp, reference?.givenUp, formatPercent),
      ...pairOf(one.totals.get("contended-breaks"), reference?.totals.get("contended-breaks"), formatNumber),
      formatNumber(one.totals.get("generation-breaks")),
      ...pairOf(one.totals.get("callbacks"), reference?.totals.get("callbacks"), formatNumber),
      formatNumber(one.totals.get("second-looks")),
      formatNumber(one.totals.get("freed-objects")),
    ]),
  ]);
}

type ExactColumn = readonly [head: string, metric: string, format?: (value: number | null | undefined) => string];

/** A table of columns and their ratios; null when nobody has a value. */
function ratioTable(
  workload: WorkloadAnswers,
  valuesOf: (variant: VariantAnswers) => ReadonlyMap<string, number>,
  columns: readonly ExactColumn[],
): Table | null {
  const reference = referenceOf(workload);
  const base = reference === undefined ? undefined : valuesOf(reference);
  const table = withoutEmptyColumns([
    ["variant", ...columns.flatMap(([head]) => [head, "ratio"])],
    ...withoutFloor(workload).map((one) => [
      variantCell(one),
      ...columns.flatMap(([, metric, format = formatNumber]) =>
        pairOf(valuesOf(one).get(metric), base?.get(metric), format),
      ),
    ]),
  ]);
  return table[0]!.length === 1 ? null : table;
}

export function readSideTable(workload: WorkloadAnswers): Table | null {
  return ratioTable(workload, (one) => one.exact, [
    ["accesses/visit", "visit-accesses-mean"],
    ["lines/visit", "visit-lines-mean"],
    ["locked operations/visit", "visit-locked-mean"],
    ["shared writes to locks and globals/visit", "visit-shared-writes-mean"],
    ["shared writes to shrinkers/callback", "callback-shared-writes-mean"],
    ["shared writes to maps and deferred counts/visit", "visit-info-shared-writes-mean"],
  ]);
}

export function registrationTable(workload: WorkloadAnswers): Table | null {
  return ratioTable(workload, (one) => one.exact, [
    ["register accesses", "register-accesses-mean"],
    ["locked", "register-locked-mean"],
    ["unregister accesses", "unregister-accesses-mean"],
    ["locked", "unregister-locked-mean"],
    ["slept, mean", "unregister-slept-ns-mean", formatNs],
    ["slept, most", "unregister-slept-ns-max", formatNs],
    ["stored by expansions", "expansion-bytes", formatBytes],
  ]);
}

export function memoryTable(workload: WorkloadAnswers): Table | null {
  return ratioTable(workload, (one) => one.totals, [
    ["bitmaps", "map-bytes-max", formatBytes],
    ["deferred counts", "deferred-bytes-max", formatBytes],
    ["both as allocated", "info-bytes-max", formatBytes],
    ["one shrinker", "shrinker-bytes", formatBytes],
  ]);
}
