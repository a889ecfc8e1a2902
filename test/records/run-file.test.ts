import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { InputError } from "../../src/errors.ts";
import { newRunId, type Run, readRun, writeRun } from "../../src/records/run-file.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "run-"));
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

const run: Run = {
  schemaVersion: 1,
  runId: "20250131T235959Z-0a1b2c",
  command: "bench quarantine --seed 1",
  startedAt: "2025-01-31T23:59:59.000Z",
  finishedAt: null,
  state: "incomplete",
  environment: {
    id: "0123456789ab",
    node: "20.20.0",
    v8: "11.3",
    os: "linux",
    kernel: "6.1.0",
    arch: "x64",
    cpuModel: null,
    coreCount: null,
    memoryBytes: 2 ** 34,
    governor: null,
    virtualised: null,
    loadAverage: null,
    clockResolutionNs: 1,
    clockCostNs: 25,
    commit: "",
  },
  parameters: { rounds: 60, quick: false, pin: "none" },
  seed: 1,
  flags: { native: ["-O3", "--noAssert"] },
  modules: [
    { problem: "quarantine", variant: "batched-async form=scan", machine: "native", wasmSha256: "ab".repeat(32) },
  ],
  workloads: [
    {
      name: "cgroups-4000",
      parameters: { cgroups: 4000 },
      seed: 2,
      sha256: "cd".repeat(32),
      limits: {
        events: 1,
        caches: 1,
        objects: 1,
        cgroups: 1,
        superblocks: 1,
        tasks: 1,
        liveBytesMax: 1,
        slabBytesMax: 1,
      },
    },
  ],
  cases: [
    { id: "a", state: "done" },
    { id: "b", state: "failed", error: "out of memory" },
    { id: "c", state: "pending" },
  ],
  warnings: ["2 cores"],
  rssBytesMax: 1_000_000,
};

const complete: Run = {
  ...run,
  state: "complete",
  finishedAt: "2025-02-01T00:00:59.000Z",
  cases: run.cases.slice(0, 2),
};

test.each([
  ["incomplete", run],
  ["complete", complete],
])("an %s run comes back as it was written", async (_, each) => {
  expect(await writeRun(folder, each)).toBe(join(folder, "run.json"));
  expect(await readRun(folder)).toEqual(each);
});

test("a run from before flags were told by form is read", async () => {
  const older = { ...run, flags: ["-O3", "--noAssert"] };
  await writeRun(folder, older);
  expect(await readRun(folder)).toEqual(older);
});

test("a run is replaced as it goes on", async () => {
  await writeRun(folder, run);
  await writeRun(folder, complete);
  expect((await readRun(folder)).state).toBe("complete");
  expect(await readdir(folder)).toEqual(["run.json"]);
});

test.each([
  ["schemaVersion", { schemaVersion: "1" }],
  ["runId", { runId: "today" }],
  ["finishedAt", { finishedAt: "yesterday" }],
  ["seed", { seed: 0.5 }],
  ["seed", { seed: undefined }],
  ["environment.coreCount", { environment: { ...run.environment, coreCount: 0 } }],
  ["environment", { environment: { ...run.environment, hostname: "here" } }],
  ["modules.0.wasmSha256", { modules: [{ ...run.modules[0], wasmSha256: "ab" }] }],
  [
    "workloads.0.limits.tasks",
    { workloads: [{ ...run.workloads[0], limits: { ...run.workloads[0]!.limits, tasks: -1 } }] },
  ],
  ["cases.1.state", { cases: [run.cases[0], { id: "b", state: "lost" }] }],
  ["cases.2.state", { state: "complete", finishedAt: complete.finishedAt }],
  ["finishedAt", { ...complete, finishedAt: null }],
])("a wrong field %s is refused by name", async (field, change) => {
  await writeFile(join(folder, "run.json"), JSON.stringify({ ...run, ...change }));
  const failure = await readRun(folder).catch((error) => error);
  expect(failure).toBeInstanceOf(InputError);
  expect(failure.message).toContain(`${join(folder, "run.json")}: field '${field}': `);
});

test("an unknown field of the run itself is refused", async () => {
  await writeFile(join(folder, "run.json"), JSON.stringify({ ...run, host: "here" }));
  await expect(readRun(folder)).rejects.toThrow(/the whole file: .*"host"/);
});

test.each([
  ["an older", 0],
  ["a newer", 2],
])("a run of %s version is told to be that", async (age, schemaVersion) => {
  await writeFile(join(folder, "run.json"), JSON.stringify({ ...run, schemaVersion, more: "fields" }));
  await expect(readRun(folder)).rejects.toThrow(
    new InputError(
      `${join(folder, "run.json")}: written by ${age} version of reclaim-bench (schemaVersion ${schemaVersion}; this one reads 1)`,
    ),
  );
});

test("a run that breaks the schema is not written", async () => {
  await expect(writeRun(folder, { ...run, seed: -1 })).rejects.toThrow("field 'seed'");
  expect(await readdir(folder)).toEqual([]);
});

test("a file that is missing, or is not JSON, is the user's to mend", async () => {
  await expect(readRun(folder)).rejects.toThrow(new InputError(`${join(folder, "run.json")}: no such file`));
  await writeFile(join(folder, "run.json"), "{");
  await expect(readRun(folder)).rejects.toThrow(/run\.json: not JSON: /);
});

test("a run id is the UTC time and six random digits", () => {
  const clock = () => new Date("2025-01-31T23:59:59.999Z");
  expect(newRunId(clock, Buffer.from([0x0a, 0x1b, 0x2c]))).toBe("20250131T235959Z-0a1b2c");
  expect(newRunId(clock)).toMatch(/^20250131T235959Z-[0-9a-f]{6}$/);
  expect(newRunId(clock)).not.toBe(newRunId(clock));
});
