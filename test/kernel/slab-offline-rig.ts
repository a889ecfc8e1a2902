// A module of slab-offline on a small memory, in one thread: CPUs are instances that perform events one after the other.

import { type CompiledModule, compileModule } from "../../src/build/compile.ts";
import type { Constants, MachineForm } from "../../src/build/flags.ts";
import type { RunningModule } from "../../src/build/instance.ts";
import { eventBufferBytes } from "../../src/build/memory.ts";
import { type ProblemExports, startProblem } from "../../src/build/problem.ts";
import {
  flagMeasured,
  kindCacheCreate,
  kindCacheDestroy,
  kindCgroupCreate,
  kindCgroupOffline,
  kindCpuOffline,
  kindObjectAllocate,
  kindObjectFree,
} from "../../src/kernel/events.ts";
import { slabOffline } from "../../src/problems/slab-offline.ts";
import { EventWriter } from "../../src/workloads/event-writer.ts";
import { type PlainWorld, plainMachine } from "./plain-machine.ts";

/** What the harness exports besides, for checks. */
export interface SlabOfflineExports extends ProblemExports {
  allocatedBytes(): number;
  cacheAddress(index: number): number;
  usedObjectCount(): number;
  misplacedSlabs(): number;
  chargedBytes(cgroup: number): number;
  ownedBytes(cgroup: number): number;
  runDeferred(nowNs: number): number;
}

/** A variant with constants of its own, and what it does about dead caches. */
export interface Subject {
  readonly name: string;
  readonly variant: string;
  readonly constants: Constants;
  /** Whether a dead cache goes by itself once none of its objects is in use. */
  readonly frees: boolean;
  /** Whether a cgroup goes as soon as it is offline, whatever of it is in use. */
  readonly releases: boolean;
  /** Whether cgroups have caches of their own. */
  readonly hasClones: boolean;
  /** Whether slabs, or objects, are charged. */
  readonly charges: "slabs" | "objects" | "nothing";
}

const made = (variant: string, over: Partial<Subject> = {}): Subject => ({
  name: variant,
  variant,
  constants: {},
  frees: true,
  releases: false,
  hasClones: true,
  charges: "slabs",
  ...over,
});

export const subjects: readonly Subject[] = [
  made("keep-dead", { frees: false }),
  made("periodic-reap"),
  made("refcount-destroy", { frees: false }),
  made("mark-and-wait", { name: "mark-and-wait form=grace-period", constants: { LAB_FORM: 1 } }),
  made("mark-and-wait", { name: "mark-and-wait form=poison", constants: { LAB_FORM: 0 } }),
  made("self-drain"),
  made("self-drain", { name: "self-drain wait=sched", constants: { LAB_WAIT: 1 } }),
  made("self-drain", { name: "self-drain wait=sched-once", constants: { LAB_WAIT: 2 } }),
  made("reparent-slabs", { releases: true }),
  made("reparent-caches", { releases: true }),
  made("object-cgroups", { releases: true, hasClones: false, charges: "objects" }),
  made("floor", { releases: true, hasClones: false, charges: "nothing" }),
];

export type SlabStep =
  | { readonly kind: "create-cgroup"; readonly cgroup: number; readonly parent: number }
  | { readonly kind: "offline"; readonly cgroup: number }
  | {
      readonly kind: "create-cache";
      readonly cache: number;
      readonly cgroup: number;
      readonly objectSize: number;
      readonly objects: number;
      readonly pages: number;
    }
  | { readonly kind: "destroy"; readonly cache: number }
  | { readonly kind: "allocate" | "free"; readonly object: number; readonly cache: number }
  | { readonly kind: "flush" };

export interface SlabRig {
  readonly running: RunningModule<SlabOfflineExports>;
  readonly exports: readonly SlabOfflineExports[];
  readonly clock: { nowNs: number };
}

export interface SlabSizes {
  readonly cpus: number;
  readonly cgroups: number;
  readonly caches: number;
  readonly objects: number;
  readonly arenaBytes?: number;
}

export function compileSlabOffline(
  variant: string,
  machine: MachineForm,
  constants: Constants,
): Promise<CompiledModule> {
  return compileModule({ problem: "slab-offline", variant, machine, constants });
}

/** A rig whose CPUs perform one call after the other; an interrupt is taken at once. */
export async function slabRig({ variant, constants }: Subject, sizes: SlabSizes): Promise<SlabRig> {
  const compiled = await compileSlabOffline(variant, "traced", constants);
  return slabRigOf(compiled, sizes);
}

export function slabRigOf(
  compiled: CompiledModule,
  { cpus, cgroups, caches, objects, arenaBytes = 4 << 20 }: SlabSizes,
): SlabRig {
  const clock = { nowNs: 1_000_000_000 };
  const exports: SlabOfflineExports[] = [];
  const limits = { events: 0, caches, objects, cgroups, superblocks: 0, tasks: cpus, liveBytesMax: 0, slabBytesMax: 0 };
  const worldOf = ({ memory, layout }: Pick<RunningModule<SlabOfflineExports>, "memory" | "layout">): PlainWorld =>
    Object.assign(clock, {
      memory,
      layout,
      runWork: (cpu: number, work: number, argument: number) => exports[cpu]?.runWork(work, argument),
    });
  const running = startProblem<SlabOfflineExports>(
    slabOffline,
    compiled,
    { limits, parameters: {} },
    { cpus, arenaBytesMax: arenaBytes },
    (memory, layout) => ({ traced: plainMachine(worldOf({ memory, layout }), 0) }),
    (started) => {
      exports.push(started.exports);
      for (let cpu = 1; cpu < cpus; cpu++) {
        const imports = { ...started.importsOf(cpu), traced: plainMachine(worldOf(started), cpu) };
        const instance = new WebAssembly.Instance(started.module, imports);
        exports.push(instance.exports as unknown as SlabOfflineExports);
      }
    },
  );
  return { running, exports, clock };
}

/** Zeroed memory is a fresh machine: forgets all that happened on a rig that has nothing put off. */
export function renew({ running, exports, clock }: SlabRig): void {
  const { layout, memory } = running;
  const bytes = new Uint8Array(memory.buffer);
  bytes.fill(0, layout.cpuBlocks, layout.eventBuffer);
  bytes.fill(0, layout.objectTable);
  clock.nowNs += 1_000_000_000;
  exports[0]!.initialise();
}

/** Its buffer is large, so there is one for all. */
const writer = new EventWriter();

/** Performs steps on a CPU as measured events. Returns whether the memory sufficed. */
export function tryPerform({ running, exports }: SlabRig, cpu: number, ...steps: readonly SlabStep[]): boolean {
  writer.flags = flagMeasured;
  for (const step of steps) {
    if (step.kind === "create-cgroup") writer.add(kindCgroupCreate, 0, step.cgroup, step.parent, 0);
    else if (step.kind === "offline") writer.add(kindCgroupOffline, 0, step.cgroup, 0, 0);
    else if (step.kind === "create-cache") {
      writer.add(kindCacheCreate, step.objects, step.cache, step.objectSize, step.pages + step.cgroup * 2 ** 32);
    } else if (step.kind === "destroy") writer.add(kindCacheDestroy, 0, step.cache, 0, 0);
    else if (step.kind === "allocate") writer.add(kindObjectAllocate, step.object, step.cache, 0, 0);
    else if (step.kind === "free") writer.add(kindObjectFree, step.object, step.cache, 0, 0);
    else writer.add(kindCpuOffline, 0, 0, cpu, 0);
  }
  const bytes = new Uint8Array(running.memory.buffer);
  for (const chunk of writer.flush()) bytes.set(chunk, running.layout.eventBuffer + cpu * eventBufferBytes);
  return exports[cpu]!.run(0, steps.length) === 0;
}

/** Performs steps that must fit into the memory. */
export function perform(rig: SlabRig, cpu: number, ...steps: readonly SlabStep[]): void {
  if (!tryPerform(rig, cpu, ...steps)) throw new Error(`CPU ${cpu} ran out of memory`);
}

/** Lets all CPUs do what they have put off. */
export function settle({ exports, clock }: SlabRig): void {
  for (let round = 0; round < 3; round++) {
    for (const one of exports) {
      one.drain();
      clock.nowNs += 1_000_000;
    }
  }
}

/** Address of the object that was last allocated under an index. */
export function addressOf({ running }: SlabRig, object: number): number {
  return new Uint32Array(running.memory.buffer)[running.layout.objectTable / 4 + object] as number;
}

/** Sum of a counter over all CPUs. */
export function total({ exports }: SlabRig, counter: number): number {
  return exports.reduce((sum, one) => sum + one.counter(counter), 0);
}
