// Timers, the earliest first; of those at the same time, the one that was set first.

import { never } from "./time.ts";

interface Timer {
  readonly at: number;
  readonly order: number;
  readonly activity: number;
}

function isBefore(one: Timer, other: Timer): boolean {
  return one.at < other.at || (one.at === other.at && one.order < other.order);
}

/** A binary heap. */
export class TimerQueue {
  readonly #heap: Timer[] = [];
  #order = 0;

  /** When the earliest is due, or {@link never}. */
  get next(): number {
    return this.#heap[0]?.at ?? never;
  }

  push(at: number, activity: number): void {
    const timer = { at, order: this.#order++, activity };
    const heap = this.#heap;
    let position = heap.length;
    while (position > 0) {
      const parent = (position - 1) >> 1;
      const above = heap[parent] as Timer;
      if (!isBefore(timer, above)) break;
      heap[position] = above;
      position = parent;
    }
    heap[position] = timer;
  }

  /** @throws {RangeError} when there is none */
  pop(): { readonly at: number; readonly activity: number } {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (first === undefined || last === undefined) throw new RangeError("there is no timer");
    if (heap.length > 0) {
      let position = 0;
      for (;;) {
        let child = position * 2 + 1;
        if (child >= heap.length) break;
        if (child + 1 < heap.length && isBefore(heap[child + 1] as Timer, heap[child] as Timer)) child++;
        if (!isBefore(heap[child] as Timer, last)) break;
        heap[position] = heap[child] as Timer;
        position = child;
      }
      heap[position] = last;
    }
    return first;
  }
}
