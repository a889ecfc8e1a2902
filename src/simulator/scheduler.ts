// Run queues, sleep and wake-up, interrupts and idle: what the virtual CPUs perform, and next.
//
// A task stays on its CPU. A CPU serves its tasks in turn: one that wakes up goes to the end of the queue, and the
// running one makes room when it sleeps, ends, or has used up its time slice while others wait. Left out, as they cost
// about a thousandth of the time: the periodic tick, and what the scheduler does at it; also preemption at wake-up,
// migration, and that siblings of a core share its execution units.

import { ViolationError } from "../errors.ts";
import { type Activities, activitiesMax } from "./activities.ts";
import {
  callRunWork,
  idleSymbol,
  interruptSymbol,
  operationBlock,
  operationInterrupt,
  operationSleep,
  operationWake,
  scheduleSymbol,
} from "./core/protocol.ts";
import type { CoreExports } from "./core-module.ts";
import type { MachineProfile } from "./profile.ts";
import { fromNs, never, toNs } from "./time.ts";
import { TimerQueue } from "./timer-queue.ts";

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

interface PendingInterrupt {
  readonly at: number;
  readonly work: number;
  readonly argument: number;
}

interface Cpu {
  /** The activity of its interrupts. */
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

/** Tasks that a message names. */
const toldMax = 8;
/** Sleeps of all tasks without an event's end, after which they are taken to poll for what never comes. */
const sleepsMax = 1_000_000;

const costNames = ["interrupt", "interruptSend", "contextSwitch", "wakeUp", "wakeIdle", "timeSlice"] as const;

export class Scheduler {
  readonly #core: CoreExports;
  readonly #activities: Activities;
  /** The memory of the code under test. */
  readonly #words: Int32Array;
  /** What a cell is called in messages. */
  readonly #nameOf: (cell: number) => string;
  readonly #costs: Readonly<Record<(typeof costNames)[number], number>>;
  readonly #cpus: readonly Cpu[];
  /** Tasks of the round; their activities follow those of the CPUs' handlers. */
  #tasks: Task[] = [];
  /** Tasks that have not ended. */
  #open = 0;
  /** Interrupts that were sent and are not handled yet. */
  #openInterrupts = 0;
  readonly #timers = new TimerQueue();
  readonly #sleepers = new Map<number, number[]>();
  /** Event boundaries at the last sleep, and sleeps since. */
  #boundaries = 0;
  #sleeps = 0;
  /** What happened so far. */
  readonly counts = { contextSwitches: 0, interrupts: 0, wakeUps: 0, sleeps: 0 };

  constructor(
    core: CoreExports,
    costs: MachineProfile["costs"],
    cpus: number,
    activities: Activities,
    words: Int32Array,
    nameOf: (cell: number) => string,
  ) {
    this.#core = core;
    this.#activities = activities;
    this.#words = words;
    this.#nameOf = nameOf;
    this.#costs = Object.fromEntries(costNames.map((name) => [name, fromNs(costs[name].value)])) as Record<
      (typeof costNames)[number],
      number
    >;
    this.#cpus = Array.from({ length: cpus }, (_, cpu) => ({
      handler: cpu,
      interrupts: [],
      queue: [],
      task: null,
      isHandling: false,
      sliceBegan: 0,
    }));
  }

  #cpu(cpu: number): Cpu {
    const found = this.#cpus[cpu];
    if (found === undefined) throw new Error(`the machine has no CPU ${cpu}`);
    return found;
  }

  #task(activity: number): Task {
    return this.#tasks[activity - this.#cpus.length] as Task;
  }

  /** Has tasks run on their CPUs from now on, all of them: the calls of a round. */
  begin(calls: readonly TaskCall[]): void {
    const first = this.#cpus.length;
    if (first + calls.length > activitiesMax) {
      throw new Error(
        `${calls.length} tasks are more than the ${activitiesMax - first} that the simulator has room for`,
      );
    }
    this.#tasks = calls.map(({ cpu }) => ({ cpu, state: "runnable", cell: 0, endAt: 0, status: 0 }));
    this.#open = calls.length;
    for (const [index, { cpu, call, first: a, end: b, deadlineNs }] of calls.entries()) {
      this.#activities.prepareTask(first + index, index, { call, a, b, deadlineNs });
      this.#cpu(cpu).queue.push(first + index);
    }
    for (const [cpu] of this.#cpus.entries()) this.#runNext(cpu);
  }

  /** Whether a task has not ended, or an interrupt was not handled yet. */
  get isBusy(): boolean {
    return this.#open + this.#openInterrupts > 0;
  }

  /** How the calls of the round ended. */
  get results(): readonly TaskResult[] {
    return this.#tasks.map(({ endAt, status }) => ({ endNs: toNs(endAt), status }));
  }

  /** Tasks that wait for a cell, and where. */
  whoWaits(): string {
    const waiting = [...this.#tasks.entries()].filter(([, task]) => task.state === "blocked");
    return this.#tell(waiting, ({ cell }) => `waits for ${this.#nameOf(cell)}`);
  }

  #tell(tasks: readonly (readonly [number, Task])[], what: (task: Task) => string): string {
    const told = tasks.slice(0, toldMax).map(([index, task]) => {
      const activity = this.#cpus.length + index;
      return `task ${index} on CPU ${task.cpu} ${what(task)} in ${this.#activities.symbolsOf(activity)}`;
    });
    const more = tasks.length - told.length;
    return told.join("; ") + (more > 0 ? `; and ${more} more` : "");
  }

  /** CPUs that spin, all of those that do anything, and who waits; the one named first is in the core's heap no more. */
  whoSpins(first: number): string {
    const core = this.#core;
    const spinning = this.#cpus.flatMap((_, cpu) => (cpu === first || core.isReady(cpu) ? [cpu] : []));
    const told = spinning.slice(0, toldMax).map((cpu) => {
      const activity = this.present(cpu);
      const cell = this.#nameOf(core.lookedAtOf(activity));
      return `CPU ${cpu} spins for ${cell} in ${this.#activities.symbolsOf(activity)}`;
    });
    const more = spinning.length - told.length;
    const waiting = this.whoWaits();
    return [...told, ...(more > 0 ? [`and ${more} more`] : []), ...(waiting === "" ? [] : [waiting])].join("; ");
  }

  /** What a CPU performs. */
  present(cpu: number): number {
    const { isHandling, handler, task } = this.#cpu(cpu);
    return isHandling ? handler : (task as number);
  }

  /** The activity that a CPU performed is done. */
  end(cpu: number): void {
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
      this.counts.contextSwitches++;
      core.spend(cpu, this.#costs.contextSwitch, scheduleSymbol);
      this.#run(cpu, next);
      return;
    }
    core.setActivity(cpu, 0, 1);
    core.setSliceEnd(cpu, never);
    if (one.interrupts.length > 0) this.takeInterrupt(cpu);
  }

  #run(cpu: number, activity: number): void {
    const core = this.#core;
    const one = this.#cpu(cpu);
    one.task = activity;
    one.sliceBegan = core.clockOf(cpu);
    core.setActivity(cpu, activity, 0);
    core.setOnCpu(activity - this.#cpus.length, 1);
    core.setSliceEnd(cpu, one.queue.length > 0 ? one.sliceBegan + this.#costs.timeSlice : never);
    core.makeReady(cpu);
  }

  /** The time slice of a CPU's task is over. */
  reschedule(cpu: number): void {
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
    this.counts.wakeUps++;
    if (one.task === null && !one.isHandling && one.queue.length === 0) {
      core.passUntil(cpu, at + this.#costs.wakeIdle, idleSymbol);
      this.counts.contextSwitches++;
      this.#run(cpu, activity);
      return;
    }
    one.queue.push(activity);
    if (one.task !== null && one.queue.length === 1) {
      core.setSliceEnd(cpu, Math.max(at, one.sliceBegan + this.#costs.timeSlice));
    }
  }

  /** The next timer is due. */
  fireTimer(): void {
    const due = this.#timers.pop();
    this.#core.setTimer(this.#timers.next);
    this.#wake(due.activity, due.at);
  }

  /** Does what a CPU's activity has asked for. */
  perform(cpu: number): void {
    const core = this.#core;
    const activity = this.present(cpu);
    const operation = core.operationOf(activity);
    const a = core.operand(activity, 0);
    const b = core.operand(activity, 1);
    switch (operation) {
      case operationSleep:
        this.#mustBeAbleToSleep(cpu, activity, "sleeps");
        core.complete(activity, 0);
        core.setBoundary(cpu);
        this.counts.sleeps++;
        this.#task(activity).state = "sleeping";
        this.#countSleep();
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

  /** @throws {ViolationError} when tasks sleep again and again, and nobody gets on */
  #countSleep(): void {
    const boundaries = this.#core.boundaryCount();
    if (boundaries !== this.#boundaries) {
      this.#boundaries = boundaries;
      this.#sleeps = 0;
    }
    if (++this.#sleeps <= sleepsMax) return;
    const sleeping = [...this.#tasks.entries()].filter(([, { state }]) => state === "sleeping");
    throw new ViolationError(
      `nobody gets on: tasks slept ${sleepsMax} times without an event's end: ${this.#tell(sleeping, () => "sleeps")}`,
    );
  }

  #mustBeAbleToSleep(cpu: number, activity: number, what: string): void {
    const core = this.#core;
    if (!this.#cpu(cpu).isHandling && core.preemptDepthOf(activity) === 0 && core.irqDepthOf(activity) === 0) return;
    throw new ViolationError(`CPU ${cpu} ${what} where it must not, in ${this.#activities.symbolsOf(activity)}`);
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
    core.setBoundary(cpu);
    const task = this.#task(activity);
    task.state = "blocked";
    task.cell = cell;
    const sleepers = this.#sleepers.get(cell);
    if (sleepers === undefined) this.#sleepers.set(cell, [activity]);
    else sleepers.push(activity);
    this.counts.sleeps++;
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
    this.counts.interrupts++;
    this.#openInterrupts++;
    one.interrupts.push({ at, work, argument });
    if (one.task === null && !one.isHandling) this.takeInterrupt(target);
    else if (one.interrupts.length === 1) core.setInterrupt(target, at);
  }

  /** Begins to handle the oldest pending interrupt, which has arrived, or which an idle CPU waits for. */
  takeInterrupt(cpu: number): void {
    const core = this.#core;
    const one = this.#cpu(cpu);
    const { at, work, argument } = one.interrupts.shift() as PendingInterrupt;
    if (one.task === null) core.passUntil(cpu, at, idleSymbol);
    core.setInterrupt(cpu, one.interrupts[0]?.at ?? never);
    this.#activities.prepareHandler(one.handler, { call: callRunWork, a: work, b: argument, deadlineNs: 0 });
    one.isHandling = true;
    core.setActivity(cpu, one.handler, 0);
    core.makeReady(cpu);
  }

  /** Forgets what was counted. */
  forget(): void {
    Object.assign(this.counts, { contextSwitches: 0, interrupts: 0, wakeUps: 0, sleeps: 0 });
  }
}
