// The same case comes to the same bytes: in this thread, in threads of a pool, in fresh processes, whatever ran before,
// however V8 compiles, and on another version of Node.js.

import { beforeAll, describe, expect, test } from "vitest";
import { type JobOutcome, performJob, type SimulationJob } from "../../src/simulator/job.ts";
import { SimulationPool } from "../../src/simulator/pool.ts";
import { otherNode, runProcess } from "./processes.ts";
import { jobOf, rowsOf, smallCases } from "./small-jobs.ts";

const chosen: readonly (readonly [workload: string, problem: string, variant: string])[] = [
  ["container-start", "shrinker", "rwsem"],
  ["stress-ng-ramfs", "shrinker", "srcu-expedited"],
  ["stress-ng-ramfs", "quarantine", "hash-buckets buckets=16"],
  ["libvirt-teardown", "quarantine", "batched-async form=scan"],
];
const cpuCounts = [1, 3, 8];

let jobs: readonly SimulationJob[];
/** Of each job, as this thread has them. */
let expected: readonly string[];

const text = (outcome: JobOutcome): string => rowsOf(outcome).join("\n");

beforeAll(async () => {
  jobs = await Promise.all(
    chosen.flatMap(([workload, problem, variant]) => {
      const one = smallCases.find((small) => small.workload === workload && small.problem === problem)!;
      return cpuCounts.map((cpus) => jobOf({ ...one, cpus }, variant));
    }),
  );
  const outcomes: JobOutcome[] = [];
  for (const job of jobs) outcomes.push(await performJob(job, () => {}));
  expected = outcomes.map(text);
});

test("the cases differ, or nothing could be told from their being alike", () => {
  expect(new Set(expected).size).toBe(jobs.length);
  for (const rows of expected) expect(rows.split("\n").length).toBeGreaterThan(60);
});

describe("the same rows come from", () => {
  test.each([
    ["the baseline compiler's code alone", ["--liftoff", "--no-wasm-tier-up"]],
    ["the optimising compiler's code alone", ["--no-liftoff"]],
  ])("a fresh process that runs %s", async (_which, flags) => {
    const outcomes = await runProcess(jobs, { flags });
    expect(outcomes.map(text)).toEqual(expected);
  });

  test("threads that perform other jobs before, in another order", async () => {
    const pool = new SimulationPool({ workers: 2, bytesMax: 2 ** 33, signal: new AbortController().signal });
    try {
      const running = [...jobs].reverse().map((job) => pool.run({ job, bytes: 2 ** 20, isWanted: () => true }));
      const outcomes = await Promise.all(running.map(({ outcome }) => outcome));
      expect(outcomes.map((outcome) => text(outcome!)).reverse()).toEqual(expected);
    } finally {
      await pool.close();
    }
  });

  test("another version of Node.js", async (context) => {
    const other = otherNode();
    if (other === null) {
      context.skip(`there is no Node.js but ${process.version}; name one in RECLAIM_BENCH_NODE`);
      return;
    }
    expect(other.version).not.toBe(process.version);
    const outcomes = await runProcess(jobs, { node: other.file });
    expect(outcomes.map(text), other.version).toEqual(expected);
  });
});
