// Threads that check cases, several at a time.

import path from "node:path";
import { JobPool, type PooledJob, type PoolOptions, type RunningJob } from "../job-pool.ts";
import { packageRoot } from "../package-root.ts";
import type { CheckJob, CheckOutcome } from "./outcome.ts";

/** What comes of a case. Errors of the user are posted as text, because classes do not outlive that. */
export type CheckResult =
  | { readonly kind: "done"; readonly outcome: CheckOutcome }
  | { readonly kind: "bad input"; readonly message: string }
  | { readonly kind: "hung"; readonly message: string; readonly ms: number };

/** Of the build, also where the sources run: Node.js 20 cannot load TypeScript into a thread. */
export const workerFile = path.join(packageRoot, "dist", "src", "checker", "worker.js");

function hung(_job: CheckJob, patienceMs: number): CheckResult {
  const message = `not heard of for ${patienceMs / 1000} s: it goes on in the setup, or without performing any operation`;
  return { kind: "hung", message, ms: patienceMs };
}

/** Who performs cases. */
export interface Checking {
  /** As of {@link JobPool}. The job's own numbers are its states and its executions. */
  run(pooled: PooledJob<CheckJob>): RunningJob<CheckResult>;
  close(): Promise<void>;
}

/** Threads that check. End with `close`, also after an error. */
export class CheckPool extends JobPool<CheckJob, CheckResult> implements Checking {
  constructor(options: PoolOptions) {
    super({ workerFile, hung }, options);
  }
}
