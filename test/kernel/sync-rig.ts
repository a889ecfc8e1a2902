// Memory and instances for `src/kernel/litmus/lock-loops.ts`, in this thread or in one thread per CPU.

import { Worker } from "node:worker_threads";
import { compileModule } from "../../src/build/compile.ts";
import type { MachineForm } from "../../src/build/flags.ts";
import { type PlainWorld, plainMachine } from "./plain-machine.ts";

const cpuBlocks = 65_536;
const taskStacks = 69_632;
const wasmPages = 64;
/** Most CPUs of a rig. */
export const cpusMax = 8;
/** First byte for what is under test. */
export const base = taskStacks + cpusMax * 4096;
/** Cell at which threads meet before they begin. */
const arrivals = base - 64;

export type LockLoops = Readonly<Record<string, (...args: readonly number[]) => number>>;

export interface SyncMemory {
  readonly memory: WebAssembly.Memory;
  readonly words: Int32Array;
  readonly layout: { readonly taskStacks: number };
}

export function syncMemory(): SyncMemory {
  const memory = new WebAssembly.Memory({ initial: wasmPages, maximum: wasmPages, shared: true });
  return { memory, words: new Int32Array(memory.buffer), layout: { taskStacks } };
}

/** Imports of an instance of a CPU, but for memory and machine. */
export function layoutImports(cpus: number, cpu: number): { layout: Record<string, number> } {
  return { layout: { thisCpu: cpu, cpuCount: cpus, cpuBlocks, taskStacks, spinsPerMicrosecond: 1000 } };
}

export async function compileLoops(
  machine: MachineForm,
  constants: Readonly<Record<string, number>> = {},
  fibers = false,
): Promise<WebAssembly.Module> {
  const source = { problem: "litmus", variant: "lock-loops", entry: "lock-loops", machine, constants, fibers };
  return new WebAssembly.Module((await compileModule(source)).wasm);
}

/** A call of an export. */
export interface Call {
  readonly name: string;
  readonly args: readonly number[];
}

const patienceMs = 15_000;

/**
 * Runs calls on several CPUs at the same time, each in a thread of its own, and returns their results.
 *
 * @throws {Error} when a thread dies, or is not done in time; then all are stopped
 */
export async function runThreads(
  module: WebAssembly.Module,
  { memory, words }: SyncMemory,
  callsOf: readonly (readonly Call[])[],
): Promise<number[][]> {
  const cpus = callsOf.length;
  words[arrivals / 4] = 0;
  const workers = callsOf.map((calls, cpu) => {
    const workerData = { module, memory, cpus, arrivals, calls, imports: layoutImports(cpus, cpu) };
    return new Worker(new URL("./sync-worker.mjs", import.meta.url), { workerData });
  });
  let timer: NodeJS.Timeout | undefined;
  try {
    return await Promise.race([
      Promise.all(
        workers.map(
          (worker, cpu) =>
            new Promise<number[]>((resolve, reject) => {
              worker.once("message", resolve);
              worker.once("error", reject);
              worker.once("exit", () => reject(new Error(`CPU ${cpu} ended without a result`)));
            }),
        ),
      ),
      new Promise<never>((_resolve, reject) => {
        timer = setTimeout(() => reject(new Error(`not done after ${patienceMs} ms`)), patienceMs);
      }),
    ]);
  } finally {
    clearTimeout(timer);
    await Promise.all(workers.map((worker) => worker.terminate()));
  }
}

/** What a test may do about the operations of the plain machine. */
export interface PlainHooks {
  /** Before the CPU would sleep on a cell; it changes the cell, or the test fails. */
  onWait: (cpu: number, cell: number) => void;
  /** After the clock has moved on by a sleep. */
  onSleep: (cpu: number, ns: number) => void;
  onCompute: (cpu: number, ns: number) => void;
  onStore: (cpu: number, cell: number) => void;
  onPause: () => void;
  isIdle: (cpu: number) => boolean;
}

export interface PlainCpus extends SyncMemory, PlainHooks {
  readonly world: PlainWorld;
  /** Of each CPU. */
  readonly exports: readonly LockLoops[];
}

/** Instances of the traced form, one per CPU, that run in this thread on the plain machine, one call at a time. */
export function plainCpus(module: WebAssembly.Module, cpus: number): PlainCpus {
  const rig = syncMemory();
  const exports: LockLoops[] = [];
  const runWork = (cpu: number, work: number, argument: number): void => {
    exports[cpu]?.runWork?.(work, argument);
  };
  const world: PlainWorld = { ...rig, nowNs: 1e9, runWork };
  const machineWith: PlainCpus = {
    ...rig,
    world,
    exports,
    onWait: () => {},
    onSleep: () => {},
    onCompute: () => {},
    onStore: () => {},
    onPause: () => {},
    isIdle: () => true,
  };
  for (let cpu = 0; cpu < cpus; cpu++) {
    const machine = plainMachine(world, cpu);
    const traced = {
      ...machine,
      wait(cell: number, expected: number) {
        machineWith.onWait(cpu, cell);
        return machine.wait(cell, expected, 0, 0, 0);
      },
      sleepNs(ns: number) {
        world.nowNs += ns;
        machineWith.onSleep(cpu, ns);
      },
      computeNs(ns: number) {
        world.nowNs += ns;
        machineWith.onCompute(cpu, ns);
      },
      pause: () => machineWith.onPause(),
      storeRelaxed32(cell: number, value: number) {
        machineWith.onStore(cpu, cell);
        return machine.storeRelaxed32(cell, value, 0, 0, 0);
      },
      isIdle: (target: number) => (target !== cpu && machineWith.isIdle(target) ? 1 : 0),
    };
    const imports = { ...layoutImports(cpus, cpu), env: { memory: rig.memory }, traced };
    exports.push(new WebAssembly.Instance(module, imports).exports as unknown as LockLoops);
  }
  return machineWith;
}

/** Instances of the native form, one per CPU, that run in this thread, one call at a time. */
export function nativeCpus(module: WebAssembly.Module, cpus: number): SyncMemory & { readonly exports: LockLoops[] } {
  const rig = syncMemory();
  const exports = Array.from({ length: cpus }, (_, cpu) => {
    const imports = { ...layoutImports(cpus, cpu), env: { memory: rig.memory }, access: { clockNs: () => 1e9 } };
    return new WebAssembly.Instance(module, imports).exports as unknown as LockLoops;
  });
  return { ...rig, exports };
}
