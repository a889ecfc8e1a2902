// A thread of the pool: it performs one job after the other, and tells in shared memory how far it is.

import { collectGarbage } from "../build/garbage.ts";
import { type JobOutcome, performJob, type SimulationJob } from "./job.ts";

/** What a thread is given. */
export interface WorkerTask {
  readonly job: SimulationJob;
  /** One i32: the share that is done, in millionths. */
  readonly progress: SharedArrayBuffer;
}

export default async function perform({ job, progress }: WorkerTask): Promise<JobOutcome> {
  // What the job before has left behind.
  collectGarbage();
  const cell = new Int32Array(progress);
  return await performJob(job, (share) => Atomics.store(cell, 0, Math.round(share * 1e6)));
}
