import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { compileModule } from "../../src/build/compile.ts";
import { InputError, StoppedError, ViolationError } from "../../src/errors.ts";
import {
  flagMeasured,
  kindCgroupCreate,
  kindCgroupOffline,
  kindLruAdd,
  kindReclaimPass,
  kindSuperblockMount,
  kindSuperblockUnmount,
} from "../../src/kernel/events.ts";
import { shrinker, shrinkerArenaBytes } from "../../src/problems/shrinker.ts";
import { countProblem, inTurns } from "../../src/traced/problem.ts";
import { EventWriter } from "../../src/workloads/event-writer.ts";
import { createWorkload } from "../../src/workloads/index.ts";
import type { Workload } from "../../src/workloads/workload.ts";

const folder = mkdtempSync(path.join(tmpdir(), "shrinker-traced-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

type Metrics = Readonly<Record<string, number>>;

/** A workload of one chunk of set-up and one measured chunk. */
function workloadOf(
  sizes: { cgroups: number; superblocks: number },
  setUp: (writer: EventWriter) => void,
  measured: (writer: EventWriter) => void,
): Workload {
  const limits = { events: 0, caches: 0, objects: 0, tasks: 2, liveBytesMax: 0, slabBytesMax: 0, ...sizes };
  return {
    name: "by-hand",
    parameters: {},
    seed: 1,
    limits,
    repeatable: false,
    *chunks() {
      const writer = new EventWriter();
      setUp(writer);
      yield* writer.flush();
      writer.flags = flagMeasured;
      measured(writer);
      yield* writer.flush();
    },
  };
}

async function countCompiled(
  variant: string,
  compiled: Awaited<ReturnType<typeof compileModule>>,
  workload: Workload,
  cpus = 2,
): Promise<Metrics> {
  const metrics: Record<string, number> = {};
  const emit = (metric: string, _round: number, value: number): void => {
    expect(metrics).not.toHaveProperty(metric);
    metrics[metric] = value;
  };
  await countProblem(shrinker, variant, compiled, workload, cpus, emit, new AbortController().signal);
  return metrics;
}

async function count(variant: string, workload: Workload, cpus = 2): Promise<Metrics> {
  const compiled = await compileModule({ problem: "shrinker", variant, machine: "traced", constants: {} });
  return countCompiled(variant, compiled, workload, cpus);
}

/** Creates the root cgroup 0, and `children` below cgroup 1, which is below the root. */
function createTree(writer: EventWriter, children: number): void {
  writer.add(kindCgroupCreate, 0, 0, 0, 0);
  for (let cgroup = 1; cgroup <= 1 + children; cgroup++) {
    writer.add(kindCgroupCreate, 0, cgroup, cgroup === 1 ? 0 : 1, 0);
  }
}

/** Each of the tasks walks over cgroup 1 and below, `passes` times at priority 12. */
function walk(writer: EventWriter, tasks: readonly number[], passes: number): void {
  for (let pass = 0; pass < passes; pass++) {
    for (const task of tasks) {
      writer.task = task;
      writer.add(kindReclaimPass, 0, 1, 12, 0);
    }
  }
  writer.task = 0;
}

const variants = ["rwsem", "srcu", "srcu-expedited", "srcu-split", "refcount-rcu"] as const;

describe("visits of cgroups without objects", () => {
  const nothingThere = (tasks: readonly number[]): Workload =>
    workloadOf(
      { cgroups: 5, superblocks: 1 },
      (writer) => createTree(writer, 3),
      (writer) => walk(writer, tasks, 4),
    );

  test.each([
    // Taken and given back by compare and exchange; the owner is noted beside the count.
    ["rwsem", 2, 3],
    // A count each on entering and leaving, with a full barrier.
    ["srcu", 2, 0],
    ["srcu-expedited", 2, 0],
    ["srcu-split", 2, 0],
    ["refcount-rcu", 0, 0],
    ["floor", 0, 0],
  ])("%s: %i locked operations, %i shared writes", async (variant, locked, shared) => {
    const metrics = await count(variant, nothingThere([0, 1]));
    expect(metrics).toMatchObject({
      "visit-locked-mean": locked,
      "visit-shared-writes-mean": shared,
      "visit-info-shared-writes-mean": 0,
    });
    expect(metrics).not.toHaveProperty("callback-shared-writes-mean");
    expect(metrics).not.toHaveProperty("register-accesses-mean");
  });

  test("where one CPU's walks are the only ones, nothing is said of shared writes", async () => {
    const metrics = await count("rwsem", nothingThere([0]));
    expect(metrics).toMatchObject({ "visit-locked-mean": 2 });
    expect(Object.keys(metrics).filter((metric) => metric.includes("shared-writes"))).toEqual([]);
  });

  test("the floor's visits do nothing at all", async () => {
    expect(await count("floor", nothingThere([0, 1]))).toMatchObject({
      "visit-accesses-mean": 0,
      "visit-lines-mean": 0,
    });
  });
});

/** Three cgroups below cgroup 1 with a superblock each, in which they have two objects that no scan can free. */
function threeShrinkers(tasks: readonly number[]): Workload {
  return workloadOf(
    { cgroups: 5, superblocks: 3 },
    (writer) => {
      createTree(writer, 3);
      for (let superblock = 0; superblock < 3; superblock++) {
        writer.add(kindSuperblockMount, superblock, 0, 0, 0);
        writer.add(kindLruAdd, superblock, 2 + superblock, 2, 0);
      }
    },
    (writer) => walk(writer, tasks, 4),
  );
}

describe("visits of cgroups with a shrinker each", () => {
  test("refcount-rcu: a reference taken and given back per callback, and nothing else is shared", async () => {
    expect(await count("refcount-rcu", threeShrinkers([0, 1]))).toMatchObject({
      "callback-shared-writes-mean": 2,
      "visit-shared-writes-mean": 0,
    });
  });

  test.each(["srcu", "srcu-expedited"])("%s: neither descriptors nor locks are written to", async (variant) => {
    expect(await count(variant, threeShrinkers([0, 1]))).toMatchObject({
      "callback-shared-writes-mean": 0,
      "visit-shared-writes-mean": 0,
    });
  });

  test("srcu-split: the lock is each shrinker's own", async () => {
    const metrics = await count("srcu-split", threeShrinkers([0, 1]));
    expect(metrics["visit-shared-writes-mean"]).toBe(0);
    expect(metrics["callback-shared-writes-mean"]).toBeGreaterThanOrEqual(2);
  });

  test("rwsem: the lock is everybody's", async () => {
    expect(await count("rwsem", threeShrinkers([0, 1]))).toMatchObject({
      "callback-shared-writes-mean": 0,
      "visit-shared-writes-mean": 3,
    });
  });

  test.each(variants)("%s: deferred counts are taken and given back, on lines that both CPUs use", async (variant) => {
    // Three of the four cgroups have a shrinker.
    const metrics = await count(variant, threeShrinkers([0, 1]));
    expect(metrics["visit-info-shared-writes-mean"]).toBe((2 * 3) / 4);
  });

  test("shared writes do not depend on who goes first, or on how many CPUs are idle besides", async () => {
    const metrics = await count("refcount-rcu", threeShrinkers([0, 1]));
    expect(await count("refcount-rcu", threeShrinkers([1, 0]))).toEqual(metrics);
    expect(await count("refcount-rcu", threeShrinkers([0, 2]), 3)).toEqual(metrics);
  });
});

/** `pairs` times: each of two tasks mounts a superblock of its own and unmounts it. */
function mountAndUnmount(pairs: number): Workload {
  return workloadOf(
    { cgroups: 3, superblocks: 2 },
    (writer) => createTree(writer, 1),
    (writer) => {
      for (let pair = 0; pair < pairs; pair++) {
        for (const kind of [kindSuperblockMount, kindSuperblockUnmount]) {
          for (writer.task = 0; writer.task < 2; writer.task++) writer.add(kind, writer.task, 0, 0, 0);
        }
      }
    },
  );
}

describe("registrations", () => {
  test("only srcu sleeps for jiffies until an unregistration is done", async () => {
    const slept = async (variant: string) =>
      (await count(variant, mountAndUnmount(8)))["unregister-slept-ns-max"] as number;
    expect(await slept("srcu")).toBeGreaterThanOrEqual(1e6);
    expect(await slept("rwsem")).toBe(0);
    expect(await slept("refcount-rcu")).toBe(0);
    expect(await slept("srcu-split")).toBe(0);
  });

  test("are counted with their locked operations", async () => {
    // Mutex or semaphore, taken and given back in two steps; and the allocator's lock.
    const metrics = await count("rwsem", mountAndUnmount(8));
    expect(metrics["register-locked-mean"]).toBeGreaterThanOrEqual(4);
    expect(metrics["unregister-locked-mean"]).toBeGreaterThanOrEqual(2);
    expect(metrics).not.toHaveProperty("visit-accesses-mean");
  });

  test("of more shrinkers than the maps have room for store more in one block than in units", async () => {
    const registered = (superblocks: number): Workload =>
      workloadOf(
        { cgroups: 20, superblocks },
        (writer) => createTree(writer, 18),
        (writer) => {
          for (let superblock = 0; superblock < superblocks; superblock++) {
            writer.add(kindSuperblockMount, superblock, 0, 0, 0);
          }
        },
      );
    const bytes = async (variant: string, superblocks: number) =>
      (await count(variant, registered(superblocks)))["expansion-bytes"] as number;
    const [block64, block65, block512] = await Promise.all([64, 65, 512].map((size) => bytes("rwsem", size)));
    // 64 counts of 8 bytes and a word of bits for each of 20 cgroups, and twice that in the second expansion.
    expect(block64).toBeGreaterThanOrEqual(20 * (64 * 8 + 8));
    expect((block65 as number) - (block64 as number)).toBeGreaterThanOrEqual(20 * 2 * (64 * 8 + 8));
    expect(await bytes("refcount-rcu", 512)).toBeLessThan((block512 as number) / 2);
  });
});

describe("a count", () => {
  test.each(variants)("%s: is the same twice", async (variant) => {
    const parameters = { "quarantine-bytes": 0, "background-objects": 1, "churn-batch": 1, "churn-cycles": 0 };
    const workload = createWorkload("cgroups-4000", { ...parameters, cgroups: 70, reclaimers: 3 }, 5);
    const first = await count(variant, workload);
    expect(first["visit-accesses-mean"]).toBeGreaterThan(0);
    expect(await count(variant, workload)).toEqual(first);
  });

  test("of a workload without reclaim says nothing of visits", async () => {
    const workload = createWorkload("stress-ng-ramfs", { workers: 2, "bogo-ops": 8, "quarantine-bytes": 0 }, 5);
    const metrics = await count("refcount-rcu", workload);
    expect(Object.keys(metrics).filter((metric) => /^(visit|callback)/.test(metric))).toEqual([]);
    expect(metrics["unregister-slept-ns-mean"]).toBe(0);
  });

  test("is void when a callback runs after its shrinker was unregistered", async () => {
    const file = path.join(folder, "forgetful.ts");
    const kept = [
      "background, createMemcg, deferredBytes, deferredOf, freeMemcg, globalBytes, infoBytes, initialise, isBitSet",
      "mapBytes, offlineMemcg, pendingCallbacks, register, setBit, shrinkerBytes, shrinkSlab",
    ].join(", ");
    writeFileSync(file, `export { ${kept} } from "./rwsem";\nexport function unregister(shrinker: usize): void {}\n`);
    const source = { problem: "shrinker", variant: "forgetful", variantFile: file } as const;
    const compiled = await compileModule({ ...source, machine: "traced", constants: {} });
    const workload = workloadOf(
      { cgroups: 3, superblocks: 1 },
      (writer) => createTree(writer, 1),
      (writer) => {
        writer.add(kindSuperblockMount, 0, 0, 0, 0);
        writer.add(kindLruAdd, 0, 2, 2, 0);
        writer.add(kindSuperblockUnmount, 0, 0, 0, 0);
        walk(writer, [0], 1);
      },
    );
    const counting = countCompiled("forgetful", compiled, workload);
    await expect(counting).rejects.toThrow(ViolationError);
    await expect(counting).rejects.toThrow(
      "variant 'forgetful': 1 callbacks ran after their shrinker had been unregistered",
    );
  });

  test("stops when it is told to", async () => {
    const compiled = await compileModule({ problem: "shrinker", variant: "floor", machine: "traced", constants: {} });
    const counting = countProblem(shrinker, "floor", compiled, mountAndUnmount(1), 2, () => {}, AbortSignal.abort());
    await expect(counting).rejects.toThrow(StoppedError);
  });

  test("refuses what needs more memory than it can have", async () => {
    const large = (cgroups: number): Workload =>
      workloadOf(
        { cgroups, superblocks: cgroups },
        () => {},
        () => {},
      );
    const counting = count("floor", large(5000));
    await expect(counting).rejects.toThrow(InputError);
    await expect(counting).rejects.toThrow("exact counting takes at most 1 GiB of Wasm memory");
    await expect(count("floor", large(20_000))).rejects.toThrow(
      "MiB for this workload, more than 32-bit Wasm can address",
    );
  });
});

describe("memory", () => {
  test("grows with cgroups times superblocks, by what the allocator hands out", () => {
    const limits = { events: 0, caches: 0, objects: 0, tasks: 1, liveBytesMax: 0, slabBytesMax: 0 };
    const bytes = (cgroups: number, superblocks: number, nodes = 1) =>
      shrinkerArenaBytes({ ...limits, cgroups, superblocks }, nodes);
    // 4096 ids: 33 KiB of counts and bits, in blocks of 64 KiB, of which two generations live at a time.
    const full = bytes(4001, 4001);
    expect(full).toBeGreaterThan(2 * 4001 * 65_536);
    expect(full).toBeLessThan(2.1 * 4001 * 65_536);
    expect(bytes(4001, 4001, 2)).toBeGreaterThan(1.9 * full);
  });

  test.each(variants)("suffices for %s while cgroups come and go and the maps grow", async (variant) => {
    const workload = workloadOf(
      { cgroups: 40, superblocks: 600 },
      (writer) => createTree(writer, 20),
      (writer) => {
        for (let superblock = 0; superblock < 600; superblock++) {
          const cgroup = 2 + (superblock % 20);
          writer.add(kindSuperblockMount, superblock, 0, 0, 0);
          writer.add(kindLruAdd, superblock, cgroup, 2, 1);
          if (superblock % 30 === 0) writer.add(kindCgroupCreate, 0, 22 + ((superblock / 30) % 18), 1, 0);
          if (superblock % 30 === 15) writer.add(kindCgroupOffline, 0, 22 + (((superblock - 15) / 30) % 18), 0, 0);
        }
        walk(writer, [0, 1], 2);
      },
    );
    const metrics = await count(variant, workload);
    expect(metrics["expansion-bytes"]).toBeGreaterThan(0);
  });
});

describe("turns", () => {
  test("alternate between CPUs, an event each, until all are done", () => {
    expect([...inTurns([3, 1, 2])]).toEqual([
      [0, 0],
      [1, 0],
      [2, 0],
      [0, 1],
      [2, 1],
      [0, 2],
    ]);
    expect([...inTurns([0, 2])]).toEqual([
      [1, 0],
      [1, 1],
    ]);
    expect([...inTurns([])]).toEqual([]);
  });
});
