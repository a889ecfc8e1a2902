// Looks for the number of CPUs at which simulated variants change places, between the numbers that were asked for.

import { virtualMsOf } from "../plan/repetition.ts";
import { caseId, type Simulation, type Unit, weigh } from "../plan/unit.ts";
import type { PlannedVariant } from "../plan/variant.ts";
import type { MeasuredRow } from "../records/record.ts";
import { viewOfProblem } from "../report/problems.ts";
import { simulated, VariantRows } from "../report/rows.ts";
import { levelTolerance } from "../report/simulator/answers.ts";
import { type Measure, measuresOf } from "../report/simulator/view.ts";
import { findCrossovers, nextProbe, type PairCrossovers, type Series } from "../statistics/crossover.ts";
import { caseOfRow } from "./run-records.ts";

/** A case to be simulated. */
export interface SimulatedPoint {
  readonly unit: Unit;
  readonly variant: PlannedVariant;
}

/** Two variants that change places between two counts of CPUs. */
interface Search {
  /** A unit of the line that both lie on. */
  readonly unit: Unit;
  readonly pair: readonly PlannedVariant[];
  readonly measure: Measure;
  /** Counts of CPUs looked at, ascending: at first two. */
  readonly cpus: readonly number[];
}

export class Refinement {
  /** By case. */
  readonly #rows = new Map<string, VariantRows>();

  /** Hears of a row of a case that is done. */
  add(row: MeasuredRow): void {
    // What variants are ranked by has neither buckets nor labels.
    if (row.instrument !== "simulator" || row.metric.includes("[")) return;
    const id = caseOfRow(row);
    const rows = this.#rows.get(id) ?? new VariantRows();
    rows.add(simulated, row);
    this.#rows.set(id, rows);
  }

  /**
   * Bisects between neighbouring counts of CPUs wherever two variants change places there. All searches go on side by
   * side: what they need next is simulated together.
   *
   * @param units of one workload, simulated
   * @param perform simulates those of some cases that are not done; they are no part of the plan
   */
  async run(units: readonly Unit[], perform: (points: readonly SimulatedPoint[]) => Promise<void>): Promise<void> {
    let searches = linesOf(units).flatMap((line) => this.#searchesOf(line));
    while (searches.length > 0) {
      const steps = searches.flatMap((search) => {
        const next = this.#nextOf(search);
        return next === null ? [] : [{ search, next }];
      });
      const points = new Map<string, SimulatedPoint>();
      for (const { search, next } of steps) {
        for (const variant of search.pair) {
          const point = pointAt(search.unit, next, variant);
          points.set(caseId(point.unit, variant), point);
        }
      }
      await perform(inOrder([...points.values()]));
      searches = steps.map(({ search, next }) => ({
        ...search,
        cpus: [...search.cpus, next].sort((one, other) => one - other),
      }));
    }
  }

  /** Values of a variant along a line; null where it has none. */
  #seriesOf({ unit, measure, cpus }: Omit<Search, "pair">, variant: PlannedVariant): Series {
    return new Map(
      cpus.map((count) => {
        const rows = this.#rows.get(caseId(pointAt(unit, count, variant).unit, variant));
        return [count, rows === undefined ? null : measure.read(rows)];
      }),
    );
  }

  #crossoversOf(search: Search): PairCrossovers[] {
    const { better } = search.measure;
    const sweep = search.pair.map((variant) => [variant.id, this.#seriesOf(search, variant)] as const);
    return findCrossovers(new Map(sweep), { better, tolerance: levelTolerance });
  }

  /** The count of CPUs at which a pair is compared next; null when there is none, or the last one told nothing. */
  #nextOf(search: Search): number | null {
    const [found] = this.#crossoversOf(search);
    const [first] = found?.crossovers ?? [];
    if (found === undefined || first === undefined || found.compared.length < search.cpus.length) return null;
    return nextProbe(first, found.compared);
  }

  #searchesOf(line: readonly Unit[]): Search[] {
    const unit = line[0] as Unit;
    const variants = unit.variants.filter((variant) => !variant.isFloor);
    const all = line.flatMap((one) => variants.flatMap((variant) => this.#rows.get(caseId(one, variant)) ?? []));
    const [measure] = measuresOf(viewOfProblem(unit.problem), all);
    if (measure === undefined) return [];
    const cpus = line.map((one) => one.cpus).sort((a, b) => a - b);
    return this.#crossoversOf({ unit, pair: variants, measure, cpus }).flatMap(
      ({ variants: [one, other], crossovers }) => {
        const pair = variants.filter(({ id }) => id === one || id === other);
        return crossovers.map(({ from, to }) => ({ unit, pair, measure, cpus: [from, to] }));
      },
    );
  }
}

/** Units that differ in their CPUs only. Those with a changed cost are left out. */
function linesOf(units: readonly Unit[]): Unit[][] {
  const lines = new Map<string, Unit[]>();
  for (const unit of units) {
    const { machine, scaled, swept } = unit.simulation as Simulation;
    if (scaled !== null) continue;
    const key = JSON.stringify([machine, swept]);
    lines.set(key, [...(lines.get(key) ?? []), unit]);
  }
  return [...lines.values()];
}

/** The case of a variant at another count of CPUs than the unit's. */
function pointAt(unit: Unit, cpus: number, variant: PlannedVariant): SimulatedPoint {
  const simulation = unit.simulation as Simulation;
  const { repetition } = simulation;
  const virtualMs = repetition === null ? null : virtualMsOf(repetition, cpus);
  const other = { ...unit, cpus, variants: [variant], simulation: { ...simulation, virtualMs } };
  return { unit: { ...other, weight: weigh(other) }, variant };
}

/** In an order that does not depend on which search asked first. */
function inOrder(points: readonly SimulatedPoint[]): SimulatedPoint[] {
  return [...points].sort(
    (one, other) => one.unit.cpus - other.unit.cpus || (one.variant.id < other.variant.id ? -1 : 1),
  );
}
