// Measures a group of the shrinker's variants on threads: round by round each of them in turn, in an order drawn anew
// for every round. A round is a chunk of the workload, or a slice of time in which its measured chunk is repeated.

import { sum } from "simple-statistics";
import type { CompiledModule } from "../build/compile.ts";
import type { RunningModule } from "../build/instance.ts";
import { type ShrinkerExports, shrinkerKinds, startShrinker } from "../build/shrinker.ts";
import { InputError, ViolationError } from "../errors.ts";
import {
  eventAOffset,
  eventFlagsOffset,
  eventKindOffset,
  eventSize,
  flagMeasured,
  kindBogoOp,
  kindCompute,
  kindReclaimPass,
} from "../kernel/events.ts";
import * as counters from "../kernel/shrinker/counters.ts";
import type { FixedTime } from "../plan/suite.ts";
import { bucketCount, Histogram } from "../records/histogram.ts";
import { labelledMetric } from "../records/labelled.ts";
import { Partitioner } from "../workloads/partition.ts";
import type { Workload } from "../workloads/workload.ts";
import { spinsPerMicrosecond } from "./calibrate.ts";
import { type CpuResult, type CpuWork, Crew } from "./crew.ts";
import { Profile } from "./profile.ts";
import type { SampleSink } from "./quarantine-samples.ts";
import { nativeMachine } from "./session.ts";
import { Turns } from "./turns.ts";

/** One variant with its parameters, ready to be loaded. */
export interface ShrinkerSubject {
  /** The variant's id. */
  readonly id: string;
  readonly compiled: CompiledModule;
}

export interface ShrinkerMeasureOptions {
  readonly subjects: readonly ShrinkerSubject[];
  readonly workload: Workload;
  readonly cpus: number;
  /** How long to repeat the measured chunk; null: every chunk is run once. */
  readonly fixedTime: FixedTime | null;
  /** Whether the modules have the profiled form of the machine: then only its samples are handed out. */
  readonly isProfiled: boolean;
  readonly onSample: SampleSink;
  /** Called with each subject's distributions. */
  readonly onDistribution: (subject: string, metric: string, latencies: Histogram) => void;
  /** Called with the share of the workload that is done, 0 to 1. */
  readonly onProgress: (share: number) => void;
  readonly signal: AbortSignal;
}

/** Distributions, by the harness's index. */
const distributions = [
  [counters.histogramRegister, "register-latency-ns"],
  [counters.histogramUnregister, "unregister-latency-ns"],
  [counters.histogramPass, "pass-latency-ns"],
] as const;

/** Counts over the whole measured part. */
const totals = [
  [counters.counterVisits, "visits"],
  [counters.counterTrylockFailed, "visits-given-up"],
  [counters.counterContendedBreaks, "contended-breaks"],
  [counters.counterGenerationBreaks, "generation-breaks"],
  [counters.counterCallbacks, "callbacks"],
  [counters.counterSecondLooks, "second-looks"],
  [counters.counterFreed, "freed-objects"],
  [counters.counterRegistered, "registered"],
  [counters.counterUnregistered, "unregistered"],
] as const;

/** NUMA nodes of a workload's machine. */
export function nodesOf(workload: Workload): number {
  const { nodes } = workload.parameters;
  return typeof nodes === "number" ? nodes : 1;
}

function timeOf({ beginNs, endNs }: CpuResult): number {
  return endNs - beginNs;
}

function differences(after: readonly number[], before: readonly number[]): number[] {
  return after.map((value, index) => value - before[index]!);
}

/** What all subjects perform in turn. */
interface Round {
  readonly work: readonly CpuWork[];
  readonly index: number;
  readonly isMeasured: boolean;
  /** Whether there are units of the workload's own work, which is what a slice of time is filled with. */
  readonly holdsBogoOps: boolean;
  readonly holdsPasses: boolean;
}

/** One subject while it is measured. */
class Running {
  readonly subject: ShrinkerSubject;
  readonly #options: ShrinkerMeasureOptions;
  readonly #crew: Crew<ShrinkerExports>;
  /** An instance per CPU in this thread, to read what the CPU counted. */
  readonly #readers: readonly ShrinkerExports[];
  readonly #profile: Profile | null;
  #mapBytesMax = 0;
  #deferredBytesMax = 0;
  #infoBytesMax = 0;

  private constructor(subject: ShrinkerSubject, crew: Crew<ShrinkerExports>, options: ShrinkerMeasureOptions) {
    this.subject = subject;
    this.#options = options;
    this.#crew = crew;
    const { running } = crew;
    this.#readers = Array.from({ length: crew.cpus }, (_, cpu) => {
      const imports = { ...running.importsOf(cpu), ...hostMachine };
      return new WebAssembly.Instance(running.module, imports).exports as unknown as ShrinkerExports;
    });
    this.#profile = options.isProfiled ? new Profile(running.memory, running.layout) : null;
  }

  static async start(subject: ShrinkerSubject, options: ShrinkerMeasureOptions): Promise<Running> {
    const { workload, cpus, signal } = options;
    const sizes = { cpus, nodes: nodesOf(workload) };
    const start = (spins?: number): RunningModule<ShrinkerExports> =>
      startShrinker(
        subject.compiled,
        workload.limits,
        spins === undefined ? sizes : { ...sizes, spinsPerMicrosecond: spins },
        hostMachine,
      );
    const running = start(spinsPerMicrosecond(() => start().exports));
    return new Running(subject, await Crew.start(running, { name: subject.id, signal }), options);
  }

  /** What each CPU counted so far. */
  #counts(counter: number): number[] {
    return this.#readers.map((reader) => reader.counter(counter));
  }

  #count(counter: number): number {
    return sum(this.#counts(counter));
  }

  /** Performs a round and samples it, when it is measured. */
  async step(round: Round, untilNs: number | null): Promise<void> {
    const { workload } = this.#options;
    const { work, index, isMeasured } = round;
    const bogoBefore = this.#counts(counters.counterBogoOps);
    const visitsBefore = this.#counts(counters.counterVisits);
    const registeredBefore = this.#count(counters.counterRegistered) + this.#count(counters.counterUnregistered);
    if (isMeasured) this.#profile?.begin();
    let results: readonly CpuResult[];
    try {
      results = await this.#crew.round(work, { untilNs });
    } finally {
      this.#profile?.end();
    }
    if (results.some(({ status }) => status !== 0)) {
      throw new InputError(
        `variant '${this.subject.id}': the memory of workload '${workload.name}' is used up; lower the number of cgroups or superblocks, or look for a leak`,
      );
    }
    this.#mapBytesMax = Math.max(this.#mapBytesMax, this.#bytes("mapBytes"));
    this.#deferredBytesMax = Math.max(this.#deferredBytesMax, this.#bytes("deferredBytes"));
    this.#infoBytesMax = Math.max(this.#infoBytesMax, this.#bytes("infoBytes"));
    if (!isMeasured || this.#profile !== null) return;
    const bogoOps = differences(this.#counts(counters.counterBogoOps), bogoBefore);
    const visits = differences(this.#counts(counters.counterVisits), visitsBefore);
    const registered =
      this.#count(counters.counterRegistered) + this.#count(counters.counterUnregistered) - registeredBefore;
    const begin = Math.min(...results.map(({ beginNs }) => beginNs));
    const ns = Math.max(...results.map(({ endNs }) => endNs)) - begin;
    // In a slice each CPU has its own end, so its work counts by its own time. A chunk is done when the last CPU is.
    const perSecond = (done: readonly number[]): number =>
      untilNs === null
        ? (sum(done) / ns) * 1e9
        : sum(done.map((count, cpu) => (count === 0 ? 0 : (count / timeOf(results[cpu]!)) * 1e9)));
    const emit = (metric: string, value: number): void => this.#options.onSample(this.subject.id, metric, index, value);
    emit("round-ns", ns);
    // Also when a variant got none done.
    if (round.holdsBogoOps) emit("bogo-ops-per-s", perSecond(bogoOps));
    if (round.holdsPasses) emit("visits-per-s", perSecond(visits));
    if (sum(visits) > 0 && sum(bogoOps) === 0 && registered === 0) {
      emit("visit-ns", sum(results.map(timeOf)) / sum(visits));
    }
  }

  /** @throws {ViolationError} when the variant gives what is no number of bytes */
  #bytes(name: "mapBytes" | "deferredBytes" | "infoBytes" | "shrinkerBytes"): number {
    const bytes = this.#crew.running.exports[name]();
    if (Number.isFinite(bytes) && bytes >= 0) return bytes;
    throw new ViolationError(`variant '${this.subject.id}': ${name} gives ${bytes}, which is no number of bytes`);
  }

  /**
   * Samples what holds for the whole workload.
   *
   * @param workPerOpNs what the workload itself computes in a bogo-op; null without bogo-ops
   * @throws {ViolationError} when a callback ran after its shrinker was unregistered
   */
  finish(skipped: number, workPerOpNs: number | null): void {
    const { id } = this.subject;
    const { onSample, onDistribution } = this.#options;
    const late = this.#count(counters.counterCallbacksAfterFree);
    if (late > 0) {
      throw new ViolationError(`variant '${id}': ${late} callbacks ran after their shrinker had been unregistered`);
    }
    if (this.#profile !== null) {
      for (const [symbol, samples] of this.#profile.samples)
        onSample(id, labelledMetric("profile-samples", symbol), 0, samples);
      return;
    }
    for (const [counter, metric] of totals) onSample(id, metric, 0, this.#count(counter));
    onSample(id, "callbacks-after-free", 0, late);
    onSample(id, "map-bytes-max", 0, this.#mapBytesMax);
    onSample(id, "deferred-bytes-max", 0, this.#deferredBytesMax);
    onSample(id, "info-bytes-max", 0, this.#infoBytesMax);
    onSample(id, "shrinker-bytes", 0, this.#bytes("shrinkerBytes"));
    onSample(id, "events-skipped", 0, skipped);
    if (workPerOpNs !== null) onSample(id, "work-per-op-ns", 0, workPerOpNs);
    for (const [index, metric] of distributions) {
      const latencies = this.#distribution(index);
      if (latencies.count > 0) onDistribution(id, metric, latencies);
    }
  }

  #distribution(index: number): Histogram {
    const histogram = new Histogram();
    const { buffer } = this.#crew.running.memory;
    for (const reader of this.#readers) {
      const address = reader.histogramAddress(index) >>> 0;
      const counts = new Uint32Array(buffer, address, bucketCount);
      const max = new DataView(buffer, address + bucketSlots * 4, 8).getBigUint64(0, true);
      histogram.addCounts(counts, Number(max));
    }
    return histogram;
  }

  async close(): Promise<void> {
    this.#profile?.close();
    await this.#crew.close();
  }
}

/** Buckets that a harness keeps room for. */
const bucketSlots = 1600;

/** Machine of the instances in the host's thread, which prepare and read but run no events. */
const hostMachine = nativeMachine(() => Number(process.hrtime.bigint()));

/** Whether a chunk belongs to the measured part. */
function isMeasuredChunk(chunk: Uint8Array): boolean {
  const view = new DataView(chunk.buffer, chunk.byteOffset, chunk.byteLength);
  return (view.getUint16(eventFlagsOffset, true) & flagMeasured) !== 0;
}

/** What a chunk asks for. */
function contentsOf(chunk: Uint8Array): { bogoOps: number; passes: number; computeNs: number } {
  const view = new DataView(chunk.buffer, chunk.byteOffset, chunk.byteLength);
  const contents = { bogoOps: 0, passes: 0, computeNs: 0 };
  for (let offset = 0; offset < chunk.byteLength; offset += eventSize) {
    const kind = view.getUint16(offset + eventKindOffset, true);
    if (kind === kindBogoOp) contents.bogoOps++;
    else if (kind === kindReclaimPass) contents.passes++;
    else if (kind === kindCompute) contents.computeNs += Number(view.getBigUint64(offset + eventAOffset, true));
  }
  return contents;
}

/**
 * Runs the workload on every subject. All subjects are in memory at the same time.
 *
 * @returns what went wrong, by subject: a trap, a hang, callbacks after free. The others are not affected.
 * @throws {StoppedError} when the signal was raised; samples up to then have been handed out
 * @throws {InputError} when a case does not fit into memory
 */
export async function measureShrinker(options: ShrinkerMeasureOptions): Promise<ReadonlyMap<string, Error>> {
  const { workload, subjects, cpus, fixedTime } = options;
  const turns = new Turns<Running>(workload.seed);
  try {
    for (const subject of subjects) {
      try {
        turns.add(await Running.start(subject, options));
      } catch (error) {
        turns.fail(subject.id, error);
      }
    }
    const partitioner = new Partitioner(cpus, shrinkerKinds);
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
      const contents = contentsOf(chunk);
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
        holdsBogoOps: contents.bogoOps > 0,
        holdsPasses: contents.passes > 0,
      };
      if (fixedTime !== null && isMeasured) {
        if (!round.holdsBogoOps) continue;
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
    await turns.each(async (one) => one.finish(skipped, workPerOpNs));
    return turns.failures;
  } finally {
    await turns.close();
  }
}
