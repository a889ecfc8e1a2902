// The memcg iterator in virtual time: what the report of 2021 says of Linux 3.10 and of its cure, and what came later.

import { beforeAll, describe, expect, test } from "vitest";
import { compileModule, compileSimulatorCore } from "../../src/build/compile.ts";
import { memcgIterator } from "../../src/problems/memcg-iterator.ts";
import { type SimulatedProblem, simulateProblem } from "../../src/simulator/problem.ts";
import { loadProfile } from "../../src/simulator/profile.ts";
import { createWorkload } from "../../src/workloads/index.ts";
import { type IteratorVariant, iteratorVariants } from "../kernel/memcg-iterator-rig.ts";

const virtualMs = 120_000;
const cgroups = 150;
/** One walker, whose round takes about four seconds, and ten removals in each second. */
const parameters = {
  cgroups,
  parents: 3,
  walkers: 1,
  churners: 1,
  "direct-reclaimers": 0,
  "slow-cgroups": 1,
  "visit-ns": 5_000_000,
};

async function simulate(one: IteratorVariant, workload = parameters): Promise<SimulatedProblem> {
  const { variant, constants } = one;
  return simulateProblem(memcgIterator, {
    core: new WebAssembly.Module((await compileSimulatorCore()).wasm),
    compiled: await compileModule({ problem: "memcg-iterator", variant, machine: "simulated", constants }),
    workload: createWorkload("iterator-churn", workload, 1),
    profile: loadProfile("xeon-24-1s"),
    cpus: 4,
    virtualMs,
  });
}

describe("while ten cgroups go in each second of a round that takes four", () => {
  const runs = new Map<string, SimulatedProblem>();
  const of = (id: string): Readonly<Record<string, number>> => runs.get(id)!.counters;

  beforeAll(async () => {
    for (const one of iteratorVariants) runs.set(one.id, await simulate(one));
  }, 120_000);

  test("as many cgroups go in each variant, and nobody visits what was freed", () => {
    for (const [id, { counters, gauges }] of runs) {
      expect(Math.abs(counters.destroys! - (10 * virtualMs) / 1000), id).toBeLessThan(40);
      expect(gauges["pinned-cgroups"], id).toBe(0);
    }
  });

  test("a count of what goes makes nearly every step begin again; a cursor that is cleared, one in M", () => {
    const perDestroy = (id: string): number => of(id).restarts! / of(id).destroys!;
    expect(perDestroy("dead-count")).toBeGreaterThan(0.3);
    expect(perDestroy("targeted-wipe")).toBeLessThan(4 / cgroups);
    expect(perDestroy("weak-position")).toBeLessThan(4 / cgroups);
    expect(of("pinned-position").restarts).toBe(0);
  });

  test("so its rounds do not end, those of the others do, and the first cgroups are reclaimed from most", () => {
    expect(of("dead-count")["rounds-completed"]).toBeLessThan(of("targeted-wipe")["rounds-completed"]! / 3);
    const over = (id: string): number => runs.get(id)!.gauges["over-reclaim"]!;
    expect(over("dead-count")).toBeGreaterThan(2 * over("targeted-wipe"));
    for (const id of ["targeted-wipe", "pinned-position", "weak-position", "weak-position restart=winner"]) {
      expect(of(id)["never-visited"], id).toBe(0);
    }
  });

  test("clearing looks at every cursor of all ancestors, and what takes a worker longest is that", () => {
    expect(of("targeted-wipe")["cursors-compared"]).toBe(2 * 4 * 13 * of("targeted-wipe").destroys!);
    expect(of("dead-count")["cursors-compared"]).toBe(0);
    const work = (id: string): number => runs.get(id)!.distributions["destroy-work-ns"]!.quantile(0.5)!;
    expect(work("targeted-wipe")).toBeGreaterThan(work("dead-count"));
  });
});

test("of several walkers, only those that begin again from where the cursor is visit no cgroup twice", async () => {
  const crowd = { ...parameters, walkers: 4, churners: 0, "break-percent": 0, "slow-cgroups": 0 };
  const winner = iteratorVariants.find(({ id }) => id === "weak-position restart=winner")!;
  const weak = iteratorVariants.find(({ id }) => id === "weak-position")!;
  const { counters } = await simulate(winner, crowd);
  expect([counters["visited-again"], counters["never-visited"]]).toEqual([0, 0]);
  expect(counters["rounds-watched"]).toBeGreaterThan(10);
  expect((await simulate(weak, crowd)).counters["visited-again"]).toBeGreaterThan(0);
}, 60_000);
