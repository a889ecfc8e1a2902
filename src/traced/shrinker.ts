// Runs a workload on the counting machine and reports exact numbers of the shrinker: accesses, lines and locked
// operations of each visit of a cgroup, which of its writes CPUs get into each other's way with, and what registering
// and unregistering cost.

import { setImmediate } from "node:timers/promises";
import type { CompiledModule } from "../build/compile.ts";
import type { RunningModule } from "../build/instance.ts";
import { eventBufferBytes } from "../build/memory.ts";
import { type ShrinkerExports, type ShrinkerSizes, shrinkerKinds, startShrinker } from "../build/shrinker.ts";
import { InputError, StoppedError, ViolationError } from "../errors.ts";
import { eventFlagsOffset, eventSize, flagMeasured } from "../kernel/events.ts";
import {
  counterCallbacks,
  counterCallbacksAfterFree,
  counterCount,
  counterRegistered,
  counterUnregistered,
  counterVisits,
  histogramCount,
} from "../kernel/shrinker/counters.ts";
import { Partitioner } from "../workloads/partition.ts";
import type { Workload } from "../workloads/workload.ts";
import { CountingMachine } from "./counting-machine.ts";
import { memoryBytesMax } from "./limits.ts";
import type { ExactSink } from "./measure.ts";
import { ShrinkerCounter, type ShrinkerMemory } from "./shrinker-counter.ts";

/** Bytes of one histogram, and of the counters in front of a CPU's histograms (`src/kernel/shrinker/region.ts`). */
const histogramBytes = 6464;
const countersBytes = Math.ceil((8 + counterCount * 8) / 64) * 64;

/** The order in which CPUs take turns, an event each: CPU and index of its event. A CPU that is done is passed over. */
export function* inTurns(counts: readonly number[]): Generator<readonly [cpu: number, index: number]> {
  const longest = Math.max(0, ...counts);
  for (let index = 0; index < longest; index++) {
    for (const [cpu, count] of counts.entries()) {
      if (index < count) yield [cpu, index];
    }
  }
}

/** The CPUs of one case, each with its instance. */
class Case {
  readonly #workload: Workload;
  readonly #running: RunningModule<ShrinkerExports>;
  readonly #instances: ShrinkerExports[] = [];
  readonly #partitioner: Partitioner;
  readonly counter: ShrinkerCounter;

  constructor(compiled: CompiledModule, workload: Workload, sizes: ShrinkerSizes) {
    const { cpus } = sizes;
    this.#workload = workload;
    this.#partitioner = new Partitioner(cpus, shrinkerKinds);
    this.counter = new ShrinkerCounter(cpus);
    const machine = new CountingMachine(this.counter);
    this.#running = startShrinker(compiled, workload.limits, sizes, machine.imports(0), (running) => {
      const { memory, module, exports } = running;
      if (memory.buffer.byteLength > memoryBytesMax) {
        throw new InputError(
          `workload '${workload.name}': exact counting takes at most 1 GiB of Wasm memory, this needs ${Math.ceil(memory.buffer.byteLength / 2 ** 20)} MiB; use fewer cgroups or superblocks`,
        );
      }
      this.#instances.push(exports);
      for (let cpu = 1; cpu < cpus; cpu++) {
        const imports = { ...running.importsOf(cpu), ...machine.imports(cpu) };
        this.#instances.push(new WebAssembly.Instance(module, imports).exports as unknown as ShrinkerExports);
      }
      this.counter.watch(this.#memoryOf(running));
      machine.attach(running, this.#instances);
    });
  }

  #memoryOf({ memory, layout, exports }: RunningModule<ShrinkerExports>): ShrinkerMemory {
    const last = this.#instances.at(-1) ?? exports;
    return {
      bytes: memory.buffer.byteLength,
      arenaBase: layout.arenaBase,
      statistics: {
        base: (exports.histogramAddress(0) >>> 0) - countersBytes,
        end: (last.histogramAddress(histogramCount - 1) >>> 0) + histogramBytes,
      },
      shrinkerBytes: exports.shrinkerBytes(),
    };
  }

  /**
   * Has the CPUs perform their parts of a chunk in turns, an event at a time.
   *
   * @throws {InputError} when the case's memory is used up
   */
  perform(chunk: Uint8Array): void {
    const { memory, layout } = this.#running;
    const bytes = new Uint8Array(memory.buffer);
    const { parts } = this.#partitioner.divide(chunk);
    for (const [cpu, part] of parts.entries()) bytes.set(part, layout.eventBuffer + cpu * eventBufferBytes);
    const views = parts.map((part) => new DataView(part.buffer, part.byteOffset, part.byteLength));
    for (const [cpu, index] of inTurns(parts.map((part) => part.byteLength / eventSize))) {
      const flags = views[cpu]?.getUint16(index * eventSize + eventFlagsOffset, true) ?? 0;
      this.counter.measuring = (flags & flagMeasured) !== 0;
      if (this.#instances[cpu]?.run(index, index + 1) === 0) continue;
      throw new InputError(
        `workload '${this.#workload.name}': the case's memory is used up; use fewer cgroups or superblocks`,
      );
    }
    this.counter.measuring = false;
  }

  /** Finishes what still waits for a grace period. */
  drain(): void {
    for (const instance of this.#instances) instance.drain();
  }

  /** What each CPU counted in the measured part. */
  countByCpu(counter: number): number[] {
    return this.#instances.map((instance) => instance.counter(counter));
  }

  /** What all CPUs counted in the measured part. */
  count(counter: number): number {
    return this.countByCpu(counter).reduce((sum, count) => sum + count, 0);
  }
}

/**
 * Counts what a variant does in the measured part of a workload.
 *
 * @throws {InputError} when the case is too large to be counted, or its memory is used up
 * @throws {ViolationError} when a callback of a shrinker ran after its unregistration had returned
 */
export async function countShrinker(
  { id: variant }: { readonly id: string; readonly isFloor: boolean },
  compiled: CompiledModule,
  workload: Workload,
  sizes: ShrinkerSizes,
  emit: ExactSink,
  signal: AbortSignal,
): Promise<void> {
  const one = new Case(compiled, workload, sizes);
  for (const chunk of workload.chunks()) {
    one.perform(chunk);
    await setImmediate();
    if (signal.aborted) throw new StoppedError("stopped");
  }
  one.drain();
  const late = one.count(counterCallbacksAfterFree);
  if (late !== 0) {
    throw new ViolationError(`variant '${variant}': ${late} callbacks of shrinkers that had been unregistered`);
  }

  const { counter } = one;
  const shared = counter.sharedWrites();
  const mean = (metric: string, total: number, divisor: number): void => {
    if (divisor > 0) emit(metric, 0, total / divisor);
  };
  const visits = one.count(counterVisits);
  mean("visit-accesses-mean", counter.visitAccesses, visits);
  mean("visit-lines-mean", counter.visitLines, visits);
  mean("visit-locked-mean", counter.visitLocked, visits);
  // With visits on one CPU only, nothing can be told to be shared.
  if (one.countByCpu(counterVisits).filter((count) => count > 0).length > 1) {
    mean("visit-shared-writes-mean", shared.others, visits);
    mean("visit-info-shared-writes-mean", shared.infos, visits);
    mean("callback-shared-writes-mean", shared.descriptors, one.count(counterCallbacks));
  }
  const registered = one.count(counterRegistered);
  mean("register-accesses-mean", counter.registerAccesses, registered);
  mean("register-locked-mean", counter.registerLocked, registered);
  if (registered > 0) emit("expansion-bytes", 0, counter.expansionBytes);
  const unregistered = one.count(counterUnregistered);
  mean("unregister-accesses-mean", counter.unregisterAccesses, unregistered);
  mean("unregister-locked-mean", counter.unregisterLocked, unregistered);
  mean("unregister-slept-ns-mean", counter.unregisterSleptNs, unregistered);
  if (unregistered > 0) emit("unregister-slept-ns-max", 0, counter.unregisterSleptNsMax);
}
