// All suites, by problem.

import type { Suite } from "../src/plan/suite.ts";
import { cil } from "./cil.ts";
import { memcgIterator } from "./memcg-iterator.ts";
import { quarantine } from "./quarantine.ts";
import { shrinker } from "./shrinker.ts";
import { slabOffline } from "./slab-offline.ts";

export const suites: readonly Suite[] = [quarantine, shrinker, memcgIterator, slabOffline, cil];
