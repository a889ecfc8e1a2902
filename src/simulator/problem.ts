// Runs the workload of any described problem on the simulated machine and reports what happened in virtual time. Every
// number is exact.
//
// All tasks of a round begin together, and the next round begins when the last of them is done.

import { setImmediate } from "node:timers/promises";
import type { RunningModule } from "../build/instance.ts";
import { type ProblemExports, readHistogram, startProblem } from "../build/problem.ts";
import { InputError, ViolationError } from "../errors.ts";
import {
  eventSize,
  kindBogoOp,
  kindCpuOffline,
  kindCpuOnline,
  kindObjectAllocate,
  kindObjectFree,
} from "../kernel/events.ts";
import { noteGracePeriod } from "../kernel/notes.ts";
import type { Problem } from "../problems/index.ts";
import { type Gauge, holdsAny } from "../problems/problem.ts";
import { sortByTask, type TaskEvents } from "../workloads/partition.ts";
import { callRun, callRunUntil } from "./core/protocol.ts";
import { activityBytes, SimulatedMachine } from "./machine.ts";
import { ProblemLines } from "./problem-lines.ts";
import { type Round, roundsOf } from "./rounds.ts";
import {
  attachInstances,
  busyNs,
  fiberBytesOf,
  heardImports,
  type SimulatedCase,
  type SimulatedRun,
  WorkPhases,
} from "./simulation.ts";

/** The end of a measured round. */
export interface RoundEnd {
  /** Virtual time since the measured part began. */
  readonly ns: number;
  /** What the gauges that are read after each round said, by the metric's native name. */
  readonly gauges: Readonly<Record<string, number>>;
}

/** What a described problem's case came to, in the measured part. Metrics have their native names. */
export interface SimulatedProblem extends SimulatedRun {
  /** Each CPU's bogo-ops over its own time, summed, or all over the time of all rounds; null without any. */
  readonly bogoOpsPerSecond: number | null;
  /** By metric; null where no round holds such work. */
  readonly rates: Readonly<Record<string, number | null>>;
  /** By metric; null where no round holds such work. */
  readonly costs: Readonly<Record<string, number | null>>;
  readonly bogoOps: number;
  readonly counters: Readonly<Record<string, number>>;
  /** By metric: those that are read once for the whole case. */
  readonly gauges: Readonly<Record<string, number>>;
  /** Empty without gauges that are read after each round. */
  readonly rounds: readonly RoundEnd[];
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

/** Those of some metrics that the simulator tells. */
function told<M extends { readonly only?: "native" | "simulated" }>(metrics: readonly M[]): readonly M[] {
  return metrics.filter(({ only }) => only !== "native");
}

/** Work that is counted in rounds, for a rate or a cost. */
class Work {
  /** Work, time and CPU time of the rounds that count. */
  done = 0;
  ns = 0;
  busyNs = 0;
  /** Work per second of a round that was repeated for a time. */
  repeated: number | null = null;

  add(done: number, ns: number, busy: number): void {
    this.done += done;
    this.ns += ns;
    this.busyNs += busy;
  }

  get perSecond(): number | null {
    if (this.repeated !== null) return this.repeated;
    return this.done === 0 || this.ns === 0 ? null : (this.done / this.ns) * 1e9;
  }

  get busyPerUnit(): number | null {
    return this.done === 0 ? null : this.busyNs / this.done;
  }
}

/** The instances of a case, and what their harnesses keep. */
class Harness {
  readonly problem: Problem;
  readonly machine: SimulatedMachine;
  instances: readonly ProblemExports[] = [];

  constructor(problem: Problem, machine: SimulatedMachine) {
    this.problem = problem;
    this.machine = machine;
  }

  /** What each CPU counted so far. */
  counts(counter: number): readonly number[] {
    return this.instances.map((instance) => instance.counter(counter));
  }

  /** @throws {ViolationError} when the variant gives what cannot be */
  gauge({ index, metric }: Pick<Gauge, "index" | "metric">): number {
    const value = this.machine.untimed(0, () => (this.instances[0] as ProblemExports).gauge(index));
    if (Number.isFinite(value) && value >= 0) return value;
    throw new ViolationError(`gives ${value} for ${metric}, which cannot be`);
  }

  gauges(read: Gauge["read"]): Record<string, number> {
    const ones = told(this.problem.gauges).filter((gauge) => gauge.read === read);
    return Object.fromEntries(ones.map((gauge) => [gauge.metric, this.gauge(gauge)]));
  }

  /** @throws {ViolationError} when the variant did what none may do */
  counters(): Record<string, number> {
    const values: Record<string, number> = {};
    for (const { index, metric, isMost = false, forbidden, only } of this.problem.counters) {
      const counts = this.counts(index);
      const value = isMost ? Math.max(0, ...counts) : sum(counts);
      if (forbidden !== undefined && value > 0) throw new ViolationError(`${value} ${forbidden}`);
      if (only !== "native") values[metric] = value;
    }
    return values;
  }
}

/** By CPU: the latest end of its tasks. */
function endsOf(
  cpus: number,
  fromNs: number,
  tasks: readonly TaskEvents[],
  results: readonly { readonly endNs: number }[],
): readonly number[] {
  const ends = new Array<number>(cpus).fill(fromNs);
  for (const [index, { cpu }] of tasks.entries()) {
    ends[cpu] = Math.max(ends[cpu] as number, (results[index] as { endNs: number }).endNs);
  }
  return ends;
}

/**
 * Simulates a case.
 *
 * @throws {ViolationError} when tasks can never end, or the harness counted what no variant may do
 * @throws {InputError} when the case does not fit into memory
 * @throws {StoppedError} when the signal was raised
 */
export async function simulateProblem(problem: Problem, one: SimulatedCase): Promise<SimulatedProblem> {
  const { workload, cpus, profile, virtualMs, onProgress = () => {}, onHeard = () => {} } = one;
  const lines = new ProblemLines(problem);
  const gracePeriods: Record<string, number> = {};
  for (const flavour of Object.values(problem.gracePeriods)) gracePeriods[flavour] = 0;
  /** Whether a measured round runs: grace periods are of these, as counts and durations are. */
  let isTimed = false;
  const machine = new SimulatedMachine(
    one.core,
    profile,
    cpus,
    {
      symbolEnded: () => {},
      noted: (_cpu, kind, value) => {
        lines.hear(kind, value);
        if (kind !== noteGracePeriod || !isTimed) return;
        const flavour = lines.flavourOf(value);
        if (flavour !== null) gracePeriods[flavour] = (gracePeriods[flavour] as number) + 1;
      },
      nameOf: (address) => lines.nameOf(address),
    },
    one.signal,
  );
  for (const kind of lines.kinds) machine.listenTo(kind);
  const phases = new WorkPhases(machine);
  const harness = new Harness(problem, machine);
  const imports = heardImports(machine, onHeard);
  // A CPU comes and goes as a task of its own.
  const hotplugged = holdsAny(problem.kinds, [kindCpuOffline, kindCpuOnline]) ? cpus : 0;
  const tasksMax = cpus + workload.limits.tasks + hotplugged;
  const running: RunningModule<ProblemExports> = startProblem(
    problem,
    one.compiled,
    workload,
    { cpus, fiberBytes: fiberBytesOf(cpus, workload) + hotplugged * activityBytes },
    imports,
    (started) => {
      harness.instances = attachInstances(machine, started, cpus, imports);
      const { exports } = started;
      machine.setStatistics(exports.statisticsAddress() >>> 0, exports.statisticsBytes() >>> 0);
    },
  );
  const { instances } = harness;
  const instanceOf = (cpu: number): ProblemExports => instances[cpu] as ProblemExports;
  lines.begin(running, (index) => harness.gauge({ index, metric: `gauge ${index}` }));
  const bytes = new Uint8Array(running.memory.buffer);
  const check = (statuses: readonly number[]): void => {
    if (statuses.every((status) => status === 0)) return;
    throw new InputError(`the memory of workload '${workload.name}' is used up; ${problem.advice}`);
  };

  // What is allocated in one chunk may be freed in another.
  const mayRepeat = workload.repeatable && !holdsAny(problem.kinds, [kindObjectAllocate, kindObjectFree]);
  const repeatedMs = mayRepeat ? virtualMs : null;
  const bogoOps = new Work();
  const rates = told(problem.rates).map((rate) => ({ ...rate, work: new Work() }));
  const costs = told(problem.costs ?? []).map((cost) => ({ ...cost, work: new Work() }));
  const counted = [
    ...new Set([problem.bogoOps, ...rates.map(({ counter }) => counter), ...costs.map((c) => c.counter)]),
  ];
  const gaugesMax: Record<string, number> = {};
  const rounds: RoundEnd[] = [];
  let events = 0;
  let ns = 0;
  let beganNs: number | null = null;

  const readMost = (): void => {
    for (const [metric, value] of Object.entries(harness.gauges("max")))
      gaugesMax[metric] = Math.max(gaugesMax[metric] ?? value, value);
  };
  const busySoFar = (): number => (costs.length === 0 ? 0 : busyNs(machine.counts()));
  const perform = (round: Round, tasks: readonly TaskEvents[]): void => {
    if (tasks.length > tasksMax)
      throw new InputError(`workload '${workload.name}': several tasks take the same CPU offline in one chunk`);
    if (round.isWork) phases.open();
    else phases.close();
    const fromNs = machine.nowNs;
    beganNs ??= fromNs;
    const before = new Map(counted.map((counter) => [counter, harness.counts(counter)]));
    const busyBefore = busySoFar();
    isTimed = true;
    const results = machine.round(
      tasks.map(({ cpu, first, end }) => ({
        cpu,
        call: repeatedMs === null ? callRun : callRunUntil,
        first,
        end,
        deadlineNs: repeatedMs === null ? 0 : fromNs + repeatedMs * 1e6,
      })),
    );
    isTimed = false;
    check(results.map(({ status }) => status));
    const took = machine.nowNs - fromNs;
    if (round.isWork) ns += took;
    const busy = busySoFar() - busyBefore;
    const done = (counter: number): readonly number[] => {
      const at = before.get(counter) as readonly number[];
      return harness.counts(counter).map((value, cpu) => value - (at[cpu] as number));
    };
    // Of a round that is repeated for a time each CPU has its own end, so its work counts by its own time.
    const ends = endsOf(cpus, fromNs, tasks, results);
    const rate = (counter: number): number =>
      done(counter).reduce(
        (total, count, cpu) => (count === 0 ? total : total + (count / ((ends[cpu] as number) - fromNs)) * 1e9),
        0,
      );
    if (repeatedMs === null) bogoOps.add(sum(done(problem.bogoOps)), round.isWork ? took : 0, 0);
    else if (round.kinds.has(kindBogoOp)) bogoOps.repeated = rate(problem.bogoOps);
    for (const { counter, kinds, notBeside = [], work } of rates) {
      if (!holdsAny(round.kinds, kinds)) continue;
      if (repeatedMs !== null) work.repeated = rate(counter);
      else if (!holdsAny(round.kinds, notBeside)) work.add(sum(done(counter)), took, busy);
    }
    for (const { counter, kinds, without, work } of costs) {
      if (holdsAny(round.kinds, kinds) && !holdsAny(round.kinds, without)) work.add(sum(done(counter)), took, busy);
    }
    const gauges = harness.gauges("rounds");
    if (Object.keys(gauges).length > 0) rounds.push({ ns: machine.nowNs - beganNs, gauges });
  };

  for (const round of roundsOf(problem, workload)) {
    const sorted = sortByTask(round.events, cpus, problem.kinds);
    bytes.set(sorted.events, running.layout.eventBuffer);
    events += round.events.byteLength / eventSize;
    if (!round.isMeasured) {
      phases.close();
      for (const { cpu, first, end } of sorted.tasks) {
        check([machine.untimed(cpu, () => instanceOf(cpu).run(first, end))]);
      }
      readMost();
      continue;
    }
    if (repeatedMs !== null && !round.isWork) continue;
    perform(round, sorted.tasks);
    readMost();
    // The other measured chunks hold the same work.
    if (repeatedMs !== null) break;
    onProgress(events / workload.limits.events);
    await setImmediate();
  }
  phases.close();
  for (const [cpu, instance] of instances.entries()) machine.untimed(cpu, () => instance.drain());

  const counters = harness.counters();
  const { counts } = phases;
  const byMetric = <T extends { readonly metric: string }, V>(ones: readonly T[], of: (one: T) => V) =>
    Object.fromEntries(ones.map((one) => [one.metric, of(one)])) as Record<string, V>;
  return {
    ns,
    counts,
    hottest: phases.hottest.map((line) => ({ ...line, name: lines.nameOf(line.address) })),
    longestHold: { lock: lines.nameOf(counts.longestHold.lock), ns: counts.longestHold.ns },
    gracePeriods,
    distributions: byMetric(problem.durations, ({ index }) => readHistogram(harness.instances, running.memory, index)),
    bogoOps: sum(harness.counts(problem.bogoOps)),
    bogoOpsPerSecond: bogoOps.perSecond,
    rates: byMetric(rates, ({ work }) => work.perSecond),
    costs: byMetric(costs, ({ work }) => work.busyPerUnit),
    counters,
    gauges: { ...gaugesMax, ...harness.gauges("end") },
    rounds,
  };
}
