import { createHash } from "node:crypto";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { gunzipSync, gzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { InputError } from "../../src/errors.ts";
import { BaselineStore, type CodeOfModule, type StoredBaseline } from "../../src/records/baseline.ts";
import { RecordWriter, readRecords } from "../../src/records/csv.ts";
import { environmentId } from "../../src/records/environment.ts";
import type { MeasuredRow } from "../../src/records/record.ts";
import { type Run, writeRun } from "../../src/records/run-file.ts";

/** What the file system does instead of a rename; null for the rename itself. */
const instead: { renameSync: (() => void) | null; renameForGood: (() => void) | null } = {
  renameSync: null,
  renameForGood: null,
};

vi.mock("node:fs", async (original) => {
  const real = await original<typeof import("node:fs")>();
  const mocked: typeof real.renameSync = (from, to) => {
    if (instead.renameSync === null) real.renameSync(from, to);
    else instead.renameSync();
  };
  return { ...real, renameSync: mocked };
});

vi.mock("../../src/records/atomic-file.ts", async (original) => {
  const real = await original<typeof import("../../src/records/atomic-file.ts")>();
  const mocked: typeof real.renameForGood = async (from, to) => {
    if (!to.endsWith(".wasm")) instead.renameForGood?.();
    await real.renameForGood(from, to);
  };
  return { ...real, renameForGood: mocked };
});

const described = {
  ...{ node: "20.20.0", v8: "11.3", os: "linux", kernel: "6.1", arch: "x64", cpuModel: null, coreCount: 2 },
  ...{ memoryBytes: 2 ** 33, governor: null, virtualised: true, loadAverage: null, clockResolutionNs: 50 },
  ...{ clockCostNs: 100, commit: "" },
};

const run: Run = {
  schemaVersion: 1,
  runId: "20250131T235959Z-0a1b2c",
  command: "reclaim-bench run --quick cil",
  startedAt: "2025-01-31T23:59:59.000Z",
  finishedAt: "2025-02-01T00:01:59.000Z",
  state: "complete",
  environment: { id: environmentId(described), ...described },
  parameters: { problems: '["cil"]' },
  seed: 1,
  flags: {},
  modules: [{ problem: "cil", variant: "floor", machine: "traced", wasmSha256: "0".repeat(64) }],
  workloads: [],
  cases: [{ id: "cil / floor / metadata-commits / counted", state: "done" }],
  warnings: [],
  rssBytesMax: 1,
};

const row: MeasuredRow = {
  ...{ run_id: run.runId, commit: "", problem: "cil", variant: "floor", workload: "metadata-commits" },
  ...{ instrument: "traced", cpus: 2, parameters: "", process: 0, round: 0, metric: "calls[commit]", unit: "calls" },
  ...{ better: "", assume: "exact", value: 24, seed: 1, environment_id: run.environment.id },
} as const;

const code = (text: string, variant = "floor"): CodeOfModule => ({
  problem: "cil",
  variant,
  parameters: {},
  skipWhenEmpty: false,
  isFloor: variant === "floor",
  interfaceSha256: "0".repeat(64),
  wasm: Buffer.from(text),
});
const hashOf = (text: string): string => createHash("sha256").update(text).digest("hex");

let folder: string;
let store: BaselineStore;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), "baseline-"));
  store = new BaselineStore(path.join(folder, "baseline"));
});
afterEach(() => {
  Object.assign(instead, { renameSync: null, renameForGood: null });
  rmSync(folder, { recursive: true });
});

/** A run's folder. */
async function runFolder(change: Partial<Run> = {}, rows: readonly Partial<MeasuredRow>[] = [{}]): Promise<string> {
  const made = mkdtempSync(path.join(folder, "run-"));
  await writeRun(made, { ...run, ...change });
  const writer = await RecordWriter.open(made);
  for (const one of rows) await writer.write({ ...row, ...one });
  await writer.finish();
  return made;
}

const at = { savedAt: "2025-02-02T00:00:00.000Z", force: false };

async function save(name = "main", modules = [code("first")], from?: string): Promise<StoredBaseline> {
  return await store.save(name, from ?? (await runFolder()), async () => modules, at);
}

const inStore = (...parts: string[]): string => path.join(folder, "baseline", ...parts);

describe("a saved baseline", () => {
  test("has the run, its records and its modules, and nothing else", async () => {
    const from = await runFolder();
    writeFileSync(path.join(from, "answers.json"), "{}\n");
    const { baseline, run: saved, records } = await save("main", [code("first"), code("first", "srcu")], from);
    expect(readdirSync(inStore("main")).sort()).toEqual([
      "answers.json",
      "baseline.json",
      "records.csv.gz",
      "run.json",
    ]);
    expect(readdirSync(inStore("modules"))).toEqual([`${hashOf("first")}.wasm`]);
    expect(readdirSync(inStore()).sort()).toEqual(["main", "modules"]);
    expect(saved).toEqual(run);
    expect(gunzipSync(readFileSync(`${records}.gz`))).toEqual(readFileSync(path.join(from, "records.csv")));
    const rows: MeasuredRow[] = [];
    for await (const one of readRecords(records)) rows.push(one);
    expect(rows).toEqual([row]);
    expect(baseline).toMatchObject({ schemaVersion: 1, name: "main", savedAt: at.savedAt, runId: run.runId });
    expect(baseline.modules.map(({ variant, isFloor, wasmSha256 }) => [variant, isFloor, wasmSha256])).toEqual([
      ["floor", true, hashOf("first")],
      ["srcu", false, hashOf("first")],
    ]);
  });

  test("can be saved again from a baseline's folder", async () => {
    await save();
    const { records } = await save("copy", [code("first")], inStore("main"));
    expect(readFileSync(`${records}.gz`)).toEqual(readFileSync(inStore("main", "records.csv.gz")));
  });

  test("is replaced with force only, and its modules are shared", async () => {
    await save();
    await expect(save()).rejects.toThrow(/there is one in .*; replace it with --force$/);
    await store.save("main", await runFolder({ seed: 7 }), async () => [code("second")], { ...at, force: true });
    expect((await store.read("main")).run.seed).toBe(7);
    expect(readdirSync(inStore()).sort()).toEqual(["main", "modules"]);
    expect(readdirSync(inStore("modules")).sort()).toEqual(
      [hashOf("first"), hashOf("second")].sort().map((hash) => `${hash}.wasm`),
    );
  });

  test("that was being replaced when the plug was pulled is there again, and is not removed", async () => {
    const pull = (): void => renameSync(inStore("main"), inStore(".main.0123456789ab.tmp.old.tmp"));
    await save();
    for (const use of [
      async () => expect(await store.names()).toEqual(["main"]),
      async () => expect(store.has("main")).toBe(true),
      async () => expect((await store.read("main")).run).toEqual(run),
      async () => expect(await store.removeUnnamed()).toEqual({ modules: 0, bytes: 0 }),
      async () => await expect(save()).rejects.toThrow("replace it with --force"),
    ]) {
      pull();
      await use();
      expect(readdirSync(inStore()).sort()).toEqual(["main", "modules"]);
    }
    // Where the new one has its name already, the old one is what is left over.
    cpSync(inStore("main"), inStore(".main.0123456789ab.tmp.old.tmp"), { recursive: true });
    await store.removeUnnamed();
    expect(readdirSync(inStore()).sort()).toEqual(["main", "modules"]);
  });

  test.each(["EROFS", "EACCES", "EPERM"])("that cannot get its name back (%s) is told in one line", async (code) => {
    await save();
    renameSync(inStore("main"), inStore(".main.0123456789ab.tmp.old.tmp"));
    instead.renameSync = () => {
      throw Object.assign(new Error(code), { code });
    };
    for (const use of [() => store.names(), async () => store.has("main"), () => store.read("main")]) {
      const error = await use().catch((caught: unknown) => caught);
      expect(error).toBeInstanceOf(InputError);
      expect((error as Error).message).toMatch(
        new RegExp(`^baseline 'main': a save was interrupted, and .*tmp cannot be given its name again \\(${code}\\)`),
      );
    }
  });

  test("is whole where another process puts it back while it is being replaced", async () => {
    await save();
    instead.renameForGood = () => expect(new BaselineStore(inStore()).has("main")).toBe(true);
    const replaced = store.save("main", await runFolder({ seed: 7 }), async () => [code("first")], {
      ...at,
      force: true,
    });
    // The new one finds its place taken.
    await expect(replaced).rejects.toMatchObject({ code: "ENOTEMPTY" });
    expect((await store.read("main")).run.seed).toBe(1);
    expect(readdirSync(inStore()).sort()).toEqual(["main", "modules"]);
  });

  test("without a hash of its table is read, as it was saved before there was one", async () => {
    await save();
    const file = inStore("main", "baseline.json");
    const { recordsSha256, ...older } = JSON.parse(readFileSync(file, "utf8")) as Record<string, unknown>;
    expect(recordsSha256).toMatch(/^[0-9a-f]{64}$/);
    writeFileSync(file, JSON.stringify(older));
    expect((await store.read("main")).run).toEqual(run);
  });

  test("has a damaged module written again", async () => {
    await save();
    writeFileSync(inStore("modules", `${hashOf("first")}.wasm`), "damaged");
    await save("other");
    expect((await store.read("main")).baseline.name).toBe("main");
  });
});

describe("what is not whole is not saved, and what was there stays:", () => {
  const failed = [{ id: "a", state: "failed" as const, error: "trapped" }];
  test.each([
    ["an incomplete run", { state: "incomplete" as const, finishedAt: null }, [{}], /it is incomplete; finish it with/],
    ["a failed case", { cases: failed }, [{}], /1 of its cases failed, .*: a: trapped$/],
    ["no rows", {}, [], /its records have no row of problem 'cil'$/],
    ["a row of another run", {}, [{}, { run_id: "other" }], /has a row of run 'other' among those of run/],
    ["a row of another machine", {}, [{ environment_id: "ba9876543210" }], /has a row of machine 'ba9876543210'/],
    [
      "a row of another problem",
      {},
      [{ problem: "shrinker" }],
      /of problem 'shrinker', of which the run has no module/,
    ],
  ])("%s", async (_, change, rows, message) => {
    await save();
    const before = readFileSync(inStore("main", "baseline.json"), "utf8");
    const from = await runFolder(change, rows);
    const outcome = store.save("main", from, async () => [code("second")], { ...at, force: true });
    await expect(outcome).rejects.toThrow(message);
    await expect(outcome).rejects.toBeInstanceOf(InputError);
    expect(readFileSync(inStore("main", "baseline.json"), "utf8")).toBe(before);
    expect(readdirSync(inStore()).sort()).toEqual(["main", "modules"]);
  });

  test("cut records", async () => {
    await save();
    const from = await runFolder();
    rmSync(path.join(from, "records.csv"));
    writeFileSync(path.join(from, "records.csv.gz"), gzipSync(Buffer.alloc(10_000, "x")).subarray(0, 20));
    await expect(store.save("main", from, async () => [], { ...at, force: true })).rejects.toThrow(
      /records\.csv\.gz: a damaged gzip/,
    );
    expect((await store.read("main")).run).toEqual(run);
  });

  test("a failure while it is written", async () => {
    await save();
    const broken = code("second");
    Object.defineProperty(broken, "wasm", {
      enumerable: true,
      get: () => {
        throw new Error("disk full");
      },
    });
    await expect(
      store.save("main", await runFolder({ seed: 7 }), async () => [broken], { ...at, force: true }),
    ).rejects.toThrow("disk full");
    expect((await store.read("main")).run.seed).toBe(1);
    expect(readdirSync(inStore()).sort()).toEqual(["main", "modules"]);
  });
});

describe("a bad baseline is told in one line:", () => {
  const change = (file: string, edit: (json: Record<string, unknown>) => void): void => {
    const place = inStore("main", file);
    const json = JSON.parse(readFileSync(place, "utf8")) as Record<string, unknown>;
    edit(json);
    writeFileSync(place, JSON.stringify(json));
  };
  const moduleFile = (): string => inStore("modules", `${hashOf("first")}.wasm`);
  /** The table without its last row, whose header and rows are whole. */
  const shortened = (): string => {
    const text = gunzipSync(readFileSync(inStore("main", "records.csv.gz"))).toString();
    return text.replace(/[^\n]+\n$/, "");
  };
  test.each<[what: string, damage: () => void, message: RegExp]>([
    ["no such one", () => rmSync(inStore("main"), { recursive: true }), /baseline 'main': no such baseline; none in /],
    ["no baseline.json", () => rmSync(inStore("main", "baseline.json")), /baseline\.json: no such file$/],
    ["no run.json", () => rmSync(inStore("main", "run.json")), /run\.json: no such file$/],
    ["no records", () => rmSync(inStore("main", "records.csv.gz")), /records\.csv\.gz: no such file$/],
    [
      "a table that lost a line",
      () => writeFileSync(inStore("main", "records.csv.gz"), gzipSync(shortened())),
      /records\.csv\.gz: damaged, its content is not what was saved$/,
    ],
    [
      "a cut table",
      () => writeFileSync(inStore("main", "records.csv.gz"), gzipSync("x").subarray(0, 12)),
      /records\.csv\.gz: a damaged gzip file: /,
    ],
    [
      "another table beside its own",
      () => writeFileSync(inStore("main", "records.csv"), shortened()),
      /records\.csv: is not the baseline's, whose table is .*records\.csv\.gz; remove it$/,
    ],
    ["no JSON", () => writeFileSync(inStore("main", "baseline.json"), "{"), /baseline\.json: not JSON: /],
    [
      "a missing field",
      () => change("baseline.json", (json) => delete json.modules),
      /baseline\.json: field 'modules'/,
    ],
    ["an older version", () => change("baseline.json", (json) => (json.schemaVersion = 0)), /an older version of/],
    ["a newer version", () => change("baseline.json", (json) => (json.schemaVersion = 2)), /a newer version of/],
    ["a newer run", () => change("run.json", (json) => (json.schemaVersion = 2)), /run\.json: written by a newer/],
    [
      "another run",
      () => change("run.json", (json) => (json.runId = "20260131T235959Z-0a1b2c")),
      /names run .* is of run/,
    ],
    ["a moved one", () => change("baseline.json", (json) => (json.name = "old")), /is of baseline 'old'; it was moved/],
    ["no module", () => rmSync(moduleFile()), /\.wasm: no such file; it is the code of cil floor$/],
    [
      "a damaged module",
      () => writeFileSync(moduleFile(), "firsT"),
      /\.wasm: damaged, .*; it is the code of cil floor$/,
    ],
  ])("%s", async (_, damage, message) => {
    await save();
    damage();
    const error = await store.read("main").catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(InputError);
    expect((error as Error).message).toMatch(message);
    expect((error as Error).message).not.toContain("\n");
  });

  test.each(["", "modules", "../up", "a/b", ".hidden"])("the name '%s'", async (name) => {
    await expect(save(name)).rejects.toThrow(InputError);
    expect(existsSync(inStore())).toBe(false);
  });
});

describe("removing", () => {
  test("takes modules that no baseline names, and what an interrupted save has left", async () => {
    await save("one", [code("first"), code("second", "srcu")]);
    await save("two", [code("second", "srcu"), code("third")]);
    mkdirSync(inStore(".three.0123.tmp"));
    writeFileSync(inStore("modules", "x.wasm.0123.tmp"), "half");
    expect(await store.removeUnnamed()).toEqual({ modules: 1, bytes: 4 });
    await store.remove("two");
    expect(await store.removeUnnamed()).toEqual({ modules: 1, bytes: "third".length });
    expect(readdirSync(inStore()).sort()).toEqual(["modules", "one"]);
    await store.read("one");
  });

  test("takes nothing while a baseline cannot be read", async () => {
    await save("one");
    await save("two", [code("second")]);
    writeFileSync(inStore("two", "baseline.json"), "{");
    await expect(store.removeUnnamed()).rejects.toThrow(/two\/baseline\.json: not JSON/);
    expect(readdirSync(inStore("modules"))).toHaveLength(2);
  });

  test("of nothing is nothing", async () => {
    expect(await store.removeUnnamed()).toEqual({ modules: 0, bytes: 0 });
    expect(await store.names()).toEqual([]);
  });
});

test("names are those of folders but that of the modules", async () => {
  await save("two");
  await save("one");
  cpSync(inStore("one", "run.json"), inStore("run.json"));
  expect(await store.names()).toEqual(["one", "two"]);
  expect([store.has("one"), store.has("three")]).toEqual([true, false]);
});
