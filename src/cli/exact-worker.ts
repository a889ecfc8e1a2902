// A thread of the pool: it counts or simulates one case after the other, and tells in shared memory how far it is.

import { collectGarbage } from "../build/garbage.ts";
import type { WorkerTask } from "../job-pool.ts";
import { performJob, type SimulationJob } from "../simulator/job.ts";
import type { JobOutcome } from "../simulator/outcome.ts";
import { type CountJob, performCount } from "./count-job.ts";

/** A case that runs in virtual time. */
export type ExactJob = { readonly counted: CountJob } | { readonly simulated: SimulationJob };

export default async function perform({ job, progress }: WorkerTask<ExactJob>): Promise<JobOutcome> {
  // What the job before has left behind.
  collectGarbage();
  const cells = new Int32Array(progress, 0, 2);
  const onHeard = (): void => {
    Atomics.add(cells, 1, 1);
  };
  if ("counted" in job) return await performCount(job.counted, onHeard);
  const onProgress = (share: number): void => {
    Atomics.store(cells, 0, Math.round(share * 1e6));
  };
  return await performJob(job.simulated, onProgress, onHeard);
}
