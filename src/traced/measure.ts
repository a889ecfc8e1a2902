// Runs a workload on the counting machine and reports exact numbers: accesses, lines and bytes per operation, what
// each removal had to look at, the order of eviction, and the memory that dying caches hold on to.

import { setImmediate } from "node:timers/promises";
import type { CompiledModule } from "../build/compile.ts";
import { type QuarantineSizes, startQuarantine } from "../build/quarantine.ts";
import { checkLeftBehind, InputError, StoppedError } from "../errors.ts";
import { eventGroupOffset, eventKindOffset, eventSize, kindCacheDestroy } from "../kernel/events.ts";
import { kasanQuarantinePut, kasanQuarantineReduce, kasanQuarantineRemoveCache, kworker } from "../kernel/symbols.ts";
import type { Workload } from "../workloads/workload.ts";
import { CountingMachine } from "./counting-machine.ts";
import { memoryBytesMax } from "./limits.ts";
import { OperationCounter, type OperationCounts } from "./operations.ts";

/** One value of one metric; rounds count the operations that carry it. */
export type ExactSink = (metric: string, round: number, value: number) => void;

interface Totals {
  operations: number;
  accesses: number;
  lines: number;
  bytes: number;
  evicted: number;
}

function newTotals(): Totals {
  return { operations: 0, accesses: 0, lines: 0, bytes: 0, evicted: 0 };
}

function addTo(totals: Totals, counts: Readonly<OperationCounts>): void {
  totals.operations++;
  totals.accesses += counts.accesses;
  totals.lines += counts.lines;
  totals.bytes += counts.bytes;
  totals.evicted += counts.evicted;
}

/** How far eviction strayed from FIFO. */
export interface RankError {
  /** Largest distance between an object's place in the order of eviction and in the order of putting, in objects. */
  readonly max: number;
  /** The distance that 99 % of the evicted objects stay within. */
  readonly p99: number;
}

/**
 * Compares the order of eviction with the order of putting, among the objects that were evicted.
 *
 * @param putOrder for each evicted object, in the order of eviction, how many had been put before it
 */
export function rankError(putOrder: readonly number[]): RankError | null {
  if (putOrder.length === 0) return null;
  const byPut = Uint32Array.from(putOrder.keys()).sort((a, b) => (putOrder[a] as number) - (putOrder[b] as number));
  const distances = new Float64Array(putOrder.length);
  for (const [putRank, evictionRank] of byPut.entries()) distances[putRank] = Math.abs(evictionRank - putRank);
  distances.sort();
  return {
    max: distances[distances.length - 1] as number,
    p99: distances[Math.ceil(0.99 * distances.length) - 1] as number,
  };
}

/**
 * Counts what a variant does in the measured and unmeasured part of a workload.
 *
 * @throws {InputError} when the case is too large to be counted, or its memory is used up
 */
export async function countExactly(
  { id: variant, isFloor }: { readonly id: string; readonly isFloor: boolean },
  compiled: CompiledModule,
  workload: Workload,
  sizes: QuarantineSizes,
  emit: ExactSink,
  signal: AbortSignal,
): Promise<void> {
  const put = newTotals();
  const reduce = newTotals();
  const remove = newTotals();
  const worker = newTotals();
  let evictedAtOnceMax = 0;
  const counter = new OperationCounter((symbol, counts) => {
    if (symbol === kasanQuarantinePut) {
      addTo(put, counts);
    } else if (symbol === kasanQuarantineReduce) {
      addTo(reduce, counts);
      if (counts.evicted > evictedAtOnceMax) evictedAtOnceMax = counts.evicted;
    } else if (symbol === kasanQuarantineRemoveCache) {
      emit("remove-accesses", remove.operations, counts.accesses);
      emit("remove-lines", remove.operations, counts.lines);
      emit("remove-foreign", remove.operations, counts.foreign);
      emit("remove-own", remove.operations, counts.own);
      emit("remove-batches", remove.operations, counts.batches);
      addTo(remove, counts);
    } else if (symbol === kworker && counts.accesses > 0) {
      emit("worker-accesses", worker.operations, counts.accesses);
      addTo(worker, counts);
    }
  });
  const machine = new CountingMachine(counter);
  const pinned = new PinnedMemory();
  let removing = 0;
  const destroyed: number[] = [];
  let delayMax = 0;
  counter.onRemoval = (cache, completed, putsSince) => {
    if (!completed) pinned.begin(cache, removing);
    else if (pinned.end(cache)) {
      emit("removal-delay-puts", pinned.completed, putsSince);
      if (putsSince > delayMax) delayMax = putsSince;
    }
  };

  const { exports, memory, layout } = startQuarantine(
    compiled,
    workload.limits,
    sizes,
    machine.imports(),
    (running) => {
      counter.watch(running.memory, running.layout);
      machine.attach(running, [running.exports]);
    },
  );
  if (memory.buffer.byteLength > memoryBytesMax) {
    throw new InputError(
      `workload '${workload.name}': exact counting takes at most 1 GiB of Wasm memory, this needs ${Math.ceil(memory.buffer.byteLength / 2 ** 20)} MiB; lower 'quarantine-bytes'`,
    );
  }
  const events = new Uint8Array(memory.buffer, layout.eventBuffer);
  for (const chunk of workload.chunks()) {
    events.set(chunk);
    const view = new DataView(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    const count = chunk.byteLength / eventSize;
    let first = 0;
    const runTo = (end: number): void => {
      if (end > first && exports.run(first, end) !== 0) {
        throw new InputError(`workload '${workload.name}': the case's memory is used up; lower 'quarantine-bytes'`);
      }
      first = end;
    };
    for (let index = 0; index < count; index++) {
      if (view.getUint16(index * eventSize + eventKindOffset, true) !== kindCacheDestroy) continue;
      runTo(index);
      removing = view.getUint32(index * eventSize + eventGroupOffset, true);
      runTo(index + 1);
      destroyed.push(removing);
      pinned.reread((index) => exports.heldBytesOf(index));
      pinned.look();
      exports.runDeferred(0);
    }
    runTo(count);
    exports.runDeferred(0);
    await setImmediate();
    if (signal.aborted) throw new StoppedError("stopped");
  }
  if (remove.operations > 0) {
    pinned.reread((index) => exports.heldBytesOf(index));
    emit("pinned-bytes-end", 0, pinned.bytes);
    emit("pinned-bytes-max", 0, pinned.bytesMax);
    emit("removals-deferred", 0, pinned.deferred);
    emit("removal-delay-puts-max", 0, delayMax);
  }
  exports.runDeferred(Number.POSITIVE_INFINITY);
  if (!isFloor) checkLeftBehind(variant, exports.leftBehindCount());

  const perOperation = (name: string, totals: Totals, divisor: number): void => {
    if (divisor === 0) return;
    emit(`${name}-accesses-mean`, 0, totals.accesses / divisor);
    emit(`${name}-lines-mean`, 0, totals.lines / divisor);
    emit(`${name}-bytes-mean`, 0, totals.bytes / divisor);
  };
  perOperation("put", put, put.operations);
  perOperation("reduce", reduce, reduce.evicted);
  perOperation("remove", remove, remove.operations);
  const rank = rankError(counter.evictedPutOrder);
  if (rank !== null) {
    emit("fifo-rank-error-max", 0, rank.max);
    emit("fifo-rank-error-p99", 0, rank.p99);
  }
  emit("objects-put", 0, put.operations);
  emit("objects-evicted", 0, counter.evictedPutOrder.length);
  emit("evicted-at-once-max", 0, evictedAtOnceMax);
  emit("lock-hold-accesses-max", 0, counter.lockHoldAccessesMax);
  emit("irq-off-accesses-max", 0, counter.irqOffAccessesMax);
  emit("unfinished-caches", 0, destroyed.filter((index) => exports.isCachePresent(index) !== 0).length);
  // They hang on the variant and the number of CPUs; here they are there for every host to compare.
  emit("object-extra-bytes", 0, exports.extraObjectBytes());
  emit("cache-extra-bytes", 0, exports.extraCacheBytes());
  emit("global-bytes", 0, exports.extraGlobalBytes());
}

/** Bytes of pages of caches that were asked to go and are still there. */
class PinnedMemory {
  /** By descriptor: the cache's index. */
  readonly #pending = new Map<number, number>();
  bytes = 0;
  /** Most bytes when any removal's own call had returned. */
  bytesMax = 0;
  completed = 0;
  /** Removals that were not complete when their call returned. */
  deferred = 0;
  #newest: number | null = null;

  begin(cache: number, index: number): void {
    this.#pending.set(cache, index);
    this.#newest = cache;
  }

  /** Returns whether the removal had been begun. */
  end(cache: number): boolean {
    if (!this.#pending.delete(cache)) return false;
    this.completed++;
    return true;
  }

  /** Sums up anew, because a dying cache gives slabs back as its objects are let go. */
  reread(heldBytesOf: (index: number) => number): void {
    this.bytes = 0;
    for (const index of this.#pending.values()) this.bytes += heldBytesOf(index);
    if (this.bytes > this.bytesMax) this.bytesMax = this.bytes;
  }

  /** Called when a removal's own call has returned. */
  look(): void {
    if (this.#newest !== null && this.#pending.has(this.#newest)) this.deferred++;
  }
}
