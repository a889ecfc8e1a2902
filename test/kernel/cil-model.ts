// What each variant of cil is to do, as plain objects.

/** Vectors by the size that they were allocated for. */
export interface ModelItem {
  active: number | null;
  shadow: number | null;
  pins: number;
  version: number;
  /** Bytes and iovecs that it contributes to the current context. */
  bytes: number;
  iovecs: number;
  isStale: boolean;
}

interface Joined {
  readonly index: number;
  readonly bytes: number;
  readonly isLast: boolean;
}

interface Checkpoint {
  readonly vectors: readonly { readonly index: number; readonly size: number }[];
}

const roundUp = (bytes: number): number => Math.ceil(bytes / 8) * 8;

/** Iovecs of an item of so many bytes. */
export function iovecsOf(bytes: number): number {
  if (bytes === 0) return 0;
  if (bytes <= 128) return 1;
  return bytes <= 512 ? 3 : 2;
}

/** Bytes of a vector for an item of so many bytes. */
export function sizeOf(bytes: number): number {
  const iovecs = iovecsOf(bytes);
  return roundUp(56 + 16 * iovecs) + roundUp(bytes + 8 * iovecs);
}

export class CilModel {
  readonly items: ModelItem[];
  readonly #variant: string;
  readonly #threshold: number;
  /** Items of the current context. */
  readonly listed = new Set<number>();
  sequence = 1;
  space = 0;
  iovecs = 0;
  relogged = 0;
  switched = 0;
  allocations = 0;
  allocationsUnderLock = 0;
  frees = 0;
  destroyed = 0;
  pushes = 0;
  inFlight: Checkpoint[] = [];

  constructor(variant: string, items: number, threshold: number) {
    this.#variant = variant;
    this.#threshold = threshold;
    this.items = Array.from({ length: items }, () => ({
      active: null,
      shadow: null,
      pins: 0,
      version: 0,
      bytes: 0,
      iovecs: 0,
      isStale: false,
    }));
  }

  join(index: number): void {
    const item = this.items[index]!;
    item.version++;
    item.isStale = false;
  }

  commit(joined: readonly Joined[]): void {
    if (joined.length === 0) return;
    if (this.#variant !== "allocate-under-lock") for (const one of joined) this.#prepare(one);
    for (const one of joined) this.#format(one);
    if (this.space >= this.#threshold) this.push();
  }

  #prepare({ index, bytes }: Joined): void {
    const item = this.items[index]!;
    const size = sizeOf(bytes);
    if (item.shadow !== null && item.shadow < size) {
      item.shadow = null;
      this.frees++;
    }
    const suffices = this.#variant === "check-then-allocate" && item.active !== null && item.active >= size;
    if (item.shadow === null && !suffices) {
      item.shadow = size;
      this.allocations++;
    }
  }

  #format({ index, bytes, isLast }: Joined): void {
    const item = this.items[index]!;
    const need = sizeOf(bytes);
    const isShadowed = this.#variant !== "allocate-under-lock" && this.#variant !== "check-then-allocate";
    const compared = isShadowed ? item.shadow! : need;
    if (item.active === null) {
      item.pins++;
      item.bytes = 0;
      item.iovecs = 0;
      if (this.#variant === "allocate-under-lock") this.#allocateUnderLock(item, need);
      else {
        item.active = item.shadow;
        item.shadow = null;
      }
    } else if (compared <= item.active || (isShadowed && bytes === 0)) this.relogged++;
    else {
      this.switched++;
      if (this.#variant === "allocate-under-lock") {
        this.#allocateUnderLock(item, need);
        this.frees++;
      } else [item.active, item.shadow] = [item.shadow, item.active];
    }
    // An ordered item that is logged already stays as it is.
    if (bytes > 0) {
      this.space += bytes + 12 * iovecsOf(bytes) - item.bytes - 12 * item.iovecs;
      this.iovecs += iovecsOf(bytes) - item.iovecs;
      item.bytes = bytes;
      item.iovecs = iovecsOf(bytes);
    }
    item.isStale = isLast;
    this.listed.add(index);
  }

  #allocateUnderLock(item: ModelItem, need: number): void {
    item.active = need;
    this.allocations++;
    this.allocationsUnderLock++;
  }

  push(): void {
    if (this.listed.size === 0) return;
    this.inFlight.push({ vectors: [...this.listed].map((index) => ({ index, size: this.items[index]!.active! })) });
    for (const index of this.listed) this.items[index]!.active = null;
    this.listed.clear();
    this.sequence++;
    this.space = 0;
    this.iovecs = 0;
    this.pushes++;
  }

  complete(): void {
    for (const { vectors } of this.inFlight) {
      for (const { index } of vectors) {
        const item = this.items[index]!;
        item.pins--;
        if (item.pins > 0 || !item.isStale) continue;
        item.isStale = false;
        item.shadow = null;
        this.destroyed++;
      }
    }
    this.inFlight = [];
  }

  /** Sizes of all vectors that there are. */
  vectors(): number[] {
    const own = this.items.flatMap(({ active, shadow }) => [active, shadow]).filter((size) => size !== null);
    return [...own, ...this.inFlight.flatMap(({ vectors }) => vectors.map(({ size }) => size))];
  }
}
