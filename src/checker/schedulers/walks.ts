// Random executions before a search, which tell a model most of the cells that several agents use: each of them found out
// late in a search costs the search up to there.

import { Random } from "../../workloads/random.ts";
import type { Model } from "../model.ts";
import { drawAgent } from "./random.ts";

/** So many in a row that showed nothing new are the last ones; four times as many after each time that it was too few. */
const quietAtFirst = 32;
const quietMax = 1000;
const walksMax = 4000;
/** Steps of a walk; one without an end teaches as much by then. */
const stepsEnough = 1000;
/** Of 16 choices, those that go on with the same agent. */
const samePer16 = 13;
/**
 * Performs executions until they teach nothing more. What they find is left to the search, which knows where it comes first.
 *
 * @param stepsMax of an execution
 * @param round 0 before the first search, 1 when that had to begin again, and so on
 */
export function learnByWalking(model: Model, stepsMax: number, deadline: number, round: number): void {
  // Any seed: it only decides which executions come first.
  const numbers = new Random(round + 1);
  const quietEnough = Math.min(quietAtFirst * 4 ** round, quietMax);
  let quiet = 0;
  for (let walks = 0; walks < walksMax && quiet < quietEnough && performance.now() < deadline; walks++) {
    const before = model.learnt;
    model.restart();
    walk(model, Math.min(stepsMax, stepsEnough), numbers);
    quiet = model.learnt === before ? quiet + 1 : 0;
  }
  model.restart();
}

function walk(model: Model, stepsMax: number, numbers: Random): void {
  let last = -1;
  for (let steps = 0; steps < stepsMax; steps++) {
    const enabled = model.enabled();
    if (enabled === 0) return;
    const goesOn = last >= 0 && (enabled & (1 << last)) !== 0 && numbers.below(16) < samePer16;
    if (!goesOn) last = drawAgent(enabled, numbers);
    model.step(last);
    if (model.finding !== undefined) return;
  }
}
