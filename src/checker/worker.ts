// A thread of the pool: it checks one case after the other, and tells in shared memory how far it is.

import { collectGarbage } from "../build/garbage.ts";
import { InputError } from "../errors.ts";
import { ownProgress, type WorkerTask } from "../job-pool.ts";
import { performCheck } from "./job.ts";
import type { CheckJob } from "./outcome.ts";
import type { CheckResult } from "./pool.ts";

export default async function perform({ job, progress }: WorkerTask<CheckJob>): Promise<CheckResult> {
  // What the job before has left behind.
  collectGarbage();
  const cells = new Int32Array(progress, 0, 2);
  const own = ownProgress(progress);
  try {
    const outcome = await performCheck(job, ({ share, states, executions }) => {
      Atomics.store(cells, 0, Math.round(share * 1e6));
      Atomics.add(cells, 1, 1);
      own.set([states, executions]);
    });
    return { kind: "done", outcome };
  } catch (error) {
    if (error instanceof InputError) return { kind: "bad input", message: error.message };
    throw error;
  }
}
