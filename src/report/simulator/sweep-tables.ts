// Tables along a sweep: a value per variant and place.

import { formatNs, formatNumber, formatRatio, ratioOf } from "../format.ts";
import { type Table, variantCell, withoutEmptyColumns } from "../tables.ts";
import { type Held, heldMark, isHeld } from "./held.ts";
import {
  type Cost,
  type Curve,
  type Growth,
  isRanked,
  type SimulatedAnswers,
  type SimulatedVariant,
  type Sweep,
  type Values,
} from "./model.ts";
import { cpusText } from "./places.ts";
import type { Axis } from "./points.ts";
import { behindOf, commonOf, leadersOf } from "./series.ts";
import type { Measure } from "./view.ts";

const none = "–";

/** Variants that a table has room for side by side. */
const columnsMax = 6;

/** A column per variant while there are few, and else a row. */
export function readable(table: Table): Table {
  const [heads, ...rows] = table;
  if (heads === undefined || heads.length - 1 <= columnsMax) return table;
  return heads.map((head, column) => [column === 0 ? "variant" : head, ...rows.map((row) => row[column]!)]);
}

/** A row per x, a column per variant: values with their ratios to the reference, the best in bold. */
function sweepTable<X>(
  head: string,
  xs: readonly X[],
  nameOf: (x: X) => string,
  values: Values<X>,
  variants: readonly SimulatedVariant[],
  measure: Measure,
): Table {
  const reference = variants.find(({ role }) => role === "reference");
  const shown = variants.filter(({ id }) => (values.get(id)?.size ?? 0) > 0);
  const common = commonOf(values, xs, variants);
  return readable([
    [head, ...shown.map(variantCell)],
    ...xs.map((x) => {
      const leaders = leadersOf(values, x, variants, measure);
      const base = reference === undefined ? undefined : values.get(reference.id)?.get(x);
      const known = shown.filter((one) => isRanked(one) && values.get(one.id)?.has(x)).length;
      // Where all are level nobody stands out, nor where only some were simulated.
      const isMarked = leaders.length < known && common.includes(x);
      return [
        shown.length > columnsMax ? nameOf(x) : String(x),
        ...shown.map((one) => {
          const value = values.get(one.id)?.get(x);
          if (value === undefined) return none;
          const ratio = one === reference ? null : ratioOf(value, base);
          const text = `${measure.format(value)}${ratio === null ? "" : ` (${formatRatio(ratio)})`}`;
          return isMarked && leaders.includes(one.id) ? `**${text}**` : text;
        }),
      ];
    }),
  ]);
}

/** By count of CPUs. */
export function curveTable({ cpus, values }: Curve, answers: SimulatedAnswers, place: number): Table {
  return sweepTable("CPUs", cpus, cpusText, values[place]!, answers.variants, answers.measures[place]!);
}

/** By values of a swept parameter. */
export function parameterTable({ axis, values }: Sweep, answers: SimulatedAnswers): Table {
  const xs = axis.values.filter((x) => [...values.values()].some((series) => series.has(x)));
  return sweepTable(axis.key, xs, (x) => `${axis.key}=${x}`, values, answers.variants, answers.measures[0]!);
}

/** A cost by values of a swept parameter, with the exponent of its growth. */
export function costTable({ axis }: Sweep, cost: Cost, variants: readonly SimulatedVariant[]): Table {
  const xs = axis.values.filter((x) => [...cost.values.values()].some((series) => series.has(x)));
  return withoutEmptyColumns([
    ["variant", ...xs.map((x) => `${axis.key}=${x}`), "exponent"],
    ...variants
      .filter(({ id }) => (cost.values.get(id)?.size ?? 0) > 0)
      .map((one) => [
        variantCell(one),
        ...xs.map((x) => formatNs(cost.values.get(one.id)?.get(x))),
        growthText(cost.growth.get(one.id)) ?? none,
      ]),
  ]);
}

/** Where a cost is more than so many times above or below its fit, it is no power of what was swept. */
export const growthErrorMax = 1.25;

/** The exponent, or that there is none; null where nothing was fitted. */
function growthText(growth: Growth | null | undefined): string | null {
  if (growth == null) return null;
  return growth.worst > growthErrorMax ? "no power" : growth.exponent.toFixed(2);
}

/** Several costs at the ends of a sweep, with the exponents of their growth. */
export function growthTable({ others }: Sweep, variants: readonly SimulatedVariant[]): Table {
  return withoutEmptyColumns([
    ["variant", ...others.map(({ name }) => name)],
    ...variants.filter(isRanked).map((one) => [
      variantCell(one),
      ...others.map(({ values, growth }) => {
        const series = [...(values.get(one.id) ?? [])];
        const [first, last] = [series[0], series.at(-1)];
        if (first === undefined || last === undefined) return none;
        const ends = [...new Set([formatNs(first[1]), formatNs(last[1])])].join(" to ");
        const law = growthText(growth.get(one.id));
        return law === null ? ends : `${ends} (${law})`;
      }),
    ]),
  ]);
}

/** Behind those that are far behind by another measure. */
export const behindMark = "†";

/**
 * Who is best by count of CPUs and value of an axis, the other axes as they are at the main point; where something is
 * held against all of the best, also the best of the others.
 */
export function mapTable(axis: Axis, answers: SimulatedAnswers, held: Held): Table {
  const { curves, cpus, main, variants, measures } = answers;
  const alike = curves.filter(({ at }) =>
    [...at].every(([key, value]) => key === axis.key || main.at.get(key) === value),
  );
  const reference = variants.find(({ role }) => role === "reference")?.id ?? "";
  return [
    ["CPUs", ...alike.map(({ at }) => `${axis.key}=${at.get(axis.key)}`)],
    ...cpus
      .filter((count) => alike.some(({ common }) => common.includes(count)))
      .map((count) => [
        formatNumber(count),
        ...alike.map(({ values }) => {
          const [foremost = new Map() as Values<number>] = values;
          const cell = (among: readonly SimulatedVariant[]): string | null => {
            const leaders = leadersOf(foremost, count, among, measures[0]!);
            const behind = behindOf(leaders, values, count, variants, measures);
            const marked = (id: string): boolean => isHeld(id, held) || behind.has(id);
            const best = leaders.find((id) => !marked(id)) ?? leaders.find((id) => !isHeld(id, held)) ?? leaders[0];
            if (best === undefined) return null;
            const marks = `${isHeld(best, held) ? heldMark : ""}${behind.has(best) ? behindMark : ""}`;
            const others = leaders.length === 1 ? "" : ` and ${leaders.length - 1} alike`;
            const ratio = ratioOf(foremost.get(best)?.get(count), foremost.get(reference)?.get(count));
            return `${best}${marks}${others} (${formatRatio(ratio)})`;
          };
          const best = cell(variants);
          if (best === null) return none;
          const without = best.includes(heldMark) ? cell(variants.filter(({ id }) => !isHeld(id, held))) : null;
          return without === null ? best : `${best}, else ${without}`;
        }),
      ]),
  ];
}
