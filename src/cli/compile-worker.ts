// A thread that compiles: the compiler runs for seconds, and modules do not depend on each other.

import { type CompiledModule, compileModule, type ModuleSource } from "../build/compile.ts";
import { InputError } from "../errors.ts";

/** What came of a module. Errors of the user are posted as text, because classes do not outlive that. */
export type Compilation = { readonly compiled: CompiledModule } | { readonly badInput: string };

export default async function compile(source: ModuleSource): Promise<Compilation> {
  try {
    return { compiled: await compileModule(source) };
  } catch (error) {
    if (error instanceof InputError) return { badInput: error.message };
    throw error;
  }
}
