// Which rankings of variants hold when each cost of the machine is changed, and how much each cost matters.

import { type Better, checkTolerance, compareValues } from "./ahead.ts";

/** One cost times a factor, everything else as in the baseline. */
export interface CostChange {
  readonly cost: string;
  readonly factor: number;
}

/** Values by variant with one cost changed. A variant that is absent or null has none. */
export interface ChangedRun extends CostChange {
  readonly values: ReadonlyMap<string, number | null>;
}

/**
 * `flipped`: some change puts the other variant ahead; else `not separated`: in the baseline, or by some change, the two
 * are within the tolerance; else `unknown`: some change has no value for one of them; else `robust`.
 */
export type SensitivityVerdict = "robust" | "flipped" | "not separated" | "unknown";

export interface PairSensitivity {
  readonly variants: readonly [string, string];
  readonly verdict: SensitivityVerdict;
  /** Who is ahead in the baseline; null when they are not separated there. */
  readonly ahead: string | null;
  /** Changes with which the other one is ahead. Empty when the baseline does not separate them. */
  readonly flippedBy: readonly CostChange[];
  /** Changes with which they are not separated any more, though the baseline separates them. */
  readonly levelledBy: readonly CostChange[];
  /** Changes that separate what the baseline does not, and who is ahead then. */
  readonly separatedBy: readonly (CostChange & { readonly ahead: string })[];
  /** Changes that lack a value of one of them. */
  readonly unknownBy: readonly CostChange[];
}

/** The order of all variants. Its verdict is the worst of its pairs': flipped, not separated, unknown, robust. */
export interface RankingSensitivity {
  /** Best first; of equal values in the baseline's order. */
  readonly order: readonly string[];
  readonly verdict: SensitivityVerdict;
  /** Changes that flip at least one pair, with the order that they bring. */
  readonly flippedBy: readonly (CostChange & { readonly order: readonly string[] })[];
}

/** How a variant's ratio to the reference depends on one cost. */
export interface CostElasticity {
  readonly variant: string;
  readonly cost: string;
  /** Value over that of the reference in the baseline; null when the latter is 0. */
  readonly ratio: number | null;
  /** The same with the changes of this cost by factor, ascending; `change` is relative to `ratio`: 0.1 is 10 % more. */
  readonly changes: readonly {
    readonly factor: number;
    readonly ratio: number | null;
    readonly change: number | null;
  }[];
  /**
   * Arc elasticity between the smallest and the largest factor, the baseline's 1 among them: relative change of the
   * ratio over that of the cost, both relative to the middle. 1: proportional to the cost; 0: the ends are equal; null:
   * unknown, or 0 at both ends. It does not show a ratio that turns round in between; `changes` does.
   */
  readonly elasticity: number | null;
}

export interface Sensitivity {
  readonly ranking: RankingSensitivity;
  /** All pairs, in the baseline's order. */
  readonly pairs: readonly PairSensitivity[];
  /** Every variant but the reference with every cost, in the orders given. */
  readonly elasticities: readonly CostElasticity[];
}

export interface SensitivityOptions {
  readonly better: Better;
  /** The variant that ratios have as their base. */
  readonly reference: string;
  /** Share of the larger value up to which two values are not separated; 0.01 when absent. */
  readonly tolerance?: number;
}

/**
 * Compares the variants of a baseline with those of runs in which one cost each was changed.
 *
 * @param baseline value by variant; finite, not negative
 * @param runs at least one
 * @throws {RangeError} for values out of range, a reference without a value, no runs, a factor that is not above 0 or
 * is 1, one change given twice, and a tolerance not from 0 to below 1
 */
export function analyseSensitivity(
  baseline: ReadonlyMap<string, number>,
  runs: readonly ChangedRun[],
  options: SensitivityOptions,
): Sensitivity {
  const { better, reference, tolerance = 0.01 } = options;
  checkTolerance(tolerance);
  checkRuns(baseline, runs, reference);
  const variants = [...baseline.keys()];
  const pairs = variants.flatMap((first, index) =>
    variants.slice(index + 1).map((second) => comparePair([first, second], baseline, runs, better, tolerance)),
  );
  return {
    ranking: rank(baseline, runs, pairs, better),
    pairs,
    elasticities: elasticitiesOf(baseline, runs, reference),
  };
}

function checkRuns(baseline: ReadonlyMap<string, number>, runs: readonly ChangedRun[], reference: string): void {
  const check = (where: string, values: ReadonlyMap<string, number | null>): void => {
    for (const [variant, value] of values) {
      if (value !== null && !(value >= 0 && value < Number.POSITIVE_INFINITY))
        throw new RangeError(`${where}: variant '${variant}': must be finite and not negative, got ${value}`);
    }
  };
  check("baseline", baseline);
  if (!baseline.has(reference)) throw new RangeError(`baseline: the reference '${reference}' has no value`);
  if (runs.length === 0) throw new RangeError("runs: without a changed cost nothing is known of the ranking");
  const seen = new Set<string>();
  for (const { cost, factor, values } of runs) {
    const where = `cost '${cost}' times ${factor}`;
    if (!(factor > 0 && factor < Number.POSITIVE_INFINITY) || factor === 1)
      throw new RangeError(`${where}: the factor must be finite, above 0 and not 1`);
    if (seen.has(where)) throw new RangeError(`${where}: given twice`);
    seen.add(where);
    check(where, values);
  }
}

function comparePair(
  variants: readonly [string, string],
  baseline: ReadonlyMap<string, number>,
  runs: readonly ChangedRun[],
  better: Better,
  tolerance: number,
): PairSensitivity {
  const [first, second] = variants;
  const aheadIn = (values: ReadonlyMap<string, number | null>): string | null | undefined => {
    const one = values.get(first) ?? null;
    const other = values.get(second) ?? null;
    if (one === null || other === null) return undefined;
    const order = compareValues(one, other, better, tolerance);
    return order === 0 ? null : order > 0 ? first : second;
  };
  const ahead = aheadIn(baseline) ?? null;
  const flippedBy: CostChange[] = [];
  const levelledBy: CostChange[] = [];
  const separatedBy: (CostChange & { ahead: string })[] = [];
  const unknownBy: CostChange[] = [];
  for (const { cost, factor, values } of runs) {
    const now = aheadIn(values);
    if (now === undefined) unknownBy.push({ cost, factor });
    else if (now === ahead) continue;
    else if (now === null) levelledBy.push({ cost, factor });
    else if (ahead === null) separatedBy.push({ cost, factor, ahead: now });
    else flippedBy.push({ cost, factor });
  }
  const verdict =
    flippedBy.length > 0
      ? "flipped"
      : ahead === null || levelledBy.length > 0
        ? "not separated"
        : unknownBy.length > 0
          ? "unknown"
          : "robust";
  return { variants, verdict, ahead, flippedBy, levelledBy, separatedBy, unknownBy };
}

function rank(
  baseline: ReadonlyMap<string, number>,
  runs: readonly ChangedRun[],
  pairs: readonly PairSensitivity[],
  better: Better,
): RankingSensitivity {
  const orderIn = (values: ReadonlyMap<string, number | null>): string[] =>
    [...baseline.keys()]
      .flatMap((variant) => {
        const value = values.get(variant) ?? null;
        return value === null ? [] : [{ variant, value }];
      })
      .sort((one, other) => (better === "lower" ? one.value - other.value : other.value - one.value))
      .map(({ variant }) => variant);
  const worstFirst = ["flipped", "not separated", "unknown"] as const;
  return {
    order: orderIn(baseline),
    verdict: worstFirst.find((verdict) => pairs.some((pair) => pair.verdict === verdict)) ?? "robust",
    flippedBy: runs
      .filter(({ cost, factor }) =>
        pairs.some(({ flippedBy }) => flippedBy.some((one) => one.cost === cost && one.factor === factor)),
      )
      .map(({ cost, factor, values }) => ({ cost, factor, order: orderIn(values) })),
  };
}

function elasticitiesOf(
  baseline: ReadonlyMap<string, number>,
  runs: readonly ChangedRun[],
  reference: string,
): CostElasticity[] {
  const ratioIn = (values: ReadonlyMap<string, number | null>, variant: string): number | null => {
    const value = values.get(variant) ?? null;
    const base = values.get(reference) ?? null;
    return value === null || base === null || base === 0 ? null : value / base;
  };
  const costs = [...new Set(runs.map(({ cost }) => cost))];
  return [...baseline.keys()]
    .filter((variant) => variant !== reference)
    .flatMap((variant) =>
      costs.map((cost) => {
        const ratio = ratioIn(baseline, variant);
        const changes = runs
          .filter((run) => run.cost === cost)
          .map(({ factor, values }) => {
            const now = ratioIn(values, variant);
            return { factor, ratio: now, change: now === null || !ratio ? null : now / ratio - 1 };
          })
          .sort((one, other) => one.factor - other.factor);
        return { variant, cost, ratio, changes, elasticity: arcElasticity([{ factor: 1, ratio }, ...changes]) };
      }),
    );
}

function arcElasticity(points: readonly { readonly factor: number; readonly ratio: number | null }[]): number | null {
  const known = points.flatMap(({ factor, ratio }) => (ratio === null ? [] : [{ factor, ratio }]));
  known.sort((one, other) => one.factor - other.factor);
  const low = known[0];
  const high = known.at(-1);
  if (low === undefined || high === undefined || low.factor === high.factor) return null;
  const sum = high.ratio + low.ratio;
  if (sum === 0) return null;
  return ((high.ratio - low.ratio) / sum) * ((high.factor + low.factor) / (high.factor - low.factor));
}
