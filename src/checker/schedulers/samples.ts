// Executions one after the other, each from the beginning, for schedulers that draw lots.

import type { Exploration, Finding, Limits, Model, Progress } from "../model.ts";
import { Steps } from "../slices.ts";
import { countOf, findAtEnd, livelockAfter, timeBound, Watch } from "./ends.ts";

/** Who takes the next step. */
export interface Chooser {
  /**
   * An execution begins.
   *
   * @param execution its index
   * @param length steps of the longest one up to now; 0 at first
   */
  begin(execution: number, length: number): void;
  /**
   * @param enabled agents to choose from, as a mask; at least one
   * @param step index of the step within the execution
   */
  choose(enabled: number, step: number): number;
}

/** Runs so many executions. */
export function sample(
  model: Model,
  chooser: Chooser,
  executionsMax: number,
  limits: Limits,
  onProgress: (progress: Progress) => void,
): Exploration {
  for (;;) {
    model.restart();
    const samples = new Samples(model, chooser, Math.min(executionsMax, limits.states), limits, onProgress);
    const exploration = samples.run();
    if (exploration !== undefined) return exploration;
  }
}

class Samples {
  readonly #model: Model;
  readonly #chooser: Chooser;
  readonly #executionsMax: number;
  readonly #limits: Limits;
  readonly #onProgress: (progress: Progress) => void;
  readonly #watch: Watch;
  readonly #steps = new Steps();
  #transitions = 0;
  #executions = 0;
  #depth = 0;
  #isLate = false;

  constructor(
    model: Model,
    chooser: Chooser,
    executionsMax: number,
    limits: Limits,
    onProgress: (progress: Progress) => void,
  ) {
    this.#model = model;
    this.#chooser = chooser;
    this.#executionsMax = executionsMax;
    this.#limits = limits;
    this.#onProgress = onProgress;
    this.#watch = new Watch(limits);
  }

  /** @returns undefined when something was learnt that makes it begin again */
  run(): Exploration | undefined {
    const model = this.#model;
    const { learnt } = model;
    const mark = model.mark();
    while (this.#executions < this.#executionsMax) {
      this.#chooser.begin(this.#executions, this.#depth);
      const finding = this.#execute();
      this.#depth = Math.max(this.#depth, this.#steps.length);
      if (finding !== undefined) return this.#report("violation", "", finding);
      if (this.#isLate) return this.#report("bound", timeBound);
      this.#executions++;
      if (model.learnt > learnt) return undefined;
      model.restore(mark);
      this.#tell();
    }
    return this.#report("bound", countOf(this.#executionsMax, "execution"));
  }

  /** One execution, up to its end, to what it finds, or until there is no more time. */
  #execute(): Finding | undefined {
    const model = this.#model;
    this.#steps.cut(0);
    for (let enabled = model.enabled(); enabled !== 0; enabled = model.enabled()) {
      if (this.#steps.length >= this.#limits.steps) return livelockAfter(model, countOf(this.#limits.steps, "step"));
      this.#isLate = this.#watch.isOver();
      if (this.#isLate) return undefined;
      const agent = this.#chooser.choose(enabled, this.#steps.length);
      model.step(agent);
      this.#steps.add(agent, model);
      this.#transitions++;
      if (model.finding !== undefined) return model.finding;
    }
    return findAtEnd(model);
  }

  #tell(): void {
    this.#onProgress({ states: 0, executions: this.#executions, share: this.#executions / this.#executionsMax });
  }

  #report(outcome: Exploration["outcome"], bound: string, finding?: Finding): Exploration {
    return {
      outcome,
      bound,
      states: 0,
      transitions: this.#transitions,
      executions: this.#executions + (finding === undefined ? 0 : 1),
      depth: this.#depth,
      ...(finding === undefined ? {} : { finding, schedule: this.#steps.toSlices() }),
    };
  }
}
