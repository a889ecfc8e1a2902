// Whoever can take a step does so with the same probability. Finds what needs many switches, and nothing rare.

import { Random } from "../../workloads/random.ts";
import type { Explore } from "../model.ts";
import { countAgents, lowestOf } from "./ends.ts";
import { sample } from "./samples.ts";

/** So many executions with a seed each, from `seed`, a u32, on. */
export function random(options: { readonly executions: number; readonly seed: number }): Explore {
  return (model, limits, onProgress) => {
    let numbers = new Random(options.seed);
    const chooser = {
      begin: (execution: number) => {
        numbers = new Random(options.seed + execution);
      },
      choose: (enabled: number) => drawAgent(enabled, numbers),
    };
    return sample(model, chooser, options.executions, limits, onProgress);
  };
}

/** One of the agents of a mask, which is not empty. */
export function drawAgent(mask: number, numbers: Random): number {
  let rest = mask;
  for (let left = numbers.below(countAgents(mask)); left > 0; left--) rest &= rest - 1;
  return lowestOf(rest);
}
