// Small cases of every variant of both problems, as jobs, and what they come to as text: one row per value.

import { quarantine } from "../../bench/quarantine.ts";
import { shrinker } from "../../bench/shrinker.ts";
import { compileModule, compileSimulatorCore } from "../../src/build/compile.ts";
import type { Constants } from "../../src/build/flags.ts";
import { planVariant } from "../../src/plan/variant.ts";
import type { JobOutcome, SimulationJob } from "../../src/simulator/job.ts";
import { loadProfile } from "../../src/simulator/profile.ts";
import type { ParameterValue } from "../../src/workloads/workload.ts";

/** A workload small enough for a test, and the variants that it is run with. */
export interface SmallCase {
  readonly problem: "quarantine" | "shrinker";
  readonly workload: string;
  readonly parameters: Readonly<Record<string, ParameterValue>>;
  readonly machine: string;
  readonly cpus: number;
  readonly virtualMs: number | null;
}

const suites = { quarantine, shrinker };

/** Small queues and batches, so that objects travel through all stages of a small quarantine. */
const constantsOf: Readonly<Record<SmallCase["problem"], Constants>> = {
  quarantine: { LAB_CPU_QUEUE_BYTES: 16_384, LAB_BATCHES: 64 },
  shrinker: { LAB_HZ: 1000 },
};

/** The lines of a case's problem. Where no cache is destroyed, none is skipped either. */
export function variantsOf({ problem, workload }: SmallCase): readonly string[] {
  const { lines } = suites[problem];
  return workload === "stress-ng-ramfs" ? lines.filter((line) => !line.includes("skip-when-empty")) : lines;
}

/** A machine with clusters, and one without; two sockets, and one; CPUs with more than one task, and without. */
export const smallCases: readonly SmallCase[] = [
  {
    problem: "shrinker",
    workload: "stress-ng-ramfs",
    parameters: { workers: 6, "bogo-ops": 4, "quarantine-bytes": 0, "compute-ns": 20_000 },
    machine: "epyc-7r13-2s",
    cpus: 4,
    virtualMs: null,
  },
  {
    problem: "shrinker",
    workload: "cgroups-4000",
    parameters: {
      ...{ cgroups: 60, touchers: 3, reclaimers: 24, "reclaim-passes": 2 },
      ...{ "quarantine-bytes": 0, "background-objects": 1, "churn-batch": 1, "churn-cycles": 0 },
    },
    machine: "xeon-24-1s",
    cpus: 24,
    virtualMs: null,
  },
  {
    problem: "shrinker",
    workload: "container-start",
    parameters: { cgroups: 40, mounters: 3, reclaimers: 5 },
    machine: "epyc-7r13-2s",
    cpus: 8,
    virtualMs: 1,
  },
  {
    problem: "quarantine",
    workload: "libvirt-teardown",
    parameters: {
      ...{ guests: 2, "teardown-tasks": 2, "quarantine-bytes": 2 ** 19, "background-objects": 2048 },
      ...{ "churn-batch": 512, "churn-cycles": 1, "churn-tasks": 6 },
    },
    machine: "epyc-7r13-2s",
    cpus: 4,
    virtualMs: null,
  },
  {
    problem: "quarantine",
    workload: "stress-ng-ramfs",
    parameters: { workers: 24, "bogo-ops": 1, "quarantine-bytes": 2 ** 19, "compute-ns": 20_000 },
    machine: "xeon-24-1s",
    cpus: 24,
    virtualMs: null,
  },
];

/** The job of a case for one of its problem's variants. */
export async function jobOf(one: SmallCase, variant: string): Promise<SimulationJob> {
  const { problem, workload, parameters, machine, cpus, virtualMs } = one;
  const { id, name, constants, isFloor, skipWhenEmpty } = planVariant(suites[problem], variant);
  return {
    problem,
    variant: { id, isFloor, skipWhenEmpty },
    core: (await compileSimulatorCore()).wasm,
    compiled: await compileModule({
      problem,
      variant: name,
      machine: "simulated",
      constants: { ...constantsOf[problem], ...constants },
    }),
    workload: { name: workload, parameters, seed: 1 },
    profile: loadProfile(machine),
    cpus,
    virtualMs,
    isByCpu: true,
  };
}

/** Rows of an outcome: metric and value, as records have them. */
export function rowsOf(outcome: JobOutcome): readonly string[] {
  if (outcome.kind !== "done") throw new Error(outcome.message);
  return outcome.samples.map(({ metric, value }) => `${metric},${value}`);
}
