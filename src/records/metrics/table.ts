// Tables of metrics, and the lines that they are made of.

import type { MeasuredRow } from "../record.ts";

/** What a metric's number means. */
export interface MetricDefinition {
  /**
   * Lower case with hyphens, as it stands in the records, such as `remove-latency-ns-max`. That of a labelled metric
   * (`labelled.ts`) ends with empty brackets, in which the records have the label: `profile-samples[]`.
   */
  readonly name: string;
  /** Unit of the raw value: `ns`, `count`, `bytes`, `operations/s`. */
  readonly unit: string;
  /** Empty where neither direction is better, as for the count of a bucket. */
  readonly better: MeasuredRow["better"];
  /** Exact metrics are compared exactly, sampled ones statistically. */
  readonly assume: MeasuredRow["assume"];
  /** One sentence for reports: what was counted or timed, from where to where. */
  readonly description: string;
}

/** One line of the table: the fields of {@link MetricDefinition}, in order. */
export type MetricLine = readonly [
  name: string,
  unit: string,
  better: MeasuredRow["better"],
  assume: MeasuredRow["assume"],
  description: string,
];

/**
 * Makes a table of metrics.
 *
 * @throws {Error} when a name occurs twice, or is not lower case with hyphens
 */
export function defineMetrics(lines: readonly MetricLine[]): ReadonlyMap<string, MetricDefinition> {
  const table = new Map<string, MetricDefinition>();
  for (const [name, unit, better, assume, description] of lines) {
    if (!/^[a-z0-9]+(-[a-z0-9]+)*(\[\])?$/.test(name))
      throw new Error(`metric '${name}' is not lower case with hyphens`);
    if (table.has(name)) throw new Error(`metric '${name}' is defined twice`);
    table.set(name, { name, unit, better, assume, description });
  }
  return table;
}

/**
 * The two lines of a distribution that is stored in buckets (`histogram.ts`): its buckets' counts and its longest
 * duration. Use as `...distribution("remove-latency-ns", "sampled", "Time of one remove")`.
 */
export function distribution(name: string, assume: MeasuredRow["assume"], description: string): readonly MetricLine[] {
  return [
    [name, "count", "", assume, `${description}: how many fell into this bucket`],
    [`${name}-max`, "ns", "lower", assume, `${description}: the longest`],
  ];
}
