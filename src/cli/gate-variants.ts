// The variants whose code the native gate times, as it is compiled for that.

import { chooseVariants } from "../plan/plan.ts";
import type { PlannedVariant } from "../plan/variant.ts";
import { Machines } from "./machines.ts";
import { type RunOptions, readChoices, suitesOf } from "./options.ts";

/** What `run` is told by nobody. */
export const noOptions: RunOptions = {
  ...{ instrument: [], variant: [], variantFile: [], workload: [], set: [], machine: [], sweep: [] },
  ...{ sensitivity: false, refine: false, check: true, seed: "1", quick: true, full: false, out: ".", json: false },
};

/**
 * The variants of a problem's lines, with the constants of the quick sizes.
 *
 * @param more ids of others
 * @throws {InputError} for what the problem has not
 */
export function gateVariants(problem: string, more: readonly string[] = []): PlannedVariant[] {
  const chosen = suitesOf([problem]);
  const [suite] = chosen;
  const { lines } = suite!;
  const choices = readChoices({ ...noOptions, variant: [...lines, ...more] }, chosen, new Machines());
  return chooseVariants(suite!, choices);
}
