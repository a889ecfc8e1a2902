import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { planFormats, showComparison } from "../../src/cli/compare-output.ts";
import type { Io } from "../../src/cli/io.ts";
import type { Comparison } from "../../src/compare/comparison.ts";
import * as samples from "../report/compare/comparisons.ts";

let folder = "";

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), "reclaim-bench-"));
});

afterEach(() => {
  rmSync(folder, { recursive: true });
});

describe("a file that is named for a format", () => {
  test("that cannot be written is told with the option that names it", async () => {
    const file = path.join(folder, "plain", "x.csv");
    writeFileSync(path.join(folder, "plain"), "");
    await expect(planFormats([`csv=${file}`])).rejects.toThrow(`--format csv=${file}: cannot write in `);
  });

  test("may be no folder", async () => {
    mkdirSync(path.join(folder, "made"));
    await expect(planFormats([`csv=${folder}/made`])).rejects.toThrow(`--format csv=${folder}/made: is a folder`);
  });

  test("may not be that of another one, however it is written", async () => {
    const file = path.join(folder, "x");
    await expect(planFormats([`csv=${file}`, `json=${folder}/./x`])).rejects.toThrow(
      `--format json=${folder}/./x: goes to the same file as --format csv=${file}`,
    );
    expect((await planFormats([`csv=${file}`, `json=${file}.json`])).targets).toHaveLength(2);
  });

  test("may be named twice with the same format", async () => {
    const file = path.join(folder, "x");
    expect((await planFormats([`csv=${file}`, `csv=${folder}/./x`])).targets).toEqual([{ format: "csv", file }]);
    expect((await planFormats(["csv", "csv"])).format).toBe("csv");
    await expect(planFormats(["csv", "json"])).rejects.toThrow("csv and json cannot both go to standard output");
  });
});

/** What is written to standard error. */
async function warningsOf(comparison: Comparison, formats: readonly string[]): Promise<string> {
  let warned = "";
  const io: Io = {
    write: () => {},
    warn: (text) => {
      warned += text;
    },
    clock: () => new Date(0),
    isTerminal: false,
    columns: 80,
  };
  await showComparison(comparison, await planFormats(formats), { folder, reports: path.join(folder, "reports") }, io);
  return warned;
}

describe("a format of which a tool may refuse a file without results", () => {
  test("is warned of when it has none", async () => {
    const file = path.join(folder, "x.json");
    expect(await warningsOf(samples.empty, [`pyperf-head=${file}`])).toBe(
      "reclaim-bench: --format pyperf-head: is without results, as nothing that it shows was compared\n",
    );
    expect(JSON.parse(readFileSync(file, "utf8"))).toMatchObject({ benchmarks: [] });
    expect(await warningsOf(samples.empty, ["github-benchmark-smaller"])).toContain(
      "--format github-benchmark-smaller:",
    );
  });

  test("is not warned of when it has some, nor are others", async () => {
    const all = [`pyperf-head=${folder}/x`, `bencher=${folder}/y`, `csv=${folder}/z`];
    expect(await warningsOf(samples.slower, all)).toBe("");
    expect(await warningsOf(samples.empty, [`csv=${folder}/z`])).toBe("");
  });
});
