// Times how long locks are held and interrupts are off, in the instrumented build.
//
// Every mark costs a call out of Wasm and a clock reading, which is part of what is measured: short sections look
// longer than they are. So the numbers are labelled and never mixed with those of the timed build.

import type { MachineImports } from "../build/instance.ts";
import { noteLockAcquired, noteLockReleased } from "../kernel/notes.ts";

/** Longest sections seen. Bind {@link imports}. */
export class InstrumentedMachine {
  readonly #since = new Map<number, bigint>();
  #irqOffDepth = 0;
  #irqOffSince = 0n;
  #recording = false;
  #firstLock = 0;
  #endLock = 0;
  /** Longest time that one lock was held, in ns. */
  lockHoldNsMax = 0;
  /** Longest time with interrupts off without a break, in ns. */
  irqOffNsMax = 0;

  /** Sections that end from now on count, or do not. The set-up of a workload is left out. */
  record(recording: boolean): void {
    this.#recording = recording;
  }

  /** Only locks from `first` up to `end` count: the variant's own, not those of the slab allocator. */
  watch(first: number, end: number): void {
    this.#firstLock = first;
    this.#endLock = end;
  }

  imports(): MachineImports {
    const now = process.hrtime.bigint;
    return {
      instrumented: {
        preemptOff: () => {},
        preemptOn: () => {},
        irqOff: () => {
          if (this.#irqOffDepth++ === 0) this.#irqOffSince = now();
        },
        irqOn: () => {
          if (--this.#irqOffDepth > 0 || !this.#recording) return;
          const ns = Number(now() - this.#irqOffSince);
          if (ns > this.irqOffNsMax) this.irqOffNsMax = ns;
        },
        lockNote: (kind: number, value: number) => {
          const lock = value >>> 0;
          if (lock < this.#firstLock || lock >= this.#endLock) return;
          if (kind === noteLockAcquired) {
            this.#since.set(value, now());
          } else if (kind === noteLockReleased && this.#recording) {
            const ns = Number(now() - (this.#since.get(value) ?? now()));
            if (ns > this.lockHoldNsMax) this.lockHoldNsMax = ns;
          }
        },
      },
    };
  }
}
