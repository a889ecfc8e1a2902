// Every described problem measured on threads, counted and simulated, on a small workload of its own (`cases`): its
// description and its harness say the same, and every metric is in the table.

import { readdirSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { type CompiledModule, compileModule, compileSimulatorCore } from "../../src/build/compile.ts";
import type { MachineForm } from "../../src/build/flags.ts";
import { measureProblem } from "../../src/native/problem.ts";
import { packageRoot } from "../../src/package-root.ts";
import { problems } from "../../src/problems/index.ts";
import type { Counter, Gauge } from "../../src/problems/problem.ts";
import { metricOf } from "../../src/records/metrics.ts";
import { simulateProblem } from "../../src/simulator/problem.ts";
import { loadProfile } from "../../src/simulator/profile.ts";
import { countProblem } from "../../src/traced/problem.ts";
import { createWorkload } from "../../src/workloads/index.ts";
import type { Workload } from "../../src/workloads/workload.ts";
import type { Case, Run } from "./cases/case.ts";

const cases: readonly Case[] = await Promise.all(
  readdirSync(path.join(packageRoot, "test", "problems", "cases"))
    .filter((file) => file !== "case.ts")
    .map(
      async (file) => ((await import(`./cases/${path.basename(file, ".ts")}.ts`)) as { readonly tried: Case }).tried,
    ),
);

const metricsOf = (values: Iterable<string>): string[] => [...new Set(values)].sort();

function compileFor({ problem }: Case, { variant }: Run, machine: MachineForm): Promise<CompiledModule> {
  return compileModule({ problem: problem.name, variant, machine, constants: {} });
}

function workloadOf({ workload: [name, parameters] }: Run): Workload {
  return createWorkload(name, parameters, 1);
}

test("every described problem is here", () => {
  expect(cases.map(({ problem }) => problem.name).sort()).toEqual(problems.map(({ name }) => name).sort());
});

const described = cases.map((one) => [one.problem.name, one] as const);

test.each(described)("%s on threads", async (name, one) => {
  const { problem, runs } = one;
  const [run] = runs;
  const samples = new Map<string, number[]>();
  const durations: string[] = [];
  const failures = await measureProblem(problem, {
    subjects: [{ id: name, compiled: await compileFor(one, run, "native") }],
    workload: workloadOf(run),
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
  const { problem, runs } = one;
  const [run] = runs;
  const compiled = await compileFor(one, run, "traced");
  const count = async (): Promise<ReadonlyMap<string, number>> => {
    const values = new Map<string, number>();
    const emit = (metric: string, _round: number, value: number): void => void values.set(metric, value);
    await countProblem(problem, name, compiled, workloadOf(run), 2, emit, new AbortController().signal);
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

/**
 * What the runs of a case come to on two simulated CPUs: all counters and gauges, of those read after rounds the last, and how
 * many durations there were and the longest.
 */
async function simulate(one: Case): Promise<readonly Readonly<Record<string, number>>[]> {
  const core = new WebAssembly.Module((await compileSimulatorCore()).wasm);
  const profile = loadProfile("xeon-24-1s");
  const found: Record<string, number>[] = [];
  for (const run of one.runs) {
    const compiled = await compileFor(one, run, "simulated");
    const about = { core, compiled, workload: workloadOf(run), profile, cpus: 2, virtualMs: null };
    const { counters, gauges, rounds, distributions } = await simulateProblem(one.problem, about);
    const times = Object.entries(distributions).flatMap(([metric, { count, max }]) => [
      [`${metric} count`, count],
      [`${metric} max`, max ?? 0],
    ]);
    found.push({ ...counters, ...gauges, ...rounds.at(-1)?.gauges, ...Object.fromEntries(times) });
  }
  return found;
}

/** Metrics of one kind with the same values in all runs, in groups. */
function alikeOf(metrics: readonly string[], runs: readonly Readonly<Record<string, number>>[]): string[][] {
  const groups = new Map<string, string[]>();
  for (const metric of metrics) {
    const key = runs.map((run) => run[metric]).join(" ");
    groups.set(key, [...(groups.get(key) ?? []), metric]);
  }
  return [...groups.values()].filter(({ length }) => length > 1);
}

// After a change that is meant to alter them: `npx vitest run test/problems/measured.test.ts -u`.
test.each(described)("%s comes to the very numbers that are committed, each its own", async (name, one) => {
  const { problem, runs, alike } = one;
  const found = await simulate(one);
  const metrics = Object.keys(found[0]!);
  const rows = [
    ["metric", ...runs.map(({ variant }) => variant)],
    ...metrics.map((metric) => [metric, ...found.map((run) => run[metric])]),
  ];
  await expect(`${rows.join("\n")}\n`).toMatchFileSnapshot(
    path.join(packageRoot, "test", "golden", "problems", `${name}.csv`),
  );
  const told = (all: readonly (Counter | Gauge)[]): string[] =>
    all.map(({ metric }) => metric).filter((metric) => metrics.includes(metric));
  const counters = told(problem.counters.filter(({ forbidden }) => forbidden === undefined));
  expect([...alikeOf(counters, found), ...alikeOf(told(problem.gauges), found)]).toEqual(alike);
});
