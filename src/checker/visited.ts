// States that were visited, by their 64-bit hash, each with the agents that were asleep there.

/** What a new state's visit returns; otherwise it is a mask. */
export const isNew = -1;

const slotsAtFirst = 1 << 16;
/** Slots in use, of all, at which the table is made larger. */
const load = 0.6;
const slotBytes = 12;

/** A table of states. Two states with the same hash count as one; {@link missProbability} says how likely that is. */
export class Visited {
  #low = new Int32Array(slotsAtFirst);
  #high = new Int32Array(slotsAtFirst);
  /** The sleeping agents, with the highest bit set; 0 in an empty slot. */
  #sleep = new Int32Array(slotsAtFirst);
  #size = 0;

  /** States. */
  get size(): number {
    return this.#size;
  }

  get bytes(): number {
    return this.#low.length * slotBytes;
  }

  clear(): void {
    this.#sleep.fill(0);
    this.#size = 0;
  }

  /**
   * Visits a state with some agents asleep, which need not be explored from there.
   *
   * @param sleep mask of agents below bit 31
   * @returns {@link isNew}, or those that were asleep at all visits before and are not now: they remain to be explored, and
   *   those asleep then and now stay asleep
   */
  visit(low: number, high: number, sleep: number): number {
    if (this.#size > this.#low.length * load) this.#grow();
    const slot = this.#find(low, high);
    const held = this.#sleep[slot] as number;
    if (held === 0) {
      this.#low[slot] = low;
      this.#high[slot] = high;
      this.#sleep[slot] = sleep | (1 << 31);
      this.#size++;
      return isNew;
    }
    this.#sleep[slot] = held & (sleep | (1 << 31));
    return held & ~sleep & 0x7fff_ffff;
  }

  #find(low: number, high: number): number {
    const last = this.#low.length - 1;
    let slot = (low ^ Math.imul(high, 0x9e37_79b1)) & last;
    while (this.#sleep[slot] !== 0 && (this.#low[slot] !== low || this.#high[slot] !== high)) slot = (slot + 1) & last;
    return slot;
  }

  #grow(): void {
    const [low, high, sleep] = [this.#low, this.#high, this.#sleep];
    const slots = low.length * 2;
    [this.#low, this.#high, this.#sleep] = [new Int32Array(slots), new Int32Array(slots), new Int32Array(slots)];
    for (let from = 0; from < low.length; from++) {
      const held = sleep[from] as number;
      if (held === 0) continue;
      const slot = this.#find(low[from] as number, high[from] as number);
      this.#low[slot] = low[from] as number;
      this.#high[slot] = high[from] as number;
      this.#sleep[slot] = held;
    }
  }
}

/** Upper limit of the probability that among so many states any two had the same hash. */
export function missProbability(states: number): number {
  return Math.min(1, (states * states) / 2 ** 65);
}
