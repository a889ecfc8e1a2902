import { describe, expect, test } from "vitest";
import { suites } from "../../bench/index.ts";
import { problems } from "../../src/problems/index.ts";
import { labelledMetric } from "../../src/records/labelled.ts";
import { metricOf } from "../../src/records/metrics.ts";

describe.each(problems)("the description of $name", (problem) => {
  const { areas, arena, counters, durations, gauges, gracePeriods, objects = [], operations, rates } = problem;

  test("calls memory, grace periods and operations by names that rows can have", () => {
    const names = [
      ...Object.values(areas),
      ...Object.values(gracePeriods),
      ...(arena === undefined ? [] : [arena]),
      ...objects.map(({ name }) => name),
      ...operations.map(({ label }) => label),
    ];
    for (const name of names) expect(() => labelledMetric("line-transfers", name), name).not.toThrow();
  });

  test("has metrics with a unit and a meaning without a full stop", () => {
    for (const { metric, unit, meaning } of [...counters, ...gauges, ...rates, ...(problem.costs ?? [])]) {
      expect(unit, metric).not.toBe("");
      expect(meaning, metric).toMatch(/^\S.*[^.\s]$/);
    }
    for (const { metric, meaning } of durations) expect(meaning, metric).toMatch(/^\S.*[^.\s]$/);
  });

  test("ranks by metrics that there are", () => {
    for (const metric of problem.ranking ?? []) expect(() => metricOf(metric), metric).not.toThrow();
  });

  test("belongs to a suite whose workloads hold events that it knows", () => {
    const suite = suites.find((one) => one.problem === problem.name);
    expect(suite).toBeDefined();
    expect(suite?.workloads.length).toBeGreaterThan(0);
  });
});
