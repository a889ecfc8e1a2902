// Saved workloads: what is read back is what was saved, and nothing else is accepted.

import { createHash } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { InputError } from "../../src/errors.ts";
import * as events from "../../src/kernel/events.ts";
import { EventWriter } from "../../src/workloads/event-writer.ts";
import { openWorkload, saveWorkload, workloadHash } from "../../src/workloads/index.ts";
import type { Workload, WorkloadLimits } from "../../src/workloads/workload.ts";
import { chunksOf, smallWorkload, smallWorkloads } from "./workloads.ts";

const headerSize = 96;
let folder = "";

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "workload-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

test.each(smallWorkloads.map(([title]) => title))("%s, saved and read back, is identical", (title) => {
  const workload = smallWorkload(title);
  const path = join(folder, "saved");
  expect(saveWorkload(workload, path)).toBe(workloadHash(workload));
  const opened = openWorkload(path);
  const { name, parameters, seed, limits } = workload;
  // Nothing is known of a file's chunks, wherever it came from.
  expect(opened).toMatchObject({ name, parameters, seed, limits, repeatable: false });
  // Chunk by chunk, because a chunk is a round; twice, because every pass starts again.
  const chunks = chunksOf(workload);
  for (let pass = 0; pass < 2; pass++) {
    const read = chunksOf(opened);
    expect(read.map((chunk) => chunk.byteLength)).toEqual(chunks.map((chunk) => chunk.byteLength));
    expect(Buffer.compare(Buffer.concat(read), Buffer.concat(chunks))).toBe(0);
  }
  expect(workloadHash(opened)).toBe(workloadHash(workload));
  expect(readdirSync(folder)).toEqual(["saved"]);
});

test("a failed save leaves nothing behind", () => {
  const workload = smallWorkload("cgroups-4000");
  const broken: Workload = {
    ...{ name: "x", parameters: {}, seed: 0, limits: workload.limits, repeatable: false },
    *chunks() {
      yield new Uint8Array(32);
      throw new Error("no more");
    },
  };
  const before = readdirSync(folder);
  expect(() => saveWorkload(broken, join(folder, "broken"))).toThrow("no more");
  expect(readdirSync(folder)).toEqual(before);
  expect(() => saveWorkload(workload, "/nonexistent/x")).toThrow(InputError);
});

test.each(["/nonexistent/x", "/", "/dev/zero"])("%s is refused, and named", (path) => {
  expect(() => openWorkload(path)).toThrow(InputError);
  expect(() => openWorkload(path)).toThrow(`${path}: field 'file': `);
});

test("a file that changes size after it was opened is noticed", () => {
  const path = join(folder, "changing");
  saveWorkload(smallWorkload("stress-ng-ramfs 0.15.06 with one op"), path);
  const opened = openWorkload(path);
  writeFileSync(path, readFileSync(path).subarray(0, 500));
  expect(() => chunksOf(opened)).toThrow("the file changed after it was opened");
});

/** A workload whose events are given one by one. */
function handmade(limits: Partial<WorkloadLimits>, ...list: readonly (readonly number[])[]): Workload {
  const all = { events: 99, caches: 1, objects: 1, cgroups: 1, superblocks: 1, tasks: 1, liveBytesMax: 64 };
  return {
    name: "handmade",
    parameters: {},
    seed: 0,
    limits: { ...all, slabBytesMax: 4096, ...limits },
    repeatable: false,
    *chunks() {
      const writer = new EventWriter();
      for (const [kind = 0, object = 0, group = 0, a = 0, b = 0, task = 0, flags = 0] of list) {
        writer.task = task;
        writer.flags = flags;
        writer.add(kind, object, group, a, b);
      }
      yield* writer.flush();
    },
  };
}

const cgroup = [events.kindCgroupCreate, 0, 0, 0];
const cache = [events.kindCacheCreate, 64, 0, 64, 1];
const allocate = [events.kindObjectAllocate, 0, 0];
const free = [events.kindObjectFree, 0, 0];
const destroy = [events.kindCacheDestroy, 0, 0];
const mount = [events.kindSuperblockMount, 0, 0, 0];

test("a sound handmade workload is accepted", () => {
  const path = join(folder, "handmade");
  const slowMount = [events.kindSuperblockMount, 0, 0, 1, 10_000_000_000];
  const freeable = [events.kindLruAdd, 0, 0, 2 ** 32 - 1, 2 ** 32 - 1];
  saveWorkload(handmade({}, cgroup, cache, allocate, free, allocate, free, destroy, slowMount, freeable), path);
  expect(openWorkload(path).name).toBe("handmade");
});

test.each<[string, Workload, string]>([
  ["an unknown kind", handmade({}, cgroup, [18], mount), ": field 'kind': 18 is unknown; save"],
  ["kind 0", handmade({}, cgroup, [0], mount), "field 'kind': 0 is unknown"],
  ["unknown flags", handmade({}, [events.kindLogPush, 0, 0, 0, 0, 0, 2], cgroup), "record 0 (byte"],
  ["a task too many", handmade({}, [events.kindLogPush, 0, 0, 0, 0, 1], cgroup), "field 'task': is 1, the limit is 1"],
  ["an event too many", handmade({ events: 1 }, cgroup, mount), "field 'kind': the limit is 1 events"],
  ["a cgroup twice", handmade({}, cgroup, cgroup), "field 'group': cgroup 0 exists already"],
  ["a cgroup index too large", handmade({}, [events.kindCgroupCreate, 0, 1, 1]), "index 1 is not below the limit 1"],
  ["a child of nothing", handmade({ cgroups: 2 }, [events.kindCgroupCreate, 0, 1, 0], cgroup), "field 'a': cgroup 0"],
  [
    "a parent removed",
    handmade({ cgroups: 2 }, cgroup, [events.kindCgroupCreate, 0, 1, 0], [events.kindCgroupOffline]),
    "field 'group': cgroup 0 still has 1 children",
  ],
  ["a cache of no cgroup", handmade({}, cache), "field 'b': cgroup 0 does not exist"],
  ["a cache twice", handmade({}, cgroup, cache, cache), "record 2 (byte"],
  ["a cache index too large", handmade({}, cgroup, [events.kindCacheCreate, 1, 1, 64, 1]), "field 'group': index 1"],
  ["no objects per slab", handmade({}, cgroup, [events.kindCacheCreate, 0, 0, 64, 1]), "field 'object': 0 objects per"],
  ["no object size", handmade({}, cgroup, [events.kindCacheCreate, 1, 0, 0, 1]), "field 'a': object size 0"],
  ["no pages", handmade({}, cgroup, [events.kindCacheCreate, 1, 0, 64, 0]), "field 'b': 0 pages"],
  ["too full a slab", handmade({}, cgroup, [events.kindCacheCreate, 65, 0, 64, 1]), "exceed 1 pages"],
  ["an object of no cache", handmade({}, cgroup, allocate), "field 'group': cache 0 does not exist"],
  ["an object twice", handmade({}, cgroup, cache, allocate, allocate), "field 'object': 0 is live already"],
  ["an object too many", handmade({}, cgroup, cache, [events.kindObjectAllocate, 1, 0]), "index 1 is not below"],
  ["a free of nothing", handmade({}, cgroup, cache, free), "field 'object': 0 is not live"],
  ["a double free", handmade({}, cgroup, cache, allocate, free, free), "record 4 (byte"],
  [
    "a free to another cache",
    handmade({ caches: 2 }, cgroup, cache, [events.kindCacheCreate, 64, 1, 64, 1], allocate, [
      events.kindObjectFree,
      0,
      1,
    ]),
    "field 'group': object 0 came from cache 0, not 1",
  ],
  [
    "too many live bytes",
    handmade({ liveBytesMax: 63 }, cgroup, cache, allocate),
    "makes 64 bytes live, the limit is 63",
  ],
  ["too many slab bytes", handmade({ slabBytesMax: 4095 }, cgroup, cache, allocate), "makes 4096 bytes of slabs"],
  ["a cache in use destroyed", handmade({}, cgroup, cache, allocate, destroy), "cache 0 still has 1 live objects"],
  ["an unknown cache destroyed", handmade({}, cgroup, destroy), "field 'group': cache 0 does not exist"],
  ["a cache destroyed twice", handmade({}, cgroup, cache, destroy, destroy), "record 3 (byte"],
  ["a mount twice", handmade({}, mount, mount), "field 'object': superblock 0 is mounted"],
  ["an unknown file system", handmade({}, [events.kindSuperblockMount, 0, 0, 2], cgroup), "field 'a': type 2"],
  ["an unmount of nothing", handmade({}, [events.kindSuperblockUnmount], cgroup), "superblock 0 is not mounted"],
  ["an LRU add of 0", handmade({}, cgroup, mount, [events.kindLruAdd]), "field 'a': adds 0 objects"],
  [
    "more freeable objects than there are",
    handmade({}, cgroup, mount, [events.kindLruAdd, 0, 0, 3, 4]),
    "field 'b': 4 of 3 objects can be freed",
  ],
  [
    "a callback that sleeps for ever",
    handmade({}, [events.kindSuperblockMount, 0, 0, 0, 10_000_000_001], cgroup),
    "field 'b': callbacks sleep 10000000001 ns, more than 10000000000",
  ],
  ["an LRU add to nothing", handmade({}, cgroup, [events.kindLruAdd, 0, 0, 1]), "superblock 0 is not mounted"],
  ["a priority of 13", handmade({}, cgroup, [events.kindReclaimPass, 0, 0, 13]), "field 'a': priority 13 is above 12"],
  ["a huge node", handmade({}, cgroup, [events.kindReclaimPass, 0, 0, 0, 2 ** 31]), "field 'b': node 2147483648"],
  ["an item too many", handmade({}, cgroup, [events.kindTransactionItem, 1]), "field 'object': index 1"],
  ["a CPU too many", handmade({}, cgroup, [events.kindCpuOffline, 0, 0, 8192]), "field 'a': CPU 8192"],
  ["limits beyond the events", handmade({ objects: 4_000_000_000 }, cgroup), "field 'limits.objects': 4000000000"],
  ["limits below 0", handmade({ caches: -1 }, cgroup), "field 'limits.caches': "],
])("%s is refused with the file and the place", (_, workload, message) => {
  const path = join(folder, "refused");
  saveWorkload(workload, path);
  expect(() => openWorkload(path)).toThrow(InputError);
  expect(() => openWorkload(path)).toThrow(message);
  expect(() => openWorkload(path)).toThrow(path);
});

test("the byte that a refusal names is where the record begins", () => {
  const path = join(folder, "place");
  saveWorkload(handmade({}, cgroup, cache, [0x1234], mount), path);
  const bytes = readFileSync(path);
  // The file ends with the record after it and the count of the one chunk.
  const byte = bytes.length - 4 - 2 * 32;
  expect(bytes.readUInt16LE(byte)).toBe(0x1234);
  expect(() => openWorkload(path)).toThrow(`${path}: record 2 (byte ${byte}): field 'kind': 4660 is unknown`);
});

function rejects(bytes: Uint8Array, path: string): boolean {
  writeFileSync(path, bytes);
  try {
    for (const chunk of openWorkload(path).chunks()) expect(chunk.byteLength).toBeGreaterThan(0);
    return false;
  } catch (error) {
    expect(error).toBeInstanceOf(InputError);
    expect((error as Error).message).toContain(path);
    expect((error as Error).message).not.toContain("\n");
    return true;
  }
}

/** Makes the hashes right again, as somebody would who forges a file. */
function reseal(bytes: Buffer): Buffer {
  const recordsAt = headerSize + bytes.readUInt32LE(12);
  const tableAt = recordsAt + Number(bytes.readBigUInt64LE(16)) * 32;
  const hash = (...parts: Uint8Array[]) => parts.reduce((sum, part) => sum.update(part), createHash("sha256")).digest();
  hash(bytes.subarray(recordsAt, tableAt)).copy(bytes, 32);
  hash(bytes.subarray(0, 32), bytes.subarray(headerSize, recordsAt), bytes.subarray(tableAt)).copy(bytes, 64);
  return bytes;
}

test("any changed byte and any cut is refused", () => {
  const path = join(folder, "damaged");
  const saved = handmade({}, cgroup, cache, allocate, free, destroy, mount);
  saveWorkload(saved, path);
  const sound = readFileSync(path);
  for (let at = 0; at < sound.length; at++) {
    const changed = Buffer.from(sound);
    changed[at] = (changed[at] as number) ^ (1 << (at % 8));
    expect(rejects(changed, path), `byte ${at}`).toBe(true);
    expect(rejects(sound.subarray(0, at), path), `cut at ${at}`).toBe(true);
  }
  expect(rejects(Buffer.concat([sound, Buffer.alloc(1)]), path)).toBe(true);
});

test("a forged file either opens and can be read, or gives an InputError of one line that names it", () => {
  const path = join(folder, "forged");
  saveWorkload(smallWorkload("cgroups-4000 with one untouched cgroup and two caches"), path);
  const sound = readFileSync(path);
  const change = fc.record({ at: fc.nat({ max: sound.length - 1 }), to: fc.integer({ min: 0, max: 255 }) });
  let opened = 0;
  fc.assert(
    fc.property(fc.array(change, { minLength: 1, maxLength: 3 }), fc.boolean(), (changes, inHeader) => {
      const forged = Buffer.from(sound);
      for (const { at, to } of changes) forged[inHeader ? at % headerSize : Math.max(headerSize, at)] = to;
      if (!rejects(inHeader ? forged : reseal(forged), path)) opened++;
    }),
    { numRuns: 1000 },
  );
  expect(opened).toBeGreaterThan(0);
});
