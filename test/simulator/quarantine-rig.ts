// What the tests of the simulated quarantine share: the variants with what each needs, and workloads written down event
// by event.

import { compileModule, compileSimulatorCore } from "../../src/build/compile.ts";
import type { Constants } from "../../src/build/flags.ts";
import {
  flagMeasured,
  kindCacheCreate,
  kindCacheDestroy,
  kindObjectAllocate,
  kindObjectFree,
} from "../../src/kernel/events.ts";
import { loadProfile, scaleCost } from "../../src/simulator/profile.ts";
import {
  type SimulatedQuarantine,
  type SimulatedQuarantineCase,
  simulateQuarantine,
} from "../../src/simulator/quarantine.ts";
import { EventWriter } from "../../src/workloads/event-writer.ts";
import type { Workload } from "../../src/workloads/workload.ts";

const core = new WebAssembly.Module((await compileSimulatorCore()).wasm);

/** Tasks of one CPU take turns every half a microsecond, so that each is preempted wherever it can be. */
export const restless = scaleCost(loadProfile("xeon-8260-2s"), "timeSlice", 0.5 / 3000);

export interface Line {
  readonly variant: string;
  readonly constants: Constants;
  /** Interrupts of a removal per other CPU. */
  readonly interrupts: 0 | 1;
}

/** Small queues and batches, so that objects travel through all stages. */
export const small = { LAB_CPU_QUEUE_BYTES: 16_384, LAB_BATCHES: 64 };
export const lines: Readonly<Record<string, Line>> = {
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
export const names = Object.keys(lines);
/** Those whose `removeCache` leaves no object behind when it returns. */
export const immediate = names.filter((name) => lines[name]?.interrupts === 1);

type Options = Partial<SimulatedQuarantineCase> & { readonly cpus: number; readonly workload: Workload };

export async function simulate(name: string, options: Options): Promise<SimulatedQuarantine> {
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

// ---- workloads written down event by event

export interface Scripted {
  readonly kind: number;
  readonly task?: number;
  readonly object?: number;
  readonly cache?: number;
  readonly a?: number;
}

const objectSize = 256;

export function scripted(
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

export const createCache = (cache: number): Scripted => ({ kind: kindCacheCreate, object: 16, cache, a: objectSize });
export const destroyCache = (cache: number, task = 0): Scripted => ({ kind: kindCacheDestroy, cache, task });

/** Allocates objects of a cache from index `first` on. */
export function allocate(cache: number, first: number, count: number, task = 0): Scripted[] {
  return Array.from({ length: count }, (_, index) => ({
    kind: kindObjectAllocate,
    object: first + index,
    cache,
    task,
  }));
}

export function free(cache: number, first: number, count: number, task = 0): Scripted[] {
  return Array.from({ length: count }, (_, index) => ({ kind: kindObjectFree, object: first + index, cache, task }));
}
