// offline-churn: well-formed within its limits, its tasks independent, and its objects freed when and by whom it says.

import { describe, expect, test } from "vitest";
import {
  flagMeasured,
  kindBogoOp,
  kindCacheCreate,
  kindCgroupCreate,
  kindCgroupOffline,
  kindCompute,
  kindObjectAllocate,
  kindObjectFree,
} from "../../src/kernel/events.ts";
import { decodeEvents, type KernelEvent } from "../../src/workloads/event-reader.ts";
import { createWorkload } from "../../src/workloads/index.ts";
import { Validator } from "../../src/workloads/validate.ts";
import type { ParameterValue } from "../../src/workloads/workload.ts";
import { IndependenceChecker } from "./independence.ts";
import { chunksOf, count } from "./workloads.ts";

const sizes: readonly (readonly [string, Readonly<Record<string, ParameterValue>>])[] = [
  ["small", { rounds: 12, cgroups: 3, objects: 50, "long-rounds": 5, tasks: 2, "interval-ns": 1000 }],
  ["one of each", { rounds: 2, cgroups: 1, caches: 1, objects: 1, tasks: 1 }],
  ["all outlive", { rounds: 9, cgroups: 2, objects: 30, outlive: 1, "long-lived": 1, "long-rounds": 4, tasks: 3 }],
  ["none outlives", { rounds: 4, cgroups: 5, objects: 8, outlive: 0, tasks: 5 }],
  ["more long-lived ones than rounds", { rounds: 30, cgroups: 1, objects: 100, outlive: 0.5, "long-lived": 0.9 }],
];

describe.each(sizes)("%s", (_, parameters) => {
  const workload = createWorkload("offline-churn", parameters, 7);
  const chunks = chunksOf(workload);
  const rounds = chunks.map((chunk) => [...decodeEvents(chunk)]);
  const events = rounds.flat();

  test("is a program that a kernel could run, and reaches its limits", () => {
    const validator = new Validator(workload.limits);
    for (const chunk of chunks) validator.check(chunk);
    const { limits } = workload;
    const { reached } = validator;
    expect(reached.events).toBe(limits.events);
    for (const name of ["liveBytesMax", "slabBytesMax"] as const) {
      expect(reached[name]).toBeLessThanOrEqual(limits[name]);
      expect(reached[name] * 2).toBeGreaterThanOrEqual(limits[name]);
    }
    const most = (of: (event: KernelEvent) => number): number => Math.max(...events.map(of));
    expect(most(({ task }) => task) + 1).toBe(limits.tasks);
    expect(most(({ kind, group }) => (kind === kindCgroupCreate ? group : 0)) + 1).toBe(limits.cgroups);
    expect(count(events, kindCacheCreate)).toBe(limits.caches);
    expect(most(({ kind, object }) => (kind === kindObjectAllocate ? object : 0)) + 1).toBe(limits.objects);
  });

  test("no event depends on one of another task in the same chunk", () => {
    const checker = new IndependenceChecker();
    for (const chunk of chunks) expect(checker.check(chunk)).toBeUndefined();
  });

  test("a cgroup goes in the round after it came, and each is a bogo-op", () => {
    const { rounds: asked, cgroups } = workload.parameters as { rounds: number; cgroups: number };
    expect(rounds).toHaveLength(1 + asked);
    rounds.slice(1).forEach((round, index) => {
      expect(round.every(({ flags }) => flags === flagMeasured)).toBe(true);
      expect(count(round, kindCgroupCreate)).toBe(cgroups);
      expect(count(round, kindCgroupOffline)).toBe(index === 0 ? 0 : cgroups);
      expect(count(round, kindBogoOp)).toBe(index === 0 ? 0 : cgroups);
    });
  });

  test("the same seed gives the same bytes, and another one another order", () => {
    const bytes = (some: readonly Uint8Array[]): Buffer => Buffer.concat(some);
    const withSeed = (seed: number): Buffer => bytes(chunksOf(createWorkload("offline-churn", parameters, seed)));
    expect(withSeed(7).equals(bytes(chunks))).toBe(true);
    if (Number(parameters.objects) > 1) expect(withSeed(8).equals(bytes(chunks))).toBe(false);
  });
});

test("objects that outlive their cgroup are freed by other tasks, most in the next round and some days later", () => {
  const workload = createWorkload("offline-churn", { rounds: 20, cgroups: 4, objects: 100, "long-rounds": 10 }, 1);
  const made = new Map<number, { task: number; cache: number; round: number }>();
  const ages: number[] = [];
  let isOwn = 0;
  let round = 0;
  for (const chunk of chunksOf(workload)) {
    for (const { kind, task, object, group } of decodeEvents(chunk)) {
      if (kind === kindObjectAllocate) made.set(object, { task, cache: group, round });
      if (kind !== kindObjectFree) continue;
      const { task: owner, cache, round: born } = made.get(object)!;
      expect(cache).toBe(group);
      const age = round - born;
      ages[age] = (ages[age] ?? 0) + 1;
      if (age >= 2 && owner === task) isOwn++;
    }
    round++;
  }
  expect(isOwn).toBe(0);
  expect(ages[0]).toBeUndefined();
  // 4 caches of 4 cgroups: 90 of 100 freed at once, 8 in the next round, the other 2 five and ten rounds later.
  expect(ages[1]).toBe(19 * 16 * 90);
  expect(ages[2]).toBe(18 * 16 * 8);
  expect([ages[7], ages[12]]).toEqual([13 * 16, 8 * 16]);
  expect([3, 4, 5, 6, 8, 9, 10, 11].every((age) => ages[age] === undefined)).toBe(true);
});

test("every task sleeps for the hour between the rounds", () => {
  const hour = 3_600_000_000_000;
  const workload = createWorkload("offline-churn", { rounds: 3, "interval-ns": hour, tasks: 2, cgroups: 2 }, 1);
  const computed = chunksOf(workload)
    .flatMap((chunk) => [...decodeEvents(chunk)])
    .filter(({ kind }) => kind === kindCompute);
  expect(computed.map(({ task, a, b }) => [task, Number(a), Number(b)])).toEqual(
    [0, 1, 0, 1, 0, 1].map((task) => [task, hour, 1]),
  );
});

test("a round that does not fit into a chunk is refused", () => {
  expect(() => createWorkload("offline-churn", { cgroups: 100, objects: 1000 }, 1)).toThrow(/a round would have/);
});
