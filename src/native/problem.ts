// Measures a group of a described problem's variants on threads: round by round each of them in turn, in a balanced random
// order. A round is a chunk of the workload, or a slice of time in which its measured chunk is repeated.

import { sum } from "simple-statistics";
import type { CompiledModule } from "../build/compile.ts";
import type { RunningModule } from "../build/instance.ts";
import { type ProblemExports, readHistogram, startProblem } from "../build/problem.ts";
import { InputError, ViolationError } from "../errors.ts";
import {
  eventAOffset,
  eventFlagsOffset,
  eventKindOffset,
  eventSize,
  flagMeasured,
  kindBogoOp,
  kindCompute,
} from "../kernel/events.ts";
import type { FixedTime } from "../plan/suite.ts";
import type { Problem } from "../problems/index.ts";
import { type Counter, type Gauge, holdsAny, type Metric } from "../problems/problem.ts";
import type { Histogram } from "../records/histogram.ts";
import { labelledMetric } from "../records/labelled.ts";
import { Partitioner } from "../workloads/partition.ts";
import type { Workload } from "../workloads/workload.ts";
import { spinsPerMicrosecond } from "./calibrate.ts";
import { type CpuResult, type CpuWork, Crew } from "./crew.ts";
import { Profile } from "./profile.ts";
import { nativeMachine } from "./session.ts";
import { type SampleSink, Turns } from "./turns.ts";

/** One variant with its parameters, ready to be loaded. */
export interface ProblemSubject {
  /** The variant's id. */
  readonly id: string;
  readonly compiled: CompiledModule;
}

export interface ProblemMeasureOptions {
  readonly subjects: readonly ProblemSubject[];
  readonly workload: Workload;
  readonly cpus: number;
  /** How long to repeat the measured chunk; null: every chunk is run once. */
  readonly fixedTime: FixedTime | null;
  /** Whether the modules have the profiled form of the machine: then only its samples are handed out. */
  readonly isProfiled: boolean;
  /** Of the order of the turns. @default the workload's */
  readonly orderSeed?: number;
  readonly onSample: SampleSink;
  /** Called with each subject's distributions. */
  readonly onDistribution: (subject: string, metric: string, latencies: Histogram) => void;
  /** Called with the share of the workload that is done, 0 to 1. */
  readonly onProgress: (share: number) => void;
  readonly signal: AbortSignal;
}

/** Machine of the instances in the host's thread, which prepare and read but run no events. */
const hostMachine = nativeMachine(() => Number(process.hrtime.bigint()));

function timeOf({ beginNs, endNs }: CpuResult): number {
  return endNs - beginNs;
}

function isTold({ only }: Metric): boolean {
  return only !== "simulated";
}

/** What all subjects perform in turn. */
interface Round {
  readonly work: readonly CpuWork[];
  readonly index: number;
  readonly isMeasured: boolean;
  /** Kinds of its events, but for those that the problem has no use for. */
  readonly kinds: ReadonlySet<number>;
}

/** One subject while it is measured. */
class Running {
  readonly subject: ProblemSubject;
  readonly #problem: Problem;
  readonly #options: ProblemMeasureOptions;
  readonly #crew: Crew<ProblemExports>;
  /** An instance per CPU in this thread, to read what the CPU counted. */
  readonly #readers: readonly ProblemExports[];
  readonly #profile: Profile | null;
  readonly #most = new Map<Gauge, number>();

  private constructor(
    problem: Problem,
    subject: ProblemSubject,
    crew: Crew<ProblemExports>,
    options: ProblemMeasureOptions,
  ) {
    this.subject = subject;
    this.#problem = problem;
    this.#options = options;
    this.#crew = crew;
    const { running } = crew;
    this.#readers = Array.from({ length: crew.cpus }, (_, cpu) => {
      const imports = { ...running.importsOf(cpu), ...hostMachine };
      return new WebAssembly.Instance(running.module, imports).exports as unknown as ProblemExports;
    });
    this.#profile = options.isProfiled ? new Profile(running.memory, running.layout) : null;
  }

  static async start(problem: Problem, subject: ProblemSubject, options: ProblemMeasureOptions): Promise<Running> {
    const { workload, cpus, signal } = options;
    const start = (spins?: number): RunningModule<ProblemExports> =>
      startProblem(
        problem,
        subject.compiled,
        workload,
        spins === undefined ? { cpus } : { cpus, spinsPerMicrosecond: spins },
        hostMachine,
      );
    const running = start(spinsPerMicrosecond(() => start().exports));
    return new Running(problem, subject, await Crew.start(running, { name: subject.id, signal }), options);
  }

  /** What each CPU counted so far. */
  #counts(counter: number): number[] {
    return this.#readers.map((reader) => reader.counter(counter));
  }

  #total({ index, isMost = false }: Counter): number {
    const counts = this.#counts(index);
    return isMost ? Math.max(...counts) : sum(counts);
  }

  /** Performs a round and samples it, when it is measured. */
  async step(round: Round, untilNs: number | null): Promise<void> {
    const problem = this.#problem;
    const { work, index, isMeasured } = round;
    const watched = new Set([
      problem.bogoOps,
      ...[...problem.rates, ...(problem.costs ?? [])].map((one) => one.counter),
    ]);
    const before = new Map([...watched].map((counter) => [counter, this.#counts(counter)]));
    if (isMeasured) this.#profile?.begin();
    let results: readonly CpuResult[];
    try {
      results = await this.#crew.round(work, { untilNs });
    } finally {
      this.#profile?.end();
    }
    if (results.some(({ status }) => status !== 0)) {
      throw new InputError(
        `variant '${this.subject.id}': the memory of workload '${this.#options.workload.name}' is used up; ${problem.advice}, or look for a leak`,
      );
    }
    for (const gauge of problem.gauges) {
      if (gauge.read === "max") this.#most.set(gauge, Math.max(this.#most.get(gauge) ?? 0, this.#gauge(gauge)));
    }
    if (!isMeasured || this.#profile !== null) return;
    const emit = (metric: string, value: number): void => this.#options.onSample(this.subject.id, metric, index, value);
    /** What each CPU counted in this round. */
    const done = (counter: number): number[] =>
      this.#counts(counter).map((count, cpu) => count - before.get(counter)![cpu]!);
    const begin = Math.min(...results.map(({ beginNs }) => beginNs));
    const ns = Math.max(...results.map(({ endNs }) => endNs)) - begin;
    // In a slice each CPU has its own end, so its work counts by its own time. A chunk is done when the last CPU is.
    const perSecond = (counts: readonly number[]): number =>
      untilNs === null
        ? (sum(counts) / ns) * 1e9
        : sum(counts.map((count, cpu) => (count === 0 ? 0 : (count / timeOf(results[cpu]!)) * 1e9)));
    emit("round-ns", ns);
    // Also when a variant got none done.
    if (round.kinds.has(kindBogoOp)) emit("bogo-ops-per-s", perSecond(done(problem.bogoOps)));
    for (const rate of problem.rates.filter(isTold)) {
      if (holdsAny(round.kinds, rate.kinds)) emit(rate.metric, perSecond(done(rate.counter)));
    }
    for (const cost of (problem.costs ?? []).filter(isTold)) {
      const units = sum(done(cost.counter));
      const isAlone = holdsAny(round.kinds, cost.kinds) && !holdsAny(round.kinds, cost.without);
      if (isAlone && units > 0) emit(cost.metric, sum(results.map(timeOf)) / units);
    }
    for (const gauge of problem.gauges.filter(isTold)) {
      if (gauge.read === "rounds") emit(gauge.metric, this.#gauge(gauge));
    }
  }

  /** @throws {ViolationError} when the variant gives what cannot be */
  #gauge({ index, metric }: Gauge): number {
    const value = this.#crew.running.exports.gauge(index);
    if (Number.isFinite(value) && value >= 0) return value;
    throw new ViolationError(`variant '${this.subject.id}': gives ${value} for ${metric}, which cannot be`);
  }

  /**
   * Samples what holds for the whole workload, after all deferred work.
   *
   * @param workPerOpNs what the workload itself computes in a bogo-op; null without bogo-ops
   * @throws {ViolationError} when the variant did what none may do
   */
  async finish(skipped: number, workPerOpNs: number | null): Promise<void> {
    const { id } = this.subject;
    const { onSample, onDistribution } = this.#options;
    const { counters, gauges, durations } = this.#problem;
    await this.#crew.finish();
    for (const counter of counters) {
      const count = counter.forbidden === undefined ? 0 : this.#total(counter);
      if (count > 0) throw new ViolationError(`variant '${id}': ${count} ${counter.forbidden}`);
    }
    if (this.#profile !== null) {
      for (const [symbol, samples] of this.#profile.samples)
        onSample(id, labelledMetric("profile-samples", symbol), 0, samples);
      return;
    }
    for (const counter of counters.filter(isTold)) onSample(id, counter.metric, 0, this.#total(counter));
    for (const gauge of gauges.filter(isTold)) {
      if (gauge.read === "end") onSample(id, gauge.metric, 0, this.#gauge(gauge));
      else if (gauge.read === "max") onSample(id, gauge.metric, 0, this.#most.get(gauge) ?? 0);
    }
    onSample(id, "events-skipped", 0, skipped);
    if (workPerOpNs !== null) onSample(id, "work-per-op-ns", 0, workPerOpNs);
    for (const { index, metric } of durations) {
      const latencies = readHistogram(this.#readers, this.#crew.running.memory, index);
      if (latencies.count > 0) onDistribution(id, metric, latencies);
    }
  }

  async close(): Promise<void> {
    this.#profile?.close();
    await this.#crew.close();
  }
}

/** Whether a chunk belongs to the measured part. */
function isMeasuredChunk(chunk: Uint8Array): boolean {
  const view = new DataView(chunk.buffer, chunk.byteOffset, chunk.byteLength);
  return (view.getUint16(eventFlagsOffset, true) & flagMeasured) !== 0;
}

/** What a chunk asks of a problem. */
function contentsOf(
  chunk: Uint8Array,
  known: ReadonlySet<number>,
): { readonly kinds: ReadonlySet<number>; readonly bogoOps: number; readonly computeNs: number } {
  const view = new DataView(chunk.buffer, chunk.byteOffset, chunk.byteLength);
  const kinds = new Set<number>();
  let bogoOps = 0;
  let computeNs = 0;
  for (let offset = 0; offset < chunk.byteLength; offset += eventSize) {
    const kind = view.getUint16(offset + eventKindOffset, true);
    if (!known.has(kind)) continue;
    kinds.add(kind);
    if (kind === kindBogoOp) bogoOps++;
    else if (kind === kindCompute) computeNs += Number(view.getBigUint64(offset + eventAOffset, true));
  }
  return { kinds, bogoOps, computeNs };
}

/**
 * Runs the workload on every subject. All subjects are in memory at the same time.
 *
 * @returns what went wrong, by subject: a trap, a hang, what no variant may do. The others are not affected.
 * @throws {StoppedError} when the signal was raised; samples up to then have been handed out
 * @throws {InputError} when a case does not fit into memory
 */
export async function measureProblem(
  problem: Problem,
  options: ProblemMeasureOptions,
): Promise<ReadonlyMap<string, Error>> {
  const { workload, subjects, cpus, fixedTime } = options;
  const turns = new Turns<Running>(options.orderSeed ?? workload.seed);
  try {
    for (const subject of subjects) {
      try {
        turns.add(await Running.start(problem, subject, options));
      } catch (error) {
        turns.fail(subject.id, error);
      }
    }
    const partitioner = new Partitioner(cpus, problem.kinds);
    let index = 0;
    let events = 0;
    let skipped = 0;
    let bogoOps = 0;
    let computeNs = 0;
    for (const chunk of workload.chunks()) {
      const divided = partitioner.divide(chunk);
      const isMeasured = isMeasuredChunk(chunk);
      skipped += divided.skipped;
      events += chunk.byteLength / eventSize;
      const contents = contentsOf(chunk, problem.kinds);
      if (isMeasured) {
        bogoOps += contents.bogoOps;
        computeNs += contents.computeNs;
      }
      const round: Round = {
        work: divided.parts.map((part) => ({
          events: part,
          segments: part.byteLength === 0 ? [] : [0, part.byteLength / eventSize],
        })),
        index: index++,
        isMeasured,
        kinds: contents.kinds,
      };
      if (fixedTime !== null && isMeasured) {
        if (!holdsAny(round.kinds, problem.workKinds ?? problem.kinds)) continue;
        for (let slice = 0; slice < fixedTime.slices; slice++) {
          await turns.take((one) => one.step({ ...round, index: slice }, fixedTime.sliceMs * 1e6));
          options.onProgress((slice + 1) / fixedTime.slices);
        }
        // The other measured chunks hold the same work.
        break;
      }
      await turns.take((one) => one.step(round, null));
      // With fixed time the slices are what takes it.
      if (fixedTime === null) options.onProgress(events / workload.limits.events);
    }
    const workPerOpNs = bogoOps === 0 ? null : computeNs / bogoOps;
    await turns.each((one) => one.finish(skipped, workPerOpNs));
    return turns.failures;
  } finally {
    await turns.close();
  }
}
