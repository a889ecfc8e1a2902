// Sweeps over a parameter of the workload: who changes places, and how costs grow.

import { mean } from "simple-statistics";
import { growthExponent } from "../../statistics/least-squares.ts";
import type { VariantRows } from "../rows.ts";
import { latencyOf, longestHoldOf, operationsOf } from "./detail.ts";
import type { Cost, Growth, SimulatedVariant, Sweep } from "./model.ts";
import { type Axis, isAlike, type Point } from "./points.ts";
import { byNumber, placesOf, rankedOnly, valuesOf } from "./series.ts";
import { type Measure, type Quantity, readValue, type View } from "./view.ts";

/** A cost whose most is less than this many times its least does not depend on what was swept. */
const dependenceMin = 1.5;

/** Places that a law of growth takes: a line goes through any two. */
const growthPlacesMin = 3;

/** The power of a cost over what was swept, and how far from it the cost is at most. */
function growthOf(points: readonly (readonly [x: number, cost: number])[]): Growth | null {
  if (points.length < growthPlacesMin) return null;
  const exponent = growthExponent(points);
  if (exponent === null) return null;
  // The line through the logarithms goes through their means.
  const offsets = points.map(([x, cost]) => Math.log(cost) - exponent * Math.log(x));
  const offset = mean(offsets);
  return { exponent, worst: Math.exp(Math.max(...offsets.map((one) => Math.abs(one - offset)))) };
}

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

export function sweepOf(
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
    const growth = [...ofCost].map(([id, series]) => {
      const known = axis.isNumeric ? [...series].map(([x, value]) => [Number(x), value] as const) : [];
      return [id, growthOf(known)] as const;
    });
    return { name, values: ofCost, growth: new Map(growth) };
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
