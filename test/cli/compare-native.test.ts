// The native gate by the command line. What it finds hangs on the machine: held here is what it does whatever it finds.

import { cpSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { type Comparison, comparisonSchema } from "../../src/compare/comparison.ts";
import { readRecords } from "../../src/records/csv.ts";
import type { MeasuredRow } from "../../src/records/record.ts";
import { call, newOut, type Outcome } from "./program.ts";

const timeout = 240_000;
let out: string;
let runId: string;

beforeAll(async () => {
  out = newOut();
  const small = ["--workload", "metadata-commits", "--set", "transactions=6", "--set", "items=8"];
  const counted = ["--quick", "--no-check", "--instrument", "traced", "--variant", "floor", ...small];
  expect((await call(["run", "cil", ...counted, "--out", out])).code).toBe(0);
  [runId = ""] = readdirSync(path.join(out, "results"));
  expect((await call(["baseline", "save", "--out", out])).code).toBe(0);
}, timeout);

let before: readonly string[] = [];

async function compare(...options: readonly string[]): Promise<Outcome> {
  before = readdirSync(path.join(out, "results"));
  return await call(["compare", "--out", out, ...options]);
}

/** What the last call has left. */
async function left(): Promise<{ readonly comparison: Comparison; readonly rows: readonly MeasuredRow[] }> {
  const made = readdirSync(path.join(out, "results")).filter((name) => !before.includes(name));
  expect(made).toHaveLength(1);
  const folder = path.join(out, "results", made[0]!);
  expect(readdirSync(folder).sort()).toEqual(["comparison.json", "records.csv"]);
  const comparison = comparisonSchema.parse(JSON.parse(readFileSync(path.join(folder, "comparison.json"), "utf8")));
  const rows: MeasuredRow[] = [];
  for await (const row of readRecords(path.join(folder, "records.csv"))) rows.push(row);
  return { comparison, rows };
}

/** How many rows there are of each side in each process. */
function countOf(rows: readonly MeasuredRow[], purpose: string): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { parameters, variant, process, cpus, metric } of rows) {
    const pairs = parameters.split(" ");
    if (!pairs.includes(`purpose=${purpose}`)) continue;
    const key = [variant, pairs.find((pair) => pair.startsWith("side=")), process, cpus, metric].join(" ");
    counts[key] = (counts[key] ?? 0) + 1;
  }
  return counts;
}

describe("the native gate", { timeout }, () => {
  test("does not time the same code, and passes", async () => {
    const { code, stdout } = await compare("--native-only");
    expect(code).toBe(0);
    expect(stdout).toMatch(/^passed: 0 rows timed; \d+ rows of the same code, not timed\n/);
    const { comparison, rows } = await left();
    expect(rows).toEqual([]);
    expect(comparison.exact).toBeNull();
    expect(new Set(comparison.native!.rows.map(({ problem }) => problem))).toEqual(new Set(["cil"]));
    expect(comparison.native!.rows.map(({ verdict, reason }) => `${verdict}: ${reason}`)).toContain(
      "equivalent: the same code",
    );
  });

  test("times it when it is told to, and keeps every round of both sides", async () => {
    const some = ["--native-only", "--all", "--variant", "shadow-buffers", "--processes", "7", "--rounds", "4"];
    const { code, stderr } = await compare(...some, "--alpha", "0.04", "--min-effect", "20%", "--seed", "3");
    expect([0, 1, 3], stderr).toContain(code);
    const { comparison, rows } = await left();
    expect(comparison).toMatchObject({ seed: 3, native: { alpha: 0.04, processes: 7, rounds: 4 } });
    const timed = comparison.native!.rows;
    expect(timed.length).toBeGreaterThan(0);
    for (const { variant, processes, delta } of timed) {
      expect([variant, processes.length]).toEqual(["shadow-buffers", 7]);
      expect(delta).toBeGreaterThanOrEqual(0.2);
    }
    const counts = countOf(rows, "first");
    expect(Object.keys(counts)).toHaveLength(timed.length * 2 * 7);
    expect(new Set(Object.values(counts))).toEqual(new Set([4]));
    expect(Object.keys(countOf(rows, "canary")).length).toBeGreaterThan(0);
    for (const row of rows) expect(row).toMatchObject({ run_id: comparison.id, instrument: "native", problem: "cil" });
  });

  test("times variants beside a reference", async () => {
    const { code, stderr } = await compare(
      ...["--reference", "allocate-under-lock", "--problem", "cil", "--workload", "metadata-commits"],
      ...["--variant", "shadow-buffers", "--set", "items=16", "--cpus", "1", "--processes", "6", "--rounds", "3"],
    );
    expect([0, 3], stderr).toContain(code);
    const { comparison, rows } = await left();
    expect(comparison).toMatchObject({
      kind: "variants",
      exact: null,
      base: { label: "allocate-under-lock", runId: null },
      head: { label: "shadow-buffers" },
    });
    for (const { parameters, cpus, variant } of comparison.native!.rows) {
      expect([parameters.split(" ").includes("items=16"), cpus, variant]).toEqual([true, 1, "shadow-buffers"]);
    }
    expect(new Set(rows.map(({ variant }) => variant))).toEqual(new Set(["allocate-under-lock", "shadow-buffers"]));
  });

  test("leaves nothing behind when it is stopped", async () => {
    before = readdirSync(path.join(out, "results"));
    const { code } = await call(
      ["compare", "--native-only", "--all", "--variant", "shadow-buffers", "--out", out],
      "cil: shadow-buffers",
    );
    expect(code).toBe(130);
    expect(readdirSync(path.join(out, "results"))).toEqual(before);
  });

  test("needs code on both sides", async () => {
    for (const options of [[runId], ["--base", runId]]) {
      const { code, stderr } = await compare("--native-only", ...options);
      expect([code, stderr]).toEqual([2, expect.stringContaining("--native-only: a run's folder has no code")]);
    }
    await compare(runId);
    const folder = readdirSync(path.join(out, "results")).find((name) => !before.includes(name))!;
    const text = readFileSync(path.join(out, "results", folder, "comparison.json"), "utf8");
    const { native, warnings } = comparisonSchema.parse(JSON.parse(text));
    expect([native, warnings]).toEqual([null, [expect.stringContaining("nothing is timed")]]);
  });

  test("says of which variant only one side has code", async () => {
    const other = newOut();
    cpSync(path.join(out, "results", "baseline"), path.join(other, "results", "baseline"), { recursive: true });
    const file = path.join(other, "results", "baseline", "main", "baseline.json");
    const text = readFileSync(file, "utf8");
    writeFileSync(file, text.replace('"variant": "shadow-buffers"', '"variant": "older-buffers"'));
    const { code, stdout } = await call(["compare", "--native-only", "--out", other, "--format", "json"]);
    const { native, warnings } = comparisonSchema.parse(JSON.parse(stdout));
    expect([code, warnings]).toEqual([
      0,
      [
        "the base has no code of cil shadow-buffers, so it is not timed",
        "the base has code of cil older-buffers, which is not there any more",
      ],
    ]);
    expect(native!.rows.map(({ variant }) => variant)).not.toContain("shadow-buffers");
  });

  test("does not time a baseline whose modules share other numbers with their host", async () => {
    const other = newOut();
    cpSync(path.join(out, "results", "baseline"), path.join(other, "results", "baseline"), { recursive: true });
    const file = path.join(other, "results", "baseline", "main", "baseline.json");
    const text = readFileSync(file, "utf8");
    writeFileSync(file, text.replaceAll(/"interfaceSha256": ".*"/g, `"interfaceSha256": "${"0".repeat(64)}"`));
    const { code, stderr } = await call(["compare", "--native-only", "--out", other]);
    expect([code, stderr]).toEqual([
      2,
      expect.stringContaining("what modules of cil share with their host has changed"),
    ]);
  });

  test.each([
    [["--workload", "metadata-commits"], "--workload: goes with --reference"],
    [["--reference", "floor"], "--reference: name the one problem"],
    [["--reference", "floor", "--problem", "cil", "--base", "main"], "leave out --base and --exact-only"],
    [["--reference", "none", "--problem", "cil"], "variant 'none': unknown"],
    [["--reference", "allocate-under-lock", "--problem", "cil", "--workload", "none"], "--workload none: is not timed"],
    [["--reference", "allocate-under-lock", "--problem", "cil", "--set", "none=1"], "--set none: no timed workload"],
    [["--min-effect", "2"], "--min-effect: must be a share between 0 and 1"],
    [["--alpha", "0%"], "--alpha: must be a share"],
    [["--alpha", "0.1"], "--alpha: must be at most 0.05"],
    [
      ["--reference", "allocate-under-lock", "--problem", "cil", "--alpha", "0.01"],
      "--alpha: is about rows that can fail",
    ],
    [["--reference", "allocate-under-lock", "--problem", "cil", "--all"], "leave it out with --reference"],
    [["--variant", "nosuch"], "--native-only: nothing can be timed: the gate's suite does not time nosuch"],
    [["--problem", "shrinker"], "--native-only: nothing can be timed: the base has no code of shrinker"],
    [["--all", "--processes", "6"], "no difference could be found; at least"],
    [["--rounds", "61"], "--rounds: must be from 1 to 60"],
    [["--processes", "0"], "--processes: must be from 6 to 1000"],
  ])("refuses %s", async (options, message) => {
    const { code, stderr } = await compare("--native-only", ...options);
    expect([code, stderr]).toEqual([2, expect.stringContaining(message)]);
    expect(readdirSync(path.join(out, "results"))).toEqual(before);
  });

  test.each([["--alpha", "0.01"], ["--processes", "12"], ["--rounds", "10"], ["--min-effect", "5%"], ["--all"]])(
    "does not take %s where nothing is timed",
    async (...option) => {
      const { code, stderr } = await call(["compare", "--exact-only", ...option, "--out", out]);
      expect([code, stderr]).toEqual([2, expect.stringContaining(`${option[0]}: is about what is timed`)]);
    },
  );
});
