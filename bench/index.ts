// All suites, by problem.

import type { Suite } from "../src/plan/suite.ts";
import { quarantine } from "./quarantine.ts";
import { shrinker } from "./shrinker.ts";

export const suites: readonly Suite[] = [quarantine, shrinker];
