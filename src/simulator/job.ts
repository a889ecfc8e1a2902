// One case, from its description to its rows: what a thread of the pool does. Everything in a job can be posted.

import type { CompiledModule } from "../build/compile.ts";
import { asViolation, InputError, ViolationError } from "../errors.ts";
import { problemOf } from "../problems/index.ts";
import { createWorkload, openWorkload } from "../workloads/index.ts";
import type { ParameterValue, Workload } from "../workloads/workload.ts";
import { type JobOutcome, placed } from "./outcome.ts";
import { simulateProblem } from "./problem.ts";
import type { MachineProfile } from "./profile.ts";
import { simulateQuarantine } from "./quarantine.ts";
import { problemSamples, quarantineSamples, type Sample } from "./rows.ts";
import type { SimulatedCase } from "./simulation.ts";

export type { JobOutcome } from "./outcome.ts";

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
  /** A described one, or the quarantine. */
  readonly problem: string;
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

/**
 * Simulates a case.
 *
 * @param onProgress called with the share that is done, 0 to 1
 * @param onHeard called often while the case gets on
 * @throws what is neither a violation nor bad input
 */
export async function performJob(
  job: SimulationJob,
  onProgress: (share: number) => void,
  onHeard: () => void = () => {},
): Promise<JobOutcome> {
  const { variant } = job;
  try {
    return { kind: "done", samples: await simulate(job, onProgress, onHeard) };
  } catch (thrown) {
    const error = asViolation(variant.id, thrown);
    if (error instanceof ViolationError) {
      return { kind: "violation", message: placed(job, error.message.replace(`variant '${variant.id}': `, "")) };
    }
    if (error instanceof InputError) return { kind: "bad input", message: error.message };
    error.message = placed(job, error.message);
    throw error;
  }
}

/** A signal that is never raised, and tells whenever the machine looks at it. */
export function heardSignal(onHeard: () => void): AbortSignal {
  const { signal } = new AbortController();
  const look = (): boolean => {
    onHeard();
    return false;
  };
  return Object.defineProperty(signal, "aborted", { get: look });
}

async function simulate(
  job: SimulationJob,
  onProgress: (share: number) => void,
  onHeard: () => void,
): Promise<Sample[]> {
  const { problem, variant, compiled, profile, cpus, virtualMs, isByCpu } = job;
  const workload = openSource(job.workload);
  const one: SimulatedCase = {
    core: new WebAssembly.Module(job.core),
    compiled,
    workload,
    profile,
    cpus,
    virtualMs,
    signal: heardSignal(onHeard),
    onProgress: (share) => {
      onHeard();
      onProgress(share);
    },
    onHeard,
  };
  const described = problemOf(problem);
  if (described !== undefined) return problemSamples(await simulateProblem(described, one), { cpus, isByCpu });
  if (problem !== "quarantine") throw new Error(`nobody simulates problem '${problem}'`);
  const { isFloor, skipWhenEmpty } = variant;
  const { "quarantine-bytes": quarantineBytes } = workload.parameters;
  if (typeof quarantineBytes !== "number") throw new Error(`workload '${workload.name}' has no quarantine-bytes`);
  const run = await simulateQuarantine({ ...one, quarantineBytes, skipWhenEmpty, isFloor });
  return quarantineSamples(run, { cpus, isByCpu });
}

export function openSource(source: WorkloadSource): Workload {
  return "file" in source ? openWorkload(source.file) : createWorkload(source.name, source.parameters, source.seed);
}
