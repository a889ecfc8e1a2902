// The slab substrate under all variants: where objects lie, which pages a cache holds, and what happens when there are
// none left. The floor variant is bound, so that a freed object is back in its slab at once.

import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { compileModule } from "../../src/build/compile.ts";
import { readSlabinfo } from "../../src/workloads/slabinfo.ts";
import { OneCpu, objectFree, objectLive } from "./one-cpu.ts";

const seed = Number(process.env.TEST_SEED ?? 1);
const pageBytes = 4096;
const lineBytes = 64;
/** What the rig's arena and object table hold. */
const arenaPages = 512;
const objectsMax = 512;
const ramPages = 64;

interface Geometry {
  readonly name: string;
  readonly objectSize: number;
  readonly objectsPerSlab: number;
  readonly pagesPerSlab: number;
}

/** Caches of real machines, with KASAN (SLAB) and without (SLUB). */
const realCaches: readonly Geometry[] = ["libvirt-guest", "linux-6.18-ramfs"].flatMap((name) =>
  readSlabinfo(fileURLToPath(new URL(`../../src/workloads/inputs/${name}.slabinfo`, import.meta.url))),
);

let subject: OneCpu;
let lineSubject: OneCpu;

beforeAll(async () => {
  const compiled = await compileModule({ problem: "quarantine", variant: "floor", machine: "native", constants: {} });
  subject = new OneCpu(compiled, { form: "native", isFloor: true });
  lineSubject = new OneCpu(compiled, { form: "native", isFloor: true, trueSize: false });
});

function create(on: OneCpu, cache: number, { objectSize, objectsPerSlab, pagesPerSlab }: Omit<Geometry, "name">): void {
  on.mustPerform({ kind: "create", cache, objectSize, objectsPerSlab, pages: pagesPerSlab });
}

/** Allocates objects with the indices from `first` on, and returns their addresses. */
function allocate(on: OneCpu, cache: number, first: number, count: number): number[] {
  return Array.from({ length: count }, (_, index) => {
    on.mustPerform({ kind: "allocate", object: first + index, cache });
    return on.addressOf(first + index);
  });
}

function free(on: OneCpu, cache: number, first: number, count: number): void {
  for (let object = first; object < first + count; object++) on.mustPerform({ kind: "free", object, cache });
}

function roundUp(value: number, to: number): number {
  return Math.ceil(value / to) * to;
}

/** Fills two slabs and begins a third, and checks where each object lies. */
function checkGeometry(on: OneCpu, cache: Geometry, slotBytes: number, objectsPerSlab: number): void {
  on.begin(ramPages);
  create(on, 0, cache);
  const slabBytes = cache.pagesPerSlab * pageBytes;
  const count = Math.min(2 * objectsPerSlab + 1, objectsMax);
  const addresses = allocate(on, 0, 0, count);
  const slabs: number[] = [];
  addresses.forEach((address, index) => {
    const place = index % objectsPerSlab;
    if (place === 0) slabs.push(address);
    expect(address, `object ${index} of ${cache.name}`).toBe((slabs.at(-1) as number) + place * slotBytes);
    expect(on.stateAt(address)).toBe(objectLive);
  });
  expect(objectsPerSlab * slotBytes).toBeLessThanOrEqual(slabBytes);
  const { arenaBase, arenaEnd } = on.rig.layout;
  for (const slab of slabs) {
    expect(slab % pageBytes).toBe(0);
    expect(slab).toBeGreaterThanOrEqual(arenaBase);
    expect(slab + slabBytes).toBeLessThanOrEqual(arenaEnd);
    for (const other of slabs) if (other !== slab) expect(Math.abs(other - slab)).toBeGreaterThanOrEqual(slabBytes);
  }
  expect(new Set(addresses.map((address) => Math.floor(address / lineBytes))).size, "lines").toBe(count);
  expect(on.exports.usedObjectsOf(0)).toBe(count);
  expect(on.exports.heldBytesOf(0)).toBe(slabs.length * slabBytes);
}

describe("objects of real caches", () => {
  test.each(realCaches)("$name: $objectSize bytes, at their true distance, inside their slab's pages", (cache) => {
    const slotBytes = Math.max(roundUp(cache.objectSize, 8), lineBytes);
    const fitting = Math.floor((cache.pagesPerSlab * pageBytes) / slotBytes);
    checkGeometry(subject, cache, slotBytes, Math.min(cache.objectsPerSlab, fitting));
    // Larger objects than a line share one only where the real ones do, because of their size.
    if (cache.objectSize > lineBytes) expect(slotBytes).toBe(roundUp(cache.objectSize, 8));
  });

  test("with a line per object, every one takes 64 bytes, whatever its size", () => {
    for (const cache of realCaches) {
      const objectsPerSlab = (cache.pagesPerSlab * pageBytes) / lineBytes;
      checkGeometry(lineSubject, cache, lineBytes, objectsPerSlab);
    }
  });
});

const onePage = { objectSize: 1024, objectsPerSlab: 4, pagesPerSlab: 1 };

test("a cache without used objects keeps five empty slabs, and the pages of the others serve the next cache", () => {
  subject.begin(ramPages);
  create(subject, 0, onePage);
  create(subject, 1, onePage);
  allocate(subject, 0, 0, 40);
  expect(subject.exports.heldBytesOf(0)).toBe(10 * pageBytes);
  free(subject, 0, 0, 40);
  expect(subject.exports.usedObjectsOf(0)).toBe(0);
  expect(subject.exports.heldBytesOf(0)).toBe(5 * pageBytes);
  expect(subject.exports.touchedPageCount()).toBe(10);
  allocate(subject, 1, 0, 20);
  expect(subject.exports.touchedPageCount()).toBe(10);
  allocate(subject, 1, 20, 1);
  expect(subject.exports.touchedPageCount()).toBe(11);
});

test("a cache that goes gives back every page, empty slabs included", () => {
  subject.begin(ramPages);
  for (let cache = 0; cache < 60; cache++) {
    create(subject, cache, onePage);
    allocate(subject, cache, 0, 40);
    free(subject, cache, 0, 40);
    subject.mustPerform({ kind: "destroy", cache });
    expect([subject.exports.isCachePresent(cache), subject.exports.heldBytesOf(cache)]).toEqual([0, 0]);
  }
  expect(subject.exports.touchedPageCount()).toBe(10);
});

test("objects that are freed are counted, and the last one freed is the first one handed out again", () => {
  subject.begin(ramPages);
  create(subject, 0, onePage);
  const addresses = allocate(subject, 0, 0, 4);
  free(subject, 0, 1, 2);
  expect(subject.exports.freedCount()).toBe(2);
  expect(subject.exports.usedObjectsOf(0)).toBe(2);
  expect(addresses.map((address) => subject.stateAt(address))).toEqual([
    objectLive,
    objectFree,
    objectFree,
    objectLive,
  ]);
  expect(allocate(subject, 0, 1, 2)).toEqual([addresses[2], addresses[1]]);
});

const large = { objectSize: 65_536, objectsPerSlab: 2, pagesPerSlab: 32 };

test("when the arena is full the allocation says so, and nothing else has changed", () => {
  subject.begin(ramPages);
  create(subject, 0, large);
  create(subject, 1, onePage);
  const objects = (arenaPages / large.pagesPerSlab) * large.objectsPerSlab;
  const addresses = allocate(subject, 0, 0, objects);
  for (const cache of [0, 1]) expect(subject.perform({ kind: "allocate", object: objects, cache })).toBe(false);
  expect(subject.exports.usedObjectsOf(0)).toBe(objects);
  expect(subject.exports.heldBytesOf(0)).toBe(arenaPages * pageBytes);
  expect([subject.exports.usedObjectsOf(1), subject.exports.heldBytesOf(1)]).toEqual([0, 0]);
  free(subject, 0, 7, 1);
  expect(allocate(subject, 0, 7, 1)).toEqual([addresses[7]]);
});

test("large blocks that are given back are split, and the whole arena is handed out again page by page", () => {
  subject.begin(ramPages);
  create(subject, 0, large);
  const objects = (arenaPages / large.pagesPerSlab) * large.objectsPerSlab;
  allocate(subject, 0, 0, objects);
  free(subject, 0, 0, objects);
  subject.mustPerform({ kind: "destroy", cache: 0 });
  create(subject, 1, { objectSize: pageBytes, objectsPerSlab: 1, pagesPerSlab: 1 });
  const addresses = allocate(subject, 1, 0, arenaPages);
  expect(new Set(addresses).size).toBe(arenaPages);
  for (const address of addresses) expect(address % pageBytes).toBe(0);
  expect(subject.perform({ kind: "allocate", object: 0, cache: 1 })).toBe(false);
});

const allocations = fc.array(fc.record({ choice: fc.nat({ max: 1000 }), count: fc.integer({ min: -40, max: 60 }) }), {
  minLength: 5,
  maxLength: 60,
  size: "max",
});
const geometries = fc.array(
  fc.record({ objectSize: fc.integer({ min: 8, max: 4096 }), pagesPerSlab: fc.constantFrom(1, 2, 3, 4, 8, 16, 32) }),
  { minLength: 1, maxLength: 5 },
);

test("live objects never overlap, and none is outside the arena, even when it is full", { timeout: 30_000 }, () => {
  let fullCount = 0;
  fc.assert(
    fc.property(geometries, allocations, (caches, commands) => {
      subject.begin(ramPages);
      caches.forEach(({ objectSize, pagesPerSlab }, cache) => {
        const objectsPerSlab = Math.floor((pagesPerSlab * pageBytes) / objectSize);
        create(subject, cache, { objectSize, objectsPerSlab, pagesPerSlab });
      });
      const used = caches.map(() => 0);
      const live: { readonly object: number; readonly cache: number; readonly from: number; readonly to: number }[] =
        [];
      const spare = Array.from({ length: objectsMax }, (_, object) => object);
      for (const { choice, count } of commands) {
        const cache = choice % caches.length;
        for (let left = count; left > 0; left--) {
          const object = spare.shift();
          if (object === undefined) break;
          if (!subject.perform({ kind: "allocate", object, cache })) {
            fullCount++;
            spare.push(object);
            break;
          }
          const from = subject.addressOf(object);
          const to = from + (caches[cache]?.objectSize ?? 0);
          if (live.some((other) => from < other.to && other.from < to)) throw new Error("two live objects overlap");
          if (from < subject.rig.layout.arenaBase || to > subject.rig.layout.arenaEnd) throw new Error("outside");
          live.push({ object, cache, from, to });
          used[cache] = (used[cache] as number) + 1;
        }
        for (const entry of count < 0 ? live.splice(choice % (live.length + 1), -count) : []) {
          subject.mustPerform({ kind: "free", object: entry.object, cache: entry.cache });
          spare.push(entry.object);
          used[entry.cache] = (used[entry.cache] as number) - 1;
        }
        expect(caches.map((_, index) => subject.exports.usedObjectsOf(index))).toEqual(used);
      }
    }),
    { seed, numRuns: 60 },
  );
  expect(fullCount).toBeGreaterThan(0);
});
