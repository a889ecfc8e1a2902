import { describe, expect, test } from "vitest";
import { problems } from "../../src/problems/index.ts";
import { Histogram, parseBucketMetric } from "../../src/records/histogram.ts";
import { labelledMetric, parseLabelledMetric } from "../../src/records/labelled.ts";
import { allDescribedLines, describedLines } from "../../src/records/metrics/described.ts";
import { defineMetrics, distribution } from "../../src/records/metrics/table.ts";
import { metricOf, metrics } from "../../src/records/metrics.ts";

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

describe("the metrics of a described problem", () => {
  const one = { unit: "operations", better: "lower", meaning: "Words moved" } as const;
  const lines = describedLines({
    rates: [{ ...one, metric: "moved-per-s", counter: 0, kinds: [], virtualMeaning: "Words moved in virtual time" }],
    costs: [{ ...one, metric: "move-ns", counter: 0, kinds: [], without: [], only: "simulated" }],
    durations: [{ index: 0, metric: "move-latency-ns", meaning: "Time of one move" }],
    counters: [
      { ...one, metric: "moved", index: 0 },
      { ...one, metric: "lost", index: 1, forbidden: "words were lost", only: "native" },
    ],
    gauges: [
      { ...one, metric: "words-max", index: 0, read: "max" },
      { ...one, metric: "word-bytes", index: 1, read: "end", isExact: true },
    ],
    operations: [
      { symbol: 1, label: "lookup" },
      { symbol: 2, label: "move", metrics: [{ ...one, metric: "move-lines-mean", count: "lines", per: 0 }] },
    ],
  });
  const table = defineMetrics(lines);

  test("have their names where they are native, and `virtual-` in front where they are simulated and exact", () => {
    expect([...table.values()].map(({ name, assume }) => `${name} ${assume}`)).toEqual([
      "moved-per-s sampled",
      "virtual-moved-per-s exact",
      "virtual-move-ns exact",
      "move-latency-ns sampled",
      "move-latency-ns-max sampled",
      "virtual-move-latency-ns exact",
      "virtual-move-latency-ns-max exact",
      "moved sampled",
      "virtual-moved exact",
      "lost exact",
      "words-max sampled",
      "virtual-words-max exact",
      "word-bytes exact",
      "virtual-word-bytes exact",
      "move-lines-mean exact",
    ]);
  });

  test("have unit, direction and meaning of the description, and one of their own where they are simulated", () => {
    expect(metricOf("virtual-moved", table)).toMatchObject({ unit: "operations", better: "lower" });
    expect(metricOf("virtual-moved", table).description).toBe("Words moved");
    expect(metricOf("moved-per-s", table).description).toBe("Words moved");
    expect(metricOf("virtual-moved-per-s", table).description).toBe("Words moved in virtual time");
    expect(metricOf("virtual-move-latency-ns[64,66)", table).unit).toBe("count");
  });

  test("are of every described problem in the table of the project", () => {
    for (const problem of problems) {
      for (const [name] of describedLines(problem)) expect(metrics.has(name), `${problem.name}: ${name}`).toBe(true);
    }
    expect(problems.length).toBeGreaterThan(0);
  });
});

describe("problems may share a metric", () => {
  const counting = (name: string, change: Readonly<Record<string, string>>) => ({
    name,
    rates: [],
    durations: [],
    counters: [
      { metric: "passes", unit: "passes", better: "", meaning: "Reclaim passes", index: 0, ...change } as const,
    ],
    gauges: [],
    operations: [],
  });
  const descriptionOf = (...lines: readonly ReturnType<typeof counting>[]) =>
    defineMetrics(allDescribedLines(lines)).get("passes")?.description;

  test("that means the same in both", () => {
    expect(descriptionOf(counting("one", {}), counting("other", {}))).toBe("Reclaim passes");
  });

  test("and say each what it means there", () => {
    expect(descriptionOf(counting("one", {}), counting("other", { meaning: "Whole walks" }))).toBe(
      "Reclaim passes (one); Whole walks (other)",
    );
  });

  test("of one unit, direction and kind of comparison", () => {
    for (const change of [{ unit: "walks" }, { better: "lower" }, { forbidden: "walks" }] as const) {
      expect(() => allDescribedLines([counting("one", {}), counting("other", change)])).toThrow(
        "metric 'passes' of one and other must have one unit and one direction",
      );
    }
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
