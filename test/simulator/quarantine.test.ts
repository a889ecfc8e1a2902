// The quarantine's variants on the simulated machine: removals cost what their structure says, and interrupts, put-off
// work and CPUs that come and go have their part in it. `quarantine-preemption.test.ts` has tasks that share CPUs.

import path from "node:path";
import { describe, expect, test } from "vitest";
import { compileModule } from "../../src/build/compile.ts";
import { ViolationError } from "../../src/errors.ts";
import {
  kindBogoOp,
  kindCacheDestroy,
  kindCpuOffline,
  kindCpuOnline,
  kindObjectFree,
} from "../../src/kernel/events.ts";
import { kasanQuarantinePut, kworker } from "../../src/kernel/symbols.ts";
import { packageRoot } from "../../src/package-root.ts";
import { countExactly } from "../../src/traced/measure.ts";
import { createWorkload } from "../../src/workloads/index.ts";
import type { Workload } from "../../src/workloads/workload.ts";
import {
  allocate,
  createCache,
  destroyCache,
  free,
  immediate,
  type Line,
  lines,
  names,
  scripted,
  simulate,
  small,
} from "./quarantine-rig.ts";

describe.each(immediate)("%s", (name) => {
  test("what was put before the measured part is found in it", async () => {
    const workload = scripted([
      {
        measured: false,
        events: [
          ...[createCache(0), createCache(1), createCache(2)],
          ...[...allocate(0, 0, 300), ...allocate(1, 1000, 500), ...free(1, 1000, 250), ...free(0, 0, 300)],
          ...free(1, 1250, 250),
        ],
      },
      { measured: true, events: [destroyCache(0), destroyCache(2)] },
    ]);
    const { totals, objects, teardowns, distributions, sumNs, gracePeriods } = await simulate(name, {
      cpus: 1,
      workload,
    });
    expect(totals).toMatchObject({ puts: 0, removed: 300, evicted: 0, removals: 2, removalsCompleted: 2 });
    expect(objects).toMatchObject({ put: 800, removed: 300, held: 500 });
    expect(gracePeriods).toEqual({ srcu: 2 });
    // Both caches in a row.
    expect(teardowns).toHaveLength(1);
    const [row] = teardowns;
    expect(row).toMatchObject({ task: 0, removals: 2 });
    expect(distributions.remove.count).toBe(2);
    expect(row?.ns).toBeGreaterThanOrEqual(Math.floor(sumNs.remove));
    expect(row?.goneNs).toBeGreaterThanOrEqual(row?.ns as number);
  });
});

test.each(names)("%s refuses objects on a CPU that is offline, and drains its queue", async (name) => {
  const task = 1;
  const workload = scripted(
    [
      { measured: false, events: [createCache(0), createCache(1), ...allocate(0, 0, 100), ...allocate(1, 100, 10)] },
      { measured: true, events: free(0, 0, 30, task) },
      { measured: true, events: [{ kind: kindCpuOffline, a: 1 }] },
      { measured: true, events: [...free(0, 30, 20, task), ...free(1, 100, 10, 0)] },
      { measured: true, events: [destroyCache(1)] },
      { measured: true, events: [{ kind: kindCpuOnline, a: 1 }] },
      { measured: true, events: free(0, 50, 50, task) },
    ],
    2,
  );
  const { objects, counts, totals } = await simulate(name, { cpus: 3, workload });
  expect(totals.puts).toBe(110);
  if (name === "floor") {
    expect(objects).toMatchObject({ drained: 0, refused: 0, forgotten: 110 });
    return;
  }
  expect(objects).toMatchObject({ drained: 30, refused: 20, evicted: 0 });
  expect(objects.held + objects.removed).toBe(60);
  // CPU 1 is offline when the cache is removed.
  if (immediate.includes(name)) expect(counts.interrupts).toBe(1);
});

test("variants agree on what is freed where nothing is evicted, whatever their order", async () => {
  const workload = (): Workload =>
    createWorkload(
      "cgroups-4000",
      { cgroups: 2, "quarantine-bytes": 0, "background-objects": 4096, "churn-batch": 512, "churn-cycles": 2 },
      1,
    );
  const destroyed = new Set<number>();
  const freed = new Map<number, number>();
  for (const chunk of workload().chunks()) {
    const view = new DataView(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    for (let offset = 0; offset < chunk.byteLength; offset += 32) {
      const kind = view.getUint16(offset, true);
      const cache = view.getUint32(offset + 12, true);
      if (kind === kindCacheDestroy) destroyed.add(cache);
      else if (kind === kindObjectFree) freed.set(cache, (freed.get(cache) ?? 0) + 1);
    }
  }
  const own = [...destroyed].reduce((sum, cache) => sum + (freed.get(cache) ?? 0), 0);
  const all = [...freed.values()].reduce((sum, count) => sum + count, 0);
  expect(own).toBeGreaterThan(500);
  for (const name of [...immediate, "batched-async form=scan"]) {
    const { objects } = await simulate(name, { cpus: 2, workload: workload(), quarantineBytes: 8 * 2 ** 20 });
    expect(objects, name).toEqual({
      ...{ put: all, evicted: 0, removed: own, drained: 0, refused: 0, forgotten: 0 },
      held: all - own,
    });
  }
});

test.each(immediate)("%s looks at the same objects as on the counting machine", async (name) => {
  const workload = (): Workload =>
    createWorkload("libvirt-teardown", { guests: 1, "quarantine-bytes": 2 ** 20, "churn-cycles": 2 }, 5);
  const { variant, constants } = lines[name] as Line;
  const compiled = await compileModule({ problem: "quarantine", variant, machine: "traced", constants });
  const counted = new Map<string, number>();
  await countExactly(
    { id: name, isFloor: false },
    compiled,
    workload(),
    { cpus: 1, quarantineBytes: 0, skipWhenEmpty: false },
    (metric, _round, value) => counted.set(metric, (counted.get(metric) ?? 0) + value),
    new AbortController().signal,
  );
  const { totals, objects } = await simulate(name, { cpus: 1, workload: workload() });
  expect(totals.removed).toBe(counted.get("remove-own"));
  expect(totals.batchesVisited).toBe(counted.get("remove-batches"));
  expect(objects.put).toBe(counted.get("objects-put"));
  expect(objects.evicted).toBe(counted.get("objects-evicted"));
  // Of a doubly-linked queue, every move to the global list counts as well, not only those of a removal.
  if (name !== "doubly-linked") expect(totals.foreignVisited).toBe(counted.get("remove-foreign"));
});

test("removals take longer when more is in the quarantine, but not with hash buckets or lists of caches", async () => {
  // None of the three caches that go shares a bucket with cache 0, as cache 3 would.
  const meanNs = async (name: string, objects: number): Promise<number> => {
    const workload = scripted([
      {
        measured: false,
        events: [
          ...[0, 1, 2, 4].map((cache) => createCache(cache)),
          ...[...allocate(0, 0, objects), ...allocate(1, 4000, 8), ...allocate(2, 4010, 8), ...allocate(4, 4020, 8)],
          ...[...free(1, 4000, 8), ...free(0, 0, objects), ...free(2, 4010, 8), ...free(4, 4020, 8)],
        ],
      },
      { measured: true, events: [destroyCache(1), destroyCache(2), destroyCache(4)] },
    ]);
    const { sumNs, totals } = await simulate(name, { cpus: 2, workload });
    expect(totals.removed).toBe(24);
    return sumNs.remove / 3;
  };
  for (const name of ["single-list", "singly-linked-fifo"]) {
    const [one, two, four] = [await meanNs(name, 1000), await meanNs(name, 2000), await meanNs(name, 4000)];
    expect(two / one, name).toBeGreaterThan(1.7);
    expect(four / two, name).toBeGreaterThan(1.7);
  }
  for (const name of ["hash-buckets", "doubly-linked"]) {
    expect((await meanNs(name, 4000)) / (await meanNs(name, 1000)), name).toBeLessThan(1.3);
  }
});

test("work that is put off is done by a task between its events, and what still waits for its timer at the end", async () => {
  const caches = [0, 1, 2, 3, 4, 5, 6];
  const workload = scripted([
    {
      measured: false,
      events: caches.flatMap((cache) => [
        createCache(cache),
        ...allocate(cache, cache * 10, 10),
        ...free(cache, cache * 10, 10),
      ]),
    },
    // The fifth starts the walk, two are left for the timer.
    { measured: true, events: [...caches.map((cache) => destroyCache(cache)), { kind: kindBogoOp }] },
  ]);
  const run = await simulate("batched-async form=scan", { cpus: 2, workload });
  expect(run.totals).toMatchObject({ removals: 7, removalsCompleted: 5, removed: 50, bogoOps: 1 });
  expect(run.objects).toMatchObject({ put: 70, removed: 70, held: 0 });
  expect(run.unfinishedCaches).toBe(0);
  expect(run.distributions.worker.count).toBe(1);
  expect(run.counts.calls.get(kworker)).toBe(1);
  expect(run.sumNs.worker).toBeGreaterThan(run.sumNs.remove);
  expect(run.leftWork.runs).toBe(1);
  expect(run.leftWork.ns).toBeGreaterThan(0);
  // The caller is done before the caches are gone.
  expect(run.distributions.teardown.count).toBe(1);
  expect(run.distributions.gone.count).toBe(0);
  expect(run.teardowns).toMatchObject([{ removals: 7, goneNs: null }]);
  // One interrupt per walk and other CPU, the second of them after the measured part.
  expect(run.counts.interrupts).toBe(1);
});

test("every put is told, those of stress-ng's workers by throughput", async () => {
  const workload = createWorkload("stress-ng-ramfs", { workers: 4, "bogo-ops": 6, "quarantine-bytes": 2 ** 20 }, 1);
  const run = await simulate("singly-linked-fifo", { cpus: 2, workload });
  expect(run.totals.bogoOps).toBe(24);
  expect(run.bogoOpsPerSecond).toBeCloseTo((24 / run.ns) * 1e9, 6);
  expect(run.putsPerSecond).toBeCloseTo((run.totals.puts / run.ns) * 1e9, 6);
  expect(run.distributions.put.count).toBe(run.totals.puts);
  expect(run.counts.calls.get(kasanQuarantinePut)).toBe(run.totals.puts);
  expect(run.distributions.reduce.count).toBeGreaterThan(0);
  expect(run.teardowns).toEqual([]);
  expect(run.hottest.map(({ name }) => name)).toContain("kmem_cache (lock)");
});

test("a removal that leaves objects behind makes the case void", async () => {
  const variantFile = path.join(packageRoot, "test", "kernel", "assembly", "small-list.ts");
  const source = { problem: "quarantine", variant: "broken", variantFile, machine: "simulated" } as const;
  // The entry is named, because otherwise the contract would be compiled, too.
  const compiled = await compileModule({ ...source, entry: "harness", constants: { ...small, LAB_BUG: 2 } });
  const workload = scripted([
    {
      measured: true,
      events: [
        ...[createCache(0), createCache(1), ...allocate(0, 0, 4), ...allocate(1, 10, 4)],
        ...[...free(0, 0, 2), ...free(1, 10, 4), ...free(0, 2, 2), destroyCache(0)],
      ],
    },
  ]);
  const run = simulate("floor", { cpus: 1, workload, compiled, isFloor: false });
  await expect(run).rejects.toThrow(ViolationError);
  await expect(run).rejects.toThrow(/left \d objects in caches/);
});
