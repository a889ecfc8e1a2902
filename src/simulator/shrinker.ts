// Runs a shrinker's workload on the simulated machine and reports what happened in virtual time. Every number is exact.

import { setImmediate } from "node:timers/promises";
import type { RunningModule } from "../build/instance.ts";
import { type ShrinkerExports, shrinkerKinds, startShrinker } from "../build/shrinker.ts";
import { InputError, ViolationError } from "../errors.ts";
import { eventKindOffset, eventSize, kindBogoOp, kindReclaimPass } from "../kernel/events.ts";
import * as counters from "../kernel/shrinker/counters.ts";
import { bucketCount, Histogram } from "../records/histogram.ts";
import { sortByTask } from "../workloads/partition.ts";
import type { Workload } from "../workloads/workload.ts";
import { callRun, callRunUntil } from "./core/protocol.ts";
import { SimulatedMachine } from "./machine.ts";
import { attachInstances, fiberBytesOf, isMeasured, type SimulatedCase, type SimulatedRun } from "./simulation.ts";

/** What a shrinker's case came to, in the measured part. */
export interface SimulatedShrinker extends SimulatedRun {
  readonly distributions: Readonly<Record<"register" | "unregister" | "pass", Histogram>>;
  /** Each CPU's work over its own time, summed; null without bogo-ops. */
  readonly bogoOpsPerSecond: number | null;
  readonly visitsPerSecond: number | null;
  readonly totals: Readonly<Record<keyof typeof totalCounters, number>>;
}

const totalCounters = {
  visits: counters.counterVisits,
  visitsGivenUp: counters.counterTrylockFailed,
  contendedBreaks: counters.counterContendedBreaks,
  generationBreaks: counters.counterGenerationBreaks,
  callbacks: counters.counterCallbacks,
  secondLooks: counters.counterSecondLooks,
  freed: counters.counterFreed,
  registered: counters.counterRegistered,
  unregistered: counters.counterUnregistered,
  bogoOps: counters.counterBogoOps,
  passes: counters.counterPasses,
  callbacksAfterFree: counters.counterCallbacksAfterFree,
} as const;

/** Buckets that a harness keeps room for, and bytes of one histogram and of the counters in front of a CPU's histograms. */
const bucketSlots = 1600;
const histogramBytes = 6464;
const countersBytes = Math.ceil((8 + counters.counterCount * 8) / 64) * 64;

/** NUMA nodes of a workload's machine. */
function nodesOf({ parameters: { nodes } }: Workload): number {
  return typeof nodes === "number" ? nodes : 1;
}

function holds(chunk: Uint8Array, kind: number): boolean {
  for (let offset = 0; offset < chunk.byteLength; offset += eventSize) {
    if (chunk[offset + eventKindOffset] === kind) return true;
  }
  return false;
}

/**
 * Simulates a case.
 *
 * @throws {ViolationError} when tasks can never end, or a callback ran after its shrinker had been unregistered
 * @throws {InputError} when the case does not fit into memory
 * @throws {StoppedError} when the signal was raised
 */
export async function simulateShrinker(one: SimulatedCase): Promise<SimulatedShrinker> {
  const { workload, cpus, profile, virtualMs, onProgress = () => {} } = one;
  const machine = new SimulatedMachine(one.core, profile, cpus, { symbolEnded: () => {}, noted: () => {} }, one.signal);
  let instances: readonly ShrinkerExports[] = [];
  const running: RunningModule<ShrinkerExports> = startShrinker(
    one.compiled,
    workload.limits,
    { cpus, nodes: nodesOf(workload), fiberBytes: fiberBytesOf(cpus, workload) },
    machine.imports,
    (started) => {
      instances = attachInstances(machine, started, cpus);
      const base = (started.exports.histogramAddress(0) >>> 0) - countersBytes;
      const last = instances[cpus - 1] as ShrinkerExports;
      const end = (last.histogramAddress(counters.histogramCount - 1) >>> 0) + histogramBytes;
      machine.setStatistics(base, end - base);
    },
  );
  const bytes = new Uint8Array(running.memory.buffer);
  const count = (counter: number): number => instances.reduce((sum, instance) => sum + instance.counter(counter), 0);
  const check = (statuses: readonly number[]): void => {
    if (statuses.every((status) => status === 0)) return;
    throw new InputError(
      `the memory of workload '${workload.name}' is used up; lower the number of cgroups or superblocks`,
    );
  };

  let events = 0;
  let begun: number | null = null;
  let opsPerSecond: number | null = null;
  let visitsPerSecond: number | null = null;
  for (const chunk of workload.chunks()) {
    const sorted = sortByTask(chunk, cpus, shrinkerKinds);
    bytes.set(sorted.events, running.layout.eventBuffer);
    events += chunk.byteLength / eventSize;
    if (!isMeasured(chunk)) {
      for (const { cpu, first, end } of sorted.tasks) {
        check([machine.untimed(cpu, () => (instances[cpu] as ShrinkerExports).run(first, end))]);
      }
      continue;
    }
    if (begun === null) {
      machine.forget();
      begun = machine.nowNs;
    }
    const isRepeated = virtualMs !== null && workload.repeatable;
    if (isRepeated && !holds(chunk, kindBogoOp) && !holds(chunk, kindReclaimPass)) continue;
    const deadlineNs = isRepeated ? machine.nowNs + virtualMs * 1e6 : 0;
    const before = instances.map((instance) => [
      instance.counter(counters.counterBogoOps),
      instance.counter(counters.counterVisits),
    ]);
    const fromNs = machine.nowNs;
    const results = machine.round(
      sorted.tasks.map(({ cpu, first, end }) => ({
        cpu,
        call: isRepeated ? callRunUntil : callRun,
        first,
        end,
        deadlineNs,
      })),
    );
    check(results.map(({ status }) => status));
    if (isRepeated) {
      // Each CPU has its own end, so its work counts by its own time.
      const ends = instances.map(() => fromNs);
      for (const [index, { cpu }] of sorted.tasks.entries()) {
        ends[cpu] = Math.max(ends[cpu] as number, (results[index] as { endNs: number }).endNs);
      }
      const rate = (counter: number, which: 0 | 1): number =>
        instances.reduce((sum, instance, cpu) => {
          const done = instance.counter(counter) - ((before[cpu] as number[])[which] as number);
          return done === 0 ? sum : sum + (done / ((ends[cpu] as number) - fromNs)) * 1e9;
        }, 0);
      if (holds(chunk, kindBogoOp)) opsPerSecond = rate(counters.counterBogoOps, 0);
      if (holds(chunk, kindReclaimPass)) visitsPerSecond = rate(counters.counterVisits, 1);
      break;
    }
    onProgress(events / workload.limits.events);
    await setImmediate();
  }
  const ns = machine.nowNs - (begun ?? machine.nowNs);
  const counts = machine.counts();
  const hottest = machine.hottestLines(10);
  for (const [cpu, instance] of instances.entries()) machine.untimed(cpu, () => instance.drain());
  const totals = Object.fromEntries(
    Object.entries(totalCounters).map(([name, counter]) => [name, count(counter)]),
  ) as SimulatedShrinker["totals"];
  if (totals.callbacksAfterFree > 0) {
    throw new ViolationError(`${totals.callbacksAfterFree} callbacks ran after their shrinker had been unregistered`);
  }
  if (virtualMs === null && ns > 0) {
    if (totals.bogoOps > 0) opsPerSecond = (totals.bogoOps / ns) * 1e9;
    if (totals.visits > 0) visitsPerSecond = (totals.visits / ns) * 1e9;
  }
  const distribution = (index: number): Histogram => {
    const histogram = new Histogram();
    for (const instance of instances) {
      const address = instance.histogramAddress(index) >>> 0;
      const max = new DataView(running.memory.buffer, address + bucketSlots * 4, 8).getBigUint64(0, true);
      histogram.addCounts(new Uint32Array(running.memory.buffer, address, bucketCount), Number(max));
    }
    return histogram;
  };
  return {
    ns,
    bogoOpsPerSecond: opsPerSecond,
    visitsPerSecond,
    counts,
    hottest,
    totals,
    distributions: {
      register: distribution(counters.histogramRegister),
      unregister: distribution(counters.histogramUnregister),
      pass: distribution(counters.histogramPass),
    },
  };
}
