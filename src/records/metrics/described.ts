// The metrics that follow from the descriptions of problems (`src/problems/problem.ts`).

import type { Problem } from "../../problems/index.ts";
import type { Durations, Metric, OperationMetric } from "../../problems/problem.ts";
import { distribution, type MetricLine } from "./table.ts";

/** What a metric of a described problem is called where it is simulated. */
export function virtualName(metric: string): string {
  return `virtual-${metric}`;
}

/** The lines of a metric: natively it varies from run to run, unless it is said to be exact. */
function linesOf(one: Metric, isExact = false): readonly MetricLine[] {
  const { metric, unit, better, meaning, virtualMeaning = meaning, only } = one;
  const native: MetricLine = [metric, unit, better, isExact ? "exact" : "sampled", meaning];
  const simulated: MetricLine = [virtualName(metric), unit, better, "exact", virtualMeaning];
  return [...(only === "simulated" ? [] : [native]), ...(only === "native" ? [] : [simulated])];
}

function linesOfDurations({ metric, meaning, virtualMeaning = meaning }: Durations): readonly MetricLine[] {
  return [...distribution(metric, "sampled", meaning), ...distribution(virtualName(metric), "exact", virtualMeaning)];
}

function lineOfOperation({ metric, unit, better, meaning }: OperationMetric): MetricLine {
  return [metric, unit, better, "exact", meaning];
}

/** What of a description has metrics of its own. */
export type Described = Pick<Problem, "rates" | "costs" | "durations" | "counters" | "gauges" | "operations">;

/** The lines of a description's metrics. */
export function describedLines({
  rates,
  costs = [],
  durations,
  counters,
  gauges,
  operations,
}: Described): readonly MetricLine[] {
  return [
    ...[...rates, ...costs].flatMap((one) => linesOf(one)),
    ...durations.flatMap(linesOfDurations),
    // What no variant may do is 0 wherever it is told.
    ...counters.flatMap((one) => linesOf(one, one.forbidden !== undefined)),
    ...gauges.flatMap((one) => linesOf(one, one.isExact)),
    ...operations.flatMap(({ metrics = [] }) => metrics.map(lineOfOperation)),
  ];
}

/**
 * The lines of the metrics of several problems. They may share one, each with a meaning of its own: records say of which
 * problem they are.
 *
 * @throws {Error} when they share one that has not the same unit, direction and kind of comparison in both
 */
export function allDescribedLines(problems: readonly (Described & Pick<Problem, "name">)[]): readonly MetricLine[] {
  const lines = new Map<
    string,
    { readonly line: MetricLine; readonly meanings: [problem: string, meaning: string][] }
  >();
  for (const problem of problems) {
    for (const line of describedLines(problem)) {
      const [metric, unit, better, assume, meaning] = line;
      const other = lines.get(metric);
      if (other === undefined) {
        lines.set(metric, { line, meanings: [[problem.name, meaning]] });
        continue;
      }
      if (unit !== other.line[1] || better !== other.line[2] || assume !== other.line[3]) {
        const names = [...other.meanings.map(([name]) => name), problem.name].join(" and ");
        throw new Error(`metric '${metric}' of ${names} must have one unit and one direction`);
      }
      other.meanings.push([problem.name, meaning]);
    }
  }
  return [...lines.values()].map(({ line: [metric, unit, better, assume, meaning], meanings }): MetricLine => {
    const isShared = meanings.some(([, one]) => one !== meaning);
    const text = isShared ? meanings.map(([name, one]) => `${one} (${name})`).join("; ") : meaning;
    return [metric, unit, better, assume, text];
  });
}
