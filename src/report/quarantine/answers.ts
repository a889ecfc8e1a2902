// From the rows of a run to the answers that a report gives. Nothing here is measured, and nothing is rounded.

import { median, sum } from "simple-statistics";
import { type Fit, fitLinear, growthExponent } from "../../statistics/least-squares.ts";
import { type NetTime, netTime } from "../net-time.ts";
import type { Roles } from "../part.ts";
import { type CpuUse, minus, type ProblemRows, VariantRows } from "../rows.ts";
import type { Role } from "../tables.ts";

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
  readonly role: Role;
  /** Whether it did in some case what no variant may do. */
  readonly isVoid: boolean;
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
  /** Whether the run was stopped before all of its timed cases were tried. */
  readonly isIncomplete: boolean;
  /** Parameters that are not at their defaults, and the quarantine's size: of the timed, instrumented and counted runs. */
  readonly parameters: Readonly<Record<"timed" | "instrumented" | "counted", string>>;
  /** CPUs of the timed stage, of all native ones, and of the counted one. */
  readonly timedOn: CpuUse;
  readonly native: CpuUse;
  readonly countedOn: CpuUse;
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

const memoryMetrics = new Set([
  "object-extra-bytes",
  "cache-extra-bytes",
  "global-bytes",
  "slab-bytes-touched",
  "unfinished-caches",
]);

/** Metrics with one exact value: all of the counted stage, and those of memory of the timed one. */
function exactOf(rows: VariantRows): Map<string, number> {
  const ofMemory = [...rows.single("timed")].filter(([metric]) => memoryMetrics.has(metric));
  // Of global structures the size hangs on the CPUs, of which the timed stage has as many as were asked for.
  return new Map([...rows.single("counted"), ...ofMemory]);
}

function removalsOf(rows: VariantRows): Removals | null {
  const histogram = rows.distribution("timed", "remove-latency-ns");
  if (histogram === null) return null;
  return {
    count: histogram.count,
    p50Ns: histogram.quantile(0.5)!,
    p99Ns: histogram.quantile(0.99)!,
    maxNs: histogram.max!,
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
  { role, isVoid }: Pick<VariantAnswers, "role" | "isVoid">,
): Promise<VariantAnswers> {
  const trueSize = rows.only("timed", "true-size");
  const above = async (metric: string): Promise<NetTime | null> =>
    role === "floor"
      ? null
      : await netTime(
          metric,
          rows.series("timed", metric),
          floor.series("timed", metric),
          reference.series("timed", metric),
        );
  // Their rows come last: without them the teardown was stopped halfway, and its total would be one of a part.
  const removals = removalsOf(rows);
  return {
    id,
    role,
    isVoid,
    put: await above("put-ns"),
    reduceNs: role === "floor" ? null : reduceTime(rows, floor),
    mixed: await above("mixed-ns"),
    bogoOp: await above("bogo-op-ns"),
    removals,
    teardownNs: removals === null ? null : totalOf(rows.values("timed", "teardown-ns")),
    teardownParts: rows.series("timed", "teardown-ns"),
    workerNs: removals === null ? null : sum(rows.values("timed", "worker-ns")),
    lockHoldNsMax: leastOf(rows.values("instrumented", "lock-hold-ns-max")),
    irqOffNsMax: leastOf(rows.values("instrumented", "irq-off-ns-max")),
    trueSize: trueSize === null ? null : trueSize === 1,
    exact: exactOf(rows),
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
    const removals = removalsOf(rows);
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

/**
 * Answers of every workload of a run.
 *
 * @param roles ids of the reference and of the floor variant, and of all variants in the order in which to show them
 */
export async function answerAll(rows: ProblemRows, roles: Roles): Promise<WorkloadAnswers[]> {
  const answers: WorkloadAnswers[] = [];
  for (const workload of rows.workloads) {
    const { name, variants, growth } = workload;
    const floor = variants.get(roles.floor) ?? new VariantRows();
    const reference = variants.get(roles.reference) ?? new VariantRows();
    const all: VariantAnswers[] = [];
    for (const id of roles.order) {
      const ofVariant = variants.get(id);
      if (ofVariant === undefined) continue;
      const role = id === roles.reference ? "reference" : id === roles.floor ? "floor" : "";
      const isVoid = roles.voids?.has(id) ?? false;
      all.push(await answersOf(id, ofVariant, floor, reference, { role, isVoid }));
    }
    const shown = (stage: string): string => workload.parameterText(stage, ["quarantine-bytes"]);
    const middle = (metric: string): number | null => {
      const values = floor.values("timed", metric);
      return values.length === 0 ? null : median(values);
    };
    answers.push({
      name,
      isIncomplete: roles.incomplete?.has(name) ?? false,
      parameters: { timed: shown("timed"), instrumented: shown("instrumented"), counted: shown("counted") },
      timedOn: workload.cpuUse("timed"),
      native: workload.cpuUse("timed", "mitata", "instrumented"),
      countedOn: workload.cpuUse("counted"),
      variants: all,
      harness: {
        putNs: middle("put-ns"),
        allocateNs: middle("allocate-ns"),
        mixedNs: middle("mixed-ns"),
        removeNs: removalsOf(floor)?.p50Ns ?? null,
      },
      growth: roles.order.filter((id) => growth.has(id)).map((id) => growthOf(id, growth.get(id)!)),
    });
  }
  return answers;
}
