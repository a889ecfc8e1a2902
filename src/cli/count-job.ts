// One counted case, from its description to its rows: what a thread of the pool does. Everything in a job can be posted.

import type { CompiledModule } from "../build/compile.ts";
import { asViolation, InputError, ViolationError } from "../errors.ts";
import { quarantineBytesOf } from "../plan/unit.ts";
import { problemOf } from "../problems/index.ts";
import { heardSignal, openSource, type WorkloadSource } from "../simulator/job.ts";
import type { JobOutcome } from "../simulator/outcome.ts";
import type { Sample } from "../simulator/rows.ts";
import { countExactly } from "../traced/measure.ts";
import { countProblem } from "../traced/problem.ts";

/** A case to be counted. */
export interface CountJob {
  /** A described one, or the quarantine. */
  readonly problem: string;
  readonly variant: { readonly id: string; readonly isFloor: boolean; readonly skipWhenEmpty: boolean };
  /** The variant, compiled for the traced form of the machine. */
  readonly compiled: CompiledModule;
  readonly workload: WorkloadSource;
  readonly cpus: number;
}

/**
 * Counts a case.
 *
 * @param onHeard called behind each chunk and with each row
 * @throws what is neither a violation nor bad input
 */
export async function performCount(job: CountJob, onHeard: () => void): Promise<JobOutcome> {
  try {
    return { kind: "done", samples: await count(job, onHeard) };
  } catch (thrown) {
    const error = asViolation(job.variant.id, thrown);
    const { message } = error;
    if (error instanceof ViolationError) return { kind: "violation", message };
    if (error instanceof InputError) return { kind: "bad input", message };
    throw error;
  }
}

async function count(job: CountJob, onHeard: () => void): Promise<Sample[]> {
  const { problem, variant, compiled, cpus } = job;
  const workload = openSource(job.workload);
  const signal = heardSignal(onHeard);
  const samples: Sample[] = [];
  const emit = (metric: string, round: number, value: number): void => {
    onHeard();
    samples.push({ metric, round, value });
  };
  const described = problemOf(problem);
  if (described !== undefined) {
    await countProblem(described, variant.id, compiled, workload, cpus, emit, signal);
  } else {
    if (problem !== "quarantine") throw new Error(`nobody counts problem '${problem}'`);
    const sizes = { cpus, quarantineBytes: quarantineBytesOf(workload), skipWhenEmpty: variant.skipWhenEmpty };
    await countExactly(variant, compiled, workload, sizes, emit, signal);
  }
  return samples;
}
