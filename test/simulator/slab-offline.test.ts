// slab-offline in virtual time: what a timer does, and what waits for a grace period.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, expect, test } from "vitest";
import { compileModule, compileSimulatorCore, type ModuleSource } from "../../src/build/compile.ts";
import type { Constants } from "../../src/build/flags.ts";
import { slabOffline } from "../../src/problems/slab-offline.ts";
import { type SimulatedProblem, simulateProblem } from "../../src/simulator/problem.ts";
import { loadProfile } from "../../src/simulator/profile.ts";
import { createWorkload } from "../../src/workloads/index.ts";
import type { Mutant } from "../mutants/mutant.ts";
import { writeMutant } from "../mutants/write.ts";

const folder = mkdtempSync(path.join(tmpdir(), "reclaim-bench-slab-offline-"));
afterAll(() => rmSync(folder, { recursive: true }));

const second = 1_000_000_000;
/** Two cgroups a round, of which all objects are free a round after they went. */
const parameters = { rounds: 12, cgroups: 2, objects: 40, outlive: 0.2, "long-lived": 0, tasks: 2 };

async function simulate(
  source: Omit<ModuleSource, "problem" | "machine" | "constants"> & Partial<Pick<ModuleSource, "constants">>,
  over: Readonly<Record<string, number>> = {},
): Promise<SimulatedProblem> {
  return simulateProblem(slabOffline, {
    core: new WebAssembly.Module((await compileSimulatorCore()).wasm),
    compiled: await compileModule({ constants: {}, ...source, problem: "slab-offline", machine: "simulated" }),
    workload: createWorkload("offline-churn", { ...parameters, ...over }, 1),
    profile: loadProfile("xeon-24-1s"),
    cpus: 2,
    virtualMs: null,
  });
}

/** Dead caches after each round. */
const deadCaches = ({ rounds }: SimulatedProblem): number[] => rounds.map(({ gauges }) => gauges["dead-caches"]!);

/** periodic-reap whose timer is never set: nothing is looked at until everything is over. */
const timerNeverSet: Mutant = {
  name: "timer-never-set",
  problem: "slab-offline",
  base: "periodic-reap",
  description: "event boundaries that find dead caches set no timer",
  files: {
    "slab-offline/periodic-reap": [
      ['  defer(variantBase() + offsetof<Reaper>("work0"), reapLater.index, 0, reapNs);\n', ""],
      ["import { compareExchange32, defer, deferredWorkSize,", "import { compareExchange32, deferredWorkSize,"],
      ["function reapLater(", "export function reapLater("],
      ["const reapNs: u64", "export const reapNs: u64"],
    ],
  },
  scenario: "",
  model: "sc",
  expected: [],
};

test("the timer of periodic-reap takes dead caches while the workload runs, when it is due and not before", async () => {
  const constants = { LAB_REAP_MS: 1000 };
  const last = (run: SimulatedProblem): number => deadCaches(run).at(-1)!;
  const kept = await simulate({ variant: "keep-dead" }, { "interval-ns": second * 10 });
  const reaped = await simulate({ variant: "periodic-reap", constants }, { "interval-ns": second * 10 });
  // Those of the last two rounds, whose objects are freed a round later.
  expect(Math.max(...deadCaches(reaped))).toBeLessThanOrEqual(2 * 2 * 4);
  expect(last(kept)).toBeGreaterThan(2 * last(reaped));
  // A hundredth of the time passes in each round.
  const early = await simulate({ variant: "periodic-reap", constants }, { "interval-ns": second / 100 });
  expect(deadCaches(early)).toEqual(deadCaches(kept));
  const never = await simulate({ ...writeMutant(timerNeverSet, folder), constants }, { "interval-ns": second * 10 });
  expect(deadCaches(never)).toEqual(deadCaches(kept));
}, 120_000);

test("an offline that waits for a grace period takes jiffies for each cache, or for all of them once", async () => {
  const jiffyNs = 1_000_000;
  const offline = async (variant: string, constants: Constants = {}): Promise<number> =>
    (await simulate({ variant, constants }, { cgroups: 1 })).distributions["offline-latency-ns"]!.quantile(0.5)! /
    jiffyNs;
  // Of four caches the first wait begins at some time, the others behind a tick.
  const each = await offline("mark-and-wait");
  expect(each).toBeGreaterThan(4 + 3 * 5);
  expect(each).toBeLessThanOrEqual(4 * 5 + 1);
  expect(await offline("self-drain", { LAB_WAIT: 1 })).toBeGreaterThan(4 + 3 * 5);
  const once = await offline("self-drain", { LAB_WAIT: 2 });
  expect(once).toBeGreaterThan(4);
  expect(once).toBeLessThan(6);
  expect(await offline("self-drain")).toBeLessThan(1);
}, 120_000);
