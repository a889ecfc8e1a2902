// Headline numbers of runs, and where their series changed.
//
// Headlines are few: of each case on the simulator what variants are ranked by, of each counted one the mean memory accesses
// of its operations, and natively the ratios of rates and times to the problem's reference variant in the same run. Absolute
// times are never among them: they are the machine's.

import { problemOf } from "../problems/index.ts";
import type { HistoryRow } from "../records/history.ts";
import { parseLabelledMetric } from "../records/labelled.ts";
import type { MeasuredRow } from "../records/record.ts";
import { type ChangePoint, changePoints, exactChanges } from "../statistics/change-points.ts";
import { pairedRatio } from "../statistics/paired.ts";

/** The variant of a problem to which ratios are, and the one that shows no more than the harness. */
export interface Roles {
  readonly reference: string;
  readonly floor: string;
}

/** What ratios are of, and what simulated variants are ranked by, under native names. */
interface Headlines {
  readonly ratios: ReadonlySet<string>;
  readonly simulated: ReadonlySet<string>;
  /** Counters of waits that a watchdog ended: times of such cases are the watchdog's. */
  readonly hangs: ReadonlySet<string>;
}

function headlinesOf(name: string): Headlines {
  const problem = problemOf(name);
  // The quarantine is the one that is not described.
  if (problem === undefined) {
    return {
      ratios: new Set(["teardown-ns", "put-ns", "allocate-ns"]),
      simulated: new Set(["remove-ns", "worker-ns", "bogo-ops-per-s", "puts-per-s"]),
      hangs: new Set(),
    };
  }
  const rates = ["bogo-ops-per-s", ...problem.rates.map(({ metric }) => metric)];
  return {
    ratios: new Set(rates),
    simulated: new Set([...rates, ...(problem.ranking ?? [])]),
    hangs: new Set(problem.counters.flatMap(({ metric, isHang = false }) => (isHang ? [metric] : []))),
  };
}

const accessesMean = /^(?:.+-)?accesses-mean$/;

/** Pairs that say how a case was measured and not what: they are in the other columns, or follow from them. */
const bookkeeping = /^(?:stage|purpose|tasks)=/;

function pairsOf({ parameters }: Pick<MeasuredRow, "parameters">): string[] {
  return parameters.split(" ");
}

function isHeadline({ instrument, metric, assume, process, round }: MeasuredRow, { simulated }: Headlines): boolean {
  if (assume !== "exact" || process !== 0 || round !== 0) return false;
  if (instrument === "traced") return accessesMean.test(parseLabelledMetric(metric)?.name ?? metric);
  return instrument === "simulator" && metric.startsWith("virtual-") && simulated.has(metric.slice("virtual-".length));
}

/** What a row of a history says of a run's records, which know neither when their commit was nor the machine. */
type Measured = Omit<HistoryRow, "commit" | "committed_at" | "machine">;

function measured(row: MeasuredRow, value: number): Measured {
  const { run_id, environment_id, problem, variant, workload, instrument, cpus, metric, unit, better, assume } = row;
  const pairs = [...pairsOf(row).filter((pair) => pair !== "" && !bookkeeping.test(pair)), `seed=${row.seed}`];
  return {
    ...{ run_id, environment_id, problem, variant, workload, instrument: instrument as Measured["instrument"], cpus },
    ...{ parameters: pairs.sort().join(" "), metric, unit, better, assume, value },
  };
}

/** A timed case's rounds of one metric. */
interface Rounds {
  readonly first: MeasuredRow;
  readonly values: Map<number, number>;
}

/** Timed rounds of a run, of which ratios are made. */
class TimedRows {
  readonly #cases = new Map<string, Rounds>();
  readonly #hanging = new Set<string>();

  // A run times a workload of a problem at one size, so these tell its cases apart, and each has one of the reference's.
  #keyOf({ problem, workload, cpus }: MeasuredRow, variant: string): string {
    return [problem, workload, cpus, variant].join("\0");
  }

  add(row: MeasuredRow, { ratios, hangs }: Headlines): void {
    const { metric, round, value } = row;
    if (value === null) return;
    if (hangs.has(metric) && value > 0) this.#hanging.add(this.#keyOf(row, row.variant));
    if (!ratios.has(metric)) return;
    const key = `${this.#keyOf(row, row.variant)}\0${metric}`;
    const rounds = this.#cases.get(key) ?? { first: row, values: new Map() };
    this.#cases.set(key, rounds);
    rounds.values.set(round, value);
  }

  ratios(roles: ReadonlyMap<string, Roles>): Measured[] {
    return [...this.#cases.values()].flatMap(({ first, values }) => {
      const { reference, floor } = roles.get(first.problem) ?? {};
      if (reference === undefined || first.variant === reference || first.variant === floor) return [];
      const referenceKey = this.#keyOf(first, reference);
      const base = this.#cases.get(`${referenceKey}\0${first.metric}`);
      if (base === undefined) return [];
      if (this.#hanging.has(referenceKey) || this.#hanging.has(this.#keyOf(first, first.variant))) return [];
      const found = pairedRatio(values, base.values);
      // A reference that came to nothing in most rounds is no measure.
      if (found === null || !Number.isFinite(found.ratio)) return [];
      return [{ ...measured(first, found.ratio), metric: `${first.metric}-over-${reference}`, unit: "ratio" }];
    });
  }
}

/**
 * The headline numbers of a run, from its records.
 *
 * @param roles by problem
 */
export async function headlineRows(
  rows: AsyncIterable<MeasuredRow>,
  roles: ReadonlyMap<string, Roles>,
): Promise<Measured[]> {
  const exact: Measured[] = [];
  const timed = new TimedRows();
  const known = new Map<string, Headlines>();
  for await (const row of rows) {
    const headlines = known.get(row.problem) ?? headlinesOf(row.problem);
    known.set(row.problem, headlines);
    const pairs = pairsOf(row);
    // Growth and sensitivity have sizes and costs that no other run need have.
    if (!pairs.includes("purpose=answers") || pairs.some((pair) => pair.startsWith("scaled="))) continue;
    if (row.instrument === "native") {
      if (pairs.includes("stage=timed")) timed.add(row, headlines);
    } else if (row.value !== null && isHeadline(row, headlines)) exact.push(measured(row, row.value));
  }
  return [...exact, ...timed.ratios(roles)];
}

/** A value of a series. */
export interface HistoryPoint {
  readonly commit: string;
  readonly committedAt: string;
  readonly runId: string;
  readonly value: number;
}

/** A change, and between which revisions it came: after `good`, at `bad` at the latest. */
export interface SeriesChange extends ChangePoint {
  readonly good: string;
  readonly bad: string;
  /** When `bad` was committed. */
  readonly at: string;
}

/**
 * One number through time. Of ratios there is a series for each machine, by what `machineOf` says of it: what is fast differs
 * between machines.
 */
export interface Series
  extends Pick<
    HistoryRow,
    "problem" | "variant" | "workload" | "instrument" | "cpus" | "parameters" | "metric" | "unit" | "better" | "assume"
  > {
  /** `cil/shadow-buffers/metadata-commits/simulator/virtual-commits-per-s`; series of several sizes share it. */
  readonly name: string;
  /** Null for exact ones, which are the same on all machines. */
  readonly machine: string | null;
  /** By the time of the commit; runs of one commit in the order in which they were added. */
  readonly points: readonly HistoryPoint[];
  readonly changes: readonly SeriesChange[];
}

/** Whether a change is for the worse; null where no direction is. */
export function isWorse({ better }: Pick<Series, "better">, { before, after }: ChangePoint): boolean | null {
  return better === "" ? null : after > before === (better === "lower");
}

/** Orders rows by the time of their commits; equal ones stay as they are. */
function inTime(rows: readonly HistoryRow[]): HistoryRow[] {
  return [...rows].sort((one, other) => Date.parse(one.committed_at) - Date.parse(other.committed_at));
}

function seriesOf(rows: readonly HistoryRow[]): Series {
  const { problem, variant, workload, instrument, cpus, parameters, metric, unit, better, assume, machine } = rows[0]!;
  const points = inTime(rows).map(
    ({ commit, committed_at, run_id, value }): HistoryPoint => ({
      ...{ commit, committedAt: committed_at, runId: run_id, value },
    }),
  );
  const values = points.map(({ value }) => value);
  const changes = assume === "exact" ? exactChanges(values) : changePoints(values);
  return {
    ...{ problem, variant, workload, instrument, cpus, parameters, metric, unit, better, assume },
    name: [problem, variant, workload, instrument, metric].join("/"),
    machine: assume === "exact" ? null : machine,
    points,
    changes: changes.map((change) => ({
      ...change,
      good: points[change.index - 1]!.commit,
      bad: points[change.index]!.commit,
      at: points[change.index]!.committedAt,
    })),
  };
}

/** Each part of a split has two values, so a shorter series of ratios cannot show a change. */
export const ratiosMin = 4;

/** Groups rows to series and looks for changes in each. */
export function historySeries(rows: readonly HistoryRow[]): Series[] {
  const groups = new Map<string, HistoryRow[]>();
  for (const row of rows) {
    const { problem, variant, workload, instrument, cpus, parameters, metric, assume } = row;
    const machine = assume === "exact" ? "" : row.machine;
    const key = [problem, variant, workload, instrument, cpus, parameters, metric, assume, machine].join("\0");
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [row]);
    else group.push(row);
  }
  return [...groups.values()].map(seriesOf);
}

/** Series whose name a pattern matches, in which `*` stands for any text and `?` for any character. */
export function matchingSeries<One extends Pick<Series, "name">>(series: readonly One[], glob: string): One[] {
  const escaped = glob
    .replace(/[.+^${}()|[\]\\]/g, "\\$&")
    .replaceAll("*", ".*")
    .replaceAll("?", ".");
  const pattern = new RegExp(`^${escaped}$`, "s");
  return series.filter(({ name }) => pattern.test(name));
}
