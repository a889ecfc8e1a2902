// The traced machine without a model: each operation is performed at once on the memory, in one thread. Interrupts
// are delivered at once. For tests that look at what a module does, not at what it costs.

import type { MemoryLayout } from "../../src/build/memory.ts";
import type { TracedMachine } from "../../src/fiber/fiber.ts";

const pageBytes = 4096;

/** What the CPUs of one memory have in common. */
export interface PlainWorld {
  readonly memory: WebAssembly.Memory;
  readonly layout: Pick<MemoryLayout, "taskStacks">;
  /** What the clock shows. */
  nowNs: number;
  /** Runs a function of the table in the instance of a CPU. */
  runWork(cpu: number, work: number, argument: number): void;
}

interface DeferredItem {
  readonly work: number;
  readonly argument: number;
  readonly dueNs: number;
}

/** The machine of one CPU. */
export function plainMachine(world: PlainWorld, cpu: number): TracedMachine {
  const words = new Int32Array(world.memory.buffer);
  let upper = 0;
  let deferred: DeferredItem[] = [];
  const load = (cell: number): number => words[cell >>> 2] ?? 0;
  const store = (cell: number, value: number): number => {
    words[cell >>> 2] = value;
    return 0;
  };
  const load64 = (cell: number): number => {
    upper = load(cell + 4);
    return load(cell);
  };
  const store64 = (cell: number, lower: number, upperValue: number): number => {
    store(cell, lower);
    return store(cell + 4, upperValue);
  };
  const nothing = (): number => 0;
  return {
    load32: load,
    storeRelaxed32: store,
    store32: store,
    exchange32(cell, value) {
      const held = load(cell);
      store(cell, value);
      return held;
    },
    compareExchange32(cell, expected, value) {
      const held = load(cell);
      if (held === expected) store(cell, value);
      return held;
    },
    add32(cell, delta) {
      const held = load(cell);
      store(cell, held + delta);
      return held;
    },
    load64Halves: load64,
    storeRelaxed64Halves: store64,
    store64Halves: store64,
    exchange64Halves(cell, lower, upperValue) {
      const held = load64(cell);
      store64(cell, lower, upperValue);
      return held;
    },
    compareExchange64Halves(cell, expectedLower, expectedUpper, lower, upperValue) {
      const held = load64(cell);
      if (held === expectedLower && upper === expectedUpper) store64(cell, lower, upperValue);
      return held;
    },
    add64Halves(cell, lower, upperDelta) {
      const held = load64(cell);
      const carry = (held >>> 0) + (lower >>> 0) > 0xffff_ffff ? 1 : 0;
      store64(cell, held + lower, upper + upperDelta + carry);
      return held;
    },
    upperHalf: () => upper,
    barrier: nothing,
    pause: nothing,
    wait: (cell, expected) => {
      if (load(cell) === expected) throw new Error("nobody is there to wake this task");
      return 1;
    },
    wake: nothing,
    interrupt(target, work, argument) {
      world.runWork(target, work, argument);
      return 0;
    },
    quiescent: nothing,
    task: () => cpu,
    // One thread: whoever asks is the only one that runs.
    isRunning: (identity) => (identity === cpu ? 1 : 0),
    isIdle: (target) => (target === cpu ? 0 : 1),
    taskStack: () => world.layout.taskStacks + cpu * pageBytes,
    preemptOff: nothing,
    preemptOn: nothing,
    irqOff: nothing,
    irqOn: nothing,
    allocated: nothing,
    freed: nothing,
    enter: nothing,
    leave: nothing,
    note: nothing,
    clockNs: () => world.nowNs,
    sleepNs(ns) {
      world.nowNs += ns;
      return 0;
    },
    computeNs(ns) {
      world.nowNs += ns;
      return 0;
    },
    deferNs(_item, work, argument, delayNs) {
      deferred.push({ work, argument, dueNs: delayNs === 0 ? 0 : world.nowNs + delayNs });
      return 0;
    },
    runDeferredUntil(nowNs) {
      const pending = deferred;
      deferred = [];
      let ran = 0;
      for (const item of pending) {
        if (item.dueNs <= nowNs) {
          world.runWork(cpu, item.work, item.argument);
          ran++;
        } else deferred.push(item);
      }
      return ran;
    },
  };
}
