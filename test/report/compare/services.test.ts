// The formats of services that keep series of benchmarks, github-action-benchmark and Bencher, held to what each takes.

import { describe, expect, test } from "vitest";
import { z } from "zod";
import { renderBencher } from "../../../src/report/compare/bencher.ts";
import {
  renderGithubBenchmarkBigger,
  renderGithubBenchmarkSmaller,
} from "../../../src/report/compare/github-benchmark.ts";
import { rowId } from "../../../src/report/compare/names.ts";
import * as samples from "./comparisons.ts";
import { comparison, exact, exactRows, nativeRows, value } from "./comparisons.ts";

/** Exact rows of several samples, which have their largest value besides. */
const severals = exactRows.filter(({ head }) => head !== null && head.samples > 1);

const timed = nativeRows.filter(({ processes }) => processes.length > 0);

// As the action's `src/extract.ts` reads it, but that this does not coerce.
const benches = z.array(
  z.strictObject({
    name: z.string().min(1),
    unit: z.string().min(1),
    value: z.number(),
    range: z.string().optional(),
    extra: z.string().optional(),
  }),
);

describe("for github-action-benchmark", () => {
  const smaller = benches.parse(JSON.parse(renderGithubBenchmarkSmaller(comparison())));
  const bigger = benches.parse(JSON.parse(renderGithubBenchmarkBigger(comparison())));

  test("every value with a direction is in one of the files, under a name of its own", () => {
    expect(bigger.map(({ name, unit, value }) => [name.split("/").at(1), unit, value])).toEqual([
      ["srcu", "ops/s", 1234567.891],
      ["srcu", "ratio", timed.find(({ better }) => better === "higher")?.estimate?.ratio],
    ]);
    const present = exactRows.filter(({ head, better }) => head !== null && better === "lower").length;
    expect(smaller).toHaveLength(present + severals.length + timed.filter(({ better }) => better === "lower").length);
    const names = [...smaller, ...bigger].map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    const none = comparison({ exact: { compared: 1, rows: [exact({ better: "" })] }, native: null });
    expect([renderGithubBenchmarkSmaller(none), renderGithubBenchmarkBigger(none)]).toEqual(["[]\n", "[]\n"]);
  });

  test("times are ratios, with their interval, as the series holds those of other machines", () => {
    const one = smaller.find(({ name }) => name === `${rowId(samples.regressed)} head/base`);
    expect(one).toMatchObject({ unit: "ratio", value: samples.regressed.estimate?.ratio, range: "1.0912 to 1.1026" });
    expect(one?.extra).toMatch(/^batches=1024 .*\nis 9\.6 % slower .*confirmed.*\n12 processes; finds 0\.7 %$/);
    expect(smaller.filter(({ unit }) => /^ns/.test(unit))).toEqual([]);
    const [few] = benches.parse(JSON.parse(renderGithubBenchmarkSmaller(samples.few)));
    expect(few).not.toHaveProperty("range");
  });

  test("of several exact values the largest has a series, too", () => {
    const found = benches.parse(JSON.parse(renderGithubBenchmarkSmaller(samples.worseByMax)));
    expect(found.map(({ name, value, extra }) => [name.split("/").at(-1), value, extra?.split("\n").at(-1)])).toEqual([
      ["line-waited-ns", 1793.4, "sum of 8"],
      ["line-waited-ns:max", 466.2, "largest of 8"],
    ]);
  });

  test("of several exact values of which more is better the smallest has a series", () => {
    const found = benches.parse(JSON.parse(renderGithubBenchmarkBigger(samples.worseByMin)));
    expect(found.map(({ name, value, extra }) => [name.split("/").at(-1), value, extra?.split("\n").at(-1)])).toEqual([
      ["checkpoint-fill", 10, "sum of 2"],
      ["checkpoint-fill:min", 1, "smallest of 2"],
    ]);
    // A comparison that was made before it was kept has the sum alone.
    const { min: _min, ...older } = samples.worseByMin.exact!.rows[0]!.head!;
    const rows = [{ ...samples.worseByMin.exact!.rows[0]!, head: older }];
    expect(
      benches.parse(JSON.parse(renderGithubBenchmarkBigger({ ...samples.worseByMin, exact: { compared: 1, rows } }))),
    ).toHaveLength(1);
  });

  test("ratios to a reference are series of their own", () => {
    const found = benches.parse(JSON.parse(renderGithubBenchmarkSmaller(samples.variants)));
    expect(found.map(({ name }) => name.split("/").slice(-2).join("/"))).toEqual(
      Array(3).fill("put-ns head/singly-linked-fifo"),
    );
  });

  test("an exact value has the same name whatever is compared with it", () => {
    const alone = comparison({ exact: { compared: 1, rows: [exactRows[1]!] }, native: null });
    const [one] = benches.parse(JSON.parse(renderGithubBenchmarkSmaller(alone)));
    expect(smaller).toContainEqual(one);
    expect(one).toMatchObject({ value: 13, unit: "accesses/object" });
  });
});

// As Bencher's schema has it, with its limits of lengths and of slugs.
const bencher = z.record(
  z.string().min(1).max(1024),
  z.record(
    z
      .string()
      .max(64)
      .regex(/^[a-z0-9]+(-[a-z0-9]+)*$/),
    z.strictObject({ value: z.number(), lower_value: z.number().optional(), upper_value: z.number().optional() }),
  ),
);

describe("for Bencher", () => {
  const found = bencher.parse(JSON.parse(renderBencher(comparison())));

  test("there is a benchmark for each case, with exact values and ratios of times", () => {
    const measures = Object.values(found).flatMap((one) => Object.keys(one));
    expect(measures).toHaveLength(
      exactRows.filter(({ head }) => head !== null).length + severals.length + timed.length,
    );
    const puts = Object.entries(found).filter(([name]) => name.startsWith("quarantine/doubly-linked/"));
    expect(puts.map(([, one]) => one)).toEqual([
      { "put-accesses-mean": { value: 12 } },
      {
        "put-ns-ratio": {
          value: samples.regressed.estimate?.ratio,
          lower_value: samples.regressed.estimate?.low,
          upper_value: samples.regressed.estimate?.high,
        },
      },
    ]);
  });

  test("measures have names that Bencher takes, and no two become one", () => {
    const metrics = [
      "line-transfers[slab pages (nodes) 10]",
      "line-transfers[slab pages (nodes) 1-0]",
      "A_b",
      "a-b",
      "x".repeat(70),
      `${"x".repeat(69)}y`,
      `${"x".repeat(54)}-${"y".repeat(20)}`,
      "[…]",
    ];
    const rows = metrics.map((metric) => exact({ metric, head: value(1) }));
    const own = bencher.parse(JSON.parse(renderBencher(comparison({ exact: { compared: 1, rows }, native: null }))));
    const names = Object.keys(Object.values(own)[0]!);
    expect(names).toHaveLength(metrics.length);
    expect(names).toContain("a-b");
    expect(names[0]).toMatch(/^line-transfers-slab-pages-nodes-10-[0-9a-f]{8}$/);
  });

  test("of several exact values the largest has a measure, and ratios to a reference have their own", () => {
    const [own] = Object.values(bencher.parse(JSON.parse(renderBencher(samples.worseByMax))));
    expect(Object.entries(own!).map(([measure, { value }]) => [measure.replace(/-[0-9a-f]{8}$/, ""), value])).toEqual([
      ["line-waited-ns", 1793.4],
      ["line-waited-ns-max", 466.2],
    ]);
    const [first] = Object.values(bencher.parse(JSON.parse(renderBencher(samples.variants))));
    expect(Object.keys(first!)).toEqual(["put-ns-ratio-to-singly-linked-fifo"]);
  });

  test("nothing compared is nothing", () => {
    expect(JSON.parse(renderBencher(samples.empty))).toEqual({});
  });
});

test.each(Object.entries(samples.all))("every comparison keeps to the rules of both: %s", (_, one) => {
  const read = (text: string): unknown => JSON.parse(text);
  benches.parse(read(renderGithubBenchmarkSmaller(one)));
  benches.parse(read(renderGithubBenchmarkBigger(one)));
  bencher.parse(read(renderBencher(one)));
});
