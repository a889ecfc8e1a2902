// The traced machine's host that counts: accesses, distinct cache lines and bytes of each operation, in one thread
// and without suspending. Every number is exact; what an access costs is for the simulator to say.

import type { MachineImports } from "../build/instance.ts";
import {
  noteBatchVisited,
  noteDrained,
  noteEvicted,
  noteForeignVisited,
  noteLockAcquired,
  noteLockReleased,
  noteOwnRemoved,
  noteQuarantined,
  noteRemovalBegun,
  noteRemovalCompleted,
} from "../kernel/notes.ts";

/** What one operation did, nested symbols included. */
export interface OperationCounts {
  accesses: number;
  /** Distinct 64-byte lines. */
  lines: number;
  /** Bytes loaded and stored. */
  bytes: number;
  /** Objects of other caches that a removal looked at. */
  foreign: number;
  /** Objects that a removal took out. */
  own: number;
  /** Batches that a removal looked into. */
  batches: number;
  /** Objects that were let go because of their age. */
  evicted: number;
}

/** Hears of each operation when it ends. `counts` is valid during the call only. */
export type OperationListener = (symbol: number, counts: Readonly<OperationCounts>) => void;

interface Deferred {
  readonly work: number;
  readonly argument: number;
  /** 0 for "at the next event boundary", else in counted accesses. */
  readonly due: number;
}

/** Counts what one traced module does. Bind {@link imports}, instantiate, then {@link attach}. */
export class CountingMachine {
  readonly #listener: OperationListener;
  #words = new Uint32Array(0);
  #lineOperation = new Uint32Array(0);
  #operation = 1;
  #depth = 0;
  #symbol = 0;
  #upper = 0;
  #stack = 0;
  #firstLock = 0;
  #endLock = 0;
  #runWork: (work: number, argument: number) => void = () => {};
  #accesses = 0;
  readonly #current: OperationCounts = {
    accesses: 0,
    lines: 0,
    bytes: 0,
    foreign: 0,
    own: 0,
    batches: 0,
    evicted: 0,
  };
  readonly #held = new Map<number, number>();
  #irqOffDepth = 0;
  #irqOffSince = 0;
  #deferred: Deferred[] = [];
  #putOrder = new Float64Array(0);
  #putCount = 0;
  readonly #evictedPutOrder: number[] = [];
  readonly #removals = new Map<number, number>();

  /** Most accesses made between taking and releasing one lock. */
  lockHoldAccessesMax = 0;
  /** Most accesses made with interrupts off without a break. */
  irqOffAccessesMax = 0;
  /** Objects that entered the quarantine. */
  get putCount(): number {
    return this.#putCount;
  }
  /** For each object let go because of its age, in that order: how many objects had been put before it. */
  get evictedPutOrder(): readonly number[] {
    return this.#evictedPutOrder;
  }
  /** Called when a removal begins and when the cache is gone. */
  onRemoval: (cache: number, completed: boolean, putsSince: number) => void = () => {};

  constructor(listener: OperationListener) {
    this.#listener = listener;
  }

  /** Gives the machine its memory. Everything before it must not access memory. */
  attach(
    memory: WebAssembly.Memory,
    layout: { readonly taskStacks: number; readonly problemBase: number; readonly pageTable: number },
    runWork: (work: number, argument: number) => void,
  ): void {
    this.#words = new Uint32Array(memory.buffer);
    this.#lineOperation = new Uint32Array(memory.buffer.byteLength / 64);
    this.#putOrder = new Float64Array(memory.buffer.byteLength / 64);
    this.#stack = layout.taskStacks;
    this.#firstLock = layout.problemBase;
    this.#endLock = layout.pageTable - 64;
    this.#runWork = runWork;
  }

  #touch(cell: number, bytes: number): void {
    const line = cell >>> 6;
    this.#accesses++;
    this.#current.accesses++;
    this.#current.bytes += bytes;
    if (this.#lineOperation[line] !== this.#operation) {
      this.#lineOperation[line] = this.#operation;
      this.#current.lines++;
    }
  }

  #begin(): void {
    this.#operation++;
    const counts = this.#current;
    counts.accesses = 0;
    counts.lines = 0;
    counts.bytes = 0;
    counts.foreign = 0;
    counts.own = 0;
    counts.batches = 0;
    counts.evicted = 0;
  }

  #load32(cell: number): number {
    this.#touch(cell, 4);
    return this.#words[cell >>> 2] as number;
  }

  #store32(cell: number, value: number): void {
    this.#touch(cell, 4);
    this.#words[cell >>> 2] = value;
  }

  #load64(cell: number): number {
    this.#touch(cell, 8);
    const index = cell >>> 2;
    this.#upper = this.#words[index + 1] as number;
    return this.#words[index] as number;
  }

  #store64(cell: number, lower: number, upper: number): void {
    this.#touch(cell, 8);
    const index = cell >>> 2;
    this.#words[index] = lower;
    this.#words[index + 1] = upper;
  }

  #note(kind: number, value: number): void {
    switch (kind) {
      case noteLockAcquired:
        // The variant's own locks: those of the slab allocator lie elsewhere, the arena's just below the page table.
        if (value >>> 0 >= this.#firstLock && value >>> 0 < this.#endLock) this.#held.set(value, this.#accesses);
        return;
      case noteLockReleased: {
        const held = this.#accesses - (this.#held.get(value) ?? this.#accesses);
        if (held > this.lockHoldAccessesMax) this.lockHoldAccessesMax = held;
        return;
      }
      case noteForeignVisited:
        this.#current.foreign++;
        return;
      case noteOwnRemoved:
        this.#current.own++;
        return;
      case noteBatchVisited:
        this.#current.batches++;
        return;
      case noteQuarantined:
        this.#putOrder[value >>> 6] = this.#putCount++;
        return;
      case noteEvicted:
        this.#current.evicted++;
        this.#evictedPutOrder.push(this.#putOrder[value >>> 6] as number);
        return;
      case noteDrained:
        return;
      case noteRemovalBegun:
        this.#removals.set(value, this.#putCount);
        this.onRemoval(value, false, 0);
        return;
      case noteRemovalCompleted:
        this.onRemoval(value, true, this.#putCount - (this.#removals.get(value) ?? this.#putCount));
        this.#removals.delete(value);
        return;
      default:
        throw new Error(`the module noted ${kind}, which nobody knows`);
    }
  }

  /** Runs deferred work as the native machine does: all that is due, each item once. */
  #runDeferred(now: number): number {
    const due = this.#deferred.filter((item) => item.due <= now);
    this.#deferred = this.#deferred.filter((item) => item.due > now);
    for (const item of due) this.#runWork(item.work, item.argument);
    return due.length;
  }

  /** Imports for a module bound to the traced machine. */
  imports(): MachineImports {
    const single = (): never => {
      throw new Error("the counting machine has one CPU and one task");
    };
    return {
      traced: {
        load32: (cell: number) => this.#load32(cell),
        storeRelaxed32: (cell: number, value: number) => this.#store32(cell, value),
        store32: (cell: number, value: number) => this.#store32(cell, value),
        exchange32: (cell: number, value: number) => {
          const held = this.#load32(cell);
          this.#words[cell >>> 2] = value;
          return held;
        },
        compareExchange32: (cell: number, expected: number, value: number) => {
          const held = this.#load32(cell);
          if (held === expected >>> 0) this.#words[cell >>> 2] = value;
          return held;
        },
        add32: (cell: number, delta: number) => {
          const held = this.#load32(cell);
          this.#words[cell >>> 2] = held + delta;
          return held;
        },
        load64Halves: (cell: number) => this.#load64(cell),
        storeRelaxed64Halves: (cell: number, lower: number, upper: number) => this.#store64(cell, lower, upper),
        store64Halves: (cell: number, lower: number, upper: number) => this.#store64(cell, lower, upper),
        exchange64Halves: (cell: number, lower: number, upper: number) => {
          const held = this.#load64(cell);
          this.#words[cell >>> 2] = lower;
          this.#words[(cell >>> 2) + 1] = upper;
          return held;
        },
        compareExchange64Halves: (
          cell: number,
          expectedLower: number,
          expectedUpper: number,
          lower: number,
          upper: number,
        ) => {
          const held = this.#load64(cell);
          if (held === expectedLower >>> 0 && this.#upper === expectedUpper >>> 0) {
            this.#words[cell >>> 2] = lower;
            this.#words[(cell >>> 2) + 1] = upper;
          }
          return held;
        },
        add64Halves: (cell: number, lower: number, upper: number) => {
          const held = this.#load64(cell);
          const sum = held + (lower >>> 0);
          this.#words[cell >>> 2] = sum;
          this.#words[(cell >>> 2) + 1] = this.#upper + upper + (sum > 0xffff_ffff ? 1 : 0);
          return held;
        },
        upperHalf: () => this.#upper,
        barrier: () => this.#touch(this.#stack, 4),
        pause: single,
        wait: single,
        wake: () => 0,
        interrupt: single,
        quiescent: () => {},
        task: () => 0,
        isRunning: () => 1,
        isIdle: () => 0,
        taskStack: () => this.#stack,
        preemptOff: () => {},
        preemptOn: () => {},
        irqOff: () => {
          if (this.#irqOffDepth++ === 0) this.#irqOffSince = this.#accesses;
        },
        irqOn: () => {
          if (--this.#irqOffDepth > 0) return;
          const off = this.#accesses - this.#irqOffSince;
          if (off > this.irqOffAccessesMax) this.irqOffAccessesMax = off;
        },
        allocated: () => {},
        freed: () => {},
        enter: (symbol: number) => {
          if (this.#depth++ > 0) return;
          this.#symbol = symbol;
          this.#begin();
        },
        leave: () => {
          if (--this.#depth === 0) this.#listener(this.#symbol, this.#current);
        },
        note: (kind: number, value: number) => this.#note(kind, value),
        clockNs: () => this.#accesses,
        sleepNs: single,
        computeNs: () => {},
        deferNs: (_item: number, work: number, argument: number, delayNs: number) => {
          this.#deferred.push({ work, argument, due: delayNs === 0 ? 0 : this.#accesses + delayNs });
        },
        runDeferredUntil: (now: number) => this.#runDeferred(now),
      },
    };
  }
}
