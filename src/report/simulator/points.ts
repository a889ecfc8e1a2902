// From simulated cases to points: what was swept, and what stood still.

import type { CostChange } from "../../statistics/sensitivity.ts";
import type { SimulatedCase, VariantRows } from "../rows.ts";

/** A parameter that was swept. */
export interface Axis {
  readonly key: string;
  /** Parameters that took another value whenever it did. */
  readonly with: readonly string[];
  /** Numbers ascending; other values in the order in which they first appeared. */
  readonly values: readonly string[];
  readonly isNumeric: boolean;
}

/** All variants at one place of the sweeps. */
export interface Point {
  readonly cpus: number;
  /** Value of each axis, by its key. */
  readonly at: ReadonlyMap<string, string>;
  /** Tasks of the workload; null where the rows do not say. */
  readonly tasks: number | null;
  readonly variants: ReadonlyMap<string, VariantRows>;
}

/** The same with one cost of the machine changed. */
export interface ChangedPoint extends Point {
  readonly change: CostChange;
}

/** Cases that differ in their CPUs, in what was swept, and in the costs of the machine only. */
export interface Points {
  /** Empty when nothing but CPUs and costs varied. */
  readonly axes: readonly Axis[];
  /** Parameters that had another value for each count of CPUs. */
  readonly boundToCpus: readonly string[];
  /** CPUs ascending, and for each the axes' values in their order. */
  readonly baseline: readonly Point[];
  readonly changed: readonly ChangedPoint[];
  /** Parameters that were the same for all cases that have them. */
  readonly fixed: ReadonlyMap<string, string>;
}

/** Parameters that say nothing of the workload, nor of the variant. */
const bookkeeping: ReadonlySet<string> = new Set(["machine", "scaled", "stage", "purpose", "swept", "tasks"]);

/** What a case was for; cases of different purposes are not points of one sweep. */
export function purposeOf({ parameters }: SimulatedCase): string {
  return parameters.get("purpose") ?? "";
}

/** The cost that was changed, from `l3*0.5`; null in the baseline. */
function changeOf({ parameters }: SimulatedCase): CostChange | null {
  const [, cost, factor] = /^(.+)\*([\d.e+-]+)$/.exec(parameters.get("scaled") ?? "") ?? [];
  return cost === undefined ? null : { cost, factor: Number(factor) };
}

/** Values of each parameter by the variant that has it. */
function valuesByKey(cases: readonly SimulatedCase[]): Map<string, Map<string, Set<string>>> {
  const found = new Map<string, Map<string, Set<string>>>();
  for (const { variant, parameters } of cases) {
    for (const [key, value] of parameters) {
      if (bookkeeping.has(key)) continue;
      const variants = found.get(key) ?? new Map<string, Set<string>>();
      const values = variants.get(variant) ?? new Set<string>();
      found.set(key, variants.set(variant, values.add(value)));
    }
  }
  return found;
}

function isNumber(text: string): boolean {
  return text !== "" && Number.isFinite(Number(text));
}

/** Numbers ascending; anything else as it comes. */
function inOrder(values: readonly string[]): string[] {
  return values.every(isNumber) ? [...values].sort((a, b) => Number(a) - Number(b)) : [...values];
}

/** Which cases have the same value, whatever it is. */
function partitionBy(key: string, cases: readonly SimulatedCase[]): string {
  const numbers = new Map<string, number>();
  return cases
    .map(({ parameters }) => {
      const value = parameters.get(key) ?? "";
      if (!numbers.has(value)) numbers.set(value, numbers.size);
      return numbers.get(value);
    })
    .join();
}

function axesOf(keys: readonly string[], cases: readonly SimulatedCase[]): Axis[] {
  const byPartition = new Map<string, string[]>();
  for (const key of keys) {
    const partition = partitionBy(key, cases);
    byPartition.set(partition, [...(byPartition.get(partition) ?? []), key]);
  }
  const asked = new Set(cases.flatMap(({ parameters }) => parameters.get("swept")?.split(",") ?? []));
  return [...byPartition.values()].map((alike) => {
    // What was asked for, before what follows from it.
    const key = alike.find((one) => asked.has(one)) ?? alike[0]!;
    const others = alike.filter((one) => one !== key);
    const values = inOrder([...new Set(cases.map(({ parameters }) => parameters.get(key) ?? ""))]);
    return { key, with: others, values, isNumeric: values.every(isNumber) };
  });
}

/** @param cases of one workload, machine and purpose */
export function pointsOf(cases: readonly SimulatedCase[]): Points {
  const baseline = cases.filter((one) => changeOf(one) === null);
  const byKey = valuesByKey(baseline);
  const varying = [...byKey].filter(([, variants]) => [...variants.values()].some((values) => values.size > 1));
  const counts = new Set(baseline.map(({ cpus }) => cpus));
  const isBound = (key: string): boolean =>
    counts.size > 1 &&
    [...counts].every((count) => {
      const values = baseline.flatMap(({ cpus, parameters }) => (cpus === count ? [parameters.get(key)] : []));
      return new Set(values).size === 1;
    });
  const keys = varying.map(([key]) => key);
  const boundToCpus = keys.filter(isBound);
  const axes = axesOf(
    keys.filter((key) => !boundToCpus.includes(key)),
    baseline,
  );
  const fixed = [...byKey].flatMap(([key, variants]) => {
    const [value, ...others] = new Set([...variants.values()].flatMap((values) => [...values]));
    return value === undefined || others.length > 0 ? [] : [[key, value] as const];
  });

  const gathered = new Map<
    string,
    Point & { readonly variants: Map<string, VariantRows>; change: CostChange | null }
  >();
  for (const one of cases) {
    const at = new Map(axes.map(({ key }) => [key, one.parameters.get(key) ?? ""]));
    const change = changeOf(one);
    const key = JSON.stringify([one.cpus, ...at.values(), change]);
    const tasks = Number(one.parameters.get("tasks")) || null;
    const point = gathered.get(key) ?? { cpus: one.cpus, at, tasks, variants: new Map(), change };
    point.variants.set(one.variant, one.rows);
    gathered.set(key, point);
  }
  const placeOf = ({ at }: Point): number[] => axes.map(({ key, values }) => values.indexOf(at.get(key)!));
  const sorted = [...gathered.values()].sort((one, other) => {
    if (one.cpus !== other.cpus) return one.cpus - other.cpus;
    const [a, b] = [placeOf(one), placeOf(other)];
    const axis = a.findIndex((place, index) => place !== b[index]);
    return axis < 0 ? 0 : a[axis]! - b[axis]!;
  });
  return {
    axes,
    boundToCpus,
    baseline: sorted.flatMap(({ change, ...point }) => (change === null ? [point] : [])),
    changed: sorted.flatMap(({ change, ...point }) => (change === null ? [] : [{ ...point, change }])),
    fixed: new Map(fixed),
  };
}

/** Whether two points have the same values, but for one axis that is left out of account. */
export function isAlike(one: Point, other: Point, but?: string): boolean {
  return [...one.at].every(([key, value]) => key === but || other.at.get(key) === value);
}

/** `cgroups=1000, hz=250`; empty without axes. */
export function placeText(at: ReadonlyMap<string, string>): string {
  return [...at].map(([key, value]) => `${key}=${value}`).join(", ");
}
