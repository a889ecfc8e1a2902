// From the steps of an execution to a schedule.

import type { Model, Slice } from "./model.ts";

/** Neighbouring slices of one agent as one, as far as they mean the same. */
export function joinSlices(slices: readonly Slice[]): Slice[] {
  const joined: Slice[] = [];
  for (const slice of slices) {
    const before = joined.at(-1);
    if (before !== undefined && before.agent === slice.agent && !before.isBuffered && !slice.isBuffered) {
      joined[joined.length - 1] = { ...before, operations: before.operations + slice.operations };
    } else joined.push(slice);
  }
  return joined;
}

/** Operations of a schedule. */
export function countOperations(schedule: readonly Slice[]): number {
  return schedule.reduce((sum, slice) => sum + slice.operations, 0);
}

/** The steps of an execution, in order, of which the last ones can be taken back. */
export class Steps {
  #agents = new Uint8Array(64);
  /** Twice the operations, and 1 more if the first is buffered. */
  #operations = new Int32Array(64);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** Adds the step that the model has just performed. */
  add(agent: number, model: Model): void {
    if (this.#length === this.#agents.length) this.#grow();
    this.#agents[this.#length] = agent;
    // What finds something need not have become an operation, but the agent has to come to it again.
    const operations = model.finding === undefined ? model.operations : Math.max(1, model.operations);
    this.#operations[this.#length] = operations * 2 + (model.isBuffered ? 1 : 0);
    this.#length++;
  }

  /** Takes back all but the first ones. */
  cut(length: number): void {
    this.#length = length;
  }

  toSlices(): Slice[] {
    const slices: Slice[] = [];
    for (let place = 0; place < this.#length; place++) {
      const agent = this.#agents[place] as number;
      const packed = this.#operations[place] as number;
      const operations = packed >> 1;
      const buffered = Math.min(packed & 1, operations);
      if (buffered === 1) slices.push({ agent, operations: 1, isBuffered: true });
      if (operations > buffered) slices.push({ agent, operations: operations - buffered, isBuffered: false });
    }
    return joinSlices(slices);
  }

  #grow(): void {
    const agents = new Uint8Array(this.#agents.length * 2);
    const operations = new Int32Array(agents.length);
    agents.set(this.#agents);
    operations.set(this.#operations);
    this.#agents = agents;
    this.#operations = operations;
  }
}
