// What described problems add to their descriptions for a report. A new problem is one file and a line here; one without
// is reported as its description says.

import { cilPlan } from "./cil.ts";
import { memcgIteratorPlan } from "./memcg-iterator.ts";
import type { Plan } from "./plan.ts";
import { slabOfflinePlan } from "./slab-offline.ts";

const plans: Readonly<Record<string, Plan>> = {
  "memcg-iterator": memcgIteratorPlan,
  cil: cilPlan,
  "slab-offline": slabOfflinePlan,
};

/** By the problem's name. */
export function planOf(problem: string): Plan {
  return (Object.hasOwn(plans, problem) ? plans[problem] : undefined) ?? { constraints: [], overview: [] };
}
