// Measures a group of the quarantine's variants on several CPUs: chunk by chunk each of them in turn, in a balanced random
// order. In a chunk every CPU performs the events of its tasks; all begin together.

import { type QuarantineExports, startQuarantine } from "../build/quarantine.ts";
import { InputError } from "../errors.ts";
import { counterLeftBehindAt, cpuBlockBytes } from "../kernel/cpu-block.ts";
import { eventGroupOffset, eventSize } from "../kernel/events.ts";
import { Partitioner } from "../workloads/partition.ts";
import type { Workload } from "../workloads/workload.ts";
import { type Batch, knownKinds, splitIntoBatches } from "./batches.ts";
import { type CpuResult, type CpuWork, Crew } from "./crew.ts";
import type { MeasureOptions, Subject } from "./measure.ts";
import { QuarantineSamples } from "./quarantine-samples.ts";
import { nativeMachine } from "./session.ts";
import { type SampleSink, Turns } from "./turns.ts";

/** A CPU's events of one chunk, and the batches that they are timed in. */
interface CpuPart {
  readonly events: Uint8Array;
  readonly batches: readonly Batch[];
}

/** One subject while it is measured. */
class Running {
  readonly subject: Subject;
  readonly samples: QuarantineSamples;
  readonly #crew: Crew<QuarantineExports>;

  private constructor(subject: Subject, crew: Crew<QuarantineExports>, onSample: SampleSink) {
    this.subject = subject;
    this.#crew = crew;
    this.samples = new QuarantineSamples(subject, onSample);
  }

  static async start(subject: Subject, { workload, onSample, signal }: MeasureOptions): Promise<Running> {
    const running = startQuarantine(subject.compiled, workload.limits, subject.sizes, nativeMachine(clockOfHost));
    const crew = await Crew.start(running, { name: subject.id, settles: subject.isFloor, signal });
    return new Running(subject, crew, onSample);
  }

  /** Has every CPU perform its part, and samples what can be said of the batches. */
  async step(parts: readonly CpuPart[], firstRound: number, workload: Workload): Promise<void> {
    const work = parts.map(
      ({ events, batches }): CpuWork => ({ events, segments: batches.flatMap(({ first, end }) => [first, end]) }),
    );
    const results = await this.#crew.round(work);
    let round = firstRound;
    for (const [cpu, { events, batches }] of parts.entries()) {
      const { status, ns, freed, deferredNs } = results[cpu] as CpuResult;
      if (status !== 0) {
        throw new InputError(
          `workload '${workload.name}': the case's memory is used up; lower 'quarantine-bytes' or the number of objects`,
        );
      }
      const view = new DataView(events.buffer, events.byteOffset, events.byteLength);
      for (const [index, batch] of batches.entries()) {
        const times = { ns: ns[index]!, freed: freed[index]!, deferredNs: deferredNs[index]! };
        this.samples.take(batch, round++, times, view.getUint32(batch.first * eventSize + eventGroupOffset, true));
      }
    }
  }

  /** @throws {ViolationError} when the variant left objects in caches that it said were empty */
  async finish(round: number, skipped: number): Promise<void> {
    const idle = Array.from({ length: this.#crew.cpus }, (): CpuWork => ({ segments: [] }));
    for (const { drainedNs } of await this.#crew.round(idle, { drains: true })) this.samples.deferred(round, drainedNs);
    const { running } = this.#crew;
    const words = new Uint32Array(running.memory.buffer);
    const leftBehind = idle.reduce((sum, _, cpu) => {
      return sum + words[(running.layout.cpuBlocks + cpu * cpuBlockBytes + counterLeftBehindAt) >>> 2]!;
    }, 0);
    this.samples.finish(running, leftBehind, skipped);
  }

  async close(): Promise<void> {
    await this.#crew.close();
  }
}

/** Clock of the instance in the host's thread, which prepares and reads but runs no events. */
const clockOfHost = (): number => 0;

/**
 * Runs the workload on every subject, on as many CPUs as its sizes say. All subjects are in memory at the same time.
 *
 * @returns what went wrong, by subject. The others are not affected.
 * @throws {StoppedError} when the signal was raised; samples up to then have been handed out
 * @throws {InputError} when a case does not fit into memory
 */
export async function measureOnCrew(options: MeasureOptions): Promise<ReadonlyMap<string, Error>> {
  const { workload, subjects } = options;
  const cpus = subjects[0]?.sizes.cpus ?? 1;
  const turns = new Turns<Running>(options.orderSeed ?? workload.seed);
  try {
    for (const subject of subjects) {
      try {
        turns.add(await Running.start(subject, options));
      } catch (error) {
        if (error instanceof InputError) throw error;
        turns.fail(subject.id, error);
      }
    }
    const partitioner = new Partitioner(cpus, knownKinds);
    let round = 0;
    let events = 0;
    let skipped = 0;
    for (const chunk of workload.chunks()) {
      const divided = partitioner.divide(chunk);
      skipped += divided.skipped;
      const parts = divided.parts.map((part): CpuPart => ({ events: part, batches: splitIntoBatches(part) }));
      await turns.take((one) => one.step(parts, round, workload));
      round += parts.reduce((sum, { batches }) => sum + batches.length, 0);
      events += chunk.byteLength / eventSize;
      options.onProgress(events / workload.limits.events);
    }
    await turns.each(async (one) => {
      await one.finish(round, skipped);
      if (one.samples.removals.count > 0) options.onRemovals(one.subject.id, one.samples.removals);
    });
    return turns.failures;
  } finally {
    await turns.close();
  }
}
