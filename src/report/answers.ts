// From the rows of a run to the answers that a report gives. Nothing here is measured, and nothing is rounded.

import { mean, median, sum } from "simple-statistics";
import { Histogram, parseBucketMetric } from "../records/histogram.ts";
import type { MeasuredRow } from "../records/record.ts";
import { type Fit, fitLinear, growthExponent } from "../statistics/least-squares.ts";
import { medianWithInterval, type PairedRatio, pairedRatio } from "../statistics/paired.ts";
import { summarise } from "../statistics/summary.ts";
import { type ParameterTable, workloadTypes } from "../workloads/index.ts";

/**
 * A time per operation with the harness subtracted, and its ratio to the reference. A mean, because what comes in
 * bursts, such as moving a full queue, would hide from a median of batches; its interval comes from blocks of
 * consecutive batches. There is none where it is not above nothing.
 */
export interface NetTime {
  /** Mean over rounds, in ns. The floor's time of the same round is subtracted. */
  readonly ns: number;
  /** Sign-test interval of the blocks' median; null with fewer than six blocks. */
  readonly low: number | null;
  readonly high: number | null;
  /** Mean over the reference's mean; its interval by blocks. Null for the floor and where the reference has no such time. */
  readonly ratio: PairedRatio | null;
  /** Relative margin of error of the raw times by tinybench, in percent; null with fewer than six rounds. */
  readonly marginPercent: number | null;
  /** 99th percentile of the raw batches by tinybench, harness included, in ns. */
  readonly rawP99Ns: number;
}

/** Distribution of the time that callers of a removal waited. */
export interface Removals {
  readonly count: number;
  readonly p50Ns: number;
  readonly p99Ns: number;
  readonly maxNs: number;
}

/** mitata's median against ours for the same runs of frees, both with the harness. */
export interface CrossChecked {
  readonly oursNs: number;
  readonly mitataNs: number;
  /** mitata over ours, less 1. */
  readonly difference: number;
}

export interface VariantAnswers {
  readonly id: string;
  readonly role: "reference" | "floor" | "";
  readonly put: NetTime | null;
  /** Time of runs of allocations above the floor's, per object let go in them, in ns. */
  readonly reduceNs: number | null;
  /** Mixed batches, per object freed. */
  readonly mixed: NetTime | null;
  /** Mixed batches, per bogo-op. */
  readonly bogoOp: NetTime | null;
  readonly removals: Removals | null;
  /** All removals and their workers, in ns. */
  readonly teardownNs: number | null;
  /** Its parts: 24 removals each, in order, the same work for every variant. */
  readonly teardownParts: ReadonlyMap<number, number>;
  /** Of it, the workers' part. */
  readonly workerNs: number | null;
  readonly lockHoldNsMax: number | null;
  readonly irqOffNsMax: number | null;
  /** Whether objects lay at their true size in the timed run. */
  readonly trueSize: boolean | null;
  /** Metrics with one exact value per case, from the timed run (memory) and the counted one. */
  readonly exact: ReadonlyMap<string, number>;
  readonly crossChecked: CrossChecked | null;
}

export interface WorkloadAnswers {
  readonly name: string;
  /** Parameters that are not at their defaults, and the quarantine's size: of the timed, instrumented and counted runs. */
  readonly parameters: Readonly<Record<"timed" | "instrumented" | "counted", string>>;
  readonly variants: readonly VariantAnswers[];
  /** The harness alone, from the floor, in ns; null where the workload has no such batches. */
  readonly harness: {
    readonly putNs: number | null;
    readonly allocateNs: number | null;
    readonly mixedNs: number | null;
    readonly removeNs: number | null;
  };
  readonly growth: readonly Growth[];
}

/** Law of growth of one variant's removals. */
export interface Growth {
  readonly id: string;
  /** Bytes of quarantine and mean time of one removal, workers included, in ns. */
  readonly native: readonly (readonly [bytes: number, meanNs: number])[];
  /** Exponent of time over size. 1: in proportion; 0: not at all. */
  readonly nativeExponent: number | null;
  /** Bytes of quarantine and mean accesses of one removal, workers included. */
  readonly counted: readonly (readonly [bytes: number, meanAccesses: number])[];
  readonly countedExponent: number | null;
  /** Accesses of single removals over foreign objects, own objects and batches looked at; null when a worker does them. */
  readonly law: Fit | null;
}

type Series = Map<number, number>;

/** Rows of one variant in one workload. */
class VariantRows {
  /** Values by stage and metric, by round. */
  readonly #series = new Map<string, Series>();
  readonly #removalRows: { metric: string; value: number }[] = [];

  add(stage: string, row: MeasuredRow): void {
    if (row.value === null) return;
    const isRemoval = parseBucketMetric(row.metric) !== null || row.metric === "remove-latency-ns-max";
    if (isRemoval) {
      this.#removalRows.push({ metric: row.metric, value: row.value });
      return;
    }
    const key = `${stage} ${row.metric}`;
    within(this.#series, key, (): Series => new Map()).set(row.round, row.value);
  }

  series(stage: string, metric: string): Series {
    return this.#series.get(`${stage} ${metric}`) ?? new Map();
  }

  values(stage: string, metric: string): number[] {
    return [...this.series(stage, metric).values()];
  }

  only(stage: string, metric: string): number | null {
    return this.values(stage, metric)[0] ?? null;
  }

  removals(): Removals | null {
    if (this.#removalRows.length === 0) return null;
    const histogram = Histogram.fromRows(this.#removalRows, "remove-latency-ns");
    return {
      count: histogram.count,
      p50Ns: histogram.quantile(0.5)!,
      p99Ns: histogram.quantile(0.99)!,
      maxNs: histogram.max!,
    };
  }

  /** Metrics of the counted and timed stages that have one exact value. */
  exact(): Map<string, number> {
    const found = new Map<string, number>();
    for (const [key, series] of this.#series) {
      const [stage = "", metric = ""] = key.split(" ");
      if (series.size === 1 && series.has(0) && (stage === "counted" || memoryMetrics.has(metric))) {
        found.set(metric, series.get(0)!);
      }
    }
    return found;
  }
}

const memoryMetrics = new Set([
  "object-extra-bytes",
  "cache-extra-bytes",
  "global-bytes",
  "slab-bytes-touched",
  "unfinished-caches",
]);

function parametersOf(row: MeasuredRow): Map<string, string> {
  return new Map(row.parameters.split(" ").map((pair) => pair.split("=") as [string, string]));
}

function minus(series: Series, base: Series): Series {
  const net: Series = new Map();
  for (const [round, value] of series) {
    const harness = base.get(round);
    if (harness !== undefined) net.set(round, value - harness);
  }
  return net;
}

/** Blocks that a series of batches is cut into, so that each holds several bursts of evictions. */
const blockCount = 10;

/** Means of blocks of consecutive rounds. */
function blockMeans(series: Series): Series {
  const values = [...series].sort(([a], [b]) => a - b).map(([, value]) => value);
  if (values.length === 0) return new Map();
  const size = Math.ceil(values.length / blockCount);
  const means: Series = new Map();
  for (let first = 0; first + size <= values.length; first += size) {
    means.set(means.size, mean(values.slice(first, first + size)));
  }
  return means;
}

/** Fewer rounds than this say nothing of their spread. */
const roundsMin = 6;

async function netTime(
  rows: VariantRows,
  floor: VariantRows,
  reference: VariantRows,
  metric: string,
): Promise<NetTime | null> {
  const raw = rows.series("timed", metric);
  const harness = floor.series("timed", metric);
  const net = minus(raw, harness);
  if (rows === floor || net.size === 0) return null;
  const ns = mean([...net.values()]);
  const blocks = blockMeans(net);
  const { low, high } = medianWithInterval([...blocks.values()])!;
  if (ns <= 0 || (low !== null && low <= 0)) return null;
  const base = minus(reference.series("timed", metric), harness);
  const ofReference = base.size === 0 ? 0 : mean([...base.values()]);
  const paired = pairedRatio(blocks, blockMeans(base));
  const statistics = await summarise(metric, [...raw.values()]);
  return {
    ns,
    low,
    high,
    ratio: ofReference <= 0 || paired === null ? null : { ...paired, ratio: ns / ofReference },
    marginPercent: raw.size < roundsMin ? null : statistics.rme,
    rawP99Ns: statistics.p99 * 1e6,
  };
}

/** Time of all runs of allocations above the floor's, over all objects let go in them; idle reductions included. */
function reduceTime(rows: VariantRows, floor: VariantRows): number | null {
  const evicted = sum(rows.values("timed", "evicted-per-allocation"));
  if (evicted === 0) return null;
  return sum([...minus(rows.series("timed", "allocate-ns"), floor.series("timed", "allocate-ns")).values()]) / evicted;
}

function crossCheck(rows: VariantRows): CrossChecked | null {
  const mitataNs = rows.only("mitata", "put-ns-mitata");
  const oursNs = rows.only("mitata", "put-ns-checked");
  if (mitataNs === null || oursNs === null) return null;
  return { oursNs, mitataNs, difference: mitataNs / oursNs - 1 };
}

/** Largest difference at which two timers of the same work are taken to agree. */
export const crossCheckTolerance = 0.1;

/** The least of several runs' longest sections: what is above it was the machine's doing, not the variant's. */
function leastOf(values: readonly number[]): number | null {
  return values.length === 0 ? null : Math.min(...values);
}

function totalOf(values: readonly number[]): number | null {
  return values.length === 0 ? null : sum([...values]);
}

async function answersOf(
  id: string,
  rows: VariantRows,
  floor: VariantRows,
  reference: VariantRows,
  role: VariantAnswers["role"],
): Promise<VariantAnswers> {
  const trueSize = rows.only("timed", "true-size");
  // Their rows come last: without them the teardown was stopped halfway, and its total would be one of a part.
  const removals = rows.removals();
  return {
    id,
    role,
    put: await netTime(rows, floor, reference, "put-ns"),
    reduceNs: role === "floor" ? null : reduceTime(rows, floor),
    mixed: await netTime(rows, floor, reference, "mixed-ns"),
    bogoOp: await netTime(rows, floor, reference, "bogo-op-ns"),
    removals,
    teardownNs: removals === null ? null : totalOf(rows.values("timed", "teardown-ns")),
    teardownParts: rows.series("timed", "teardown-ns"),
    workerNs: removals === null ? null : sum(rows.values("timed", "worker-ns")),
    lockHoldNsMax: leastOf(rows.values("instrumented", "lock-hold-ns-max")),
    irqOffNsMax: leastOf(rows.values("instrumented", "irq-off-ns-max")),
    trueSize: trueSize === null ? null : trueSize === 1,
    exact: rows.exact(),
    crossChecked: crossCheck(rows),
  };
}

function growthOf(id: string, sizes: ReadonlyMap<number, VariantRows>): Growth {
  const native: [number, number][] = [];
  const counted: [number, number][] = [];
  const regressors: number[][] = [];
  const accesses: number[] = [];
  let byWorker = false;
  for (const [bytes, rows] of [...sizes].sort(([a], [b]) => a - b)) {
    const teardownNs = totalOf(rows.values("timed", "teardown-ns"));
    const removals = rows.removals();
    if (teardownNs !== null && removals !== null) native.push([bytes, teardownNs / removals.count]);
    const ofRemovals = rows.series("counted", "remove-accesses");
    const ofWorkers = rows.values("counted", "worker-accesses");
    if (ofRemovals.size === 0) continue;
    if (ofWorkers.length > 0) byWorker = true;
    counted.push([bytes, (sum([...ofRemovals.values()]) + sum(ofWorkers)) / ofRemovals.size]);
    for (const [round, value] of ofRemovals) {
      accesses.push(value);
      regressors.push(
        ["remove-foreign", "remove-own", "remove-batches"].map(
          (metric) => rows.series("counted", metric).get(round) ?? 0,
        ),
      );
    }
  }
  return {
    id,
    native,
    nativeExponent: growthExponent(native),
    counted,
    countedExponent: growthExponent(counted),
    law: byWorker ? null : fitLinear(regressors, accesses),
  };
}

/** Whether a row's parameter is one of the workload's and not at its default. */
function isChanged(defaults: ParameterTable, key: string, value: string): boolean {
  const parameter = Object.hasOwn(defaults, key) ? defaults[key] : undefined;
  return parameter !== undefined && String(parameter.default) !== value;
}

/** Groups rows by a key and keeps the order in which keys first appear. */
function within<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  const found = map.get(key);
  if (found !== undefined) return found;
  const made = make();
  map.set(key, made);
  return made;
}

/**
 * Answers of every workload of a run.
 *
 * @param roles ids of the reference and of the floor variant, and of all variants in the order in which to show them
 */
export async function answerAll(
  rows: AsyncIterable<MeasuredRow>,
  roles: { readonly reference: string; readonly floor: string; readonly order: readonly string[] },
): Promise<WorkloadAnswers[]> {
  interface Collected {
    readonly variants: Map<string, VariantRows>;
    readonly growth: Map<string, Map<number, VariantRows>>;
    readonly parameters: Map<string, Map<string, string>>;
  }
  const workloads = new Map<string, Collected>();
  for await (const row of rows) {
    const parameters = parametersOf(row);
    const stage = parameters.get("stage") ?? "";
    const collected = within(workloads, row.workload, () => ({
      variants: new Map(),
      growth: new Map(),
      parameters: new Map(),
    }));
    if (parameters.get("purpose") === "growth") {
      const sizes = within(collected.growth, row.variant, () => new Map<number, VariantRows>());
      within(sizes, Number(parameters.get("quarantine-bytes")), () => new VariantRows()).add(stage, row);
      continue;
    }
    within(collected.variants, row.variant, () => new VariantRows()).add(stage, row);
    if (row.variant === roles.reference) collected.parameters.set(stage, parameters);
  }

  const answers: WorkloadAnswers[] = [];
  for (const [name, { variants, growth, parameters }] of workloads) {
    const floor = variants.get(roles.floor) ?? new VariantRows();
    const reference = variants.get(roles.reference) ?? new VariantRows();
    const all: VariantAnswers[] = [];
    for (const id of roles.order) {
      const ofVariant = variants.get(id);
      if (ofVariant === undefined) continue;
      const role = id === roles.reference ? "reference" : id === roles.floor ? "floor" : "";
      all.push(await answersOf(id, ofVariant, floor, reference, role));
    }
    const defaults = workloadTypes.find((type) => type.name === name)?.parameters ?? {};
    const shown = (stage: string): string =>
      [...(parameters.get(stage) ?? [])]
        .filter(([key, value]) => key === "quarantine-bytes" || isChanged(defaults, key, value))
        .map(([key, value]) => `${key}=${value}`)
        .join(" ");
    const middle = (metric: string): number | null => {
      const values = floor.values("timed", metric);
      return values.length === 0 ? null : median(values);
    };
    answers.push({
      name,
      parameters: { timed: shown("timed"), instrumented: shown("instrumented"), counted: shown("counted") },
      variants: all,
      harness: {
        putNs: middle("put-ns"),
        allocateNs: middle("allocate-ns"),
        mixedNs: middle("mixed-ns"),
        removeNs: floor.removals()?.p50Ns ?? null,
      },
      growth: roles.order.filter((id) => growth.has(id)).map((id) => growthOf(id, growth.get(id)!)),
    });
  }
  return answers;
}
