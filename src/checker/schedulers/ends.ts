// How executions and explorations end, the same for every scheduler.

import type { Finding, Limits, Model } from "../model.ts";

/** `1 preemption`, `2 preemptions`. */
export function countOf(count: number, thing: string): string {
  return `${count} ${thing}${count === 1 ? "" : "s"}`;
}

/** What is wrong where nobody can take a step any more. The model is to be restored to an earlier state afterwards. */
export function findAtEnd(model: Model): Finding | undefined {
  if (!model.isOver()) return { kind: "deadlock", invariant: "", message: model.whoWaits(), agent: null };
  model.finish();
  return model.finding;
}

/** An execution that goes on and on. */
export function livelockAfter(model: Model, steps: string): Finding {
  const message = `still going on after ${steps}: ${model.whoWaits()}`;
  return { kind: "livelock", invariant: "", message, agent: null };
}

/** An agent that comes back to a state while nobody else can do anything. */
export function circle(model: Model, agent: number): Finding {
  const message = `${model.agents[agent]!.name} goes round in circles while nobody else can go on`;
  return { kind: "livelock", invariant: "", message, agent };
}

/** Agents that are scheduled. Store buffers and the clock are not: what they do is nobody's preemption. */
export function scheduledAgents(model: Model): number {
  return model.agents.reduce(
    (mask, { kind }, agent) => (kind === "flush" || kind === "clock" ? mask : mask | (1 << agent)),
    0,
  );
}

/** The lowest agent of a mask, which is not empty. */
export function lowestOf(mask: number): number {
  return 31 - Math.clz32(mask & -mask);
}

export function countAgents(mask: number): number {
  let count = 0;
  for (let rest = mask; rest !== 0; rest &= rest - 1) count++;
  return count;
}

/** Steps between two looks at the clock, a power of 2. */
const stepsPerLook = 256;

/** Counts steps, and tells when the time is over. */
export class Watch {
  readonly #deadline: number;
  #steps = 0;
  #isOver = false;

  constructor(limits: Limits) {
    this.#deadline = limits.deadline;
  }

  /** Steps that were taken. */
  get steps(): number {
    return this.#steps;
  }

  /** To be called before each step. */
  isOver(): boolean {
    if ((this.#steps++ & (stepsPerLook - 1)) === 0) this.#isOver = performance.now() >= this.#deadline;
    return this.#isOver;
  }
}

/** What an exploration says that stopped at its deadline. */
export const timeBound = "the time limit";
