// A shrinker's module on a small memory, in one thread: CPUs are instances that perform events one after the other, or
// fibers that take turns at accesses (`shrinker-race.ts`).

import { shrinker } from "../../bench/shrinker.ts";
import { type CompiledModule, compileModule } from "../../src/build/compile.ts";
import type { Constants, MachineForm } from "../../src/build/flags.ts";
import { eventBufferBytes, layOutMemory, type MemoryLayout } from "../../src/build/memory.ts";
import type { ProblemExports } from "../../src/build/problem.ts";
import {
  flagMeasured,
  kindBogoOp,
  kindCgroupCreate,
  kindCgroupOffline,
  kindLruAdd,
  kindReclaimPass,
  kindSuperblockMount,
  kindSuperblockUnmount,
} from "../../src/kernel/events.ts";
import { EventWriter } from "../../src/workloads/event-writer.ts";
import { type PlainWorld, plainMachine } from "./plain-machine.ts";

/** What the harness exports besides, for tests. */
export interface ShrinkerTestExports extends ProblemExports {
  allocatedBytes(): number;
  capacity(): number;
  mapBytes(): number;
  deferredBytes(): number;
  infoBytes(): number;
  shrinkerBytes(): number;
  histogramBucket(ns: number): number;
  shrinkerId(superblock: number): number;
  lruObjects(superblock: number, memcg: number, node: number): number;
  isBitSet(memcg: number, node: number, id: number): number;
  deferredOf(memcg: number, node: number, id: number): number;
  shrinkAmounts(freeable: number, deferred: number, priority: number, seeks: number): number;
  infoSize(part: number, ids: number): number;
  srcuNoDelayMax(): number;
}

/** Variants that visit anything. */
export const shrinkerVariants = shrinker.variants.map(({ name }) => name).filter((name) => name !== shrinker.floor);
/** Variants whose maps are one block, in which an expansion sets all bits. */
export const usesBlocks = (variant: string): boolean => variant !== "refcount-rcu";

export type ShrinkerStep =
  | { readonly kind: "create"; readonly cgroup: number; readonly parent: number }
  | { readonly kind: "offline"; readonly cgroup: number }
  | { readonly kind: "mount"; readonly superblock: number; readonly sleepNs?: number }
  | { readonly kind: "unmount"; readonly superblock: number }
  | {
      readonly kind: "add";
      readonly superblock: number;
      readonly cgroup: number;
      readonly objects: number;
      readonly freeable: number;
    }
  | { readonly kind: "pass"; readonly root: number; readonly priority: number; readonly node: number }
  | { readonly kind: "bogo" };

export interface ShrinkerSizes {
  readonly cpus: number;
  readonly cgroups: number;
  readonly superblocks: number;
  readonly nodes: number;
  /** @default 2048 */
  readonly arenaPages?: number;
  /** Where the arena begins, at least. @default right behind the rest */
  readonly arenaFrom?: number;
}

export interface ShrinkerRig {
  readonly memory: WebAssembly.Memory;
  readonly layout: MemoryLayout;
  readonly bytes: Uint8Array;
  /** Of each CPU. */
  readonly exports: readonly ShrinkerTestExports[];
  /** A region per CPU that nothing else uses. */
  readonly stacks: readonly { readonly base: number; readonly end: number }[];
}

const stackBytes = 65_536;
const wasmPageBytes = 65_536;

/** Makes the imports of the machine for one CPU. */
export type BindShrinkerMachine = (rig: ShrinkerRig, cpu: number) => WebAssembly.Imports;

export function compileShrinker(
  variant: string,
  machine: MachineForm,
  options: { readonly fibers?: boolean; readonly variantFile?: string; readonly constants?: Constants } = {},
): Promise<CompiledModule> {
  return compileModule({ problem: "shrinker", variant, machine, constants: {}, ...options });
}

export function makeShrinkerRig(
  wasm: Uint8Array<ArrayBuffer>,
  sizes: ShrinkerSizes,
  bind: BindShrinkerMachine,
): ShrinkerRig {
  const { cpus, cgroups, superblocks, nodes, arenaPages = 2048, arenaFrom = 0 } = sizes;
  const limits = {
    events: 0,
    caches: 1,
    objects: 1,
    cgroups,
    superblocks,
    tasks: cpus,
    liveBytesMax: 0,
    slabBytesMax: 0,
  };
  const harness = { cgroupCount: cgroups, superblockCount: superblocks, nodeCount: nodes };
  const module = new WebAssembly.Module(wasm);
  const instantiate = (rig: ShrinkerRig, cpu: number): ShrinkerTestExports => {
    const { trueSize: _trueSize, wasmPages: _wasmPages, cpus: cpuCount, ...addresses } = rig.layout;
    const eventBuffer = addresses.eventBuffer + cpu * eventBufferBytes;
    const instance = new WebAssembly.Instance(module, {
      env: { memory: rig.memory },
      // Addresses above 2 GiB are passed as the signed number with the same bits.
      layout: {
        ...addresses,
        arenaBase: addresses.arenaBase | 0,
        arenaEnd: addresses.arenaEnd | 0,
        eventBuffer,
        cpuCount,
        thisCpu: cpu,
        spinsPerMicrosecond: 1,
      },
      harness,
      ...bind(rig, cpu),
    });
    return instance.exports as unknown as ShrinkerTestExports;
  };
  const layoutFor = (problemBytes: number): MemoryLayout => {
    // The page table has to reach as far as the arena.
    const full = layOutMemory({ cpus, limits, problemBytes, heldBytesMax: arenaPages * 2048 });
    const arenaBase = Math.max(full.arenaBase, arenaFrom);
    const arenaEnd = arenaBase + arenaPages * 4096;
    return { ...full, arenaBase, arenaEnd, wasmPages: Math.ceil((arenaEnd + cpus * stackBytes) / wasmPageBytes) };
  };
  const rigOf = (layout: MemoryLayout, exports: ShrinkerTestExports[]): ShrinkerRig => {
    const { wasmPages } = layout;
    const memory = new WebAssembly.Memory({ initial: wasmPages, maximum: wasmPages, shared: true });
    const stacks = Array.from({ length: cpus }, (_, cpu) => ({
      base: layout.arenaEnd + cpu * stackBytes,
      end: layout.arenaEnd + (cpu + 1) * stackBytes,
    }));
    return { memory, layout, exports, stacks, bytes: new Uint8Array(memory.buffer) };
  };
  // The first instance only says how much memory it needs.
  const problemBytes = instantiate(rigOf(layoutFor(0), []), 0).problemBytes();
  const exports: ShrinkerTestExports[] = [];
  const rig = rigOf(layoutFor(problemBytes), exports);
  for (let cpu = 0; cpu < cpus; cpu++) exports.push(instantiate(rig, cpu));
  exports[0]?.initialise();
  return rig;
}

/** A rig whose CPUs perform one call after the other, with the clock that comes back. */
export async function plainShrinkerRig(
  variant: string,
  sizes: ShrinkerSizes,
  constants: Constants = {},
): Promise<{ readonly rig: ShrinkerRig; readonly clock: { nowNs: number } }> {
  const { wasm } = await compileShrinker(variant, "traced", { constants });
  const clock = { nowNs: 0 };
  const rig = makeShrinkerRig(wasm, sizes, (made, cpu) => {
    const world = Object.assign(clock, {
      memory: made.memory,
      layout: made.layout,
      runWork: (target: number, work: number, argument: number) => made.exports[target]?.runWork(work, argument),
    }) satisfies PlainWorld;
    return { traced: plainMachine(world, cpu) };
  });
  return { rig, clock };
}

/** Writes steps into the event buffer of a CPU and returns how many. By default they are measured events. */
export function writeSteps(
  rig: ShrinkerRig,
  cpu: number,
  steps: readonly ShrinkerStep[],
  flags: number = flagMeasured,
): number {
  const writer = new EventWriter();
  writer.flags = flags;
  for (const step of steps) {
    if (step.kind === "create") writer.add(kindCgroupCreate, 0, step.cgroup, step.parent, 0);
    else if (step.kind === "offline") writer.add(kindCgroupOffline, 0, step.cgroup, 0, 0);
    else if (step.kind === "mount") writer.add(kindSuperblockMount, step.superblock, 0, 0, step.sleepNs ?? 0);
    else if (step.kind === "unmount") writer.add(kindSuperblockUnmount, step.superblock, 0, 0, 0);
    else if (step.kind === "add") writer.add(kindLruAdd, step.superblock, step.cgroup, step.objects, step.freeable);
    else if (step.kind === "pass") writer.add(kindReclaimPass, 0, step.root, step.priority, step.node);
    else writer.add(kindBogoOp, 0, 0, 0, 0);
  }
  for (const chunk of writer.flush()) rig.bytes.set(chunk, rig.layout.eventBuffer + cpu * eventBufferBytes);
  return steps.length;
}

/** Performs steps on a CPU. Returns whether the memory sufficed. */
export function tryPerform(rig: ShrinkerRig, cpu: number, ...steps: readonly ShrinkerStep[]): boolean {
  const count = writeSteps(rig, cpu, steps);
  return rig.exports[cpu]!.run(0, count) === 0;
}

/** Performs steps that must fit into the memory on a CPU. */
export function perform(rig: ShrinkerRig, cpu: number, ...steps: readonly ShrinkerStep[]): void {
  if (!tryPerform(rig, cpu, ...steps)) throw new Error(`CPU ${cpu} ran out of memory`);
}

/** Sum of a counter over all CPUs. */
export function total(rig: ShrinkerRig, counter: number): number {
  return rig.exports.reduce((sum, exports) => sum + exports.counter(counter), 0);
}
