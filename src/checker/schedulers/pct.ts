// Probabilistic concurrency testing (Burckhardt, Kothari, Musuvathi and Nagarakatte, ASPLOS 2010). Agents have random
// priorities, the highest one that can go on does, and at a few random steps whoever is about to go on becomes the least.
// With n agents and k steps, a bug that needs d-1 changes of priority is found in an execution with probability
// 1/(n k^(d-1)) or more.

import { Random } from "../../workloads/random.ts";
import type { Explore, Limits } from "../model.ts";
import { drawAgent } from "./random.ts";
import { type Chooser, sample } from "./samples.ts";

export interface PctOptions {
  /** Changes of priority in each execution: d-1 of the paper. */
  readonly changes: number;
  readonly executions: number;
  /** Of the first execution, a u32; the following ones have the following seeds. */
  readonly seed: number;
}

export function pct(options: PctOptions): Explore {
  return (model, limits, onProgress) =>
    sample(model, new Priorities(model.agents.length, options, limits), options.executions, limits, onProgress);
}

class Priorities implements Chooser {
  readonly #options: PctOptions;
  /** By agent. Below `changes` are those that a change gives. */
  readonly #priorities: Uint32Array;
  /** Steps at which a priority changes. */
  readonly #changes: number[] = [];
  /** Who waits for somebody with a lower priority without saying so spins until priorities no longer hold. */
  readonly #fairFrom: number;
  #random = new Random(0);

  constructor(agents: number, options: PctOptions, limits: Limits) {
    this.#options = options;
    this.#priorities = new Uint32Array(agents);
    this.#fairFrom = Math.ceil(limits.steps / 2);
  }

  begin(execution: number, length: number): void {
    const { changes, seed } = this.#options;
    this.#random = new Random(seed + execution);
    for (let agent = 0; agent < this.#priorities.length; agent++) this.#priorities[agent] = changes + agent;
    this.#random.shuffle(this.#priorities);
    // The first execution tells how long they are; until then it is a guess.
    const steps = length === 0 ? this.#priorities.length * 8 : length;
    this.#changes.length = 0;
    for (let change = 0; change < changes; change++) this.#changes.push(this.#random.below(steps));
  }

  choose(enabled: number, step: number): number {
    if (step >= this.#fairFrom) return drawAgent(enabled, this.#random);
    this.#changes.forEach((at, change) => {
      if (at === step) this.#priorities[this.#highest(enabled)] = change;
    });
    return this.#highest(enabled);
  }

  #highest(enabled: number): number {
    let highest = -1;
    for (let agent = 0; agent < this.#priorities.length; agent++) {
      if ((enabled & (1 << agent)) === 0) continue;
      if (highest < 0 || this.#priorities[agent]! > this.#priorities[highest]!) highest = agent;
    }
    return highest;
  }
}
