// The order in which subjects take their turns. In a block of as many rounds as there are subjects each has every place
// once: a cyclic Latin square, of which names and rows are drawn anew for every block. Of two subjects one goes first, then
// the other one. So none profits from a place, and none always follows the same other one.

import { Random } from "../workloads/random.ts";

export class TurnOrder {
  readonly #random: Random;
  /** Who stands for which symbol of the square, and its rows, both as drawn for this block. */
  readonly #names: Uint32Array;
  readonly #rows: Uint32Array;
  #round = 0;

  /** @param count subjects, which are numbered from 0 */
  constructor(count: number, seed: number) {
    this.#random = new Random(seed);
    this.#names = Uint32Array.from({ length: count }, (_, index) => index);
    this.#rows = this.#names.slice();
  }

  /** The order of the next round. */
  next(): readonly number[] {
    const count = this.#names.length;
    const place = this.#round++ % count;
    if (place === 0) {
      this.#random.shuffle(this.#names);
      this.#random.shuffle(this.#rows);
    }
    const first = this.#rows[place]!;
    return Array.from(this.#names, (_, index) => this.#names[(first + index) % count]!);
  }
}
