// The tables of the quarantine's report, as rows of text, for Markdown and for the terminal alike.

import { contestTable as renderContests } from "../contests.ts";
import { formatBytes, formatNs, formatNumber, formatRatio, ratioOf } from "../format.ts";
import type { NetTime } from "../net-time.ts";
import { breaksCell } from "../part.ts";
import { formatPairedRatio, variantCell as name, type Table, withoutEmptyColumns } from "../tables.ts";
import type { Growth, VariantAnswers, WorkloadAnswers } from "./answers.ts";
import { type Constraint, chooseFor, constraints, contestsOf, unmeasuredConstraints, violationsOf } from "./verdict.ts";

function timeAndRatio(time: NetTime | null): [string, string] {
  return [formatNs(time?.ns), formatPairedRatio(time?.ratio)];
}

function referenceOf(workload: WorkloadAnswers): VariantAnswers | undefined {
  return workload.variants.find((one) => one.role === "reference");
}

/** Constraints that a variant breaks, and removals that it never finished. */
function faults(variant: VariantAnswers, all: readonly WorkloadAnswers[]): string {
  if (variant.isVoid) return "void";
  const found: string[] = violationsOf(variant.id, all).map((one) => one.constraint);
  const unfinished = variant.exact.get("unfinished-caches") ?? 0;
  if (unfinished > 0) found.push(`${unfinished} caches not gone at the end`);
  const judged = constraints.length - unmeasuredConstraints(variant.id, all).length;
  return breaksCell(found, judged, constraints.length);
}

/** The short table of the terminal: what each variant costs, and which constraints it breaks. */
export function overviewTable(workload: WorkloadAnswers, all: readonly WorkloadAnswers[]): Table {
  const reference = referenceOf(workload);
  const rows = workload.variants.map((one) => {
    const [put] = timeAndRatio(one.put);
    return [
      name(one),
      formatNs(one.teardownNs),
      formatRatio(ratioOf(one.teardownNs, reference?.teardownNs)),
      formatNs(one.removals?.p50Ns),
      formatNs(one.removals?.maxNs),
      one.role === "floor" ? "–" : put,
      formatNs(one.reduceNs),
      one.role === "floor" ? "–" : formatNs(one.mixed?.ns),
      one.role === "floor" ? "–" : formatNs(one.lockHoldNsMax),
      one.role === "floor" ? "–" : formatBytes(one.exact.get("object-extra-bytes")),
      one.role === "floor" && !one.isVoid ? "" : faults(one, all),
    ];
  });
  return withoutEmptyColumns([
    [
      "variant",
      "teardown",
      "ratio",
      "remove p50",
      "remove max",
      "put",
      "reduce/obj",
      "free mixed",
      "lock max",
      "+B/object",
      "breaks",
    ],
    ...rows,
  ]);
}

/** Who wins on what. */
export function contestTable(workload: WorkloadAnswers): Table {
  return renderContests(contestsOf(workload), referenceOf(workload)?.id);
}

export function timesTable(workload: WorkloadAnswers): Table {
  const reference = referenceOf(workload);
  return withoutEmptyColumns([
    [
      "variant",
      "put",
      "95 % interval",
      "ratio",
      "raw p99",
      "±",
      "reduce/object",
      "ratio",
      "free mixed",
      "ratio",
      "bogo-op",
      "ratio",
    ],
    ...workload.variants
      .filter((one) => one.role !== "floor")
      .map((one) => [
        name(one),
        ...timeAndRatio(one.put).slice(0, 1),
        one.put?.low == null ? "–" : `${formatNs(one.put.low)} to ${formatNs(one.put.high)}`,
        ...timeAndRatio(one.put).slice(1),
        formatNs(one.put?.rawP99Ns),
        one.put?.marginPercent == null ? "–" : `${formatNumber(one.put.marginPercent)} %`,
        formatNs(one.reduceNs),
        formatRatio(ratioOf(one.reduceNs, reference?.reduceNs)),
        ...timeAndRatio(one.mixed),
        ...timeAndRatio(one.bogoOp),
      ]),
  ]);
}

export function removalTable(workload: WorkloadAnswers): Table | null {
  if (workload.variants.every((one) => one.removals === null)) return null;
  const reference = referenceOf(workload);
  return [
    [
      "variant",
      "removals",
      "p50",
      "p99",
      "max",
      "ratio of p50",
      "of p99",
      "of max",
      "teardown",
      "workers' part",
      "ratio of teardown",
      "unfinished",
    ],
    ...workload.variants.map((one) => [
      name(one),
      formatNumber(one.removals?.count),
      formatNs(one.removals?.p50Ns),
      formatNs(one.removals?.p99Ns),
      formatNs(one.removals?.maxNs),
      formatRatio(ratioOf(one.removals?.p50Ns, reference?.removals?.p50Ns)),
      formatRatio(ratioOf(one.removals?.p99Ns, reference?.removals?.p99Ns)),
      formatRatio(ratioOf(one.removals?.maxNs, reference?.removals?.maxNs)),
      formatNs(one.teardownNs),
      formatNs(one.workerNs),
      formatRatio(ratioOf(one.teardownNs, reference?.teardownNs)),
      formatNumber(one.exact.get("unfinished-caches")),
    ]),
  ];
}

/** Bytes that a quarantined object needs: Linux's own link of 8 bytes, and what the variant adds. */
function withLink(variant: VariantAnswers): number | undefined {
  const extra = variant.exact.get("object-extra-bytes");
  return extra === undefined ? undefined : 8 + extra;
}

export function memoryTable(workload: WorkloadAnswers): Table {
  const reference = referenceOf(workload);
  return withoutEmptyColumns([
    [
      "variant",
      "per object",
      "ratio, link included",
      "per cache",
      "global",
      "ratio of global",
      "pinned, most",
      "pinned, end",
      "deferred removals",
    ],
    ...workload.variants
      .filter((one) => one.role !== "floor")
      .map((one) => [
        name(one),
        formatBytes(one.exact.get("object-extra-bytes")),
        formatRatio(ratioOf(withLink(one), reference === undefined ? undefined : withLink(reference))),
        formatBytes(one.exact.get("cache-extra-bytes")),
        formatBytes(one.exact.get("global-bytes")),
        formatRatio(ratioOf(one.exact.get("global-bytes"), reference?.exact.get("global-bytes"))),
        formatBytes(one.exact.get("pinned-bytes-max")),
        formatBytes(one.exact.get("pinned-bytes-end")),
        formatNumber(one.exact.get("removals-deferred")),
      ]),
  ]);
}

export function exactTable(workload: WorkloadAnswers): Table {
  const reference = referenceOf(workload);
  const pair = (one: VariantAnswers, metric: string): [string, string] => {
    const value = one.exact.get(metric);
    return [formatNumber(value), formatRatio(ratioOf(value, reference?.exact.get(metric)))];
  };
  return withoutEmptyColumns([
    [
      "variant",
      "put accesses",
      "ratio",
      "put lines",
      "ratio",
      "reduce accesses",
      "ratio",
      "reduce lines",
      "ratio",
      "remove accesses",
      "ratio",
      "remove lines",
      "ratio",
    ],
    ...workload.variants
      .filter((one) => one.role !== "floor")
      .map((one) => [
        name(one),
        ...[
          "put-accesses-mean",
          "put-lines-mean",
          "reduce-accesses-mean",
          "reduce-lines-mean",
          "remove-accesses-mean",
          "remove-lines-mean",
        ].flatMap((metric) => pair(one, metric)),
      ]),
  ]);
}

export function orderTable(workload: WorkloadAnswers): Table {
  const reference = referenceOf(workload);
  const withRatio = (one: VariantAnswers, metric: string): [string, string] => {
    const value = one.exact.get(metric);
    return [formatNumber(value), formatRatio(ratioOf(value, reference?.exact.get(metric)))];
  };
  return withoutEmptyColumns([
    [
      "variant",
      "rank error, max",
      "p99",
      "objects let go at once",
      "lock held, most, in accesses",
      "ratio",
      "interrupts off, most, in accesses",
      "ratio",
      "lock held, most",
      "interrupts off, most",
    ],
    ...workload.variants.map((one) => [
      name(one),
      formatNumber(one.exact.get("fifo-rank-error-max")),
      formatNumber(one.exact.get("fifo-rank-error-p99")),
      formatNumber(one.exact.get("evicted-at-once-max")),
      ...withRatio(one, "lock-hold-accesses-max"),
      ...withRatio(one, "irq-off-accesses-max"),
      formatNs(one.lockHoldNsMax),
      formatNs(one.irqOffNsMax),
    ]),
  ]);
}

/** `accesses = 120 + 11 × foreign + 29 × own + 14 × batches (R² 1.000)` */
export function lawText({ law, counted }: Growth): string {
  if (counted.length === 0) return "–";
  if (law === null) return "walked by a worker; see the exponents";
  const [base, foreign, own, batches] = law.coefficients as [number, number, number, number];
  const fit = law.rSquared === null ? "constant" : `R² ${law.rSquared.toFixed(4)}, ${law.observations} removals`;
  return `${formatNumber(base)} + ${formatNumber(foreign)} × foreign + ${formatNumber(own)} × own + ${formatNumber(batches)} × batches (${fit})`;
}

export function growthTable(workload: WorkloadAnswers): Table | null {
  const { growth } = workload;
  if (growth.length === 0) return null;
  const sizes = (kind: "native" | "counted"): number[] =>
    [...new Set(growth.flatMap((one) => one[kind].map(([bytes]) => bytes)))].sort((a, b) => a - b);
  const at = (points: Growth["native"], bytes: number): number | undefined =>
    points.find(([size]) => size === bytes)?.[1];
  const nativeSizes = sizes("native");
  const countedSizes = sizes("counted");
  return [
    [
      "variant",
      ...nativeSizes.map((bytes) => `time at ${formatBytes(bytes)}`),
      "exponent",
      ...countedSizes.map((bytes) => `accesses at ${formatBytes(bytes)}`),
      "exponent",
    ],
    ...growth.map((one) => [
      one.id,
      ...nativeSizes.map((bytes) => formatNs(at(one.native, bytes))),
      one.nativeExponent === null ? "–" : one.nativeExponent.toFixed(2),
      ...countedSizes.map((bytes) => formatNumber(at(one.counted, bytes))),
      one.countedExponent === null ? "–" : one.countedExponent.toFixed(2),
    ]),
  ];
}

/** The verdict over all workloads: one row per variant. */
export function constraintTable(workloads: readonly WorkloadAnswers[]): Table {
  const ids = [
    ...new Set(workloads.flatMap((one) => one.variants.filter(({ role }) => role !== "floor").map(({ id }) => id))),
  ];
  const chosen = workloads.map((one) => chooseFor(one, workloads)?.id);
  return [
    ["variant", "global FIFO", "cheap put", "little memory", ...workloads.map((one) => one.name)],
    ...ids.map((id) => {
      const violations = violationsOf(id, workloads);
      const unmeasured = unmeasuredConstraints(id, workloads);
      const isVoid = workloads.some((one) => one.variants.some((variant) => variant.id === id && variant.isVoid));
      const of = (constraint: Constraint): string => {
        if (isVoid) return "**void**";
        const found = violations.find((one) => one.constraint === constraint);
        if (found !== undefined) return `**broken**: ${found.reason}`;
        return unmeasured.includes(constraint) ? "–" : "kept";
      };
      return [
        id,
        of("global FIFO"),
        of("cheap put"),
        of("little memory"),
        ...workloads.map((workload, index) => {
          const variant = workload.variants.find((one) => one.id === id);
          const reference = referenceOf(workload);
          if (variant === undefined || reference === undefined) return "–";
          const ratio =
            ratioOf(variant.teardownNs, reference.teardownNs) ??
            variant.mixed?.ratio?.ratio ??
            variant.put?.ratio?.ratio ??
            null;
          const unfinished = variant.exact.get("unfinished-caches") ?? 0;
          const text = `${formatRatio(ratio)}${unfinished > 0 ? `, ${unfinished} caches not gone at the end` : ""}`;
          return chosen[index] === id ? `**${text}**` : text;
        }),
      ];
    }),
  ];
}
