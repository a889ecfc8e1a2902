// From what a simulated case came to, to samples of the metrics in `src/records/metrics.ts`. All of them are exact.

import type { Histogram } from "../records/histogram.ts";
import { labelledMetric } from "../records/labelled.ts";
import { virtualName } from "../records/metrics.ts";
import { nameOfSymbol } from "./machine.ts";
import type { SimulatedProblem } from "./problem.ts";
import type { SimulatedQuarantine } from "./quarantine.ts";
import { busyNs, type SimulatedRun } from "./simulation.ts";

/** One value of one metric. */
export interface Sample {
  readonly metric: string;
  /** Number of the measured round that it is of, from 0; absent where it is of the whole case. */
  readonly round?: number;
  readonly value: number;
}

/** How much is told of a case. */
export interface SampleOptions {
  readonly cpus: number;
  /** Whether times in symbols are told by CPU, too: a row for each. */
  readonly isByCpu: boolean;
}

/** Samples of a described problem's case. */
export function problemSamples(run: SimulatedProblem, options: SampleOptions): Sample[] {
  const { bogoOps, bogoOpsPerSecond, rates, costs, distributions, counters, gauges, rounds } = run;
  return [
    ...present("virtual-bogo-ops-per-s", bogoOpsPerSecond),
    ...[rates, costs].flatMap((values) =>
      Object.entries(values).flatMap(([metric, value]) => present(virtualName(metric), value)),
    ),
    ...machineSamples(run, options),
    ...Object.entries(distributions).flatMap(([metric, histogram]) => times(virtualName(metric), histogram)),
    ...counts({ "virtual-bogo-ops": bogoOps }),
    ...[counters, gauges].flatMap((values) =>
      Object.entries(values).map(([metric, value]) => ({ metric: virtualName(metric), value })),
    ),
    ...rounds.flatMap((one, round) => [
      { metric: "virtual-round-end-ns", round, value: tenths(one.ns) },
      ...Object.entries(one.gauges).map(([metric, value]) => ({ metric: virtualName(metric), round, value })),
    ]),
  ];
}

/** Samples of a quarantine's case. */
export function quarantineSamples(run: SimulatedQuarantine, options: SampleOptions): Sample[] {
  const { totals, objects, heldBytes, sumNs, leftWork, distributions, bogoOpsPerSecond, putsPerSecond } = run;
  return [
    ...present("virtual-bogo-ops-per-s", bogoOpsPerSecond),
    ...present("virtual-puts-per-s", putsPerSecond),
    ...machineSamples(run, options),
    ...times("virtual-put-latency-ns", distributions.put),
    ...times("virtual-reduce-latency-ns", distributions.reduce),
    ...times("virtual-remove-latency-ns", distributions.remove),
    ...times("virtual-worker-latency-ns", distributions.worker),
    ...times("virtual-teardown-latency-ns", distributions.teardown),
    ...times("virtual-gone-latency-ns", distributions.gone),
    ...counts({
      "virtual-put-ns": tenths(sumNs.put),
      "virtual-reduce-ns": tenths(sumNs.reduce),
      "virtual-remove-ns": tenths(sumNs.remove),
      "virtual-worker-ns": tenths(sumNs.worker),
      "virtual-left-work-ns": tenths(leftWork.ns),
      "virtual-bogo-ops": totals.bogoOps,
      "virtual-puts": totals.puts,
      "virtual-evicted": totals.evicted,
      "virtual-removed": totals.removed,
      "virtual-drained": totals.drained,
      "virtual-foreign-visits": totals.foreignVisited,
      "virtual-batch-visits": totals.batchesVisited,
      "virtual-removals": totals.removals,
      "virtual-removals-skipped": totals.removalsSkipped,
      "virtual-removals-completed": totals.removalsCompleted,
      "virtual-held-objects": objects.held,
      "virtual-held-bytes": heldBytes.found,
      "virtual-unfinished-caches": run.unfinishedCaches,
    }),
  ];
}

/** What every machine tells. */
function machineSamples(run: SimulatedRun, { isByCpu }: SampleOptions): Sample[] {
  const { ns, counts: machine, hottest, longestHold, gracePeriods } = run;
  return [
    { metric: "virtual-ns", value: tenths(ns) },
    ...(ns > 0 ? [{ metric: "utilisation", value: busyNs(machine) / ns }] : []),
    ...byName(machine.cpus.flatMap(({ symbolNs }) => [...symbolNs])).map(([name, value]) =>
      labelled("symbol-ns", name, tenths(value)),
    ),
    ...(isByCpu ? samplesByCpu(machine.cpus) : []),
    ...byName([...machine.calls]).map(([name, calls]) => labelled("symbol-calls", name, calls)),
    ...counts({ "virtual-accesses": machine.accesses }),
    ...Object.entries(machine.fetched).map(([source, lines]) => labelled("fetched", source, lines)),
    ...lineSamples(hottest),
    ...Object.entries(gracePeriods).map(([flavour, ended]) => labelled("grace-periods", flavour, ended)),
    ...counts({
      "context-switches": machine.contextSwitches,
      interrupts: machine.interrupts,
      "wake-ups": machine.wakeUps,
      sleeps: machine.sleeps,
      "virtual-irq-off-ns-max": tenths(machine.cpus.reduce((most, { irqOffMaxNs }) => Math.max(most, irqOffMaxNs), 0)),
    }),
    ...(longestHold.ns > 0 ? [labelled("virtual-lock-hold-ns-max", longestHold.lock, tenths(longestHold.ns))] : []),
  ];
}

function samplesByCpu(cpus: SimulatedRun["counts"]["cpus"]): Sample[] {
  return cpus.flatMap(({ symbolNs }, cpu) =>
    byName([...symbolNs]).map(([name, ns]) => labelled("cpu-symbol-ns", `${cpu} ${name}`, tenths(ns))),
  );
}

/** Sums by the name of a symbol, in the order of the symbols. Several may be shown under one name. */
function byName(values: readonly (readonly [symbol: number, value: number])[]): [string, number][] {
  const sums = new Map<string, number>();
  for (const [symbol, value] of [...values].sort(([one], [other]) => one - other)) {
    const name = nameOfSymbol(symbol);
    sums.set(name, (sums.get(name) ?? 0) + value);
  }
  return [...sums];
}

/** The hottest lines. Of lines of one name, the second and later ones get a number. */
function lineSamples(lines: SimulatedRun["hottest"]): Sample[] {
  const seen = new Map<string, number>();
  return lines.flatMap(({ name, transfers, waitedNs }) => {
    const nth = (seen.get(name) ?? 0) + 1;
    seen.set(name, nth);
    const label = nth === 1 ? name : `${name} ${nth}`;
    return [labelled("line-transfers", label, transfers), labelled("line-waited-ns", label, tenths(waitedNs))];
  });
}

function labelled(name: string, label: string, value: number): Sample {
  return { metric: labelledMetric(name, label), value };
}

function present(metric: string, value: number | null): Sample[] {
  return value === null ? [] : [{ metric, value }];
}

function counts(values: Readonly<Record<string, number>>): Sample[] {
  return Object.entries(values).map(([metric, value]) => ({ metric, value }));
}

function times(name: string, histogram: Histogram): readonly Sample[] {
  return histogram.rows(name);
}

/** A time in ns without what adding tenths has left behind them. */
function tenths(ns: number): number {
  return Math.round(ns * 10) / 10;
}
