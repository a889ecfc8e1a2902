// A quarantine's module, running.

import type { WorkloadLimits } from "../workloads/workload.ts";
import type { CompiledModule } from "./compile.ts";
import { type HarnessExports, type MachineImports, type MakeMachine, type RunningModule, start } from "./instance.ts";

/** What the quarantine's harness exports (`src/kernel/quarantine/harness.ts`). All integers are 32 bits wide. */
export interface QuarantineExports extends HarnessExports {
  initialise(ramPages: number, onlineCount: number): void;
  settle(first: number, end: number): void;
  runDeferred(nowNs: number): number;
  /** What to give to `runWork` for a CPU to run all work that it deferred, due or not. */
  drainIndex(): number;
  freedCount(): number;
  leftBehindCount(): number;
  quarantinedBytes(): number;
  batchesInUse(): number;
  extraObjectBytes(): number;
  extraCacheBytes(): number;
  extraGlobalBytes(): number;
  /** What the variant's structures hold at an address (`src/kernel/quarantine/areas.ts`). */
  areaAt(address: number): number;
  isCachePresent(index: number): number;
  usedObjectsOf(index: number): number;
  heldBytesOf(index: number): number;
  touchedPageCount(): number;
  sizingTotal(ramPages: number): number;
  sizingMax(ramPages: number, onlineCount: number): number;
  sizingBatch(ramPages: number): number;
}

/** The sizes that a quarantine's case is laid out for. */
export interface QuarantineSizes {
  /** CPUs of the machine, at least 1. */
  readonly cpus: number;
  /** Bytes that the global quarantine may hold (`quarantine_max_size`). */
  readonly quarantineBytes: number;
  /** Whether a cache without used objects is destroyed without asking the variant. */
  readonly skipWhenEmpty: boolean;
  /** Bytes for fibers; see {@link start}. */
  readonly fiberBytes?: number;
  /** Bytes of the arena at most; see {@link start}. */
  readonly arenaBytesMax?: number;
  /**
   * RAM, in pages of 4 KiB, for a module whose CPU queues and batches are not those of Linux, so that nothing follows
   * from `quarantineBytes`. @default as many as `quarantineBytes` needs
   */
  readonly ramPages?: number;
}

/** Bytes of a CPU's queue in Linux; what the CPUs' queues may hold comes on top of the global quarantine. */
const cpuQueueBytes = 1_048_576;
const ramFraction = 32;

/** RAM, in pages of 4 KiB, of a machine whose global quarantine holds at most so many bytes. */
export function ramPagesFor(quarantineBytes: number, cpus: number): number {
  return Math.ceil(((quarantineBytes + cpus * cpuQueueBytes) * ramFraction) / 4096);
}

/**
 * Instantiates a quarantine module on memory of its own and prepares it for a workload.
 *
 * @param machine imports of the form of the machine that the module was compiled for, for CPU 0
 * @param attach called before the module touches its memory, for machines that act on it themselves
 * @throws {InputError} when the memory that the case needs cannot be had
 */
export function startQuarantine(
  compiled: CompiledModule,
  limits: WorkloadLimits,
  sizes: QuarantineSizes,
  machine: MachineImports | MakeMachine,
  attach: (running: RunningModule<QuarantineExports>) => void = () => {},
): RunningModule<QuarantineExports> {
  const running = start<QuarantineExports>({
    compiled,
    cpus: sizes.cpus,
    limits,
    // The global part, one batch on top, and a full queue per CPU.
    heldBytesMax: 1.02 * sizes.quarantineBytes + (4 + 2 * sizes.cpus) * cpuQueueBytes,
    harness: (layout) => ({ skipWhenEmpty: sizes.skipWhenEmpty ? 1 : 0, trueSize: layout.trueSize ? 1 : 0 }),
    machine,
    fiberBytes: sizes.fiberBytes ?? 0,
    ...(sizes.arenaBytesMax === undefined ? {} : { arenaBytesMax: sizes.arenaBytesMax }),
    advice: "use a smaller 'quarantine-bytes' or free memory",
  });
  attach(running);
  running.exports.initialise(sizes.ramPages ?? ramPagesFor(sizes.quarantineBytes, sizes.cpus), sizes.cpus);
  return running;
}
