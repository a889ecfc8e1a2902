// A CPU that goes offline lets its objects go and takes none until it is back. Two CPUs in one thread, so what happens
// at the same time is limited to an interrupt that arrives inside the drain.

import { describe, expect, test } from "vitest";
import { quarantine } from "../../bench/quarantine.ts";
import { compileModule } from "../../src/build/compile.ts";
import { noteDrained } from "../../src/kernel/notes.ts";
import { planVariant } from "../../src/plan/variant.ts";
import { objectFree, objectQuarantined } from "./one-cpu.ts";
import { type PlainWorld, plainMachine } from "./plain-machine.ts";
import { makeRig, perform, problemBytesMax, type Rig } from "./quarantine-rig.ts";

const cpus = 2;
const ramPages = 1024;
const objectSize = 128;
const constants = { LAB_CPU_QUEUE_BYTES: 4096, LAB_BATCHES: 8, LAB_GROUP: 1 };

interface TwoCpus {
  readonly rig: Rig;
  /** Called for each object that leaves because of its age. */
  onEviction: () => void;
  /** The work of each interrupt that one CPU sent to the other. */
  readonly interrupts: number[];
}

async function twoCpus(line: string): Promise<TwoCpus> {
  const planned = planVariant(quarantine, line);
  const compiled = await compileModule({
    problem: "quarantine",
    variant: planned.name,
    machine: "traced",
    constants: { ...planned.constants, ...constants },
  });
  let world: PlainWorld | undefined;
  const hooks = { onEviction: (): void => {}, interrupts: [] as number[] };
  const rig = makeRig(compiled.wasm, cpus, problemBytesMax, ramPages, ({ memory, layout, exports }, cpu) => {
    const runWork = (target: number, work: number, argument: number): void => {
      exports[target]?.runWork(work, argument);
    };
    world ??= { memory, layout, nowNs: 0, runWork };
    const machine = plainMachine(world, cpu);
    return {
      harness: { skipWhenEmpty: planned.skipWhenEmpty ? 1 : 0, trueSize: 1 },
      traced: {
        ...machine,
        interrupt: (target: number, work: number, argument: number) => {
          hooks.interrupts.push(work);
          return machine.interrupt(target, work, argument, 0, 0);
        },
        note: (kind: number) => {
          if (kind === noteDrained) hooks.onEviction();
        },
      },
    };
  });
  return Object.assign(hooks, { rig });
}

function allocate(rig: Rig, cache: number, first: number, count: number): number[] {
  const table = new Uint32Array(rig.memory.buffer, rig.layout.objectTable);
  return Array.from({ length: count }, (_, index) => {
    perform(rig, 0, { kind: "allocate", object: first + index, cache });
    return table[first + index] as number;
  });
}

function free(rig: Rig, cpu: number, cache: number, first: number, count: number): void {
  for (let object = first; object < first + count; object++) perform(rig, cpu, { kind: "free", object, cache });
}

function stateAt(rig: Rig, address: number): number {
  return new Uint32Array(rig.memory.buffer)[(address + 8) / 4] as number;
}

function freedCounts(rig: Rig): number[] {
  return rig.exports.map((exports) => exports.freedCount());
}

const lines = quarantine.lines.filter((line) => !planVariant(quarantine, line).isFloor);

describe.each(lines)("%s", (line) => {
  test("lets go what the CPU holds, and nothing of the other's, when the CPU goes offline", async () => {
    const { rig } = await twoCpus(line);
    perform(rig, 0, { kind: "create", cache: 0, objectSize, pages: 1 });
    const addresses = allocate(rig, 0, 0, 10);
    free(rig, 0, 0, 0, 4);
    free(rig, 1, 0, 4, 6);
    expect(rig.exports[0]?.quarantinedBytes()).toBe(10 * objectSize);

    perform(rig, 1, { kind: "offline", cpu: 1 });

    expect(freedCounts(rig)).toEqual([0, 6]);
    expect(rig.exports[0]?.quarantinedBytes()).toBe(4 * objectSize);
    expect(addresses.map((address) => stateAt(rig, address))).toEqual([
      ...new Array(4).fill(objectQuarantined),
      ...new Array(6).fill(objectFree),
    ]);
  });

  test("frees at once what an offline CPU is given, and takes objects again once the CPU is online", async () => {
    const { rig } = await twoCpus(line);
    perform(rig, 0, { kind: "create", cache: 0, objectSize, pages: 1 });
    const addresses = allocate(rig, 0, 0, 3);
    perform(rig, 1, { kind: "offline", cpu: 1 });
    free(rig, 1, 0, 0, 1);
    expect(freedCounts(rig)).toEqual([0, 1]);
    expect(rig.exports[0]?.quarantinedBytes()).toBe(0);

    perform(rig, 1, { kind: "online", cpu: 1 });
    free(rig, 1, 0, 1, 2);

    expect(freedCounts(rig)).toEqual([0, 1]);
    expect(rig.exports[0]?.quarantinedBytes()).toBe(2 * objectSize);
    expect(addresses.map((address) => stateAt(rig, address))).toEqual([
      objectFree,
      objectQuarantined,
      objectQuarantined,
    ]);
  });

  test("removes a cache while a CPU is offline, and after it came back", async () => {
    const { rig } = await twoCpus(line);
    for (const cache of [0, 1]) {
      perform(rig, 0, { kind: "create", cache, objectSize, pages: 1 });
      allocate(rig, cache, 10 * cache, 10);
      free(rig, 0, cache, 10 * cache, 5);
      free(rig, 1, cache, 10 * cache + 5, 5);
      if (cache === 0) perform(rig, 1, { kind: "offline", cpu: 1 });
      perform(rig, 0, { kind: "destroy", cache });
      rig.exports[0]?.runDeferred(Number.POSITIVE_INFINITY);
      if (cache === 0) perform(rig, 1, { kind: "online", cpu: 1 });
      // Without a reduction, `deferred` waits; everybody else is done.
      if (line.includes("form=deferred")) continue;
      expect(rig.exports[0]?.isCachePresent(cache)).toBe(0);
      expect(rig.exports[0]?.usedObjectsOf(cache)).toBe(0);
      expect(rig.exports[0]?.heldBytesOf(cache)).toBe(0);
      expect(rig.exports[0]?.quarantinedBytes()).toBe(0);
    }
  });

  // Nobody interrupts a CPU in the form that never walks.
  if (line.includes("form=deferred")) return;

  test("is not disturbed by the interrupt of a removal that arrives inside the drain", async () => {
    const subject = await twoCpus(line);
    const { rig } = subject;
    for (const cache of [0, 1]) perform(rig, 0, { kind: "create", cache, objectSize, pages: 1 });
    allocate(rig, 1, 10, 1);
    free(rig, 0, 1, 10, 1);
    perform(rig, 0, { kind: "destroy", cache: 1 });
    rig.exports[0]?.runDeferred(Number.POSITIVE_INFINITY);
    const [work = 0] = subject.interrupts;
    const addresses = allocate(rig, 0, 0, 10);
    free(rig, 1, 0, 0, 10);
    // What a removal hands to its interrupts: CPUs to go, and the cache.
    const request = new Uint32Array(rig.memory.buffer, rig.spare.base, 2);
    let evictions = 0;
    subject.onEviction = () => {
      if (++evictions !== 4) return;
      request.set([1, rig.layout.cacheTable]);
      rig.exports[1]?.runWork(work, rig.spare.base);
    };

    perform(rig, 1, { kind: "offline", cpu: 1 });

    expect(subject.interrupts).toHaveLength(1);
    expect(request[0]).toBe(0);
    expect(evictions).toBe(10);
    expect(freedCounts(rig)[1]).toBe(10);
    expect(rig.exports[0]?.usedObjectsOf(0)).toBe(0);
    expect(rig.exports[0]?.quarantinedBytes()).toBe(0);
    expect(addresses.map((address) => stateAt(rig, address))).toEqual(new Array(10).fill(objectFree));
    // The removal itself finds nothing that the interrupt put aside, so nothing is freed twice.
    perform(rig, 0, { kind: "destroy", cache: 0 });
    rig.exports[0]?.runDeferred(Number.POSITIVE_INFINITY);
    expect(freedCounts(rig)).toEqual([1, 10]);
    expect(rig.exports[0]?.isCachePresent(0)).toBe(0);
  });
});
