// Every interleaving, depth first, without exploring a state twice.
//
// The reduction is by sleep sets with states that are remembered: Godefroid, Partial-Order Methods for the Verification of
// Concurrent Systems (1996), section 5.2. Sleep sets leave out transitions, never states: every state that can be
// reached by steps is reached. What a step is, is the model's own reduction.

import type { Exploration, Explore, Finding, Limits, Model, Progress } from "../model.ts";
import { Steps } from "../slices.ts";
import { isNew, Visited } from "../visited.ts";
import { circle, countAgents, findAtEnd, livelockAfter, lowestOf, timeBound } from "./ends.ts";
import { learnByWalking } from "./walks.ts";

/** Steps between two looks at the clock. */
const stepsAtOnce = 4096;

/** The search; one for each time that the exploration begins again. */
class Search {
  readonly #model: Model;
  readonly #limits: Limits;
  readonly #visited: Visited;
  readonly #usesSleepSets: boolean;
  readonly #onProgress: (progress: Progress) => void;
  readonly #learntBefore: number;
  readonly #steps = new Steps();
  // By depth: the state's mark, and agents that are asleep there, that remain to be explored, and that were.
  readonly #marks: Float64Array;
  readonly #sleep: Int32Array;
  readonly #left: Int32Array;
  readonly #done: Int32Array;
  /** The agent that took the step from there. */
  readonly #agents: Uint8Array;
  /** The state's hash, and 1 if only one agent can take a step there. */
  readonly #low: Int32Array;
  readonly #high: Int32Array;
  readonly #isAlone: Uint8Array;
  #depth = 0;
  #deepest = 0;
  #transitions = 0;
  #executions = 0;

  constructor(
    model: Model,
    limits: Limits,
    visited: Visited,
    usesSleepSets: boolean,
    onProgress: (progress: Progress) => void,
  ) {
    this.#model = model;
    this.#limits = limits;
    this.#visited = visited;
    this.#usesSleepSets = usesSleepSets;
    this.#onProgress = onProgress;
    this.#learntBefore = model.learnt;
    this.#marks = new Float64Array(limits.steps + 2);
    this.#sleep = new Int32Array(limits.steps + 2);
    this.#left = new Int32Array(limits.steps + 2);
    this.#done = new Int32Array(limits.steps + 2);
    this.#agents = new Uint8Array(limits.steps + 2);
    this.#low = new Int32Array(limits.steps + 2);
    this.#high = new Int32Array(limits.steps + 2);
    this.#isAlone = new Uint8Array(limits.steps + 2);
  }

  /** Returns undefined when something was learnt, so that the search has to begin again. */
  run(): Exploration | undefined {
    const model = this.#model;
    const first = model.enabled();
    this.#enter(first, first, 0);
    while (this.#depth >= 0) {
      const depth = this.#depth;
      const left = this.#left[depth] as number;
      if (left === 0) {
        if (model.learnt !== this.#learntBefore) return undefined;
        this.#depth--;
        if (this.#depth >= 0) model.restore(this.#marks[this.#depth] as number);
        continue;
      }
      const agent = this.#choose(left);
      const bit = 1 << agent;
      this.#left[depth] = left & ~bit;
      let sleep = (this.#sleep[depth] as number) | (this.#done[depth] as number);
      if (sleep !== 0) sleep &= ~model.dependents(agent, sleep);
      this.#done[depth] = (this.#done[depth] as number) | bit;
      model.step(agent);
      this.#transitions++;
      this.#steps.cut(depth);
      this.#steps.add(agent, model);
      this.#agents[depth] = agent;
      if (model.finding !== undefined) return this.#end("violation", "", model.finding);
      if (this.#transitions % stepsAtOnce === 0) {
        const bound = this.#boundReached();
        if (bound !== undefined) return this.#end("bound", bound);
      }
      const enabled = model.enabled();
      if (enabled === 0) {
        this.#executions++;
        this.#deepest = Math.max(this.#deepest, depth + 1);
        const found = findAtEnd(model);
        if (found !== undefined) return this.#end("violation", "", found);
        model.restore(this.#marks[depth] as number);
        continue;
      }
      if (depth + 1 >= this.#limits.steps) {
        return this.#end("violation", "", livelockAfter(model, `${depth + 1} noticeable operations`));
      }
      // Whoever is alone does not sleep, for it may be going round in circles.
      if (this.#enterVisited(enabled, this.#usesSleepSets ? withoutSingle(sleep, enabled) : 0)) continue;
      if (this.#isInCircle(enabled)) return this.#end("violation", "", circle(model, lowestOf(enabled)));
      model.restore(this.#marks[depth] as number);
    }
    return this.#end("exhausted", "");
  }

  /** Goes down to the present state, unless it was explored already. */
  #enterVisited(enabled: number, sleep: number): boolean {
    const again = this.#visited.visit(this.#model.hashLow(), this.#model.hashHigh(), sleep);
    if (again === 0) return false;
    this.#depth++;
    if (again === isNew) this.#enter(enabled, enabled & ~sleep, sleep);
    else this.#enter(enabled, enabled & again, sleep & ~again);
    return true;
  }

  /** Whether the present state is one since which nobody but one agent could do anything. */
  #isInCircle(enabled: number): boolean {
    if (!isSingle(enabled)) return false;
    const low = this.#model.hashLow();
    const high = this.#model.hashHigh();
    for (let depth = this.#depth; depth >= 0 && this.#isAlone[depth] === 1; depth--) {
      if (this.#low[depth] === low && this.#high[depth] === high) return true;
    }
    return false;
  }

  #enter(enabled: number, left: number, sleep: number): void {
    const depth = this.#depth;
    this.#low[depth] = this.#model.hashLow();
    this.#high[depth] = this.#model.hashHigh();
    this.#isAlone[depth] = isSingle(enabled) ? 1 : 0;
    this.#marks[depth] = this.#model.mark();
    this.#left[depth] = left;
    this.#sleep[depth] = sleep;
    this.#done[depth] = 0;
  }

  /** The agent that came here first, so that executions with few switches are the first ones. */
  #choose(left: number): number {
    const last = this.#depth === 0 ? lowestOf(left) : (this.#agents[this.#depth - 1] as number);
    return (left & (1 << last)) !== 0 ? last : lowestOf(left);
  }

  #boundReached(): string | undefined {
    const { states, deadline, bytes } = this.#limits;
    const now = performance.now();
    this.#onProgress({ states: this.#visited.size, executions: this.#executions, share: this.#share() });
    if (this.#visited.size >= states) return `${states} states`;
    if (this.#visited.bytes >= bytes) return `${Math.round(bytes / 2 ** 20)} MiB`;
    return now >= deadline ? timeBound : undefined;
  }

  /** Of the interleavings, by how far the choices near the root are through, as if all below them took as long. */
  #share(): number {
    let share = 0;
    let part = 1;
    for (let depth = 0; depth <= this.#depth && part > 1e-6; depth++) {
      const done = countAgents(this.#done[depth] as number);
      const all = done + countAgents(this.#left[depth] as number);
      if (all === 0) break;
      // The last one taken is still being explored.
      share += (part * Math.max(0, done - 1)) / all;
      part /= all;
    }
    return share;
  }

  #end(outcome: Exploration["outcome"], bound: string, found?: Finding): Exploration {
    return {
      outcome,
      bound,
      states: this.#visited.size,
      transitions: this.#transitions,
      executions: this.#executions,
      depth: Math.max(this.#deepest, found === undefined ? 0 : this.#steps.length),
      ...(found === undefined ? {} : { finding: found, schedule: this.#steps.toSlices() }),
    };
  }
}

function withoutSingle(sleep: number, enabled: number): number {
  return isSingle(enabled) ? sleep & ~enabled : sleep;
}

function isSingle(mask: number): boolean {
  return (mask & (mask - 1)) === 0;
}

/**
 * @param usesSleepSets false explores every transition of every state, to compare with
 */
export function exhaustive(usesSleepSets = true): Explore {
  return (model, limits, onProgress) => {
    const visited = new Visited();
    for (let round = 0; ; round++) {
      learnByWalking(model, limits.steps, limits.deadline, round);
      const found = new Search(model, limits, visited, usesSleepSets, onProgress).run();
      if (found !== undefined) return found;
      visited.clear();
    }
  };
}
