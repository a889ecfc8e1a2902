// Compiles what a run needs.

import { availableParallelism } from "node:os";
import path from "node:path";
import { setFlagsFromString } from "node:v8";
import { Piscina } from "piscina";
import {
  type CompiledModule,
  compileCheckerCore,
  compileModule,
  compileSimulatorCore,
  flagsOf,
  isKept,
  type ModuleSource,
} from "../build/compile.ts";
import type { MachineForm } from "../build/flags.ts";
import { InputError } from "../errors.ts";
import { packageRoot } from "../package-root.ts";
import type { Unit } from "../plan/unit.ts";
import type { PlannedVariant } from "../plan/variant.ts";
import type { Run } from "../records/run-file.ts";
import { type CheckCase, checkedSource } from "./check-plan.ts";
import type { Compilation } from "./compile-worker.ts";
import type { Io } from "./io.ts";
import { Progress } from "./progress.ts";

/** Flags of V8 that hold for the whole run: Wasm is compiled by the optimising compiler from the first call on. */
export const v8Flags = "--no-liftoff";

const machineOfStage: Readonly<Record<Unit["stage"], MachineForm>> = {
  timed: "native",
  mitata: "native",
  instrumented: "instrumented",
  profiled: "profiled",
  counted: "traced",
  simulated: "simulated",
};

/** A module that a run needs. */
interface WantedModule {
  readonly problem: string;
  readonly machine: MachineForm;
  readonly variant: PlannedVariant;
  readonly source: ModuleSource;
}

function moduleKey(problem: string, variant: PlannedVariant, machine: MachineForm): string {
  return `${problem} ${variant.id}, ${machine}`;
}

function checkKey(check: CheckCase): string {
  return `${moduleKey(check.problem, check.variant, "checked")} ${check.scenario.name}`;
}

/** Modules of some units and checks by key, in their order. */
function wantedBy(
  units: readonly Unit[],
  checks: readonly CheckCase[],
  kernelFolder?: string,
): Map<string, WantedModule> {
  const wanted = new Map<string, WantedModule>();
  for (const { problem, stage, variants } of units) {
    const machine = machineOfStage[stage];
    for (const variant of variants) {
      const source: ModuleSource = {
        problem,
        variant: variant.name,
        ...(variant.file === undefined ? {} : { variantFile: variant.file }),
        ...(kernelFolder === undefined ? {} : { kernelFolder }),
        machine,
        constants: variant.constants,
      };
      wanted.set(moduleKey(problem, variant, machine), { problem, machine, variant, source });
    }
  }
  for (const check of checks) {
    const { problem, variant } = check;
    const source = { ...checkedSource(check), ...(kernelFolder === undefined ? {} : { kernelFolder }) };
    wanted.set(checkKey(check), { problem, machine: "checked", variant, source });
  }
  return wanted;
}

/** Forms of which every operation is performed by the host. Nobody times their code. */
const hostedForms: ReadonlySet<MachineForm> = new Set(["traced", "simulated", "checked"]);

/** Compiled modules of a run, by problem, variant and form of the machine. */
export class Modules {
  readonly #modules: ReadonlyMap<string, WantedModule & { readonly compiled: CompiledModule }>;
  /** The simulator's core; null when nothing is simulated. */
  readonly core: CompiledModule | null;
  /** The checker's core; null when nothing is checked. */
  readonly checkerCore: CompiledModule | null;
  /**
   * V8 has the machine code of a module once per process, for as long as anybody has that module. Without these, every
   * case would have its functions compiled anew.
   */
  readonly inUse: readonly WebAssembly.Module[];

  constructor(
    modules: ReadonlyMap<string, WantedModule & { readonly compiled: CompiledModule }>,
    core: CompiledModule | null,
    checkerCore: CompiledModule | null,
  ) {
    this.#modules = modules;
    this.core = core;
    this.checkerCore = checkerCore;
    const hosted = [...modules.values()].flatMap(({ machine, compiled }) =>
      hostedForms.has(machine) ? [compiled] : [],
    );
    this.inUse = [...hosted, core, checkerCore].flatMap((one) =>
      one === null ? [] : [new WebAssembly.Module(one.wasm)],
    );
  }

  get({ problem, stage }: Unit, variant: PlannedVariant): CompiledModule {
    const found = this.#modules.get(moduleKey(problem, variant, machineOfStage[stage]));
    if (found === undefined) throw new Error(`${variant.id} was not compiled for ${stage}`);
    return found.compiled;
  }

  /** The module of a case of the check. */
  checked(check: CheckCase): CompiledModule {
    const found = this.#modules.get(checkKey(check));
    if (found === undefined) throw new Error(`${check.variant.id} was not compiled for ${check.scenario.name}`);
    return found.compiled;
  }

  describe(): Run["modules"] {
    return [...this.#modules.values()].map(({ problem, machine, variant, compiled }) => ({
      problem,
      variant: variant.id,
      machine,
      wasmSha256: compiled.sha256,
    }));
  }

  /** By form of the machine; constants, which differ from variant to variant, left out. */
  flags(): Record<string, string[]> {
    const forms = new Set([...this.#modules.values()].map(({ machine }) => machine));
    return Object.fromEntries([...forms].map((machine) => [machine, flagsOf({ constants: {}, machine })]));
  }
}

/** The same text for the same source, of which several variants may be made. */
function sourceKey(source: ModuleSource): string {
  return JSON.stringify(source);
}

/** Most threads that compile: each takes some hundred MiB. */
const threadsMax = 8;

/** Of the build, also where the sources run: Node.js 20 cannot load TypeScript into a thread. */
const workerFile = path.join(packageRoot, "dist", "src", "cli", "compile-worker.js");

/**
 * Compiles in threads what is not kept from before, into where it is kept.
 *
 * @param onDone called after each
 * @throws {InputError} for the first of those that do not compile
 */
async function compileMissing(
  sources: readonly ModuleSource[],
  onDone: () => void,
): Promise<Map<string, CompiledModule>> {
  const done = new Map<string, CompiledModule>();
  const maxThreads = Math.min(threadsMax, availableParallelism(), sources.length);
  const threads = new Piscina({
    filename: workerFile,
    minThreads: 0,
    maxThreads,
    atomics: "disabled",
    recordTiming: false,
  });
  try {
    const running = sources.map(async (source) => {
      const result = (await threads.run(source)) as Compilation;
      onDone();
      return result;
    });
    // The first that fails in the order of the run is told, whichever ends first.
    const results = await Promise.allSettled(running);
    for (const [index, result] of results.entries()) {
      if (result.status === "rejected") throw result.reason;
      if ("badInput" in result.value) throw new InputError(result.value.badInput);
      done.set(sourceKey(sources[index] as ModuleSource), result.value.compiled);
    }
    return done;
  } finally {
    await threads.destroy();
  }
}

/**
 * Compiles modules, each once, several at a time; what is kept from before is taken from there.
 *
 * @param onDone called after each that had to be compiled
 * @returns gives the module of a source
 * @throws {InputError} for the first source that does not compile
 */
async function compileSources(
  wanted: readonly ModuleSource[],
  missing: readonly ModuleSource[],
  onDone: () => void,
): Promise<(source: ModuleSource) => CompiledModule> {
  // One alone is not worth a thread.
  const compiled = missing.length > 1 ? await compileMissing(missing, onDone) : new Map<string, CompiledModule>();
  for (const source of wanted) {
    const key = sourceKey(source);
    if (!compiled.has(key)) compiled.set(key, await compileModule(source));
  }
  return (source) => {
    const found = compiled.get(sourceKey(source));
    if (found === undefined) throw new Error(`${source.variant} was not compiled for the ${source.machine} form`);
    return found;
  };
}

/**
 * Compiles modules as {@link compileSources} does, and tells how far it is.
 *
 * @throws {InputError} for the first source that does not compile
 */
export async function compileAll(
  sources: readonly ModuleSource[],
  io: Io,
): Promise<(source: ModuleSource) => CompiledModule> {
  const distinct = [...new Map(sources.map((source) => [sourceKey(source), source])).values()];
  const missing = distinct.filter((source) => !isKept(source));
  const progress = new Progress(io, { unitsTotal: missing.length + 1 });
  progress.begin(`compile ${missing.length} modules`);
  try {
    return await compileSources(distinct, missing, () => progress.finish(1));
  } finally {
    progress.clear();
  }
}

/**
 * Compiles everything that the units and the check before them need.
 *
 * @param kernelFolder that of another revision, from which the variants are taken
 * @throws {InputError} when a variant does not compile; nothing was written by then
 */
export async function compileUnits(
  units: readonly Unit[],
  checks: readonly CheckCase[],
  io: Io,
  kernelFolder?: string,
): Promise<Modules> {
  setFlagsFromString(v8Flags);
  const wanted = wantedBy(units, checks, kernelFolder);
  const moduleOf = await compileAll(
    [...wanted.values()].map(({ source }) => source),
    io,
  );
  const isSimulated = units.some(({ simulation }) => simulation !== null);
  return new Modules(
    new Map([...wanted].map(([key, one]) => [key, { ...one, compiled: moduleOf(one.source) }])),
    isSimulated ? await compileSimulatorCore() : null,
    checks.length > 0 ? await compileCheckerCore() : null,
  );
}
