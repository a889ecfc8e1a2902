// Fibers: calls into a traced module that stop at an access and go on later.
//
// The module has to be compiled with `fibers: true`, which adds Binaryen's asyncify: to suspend, a call writes its
// frames to memory and returns; to go on, the function is called again and finds its way back through them. What a
// suspended fiber is lies wholly in the region of linear memory that its maker names.
// Who runs when, what an access costs and whether it is allowed is the instrument's business, not decided here.

import { type SuspendableOperation, suspendableOperations } from "../build/flags.ts";

/** Operations that only tell the host something, or ask it for something; they take no time. */
export type ImmediateOperation =
  | "taskStack"
  | "task"
  | "isRunning"
  | "isIdle"
  | "preemptOff"
  | "irqOff"
  | "allocated"
  | "freed"
  | "enter"
  | "leave"
  | "note"
  | "upperHalf"
  | "clockNs"
  | "deferNs"
  | "runDeferredUntil";

/** Performs one operation. Arguments and results are 32 bits wide and come signed, except for times, which are f64. */
export type Perform = (a: number, b: number, c: number, d: number, e: number) => number;

/** What every import of `src/kernel/machine/traced.ts` does, where arguments and results are documented. */
export type TracedMachine = Readonly<Record<SuspendableOperation | ImmediateOperation, Perform>>;

/** Whether to suspend the fiber before it performs the operation with these arguments. */
export type SuspendBefore = (fiber: Fiber, operation: SuspendableOperation, a: number, b: number, c: number) => boolean;

/** A region of linear memory for the frames of one suspended fiber, in bytes: from `base`, a multiple of 4, to `end`. */
export interface FiberStack {
  readonly base: number;
  readonly end: number;
}

/** An instance of a module that was compiled with `fibers: true`. */
export interface FiberModule {
  readonly memory: WebAssembly.Memory;
  readonly exports: object;
}

interface Asyncify {
  asyncify_start_unwind(stack: number): void;
  asyncify_stop_unwind(): void;
  asyncify_start_rewind(stack: number): void;
  asyncify_stop_rewind(): void;
  asyncify_get_state(): number;
}

const stateUnwinding = 1;
/** In front of the frames: where the next one goes, and where the region ends. */
const stackHeaderBytes = 8;

/** Stands between one instance and the instrument's machine. Used in this order: construct, instantiate, attach. */
export class FiberHost {
  /** To be passed at instantiation as the imports of `traced`. */
  readonly imports: WebAssembly.ModuleImports;
  readonly #suspendBefore: SuspendBefore;
  #module: { readonly memory: WebAssembly.Memory; readonly exports: Asyncify } | undefined;
  #running: Fiber | undefined;
  #isRewinding = false;

  /**
   * @param machine performs the operations; its own properties are taken when the host is made. What it calls in the
   *   instance meanwhile, such as deferred work, is never suspended; to be suspended it has to be a fiber of its own.
   * @param suspendBefore asked at each suspendable operation of a running fiber, but not again when the fiber goes on
   */
  constructor(machine: TracedMachine, suspendBefore: SuspendBefore) {
    this.#suspendBefore = suspendBefore;
    const imports: Record<string, Perform> = {};
    for (const [name, perform] of Object.entries(machine)) imports[name] = this.#unsuspended(perform);
    for (const name of suspendableOperations) imports[name] = this.#suspendable(name, machine[name]);
    this.imports = imports;
  }

  /** @throws {Error} when the module was compiled without fibers */
  attach(module: FiberModule): void {
    if (!("asyncify_start_unwind" in module.exports)) throw new Error("the module was compiled without fibers");
    this.#module = { memory: module.memory, exports: module.exports as unknown as Asyncify };
  }

  /**
   * Runs a fiber for the first time, or on from where it stopped. Only {@link Fiber} calls it.
   *
   * @returns whether the fiber is suspended
   */
  run(fiber: Fiber, entry: string, stack: FiberStack, begin: boolean): boolean {
    if (this.#module === undefined) throw new Error("the fiber host is not attached to an instance");
    if (this.#running !== undefined) throw new Error("a fiber of this instance is running already");
    const { memory, exports } = this.#module;
    const header = new Int32Array(memory.buffer, stack.base, 2);
    if (begin) {
      header[0] = stack.base + stackHeaderBytes;
      header[1] = stack.end;
    } else {
      this.#isRewinding = true;
      exports.asyncify_start_rewind(stack.base | 0);
    }
    this.#running = fiber;
    let result: number | undefined;
    try {
      const call = (exports as unknown as Record<string, (...args: readonly number[]) => number | undefined>)[entry];
      if (call === undefined) throw new Error(`the module has no export '${entry}'`);
      result = call(...fiber.args);
    } finally {
      this.#running = undefined;
    }
    if (exports.asyncify_get_state() !== stateUnwinding) {
      fiber.result = result;
      return false;
    }
    const used = ((header[0] ?? 0) >>> 0) - stack.base;
    const has = stack.end - stack.base;
    // Asyncify looks at the end only now, and traps; so look first, and let it pass.
    if (used > has) header[0] = stack.base + stackHeaderBytes;
    exports.asyncify_stop_unwind();
    if (used > has) {
      throw new Error(
        `fiber stack exhausted: '${entry}' needs ${used} bytes, has ${has}; what lay behind is overwritten`,
      );
    }
    return true;
  }

  /** What the machine calls in turn while it performs an operation is outside the fiber: host frames cannot unwind. */
  #unsuspended(perform: Perform): Perform {
    return (a, b, c, d, e) => {
      const fiber = this.#running;
      this.#running = undefined;
      const result = perform(a, b, c, d, e);
      this.#running = fiber;
      return result;
    };
  }

  #suspendable(operation: SuspendableOperation, immediately: Perform): Perform {
    const perform = this.#unsuspended(immediately);
    return (a, b, c, d, e) => {
      const fiber = this.#running;
      // A plain call of an export, outside any fiber, is never suspended.
      if (fiber === undefined || this.#module === undefined) return perform(a, b, c, d, e);
      const { exports } = this.#module;
      if (this.#isRewinding) {
        // The suspended call again: its frames are back, and its arguments with them.
        this.#isRewinding = false;
        exports.asyncify_stop_rewind();
        return perform(a, b, c, d, e);
      }
      if (!this.#suspendBefore(fiber, operation, a, b, c)) return perform(a, b, c, d, e);
      exports.asyncify_start_unwind(fiber.stack.base | 0);
      return 0;
    };
  }
}

/** One call of an exported function that may be suspended. A fiber that has ended or failed cannot be used again. */
export class Fiber {
  /** `failed` after a trap, an error thrown by the machine, or an exhausted stack. */
  status: "new" | "running" | "suspended" | "ended" | "failed" = "new";
  /** What the function returned, once the fiber has ended; undefined if it returns nothing. */
  result: number | undefined;
  readonly args: readonly number[];
  readonly stack: FiberStack;
  readonly #host: FiberHost;
  readonly #entry: string;

  /** @param entry name of an exported function; it and its arguments are 32-bit integers or f64 */
  constructor(host: FiberHost, stack: FiberStack, entry: string, args: readonly number[]) {
    this.#host = host;
    this.#entry = entry;
    this.args = args;
    this.stack = stack;
  }

  /** Begins the call and runs it to its first suspension or its end. Returns whether it is suspended. */
  start(): boolean {
    if (this.status !== "new") throw new Error(`cannot start a fiber that is ${this.status}`);
    return this.#run(true);
  }

  /** Performs the operation that the fiber was suspended before, and goes on. Returns whether it is suspended again. */
  resume(): boolean {
    if (this.status !== "suspended") throw new Error(`cannot resume a fiber that is ${this.status}`);
    return this.#run(false);
  }

  #run(begin: boolean): boolean {
    this.status = "running";
    try {
      this.status = this.#host.run(this, this.#entry, this.stack, begin) ? "suspended" : "ended";
    } finally {
      if (this.status === "running") this.status = "failed";
    }
    return this.status === "suspended";
  }
}
