// Performs jobs in threads, several at a time. A job runs in one thread and shares nothing with others, so neither their
// number nor their order has a part in any result.
//
// Piscina has the threads: it starts and ends them, hands over what is posted, and ends the one whose task is aborted.
// Its queue stays empty, for ours is about what it cannot know: whether a job still fits into memory beside those that
// run, and whether it is still wanted when its turn comes.

import { existsSync } from "node:fs";
import { availableParallelism } from "node:os";
import { Piscina } from "piscina";
import { StoppedError } from "./errors.ts";

/** Threads of a pool when the user does not say. */
export const workersByDefault = availableParallelism();

/** A job with what the pool needs to know of it. */
export interface PooledJob<Job> {
  readonly job: Job;
  /** Memory that it takes at most, roughly. */
  readonly bytes: number;
  /** Asked when its turn comes: false leaves it out. */
  readonly isWanted: () => boolean;
  /** As {@link PoolOptions.patienceMs}, for this job alone. */
  readonly patienceMs?: number;
  /** Makes of the job what is performed when its turn comes; absent: the job itself. */
  readonly prepare?: (job: Job) => Job;
}

export interface PoolOptions {
  /** Threads, at least 1. */
  readonly workers: number;
  /** Jobs that run at the same time take no more than this together; one that takes more runs alone. */
  readonly bytesMax: number;
  readonly signal: AbortSignal;
  /** How long a job may not be heard of before it counts as hung, in ms. @default 120000 */
  readonly patienceMs?: number;
}

/** What a pool's threads do. */
export interface PoolKind<Job, Outcome> {
  /** Module whose default export performs a {@link WorkerTask}. */
  readonly workerFile: string;
  /** What comes of a job that was not heard of for so long. */
  readonly hung: (job: Job, patienceMs: number) => Outcome;
}

/** What a thread is given. */
export interface WorkerTask<Job> {
  readonly job: Job;
  /** Of {@link progressBytes}: where the thread tells how far it is. */
  readonly progress: SharedArrayBuffer;
}

/** Two i32, the share that is done in millionths and a count that changes while the job gets on; then two f64 of the job's own. */
export const progressBytes = 24;

/** The f64 of a job's own among its progress. */
export function ownProgress(progress: SharedArrayBuffer): Float64Array {
  return new Float64Array(progress, 8, 2);
}

/** Times between two looks at a job, per patience. */
const looksPerPatience = 8;

/** A job that was given to the pool. */
export interface RunningJob<Outcome> {
  readonly outcome: Promise<Outcome | null>;
  /** How far it is, from 0 to 1. */
  readonly share: () => number;
  /** What the job tells of itself besides. */
  readonly own: () => readonly [number, number];
}

/** A job that waits or runs. */
interface Entry<Job, Outcome> extends PooledJob<Job> {
  readonly progress: Int32Array;
  readonly resolve: (outcome: Outcome | null) => void;
  readonly reject: (error: unknown) => void;
}

/** Looks at a job now and then, and tells when it has not got on for too long. Looks count: while the host sleeps there are none. */
function watch(progress: Int32Array, patienceMs: number, onQuiet: () => void): NodeJS.Timeout {
  let seen = Atomics.load(progress, 1);
  let quietLooks = 0;
  return setInterval(() => {
    const now = Atomics.load(progress, 1);
    quietLooks = now === seen ? quietLooks + 1 : 0;
    seen = now;
    if (quietLooks >= looksPerPatience) onQuiet();
  }, patienceMs / looksPerPatience);
}

/** Threads that perform jobs of one kind. End with {@link close}, also after an error. */
export class JobPool<Job, Outcome> {
  readonly #kind: PoolKind<Job, Outcome>;
  readonly #options: PoolOptions;
  readonly #threads: Piscina;
  readonly #waiting: Entry<Job, Outcome>[] = [];
  readonly #running = new Set<Entry<Job, Outcome>>();

  constructor(kind: PoolKind<Job, Outcome>, options: PoolOptions) {
    if (!existsSync(kind.workerFile)) throw new Error(`${kind.workerFile}: is missing; build first`);
    this.#kind = kind;
    this.#options = options;
    this.#threads = new Piscina({
      filename: kind.workerFile,
      minThreads: 0,
      maxThreads: options.workers,
      // Between jobs that take seconds, nothing is gained by threads that wait for the next one attentively.
      atomics: "disabled",
      idleTimeout: 1000,
      recordTiming: false,
    });
    options.signal.addEventListener("abort", this.#stop);
  }

  /**
   * Performs a job. Jobs begin in the order of the calls: one that has to wait for memory keeps those behind it waiting.
   *
   * Its outcome is null when it was not wanted any more. It is rejected with a `StoppedError` when the signal was raised,
   * and with another error when the harness failed or the thread died.
   */
  run(pooled: PooledJob<Job>): RunningJob<Outcome> {
    const memory = new SharedArrayBuffer(progressBytes);
    const progress = new Int32Array(memory, 0, 2);
    const own = ownProgress(memory);
    let isDone = false;
    const outcome = new Promise<Outcome | null>((resolve, reject) => {
      this.#waiting.push({ ...pooled, progress, resolve, reject });
    }).finally(() => {
      isDone = true;
    });
    // Whoever asked may look at others first.
    outcome.catch(() => {});
    this.#beginMore();
    return {
      outcome,
      share: () => (isDone ? 1 : Atomics.load(progress, 0) / 1e6),
      own: () => [own[0] ?? 0, own[1] ?? 0],
    };
  }

  #beginMore(): void {
    const { workers, bytesMax, signal } = this.#options;
    if (signal.aborted) {
      this.#stop();
      return;
    }
    for (;;) {
      const [next] = this.#waiting;
      if (next === undefined || this.#running.size >= workers) return;
      const bytes = [...this.#running].reduce((sum, entry) => sum + entry.bytes, next.bytes);
      if (this.#running.size > 0 && bytes > bytesMax) return;
      this.#waiting.shift();
      if (next.isWanted()) void this.#perform(next);
      else next.resolve(null);
    }
  }

  async #perform(entry: Entry<Job, Outcome>): Promise<void> {
    this.#running.add(entry);
    const job = entry.prepare?.(entry.job) ?? entry.job;
    const task: WorkerTask<Job> = { job, progress: entry.progress.buffer as SharedArrayBuffer };
    const { signal } = this.#options;
    const patienceMs = entry.patienceMs ?? this.#options.patienceMs ?? 120_000;
    const quiet = new AbortController();
    const timer = watch(entry.progress, patienceMs, () => quiet.abort());
    try {
      const either = AbortSignal.any([signal, quiet.signal]);
      entry.resolve((await this.#threads.run(task, { signal: either })) as Outcome);
    } catch (error) {
      if (signal.aborted) entry.reject(new StoppedError("stopped"));
      else if (quiet.signal.aborted) entry.resolve(this.#kind.hung(entry.job, patienceMs));
      else entry.reject(error);
    } finally {
      clearInterval(timer);
      this.#running.delete(entry);
      this.#beginMore();
    }
  }

  readonly #stop = (): void => {
    for (const { reject } of this.#waiting.splice(0)) reject(new StoppedError("stopped"));
  };

  /** Ends the threads, wherever they are. Who still waits for a job hears that it was stopped. */
  async close(): Promise<void> {
    this.#options.signal.removeEventListener("abort", this.#stop);
    this.#stop();
    await this.#threads.destroy();
  }
}
