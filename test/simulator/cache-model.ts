// What the caches of the simulated machine do, written down plainly: for accesses that come one after the other, so
// far apart that none meets another. Tells what each costs, and from where it came.
//
// A cache set is a list, the line that was used last first. A copy that a write elsewhere has made invalid keeps its
// place until it is the last, or until its line comes back. A first-level cache's hit is no use of the second level.

import { placeCpus, type Topology } from "../../src/simulator/topology.ts";
import { type plainCosts, profileOf, type Shape } from "./rig.ts";

interface Copy {
  readonly line: number;
  isValid: boolean;
}

class Cache {
  readonly #sets: Copy[][];
  readonly #ways: number;
  readonly #indexOf: (line: number) => number;

  constructor([bytes, ways]: readonly [number, number], indexOf?: (line: number, sets: number) => number) {
    const sets = bytes / 64 / ways;
    this.#ways = ways;
    this.#indexOf = (line) => (indexOf === undefined ? line % sets : indexOf(line, sets));
    this.#sets = Array.from({ length: sets }, () => []);
  }

  #setOf(line: number): Copy[] {
    return this.#sets[this.#indexOf(line)]!;
  }

  has(line: number): boolean {
    return this.#setOf(line).some((copy) => copy.line === line && copy.isValid);
  }

  /** Makes a line that is there the one that was used last. */
  touch(line: number): void {
    const set = this.#setOf(line);
    const index = set.findIndex((copy) => copy.line === line);
    set.unshift(...set.splice(index, 1));
  }

  /** Takes a line in, and returns the one that had to go, if it was valid. */
  put(line: number): number | undefined {
    const set = this.#setOf(line);
    const index = set.findIndex((copy) => copy.line === line);
    if (index >= 0) set.splice(index, 1);
    set.unshift({ line, isValid: true });
    const gone = set.length > this.#ways ? set.pop() : undefined;
    return gone?.isValid ? gone.line : undefined;
  }

  invalidate(line: number): void {
    for (const copy of this.#setOf(line)) if (copy.line === line) copy.isValid = false;
  }
}

interface LineState {
  /** The core that has it alone. */
  holder: number | undefined;
  /** Clusters that have had a copy since it was last written; empty when no core has it. */
  clusters: Set<number>;
}

export type Kind = "load" | "store" | "locked";

/** Where a line came from, if not from the first level. */
export type Source = "l2" | "l3" | "same-cluster" | "same-socket" | "other-socket" | "memory-local" | "memory-remote";

export class CacheModel {
  readonly #costs: typeof plainCosts;
  readonly #topology: Topology;
  readonly #isL3PerCluster: boolean;
  readonly #clustersPerSocket: number;
  readonly #sockets: number;
  readonly #first: Cache[];
  readonly #second: Cache[];
  readonly #last: Cache[];
  readonly #lines = new Map<number, LineState>();
  readonly fetched = new Map<Source, number>();

  constructor(shape: Shape & Required<Pick<Shape, "l1" | "l2" | "l3">>, costs: typeof plainCosts, cpus: number) {
    this.#costs = costs;
    this.#topology = placeCpus(profileOf(shape), cpus);
    this.#isL3PerCluster = shape.l3SharedBy === "cluster";
    this.#clustersPerSocket = shape.clusters ?? 1;
    this.#sockets = shape.sockets ?? 1;
    const hashed = (line: number, sets: number): number => (((Math.imul(line, 0x9e37_79b1) >>> 8) ^ line) >>> 0) % sets;
    this.#first = Array.from({ length: this.#topology.cores }, () => new Cache(shape.l1));
    this.#second = Array.from({ length: this.#topology.cores }, () => new Cache(shape.l2));
    this.#last = Array.from({ length: this.#topology.l3s }, () => new Cache(shape.l3, hashed));
  }

  #count(source: Source): void {
    this.fetched.set(source, (this.fetched.get(source) ?? 0) + 1);
  }

  #state(line: number): LineState {
    let state = this.#lines.get(line);
    if (state === undefined) {
      state = { holder: undefined, clusters: new Set() };
      this.#lines.set(line, state);
    }
    return state;
  }

  #socketOf(cluster: number): number {
    return Math.floor(cluster / this.#clustersPerSocket);
  }

  #invalidateAll(line: number): void {
    for (const cache of [...this.#first, ...this.#second, ...this.#last]) cache.invalidate(line);
  }

  /** The time that an access takes, in ns. */
  access(cpu: number, line: number, kind: Kind): number {
    const { core, cluster, socket, l3 } = this.#topology.cpus[cpu]!;
    const costs = this.#costs;
    const first = this.#first[core]!;
    const second = this.#second[core]!;
    const state = this.#state(line);
    const mayWrite = state.holder === core;
    const inFirst = first.has(line);
    const isNear = inFirst || second.has(line);
    if (inFirst) first.touch(line);
    else if (isNear) second.touch(line);
    const total = (fetch: number): number => {
      // A store is done behind the CPU's back.
      if (kind === "store") return costs.store;
      return kind === "locked" ? fetch + costs.locked : fetch;
    };
    if (isNear && (kind === "load" || mayWrite)) {
      if (inFirst) return kind === "locked" ? costs.locked : total(costs.l1);
      this.#count("l2");
      first.put(line);
      return total(costs.l2);
    }
    const latency = this.#latency(line, state, kind, { cluster, socket, l3 });
    if (kind !== "load") {
      this.#invalidateAll(line);
      state.holder = core;
      state.clusters = new Set([cluster]);
    } else if (state.clusters.size === 0) {
      state.holder = core;
      state.clusters.add(cluster);
    } else {
      state.holder = undefined;
      state.clusters.add(cluster);
    }
    first.put(line);
    const gone = second.put(line);
    if (gone !== undefined) this.#evict(gone, core, l3);
    return total(latency);
  }

  #latency(
    line: number,
    { holder, clusters }: LineState,
    kind: Kind,
    own: { readonly cluster: number; readonly socket: number; readonly l3: number },
  ): number {
    const costs = this.#costs;
    if (clusters.size === 0) {
      if (this.#last[own.l3]!.has(line)) {
        this.#count("l3");
        return costs.l3;
      }
      const isLocal = Math.floor(line / 64) % this.#sockets === own.socket;
      this.#count(isLocal ? "memory-local" : "memory-remote");
      return isLocal ? costs.memoryLocal : costs.memoryRemote;
    }
    const inSocket = [...clusters].filter((cluster) => this.#socketOf(cluster) === own.socket);
    if (holder === undefined && kind === "load") {
      // One more copy, from the nearest.
      if (clusters.has(own.cluster) || (!this.#isL3PerCluster && inSocket.length > 0)) {
        this.#count("l3");
        return costs.l3;
      }
      this.#count(inSocket.length > 0 ? "same-socket" : "other-socket");
      return inSocket.length > 0 ? costs.transferSameSocket : costs.transferCrossSocket;
    }
    // From its holder, or the right to write it from all that have it, as far away as the farthest.
    if (inSocket.length < clusters.size) {
      this.#count("other-socket");
      return costs.transferCrossSocket;
    }
    const isNear = clusters.size === 1 && clusters.has(own.cluster);
    this.#count(isNear ? "same-cluster" : "same-socket");
    return isNear ? costs.transferSameCluster : costs.transferSameSocket;
  }

  /** What falls out of the second level goes to the last one. */
  #evict(line: number, core: number, l3: number): void {
    const state = this.#state(line);
    if (state.holder === core) {
      this.#invalidateAll(line);
      state.holder = undefined;
      state.clusters.clear();
    }
    this.#last[l3]!.put(line);
  }
}
