// A described problem measured on threads, by a description of the test's own: what each part of it makes of the same
// harness.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, expect, test } from "vitest";
import { compileModule } from "../../src/build/compile.ts";
import { ViolationError } from "../../src/errors.ts";
import { kindBogoOp, kindCgroupOffline, kindReclaimPass, kindSuperblockMount } from "../../src/kernel/events.ts";
import * as counters from "../../src/kernel/shrinker/counters.ts";
import { measureProblem } from "../../src/native/problem.ts";
import type { FixedTime } from "../../src/plan/suite.ts";
import type { Counter, Gauge, Problem } from "../../src/problems/problem.ts";
import { shrinker } from "../../src/problems/shrinker.ts";
import type { Histogram } from "../../src/records/histogram.ts";
import { createWorkload } from "../../src/workloads/index.ts";
import type { Workload } from "../../src/workloads/workload.ts";
import { add, create, mount, pass, root, unmount } from "../kernel/shrinker-scenarios.ts";
import { mutant, Threads } from "./shrinker-threads.ts";

const folder = mkdtempSync(path.join(tmpdir(), "reclaim-bench-problem-"));
afterAll(() => rmSync(folder, { recursive: true }));

const mounters = 2;
const containers = 5;
const roundCount = 3;

const workload = (): Workload =>
  createWorkload(
    "container-start",
    { mounters, reclaimers: 1, cgroups: 10, rounds: roundCount, containers, "reclaim-passes": 2, "compute-ns": 2000 },
    5,
  );

const metric = { unit: "", better: "", meaning: "" } as const;
const counter = (index: number, name: string, more: Partial<Counter> = {}): Counter => ({
  ...metric,
  metric: name,
  index,
  ...more,
});
const gauge = (index: number, name: string, read: Gauge["read"]): Gauge => ({ ...metric, metric: name, index, read });
/** The gauge of what bitmaps and deferred counts of all cgroups take. */
const infoBytes = 2;

/** By metric: values by round, in order. */
type Samples = ReadonlyMap<string, readonly (readonly [round: number, value: number])[]>;

async function measure(
  problem: Problem,
  {
    fixedTime = null,
    cpus = 2,
    variantFile,
  }: { fixedTime?: FixedTime | null; cpus?: number; variantFile?: string } = {},
): Promise<{ samples: Samples; distributions: ReadonlyMap<string, Histogram>; error: Error | undefined }> {
  const id = "refcount-rcu";
  const source = { problem: "shrinker", variant: id, ...(variantFile === undefined ? {} : { variantFile }) };
  const compiled = await compileModule({ ...source, machine: "native", constants: {} });
  const samples = new Map<string, [number, number][]>();
  const distributions = new Map<string, Histogram>();
  const failures = await measureProblem(problem, {
    subjects: [{ id, compiled }],
    workload: workload(),
    cpus,
    fixedTime,
    isProfiled: false,
    onSample: (_id, name, round, value) => void samples.set(name, [...(samples.get(name) ?? []), [round, value]]),
    onDistribution: (_id, name, latencies) => void distributions.set(name, latencies),
    onProgress: () => {},
    signal: new AbortController().signal,
  });
  return { samples, distributions, error: failures.get(id) };
}

/** The shrinker, told of in nothing. */
const silent: Problem = { ...shrinker, counters: [], durations: [], gauges: [], rates: [], costs: [], objects: [] };

const values = (samples: Samples, name: string): readonly number[] =>
  (samples.get(name) ?? []).map(([, value]) => value);
const mounts = roundCount * mounters * containers;

test("with nothing described, only what holds for every problem is told", async () => {
  const { samples, distributions, error } = await measure(silent);
  expect(error).toBeUndefined();
  expect([...samples.keys()].sort()).toEqual(["bogo-ops-per-s", "events-skipped", "round-ns", "work-per-op-ns"]);
  expect(values(samples, "work-per-op-ns")).toEqual([2000]);
  expect(values(samples, "round-ns")).toHaveLength(roundCount);
  expect([...distributions]).toEqual([]);
});

test("counters are summed over the CPUs, or the most of any, and the simulator's own are left out", async () => {
  const { samples } = await measure(
    {
      ...silent,
      counters: [
        counter(counters.counterRegistered, "all"),
        counter(counters.counterRegistered, "most", { isMost: true }),
        counter(counters.counterRegistered, "elsewhere", { only: "simulated" }),
        counter(counters.counterCallbacksAfterFree, "never", { forbidden: "callbacks" }),
      ],
    },
    // The reclaimer has the third.
    { cpus: 3 },
  );
  expect(values(samples, "all")).toEqual([mounts]);
  expect(values(samples, "most")).toEqual([mounts / mounters]);
  expect(values(samples, "never")).toEqual([0]);
  expect(samples.has("elsewhere")).toBe(false);
});

test("what must not be counted voids the numbers of the whole", async () => {
  const forbidden = counter(counters.counterUnregistered, "unregistered", { forbidden: "file systems were unmounted" });
  const { samples, error } = await measure({ ...silent, counters: [counter(0, "visits"), forbidden] });
  expect(error).toBeInstanceOf(ViolationError);
  expect(error!.message).toBe(`variant 'refcount-rcu': ${mounts} file systems were unmounted`);
  expect(samples.has("visits")).toBe(false);
});

test("gauges are read after each measured round, at their largest, or at the end", async () => {
  const gauges = [gauge(infoBytes, "each", "rounds"), gauge(infoBytes, "most", "max"), gauge(infoBytes, "last", "end")];
  const { samples } = await measure({ ...silent, gauges });
  const each = samples.get("each")!;
  expect(each.map(([round]) => round)).toEqual(samples.get("round-ns")!.map(([round]) => round));
  expect(values(samples, "most")).toHaveLength(1);
  expect(values(samples, "most")[0]).toBeGreaterThanOrEqual(Math.max(...each.map(([, bytes]) => bytes)));
  // The cgroups stay.
  expect(values(samples, "last")).toEqual([each.at(-1)![1]]);
  expect(values(samples, "last")[0]).toBeGreaterThan(0);
});

test("a gauge that gives no number is the variant's fault", async () => {
  const nothing = mutant(folder, "counts-to-nowhere", "floor", [
    ["export function infoBytes(): f64 {\n  return 0;", "export function infoBytes(): f64 {\n  return NaN;"],
  ]);
  const { error } = await measure({ ...silent, gauges: [gauge(infoBytes, "most", "max")] }, { variantFile: nothing });
  expect(error).toBeInstanceOf(ViolationError);
  expect(error!.message).toBe("variant 'refcount-rcu': gives NaN for most, which cannot be");
});

test("rates and costs are told of rounds that hold the kinds that they are of, and none that they are not of", async () => {
  const { counterVisits: visits, counterRegistered: registered } = counters;
  const passes = [kindReclaimPass];
  const { samples } = await measure({
    ...silent,
    rates: [
      { ...metric, metric: "visits-per-s", counter: visits, kinds: passes },
      { ...metric, metric: "mounts-per-s", counter: registered, kinds: [kindCgroupOffline, kindSuperblockMount] },
      { ...metric, metric: "offlines-per-s", counter: registered, kinds: [kindCgroupOffline] },
    ],
    costs: [
      { ...metric, metric: "visit-ns", counter: visits, kinds: passes, without: [kindSuperblockMount] },
      { ...metric, metric: "visit-ns-beside", counter: visits, kinds: passes, without: [kindCgroupOffline] },
      { ...metric, metric: "mount-ns", counter: registered, kinds: [kindCgroupOffline], without: [] },
    ],
  });
  expect(values(samples, "visits-per-s")).toHaveLength(roundCount);
  expect(values(samples, "mounts-per-s")).toHaveLength(roundCount);
  expect(Math.min(...values(samples, "mounts-per-s"))).toBeGreaterThan(0);
  expect(values(samples, "visit-ns-beside")).toHaveLength(roundCount);
  for (const absent of ["offlines-per-s", "visit-ns", "mount-ns"]) expect(samples.has(absent), absent).toBe(false);
});

test("durations come as distributions, where there are any", async () => {
  const durations = [
    { index: counters.histogramRegister, metric: "mount-latency-ns", meaning: "" },
    { index: counters.histogramPass, metric: "pass-latency-ns", meaning: "" },
  ];
  const { distributions } = await measure({ ...silent, durations });
  expect([...distributions.keys()]).toEqual(["mount-latency-ns", "pass-latency-ns"]);
  expect(distributions.get("mount-latency-ns")!.count).toBe(mounts);
  const kinds = new Set([...shrinker.kinds].filter((kind) => kind !== kindReclaimPass));
  const other = await measure({ ...silent, durations, kinds });
  expect([...other.distributions.keys()]).toEqual(["mount-latency-ns"]);
});

test("of events that the harness knows nothing of, all are skipped and nothing is told", async () => {
  const kinds = new Set([...shrinker.kinds].filter((kind) => kind !== kindBogoOp && kind !== kindReclaimPass));
  const { samples } = await measure({ ...silent, kinds });
  expect(samples.has("bogo-ops-per-s")).toBe(false);
  expect(values(samples, "events-skipped")[0]).toBeGreaterThan(mounts);
});

test("with a fixed time, the measured chunk that holds the workload's own work is what is repeated", async () => {
  const fixedTime: FixedTime = { slices: 2, sliceMs: 10 };
  const mountCounter = [counter(counters.counterRegistered, "mounts")];
  const { samples } = await measure({ ...silent, counters: mountCounter }, { fixedTime });
  expect(samples.get("round-ns")!.map(([round]) => round)).toEqual([0, 1]);
  expect(values(samples, "mounts")[0]).toBeGreaterThan(0);
  const other = await measure({ ...silent, workKinds: new Set([kindCgroupOffline]) }, { fixedTime });
  expect(other.samples.has("round-ns")).toBe(false);
  expect(other.error).toBeUndefined();
});

test("at the end each CPU finishes what it deferred", async () => {
  const threads = await Threads.start("refcount-rcu", { cpus: 2, cgroups: 2, superblocks: 2 });
  /** Bytes that are neither maps nor deferred counts. */
  const others = (): number => threads.exports.allocatedBytes() - threads.exports.infoBytes();
  try {
    await threads.alone(0, root, create(1));
    const before = others();
    for (let again = 0; again < 5; again++) {
      await threads.round([0, 1].map((superblock) => [mount(superblock), unmount(superblock)]));
      await threads.crew.finish();
      // A shrinker is freed after a grace period only, so that walkers may still look at it.
      expect(others()).toBe(before);
    }
    // The threads go on from there.
    await threads.alone(1, mount(0), add(0, 1, 1, 0), pass(1));
    expect(threads.total(counters.counterCallbacks)).toBeGreaterThan(0);
  } finally {
    await threads.close();
  }
});

test("a CPU that never finishes what it deferred ends the case, not the program", async () => {
  const endless = mutant(folder, "always-pending", "floor", [
    [
      "export function pendingCallbacks(): u32 {\n  return 0;",
      "export function pendingCallbacks(): u32 {\n  return cpu() === 1 ? 1 : 0;",
    ],
    ["export function globalBytes", 'import { cpu } from "../machine/impl";\n\nexport function globalBytes'],
  ]);
  const sizes = { cpus: 2, cgroups: 2, superblocks: 2 };
  const threads = await Threads.start("always-pending", sizes, { variantFile: endless, patienceMs: 400 });
  try {
    await threads.alone(0, root);
    const finishing = threads.crew.finish();
    await expect(finishing).rejects.toThrow(ViolationError);
    await expect(finishing).rejects.toThrow(
      "variant 'always-pending': no CPU got on for 0.4 s: CPU 1: finishes what it deferred",
    );
  } finally {
    await threads.close();
  }
});
