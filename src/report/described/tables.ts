// The tables of a described problem's report, as rows of text, for Markdown and for the terminal alike.

import type { Problem } from "../../problems/index.ts";
import { pairOf, rateCells } from "../cells.ts";
import { contestTable as renderContests } from "../contests.ts";
import { formatNs, formatNumber, formatRatio, ratioOf } from "../format.ts";
import { breaksCell } from "../part.ts";
import { formatPairedRatio, type Table, variantCell, withoutEmptyColumns } from "../tables.ts";
import { bogoOpsMetric, timeMetric, type VariantAnswers, type WorkloadAnswers } from "./answers.ts";
import { formatOf, headOf, metricOf } from "./names.ts";
import type { Plan } from "./plan.ts";
import { chooseFor, contestsOf, measureOf, sourceOf, unmeasuredOf, violationsOf } from "./verdict.ts";

const none = "–";

function referenceOf(workload: WorkloadAnswers): VariantAnswers | undefined {
  return workload.variants.find((one) => one.role === "reference");
}

/** A table, or null when nobody has a value in it. */
function unlessEmpty(table: Table): Table | null {
  const kept = withoutEmptyColumns(table);
  return kept[0]!.length === 1 ? null : kept;
}

/** What got done per second. */
export function throughputTable(workload: WorkloadAnswers, problem: Problem): Table | null {
  const rates = [{ metric: bogoOpsMetric, unit: "ops/s" }, ...problem.rates];
  return unlessEmpty([
    ["variant", ...rates.flatMap(({ metric }) => [headOf(metric), "interval", "ratio"])],
    ...workload.variants.map((one) => [
      variantCell(one),
      ...rates.flatMap(({ metric, unit }) =>
        rateCells(metric === bogoOpsMetric ? one.bogoOps : one.rates.get(metric), formatOf(unit)),
      ),
    ]),
  ]);
}

/** How long an operation took. */
export function latencyTable(workload: WorkloadAnswers, metric: string): Table | null {
  const base = referenceOf(workload)?.latencies.get(metric);
  return unlessEmpty([
    ["variant", "count", "p50", "ratio", "p99", "ratio", "p99.9", "max", "ratio"],
    ...workload.variants.map((one) => {
      const own = one.latencies.get(metric);
      return [
        variantCell(one),
        formatNumber(own?.count),
        ...pairOf(own?.p50Ns, base?.p50Ns, formatNs),
        ...pairOf(own?.p99Ns, base?.p99Ns, formatNs),
        formatNs(own?.p999Ns),
        ...pairOf(own?.maxNs, base?.maxNs, formatNs),
      ];
    }),
  ]);
}

/** Counters and gauges; those that nobody has anything of are left out. */
export function countTable(workload: WorkloadAnswers, problem: Problem): Table | null {
  const base = referenceOf(workload);
  const shown = [...problem.counters, ...problem.gauges].filter(({ metric }) =>
    workload.variants.some(({ totals }) => (totals.get(metric) ?? 0) !== 0),
  );
  if (shown.length === 0) return null;
  // Many metrics, few variants: a row for each metric.
  return [
    ["count", ...workload.variants.map(variantCell)],
    ...shown.map(({ metric, unit }) => [
      headOf(metric),
      ...workload.variants.map((one) => {
        const value = one.totals.get(metric);
        const ratio = one === base ? null : ratioOf(value, base?.totals.get(metric));
        return ratio === null ? formatOf(unit)(value) : `${formatOf(unit)(value)} (${formatRatio(ratio)})`;
      }),
    ]),
  ];
}

/** Costs by operation, as counted. */
export function operationTable(workload: WorkloadAnswers, problem: Problem): Table | null {
  const columns = [
    ["calls", "calls"],
    ["accesses", "accesses-mean"],
    ["lines", "lines-mean"],
    ["locked", "locked-mean"],
    ["shared writes", "shared-writes-mean"],
    ["slept", "slept-ns-mean"],
  ] as const;
  const rows = problem.operations.flatMap(({ label }) =>
    workload.variants.flatMap((one) => {
      const countOf = (name: string): number | undefined => one.exact.get(`${name}[${label}]`);
      if (countOf("calls") === undefined) return [];
      return [
        [
          `${label}: ${variantCell(one)}`,
          ...columns.map(([, name]) => (name === "slept-ns-mean" ? formatNs : formatNumber)(countOf(name))),
        ],
      ];
    }),
  );
  return rows.length === 0 ? null : unlessEmpty([["operation", ...columns.map(([head]) => head)], ...rows]);
}

/** Who wins on what. */
export function contestTable(workload: WorkloadAnswers, problem: Problem): Table {
  return renderContests(contestsOf(workload, problem), referenceOf(workload)?.id);
}

function measureText(workload: WorkloadAnswers, problem: Problem, variant: VariantAnswers): [string, string] {
  const measure = measureOf(workload, problem);
  if (measure === null) return [none, none];
  const { metric } = measure;
  const rate = metric === bogoOpsMetric ? variant.bogoOps : variant.rates.get(metric);
  const value = sourceOf(variant).value(metric);
  const base = referenceOf(workload);
  const ratio =
    rate == null
      ? formatRatio(ratioOf(value, base === undefined ? null : sourceOf(base).value(metric)))
      : formatPairedRatio(rate.ratio);
  return [formatOf(metric === timeMetric ? "ns" : (metricOf(problem, metric)?.unit ?? ""))(value), ratio];
}

/** The short table of the terminal. */
export function overviewTable(
  workload: WorkloadAnswers,
  problem: Problem,
  plan: Plan,
  all: readonly WorkloadAnswers[],
): Table {
  const measure = measureOf(workload, problem);
  const columns = plan.overview.filter((metric) => metric !== measure?.metric);
  const cellOf = (one: VariantAnswers, metric: string): string => {
    const latency = one.latencies.get(metric);
    if (latency !== undefined) return formatNs(latency.p50Ns);
    return formatOf(metricOf(problem, metric)?.unit ?? "")(sourceOf(one).value(metric));
  };
  const isDuration = (metric: string): boolean => problem.durations.some((one) => one.metric === metric);
  return withoutEmptyColumns([
    [
      "variant",
      measure?.name ?? "measure",
      "ratio",
      ...columns.map((metric) => `${headOf(metric)}${isDuration(metric) ? " p50" : ""}`),
      "breaks",
    ],
    ...workload.variants.map((one) => [
      variantCell(one),
      ...measureText(workload, problem, one),
      ...columns.map((metric) => cellOf(one, metric)),
      faultsCell(one, plan, all),
    ]),
  ]);
}

function faultsCell({ id, role, isVoid }: VariantAnswers, plan: Plan, all: readonly WorkloadAnswers[]): string {
  if (isVoid) return "void";
  if (role === "floor") return "";
  const broken = violationsOf(id, plan, all).map(({ constraint }) => constraint);
  const { length } = plan.constraints;
  return breaksCell(broken, length - unmeasuredOf(id, plan, all).length, length);
}

/** The verdict over all workloads: one row per variant. */
export function constraintTable(workloads: readonly WorkloadAnswers[], problem: Problem, plan: Plan): Table {
  const variants = new Map<string, VariantAnswers>();
  for (const workload of workloads) {
    for (const one of workload.variants) if (one.role !== "floor" && !variants.has(one.id)) variants.set(one.id, one);
  }
  const chosen = workloads.map((one) => chooseFor(one, problem, plan, workloads)?.id);
  return [
    ["variant", ...plan.constraints.map(({ name }) => name), ...workloads.map(({ name }) => name)],
    ...[...variants.keys()].map((id) => {
      const isVoid = workloads.some((one) => one.variants.some((variant) => variant.id === id && variant.isVoid));
      const broken = violationsOf(id, plan, workloads);
      const open = unmeasuredOf(id, plan, workloads);
      return [
        id,
        ...plan.constraints.map(({ name }) => {
          if (isVoid) return "**void**";
          const found = broken.find(({ constraint }) => constraint === name);
          if (found !== undefined) return `**broken**: ${found.reason}`;
          return open.includes(name) ? none : "kept";
        }),
        ...workloads.map((workload, index) => {
          const own = workload.variants.find((variant) => variant.id === id);
          const text = own === undefined || isVoid ? none : measureText(workload, problem, own)[1];
          return chosen[index] === id ? `**${text}**` : text;
        }),
      ];
    }),
  ];
}
