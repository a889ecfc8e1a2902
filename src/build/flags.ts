// Every flag that the AssemblyScript compiler gets, in one place. They are stored with each result.

/** Form of the machine that a module is bound to. */
export type MachineForm = "native" | "instrumented" | "profiled" | "traced" | "simulated" | "checked";

/** The only version that the canary test has looked into (`test/build/canary.test.ts`). */
export const compilerVersion = "0.28.20";

/**
 * Compile-time constants of a module, such as `LAB_BUCKETS`. The compiler reads their values with `parseInt`, which
 * silently misreads much, so {@link compilerFlags} refuses what is not a plain decimal.
 */
export type Constants = Readonly<Record<string, number>>;

/**
 * How much the compiler optimises. Where the host performs every operation nobody times the code, and what V8 makes of it is
 * as fast: without, it compiles in a tenth of the time.
 */
const optimisation: Readonly<Record<MachineForm, string>> = {
  native: "-O3",
  instrumented: "-O3",
  profiled: "-O3",
  traced: "-O0",
  simulated: "-O0",
  checked: "-O0",
};

/**
 * Flags for one module.
 *
 * The module declares one page of memory and the most that Wasm allows; the memory that it gets is made per case.
 *
 * @throws {RangeError} when a constant is not an integer from 0 to 2^31 - 1, or its name does not begin with `LAB_`
 */
export function compilerFlags(constants: Constants, machine: MachineForm): string[] {
  const flags = [
    optimisation[machine],
    "--runtime",
    "stub",
    "--noAssert",
    "--enable",
    "threads",
    "--importMemory",
    "--sharedMemory",
    "--noExportMemory",
    "--initialMemory",
    "1",
    "--maximumMemory",
    "65536",
  ];
  for (const name of Object.keys(constants).sort()) {
    const value = constants[name];
    if (!/^LAB_[A-Z_]+$/.test(name)) throw new RangeError(`constant '${name}': its name must begin with LAB_`);
    if (value === undefined || !Number.isInteger(value) || value < 0 || value > 0x7fff_ffff) {
      throw new RangeError(`constant '${name}': must be an integer from 0 to 2147483647, got ${value}`);
    }
    flags.push("--use", `${name}=${value}`);
  }
  return flags;
}

/**
 * Flags for an instrument's core. It runs in one thread and calls functions of a shared table.
 *
 * @param sharesMemory whether it works on the memory of the code under test, which is made to be shared between threads
 */
export function coreFlags(sharesMemory: boolean): string[] {
  const flags = ["-O3", "--runtime", "stub", "--noAssert", "--importMemory", "--noExportMemory", "--importTable"];
  if (!sharesMemory) return flags;
  return [...flags, "--enable", "threads", "--sharedMemory", "--initialMemory", "1", "--maximumMemory", "65536"];
}

/**
 * Functions that are never inlined, as patterns of their names: what is seldom run would otherwise end up in the middle
 * of what is run for every event, and keep that from being inlined (`bench/host/c-comparison` measures the difference).
 * `nap` for another reason: the baseline compiler of V8 11.3 (Node 20) was seen to lose a local that is alive across
 * `memory.atomic.wait32`, so the wait stands in a function without any.
 */
export const neverInlined = ["*/flushOwn", "*/harness/runFrees", "*/access/deliver", "*/access/nap"] as const;

/** The operations at which a fiber can be suspended. The compiler prepares only calls that lead to one of these. */
export const suspendableOperations = [
  "load32",
  "storeRelaxed32",
  "store32",
  "exchange32",
  "compareExchange32",
  "add32",
  "load64Halves",
  "storeRelaxed64Halves",
  "store64Halves",
  "exchange64Halves",
  "compareExchange64Halves",
  "add64Halves",
  "barrier",
  "pause",
  "wait",
  "wake",
  "interrupt",
  "quiescent",
  "preemptOn",
  "irqOn",
  "sleepNs",
  "computeNs",
] as const;

export type SuspendableOperation = (typeof suspendableOperations)[number];

/** Imports of the simulated form at which a fiber can be suspended. */
export const suspendingSimulatedImports = ["access", "request", "requestSpan"] as const;

/** Imports of the checked form at which a fiber can be suspended. */
export const suspendingCheckedImports = [
  "load32",
  "load64",
  "storeRelaxed32",
  "storeRelaxed64",
  "store32",
  "store64",
  "exchange32",
  "exchange64",
  "compareExchange32",
  "compareExchange64",
  "add32",
  "add64",
  "barrier",
  "pause",
  "wait",
  "wake",
  "interrupt",
  "sleep",
  "preemptOff",
  "preemptOn",
  "irqOff",
  "irqOn",
  "now",
  "isRunning",
  "isIdle",
  "deferAfter",
  "allocated",
  "objectAllocated",
  "freed",
  "objectFreed",
] as const;
