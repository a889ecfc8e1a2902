// Runs a shrinker's workload on the simulated machine and reports what happened in virtual time. Every number is exact.

import { setImmediate } from "node:timers/promises";
import type { RunningModule } from "../build/instance.ts";
import { type ShrinkerExports, shrinkerKinds, startShrinker } from "../build/shrinker.ts";
import { InputError, ViolationError } from "../errors.ts";
import { eventKindOffset, eventSize, kindBogoOp, kindCompute, kindReclaimPass } from "../kernel/events.ts";
import { noteGracePeriod, noteShrinkerAllocated, noteShrinkerFreed } from "../kernel/notes.ts";
import * as areas from "../kernel/shrinker/areas.ts";
import * as counters from "../kernel/shrinker/counters.ts";
import { bucketCount, Histogram } from "../records/histogram.ts";
import { sortByTask } from "../workloads/partition.ts";
import { chunkEventsMax, type Workload } from "../workloads/workload.ts";
import { callRun, callRunUntil } from "./core/protocol.ts";
import { SimulatedMachine } from "./machine.ts";
import {
  attachInstances,
  busyNs,
  fiberBytesOf,
  heardImports,
  isMeasured,
  type SimulatedCase,
  type SimulatedRun,
  WorkPhases,
} from "./simulation.ts";

/** What a shrinker's case came to, in the measured part. */
export interface SimulatedShrinker extends SimulatedRun {
  readonly distributions: Readonly<Record<"register" | "unregister" | "pass", Histogram>>;
  /** Each CPU's work over its own time, summed; null without bogo-ops. */
  readonly bogoOpsPerSecond: number | null;
  /** Visits in rounds of reclaim passes; null without any. */
  readonly visitsPerSecond: number | null;
  /** CPU time that was not idle in rounds of reclaim passes only, per visit; null without any. */
  readonly visitNs: number | null;
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

/** Kinds that a chunk holds. */
function kindsOf(chunk: Uint8Array): ReadonlySet<number> {
  const kinds = new Set<number>();
  for (let offset = 0; offset < chunk.byteLength; offset += eventSize)
    kinds.add(chunk[offset + eventKindOffset] as number);
  return kinds;
}

/** Kinds that leave cgroups and superblocks as they found them, whatever other tasks do. */
const lastingKinds: ReadonlySet<number> = new Set([kindReclaimPass, kindCompute]);

/** A chunk of events, or several that need not wait for each other. */
interface Round {
  readonly events: Uint8Array;
  readonly isMeasured: boolean;
  readonly holdsBogoOps: boolean;
  readonly holdsPasses: boolean;
}

/** The workload's chunks; those with reclaim passes only, which begin whenever their tasks are ready, as one round. */
function* roundsOf(workload: Workload): Generator<Round> {
  let passes: Uint8Array[] = [];
  let bytes = 0;
  const merged = (): Round => {
    const events = new Uint8Array(bytes);
    let at = 0;
    for (const chunk of passes) {
      events.set(chunk, at);
      at += chunk.byteLength;
    }
    passes = [];
    bytes = 0;
    return { events, isMeasured: true, holdsBogoOps: false, holdsPasses: true };
  };
  for (const chunk of workload.chunks()) {
    const kinds = kindsOf(chunk);
    const lasts = isMeasured(chunk) && kinds.has(kindReclaimPass) && [...kinds].every((kind) => lastingKinds.has(kind));
    if (passes.length > 0 && (!lasts || bytes + chunk.byteLength > chunkEventsMax * eventSize)) yield merged();
    if (lasts) {
      passes.push(chunk.slice());
      bytes += chunk.byteLength;
      continue;
    }
    yield {
      events: chunk,
      isMeasured: isMeasured(chunk),
      holdsBogoOps: kinds.has(kindBogoOp),
      holdsPasses: kinds.has(kindReclaimPass),
    };
  }
  if (passes.length > 0) yield merged();
}

/** Names of what the problem's own memory holds, by area. */
const areaNames: Readonly<Record<number, string>> = {
  [areas.areaAllocator]: "slab allocator",
  [areas.areaTree]: "cgroup tree",
  [areas.areaMemcgs]: "mem_cgroup",
  [areas.areaSuperblocks]: "super_block",
  [areas.areaRcu]: "RCU",
  [areas.areaWalkers]: "cgroup walkers",
  [areas.areaList]: "shrinker_list",
  [areas.areaIds]: "shrinker_idr",
  [areas.areaVariant]: "locks of shrinkers",
};

/**
 * Simulates a case.
 *
 * @throws {ViolationError} when tasks can never end, or a callback ran after its shrinker had been unregistered
 * @throws {InputError} when the case does not fit into memory
 * @throws {StoppedError} when the signal was raised
 */
export async function simulateShrinker(one: SimulatedCase): Promise<SimulatedShrinker> {
  const { workload, cpus, profile, virtualMs, onProgress = () => {}, onHeard = () => {} } = one;
  /** Lines of descriptors that are there. */
  const descriptors = new Set<number>();
  const gracePeriods = { rcu: 0, srcu: 0 };
  /** Whether a measured round runs: counts and durations of events are of these, too. */
  let isTimed = false;
  const nameOf = (address: number): string => {
    const { layout } = running;
    if (descriptors.has(address >>> 6)) return "struct shrinker";
    if (address >= layout.fibers) return "stacks of tasks";
    if (address >= layout.arenaBase) return "slab pages (shrinker_info and others)";
    if (address >= layout.pageTable - 64) return "page allocator";
    return areaNames[running.exports.areaAt(address | 0)] ?? "machine";
  };
  const machine = new SimulatedMachine(
    one.core,
    profile,
    cpus,
    {
      symbolEnded: () => {},
      noted: (_cpu, kind, value) => {
        if (kind === noteShrinkerAllocated || kind === noteShrinkerFreed) {
          for (let line = value >>> 6; line < (value + shrinkerBytes + 63) >>> 6; line++) {
            if (kind === noteShrinkerAllocated) descriptors.add(line);
            else descriptors.delete(line);
          }
          return;
        }
        if (!isTimed) return;
        const area = running.exports.areaAt(value);
        if (area === areas.areaRcu) gracePeriods.rcu++;
        else if (area !== areas.areaWalkers) gracePeriods.srcu++;
      },
      nameOf,
    },
    one.signal,
  );
  for (const kind of [noteShrinkerAllocated, noteShrinkerFreed, noteGracePeriod]) machine.listenTo(kind);
  const phases = new WorkPhases(machine);
  const imports = heardImports(machine, onHeard);
  let instances: readonly ShrinkerExports[] = [];
  const running: RunningModule<ShrinkerExports> = startShrinker(
    one.compiled,
    workload.limits,
    { cpus, nodes: nodesOf(workload), fiberBytes: fiberBytesOf(cpus, workload) },
    imports,
    (started) => {
      instances = attachInstances(machine, started, cpus, imports);
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

  const shrinkerBytes = running.exports.shrinkerBytes();
  let events = 0;
  let ns = 0;
  let passNs = 0;
  let passBusyNs = 0;
  let passVisits = 0;
  let opsPerSecond: number | null = null;
  let visitsPerSecond: number | null = null;
  for (const round of roundsOf(workload)) {
    const sorted = sortByTask(round.events, cpus, shrinkerKinds);
    bytes.set(sorted.events, running.layout.eventBuffer);
    events += round.events.byteLength / eventSize;
    if (!round.isMeasured) {
      phases.close();
      for (const { cpu, first, end } of sorted.tasks) {
        check([machine.untimed(cpu, () => (instances[cpu] as ShrinkerExports).run(first, end))]);
      }
      continue;
    }
    const isWork = round.holdsBogoOps || round.holdsPasses;
    const isRepeated = virtualMs !== null && workload.repeatable;
    if (isRepeated && !isWork) continue;
    if (isWork) phases.open();
    else phases.close();
    const fromNs = machine.nowNs;
    const before = instances.map((instance) => [
      instance.counter(counters.counterBogoOps),
      instance.counter(counters.counterVisits),
    ]);
    const busyBefore = busyNs(machine.counts());
    isTimed = true;
    const results = machine.round(
      sorted.tasks.map(({ cpu, first, end }) => ({
        cpu,
        call: isRepeated ? callRunUntil : callRun,
        first,
        end,
        deadlineNs: isRepeated ? fromNs + virtualMs * 1e6 : 0,
      })),
    );
    isTimed = false;
    check(results.map(({ status }) => status));
    const took = machine.nowNs - fromNs;
    if (isWork) ns += took;
    const done = (which: 0 | 1): number[] =>
      instances.map(
        (instance, cpu) =>
          instance.counter(which === 0 ? counters.counterBogoOps : counters.counterVisits) -
          ((before[cpu] as number[])[which] as number),
      );
    const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
    if (round.holdsPasses && !round.holdsBogoOps) {
      passNs += took;
      passBusyNs += busyNs(machine.counts()) - busyBefore;
      passVisits += sum(done(1));
    }
    if (isRepeated) {
      // Each CPU has its own end, so its work counts by its own time.
      const ends = instances.map(() => fromNs);
      for (const [index, { cpu }] of sorted.tasks.entries()) {
        ends[cpu] = Math.max(ends[cpu] as number, (results[index] as { endNs: number }).endNs);
      }
      const rate = (which: 0 | 1): number =>
        done(which).reduce(
          (total, count, cpu) => (count === 0 ? total : total + (count / ((ends[cpu] as number) - fromNs)) * 1e9),
          0,
        );
      if (round.holdsBogoOps) opsPerSecond = rate(0);
      if (round.holdsPasses) visitsPerSecond = rate(1);
      // The other measured chunks hold the same work.
      break;
    }
    onProgress(events / workload.limits.events);
    await setImmediate();
  }
  phases.close();
  for (const [cpu, instance] of instances.entries()) machine.untimed(cpu, () => instance.drain());
  const totals = Object.fromEntries(
    Object.entries(totalCounters).map(([name, counter]) => [name, count(counter)]),
  ) as SimulatedShrinker["totals"];
  if (totals.callbacksAfterFree > 0) {
    throw new ViolationError(`${totals.callbacksAfterFree} callbacks ran after their shrinker had been unregistered`);
  }
  if (opsPerSecond === null && totals.bogoOps > 0) opsPerSecond = (totals.bogoOps / ns) * 1e9;
  if (visitsPerSecond === null && passVisits > 0) visitsPerSecond = (passVisits / passNs) * 1e9;
  const { counts } = phases;
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
    hottest: phases.hottest.map((line) => ({ ...line, name: nameOf(line.address) })),
    longestHold: { lock: nameOf(counts.longestHold.lock), ns: counts.longestHold.ns },
    gracePeriods,
    totals,
    visitNs: passVisits === 0 ? null : passBusyNs / passVisits,
    distributions: {
      register: distribution(counters.histogramRegister),
      unregister: distribution(counters.histogramUnregister),
      pass: distribution(counters.histogramPass),
    },
  };
}
