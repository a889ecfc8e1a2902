// Store buffering through real fibers: which outcomes exist, and in how many executions.
//
// The numbers are worked out by hand. A task whose actions have one order has n of them; two such tasks have
// C(2n, n) executions. Under TSO the arrival of a store in memory is an action of its own.

import { beforeAll, expect, test } from "vitest";
import { compileModule } from "../../src/build/compile.ts";
import { explore, type MemoryModel } from "./store-buffers.ts";

let wasm: Uint8Array<ArrayBuffer>;

beforeAll(async () => {
  const compiled = await compileModule({
    problem: "litmus",
    entry: "store-buffering",
    variant: "",
    machine: "traced",
    fibers: true,
    constants: {},
  });
  wasm = compiled.wasm;
}, 60_000);

/** Two tasks run the same function with the cells swapped. */
function exploreTwo(entry: string, model: MemoryModel) {
  const [a, b] = [64, 128];
  return explore(wasm, model, [
    { entry, args: [a, b] },
    { entry, args: [b, a] },
  ]);
}

test("relaxed stores under sequential consistency let at least one task see the other", () => {
  // Store, load: C(4, 2).
  expect(exploreTwo("relaxed", "sequential")).toEqual({ outcomes: ["0 1", "1 0", "1 1"], executions: 6 });
});

test("relaxed stores under x86-TSO let both tasks miss the other", () => {
  // Store, then load and arrival in any order: 2 orders for each task, C(6, 3) for both.
  expect(exploreTwo("relaxed", "tso")).toEqual({ outcomes: ["0 0", "0 1", "1 0", "1 1"], executions: 2 * 2 * 20 });
});

test("sequentially consistent stores under x86-TSO let at least one task see the other", () => {
  expect(exploreTwo("sequential", "tso")).toEqual({ outcomes: ["0 1", "1 0", "1 1"], executions: 6 });
});

test("sequentially consistent stores need no store buffer to be understood", () => {
  expect(exploreTwo("sequential", "sequential")).toEqual(exploreTwo("sequential", "tso"));
});

test("a barrier between relaxed store and load under x86-TSO lets at least one task see the other", () => {
  // Store, arrival, barrier, load: C(8, 4).
  expect(exploreTwo("fenced", "tso")).toEqual({ outcomes: ["0 1", "1 0", "1 1"], executions: 70 });
});

test("a barrier under sequential consistency only adds executions", () => {
  // Store, barrier, load: C(6, 3).
  expect(exploreTwo("fenced", "sequential")).toEqual({ outcomes: ["0 1", "1 0", "1 1"], executions: 20 });
});

test("a task under x86-TSO always sees its own store, and may still miss the other's", () => {
  // Store, own load, other load, and the arrival in one of 3 places: 3 orders for each task, C(8, 4) for both.
  expect(exploreTwo("forwarding", "tso")).toEqual({ outcomes: ["2 2", "2 3", "3 2", "3 3"], executions: 3 * 3 * 70 });
});
