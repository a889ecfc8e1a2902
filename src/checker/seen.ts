// States that a search with a bound of preemptions has been in, and how many preemptions it had left in each.

/** Words of an entry: the two halves of the hash, and owner and preemptions left; the last is 0 where there is none. */
const words = 3;
const bytesPerEntry = words * 4;
const owners = 64;

/** A table with open addressing. Entries of one state lie in one run, so distinct states can be counted. */
export class Seen {
  readonly #bytesMax: number;
  #entries = new Int32Array(1024 * words);
  #entryCount = 0;
  #states = 0;
  #cutCount = 0;
  #isFull = false;

  /** @param bytesMax of the table, with the one that it grows out of */
  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** Distinct states. */
  get states(): number {
    return this.#states;
  }

  /** Whether somewhere a preemption was possible and none was left. */
  get isCut(): boolean {
    return this.#cutCount > 0;
  }

  /** Whether there was no room for the last state. */
  get isFull(): boolean {
    return this.#isFull;
  }

  /**
   * Enters a state.
   *
   * @param owner whom it would be a preemption not to take, or -1
   * @param left preemptions left
   * @returns whether there is something to explore: the state is new, or was entered with fewer preemptions left only
   */
  insert(low: number, high: number, owner: number, left: number): boolean {
    const entries = this.#entries;
    const last = entries.length - words;
    let isKnown = false;
    for (let place = this.#homeOf(low, high, entries); ; place = place === last ? 0 : place + words) {
      const tag = entries[place + 2] as number;
      if (tag === 0) {
        this.#append(place, low, high, owner, left);
        if (!isKnown) this.#states++;
        return true;
      }
      if (entries[place] !== low || entries[place + 1] !== high) continue;
      isKnown = true;
      if ((tag - 1) % owners !== owner + 1) continue;
      const leftBefore = Math.floor((tag - 1) / owners);
      if (leftBefore >= left) return false;
      if (owner >= 0 && leftBefore === 0) this.#cutCount--;
      entries[place + 2] = tagOf(owner, left);
      return true;
    }
  }

  #append(place: number, low: number, high: number, owner: number, left: number): void {
    const entries = this.#entries;
    entries[place] = low;
    entries[place + 1] = high;
    entries[place + 2] = tagOf(owner, left);
    this.#entryCount++;
    if (owner >= 0 && left === 0) this.#cutCount++;
    if (this.#entryCount * words * 4 > entries.length * 3) this.#grow();
  }

  #homeOf(low: number, high: number, entries: Int32Array): number {
    const mixed = Math.imul(low ^ (high >>> 15), 0x9e37_79b1) ^ high;
    return ((mixed ^ (mixed >>> 16)) & (entries.length / words - 1)) * words;
  }

  #grow(): void {
    const old = this.#entries;
    const slots = (old.length / words) * 2;
    this.#isFull = (slots + slots / 2) * bytesPerEntry > this.#bytesMax;
    if (this.#isFull) return;
    const entries = new Int32Array(slots * words);
    const last = entries.length - words;
    for (let from = 0; from < old.length; from += words) {
      if (old[from + 2] === 0) continue;
      let place = this.#homeOf(old[from] as number, old[from + 1] as number, entries);
      while (entries[place + 2] !== 0) place = place === last ? 0 : place + words;
      entries.set(old.subarray(from, from + words), place);
    }
    this.#entries = entries;
  }
}

function tagOf(owner: number, left: number): number {
  return 1 + (owner + 1) + left * owners;
}
