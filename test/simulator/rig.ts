// A simulated machine whose tasks perform steps that a test writes down, each of which says when it was done.

import path from "node:path";
import { fileURLToPath } from "node:url";
import { compileModule, compileSimulatorCore } from "../../src/build/compile.ts";
import { callRun, callRunUntil } from "../../src/simulator/core/protocol.ts";
import {
  activityBytes,
  type CpuExports,
  type MachineCounts,
  type MachineListener,
  SimulatedMachine,
} from "../../src/simulator/machine.ts";
import type { CostName, MachineProfile } from "../../src/simulator/profile.ts";
import * as operations from "../kernel/assembly/step-operations.ts";

const given = <Value>(value: Value) => ({ value, source: "made up", mark: "derived" }) as const;

/** Costs in ns, chosen so that a sum tells what it consists of. */
export const plainCosts: Readonly<Record<CostName, number>> = {
  l1: 1,
  l2: 5,
  l3: 20,
  memoryLocal: 100,
  memoryRemote: 150,
  transferSameCluster: 40,
  transferSameSocket: 60,
  transferCrossSocket: 200,
  lineHold: 20,
  store: 2,
  locked: 7,
  barrier: 11,
  pause: 30,
  interruptSend: 300,
  interrupt: 1000,
  contextSwitch: 500,
  wakeUp: 250,
  wakeIdle: 4000,
  timeSlice: 100_000,
};

export interface Shape {
  readonly sockets?: number;
  readonly clusters?: number;
  readonly cores?: number;
  readonly threads?: number;
  /** Bytes and ways. */
  readonly l1?: readonly [bytes: number, ways: number];
  readonly l2?: readonly [bytes: number, ways: number];
  readonly l3?: readonly [bytes: number, ways: number];
  readonly l3SharedBy?: "cluster" | "socket";
  readonly costs?: Partial<Record<CostName, number>>;
}

/** One socket of four cores, unless a shape says otherwise. Clusters are per socket, cores per cluster. */
export function profileOf(shape: Shape = {}): MachineProfile {
  const { sockets = 1, clusters = 1, cores = 4, threads = 1 } = shape;
  const cache = ([bytes, ways]: readonly [number, number]) => ({ bytes: given(bytes), ways: given(ways) });
  const costs = Object.entries({ ...plainCosts, ...shape.costs }).map(([name, value]) => [name, given(value)]);
  return {
    name: "made-up",
    description: "a machine of a test",
    sockets: given(sockets),
    clustersPerSocket: given(clusters),
    coresPerCluster: given(cores),
    threadsPerCore: given(threads),
    l1: cache(shape.l1 ?? [32_768, 8]),
    l2: cache(shape.l2 ?? [1_048_576, 16]),
    l3: { ...cache(shape.l3 ?? [4_194_304, 16]), sharedBy: shape.l3SharedBy ?? "socket" },
    costs: Object.fromEntries(costs) as MachineProfile["costs"],
  };
}

export interface Step {
  readonly operation: number;
  readonly a: number;
  readonly b: number;
  readonly c: number;
}

function step(operation: number, a = 0, b = 0, c = 0): Step {
  return { operation, a, b, c };
}

export const load = (cell: number): Step => step(operations.stepLoad, cell);
export const storeRelaxed = (cell: number, value: number): Step => step(operations.stepStore, cell, value);
/** A sequentially consistent store, which is a locked operation. */
export const storeLocked = (cell: number, value: number): Step => step(operations.stepStoreLocked, cell, value);
export const add = (cell: number, delta = 1): Step => step(operations.stepAdd, cell, delta);
export const compareExchange = (cell: number, expected: number, value: number): Step =>
  step(operations.stepCompareExchange, cell, expected, value);
export const exchange = (cell: number, value: number): Step => step(operations.stepExchange, cell, value);
export const barrier = step(operations.stepBarrier);
export const pause = step(operations.stepPause);
export const wait = (cell: number, expected: number): Step => step(operations.stepWait, cell, expected);
export const wake = (cell: number, count = 1): Step => step(operations.stepWake, cell, count);
/** Has a CPU perform steps with its interrupts off: `count` of the rig's, from index `first` on. */
export const interrupt = (cpu: number, first: number, count: number): Step =>
  step(operations.stepInterrupt, cpu, first + count * 65_536);
export const sleep = (ns: number): Step => step(operations.stepSleep, ns);
export const compute = (ns: number): Step => step(operations.stepCompute, ns);
export const preemptOff = step(operations.stepPreemptOff);
export const preemptOn = step(operations.stepPreemptOn);
export const irqOff = step(operations.stepIrqOff);
export const irqOn = step(operations.stepIrqOn);
export const enter = (symbol: number): Step => step(operations.stepEnter, symbol);
export const leave = step(operations.stepLeave);
export const note = (kind: number, value: number): Step => step(operations.stepNote, kind, value);
export const isRunning = (task: number): Step => step(operations.stepIsRunning, task);
export const isIdle = (cpu: number): Step => step(operations.stepIsIdle, cpu);
export const ownTask = step(operations.stepTask);
export const stackPage = step(operations.stepStackPage);
export const quiescent = step(operations.stepQuiescent);
/** Looks at a cell, with a pause in between, until it holds a value; returns how often it looked. */
export const spinUntil = (cell: number, value: number): Step => step(operations.stepSpinUntil, cell, value);
export const trap = step(operations.stepTrap);
/** Calls itself so deep, and loads on the way back. */
export const recurse = (depth: number, cell: number): Step => step(operations.stepRecurse, depth, cell);
export const addMany = (cell: number, count: number): Step => step(operations.stepAddMany, cell, count);
export const loadMany = (cell: number, count: number, stride: number): Step =>
  step(operations.stepLoadMany, cell, count, stride);
/** Does nothing; tells the time. */
export const tick = step(operations.stepNow);

const stepBytes = 32;
const stepsAt = 0x2_0000;
const stepsMax = 60_000;
const cellsAt = 0x40_0000;
const pageBytes = 4096;
const wasmPageBytes = 65_536;

/** The address of a line: line 0 to 63 of a page. Even pages belong to socket 0 of two, odd ones to socket 1. */
export function cellAt(page: number, line = 0): number {
  return cellsAt + page * pageBytes + line * 64;
}

export interface TaskSteps {
  readonly cpu: number;
  readonly steps: readonly Step[];
  /** Repeats the steps until then. */
  readonly untilNs?: number;
}

export interface TaskOutcome {
  /** When each step was done, in ns. */
  readonly doneNs: readonly number[];
  /** How long each step took: from the end of the one before, or from the round's beginning. */
  readonly tookNs: readonly number[];
  readonly results: readonly number[];
  readonly endNs: number;
  readonly status: number;
}

export interface RigOptions {
  readonly cpus: number;
  readonly shape?: Shape;
  /** A machine in place of the one of `shape`. */
  readonly profile?: MachineProfile;
  /** Most of a round. @default one per CPU, at least 16 */
  readonly tasks?: number;
  /** Pages of cells. @default 1024 */
  readonly pages?: number;
  readonly listener?: Partial<MachineListener>;
  readonly signal?: AbortSignal;
}

interface StepExports extends CpuExports {
  handleWork(): number;
}

let compiled: Promise<readonly [core: WebAssembly.Module, steps: WebAssembly.Module]> | undefined;

function compileOnce(): Promise<readonly [WebAssembly.Module, WebAssembly.Module]> {
  compiled ??= (async () => {
    const folder = path.join(path.dirname(fileURLToPath(import.meta.url)), "..", "kernel", "assembly");
    const { wasm } = await compileModule({
      problem: "litmus",
      variant: "steps",
      variantFile: path.join(folder, "steps.ts"),
      entry: "steps",
      machine: "simulated",
      constants: {},
    });
    return [new WebAssembly.Module((await compileSimulatorCore()).wasm), new WebAssembly.Module(wasm)] as const;
  })();
  return compiled;
}

export class Rig {
  readonly machine: SimulatedMachine;
  readonly cpus: number;
  readonly words: Int32Array;
  readonly #view: DataView;
  readonly #instances: StepExports[];
  #stepCount = 0;

  static async make(options: RigOptions): Promise<Rig> {
    const [core, steps] = await compileOnce();
    return new Rig(core, steps, options);
  }

  private constructor(core: WebAssembly.Module, steps: WebAssembly.Module, options: RigOptions) {
    const { cpus, tasks = Math.max(16, cpus), pages = 1024, listener = {}, signal } = options;
    this.cpus = cpus;
    const profile = options.profile ?? profileOf(options.shape);
    const heard: MachineListener = { symbolEnded: () => {}, noted: () => {}, ...listener };
    this.machine = new SimulatedMachine(core, profile, cpus, heard, signal);
    const activities = cellAt(pages);
    const bytes = activities + (cpus + tasks) * activityBytes;
    const wasmPages = Math.ceil(bytes / wasmPageBytes);
    const memory = new WebAssembly.Memory({ initial: wasmPages, maximum: wasmPages, shared: true });
    this.words = new Int32Array(memory.buffer);
    this.#view = new DataView(memory.buffer);
    const { simulated, env } = this.machine.imports;
    this.#instances = Array.from({ length: cpus }, (_, cpu) => {
      const layout = { thisCpu: cpu, cpuCount: cpus, cpuBlocks: 0x1_0000, eventBuffer: stepsAt };
      const imports = { env: { memory, ...env }, simulated, layout };
      return new WebAssembly.Instance(steps, imports).exports as unknown as StepExports;
    });
    this.machine.attach(memory, this.#instances, activities);
  }

  /** Writes steps down without having them performed, for interrupts, and returns the index of the first. */
  put(steps: readonly Step[]): number {
    const first = this.#stepCount;
    if (first + steps.length > stepsMax) throw new Error("the rig has no room for so many steps");
    for (const [index, { operation, a, b, c }] of steps.entries()) {
      const at = stepsAt + (first + index) * stepBytes;
      for (const [word, value] of [operation, a, b, c].entries()) this.#view.setUint32(at + word * 4, value, true);
    }
    this.#stepCount += steps.length;
    return first;
  }

  /** When a step was done, in ns, and what it returned. */
  outcomeOf(index: number): { readonly doneNs: number; readonly result: number } {
    const at = stepsAt + index * stepBytes;
    return { doneNs: this.#view.getFloat64(at + 24, true), result: this.#view.getUint32(at + 16, true) };
  }

  /** Has tasks perform their steps, all from now on. */
  round(tasks: readonly TaskSteps[]): TaskOutcome[] {
    const begunNs = this.machine.nowNs;
    const placed = tasks.map(({ cpu, steps, untilNs }) => ({
      cpu,
      call: untilNs === undefined ? callRun : callRunUntil,
      first: this.put(steps),
      count: steps.length,
      deadlineNs: untilNs ?? 0,
    }));
    const results = this.machine.round(
      placed.map(({ cpu, call, first, count, deadlineNs }) => ({ cpu, call, first, end: first + count, deadlineNs })),
    );
    return placed.map(({ first, count }, task) => {
      const steps = Array.from({ length: count }, (_, index) => this.outcomeOf(first + index));
      const doneNs = steps.map((one) => one.doneNs);
      return {
        doneNs,
        tookNs: doneNs.map((ns, index) => ns - (doneNs[index - 1] ?? begunNs)),
        results: steps.map(({ result }) => result),
        ...results[task]!,
      };
    });
  }

  /** Has one task on a CPU perform steps, and returns how long each took, without the context switch at the beginning. */
  alone(cpu: number, ...steps: readonly Step[]): readonly number[] {
    const [outcome] = this.round([{ cpu, steps: [tick, ...steps] }]);
    return outcome!.tookNs.slice(1);
  }

  /** Has a CPU's instance perform steps outside of the measured part. */
  untimed(cpu: number, steps: readonly Step[]): readonly number[] {
    const first = this.put(steps);
    this.machine.untimed(cpu, () => this.#instances[cpu]!.run(first, first + steps.length));
    return steps.map((_, index) => this.outcomeOf(first + index).result);
  }
}

/** Symbol times of all CPUs together, in ns. */
export function symbolTotals(counts: MachineCounts): Map<number, number> {
  const totals = new Map<number, number>();
  for (const { symbolNs } of counts.cpus) {
    for (const [symbol, ns] of symbolNs) totals.set(symbol, (totals.get(symbol) ?? 0) + ns);
  }
  return totals;
}
