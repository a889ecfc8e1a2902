// What the simulated cases of a workload answer: who gets how much done on how many CPUs, how that scales, who changes
// places with whom, where the time goes, and whether the ranking depends on a cost of the machine.

import { median } from "simple-statistics";
import { findCrossovers, type PairCrossovers } from "../../statistics/crossover.ts";
import { growthExponent } from "../../statistics/least-squares.ts";
import { analyseSensitivity, type Sensitivity } from "../../statistics/sensitivity.ts";
import { fitUsl, type UslFit, type UslRefusal } from "../../statistics/usl.ts";
import type { Roles } from "../part.ts";
import { changedParameters, type SimulatedCase, type SimulatedRows, simulated, type VariantRows } from "../rows.ts";
import type { Role } from "../tables.ts";
import { type Axis, isAlike, type Point, type Points, pointsOf, purposeOf } from "./points.ts";
import { type Measure, measuresOf, type Quantity, readValue, type View, type Work, workOf } from "./view.ts";

/** Two values are level when they differ by less of the larger one. */
export const levelTolerance = 0.01;

/** Counts of CPUs that a law of scalability takes; with three, its three unknowns fit anything. */
export const lawCountsMin = 4;

export interface SimulatedVariant {
  readonly id: string;
  readonly role: Role;
  readonly isVoid: boolean;
}

/** A number of each variant along a sweep; what is missing was not simulated, or has no such number. */
export type Values<X> = ReadonlyMap<string, ReadonlyMap<X, number>>;

/** One variant's fit to the Universal Scalability Law. */
export interface Law {
  readonly id: string;
  readonly law: UslFit | UslRefusal;
  /** The count of CPUs with the highest rate that was simulated. */
  readonly best: number;
}

/** A sweep over CPUs. */
export interface Curve {
  readonly at: ReadonlyMap<string, string>;
  readonly cpus: readonly number[];
  /** Of these the counts for all variants; others are for two that change places near there. */
  readonly common: readonly number[];
  /** By measure, the foremost first, and variant. */
  readonly values: readonly Values<number>[];
  /** Of the foremost measure that is a rate; empty without one, and with too few counts. */
  readonly laws: readonly Law[];
  /** Counts of CPUs that the laws are fitted to: those that the workload has a task for each of. */
  readonly fitted: readonly number[];
  /** By the foremost measure, of those that take part in a ranking and are not the same as another. */
  readonly pairs: readonly PairCrossovers[];
  /** Variants that have the same values as one before them at every place. */
  readonly twins: readonly Twin[];
}

export interface Twin {
  readonly id: string;
  readonly of: string;
}

/** A cost along a sweep, for its law of growth. */
export interface Cost {
  readonly name: string;
  /** In ns. */
  readonly values: Values<string>;
  /** Exponent of the cost over the swept parameter by variant; null where it has none. */
  readonly exponents: ReadonlyMap<string, number | null>;
}

/** A sweep over a parameter. */
export interface Sweep {
  readonly axis: Axis;
  readonly cpus: number;
  /** Values of the other axes. */
  readonly at: ReadonlyMap<string, string>;
  /** By the foremost measure and variant. */
  readonly values: Values<string>;
  /** Null where the parameter is no number; as those of a curve. */
  readonly pairs: readonly PairCrossovers[] | null;
  readonly twins: readonly Twin[];
  /** The foremost costs, and the others of which some variant's depends on the parameter. */
  readonly costs: readonly Cost[];
  readonly others: readonly Cost[];
  /** Names of those others that depend on it in no variant. */
  readonly constants: readonly string[];
}

/** Distribution of the time that callers of an operation waited. */
export interface Latency {
  readonly count: number;
  readonly p50Ns: number;
  /** Null with fewer than 100 durations. */
  readonly p99Ns: number | null;
  readonly maxNs: number;
}

/** Lines of one name, of the hottest, that CPUs took from each other. */
export interface HotLines {
  readonly name: string;
  readonly lines: number;
  readonly transfers: number;
  /** Time that transfers waited for others of the same line. */
  readonly waitedNs: number;
}

/** Everything of one variant at one point. */
export interface Detail extends SimulatedVariant {
  /** By measure, the foremost first. */
  readonly values: readonly (number | null)[];
  /** What a reader has to know if it is best. */
  readonly remark: string | null;
  /** How many bogo-ops, or else visits, it did; null where nobody did any. */
  readonly done: number | null;
  /** The problem's own columns. */
  readonly own: readonly (number | null)[];
  /** CPUs that were busy on average. */
  readonly utilisation: number | null;
  /** Shares of time that single CPUs were busy; null where the run did not record them. */
  readonly busy: { readonly least: number; readonly median: number; readonly most: number } | null;
  /** Lines fetched from other cores' caches, and of these from another socket's. */
  readonly transfers: number | null;
  readonly transfersAcross: number | null;
  readonly contextSwitches: number | null;
  readonly interrupts: number | null;
  /** By flavour. */
  readonly gracePeriods: ReadonlyMap<string, number>;
  readonly irqOffNsMax: number | null;
  readonly longestHold: { readonly lock: string; readonly ns: number } | null;
  /** By operation. */
  readonly latencies: ReadonlyMap<string, Latency>;
  /** Share of all CPUs' time by innermost symbol, idle included, most first. */
  readonly profile: ReadonlyMap<string, number>;
  /** Most transfers first. */
  readonly lines: readonly HotLines[];
}

export interface SimulatedAnswers {
  readonly machine: string;
  /** Parameters that are not at their defaults, and were the same in all cases. */
  readonly parameters: string;
  readonly boundToCpus: readonly string[];
  /** In the order in which to show them; only those with rows. */
  readonly variants: readonly SimulatedVariant[];
  /** What variants are ranked by, the foremost first; empty where nothing came out that can be ranked. */
  readonly measures: readonly Measure[];
  readonly work: Work | null;
  /** The problem's own columns. */
  readonly columns: readonly Quantity[];
  /** What was swept besides CPUs. */
  readonly axes: readonly Axis[];
  /** CPU counts, ascending. */
  readonly cpus: readonly number[];
  /** Empty with one count of CPUs. */
  readonly curves: readonly Curve[];
  readonly sweeps: readonly Sweep[];
  /** The largest count of CPUs, and of that the last values of what was swept. */
  readonly main: {
    readonly cpus: number;
    readonly at: ReadonlyMap<string, string>;
    readonly variants: readonly Detail[];
  };
  /** By place, the main one last; empty where no costs were changed, or there was nothing to rank. */
  readonly sensitivities: readonly PlacedSensitivity[];
}

/** What changes of the machine's costs do to a ranking. */
export interface PlacedSensitivity {
  readonly cpus: number;
  readonly at: ReadonlyMap<string, string>;
  readonly found: Sensitivity;
  /** Costs that were changed, and by what. */
  readonly costs: readonly string[];
  readonly factors: readonly number[];
}

/** Whether a variant takes part in rankings. */
export function isRanked({ role, isVoid }: SimulatedVariant): boolean {
  return role !== "floor" && !isVoid;
}

/** The curve over CPUs that ends at the main point; undefined with one count of CPUs there. */
export function mainCurve({ curves, main }: SimulatedAnswers): Curve | undefined {
  return curves.find(({ at }) => [...at].every(([key, value]) => main.at.get(key) === value));
}

/** Values of each variant along points that have an x each. */
function valuesOf<X>(
  ids: readonly string[],
  points: readonly Point[],
  xOf: (point: Point) => X,
  read: (rows: VariantRows) => number | null,
): Values<X> {
  return new Map(
    ids.map((id) => {
      const values = points.flatMap((point) => {
        const rows = point.variants.get(id);
        const value = rows === undefined ? null : read(rows);
        return value === null ? [] : [[xOf(point), value] as const];
      });
      return [id, new Map(values)];
    }),
  );
}

/** Numbers under other keys, for those who compare along numbers. */
function byNumber(values: Values<string>): Values<number> {
  return new Map([...values].map(([id, series]) => [id, new Map([...series].map(([x, value]) => [Number(x), value]))]));
}

function rankedOnly<X>(values: Values<X>, variants: readonly SimulatedVariant[]): Values<X> {
  return new Map([...values].filter(([id]) => variants.some((one) => one.id === id && isRanked(one))));
}

/** Who changes places with whom; of variants that are the same everywhere the first speaks for all. */
function placesOf(values: Values<number>, better: Measure["better"]): Pick<Curve, "pairs" | "twins"> {
  const distinct = new Map<string, ReadonlyMap<number, number>>();
  const twins: Twin[] = [];
  for (const [id, series] of values) {
    const same = [...distinct].find(([, other]) => isSame(series, other));
    if (same === undefined || series.size === 0) distinct.set(id, series);
    else twins.push({ id, of: same[0] });
  }
  return { pairs: findCrossovers(distinct, { better, tolerance: levelTolerance }), twins };
}

function isSame(one: ReadonlyMap<number, number>, other: ReadonlyMap<number, number>): boolean {
  return one.size === other.size && [...one].every(([x, value]) => other.get(x) === value);
}

/**
 * Places that all variants were to be simulated at, not only two that change places near there: those of the floor, or
 * without one those at which at least half of the variants have a value.
 */
export function commonOf<X>(values: Values<X>, xs: readonly X[], variants: readonly SimulatedVariant[]): X[] {
  const floor = variants.find(({ role }) => role === "floor");
  const ofFloor = floor === undefined ? undefined : values.get(floor.id);
  if (ofFloor !== undefined && ofFloor.size > 0) return xs.filter((x) => ofFloor.has(x));
  const all = [...values.values()].filter(({ size }) => size > 0);
  return xs.filter((x) => 2 * all.filter((series) => series.has(x)).length >= all.length);
}

function lawsOf(values: Values<number>, fitted: readonly number[], variants: readonly SimulatedVariant[]): Law[] {
  const laws: Law[] = [];
  for (const [id, series] of rankedOnly(values, variants)) {
    const all = [...series].map(([cpus, throughput]) => ({ cpus, throughput }));
    const points = all.filter(({ cpus }) => fitted.includes(cpus));
    if (points.length < lawCountsMin) continue;
    const best = all.reduce((most, one) => (one.throughput > most.throughput ? one : most));
    laws.push({ id, law: fitUsl(points), best: best.cpus });
  }
  return laws;
}

/** Sweeps over CPUs, one for each place on the axes that has several counts of them. */
function curvesOf(
  { baseline }: Points,
  variants: readonly SimulatedVariant[],
  measures: readonly Measure[],
): readonly Curve[] {
  const ids = variants.map(({ id }) => id);
  const [first] = measures;
  if (first === undefined) return [];
  const rate = measures.findIndex(({ better }) => better === "higher");
  const groups: Point[][] = [];
  for (const point of baseline) {
    const group = groups.find(([one]) => isAlike(one!, point));
    if (group === undefined) groups.push([point]);
    else group.push(point);
  }
  return groups.flatMap((points) => {
    const cpus = points.map((point) => point.cpus);
    if (cpus.length < 2) return [];
    const values = measures.map(({ read }) => valuesOf(ids, points, (point) => point.cpus, read));
    const foremost = values[0]!;
    // With fewer tasks than CPUs, some CPUs have nothing to do, which no law of scalability is about.
    const fitted = points.flatMap(({ cpus: count, tasks }) => (tasks !== null && tasks < count ? [] : [count]));
    return [
      {
        at: points[0]!.at,
        cpus,
        common: commonOf(foremost, cpus, variants),
        values,
        laws: rate < 0 ? [] : lawsOf(values[rate]!, fitted, variants),
        fitted,
        ...placesOf(rankedOnly(foremost, variants), first.better),
      },
    ];
  });
}

/** A cost whose most is less than this many times its least does not depend on what was swept. */
const dependenceMin = 1.5;

type ReadCost = Pick<Quantity, "name" | "read">;

/** Costs whose growth a sweep shows besides the foremost ones. */
function otherCosts(all: readonly VariantRows[], view: View): ReadCost[] {
  const operations = new Set(all.flatMap((rows) => operationsOf(rows, view)));
  return [
    ...[...operations].map((operation) => ({
      name: `${operation}, median`,
      read: (rows: VariantRows) => latencyOf(rows, operation)?.p50Ns ?? null,
    })),
    { name: "lock held, most", read: (rows) => longestHoldOf(rows)?.ns ?? null },
    { name: "interrupts off, most", read: (rows) => readValue(rows, "virtual-irq-off-ns-max") },
  ];
}

function sweepOf(
  axis: Axis,
  points: readonly Point[],
  variants: readonly SimulatedVariant[],
  measure: Measure,
  view: View,
): Sweep | null {
  const ids = variants.map(({ id }) => id);
  const xOf = (point: Point): string => point.at.get(axis.key)!;
  // The last of the fullest groups: those that come later have larger values of the other axes.
  const groups = points.map((point) =>
    points.filter((other) => other.cpus === point.cpus && isAlike(point, other, axis.key)),
  );
  const mostCpus = Math.max(...points.map(({ cpus }) => cpus));
  const fitting = groups.filter(([one]) => one!.cpus === mostCpus);
  const group = fitting.reduce((fullest, one) => (one.length >= fullest.length ? one : fullest), fitting[0] ?? []);
  if (group.length < 2) return null;
  const values = valuesOf(ids, group, xOf, measure.read);
  const rows = group.flatMap((point) => [...point.variants.values()]);
  const costOf = ({ name, read }: ReadCost): Cost => {
    const ofCost = rankedOnly(valuesOf(ids, group, xOf, read), variants);
    const exponents = [...ofCost].map(([id, series]) => {
      const known = axis.isNumeric ? [...series].map(([x, value]) => [Number(x), value] as const) : [];
      return [id, growthExponent(known)] as const;
    });
    return { name, values: ofCost, exponents: new Map(exponents) };
  };
  const isKnown = ({ values: ofCost }: Cost): boolean =>
    [...ofCost.values()].some((series) => [...series.values()].some((value) => value > 0));
  const foremost = [...(measure.better === "lower" ? [measure] : []), ...view.costs];
  const others = otherCosts(rows, view).map(costOf).filter(isKnown);
  const places = placesOf(axis.isNumeric ? byNumber(rankedOnly(values, variants)) : new Map(), measure.better);
  return {
    axis,
    cpus: group[0]!.cpus,
    at: new Map([...group[0]!.at].filter(([key]) => key !== axis.key)),
    values,
    pairs: axis.isNumeric ? places.pairs : null,
    twins: places.twins,
    costs: foremost.map(costOf).filter(isKnown),
    others: others.filter(dependsOnAxis),
    constants: others.filter((one) => !dependsOnAxis(one)).map(({ name }) => name),
  };
}

function dependsOnAxis({ values }: Cost): boolean {
  return [...values.values()].some((series) => {
    const all = [...series.values()];
    return all.length > 1 && Math.max(...all) >= dependenceMin * Math.min(...all);
  });
}

/** Operations whose callers' waits were recorded, and are shown: `unregister`. */
function operationsOf(rows: VariantRows, { operations }: View): string[] {
  const recorded = rows
    .distributionNames(simulated)
    .flatMap((name) => /^virtual-(.+)-latency-ns$/.exec(name)?.[1] ?? []);
  return operations?.filter((one) => recorded.includes(one)) ?? recorded;
}

function latencyOf(rows: VariantRows, operation: string): Latency | null {
  const histogram = rows.distribution(simulated, `virtual-${operation}-latency-ns`);
  if (histogram === null) return null;
  const { count } = histogram;
  return {
    count,
    p50Ns: histogram.quantile(0.5)!,
    p99Ns: count < 100 ? null : histogram.quantile(0.99),
    maxNs: histogram.max!,
  };
}

function longestHoldOf(rows: VariantRows): Detail["longestHold"] {
  const holds = [...rows.labelled(simulated, "virtual-lock-hold-ns-max")].map(([lock, ns]) => ({ lock, ns }));
  if (holds.length === 0) return null;
  return holds.reduce((longest, one) => (one.ns > longest.ns ? one : longest));
}

/** Shares of a whole, most first. */
function sharesOf(amounts: ReadonlyMap<string, number>): Map<string, number> {
  const total = [...amounts.values()].reduce((sum, amount) => sum + amount, 0);
  if (total === 0) return new Map();
  return new Map([...amounts].map(([key, amount]) => [key, amount / total] as const).sort(([, a], [, b]) => b - a));
}

/** How busy single CPUs were, from rows that name CPU and symbol. */
function busyOf(rows: VariantRows): Detail["busy"] {
  const cpus = new Map<string, { total: number; idle: number }>();
  for (const [label, ns] of rows.labelled(simulated, "cpu-symbol-ns")) {
    const [, cpu = "", symbol] = /^(\d+) (.+)$/.exec(label) ?? [];
    const one = cpus.get(cpu) ?? { total: 0, idle: 0 };
    one.total += ns;
    if (symbol === "idle") one.idle += ns;
    cpus.set(cpu, one);
  }
  const shares = [...cpus.values()].flatMap(({ total, idle }) => (total > 0 ? [1 - idle / total] : []));
  if (shares.length === 0) return null;
  return { least: Math.min(...shares), median: median(shares), most: Math.max(...shares) };
}

/** Of lines with one name all but the first have a number behind it: what counts is what they hold. */
function linesOf(rows: VariantRows): HotLines[] {
  const waited = rows.labelled(simulated, "line-waited-ns");
  const found = new Map<string, HotLines>();
  for (const [label, transfers] of rows.labelled(simulated, "line-transfers")) {
    const name = label.replace(/ \d+$/, "");
    const sum = found.get(name) ?? { name, lines: 0, transfers: 0, waitedNs: 0 };
    found.set(name, {
      name,
      lines: sum.lines + 1,
      transfers: sum.transfers + transfers,
      waitedNs: sum.waitedNs + (waited.get(label) ?? 0),
    });
  }
  return [...found.values()].sort((one, other) => other.transfers - one.transfers);
}

/** Where a line comes from when another core had it. */
const transferSources = ["same-cluster", "same-socket", "other-socket"];

function detailOf(
  variant: SimulatedVariant,
  rows: VariantRows,
  { view, measures, work }: { readonly view: View; readonly measures: readonly Measure[]; readonly work: Work | null },
): Detail {
  const fetched = rows.labelled(simulated, "fetched");
  const transfers = transferSources.reduce((sum, source) => sum + (fetched.get(source) ?? 0), 0);
  return {
    ...variant,
    values: measures.map(({ read }) => read(rows)),
    remark: view.remarkOf?.(rows) ?? null,
    done: work?.read(rows) ?? null,
    own: view.columns.map(({ read }) => read(rows)),
    utilisation: readValue(rows, "utilisation"),
    busy: busyOf(rows),
    transfers: fetched.size === 0 ? null : transfers,
    transfersAcross: fetched.size === 0 ? null : (fetched.get("other-socket") ?? 0),
    contextSwitches: readValue(rows, "context-switches"),
    interrupts: readValue(rows, "interrupts"),
    gracePeriods: rows.labelled(simulated, "grace-periods"),
    irqOffNsMax: readValue(rows, "virtual-irq-off-ns-max"),
    longestHold: longestHoldOf(rows),
    latencies: new Map(operationsOf(rows, view).map((operation) => [operation, latencyOf(rows, operation)!])),
    profile: sharesOf(rows.labelled(simulated, "symbol-ns")),
    lines: linesOf(rows),
  };
}

/** Values of the ranked variants at one point. */
function rankedAt(point: Point, variants: readonly SimulatedVariant[], measure: Measure): Map<string, number | null> {
  return new Map(
    variants.filter(isRanked).map(({ id }) => {
      const rows = point.variants.get(id);
      return [id, rows === undefined ? null : measure.read(rows)];
    }),
  );
}

function sensitivitiesOf(
  { baseline, changed }: Points,
  variants: readonly SimulatedVariant[],
  measure: Measure,
  reference: string,
): PlacedSensitivity[] {
  return baseline.flatMap((point) => {
    const known = [...rankedAt(point, variants, measure)].flatMap(([id, value]) =>
      value === null ? [] : [[id, value] as const],
    );
    const values = new Map(known);
    const runs = changed
      .filter((one) => one.cpus === point.cpus && isAlike(one, point))
      .map((one) => ({ ...one.change, values: rankedAt(one, variants, measure) }));
    if (runs.length === 0 || !values.has(reference) || values.size < 2) return [];
    return [
      {
        cpus: point.cpus,
        at: point.at,
        found: analyseSensitivity(values, runs, { better: measure.better, reference, tolerance: levelTolerance }),
        costs: [...new Set(runs.map(({ cost }) => cost))],
        factors: [...new Set(runs.map(({ factor }) => factor))].sort((a, b) => a - b),
      },
    ];
  });
}

/** Cases of each purpose, those that answer first. */
function byPurpose(cases: readonly SimulatedCase[]): (readonly SimulatedCase[])[] {
  const purposes = [...new Set(cases.map(purposeOf))];
  const first = purposes.includes("answers") ? "answers" : purposes[0];
  const others = purposes.filter((purpose) => purpose !== first);
  return [first, ...others].map((purpose) => cases.filter((one) => purposeOf(one) === purpose));
}

function answerMachine(
  workload: string,
  machine: string,
  cases: readonly SimulatedCase[],
  { roles, view }: { readonly roles: Roles; readonly view: View },
): SimulatedAnswers {
  const families = byPurpose(cases);
  const points = pointsOf(families[0]!);
  const variants = roles.order
    .filter((id) => cases.some((one) => one.variant === id))
    .map((id): SimulatedVariant => {
      const role = id === roles.reference ? "reference" : id === roles.floor ? "floor" : "";
      return { id, role, isVoid: roles.voids?.has(id) ?? false };
    });
  const all = points.baseline.flatMap((point) => [...point.variants.values()]);
  const measures = measuresOf(view, all);
  const work = workOf(view, all);
  const sweeps = families.flatMap((family) => {
    const own = pointsOf(family);
    const [measure] = measuresOf(
      view,
      own.baseline.flatMap((point) => [...point.variants.values()]),
    );
    if (measure === undefined) return [];
    return own.axes.flatMap((axis) => sweepOf(axis, own.baseline, variants, measure, view) ?? []);
  });
  const main = points.baseline.at(-1);
  return {
    machine,
    parameters: changedParameters(workload, points.fixed, ["hz", "virtual-ms"]),
    boundToCpus: points.boundToCpus,
    variants,
    measures,
    work,
    columns: view.columns,
    axes: points.axes,
    cpus: [...new Set(points.baseline.map(({ cpus }) => cpus))],
    curves: curvesOf(points, variants, measures),
    sweeps,
    main: {
      cpus: main?.cpus ?? 0,
      at: main?.at ?? new Map(),
      variants: variants.flatMap((variant) => {
        const rows = main?.variants.get(variant.id);
        return rows === undefined ? [] : [detailOf(variant, rows, { view, measures, work })];
      }),
    },
    sensitivities: measures[0] === undefined ? [] : sensitivitiesOf(points, variants, measures[0], roles.reference),
  };
}

/** Answers of the simulated cases of a workload, one for each machine. */
export function answerSimulated(workload: string, rows: SimulatedRows, roles: Roles, view: View): SimulatedAnswers[] {
  return [...rows.casesOf(workload)].map(([machine, cases]) =>
    answerMachine(workload, machine, cases, { roles, view }),
  );
}
