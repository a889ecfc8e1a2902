// A thread of `machine-costs.ts`: it performs orders one by one, and can be bound to a CPU where the system lets it.

import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { Worker } from "node:worker_threads";
import { answerCell, cpuBlocks, neverCell, stampCell, taskStacks, turnCell } from "./cost-layout.ts";

/** A call of an export of `src/kernel/litmus/machine-costs.ts`. */
export interface LoopCall {
  readonly name: string;
  readonly args: readonly number[];
}

/** What a thread is told to do (`cost-worker.mjs`). */
export type CostOrder =
  | { readonly kind: "loops"; readonly calls: readonly LoopCall[] }
  | { readonly kind: "answer-wakes"; readonly count: number }
  | { readonly kind: "wake"; readonly count: number; readonly idleMs: number }
  | { readonly kind: "pass-token"; readonly pipes: TokenPipes; readonly count: number; readonly starts: boolean }
  | { readonly kind: "pass-token-alone"; readonly pipes: TokenPipes; readonly count: number };

/** Paths of two named pipes. */
export interface TokenPipes {
  readonly to: string;
  readonly from: string;
}

/** What calls of exports took and returned. */
export interface LoopAnswer {
  readonly results: readonly { readonly ns: number; readonly value: number }[];
  /** Where the thread was all the time, or null: it moved, or the system does not tell. */
  readonly cpu: number | null;
}

/** What wakes took: one value of each for every one that found a sleeper. */
export interface WakeAnswer {
  readonly wakeUpNs: readonly number[];
  readonly wakeIdleNs: readonly number[];
}

/** Indices of 32-bit words, `stamp` of a 64-bit one. */
const cells = { turn: turnCell / 4, answer: answerCell / 4, never: neverCell / 4, stamp: stampCell / 8 } as const;

/** What a thread is started with. */
export interface CostThreadStart {
  readonly module: WebAssembly.Module;
  readonly memory: WebAssembly.Memory;
  readonly layout: Readonly<Record<string, number>>;
  readonly cells: typeof cells;
}

/** Longest that a thread may take for an order, in ms. */
const patienceMs = 30_000;

/** Start with {@link CostThread.start}, end with {@link close}, also after an error. */
export class CostThread {
  readonly #worker: Worker;
  /** The system's number of the thread, or null where it does not tell. */
  #thread: number | null = null;
  #failed: Error | null = null;
  #waiting: { resolve: (answer: unknown) => void; reject: (error: Error) => void } | null = null;

  private constructor(data: CostThreadStart) {
    this.#worker = new Worker(new URL("./cost-worker.mjs", import.meta.url), { workerData: data });
    this.#worker.on("message", (answer) => this.#waiting?.resolve(answer));
    this.#worker.on("error", (error) => this.#fail(new Error(`a measuring thread died: ${error}`)));
    this.#worker.on("exit", (code) => this.#fail(new Error(`a measuring thread ended with code ${code}`)));
  }

  /**
   * Starts a thread with an instance of the module on memory that it shares with the other one.
   *
   * @throws {Error} when the thread cannot be started
   */
  static async start(module: WebAssembly.Module, memory: WebAssembly.Memory, index: number): Promise<CostThread> {
    const layout = { thisCpu: index, cpuCount: 2, cpuBlocks, taskStacks, spinsPerMicrosecond: 1000 };
    const thread = new CostThread({ module, memory, layout, cells });
    try {
      thread.#thread = (await thread.#answer<{ thread: number | null }>()).thread;
      return thread;
    } catch (error) {
      await thread.close();
      throw error;
    }
  }

  #fail(error: Error): void {
    this.#failed ??= error;
    this.#waiting?.reject(error);
  }

  async #answer<Answer>(): Promise<Answer> {
    if (this.#failed !== null) throw this.#failed;
    let timer: NodeJS.Timeout | undefined;
    try {
      return await new Promise<Answer>((resolve, reject) => {
        this.#waiting = { resolve: resolve as (answer: unknown) => void, reject };
        const late = new Error(`a measuring thread gave no answer for ${patienceMs / 1000} s`);
        timer = setTimeout(() => reject(late), patienceMs);
      });
    } finally {
      clearTimeout(timer);
      this.#waiting = null;
    }
  }

  async #perform<Answer>(order: CostOrder): Promise<Answer> {
    const answer = this.#answer<Answer>();
    this.#worker.postMessage(order);
    return await answer;
  }

  /**
   * Calls exports one after the other and times each.
   *
   * @throws {Error} when the thread died or does not answer; so do the others
   */
  async loops(...calls: readonly (readonly [name: string, ...args: number[]])[]): Promise<LoopAnswer> {
    return await this.#perform({ kind: "loops", calls: calls.map(([name, ...args]) => ({ name, args })) });
  }

  /** Wakes the thread that {@link answerWakes}, each time after both have slept for `idleMs`. */
  async wake(count: number, idleMs: number): Promise<WakeAnswer> {
    return await this.#perform({ kind: "wake", count, idleMs });
  }

  async answerWakes(count: number): Promise<void> {
    await this.#perform({ kind: "answer-wakes", count });
  }

  /**
   * Sends a byte through one pipe and gets it back from the other, or the other way round; returns the time of all in
   * ns. Another thread has to do the counterpart.
   */
  async passToken(pipes: TokenPipes, count: number, starts: boolean): Promise<number> {
    return (await this.#perform<{ ns: number }>({ kind: "pass-token", pipes, count, starts })).ns;
  }

  /** The same through one pipe, and back to itself: as many writes and reads as one side of {@link passToken} makes. */
  async passTokenAlone(pipes: TokenPipes, count: number): Promise<number> {
    return (await this.#perform<{ ns: number }>({ kind: "pass-token-alone", pipes, count })).ns;
  }

  /** Binds the thread to a CPU. Returns false where the system has no means to, or does not let it. */
  async bind(cpu: number): Promise<boolean> {
    if (this.#thread === null) return false;
    try {
      await promisify(execFile)("taskset", ["-p", "-c", String(cpu), String(this.#thread)]);
      return true;
    } catch {
      return false;
    }
  }

  /** Ends the thread, wherever it is. */
  async close(): Promise<void> {
    this.#worker.removeAllListeners();
    await this.#worker.terminate();
  }
}
