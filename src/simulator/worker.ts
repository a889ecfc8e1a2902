// A thread of the pool: it performs one job after the other, and tells in shared memory how far it is.

import { collectGarbage } from "../build/garbage.ts";
import { performJob, type SimulationJob } from "./job.ts";
import type { JobOutcome } from "./outcome.ts";

/** What a thread is given. */
export interface WorkerTask {
  readonly job: SimulationJob;
  /** Two i32: the share that is done, in millionths, and a count that changes while the job gets on. */
  readonly progress: SharedArrayBuffer;
}

export default async function perform({ job, progress }: WorkerTask): Promise<JobOutcome> {
  // What the job before has left behind.
  collectGarbage();
  const cells = new Int32Array(progress);
  return await performJob(
    job,
    (share) => Atomics.store(cells, 0, Math.round(share * 1e6)),
    () => Atomics.add(cells, 1, 1),
  );
}
