// Counts what the shrinker's code does on the counting machine: the visits of cgroups as a whole, which of their writes
// go to lines that visits on other CPUs touch too, and what registering and unregistering do.

import { noteShrinkerAllocated, noteShrinkerFreed } from "../kernel/notes.ts";
import {
  expandShrinkerInfo,
  registerShrinker,
  shrinkSlab,
  superCacheCount,
  superCacheScan,
  unregisterShrinker,
} from "../kernel/symbols.ts";
import { accessLoad, accessLocked, type MachineObserver } from "./counting-machine.ts";

// What a CPU is in, as a set of bits. Callbacks of shrinkers are the harness's, and in none of these.
const inVisit = 1;
const inRegister = 2;
const inUnregister = 4;
const inExpansion = 8;

/** The scope that begins inside `scope` with a symbol. */
function scopeWithin(scope: number, symbol: number): number {
  switch (symbol) {
    case shrinkSlab:
      return scope | inVisit;
    case superCacheCount:
    case superCacheScan:
      return 0;
    case registerShrinker:
      return scope | inRegister;
    case unregisterShrinker:
      return scope | inUnregister;
    case expandShrinkerInfo:
      return scope | inExpansion;
    default:
      return scope;
  }
}

/** Where things lie in the memory that is counted. Addresses are in bytes; ranges end before `end`. */
export interface ShrinkerMemory {
  readonly bytes: number;
  readonly arenaBase: number;
  /** The harness's own counters and histograms, which are no part of the kernel's work. */
  readonly statistics: { readonly base: number; readonly end: number };
  /** Bytes of one shrinker's descriptor. */
  readonly shrinkerBytes: number;
}

/** Writes of visits to lines that visits on several CPUs touched. Stores and locked operations count. */
export interface SharedWrites {
  /** To descriptors of shrinkers. */
  descriptors: number;
  /** To what else lies in the arena: bitmaps and deferred counts. */
  infos: number;
  /** To everything else: locks, and other global structures. */
  others: number;
}

/** A line that no visit touched, and one that visits on several CPUs did. Else: the CPU plus 1. */
const untouched = 0;
const several = 255;

/** Most CPUs that lines can tell apart. */
const cpusMax = several - 1;

/** Counts while {@link measuring}, after {@link watch}. */
export class ShrinkerCounter implements MachineObserver {
  readonly #scopes: Uint32Array;
  readonly #stacks: readonly number[][];
  #memory: ShrinkerMemory = { bytes: 0, arenaBase: 0, statistics: { base: 0, end: 0 }, shrinkerBytes: 0 };
  /** By line: the visit that touched it last. */
  #lineVisit = new Uint32Array(0);
  /** By line: whose visits touched it. */
  #toucher = new Uint8Array(0);
  /** By line: writes of visits. */
  #writes = new Uint32Array(0);
  /** By line: whether it is a descriptor's. */
  #isDescriptor = new Uint8Array(0);
  /** Of descriptors that are gone. */
  #sharedDescriptorWrites = 0;
  readonly #sleptNs: Float64Array;

  /** Whether what happens counts. */
  measuring = false;
  visits = 0;
  visitAccesses = 0;
  /** Distinct 64-byte lines of each visit. */
  visitLines = 0;
  visitLocked = 0;
  registerAccesses = 0;
  registerLocked = 0;
  unregisterAccesses = 0;
  unregisterLocked = 0;
  /** Virtual time slept by all unregistrations, and by the one that slept longest. */
  unregisterSleptNs = 0;
  unregisterSleptNsMax = 0;
  /** Bytes stored by expansions of the maps. */
  expansionBytes = 0;

  constructor(cpus: number) {
    if (cpus > cpusMax) throw new RangeError(`at most ${cpusMax} CPUs can be counted, got ${cpus}`);
    this.#scopes = new Uint32Array(cpus);
    this.#stacks = Array.from({ length: cpus }, () => []);
    this.#sleptNs = new Float64Array(cpus);
  }

  /** Says what lies where. To be called before anything is counted. */
  watch(memory: ShrinkerMemory): void {
    const lines = memory.bytes / 64;
    this.#memory = memory;
    this.#lineVisit = new Uint32Array(lines);
    this.#toucher = new Uint8Array(lines);
    this.#writes = new Uint32Array(lines);
    this.#isDescriptor = new Uint8Array(lines);
  }

  access(cpu: number, cell: number, bytes: number, how: number): void {
    const scope = this.#scopes[cpu] as number;
    if (scope === 0 || !this.measuring) return;
    const { statistics } = this.#memory;
    if (cell >= statistics.base && cell < statistics.end) return;
    const locked = how === accessLocked ? 1 : 0;
    if ((scope & inVisit) !== 0) {
      this.visitAccesses++;
      this.visitLocked += locked;
      this.#touch(cpu, cell >>> 6, how);
    }
    if ((scope & inRegister) !== 0) {
      this.registerAccesses++;
      this.registerLocked += locked;
    }
    if ((scope & inUnregister) !== 0) {
      this.unregisterAccesses++;
      this.unregisterLocked += locked;
    }
    if ((scope & inExpansion) !== 0 && how !== accessLoad) this.expansionBytes += bytes;
  }

  #touch(cpu: number, line: number, how: number): void {
    if (this.#lineVisit[line] !== this.visits) {
      this.#lineVisit[line] = this.visits;
      this.visitLines++;
      const toucher = this.#toucher[line] as number;
      if (toucher !== cpu + 1) this.#toucher[line] = toucher === untouched ? cpu + 1 : several;
    }
    if (how !== accessLoad) (this.#writes[line] as number)++;
  }

  enter(cpu: number, symbol: number): void {
    const scope = this.#scopes[cpu] as number;
    const inner = scopeWithin(scope, symbol);
    this.#stacks[cpu]?.push(scope);
    this.#scopes[cpu] = inner;
    const begun = inner & ~scope;
    if ((begun & inVisit) !== 0 && this.measuring) this.visits++;
    if ((begun & inUnregister) !== 0) this.#sleptNs[cpu] = 0;
  }

  leave(cpu: number): void {
    const outer = this.#stacks[cpu]?.pop();
    if (outer === undefined) throw new Error(`CPU ${cpu} leaves a symbol that it did not enter`);
    const ended = (this.#scopes[cpu] as number) & ~outer;
    this.#scopes[cpu] = outer;
    if ((ended & inUnregister) === 0 || !this.measuring) return;
    const slept = this.#sleptNs[cpu] as number;
    this.unregisterSleptNs += slept;
    if (slept > this.unregisterSleptNsMax) this.unregisterSleptNsMax = slept;
  }

  slept(cpu: number, ns: number): void {
    (this.#sleptNs[cpu] as number) += ns;
  }

  irqOff(): void {}
  irqOn(): void {}

  note(_cpu: number, kind: number, value: number): void {
    if (kind !== noteShrinkerAllocated && kind !== noteShrinkerFreed) return;
    const first = (value >>> 0) >>> 6;
    const end = ((value >>> 0) + this.#memory.shrinkerBytes + 63) >>> 6;
    if (kind === noteShrinkerFreed) this.#settle(first, end);
    this.#isDescriptor.fill(kind === noteShrinkerAllocated ? 1 : 0, first, end);
  }

  /** Adds up the writes to a descriptor that is going, so that whatever lies there next begins anew. */
  #settle(first: number, end: number): void {
    for (let line = first; line < end; line++) {
      if (this.#toucher[line] === several) this.#sharedDescriptorWrites += this.#writes[line] as number;
      this.#toucher[line] = untouched;
      this.#writes[line] = 0;
    }
  }

  /** Adds up what visits wrote to lines that visits on several CPUs touched. */
  sharedWrites(): SharedWrites {
    const shared: SharedWrites = { descriptors: this.#sharedDescriptorWrites, infos: 0, others: 0 };
    const firstArenaLine = this.#memory.arenaBase >>> 6;
    for (let line = 0; line < this.#writes.length; line++) {
      if (this.#toucher[line] !== several) continue;
      const writes = this.#writes[line] as number;
      if (this.#isDescriptor[line] === 1) shared.descriptors += writes;
      else if (line >= firstArenaLine) shared.infos += writes;
      else shared.others += writes;
    }
    return shared;
  }
}
