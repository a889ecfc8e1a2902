// Subjects that run on threads and take turns. One that fails is closed and takes no more of them; the others are not
// affected.

import { asViolation, StoppedError } from "../errors.ts";
import { TurnOrder } from "./turn-order.ts";

/**
 * One value of one metric. `round` counts the workload's batches, chunks or slices, so equal rounds of two subjects are the
 * same work.
 */
export type SampleSink = (subject: string, metric: string, round: number, value: number) => void;

/** What takes turns. */
export interface TurnTaker {
  readonly subject: { readonly id: string };
  close(): Promise<void>;
}

export class Turns<One extends TurnTaker> {
  /** What went wrong, by subject. */
  readonly failures = new Map<string, Error>();
  readonly #all: One[] = [];
  readonly #seed: number;
  #order: TurnOrder | null = null;

  /** @param seed of the order of the turns */
  constructor(seed: number) {
    this.#seed = seed;
  }

  /** Only before the first turn. */
  add(one: One): void {
    this.#all.push(one);
  }

  /** Notes that a subject failed. @throws {StoppedError} when it was the user's stop */
  fail(id: string, error: unknown): void {
    if (error instanceof StoppedError) throw error;
    this.failures.set(id, asViolation(id, error));
  }

  async #attempt(one: One, action: (one: One) => Promise<void>): Promise<void> {
    if (this.failures.has(one.subject.id)) return;
    try {
      await action(one);
    } catch (error) {
      this.fail(one.subject.id, error);
      await one.close();
    }
  }

  /** Has each perform the action, in the order of the next round. */
  async take(action: (one: One) => Promise<void>): Promise<void> {
    this.#order ??= new TurnOrder(this.#all.length, this.#seed);
    for (const position of this.#order.next()) await this.#attempt(this.#all[position]!, action);
  }

  /** Has each perform the action, in the order in which they were added. */
  async each(action: (one: One) => Promise<void>): Promise<void> {
    for (const one of this.#all) await this.#attempt(one, action);
  }

  async close(): Promise<void> {
    for (const one of this.#all) await one.close();
  }
}
