// A quarantine of several CPUs in one thread: one instance per CPU over one small memory. `startQuarantine` makes
// the memory of a real case, for CPU 0 only; comparing memories wants a small one.

import { layOutMemory, type MemoryLayout } from "../../src/build/memory.ts";
import type { QuarantineExports } from "../../src/build/quarantine.ts";
import {
  eventSize,
  kindBogoOp,
  kindCacheCreate,
  kindCacheDestroy,
  kindCpuOffline,
  kindCpuOnline,
  kindObjectAllocate,
  kindObjectFree,
} from "../../src/kernel/events.ts";
import { EventWriter } from "../../src/workloads/event-writer.ts";

const arenaPages = 512;
const stackBytes = 65_536;
const wasmPageBytes = 65_536;
const limits = {
  events: 0,
  caches: 64,
  objects: 512,
  cgroups: 0,
  superblocks: 0,
  tasks: 1,
  liveBytesMax: 0,
  slabBytesMax: 0,
};

export interface Rig {
  readonly memory: WebAssembly.Memory;
  readonly layout: MemoryLayout;
  /** Of the whole memory. */
  readonly bytes: Uint8Array;
  /** Of each CPU. */
  readonly exports: readonly QuarantineExports[];
  /** 64 KiB that nothing else uses. */
  readonly spare: { readonly base: number; readonly end: number };
}

/** Makes the imports of the machine for one CPU. The rig's memory is there, its instances not yet. */
export type BindMachine = (rig: Rig, cpu: number) => WebAssembly.Imports;

/**
 * @param ramPages RAM of the machine in pages of 4 KiB, from which the quarantine's sizes follow
 */
export function makeRig(
  wasm: Uint8Array<ArrayBuffer>,
  cpus: number,
  problemBytes: number,
  ramPages: number,
  bind: BindMachine,
): Rig {
  const full = layOutMemory({ cpus, limits, problemBytes, heldBytesMax: 0 });
  const arenaEnd = full.arenaBase + arenaPages * 4096;
  const layout: MemoryLayout = {
    ...full,
    arenaEnd,
    wasmPages: Math.ceil((arenaEnd + stackBytes) / wasmPageBytes),
  };
  const { wasmPages } = layout;
  const memory = new WebAssembly.Memory({ initial: wasmPages, maximum: wasmPages, shared: true });
  const exports: QuarantineExports[] = [];
  const spare = { base: arenaEnd, end: arenaEnd + stackBytes };
  const rig: Rig = { memory, layout, bytes: new Uint8Array(memory.buffer), exports, spare };
  const module = new WebAssembly.Module(wasm);
  const { trueSize: _trueSize, wasmPages: _wasmPages, cpus: cpuCount, ...addresses } = layout;
  for (let cpu = 0; cpu < cpus; cpu++) {
    const instance = new WebAssembly.Instance(module, {
      env: { memory },
      layout: { ...addresses, cpuCount, thisCpu: cpu, spinsPerMicrosecond: 1000 },
      harness: { skipWhenEmpty: 0, trueSize: 1 },
      ...bind(rig, cpu),
    });
    exports.push(instance.exports as unknown as QuarantineExports);
  }
  exports[0]?.initialise(ramPages, cpus);
  return rig;
}

/** Bytes of every variant's structures with two CPUs and the constants of the tests; a rig refuses more. */
export const problemBytesMax = 65_536;

/** One step of a script: an event that a CPU performs. */
export type Step =
  | { readonly kind: "create"; readonly cache: number; readonly objectSize: number; readonly pages: number }
  | { readonly kind: "destroy"; readonly cache: number }
  | { readonly kind: "allocate" | "free"; readonly object: number; readonly cache: number }
  | { readonly kind: "offline" | "online"; readonly cpu: number }
  | { readonly kind: "boundary" };

/** Writes a step as the event with that index of the event buffer. */
export function writeEvent(rig: Rig, index: number, step: Step): void {
  const writer = new EventWriter();
  if (step.kind === "create") {
    const objects = Math.floor((step.pages * 4096) / step.objectSize);
    writer.add(kindCacheCreate, objects, step.cache, step.objectSize, step.pages);
  } else if (step.kind === "destroy") writer.add(kindCacheDestroy, 0, step.cache, 0, 0);
  else if (step.kind === "allocate") writer.add(kindObjectAllocate, step.object, step.cache, 0, 0);
  else if (step.kind === "free") writer.add(kindObjectFree, step.object, step.cache, 0, 0);
  else if (step.kind === "offline") writer.add(kindCpuOffline, 0, 0, step.cpu, 0);
  else if (step.kind === "online") writer.add(kindCpuOnline, 0, 0, step.cpu, 0);
  else writer.add(kindBogoOp, 0, 0, 0, 0);
  for (const chunk of writer.flush()) rig.bytes.set(chunk, rig.layout.eventBuffer + index * eventSize);
}

/** Performs a step on a CPU. */
export function perform(rig: Rig, cpu: number, step: Step): void {
  writeEvent(rig, 0, step);
  if (rig.exports[cpu]?.run(0, 1) !== 0) throw new Error(`CPU ${cpu} ran out of memory`);
}
