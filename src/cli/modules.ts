// Compiles what a run needs.

import { setFlagsFromString } from "node:v8";
import { type CompiledModule, compileModule } from "../build/compile.ts";
import type { MachineForm } from "../build/flags.ts";
import type { Unit } from "../plan/plan.ts";
import type { PlannedVariant } from "../plan/variant.ts";
import type { Run } from "../records/run-file.ts";
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
};

interface KeptModule {
  readonly problem: string;
  readonly machine: MachineForm;
  readonly variant: PlannedVariant;
  readonly compiled: CompiledModule;
}

/** Compiled modules of a run, by problem, variant and form of the machine. */
export class Modules {
  readonly #modules = new Map<string, KeptModule>();

  static #key(problem: string, variant: PlannedVariant, machine: MachineForm): string {
    return `${problem} ${machine} ${variant.id}`;
  }

  /** @throws {InputError} when a variant does not compile */
  async compile(problem: string, variant: PlannedVariant, machine: MachineForm): Promise<void> {
    const key = Modules.#key(problem, variant, machine);
    if (this.#modules.has(key)) return;
    const compiled = await compileModule({
      problem,
      variant: variant.name,
      ...(variant.file === undefined ? {} : { variantFile: variant.file }),
      machine,
      constants: variant.constants,
    });
    this.#modules.set(key, { problem, machine, variant, compiled });
  }

  get({ problem, stage }: Unit, variant: PlannedVariant): CompiledModule {
    const found = this.#modules.get(Modules.#key(problem, variant, machineOfStage[stage]));
    if (found === undefined) throw new Error(`${variant.id} was not compiled for ${stage}`);
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

  flags(): string[] {
    const first = [...this.#modules.values()].find(({ variant }) => variant.isReference);
    return [...(first?.compiled.flags ?? [])];
  }
}

/**
 * Compiles everything that the units need.
 *
 * @throws {InputError} when a variant does not compile; nothing was written by then
 */
export async function compileUnits(units: readonly Unit[], io: Io): Promise<Modules> {
  setFlagsFromString(v8Flags);
  const wanted = new Map<string, () => Promise<void>>();
  const modules = new Modules();
  for (const { problem, stage, variants } of units) {
    for (const variant of variants) {
      const machine = machineOfStage[stage];
      wanted.set(`${problem} ${variant.id}, ${machine}`, () => modules.compile(problem, variant, machine));
    }
  }
  const progress = new Progress(io, { unitsTotal: wanted.size });
  for (const [key, compile] of wanted) {
    progress.begin(`compile ${key}`);
    try {
      await compile();
    } catch (error) {
      progress.clear();
      throw error;
    }
    progress.finish(1);
  }
  progress.clear();
  return modules;
}
