// The formats of tools that are run on files: held to their rules, and read by those of the tools that are installed.

import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { mean, median, sampleStandardDeviation } from "simple-statistics";
import { describe, expect, onTestFinished, test } from "vitest";
import { z } from "zod";
import { renderBenchfmt } from "../../../src/report/compare/benchfmt.ts";
import { renderGoogleBenchmark } from "../../../src/report/compare/google-benchmark.ts";
import { renderHyperfine } from "../../../src/report/compare/hyperfine.ts";
import { rowId } from "../../../src/report/compare/names.ts";
import { renderPyperfBase, renderPyperfHead } from "../../../src/report/compare/pyperf.ts";
import { outcomeText, timedRows } from "../../../src/report/compare/words.ts";
import * as samples from "./comparisons.ts";
import { comparison, exact, native, nativeRows } from "./comparisons.ts";

const timed = nativeRows.filter(({ processes }) => processes.length > 0);

/** Whether a command is there and says so. The tests with tools that are not there are left out; those of the rules never. */
function runs(command: string, ...args: string[]): boolean {
  return spawnSync(command, args).status === 0;
}

/** Runs a tool on files of a folder that is gone afterwards. */
function outputOf(files: Readonly<Record<string, string>>, command: string, ...args: string[]): string {
  const folder = mkdtempSync(join(tmpdir(), "reclaim-bench-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  const { status, stdout, stderr } = spawnSync(command, args, { cwd: folder, encoding: "utf8" });
  expect([status, stderr]).toEqual([0, ""]);
  return stdout;
}

interface GoResult {
  readonly config: Readonly<Record<string, string>>;
  readonly name: string;
  readonly iterations: number;
  readonly values: Readonly<Record<string, number>>;
}

/** Reads Go's benchmark format by its rules: lines of configuration, of units, of results, and others, which are skipped. */
function readBenchfmt(text: string): { results: GoResult[]; units: Map<string, string>; skipped: string[] } {
  const config: Record<string, string> = {};
  const results: GoResult[] = [];
  const units = new Map<string, string>();
  const skipped: string[] = [];
  for (const line of text.trimEnd().split("\n")) {
    const fields = line.split(/\s+/);
    const [, key, content] = /^(\p{Ll}[^\s\p{Lu}:]*):(?:[ \t]+(.*))?$/u.exec(line) ?? [];
    if (line.startsWith("Benchmark")) {
      const [name = "", iterations = "", ...rest] = fields;
      expect(iterations).toMatch(/^\d+$/);
      expect([rest.length % 2, rest.length > 0]).toEqual([0, true]);
      const values: Record<string, number> = {};
      for (let index = 0; index < rest.length; index += 2) {
        expect(rest[index]).toMatch(/^-?\d+(\.\d+)?(e[+-]?\d+)?$/);
        values[rest[index + 1]!] = Number(rest[index]);
      }
      results.push({ config: { ...config }, name, iterations: Number(iterations), values });
    } else if (fields[0] === "Unit") {
      expect(fields.length).toBeGreaterThan(2);
      for (const pair of fields.slice(2)) {
        expect(pair).toMatch(/^(better=(lower|higher)|assume=(exact|nothing))$/);
        const [name = "", said = ""] = pair.split("=");
        const known = units.get(`${fields[1]} ${name}`);
        expect(known ?? said).toBe(said);
        units.set(`${fields[1]} ${name}`, said);
      }
    } else if (key !== undefined) config[key] = content ?? "";
    else if (line !== "") skipped.push(line);
  }
  return { results, units, skipped };
}

describe("Go's benchmark format", () => {
  const { results, units, skipped } = readBenchfmt(renderBenchfmt(comparison()));

  test("has the outcome in a comment, and what all rows share as configuration", () => {
    expect(skipped).toEqual([`# ${outcomeText(comparison())}`]);
    expect(results[0]?.config).toEqual({
      os: "linux",
      arch: "x64",
      cpu: "Example CPU @ 2.50GHz",
      node: "20.20.2",
      comparison: comparison().id,
      base: `main ${"1".repeat(40)}`,
      head: "working tree",
      side: "base",
    });
    const one = comparison({ exact: null, native: { ...comparison().native!, rows: [native()], canaries: [] } });
    expect(readBenchfmt(renderBenchfmt(one)).results[0]?.config).toMatchObject({ batches: "1024", stage: "timed" });
  });

  test("has a line for each process and side, and one for each side of an exact value", () => {
    const sides = results.map(({ config }) => config.side);
    expect(sides.filter((side) => side === "base")).toHaveLength(6 + 12 * timed.length);
    expect(sides.filter((side) => side === "head")).toHaveLength(6 + 12 * timed.length);
    const puts = results.filter(
      ({ name, values, config }) =>
        name === "BenchmarkQuarantine/variant=doubly-linked/workload=libvirt-teardown-1" &&
        values["put-ns"] !== undefined &&
        config.side === "head",
    );
    expect(puts.map(({ values }) => values["put-ns"])).toEqual(samples.regressed.processes.map(({ head }) => head));
    expect(puts[0]?.iterations).toBe(60);
    expect(results.find(({ values }) => values["remove-accesses"] === 1010)?.values).toEqual({
      "remove-accesses": 1010,
      "remove-accesses:max": 41,
    });
  });

  test("has the smallest of several exact values of which more is better", () => {
    const { results: own } = readBenchfmt(renderBenchfmt(samples.worseByMin));
    expect(own.map(({ values }) => values)).toEqual([
      { "checkpoint-fill": 10, "checkpoint-fill:min": 5 },
      { "checkpoint-fill": 10, "checkpoint-fill:min": 1 },
    ]);
  });

  test("names the sides of variants by whose times they are", () => {
    const own = readBenchfmt(renderBenchfmt(samples.variants)).results;
    expect(new Set(own.map(({ config }) => config.side))).toEqual(new Set(["singly-linked-fifo", "variants"]));
  });

  test("tells rows apart, and says which way is better", () => {
    const names = new Set(
      results.map(({ config, name, values }) => JSON.stringify([config.side, name, Object.keys(values)[0]])),
    );
    expect(names.size).toBe(2 * 6 + 2 * timed.length);
    expect(Object.fromEntries(units)).toMatchObject({
      "put-ns better": "lower",
      "bogo-ops-per-s better": "higher",
      "put-accesses-mean assume": "exact",
      "removal-delay-puts:max assume": "exact",
    });
    expect(units.has("put-ns assume")).toBe(false);
  });

  test("has no line for a unit that is not the same everywhere", () => {
    const rows = [exact({ metric: "m" }), exact({ metric: "m", better: "higher", variant: "b" })];
    const text = renderBenchfmt(comparison({ exact: { compared: 2, rows }, native: null }));
    expect(text).not.toContain("Unit");
  });

  test("keeps to its rules whatever the texts", () => {
    for (const one of Object.values(samples.all)) readBenchfmt(renderBenchfmt(one));
    const rows = [native({ variant: "a b/c\td", parameters: "Upper=x%20y one=1", workload: "w w" })];
    const own = comparison({ exact: null, native: { ...comparison().native!, rows, canaries: [] } });
    const [first] = readBenchfmt(
      renderBenchfmt({ ...own, base: { ...own.base, label: "a\nBenchmarkX 1 1 ns/op" } }),
    ).results;
    expect(first?.name).toBe("BenchmarkQuarantine/variant=a_b%2Fc_d/workload=w_w-1");
    expect(first?.config).toMatchObject({ upper: "x%20y", one: "1", base: expect.stringContaining("a BenchmarkX") });
  });

  test.runIf(runs("benchstat", "-h") || spawnSync("benchstat", ["-h"]).stderr?.includes("-col"))(
    "is compared by benchstat",
    () => {
      const table = outputOf({ "new.txt": renderBenchfmt(comparison()) }, "benchstat", "-col", "side", "new.txt");
      expect(table).toMatch(
        /variant=doubly-linked\/workload=libvirt-teardown-1 +96\.36n ± +\d% +105\.98n ± +\d% +\+9\.99% \(p=0\.000 n=12\)/,
      );
      expect(table).toMatch(/variant=ring\/workload=libvirt-teardown-1 +12\.00 ± 0% +13\.00 ± 0% +\+8\.33% \(n=1\)/);
    },
  );
});

// What Google Benchmark's `json_reporter.cc` writes and its `compare.py` needs.
const googleBenchmark = z.strictObject({
  context: z.looseObject({
    date: z.iso.datetime(),
    host_name: z.string(),
    executable: z.string(),
    num_cpus: z.int().min(1),
    mhz_per_cpu: z.int(),
    cpu_scaling_enabled: z.boolean(),
    caches: z.array(z.unknown()),
    load_avg: z.array(z.number()),
    library_version: z.string(),
    library_build_type: z.enum(["release", "debug"]),
    json_schema_version: z.literal(1),
  }),
  benchmarks: z.array(
    z.strictObject({
      name: z.string(),
      family_index: z.int().min(0),
      per_family_instance_index: z.int().min(0),
      run_name: z.string(),
      run_type: z.literal("iteration"),
      repetitions: z.int().min(1),
      repetition_index: z.int().min(0),
      threads: z.int().min(1),
      iterations: z.int().min(1),
      real_time: z.number().positive(),
      cpu_time: z.number().positive(),
      time_unit: z.enum(["ns", "us", "ms", "s"]),
      items_per_second: z.number().optional(),
      label: z.string(),
    }),
  ),
});

const comparePy = "/usr/share/benchmark/compare.py";

describe("as Google Benchmark's JSON", () => {
  const { context, benchmarks } = googleBenchmark.parse(JSON.parse(renderGoogleBenchmark(comparison())));

  test("there is a repetition for each process of each side, in nanoseconds", () => {
    expect(benchmarks).toHaveLength(2 * 12 * timed.length);
    const name = `head/${rowId(samples.regressed)}`;
    const own = benchmarks.filter((one) => one.name === name);
    expect(own.map((one) => one.real_time)).toEqual(samples.regressed.processes.map(({ head }) => head));
    expect(own.map((one) => one.repetition_index)).toEqual(Array.from({ length: 12 }, (_, index) => index));
    expect(context.outcome).toBe(outcomeText(comparison()));
    expect(context.findings).toContain("put-lines-mean");
  });

  test("a rate is the time of one operation, with the rate beside", () => {
    const rates = benchmarks.filter((one) => one.items_per_second !== undefined);
    expect(rates).toHaveLength(24);
    for (const one of rates) expect(one.real_time * one.items_per_second!).toBeCloseTo(1e9, 0);
  });

  test("the base's times are those of the reference, under a name that a filter finds", () => {
    const own = googleBenchmark.parse(JSON.parse(renderGoogleBenchmark(samples.variants))).benchmarks;
    const prefixes = own.map(({ name }) => name.slice(0, name.indexOf("/")));
    expect(new Set(prefixes)).toEqual(new Set(["base=singly-linked-fifo", "head"]));
    const behind = (prefix: string): string[] =>
      own.flatMap(({ name }) => (name.startsWith(prefix) ? [name.slice(name.indexOf("/"))] : []));
    expect(behind("base=")).toEqual(behind("head"));
  });

  test("what is no time is left out", () => {
    const rows = [native({ metric: "global-bytes", unit: "bytes" })];
    const own = comparison({ native: { ...comparison().native!, rows } });
    expect(googleBenchmark.parse(JSON.parse(renderGoogleBenchmark(own))).benchmarks).toEqual([]);
    expect(googleBenchmark.parse(JSON.parse(renderGoogleBenchmark(samples.empty))).benchmarks).toEqual([]);
  });

  test.runIf(existsSync(comparePy) && runs("/usr/bin/python3", "-c", "import scipy"))(
    "is compared by compare.py",
    () => {
      const args = [comparePy, "--no-color", "filters", "x.json", "^base/", "^head/"];
      const table = outputOf({ "x.json": renderGoogleBenchmark(comparison()) }, "/usr/bin/python3", ...args);
      expect(table).toMatch(/doubly-linked\/.*put-ns_pvalue +0\.00\d\d +0\.00\d\d +U Test, Repetitions: 12 vs 12\n/);
      expect(table.match(/_pvalue/g)).toHaveLength(timed.length);
    },
  );
});

// As hyperfine's `benchmark_result.rs` has it.
const hyperfine = z.strictObject({
  results: z.array(
    z.strictObject({
      command: z.string().min(1),
      mean: z.number(),
      stddev: z.number().nullable(),
      median: z.number(),
      user: z.number(),
      system: z.number(),
      min: z.number(),
      max: z.number(),
      times: z.array(z.number()),
      exit_codes: z.array(z.int().nullable()),
      parameters: z.record(z.string(), z.string()),
    }),
  ),
});

describe("as hyperfine's JSON", () => {
  const { results } = hyperfine.parse(JSON.parse(renderHyperfine(comparison())));

  test("there are two commands for each row of times, whose numbers follow from the times", () => {
    expect(results).toHaveLength(2 * timed.length);
    expect(new Set(results.map(({ command }) => command)).size).toBe(results.length);
    for (const one of results) {
      expect(one.times).toHaveLength(12);
      expect(one.exit_codes).toEqual(Array(12).fill(0));
      expect([one.mean, one.stddev, one.median]).toEqual([
        mean(one.times),
        sampleStandardDeviation(one.times),
        median(one.times),
      ]);
      expect([one.min, one.max]).toEqual([Math.min(...one.times), Math.max(...one.times)]);
    }
  });

  test("times are in seconds, and the parameters say of what", () => {
    const head = results.find(({ command }) => command.startsWith("head: quarantine / doubly-linked / put-ns"));
    expect(head?.median).toBeCloseTo(105.98e-9, 11);
    expect(head?.parameters).toMatchObject({ side: "head", variant: "doubly-linked", batches: "1024", cpus: "1" });
    const rate = results.find(({ parameters }) => parameters.metric === "bogo-ops-per-s");
    expect(rate?.times[0]).toBeCloseTo(1 / timed.find(({ unit }) => unit === "ops/s")!.processes[0]!.base, 12);
  });

  test("the base's times are those of the reference", () => {
    const own = hyperfine.parse(JSON.parse(renderHyperfine(samples.variants))).results;
    const bases = own.filter(({ parameters }) => parameters.side === "base");
    expect(new Set(bases.map(({ parameters }) => parameters.variant))).toEqual(new Set(["singly-linked-fifo"]));
    expect(bases.map(({ command }) => command)).toContain(
      "base: quarantine / singly-linked-fifo / put-ns (libvirt-teardown, 1 CPU), beside ring",
    );
    expect(new Set(own.map(({ command }) => command)).size).toBe(own.length);
  });

  test("one process has no deviation, and none no result", () => {
    const one = native({ processes: samples.processes(1, 100, 1) });
    const own = comparison({ exact: null, native: { ...comparison().native!, rows: [one] } });
    expect(hyperfine.parse(JSON.parse(renderHyperfine(own))).results[0]?.stddev).toBeNull();
    expect(hyperfine.parse(JSON.parse(renderHyperfine(samples.empty))).results).toEqual([]);
  });
});

/** Metadata of pyperf: a number, or one line that is not empty. */
const metadata = z.record(z.string(), z.union([z.number(), z.string().regex(/^\S(.*\S)?$/)]));
const pyperf = z.strictObject({
  version: z.literal("1.0"),
  metadata: metadata.and(z.looseObject({ unit: z.enum(["second", "byte", "integer"]) })),
  benchmarks: z.array(
    z.strictObject({
      metadata: metadata.and(z.looseObject({ name: z.string() })),
      // A value of 0 is refused.
      runs: z.array(z.strictObject({ values: z.array(z.number().positive()).min(1) })).min(1),
    }),
  ),
});

describe("as pyperf's JSON", () => {
  const read = (text: string): z.infer<typeof pyperf> => pyperf.parse(JSON.parse(text));
  const [base, head] = [read(renderPyperfBase(comparison())), read(renderPyperfHead(comparison()))];

  test("there is a file for each side, with the same benchmarks, and a run for each process", () => {
    const names = base.benchmarks.map((one) => one.metadata.name);
    expect(names).toEqual(timedRows(comparison()).map(rowId));
    expect(head.benchmarks.map((one) => one.metadata.name)).toEqual(names);
    expect(head.benchmarks[0]?.runs.map(({ values }) => values[0])).toEqual(
      samples.regressed.processes.map((one) => one.head / 1e9),
    );
    expect([base.metadata.side, head.metadata.side]).toEqual(["base", "head"]);
    expect([base.metadata.commit, head.metadata.commit]).toEqual(["1".repeat(40), undefined]);
  });

  test("metadata hold no line break", () => {
    for (const one of Object.values(samples.all)) read(renderPyperfHead(one));
    expect(read(renderPyperfBase(samples.violated)).metadata.description).toContain("::error::x");
  });

  test.runIf(runs("python3", "-c", "import pyperf"))("is compared by pyperf", () => {
    const files = { "base.json": renderPyperfBase(comparison()), "head.json": renderPyperfHead(comparison()) };
    const table = outputOf(files, "python3", "-m", "pyperf", "compare_to", "base.json", "head.json", "--table");
    expect(table).toMatch(/quarantine\/doubly-linked\/\S+\/put-ns +\| 97\.2 ns +\| 107 ns: 1\.10x slower/);
    expect(table).toMatch(/shrinker\/srcu\/\S+\/bogo-ops-per-s +\| 1\.20 us +\| 1\.36 us: 1\.14x slower/);
  });
});

test.each(Object.entries(samples.all))("every comparison keeps to the rules of all of them: %s", (_, one) => {
  const read = (text: string): unknown => JSON.parse(text);
  const { benchmarks } = googleBenchmark.parse(read(renderGoogleBenchmark(one)));
  const { results } = hyperfine.parse(read(renderHyperfine(one)));
  pyperf.parse(read(renderPyperfBase(one)));
  const { benchmarks: heads } = pyperf.parse(read(renderPyperfHead(one)));
  const rows = timedRows(one);
  expect([benchmarks.length, results.length, heads.length]).toEqual([
    2 * rows.reduce((sum, { processes }) => sum + processes.length, 0),
    2 * rows.length,
    rows.length,
  ]);
});
