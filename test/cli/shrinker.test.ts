// The shrinker run as a user runs it: threads, more of them than cores, a user's variant, both problems in one run.

import { readdirSync, readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import path from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { packageRoot } from "../../src/package-root.ts";
import { readRecords } from "../../src/records/csv.ts";
import type { MeasuredRow } from "../../src/records/record.ts";
import { type Run, readRun } from "../../src/records/run-file.ts";
import { call, file, newOut, set } from "./program.ts";

interface Left {
  readonly markdown: string;
  readonly run: Run;
  readonly rows: readonly MeasuredRow[];
}

async function leftIn(out: string): Promise<Left> {
  const [name, ...others] = readdirSync(path.join(out, "results"));
  expect(others).toEqual([]);
  const rows: MeasuredRow[] = [];
  for await (const row of readRecords(path.join(out, "results", name!, "records.csv"))) rows.push(row);
  return {
    rows,
    run: await readRun(path.join(out, "results", name!)),
    markdown: readFileSync(path.join(out, "reports", `${name}.md`), "utf8"),
  };
}

const small = ["--workload", "container-start", ...set(["cgroups=10", "containers=5", "reclaim-passes=2"])];
const rcu = ["--variant", "refcount-rcu"];

describe("a run on more CPUs than cores", { timeout: 120_000 }, () => {
  const cpus = availableParallelism() + 1;
  let left: Left;
  let code: number;
  beforeAll(async () => {
    const out = newOut();
    code = (
      await call(["run", "shrinker", "--quick", "--no-check", "--out", out, ...small, ...rcu, "--cpus", `${cpus}`])
    ).code;
    left = await leftIn(out);
  }, 120_000);

  test("is marked in every row of its threads, and in the report", () => {
    expect(code).toBe(0);
    const native = left.rows.filter((row) => row.instrument === "native");
    expect(native.length).toBeGreaterThan(50);
    for (const row of native)
      expect([row.cpus, row.parameters]).toEqual([cpus, expect.stringMatching(/\boversubscribed=true\b/)]);
    for (const row of left.rows.filter((one) => one.instrument === "traced")) {
      expect([row.cpus, row.parameters]).toEqual([2, expect.not.stringMatching(/oversubscribed/)]);
    }
    expect(left.markdown).toContain("oversubscribed");
  });

  test("has the answers of every stage for every variant", () => {
    const metricsOf = (variant: string): Set<string> =>
      new Set(left.rows.filter((row) => row.variant === variant).map((row) => row.metric.replace(/\[.*/, "")));
    for (const variant of ["rwsem", "refcount-rcu"]) {
      expect([...metricsOf(variant)]).toEqual(
        expect.arrayContaining([
          "bogo-ops-per-s",
          "visits-per-s",
          "visits-given-up",
          "callbacks-after-free",
          "register-latency-ns",
          "unregister-latency-ns-max",
          "pass-latency-ns",
          "profile-samples",
          "visit-shared-writes-mean",
          "info-bytes-max",
        ]),
      );
    }
    const late = left.rows.filter((row) => row.metric === "callbacks-after-free");
    expect(late.map((row) => row.value)).toEqual(late.map(() => 0));
  });

  test("counts no shared write where there is no lock, and some where there is one", () => {
    const sharedWrites = (variant: string): number | null | undefined =>
      left.rows.find((row) => row.variant === variant && row.metric === "visit-shared-writes-mean")?.value;
    expect(sharedWrites("refcount-rcu")).toBe(0);
    expect(sharedWrites("rwsem")).toBeGreaterThanOrEqual(2);
  });
});

test("one CPU is enough, and is not marked", { timeout: 120_000 }, async () => {
  const out = newOut();
  expect(
    (
      await call([
        ...["run", "shrinker", "--quick", "--no-check", "--out", out, ...small, ...rcu, "--cpus", "1"],
        ...["--instrument", "native"],
      ])
    ).code,
  ).toBe(0);
  const { rows } = await leftIn(out);
  const native = rows.filter((row) => row.instrument === "native");
  expect(native.every((row) => row.cpus === 1 && !row.parameters.includes("oversubscribed"))).toBe(true);
});

test("a user's variant whose callbacks come late is void, and the run ends with exit code 4", async () => {
  const original = readFileSync(path.join(packageRoot, "src/kernel/shrinker/refcount-rcu.ts"), "utf8");
  // The first container's shrinker stays where it is, so that the next walk calls it.
  const head = "export function unregister(shrinker: usize): void {\n";
  expect(original).toContain(head);
  const planted = original.replace(head, `${head}  if (idOf(shrinker) === 1) return;\n`);
  const out = newOut();
  const { code, stderr } = await call([
    ...["run", "shrinker", "--quick", "--no-check", "--out", out, "--workload", "container-start"],
    ...set(["cgroups=1", "containers=5", "reclaim-passes=2"]),
    ...["--variant-file", file("forgets-one.ts", planted), "--variant", "floor"],
  ]);
  expect(stderr).toMatch(/variant 'forgets-one': \d+ callbacks ran after their shrinker had been unregistered/);
  expect(code).toBe(4);
  const { rows, run, markdown } = await leftIn(out);
  expect(rows.filter((row) => row.variant === "forgets-one")).toEqual([]);
  const failed = run.cases.filter((one) => one.state === "failed");
  expect(failed.map(({ id }) => id.replace(/ (machine|cpus)=\S+/g, ""))).toEqual(
    ["timed", "profiled", "counted", "simulated"].map((stage) => `shrinker / forgets-one / container-start / ${stage}`),
  );
  const simulated = rows.filter((row) => row.instrument === "simulator");
  expect([...new Set(simulated.map((row) => row.variant))]).toEqual(["rwsem", "floor"]);
  expect(markdown).toContain("Failed cases");
}, 120_000);

test("both problems fit into one run, which can be stopped and resumed", { timeout: 240_000 }, async () => {
  const out = newOut();
  const options = [
    "--workload",
    "cgroups-4000",
    ...set(["cgroups=2", "quarantine-bytes=2097152", "churn-cycles=0", "background-objects=1000", "churn-batch=256"]),
    ...["--variant", "refcount-rcu", "--variant", "hash-buckets"],
  ];
  const stopped = await call(
    ["run", "--quick", "--no-check", "--out", out, ...options],
    "shrinker: cgroups-4000, timed",
  );
  expect(stopped.code).toBe(130);
  expect((await leftIn(out)).run.state).toBe("incomplete");
  const { code, stdout } = await call(["run", "--out", out, "--resume"]);
  expect(code).toBe(0);
  const { rows, run, markdown } = await leftIn(out);
  expect(run.state).toBe("complete");
  expect([...new Set(rows.map((row) => row.problem))]).toEqual(["quarantine", "shrinker"]);
  for (const problem of ["quarantine", "shrinker"]) expect(markdown).toContain(problem);
  expect(stdout).toContain("hash-buckets buckets=16");
  expect(stdout).toContain("refcount-rcu");
});
