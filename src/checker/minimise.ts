// From a schedule that shows something to a shorter one that shows the same: delta debugging (Zeller and Hildebrandt,
// "Simplifying and Isolating Failure-Inducing Input", 2002) with moves that fit schedules. Every candidate is replayed,
// and the completion of a replay does what the schedule leaves open, so a schedule may simply end early.

import type { Finding, Model, Slice } from "./model.ts";
import { type Replay, replay } from "./schedulers/replay.ts";
import { isSameFinding } from "./shortest.ts";
import { countOperations, joinSlices } from "./slices.ts";

export interface MinimiseOptions {
  /** Most replays. @default 400 */
  readonly replaysMax?: number;
  /** Moment at which the best one so far has to do, as `performance.now()` tells it. */
  readonly deadline: number;
  /** Of each replay: see {@link replay}. */
  readonly operationsMax: number;
}

export interface Minimised {
  /** What a replay has to be given to find the same again. */
  readonly schedule: readonly Slice[];
  /** What the replay performs then, up to the finding. */
  readonly performed: readonly Slice[];
  readonly finding: Finding;
  /** Of {@link performed}. */
  readonly preemptions: number;
  readonly replays: number;
}

/** Preemptions, slices, stores that stay in a buffer, operations: what comes first matters more. */
type Cost = readonly number[];

interface Candidate {
  readonly schedule: readonly Slice[];
  readonly result: Replay & { readonly finding: Finding };
  readonly cost: Cost;
}

/**
 * @param schedule shows `finding`
 * @returns undefined if it does not, when it is replayed
 */
export function minimise(
  model: Model,
  schedule: readonly Slice[],
  finding: Finding,
  options: MinimiseOptions,
): Minimised | undefined {
  model.restart();
  return new Minimising(model, finding, options).run(schedule);
}

/** So long that an agent runs until it has to wait, ends, or is at the replay's limit. */
const untilItWaits = 0x7fff_ffff;

class Minimising {
  readonly #model: Model;
  readonly #mark: number;
  readonly #finding: Finding;
  readonly #options: MinimiseOptions;
  readonly #replaysMax: number;
  /** Replays after which the schedule is left open where it can be, and nothing else. */
  readonly #improvementsMax: number;
  /** Candidates that were tried in vain. */
  readonly #tried = new Set<string>();
  #replays = 0;
  #best: Candidate | undefined;

  constructor(model: Model, finding: Finding, options: MinimiseOptions) {
    this.#model = model;
    this.#mark = model.mark();
    this.#finding = finding;
    this.#options = options;
    this.#replaysMax = options.replaysMax ?? 400;
    this.#improvementsMax = this.#replaysMax - Math.min(40, this.#replaysMax >> 2);
  }

  run(schedule: readonly Slice[]): Minimised | undefined {
    this.#best = this.#try(schedule);
    if (this.#best === undefined) return undefined;
    for (let before: Candidate | undefined; before !== this.#best; ) {
      before = this.#best;
      this.#joinTurns();
      this.#dropSlices();
      this.#storeAtOnce();
      this.#shorten();
    }
    const short = this.#leaveOut(this.#best);
    const { schedule: performed, finding, preemptions } = short.result;
    return { schedule: short.schedule, performed, finding, preemptions, replays: this.#replays };
  }

  /** Performs a schedule. Undefined if it does not show the finding. */
  #try(schedule: readonly Slice[]): Candidate | undefined {
    this.#replays++;
    const result = replay(this.#model, schedule, this.#options.operationsMax);
    this.#model.restore(this.#mark);
    const { finding } = result;
    if (finding === undefined || !isSameFinding(finding, this.#finding)) return undefined;
    return { schedule, result: { ...result, finding }, cost: costOf(result) };
  }

  /** Takes a schedule if it is better than the best one. */
  #improve(schedule: readonly Slice[]): boolean {
    if (this.#isOver()) return false;
    const key = JSON.stringify(schedule.map(({ agent, operations, isBuffered }) => [agent, operations, +isBuffered]));
    if (this.#tried.has(key)) return false;
    this.#tried.add(key);
    const candidate = this.#try(schedule);
    if (candidate === undefined || !isLess(candidate.cost, this.#best!.cost)) return false;
    this.#best = candidate;
    return true;
  }

  #isOver(replaysMax = this.#improvementsMax): boolean {
    return this.#replays >= replaysMax || performance.now() >= this.#options.deadline;
  }

  get #slices(): readonly Slice[] {
    return this.#best!.result.schedule;
  }

  /** An agent goes on at once with what it does later, or does later what it does now. */
  #joinTurns(): void {
    for (let place = 0; place < this.#slices.length && !this.#isOver(); place++) {
      const { agent } = this.#slices[place]!;
      if (this.#improve(this.#replaced(place, { operations: untilItWaits, isBuffered: false }))) continue;
      const next = this.#slices.findIndex((slice, other) => other > place && slice.agent === agent);
      if (next < 0) continue;
      const between = this.#slices.slice(place + 1, next);
      const head = this.#slices.slice(0, place);
      const tail = this.#slices.slice(next + 1);
      const both = [this.#slices[place]!, this.#slices[next]!];
      this.#improve(joinSlices([...head, ...both, ...between, ...tail])) ||
        this.#improve(joinSlices([...head, ...between, ...both, ...tail]));
    }
  }

  /** Leaves out runs of slices, long ones first. */
  #dropSlices(): void {
    for (let size = Math.ceil(this.#slices.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
      for (let place = 0; place < this.#slices.length && !this.#isOver(); ) {
        const rest = [...this.#slices.slice(0, place), ...this.#slices.slice(place + size)];
        if (!this.#improve(joinSlices(rest))) place += size;
      }
    }
  }

  /** Stores that reach memory when they are made. */
  #storeAtOnce(): void {
    const direct = this.#slices.map((slice) => ({ ...slice, isBuffered: false }));
    if (this.#slices.some(({ isBuffered }) => isBuffered) && this.#improve(joinSlices(direct))) return;
    for (let place = 0; place < this.#slices.length && !this.#isOver(); place++) {
      if (this.#slices[place]!.isBuffered) this.#improve(joinSlices(this.#replaced(place, { isBuffered: false })));
    }
  }

  /** Slices end sooner. */
  #shorten(): void {
    for (let place = 0; place < this.#slices.length && !this.#isOver(); place++) {
      for (let less = this.#slices[place]!.operations >> 1; less >= 1 && !this.#isOver(); less >>= 1) {
        const operations = (this.#slices[place]?.operations ?? 0) - less;
        if (operations >= 1) this.#improve(this.#replaced(place, { operations }));
      }
    }
  }

  #replaced(place: number, change: Partial<Slice>): Slice[] {
    return this.#slices.map((slice, other) => (other === place ? { ...slice, ...change } : slice));
  }

  /** Leaves to the completion what it does by itself, which is as good. */
  #leaveOut(best: Candidate): Candidate {
    // The performed schedule is another one than what was given: that it shows the same is looked at, too.
    let least: Candidate | undefined = this.#asGood(best.result.schedule, best);
    if (least === undefined) return best;
    for (let place = least.schedule.length - 1; place >= 0 && !this.#isOver(this.#replaysMax); place--) {
      const rest: Slice[] = least.schedule.filter((_, other) => other !== place);
      least = this.#asGood(joinSlices(rest), best) ?? least;
    }
    const last = least.schedule.at(-1);
    if (last === undefined || last.operations === 1 || this.#isOver(this.#replaysMax)) return least;
    return this.#asGood([...least.schedule.slice(0, -1), { ...last, operations: 1 }], best) ?? least;
  }

  #asGood(schedule: readonly Slice[], best: Candidate): Candidate | undefined {
    const candidate = this.#try(schedule);
    return candidate !== undefined && !isLess(best.cost, candidate.cost) ? candidate : undefined;
  }
}

function costOf({ schedule, preemptions }: Replay): Cost {
  const buffered = schedule.filter(({ isBuffered }) => isBuffered).length;
  return [preemptions, schedule.length, buffered, countOperations(schedule)];
}

function isLess(one: Cost, other: Cost): boolean {
  const place = one.findIndex((value, index) => value !== other[index]);
  return place >= 0 && one[place]! < other[place]!;
}
