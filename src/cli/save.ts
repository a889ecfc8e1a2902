// `reclaim-bench save`: writes a workload to a file, to be run from it, shared or replayed.

import { InputError } from "../errors.ts";
import { createWorkload, saveWorkload } from "../workloads/index.ts";
import { checkSeed } from "../workloads/parameters.ts";
import type { Io } from "./io.ts";
import { readSettings } from "./options.ts";

export function save(
  name: string,
  file: string,
  options: { readonly set: readonly string[]; readonly seed: string },
  io: Io,
): number {
  if (!/^\d+$/.test(options.seed)) throw new InputError(`--seed: must be a whole number, got '${options.seed}'`);
  const workload = createWorkload(name, readSettings(options.set), checkSeed(Number(options.seed)));
  const hash = saveWorkload(workload, file);
  io.write(`${file}: ${workload.limits.events} events, sha256 ${hash}\n`);
  return 0;
}
