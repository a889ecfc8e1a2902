// All interleavings with at most so many preemptions (Musuvathi and Qadeer, "Iterative Context Bounding", PLDI 2007):
// most races need one or two, so the search goes up a ladder of bounds. Depth first, and a state is entered again only
// with more preemptions left. Sleep sets are not used: what they leave out may be the schedule with fewest preemptions.

import type { Exploration, Explore, Finding, Limits, Model, Progress } from "../model.ts";
import { Seen } from "../seen.ts";
import { Steps } from "../slices.ts";
import {
  circle,
  countAgents,
  countOf,
  findAtEnd,
  livelockAfter,
  lowestOf,
  scheduledAgents,
  timeBound,
  Watch,
} from "./ends.ts";

/** Every schedule with at most so many preemptions, 0 to 1000. */
export function bounded(preemptions: number): Explore {
  return (model, limits, onProgress) => {
    for (;;) {
      model.restart();
      const exploration = new Search(model, preemptions, limits, onProgress).run();
      if (exploration !== undefined) return exploration;
    }
  };
}

/** Bounds from 0 on, each with the name of its rung. */
export function ladder(preemptions: number): { readonly name: string; readonly explore: Explore }[] {
  return Array.from({ length: preemptions + 1 }, (_, bound) => ({
    name: bound === 0 ? "no preemption" : `at most ${countOf(bound, "preemption")}`,
    explore: bounded(bound),
  }));
}

/** A state with choices, on the way to the present one. */
interface Branch {
  readonly mark: number;
  /** Agents to be tried still. */
  rest: number;
  readonly choices: number;
  readonly last: number;
  readonly owner: number;
  readonly left: number;
  readonly length: number;
}

const stepsPerProgress = 4096;

class Search {
  readonly #model: Model;
  readonly #preemptions: number;
  readonly #limits: Limits;
  readonly #onProgress: (progress: Progress) => void;
  readonly #watch: Watch;
  readonly #seen: Seen;
  readonly #scheduled: number;
  readonly #learnt: number;
  readonly #steps = new Steps();
  readonly #branches: Branch[] = [];
  /** Hashes of the states since the last one in which two agents could go on. */
  readonly #alone: number[] = [];
  #transitions = 0;
  #executions = 0;
  #depth = 0;
  #finding: Finding | undefined;
  /** The scheduled agent that took the last step, or -1. */
  #last = -1;
  /** The same, if it is a preemption to take another one, else -1. */
  #owner = -1;
  #left: number;

  constructor(model: Model, preemptions: number, limits: Limits, onProgress: (progress: Progress) => void) {
    this.#model = model;
    this.#preemptions = preemptions;
    this.#left = preemptions;
    this.#limits = limits;
    this.#onProgress = onProgress;
    this.#watch = new Watch(limits);
    this.#seen = new Seen(limits.bytes);
    this.#scheduled = scheduledAgents(model);
    this.#learnt = model.learnt;
  }

  /** @returns undefined when something was learnt that makes the search begin again */
  run(): Exploration | undefined {
    for (;;) {
      let agent = this.#arrive();
      if (this.#finding !== undefined) return this.#report("violation", "");
      if (agent < 0) {
        if (this.#model.learnt > this.#learnt) return undefined;
        agent = this.#turnBack();
      }
      if (agent < 0) return this.#reportEnd();
      const bound = this.#reachedBound();
      if (bound !== "") return this.#report("bound", bound);
      this.#step(agent);
    }
  }

  /** @returns the agent to take from the present state, or -1 to turn back */
  #arrive(): number {
    const model = this.#model;
    this.#depth = Math.max(this.#depth, this.#steps.length);
    // Before the first step it is that of whoever used the model before.
    this.#finding = this.#steps.length === 0 ? undefined : model.finding;
    if (this.#finding !== undefined) return -1;
    const enabled = model.enabled();
    if (enabled === 0) {
      this.#executions++;
      this.#finding = findAtEnd(model);
      return -1;
    }
    if (this.#steps.length >= this.#limits.steps) {
      this.#finding = livelockAfter(model, countOf(this.#limits.steps, "step"));
      return -1;
    }
    const others = enabled & this.#scheduled & ~(1 << this.#last);
    const isOwned = this.#last >= 0 && others !== 0 && (enabled & (1 << this.#last)) !== 0;
    this.#owner = isOwned && model.isPreempted(this.#last) ? this.#last : -1;
    const low = model.hashLow();
    const high = model.hashHigh();
    if (!this.#seen.insert(low, high, this.#owner, this.#left)) {
      if (this.#isInCircle(low, high)) this.#finding = circle(model, lowestOf(enabled));
      return -1;
    }
    if ((enabled & (enabled - 1)) === 0) this.#alone.push(low, high);
    else this.#alone.length = 0;
    return this.#choose(this.#owner >= 0 && this.#left === 0 ? enabled & ~others : enabled);
  }

  /** Who goes on first does so without a switch, if that can be. */
  #choose(candidates: number): number {
    const agent = this.#take(candidates);
    const rest = candidates & ~(1 << agent);
    if (rest !== 0) {
      this.#branches.push({
        mark: this.#model.mark(),
        rest,
        choices: countAgents(candidates),
        last: this.#last,
        owner: this.#owner,
        left: this.#left,
        length: this.#steps.length,
      });
    }
    return agent;
  }

  #take(candidates: number): number {
    return this.#last >= 0 && (candidates & (1 << this.#last)) !== 0 ? this.#last : lowestOf(candidates);
  }

  /** Back to the last state with a choice. */
  #turnBack(): number {
    while (this.#branches.at(-1)?.rest === 0) this.#branches.pop();
    const branch = this.#branches.at(-1);
    if (branch === undefined) return -1;
    this.#model.restore(branch.mark);
    this.#last = branch.last;
    this.#owner = branch.owner;
    this.#left = branch.left;
    this.#steps.cut(branch.length);
    this.#alone.length = 0;
    const agent = this.#take(branch.rest);
    branch.rest &= ~(1 << agent);
    return agent;
  }

  #step(agent: number): void {
    if ((this.#scheduled & (1 << agent)) !== 0) {
      if (this.#owner >= 0 && agent !== this.#owner) this.#left--;
      this.#last = agent;
    }
    this.#model.step(agent);
    this.#steps.add(agent, this.#model);
    this.#transitions++;
    if (this.#transitions % stepsPerProgress === 0) this.#tell();
  }

  /** Whether the present state was passed since anybody else could do anything. */
  #isInCircle(low: number, high: number): boolean {
    for (let place = 0; place < this.#alone.length; place += 2) {
      if (this.#alone[place] === low && this.#alone[place + 1] === high) return true;
    }
    return false;
  }

  #reachedBound(): string {
    const { states, bytes } = this.#limits;
    if (this.#seen.states >= states) return countOf(states, "state");
    if (this.#seen.isFull) return countOf(bytes, "byte");
    return this.#watch.isOver() ? timeBound : "";
  }

  /** Every state with choices divides what is below it into equal parts. */
  #tell(): void {
    let part = 1;
    let share = 0;
    for (const { rest, choices } of this.#branches) {
      part /= choices;
      share += part * (choices - 1 - countAgents(rest));
    }
    this.#onProgress({ states: this.#seen.states, executions: this.#executions, share: Math.min(1, share) });
  }

  #reportEnd(): Exploration {
    if (!this.#seen.isCut) return this.#report("exhausted", "");
    return this.#report("bound", countOf(this.#preemptions, "preemption"));
  }

  #report(outcome: Exploration["outcome"], bound: string): Exploration {
    const finding = this.#finding;
    return {
      outcome,
      bound,
      states: this.#seen.states,
      transitions: this.#transitions,
      executions: this.#executions,
      depth: this.#depth,
      ...(finding === undefined ? {} : { finding, schedule: this.#steps.toSlices() }),
    };
  }
}
