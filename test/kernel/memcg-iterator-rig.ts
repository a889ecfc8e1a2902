// A memcg iterator's module on a small memory, in one thread: CPUs are instances that perform events one after the other.

import { type CompiledModule, compileModule } from "../../src/build/compile.ts";
import type { Constants, MachineForm } from "../../src/build/flags.ts";
import type { RunningModule } from "../../src/build/instance.ts";
import { eventBufferBytes } from "../../src/build/memory.ts";
import { type ProblemExports, startProblem } from "../../src/build/problem.ts";
import {
  flagMeasured,
  kindBogoOp,
  kindCgroupCreate,
  kindCgroupOffline,
  kindCompute,
  kindReclaimPass,
} from "../../src/kernel/events.ts";
import { memcgIterator } from "../../src/problems/memcg-iterator.ts";
import { EventWriter } from "../../src/workloads/event-writer.ts";
import { type PlainWorld, plainMachine } from "./plain-machine.ts";

/** What the harness exports besides, for tests. */
export interface IteratorExports extends ProblemExports {
  allocatedBytes(): number;
  cgroupBytes(): number;
  cgroupAddress(index: number): number;
  positionOf(root: number, node: number, priority: number): number;
  roundOf(root: number, node: number, priority: number): number;
  visits(root: number, node: number, priority: number, round: number, index: number): number;
  isDying(index: number): number;
}

/** A variant as tests run it. */
export interface IteratorVariant {
  /** For titles. */
  readonly id: string;
  readonly variant: string;
  readonly constants: Constants;
}

const named = (variant: string): IteratorVariant => ({ id: variant, variant, constants: {} });

/** Those whose walkers share cursors. */
export const sharing: readonly IteratorVariant[] = [
  named("dead-count"),
  named("targeted-wipe"),
  named("pinned-position"),
  named("weak-position"),
  { id: "weak-position restart=winner", variant: "weak-position", constants: { LAB_RESTART: 1 } },
];

export const iteratorVariants: readonly IteratorVariant[] = [...sharing, named("floor")];

export type IteratorStep =
  | { readonly kind: "create"; readonly cgroup: number; readonly parent: number; readonly ns?: number }
  | { readonly kind: "offline"; readonly cgroup: number }
  | {
      readonly kind: "pass";
      readonly root: number;
      readonly priority?: number;
      readonly node?: number;
      /** Visits after which the walk is broken off; 0: never. */
      readonly visits?: number;
    }
  | { readonly kind: "compute"; readonly ns: number }
  | { readonly kind: "bogo" };

export interface IteratorSizes {
  readonly cpus: number;
  readonly cgroups: number;
  /** @default 1 */
  readonly nodes?: number;
}

export interface IteratorRig {
  readonly running: RunningModule<IteratorExports>;
  /** Of each CPU. */
  readonly exports: readonly IteratorExports[];
  readonly bytes: Uint8Array;
  readonly clock: { nowNs: number };
}

export function compileIterator(
  { variant, constants }: IteratorVariant,
  machine: MachineForm,
  variantFile?: string,
): Promise<CompiledModule> {
  const file = variantFile === undefined ? {} : { variantFile };
  return compileModule({ problem: "memcg-iterator", variant, machine, constants, ...file });
}

const twoTo32 = 2 ** 32;

/** A rig on the plain machine, whose CPUs perform one call after the other. */
export function plainIteratorRig(compiled: CompiledModule, sizes: IteratorSizes): IteratorRig {
  const { cpus, cgroups, nodes = 1 } = sizes;
  const clock = { nowNs: 1000 };
  const exports: IteratorExports[] = [];
  const limits = {
    events: 0,
    caches: 0,
    objects: 0,
    cgroups,
    superblocks: 0,
    tasks: cpus,
    liveBytesMax: 0,
    slabBytesMax: 0,
  };
  const machineOf = (memory: WebAssembly.Memory, layout: PlainWorld["layout"], cpu: number) => {
    const world = Object.assign(clock, {
      memory,
      layout,
      runWork: (target: number, work: number, argument: number) => exports[target]?.runWork(work, argument),
    }) satisfies PlainWorld;
    return { traced: plainMachine(world, cpu) as unknown as WebAssembly.ModuleImports };
  };
  const running = startProblem<IteratorExports>(
    memcgIterator,
    compiled,
    { limits, parameters: { nodes } },
    { cpus, arenaBytesMax: 32 * 2 ** 20 },
    (memory, layout) => machineOf(memory, layout, 0),
  );
  exports.push(running.exports);
  for (let cpu = 1; cpu < cpus; cpu++) {
    const own = running.importsOf(cpu);
    const machine = machineOf(running.memory, running.layout, cpu);
    const instance = new WebAssembly.Instance(running.module, { ...own, ...machine });
    exports.push(instance.exports as unknown as IteratorExports);
  }
  return { running, exports, clock, bytes: new Uint8Array(running.memory.buffer) };
}

/** Writes steps into the event buffer of a CPU and returns how many. */
export function writeSteps(rig: IteratorRig, cpu: number, steps: readonly IteratorStep[], flags: number): number {
  const writer = new EventWriter();
  writer.flags = flags;
  for (const step of steps) {
    if (step.kind === "create") writer.add(kindCgroupCreate, 0, step.cgroup, step.parent, step.ns ?? 0);
    else if (step.kind === "offline") writer.add(kindCgroupOffline, 0, step.cgroup, 0, 0);
    else if (step.kind === "pass") {
      const b = (step.visits ?? 0) * twoTo32 + (step.node ?? 0);
      writer.add(kindReclaimPass, 0, step.root, step.priority ?? 0, b);
    } else if (step.kind === "compute") writer.add(kindCompute, 0, 0, step.ns, 0);
    else writer.add(kindBogoOp, 0, 0, 0, 0);
  }
  for (const chunk of writer.flush()) rig.bytes.set(chunk, rig.running.layout.eventBuffer + cpu * eventBufferBytes);
  return steps.length;
}

/** Performs steps on a CPU. */
export function perform(rig: IteratorRig, cpu: number, ...steps: readonly IteratorStep[]): void {
  const count = writeSteps(rig, cpu, steps, flagMeasured);
  if (rig.exports[cpu]!.run(0, count) !== 0) throw new Error(`CPU ${cpu} ran out of memory`);
}

/** Has all CPUs finish what they put off. */
export function settle(rig: IteratorRig): void {
  for (let round = 0; round < 4; round++) for (const one of rig.exports) one.drain();
}

/** Sum of a counter over all CPUs. */
export function total(rig: IteratorRig, counter: number): number {
  return rig.exports.reduce((sum, exports) => sum + exports.counter(counter), 0);
}
