// All mutants: variants with one ingredient left out, each of which the checker has to find.

import { cilMutants } from "./cil-mutants.ts";
import { memcgIteratorMutants } from "./memcg-iterator-mutants.ts";
import type { Mutant } from "./mutant.ts";
import { quarantineMutants } from "./quarantine-mutants.ts";
import { shrinkerMutants } from "./shrinker-mutants.ts";
import { slabOfflineMutants } from "./slab-offline-mutants.ts";
import { syncMutants } from "./sync-mutants.ts";

export type { Mutant } from "./mutant.ts";

export const mutants: readonly Mutant[] = [
  ...quarantineMutants,
  ...shrinkerMutants,
  ...syncMutants,
  ...slabOfflineMutants,
  ...memcgIteratorMutants,
  ...cilMutants,
];
