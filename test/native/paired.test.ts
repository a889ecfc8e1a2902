// Modules timed in pairs, in processes of their own.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { compileModule } from "../../src/build/compile.ts";
import { compareNatively } from "../../src/compare/native.ts";
import type { NativeCase, NativeSide } from "../../src/compare/timed-case.ts";
import { InputError, StoppedError } from "../../src/errors.ts";
import { watchMachine } from "../../src/native/machine-watch.ts";
import { measurePaired } from "../../src/native/paired.ts";
import type { PairedJob } from "../../src/plan/paired.ts";
import { mutant } from "./shrinker-threads.ts";

const folder = mkdtempSync(path.join(tmpdir(), "reclaim-bench-paired-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** Files of modules by name. */
const files: Record<string, { readonly wasmFile: string; readonly sha256: string }> = {};

async function build(name: string, problem: string, variant: string, variantFile?: string): Promise<void> {
  const { wasm, sha256 } = await compileModule({
    ...{ problem, variant, machine: "native" },
    ...(variantFile === undefined ? {} : { variantFile }),
    constants: problem === "quarantine" ? { LAB_BATCHES: 1024 } : {},
  });
  const wasmFile = path.join(folder, `${name}.wasm`);
  writeFileSync(wasmFile, wasm);
  files[name] = { wasmFile, sha256 };
}

const visit = "export function shrinkSlab(";

beforeAll(async () => {
  await build("rwsem", "shrinker", "rwsem");
  await build("single-list", "quarantine", "single-list");
  // Computes, and makes no access more.
  const slow = mutant(folder, "slow", "rwsem", [
    ["tryReadLock(sem())", "(burn() && tryReadLock(sem()))"],
    [
      visit,
      `function burn(): bool {
  let state: u32 = 1;
  for (let step = 0; step < 600; step++) state = state * 1664525 + 1013904223;
  return state !== 12345;
}

${visit}`,
    ],
  ]);
  await build("slow", "shrinker", "slow", slow);
  const trapping = mutant(folder, "trapping", "rwsem", [["tryReadLock(sem())", "(unreachable(), tryReadLock(sem()))"]]);
  await build("trapping", "shrinker", "trapping", trapping);
}, 240_000);

function subject(id: string, file = id): PairedJob["subjects"][number] {
  return { id, wasmFile: files[file]?.wasmFile ?? file, skipWhenEmpty: false, isFloor: false };
}

const walk = {
  name: "container-start",
  parameters: { mounters: 1, reclaimers: 1, cgroups: 20, rounds: 1, containers: 1, "compute-ns": 0 },
  seed: 1,
};

const job: PairedJob = {
  ...{ problem: "shrinker", workload: walk, cpus: 1, metrics: ["visits-per-s", "bogo-ops-per-s"] },
  ...{ rounds: 6, warmupRounds: 2, sliceMs: 1, seed: 3 },
  subjects: [],
};

const quarantineJob: PairedJob = {
  ...{ ...job, problem: "quarantine", metrics: ["put-ns", "teardown-ns"] },
  workload: {
    name: "libvirt-teardown",
    parameters: { guests: 4, "quarantine-bytes": 2 ** 21, "background-objects": 4096, "churn-batch": 1024, drain: 0 },
    seed: 1,
  },
};

const run = (more: Partial<PairedJob>): ReturnType<typeof measurePaired> =>
  measurePaired({ ...job, ...more }, new AbortController().signal);

test("every subject has a value of every metric in the same rounds, also of the same file", async () => {
  const { samples, failures } = await run({ subjects: [subject("base", "rwsem"), subject("head", "rwsem")] });
  expect(failures).toEqual({});
  for (const id of ["base", "head"]) {
    for (const metric of job.metrics) {
      const values = samples[id]![metric]!;
      expect(values).toHaveLength(6);
      for (const value of values) expect(value).toBeGreaterThan(0);
    }
  }
  expect(samples.base).not.toEqual(samples.head);
});

test.each([1, 2])("a quarantine's rounds are its batches and its guests, on %i CPUs", async (cpus) => {
  const { samples, failures } = await measurePaired(
    {
      ...quarantineJob,
      cpus,
      rounds: 3,
      warmupRounds: 1,
      subjects: [subject("a", "single-list"), subject("b", "single-list")],
    },
    new AbortController().signal,
  );
  expect(failures).toEqual({});
  for (const id of ["a", "b"]) {
    expect(samples[id]!["put-ns"]).toHaveLength(3);
    expect(samples[id]!["teardown-ns"]).toHaveLength(3);
  }
});

test("a subject that cannot be run is told, and the others are measured", async () => {
  const alone = subject("rwsem");
  const { samples, failures } = await run({
    metrics: ["visits-per-s"],
    subjects: [
      alone,
      subject("trapping"),
      subject("other problem's", "single-list"),
      subject("missing", path.join(folder, "none.wasm")),
      subject("text", path.join(folder, "slow.ts")),
    ],
  });
  expect(Object.keys(samples)).toEqual([alone.id]);
  expect(samples[alone.id]!["visits-per-s"]).toHaveLength(6);
  expect(failures.trapping).toMatchObject({ isViolation: true, error: expect.stringContaining("trapped on CPU 0") });
  expect(failures["other problem's"]).toMatchObject({ isViolation: false });
  expect(failures.missing).toEqual({
    isViolation: false,
    error: expect.stringMatching(/^missing: cannot read .*: ENOENT$/),
  });
  expect(failures.text).toEqual({ isViolation: false, error: expect.stringMatching(/is no WebAssembly module$/) });
});

test("a quarantine's module that cannot be linked is told, and the others are measured", async () => {
  const { samples, failures } = await measurePaired(
    { ...quarantineJob, subjects: [subject("single-list"), subject("other problem's", "rwsem")] },
    new AbortController().signal,
  );
  expect(Object.keys(samples)).toEqual(["single-list"]);
  expect(failures["other problem's"]).toMatchObject({ isViolation: false });
});

test.each([
  ["an unknown workload", { workload: { ...walk, name: "none" } }, "workload 'none': unknown"],
  ["an unknown parameter", { workload: { ...walk, parameters: { none: 1 } } }, "none"],
  ["no round", { rounds: 0 }, "rounds"],
  ["one subject", { subjects: [subject("alone")] }, "subjects"],
])("a job with %s is bad input", async (_, more: Partial<PairedJob>, text) => {
  const bad = run({ subjects: [subject("a", "rwsem"), subject("b", "rwsem")], ...more });
  await expect(bad).rejects.toThrow(InputError);
  await expect(bad).rejects.toThrow(text);
});

test("a stop ends the process", async () => {
  const controller = new AbortController();
  const subjects = [subject("a", "rwsem"), subject("b", "rwsem")];
  const running = measurePaired({ ...job, rounds: 100_000, subjects }, controller.signal);
  setTimeout(() => controller.abort(), 200);
  await expect(running).rejects.toThrow(StoppedError);
});

test("a comparison of real modules names the one that computes more, and no other", async () => {
  const side = (variant: string, file: string): NativeSide => ({
    ...{ variant, ...files[file]!, skipWhenEmpty: false, isFloor: false },
  });
  const makeCase = (head: string): NativeCase => ({
    ...{ problem: "shrinker", workload: walk, cpus: 1, parameters: "" },
    // Far less than what it computes, far more than what a machine under test does to so few rounds.
    metrics: [{ metric: "visits-per-s", isGated: true, delta: 0.5 }],
    base: side(`rwsem beside ${head}`, "rwsem"),
    heads: [side(`rwsem beside ${head}`, head)],
  });
  const signal = new AbortController().signal;
  const { native, violations } = await compareNatively({
    kind: "revisions",
    cases: [makeCase("slow"), makeCase("rwsem")],
    ...{ timesAll: true, processes: 7, rounds: 10, seed: 1, signal },
    measure: (one) => measurePaired(one, signal),
    // Other tests may run beside this one.
    machine: { ...(await watchMachine()), limits: { loadPerCore: Number.POSITIVE_INFINITY, stealShare: 1 } },
    onRounds: () => {},
    onProgress: () => {},
  });
  expect(violations).toEqual([]);
  expect(native.distrust).toEqual([]);
  expect(native.rows.map(({ verdict }) => verdict)).toEqual(["regressed", "equivalent"]);
  expect(native.rows[0]!.estimate!.ratio).toBeLessThan(1 / 1.5);
}, 300_000);
