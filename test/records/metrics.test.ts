import { expect, test } from "vitest";
import { Histogram } from "../../src/records/histogram.ts";
import { defineMetrics, distribution, metricOf, metrics } from "../../src/records/metrics.ts";

const table = defineMetrics([
  ["accesses", "count", "lower", "exact", "Accesses to shared memory"],
  ...distribution("remove-latency-ns", "sampled", "Time of one remove"),
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

test("a name that occurs twice, or is not lower case with hyphens, is refused", () => {
  const line = (name: string) => [name, "ns", "lower", "sampled", ""] as const;
  expect(() => defineMetrics([line("a"), line("a")])).toThrow("'a' is defined twice");
  for (const name of ["A", "a_b", "a[1,2)", "-a", ""]) expect(() => defineMetrics([line(name)])).toThrow("lower case");
});

test("every metric of the project has a unit and a description", () => {
  for (const { unit, description } of metrics.values()) {
    expect(unit).not.toBe("");
    expect(description).not.toBe("");
  }
});
