// States that were visited, by their 64-bit hash, each with the agents that were asleep there.

/** What a new state's visit returns; otherwise it is a mask. */
export const isNew = -1;

const slotsAtFirst = 1 << 16;
/** Slots in use, of all, at which the table is made larger. */
const load = 0.6;
/**
 * Words of a slot, side by side, so that looking at one costs one cache miss: the halves of the hash, and the sleeping
 * agents with the highest bit set, or 0 in an empty slot. The fourth keeps slots from straddling lines.
 */
const slotWords = 4;
const inUse = 1 << 31;

/** A table of states. Two states with the same hash count as one; {@link missProbability} says how likely that is. */
export class Visited {
  #words = new Int32Array(slotsAtFirst * slotWords);
  #size = 0;

  /** States. */
  get size(): number {
    return this.#size;
  }

  get bytes(): number {
    return this.#words.byteLength;
  }

  clear(): void {
    this.#words.fill(0);
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
    if (this.#size * slotWords > this.#words.length * load) this.#grow();
    const words = this.#words;
    const slot = findSlot(words, low, high);
    const held = words[slot + 2] as number;
    if (held === 0) {
      words[slot] = low;
      words[slot + 1] = high;
      words[slot + 2] = sleep | inUse;
      this.#size++;
      return isNew;
    }
    words[slot + 2] = held & (sleep | inUse);
    return held & ~sleep & ~inUse;
  }

  #grow(): void {
    const from = this.#words;
    const to = new Int32Array(from.length * 2);
    for (let at = 0; at < from.length; at += slotWords) {
      if (from[at + 2] === 0) continue;
      const slot = findSlot(to, from[at] as number, from[at + 1] as number);
      to[slot] = from[at] as number;
      to[slot + 1] = from[at + 1] as number;
      to[slot + 2] = from[at + 2] as number;
    }
    this.#words = to;
  }
}

/** Where a state's slot begins, or the empty one that it would take. */
function findSlot(words: Int32Array, low: number, high: number): number {
  const last = words.length - slotWords;
  let slot = ((low ^ Math.imul(high, 0x9e37_79b1)) * slotWords) & last;
  while (words[slot + 2] !== 0 && (words[slot] !== low || words[slot + 1] !== high)) slot = (slot + slotWords) & last;
  return slot;
}

/** Upper limit of the probability that among so many states any two had the same hash. */
export function missProbability(states: number): number {
  return Math.min(1, (states * states) / 2 ** 65);
}
