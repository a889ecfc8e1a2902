// A running module: its memory laid out, its machine's imports bound, its exports typed. What all problems have in
// common; `problem.ts` starts the modules of described ones, `quarantine.ts` those of the quarantine.

import { InputError } from "../errors.ts";
import type { WorkloadLimits } from "../workloads/workload.ts";
import type { CompiledModule } from "./compile.ts";
import { eventBufferBytes, layOutMemory, type MemoryLayout } from "./memory.ts";

/** What every problem's harness exports. All integers are 32 bits wide. */
export interface HarnessExports {
  heapBase(): number;
  problemBytes(): number;
  run(first: number, end: number): number;
  runWork(work: number, argument: number): void;
  // The CPUs' rounds (`src/kernel/crew.ts`).
  enterRound(round: number): void;
  leaveRound(round: number): void;
  computeFor(ns: number): void;
}

/** Functions that a form of the machine imports, by the name of the file that declares them. */
export type MachineImports = Readonly<Record<string, WebAssembly.ModuleImports>>;

/**
 * Makes the imports of a machine that lives in the case's own memory. Called twice: first with the small memory of an
 * instance that only tells what the case needs and performs nothing, then with the real one.
 */
export type MakeMachine = (memory: WebAssembly.Memory, layout: MemoryLayout) => MachineImports;

/** A module on memory of its own. Instances of other CPUs, also in other threads, can be made from it. */
export interface RunningModule<Exports extends HarnessExports> {
  readonly module: WebAssembly.Module;
  readonly memory: WebAssembly.Memory;
  readonly layout: MemoryLayout;
  /** Instance of CPU 0 in this thread. */
  readonly exports: Exports;
  /** Imports of an instance of a CPU, but for its machine. Can be posted to another thread. */
  readonly importsOf: (cpu: number) => Readonly<Record<string, Readonly<Record<string, number | WebAssembly.Memory>>>>;
}

/** A case to be started. */
export interface StartOptions {
  readonly compiled: CompiledModule;
  readonly cpus: number;
  readonly limits: WorkloadLimits;
  /** Bytes that the problem holds at most beyond the workload's live objects. */
  readonly heldBytesMax: number;
  /** The harness's own imports. */
  readonly harness: (layout: MemoryLayout) => Readonly<Record<string, number>>;
  /** Imports of the machine, for CPU 0. */
  readonly machine: MachineImports | MakeMachine;
  /** Steps of `compute` in a microsecond. @default 1000 */
  readonly spinsPerMicrosecond?: number;
  /** What to do when the memory cannot be had. */
  readonly advice: string;
  /** Bytes for fibers; if there are any, all CPUs find their events in one buffer, each at indices of its own. @default 0 */
  readonly fiberBytes?: number;
  /** Bytes of the arena at most; see {@link layOutMemory}. */
  readonly arenaBytesMax?: number;
}

function layoutGlobals(
  layout: MemoryLayout,
  cpu: number,
  spinsPerMicrosecond: number,
  sharesEventBuffer: boolean,
): Record<string, number> {
  // Addresses above 2 GiB are passed as the signed number with the same bits.
  return {
    thisCpu: cpu,
    cpuCount: layout.cpus,
    spinsPerMicrosecond,
    cpuBlocks: layout.cpuBlocks | 0,
    taskStacks: layout.taskStacks | 0,
    roundCells: layout.roundCells | 0,
    eventBuffer: (layout.eventBuffer + (sharesEventBuffer ? 0 : cpu * eventBufferBytes)) | 0,
    objectTable: layout.objectTable | 0,
    cacheTable: layout.cacheTable | 0,
    problemBase: layout.problemBase | 0,
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

function makeMemory({ wasmPages }: MemoryLayout, advice: string): WebAssembly.Memory {
  try {
    return new WebAssembly.Memory({ initial: wasmPages, maximum: wasmPages, shared: true });
  } catch {
    throw new InputError(`cannot reserve ${Math.ceil(wasmPages / 16)} MiB of Wasm memory; ${advice}`);
  }
}

/**
 * Instantiates a module on memory of its own, which is not initialised yet.
 *
 * @throws {InputError} when the memory that the case needs cannot be had
 */
export function start<Exports extends HarnessExports>(options: StartOptions): RunningModule<Exports> {
  const { compiled, cpus, limits, machine, advice, spinsPerMicrosecond = 1000 } = options;
  const { fiberBytes = 0 } = options;
  const sharesEventBuffer = fiberBytes > 0;
  const module = new WebAssembly.Module(compiled.wasm);
  const begin = (layout: MemoryLayout): RunningModule<Exports> => {
    const memory = makeMemory(layout, advice);
    const importsOf: RunningModule<Exports>["importsOf"] = (cpu) => ({
      env: { memory },
      layout: layoutGlobals(layout, cpu, spinsPerMicrosecond, sharesEventBuffer),
      harness: options.harness(layout),
    });
    const own = importsOf(0);
    const bound = typeof machine === "function" ? machine(memory, layout) : machine;
    const instance = new WebAssembly.Instance(module, { ...own, ...bound, env: { ...own.env, ...bound.env } });
    const exports = instance.exports as unknown as Exports;
    if (exports.heapBase() > layout.cpuBlocks) {
      throw new Error(`the module's constants reach to ${exports.heapBase()}, above ${layout.cpuBlocks}`);
    }
    return { module, memory, layout, exports, importsOf };
  };
  const probe = begin(layOutMemory({ cpus, limits: idleLimits, problemBytes: 0, heldBytesMax: 0 }));
  return begin(
    layOutMemory({
      cpus,
      limits,
      problemBytes: probe.exports.problemBytes() >>> 0,
      heldBytesMax: options.heldBytesMax,
      ...(sharesEventBuffer ? { eventBuffers: 1 } : {}),
      fiberBytes,
      ...(options.arenaBytesMax === undefined ? {} : { arenaBytesMax: options.arenaBytesMax }),
    }),
  );
}
