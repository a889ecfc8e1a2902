// A study by the command line. What it finds hangs on the machine: held here is what it keeps, and what comparisons take from it.

import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { comparisonSchema } from "../../src/compare/comparison.ts";
import type { MachineFloor } from "../../src/compare/machine-floor.ts";
import { call, newOut, type Outcome } from "./program.ts";

let out: string;
let page: string;
let results: string;
beforeAll(() => {
  out = newOut();
  page = path.join(out, "statistics.md");
  results = path.join(out, "results");
});

const small = ["--processes", "6", "--rounds", "2", "--families", "20", "--effects", "0.4", "--injections", "1"];
const cil = "cil/shadow-buffers/metadata-commits/1/commits-per-s";

function study(options: readonly string[], stopAt?: string): Promise<Outcome> {
  return call(["doctor", "--study", ...small, "--rows", cil, "--out", page, "--results", results, ...options], stopAt);
}

/** Folder of this machine's study. */
function folder(): string {
  const [id = ""] = readdirSync(path.join(results, "studies"));
  return path.join(results, "studies", id);
}

function lines(): string[] {
  return readFileSync(path.join(folder(), "processes.csv"), "utf8").trimEnd().split("\n");
}

describe("doctor --study", { timeout: 600_000 }, () => {
  test("keeps what it has measured when it is stopped, and goes on with it", async () => {
    const stopped = await study(["--comparisons", "2"], `same 2: ${cil}`);
    expect([stopped.code, existsSync(page)], stopped.stderr).toEqual([130, false]);
    expect(stopped.stderr).toContain("go on with the same options and --resume");
    const before = lines();
    expect(before.filter((line) => line.startsWith(`same,${cil},0,0,first,`))).toHaveLength(6);

    const again = await study(["--comparisons", "2"]);
    expect([again.code, again.stderr]).toEqual([2, expect.stringContaining("go on with --resume, or move it away")]);
    const other = await study(["--comparisons", "2", "--resume", "--seed", "2"]);
    expect([other.code, other.stderr]).toEqual([2, expect.stringContaining("was begun with other seed")]);
    expect(lines()).toEqual(before);

    const { code, stdout, stderr } = await study(["--comparisons", "2", "--resume"]);
    expect(code, stderr).toBe(0);
    expect(stdout).toBe(`records ${folder()}\npage    ${page}\n`);
    const after = lines();
    expect(after.slice(0, before.length)).toEqual(before);
    expect(after.filter((line) => line.startsWith(`same,${cil},0,1,first,`))).toHaveLength(6);
    expect(after.some((line) => line.startsWith(`slowed,${cil},`))).toBe(true);
    const text = readFileSync(page, "utf8");
    expect(text).toContain(`| \`${cil}\` | 40.0 % | `);
    expect(text).toContain("--resume\n```");
    // Two comparisons have no 99th percentile.
    expect(existsSync(path.join(folder(), "floor.json"))).toBe(false);
  });

  test("gives comparisons on the same machine their floor", async () => {
    const compare = async (): Promise<readonly [readonly number[], readonly string[]]> => {
      const { stdout } = await call([
        ...["compare", "--reference", "allocate-under-lock", "--problem", "cil", "--variant", "shadow-buffers"],
        ...["--cpus", "1", "--processes", "6", "--rounds", "2", "--out", out, "--format", "json"],
      ]);
      const { native, warnings } = comparisonSchema.parse(JSON.parse(stdout));
      return [native!.rows.map(({ delta }) => delta), warnings];
    };
    const file = path.join(folder(), "floor.json");
    const floor: MachineFloor = {
      ...{ schemaVersion: 1, environmentId: path.basename(folder()), studiedAt: "2025-01-31T00:00:00.000Z" },
      ...{ processes: 12, floors: [{ cpus: 1, shift: 0.08, comparisons: 100 }] },
    };
    writeFileSync(file, JSON.stringify(floor));
    const [studied, none] = await compare();
    expect([new Set(studied), none]).toEqual([new Set([0.08]), []]);
    writeFileSync(file, "{");
    const [damaged, warnings] = await compare();
    expect(new Set(damaged)).toEqual(new Set([0.03]));
    expect(warnings).toEqual([expect.stringContaining("the study of this machine is not used: ")]);
  });

  test.each([
    [["--rows", "none/*"], "--rows none/*: no row has such a name"],
    [["--inject", "none/*"], "--inject none/*: no chosen row has such a name"],
    [["--effects", "0.03,x"], "--effects 0.03,x: must be shares from 0.001 to 0.5"],
    [["--processes", "5"], "--processes: must be from 6 to 1000"],
    [["--comparisons", "0"], "--comparisons: must be from 1 to"],
  ])("refuses %s", async (options, message) => {
    const { code, stderr } = await study([...options, "--resume"]);
    expect([code, stderr]).toEqual([2, expect.stringContaining(message)]);
  });
});
