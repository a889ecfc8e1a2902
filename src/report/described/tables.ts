// The tables of a described problem's report, as rows of text, for Markdown and for the terminal alike.

import type { Problem } from "../../problems/index.ts";
import type { Metric } from "../../problems/problem.ts";
import { pairOf, rateCells } from "../cells.ts";
import { contestTable as renderContests } from "../contests.ts";
import { formatNs, formatNumber, formatRatio, ratioOf } from "../format.ts";
import { breaksCell } from "../part.ts";
import type { Held } from "../simulator/held.ts";
import type { SimulatedAnswers } from "../simulator/model.ts";
import { choiceOf } from "../simulator/verdict.ts";
import { defectMark, formatPairedRatio, type Table, variantCell, withoutEmptyColumns } from "../tables.ts";
import { bogoOpsMetric, timeMetric, type VariantAnswers, type WorkloadAnswers } from "./answers.ts";
import { formatOf, headOf, metricOf } from "./names.ts";
import type { Plan } from "./plan.ts";
import {
  baseOf,
  brokenBy,
  chooseFor,
  contestsOf,
  type Evidence,
  judgementOf,
  measureOf,
  sourceOf,
  unjudgedOf,
} from "./verdict.ts";

const none = "–";

/** With a mark where it is kept for what is wrong with it. */
function named(id: string, isDefective = false): string {
  return variantCell({ id, role: "", isVoid: false, isDefective });
}

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

/** Counters and gauges of which somebody has something, but for those that are told in sentences. */
export function countsShown(workload: WorkloadAnswers, { counters, gauges }: Problem): Metric[] {
  return [...counters, ...gauges.filter(({ isForSentences = false }) => !isForSentences)].filter(({ metric }) =>
    workload.variants.some(({ totals }) => (totals.get(metric) ?? 0) !== 0),
  );
}

/** {@link countsShown}, and how many of each. */
export function countTable(workload: WorkloadAnswers, problem: Problem): Table | null {
  const base = referenceOf(workload);
  const shown = countsShown(workload, problem);
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
  const marks = new Map(workload.variants.map(({ id, isDefective }) => [id, isDefective]));
  return renderContests(contestsOf(workload, problem), referenceOf(workload)?.id, (id) => named(id, marks.get(id)));
}

/** Of a variant whose rate would be the watchdog's. */
const hangsCell = "hangs";

function measureText(workload: WorkloadAnswers, problem: Problem, variant: VariantAnswers): [string, string] {
  const measure = measureOf(workload, problem);
  if (measure === null) return [none, none];
  const { metric } = measure;
  const rate = metric === bogoOpsMetric ? variant.bogoOps : variant.rates.get(metric);
  const value = sourceOf(variant).value(metric);
  if (value === null && variant.hangs > 0) return [hangsCell, hangsCell];
  const base = baseOf(workload);
  const ratio =
    rate == null
      ? formatRatio(ratioOf(value, base === undefined ? null : sourceOf(base).value(metric)))
      : formatPairedRatio(rate.ratio);
  return [formatOf(metric === timeMetric ? "ns" : (metricOf(problem, metric)?.unit ?? ""))(value), ratio];
}

/** The short table of the terminal. */
export function overviewTable(workload: WorkloadAnswers, problem: Problem, plan: Plan, evidence: Evidence): Table {
  const measure = measureOf(workload, problem);
  const columns = plan.overview.filter((metric) => metric !== measure?.metric);
  const cellOf = (one: VariantAnswers, metric: string): string => {
    const latency = one.latencies.get(metric);
    if (latency !== undefined) return formatNs(latency.p50Ns);
    return formatOf(metricOf(problem, metric)?.unit ?? "")(sourceOf(one).value(metric));
  };
  // Without constraints nobody is said to break none.
  const isJudged = plan.constraints.length > 0;
  const isDuration = (metric: string): boolean => problem.durations.some((one) => one.metric === metric);
  return withoutEmptyColumns([
    [
      "variant",
      measure?.name ?? "measure",
      "ratio",
      ...columns.map((metric) => `${headOf(metric)}${isDuration(metric) ? " p50" : ""}`),
      ...(isJudged ? ["breaks"] : []),
    ],
    ...workload.variants.map((one) => [
      variantCell(one),
      ...measureText(workload, problem, one),
      ...columns.map((metric) => cellOf(one, metric)),
      ...(isJudged ? [faultsCell(one, plan, evidence)] : []),
    ]),
  ]);
}

function faultsCell({ id, role, isVoid }: VariantAnswers, plan: Plan, evidence: Evidence): string {
  if (isVoid) return "void";
  if (role === "floor") return "";
  const { length } = plan.constraints;
  return breaksCell(brokenBy(id, plan, evidence), length - unjudgedOf(id, plan, evidence).length, length);
}

function judgementCell(id: string, constraint: Plan["constraints"][number], evidence: Evidence): string {
  const judgement = judgementOf(id, constraint, evidence);
  switch (judgement.is) {
    case "broken":
      return `**broken**: ${judgement.reason}`;
    case "known defect":
      return `**${defectMark}**`;
    case "kept":
      return judgement.by === "native" ? "kept" : "kept (simulated)";
    case "not judged":
      return none;
  }
}

/** A workload in the table of constraints: what it is judged by, by variant. */
interface Column {
  readonly head: string;
  readonly chosen: string | undefined;
  readonly textOf: (id: string) => string;
}

function nativeColumn(workload: WorkloadAnswers, problem: Problem, plan: Plan, evidence: Evidence): Column {
  return {
    head: workload.name,
    chosen: chooseFor(workload, problem, plan, evidence)?.id,
    textOf: (id) => {
      const own = workload.variants.find((one) => one.id === id);
      return own === undefined || own.isVoid ? none : measureText(workload, problem, own)[1];
    },
  };
}

function simulatedColumn(answers: SimulatedAnswers, isOnly: boolean, held: Held): Column {
  const { workload, machine, main } = answers;
  const reference = main.variants.find(({ role }) => role === "reference");
  return {
    head: `${workload} (simulated${isOnly ? "" : ` on ${machine}`})`,
    chosen: choiceOf(answers, held) ?? undefined,
    textOf: (id) => {
      const own = main.variants.find((one) => one.id === id);
      if (own === undefined || own.isVoid) return none;
      return own.hangs > 0 ? hangsCell : formatRatio(ratioOf(own.values[0], reference?.values[0]));
    },
  };
}

/** A column of each workload that was measured natively; of what was only simulated, one of each machine. */
function columnsOf(problem: Problem, plan: Plan, evidence: Evidence, held: Held): Column[] {
  const { workloads, simulated } = evidence;
  const names = new Set([...workloads, ...simulated.map(({ workload: name }) => ({ name }))].map(({ name }) => name));
  return [...names].flatMap((name) => {
    const native = workloads.find((one) => one.name === name && measureOf(one, problem) !== null);
    if (native !== undefined) return [nativeColumn(native, problem, plan, evidence)];
    const machines = simulated.filter(({ workload, measures }) => workload === name && measures.length > 0);
    return machines.map((one) => simulatedColumn(one, machines.length === 1, held));
  });
}

/** The verdict over all workloads: one row per variant. */
export function constraintTable(problem: Problem, plan: Plan, evidence: Evidence, held: Held): Table {
  const all = [...evidence.workloads, ...evidence.simulated].flatMap(({ variants }): readonly Shown[] => variants);
  const ids = new Set(all.filter(({ role }) => role !== "floor").map(({ id }) => id));
  const columns = columnsOf(problem, plan, evidence, held);
  return [
    ["variant", ...plan.constraints.map(({ name }) => name), ...columns.map(({ head }) => head)],
    ...[...ids].map((id) => {
      const isVoid = all.some((one) => one.id === id && one.isVoid);
      return [
        named(id, evidence.defects.has(id)),
        ...plan.constraints.map((one) => (isVoid ? "**void**" : judgementCell(id, one, evidence))),
        ...columns.map(({ chosen, textOf }) => (chosen === id ? `**${textOf(id)}**` : textOf(id))),
      ];
    }),
  ];
}

/** What a table knows of a variant, measured or simulated. */
type Shown = Pick<VariantAnswers, "id" | "role" | "isVoid">;
