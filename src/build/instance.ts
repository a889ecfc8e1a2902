// A running module: its memory laid out, its machine's imports bound, its exports typed.

import { InputError } from "../errors.ts";
import type { WorkloadLimits } from "../workloads/workload.ts";
import type { CompiledModule } from "./compile.ts";
import { layOutMemory, type MemoryLayout } from "./memory.ts";

/** What the quarantine's harness exports (`src/kernel/quarantine/harness.ts`). All integers are 32 bits wide. */
export interface QuarantineExports {
  heapBase(): number;
  problemBytes(): number;
  initialise(ramPages: number, onlineCount: number): void;
  run(first: number, end: number): number;
  settle(first: number, end: number): void;
  runDeferred(nowNs: number): number;
  runWork(work: number, argument: number): void;
  freedCount(): number;
  leftBehindCount(): number;
  quarantinedBytes(): number;
  batchesInUse(): number;
  extraObjectBytes(): number;
  extraCacheBytes(): number;
  extraGlobalBytes(): number;
  isCachePresent(index: number): number;
  usedObjectsOf(index: number): number;
  heldBytesOf(index: number): number;
  touchedPageCount(): number;
  sizingTotal(ramPages: number): number;
  sizingMax(ramPages: number, onlineCount: number): number;
  sizingBatch(ramPages: number): number;
}

/** Functions that a form of the machine imports, by the name of the file that declares them. */
export type MachineImports = Readonly<Record<string, WebAssembly.ModuleImports>>;

/** The sizes that a quarantine's case is laid out for. */
export interface QuarantineSizes {
  /** CPUs of the machine, at least 1. */
  readonly cpus: number;
  /** Bytes that the global quarantine may hold (`quarantine_max_size`). */
  readonly quarantineBytes: number;
  /** Whether a cache without used objects is destroyed without asking the variant. */
  readonly skipWhenEmpty: boolean;
}

/** Bytes of a CPU's queue in Linux; what the CPUs' queues may hold comes on top of the global quarantine. */
const cpuQueueBytes = 1_048_576;
const ramFraction = 32;

/** RAM, in pages of 4 KiB, of a machine whose global quarantine holds at most so many bytes. */
export function ramPagesFor(quarantineBytes: number, cpus: number): number {
  return Math.ceil(((quarantineBytes + cpus * cpuQueueBytes) * ramFraction) / 4096);
}

export interface RunningModule {
  readonly exports: QuarantineExports;
  readonly memory: WebAssembly.Memory;
  readonly layout: MemoryLayout;
}

function globalsOf(layout: MemoryLayout, cpu: number): WebAssembly.ModuleImports {
  return {
    thisCpu: cpu,
    cpuCount: layout.cpus,
    cpuBlocks: layout.cpuBlocks,
    taskStacks: layout.taskStacks,
    eventBuffer: layout.eventBuffer,
    objectTable: layout.objectTable,
    cacheTable: layout.cacheTable,
    problemBase: layout.problemBase,
    // Addresses above 2 GiB are passed as the signed number with the same bits.
    pageTable: layout.pageTable | 0,
    arenaBase: layout.arenaBase | 0,
    arenaEnd: layout.arenaEnd | 0,
  };
}

const idleLimits: WorkloadLimits = {
  events: 0,
  caches: 1,
  objects: 1,
  cgroups: 0,
  superblocks: 0,
  tasks: 1,
  liveBytesMax: 0,
  slabBytesMax: 0,
};

function instantiate(
  module: WebAssembly.Module,
  memory: WebAssembly.Memory,
  layout: MemoryLayout,
  skipWhenEmpty: boolean,
  machine: MachineImports,
): QuarantineExports {
  const instance = new WebAssembly.Instance(module, {
    env: { memory },
    layout: globalsOf(layout, 0),
    harness: { skipWhenEmpty: skipWhenEmpty ? 1 : 0, trueSize: layout.trueSize ? 1 : 0 },
    ...machine,
  });
  const exports = instance.exports as unknown as QuarantineExports;
  if (exports.heapBase() > layout.cpuBlocks) {
    throw new Error(`the module's constants reach to ${exports.heapBase()}, above ${layout.cpuBlocks}`);
  }
  return exports;
}

function makeMemory(layout: MemoryLayout): WebAssembly.Memory {
  const { wasmPages } = layout;
  try {
    return new WebAssembly.Memory({ initial: wasmPages, maximum: wasmPages, shared: true });
  } catch {
    const mebibytes = Math.ceil(wasmPages / 16);
    throw new InputError(
      `cannot reserve ${mebibytes} MiB of Wasm memory; use a smaller 'quarantine-bytes' or free memory`,
    );
  }
}

/**
 * Instantiates a quarantine module on memory of its own and prepares it for a workload.
 *
 * @param machine imports of the form of the machine that the module was compiled for
 * @param attach called before the module touches its memory, for machines that act on it themselves
 * @throws {InputError} when the memory that the case needs cannot be had
 */
export function startQuarantine(
  compiled: CompiledModule,
  limits: WorkloadLimits,
  sizes: QuarantineSizes,
  machine: MachineImports,
  attach: (running: RunningModule) => void = () => {},
): RunningModule {
  const module = new WebAssembly.Module(compiled.wasm);
  const probeLayout = layOutMemory({ cpus: sizes.cpus, limits: idleLimits, problemBytes: 0, heldBytesMax: 0 });
  const probe = instantiate(module, makeMemory(probeLayout), probeLayout, sizes.skipWhenEmpty, machine);
  const layout = layOutMemory({
    cpus: sizes.cpus,
    limits,
    problemBytes: probe.problemBytes(),
    // The global part, one batch on top, and a full queue per CPU.
    heldBytesMax: 1.02 * sizes.quarantineBytes + (4 + 2 * sizes.cpus) * cpuQueueBytes,
  });
  const memory = makeMemory(layout);
  const exports = instantiate(module, memory, layout, sizes.skipWhenEmpty, machine);
  attach({ exports, memory, layout });
  exports.initialise(ramPagesFor(sizes.quarantineBytes, sizes.cpus), sizes.cpus);
  return { exports, memory, layout };
}
