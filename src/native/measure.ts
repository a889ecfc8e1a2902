// Measures a group of variants natively on one CPU: batch by batch each of them in turn, in a balanced random order. So
// what the machine does in a moment it does to all of them, none always follows the same other one, and every batch
// begins with caches that hold the others' data.

import { setImmediate } from "node:timers/promises";
import { measure as measureWithMitata } from "mitata";
import { median } from "simple-statistics";
import type { CompiledModule } from "../build/compile.ts";
import type { QuarantineSizes } from "../build/quarantine.ts";
import { asViolation, InputError, StoppedError } from "../errors.ts";
import { eventGroupOffset, eventSize } from "../kernel/events.ts";
import type { Histogram } from "../records/histogram.ts";
import type { Workload } from "../workloads/workload.ts";
import { type Batch, type BatchKind, countSkipped, splitIntoBatches } from "./batches.ts";
import type { InstrumentedMachine } from "./instrumented-machine.ts";
import { QuarantineSamples } from "./quarantine-samples.ts";
import { NativeSession } from "./session.ts";
import { TurnOrder } from "./turn-order.ts";
import type { SampleSink } from "./turns.ts";

/** One variant with its parameters, ready to be loaded. */
export interface Subject {
  /** The variant's id. */
  readonly id: string;
  readonly compiled: CompiledModule;
  readonly sizes: QuarantineSizes;
  /** Whether it is the floor, which forgets its objects. */
  readonly isFloor: boolean;
}

export interface MeasureOptions {
  readonly subjects: readonly Subject[];
  readonly workload: Workload;
  /** Of the order of the turns. @default the workload's */
  readonly orderSeed?: number;
  readonly onSample: SampleSink;
  /** Called with each subject's distribution of removal times, when there were removals. */
  readonly onRemovals: (subject: string, latencies: Histogram) => void;
  /** Called after each chunk with the share of the workload that is done, 0 to 1. */
  readonly onProgress: (share: number) => void;
  readonly signal: AbortSignal;
}

/** Longest time between two looks at the user's interrupt, in ms. */
const breathMs = 50;

/** Lets pending events of the host happen, at most every {@link breathMs}. */
class Breath {
  #last = performance.now();
  readonly #signal: AbortSignal;

  constructor(signal: AbortSignal) {
    this.#signal = signal;
  }

  async take(): Promise<void> {
    if (performance.now() - this.#last < breathMs) return;
    await setImmediate();
    if (this.#signal.aborted) throw new StoppedError("stopped");
    this.#last = performance.now();
  }
}

/** One subject while it is measured. */
class Running {
  readonly subject: Subject;
  readonly session: NativeSession;
  readonly samples: QuarantineSamples;

  constructor(subject: Subject, workload: Workload, onSample: SampleSink) {
    this.subject = subject;
    this.session = new NativeSession(subject.compiled, workload, subject.sizes, subject.isFloor);
    this.samples = new QuarantineSamples(subject, onSample);
  }

  /** Runs one batch and samples what can be said of it. */
  step(batch: Batch, round: number, chunk: DataView): void {
    const { exports } = this.session.module;
    const freedBefore = exports.freedCount();
    const ns = this.session.run(batch);
    const freed = (exports.freedCount() - freedBefore) >>> 0;
    const deferredNs = this.session.runDeferred("due");
    const cache = chunk.getUint32(batch.first * eventSize + eventGroupOffset, true);
    this.samples.take(batch, round, { ns, freed, deferredNs }, cache);
  }

  /** @throws {ViolationError} when the variant left objects in caches that it said were empty */
  finish(round: number, skipped: number): void {
    this.samples.deferred(round, this.session.runDeferred("all"));
    this.samples.finish(this.session.module, this.session.module.exports.leftBehindCount(), skipped);
  }
}

/**
 * Runs the workload on every subject. All subjects are in memory at the same time.
 *
 * @returns what went wrong, by subject: a module that is none of this problem's, a trap, or objects left behind in destroyed
 *   caches. The others are not affected.
 * @throws {StoppedError} when the signal was raised; samples up to then have been handed out
 * @throws {InputError} when a case does not fit into memory
 */
export async function measureNatively(options: MeasureOptions): Promise<ReadonlyMap<string, Error>> {
  const { workload, onSample, signal } = options;
  const breath = new Breath(signal);
  const failures = new Map<string, Error>();
  const running = options.subjects.flatMap((subject) => {
    try {
      return [new Running(subject, workload, onSample)];
    } catch (error) {
      if (error instanceof InputError) throw error;
      failures.set(subject.id, asViolation(subject.id, error));
      return [];
    }
  });
  const attempt = (one: Running, action: () => void): void => {
    try {
      action();
    } catch (error) {
      failures.set(one.subject.id, asViolation(one.subject.id, error));
    }
  };
  // One for each kind of batch: kinds that alternate would otherwise have the same places of every block.
  const orders = new Map<BatchKind, TurnOrder>();
  const orderOf = (kind: BatchKind): readonly number[] => {
    const order = orders.get(kind) ?? new TurnOrder(running.length, (options.orderSeed ?? workload.seed) + orders.size);
    orders.set(kind, order);
    return order.next();
  };
  let round = 0;
  let events = 0;
  let skipped = 0;
  for (const chunk of workload.chunks()) {
    const view = new DataView(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    skipped += countSkipped(view);
    for (const one of running) one.session.load(chunk);
    for (const batch of splitIntoBatches(chunk)) {
      for (const position of orderOf(batch.kind)) {
        const one = running[position]!;
        if (!failures.has(one.subject.id)) attempt(one, () => one.step(batch, round, view));
      }
      round++;
      await breath.take();
    }
    events += chunk.byteLength / eventSize;
    options.onProgress(events / workload.limits.events);
  }
  for (const one of running) {
    if (failures.has(one.subject.id)) continue;
    attempt(one, () => one.finish(round, skipped));
    if (one.samples.removals.count > 0) options.onRemovals(one.subject.id, one.samples.removals);
  }
  return failures;
}

/**
 * Runs a workload on a module of the instrumented build; the machine keeps the longest sections of its measured part.
 *
 * @throws {StoppedError} when the signal was raised
 */
export async function measureInstrumented(
  subject: Subject,
  workload: Workload,
  machine: InstrumentedMachine,
  signal: AbortSignal,
): Promise<void> {
  const session = new NativeSession(subject.compiled, workload, subject.sizes, subject.isFloor, machine.imports());
  const { problemBase, pageTable } = session.module.layout;
  machine.watch(problemBase, pageTable - arenaStateBytes);
  const breath = new Breath(signal);
  for (const chunk of workload.chunks()) {
    session.load(chunk);
    for (const batch of splitIntoBatches(chunk)) {
      machine.record(batch.measured);
      session.run(batch);
      session.runDeferred("due");
      await breath.take();
    }
  }
  session.runDeferred("all");
}

/** The arena's state, with its lock, lies in front of the page table. */
const arenaStateBytes = 64;

/** Batches that mitata times at most: enough for a median, and mostly before caches are removed. */
const crossCheckSamplesMax = 36;

/** What mitata found for the same batches of frees. */
export interface CrossCheck {
  /** Median time of one put by mitata's own clock and loop, in ns, harness included. */
  readonly mitataNs: number;
  /** Median of the same runs of frees by our clock, read inside mitata's. */
  readonly oursNs: number;
  /** Batches that mitata timed. */
  readonly batches: number;
}

/**
 * Times the measured runs of frees a second time with mitata, in a session of its own. Returns null when the workload
 * has fewer than 15 such runs of equal length, too few for mitata to drop the extremes from.
 */
export async function crossCheckPut(
  subject: Subject,
  workload: Workload,
  signal: AbortSignal,
): Promise<CrossCheck | null> {
  const lengths = new Map<number, number>();
  for (const chunk of workload.chunks()) {
    for (const batch of splitIntoBatches(chunk)) {
      if (batch.kind === "free" && batch.measured) lengths.set(batch.frees, (lengths.get(batch.frees) ?? 0) + 1);
    }
  }
  const [length, count] = [...lengths].reduce((best, entry) => (entry[1] > best[1] ? entry : best), [0, 0]);
  if (count < 15) return null;

  const session = new NativeSession(subject.compiled, workload, subject.sizes, subject.isFloor);
  const { exports } = session.module;
  const targets = runUpTo(session, workload, length);
  const breath = new Breath(signal);
  // mitata calls the function once before it begins to sample.
  const samples = Math.min(count - 1, crossCheckSamplesMax);
  const ours: number[] = [];
  const stats = await measureWithMitata(
    function* () {
      yield {
        async 0() {
          await breath.take();
          return targets.next().value;
        },
        bench: (batch: Batch) => {
          const begin = process.hrtime.bigint();
          exports.run(batch.first, batch.end);
          ours.push(Number(process.hrtime.bigint() - begin));
        },
      } as never;
    },
    { min_samples: samples, max_samples: samples, warmup_samples: 0, warmup_threshold: 0, gc: false },
  );
  return { mitataNs: stats.p50 / length, oursNs: median(ours) / length, batches: samples };
}

/** Runs a workload and stops in front of each measured run of `length` frees, which the caller performs. */
function* runUpTo(session: NativeSession, workload: Workload, length: number): Generator<Batch, never> {
  for (const chunk of workload.chunks()) {
    session.load(chunk);
    for (const batch of splitIntoBatches(chunk)) {
      if (batch.kind === "free" && batch.measured && batch.frees === length) {
        yield batch;
        session.settle(batch);
      } else {
        session.run(batch);
      }
      session.runDeferred("due");
    }
  }
  throw new Error("mitata asked for more batches than the workload has");
}
