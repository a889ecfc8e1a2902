// The problems that are described as data. A new one is one file and one line here.

import type { Problem } from "./problem.ts";

export type { Problem } from "./problem.ts";

export const problems: readonly Problem[] = [];

/** The description of a problem, or undefined for one that has none. */
export function problemOf(name: string): Problem | undefined {
  return problems.find((one) => one.name === name);
}
