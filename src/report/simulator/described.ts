// What simulated variants of a problem are ranked by, and what is told of them, as it follows from the problem's
// description. A problem with a section of its own may say more.

import type { Problem } from "../../problems/index.ts";
import type { Metric } from "../../problems/problem.ts";
import { virtualName } from "../../records/metrics.ts";
import { formatOf, headOf } from "../described/names.ts";
import { singular } from "../format.ts";
import {
  bogoOp,
  bogoOpsPerSecond,
  type Measure,
  type Quantity,
  quantity,
  readValue,
  type View,
  type Work,
} from "./view.ts";

function quantityOf({ metric, unit }: Pick<Metric, "metric" | "unit">, name: string = headOf(metric)): Quantity {
  return quantity(name, virtualName(metric), formatOf(unit));
}

/** What a problem goes by, if it does not say itself. */
export function describedView(problem: Problem): View {
  const isTold = ({ only }: Metric): boolean => only !== "native";
  const rates = problem.rates.filter(isTold);
  const costs = (problem.costs ?? []).filter(isTold);
  const counters = problem.counters.filter(isTold);
  const gauges = problem.gauges.filter(
    (gauge) => isTold(gauge) && gauge.read !== "rounds" && gauge.isForSentences !== true,
  );
  const measures = new Map<string, Measure>([["bogo-ops-per-s", bogoOpsPerSecond]]);
  for (const metric of [...rates, ...costs, ...counters, ...gauges]) {
    const { better } = metric;
    if (better !== "") measures.set(metric.metric, { ...quantityOf(metric), better });
  }
  const ranking = problem.ranking ?? ["bogo-ops-per-s", ...rates.map(({ metric }) => metric)];
  const ranked = ranking.map((metric) => {
    const measure = measures.get(metric);
    if (measure === undefined) throw new Error(`${problem.name} cannot be ranked by '${metric}'`);
    return measure;
  });
  const works = rates.flatMap(({ counter }): Work[] => {
    const counted = counters.find(({ index }) => index === counter);
    if (counted === undefined) return [];
    return [{ name: singular(counted.unit), read: (rows) => readValue(rows, virtualName(counted.metric)) }];
  });
  const ofCosts = costs.map((cost) => quantityOf(cost, `CPU time per ${cost.unit.split("/")[1] ?? "unit"}`));
  const hangs = counters.filter(({ isHang = false }) => isHang).map(({ metric }) => virtualName(metric));
  return {
    measures: () => ranked,
    ...(hangs.length === 0
      ? {}
      : { hangsOf: (rows) => hangs.reduce((all, metric) => all + (readValue(rows, metric) ?? 0), 0) }),
    works: [bogoOp, ...works],
    costs: ofCosts,
    columns: [
      ...ofCosts,
      ...counters.filter(({ better }) => better !== "").map((counter) => quantityOf(counter)),
      ...gauges.map((gauge) => quantityOf(gauge)),
    ],
  };
}
