// Which problem is reported how. A described one is reported as its description says, and a plan adds what no variant should
// do (`described/plans.ts`); one with sections of its own is one folder and one line here.

import { problemOf } from "../problems/index.ts";
import { reporterOfDescribed, viewOf } from "./described/markdown.ts";
import { planOf } from "./described/plans.ts";
import type { Reporter } from "./part.ts";
import { reportQuarantine } from "./quarantine/markdown.ts";
import { quarantineView } from "./quarantine/simulated.ts";
import { reportShrinker } from "./shrinker/markdown.ts";
import { shrinkerView } from "./shrinker/simulated.ts";
import { defaultView, type View } from "./simulator/view.ts";

interface Told {
  readonly reporter: Reporter;
  /** What it goes by where it was simulated. */
  readonly view: View;
}

const own: Readonly<Record<string, Told>> = {
  quarantine: { reporter: reportQuarantine, view: quarantineView },
  shrinker: { reporter: reportShrinker, view: shrinkerView },
};

function toldOf(problem: string): Told | undefined {
  if (Object.hasOwn(own, problem)) return own[problem];
  const described = problemOf(problem);
  if (described === undefined) return undefined;
  const plan = planOf(problem);
  return { reporter: reporterOfDescribed(described, plan), view: viewOf(described, plan) };
}

/** How a problem is reported; undefined for one that is neither described nor has answers of its own. */
export function reporterOfProblem(problem: string): Reporter | undefined {
  return toldOf(problem)?.reporter;
}

/** What a problem goes by where it was simulated. */
export function viewOfProblem(problem: string): View {
  return toldOf(problem)?.view ?? defaultView;
}
