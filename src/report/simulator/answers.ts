// What the simulated cases of a workload answer: who gets how much done on how many CPUs, how that scales, who changes
// places with whom, where the time goes, and whether the ranking depends on a cost of the machine.

import { analyseSensitivity } from "../../statistics/sensitivity.ts";
import type { Roles } from "../part.ts";
import { changedParameters, type SimulatedCase, type SimulatedRows } from "../rows.ts";
import { curvesOf } from "./curves.ts";
import { detailOf } from "./detail.ts";
import {
  isRanked,
  levelTolerance,
  type Objection,
  type Place,
  type PlacedSensitivity,
  type SimulatedAnswers,
  type SimulatedVariant,
} from "./model.ts";
import { isAlike, type Point, type Points, pointsOf, purposeOf } from "./points.ts";
import { behindOf, commonOf, leadersOf, rankedOnly, valuesOf } from "./series.ts";
import { sweepOf } from "./sweeps.ts";
import { type Measure, measuresOf, type View, workOf } from "./view.ts";

export { levelTolerance };

/** Values of the ranked variants at one point. */
function rankedAt(point: Point, variants: readonly SimulatedVariant[], measure: Measure): Map<string, number | null> {
  return new Map(
    variants.filter(isRanked).map(({ id }) => {
      const rows = point.variants.get(id);
      return [id, rows === undefined ? null : measure.read(rows)];
    }),
  );
}

/** The best at each point that all variants were to be simulated at. */
function bestAt({ baseline }: Points, variants: readonly SimulatedVariant[], measures: readonly Measure[]): Place[] {
  const indexOf = (point: Point): number => baseline.indexOf(point);
  const ids = variants.map(({ id }) => id);
  const values = measures.map(({ read }) => valuesOf(ids, baseline, indexOf, read));
  const [foremost] = values;
  if (foremost === undefined) return [];
  return commonOf(foremost, [...baseline.keys()], variants).map((index) => {
    const { cpus, at } = baseline[index]!;
    const best = leadersOf(foremost, index, variants, measures[0]!);
    const own = [...rankedOnly(foremost, variants)].flatMap(([id, series]) => {
      const value = series.get(index);
      return value === undefined ? [] : [[id, value] as const];
    });
    return { cpus, at, best, values: new Map(own), behind: behindOf(best, values, index, variants, measures) };
  });
}

/** What cases show of constraints, with the machine's own costs. */
function judgementsOf(
  families: readonly Points[],
  variants: readonly SimulatedVariant[],
  { judges = [] }: View,
  reference: string,
): Pick<SimulatedAnswers, "objections" | "judged"> {
  const objections: Objection[] = [];
  const judged = new Map(
    judges.flatMap(({ constraint, isJudged }) => (isJudged === undefined ? [] : [[constraint, new Set<string>()]])),
  );
  for (const { baseline, fixed } of families) {
    for (const { cpus, at, tasks, variants: cases } of baseline) {
      const sharing = tasks !== null && tasks > cpus;
      const parameters = new Map([...fixed, ...at]);
      const base = cases.get(reference) ?? null;
      for (const { id } of variants.filter(isRanked)) {
        const rows = cases.get(id);
        if (rows === undefined) continue;
        for (const { constraint, objectionOf, isJudged, withOwnCpus = false } of judges) {
          if (withOwnCpus && sharing) continue;
          const text = objectionOf(rows, parameters, base);
          if (text !== null) objections.push({ variant: id, constraint, text, cpus, at });
          if (isJudged?.(rows, parameters, base) === true) judged.get(constraint)!.add(id);
        }
      }
    }
  }
  return { objections, judged: new Map([...judged].map(([constraint, ids]) => [constraint, [...ids]])) };
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
    // Where the reference hangs it has no value, and the first that has one takes its place.
    const base = values.has(reference) ? reference : [...values.keys()][0];
    if (runs.length === 0 || base === undefined || values.size < 2) return [];
    return [
      {
        cpus: point.cpus,
        at: point.at,
        found: analyseSensitivity(values, runs, { better: measure.better, reference: base, tolerance: levelTolerance }),
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
  const families = byPurpose(cases).map(pointsOf);
  const points = families[0]!;
  const variants = roles.order
    .filter((id) => cases.some((one) => one.variant === id))
    .map((id): SimulatedVariant => {
      const role = id === roles.reference ? "reference" : id === roles.floor ? "floor" : "";
      const isDefective = roles.defects?.has(id) ?? false;
      return { id, role, isVoid: roles.voids?.has(id) ?? false, ...(isDefective ? { isDefective } : {}) };
    });
  const all = points.baseline.flatMap((point) => [...point.variants.values()]);
  const measures = measuresOf(view, all);
  const work = workOf(view, all);
  const sweeps = families.flatMap((own) => {
    const [measure] = measuresOf(
      view,
      own.baseline.flatMap((point) => [...point.variants.values()]),
    );
    if (measure === undefined) return [];
    return own.axes.flatMap((axis) => sweepOf(axis, own.baseline, variants, measure, view) ?? []);
  });
  const main = points.baseline.at(-1);
  const virtualMs = Number(points.fixed.get("virtual-ms") ?? 0);
  const caveat = view.caveatOf?.(points.fixed) ?? null;
  return {
    workload,
    machine,
    isIncomplete: roles.unsimulated?.has(workload) ?? false,
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
    ...judgementsOf(families, variants, view, roles.reference),
    places: bestAt(points, variants, measures),
    virtualMs: virtualMs > 0 ? virtualMs : null,
    caveats: caveat === null ? [] : [caveat],
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
