// Every described problem measured on threads and counted, on a small workload of its own: its description and its
// harness say the same, and every metric is in the table.

import { expect, test } from "vitest";
import { type CompiledModule, compileModule } from "../../src/build/compile.ts";
import type { MachineForm } from "../../src/build/flags.ts";
import { measureProblem } from "../../src/native/problem.ts";
import { cil } from "../../src/problems/cil.ts";
import { type Problem, problems } from "../../src/problems/index.ts";
import { memcgIterator } from "../../src/problems/memcg-iterator.ts";
import { shrinker } from "../../src/problems/shrinker.ts";
import { slabOffline } from "../../src/problems/slab-offline.ts";
import { metricOf } from "../../src/records/metrics.ts";
import { countProblem } from "../../src/traced/problem.ts";
import { createWorkload } from "../../src/workloads/index.ts";
import type { ParameterValue, Workload } from "../../src/workloads/workload.ts";

interface Case {
  readonly problem: Problem;
  readonly variant: string;
  /** Holds something of all that the problem counts, and takes no second. */
  readonly workload: readonly [name: string, parameters: Readonly<Record<string, ParameterValue>>];
}

const cases: readonly Case[] = [
  {
    problem: cil,
    variant: "shadow-buffers",
    workload: ["metadata-commits", { committers: 2, transactions: 20, "push-threshold": 65_536, "compute-ns": 2000 }],
  },
  {
    problem: memcgIterator,
    variant: "weak-position",
    workload: [
      "iterator-churn",
      {
        ...{ cgroups: 20, "slow-cgroups": 0, rounds: 2, "churn-ops": 5, passes: 5 },
        ...{ "visit-ns": 100, "churn-ns": 1000 },
      },
    ],
  },
  {
    problem: slabOffline,
    variant: "reparent-slabs",
    workload: ["offline-churn", { rounds: 6, cgroups: 4, objects: 40, "long-rounds": 3 }],
  },
  {
    problem: shrinker,
    variant: "refcount-rcu",
    workload: [
      "container-start",
      { mounters: 1, reclaimers: 1, cgroups: 10, rounds: 2, containers: 3, "reclaim-passes": 2, "compute-ns": 2000 },
    ],
  },
];

const metricsOf = (values: Iterable<string>): string[] => [...new Set(values)].sort();

function compileFor({ problem, variant }: Case, machine: MachineForm): Promise<CompiledModule> {
  return compileModule({ problem: problem.name, variant, machine, constants: {} });
}

function workloadOf({ workload: [name, parameters] }: Case): Workload {
  return createWorkload(name, parameters, 1);
}

test("every described problem is here", () => {
  expect(cases.map(({ problem }) => problem.name).sort()).toEqual(problems.map(({ name }) => name).sort());
});

const described = cases.map((one) => [one.problem.name, one] as const);

test.each(described)("%s on threads", async (name, one) => {
  const { problem } = one;
  const samples = new Map<string, number[]>();
  const durations: string[] = [];
  const failures = await measureProblem(problem, {
    subjects: [{ id: name, compiled: await compileFor(one, "native") }],
    workload: workloadOf(one),
    cpus: 2,
    fixedTime: null,
    isProfiled: false,
    onSample: (_id, metric, _round, value) => void samples.set(metric, [...(samples.get(metric) ?? []), value]),
    onDistribution: (_id, metric, latencies) => {
      durations.push(metric);
      for (const row of latencies.rows(metric)) metricOf(row.metric);
    },
    onProgress: () => {},
    signal: new AbortController().signal,
  });
  expect([...failures]).toEqual([]);
  for (const [metric, values] of samples) {
    metricOf(metric);
    for (const value of values) expect(value, metric).toBeGreaterThanOrEqual(0);
  }
  const told = [...problem.counters, ...problem.gauges].filter(({ only }) => only !== "simulated");
  expect([...samples.keys()]).toEqual(expect.arrayContaining(told.map(({ metric }) => metric)));
  expect(problem.durations.map(({ metric }) => metric)).toEqual(expect.arrayContaining(durations));
  for (const { metric, forbidden } of problem.counters) {
    if (forbidden !== undefined) expect(samples.get(metric) ?? [0], metric).toEqual([0]);
  }
  // Something of what it is for has happened.
  expect(durations.length).toBeGreaterThan(0);
  for (const rate of problem.rates)
    expect(Math.max(0, ...(samples.get(rate.metric) ?? [])), rate.metric).toBeGreaterThan(0);
});

test.each(described)("%s counted, twice the same", async (name, one) => {
  const { problem } = one;
  const compiled = await compileFor(one, "traced");
  const count = async (): Promise<ReadonlyMap<string, number>> => {
    const values = new Map<string, number>();
    const emit = (metric: string, _round: number, value: number): void => void values.set(metric, value);
    await countProblem(problem, name, compiled, workloadOf(one), 2, emit, new AbortController().signal);
    return values;
  };
  const values = await count();
  for (const metric of values.keys()) metricOf(metric);
  expect(values.size).toBeGreaterThan(0);
  for (const { label, metrics } of problem.operations) {
    if (metrics === undefined) expect(values.get(`calls[${label}]`), label).toBeGreaterThan(0);
    else expect(metricsOf(values.keys())).toEqual(expect.arrayContaining([metrics[0]!.metric]));
  }
  expect([...(await count())]).toEqual([...values]);
});
