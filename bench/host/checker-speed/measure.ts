// Measures how fast the checker is: states and executions in a second of one core, and what a second thread adds.
//
// Everything runs in one process, in rounds in turn. Not a record and not a gate.

import { availableParallelism, cpus as hostCpus } from "node:os";
import { parseArgs } from "node:util";
import { markdownTable } from "markdown-table";
import { compileCheckerCore, compileModule } from "../../../src/build/compile.ts";
import { collectGarbage } from "../../../src/build/garbage.ts";
import { performCheck, scenarioOf } from "../../../src/checker/job.ts";
import type { MemoryModel } from "../../../src/checker/model.ts";
import type { CheckJob, CheckOutcome, SchedulerChoice } from "../../../src/checker/outcome.ts";
import { CheckPool } from "../../../src/checker/pool.ts";
import { planVariant } from "../../../src/plan/variant.ts";
import { suites } from "../../index.ts";

const usage = `usage: node measure.js [options]
  --rounds N    rounds of each measurement                 (default 5)
  --states N    states at which a case stops               (default 150000)
`;

/** Executions of the searches that draw lots. */
const executions = 2000;
const bytesMax = 2 ** 30;
/** More than any case takes. */
const msMax = 600_000;

interface Case {
  readonly problem: string;
  /** As a suite lists it. */
  readonly line: string;
  readonly scenario: string;
  readonly model: MemoryModel;
  readonly scheduler: SchedulerChoice;
  /** For the table. */
  readonly search: string;
}

const subjects = [
  { problem: "quarantine", line: "singly-linked-fifo", scenario: "two-removals" },
  { problem: "shrinker", line: "refcount-rcu", scenario: "two-unregisters-and-walks" },
] as const;

const searches: readonly Pick<Case, "model" | "scheduler" | "search">[] = [
  { search: "every interleaving", model: "sc", scheduler: { name: "exhaustive", reduction: true } },
  { search: "every interleaving", model: "tso", scheduler: { name: "exhaustive", reduction: true } },
  { search: "the same, nothing left out", model: "sc", scheduler: { name: "exhaustive", reduction: false } },
  {
    search: "by preemptions, up to 2",
    model: "sc",
    scheduler: { name: "bounded", preemptions: 2, isFull: false },
  },
  { search: "random", model: "sc", scheduler: { name: "random", executions, seed: 1 } },
];

const cases: readonly Case[] = subjects.flatMap((subject) => searches.map((search) => ({ ...subject, ...search })));

async function jobOf({ problem, line, scenario, model, scheduler }: Case, statesMax: number): Promise<CheckJob> {
  const suite = suites.find((one) => one.problem === problem);
  if (suite === undefined) throw new Error(`there is no suite '${problem}'`);
  const variant = planVariant(suite, line);
  const { constants } = scenarioOf({ problem, scenario });
  const [core, compiled] = await Promise.all([
    compileCheckerCore(),
    compileModule({
      problem,
      variant: variant.name,
      machine: "checked",
      constants: { ...constants, ...variant.constants },
    }),
  ]);
  return {
    problem,
    variant: { id: variant.id, skipWhenEmpty: variant.skipWhenEmpty },
    scenario,
    model,
    scheduler,
    statesMax,
    stepsMax: 20_000,
    msMax,
    bytesMax,
    core: core.wasm,
    compiled,
  };
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** CPU time of the process in ms: others that use the host's CPUs count less than in time by the clock. */
function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

interface Measured {
  readonly states: number;
  readonly transitions: number;
  readonly executions: number;
  /** CPU time, the start of the case included. */
  readonly ms: number;
  readonly outcome: string;
}

function sumOf({ rungs }: CheckOutcome, of: "states" | "transitions" | "executions"): number {
  return rungs.reduce((sum, { exploration }) => sum + exploration[of], 0);
}

function measureCase(job: CheckJob): Measured {
  collectGarbage();
  const begun = cpuMs();
  const outcome = performCheck(job);
  const ms = cpuMs() - begun;
  return {
    states: sumOf(outcome, "states"),
    transitions: sumOf(outcome, "transitions"),
    executions: sumOf(outcome, "executions"),
    ms,
    outcome: outcome.outcome === "bound" ? outcome.bound : outcome.outcome,
  };
}

/** Time by the clock in which so many threads perform the jobs. */
async function wallMs(jobs: readonly CheckJob[], workers: number): Promise<number> {
  const pool = new CheckPool({ workers, bytesMax: 2 ** 40, signal: new AbortController().signal });
  try {
    const all = (): Promise<unknown>[] =>
      jobs.map((job) => pool.run({ job, bytes: bytesMax, isWanted: () => true }).outcome);
    // The threads load the checker with their first job.
    await Promise.all(all());
    const begun = performance.now();
    await Promise.all(all());
    return performance.now() - begun;
  } finally {
    await pool.close();
  }
}

const thousands = (count: number, ms: number): string =>
  ms === 0 ? "" : (count / ms).toFixed(count / ms < 10 ? 2 : 0);
const table = (rows: readonly (readonly string[])[], texts: number): string =>
  `${markdownTable(rows as string[][], { align: rows[0]!.map((_, index) => (index < texts ? "l" : "r")) })}\n\n`;

async function measure(rounds: number, statesMax: number): Promise<void> {
  const jobs = await Promise.all(cases.map((one) => jobOf(one, statesMax)));
  const series: Measured[][] = cases.map(() => []);
  const walls: number[][] = [[], []];
  const pooled = jobs.filter(({ scheduler }) => scheduler.name === "exhaustive" && scheduler.reduction);
  // The first round warms up.
  for (let round = -1; round < rounds; round++) {
    for (const [index, job] of jobs.entries()) {
      const one = measureCase(job);
      if (round >= 0) series[index]!.push(one);
    }
    for (const workers of [1, 2]) {
      const ms = await wallMs(pooled, workers);
      if (round >= 0) walls[workers - 1]!.push(ms);
    }
  }
  process.stdout.write(
    `${process.version} ${process.execArgv.join(" ")}, ${rounds} rounds, ${availableParallelism()} x ` +
      `${hostCpus()[0]?.model ?? "unknown CPU"}, ${new Date().toISOString().slice(0, 10)}\n\n`,
  );
  const rate = (index: number, of: "states" | "transitions" | "executions"): string => {
    // A search that keeps states comes to few ends, and one that draws lots keeps no states.
    const isDrawn = cases[index]!.scheduler.name === "random";
    if (of === (isDrawn ? "states" : "executions")) return "";
    return thousands(median(series[index]!.map((one) => one[of] / one.ms)), 1);
  };
  process.stdout.write(
    table(
      [
        ["case", "search", "memory", "ends with", "states", "k states/s", "k steps/s", "k executions/s"],
        ...cases.map(({ line, scenario, search, model }, index) => [
          `${line}, ${scenario}`,
          search,
          model,
          series[index]![0]!.outcome,
          search === "random" ? "" : String(series[index]![0]!.states),
          rate(index, "states"),
          rate(index, "transitions"),
          rate(index, "executions"),
        ]),
      ],
      4,
    ),
  );
  const [one, two] = walls as [number[], number[]];
  const states = series.reduce(
    (sum, [first], index) => sum + (pooled.includes(jobs[index]!) ? (first?.states ?? 0) : 0),
    0,
  );
  process.stdout.write(
    table(
      [
        ["threads", "s by the clock", "k states/s"],
        ["1", (median(one) / 1000).toFixed(2), thousands(states, median(one))],
        ["2", (median(two) / 1000).toFixed(2), thousands(states, median(two))],
      ],
      1,
    ),
  );
  const ratio = median(one.map((ms, round) => ms / two[round]!));
  process.stdout.write(`two threads are ${ratio.toFixed(2)} times as fast as one, on ${pooled.length} cases\n`);
}

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "5" },
    states: { type: "string", default: "150000" },
    help: { type: "boolean" },
  },
});
const rounds = Number(values.rounds);
const states = Number(values.states);
if (values.help || !Number.isInteger(rounds) || rounds < 1 || !Number.isInteger(states) || states < 1) {
  process.stderr.write(usage);
  process.exitCode = values.help ? 0 : 2;
} else await measure(rounds, states);
