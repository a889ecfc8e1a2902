// One case, from its description to its rows: what a thread of the pool does. Everything in a job can be posted.

import type { CompiledModule } from "../build/compile.ts";
import { asViolation, InputError, ViolationError } from "../errors.ts";
import { createWorkload, openWorkload } from "../workloads/index.ts";
import type { ParameterValue, Workload } from "../workloads/workload.ts";
import type { MachineProfile } from "./profile.ts";
import { simulateQuarantine } from "./quarantine.ts";
import { quarantineSamples, type Sample, shrinkerSamples } from "./rows.ts";
import { simulateShrinker } from "./shrinker.ts";
import type { SimulatedCase } from "./simulation.ts";

/** From what a thread makes a workload of its own. */
export type WorkloadSource =
  | { readonly file: string }
  | {
      readonly name: string;
      readonly parameters: Readonly<Record<string, ParameterValue>>;
      readonly seed: number;
    };

/** A case to be simulated. */
export interface SimulationJob {
  readonly problem: "quarantine" | "shrinker";
  readonly variant: { readonly id: string; readonly isFloor: boolean; readonly skipWhenEmpty: boolean };
  /** Wasm of the core. */
  readonly core: Uint8Array<ArrayBuffer>;
  /** The variant, compiled for the simulated form of the machine. */
  readonly compiled: CompiledModule;
  readonly workload: WorkloadSource;
  readonly profile: MachineProfile;
  /** CPUs in use, from 1 to those that the machine has. */
  readonly cpus: number;
  /** Virtual time for which a repeatable workload's measured chunk is repeated; null: each chunk is run once. */
  readonly virtualMs: number | null;
  /** Whether times are told by CPU, too. */
  readonly isByCpu: boolean;
}

/** How a job went. Errors are posted as text, because classes do not outlive that. */
export type JobOutcome =
  | { readonly kind: "done"; readonly samples: readonly Sample[] }
  | { readonly kind: "violation" | "bad input"; readonly message: string };

/**
 * Simulates a case.
 *
 * @param onProgress called with the share that is done, 0 to 1
 * @throws what is neither a violation nor bad input
 */
export async function performJob(job: SimulationJob, onProgress: (share: number) => void): Promise<JobOutcome> {
  const { variant, cpus, profile } = job;
  try {
    return { kind: "done", samples: await simulate(job, onProgress) };
  } catch (thrown) {
    const error = asViolation(variant.id, thrown);
    const place = `${cpus} ${cpus === 1 ? "CPU" : "CPUs"} of ${profile.name}`;
    if (error instanceof ViolationError) {
      const what = error.message.replace(`variant '${variant.id}': `, "");
      return { kind: "violation", message: `variant '${variant.id}': on ${place}: ${what}` };
    }
    if (error instanceof InputError) return { kind: "bad input", message: error.message };
    error.message = `variant '${variant.id}': on ${place}: ${error.message}`;
    throw error;
  }
}

async function simulate(job: SimulationJob, onProgress: (share: number) => void): Promise<Sample[]> {
  const { problem, variant, compiled, profile, cpus, virtualMs, isByCpu } = job;
  const workload = openSource(job.workload);
  const one: SimulatedCase = {
    core: new WebAssembly.Module(job.core),
    compiled,
    workload,
    profile,
    cpus,
    virtualMs,
    onProgress,
  };
  if (problem === "shrinker") return shrinkerSamples(await simulateShrinker(one), { cpus, isByCpu });
  const { isFloor, skipWhenEmpty } = variant;
  const { "quarantine-bytes": quarantineBytes } = workload.parameters;
  if (typeof quarantineBytes !== "number") throw new Error(`workload '${workload.name}' has no quarantine-bytes`);
  const run = await simulateQuarantine({ ...one, quarantineBytes, skipWhenEmpty, isFloor });
  return quarantineSamples(run, { cpus, isByCpu });
}

function openSource(source: WorkloadSource): Workload {
  return "file" in source ? openWorkload(source.file) : createWorkload(source.name, source.parameters, source.seed);
}
