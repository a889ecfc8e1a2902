// The problems that are described as data. A new one is one file and one line here.

import { cil } from "./cil.ts";
import { memcgIterator } from "./memcg-iterator.ts";
import type { Problem } from "./problem.ts";
import { shrinker } from "./shrinker.ts";
import { slabOffline } from "./slab-offline.ts";

export type { Problem } from "./problem.ts";

export const problems: readonly Problem[] = [cil, memcgIterator, shrinker, slabOffline];

/** The description of a problem, or undefined for one that has none. */
export function problemOf(name: string): Problem | undefined {
  return problems.find((one) => one.name === name);
}
