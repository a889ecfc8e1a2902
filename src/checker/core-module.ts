// The checker's core, instantiated on the memory of the code under test: its exports typed.

import { callCount } from "./core/protocol.ts";

/** What the core exports (`core/core.ts`) for its host; besides, it exports every operation of the machine. */
export interface CoreExports {
  readonly __asyncify_state: WebAssembly.Global;
  readonly __asyncify_data: WebAssembly.Global;
  /** Globals that the host reads. */
  readonly finding: WebAssembly.Global<"i32">;
  readonly findingCell: WebAssembly.Global<"i32">;
  readonly findingDetail: WebAssembly.Global<"i32">;
  readonly learnt: WebAssembly.Global<"i32">;
  readonly operations: WebAssembly.Global<"i32">;
  lay(from: number, arenaFrom: number, arenaTo: number, end: number, tasks: number, cpus: number): number;
  prepare(isTso: number): void;
  bindCpu(cpu: number, functions: number): void;
  /** Notes that report a broken rule: a bit for each kind below 32, and for each from there to 63. */
  setViolations(low: number, high: number): void;
  showAll(): void;
  setTask(index: number, cpu: number, first: number, end: number): void;
  callSequentially(cpu: number): void;
  begin(ticks: number): void;
  restart(): void;
  /** Takes the oldest deferred work of a CPU; 0: there is none. Then it is in these two. */
  takeWork(cpu: number): number;
  readonly oldestWork: WebAssembly.Global<"i32">;
  readonly oldestArgument: WebAssembly.Global<"i32">;
  enabled(): number;
  isOver(): number;
  isPreempted(agent: number): number;
  dependents(agent: number, among: number): number;
  step(agent: number, most: number, buffersLast: number): void;
  hasBufferedStore(): number;
  mark(): number;
  restore(mark: number): void;
  hashLow(): number;
  hashHigh(): number;
  abandon(): void;
  forgetFinding(): void;
  setTraced(is: number): void;
  stateOf(agent: number): number;
  operationOf(agent: number): number;
  operandOf(agent: number): number;
  /** The spin lock that an agent is about to take, or 0. */
  awaitedOf(agent: number): number;
}

/** What the core tells while it is traced. */
export interface CoreHost {
  performed(
    agent: number,
    operation: number,
    cell: number,
    bytes: number,
    beforeLow: number,
    beforeHigh: number,
    afterLow: number,
    afterHigh: number,
    isBuffered: number,
  ): void;
  entered(agent: number, symbol: number): void;
  left(agent: number): void;
}

/** Entries of the table before those of the first CPU. */
const tableReserve = 16;

function functionsOf(cpu: number): number {
  return tableReserve + cpu * callCount;
}

/** A core on a case's memory, and the table through which it calls the instances of the CPUs. */
export class Core {
  readonly exports: CoreExports;
  readonly #table: WebAssembly.Table;

  constructor(module: WebAssembly.Module, memory: WebAssembly.Memory, cpus: number, host: CoreHost) {
    this.#table = new WebAssembly.Table({ element: "anyfunc", initial: functionsOf(cpus) });
    const instance = new WebAssembly.Instance(module, {
      env: { memory, table: this.#table },
      host: host as unknown as WebAssembly.ModuleImports,
    });
    this.exports = instance.exports as unknown as CoreExports;
  }

  /** Imports of an instance of any CPU: the machine, and the two globals of asyncify for `env`. */
  get imports(): { readonly checked: WebAssembly.ModuleImports; readonly env: WebAssembly.ModuleImports } {
    const { exports } = this;
    return {
      checked: exports as unknown as WebAssembly.ModuleImports,
      env: { __asyncify_state: exports.__asyncify_state, __asyncify_data: exports.__asyncify_data },
    };
  }

  /** Says which functions the core calls on a CPU: the exports of its instance. */
  bindCpu(cpu: number, instance: object): void {
    const functions = functionsOf(cpu);
    const exports = instance as Record<string, () => void>;
    this.#table.set(functions, exports.run);
    this.#table.set(functions + 1, exports.runWork);
    this.#table.set(functions + 2, exports.asyncify_stop_unwind);
    this.exports.bindCpu(cpu, functions);
  }
}
