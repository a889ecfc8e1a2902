// The table of all metrics that a record may carry: those of no problem in particular, those of the quarantine, and those
// that follow from the descriptions of all other problems.

import { problems } from "../problems/index.ts";
import { parseBucketMetric } from "./histogram.ts";
import { parseLabelledMetric } from "./labelled.ts";
import { allDescribedLines } from "./metrics/described.ts";
import { generalLines } from "./metrics/general.ts";
import { quarantineLines } from "./metrics/quarantine.ts";
import { defineMetrics, type MetricDefinition } from "./metrics/table.ts";

export { virtualName } from "./metrics/described.ts";

/** Every metric of the project. */
export const metrics = defineMetrics([...generalLines, ...quarantineLines, ...allDescribedLines(problems)]);

/**
 * Looks a metric up; that of a bucket (`remove-latency-ns[1024,1056)`) gives the definition of its distribution, and a
 * labelled one (`profile-samples[shrink_slab]`) that of all its labels.
 *
 * @throws {Error} when the metric is not in the table: a line is missing there, or the name is misspelt
 * @throws {InputError} when it names a bucket that does not exist
 */
export function metricOf(name: string, table: ReadonlyMap<string, MetricDefinition> = metrics): MetricDefinition {
  const labelled = parseLabelledMetric(name);
  const key = labelled === null ? (parseBucketMetric(name)?.name ?? name) : `${labelled.name}[]`;
  // Empty brackets stand in the table only.
  const definition = name.endsWith("[]") ? undefined : table.get(key);
  if (definition === undefined)
    throw new Error(
      `unknown metric '${name}'; add it to src/records/metrics/general.ts, or to the description of its problem`,
    );
  return definition;
}
