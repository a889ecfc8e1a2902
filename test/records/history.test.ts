import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeEach, describe, expect, test } from "vitest";
import { InputError } from "../../src/errors.ts";
import type { Environment } from "../../src/records/environment.ts";
import { appendHistory, type HistoryRow, historyColumns, machineOf, readHistory } from "../../src/records/history.ts";

const root = mkdtempSync(path.join(tmpdir(), "history-"));
afterAll(() => rmSync(root, { recursive: true }));

let folder: string;
beforeEach(() => {
  folder = path.join(mkdtempSync(path.join(root, "case-")), "results", "history");
});

const first: HistoryRow = {
  commit: "0123456789abcdef0123456789abcdef01234567",
  committed_at: "2025-01-31T12:00:00.000Z",
  run_id: "20250131T235959Z-0a1b2c",
  environment_id: "0a1b2c3d4e5f",
  machine: "AMD EPYC 7763 64-Core Processor, 4 cores, Node.js 24",
  problem: "cil",
  variant: "fail-fast-allocation",
  workload: "metadata-commits",
  instrument: "simulator",
  cpus: 16,
  parameters: "items=12 mix=512:2,4096:1 seed=1",
  metric: "virtual-commits-per-s",
  unit: "commits/s",
  better: "higher",
  assume: "exact",
  value: 133130.70934697156,
};
const ratio: HistoryRow = {
  ...first,
  problem: "shrinker",
  instrument: "native",
  metric: "visits-per-s-over-rwsem",
  unit: "ratio",
  assume: "sampled",
  value: 1.25,
};
const later = { run_id: "20250201T235959Z-0a1b2c", commit: "f".repeat(40) };

describe("a history", () => {
  test("gives back what was added, in its order, a file for each problem", async () => {
    expect(await readHistory(folder)).toEqual([]);
    const strange = { ...first, variant: '=mine, "quoted"', value: -1.5e-7, unit: "" };
    expect(await appendHistory(folder, [first, ratio, strange])).toHaveLength(3);
    await appendHistory(folder, [{ ...first, ...later }]);
    expect(readdirSync(folder)).toEqual(["cil.csv", "shrinker.csv"]);
    expect(await readHistory(folder)).toEqual([first, strange, { ...first, ...later }, ratio]);
  });

  test("only grows: what was there stays to the byte", async () => {
    await appendHistory(folder, [first]);
    const before = readFileSync(path.join(folder, "cil.csv"), "utf8");
    await appendHistory(folder, [{ ...first, ...later }]);
    const after = readFileSync(path.join(folder, "cil.csv"), "utf8");
    expect(after.slice(0, before.length)).toBe(before);
    expect(after.split("\n")).toHaveLength(before.split("\n").length + 1);
    expect(before.split("\n")[0]).toBe(historyColumns.join(","));
  });

  test("takes a run once, and of an interrupted addition what is missing", async () => {
    await appendHistory(folder, [first]);
    expect(await appendHistory(folder, [first, ratio])).toEqual([ratio]);
    await expect(appendHistory(folder, [first, ratio])).rejects.toThrow(
      new InputError(`run ${first.run_id}: is in ${folder} already`),
    );
    expect(await readHistory(folder)).toEqual([first, ratio]);
  });

  test("loses nothing when several add at the same time", async () => {
    const runs = Array.from({ length: 8 }, (_, index) => ({ ...first, run_id: `run-${index}` }));
    await Promise.all(runs.map((row) => appendHistory(folder, [row])));
    const there = (await readHistory(folder)).map(({ run_id }) => run_id).sort();
    expect(there).toEqual(runs.map(({ run_id }) => run_id));
    expect(readdirSync(folder)).toEqual(["cil.csv"]);
  });

  test("is not touched while somebody else adds, be it one who died over it", async () => {
    await appendHistory(folder, [first]);
    const lock = path.join(folder, ".lock");
    writeFileSync(lock, "");
    await expect(appendHistory(folder, [{ ...first, ...later }], 0)).rejects.toThrow(
      new InputError(`${lock}: somebody else adds to this history; if nobody does, remove that file`),
    );
    expect(await readHistory(folder)).toEqual([first]);
    rmSync(lock);
    expect(await appendHistory(folder, [{ ...first, ...later }], 0)).toHaveLength(1);
  });

  test("refuses a folder where a file should be, and a file where the folder should be", async () => {
    mkdirSync(path.join(folder, "cil.csv"), { recursive: true });
    const isFolder = new InputError(`${path.join(folder, "cil.csv")}: is a folder, not a file`);
    await expect(readHistory(folder)).rejects.toThrow(isFolder);
    await expect(appendHistory(folder, [first])).rejects.toThrow(isFolder);
    rmSync(folder, { recursive: true });
    writeFileSync(folder, "");
    const isFile = new InputError(`${folder}: is not a folder`);
    await expect(readHistory(folder)).rejects.toThrow(isFile);
    await expect(appendHistory(folder, [first])).rejects.toThrow(isFile);
  });

  const damages: readonly (readonly [string, (text: string) => string, RegExp])[] = [
    ["a last line that is torn", (text) => text.slice(0, -3), /cil\.csv: damaged: its last line is not whole$/],
    ["an empty file", () => "", /cil\.csv: damaged: it is empty$/],
    [
      "a file of before there were machines",
      (text) => text.replace("environment_id,machine", "environment_id"),
      /cil\.csv: of an earlier version, without the column 'machine'; remove it/,
    ],
    ["another header", (text) => text.replace("run_id", "run"), /cil\.csv:1: the columns are not commit,/],
    ["a missing field", (text) => text.replace(",exact", ""), /cil\.csv:2: 15 fields; each row has 16$/],
    [
      "a number that is none",
      (text) => text.replace(/133130\.7\d*/, "fast"),
      /cil\.csv:2: column 'value': expected a decimal/,
    ],
    [
      "a number too large",
      (text) => text.replace(/133130\.7\d*/, "1e999"),
      /column 'value': expected a finite number$/,
    ],
    ["no CPUs", (text) => text.replace(",16,", ",0,"), /column 'cpus': expected a whole number of at least 1$/],
    [
      "a commit with changes",
      (text) => text.replace("01234567,", "01234567-dirty,"),
      /column 'commit': expected the hash/,
    ],
    [
      "a time that is none",
      (text) => text.replace("2025-01-31T", "yesterday "),
      /column 'committed_at': expected a time/,
    ],
    ["another problem's row", (text) => text.replace(",cil,", ",slab,"), /'slab' is in the file of 'cil'$/],
    ["an open quote", (text) => text.replace(",cil,", ',"cil,'), /cil\.csv:\d+: not CSV: /],
  ];
  test.each(damages)("refuses %s in one line, and leaves every file as it is", async (_, damage, message) => {
    await appendHistory(folder, [first]);
    const file = path.join(folder, "cil.csv");
    const whole = readFileSync(file, "utf8");
    const damaged = damage(whole);
    expect(damaged).not.toBe(whole);
    writeFileSync(file, damaged);
    await expect(readHistory(folder)).rejects.toThrow(message);
    const error = await appendHistory(folder, [
      { ...ratio, ...later },
      { ...first, ...later },
    ]).catch((one) => one);
    expect(error).toBeInstanceOf(InputError);
    expect(error.message).not.toContain("\n");
    expect(readFileSync(file, "utf8")).toBe(damaged);
    expect(readdirSync(folder)).toEqual(["cil.csv"]);
  });
});

test("a machine is the same with other patches of the kernel and of Node.js, and not with other processors", () => {
  const environment = { cpuModel: "Ryzen 7", arch: "x64", coreCount: 8, node: "24.11.1" } as Environment;
  const machine = machineOf(environment);
  expect(machine).toBe("Ryzen 7, 8 cores, Node.js 24");
  const other = (own: Partial<Environment>): string => machineOf({ ...environment, ...own });
  expect(other({ node: "24.12.0", v8: "13.7", kernel: "6.99", memoryBytes: 1, governor: "powersave" })).toBe(machine);
  expect(other({ node: "26.0.0" })).toBe("Ryzen 7, 8 cores, Node.js 26");
  expect(other({ cpuModel: null, arch: "arm64", coreCount: 1 })).toBe("arm64, 1 core, Node.js 24");
});
