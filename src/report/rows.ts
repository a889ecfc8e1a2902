// The rows of one problem in a run, sorted by workload, variant, stage and metric. Every problem answers from these.

import { mean, sum } from "simple-statistics";
import { Histogram, parseBucketMetric } from "../records/histogram.ts";
import { parseLabelledMetric } from "../records/labelled.ts";
import type { MeasuredRow } from "../records/record.ts";
import { type ParameterTable, workloadTypes } from "../workloads/index.ts";
import { CheckedRows } from "./checked.ts";

/** Values by round. */
export type Series = Map<number, number>;

/** The value of a key, made when it is missing. Keys keep the order in which they first appear. */
function within<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  const found = map.get(key);
  if (found !== undefined) return found;
  const made = make();
  map.set(key, made);
  return made;
}

/** Rows of one variant in one workload. */
export class VariantRows {
  /** Values by stage and metric, by round. */
  readonly #series = new Map<string, Series>();
  /** Counts of buckets and maxima, by stage and distribution. */
  readonly #distributions = new Map<string, { metric: string; value: number }[]>();

  add(stage: string, row: MeasuredRow): void {
    if (row.value === null) return;
    const bucket = parseBucketMetric(row.metric);
    if (bucket === null) {
      within(this.#series, `${stage} ${row.metric}`, (): Series => new Map()).set(row.round, row.value);
    }
    const name = bucket?.name ?? /^(.+)-max$/.exec(row.metric)?.[1];
    if (name === undefined) return;
    within(this.#distributions, `${stage} ${name}`, () => []).push({ metric: row.metric, value: row.value });
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

  /** Null when nothing was recorded. */
  distribution(stage: string, name: string): Histogram | null {
    const histogram = Histogram.fromRows(this.#distributions.get(`${stage} ${name}`) ?? [], name);
    return histogram.count === 0 ? null : histogram;
  }

  /** Values of a labelled metric by label, those of all rounds added up. */
  labelled(stage: string, name: string): Map<string, number> {
    const found = new Map<string, number>();
    for (const [metric, series] of this.#metricsOf(stage)) {
      const label = parseLabelledMetric(metric);
      if (label?.name === name) found.set(label.label, sum([...series.values()]));
    }
    return found;
  }

  /** Metrics with one value that is no round of several, of a stage. */
  single(stage: string): Map<string, number> {
    const found = new Map<string, number>();
    for (const [metric, series] of this.#metricsOf(stage)) {
      if (series.size === 1 && series.has(0)) found.set(metric, series.get(0)!);
    }
    return found;
  }

  /** Names of the distributions of a stage, in the order in which they first appeared. */
  distributionNames(stage: string): string[] {
    const names: string[] = [];
    for (const [key, buckets] of this.#distributions) {
      const [ofStage, name] = splitKey(key);
      if (ofStage === stage && buckets.some(({ metric }) => parseBucketMetric(metric) !== null)) names.push(name);
    }
    return names;
  }

  /** Series of a stage by metric. */
  *#metricsOf(stage: string): Iterable<readonly [string, Series]> {
    for (const [key, series] of this.#series) {
      const [ofStage, metric] = splitKey(key);
      if (ofStage === stage) yield [metric, series];
    }
  }
}

/** A stage and what stands behind it; only the stage has no space. */
function splitKey(key: string): readonly [stage: string, rest: string] {
  const space = key.indexOf(" ");
  return [key.slice(0, space), key.slice(space + 1)];
}

/** On how many CPUs a stage was measured. */
export interface CpuUse {
  /** Counts of CPUs, mostly one; lowest first. */
  readonly cpus: readonly number[];
  /** Whether some of it had more CPUs than the machine had cores for it. */
  readonly isOversubscribed: boolean;
}

/** Rows of all variants in one workload. */
export class WorkloadRows {
  readonly name: string;
  readonly variants = new Map<string, VariantRows>();
  /** Runs at several sizes for a law of growth: by variant and bytes of quarantine. */
  readonly growth = new Map<string, Map<number, VariantRows>>();
  /** Parameters of the reference's rows, by stage. */
  readonly #parameters = new Map<string, ReadonlyMap<string, string>>();
  /** Of all rows: parameters by variant. */
  readonly #ofVariants = new Map<string, ReadonlyMap<string, string>>();
  readonly #cpus = new Map<string, Set<number>>();
  readonly #oversubscribed = new Set<string>();
  /** Stages whose rounds are slices of time, not chunks of the workload. */
  readonly #sliced = new Set<string>();
  readonly #tasks = new Map<string, number>();

  constructor(name: string) {
    this.name = name;
  }

  add(row: MeasuredRow, isReference: boolean): void {
    const parameters = parametersOf(row);
    const stage = parameters.get("stage") ?? "";
    within(this.#cpus, stage, () => new Set<number>()).add(row.cpus);
    if (parameters.get("oversubscribed") === "true") this.#oversubscribed.add(stage);
    if (parameters.has("slice-ms")) this.#sliced.add(stage);
    const tasks = Number(parameters.get("tasks"));
    if (tasks > 0) this.#tasks.set(stage, tasks);
    if (parameters.get("purpose") === "growth") {
      const sizes = within(this.growth, row.variant, () => new Map<number, VariantRows>());
      within(sizes, Number(parameters.get("quarantine-bytes")), () => new VariantRows()).add(stage, row);
      return;
    }
    within(this.variants, row.variant, () => new VariantRows()).add(stage, row);
    if (isReference) this.#parameters.set(stage, parameters);
    this.#ofVariants.set(row.variant, parameters);
  }

  /** A number among the parameters of a variant, or the one that all variants with such a parameter share. */
  numberOf(variant: string, key: string): number | null {
    const own = this.#ofVariants.get(variant)?.get(key);
    const values = new Set([...this.#ofVariants.values()].map((one) => one.get(key)));
    values.delete(undefined);
    const [only, ...others] = values;
    const found = own ?? (others.length === 0 ? only : undefined);
    return found === undefined || found === "" || !Number.isFinite(Number(found)) ? null : Number(found);
  }

  /**
   * Parameters of the reference's rows of a stage, as text: those of the workload that are not at their defaults.
   *
   * @param always keys that are shown at their defaults too, and when they are not the workload's
   */
  parameterText(stage: string, always: readonly string[] = []): string {
    return changedParameters(this.name, this.#parameters.get(stage) ?? new Map(), always);
  }

  /** Whether the rounds of a stage are slices of equal time. Otherwise they are chunks, and may be unlike. */
  isSliced(stage: string): boolean {
    return this.#sliced.has(stage);
  }

  /** Tasks of the workload in a stage; null where the rows do not say. */
  tasksOf(stage: string): number | null {
    return this.#tasks.get(stage) ?? null;
  }

  /** Of the stages given that have rows, growth included. */
  cpuUse(...stages: readonly string[]): CpuUse {
    const cpus = new Set(stages.flatMap((stage) => [...(this.#cpus.get(stage) ?? [])]));
    return {
      cpus: [...cpus].sort((a, b) => a - b),
      isOversubscribed: stages.some((stage) => this.#oversubscribed.has(stage)),
    };
  }
}

/** One variant, simulated once. */
export interface SimulatedCase {
  readonly variant: string;
  readonly cpus: number;
  /** All parameters: of the workload, the variant and the machine. */
  readonly parameters: ReadonlyMap<string, string>;
  readonly rows: VariantRows;
}

/** The stage that rows of the simulator are kept under. */
export const simulated = "simulated";

/** Rows of the simulator. */
export class SimulatedRows {
  /** By workload, machine, and what makes a case. */
  readonly #workloads = new Map<string, Map<string, Map<string, SimulatedCase>>>();

  add(row: MeasuredRow): void {
    const { variant, cpus, workload } = row;
    const machine = /(?:^| )machine=(\S*)/.exec(row.parameters)?.[1] ?? "";
    const machines = within(this.#workloads, workload, () => new Map<string, Map<string, SimulatedCase>>());
    const cases = within(machines, machine, () => new Map<string, SimulatedCase>());
    const key = `${variant}\n${cpus}\n${row.parameters}`;
    const one = within(cases, key, () => ({ variant, cpus, parameters: parametersOf(row), rows: new VariantRows() }));
    one.rows.add(simulated, row);
  }

  /** In the order in which they first appeared. */
  get workloads(): string[] {
    return [...this.#workloads.keys()];
  }

  /** Cases of a workload by the machine's name. */
  casesOf(workload: string): ReadonlyMap<string, readonly SimulatedCase[]> {
    const machines = this.#workloads.get(workload) ?? new Map<string, Map<string, SimulatedCase>>();
    return new Map([...machines].map(([machine, cases]) => [machine, [...cases.values()]]));
  }
}

/** Rows of one problem in a run: those of the simulator, those of the checker, and apart from them all others. */
export class ProblemRows {
  /** What happened in virtual time. No other rows are. */
  readonly simulated = new SimulatedRows();
  readonly checked = new CheckedRows();
  readonly #reference: string;
  readonly #workloads = new Map<string, WorkloadRows>();

  /** @param reference id of the variant whose parameters stand for all */
  constructor(reference: string) {
    this.#reference = reference;
  }

  add(row: MeasuredRow): void {
    if (row.instrument === "simulator") {
      this.simulated.add(row);
      return;
    }
    if (row.instrument === "checker") {
      this.checked.add(row);
      return;
    }
    within(this.#workloads, row.workload, () => new WorkloadRows(row.workload)).add(
      row,
      row.variant === this.#reference,
    );
  }

  /** Workloads that were measured or counted, in the order in which they first appeared. */
  get workloads(): WorkloadRows[] {
    return [...this.#workloads.values()];
  }
}

function parametersOf({ parameters }: MeasuredRow): Map<string, string> {
  return new Map(parameters.split(" ").map((pair) => pair.split("=") as [string, string]));
}

/**
 * Parameters as text: those of the workload that are not at their defaults.
 *
 * @param always keys that are shown at their defaults too, and when they are not the workload's
 */
export function changedParameters(
  workload: string,
  parameters: ReadonlyMap<string, string>,
  always: readonly string[] = [],
): string {
  const defaults = workloadTypes.find((type) => type.name === workload)?.parameters ?? {};
  return [...parameters]
    .filter(([key, value]) => always.includes(key) || isChanged(defaults, key, value))
    .map(([key, value]) => `${key}=${value}`)
    .join(" ");
}

/** Whether a row's parameter is one of the workload's and not at its default. */
function isChanged(defaults: ParameterTable, key: string, value: string): boolean {
  const parameter = Object.hasOwn(defaults, key) ? defaults[key] : undefined;
  return parameter !== undefined && String(parameter.default) !== value;
}

/** Round by round; rounds that the base lacks are left out. */
export function minus(series: Series, base: Series): Series {
  const net: Series = new Map();
  for (const [round, value] of series) {
    const harness = base.get(round);
    if (harness !== undefined) net.set(round, value - harness);
  }
  return net;
}

/** The rounds of a series that another one has, too. */
export function sharedWith(series: Series, other: Series): Series {
  return new Map([...series].filter(([round]) => other.has(round)));
}

/** Blocks that a series of rounds is cut into, so that each holds several of its rare events. */
const blockCount = 10;

/** Means of blocks of consecutive rounds. */
export function blockMeans(series: Series): Series {
  const values = [...series].sort(([a], [b]) => a - b).map(([, value]) => value);
  if (values.length === 0) return new Map();
  const size = Math.ceil(values.length / blockCount);
  const means: Series = new Map();
  for (let first = 0; first + size <= values.length; first += size) {
    means.set(means.size, mean(values.slice(first, first + size)));
  }
  return means;
}
