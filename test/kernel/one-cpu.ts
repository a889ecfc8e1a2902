// A quarantine on one CPU that performs programs of events step by step, and what can be seen of it after each.
// Built on the rig; one memory serves many programs, because Wasm memories are slow to make.

import type { CompiledModule } from "../../src/build/compile.ts";
import type { QuarantineExports } from "../../src/build/quarantine.ts";
import { kindCacheCreate, kindCacheDestroy, kindObjectAllocate, kindObjectFree } from "../../src/kernel/events.ts";
import { noteEvicted, noteRemovalCompleted } from "../../src/kernel/notes.ts";
import { EventWriter } from "../../src/workloads/event-writer.ts";
import { type PlainWorld, plainMachine } from "./plain-machine.ts";
import { makeRig, problemBytesMax, type Rig } from "./quarantine-rig.ts";

const cacheBytes = 192;
/** Where an object that is not live, and any object's state, begin (`FreeObject` of `src/kernel/slab/cache.ts`). */
const stateOffset = 8;
const smallestRamPages = 64;

export const objectFree = 0;
export const objectLive = 1;
export const objectQuarantined = 2;

export type ProgramStep =
  | {
      readonly kind: "create";
      readonly cache: number;
      readonly objectSize: number;
      readonly objectsPerSlab: number;
      readonly pages: number;
    }
  | { readonly kind: "allocate" | "free"; readonly object: number; readonly cache: number }
  | { readonly kind: "destroy"; readonly cache: number }
  /** The clock moves on to `nowNs`, and deferred work that is due is done. */
  | { readonly kind: "work"; readonly nowNs: number };

export interface OneCpuOptions {
  readonly form: "native" | "traced";
  /** @default false */
  readonly skipWhenEmpty?: boolean;
  /** Whether objects take their true size. @default true */
  readonly trueSize?: boolean;
  /** Whether the variant forgets what it is given, so that it is freed for it. @default false */
  readonly isFloor?: boolean;
}

export class OneCpu {
  readonly rig: Rig;
  readonly exports: QuarantineExports;
  /** Traced only: the objects let go because of their age, as the number of frees before theirs. */
  evicted: number[] = [];
  /** Traced only: the caches that are gone, in that order. */
  gone: number[] = [];
  readonly #isFloor: boolean;
  readonly #words: Uint32Array;
  readonly #writer = new EventWriter();
  readonly #clock = { nowNs: 0 };
  #putOf = new Map<number, number>();
  #puts = 0;

  constructor({ wasm }: CompiledModule, options: OneCpuOptions) {
    const { form, skipWhenEmpty = false, trueSize = true, isFloor = false } = options;
    this.#isFloor = isFloor;
    this.rig = makeRig(wasm, 1, problemBytesMax, smallestRamPages, (rig) => ({
      harness: { skipWhenEmpty: skipWhenEmpty ? 1 : 0, trueSize: trueSize ? 1 : 0 },
      ...(form === "native" ? { access: { clockNs: () => this.#clock.nowNs } } : { traced: this.#tracedMachine(rig) }),
    }));
    this.exports = this.rig.exports[0] as QuarantineExports;
    if (this.exports.problemBytes() > problemBytesMax) throw new Error("the variant's structures exceed the rig's");
    this.#words = new Uint32Array(this.rig.memory.buffer);
  }

  #tracedMachine({ memory, layout, exports }: Rig): WebAssembly.ModuleImports {
    const world = Object.assign(this.#clock, {
      memory,
      layout,
      runWork: (_cpu: number, work: number, argument: number) => exports[0]?.runWork(work, argument),
    }) satisfies PlainWorld;
    return {
      ...plainMachine(world, 0),
      note: (kind: number, value: number) => {
        if (kind === noteEvicted) this.evicted.push(this.#putOf.get(value) ?? -1);
        if (kind === noteRemovalCompleted) this.gone.push((value - layout.cacheTable) / cacheBytes);
      },
    };
  }

  /** Forgets the last program and prepares for one on a machine with so much RAM. */
  begin(ramPages: number): void {
    const { bytes, layout } = this.rig;
    // What is still deferred goes with the memory that it is about.
    this.exports.runDeferred(Number.POSITIVE_INFINITY);
    bytes.fill(0, layout.cpuBlocks, layout.eventBuffer);
    bytes.fill(0, layout.objectTable);
    this.#clock.nowNs = 0;
    this.#putOf = new Map();
    this.#puts = 0;
    this.evicted = [];
    this.gone = [];
    this.exports.initialise(ramPages, 1);
  }

  /** Performs a step. Returns false when the memory is used up. */
  perform(step: ProgramStep): boolean {
    const { exports, rig } = this;
    if (step.kind === "work") {
      this.#clock.nowNs = step.nowNs;
      exports.runDeferred(step.nowNs);
      return true;
    }
    if (step.kind === "create") {
      this.#writer.add(kindCacheCreate, step.objectsPerSlab, step.cache, step.objectSize, step.pages);
    } else if (step.kind === "destroy") this.#writer.add(kindCacheDestroy, 0, step.cache, 0, 0);
    else if (step.kind === "allocate") this.#writer.add(kindObjectAllocate, step.object, step.cache, 0, 0);
    else {
      this.#putOf.set(this.addressOf(step.object), this.#puts++);
      this.#writer.add(kindObjectFree, step.object, step.cache, 0, 0);
    }
    for (const chunk of this.#writer.flush()) rig.bytes.set(chunk, rig.layout.eventBuffer);
    const done = exports.run(0, 1) === 0;
    if (this.#isFloor && step.kind === "free") exports.settle(0, 1);
    return done;
  }

  /** Performs a step that must fit into the memory. */
  mustPerform(step: ProgramStep): void {
    if (!this.perform(step)) throw new Error(`the rig's memory is used up by ${JSON.stringify(step)}`);
  }

  /** Address of the object that was last allocated under an index. */
  addressOf(object: number): number {
    return this.#words[this.rig.layout.objectTable / 4 + object] as number;
  }

  /** State of the object at an address; meaningless once its slab was given back. */
  stateAt(address: number): number {
    return this.#words[(address + stateOffset) / 4] as number;
  }

  /** Address of a cache's descriptor. */
  cacheAddressOf(cache: number): number {
    return this.rig.layout.cacheTable + cache * cacheBytes;
  }

  /** The object table, the caches' and pages' descriptors and the arena, for comparing two forms byte by byte. */
  slabMemory(): Buffer[] {
    const { layout, memory } = this.rig;
    const part = (from: number, to: number): Buffer => Buffer.from(memory.buffer, from, to - from);
    return [part(layout.objectTable, layout.problemBase), part(layout.pageTable, layout.arenaEnd)];
  }
}
