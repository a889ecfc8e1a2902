import { describe, expect, test } from "vitest";
import { InputError, ViolationError } from "../../src/errors.ts";
import {
  kindBogoOp,
  kindCgroupOffline,
  kindCompute,
  kindLogPush,
  kindLruAdd,
  kindObjectFree,
  kindReclaimPass,
} from "../../src/kernel/events.ts";
import { describedLines } from "../../src/records/metrics/described.ts";
import { generalLines } from "../../src/records/metrics/general.ts";
import { defineMetrics } from "../../src/records/metrics/table.ts";
import { metricOf } from "../../src/records/metrics.ts";
import { problemSamples } from "../../src/simulator/rows.ts";
import { put, scriptedToy, simulateToy, take } from "./toy.ts";
import { toy } from "./toy-description.ts";

const setUp = (marbles: number) => ({ isMeasured: false, events: [put(marbles)] });
const measured = (...events: readonly { readonly kind: number; readonly task?: number; readonly a?: number }[]) => ({
  isMeasured: true,
  events,
});
const compute = (a: number, task = 0) => ({ kind: kindCompute, task, a });
const bogoOp = (task = 0) => ({ kind: kindBogoOp, task });

describe("of a described problem", () => {
  const workload = scriptedToy(
    [
      setUp(100),
      measured(...take(6, 2), compute(5000), compute(3000, 1), bogoOp(), bogoOp(1), bogoOp(1)),
      setUp(50),
      measured(put(30), ...take(4, 2)),
      measured(compute(7000)),
    ],
    { tasks: 2 },
  );
  const simulated = simulateToy(workload, { cpus: 2 });

  test("counters are of the measured part, summed over CPUs or the most of any", async () => {
    const { counters, bogoOps } = await simulated;
    expect(counters).toEqual({ taken: 20, "put-at-once": 30 });
    expect(bogoOps).toBe(3);
  });

  test("rounds have their ends in virtual time since the measured part began, and what gauges said then", async () => {
    const { rounds, ns } = await simulated;
    expect(rounds.map(({ gauges }) => gauges)).toEqual([{ marbles: 88 }, { marbles: 160 }, { marbles: 160 }]);
    const ends = rounds.map(({ ns: end }) => end);
    expect(ends[0]).toBeGreaterThan(5000);
    expect(ends[1]).toBeGreaterThan(ends[0]!);
    expect(ends[2]).toBeGreaterThanOrEqual(ends[1]! + 7000);
    expect(ends[2]).toBe(ns);
  });

  test("other gauges are the most after any round, and what is left when all deferred work is done", async () => {
    const { gauges } = await simulated;
    // Twelve of a hundred were taken before fifty and thirty came; draining adds one on each CPU.
    expect(gauges).toEqual({ "marbles-max": 160, "marbles-end": 162 });
  });

  test("rates are over the time of rounds that hold such work, costs over the CPU time of those that hold no other", async () => {
    const { rounds, rates, costs, ns, bogoOpsPerSecond, counts } = await simulated;
    expect(rates).toEqual({ "taken-per-s": (20 / rounds[1]!.ns) * 1e9 });
    expect(bogoOpsPerSecond).toBe((3 / ns) * 1e9);
    const cost = costs["take-ns"]!;
    expect(cost).toBeGreaterThan(8000 / 12);
    expect(cost).toBeLessThanOrEqual((2 * rounds[0]!.ns) / 12);
    expect(counts.cpus).toHaveLength(2);
  });

  test("durations and grace periods are of measured events, these by flavour", async () => {
    const { distributions, gracePeriods } = await simulated;
    expect(distributions["take-latency-ns"]!.count).toBe(20);
    // Those of domains elsewhere are of nobody.
    expect(gracePeriods).toEqual({ lock: 20, jar: 0 });
  });

  test("every sample has a metric that follows from the description, and is exact", async () => {
    const table = defineMetrics([...generalLines, ...describedLines(toy)]);
    const samples = problemSamples(await simulated, { cpus: 2, isByCpu: true });
    for (const { metric } of samples) expect(metricOf(metric, table).assume, metric).toBe("exact");
    const keys = samples.map(({ metric, round = 0 }) => `${metric} ${round}`);
    expect(new Set(keys).size).toBe(keys.length);
    expect(samples.filter(({ metric }) => metric === "virtual-marbles")).toEqual([
      { metric: "virtual-marbles", round: 0, value: 88 },
      { metric: "virtual-marbles", round: 1, value: 160 },
      { metric: "virtual-marbles", round: 2, value: 160 },
    ]);
    const natively = samples.filter(({ metric }) => /lost|bytes/.test(metric));
    expect(natively).toEqual([]);
  });
});

test("lines are called by the area they lie in, and by the object while it is there", async () => {
  const both = [0, 1].flatMap((task) => Array.from({ length: 50 }, () => compute(1, task)));
  const namesOf = async (...first: readonly { readonly kind: number; readonly a: number }[]) => {
    const workload = scriptedToy([setUp(100), measured(...first), measured(...both, ...take(20, 2))], { tasks: 2 });
    return (await simulateToy(workload, { cpus: 2 })).hottest.map(({ name }) => name);
  };
  const comes = { kind: kindLruAdd, a: 1 };
  const goes = { kind: kindLruAdd, a: 0 };
  const names = await namesOf();
  expect(names).toEqual(expect.arrayContaining(["marble lock", "jar", "floor"]));
  expect(names).not.toContain("marble");
  expect(await namesOf(comes)).toEqual(expect.arrayContaining(["marble lock", "jar", "marble"]));
  expect(await namesOf(comes, goes)).not.toContain("marble");
});

test("what the harness keeps for itself costs nothing, however often it is read", async () => {
  const workload = scriptedToy([setUp(9), measured(...Array.from({ length: 100 }, () => bogoOp()))]);
  const [read, unread] = await Promise.all([
    simulateToy(workload),
    simulateToy(workload, { problem: { ...toy, gauges: [] } }),
  ]);
  expect(read.bogoOps).toBe(100);
  expect(read.counts.accesses).toBe(0);
  expect(unread.rounds).toEqual([]);
  expect(unread.ns).toBe(read.ns);
});

describe("what no variant may do voids it:", () => {
  test("the harness has counted it, measured or not", async () => {
    const lose = { kind: kindCgroupOffline };
    const workload = scriptedToy([{ isMeasured: false, events: [put(1), lose] }, measured(lose, ...take(1))]);
    await expect(simulateToy(workload)).rejects.toThrow(new ViolationError("2 marbles were lost"));
  });

  test("a gauge says what cannot be", async () => {
    const problem = { ...toy, gauges: [{ ...toy.gauges[0]!, index: 2 }] };
    const workload = scriptedToy([setUp(1), measured(...take(1))]);
    await expect(simulateToy(workload, { problem })).rejects.toThrow(
      new ViolationError("gives -1 for marbles, which cannot be"),
    );
  });
});

test("memory that is used up is bad input, with the description's advice", async () => {
  const workload = scriptedToy([setUp(1), measured({ kind: kindLogPush })]);
  await expect(simulateToy(workload)).rejects.toThrow(
    new InputError("the memory of workload 'scripted' is used up; use fewer marbles"),
  );
});

describe("a workload that may be repeated", () => {
  const chunk = measured(compute(100), ...take(1), bogoOp(), compute(300, 1), ...take(1), bogoOp(1));
  const workload = scriptedToy([setUp(1e6), chunk, chunk], { tasks: 2, repeatable: true });

  test("is, for the time that is asked for, its first measured chunk alone; each CPU's work counts by its own time", async () => {
    const { ns, rounds, bogoOps, bogoOpsPerSecond, rates, counters } = await simulateToy(workload, {
      cpus: 2,
      virtualMs: 1,
    });
    expect(ns).toBeGreaterThanOrEqual(1e6);
    expect(ns).toBeLessThan(1.01e6);
    expect(rounds).toHaveLength(1);
    expect(bogoOps).toBeGreaterThan(4000);
    expect(bogoOpsPerSecond).toBeGreaterThanOrEqual((bogoOps / ns) * 1e9);
    expect(bogoOpsPerSecond).toBeLessThan((bogoOps / ns) * 1e9 * 1.01);
    expect(rates["taken-per-s"]! / bogoOpsPerSecond!).toBeCloseTo(counters.taken! / bogoOps, 3);
  });

  test("is not, where no time is asked for or the problem acts on objects, whose frees may come chunks later", async () => {
    expect((await simulateToy(workload, { cpus: 2 })).bogoOps).toBe(4);
    const problem = { ...toy, kinds: new Set([...toy.kinds, kindObjectFree]) };
    expect((await simulateToy(workload, { cpus: 2, virtualMs: 1, problem })).bogoOps).toBe(4);
  });
});

describe("as the description says,", () => {
  const chunks = [setUp(100), measured(...take(3, 2)), measured(...take(2, 2), compute(10)), measured(compute(20))];
  const workload = scriptedToy(chunks, { tasks: 2 });

  test("chunks that leave all as they found it are one round", async () => {
    const lasting = { ...toy, lastingKinds: new Set([kindReclaimPass, kindCompute]) };
    const apart = await simulateToy(workload, { cpus: 2 });
    const together = await simulateToy(workload, { cpus: 2, problem: lasting });
    expect(apart.rounds).toHaveLength(3);
    expect(together.rounds).toHaveLength(1);
    expect(together.counters).toEqual(apart.counters);
    const passes = { ...toy, lastingKinds: new Set([kindReclaimPass]) };
    expect((await simulateToy(workload, { cpus: 2, problem: passes })).rounds).toHaveLength(3);
  });

  test("rounds without the workload's own work have no part in its time", async () => {
    const all = await simulateToy(workload, { cpus: 2 });
    const problem = { ...toy, workKinds: new Set([kindReclaimPass]) };
    const work = await simulateToy(workload, { cpus: 2, problem });
    expect(work.rounds).toEqual(all.rounds);
    expect(work.ns).toBe(work.rounds[1]!.ns);
    expect(
      work.counts.cpus.flatMap(({ symbolNs }) => [...symbolNs.values()]).reduce((sum, ns) => sum + ns, 0),
    ).toBeCloseTo(2 * work.ns, 3);
  });
});
