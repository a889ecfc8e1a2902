// Sweeps over CPUs: who gets how much done on how many, and how that scales.

import { fitUsl } from "../../statistics/usl.ts";
import type { Curve, Law, SimulatedVariant, Values } from "./model.ts";
import { isAlike, type Point, type Points } from "./points.ts";
import { commonOf, isLevel, placesOf, rankedOnly, valuesOf } from "./series.ts";
import type { Measure } from "./view.ts";

/** Counts of CPUs that a law of scalability takes; with three, its three unknowns fit anything. */
export const lawCountsMin = 4;

function lawsOf(values: Values<number>, fitted: readonly number[], variants: readonly SimulatedVariant[]): Law[] {
  const laws: Law[] = [];
  for (const [id, series] of rankedOnly(values, variants)) {
    const all = [...series].map(([cpus, throughput]) => ({ cpus, throughput }));
    const points = all.filter(({ cpus }) => fitted.includes(cpus));
    if (points.length < lawCountsMin) continue;
    const most = Math.max(...all.map(({ throughput }) => throughput));
    const best = Math.min(...all.flatMap(({ cpus, throughput }) => (isLevel(throughput, most) ? [cpus] : [])));
    laws.push({ id, law: fitUsl(points), best });
  }
  return laws;
}

/** Sweeps over CPUs, one for each place on the axes that has several counts of them. */
export function curvesOf(
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
