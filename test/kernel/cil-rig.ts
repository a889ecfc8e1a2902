// A module of cil on a small memory, in one thread: CPUs are instances that perform events one after the other.

import { cil as suite } from "../../bench/cil.ts";
import { compileModule } from "../../src/build/compile.ts";
import type { RunningModule } from "../../src/build/instance.ts";
import { eventBufferBytes } from "../../src/build/memory.ts";
import { type ProblemExports, startProblem } from "../../src/build/problem.ts";
import { flagMeasured, kindLogPush, kindTransactionCommit, kindTransactionItem } from "../../src/kernel/events.ts";
import { cil } from "../../src/problems/cil.ts";
import { EventWriter } from "../../src/workloads/event-writer.ts";
import { type PlainWorld, plainMachine } from "./plain-machine.ts";

/** What the harness exports besides, for tests. */
export interface CilTestExports extends ProblemExports {
  histogramBucket(ns: number): number;
  allocatedBytes(): number;
  itemState(index: number, part: number): number;
  vectorState(vector: number, part: number): number;
  contextState(part: number): number;
  vectorSizes(part: number, iovecs: number, bytes: number): number;
}

/** Variants that commit anything. */
export const cilVariants = suite.variants.map(({ name }) => name).filter((name) => name !== suite.floor);
/** Variants with a shadow for each item. */
export const shadowVariants = ["shadow-buffers", "fail-fast-allocation"];

export type CilStep =
  | { readonly kind: "item"; readonly item: number; readonly bytes: number; readonly isLast?: boolean }
  | { readonly kind: "commit" }
  | { readonly kind: "push" };

export interface CilSettings {
  /** @default 1 */
  readonly cpus?: number;
  readonly items: number;
  /** @default 2^30 */
  readonly pushThreshold?: number;
  /** @default 0: plenty */
  readonly memoryLimit?: number;
  /** @default 1000 */
  readonly ioNs?: number;
  /** @default 0 */
  readonly compactionNs?: number;
  /** @default 120_000 */
  readonly hangMs?: number;
}

export interface CilRig {
  readonly running: RunningModule<CilTestExports>;
  /** Of each CPU, and of the task with the same number. */
  readonly exports: readonly CilTestExports[];
  readonly clock: PlainWorld;
  readonly words: Uint32Array;
}

/** Starts a variant in the traced form. */
export async function cilRig(variant: string, settings: CilSettings, variantFile?: string): Promise<CilRig> {
  const { cpus = 1, items, pushThreshold = 2 ** 30, memoryLimit = 0, ioNs = 1000, compactionNs = 0 } = settings;
  const file = variantFile === undefined ? {} : { variantFile };
  const compiled = await compileModule({ problem: "cil", variant, machine: "traced", constants: {}, ...file });
  const exports: CilTestExports[] = [];
  let clock: PlainWorld | undefined;
  const limits = {
    events: 0,
    caches: 0,
    objects: items,
    cgroups: 0,
    superblocks: 0,
    tasks: cpus,
    liveBytesMax: 0,
    slabBytesMax: 0,
  };
  const parameters = {
    "push-threshold": pushThreshold,
    "memory-limit": memoryLimit,
    "io-ns": ioNs,
    "compaction-ns": compactionNs,
    "hang-ms": settings.hangMs ?? 120_000,
  };
  const arenaBytesMax = 64 * 2 ** 20;
  const running = startProblem<CilTestExports>(
    // Laid out small: the threshold is only to be out of reach.
    { ...cil, arenaBytes: () => 16 * 2 ** 20 },
    compiled,
    { limits, parameters },
    { cpus, arenaBytesMax },
    (memory, layout) => {
      clock = {
        memory,
        layout,
        nowNs: 1_000_000,
        runWork: (target, work, argument) => exports[target]!.runWork(work, argument),
      };
      return { traced: plainMachine(clock, 0) };
    },
    (made) => exports.push(made.exports),
  );
  for (let cpu = 1; cpu < cpus; cpu++) {
    const imports = { ...running.importsOf(cpu), traced: plainMachine(clock!, cpu) };
    exports.push(new WebAssembly.Instance(running.module, imports).exports as unknown as CilTestExports);
  }
  return { running, exports, clock: clock!, words: new Uint32Array(running.memory.buffer) };
}

/** Performs steps of the task with the CPU's number, as measured events. */
export function perform({ running, exports }: CilRig, cpu: number, ...steps: readonly CilStep[]): void {
  const writer = new EventWriter();
  writer.flags = flagMeasured;
  writer.task = cpu;
  for (const step of steps) {
    if (step.kind === "item") writer.add(kindTransactionItem, step.item, 0, step.bytes, step.isLast === true ? 1 : 0);
    else writer.add(step.kind === "commit" ? kindTransactionCommit : kindLogPush, 0, 0, 0, 0);
  }
  const bytes = new Uint8Array(running.memory.buffer);
  for (const chunk of writer.flush()) bytes.set(chunk, running.layout.eventBuffer + cpu * eventBufferBytes);
  if (exports[cpu]!.run(0, steps.length) !== 0) throw new Error(`CPU ${cpu} ran out of memory`);
}

/** Sum of a counter over all CPUs. */
export function total({ exports }: CilRig, counter: number): number {
  return exports.reduce((sum, one) => sum + one.counter(counter), 0);
}

/** The log I/O of all checkpoints is done. */
export function completeAll({ exports }: CilRig): void {
  for (const one of exports) one.drain();
}
