// The quarantine's variants under real threads: objects are churned and caches removed on several CPUs at once, with
// interrupts, batches under their lock and SRCU between reducers and removals. Afterwards nothing may be lost: what a
// cache still has in use is what the workload left live and what the quarantine says that it holds.

import { afterAll, expect, test } from "vitest";
import { compileModule } from "../../src/build/compile.ts";
import { type QuarantineExports, type QuarantineSizes, startQuarantine } from "../../src/build/quarantine.ts";
import { counterLeftBehindAt, cpuBlockBytes } from "../../src/kernel/cpu-block.ts";
import {
  eventAOffset,
  eventGroupOffset,
  eventKindOffset,
  eventSize,
  kindCacheCreate,
  kindCacheDestroy,
  kindObjectAllocate,
  kindObjectFree,
} from "../../src/kernel/events.ts";
import { knownKinds } from "../../src/native/batches.ts";
import { Crew } from "../../src/native/crew.ts";
import { measureOnCrew } from "../../src/native/quarantine-crew.ts";
import { nativeMachine } from "../../src/native/session.ts";
import { createWorkload } from "../../src/workloads/index.ts";
import { Partitioner } from "../../src/workloads/partition.ts";
import type { Workload } from "../../src/workloads/workload.ts";

const quarantineBytes = 2 * 2 ** 20;
/** Small queues and batches, so that objects travel through all stages. */
const smallSizes = { LAB_CPU_QUEUE_BYTES: 16_384, LAB_BATCHES: 64 };

const variants = [
  { variant: "single-list", constants: smallSizes },
  { variant: "singly-linked-fifo", constants: smallSizes },
  { variant: "hash-buckets", constants: { ...smallSizes, LAB_BUCKETS: 16 } },
  { variant: "doubly-linked", constants: smallSizes },
  { variant: "batched-async", constants: { ...smallSizes, LAB_FORM: 1, LAB_GROUP: 8, LAB_TIMEOUT_MS: 1000 } },
  { variant: "batched-async", constants: { ...smallSizes, LAB_FORM: 2 } },
];

function teardown(): Workload {
  return createWorkload(
    "libvirt-teardown",
    {
      guests: 6,
      "quarantine-bytes": quarantineBytes,
      "background-objects": 8192,
      "churn-cycles": 8,
      "churn-tasks": 4,
      "teardown-tasks": 4,
    },
    7,
  );
}

interface Expected {
  /** By cache index: bytes of an object, or undefined when the cache was never created. */
  readonly sizes: ReadonlyMap<number, number>;
  readonly destroyed: ReadonlySet<number>;
  readonly live: ReadonlyMap<number, number>;
}

/** What the workload's events leave. */
class Ledger implements Expected {
  readonly sizes = new Map<number, number>();
  readonly destroyed = new Set<number>();
  readonly live = new Map<number, number>();

  add(chunk: Uint8Array): void {
    const view = new DataView(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    for (let offset = 0; offset < chunk.byteLength; offset += eventSize) {
      const kind = view.getUint16(offset + eventKindOffset, true);
      const cache = view.getUint32(offset + eventGroupOffset, true);
      const change = (by: number): void => {
        this.live.set(cache, (this.live.get(cache) ?? 0) + by);
      };
      if (kind === kindCacheCreate) this.sizes.set(cache, view.getUint32(offset + eventAOffset, true));
      else if (kind === kindCacheDestroy) this.destroyed.add(cache);
      else if (kind === kindObjectAllocate) change(1);
      else if (kind === kindObjectFree) change(-1);
    }
  }
}

let crew: Crew<QuarantineExports> | undefined;
afterAll(() => crew?.close());

for (const { variant, constants } of variants) {
  const name = "LAB_FORM" in constants ? `${variant} form ${constants.LAB_FORM}` : variant;
  test.each([2, 4])(`${name} loses nothing on %i CPUs`, async (cpus) => {
    const workload = teardown();
    const compiled = await compileModule({ problem: "quarantine", variant, machine: "native", constants });
    const sizes: QuarantineSizes = { cpus, quarantineBytes, skipWhenEmpty: false };
    const running = startQuarantine(
      compiled,
      workload.limits,
      sizes,
      nativeMachine(() => 0),
    );
    crew = await Crew.start(running, { name, signal: new AbortController().signal });
    const partitioner = new Partitioner(cpus, knownKinds);
    const ledger = new Ledger();
    for (const chunk of workload.chunks()) {
      ledger.add(chunk);
      const { parts } = partitioner.divide(chunk);
      const results = await crew.round(
        parts.map((events) => ({ events, segments: [0, events.byteLength / eventSize] })),
      );
      expect(results.map(({ status }) => status)).toEqual(results.map(() => 0));
    }
    await crew.round(
      Array.from({ length: cpus }, () => ({ segments: [] })),
      { drains: true },
    );
    await crew.close();

    const { exports, layout, memory } = running;
    const words = new Uint32Array(memory.buffer);
    for (let cpu = 0; cpu < cpus; cpu++) {
      expect(words[(layout.cpuBlocks + cpu * cpuBlockBytes + counterLeftBehindAt) >>> 2], `CPU ${cpu}`).toBe(0);
    }
    let held = 0;
    for (const [cache, bytes] of ledger.sizes) {
      const isPresent = exports.isCachePresent(cache) !== 0;
      if (!ledger.destroyed.has(cache)) expect(isPresent, `cache ${cache}`).toBe(true);
      // A cache that was put off lives on until the quarantine holds no object of it.
      else if (constants !== variants[5]?.constants) expect(isPresent, `cache ${cache}`).toBe(false);
      if (!isPresent) continue;
      const quarantined = exports.usedObjectsOf(cache) - (ledger.live.get(cache) ?? 0);
      expect(quarantined, `cache ${cache}`).toBeGreaterThanOrEqual(0);
      held += quarantined * bytes;
    }
    expect(ledger.destroyed.size).toBe(144);
    expect(held).toBeGreaterThan(0);
    expect(exports.quarantinedBytes()).toBe(held);
  });
}

test("variants are measured in turns on several CPUs, and the same work gets the same rounds", async () => {
  const workload = teardown();
  const subjects = await Promise.all(
    ["singly-linked-fifo", "floor"].map(async (variant) => ({
      id: variant,
      compiled: await compileModule({ problem: "quarantine", variant, machine: "native", constants: smallSizes }),
      sizes: { cpus: 2, quarantineBytes, skipWhenEmpty: false },
      isFloor: variant === "floor",
    })),
  );
  const rounds = new Map<string, number[]>();
  const removals = new Map<string, number>();
  const failures = await measureOnCrew({
    subjects,
    workload,
    signal: new AbortController().signal,
    onSample: (id, metric, round, value) => {
      expect(Number.isFinite(value)).toBe(true);
      rounds.set(`${id} ${metric}`, [...(rounds.get(`${id} ${metric}`) ?? []), round]);
    },
    onRemovals: (id, latencies) => removals.set(id, latencies.count),
    onProgress: () => {},
  });
  expect([...failures]).toEqual([]);
  expect([...removals]).toEqual([
    ["singly-linked-fifo", 144],
    ["floor", 144],
  ]);
  for (const metric of ["put-ns", "allocate-ns"]) {
    expect(rounds.get(`floor ${metric}`)?.length).toBeGreaterThan(10);
    expect(rounds.get(`floor ${metric}`)).toEqual(rounds.get(`singly-linked-fifo ${metric}`));
  }
});
