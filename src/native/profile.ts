// Samples where the CPUs of a case are while a round runs, about a thousand times a second, like `perf top -F 999`.

import type { MemoryLayout } from "../build/memory.ts";
import { awakeAt, cpuBlockBytes, symbolsAt } from "../kernel/cpu-block.ts";
import { symbolNames } from "../symbol-names.ts";

/** Shown for a CPU that sleeps or has ended its part of the round. */
const idle = "idle";
/** Shown for a CPU outside every symbol: the harness, and what the workload computes. */
const other = "other";
const periodMs = 1;

/** Samples of one case, whose module has the profiled form of the machine. */
export class Profile {
  /** By symbol; the innermost one that a CPU is in. */
  readonly samples = new Map<string, number>();
  readonly #words: Uint32Array;
  readonly #blocks: readonly number[];
  /** Runs for as long as the case does: one that began with each round would never look at its first millisecond. */
  readonly #timer: NodeJS.Timeout;
  #isRound = false;

  constructor(memory: WebAssembly.Memory, layout: MemoryLayout) {
    this.#words = new Uint32Array(memory.buffer);
    this.#blocks = Array.from({ length: layout.cpus }, (_, cpu) => layout.cpuBlocks + cpu * cpuBlockBytes);
    this.#timer = setInterval(() => this.#look(), periodMs);
  }

  begin(): void {
    this.#isRound = true;
  }

  end(): void {
    this.#isRound = false;
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #look(): void {
    if (!this.#isRound) return;
    for (const block of this.#blocks) {
      const isAwake = Atomics.load(this.#words, (block + awakeAt) >>> 2) !== 0;
      const symbol = Atomics.load(this.#words, (block + symbolsAt) >>> 2) & 0xff;
      const name = isAwake ? (symbolNames[symbol] ?? other) : idle;
      this.samples.set(name, (this.samples.get(name) ?? 0) + 1);
    }
  }
}
