// The generators' random numbers: sfc32 by Chris Doty-Humphrey (PractRand). 32-bit integer arithmetic only, so
// that every host produces the same workload from the same seed. Not for statistics or cryptography.

export class Random {
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  /** @param seed a u32 */
  constructor(seed: number) {
    this.#a = 0;
    this.#b = seed | 0;
    this.#c = 0;
    // The author's own warm-up: after 12 steps every bit of the state depends on the seed.
    for (let i = 0; i < 12; i++) this.next();
  }

  /** The next u32. */
  next(): number {
    const sum = (((this.#a + this.#b) | 0) + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) | 0;
    return sum >>> 0;
  }

  /**
   * An integer from 0 to `bound - 1`. The bias is below `bound / 2^32`. Products and quotients of doubles are
   * rounded the same way on every host, so the result is too.
   *
   * @param bound 1 to 2^32 - 1
   */
  below(bound: number): number {
    return Math.floor((this.next() * bound) / 0x1_0000_0000);
  }

  /** Puts the items into random order (Fisher and Yates). */
  shuffle(items: Uint32Array): void {
    for (let i = items.length - 1; i > 0; i--) {
      const other = this.below(i + 1);
      const item = items[i] as number;
      items[i] = items[other] as number;
      items[other] = item;
    }
  }
}
