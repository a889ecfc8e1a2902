// Where the activities of a machine - tasks, and the handlers of interrupts - lie in the memory of the code under test.

import { ViolationError } from "../errors.ts";
import { interruptSymbol, otherSymbol } from "./core/protocol.ts";
import type { CoreExports } from "./core-module.ts";
import { nameOfSymbol } from "./machine-counts.ts";

/** Most activities that the core has room for. */
export const activitiesMax = 8192;
/** What an interrupt handler is told when it asks for the running task, which it must not. */
const handlerIdentity = activitiesMax - 1;
/** Bytes that one activity needs: its page, and its frames while it is suspended. */
const pageBytes = 4096;
const stackBytes = 12_288;
export const activityBytes = pageBytes + stackBytes;

/** What an activity calls in its CPU's instance: one of `call...`, and the arguments. */
export interface ActivityCall {
  readonly call: number;
  readonly a: number;
  readonly b: number;
  readonly deadlineNs: number;
}

export class Activities {
  readonly #core: CoreExports;
  readonly #words: Int32Array;
  readonly #base: number;

  /**
   * @param words the memory of the code under test
   * @param base where the regions of {@link activityBytes} begin, one for each activity
   */
  constructor(core: CoreExports, words: Int32Array, base: number) {
    this.#core = core;
    this.#words = words;
    this.#base = base;
  }

  /** Address of an activity's own page. */
  pageOf(activity: number): number {
    return (this.#base + activity * activityBytes) | 0;
  }

  #stackWordOf(activity: number): number {
    return (this.#base + activity * activityBytes + pageBytes) >>> 2;
  }

  prepareTask(activity: number, identity: number, call: ActivityCall): void {
    this.#prepare(activity, identity, call, 0, otherSymbol);
  }

  /** A handler runs with interrupts off. */
  prepareHandler(activity: number, call: ActivityCall): void {
    this.#prepare(activity, handlerIdentity, call, 1, interruptSymbol);
  }

  #prepare(activity: number, identity: number, call: ActivityCall, irqDepth: number, symbol: number): void {
    const page = this.pageOf(activity);
    const stack = page + pageBytes;
    const word = this.#stackWordOf(activity);
    this.#words[word] = stack + 8;
    this.#words[word + 1] = stack + stackBytes;
    const { call: entry, a, b, deadlineNs } = call;
    this.#core.newActivity(activity, identity, stack | 0, page, entry, a, b, deadlineNs, irqDepth, symbol);
  }

  /** The symbols that an activity is in, the outermost first. */
  symbolsOf(activity: number): string {
    const symbols: number[] = [];
    for (let depth = 0; ; depth++) {
      const symbol = this.#core.symbolAt(activity, depth);
      if (symbol === 0) break;
      symbols.push(symbol);
    }
    return symbols.length === 0 ? "no symbol" : symbols.map((symbol) => nameOfSymbol(symbol)).join(" > ");
  }

  /** What a trap in an activity says of the code under test. */
  explainTrap(cpu: number, activity: number, error: Error): ViolationError {
    const word = this.#stackWordOf(activity);
    const isFull = (this.#words[word] as number) >>> 0 > (this.#words[word + 1] as number) >>> 0;
    const what = isFull ? `needs more than ${stackBytes} bytes of stack to be suspended` : "trapped";
    return new ViolationError(`CPU ${cpu} ${what} in ${this.symbolsOf(activity)}: ${error.message}`);
  }
}
