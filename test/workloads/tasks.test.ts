// Workloads on several tasks: which may run at the same time, who does what, and which chunks may be repeated.

import { expect, test } from "vitest";
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
} from "../../src/kernel/events.ts";
import { decodeEvents } from "../../src/workloads/event-reader.ts";
import { EventWriter } from "../../src/workloads/event-writer.ts";
import { IndependenceChecker } from "./independence.ts";
import { chunksOf, count, eventsOf, smallWorkload, smallWorkloads } from "./workloads.ts";

const titles = smallWorkloads.map(([title]) => title);

test.each(titles)("in %s no event depends on another task's event of the same chunk", (title) => {
  const checker = new IndependenceChecker();
  for (const chunk of smallWorkload(title).chunks()) expect(checker.check(chunk)).toBeUndefined();
});

test.each<[string, readonly number[], readonly number[]]>([
  ["a cgroup's parent", [kindCgroupCreate, 0, 2, 0], [kindCgroupCreate, 0, 3, 2]],
  ["a cgroup's child", [kindCgroupOffline, 0, 1], [kindCgroupOffline, 0, 0]],
  ["a cache's cgroup", [kindCgroupCreate, 0, 2, 0], [kindCacheCreate, 9, 5, 64, 1 + 2 * 2 ** 32]],
  ["an object's cache", [kindCacheCreate, 9, 5, 64, 1], [kindObjectAllocate, 7, 5]],
  ["an object", [kindObjectFree, 7, 4], [kindObjectAllocate, 7, 5]],
  ["the objects of a cache", [kindObjectFree, 7, 4], [kindCacheDestroy, 0, 4]],
  ["the caches of a cgroup", [kindCacheDestroy, 0, 4], [kindCgroupOffline, 0, 1]],
  ["a superblock", [kindSuperblockUnmount, 3], [kindSuperblockMount, 3]],
  ["a mount", [kindSuperblockMount, 4], [kindLruAdd, 4, 1, 1]],
  ["a superblock in use", [kindLruAdd, 3, 1, 1], [kindSuperblockUnmount, 3]],
  ["who is charged", [kindCgroupOffline, 0, 1], [kindSuperblockUnmount, 3]],
  ["a walk's root", [kindReclaimPass, 0, 1, 12], [kindCgroupOffline, 0, 1]],
])("the check finds a dependency on %s, in either order, in one chunk and not across chunks", (_, one, other) => {
  const chunk = (...events: readonly (readonly [number, readonly number[]])[]) => {
    const writer = new EventWriter();
    for (const [task, [kind = 0, object = 0, group = 0, a = 0, b = 0]] of events) {
      writer.task = task;
      writer.add(kind, object, group, a, b);
    }
    return [...writer.flush()][0] as Uint8Array;
  };
  const before = chunk(
    [0, [kindCgroupCreate, 0, 0, 0]],
    [0, [kindCgroupCreate, 0, 1, 0]],
    [0, [kindCacheCreate, 9, 4, 64, 1 + 2 ** 32]],
    [0, [kindObjectAllocate, 7, 4]],
    [0, [kindSuperblockMount, 3]],
    [0, [kindLruAdd, 3, 1, 1]],
  );
  const found = (...chunks: Uint8Array[]) => {
    const checker = new IndependenceChecker();
    return [before, ...chunks].map((events) => checker.check(events)).find((problem) => problem !== undefined);
  };
  expect(found(chunk([0, one], [1, other]))).toContain("' after '");
  expect(found(chunk([0, other], [1, one]))).toContain("' after '");
  expect(found(chunk([1, one], [1, other]))).toBeUndefined();
  expect(found(chunk([0, one]), chunk([1, other]))).toBeUndefined();
});

test("tasks that churn share every burst evenly, and each frees what it allocated", () => {
  const events = eventsOf(smallWorkload("libvirt-teardown by 3 tasks, with 5 that churn and 2 that reclaim"));
  const churn = events.filter((event) => event.group < 24 && (event.flags & flagMeasured) !== 0);
  const bursts: { kind: number; tasks: number[] }[] = [];
  for (const event of churn) {
    if (event.kind !== kindObjectAllocate && event.kind !== kindObjectFree) continue;
    if (bursts.at(-1)?.kind !== event.kind) bursts.push({ kind: event.kind, tasks: [0, 0, 0, 0, 0] });
    const { tasks } = bursts.at(-1) as (typeof bursts)[number];
    tasks[event.task] = (tasks[event.task] as number) + 1;
  }
  // Two cycles before, two in each gap between 8 guests, each of two bursts.
  expect(bursts).toHaveLength(2 * (2 + 2 * 7));
  for (const { tasks } of bursts) expect(tasks).toEqual([26, 26, 25, 25, 25]);
  const owners = new Map<number, Set<number>>();
  for (const { kind, object, group, task } of events) {
    if (group >= 24 || (kind !== kindObjectAllocate && kind !== kindObjectFree)) continue;
    owners.set(object, (owners.get(object) ?? new Set()).add(task));
  }
  expect(owners.size).toBe(1003);
  expect([...owners.values()].every((tasks) => tasks.size === 1)).toBe(true);
  const parts = Array.from({ length: 5 }, (_, task) => [...owners.values()].filter((tasks) => tasks.has(task)).length);
  expect(parts).toEqual([201, 201, 201, 200, 200]);
});

test("guests are torn down several at a time, with their /dev, while other tasks walk the root cgroup", () => {
  const workload = smallWorkload("libvirt-teardown by 3 tasks, with 5 that churn and 2 that reclaim");
  const chunks = chunksOf(workload).map((chunk) => [...decodeEvents(chunk)]);
  const teardowns = chunks.filter((chunk) => count(chunk, kindCacheDestroy) > 0);
  const guests = teardowns.map((chunk) => chunk.filter((event) => event.kind === kindCgroupOffline));
  expect(guests.map((some) => some.map((event) => event.group))).toEqual([
    [1, 2, 3],
    [4, 5, 6],
    [7, 8],
  ]);
  expect(guests.map((some) => some.map((event) => event.task))).toEqual([
    [0, 1, 2],
    [0, 1, 2],
    [0, 1],
  ]);
  for (const chunk of teardowns) {
    const passes = chunk.filter((event) => event.kind === kindReclaimPass);
    // Above the 5 tasks that churn and the 3 that tear down.
    expect(passes.map((event) => event.task)).toEqual(Array.from({ length: 30 }, (_, index) => 5 + (index % 2)));
    expect(passes.filter((event) => event.task === 6).map((event) => Number(event.a))).toEqual([
      ...[12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0],
      ...[12, 11],
    ]);
    expect(passes.every((event) => event.group === 0)).toBe(true);
    for (const { group, task } of chunk.filter((event) => event.kind === kindCgroupOffline)) {
      const mine = chunk.filter((event) => event.kind === kindSuperblockUnmount && event.object === group - 1);
      expect(mine.map((event) => event.task)).toEqual([task]);
    }
  }
  const events = chunks.flat();
  expect(count(events, kindReclaimPass)).toBe(3 * 30);
  expect(count(events, kindSuperblockMount)).toBe(8);
  const added = events.filter((event) => event.kind === kindLruAdd);
  expect(added.map((event) => [event.object, event.group, event.a, event.b])).toEqual(
    Array.from({ length: 8 }, (_, guest) => [guest, guest + 1, 18n, 0n]),
  );
});

test("touched cgroups go to the touchers in turn, who run a process each at a time", () => {
  const events = eventsOf(smallWorkload("cgroups-4000 with 4 touchers, 2 that churn and 3 that remove"));
  const adds = events.filter((event) => event.kind === kindLruAdd);
  // Of each round's 20 cgroups every one is mounted by task 0, and the first 14 are touched.
  for (let round = 0; round < 2; round++) {
    const [mounted, touched] = [adds.slice(34 * round, 34 * round + 20), adds.slice(34 * round + 20, 34 * round + 34)];
    expect(mounted.map((event) => event.task)).toEqual(new Array(20).fill(0));
    expect(touched.map((event) => event.task)).toEqual(Array.from({ length: 14 }, (_, index) => index % 4));
    expect(touched.map((event) => event.object)).toEqual(Array.from({ length: 14 }, (_, index) => index));
  }
  // Nothing on a tmpfs can be freed, and each cgroup has the bit of its own.
  expect(adds.every((event) => event.b === 0n && event.group === event.object + 2)).toBe(true);
  const mounts = events.filter((event) => event.kind === kindSuperblockMount);
  expect(mounts.every((event) => event.b === 1000n)).toBe(true);
  // A process's objects are freed by the task that allocated them: 185 objects in each of 4 tasks.
  const live = new Map<number, number>();
  let most = 0;
  for (const { kind, object, task } of events) {
    if (object >= 4 * 185) continue;
    if (kind === kindObjectAllocate) live.set(object, task);
    if (kind !== kindObjectFree) continue;
    most = Math.max(most, live.size);
    expect(live.get(object)).toBe(task);
    expect(Math.floor(object / 185)).toBe(task);
    live.delete(object);
  }
  expect(most).toBe(4 * 185);
  const removals = events.filter((event) => event.kind === kindSuperblockUnmount).slice(0, 20);
  expect(removals.map((event) => event.task)).toEqual(Array.from({ length: 20 }, (_, index) => index % 3));
});

test("containers are started and stopped by mounters while reclaimers make whole passes, in every round", () => {
  const chunks = chunksOf(smallWorkload("container-start")).map((chunk) => [...decodeEvents(chunk)]);
  const [setUp = [], ...rounds] = chunks;
  expect(setUp.every((event) => event.flags === 0 && event.task === 0)).toBe(true);
  const slow = setUp.filter((event) => event.kind === kindSuperblockMount && event.b === 9n);
  expect(slow.map((event) => event.object)).toEqual([0, 1]);
  expect(count(setUp, kindSuperblockMount)).toBe(50);
  expect(rounds).toHaveLength(3);
  for (const [round, events] of rounds.entries()) {
    for (let mounter = 0; mounter < 3; mounter++) {
      const mine = events.filter((event) => event.task === mounter);
      expect(mine.map((event) => event.kind)).toEqual(
        Array.from({ length: 5 }, () => [
          ...[kindSuperblockMount, kindLruAdd, kindCompute],
          ...[kindSuperblockUnmount, kindBogoOp],
        ]).flat(),
      );
      const ops = mine.filter((event) => event.kind === kindBogoOp).map((event) => Number(event.a));
      expect(ops).toEqual([0, 1, 2, 3, 4].map((op) => 5 * round + op));
      const adds = mine.filter((event) => event.kind === kindLruAdd);
      expect(adds.every((event) => event.group === 52 + mounter && event.object === 50 + mounter)).toBe(true);
    }
    for (const reclaimer of [3, 4]) {
      const mine = events.filter((event) => event.task === reclaimer);
      expect(mine.map((event) => event.kind)).toEqual(new Array(13).fill(kindReclaimPass));
      expect(mine.map((event) => Number(event.a))).toEqual([12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0]);
    }
    // When the tasks run in turn, every pass still finds all containers mounted.
    let mounted = 0;
    for (const { kind } of events) {
      if (kind === kindSuperblockMount) mounted++;
      if (kind === kindSuperblockUnmount) mounted--;
      if (kind === kindReclaimPass) expect(mounted).toBe(3);
    }
  }
});

/** What has to be as before for a chunk to be repeated: cgroups, and superblocks with their LRU objects by cgroup. */
class RepeatableState {
  readonly #cgroups = new Set<number>();
  readonly #superblocks = new Map<number, Map<number, number>>();

  apply(chunk: Uint8Array): void {
    for (const { kind, object, group, a } of decodeEvents(chunk)) {
      if (kind === kindCgroupCreate) this.#cgroups.add(group);
      if (kind === kindCgroupOffline) this.#cgroups.delete(group);
      if (kind === kindSuperblockMount) this.#superblocks.set(object, new Map());
      if (kind === kindSuperblockUnmount) this.#superblocks.delete(object);
      const lists = this.#superblocks.get(object);
      if (kind === kindLruAdd && lists !== undefined) lists.set(group, (lists.get(group) ?? 0) + Number(a));
    }
  }

  toString(): string {
    const superblocks = [...this.#superblocks].map(([superblock, lists]) => `${superblock}:${[...lists].sort()}`);
    return [...[...this.#cgroups].sort(), ...superblocks.sort()].join(" ");
  }
}

test.each(titles)("%s says truly whether a measured chunk can be repeated", (title) => {
  const workload = smallWorkload(title);
  const state = new RepeatableState();
  let repeatable = true;
  let ops = 0;
  for (const chunk of workload.chunks()) {
    const before = state.toString();
    state.apply(chunk);
    const measured = [...decodeEvents(chunk)].filter((event) => (event.flags & flagMeasured) !== 0);
    if (measured.length === 0) continue;
    if (measured.length * 32 !== chunk.byteLength) repeatable = false;
    if (state.toString() !== before) repeatable = false;
    const opsOf = new Map<number, number>();
    for (const { kind, task } of measured) if (kind === kindBogoOp) opsOf.set(task, (opsOf.get(task) ?? 0) + 1);
    // Either no task's, or of all that ever have one, equally many.
    const tasks =
      ((workload.parameters.mounters ?? workload.parameters.churners) as number | undefined) ?? workload.limits.tasks;
    if (opsOf.size > 0 && (opsOf.size !== tasks || new Set(opsOf.values()).size > 1)) repeatable = false;
    // A task stops behind a bogo-op, or behind a pass when it has no ops.
    const last = new Map<number, number>();
    for (const { kind, task } of measured) {
      if (kind !== kindObjectFree && kind !== kindObjectAllocate && kind !== kindCacheDestroy) last.set(task, kind);
    }
    for (const [task, kind] of last) if (kind !== (opsOf.has(task) ? kindBogoOp : kindReclaimPass)) repeatable = false;
    ops += measured.filter((event) => event.kind === kindBogoOp).length;
  }
  expect(workload.repeatable).toBe(repeatable && ops > 0);
});
