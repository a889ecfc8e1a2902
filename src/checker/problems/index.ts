// Which problem is checked how. A new problem is its file and a line here, behind the others: tokens have its place.

import { InputError } from "../../errors.ts";
import { cilCheck } from "./cil.ts";
import { memcgIteratorCheck } from "./memcg-iterator.ts";
import type { ProblemCheck } from "./problem.ts";
import { quarantineCheck } from "./quarantine.ts";
import { shrinkerCheck } from "./shrinker.ts";
import { slabOfflineCheck } from "./slab-offline.ts";

export type { ProblemCheck } from "./problem.ts";

/** By name. */
export const problemChecks: Readonly<Record<string, ProblemCheck>> = {
  quarantine: quarantineCheck,
  shrinker: shrinkerCheck,
  "memcg-iterator": memcgIteratorCheck,
  cil: cilCheck,
  "slab-offline": slabOfflineCheck,
};

/**
 * What the checker knows of a problem.
 *
 * @throws {InputError} for a problem that has no scenarios
 */
export function problemCheckOf(problem: string): ProblemCheck {
  const found = Object.hasOwn(problemChecks, problem) ? problemChecks[problem] : undefined;
  if (found === undefined) throw new InputError(`problem '${problem}': has no scenarios to check`);
  return found;
}
