// Which problem is checked how. A new problem is its file and a line here.

import type { CheckedProblem } from "../outcome.ts";
import type { ProblemCheck } from "./problem.ts";
import { quarantineCheck } from "./quarantine.ts";
import { shrinkerCheck } from "./shrinker.ts";

export type { ProblemCheck } from "./problem.ts";

export const problemChecks: Readonly<Record<CheckedProblem, ProblemCheck>> = {
  quarantine: quarantineCheck,
  shrinker: shrinkerCheck,
};
