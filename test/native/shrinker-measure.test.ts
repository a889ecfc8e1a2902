// The shrinker measured from end to end, on small workloads: every variant gets the same rounds and all its metrics, and
// one that breaks the rules ends with an error while the others go on.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { compileModule } from "../../src/build/compile.ts";
import type { MachineForm } from "../../src/build/flags.ts";
import { InputError, StoppedError, ViolationError } from "../../src/errors.ts";
import {
  eventSize,
  flagMeasured,
  kindCgroupCreate,
  kindLruAdd,
  kindReclaimPass,
  kindSuperblockMount,
  kindSuperblockUnmount,
} from "../../src/kernel/events.ts";
import { counterBogoOps, counterPasses, counterUnregistered } from "../../src/kernel/shrinker/counters.ts";
import { measureProblem, type ProblemSubject } from "../../src/native/problem.ts";
import type { FixedTime } from "../../src/plan/suite.ts";
import { shrinker } from "../../src/problems/shrinker.ts";
import type { Histogram } from "../../src/records/histogram.ts";
import { symbolNames } from "../../src/symbol-names.ts";
import { EventWriter } from "../../src/workloads/event-writer.ts";
import { createWorkload } from "../../src/workloads/index.ts";
import type { Workload } from "../../src/workloads/workload.ts";
import { shrinkerVariants } from "../kernel/shrinker-rig.ts";
import { add, create, mount, pass, root, unmount } from "../kernel/shrinker-scenarios.ts";
import { compute, mutant, type Step, Threads } from "./shrinker-threads.ts";

const folder = mkdtempSync(path.join(tmpdir(), "reclaim-bench-measure-"));
afterAll(() => rmSync(folder, { recursive: true }));

const variants = [...shrinkerVariants, "floor"];

/** Cgroup 0's tmpfs has callbacks that sleep, if wanted: with maps that have grown, for every cgroup once or twice. */
const containers = (sleepNs = 0): Workload =>
  createWorkload(
    "container-start",
    {
      mounters: 2,
      reclaimers: 2,
      cgroups: 70,
      rounds: 4,
      containers: 5,
      "reclaim-passes": 6,
      "compute-ns": 2000,
      "callback-sleep-ns": sleepNs,
    },
    5,
  );
const ramfs = (): Workload => createWorkload("stress-ng-ramfs", { workers: 3, "bogo-ops": 40, "compute-ns": 2000 }, 5);
const rounds = { containers: 4, ramfs: 1 };

/** One task mounts and unmounts a superblock whose callbacks sleep, and sleeps itself in between; another walks. */
function sleepyContainers(roundCount = 3): Workload {
  const chunk = (isMeasured: boolean, write: (writer: EventWriter) => void): Uint8Array => {
    const writer = new EventWriter();
    writer.flags = isMeasured ? flagMeasured : 0;
    write(writer);
    return [...writer.flush()][0]!;
  };
  const setUp = chunk(false, (writer) => {
    for (const cgroup of [0, 1, 2]) writer.add(kindCgroupCreate, 0, cgroup, 0, 0);
    writer.add(kindSuperblockMount, 1, 0, 0, 500_000);
    writer.add(kindLruAdd, 1, 2, 2, 0);
  });
  const round = chunk(true, (writer) => {
    for (let container = 0; container < 10; container++) {
      writer.task = 0;
      writer.add(kindSuperblockMount, 0, 0, 0, 1_000_000);
      writer.add(kindLruAdd, 0, 1, 2, 0);
      writer.add(kindReclaimPass, 0, 2, 12, 0);
      writer.add(kindSuperblockUnmount, 0, 0, 0, 0);
      writer.task = 1;
      for (let pass = 0; pass < 3; pass++) writer.add(kindReclaimPass, 0, 1, 12, 0);
    }
  });
  const sizes = { caches: 0, objects: 0, cgroups: 3, superblocks: 2, tasks: 2, liveBytesMax: 0, slabBytesMax: 0 };
  const limits = { ...sizes, events: (setUp.byteLength + roundCount * round.byteLength) / eventSize };
  const chunks = [setUp, ...new Array<Uint8Array>(roundCount).fill(round)];
  return { name: "sleepy-containers", parameters: {}, seed: 5, limits, repeatable: false, chunks: () => chunks };
}

async function subject(id: string, machine: MachineForm, variantFile?: string): Promise<ProblemSubject> {
  const file = variantFile === undefined ? {} : { variantFile };
  return { id, compiled: await compileModule({ problem: "shrinker", variant: id, machine, constants: {}, ...file }) };
}

interface Measured {
  readonly failures: ReadonlyMap<string, Error>;
  /** By variant and metric: values by round, in order. */
  readonly samples: ReadonlyMap<string, ReadonlyMap<string, readonly (readonly [number, number])[]>>;
  readonly distributions: ReadonlyMap<string, ReadonlyMap<string, Histogram>>;
  readonly progress: readonly number[];
}

async function measure(
  subjects: readonly ProblemSubject[],
  workload: Workload,
  options: { cpus?: number; fixedTime?: FixedTime; isProfiled?: boolean; signal?: AbortSignal } = {},
): Promise<Measured> {
  const samples = new Map<string, Map<string, [number, number][]>>(subjects.map(({ id }) => [id, new Map()]));
  const distributions = new Map<string, Map<string, Histogram>>(subjects.map(({ id }) => [id, new Map()]));
  const progress: number[] = [];
  const failures = await measureProblem(shrinker, {
    subjects,
    workload,
    cpus: options.cpus ?? 2,
    fixedTime: options.fixedTime ?? null,
    isProfiled: options.isProfiled ?? false,
    onSample: (id, metric, round, value) => {
      expect(Number.isFinite(value), `${id} ${metric}`).toBe(true);
      const ofMetric = samples.get(id)!.get(metric) ?? [];
      ofMetric.push([round, value]);
      samples.get(id)!.set(metric, ofMetric);
    },
    onDistribution: (id, metric, latencies) => distributions.get(id)!.set(metric, latencies),
    onProgress: (share) => progress.push(share),
    signal: options.signal ?? new AbortController().signal,
  });
  return { failures, samples, distributions, progress };
}

/** A metric's only value. */
function once({ samples }: Measured, id: string, metric: string): number {
  const values = samples.get(id)?.get(metric);
  expect(values, `${id} ${metric}`).toHaveLength(1);
  return values![0]![1];
}

const counts = ["visits", "callbacks", "freed-objects", "registered", "unregistered", "second-looks"];
const onceEach = [
  ...counts,
  ...["visits-given-up", "contended-breaks", "callbacks-after-free", "events-skipped"],
  ...["map-bytes-max", "deferred-bytes-max", "info-bytes-max", "shrinker-bytes"],
];

describe("all chunks once", () => {
  test.each([2, 4])("containers on %i CPUs", async (cpus) => {
    const subjects = await Promise.all(variants.map((id) => subject(id, "native")));
    const measured = await measure(subjects, containers(20_000), { cpus });
    expect([...measured.failures]).toEqual([]);
    for (const id of variants) {
      for (const metric of ["bogo-ops-per-s", "visits-per-s"]) {
        const values = measured.samples.get(id)!.get(metric)!;
        expect(values.map(([round]) => round).length, `${id} ${metric}`).toBe(rounds.containers);
        expect(new Set(values.map(([round]) => round)).size).toBe(rounds.containers);
        expect(Math.min(...values.map(([, value]) => value))).toBeGreaterThan(0);
        expect(values.map(([round]) => round)).toEqual(
          measured.samples
            .get("rwsem")!
            .get(metric)!
            .map(([round]) => round),
        );
      }
      for (const metric of onceEach) once(measured, id, metric);
      expect(once(measured, id, "callbacks-after-free")).toBe(0);
      // The same work for everybody: passes over the top of the tree, its 70 cgroups and one per mounter.
      expect(once(measured, id, "visits")).toBe(rounds.containers * 2 * 6 * 73);
      expect(once(measured, id, "events-skipped")).toBe(0);
      const mounts = rounds.containers * 2 * 5;
      expect(once(measured, id, "registered")).toBe(mounts);
      expect(once(measured, id, "unregistered")).toBe(mounts);
      expect(measured.distributions.get(id)!.get("register-latency-ns")!.count).toBe(mounts);
      expect(measured.distributions.get(id)!.get("unregister-latency-ns")!.count).toBe(mounts);
      expect(measured.distributions.get(id)!.get("pass-latency-ns")!.count).toBe(rounds.containers * 2 * 6);
      if (id !== "rwsem") expect(once(measured, id, "visits-given-up")).toBe(0);
      if (id === "floor") continue;
      expect(once(measured, id, "callbacks")).toBeGreaterThan(0);
      // Two words of ids in each of 75 cgroups' maps: the root, the top, 70, 2 mounters; the third would be too many.
      expect(once(measured, id, "map-bytes-max")).toBe(74 * 16);
      expect(once(measured, id, "deferred-bytes-max")).toBe(74 * 128 * 8);
      expect(once(measured, id, "info-bytes-max")).toBeGreaterThan(74 * (16 + 128 * 8));
    }
    expect(measured.progress.at(-1)).toBe(1);
    // The floor visits and registers nothing.
    expect(once(measured, "floor", "callbacks")).toBe(0);
    expect(once(measured, "floor", "map-bytes-max")).toBe(0);
  });

  test("ramfs", async () => {
    const subjects = await Promise.all(variants.map((id) => subject(id, "native")));
    const measured = await measure(subjects, ramfs());
    expect([...measured.failures]).toEqual([]);
    const reference = measured.samples
      .get("rwsem")!
      .get("bogo-ops-per-s")!
      .map(([round]) => round);
    for (const id of variants) {
      const values = measured.samples.get(id)!.get("bogo-ops-per-s")!;
      expect(values.map(([round]) => round)).toEqual(reference);
      expect(Math.min(...values.map(([, value]) => value))).toBeGreaterThan(0);
      // Nothing is reclaimed in this workload.
      expect(measured.samples.get(id)!.has("visits-per-s")).toBe(false);
      expect(once(measured, id, "visits")).toBe(0);
      expect(once(measured, id, "registered")).toBe(3 * 40 * 2);
      expect(once(measured, id, "unregistered")).toBe(3 * 40 * 2);
      expect(once(measured, id, "events-skipped")).toBeGreaterThan(0);
    }
  });
});

describe("for a fixed time", () => {
  const fixedTime: FixedTime = { slices: 3, sliceMs: 25 };

  test.each([
    ["containers", containers()],
    ["ramfs", ramfs()],
  ] as const)("%s", async (name, workload) => {
    const subjects = await Promise.all(variants.map((id) => subject(id, "native")));
    const measured = await measure(subjects, workload, { fixedTime });
    expect([...measured.failures]).toEqual([]);
    for (const id of variants) {
      const values = measured.samples.get(id)!.get("bogo-ops-per-s")!;
      expect(
        values.map(([round]) => round),
        id,
      ).toEqual([0, 1, 2]);
      expect(Math.min(...values.map(([, value]) => value))).toBeGreaterThan(0);
      // Every slice ends with everything unmounted that the slice had mounted.
      expect(once(measured, id, "registered")).toBe(once(measured, id, "unregistered"));
      expect(once(measured, id, "registered")).toBeGreaterThan(0);
      expect(measured.samples.get(id)!.has("visits-per-s")).toBe(name === "containers");
    }
    expect(measured.progress.at(-1)).toBe(1);
  });

  test("the share that is done never shrinks", async () => {
    const { progress } = await measure([await subject("floor", "native")], ramfs(), { fixedTime });
    expect(progress).toEqual(progress.toSorted((one, other) => one - other));
  });

  test.each(["srcu", "floor"])("%s: a slice ends behind a bogo-op or a pass, and never between", async (variant) => {
    const threads = await Threads.start(variant, { cpus: 3, cgroups: 2, superblocks: 2 });
    try {
      await threads.alone(0, root, create(1), mount(1), add(1, 1, 2, 0));
      const bogo: Step = { kind: "bogo" };
      const container: Step[] = [mount(0), add(0, 1, 1, 0), compute(1000), unmount(0), bogo];
      // Two containers, two walks, and a unit of work that mounts nothing, for no time at all: one of each is done.
      await threads.round(
        [
          [...container, ...container],
          [pass(1), pass(1)],
          [compute(1), bogo, bogo],
        ],
        [],
        0,
      );
      expect(threads.total(counterUnregistered)).toBe(1);
      expect(threads.counter(1, counterPasses)).toBe(1);
      expect(threads.counter(2, counterBogoOps)).toBe(1);
      expect(threads.counter(0, counterBogoOps)).toBe(1);
      // The floor gives no ids.
      if (variant !== "floor") threads.expectConsistent([1]);
    } finally {
      await threads.close();
    }
  });

  test("profiled", async () => {
    const subjects = await Promise.all(variants.map((id) => subject(id, "profiled")));
    const measured = await measure(subjects, containers(), { fixedTime, isProfiled: true });
    expect([...measured.failures]).toEqual([]);
    const known = new Set([...Object.values(symbolNames), "idle", "other"]);
    for (const id of variants) {
      const metrics = [...measured.samples.get(id)!.keys()];
      expect(metrics.length).toBeGreaterThan(0);
      for (const metric of metrics) {
        const [, symbol] = /^profile-samples\[(\w+)\]$/.exec(metric) ?? [];
        expect(known.has(symbol ?? ""), `${id} ${metric}`).toBe(true);
        expect(once(measured, id, metric)).toBeGreaterThan(0);
      }
      // Looks at two CPUs each time.
      expect(metrics.reduce((sum, metric) => sum + once(measured, id, metric), 0) % 2).toBe(0);
      if (id !== "floor")
        expect(
          metrics.some((metric) => !/\[(idle|other)\]/.test(metric)),
          id,
        ).toBe(true);
    }
  });
});

describe("a variant that breaks the rules", () => {
  // A shrinker that is unregistered but never taken off: the next walk over the cgroups calls it.
  test("late callbacks void its numbers, and only its own", async () => {
    const file = mutant(folder, "stays-listed", "srcu", [
      [
        "  withdraw(shrinker);\n  breakWalks();\n  synchronizeSrcu(shrinkerSrcu());\n  freeShrinker(shrinker);\n",
        "  breakWalks();\n  synchronizeSrcu(shrinkerSrcu());\n",
      ],
    ]);
    const subjects = [await subject("stays-listed", "native", file), await subject("srcu", "native")];
    const measured = await measure(subjects, containers());
    expect([...measured.failures.keys()]).toEqual(["stays-listed"]);
    expect(measured.failures.get("stays-listed")).toBeInstanceOf(ViolationError);
    expect(measured.failures.get("stays-listed")!.message).toMatch(
      /^variant 'stays-listed': \d+ callbacks ran after their shrinker had been unregistered$/,
    );
    expect(measured.samples.get("stays-listed")!.has("visits")).toBe(false);
    expect(once(measured, "srcu", "callbacks-after-free")).toBe(0);
  });

  test("freeing without waiting is found while somebody walks", async () => {
    const file = mutant(folder, "frees-at-once", "srcu", [
      ["  synchronizeSrcu(shrinkerSrcu());\n", ""],
      ["  synchronizeSrcu,\n", ""],
    ]);
    const subjects = [await subject("frees-at-once", "native", file)];
    // Over and over: one unmount alone may find nobody in a callback.
    const measured = await measure(subjects, sleepyContainers(40));
    const failure = measured.failures.get("frees-at-once");
    expect(failure).toBeInstanceOf(ViolationError);
    expect(failure!.message).toMatch(/^variant 'frees-at-once': (trapped|\d+ callbacks ran after)/);
  });

  test("a variant whose memory does not suffice is the input's fault", async () => {
    const file = mutant(folder, "is-full", "srcu", [
      [
        "export function register(superblock: u32): usize {",
        "export function register(superblock: u32): usize {\n  if (superblock === 70) return 0;",
      ],
    ]);
    const measured = await measure([await subject("is-full", "native", file)], containers());
    expect(measured.failures.get("is-full")).toBeInstanceOf(InputError);
  });
});

test("the user's stop ends it", async () => {
  const controller = new AbortController();
  const running = measure([await subject("srcu", "native")], containers(), {
    fixedTime: { slices: 1, sliceMs: 600_000 },
    signal: controller.signal,
  });
  setTimeout(() => controller.abort(), 50);
  await expect(running).rejects.toThrow(StoppedError);
});
