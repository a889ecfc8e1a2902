import { describe, expect, test } from "vitest";
import * as symbols from "../../src/kernel/symbols.ts";
import { Histogram } from "../../src/records/histogram.ts";
import { metricOf } from "../../src/records/metrics.ts";
import { idleSymbol, scheduleSymbol } from "../../src/simulator/core/protocol.ts";
import { performJob } from "../../src/simulator/job.ts";
import type { SimulatedProblem } from "../../src/simulator/problem.ts";
import type { SimulatedQuarantine } from "../../src/simulator/quarantine.ts";
import { problemSamples, quarantineSamples, type Sample } from "../../src/simulator/rows.ts";
import type { SimulatedRun } from "../../src/simulator/simulation.ts";
import { jobOf } from "./small-jobs.ts";

function histogramOf(...durations: readonly number[]): Histogram {
  const histogram = new Histogram();
  for (const ns of durations) histogram.record(ns);
  return histogram;
}

/** Of 100 ns on two CPUs: one busy but for 20 ns, the other for 30 ns. */
const run: SimulatedRun = {
  ns: 100,
  counts: {
    cpus: [
      {
        // Sums of tenths that doubles do not hold exactly.
        symbolNs: new Map([
          [symbols.upRead, 0.1 + 0.2],
          [symbols.downReadTrylock, 79.7],
          [idleSymbol, 20],
        ]),
        irqOffMaxNs: 7,
      },
      {
        symbolNs: new Map([
          [idleSymbol, 70],
          [symbols.downReadTrylock, 20],
          [scheduleSymbol, 10],
        ]),
        irqOffMaxNs: 9.5,
      },
    ],
    calls: new Map([
      [symbols.upRead, 3],
      [symbols.downReadTrylock, 4],
    ]),
    accesses: 1234,
    suspensions: 5,
    fetched: {
      l2: 1,
      l3: 2,
      "same-cluster": 3,
      "same-socket": 4,
      "other-socket": 5,
      "memory-local": 6,
      "memory-remote": 7,
    },
    contextSwitches: 2,
    interrupts: 1,
    wakeUps: 3,
    sleeps: 4,
    longestHold: { lock: 64, ns: 12 },
  },
  hottest: [
    { address: 0, transfers: 30, waitedNs: 10.04, symbol: symbols.upRead, name: "locks of shrinkers" },
    { address: 64, transfers: 20, waitedNs: 0, symbol: symbols.upRead, name: "locks of shrinkers" },
    { address: 128, transfers: 10, waitedNs: 1, symbol: symbols.upRead, name: "RCU" },
  ],
  longestHold: { lock: "shrinker_rwsem", ns: 12 },
  gracePeriods: { rcu: 2, srcu: 0 },
  distributions: {},
};

const described: SimulatedProblem = {
  ...run,
  distributions: {
    "register-latency-ns": histogramOf(5, 5),
    "unregister-latency-ns": histogramOf(6),
    "pass-latency-ns": histogramOf(),
  },
  bogoOps: 1,
  counters: { passes: 2, visits: 3, "visits-given-up": 4 },
  gauges: {},
  rounds: [],
  bogoOpsPerSecond: 50,
  rates: { "visits-per-s": null },
  costs: { "visit-ns": null },
};

const quarantine: SimulatedQuarantine = {
  ...run,
  distributions: Object.fromEntries(
    ["put", "reduce", "remove", "worker", "teardown", "gone"].map((name) => [name, histogramOf(1)]),
  ),
  sumNs: { put: 1, reduce: 2, remove: 3, worker: 4 },
  teardowns: [],
  leftWork: { runs: 1, ns: 5.25 },
  bogoOpsPerSecond: null,
  putsPerSecond: 7,
  totals: {
    bogoOps: 0,
    puts: 1,
    evicted: 2,
    removed: 3,
    drained: 4,
    foreignVisited: 5,
    batchesVisited: 6,
    removals: 7,
    removalsSkipped: 8,
    removalsCompleted: 9,
  },
  objects: { put: 10, evicted: 1, removed: 2, drained: 3, refused: 0, forgotten: 0, held: 4 },
  heldBytes: { found: 256, stated: 256 },
  unfinishedCaches: 0,
} as unknown as SimulatedQuarantine;

const few = { cpus: 2, isByCpu: false };
const valuesOf = (samples: readonly Sample[], name: string): Record<string, number> =>
  Object.fromEntries(
    samples.flatMap(({ metric, value }) => (metric.startsWith(`${name}[`) ? [[metric.slice(name.length), value]] : [])),
  );
const valueAt = (samples: readonly Sample[], name: string): number | undefined =>
  samples.find(({ metric }) => metric === name)?.value;

describe.each([
  ["described problem", (options: typeof few) => problemSamples(described, options)],
  ["quarantine", (options: typeof few) => quarantineSamples(quarantine, options)],
] as const)("samples of the %s", (_, samplesOf) => {
  const samples = samplesOf(few);

  test("are of metrics that are listed, each once, exact, and finite", () => {
    for (const { metric, value } of samplesOf({ ...few, isByCpu: true })) {
      expect(metricOf(metric).assume, metric).toBe("exact");
      expect(Number.isFinite(value), metric).toBe(true);
    }
    expect(new Set(samples.map(({ metric }) => metric)).size).toBe(samples.length);
  });

  test("have the time of each symbol, of all CPUs together, in the order of the symbols", () => {
    const times = valuesOf(samples, "symbol-ns");
    expect(times).toEqual({ "[down_read_trylock]": 99.7, "[up_read]": 0.3, "[idle]": 90, "[schedule]": 10 });
    expect(Object.keys(times)).toEqual(["[down_read_trylock]", "[up_read]", "[idle]", "[schedule]"]);
    expect(Object.values(times).reduce((sum, ns) => sum + ns, 0)).toBeCloseTo(2 * 100, 9);
    expect(valueAt(samples, "utilisation")).toBeCloseTo(1.1, 9);
  });

  test("have it by CPU only when that is asked for", () => {
    expect(valuesOf(samples, "cpu-symbol-ns")).toEqual({});
    expect(valuesOf(samplesOf({ ...few, isByCpu: true }), "cpu-symbol-ns")).toEqual({
      "[0 down_read_trylock]": 79.7,
      "[0 up_read]": 0.3,
      "[0 idle]": 20,
      "[1 down_read_trylock]": 20,
      "[1 idle]": 70,
      "[1 schedule]": 10,
    });
  });

  test("tell lines of one name apart", () => {
    expect(valuesOf(samples, "line-transfers")).toEqual({
      "[locks of shrinkers]": 30,
      "[locks of shrinkers 2]": 20,
      "[RCU]": 10,
    });
    expect(valuesOf(samples, "line-waited-ns")).toEqual({
      "[locks of shrinkers]": 10,
      "[locks of shrinkers 2]": 0,
      "[RCU]": 1,
    });
  });

  test("have what the machine counted, and of its CPUs' longest times the longest", () => {
    expect(valueAt(samples, "virtual-irq-off-ns-max")).toBe(9.5);
    expect(valuesOf(samples, "virtual-lock-hold-ns-max")).toEqual({ "[shrinker_rwsem]": 12 });
    expect(valuesOf(samples, "grace-periods")).toEqual({ "[rcu]": 2, "[srcu]": 0 });
    expect(valuesOf(samples, "fetched")["[memory-remote]"]).toBe(7);
    expect(["virtual-accesses", "context-switches", "interrupts"].map((name) => valueAt(samples, name))).toEqual([
      1234, 2, 1,
    ]);
  });
});

test("what a case has none of has no row, and is not 0", () => {
  const samples = problemSamples(described, few);
  expect(valueAt(samples, "virtual-bogo-ops-per-s")).toBe(50);
  for (const name of ["virtual-visits-per-s", "virtual-visit-ns"]) expect(valueAt(samples, name)).toBe(undefined);
  expect(samples.some(({ metric }) => metric.startsWith("virtual-pass-latency-ns"))).toBe(false);
  const idle = problemSamples({ ...described, ns: 0, longestHold: { lock: "", ns: 0 } }, few);
  expect(valueAt(idle, "utilisation")).toBe(undefined);
  expect(valuesOf(idle, "virtual-lock-hold-ns-max")).toEqual({});
});

test("grace periods of the set-up, and of what is left at the end, do not count: no more end than shrinkers are unregistered", async () => {
  const one = {
    problem: "shrinker",
    workload: "container-start",
    parameters: { cgroups: 40, mounters: 1, reclaimers: 1 },
    machine: "xeon-24-1s",
    cpus: 2,
    virtualMs: 1,
  } as const;
  const outcome = await performJob(await jobOf(one, "refcount-rcu"), () => {});
  if (outcome.kind !== "done") throw new Error(outcome.message);
  const unregistered = valueAt(outcome.samples, "virtual-unregistered")!;
  expect(valuesOf(outcome.samples, "grace-periods")["[rcu]"]).toBeGreaterThan(unregistered / 2);
  expect(valuesOf(outcome.samples, "grace-periods")["[rcu]"]).toBeLessThanOrEqual(unregistered);
  // Each was timed, and no other.
  const timed = outcome.samples.filter(({ metric }) => metric.startsWith("virtual-unregister-latency-ns["));
  expect(timed.reduce((sum, { value }) => sum + value, 0)).toBe(unregistered);
});
