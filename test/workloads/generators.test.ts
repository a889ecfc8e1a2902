// What the generated programs do, and that they keep their limits.

import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import { InputError } from "../../src/errors.ts";
import {
  flagMeasured,
  kindBogoOp,
  kindCacheCreate,
  kindCacheDestroy,
  kindCgroupCreate,
  kindCgroupOffline,
  kindCompute,
  kindLruAdd,
  kindObjectAllocate,
  kindObjectFree,
  kindReclaimPass,
  kindSuperblockMount,
  kindSuperblockUnmount,
  kindTransactionItem,
} from "../../src/kernel/events.ts";
import { decodeEvents, describeEvent, type KernelEvent } from "../../src/workloads/event-reader.ts";
import { EventWriter } from "../../src/workloads/event-writer.ts";
import { createWorkload, workloadHash, workloadTypes } from "../../src/workloads/index.ts";
import { Random } from "../../src/workloads/random.ts";
import { readSlabinfo } from "../../src/workloads/slabinfo.ts";
import { Validator } from "../../src/workloads/validate.ts";
import { chunkEventsMax, type Workload } from "../../src/workloads/workload.ts";
import { chunksOf, count, eventsOf, smallWorkload, smallWorkloads } from "./workloads.ts";

const titles = smallWorkloads.map(([title]) => title);

test.each(titles)("%s is a valid program, and its limits hold and are at most twice what it reaches", (title) => {
  const workload = smallWorkload(title);
  const validator = new Validator(workload.limits);
  const largest = { caches: 0, objects: 0, cgroups: 0, superblocks: 0, tasks: 0 };
  for (const chunk of workload.chunks()) {
    expect(chunk.byteLength / 32).toBeGreaterThan(0);
    expect(chunk.byteLength / 32).toBeLessThanOrEqual(chunkEventsMax);
    validator.check(chunk);
    for (const event of decodeEvents(chunk)) {
      largest.tasks = Math.max(largest.tasks, event.task + 1);
      if (event.kind === kindCacheCreate) largest.caches = Math.max(largest.caches, event.group + 1);
      if (event.kind === kindCgroupCreate) largest.cgroups = Math.max(largest.cgroups, event.group + 1);
      const isIndexed = event.kind === kindObjectAllocate || event.kind === kindTransactionItem;
      if (isIndexed) largest.objects = Math.max(largest.objects, event.object + 1);
      if (event.kind === kindSuperblockMount) largest.superblocks = Math.max(largest.superblocks, event.object + 1);
    }
  }
  const reached = { ...largest, ...validator.reached };
  for (const [name, value] of Object.entries(reached)) {
    const limit = workload.limits[name as keyof typeof reached];
    expect(value, name).toBeLessThanOrEqual(limit);
    expect(value * 2, name).toBeGreaterThanOrEqual(limit);
  }
  expect(reached.events).toBe(workload.limits.events);
  const { cgroups, superblocks, tasks } = workload.limits;
  expect([largest.cgroups, largest.superblocks, largest.tasks]).toEqual([cgroups, superblocks, tasks]);
});

test.each(titles)("%s gives the same bytes every time, also while another pass is under way", (title) => {
  const workload = smallWorkload(title);
  const first = chunksOf(workload);
  const passes = [workload.chunks()[Symbol.iterator](), smallWorkload(title).chunks()[Symbol.iterator]()];
  for (const chunk of first) {
    for (const pass of passes) expect(Buffer.compare(pass.next().value as Uint8Array, chunk)).toBe(0);
  }
  for (const pass of passes) expect(pass.next().done).toBe(true);
});

test("the bytes of the default seed are the same on every host", () => {
  const hashes = ["libvirt-teardown", "cgroups-4000", "stress-ng-ramfs"].map((title) =>
    workloadHash(smallWorkload(title)),
  );
  expect(hashes).toMatchInlineSnapshot(`
    [
      "9e514bfd47ef5f75542b064cd2ea55d719695156efce5b79aef0564cd99c2db7",
      "032cca420d0f6f2845de7141e0414c942693e10b98ffa229531ae2e0f77bf9d6",
      "39f2269e3e26899d9b489a26357aaa02188382e7896c3e02f4b3d9cdb14c26f8",
    ]
  `);
});

test("a workload with defaults only is, round by round, the one that earlier results were measured with", () => {
  const identity = (name: string) => {
    const workload = createWorkload(name, {}, 1);
    const rounds = createHash("sha256");
    for (const chunk of workload.chunks()) rounds.update(`${chunk.byteLength},`);
    return `${name} ${workloadHash(workload)} ${rounds.digest("hex").slice(0, 16)}`;
  };
  expect(workloadTypes.map(({ name }) => identity(name))).toMatchInlineSnapshot(`
    [
      "cgroups-4000 f134f4a358a41072041cb3b28f84161a83c7b438245731a44137cee2b6e6b102 7d09a550a8ddf4ff",
      "commits-short-of-memory 2a547966fd7252d43b654e4b46f76ea095d59584306158fb220b1f67655c837b 0af709a2a49b6bff",
      "container-start 2ef1f645d7345e91c7f2e7f7b31bfc69d1b0bfde1ad3b7c18e66a73a6794245f 91ac73b818593fd0",
      "iterator-churn 31fabcef5dbde82530eff82281057792aabcd33d28191dcad32f6d947792ee7f a6339b94df34804f",
      "libvirt-teardown f2edd62c2ee933efa5b519ee4aa4b31c26a4d7eb575a4e365d8ff63224d2273c 571d21450ad47cc0",
      "metadata-commits beb91bac54517c8f5086bcb03aa206c5b96851a74ae82e230909c74c1ff89bd6 3f8c2db37f7f8ab1",
      "offline-churn 61d240ee0f8a54b6fa598714e86768c6a5c2e3531da36cbc6114e9756edae5f4 dcbeb608a0870618",
      "stress-ng-ramfs cc1ac90e5a74264d321d40822b8f6bea2ffa8bfeb3dc4c1dbfb8438eff4e62f7 9ab942d7abff6ae2",
    ]
  `);
});

test.each(["libvirt-teardown", "cgroups-4000"])("another seed gives another %s of the same size", (name) => {
  const [, , parameters] = smallWorkloads.find(([title]) => title === name) as (typeof smallWorkloads)[number];
  const [one, other] = [1, 2].map((seed) => createWorkload(name, parameters, seed));
  expect(workloadHash(one as Workload)).not.toBe(workloadHash(other as Workload));
  expect(one?.limits).toEqual(other?.limits);
});

test("measured events come after set-up and before the drain, in one piece", () => {
  for (const title of ["libvirt-teardown", "stress-ng-ramfs"]) {
    const flags = eventsOf(smallWorkload(title)).map((event) => event.flags & flagMeasured);
    expect(flags[0]).toBe(0);
    const first = flags.indexOf(1);
    const measured = flags.slice(first, flags.lastIndexOf(1) + 1);
    expect(first).toBeGreaterThan(0);
    expect(measured.every((flag) => flag === 1)).toBe(true);
    expect(flags.at(-1)).toBe(title === "libvirt-teardown" ? 0 : 1);
  }
});

test("a guest's teardown starts a chunk and ends with the destruction of its caches back to back", () => {
  const caches = readSlabinfo("packaged:libvirt-guest");
  const chunks = chunksOf(smallWorkload("libvirt-teardown")).map((chunk) => [...decodeEvents(chunk)]);
  const teardowns = chunks.filter((chunk) => count(chunk, kindCacheDestroy) > 0);
  expect(teardowns).toHaveLength(3);
  for (const [guest, events] of teardowns.entries()) {
    const first = events.findIndex((event) => event.kind === kindCacheDestroy);
    expect(events.slice(0, first - 1).every((event) => event.kind === kindObjectFree)).toBe(true);
    const destroyed = events.slice(first, first + caches.length);
    expect(destroyed.map((event) => event.kind)).toEqual(caches.map(() => kindCacheDestroy));
    expect(destroyed.map((event) => event.group)).toEqual(caches.map((_, cache) => 24 + 24 * guest + cache));
  }
});

test("each guest frees its share before the measurement, only from caches with objects, and keeps one for the teardown", () => {
  const caches = readSlabinfo("packaged:libvirt-guest");
  const events = eventsOf(smallWorkload("libvirt-teardown"));
  for (let guest = 0; guest < 3; guest++) {
    for (const [cache, { activeObjects }] of caches.entries()) {
      const mine = events.filter((event) => event.group === 24 + 24 * guest + cache);
      const freed = mine.filter((event) => event.kind === kindObjectFree);
      const early = freed.filter((event) => (event.flags & flagMeasured) === 0).length;
      expect(count(mine, kindObjectAllocate)).toBe(activeObjects);
      expect(freed).toHaveLength(activeObjects);
      expect(early).toBe(Math.floor(activeObjects / 2));
      if (activeObjects > 0) expect(freed.length).toBeGreaterThan(early);
    }
  }
});

test("set-up frees fill times the quarantine's size, within a few percent", () => {
  const size = 4_000_000;
  const workload = createWorkload(
    "libvirt-teardown",
    { guests: 1, "guest-freed": 0, "quarantine-bytes": size, "background-objects": 2000, "churn-batch": 64, drain: 0 },
    3,
  );
  const sizes = new Map<number, number>();
  let bytes = 0;
  for (const event of eventsOf(workload)) {
    if (event.kind === kindCacheCreate) sizes.set(event.group, Number(event.a));
    if (event.kind === kindObjectFree && event.flags === 0) bytes += sizes.get(event.group) as number;
  }
  expect(bytes / size).toBeGreaterThan(1.2);
  expect(bytes / size).toBeLessThan(1.3);
});

test("background bursts are homogeneous and as long as asked for", () => {
  const workload = createWorkload(
    "libvirt-teardown",
    { guests: 1, "quarantine-bytes": 0, "background-objects": 500, "churn-batch": 100, "churn-cycles": 20 },
    3,
  );
  const churn = eventsOf(workload).filter((event) => event.flags === flagMeasured && event.group < 24);
  const kinds = churn.map((event) => event.kind);
  const burst = (kind: number) => new Array<number>(100).fill(kind);
  for (let cycle = 0; cycle < 20; cycle++) {
    const from = cycle * 200;
    expect(kinds.slice(from, from + 200)).toEqual([...burst(kindObjectAllocate), ...burst(kindObjectFree)]);
  }
});

test("background objects divide over root caches as num_objs does", () => {
  const caches = readSlabinfo("packaged:libvirt-guest");
  const workload = createWorkload(
    "libvirt-teardown",
    { guests: 1, "quarantine-bytes": 0, "background-objects": 1871, "churn-batch": 1, "churn-cycles": 1 },
    3,
  );
  const background = eventsOf(workload).filter((event) => event.kind === kindObjectAllocate && event.group < 24);
  const counts = Array.from({ length: 24 }, (_, cache) => background.filter((event) => event.group === cache).length);
  expect(counts).toEqual(caches.map((cache) => cache.objects).toSorted((one, other) => other - one));
});

test("100,000 caches and 10 million quarantined objects can be expressed", () => {
  const workload = createWorkload("libvirt-teardown", { guests: 4166, "quarantine-bytes": 2_400_000_000 }, 1);
  expect(workload.limits.caches).toBeGreaterThan(100_000);
  // The first chunk is there without the rest having been generated.
  const pass = workload.chunks()[Symbol.iterator]();
  expect(pass.next().value).toHaveLength(chunkEventsMax * 32);
});

test("cgroups are created, mounted, touched, reclaimed and removed, in every round", () => {
  const events = eventsOf(smallWorkload("cgroups-4000"));
  // The root, `test`, and 20 in each of 2 rounds.
  expect(count(events, kindCgroupCreate)).toBe(42);
  expect(count(events, kindSuperblockMount)).toBe(40);
  expect(count(events, kindSuperblockUnmount)).toBe(40);
  // One for each mount, one for each of the 15 touched.
  expect(count(events, kindLruAdd)).toBe(70);
  const passes = events.filter((event) => event.kind === kindReclaimPass).slice(0, 13 * 2 * 3);
  expect(passes.map((event) => Number(event.a))).toEqual(Array.from({ length: 78 }, (_, i) => 12 - Math.floor(i / 6)));
  expect(new Set(passes.map((event) => event.task))).toEqual(new Set([0, 1, 2]));
  // 24 root caches stay; a touched cgroup has 15 caches, the others have no radix_tree_node.
  const clones = 2 * (15 * 15 + 5 * 14);
  expect(count(events, kindCacheDestroy)).toBe(clones);
  expect(count(events, kindCacheCreate)).toBe(24 + clones);
});

test("settling passes are one task's and not measured, and only the reclaimers' passes have a time for pages", () => {
  const workload = createWorkload(
    "cgroups-4000",
    {
      cgroups: 3,
      reclaimers: 4,
      "reclaim-passes": 2,
      "settling-passes": 15,
      nodes: 2,
      "pages-ns": 455,
      "quarantine-bytes": 0,
      "churn-cycles": 0,
    },
    1,
  );
  const chunks = chunksOf(workload).map((chunk) => [...decodeEvents(chunk)]);
  const [settling, ...reclaim] = chunks.filter((chunk) => count(chunk, kindReclaimPass) > 0);
  expect(settling?.map(({ kind, task, flags, object, a, b }) => [kind, task, flags, object, Number(a), b])).toEqual(
    Array.from({ length: 30 }, (_, index) => [
      kindReclaimPass,
      0,
      0,
      0,
      12 - (Math.floor(index / 2) % 13),
      BigInt(index % 2),
    ]),
  );
  expect(reclaim.flat()).toHaveLength(4 * 2 * 2);
  expect(reclaim.flat().every(({ flags, object }) => flags === flagMeasured && object === 455)).toBe(true);
});

test("with a spread each reclaimer first computes for a time of its own, once a round; all else stays as it was", () => {
  const parameters = { cgroups: 3, rounds: 2, reclaimers: 100, nodes: 2, "quarantine-bytes": 0, "churn-cycles": 0 };
  const of = (spread: number, seed: number) =>
    chunksOf(createWorkload("cgroups-4000", { ...parameters, "start-spread-ns": spread }, seed)).map((chunk) => [
      ...decodeEvents(chunk),
    ]);
  const [plain, spread] = [of(0, 1), of(1000, 1)];
  expect(spread.map((chunk) => chunk.filter((event) => event.kind !== kindCompute))).toEqual(plain);
  const starts = spread.filter((chunk) => count(chunk, kindCompute) > 0);
  expect(starts).toHaveLength(2);
  for (const chunk of starts) {
    // Both nodes' passes of the first priority are one chunk, and the computation lies in front of them.
    const tasks = Array.from({ length: 100 }, (_, task) => chunk.filter((event) => event.task === task));
    const kinds = [kindCompute, kindReclaimPass, kindReclaimPass];
    expect(tasks.map((events) => events.map((event) => event.kind))).toEqual(tasks.map(() => kinds));
    expect(chunk.every((event) => event.flags === flagMeasured)).toBe(true);
  }
  const times = starts.map((chunk) => chunk.filter((event) => event.kind === kindCompute).map(({ a }) => Number(a)));
  for (const some of times) {
    expect(Math.min(...some)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...some)).toBeLessThanOrEqual(1000);
    // 100 times out of 1001 even ones: all quarters have some.
    expect(new Set(some.map((ns) => Math.min(3, Math.floor(ns / 250)))).size).toBe(4);
  }
  expect(times[0]).not.toEqual(times[1]);
  expect(of(1000, 2)).not.toEqual(spread);
});

test("by default 3001 of 4001 cgroups are touched", () => {
  const workload = createWorkload("cgroups-4000", { "quarantine-bytes": 0, "churn-cycles": 0 }, 1);
  let adds = 0;
  for (const chunk of workload.chunks()) for (const event of decodeEvents(chunk)) if (event.kind === kindLruAdd) adds++;
  expect(adds).toBe(4001 + 3001);
});

test("a pair of bogo-ops allocates what the trace of Linux 6.18 shows, and defers 16 frees to RCU per op", () => {
  const names = readSlabinfo("packaged:linux-6.18-ramfs").map((cache) => cache.name);
  const workload = createWorkload(
    "stress-ng-ramfs",
    { workers: 1, "bogo-ops": 2, "superblocks-per-op": 1, "quarantine-bytes": 0, "rcu-batch": 2 },
    1,
  );
  const events = eventsOf(workload);
  const allocated = events.filter((event) => event.kind === kindObjectAllocate).map((event) => names[event.group]);
  const counts = Object.fromEntries(names.map((name) => [name, allocated.filter((one) => one === name).length / 2]));
  expect(counts).toEqual({
    names_cache: 15,
    dentry: 4,
    lsm_inode_cache: 4,
    inode_cache: 2,
    shmem_inode_cache: 2,
    radix_tree_node: 2,
    filp: 1,
    lsm_file_cache: 1,
    maple_node: 2,
    mnt_cache: 1,
    "kmalloc-8": 5.5,
    "kmalloc-32": 2,
    "kmalloc-64": 7.5,
    "kmalloc-96": 0.5,
    "kmalloc-128": 1,
    "kmalloc-192": 0.5,
    "kmalloc-2k": 1,
    "kmalloc-4k": 1,
    "kmalloc-cg-8": 1,
    "kmalloc-cg-192": 1,
  });
  const last = events.findLastIndex((event) => event.kind === kindBogoOp);
  const deferred = events.slice(last + 1);
  expect(deferred.every((event) => event.kind === kindObjectFree)).toBe(true);
  // 16 called from rcu_do_batch, and 2.5 that a callback or a work item started by one frees: the super_block, its
  // blob, the mount's name (1) and, on tmpfs, the symlink.
  expect(deferred).toHaveLength(2 * (16 + 3) + 1);
  expect(count(events, kindObjectAllocate)).toBe(count(events, kindObjectFree));
  expect(count(events, kindCacheDestroy) + count(events, kindLruAdd) + count(events, kindReclaimPass)).toBe(0);
});

test("tmpfs and ramfs come in turn, and only measured ops compute", () => {
  const events = eventsOf(smallWorkload("stress-ng-ramfs")).filter((event) => event.task === 1);
  const mounts = events.filter((event) => event.kind === kindSuperblockMount).map((event) => Number(event.a));
  expect(mounts).toEqual(mounts.map((_, index) => Math.floor(index / 2) % 2));
  const computes = events.filter((event) => event.kind === kindCompute);
  expect(computes).toHaveLength(2 * 25);
  expect(computes.every((event) => event.flags === flagMeasured && event.a === 180_000n)).toBe(true);
});

test("the script's full size is 4002 cgroups below the root, each with its own tmpfs on its bits", () => {
  const workload = createWorkload("cgroups-4000", { "quarantine-bytes": 0, "churn-cycles": 0, rounds: 1 }, 1);
  const [parents, mounted, charged] = [new Map<number, number>(), new Set<number>(), new Map<number, number>()];
  const walks = [];
  for (const chunk of workload.chunks()) {
    for (const event of decodeEvents(chunk)) {
      if (event.kind === kindCgroupCreate) parents.set(event.group, Number(event.a));
      if (event.kind === kindSuperblockMount) mounted.add(event.object);
      if (event.kind === kindLruAdd) charged.set(event.object, event.group);
      // All of it is there and nothing is removed when reclaim begins.
      if (event.kind === kindReclaimPass && walks.push(event.group) === 1)
        expect([parents.size, mounted.size, charged.size]).toEqual([4003, 4001, 4001]);
      if (event.kind === kindCgroupOffline) expect(walks).toHaveLength(32 * 13);
    }
  }
  expect(new Set(walks)).toEqual(new Set([1]));
  expect([...parents.values()].filter((parent) => parent === 1)).toHaveLength(4001);
  expect(new Set(charged.values()).size).toBe(4001);
});

test.each<[string, Record<string, string | number | boolean>, string]>([
  ["libvirt-teardown", { guests: 0 }, "parameter 'guests': must be at least 1, got 0"],
  ["cgroups-4000", { cgroups: 0 }, "parameter 'cgroups': must be at least 1, got 0"],
  ["cgroups-4000", { cgroups: 1.5 }, "parameter 'cgroups': must be a whole number, got 1.5"],
  ["cgroups-4000", { cgroups: "many" }, "parameter 'cgroups': must be a number, got many"],
  ["cgroups-4000", { cgroups: true }, "parameter 'cgroups': must be a number, got true"],
  ["cgroups-4000", { cgroups: Number.NaN }, "parameter 'cgroups': must be a number, got NaN"],
  [
    "cgroups-4000",
    { "start-spread-ns": 4_000_000_001 },
    "parameter 'start-spread-ns': must be at most 4000000000, got 4000000001",
  ],
  ["cgroups-4000", { touched: 2 }, "parameter 'touched': must be at most 1, got 2"],
  ["cgroups-4000", { "caches-per-cgroup": "dentry,nonsense" }, "'nonsense' is not in packaged:libvirt-guest"],
  ["cgroups-4000", { "caches-per-cgroup": "pid,pid" }, "must not name a cache twice"],
  ["cgroups-4000", { "caches-per-cgroup": "constructor" }, "'constructor' is not in"],
  ["cgroups-4000", { slabinfo: 5 }, "parameter 'slabinfo': must be text that is not empty (path), got 5"],
  ["libvirt-teardown", { "churn-batch": 65_537 }, "parameter 'churn-batch': must be at most 65536"],
  [
    "libvirt-teardown",
    { "background-objects": 10 },
    "parameter 'churn-batch': must be at most background-objects (10)",
  ],
  ["libvirt-teardown", { guests: 1_000_000 }, "workload 'libvirt-teardown': would need"],
  ["cgroups-4000", { touchers: 4097 }, "parameter 'touchers': must be at most 4096"],
  ["cgroups-4000", { cgroups: 4, touchers: 4 }, "'touchers': must be at most the touched cgroups (3), got 4"],
  ["cgroups-4000", { touched: 0, touchers: 2 }, "'touchers': must be at most the touched cgroups (0), got 2"],
  ["cgroups-4000", { cgroups: 2, "teardown-tasks": 3 }, "'teardown-tasks': must be at most cgroups (2), got 3"],
  ["cgroups-4000", { "callback-sleep-ns": 1e10 + 1 }, "'callback-sleep-ns': must be at most 10000000000"],
  ["cgroups-4000", { "churn-batch": 2, "churn-tasks": 3 }, "'churn-tasks': must be at most churn-batch (2), got 3"],
  ["libvirt-teardown", { guests: 2, "teardown-tasks": 3 }, "'teardown-tasks': must be at most guests (2), got 3"],
  ["libvirt-teardown", { "dev-tmpfs": 2 }, "'dev-tmpfs': must be at most 1, got 2"],
  ["libvirt-teardown", { reclaimers: 3 }, "'reclaim-passes': must be at least 1 with 3 reclaimers, got 0"],
  [
    "libvirt-teardown",
    { reclaimers: 9, "reclaim-passes": 4000 },
    "'reclaim-passes': must be at most 32768 for all reclaimers, got 36000",
  ],
  ["container-start", { cgroups: 3, "slow-cgroups": 4 }, "'slow-cgroups': must be at most cgroups (3), got 4"],
  ["container-start", { "lru-objects": 0 }, "'lru-objects': must be at least 1, got 0"],
  [
    "container-start",
    { mounters: 100, containers: 132 },
    "a round would have 66052 events, more than the 65536 of a chunk",
  ],
  ["stress-ng-ramfs", { guests: 5 }, "parameter 'guests': unknown; one of: workers, "],
  ["stress-ng-ramfs", { toString: 5 }, "parameter 'toString': unknown"],
  [
    "ramfs",
    {},
    "workload 'ramfs': unknown; one of: cgroups-4000, commits-short-of-memory, container-start, iterator-churn, libvirt-teardown, metadata-commits, offline-churn, stress-ng-ramfs",
  ],
])("%s with %j is refused", (name, parameters, message) => {
  expect(() => createWorkload(name, parameters, 1)).toThrow(InputError);
  expect(() => createWorkload(name, parameters, 1)).toThrow(message);
});

test("a slabinfo file without objects leaves nothing to churn", () => {
  const path = new URL("inputs/no-objects.slabinfo", import.meta.url).pathname;
  expect(() => createWorkload("libvirt-teardown", { slabinfo: path }, 1)).toThrow("there is nothing to churn");
});

test.each([-1, 0.5, 2 ** 32, Number.NaN])("the seed %s is refused", (seed) => {
  expect(() => createWorkload("stress-ng-ramfs", {}, seed)).toThrow(InputError);
});

test("a number may be given as text, and every parameter is recorded", () => {
  const workload = createWorkload("stress-ng-ramfs", { workers: "2", fill: "0.5" }, 1);
  const type = workloadTypes.find((one) => one.name === "stress-ng-ramfs");
  const defaults = Object.entries(type?.parameters ?? {}).map(([name, parameter]) => [name, parameter.default]);
  expect(workload.parameters).toEqual({ ...Object.fromEntries(defaults), workers: 2, fill: 0.5 });
});

test("defaults are within the ranges that their tables state", () => {
  for (const type of workloadTypes) {
    for (const parameter of Object.values(type.parameters)) {
      expect(parameter.meaning).not.toBe("");
      if (parameter.kind === "text") continue;
      expect(parameter.default).toBeGreaterThanOrEqual(parameter.min);
      expect(parameter.default).toBeLessThanOrEqual(parameter.max);
    }
    expect(() => type.create({}, 0)).not.toThrow();
  }
});

test("the writer keeps all bits of every field, and the reader gives them back", () => {
  const writer = new EventWriter();
  writer.task = 0xffff_ffff;
  writer.flags = 0xffff;
  writer.add(kindCompute, 0xffff_fffe, 0xffff_fffd, Number.MAX_SAFE_INTEGER, 2 ** 32);
  const [chunk] = [...writer.flush()];
  expect([...decodeEvents(chunk as Uint8Array)]).toEqual([
    {
      kind: kindCompute,
      flags: 0xffff,
      task: 0xffff_ffff,
      object: 0xffff_fffe,
      group: 0xffff_fffd,
      a: 2n ** 53n - 1n,
      b: 2n ** 32n,
    },
  ]);
});

test("an event is described in one sentence", () => {
  const [first, second] = eventsOf(smallWorkload("stress-ng-ramfs"));
  expect(describeEvent(first as KernelEvent)).toBe("task 0: create cgroup 0 under cgroup 0, reclaimed in 0 ns");
  expect(describeEvent(second as KernelEvent)).toBe(
    "task 0: create cache 0 of cgroup 0: 4096 bytes, 8 objects in 8 pages",
  );
});

test("random numbers below a bound reach both ends and no further", () => {
  const random = new Random(1);
  const seen = new Set<number>();
  for (let i = 0; i < 1000; i++) seen.add(random.below(10));
  expect([...seen].sort()).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  expect(random.below(1)).toBe(0);
});
