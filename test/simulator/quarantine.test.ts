// The quarantine's variants on the simulated machine: nothing is lost, removals cost what their structure says, and
// tasks that share a CPU, interrupts, put-off work and CPUs that come and go have their part in it.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { compileModule, compileSimulatorCore } from "../../src/build/compile.ts";
import type { Constants } from "../../src/build/flags.ts";
import { ViolationError } from "../../src/errors.ts";
import {
  flagMeasured,
  kindBogoOp,
  kindCacheCreate,
  kindCacheDestroy,
  kindCpuOffline,
  kindCpuOnline,
  kindObjectAllocate,
  kindObjectFree,
} from "../../src/kernel/events.ts";
import { kasanQuarantinePut, kworker } from "../../src/kernel/symbols.ts";
import { packageRoot } from "../../src/package-root.ts";
import { loadProfile, scaleCost } from "../../src/simulator/profile.ts";
import {
  type SimulatedQuarantine,
  type SimulatedQuarantineCase,
  simulateQuarantine,
} from "../../src/simulator/quarantine.ts";
import { countExactly } from "../../src/traced/measure.ts";
import { EventWriter } from "../../src/workloads/event-writer.ts";
import { createWorkload } from "../../src/workloads/index.ts";
import type { Workload } from "../../src/workloads/workload.ts";

const core = new WebAssembly.Module((await compileSimulatorCore()).wasm);

/** Tasks of one CPU take turns every two microseconds, so that each is preempted wherever it can be. */
const restless = scaleCost(loadProfile("xeon-8260-2s"), "timeSlice", 2 / 3000);

interface Line {
  readonly variant: string;
  readonly constants: Constants;
  /** Interrupts of a removal per other CPU. */
  readonly interrupts: 0 | 1;
}

/** Small queues and batches, so that objects travel through all stages. */
const small = { LAB_CPU_QUEUE_BYTES: 16_384, LAB_BATCHES: 64 };
const lines: Readonly<Record<string, Line>> = {
  "single-list": { variant: "single-list", constants: small, interrupts: 1 },
  "singly-linked-fifo": { variant: "singly-linked-fifo", constants: small, interrupts: 1 },
  "hash-buckets": { variant: "hash-buckets", constants: { ...small, LAB_BUCKETS: 16 }, interrupts: 1 },
  "doubly-linked": { variant: "doubly-linked", constants: small, interrupts: 1 },
  "batched-async form=scan": {
    variant: "batched-async",
    constants: { ...small, LAB_FORM: 1, LAB_GROUP: 5, LAB_TIMEOUT_MS: 1000 },
    interrupts: 0,
  },
  "batched-async form=deferred": { variant: "batched-async", constants: { ...small, LAB_FORM: 2 }, interrupts: 0 },
  floor: { variant: "floor", constants: small, interrupts: 0 },
};
const names = Object.keys(lines);
/** Those whose `removeCache` leaves no object behind when it returns. */
const immediate = names.filter((name) => lines[name]?.interrupts === 1);

type Options = Partial<SimulatedQuarantineCase> & { readonly cpus: number; readonly workload: Workload };

async function simulate(name: string, options: Options): Promise<SimulatedQuarantine> {
  const { variant, constants } = lines[name] as Line;
  return simulateQuarantine({
    core,
    compiled: await compileModule({ problem: "quarantine", variant, machine: "simulated", constants }),
    profile: loadProfile("xeon-8260-2s"),
    virtualMs: null,
    // Beside it there is what the CPUs' queues take in Linux, as these are smaller here.
    quarantineBytes: 0,
    skipWhenEmpty: false,
    isFloor: variant === "floor",
    ...options,
  });
}

/** Two guests torn down at once, amid churn by more tasks than there are CPUs. */
function teardown(): Workload {
  return createWorkload(
    "libvirt-teardown",
    {
      guests: 2,
      "quarantine-bytes": 2 * 2 ** 20,
      "background-objects": 4096,
      "churn-batch": 2048,
      "churn-cycles": 4,
      "churn-tasks": 7,
      "teardown-tasks": 2,
    },
    3,
  );
}

describe.each(names)("%s", (name) => {
  let first: SimulatedQuarantine | undefined;

  test.each([false, true])("loses no object with several tasks per CPU; skip-when-empty %s", async (skipWhenEmpty) => {
    const run = await simulate(name, { cpus: 3, workload: teardown(), skipWhenEmpty, profile: restless });
    if (skipWhenEmpty) first = run;
    const { objects, heldBytes, totals, counts, unfinishedCaches, ns } = run;
    const { put, ...rest } = objects;
    expect(Object.values(rest).reduce((sum, count) => sum + count, 0)).toBe(put);
    expect(put).toBe(totals.puts + putsBeforeMeasured(teardown()));
    expect(heldBytes.stated).toBe(heldBytes.found);
    expect(heldBytes.found > 0).toBe(name !== "floor");
    expect(totals.evicted > 0).toBe(name !== "floor");
    // Tasks that share a CPU have taken turns.
    expect(counts.contextSwitches).toBeGreaterThan(7 + 7 + 2);
    expect(totals.removals).toBe(48);
    // Twelve caches of each guest never have an object; others may have lost theirs by then.
    if (skipWhenEmpty) expect(totals.removalsSkipped).toBeGreaterThanOrEqual(24);
    else expect(totals.removalsSkipped).toBe(0);
    if (!name.includes("deferred")) expect(unfinishedCaches).toBe(0);
    // A removal interrupts every other CPU, unless it is skipped.
    if (immediate.includes(name)) expect(counts.interrupts).toBe(2 * (totals.removals - totals.removalsSkipped));
    const symbolNs = counts.cpus.flatMap((cpu) => [...cpu.symbolNs.values()]).reduce((sum, one) => sum + one, 0);
    expect(symbolNs).toBeCloseTo(3 * ns, 0);
  });

  test("does the same again, to the last digit", async () => {
    const again = await simulate(name, {
      ...{ cpus: 3, workload: teardown(), skipWhenEmpty: true, profile: restless },
    });
    expect(textOf(again)).toBe(textOf(first as SimulatedQuarantine));
  });
});

const folder = mkdtempSync(path.join(tmpdir(), "reclaim-bench-quarantine-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** What the reference must not leave out. Each is a part of its text, and what is left of it. */
const mutants: Readonly<Record<string, (text: string) => string>> = {
  "interrupts are on while an object is put": (text) => {
    const [before = "", rest = ""] = text.split("export function put");
    const [put = "", after = ""] = rest.split("/** Makes this CPU's objects global.");
    const bare = put.replaceAll(/ irq(Off|On)\(\);/g, "");
    return `${before}export function put${bare}/** Makes this CPU's objects global.${after}`;
  },
  "a removal does not wait for reductions": (text) => text.replace("  synchronizeSrcuExpedited(srcu());\n", ""),
  "a removal does not look into the CPUs' queues": (text) => text.replace(/ {2}runOnEveryCpu\(.*\n/, ""),
};

test.each(Object.entries(mutants))("it shows when %s", async (name, change) => {
  const text = readFileSync(path.join(packageRoot, "src", "kernel", "quarantine", "singly-linked-fifo.ts"), "utf8");
  const changed = change(text);
  expect(changed).not.toBe(text);
  const variant = name.replaceAll(/\W/g, "-");
  const variantFile = path.join(folder, `${variant}.ts`);
  // What is imported in vain is no error.
  writeFileSync(variantFile, changed);
  const source = { problem: "quarantine", machine: "simulated", constants: { ...small, LAB_BATCHES: 8 } } as const;
  const compiled = await compileModule({ ...source, variant, variantFile });
  const isRight = async (): Promise<boolean> => {
    const { objects, heldBytes } = await simulate("singly-linked-fifo", {
      ...{ cpus: 3, workload: teardown(), profile: restless, compiled },
    });
    return objects.held >= 0 && heldBytes.found === heldBytes.stated;
  };
  expect(await isRight().catch(() => false)).toBe(false);
});

/** All that a run came to. */
function textOf(run: SimulatedQuarantine): string {
  const distributions = Object.entries(run.distributions).flatMap(([name, times]) => times.rows(name));
  return JSON.stringify({ ...run, distributions }, (_, value: unknown) => (value instanceof Map ? [...value] : value));
}

function putsBeforeMeasured(workload: Workload): number {
  let puts = 0;
  for (const chunk of workload.chunks()) {
    for (let offset = 0; offset < chunk.byteLength; offset += 32) {
      if (chunk[offset] === kindObjectFree && chunk[offset + 2] === 0) puts++;
    }
  }
  return puts;
}

// ---- workloads written down event by event

interface Scripted {
  readonly kind: number;
  readonly task?: number;
  readonly object?: number;
  readonly cache?: number;
  readonly a?: number;
}

const objectSize = 256;

function scripted(
  chunks: readonly { readonly measured: boolean; readonly events: readonly Scripted[] }[],
  tasks = 1,
): Workload {
  return {
    name: "scripted",
    parameters: {},
    seed: 0,
    repeatable: false,
    limits: {
      events: chunks.reduce((sum, { events }) => sum + events.length, 0),
      caches: 8,
      objects: 4096,
      cgroups: 1,
      superblocks: 0,
      tasks,
      liveBytesMax: 4096 * objectSize,
      slabBytesMax: 4096 * objectSize,
    },
    *chunks() {
      const writer = new EventWriter();
      for (const { measured, events } of chunks) {
        writer.flags = measured ? flagMeasured : 0;
        for (const { kind, task = 0, object = 0, cache = 0, a = 0 } of events) {
          writer.task = task;
          writer.add(kind, object, cache, a, kind === kindCacheCreate ? 1 : 0);
        }
        yield* writer.flush();
      }
    },
  };
}

const createCache = (cache: number): Scripted => ({ kind: kindCacheCreate, object: 16, cache, a: objectSize });
const destroyCache = (cache: number, task = 0): Scripted => ({ kind: kindCacheDestroy, cache, task });

/** Allocates objects of a cache from index `first` on. */
function allocate(cache: number, first: number, count: number, task = 0): Scripted[] {
  return Array.from({ length: count }, (_, index) => ({
    kind: kindObjectAllocate,
    object: first + index,
    cache,
    task,
  }));
}

function free(cache: number, first: number, count: number, task = 0): Scripted[] {
  return Array.from({ length: count }, (_, index) => ({ kind: kindObjectFree, object: first + index, cache, task }));
}

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
  const compiled = await compileModule({ ...source, constants: { ...small, LAB_BUG: 2 } });
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
