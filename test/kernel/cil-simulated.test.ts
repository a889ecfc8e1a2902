// Short of memory in virtual time: the watchdog fires for allocations under the lock, after the 120 s of a hung task, and for
// nobody else.

import { expect, test } from "vitest";
import { cil as suite } from "../../bench/cil.ts";
import { compileModule, compileSimulatorCore } from "../../src/build/compile.ts";
import { cil } from "../../src/problems/cil.ts";
import { type SimulatedProblem, simulateProblem } from "../../src/simulator/problem.ts";
import { loadProfile } from "../../src/simulator/profile.ts";
import { createWorkload } from "../../src/workloads/index.ts";

const name = "commits-short-of-memory";
const { scales, simulated } = suite.workloads.find((one) => one.name === name)!;
const workload = createWorkload(name, { ...scales.quick, ...simulated.quick.parameters }, 1);
const transactions = Number(workload.parameters.committers) * Number(workload.parameters.transactions);

async function simulate(variant: string): Promise<SimulatedProblem> {
  const core = new WebAssembly.Module((await compileSimulatorCore()).wasm);
  const compiled = await compileModule({ problem: "cil", variant, machine: "simulated", constants: {} });
  return simulateProblem(cil, {
    core,
    compiled,
    workload,
    profile: loadProfile("xeon-24-1s"),
    cpus: 8,
    virtualMs: null,
  });
}

test("allocate-under-lock hangs: a task waits for memory with the lock held, and a push waits for that task", async () => {
  const { counters, gauges, ns } = await simulate("allocate-under-lock");
  expect(counters.commits).toBe(transactions);
  expect(counters.deadlocks).toBeGreaterThan(0);
  expect(counters["deadlocks-with-push"]).toBeGreaterThan(0);
  expect(gauges["deadlock-waiter-holds-lock"]).toBe(1);
  expect(gauges["deadlock-waiter"]).toBeGreaterThan(0);
  expect(gauges["deadlock-pusher"]).not.toBe(gauges["deadlock-waiter"]);
  expect(gauges["deadlock-at-ns"]).toBeGreaterThan(120e9);
  expect(ns).toBeGreaterThan(120e9);
});

test.each(["shadow-buffers", "fail-fast-allocation"])("%s waits as well, and gets on", async (variant) => {
  const { counters, gauges, ns } = await simulate(variant);
  expect(counters.commits).toBe(transactions);
  expect(counters["memory-waits"]).toBeGreaterThan(0);
  expect(counters.pushes).toBeGreaterThan(0);
  expect(counters.deadlocks).toBe(0);
  expect(counters["allocations-under-lock"]).toBe(0);
  expect(gauges["deadlock-waiter"]).toBe(0);
  expect(ns).toBeLessThan(1e9);
});
