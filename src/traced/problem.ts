// Runs a workload of a described problem on the counting machine and reports exact numbers of its operations: accesses,
// lines and locked operations of a call, which of its writes CPUs get into each other's way with, and how long it sleeps.

import { setImmediate } from "node:timers/promises";
import type { CompiledModule } from "../build/compile.ts";
import type { RunningModule } from "../build/instance.ts";
import { eventBufferBytes } from "../build/memory.ts";
import { type ProblemExports, startProblem } from "../build/problem.ts";
import { InputError, StoppedError, ViolationError } from "../errors.ts";
import { eventFlagsOffset, eventSize, flagMeasured } from "../kernel/events.ts";
import type { Problem } from "../problems/index.ts";
import type { Counter, Operation, OperationCount, OperationMetric } from "../problems/problem.ts";
import { labelledMetric } from "../records/labelled.ts";
import { Partitioner } from "../workloads/partition.ts";
import type { Workload } from "../workloads/workload.ts";
import { CallCounter } from "./calls.ts";
import { CountingMachine } from "./counting-machine.ts";
import { memoryBytesMax } from "./limits.ts";
import type { ExactSink } from "./measure.ts";

/** The order in which CPUs take turns, an event each: CPU and index of its event. A CPU that is done is passed over. */
export function* inTurns(counts: readonly number[]): Generator<readonly [cpu: number, index: number]> {
  const longest = Math.max(0, ...counts);
  for (let index = 0; index < longest; index++) {
    for (const [cpu, count] of counts.entries()) {
      if (index < count) yield [cpu, index];
    }
  }
}

/** The CPUs of one case, each with its instance. */
class Case {
  readonly #problem: Problem;
  readonly #workload: Workload;
  readonly #running: RunningModule<ProblemExports>;
  readonly #instances: ProblemExports[] = [];
  readonly #partitioner: Partitioner;
  /** By CPU: whether its last event was measured. */
  readonly #isMeasured: boolean[];
  readonly calls: CallCounter;

  constructor(problem: Problem, compiled: CompiledModule, workload: Workload, cpus: number) {
    this.#problem = problem;
    this.#workload = workload;
    this.#partitioner = new Partitioner(cpus, problem.kinds);
    this.#isMeasured = new Array<boolean>(cpus).fill(false);
    this.calls = new CallCounter(problem.operations, cpus);
    const machine = new CountingMachine(this.calls);
    this.#running = startProblem(problem, compiled, workload, { cpus }, machine.imports(0), (running) => {
      const { memory, module, exports, layout } = running;
      const bytes = memory.buffer.byteLength;
      if (bytes > memoryBytesMax) {
        throw new InputError(
          `workload '${workload.name}': exact counting takes at most 1 GiB of Wasm memory, this needs ${Math.ceil(bytes / 2 ** 20)} MiB; ${problem.advice}`,
        );
      }
      this.#instances.push(exports);
      for (let cpu = 1; cpu < cpus; cpu++) {
        const imports = { ...running.importsOf(cpu), ...machine.imports(cpu) };
        this.#instances.push(new WebAssembly.Instance(module, imports).exports as unknown as ProblemExports);
      }
      const base = exports.statisticsAddress() >>> 0;
      const statistics = { base, end: base + (exports.statisticsBytes() >>> 0) };
      this.calls.watch({ bytes, arenaBase: layout.arenaBase, statistics });
      machine.attach(running, this.#instances);
      this.calls.track(
        (problem.objects ?? []).map(({ bytesGauge, ...notes }) => ({ ...notes, bytes: exports.gauge(bytesGauge) })),
      );
    });
  }

  /**
   * Has the CPUs perform their parts of a chunk in turns, an event at a time.
   *
   * @throws {InputError} when the case's memory is used up
   */
  perform(chunk: Uint8Array): void {
    const { memory, layout } = this.#running;
    const bytes = new Uint8Array(memory.buffer);
    const { parts } = this.#partitioner.divide(chunk);
    for (const [cpu, part] of parts.entries()) bytes.set(part, layout.eventBuffer + cpu * eventBufferBytes);
    const views = parts.map((part) => new DataView(part.buffer, part.byteOffset, part.byteLength));
    for (const [cpu, index] of inTurns(parts.map((part) => part.byteLength / eventSize))) {
      const flags = views[cpu]?.getUint16(index * eventSize + eventFlagsOffset, true) ?? 0;
      this.#measure(cpu, (flags & flagMeasured) !== 0);
      if (this.#instances[cpu]?.run(index, index + 1) === 0) continue;
      throw new InputError(
        `workload '${this.#workload.name}': the case's memory is used up; ${this.#problem.advice}, or look for a leak`,
      );
    }
  }

  #measure(cpu: number, isMeasured: boolean): void {
    this.#isMeasured[cpu] = isMeasured;
    this.calls.measuring = isMeasured;
  }

  /** Finishes what the CPUs deferred. It counts as a CPU's last event does. */
  drain(): void {
    for (const [cpu, instance] of this.#instances.entries()) {
      this.#measure(cpu, this.#isMeasured[cpu] ?? false);
      instance.drain();
    }
  }

  /** A state of the whole case. */
  gauge(index: number): number {
    return this.#running.exports.gauge(index);
  }

  /** What all CPUs counted in the measured part. */
  count({ index, isMost = false }: Pick<Counter, "index" | "isMost">): number {
    const counts = this.#instances.map((instance) => instance.counter(index));
    return isMost ? Math.max(...counts) : counts.reduce((sum, count) => sum + count, 0);
  }
}

/** Counts of an operation that say nothing where only one CPU calls it. */
const sharedCounts: ReadonlySet<OperationCount> = new Set([
  "shared-writes",
  "object-shared-writes",
  "arena-shared-writes",
  "global-shared-writes",
]);

/** What is told of each call of an operation that has no metrics of its own. */
const labelled: readonly (readonly [metric: string, count: OperationCount])[] = [
  ["accesses-mean", "accesses"],
  ["lines-mean", "lines"],
  ["locked-mean", "locked"],
  ["shared-writes-mean", "shared-writes"],
  ["slept-ns-mean", "slept-ns"],
];

/** Metrics of an operation by the counters of the harness. */
function emitMetrics(one: Case, place: number, metrics: readonly OperationMetric[], emit: ExactSink): void {
  const counts = one.calls.counts(place);
  const isShared = one.calls.cpusOf(place) > 1;
  for (const { metric, count, per, isWhole = false } of metrics) {
    const units = one.count({ index: per });
    if (units === 0 || (sharedCounts.has(count) && !isShared)) continue;
    emit(metric, 0, isWhole ? counts[count] : counts[count] / units);
  }
}

function emitOperation(one: Case, place: number, { label, metrics }: Operation, emit: ExactSink): void {
  if (metrics !== undefined) {
    emitMetrics(one, place, metrics, emit);
    return;
  }
  const calls = one.calls.calls(place);
  emit(labelledMetric("calls", label), 0, calls);
  if (calls === 0) return;
  const counts = one.calls.counts(place);
  const isShared = one.calls.cpusOf(place) > 1;
  for (const [metric, count] of labelled) {
    if (isShared || !sharedCounts.has(count)) emit(labelledMetric(metric, label), 0, counts[count] / calls);
  }
}

/**
 * Counts what a variant does in the measured part of a workload, on CPUs that take turns.
 *
 * @throws {InputError} when the case is too large to be counted, or its memory is used up
 * @throws {ViolationError} when the variant did what none may do
 * @throws {StoppedError} when the signal was raised
 */
export async function countProblem(
  problem: Problem,
  variant: string,
  compiled: CompiledModule,
  workload: Workload,
  cpus: number,
  emit: ExactSink,
  signal: AbortSignal,
): Promise<void> {
  const one = new Case(problem, compiled, workload, cpus);
  for (const chunk of workload.chunks()) {
    one.perform(chunk);
    await setImmediate();
    if (signal.aborted) throw new StoppedError("stopped");
  }
  one.drain();
  for (const counter of problem.counters) {
    const count = counter.forbidden === undefined ? 0 : one.count(counter);
    if (count > 0) throw new ViolationError(`variant '${variant}': ${count} ${counter.forbidden}`);
  }
  for (const [place, operation] of problem.operations.entries()) emitOperation(one, place, operation, emit);
  for (const { metric, index, isExact = false } of problem.gauges) if (isExact) emit(metric, 0, one.gauge(index));
}
