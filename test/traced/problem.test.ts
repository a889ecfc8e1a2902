// A described problem counted, by descriptions of the test's own of a harness that is there.

import { expect, test } from "vitest";
import { compileModule } from "../../src/build/compile.ts";
import { ViolationError } from "../../src/errors.ts";
import * as counters from "../../src/kernel/shrinker/counters.ts";
import {
  doShrinkSlab,
  registerShrinker,
  shrinkSlab,
  superCacheCount,
  superCacheScan,
  unregisterShrinker,
} from "../../src/kernel/symbols.ts";
import type { Operation, Problem } from "../../src/problems/problem.ts";
import { shrinker } from "../../src/problems/shrinker.ts";
import { countProblem } from "../../src/traced/problem.ts";
import { createWorkload } from "../../src/workloads/index.ts";

const mounters = 2;
const containers = 5;
const rounds = 3;

const workload = createWorkload(
  "container-start",
  { mounters, reclaimers: 2, cgroups: 10, rounds, containers, "reclaim-passes": 2, "compute-ns": 100 },
  5,
);
const mounts = mounters * containers * rounds;

async function count(problem: Problem, variant = "srcu", cpus = 2): Promise<ReadonlyMap<string, number>> {
  const compiled = await compileModule({ problem: "shrinker", variant, machine: "traced", constants: {} });
  const values = new Map<string, number>();
  const emit = (metric: string, round: number, value: number): void => {
    expect(round).toBe(0);
    expect(values.has(metric), metric).toBe(false);
    values.set(metric, value);
  };
  await countProblem(problem, variant, compiled, workload, cpus, emit, new AbortController().signal);
  return values;
}

const text = { unit: "", better: "", meaning: "" } as const;
const own = await count(shrinker);
const withOperations = (...operations: readonly Operation[]): Problem => ({ ...shrinker, operations, gauges: [] });
const visit: Operation = { symbol: shrinkSlab, label: "shrink_slab", without: [superCacheCount, superCacheScan] };

test("an operation without metrics of its own has its calls, and what each of them does", async () => {
  const values = await count(
    withOperations(
      visit,
      { symbol: registerShrinker, label: "register_shrinker" },
      { symbol: unregisterShrinker, label: "unregister_shrinker" },
    ),
  );
  expect(values.get("calls[register_shrinker]")).toBe(mounts);
  expect(values.get("calls[unregister_shrinker]")).toBe(mounts);
  for (const [metric, same] of [
    ["accesses-mean[shrink_slab]", "visit-accesses-mean"],
    ["lines-mean[shrink_slab]", "visit-lines-mean"],
    ["locked-mean[shrink_slab]", "visit-locked-mean"],
    ["accesses-mean[register_shrinker]", "register-accesses-mean"],
    ["locked-mean[unregister_shrinker]", "unregister-locked-mean"],
    ["slept-ns-mean[unregister_shrinker]", "unregister-slept-ns-mean"],
  ] as const) {
    expect(values.get(metric), metric).toBe(own.get(same));
    expect(values.get(metric), metric).toBeGreaterThan(0);
  }
  const callsOfVisits = values.get("calls[shrink_slab]")!;
  const shared = ["visit-shared-writes-mean", "visit-info-shared-writes-mean"].map((metric) => own.get(metric)!);
  expect(values.get("shared-writes-mean[shrink_slab]")! * callsOfVisits).toBeCloseTo(
    callsOfVisits * (shared[0]! + shared[1]!),
    6,
  );
});

test("a size that is the same in every run is counted, and no other gauge", () => {
  const gauges = shrinker.gauges.map(({ metric }) => metric).filter((metric) => own.has(metric));
  expect(gauges).toEqual(["shrinker-bytes"]);
  expect(own.get("shrinker-bytes")).toBeGreaterThan(0);
});

test("functions that are left out are a part of what is not without them", async () => {
  const values = await count(withOperations({ symbol: shrinkSlab, label: "whole" }, visit));
  expect(values.get("calls[whole]")).toBe(values.get("calls[shrink_slab]"));
  expect(values.get("accesses-mean[whole]")).toBeGreaterThan(values.get("accesses-mean[shrink_slab]")!);
});

test("of what was never called, nothing but that is told", async () => {
  const values = await count(withOperations({ symbol: doShrinkSlab, label: "do_shrink_slab" }), "floor");
  expect([...values]).toEqual([["calls[do_shrink_slab]", 0]]);
});

test("where one CPU makes all calls, nothing is said of shared writes", async () => {
  const values = await count(withOperations(visit), "srcu", 1);
  expect(values.get("calls[shrink_slab]")).toBeGreaterThan(0);
  expect(values.has("shared-writes-mean[shrink_slab]")).toBe(false);
  expect(values.has("locked-mean[shrink_slab]")).toBe(true);
});

test("metrics of an operation's own are divided by a counter, or told whole, unless the counter stays 0", async () => {
  const { counterRegistered, counterScans } = counters;
  const values = await count(
    withOperations({
      symbol: registerShrinker,
      label: "register_shrinker",
      metrics: [
        { ...text, metric: "mean", count: "accesses", per: counterRegistered },
        { ...text, metric: "whole", count: "accesses", per: counterRegistered, isWhole: true },
        // No scan frees anything in this workload.
        { ...text, metric: "never", count: "accesses", per: counterScans },
      ],
    }),
  );
  expect([...values.keys()]).toEqual(["mean", "whole"]);
  expect(values.get("mean")).toBe(own.get("register-accesses-mean"));
  expect(values.get("whole")! / mounts).toBe(values.get("mean"));
});

test("what must not be counted voids all", async () => {
  const problem: Problem = {
    ...withOperations({ symbol: doShrinkSlab, label: "do_shrink_slab" }),
    counters: [{ ...text, metric: "x", index: counters.counterRegistered, forbidden: "file systems were mounted" }],
  };
  const counting = count(problem);
  await expect(counting).rejects.toThrow(ViolationError);
  await expect(counting).rejects.toThrow(`variant 'srcu': ${mounts} file systems were mounted`);
});
