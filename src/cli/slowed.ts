// A variant that computes more than it has to, and does nothing else: no access, no lock and no event is added. What it costs
// shows in native time alone.

import { mkdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { type CompiledModule, compileModule, kernelFolder } from "../build/compile.ts";
import type { PlannedVariant } from "../plan/variant.ts";

/** Where a gated metric can be slowed: a function of the variants, and how many of its calls share a loop. */
interface Place {
  readonly name: string;
  /**
   * A short loop after every call is hidden by what the CPU does out of order, and one step of it may be too much already.
   * One call in many computes for all of them.
   */
  readonly every: number;
}

const places: Readonly<Record<string, Readonly<Record<string, Place>>>> = {
  quarantine: {
    "put-ns": { name: "put", every: 64 },
    "allocate-ns": { name: "reduce", every: 64 },
    // Once in a round or a few times.
    "teardown-ns": { name: "removeCache", every: 1 },
  },
  shrinker: { "visits-per-s": { name: "shrinkSlab", every: 64 } },
  "memcg-iterator": { "rounds-per-s": { name: "iterate", every: 64 } },
  "slab-offline": { "bogo-ops-per-s": { name: "allocate", every: 16 } },
  cil: { "commits-per-s": { name: "commit", every: 1 } },
};

/** A variant's source with a call of the loop at the beginning of a function; null when the function is not in it. */
export function withLoop(source: string, { name, every }: Place, steps: number): string | null {
  const begin = new RegExp(`^export function ${name}\\([^)]*\\): [^{\\n]+ \\{$`, "m").exec(source);
  if (begin === null) return null;
  const bodyAt = begin.index + begin[0].length;
  // Only odd numbers are multiplied, so the product is never 0; the compiler does not know.
  const loop = `
let computedCalls: u32 = 0;

function computeMore(): void {
  if (++computedCalls % ${every} !== 0) return;
  let state: u32 = 1;
  for (let step: u32 = 0; step < ${steps}; step++) state *= 1664525;
  if (state === 0) unreachable();
}
`;
  return `${source.slice(0, bodyAt)}\n  computeMore();${source.slice(bodyAt)}${loop}`;
}

/** Makes slowed forms of a variant. */
export class Slowed {
  readonly every: number;
  readonly #folder: string;
  readonly #problem: string;
  readonly #variant: PlannedVariant;
  readonly #source: string;
  readonly #place: Place;

  private constructor(folder: string, problem: string, variant: PlannedVariant, source: string, place: Place) {
    this.#folder = folder;
    this.#problem = problem;
    this.#variant = variant;
    this.#source = source;
    this.#place = place;
    this.every = place.every;
  }

  /**
   * @param folder for sources, each of which gets a folder of its own
   * @returns null when the metric of this variant cannot be slowed: it has the function from another variant, for example
   */
  static async of(folder: string, problem: string, variant: PlannedVariant, metric: string): Promise<Slowed | null> {
    const place = places[problem]?.[metric];
    if (place === undefined) return null;
    const source = await readFile(path.join(kernelFolder, problem, `${variant.name}.ts`), "utf8");
    if (withLoop(source, place, 1) === null) return null;
    return new Slowed(folder, problem, variant, source, place);
  }

  async compile(steps: number): Promise<CompiledModule> {
    const { name, constants } = this.#variant;
    const folder = path.join(this.#folder, `${this.#problem}-${this.#place.name}-${name}-${steps}`);
    await mkdir(folder, { recursive: true });
    const variantFile = path.join(folder, `${name}.ts`);
    await writeFile(variantFile, withLoop(this.#source, this.#place, steps)!);
    return await compileModule({ problem: this.#problem, variant: name, variantFile, machine: "native", constants });
  }
}
