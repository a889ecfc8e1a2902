// The traced machine's host that counts: several CPUs in one thread, one event at a time. Every number is exact; what
// an access costs is for the simulator to say.
//
// No event is ever suspended. So an interrupt is taken at once, by the target's instance inside the sender's event; all
// other CPUs are idle while one performs an event; and a task that would sleep until another CPU does something sleeps
// for ever, which is an error.
//
// Time is virtual: it moves on by 1 ns per access, whichever CPU makes it, by `pauseNs` per pause of a spin loop, and by
// what is slept and computed.

import type { HarnessExports, MachineImports } from "../build/instance.ts";
import { ViolationError } from "../errors.ts";

/** How a cell is touched. A locked operation counts as one access, whether it changes the cell or not. */
export const accessLoad = 0;
export const accessStore = 1;
export const accessLocked = 2;

/** Hears what the CPUs do, while they do it. */
export interface MachineObserver {
  /** @param how one of {@link accessLoad}, {@link accessStore}, {@link accessLocked} */
  access(cpu: number, cell: number, bytes: number, how: number): void;
  enter(cpu: number, symbol: number): void;
  leave(cpu: number): void;
  note(cpu: number, kind: number, value: number): void;
  irqOff(cpu: number): void;
  irqOn(cpu: number): void;
  slept(cpu: number, ns: number): void;
}

/** Where the machine's CPUs keep what it needs to know of. */
export interface MachineMemory {
  readonly memory: WebAssembly.Memory;
  readonly layout: { readonly taskStacks: number };
}

/** What the machine calls in a CPU's instance. */
export type CpuInstance = Pick<HarnessExports, "runWork">;

interface Deferred {
  readonly work: number;
  readonly argument: number;
  /** 0 for "at the next event boundary", else in virtual ns. */
  readonly due: number;
}

/** What the machine knows of one CPU. */
interface Cpu {
  readonly stack: number;
  readonly instance: CpuInstance;
  deferred: Deferred[];
  irqOffDepth: number;
  /** Pauses since the last event boundary, sleep or computation. */
  pauses: number;
  /** Sleeps since the last event boundary. */
  sleeps: number;
  /** Whether it performs something that an interrupt to another CPU is part of. */
  isInterrupting: boolean;
}

/** Virtual time of one pause: the instruction takes some 140 cycles on x86-64 since Skylake. */
const pauseNs = 40;
/** A loop that paused so often, 0.1 s of virtual time, waits for somebody who never comes. */
const pausesMax = 2_500_000;
/** The same of sleeps: a grace period takes a few, a slow callback one. */
const sleepsMax = 1_000_000;
const taskStackBytes = 4096;

/** The CPUs of one case. Bind {@link imports} of each, instantiate all, then {@link attach}. */
export class CountingMachine {
  readonly #observer: MachineObserver;
  #words = new Uint32Array(0);
  #cpus: Cpu[] = [];
  #upper = 0;
  #nowNs = 0;

  constructor(observer: MachineObserver) {
    this.#observer = observer;
  }

  /** Virtual time. */
  get nowNs(): number {
    return this.#nowNs;
  }

  /**
   * Gives the machine its memory and the instances of its CPUs. Everything before it must not access memory.
   */
  attach({ memory, layout }: MachineMemory, instances: readonly CpuInstance[]): void {
    this.#words = new Uint32Array(memory.buffer);
    this.#cpus = instances.map((instance, cpu) => ({
      stack: layout.taskStacks + cpu * taskStackBytes,
      instance,
      deferred: [],
      irqOffDepth: 0,
      pauses: 0,
      sleeps: 0,
      isInterrupting: false,
    }));
  }

  #cpu(cpu: number): Cpu {
    const found = this.#cpus[cpu];
    if (found === undefined) throw new Error(`the counting machine has no CPU ${cpu}`);
    return found;
  }

  #touch(cpu: number, cell: number, bytes: number, how: number): void {
    this.#nowNs++;
    this.#observer.access(cpu, cell >>> 0, bytes, how);
  }

  /** Touches a cell of 4 bytes and returns what it holds. */
  #take32(cpu: number, cell: number, how: number): number {
    this.#touch(cpu, cell, 4, how);
    return this.#words[cell >>> 2] as number;
  }

  /** Touches a cell of 8 bytes and returns the lower half of what it holds; the upper one is kept. */
  #take64(cpu: number, cell: number, how: number): number {
    this.#touch(cpu, cell, 8, how);
    const index = cell >>> 2;
    this.#upper = this.#words[index + 1] as number;
    return this.#words[index] as number;
  }

  #put64(cell: number, lower: number, upper: number): void {
    const index = cell >>> 2;
    this.#words[index] = lower;
    this.#words[index + 1] = upper;
  }

  #store32(cpu: number, cell: number, value: number, how: number): void {
    this.#touch(cpu, cell, 4, how);
    this.#words[cell >>> 2] = value;
  }

  #store64(cpu: number, cell: number, lower: number, upper: number, how: number): void {
    this.#touch(cpu, cell, 8, how);
    this.#put64(cell, lower, upper);
  }

  #interrupt(sender: number, target: number, work: number, argument: number): void {
    const from = this.#cpu(sender);
    const to = this.#cpu(target);
    if (to.irqOffDepth > 0) {
      throw new Error(`CPU ${sender} interrupts CPU ${target}, which has its interrupts off and performs nothing else`);
    }
    const before = from.isInterrupting;
    from.isInterrupting = true;
    try {
      to.instance.runWork(work, argument);
    } finally {
      from.isInterrupting = before;
    }
  }

  #wait(cpu: number, cell: number, expected: number): number {
    if (this.#words[cell >>> 2] !== expected >>> 0) return 1;
    throw new ViolationError(
      `CPU ${cpu} waits for ever: the cell at ${cell >>> 0} holds ${expected >>> 0}, and the counting machine lets no other CPU run until this event is done`,
    );
  }

  #pause(cpu: number): void {
    const one = this.#cpu(cpu);
    this.#nowNs += pauseNs;
    if (++one.pauses > pausesMax) {
      throw new ViolationError(
        `CPU ${cpu} spins for ever: it paused ${pausesMax} times in one event, and the counting machine lets no other CPU run until the event is done`,
      );
    }
  }

  #sleep(cpu: number): void {
    if (++this.#cpu(cpu).sleeps <= sleepsMax) return;
    throw new ViolationError(
      `CPU ${cpu} sleeps for ever: ${sleepsMax} times in one event, and the counting machine lets no other CPU run until the event is done`,
    );
  }

  #pass(cpu: number, ns: number): void {
    this.#nowNs += ns;
    this.#cpu(cpu).pauses = 0;
  }

  /** Runs deferred work as the native machine does: all of the CPU that is due, each item once. */
  #runDeferred(cpu: number, now: number): number {
    const one = this.#cpu(cpu);
    const due = one.deferred.filter((item) => item.due <= now);
    one.deferred = one.deferred.filter((item) => item.due > now);
    for (const item of due) one.instance.runWork(item.work, item.argument);
    return due.length;
  }

  /** Imports for the instance of a CPU of a module that is bound to the traced machine. */
  imports(cpu = 0): MachineImports {
    const observer = this.#observer;
    return {
      traced: {
        load32: (cell: number) => this.#take32(cpu, cell, accessLoad),
        storeRelaxed32: (cell: number, value: number) => this.#store32(cpu, cell, value, accessStore),
        store32: (cell: number, value: number) => this.#store32(cpu, cell, value, accessLocked),
        exchange32: (cell: number, value: number) => {
          const held = this.#take32(cpu, cell, accessLocked);
          this.#words[cell >>> 2] = value;
          return held;
        },
        compareExchange32: (cell: number, expected: number, value: number) => {
          const held = this.#take32(cpu, cell, accessLocked);
          if (held === expected >>> 0) this.#words[cell >>> 2] = value;
          return held;
        },
        add32: (cell: number, delta: number) => {
          const held = this.#take32(cpu, cell, accessLocked);
          this.#words[cell >>> 2] = held + delta;
          return held;
        },
        load64Halves: (cell: number) => this.#take64(cpu, cell, accessLoad),
        storeRelaxed64Halves: (cell: number, lower: number, upper: number) =>
          this.#store64(cpu, cell, lower, upper, accessStore),
        store64Halves: (cell: number, lower: number, upper: number) =>
          this.#store64(cpu, cell, lower, upper, accessLocked),
        exchange64Halves: (cell: number, lower: number, upper: number) => {
          const held = this.#take64(cpu, cell, accessLocked);
          this.#put64(cell, lower, upper);
          return held;
        },
        compareExchange64Halves: (
          cell: number,
          expectedLower: number,
          expectedUpper: number,
          lower: number,
          upper: number,
        ) => {
          const held = this.#take64(cpu, cell, accessLocked);
          if (held === expectedLower >>> 0 && this.#upper === expectedUpper >>> 0) this.#put64(cell, lower, upper);
          return held;
        },
        add64Halves: (cell: number, lower: number, upper: number) => {
          const held = this.#take64(cpu, cell, accessLocked);
          const sum = held + (lower >>> 0);
          this.#put64(cell, sum, this.#upper + upper + (sum > 0xffff_ffff ? 1 : 0));
          return held;
        },
        upperHalf: () => this.#upper,
        barrier: () => this.#touch(cpu, this.#cpu(cpu).stack, 4, accessLocked),
        pause: () => this.#pause(cpu),
        wait: (cell: number, expected: number) => this.#wait(cpu, cell, expected),
        // Nobody sleeps while somebody else runs.
        wake: () => 0,
        interrupt: (target: number, work: number, argument: number) => this.#interrupt(cpu, target, work, argument),
        quiescent: () => {
          this.#cpu(cpu).pauses = 0;
          this.#cpu(cpu).sleeps = 0;
        },
        task: () => cpu,
        isRunning: (identity: number) => (this.#isIdle(cpu, identity) ? 0 : 1),
        isIdle: (target: number) => (this.#isIdle(cpu, target) ? 1 : 0),
        taskStack: () => this.#cpu(cpu).stack,
        preemptOff: () => {},
        preemptOn: () => {},
        irqOff: () => {
          this.#cpu(cpu).irqOffDepth++;
          observer.irqOff(cpu);
        },
        irqOn: () => {
          this.#cpu(cpu).irqOffDepth--;
          observer.irqOn(cpu);
        },
        allocated: () => {},
        freed: () => {},
        enter: (symbol: number) => observer.enter(cpu, symbol),
        leave: () => observer.leave(cpu),
        note: (kind: number, value: number) => observer.note(cpu, kind, value),
        clockNs: () => this.#nowNs,
        sleepNs: (ns: number) => {
          this.#sleep(cpu);
          this.#pass(cpu, ns);
          observer.slept(cpu, ns);
        },
        computeNs: (ns: number) => this.#pass(cpu, ns),
        deferNs: (_item: number, work: number, argument: number, delayNs: number) => {
          this.#cpu(cpu).deferred.push({ work, argument, due: delayNs === 0 ? 0 : this.#nowNs + delayNs });
        },
        runDeferredUntil: (now: number) => this.#runDeferred(cpu, now),
      },
    };
  }

  /** Whether a CPU runs no task, as another one sees it that runs one. A CPU is its task's identity. */
  #isIdle(asker: number, target: number): boolean {
    return target !== asker && !(this.#cpus[target]?.isInterrupting ?? false);
  }
}
