// The SLUB-shaped allocator in cases that can be worked out by hand: who gets which object, which lists slabs are on, and when
// empty ones go. The variants without caches of cgroups and the one that keeps dead caches are bound.

import { beforeEach, describe, expect, test } from "vitest";
import * as counters from "../../src/kernel/slab-offline/counters.ts";
import { addressOf, perform, type SlabRig, type SlabStep, slabRig, subjects } from "./slab-offline-rig.ts";

const pageBytes = 4096;
/** Four objects to a slab of a page; cpu_partial is 6 for such objects. */
const objectSize = 1024;
const perSlab = 4;
const minPartial = 5;
const sizes = { cpus: 2, cgroups: 1, caches: 2, objects: 200, arenaBytes: 2 << 20 };
/** Where a cache's descriptor has its node's count, and a CPU's line its slabs (`src/kernel/slab/slub-cache.ts`). */
const partialCountAt = 68;
const cpusAt = 256;
const activeAt = 8;
const partialAt = 12;

let rig: SlabRig;

beforeEach(async () => {
  rig = await slabRig(subjects.find(({ name }) => name === "floor")!, sizes);
  perform(rig, 0, { kind: "create-cgroup", cgroup: 0, parent: 0 });
  perform(rig, 0, { kind: "create-cache", cache: 0, cgroup: 0, objectSize, objects: perSlab, pages: 1 });
});

const word = (offset: number): number =>
  new Uint32Array(rig.running.memory.buffer)[((rig.exports[0]!.cacheAddress(0) >>> 0) + offset) / 4]!;
const partialCount = (): number => word(partialCountAt);
const activeOf = (cpu: number): number => word(cpusAt + 64 * cpu + activeAt);
const partialOf = (cpu: number): number => word(cpusAt + 64 * cpu + partialAt);
const slabs = (): number => rig.exports[0]!.gauge(counters.gaugeSlabBytes) / pageBytes;
const pageOf = (object: number): number => Math.floor(addressOf(rig, object) / pageBytes);

function each(cpu: number, kind: "allocate" | "free", objects: Iterable<number>): void {
  for (const object of objects) perform(rig, cpu, { kind, object, cache: 0 } satisfies SlabStep);
}

function* range(from: number, to: number, step = 1): Generator<number> {
  for (let object = from; object < to; object += step) yield object;
}

describe("on one CPU", () => {
  test("objects come in the order of their addresses, slab after slab, and the last one freed is the first handed out", () => {
    each(0, "allocate", range(0, 3 * perSlab));
    const addresses = Array.from({ length: 3 * perSlab }, (_, object) => addressOf(rig, object));
    addresses.forEach((address, object) => {
      const first = addresses[object - (object % perSlab)]!;
      expect(address).toBe(first + (object % perSlab) * objectSize);
      expect(first % pageBytes).toBe(0);
    });
    expect(slabs()).toBe(3);
    each(0, "free", [9, 11, 10]);
    each(0, "allocate", [100, 101, 102]);
    expect([100, 101, 102].map((object) => addressOf(rig, object))).toEqual(
      [10, 11, 9].map((object) => addresses[object]),
    );
  });

  test("a slab that is full is on no list, and its first free freezes it for the CPU", () => {
    each(0, "allocate", range(0, 2 * perSlab));
    expect([partialCount(), partialOf(0)]).toEqual([0, 0]);
    each(0, "free", [0]);
    expect(partialCount()).toBe(0);
    expect(partialOf(0)).not.toBe(0);
    // Once the active slab is used up, the CPU goes on with it.
    each(0, "allocate", [100]);
    expect(pageOf(100)).toBe(pageOf(0));
    expect([partialOf(0), slabs()]).toEqual([0, 2]);
  });
});

describe("on two CPUs", () => {
  test("an object that is freed elsewhere does not come back to the active slab's owner before its freelist is empty", () => {
    each(0, "allocate", range(0, 2));
    const active = activeOf(0);
    each(1, "free", [0]);
    expect([activeOf(0), activeOf(1), partialOf(1)]).toEqual([active, 0, 0]);
    each(0, "allocate", [100, 101]);
    expect([100, 101].map((object) => addressOf(rig, object) % pageBytes)).toEqual([2 * objectSize, 3 * objectSize]);
    // Then the whole list of the slab is taken.
    each(0, "allocate", [102]);
    expect(addressOf(rig, 102) % pageBytes).toBe(0);
    expect(slabs()).toBe(1);
  });

  test("a CPU's list goes to the node as a whole when it holds more free objects than cpu_partial", () => {
    const full = 9;
    each(0, "allocate", range(0, full * perSlab));
    // One free object in each of seven slabs: as many as cpu_partial and one more.
    each(1, "free", range(0, 7 * perSlab, perSlab));
    expect(partialCount()).toBe(0);
    each(1, "free", [7 * perSlab]);
    expect(partialCount()).toBe(7);
    expect(partialOf(1)).not.toBe(0);
    // A CPU without slabs takes from the node, and more than one slab, up to half of cpu_partial.
    const before = slabs();
    each(1, "allocate", [100]);
    expect(slabs()).toBe(before);
    each(1, "allocate", [101]);
    expect(partialCount()).toBe(7 - 4);
  });

  test("an empty slab goes where the node has five slabs, and stays where it has fewer", () => {
    const full = 12;
    each(0, "allocate", range(0, full * perSlab));
    perform(rig, 0, { kind: "flush" });
    expect([activeOf(0), partialCount(), slabs()]).toEqual([0, 0, full]);
    // Eight slabs with a free object come to the node.
    each(1, "free", range(0, 8 * perSlab, perSlab));
    perform(rig, 1, { kind: "flush" });
    expect([partialCount(), slabs()]).toEqual([8, full]);
    each(1, "free", range(1, perSlab));
    expect([partialCount(), slabs()]).toEqual([7, full - 1]);
    for (let slab = 1; slab < 8; slab++) each(1, "free", range(slab * perSlab + 1, (slab + 1) * perSlab));
    expect([partialCount(), slabs()]).toEqual([minPartial - 1, full - 8 + minPartial - 1]);
  });
});

test("a flush leaves every slab where its state says, and a destroyed cache gives all of them back", () => {
  each(0, "allocate", range(0, 50));
  each(1, "allocate", range(50, 90));
  each(1, "free", range(0, 90, 3));
  each(0, "free", range(1, 90, 3));
  const [first] = rig.exports;
  for (const cpu of [0, 1]) {
    perform(rig, cpu, { kind: "flush" });
    expect([activeOf(cpu), partialOf(cpu)]).toEqual([0, 0]);
    expect([first!.misplacedSlabs(), first!.usedObjectCount()]).toEqual([0, 30]);
  }
  each(0, "free", range(2, 90, 3));
  const before = first!.allocatedBytes();
  perform(rig, 1, { kind: "destroy", cache: 0 });
  expect(slabs()).toBe(0);
  expect(first!.allocatedBytes()).toBeLessThan(before);
});

test("when the arena is full the allocation says so, and objects that are freed can be had again", async () => {
  const small = await slabRig(subjects.find(({ name }) => name === "keep-dead")!, { ...sizes, arenaBytes: 256 * 1024 });
  rig = small;
  perform(rig, 0, { kind: "create-cgroup", cgroup: 0, parent: 0 });
  perform(rig, 0, { kind: "create-cache", cache: 0, cgroup: 0, objectSize: 4096, objects: 1, pages: 1 });
  let made = 0;
  const { run } = rig.exports[0]!;
  expect(run(0, 0)).toBe(0);
  const [first] = rig.exports;
  try {
    for (; made < sizes.objects; made++) perform(rig, 0, { kind: "allocate", object: made, cache: 0 });
  } catch (error) {
    expect((error as Error).message).toBe("CPU 0 ran out of memory");
  }
  expect(made).toBeGreaterThan(10);
  expect(made).toBeLessThan(64);
  expect(first!.usedObjectCount()).toBe(made);
  each(0, "free", [3]);
  const place = addressOf(rig, 3);
  each(0, "allocate", [150]);
  expect(addressOf(rig, 150)).toBe(place);
});
