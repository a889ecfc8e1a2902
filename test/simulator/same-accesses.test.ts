// The simulated form of a variant makes the same accesses as the traced form, and so as the native one, of which
// `test/kernel/*same-source.test.ts` show it: what is simulated is what is timed.
//
// One CPU performs a script, an event at a time: on the traced form by a machine without a model, on the simulated form
// by the simulator's own core, timed, each event a round with a task of its own. Compared, in order: address and kind
// (load, relaxed store, locked) of every access, and barriers; then the memory. The core must have counted just as many.
// The clock goes on between events only, in both alike. What only happens among several CPUs is not seen here.

import { expect, test } from "vitest";
import { compileModule, compileSimulatorCore } from "../../src/build/compile.ts";
import type { Constants, MachineForm } from "../../src/build/flags.ts";
import type { MemoryLayout } from "../../src/build/memory.ts";
import type { TracedMachine } from "../../src/fiber/fiber.ts";
import { callRun, howLoad, howLocked, howStore } from "../../src/simulator/core/protocol.ts";
import { type CpuExports, SimulatedMachine } from "../../src/simulator/machine.ts";
import { Random } from "../../src/workloads/random.ts";
import { type PlainWorld, plainMachine } from "../kernel/plain-machine.ts";
import { makeRig, problemBytesMax, type Rig, type Step, writeEvent } from "../kernel/quarantine-rig.ts";
import {
  compileShrinker,
  makeShrinkerRig,
  type ShrinkerStep,
  shrinkerVariants,
  writeSteps,
} from "../kernel/shrinker-rig.ts";
import { add, create, mount, offline, root, unmount } from "../kernel/shrinker-scenarios.ts";
import { profileOf } from "./rig.ts";

const stepNs = 10_000_000;
const deferredItemBytes = 24;
const core = new WebAssembly.Module((await compileSimulatorCore()).wasm);

/** What both problems' rigs have. */
interface World {
  readonly memory: WebAssembly.Memory;
  readonly layout: MemoryLayout;
  readonly exports: readonly (CpuExports & { runDeferred?(nowNs: number): number })[];
}

/** A problem's rig for one CPU, and a script for it. */
interface Scene {
  compile(machine: MachineForm): Promise<Uint8Array<ArrayBuffer>>;
  make(wasm: Uint8Array<ArrayBuffer>, bind: (rig: World) => WebAssembly.Imports): World;
  /** Writes the steps of the script down, one after the other. */
  write(rig: World): Generator<void>;
}

/** What a script comes to. */
interface Run {
  readonly accesses: readonly string[];
  /** The memory from the problem's own on, up to the end of its arena, without items of put-off work. */
  readonly memory: Buffer;
}

const kindNames: Readonly<Record<number, string>> = { [howLoad]: "load", [howStore]: "store", [howLocked]: "locked" };
const line = (kind: string, cell: number): string => `${kind} ${(cell >>> 0).toString(16)}`;

/** The traced form's host keeps put-off work itself; the others have it in the items. */
function memoryOf({ memory, layout }: World, deferredItems: ReadonlySet<number>): Buffer {
  const { problemBase, arenaEnd } = layout;
  const copy = Buffer.from(new Uint8Array(memory.buffer).slice(problemBase, arenaEnd));
  for (const item of deferredItems) copy.fill(0, item - problemBase, item - problemBase + deferredItemBytes);
  return copy;
}

const tracedKinds = {
  ...{ load: "load", storeRelaxed: "store" },
  ...{ store: "locked", exchange: "locked", compareExchange: "locked", add: "locked" },
} as const;

/** The machine without a model, which writes down what is accessed and does put-off work where the simulated form does. */
function recordingMachine(
  rig: World,
  clock: { nowNs: number },
  accesses: string[],
  deferredItems: Set<number>,
): WebAssembly.ModuleImports {
  const world: PlainWorld = Object.assign(clock, { memory: rig.memory, layout: rig.layout, runWork: () => {} });
  world.runWork = (cpu, work, argument) => rig.exports[cpu]?.runWork(work, argument);
  const machine: TracedMachine = plainMachine(world, 0);
  let due: number[] = [];
  const wrapped: Record<string, unknown> = {
    ...machine,
    barrier: () => accesses.push("barrier"),
    deferNs: (item: number, work: number, argument: number, delayNs: number, last: number) => {
      deferredItems.add(item >>> 0);
      due.push(delayNs === 0 ? 0 : clock.nowNs + delayNs);
      return machine.deferNs(item, work, argument, delayNs, last);
    },
    quiescent: () => {
      if (!due.some((ns) => ns <= clock.nowNs)) return;
      due = due.filter((ns) => ns > clock.nowNs);
      rig.exports[0]?.runDeferred?.(clock.nowNs);
    },
  };
  for (const [name, kind] of Object.entries(tracedKinds)) {
    for (const width of ["32", "64Halves"] as const) {
      const perform = machine[`${name as keyof typeof tracedKinds}${width}`] as (...operands: number[]) => number;
      wrapped[`${name}${width}`] = (cell: number, ...operands: number[]) => {
        accesses.push(line(kind, cell));
        return perform(cell, ...operands);
      };
    }
  }
  return wrapped as WebAssembly.ModuleImports;
}

async function runTraced(scene: Scene, deferredItems: Set<number>): Promise<Run> {
  const accesses: string[] = [];
  const clock = { nowNs: 0 };
  const rig = scene.make(await scene.compile("traced"), (made) => ({
    traced: recordingMachine(made, clock, accesses, deferredItems),
  }));
  accesses.length = 0;
  for (const _ of scene.write(rig)) {
    clock.nowNs += stepNs;
    expect(rig.exports[0]!.run(0, 1)).toBe(0);
  }
  return { accesses, memory: memoryOf(rig, deferredItems) };
}

async function runSimulated(scene: Scene, deferredItems: ReadonlySet<number>): Promise<Run> {
  const accesses: string[] = [];
  const clock = { nowNs: 0 };
  const machine = new SimulatedMachine(core, profileOf({ cores: 1 }), 1, { symbolEnded: () => {}, noted: () => {} });
  const { simulated, env } = machine.imports;
  const imports = simulated as Readonly<Record<string, (...values: number[]) => number>>;
  const rig = scene.make(await scene.compile("simulated"), ({ memory, layout }) => ({
    env: { memory, ...env },
    simulated: {
      ...simulated,
      access: (cell: number, how: number) => {
        imports.access!(cell, how);
        // Otherwise it is suspended, and comes again.
        if ((env.__asyncify_state as WebAssembly.Global).value === 0) accesses.push(line(kindNames[how]!, cell));
      },
      barrier: () => {
        accesses.push("barrier");
        imports.barrier!();
      },
      nowNs: () => clock.nowNs,
      taskStack: () => layout.taskStacks,
    },
  }));
  machine.attach(rig.memory, rig.exports, rig.layout.arenaEnd);
  accesses.length = 0;
  for (const _ of scene.write(rig)) {
    clock.nowNs += stepNs;
    expect(machine.round([{ cpu: 0, call: callRun, first: 0, end: 1, deadlineNs: 0 }])).toMatchObject([{ status: 0 }]);
  }
  const barriers = accesses.filter((access) => access === "barrier").length;
  expect(machine.counts().accesses).toBe(accesses.length - barriers);
  return { accesses, memory: memoryOf(rig, deferredItems) };
}

async function compare(scene: Scene, accessesMin: number): Promise<void> {
  const deferredItems = new Set<number>();
  const expected = await runTraced(scene, deferredItems);
  const actual = await runSimulated(scene, deferredItems);
  expect(expected.accesses.length).toBeGreaterThan(accessesMin);
  const differing = actual.accesses.findIndex((access, index) => access !== expected.accesses[index]);
  if (differing !== -1) {
    const around = [Math.max(0, differing - 5), differing + 5] as const;
    expect(actual.accesses.slice(...around), `access ${differing}`).toEqual(expected.accesses.slice(...around));
  }
  expect(actual.accesses.length).toBe(expected.accesses.length);
  expect(actual.memory.equals(expected.memory)).toBe(true);
}

const shrinkerSizes = { cpus: 1, cgroups: 6, superblocks: 80, nodes: 2, arenaPages: 512 };

/** Cgroups and superblocks come and go, maps grow, and passes walk. */
function shrinkerScript(): ShrinkerStep[] {
  const random = new Random(1);
  const script: ShrinkerStep[] = [root, create(1), create(2, 1)];
  const mounted = Array.from({ length: 66 }, (_, superblock) => superblock);
  script.push(...mounted.map((superblock) => mount(superblock)));
  let hasChild = false;
  while (script.length < 250) {
    const choice = random.below(10);
    if (choice < 4) {
      const objects = random.below(200);
      const superblock = mounted[random.below(mounted.length)]!;
      script.push(add(superblock, random.below(hasChild ? 4 : 3), objects, random.below(objects + 1)));
    } else if (choice < 7) {
      script.push({ kind: "pass", root: random.below(3), priority: random.below(13), node: random.below(2) });
    } else if (choice < 8) {
      const [superblock] = mounted.splice(random.below(mounted.length), 1);
      script.push(unmount(superblock!), mount(superblock!));
      mounted.push(superblock!);
    } else if (choice < 9) {
      script.push(hasChild ? offline(3) : create(3, 2));
      hasChild = !hasChild;
    }
  }
  return script;
}

test.each(shrinkerVariants)("shrinker: %s makes the same accesses simulated as traced", async (variant) => {
  const script = shrinkerScript();
  const scene: Scene = {
    compile: async (machine) => {
      // The default, said as other tests say it, so that it is compiled once for all of them.
      const constants: Constants = machine === "simulated" ? { LAB_HZ: 1000 } : {};
      return (await compileShrinker(variant, machine, { constants })).wasm;
    },
    make: (wasm, bind) => makeShrinkerRig(wasm, shrinkerSizes, (rig) => bind(rig)),
    *write(rig) {
      const { memory } = rig;
      for (const step of script) {
        writeSteps({ ...(rig as ReturnType<typeof makeShrinkerRig>), bytes: new Uint8Array(memory.buffer) }, 0, [step]);
        yield;
      }
    },
  };
  await compare(scene, 30_000);
});

const quarantineConstants = { LAB_CPU_QUEUE_BYTES: 1024, LAB_BATCHES: 8 };
/** 256 KiB of RAM: a global quarantine of 7 KiB beside a queue of 1 KiB. */
const ramPages = 64;

/** Objects of several caches are allocated and freed, and caches come and go. */
function quarantineScript(): Step[] {
  const random = new Random(1);
  const script: Step[] = [];
  const caches: number[] = [];
  const live: { readonly object: number; readonly cache: number }[] = [];
  const spare = Array.from({ length: 400 }, (_, object) => object);
  let next = 0;
  const begin = (): void => {
    script.push({ kind: "create", cache: next, objectSize: 64 + 8 * random.below(30), pages: 1 << random.below(3) });
    caches.push(next++);
  };
  const free = (index: number): void => {
    const [entry] = live.splice(index, 1);
    if (entry === undefined) return;
    script.push({ kind: "free", ...entry });
    spare.push(entry.object);
  };
  for (let count = 0; count < 4; count++) begin();
  while (script.length < 1500) {
    const choice = random.below(100);
    const cache = caches[random.below(caches.length)]!;
    if (choice < 49) {
      const object = spare.shift();
      if (object === undefined) continue;
      live.push({ object, cache });
      script.push({ kind: "allocate", object, cache });
    } else if (choice < 97) {
      if (live.length > 0) free(random.below(live.length));
    } else if (next < 60) {
      for (let index = live.length - 1; index >= 0; index--) if (live[index]?.cache === cache) free(index);
      script.push({ kind: "destroy", cache });
      caches.splice(caches.indexOf(cache), 1);
      begin();
    }
  }
  return script;
}

/** The reference, one with lists of its own, and one that puts work off: what differs is the form, not the variant. */
const lines: readonly (readonly [name: string, constants: Constants])[] = [
  ["singly-linked-fifo", {}],
  ["hash-buckets", { LAB_BUCKETS: 4 }],
  ["batched-async", { LAB_FORM: 1, LAB_GROUP: 3 }],
];

test.each(lines)("quarantine: %s makes the same accesses simulated as traced", async (name, constants) => {
  const script = quarantineScript();
  const scene: Scene = {
    compile: async (machine) => {
      const all = { ...quarantineConstants, ...constants };
      const source = { problem: "quarantine", variant: name, machine, constants: all };
      return (await compileModule({ ...source, fibers: machine === "traced" })).wasm;
    },
    make: (wasm, bind) => makeRig(wasm, 1, problemBytesMax, ramPages, (rig) => bind(rig)),
    *write(rig) {
      for (const step of script) {
        writeEvent(rig as Rig, 0, step);
        yield;
      }
    },
  };
  await compare(scene, 10_000);
});
