// One given schedule, and a way on to the end that is always the same. A schedule that fits no longer, since the code was
// changed, is followed as far as it goes: what an agent cannot do is left out.

import type { Finding, Model, Slice } from "../model.ts";
import { joinSlices } from "../slices.ts";
import { countOf, findAtEnd, livelockAfter, lowestOf, scheduledAgents } from "./ends.ts";

export interface Replay {
  readonly finding?: Finding;
  /** What was really performed, up to the end or to the finding. */
  readonly schedule: readonly Slice[];
  /** Of {@link schedule}. */
  readonly preemptions: number;
}

/** Operations that are performed in one go. */
const operationsAtOnce = 64;
/**
 * How often in a row an agent may perform nothing. One that was stopped just before a wait does so when it begins to wait,
 * and goes on if what it waits for is there already.
 */
const idleMax = 3;

/**
 * Performs a schedule and goes on to the end.
 *
 * @param model in its initial state; it is left in any
 * @param operationsMax of the execution; an execution that is neither at its end then nor within the schedule is a livelock
 */
export function replay(model: Model, schedule: readonly Slice[], operationsMax: number): Replay {
  return new Replaying(model, operationsMax).run(schedule);
}

class Replaying {
  readonly #model: Model;
  readonly #operationsMax: number;
  readonly #scheduled: number;
  readonly #performed: Slice[] = [];
  #operations = 0;
  #preemptions = 0;
  /** The scheduled agent that did something last, or -1. */
  #last = -1;
  #finding: Finding | undefined;

  constructor(model: Model, operationsMax: number) {
    this.#model = model;
    this.#operationsMax = operationsMax;
    this.#scheduled = scheduledAgents(model);
  }

  run(schedule: readonly Slice[]): Replay {
    for (const slice of schedule) {
      if (this.#finding !== undefined) break;
      this.#follow(slice);
    }
    const finding = this.#finding ?? this.#complete();
    const performed = joinSlices(this.#performed);
    return { ...(finding && { finding }), schedule: performed, preemptions: this.#preemptions };
  }

  #follow({ agent, operations, isBuffered }: Slice): void {
    // A slice of somebody who would run for ever is the completion's business.
    let left = Math.min(operations, this.#operationsMax);
    for (let idle = 0; left > 0 && idle < idleMax && this.#finding === undefined; ) {
      if ((this.#model.enabled() & (1 << agent)) === 0) return;
      const part = Math.min(left, operationsAtOnce);
      const done = this.#perform(agent, part, isBuffered && part === left);
      idle = done === 0 ? idle + 1 : 0;
      left -= done;
    }
  }

  /** @returns operations that were performed */
  #perform(agent: number, operations: number, isBuffered: boolean): number {
    const model = this.#model;
    const enabled = model.enabled();
    const isScheduled = (this.#scheduled & (1 << agent)) !== 0;
    const last = this.#last;
    const isSwitch = isScheduled && last >= 0 && last !== agent;
    const isPreemption = isSwitch && (enabled & (1 << last)) !== 0 && model.isPreempted(last);
    let done = model.perform({ agent, operations, isBuffered });
    this.#finding = model.finding;
    // What finds something need not have become an operation, but the agent has to come to it again.
    if (this.#finding !== undefined) done = Math.max(1, done);
    if (done === 0) return 0;
    if (isPreemption) this.#preemptions++;
    if (isScheduled) this.#last = agent;
    this.#operations += done;
    const isWhole = isBuffered && done === operations;
    if (isWhole && done > 1) this.#performed.push({ agent, operations: done - 1, isBuffered: false });
    this.#performed.push({ agent, operations: isWhole ? 1 : done, isBuffered: isWhole });
    return done;
  }

  #complete(): Finding | undefined {
    const model = this.#model;
    let idle = 0;
    for (let enabled = model.enabled(); enabled !== 0; enabled = model.enabled()) {
      if (this.#operations >= this.#operationsMax || idle === idleMax * model.agents.length) {
        return livelockAfter(model, countOf(this.#operations, "operation"));
      }
      const done = this.#perform(this.#next(enabled), operationsAtOnce, false);
      idle = done === 0 ? idle + 1 : 0;
      if (this.#finding !== undefined) return this.#finding;
    }
    return findAtEnd(model);
  }

  /**
   * Whoever ran goes on, else the first one that runs code, else a store buffer, else the clock. Late in a long execution
   * all take turns, since one may be spinning for another.
   */
  #next(enabled: number): number {
    const scheduled = enabled & this.#scheduled;
    if (this.#operations >= this.#operationsMax / 2) {
      const later = scheduled & (-2 << Math.max(this.#last, 0));
      if (later !== 0) return lowestOf(later);
    } else if (this.#last >= 0 && (scheduled & (1 << this.#last)) !== 0) return this.#last;
    if (scheduled !== 0) return lowestOf(scheduled);
    const isFlush = (agent: number): boolean => this.#model.agents[agent]!.kind === "flush";
    for (let rest = enabled; rest !== 0; rest &= rest - 1) if (isFlush(lowestOf(rest))) return lowestOf(rest);
    return lowestOf(enabled);
  }
}
