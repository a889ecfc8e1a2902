// What transactions of metadata-commits consist of, and what its parameters refuse.

import { describe, expect, test } from "vitest";
import {
  kindBogoOp,
  kindCompute,
  kindLogPush,
  kindTransactionCommit,
  kindTransactionItem,
} from "../../src/kernel/events.ts";
import { decodeEvents, type KernelEvent } from "../../src/workloads/event-reader.ts";
import { createWorkload } from "../../src/workloads/index.ts";
import { chunksOf, eventsOf } from "./workloads.ts";

const make = (parameters: Readonly<Record<string, number | string>>) =>
  createWorkload("metadata-commits", parameters, 3);

/** The events of a task, cut behind each bogo-op. */
function transactionsOf(events: readonly KernelEvent[], task: number): KernelEvent[][] {
  const transactions: KernelEvent[][] = [[]];
  for (const event of events.filter((one) => one.task === task)) {
    transactions.at(-1)!.push(event);
    if (event.kind === kindBogoOp) transactions.push([]);
  }
  expect(transactions.pop()).toEqual([]);
  return transactions;
}

test("a transaction is different items in ascending order, its commit, the task's own work, and a bogo-op", () => {
  const workload = make({ committers: 2, transactions: 60, items: 6, "items-per-transaction": 3, "force-every": 20 });
  const events = eventsOf(workload);
  expect(events).toHaveLength(workload.limits.events);
  for (const task of [0, 1]) {
    const transactions = transactionsOf(events, task);
    expect(transactions).toHaveLength(60);
    for (const [index, one] of transactions.entries()) {
      const joined = one.filter(({ kind }) => kind === kindTransactionItem).map(({ object }) => object);
      expect(new Set(joined).size).toBe(3);
      expect(joined).toEqual([...joined].sort((first, second) => first - second));
      expect(joined.every((object) => Math.floor(object / 6) === task)).toBe(true);
      const rest = one.slice(3).map(({ kind }) => kind);
      const forced = (index + 1) % 20 === 0 ? [kindLogPush] : [];
      expect(rest).toEqual([kindTransactionCommit, ...forced, kindCompute, kindBogoOp]);
    }
  }
});

test("sizes are those of the mix by weight, and a change is all of an item or at least half of it", () => {
  const workload = make({ committers: 1, transactions: 3000, items: 40, mix: "512:2,4096:1,65536:1", resize: 0.5 });
  const most = new Map<number, number>();
  const least = new Map<number, number>();
  for (const { kind, object, a } of eventsOf(workload)) {
    if (kind !== kindTransactionItem) continue;
    most.set(object, Math.max(most.get(object) ?? 0, Number(a)));
    least.set(object, Math.min(least.get(object) ?? Number.POSITIVE_INFINITY, Number(a)));
  }
  const sizes = [...most.values()];
  expect([512, 4096, 65_536].map((size) => sizes.filter((one) => one === size).length)).toEqual([20, 10, 10]);
  for (const [object, bytes] of least) {
    expect(bytes % 128).toBe(0);
    expect(bytes).toBeGreaterThanOrEqual(most.get(object)! / 2);
    expect(bytes).toBeLessThan(most.get(object)!);
  }
});

test("a probability of 1 is always, and of 0 never", () => {
  const items = (parameters: Readonly<Record<string, number>>) =>
    eventsOf(make({ committers: 1, transactions: 50, items: 10, ...parameters })).filter(
      ({ kind }) => kind === kindTransactionItem,
    );
  expect(items({ evict: 1 }).every(({ b }) => b === 1n)).toBe(true);
  expect(items({ evict: 0 }).every(({ b }) => b === 0n)).toBe(true);
  expect(items({ ordered: 1 }).every(({ a }) => a === 0n)).toBe(true);
  expect(items({ resize: 0 }).every(({ a }) => [512n, 4096n, 65_536n].includes(a))).toBe(true);
  // Only what the first transaction chose, again and again.
  expect(new Set(items({ relog: 1 }).map(({ object }) => object)).size).toBe(4);
});

test("items that are shared go to the next task with every chunk, and the others stay", () => {
  const parameters = { committers: 400, transactions: 60, items: 4, "items-per-transaction": 4, shared: 0.5 };
  const chunks = chunksOf(make(parameters)).map((chunk) => [...decodeEvents(chunk)]);
  expect(chunks.length).toBeGreaterThan(2);
  for (const [chunk, events] of chunks.entries()) {
    for (const { kind, object, task } of events) {
      if (kind !== kindTransactionItem) continue;
      const isShared = object % 4 < 2;
      expect(Math.floor(object / 4)).toBe(isShared ? (task + chunk) % 400 : task);
    }
  }
});

describe("refuses", () => {
  test.each<[string, Readonly<Record<string, number | string>>, string]>([
    ["a mix that is none", { mix: "512" }, "bytes:weight"],
    ["a mix that is a number", { mix: 512 }, "parameter 'mix': must be text that is not empty (bytes:weight), got 512"],
    ["an item that is too large", { mix: "2097152:1" }, "8 to 1048576"],
    ["a weight of 0", { mix: "512:0" }, "weight of 1"],
    ["more items in a transaction than there are", { items: 3 }, "must be at most items (3), got 4"],
    ["more tasks than a chunk has room for", { committers: 4096, "items-per-transaction": 20 }, "more than a chunk"],
    ["memory that not even the running transactions fit into", { "memory-limit": 1_000_000 }, "got 1000000"],
  ])("%s", (_what, parameters, message) => {
    expect(() => make(parameters)).toThrow(message);
  });
});
