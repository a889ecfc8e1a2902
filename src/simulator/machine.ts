// The virtual machine: the core, which knows clocks, caches and costs, and the scheduler around it, with the instances of
// the code under test that they run. It performs rounds of tasks in virtual time, and calls that take none.

import { StoppedError, ViolationError } from "../errors.ts";
import { Activities } from "./activities.ts";
import {
  idleSymbol,
  operationBlock,
  operationInterrupt,
  operationNone,
  operationWake,
  outcomeEnded,
  outcomeIdle,
  outcomeInterrupt,
  outcomeOperation,
  outcomePaused,
  outcomeReschedule,
  outcomeSpinning,
  outcomeStuck,
  outcomeTimer,
} from "./core/protocol.ts";
import { bindCpu, type Core, instantiateCore, layOut } from "./core-module.ts";
import { type HotLine, type MachineCounts, readCounts, readHotLines } from "./machine-counts.ts";
import type { MachineProfile } from "./profile.ts";
import { Scheduler, type TaskCall, type TaskResult } from "./scheduler.ts";
import { toNs } from "./time.ts";
import { placeCpus, type Topology } from "./topology.ts";

export { activityBytes } from "./activities.ts";
export {
  addCounts,
  addHotLines,
  type FetchSource,
  fetchSources,
  type HotLine,
  type MachineCounts,
  nameOfSymbol,
} from "./machine-counts.ts";
export type { TaskCall, TaskResult } from "./scheduler.ts";

/** An instance of a module of the simulated form. */
export interface CpuExports {
  run(first: number, end: number): number;
  runUntil?(first: number, end: number, deadlineNs: number): number;
  runWork(work: number, argument: number): void;
}

/** Hears what happens while time is measured. Spans are in ns. */
export interface MachineListener {
  symbolEnded(cpu: number, symbol: number, ns: number): void;
  noted(cpu: number, kind: number, value: number): void;
  /** What lies at an address, for messages. */
  nameOf?(address: number): string;
}

/** Resumptions after which the host is heard. */
const resumptionsAtOnce = 100_000;
/** Turns of the host after which it looks whether it is to stop. */
const stepsAtOnce = 4096;

export class SimulatedMachine {
  readonly #profile: MachineProfile;
  readonly #topology: Topology;
  readonly #core: Core;
  readonly #listener: MachineListener;
  readonly #signal: AbortSignal | undefined;
  #instances: readonly CpuExports[] = [];
  #words = new Int32Array(0);
  #activities: Activities;
  #scheduler: Scheduler;
  #now = 0;
  #longestHold = { lock: 0, ns: 0 };

  /**
   * @param core the compiled core
   */
  constructor(
    core: WebAssembly.Module,
    profile: MachineProfile,
    cpus: number,
    listener: MachineListener,
    signal?: AbortSignal,
  ) {
    this.#profile = profile;
    this.#listener = listener;
    this.#signal = signal;
    this.#topology = placeCpus(profile, cpus);
    this.#core = instantiateCore(core, cpus, {
      performUntimed: (operation, a, b, c) => this.#performUntimed(operation, a, b, c),
      symbolEnded: (cpu, symbol, span) => listener.symbolEnded(cpu, symbol, toNs(span)),
      noted: (cpu, kind, value) => listener.noted(cpu, kind, value >>> 0),
      lockHeld: (lock, span) => {
        this.#longestHold = { lock: lock >>> 0, ns: toNs(span) };
      },
    });
    [this.#activities, this.#scheduler] = this.#schedule(0, 0);
  }

  #schedule(cpus: number, activityBase: number): [Activities, Scheduler] {
    const { exports } = this.#core;
    const activities = new Activities(exports, this.#words, activityBase);
    return [
      activities,
      new Scheduler(exports, this.#profile.costs, cpus, activities, this.#words, (cell) => this.#nameOf(cell)),
    ];
  }

  /** Imports of an instance of any CPU: `simulated`, and the two globals of asyncify for `env`. */
  get imports(): { readonly simulated: WebAssembly.ModuleImports; readonly env: WebAssembly.ModuleImports } {
    const core = this.#core.exports;
    return {
      simulated: core as unknown as WebAssembly.ModuleImports,
      env: { __asyncify_state: core.__asyncify_state, __asyncify_data: core.__asyncify_data },
    };
  }

  /**
   * Gives the machine the instances of its CPUs, and a region of {@link activityBytes} for each CPU and each task.
   */
  attach(memory: WebAssembly.Memory, instances: readonly CpuExports[], activityBase: number): void {
    layOut(this.#core, this.#profile, this.#topology, memory.buffer.byteLength);
    this.#words = new Int32Array(memory.buffer);
    this.#instances = instances;
    for (const [cpu, instance] of instances.entries()) bindCpu(this.#core, cpu, instance);
    [this.#activities, this.#scheduler] = this.#schedule(instances.length, activityBase);
    this.#core.exports.beginUntimed(0, this.#activities.pageOf(0), 0);
  }

  /** Virtual time in ns. */
  get nowNs(): number {
    return toNs(this.#now);
  }

  /** The time in ns on the CPU that a listener hears of. */
  get listenerNs(): number {
    return this.#core.exports.nowNs();
  }

  /** Which call of the round a listener hears of: its index. Not in handlers of interrupts. */
  get listenerTask(): number {
    return this.#core.exports.task();
  }

  /** Cells that are the instrument's own. */
  setStatistics(base: number, bytes: number): void {
    this.#core.exports.setStatistics(base | 0, bytes | 0);
  }

  /** Has the listener's `symbolEnded` called for a symbol. */
  watch(symbol: number): void {
    this.#core.exports.watch(symbol);
  }

  /** Has the listener's `noted` called for a kind of notes, also in untimed calls. */
  listenTo(kind: number): void {
    this.#core.exports.listenTo(kind);
  }

  /** Calls into a CPU's instance: accesses cost nothing, sleeping takes virtual time. */
  untimed<T>(cpu: number, call: () => T): T {
    this.#core.exports.beginUntimed(cpu, this.#activities.pageOf(cpu), this.#now);
    const result = call();
    this.#now = this.#core.exports.endUntimed();
    return result;
  }

  #nameOf(cell: number): string {
    const name = this.#listener.nameOf?.(cell >>> 0);
    return name === undefined ? `the cell at ${cell >>> 0}` : `${name} (the cell at ${cell >>> 0})`;
  }

  #performUntimed(operation: number, a: number, b: number, c: number): number {
    switch (operation) {
      case operationNone:
        throw new ViolationError(`CPU ${a} spins for ever in the part that is not measured, where nobody else runs`);
      case operationBlock:
        if (this.#words[a >>> 2] !== b) return 0;
        throw new ViolationError(
          `${this.#nameOf(a)} is waited for in the part that is not measured, where nobody else runs`,
        );
      case operationWake:
        return 0;
      case operationInterrupt:
        this.#instanceOf(a).runWork(b, c);
        return 0;
      default:
        throw new Error(`operation ${operation} is not known`);
    }
  }

  #instanceOf(cpu: number): CpuExports {
    const found = this.#instances[cpu];
    if (found === undefined) throw new Error(`the machine has no CPU ${cpu}`);
    return found;
  }

  /**
   * Has tasks run, all from now on, and returns how each ended. The machine's time then is that of the last one's end.
   *
   * @throws {ViolationError} when they cannot end: who waits for what
   * @throws {StoppedError} when the signal was raised
   */
  round(calls: readonly TaskCall[]): readonly TaskResult[] {
    const core = this.#core.exports;
    core.endUntimed();
    this.#idleUntilNow();
    this.#scheduler.begin(calls);
    for (let steps = 1; this.#scheduler.isBusy; steps++) {
      this.#step();
      if (steps % stepsAtOnce === 0) this.#stopIfAsked();
    }
    this.#now = Math.max(this.#now, ...this.#instances.map((_, cpu) => core.clockOf(cpu)));
    this.#idleUntilNow();
    return this.#scheduler.results;
  }

  #idleUntilNow(): void {
    for (const [cpu] of this.#instances.entries()) this.#core.exports.passUntil(cpu, this.#now, idleSymbol);
  }

  /** Lets the CPU that the core is about to run go on, or does what it needs. */
  #step(): void {
    const outcome = this.#go();
    const cpu = this.#core.exports.current();
    switch (outcome) {
      case outcomeEnded:
        this.#scheduler.end(cpu);
        return;
      case outcomeOperation:
        this.#scheduler.perform(cpu);
        return;
      case outcomeInterrupt:
        this.#scheduler.takeInterrupt(cpu);
        return;
      case outcomeReschedule:
        this.#scheduler.reschedule(cpu);
        return;
      case outcomeTimer:
        this.#scheduler.fireTimer();
        return;
      case outcomeIdle:
        throw new ViolationError(`nobody can go on: ${this.#scheduler.whoWaits()}`);
      case outcomePaused:
        this.#stopIfAsked();
        return;
      case outcomeSpinning:
        throw new ViolationError(`nobody gets on: ${this.#scheduler.whoSpins(cpu)}`);
      case outcomeStuck:
        throw new ViolationError(
          `CPU ${cpu} is stuck for 20 s of virtual time in ${this.#activities.symbolsOf(this.#scheduler.present(cpu))}`,
        );
      default:
        throw new Error(`outcome ${outcome} is not known`);
    }
  }

  #stopIfAsked(): void {
    if (this.#signal?.aborted) throw new StoppedError("stopped");
  }

  /** Has the core run CPUs; a trap of the code under test is a violation. */
  #go(): number {
    const core = this.#core.exports;
    try {
      return core.go(resumptionsAtOnce);
    } catch (error) {
      // Too deep a recursion of the engine's own is a RangeError.
      if (!(error instanceof WebAssembly.RuntimeError || error instanceof RangeError)) throw error;
      const cpu = core.current();
      throw this.#activities.explainTrap(cpu, this.#scheduler.present(cpu), error);
    }
  }

  /** Forgets what was counted so far; caches keep what they have. */
  forget(): void {
    this.#core.exports.forget(this.#instances.length);
    this.#scheduler.forget();
    this.#longestHold = { lock: 0, ns: 0 };
  }

  /** What was counted since. */
  counts(): MachineCounts {
    this.#idleUntilNow();
    return {
      ...readCounts(this.#core.exports, this.#instances.length),
      ...this.#scheduler.counts,
      longestHold: this.#longestHold,
    };
  }

  /** The lines that were transferred between cores, the most often first, or so many of them; `address` is that of the line. */
  hottestLines(count = Number.POSITIVE_INFINITY): readonly HotLine[] {
    const lines = Math.ceil(this.#words.byteLength / 64);
    return readHotLines(this.#core.exports, this.#core.memory.buffer, lines).slice(0, count);
  }
}
