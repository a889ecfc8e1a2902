// Counts what the calls of a described problem's operations do on the counting machine: accesses, distinct cache lines,
// locked operations and sleep of each call, and which of their writes CPUs get into each other's way with.

import type { NotedObjects, Operation, OperationCount } from "../problems/problem.ts";
import { accessLoad, accessLocked, type MachineObserver } from "./counting-machine.ts";

/** Where things lie in the memory that is counted. Addresses are in bytes; ranges end before `end`. */
export interface CountedMemory {
  readonly bytes: number;
  readonly arenaBase: number;
  /** What the harness keeps for itself, which is no part of the kernel's work. */
  readonly statistics: { readonly base: number; readonly end: number };
}

/** Objects whose lines are told apart. */
export interface CountedObjects extends Pick<NotedObjects, "allocated" | "freed"> {
  /** Of one of them. */
  readonly bytes: number;
}

/** What all calls of one operation came to, nested functions included. */
export type CallCounts = Record<OperationCount, number>;

/** A line that no call touched, and one that calls on several CPUs did. Else: the CPU plus 1. */
const untouched = 0;
const several = 255;

/** Most CPUs that lines can tell apart. */
const cpusMax = several - 1;
/** Most operations: each is a bit. */
const operationsMax = 31;
/** One more than the largest symbol (`src/kernel/symbols.ts`). */
const symbolCount = 256;

/** One operation. */
class Tally {
  calls = 0;
  /** Calls by CPU. */
  readonly byCpu: Float64Array;
  accesses = 0;
  lines = 0;
  locked = 0;
  storedBytes = 0;
  sleptNs = 0;
  sleptNsMax = 0;
  /** To objects that are gone. */
  sharedObjectWrites = 0;
  /** By CPU: number of the call that it is in, and how long that slept. */
  readonly callOf: Uint32Array;
  readonly sleptOf: Float64Array;
  /** By line: the call that touched it last. */
  readonly lineCall: Uint32Array;
  /** One more than the largest line that was touched. */
  endLine = 0;
  /** By line: whose calls touched it. */
  readonly toucher: Uint8Array;
  /** By line: writes of calls. */
  readonly writes: Uint32Array;

  constructor(cpus: number, lines: number) {
    this.byCpu = new Float64Array(cpus);
    this.callOf = new Uint32Array(cpus);
    this.sleptOf = new Float64Array(cpus);
    this.lineCall = new Uint32Array(lines);
    this.toucher = new Uint8Array(lines);
    this.writes = new Uint32Array(lines);
  }

  begin(cpu: number, isMeasured: boolean): void {
    this.sleptOf[cpu] = 0;
    if (!isMeasured) return;
    this.callOf[cpu] = ++this.calls;
    (this.byCpu[cpu] as number)++;
  }

  end(cpu: number): void {
    const slept = this.sleptOf[cpu] as number;
    this.sleptNs += slept;
    if (slept > this.sleptNsMax) this.sleptNsMax = slept;
  }

  touch(cpu: number, line: number, bytes: number, how: number): void {
    this.accesses++;
    const call = this.callOf[cpu] as number;
    if (this.lineCall[line] !== call) {
      this.lineCall[line] = call;
      this.lines++;
      if (line >= this.endLine) this.endLine = line + 1;
      const toucher = this.toucher[line] as number;
      if (toucher !== cpu + 1) this.toucher[line] = toucher === untouched ? cpu + 1 : several;
    }
    if (how === accessLoad) return;
    (this.writes[line] as number)++;
    this.storedBytes += bytes;
    if (how === accessLocked) this.locked++;
  }

  /** Adds up the writes to an object that is going, so that whatever lies there next begins anew. */
  settle(first: number, end: number): void {
    for (let line = first; line < end; line++) {
      if (this.toucher[line] === several) this.sharedObjectWrites += this.writes[line] as number;
      this.toucher[line] = untouched;
      this.writes[line] = 0;
    }
  }
}

/** Counts while {@link measuring}, after {@link watch}. */
export class CallCounter implements MachineObserver {
  readonly #cpus: number;
  readonly #operations: readonly Operation[];
  /** By symbol: operations that begin with it, and those that it is no part of. */
  readonly #begins = new Uint32Array(symbolCount);
  readonly #pauses = new Uint32Array(symbolCount);
  /** By CPU: the operations that it is in. */
  readonly #scopes: Uint32Array;
  readonly #stacks: readonly number[][];
  #memory: CountedMemory = { bytes: 0, arenaBase: 0, statistics: { base: 0, end: 0 } };
  #objects: readonly CountedObjects[] = [];
  /** By line: whether it is an object's. */
  #isObject = new Uint8Array(0);
  #tallies: readonly Tally[] = [];

  /** Whether what happens counts. */
  measuring = false;

  constructor(operations: readonly Operation[], cpus: number) {
    if (cpus > cpusMax) throw new RangeError(`at most ${cpusMax} CPUs can be counted, got ${cpus}`);
    if (operations.length > operationsMax) throw new RangeError(`at most ${operationsMax} operations can be counted`);
    this.#cpus = cpus;
    this.#operations = operations;
    this.#scopes = new Uint32Array(cpus);
    this.#stacks = Array.from({ length: cpus }, () => []);
    for (const [index, { symbol, without = [] }] of operations.entries()) {
      (this.#begins[symbol] as number) |= 1 << index;
      for (const left of without) (this.#pauses[left] as number) |= 1 << index;
    }
  }

  /** Says what lies where. To be called before anything is counted. */
  watch(memory: CountedMemory): void {
    const lines = memory.bytes / 64;
    this.#memory = memory;
    this.#isObject = new Uint8Array(lines);
    this.#tallies = this.#operations.map(() => new Tally(this.#cpus, lines));
  }

  /** Says what objects there are. To be called before there are any. */
  track(objects: readonly CountedObjects[]): void {
    this.#objects = objects;
  }

  access(cpu: number, cell: number, bytes: number, how: number): void {
    const scope = this.#scopes[cpu] as number;
    if (scope === 0 || !this.measuring) return;
    const { statistics } = this.#memory;
    if (cell >= statistics.base && cell < statistics.end) return;
    for (let left = scope; left !== 0; left &= left - 1) this.#lowest(left).touch(cpu, cell >>> 6, bytes, how);
  }

  /** The operation with the lowest of some bits. */
  #lowest(bits: number): Tally {
    return this.#tallies[31 - Math.clz32(bits & -bits)] as Tally;
  }

  enter(cpu: number, symbol: number): void {
    const scope = this.#scopes[cpu] as number;
    const inner = (scope & ~(this.#pauses[symbol] as number)) | (this.#begins[symbol] as number);
    this.#stacks[cpu]?.push(scope);
    this.#scopes[cpu] = inner;
    for (let left = inner & ~scope; left !== 0; left &= left - 1) this.#lowest(left).begin(cpu, this.measuring);
  }

  leave(cpu: number): void {
    const outer = this.#stacks[cpu]?.pop();
    if (outer === undefined) throw new Error(`CPU ${cpu} leaves a symbol that it did not enter`);
    const ended = (this.#scopes[cpu] as number) & ~outer;
    this.#scopes[cpu] = outer;
    if (!this.measuring) return;
    for (let left = ended; left !== 0; left &= left - 1) this.#lowest(left).end(cpu);
  }

  slept(cpu: number, ns: number): void {
    for (let left = this.#scopes[cpu] as number; left !== 0; left &= left - 1) {
      (this.#lowest(left).sleptOf[cpu] as number) += ns;
    }
  }

  irqOff(): void {}
  irqOn(): void {}

  note(_cpu: number, kind: number, value: number): void {
    for (const { allocated, freed, bytes } of this.#objects) {
      if (kind !== allocated && kind !== freed) continue;
      const first = (value >>> 0) >>> 6;
      const end = ((value >>> 0) + bytes + 63) >>> 6;
      if (kind === freed) for (const tally of this.#tallies) tally.settle(first, end);
      this.#isObject.fill(kind === allocated ? 1 : 0, first, end);
    }
  }

  #tally(operation: number): Tally {
    const tally = this.#tallies[operation];
    if (tally === undefined) throw new RangeError(`there is no operation ${operation}`);
    return tally;
  }

  /** Calls of an operation, by its place among all. */
  calls(operation: number): number {
    return this.#tally(operation).calls;
  }

  /** CPUs on which there were calls of an operation. On one alone nothing can be told to be shared. */
  cpusOf(operation: number): number {
    return this.#tally(operation).byCpu.filter((calls) => calls > 0).length;
  }

  /** What the calls of an operation came to. */
  counts(operation: number): Readonly<CallCounts> {
    const tally = this.#tally(operation);
    const { accesses, lines, locked, storedBytes, sleptNs, sleptNsMax } = tally;
    let objects = tally.sharedObjectWrites;
    let arena = 0;
    let globals = 0;
    const firstArenaLine = this.#memory.arenaBase >>> 6;
    for (let line = 0; line < tally.endLine; line++) {
      if (tally.toucher[line] !== several) continue;
      const writes = tally.writes[line] as number;
      if (this.#isObject[line] === 1) objects += writes;
      else if (line >= firstArenaLine) arena += writes;
      else globals += writes;
    }
    return {
      accesses,
      lines,
      locked,
      "stored-bytes": storedBytes,
      "slept-ns": sleptNs,
      "slept-ns-max": sleptNsMax,
      "shared-writes": objects + arena + globals,
      "object-shared-writes": objects,
      "arena-shared-writes": arena,
      "global-shared-writes": globals,
    };
  }
}
