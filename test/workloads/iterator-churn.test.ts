// The program of iterator-churn: what it says is what it does, and how walks are broken off.

import { describe, expect, test } from "vitest";
import { InputError } from "../../src/errors.ts";
import {
  flagMeasured,
  kindBogoOp,
  kindCgroupCreate,
  kindCgroupOffline,
  kindCompute,
  kindReclaimPass,
} from "../../src/kernel/events.ts";
import { decodeEvents, type KernelEvent } from "../../src/workloads/event-reader.ts";
import { createWorkload } from "../../src/workloads/index.ts";
import { Validator } from "../../src/workloads/validate.ts";
import type { ParameterValue, Workload } from "../../src/workloads/workload.ts";
import { IndependenceChecker } from "./independence.ts";
import { count } from "./workloads.ts";

const twoTo32 = 2n ** 32n;

const churn = (parameters: Readonly<Record<string, ParameterValue>>, seed = 1): Workload =>
  createWorkload("iterator-churn", parameters, seed);

const eventsOf = (workload: Workload): KernelEvent[] =>
  Array.from(workload.chunks(), (chunk) => [...decodeEvents(chunk.slice())]).flat();

const small = {
  cgroups: 60,
  parents: 3,
  walkers: 2,
  churners: 2,
  "direct-reclaimers": 2,
  nodes: 2,
  "slow-cgroups": 6,
  rounds: 3,
  "churn-ops": 7,
  passes: 5,
};

test.each([
  ["the default", {}],
  ["a small one", small],
  ["one without walkers", { ...small, walkers: 0, "direct-reclaimers": 0 }],
  ["one without churners", { ...small, churners: 0 }],
  ["one cgroup", { cgroups: 1, parents: 1, "slow-cgroups": 1, rounds: 2 }],
] as const)("%s keeps its limits, and its tasks do not depend on each other", (_what, parameters) => {
  const workload = churn(parameters);
  const validator = new Validator(workload.limits);
  const independence = new IndependenceChecker();
  for (const chunk of workload.chunks()) {
    validator.check(chunk);
    expect(independence.check(chunk)).toBeUndefined();
  }
  expect(validator.reached.events).toBe(workload.limits.events);
});

test("the same seed gives the same bytes, another one other cgroups", () => {
  const bytes = (seed: number): string =>
    Array.from(churn(small, seed).chunks(), (chunk) => Buffer.from(chunk).toString("hex")).join("");
  expect(bytes(5)).toBe(bytes(5));
  expect(bytes(6)).not.toBe(bytes(5));
});

describe("a measured round", () => {
  const events = eventsOf(churn(small)).filter(({ flags }) => (flags & flagMeasured) !== 0);
  const of = (task: number): KernelEvent[] => events.filter((event) => event.task === task);

  test("has passes of walkers over the root, on a node each", () => {
    for (const walker of [0, 1]) {
      const passes = of(walker);
      expect(passes).toHaveLength(15);
      expect(passes.every(({ kind, group }) => kind === kindReclaimPass && group === 0)).toBe(true);
      expect(new Set(passes.map(({ b }) => Number(b % twoTo32)))).toEqual(new Set([walker]));
    }
  });

  test("has passes of direct reclaimers over parents that are drawn", () => {
    const roots = new Set([4, 5].flatMap((task) => of(task).map(({ group }) => group)));
    expect([...roots].sort()).toEqual([1, 2, 3]);
  });

  test("has churners that bring every cgroup back below its parent, each its own share", () => {
    for (const [churner, task] of [2, 3].entries()) {
      const own = of(task);
      expect(own).toHaveLength(3 * 7 * 5);
      for (let at = 0; at < own.length; at += 5) {
        const [gone, wait, back, rest, op] = own.slice(at, at + 5) as KernelEvent[];
        expect([gone!.kind, wait!.kind, back!.kind, rest!.kind, op!.kind]).toEqual([
          kindCgroupOffline,
          kindCompute,
          kindCgroupCreate,
          kindCompute,
          kindBogoOp,
        ]);
        expect(back!.group).toBe(gone!.group);
        const cgroup = back!.group - 4;
        expect(cgroup % 2).toBe(churner);
        expect(Number(back!.a)).toBe(1 + (cgroup % 3));
        expect(wait!.a + rest!.a).toBe(100_000_000n);
      }
    }
  });
});

test("as many cgroups are slow as asked for", () => {
  const created = eventsOf(churn(small)).filter(({ kind, flags }) => kind === kindCgroupCreate && flags === 0);
  expect(created.filter(({ b }) => b === 3_000_000_000n)).toHaveLength(6);
  expect(created).toHaveLength(1 + 3 + 60);
});

test("walks are broken off with the probability that is asked for, at 0 never and at 100 at once", () => {
  const visitsOf = (percent: number): number[] =>
    eventsOf(churn({ ...small, "break-percent": percent, rounds: 100, passes: 50 }))
      .filter(({ kind }) => kind === kindReclaimPass)
      .map(({ b }) => Number(b / twoTo32));
  const visits = visitsOf(2);
  expect(visits).toHaveLength(100 * 50 * 4);
  // 20,000 draws: the mean of 1/p within five of its standard deviations of 0.35.
  const mean = visits.reduce((sum, one) => sum + one, 0) / visits.length;
  expect(Math.abs(mean - 50)).toBeLessThan(1.8);
  expect(new Set(visitsOf(0))).toEqual(new Set([0]));
  expect(new Set(visitsOf(100))).toEqual(new Set([1]));
});

test("priorities are taken in turn from 12 down", () => {
  const events = eventsOf(churn({ ...small, priorities: 13, passes: 14, walkers: 1, rounds: 1 }));
  const passes = events.filter(({ kind, task }) => kind === kindReclaimPass && task === 0);
  expect(passes.map(({ a }) => Number(a))).toEqual([12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0, 12]);
  expect(count(events, kindBogoOp)).toBe(14);
});

test.each([
  [{ cgroups: 5, churners: 6, "slow-cgroups": 0 }, "parameter 'churners': must be at most cgroups (5), got 6"],
  [{ cgroups: 5, "slow-cgroups": 6 }, "parameter 'slow-cgroups': must be at most cgroups (5), got 6"],
  [{ churners: 0, walkers: 0, "direct-reclaimers": 0 }, "has neither churners nor passes"],
  [{ "churn-ops": 20_000 }, "more than the 65536 of a chunk"],
] as const)("%o is refused", (parameters, message) => {
  expect(() => churn(parameters)).toThrow(InputError);
  expect(() => churn(parameters)).toThrow(message);
});
