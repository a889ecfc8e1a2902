// Counts what the operations of a quarantine do on the counting machine: accesses, distinct cache lines and bytes of
// each, the order of eviction, and how long locks are held and interrupts off.

import {
  noteBatchVisited,
  noteDrained,
  noteEvicted,
  noteForeignVisited,
  noteGracePeriod,
  noteLeftBehind,
  noteLockAcquired,
  noteLockAwaited,
  noteLockReleased,
  noteOwnRemoved,
  noteQuarantined,
  noteRemovalBegun,
  noteRemovalCompleted,
  noteRemovalSkipped,
} from "../kernel/notes.ts";
import type { MachineObserver } from "./counting-machine.ts";

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

/** Counts what one CPU does. */
export class OperationCounter implements MachineObserver {
  readonly #listener: OperationListener;
  #lineOperation = new Uint32Array(0);
  #operation = 1;
  #depth = 0;
  #symbol = 0;
  #firstLock = 0;
  #endLock = 0;
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

  /** Says how large the memory is, and where the variant's own locks lie. To be called before anything is accessed. */
  watch(memory: WebAssembly.Memory, layout: { readonly problemBase: number; readonly pageTable: number }): void {
    this.#lineOperation = new Uint32Array(memory.buffer.byteLength / 64);
    this.#putOrder = new Float64Array(memory.buffer.byteLength / 64);
    this.#firstLock = layout.problemBase;
    this.#endLock = layout.pageTable - 64;
  }

  access(_cpu: number, cell: number, bytes: number): void {
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

  enter(_cpu: number, symbol: number): void {
    if (this.#depth++ > 0) return;
    this.#symbol = symbol;
    this.#begin();
  }

  leave(): void {
    if (--this.#depth === 0) this.#listener(this.#symbol, this.#current);
  }

  irqOff(): void {
    if (this.#irqOffDepth++ === 0) this.#irqOffSince = this.#accesses;
  }

  irqOn(): void {
    if (--this.#irqOffDepth > 0) return;
    const off = this.#accesses - this.#irqOffSince;
    if (off > this.irqOffAccessesMax) this.irqOffAccessesMax = off;
  }

  slept(): void {}

  note(_cpu: number, kind: number, value: number): void {
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
      case noteGracePeriod:
      case noteRemovalSkipped:
      case noteLockAwaited:
      // The harness counts these, too, and its host asks for the number.
      case noteLeftBehind:
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
}
