// A thread of the pool: it performs one job after the other, and tells in shared memory how far it is.

import { collectGarbage } from "../build/garbage.ts";
import type { WorkerTask } from "../job-pool.ts";
import { performJob, type SimulationJob } from "./job.ts";
import type { JobOutcome } from "./outcome.ts";

export default async function perform({ job, progress }: WorkerTask<SimulationJob>): Promise<JobOutcome> {
  // What the job before has left behind.
  collectGarbage();
  const cells = new Int32Array(progress, 0, 2);
  return await performJob(
    job,
    (share) => Atomics.store(cells, 0, Math.round(share * 1e6)),
    () => Atomics.add(cells, 1, 1),
  );
}
