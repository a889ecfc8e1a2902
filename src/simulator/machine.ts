// The virtual machine: CPUs with run queues of tasks, sleep and wake-up, interrupts and idle, around the core, which knows
// clocks, caches and costs.
//
// A task stays on its CPU. A CPU serves its tasks in turn: one that wakes up goes to the end of the queue, and the
// running one makes room when it sleeps, ends, or has used up its time slice while others wait. Left out, as they cost
// about a thousandth of the time: the periodic tick, and what the scheduler does at it; also preemption at wake-up,
// migration, and that siblings of a core share its execution units.

import { StoppedError, ViolationError } from "../errors.ts";
import { symbolNames } from "../symbol-names.ts";
import {
  callCount,
  callRunWork,
  idleSymbol,
  interruptSymbol,
  operationBlock,
  operationInterrupt,
  operationNone,
  operationSleep,
  operationWake,
  otherSymbol,
  outcomeEnded,
  outcomeIdle,
  outcomeInterrupt,
  outcomeOperation,
  outcomePaused,
  outcomeReschedule,
  outcomeStuck,
  outcomeTimer,
  scheduleSymbol,
  symbolCount,
} from "./core/protocol.ts";
import type { CoreExports, CoreHost } from "./core-module.ts";
import type { MachineProfile } from "./profile.ts";
import { fromNs, never, toNs } from "./time.ts";
import { TimerQueue } from "./timer-queue.ts";
import { placeCpus, type Topology } from "./topology.ts";

/** An instance of a module of the simulated form. */
export interface CpuExports {
  run(first: number, end: number): number;
  runUntil?(first: number, end: number, deadlineNs: number): number;
  runWork(work: number, argument: number): void;
}

/** What a task of a round calls in its CPU's instance. */
export interface TaskCall {
  readonly cpu: number;
  /** `callRun` or `callRunUntil`. */
  readonly call: number;
  readonly first: number;
  readonly end: number;
  readonly deadlineNs: number;
}

/** How a task's call went. */
export interface TaskResult {
  readonly endNs: number;
  readonly status: number;
}

/** Hears what happens while time is measured. Spans are in ns. */
export interface MachineListener {
  symbolEnded(cpu: number, symbol: number, ns: number): void;
  noted(cpu: number, kind: number, value: number): void;
}

interface PendingInterrupt {
  readonly at: number;
  readonly work: number;
  readonly argument: number;
}

interface Cpu {
  readonly instance: CpuExports;
  readonly handler: number;
  readonly interrupts: PendingInterrupt[];
  /** Tasks that could run. */
  readonly queue: number[];
  /** The task that runs, or that an interrupt has stopped. */
  task: number | null;
  isHandling: boolean;
  sliceBegan: number;
}

interface Task {
  readonly cpu: number;
  state: "runnable" | "sleeping" | "blocked" | "ended";
  cell: number;
  endAt: number;
  status: number;
}

/** Most activities that the core has room for. */
const activitiesMax = 8192;
/** What an interrupt handler is told when it asks for the running task, which it must not. */
const handlerIdentity = activitiesMax - 1;
/** Bytes that one activity needs in the memory of the code under test: its page, and its frames while it is suspended. */
const pageBytes = 4096;
const stackBytes = 12_288;
export const activityBytes = pageBytes + stackBytes;
/** Resumptions after which the host is heard. */
const resumptionsAtOnce = 100_000;
/** Turns of the host after which it looks whether it is to stop. */
const stepsAtOnce = 4096;

const wasmPageBytes = 65_536;

/** The name under which a symbol is shown; the simulator's own included. */
export function nameOfSymbol(symbol: number): string {
  if (symbol === idleSymbol) return "idle";
  if (symbol === scheduleSymbol) return "schedule";
  if (symbol === interruptSymbol) return "interrupt";
  return symbolNames[symbol] ?? "other";
}

export class SimulatedMachine {
  readonly #profile: MachineProfile;
  readonly #core: CoreExports;
  readonly #topology: Topology;
  readonly #table: WebAssembly.Table;
  readonly #memory: WebAssembly.Memory;
  readonly #cpus: Cpu[] = [];
  readonly #signal: AbortSignal | undefined;
  readonly #costs: {
    interrupt: number;
    interruptSend: number;
    contextSwitch: number;
    wakeUp: number;
    wakeIdle: number;
    timeSlice: number;
  };
  #tasks: Task[] = [];
  #open = 0;
  /** Interrupts that were sent and are not handled yet. */
  #openInterrupts = 0;
  #words = new Int32Array(0);
  #header = new Int32Array(0);
  #activityBase = 0;
  #now = 0;
  readonly #timers = new TimerQueue();
  readonly #sleepers = new Map<number, number[]>();
  #contextSwitches = 0;
  #interrupts = 0;
  #wakeUps = 0;
  #sleeps = 0;
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
    this.#signal = signal;
    const { costs } = profile;
    this.#costs = {
      interrupt: fromNs(costs.interrupt.value),
      interruptSend: fromNs(costs.interruptSend.value),
      contextSwitch: fromNs(costs.contextSwitch.value),
      wakeUp: fromNs(costs.wakeUp.value),
      wakeIdle: fromNs(costs.wakeIdle.value),
      timeSlice: fromNs(costs.timeSlice.value),
    };
    this.#table = new WebAssembly.Table({ element: "anyfunc", initial: 16 + cpus * callCount });
    const host: CoreHost = {
      performUntimed: (operation, a, b, c) => this.#performUntimed(operation, a, b, c),
      symbolEnded: (cpu, symbol, span) => listener.symbolEnded(cpu, symbol, toNs(span)),
      noted: (cpu, kind, value) => listener.noted(cpu, kind, value >>> 0),
      lockHeld: (lock, span) => {
        this.#longestHold = { lock: lock >>> 0, ns: toNs(span) };
      },
    };
    this.#topology = placeCpus(profile, cpus);
    this.#memory = new WebAssembly.Memory({ initial: 1, maximum: 65_536 });
    const instance = new WebAssembly.Instance(core, {
      env: { memory: this.#memory, table: this.#table },
      core: host as unknown as WebAssembly.ModuleImports,
    });
    this.#core = instance.exports as unknown as CoreExports;
  }

  #lay(bytes: number): void {
    const core = this.#core;
    const shape = this.#topology;
    const { costs, l1, l2, l3 } = this.#profile;
    const sets = (cache: typeof l1): number => {
      const wanted = cache.bytes.value / 64 / cache.ways.value;
      let power = 1;
      while (power * 2 <= wanted) power *= 2;
      return power;
    };
    const l3Sets = Math.max(1, Math.floor(l3.bytes.value / 64 / l3.ways.value));
    core.setCaches(
      sets(l1),
      l1.ways.value,
      sets(l2),
      l2.ways.value,
      l3Sets,
      l3.ways.value,
      l3.sharedBy === "cluster" ? 1 : 0,
    );
    // An invalidation takes at least half of what it takes to fetch a line from the nearest core and get it.
    core.setCosts(
      ...[
        costs.l1,
        costs.l2,
        costs.l3,
        costs.memoryLocal,
        costs.memoryRemote,
        costs.transferSameCluster,
        costs.transferSameSocket,
        costs.transferCrossSocket,
        costs.store,
        costs.locked,
        costs.barrier,
        costs.pause,
      ].map(({ value }) => fromNs(value)),
      Math.floor(fromNs(costs.transferSameCluster.value) / 2),
      Math.min(0.9, costs.lineHold.value / costs.transferSameCluster.value),
    );
    const lines = Math.ceil(bytes / 64);
    const needed = core.bytesNeeded(shape.cores, shape.l3s, lines);
    const more = Math.ceil(needed / wasmPageBytes) - this.#memory.buffer.byteLength / wasmPageBytes;
    if (more > 0) this.#memory.grow(more);
    core.lay(shape.cores, shape.clusters, shape.l3s, shape.sockets, lines);
    for (const [cpu, place] of shape.cpus.entries()) {
      core.placeCpu(cpu, place.core, place.cluster, place.socket, place.socketClusters, place.l3, 16 + cpu * callCount);
    }
  }

  /** Imports of an instance of any CPU: `simulated`, and the two globals of asyncify for `env`. */
  get imports(): { readonly simulated: WebAssembly.ModuleImports; readonly env: WebAssembly.ModuleImports } {
    const core = this.#core;
    return {
      simulated: core as unknown as WebAssembly.ModuleImports,
      env: { __asyncify_state: core.__asyncify_state, __asyncify_data: core.__asyncify_data },
    };
  }

  /**
   * Gives the machine the instances of its CPUs, and a region of {@link activityBytes} for each CPU and each task.
   */
  attach(memory: WebAssembly.Memory, instances: readonly CpuExports[], activityBase: number): void {
    this.#lay(memory.buffer.byteLength);
    this.#words = new Int32Array(memory.buffer);
    this.#header = this.#words;
    this.#activityBase = activityBase;
    for (const [cpu, instance] of instances.entries()) {
      const functions = 16 + cpu * callCount;
      const exports = instance as unknown as Record<string, () => void>;
      this.#table.set(functions, exports.run);
      if (exports.runUntil !== undefined) this.#table.set(functions + 1, exports.runUntil);
      this.#table.set(functions + 2, exports.runWork);
      this.#table.set(functions + 3, exports.asyncify_stop_unwind);
      this.#cpus.push({
        instance,
        handler: cpu,
        interrupts: [],
        queue: [],
        task: null,
        isHandling: false,
        sliceBegan: 0,
      });
    }
    this.#core.beginUntimed(0, this.#pageOf(0), 0);
  }

  /** Virtual time in ns. */
  get nowNs(): number {
    return toNs(this.#now);
  }

  /** The time in ns on the CPU that a listener hears of. */
  get listenerNs(): number {
    return this.#core.nowNs();
  }

  /** Which call of the round a listener hears of: its index. Not in handlers of interrupts. */
  get listenerTask(): number {
    return this.#core.task();
  }

  /** Cells that are the instrument's own. */
  setStatistics(base: number, bytes: number): void {
    this.#core.setStatistics(base | 0, bytes | 0);
  }

  /** Has the listener's `symbolEnded` called for a symbol. */
  watch(symbol: number): void {
    this.#core.watch(symbol);
  }

  /** Has the listener's `noted` called for a kind of notes, also in untimed calls. */
  listenTo(kind: number): void {
    this.#core.listenTo(kind);
  }

  /** Calls into a CPU's instance: accesses cost nothing, sleeping takes virtual time. */
  untimed<T>(cpu: number, call: () => T): T {
    this.#core.beginUntimed(cpu, this.#pageOf(cpu), this.#now);
    const result = call();
    this.#now = this.#core.endUntimed();
    return result;
  }

  #pageOf(activity: number): number {
    return (this.#activityBase + activity * activityBytes) | 0;
  }

  #performUntimed(operation: number, a: number, b: number, c: number): number {
    switch (operation) {
      case operationNone:
        throw new ViolationError(`CPU ${a} spins for ever in the part that is not measured, where nobody else runs`);
      case operationBlock:
        if (this.#words[a >>> 2] !== b) return 0;
        throw new ViolationError(
          `the cell at ${a >>> 0} is waited for in the part that is not measured, where nobody else runs`,
        );
      case operationWake:
        return 0;
      case operationInterrupt:
        this.#cpu(a).instance.runWork(b, c);
        return 0;
      default:
        throw new Error(`operation ${operation} is not known`);
    }
  }

  #cpu(cpu: number): Cpu {
    const found = this.#cpus[cpu];
    if (found === undefined) throw new Error(`the machine has no CPU ${cpu}`);
    return found;
  }

  #task(activity: number): Task {
    return this.#tasks[activity - this.#cpus.length] as Task;
  }

  /**
   * Has tasks run, all from now on, and returns how each ended. The machine's time then is that of the last one's end.
   *
   * @throws {ViolationError} when they cannot end: who waits for what
   * @throws {StoppedError} when the signal was raised
   */
  round(calls: readonly TaskCall[]): readonly TaskResult[] {
    const core = this.#core;
    const first = this.#cpus.length;
    if (first + calls.length > activitiesMax) {
      throw new Error(
        `${calls.length} tasks are more than the ${activitiesMax - first} that the simulator has room for`,
      );
    }
    core.endUntimed();
    for (const [cpu] of this.#cpus.entries()) core.passUntil(cpu, this.#now, idleSymbol);
    this.#tasks = calls.map(({ cpu }) => ({ cpu, state: "runnable", cell: 0, endAt: 0, status: 0 }));
    this.#open = calls.length;
    for (const [index, { cpu, call, first: from, end, deadlineNs }] of calls.entries()) {
      this.#prepare(first + index, index, call, from, end, deadlineNs, false);
      this.#cpu(cpu).queue.push(first + index);
    }
    for (const [cpu] of this.#cpus.entries()) this.#runNext(cpu);
    for (let steps = 1; this.#open + this.#openInterrupts > 0; steps++) {
      this.#step();
      if (steps % stepsAtOnce === 0) this.#stopIfAsked();
    }
    this.#now = Math.max(this.#now, ...this.#cpus.map((_, cpu) => core.clockOf(cpu)));
    for (const [cpu] of this.#cpus.entries()) {
      core.passUntil(cpu, this.#now, idleSymbol);
    }
    return this.#tasks.map(({ endAt, status }) => ({ endNs: toNs(endAt), status }));
  }

  #prepare(
    activity: number,
    identity: number,
    call: number,
    a: number,
    b: number,
    deadlineNs: number,
    isHandler: boolean,
  ): void {
    const page = this.#activityBase + activity * activityBytes;
    const stack = page + pageBytes;
    this.#header[stack >>> 2] = stack + 8;
    this.#header[(stack >>> 2) + 1] = stack + stackBytes;
    this.#core.newActivity(
      activity,
      identity,
      stack | 0,
      page | 0,
      call,
      a,
      b,
      deadlineNs,
      isHandler ? 1 : 0,
      isHandler ? interruptSymbol : otherSymbol,
    );
  }

  /** Lets the CPU that the core is about to run go on, or does what it needs. */
  #step(): void {
    const core = this.#core;
    const outcome = this.#go();
    const cpu = core.current();
    switch (outcome) {
      case outcomeEnded:
        this.#end(cpu);
        return;
      case outcomeOperation:
        this.#perform(cpu);
        return;
      case outcomeInterrupt:
        this.#takeInterrupt(cpu);
        return;
      case outcomeReschedule:
        this.#reschedule(cpu);
        return;
      case outcomeTimer:
        this.#fireTimers();
        return;
      case outcomeIdle:
        throw new ViolationError(`nobody can go on: ${this.#whoWaits()}`);
      case outcomePaused:
        this.#stopIfAsked();
        return;
      case outcomeStuck:
        throw new ViolationError(
          `CPU ${cpu} is stuck for 20 s of virtual time in ${this.#symbolsOf(this.#present(cpu))}`,
        );
      default:
        throw new Error(`outcome ${outcome} is not known`);
    }
  }

  #whoWaits(): string {
    const waiting = [...this.#tasks.entries()].filter(([, task]) => task.state === "blocked");
    const told = waiting.slice(0, 8).map(([index, { cpu, cell }]) => {
      const activity = this.#cpus.length + index;
      return `task ${index} on CPU ${cpu} waits for the cell at ${cell >>> 0} in ${this.#symbolsOf(activity)}`;
    });
    const more = waiting.length - told.length;
    return told.join("; ") + (more > 0 ? `; ${more} more wait` : "");
  }

  #symbolsOf(activity: number): string {
    const symbols: number[] = [];
    for (let depth = 0; ; depth++) {
      const symbol = this.#core.symbolAt(activity, depth);
      if (symbol === 0) break;
      symbols.push(symbol);
    }
    return symbols.length === 0 ? "no symbol" : symbols.map((symbol) => nameOfSymbol(symbol)).join(" > ");
  }

  #stopIfAsked(): void {
    if (this.#signal?.aborted) throw new StoppedError("stopped");
  }

  /** What a CPU performs. */
  #present(cpu: number): number {
    const { isHandling, handler, task } = this.#cpu(cpu);
    return isHandling ? handler : (task as number);
  }

  /** Has the core run CPUs; a trap of the code under test is a violation. */
  #go(): number {
    const core = this.#core;
    try {
      return core.go(resumptionsAtOnce);
    } catch (error) {
      // Too deep a recursion of the engine's own is a RangeError.
      if (!(error instanceof WebAssembly.RuntimeError || error instanceof RangeError)) throw error;
      const cpu = core.current();
      const activity = this.#present(cpu);
      const stack = (this.#activityBase + activity * activityBytes + pageBytes) >>> 2;
      const isFull = (this.#words[stack] as number) >>> 0 > (this.#words[stack + 1] as number) >>> 0;
      const what = isFull ? `needs more than ${stackBytes} bytes of stack to be suspended` : "trapped";
      throw new ViolationError(`CPU ${cpu} ${what} in ${this.#symbolsOf(activity)}: ${error.message}`);
    }
  }

  #end(cpu: number): void {
    const core = this.#core;
    const one = this.#cpu(cpu);
    if (one.isHandling) {
      one.isHandling = false;
      this.#openInterrupts--;
      if (one.task === null) this.#runNext(cpu);
      else {
        core.setActivity(cpu, one.task, 0);
        core.makeReady(cpu);
      }
      return;
    }
    const activity = one.task as number;
    const task = this.#task(activity);
    task.state = "ended";
    task.endAt = core.clockOf(cpu);
    task.status = core.resultOf(activity);
    this.#open--;
    this.#leave(cpu);
  }

  /** The CPU's task leaves it. */
  #leave(cpu: number): void {
    const one = this.#cpu(cpu);
    if (one.task !== null) this.#core.setOnCpu(one.task - this.#cpus.length, 0);
    one.task = null;
    this.#runNext(cpu);
  }

  /** Lets a CPU without a task run the next one, take an interrupt, or be idle. */
  #runNext(cpu: number): void {
    const core = this.#core;
    const one = this.#cpu(cpu);
    const next = one.queue.shift();
    if (next !== undefined) {
      this.#contextSwitches++;
      core.spend(cpu, this.#costs.contextSwitch, scheduleSymbol);
      this.#run(cpu, next);
      return;
    }
    core.setActivity(cpu, 0, 1);
    core.setSliceEnd(cpu, never);
    if (one.interrupts.length > 0) this.#takeInterrupt(cpu);
  }

  #run(cpu: number, activity: number): void {
    const core = this.#core;
    const one = this.#cpu(cpu);
    one.task = activity;
    one.sliceBegan = core.clockOf(cpu);
    core.setActivity(cpu, activity, 0);
    core.setBoundary(cpu);
    core.setOnCpu(activity - this.#cpus.length, 1);
    core.setSliceEnd(cpu, one.queue.length > 0 ? one.sliceBegan + this.#costs.timeSlice : never);
    core.makeReady(cpu);
  }

  #reschedule(cpu: number): void {
    const core = this.#core;
    const one = this.#cpu(cpu);
    if (one.queue.length === 0) {
      core.setSliceEnd(cpu, never);
      core.makeReady(cpu);
      return;
    }
    one.queue.push(one.task as number);
    this.#leave(cpu);
  }

  /** Makes a task that slept runnable at a time. */
  #wake(activity: number, at: number): void {
    const core = this.#core;
    const task = this.#task(activity);
    const { cpu } = task;
    const one = this.#cpu(cpu);
    task.state = "runnable";
    this.#wakeUps++;
    if (one.task === null && !one.isHandling && one.queue.length === 0) {
      core.passUntil(cpu, at + this.#costs.wakeIdle, idleSymbol);
      this.#contextSwitches++;
      this.#run(cpu, activity);
      return;
    }
    one.queue.push(activity);
    if (one.task !== null && one.queue.length === 1) {
      core.setSliceEnd(cpu, Math.max(at, one.sliceBegan + this.#costs.timeSlice));
    }
  }

  #fireTimers(): void {
    const due = this.#timers.pop();
    this.#core.setTimer(this.#timers.next);
    this.#wake(due.activity, due.at);
  }

  #perform(cpu: number): void {
    const core = this.#core;
    const one = this.#cpu(cpu);
    const activity = one.isHandling ? one.handler : (one.task as number);
    const operation = core.operationOf(activity);
    const a = core.operand(activity, 0);
    const b = core.operand(activity, 1);
    switch (operation) {
      case operationSleep:
        this.#mustBeAbleToSleep(cpu, activity, "sleeps");
        core.complete(activity, 0);
        this.#sleeps++;
        this.#task(activity).state = "sleeping";
        this.#timers.push(core.clockOf(cpu) + core.spanOf(activity), activity);
        core.setTimer(this.#timers.next);
        this.#leave(cpu);
        return;
      case operationBlock:
        this.#block(cpu, activity, a, b);
        return;
      case operationWake: {
        const woken = this.#wakeSleepers(cpu, a, b >>> 0);
        core.complete(activity, woken);
        core.makeReady(cpu);
        return;
      }
      case operationInterrupt:
        this.#interrupt(cpu, a, b, core.operand(activity, 2));
        core.complete(activity, 0);
        core.makeReady(cpu);
        return;
      default:
        throw new Error(`operation ${operation} is not known`);
    }
  }

  #mustBeAbleToSleep(cpu: number, activity: number, what: string): void {
    const core = this.#core;
    if (!this.#cpu(cpu).isHandling && core.preemptDepthOf(activity) === 0 && core.irqDepthOf(activity) === 0) return;
    throw new ViolationError(`CPU ${cpu} ${what} where it must not, in ${this.#symbolsOf(activity)}`);
  }

  #block(cpu: number, activity: number, cell: number, expected: number): void {
    const core = this.#core;
    core.complete(activity, 0);
    // Somebody may have come in between the task's own look and its turn to sleep.
    if (this.#words[cell >>> 2] !== expected) {
      core.makeReady(cpu);
      return;
    }
    this.#mustBeAbleToSleep(cpu, activity, "waits");
    const task = this.#task(activity);
    task.state = "blocked";
    task.cell = cell;
    const sleepers = this.#sleepers.get(cell);
    if (sleepers === undefined) this.#sleepers.set(cell, [activity]);
    else sleepers.push(activity);
    this.#sleeps++;
    this.#leave(cpu);
  }

  #wakeSleepers(cpu: number, cell: number, count: number): number {
    const core = this.#core;
    const sleepers = this.#sleepers.get(cell);
    if (sleepers === undefined) return 0;
    const woken = sleepers.splice(0, count);
    if (sleepers.length === 0) this.#sleepers.delete(cell);
    for (const activity of woken) {
      core.spend(cpu, this.#costs.wakeUp, scheduleSymbol);
      this.#wake(activity, core.clockOf(cpu));
    }
    return woken.length;
  }

  #interrupt(cpu: number, target: number, work: number, argument: number): void {
    const core = this.#core;
    const one = this.#cpu(target);
    const at = core.clockOf(cpu) + this.#costs.interrupt;
    core.spend(cpu, this.#costs.interruptSend, interruptSymbol);
    this.#interrupts++;
    this.#openInterrupts++;
    one.interrupts.push({ at, work, argument });
    if (one.task === null && !one.isHandling) this.#takeInterrupt(target);
    else if (one.interrupts.length === 1) core.setInterrupt(target, at);
  }

  /** Begins to handle the oldest pending interrupt, which has arrived, or which an idle CPU waits for. */
  #takeInterrupt(cpu: number): void {
    const core = this.#core;
    const one = this.#cpu(cpu);
    const { at, work, argument } = one.interrupts.shift() as PendingInterrupt;
    if (one.task === null) core.passUntil(cpu, at, idleSymbol);
    core.setInterrupt(cpu, one.interrupts[0]?.at ?? never);
    this.#prepare(one.handler, handlerIdentity, callRunWork, work, argument, 0, true);
    one.isHandling = true;
    core.setActivity(cpu, one.handler, 0);
    if (one.task === null) core.setBoundary(cpu);
    core.makeReady(cpu);
  }

  /** Forgets what was counted so far; caches keep what they have. */
  forget(): void {
    this.#core.forget(this.#cpus.length);
    this.#contextSwitches = 0;
    this.#interrupts = 0;
    this.#wakeUps = 0;
    this.#sleeps = 0;
    this.#longestHold = { lock: 0, ns: 0 };
  }

  /** What was counted since. */
  counts(): MachineCounts {
    const core = this.#core;
    const cpus = this.#cpus.map((_, cpu) => {
      core.passUntil(cpu, this.#now, idleSymbol);
      const symbolNs = new Map<number, number>();
      for (let symbol = 0; symbol < symbolCount; symbol++) {
        const units = core.symbolTime(cpu, symbol);
        if (units > 0) symbolNs.set(symbol, toNs(units));
      }
      return { symbolNs, irqOffMaxNs: toNs(core.irqOffMax(cpu)) };
    });
    const calls = new Map<number, number>();
    for (let symbol = 0; symbol < symbolCount; symbol++) {
      const count = core.symbolCalls(symbol) >>> 0;
      if (count > 0) calls.set(symbol, count);
    }
    return {
      cpus,
      calls,
      accesses: core.accessCount(),
      suspensions: core.suspensionCount(),
      fetched: Object.fromEntries(fetchSources.map((name, source) => [name, core.fetchCount(source)])) as Record<
        FetchSource,
        number
      >,
      contextSwitches: this.#contextSwitches,
      interrupts: this.#interrupts,
      wakeUps: this.#wakeUps,
      sleeps: this.#sleeps,
      longestHold: this.#longestHold,
    };
  }

  /** The lines that were transferred most between cores, most first; `address` is that of the line. */
  hottestLines(count: number): readonly HotLine[] {
    const base = this.#core.lineTable() >>> 0;
    const size = this.#core.lineSize();
    const { buffer } = this.#memory;
    const words = new Uint32Array(buffer);
    const bytes = new Uint8Array(buffer);
    const doubles = new Float64Array(buffer);
    const total = Math.ceil(this.#words.byteLength / 64);
    const found: HotLine[] = [];
    for (let line = 0; line < total; line++) {
      const record = base + line * size;
      const transfers = words[(record + 28) >>> 2] as number;
      if (transfers === 0) continue;
      const last = found[found.length - 1];
      if (found.length === count && last !== undefined && transfers <= last.transfers) continue;
      const hot = {
        address: line * 64,
        transfers,
        waitedNs: toNs(doubles[(record + 16) >>> 3] as number),
        symbol: bytes[record + 39] as number,
      };
      let position = found.length;
      while (position > 0 && (found[position - 1] as HotLine).transfers < transfers) position--;
      found.splice(position, 0, hot);
      if (found.length > count) found.pop();
    }
    return found;
  }
}

/** Adds what a machine did in one part of a case to what it did in another. */
export function addCounts(one: MachineCounts, other: MachineCounts): MachineCounts {
  const addMaps = (a: ReadonlyMap<number, number>, b: ReadonlyMap<number, number>): Map<number, number> => {
    const sum = new Map(a);
    for (const [key, value] of b) sum.set(key, (sum.get(key) ?? 0) + value);
    return sum;
  };
  return {
    cpus: one.cpus.map(({ symbolNs, irqOffMaxNs }, cpu) => ({
      symbolNs: addMaps(symbolNs, other.cpus[cpu]?.symbolNs ?? new Map()),
      irqOffMaxNs: Math.max(irqOffMaxNs, other.cpus[cpu]?.irqOffMaxNs ?? 0),
    })),
    calls: addMaps(one.calls, other.calls),
    accesses: one.accesses + other.accesses,
    suspensions: one.suspensions + other.suspensions,
    fetched: Object.fromEntries(
      fetchSources.map((source) => [source, one.fetched[source] + other.fetched[source]]),
    ) as Record<FetchSource, number>,
    contextSwitches: one.contextSwitches + other.contextSwitches,
    interrupts: one.interrupts + other.interrupts,
    wakeUps: one.wakeUps + other.wakeUps,
    sleeps: one.sleeps + other.sleeps,
    longestHold: one.longestHold.ns >= other.longestHold.ns ? one.longestHold : other.longestHold,
  };
}

/** Adds the hottest lines of two parts of a case. */
export function addHotLines(one: readonly HotLine[], other: readonly HotLine[]): readonly HotLine[] {
  const byAddress = new Map(one.map((line) => [line.address, line]));
  for (const line of other) {
    const before = byAddress.get(line.address);
    byAddress.set(
      line.address,
      before === undefined
        ? line
        : { ...line, transfers: line.transfers + before.transfers, waitedNs: line.waitedNs + before.waitedNs },
    );
  }
  return [...byAddress.values()].sort((a, b) => b.transfers - a.transfers || a.address - b.address);
}

/** Where the accesses that did not hit the first cache found their line, in the core's order. */
export const fetchSources = [
  "l2",
  "l3",
  "same-cluster",
  "same-socket",
  "other-socket",
  "memory-local",
  "memory-remote",
] as const;

export type FetchSource = (typeof fetchSources)[number];

/** A line that cores took from each other. */
export interface HotLine {
  readonly address: number;
  readonly transfers: number;
  /** Time that transfers waited for others before them. */
  readonly waitedNs: number;
  /** Symbol of the last transfer. */
  readonly symbol: number;
}

/** What a machine did. */
export interface MachineCounts {
  /** By CPU: time by innermost symbol, and the longest time with interrupts off. */
  readonly cpus: readonly { readonly symbolNs: ReadonlyMap<number, number>; readonly irqOffMaxNs: number }[];
  /** How often each symbol was entered. */
  readonly calls: ReadonlyMap<number, number>;
  readonly accesses: number;
  /** Times that a fiber was suspended. */
  readonly suspensions: number;
  readonly fetched: Readonly<Record<FetchSource, number>>;
  readonly contextSwitches: number;
  readonly interrupts: number;
  readonly wakeUps: number;
  readonly sleeps: number;
  readonly longestHold: { readonly lock: number; readonly ns: number };
}
