// Threads that simulate cases, several at a time. A case may not be wanted any more when its turn comes, as its variant
// has become void meanwhile.

import path from "node:path";
import {
  JobPool,
  type PooledJob as PooledJobOf,
  type PoolOptions,
  type RunningJob as RunningJobOf,
} from "../job-pool.ts";
import { packageRoot } from "../package-root.ts";
import type { SimulationJob } from "./job.ts";
import { hung, type JobOutcome } from "./outcome.ts";

export type { PoolOptions } from "../job-pool.ts";
export type PooledJob = PooledJobOf<SimulationJob>;
export type RunningJob = RunningJobOf<JobOutcome>;

/** Of the build, also where the sources run: Node.js 20 cannot load TypeScript into a thread. */
const workerFile = path.join(packageRoot, "dist", "src", "simulator", "worker.js");

/** Threads that simulate. A job's outcome is a violation when it hung. End with `close`, also after an error. */
export class SimulationPool extends JobPool<SimulationJob, JobOutcome> {
  constructor(options: PoolOptions) {
    super({ workerFile, hung }, options);
  }
}
