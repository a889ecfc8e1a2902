// What every shrinker variant does on one CPU, in a few lines: ids, bits, deferred counts, and which callbacks are made.

import type { ShrinkerStep } from "./shrinker-rig.ts";

const shrinkEmpty = -1;
const batch = 128;
const seeks = 2;

export interface Amounts {
  readonly delta: number;
  readonly total: number;
  readonly calls: number;
  readonly scanned: number;
  readonly deferred: number;
}

/** The arithmetic of do_shrink_slab for a scan that frees all that it is asked for. */
export function amountsOf(freeable: number, deferred: number, priority: number, seeksOf = seeks): Amounts {
  const delta =
    seeksOf === 0 ? Math.floor(freeable / 2) : Math.floor((4 * Math.floor(freeable / 2 ** priority)) / seeksOf);
  const total = Math.min(Math.floor(deferred / 2 ** priority) + delta, 2 * freeable);
  let left = total;
  let calls = 0;
  while (left >= batch || left >= freeable) {
    left -= Math.min(batch, left);
    calls++;
  }
  const scanned = total - left;
  const next = Math.min(Math.max(deferred + delta - scanned, 0), 2 * freeable);
  return { delta, total, calls, scanned, deferred: next };
}

interface List {
  objects: number;
  freeable: number;
}

export class ShrinkerModel {
  readonly counts = { visits: 0, callbacks: 0, scans: 0, freed: 0, secondLooks: 0, bitsCleared: 0, expansions: 0 };
  /** Parent of each online cgroup. */
  readonly parents = new Map<number, number>();
  /** Id of each mounted superblock, in the order of their mounting. */
  readonly ids = new Map<number, number>();
  readonly bits = new Set<string>();
  readonly deferred = new Map<string, number>();
  capacity = 0;
  readonly #lists = new Map<string, List>();
  readonly #nodes: number;
  readonly #setsAll: boolean;

  constructor(nodes: number, setsAll: boolean) {
    this.#nodes = nodes;
    this.#setsAll = setsAll;
  }

  perform(step: ShrinkerStep): void {
    if (step.kind === "create") this.parents.set(step.cgroup, step.parent);
    else if (step.kind === "offline") this.#offline(step.cgroup);
    else if (step.kind === "mount") this.#mount(step.superblock);
    else if (step.kind === "unmount") this.#unmount(step.superblock);
    else if (step.kind === "add") this.#add(step.superblock, step.cgroup, step);
    else if (step.kind === "pass") this.#pass(step.root, step.priority, step.node);
  }

  objects(superblock: number, cgroup: number): number {
    return this.#lists.get(`${superblock}/${cgroup}`)?.objects ?? 0;
  }

  /** Every cell of a cgroup's maps, as keys. */
  *#cells(cgroup: number): Generator<string> {
    for (let node = 0; node < this.#nodes; node++) {
      for (let id = 0; id < this.capacity; id++) yield `${cgroup}/${node}/${id}`;
    }
  }

  #mount(superblock: number): void {
    const taken = new Set(this.ids.values());
    let id = 0;
    while (taken.has(id)) id++;
    if (id >= this.capacity) {
      // Before units, all bits that there were are set.
      if (this.#setsAll)
        for (const cgroup of this.parents.keys()) for (const cell of this.#cells(cgroup)) this.bits.add(cell);
      this.capacity = 64 * (Math.floor(id / 64) + 1);
      this.counts.expansions++;
    }
    this.ids.set(superblock, id);
  }

  #unmount(superblock: number): void {
    if (!this.ids.delete(superblock)) return;
    for (const key of [...this.#lists.keys()]) if (key.startsWith(`${superblock}/`)) this.#lists.delete(key);
  }

  #add(superblock: number, cgroup: number, amount: List): void {
    const id = this.ids.get(superblock);
    if (id === undefined || !this.parents.has(cgroup) || amount.objects === 0) return;
    const key = `${superblock}/${cgroup}`;
    const list = this.#lists.get(key) ?? { objects: 0, freeable: 0 };
    this.#lists.set(key, list);
    if (list.objects === 0 && cgroup !== 0) this.bits.add(`${cgroup}/${superblock % this.#nodes}/${id}`);
    list.objects += amount.objects;
    list.freeable += amount.freeable;
  }

  #offline(cgroup: number): void {
    const parent = this.parents.get(cgroup);
    if (parent === undefined) return;
    for (const superblock of this.ids.keys()) {
      const list = this.#lists.get(`${superblock}/${cgroup}`);
      this.#lists.delete(`${superblock}/${cgroup}`);
      if (list !== undefined) this.#add(superblock, parent, list);
    }
    for (const cell of this.#cells(cgroup)) {
      const to = cell.replace(/^\d+/, String(parent));
      const sum = (this.deferred.get(cell) ?? 0) + (this.deferred.get(to) ?? 0);
      if (sum > 0) this.deferred.set(to, sum);
      this.deferred.delete(cell);
      this.bits.delete(cell);
    }
    this.parents.delete(cgroup);
  }

  /** A cgroup and all below it, parents first. Their order makes no difference on one CPU. */
  #below(root: number): number[] {
    const children = [...this.parents].filter(([cgroup, parent]) => parent === root && cgroup !== root);
    return [root, ...children.flatMap(([cgroup]) => this.#below(cgroup))];
  }

  #pass(root: number, priority: number, node: number): void {
    if (!this.parents.has(root)) return;
    for (const cgroup of this.#below(root)) {
      this.counts.visits++;
      if (cgroup === 0) {
        for (const superblock of this.ids.keys()) this.#shrink(superblock, 0, node, priority);
        continue;
      }
      for (let id = 0; id < this.capacity; id++) {
        const cell = `${cgroup}/${node}/${id}`;
        if (!this.bits.has(cell)) continue;
        const superblock = [...this.ids].find((entry) => entry[1] === id)?.[0];
        if (superblock === undefined) {
          this.bits.delete(cell);
          this.counts.bitsCleared++;
        } else if (this.#shrink(superblock, cgroup, node, priority) === shrinkEmpty) {
          this.bits.delete(cell);
          this.counts.bitsCleared++;
          this.counts.secondLooks++;
          this.#shrink(superblock, cgroup, node, priority);
        }
      }
    }
  }

  #shrink(superblock: number, cgroup: number, node: number, priority: number): number {
    this.counts.callbacks++;
    const list = node === superblock % this.#nodes ? this.#lists.get(`${superblock}/${cgroup}`) : undefined;
    if (list === undefined || list.objects === 0) return shrinkEmpty;
    const cell = `${cgroup}/${node}/${this.ids.get(superblock)}`;
    const amounts = amountsOf(list.objects, this.deferred.get(cell) ?? 0, priority);
    if (amounts.deferred > 0) this.deferred.set(cell, amounts.deferred);
    else this.deferred.delete(cell);
    const freed = Math.min(amounts.scanned, list.freeable);
    list.objects -= freed;
    list.freeable -= freed;
    this.counts.scans += amounts.calls;
    this.counts.freed += freed;
    return freed;
  }
}
