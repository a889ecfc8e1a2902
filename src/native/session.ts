// One variant, loaded and running natively on one CPU.

import type { CompiledModule } from "../build/compile.ts";
import type { MachineImports, RunningModule } from "../build/instance.ts";
import { type QuarantineExports, type QuarantineSizes, startQuarantine } from "../build/quarantine.ts";
import { InputError } from "../errors.ts";
import type { Workload } from "../workloads/workload.ts";
import type { Batch } from "./batches.ts";

/** Imports of the native form of the machine. `elapsedNs` is its clock, which only has to run while the module does. */
export function nativeMachine(elapsedNs: () => number): MachineImports {
  return { access: { clockNs: elapsedNs } };
}

export class NativeSession {
  readonly module: RunningModule<QuarantineExports>;
  readonly #workload: string;
  readonly #eventBuffer: Uint8Array;
  readonly #isFloor: boolean;

  /** @param isFloor whether the variant forgets what it is given, so that the session must free it, untimed */
  constructor(
    compiled: CompiledModule,
    workload: Workload,
    sizes: QuarantineSizes,
    isFloor: boolean,
    machine: MachineImports = {},
  ) {
    // Variants take turns, so the machine's own clock would have a timer fire because of what others do.
    const native = nativeMachine(() => this.#elapsedNs);
    this.module = startQuarantine(compiled, workload.limits, sizes, { ...native, ...machine });
    this.#workload = workload.name;
    this.#isFloor = isFloor;
    this.#eventBuffer = new Uint8Array(this.module.memory.buffer, this.module.layout.eventBuffer);
  }

  /** Copies a chunk of events into the event buffer. */
  load(chunk: Uint8Array): void {
    this.#eventBuffer.set(chunk);
  }

  /** Time of all batches and deferred work so far, in ns: the clock by which this session's timers run. */
  #elapsedNs = 0;

  /**
   * Performs a batch of the loaded chunk and returns its time in ns. Free of allocation but for the clock's two
   * results: it is the timed region.
   *
   * @throws {InputError} when the memory laid out for the case is used up
   */
  run(batch: Batch): number {
    const { exports } = this.module;
    const begin = process.hrtime.bigint();
    const status = exports.run(batch.first, batch.end);
    const ns = Number(process.hrtime.bigint() - begin);
    this.#elapsedNs += ns;
    if (status !== 0) {
      throw new InputError(
        `workload '${this.#workload}': the case's memory is used up; lower 'quarantine-bytes' or the number of objects`,
      );
    }
    this.settle(batch);
    return ns;
  }

  /** Frees what the floor variant forgot in a batch. Does nothing for any other variant. */
  settle(batch: Batch): void {
    if (this.#isFloor) this.module.exports.settle(batch.first, batch.end);
  }

  /** Runs deferred work that is due and returns its time in ns, or null when there was none. */
  runDeferred(now: "due" | "all"): number | null {
    const { exports } = this.module;
    const begin = process.hrtime.bigint();
    const ran = exports.runDeferred(now === "all" ? Number.POSITIVE_INFINITY : this.#elapsedNs);
    const ns = Number(process.hrtime.bigint() - begin);
    this.#elapsedNs += ns;
    return ran === 0 ? null : ns;
  }
}
