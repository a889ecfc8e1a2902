import { describe, expect, test } from "vitest";
import { Histogram, parseBucketMetric } from "../../src/records/histogram.ts";
import { labelledMetric, parseLabelledMetric } from "../../src/records/labelled.ts";
import { defineMetrics, distribution, metricOf, metrics } from "../../src/records/metrics.ts";

const table = defineMetrics([
  ["accesses", "count", "lower", "exact", "Accesses to shared memory"],
  ...distribution("remove-latency-ns", "sampled", "Time of one remove"),
  ["samples[]", "count", "", "sampled", "Samples per symbol"],
]);

test("a metric is found by its name", () => {
  expect(metricOf("accesses", table)).toEqual({
    name: "accesses",
    unit: "count",
    better: "lower",
    assume: "exact",
    description: "Accesses to shared memory",
  });
});

test("an unknown metric is refused by name", () => {
  expect(() => metricOf("acceses", table)).toThrow("unknown metric 'acceses'");
  expect(() => metricOf("other-ns[1,2)", table)).toThrow("unknown metric 'other-ns[1,2)'");
});

test("every row of a distribution has a metric", () => {
  const histogram = new Histogram();
  histogram.record(1000);
  const units = histogram.rows("remove-latency-ns").map(({ metric }) => metricOf(metric, table).unit);
  expect(units).toEqual(["count", "ns"]);
});

describe("a labelled metric", () => {
  test.each(["shrink_slab", "idle", "down_read.part-0", "3 up_read", "slab pages (shrinker_info and others) 2"])(
    "of %s has one definition for all labels",
    (label) => {
      const name = labelledMetric("samples", label);
      expect(metricOf(name, table)).toMatchObject({ name: "samples[]", unit: "count" });
      expect(parseLabelledMetric(name)).toEqual({ name: "samples", label });
    },
  );

  test("is unknown without its label, with an empty one, and where the metric takes none", () => {
    for (const name of ["samples", "samples[]", "accesses[a]", "samples[a][b]"]) {
      expect(() => metricOf(name, table)).toThrow(`unknown metric '${name}'`);
    }
  });

  test.each(["", " ", "a ", " a", "a  b", "a\tb", "a]", "[a", "1,2"])("cannot have '%s' as its label", (label) => {
    expect(() => labelledMetric("samples", label)).toThrow("cannot be a label");
  });

  test("is no bucket, and a bucket is no labelled metric", () => {
    const histogram = new Histogram();
    histogram.record(1000);
    for (const { metric } of histogram.rows("remove-latency-ns")) expect(parseLabelledMetric(metric)).toBeNull();
    expect(parseBucketMetric(labelledMetric("samples", "1"))).toBeNull();
  });
});

test("a name that occurs twice, or is not lower case with hyphens, is refused", () => {
  const line = (name: string) => [name, "ns", "lower", "sampled", ""] as const;
  expect(() => defineMetrics([line("a"), line("a")])).toThrow("'a' is defined twice");
  for (const name of ["A", "a_b", "a[1,2)", "-a", "", "[]", "a[b]"])
    expect(() => defineMetrics([line(name)])).toThrow("lower case");
});

test("every metric of the project has a unit and a description", () => {
  for (const { unit, description } of metrics.values()) {
    expect(unit).not.toBe("");
    expect(description).not.toBe("");
  }
});
