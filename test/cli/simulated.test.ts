// Simulated runs as a user makes them: several threads, sweeps, changed costs, stops, a machine of one's own.

import { spawn } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { packageRoot } from "../../src/package-root.ts";
import { readRecords } from "../../src/records/csv.ts";
import type { MeasuredRow } from "../../src/records/record.ts";
import { type Run, readRun } from "../../src/records/run-file.ts";
import { checkProfile, costNames, loadProfile } from "../../src/simulator/profile.ts";
import { call, complaints, file, newOut, set } from "./program.ts";

interface Left {
  readonly folder: string;
  readonly run: Run;
  readonly rows: readonly MeasuredRow[];
  /** `records.csv` without the run's id and the commit: all else is the same whenever it is run. */
  readonly table: string;
  readonly markdown: string;
}

async function leftIn(out: string): Promise<Left> {
  const [name, ...others] = readdirSync(path.join(out, "results"));
  expect(others).toEqual([]);
  const folder = path.join(out, "results", name!);
  const records = path.join(folder, "records.csv");
  const rows: MeasuredRow[] = [];
  for await (const row of readRecords(records)) rows.push(row);
  const run = await readRun(folder);
  const table = readFileSync(records, "utf8").replaceAll(name!, "").replaceAll(run.environment.commit, "");
  const markdown = readFileSync(path.join(out, "reports", `${name}.md`), "utf8");
  return { folder, run, rows, table, markdown };
}

function simulate(out: string, options: readonly string[], stopAt?: string): ReturnType<typeof call> {
  return call(
    ["run", "shrinker", "--quick", "--no-check", "--instrument", "simulator", "--out", out, ...options],
    stopAt,
  );
}

/** A small case of a workload that is repeated for a time, and of one that is run once. */
const small = [
  ...["--workload", "container-start", "--workload", "cgroups-4000", "--virtual-ms", "1"],
  ...set(["reclaimers=2", "mounters=2", "touchers=2"]),
  ...["--variant", "refcount-rcu"],
];
const sorted = (table: string): string[] => table.split("\n").sort();
const has = ({ parameters }: MeasuredRow, pair: string): boolean => parameters.split(" ").includes(pair);

/**
 * What a process loads in front of the program to be killed when the rows of its third case are on disk: by itself, because
 * whoever looks from outside may come when it has ended. The header is the first that is appended.
 */
const killedAtThirdCase = `data:text/javascript,${encodeURIComponent(`
import { open } from "node:fs/promises";
const handle = await open(process.execPath);
const files = Object.getPrototypeOf(handle);
await handle.close();
const { appendFile } = files;
let appended = 0;
files.appendFile = async function (...given) {
  await appendFile.apply(this, given);
  if (++appended === 4) process.kill(process.pid, "SIGKILL");
};
`)}`;

describe("a simulated sweep", { timeout: 120_000 }, () => {
  const options = [...small, "--cpus", "1,3", "--sweep", "cgroups=5,10"];
  let whole: Left;
  beforeAll(async () => {
    const out = newOut();
    const { code, stderr } = await simulate(out, [...options, "--workers", "2"]);
    const tooShort = expect.stringMatching(
      /--virtual-ms 1: 4 tasks of 'container-start' share 1 CPU, .* 60 is the least/,
    );
    expect([code, complaints(stderr)]).toEqual([0, [expect.stringMatching(/^run /), tooShort]]);
    whole = await leftIn(out);
  }, 120_000);

  test("has each point once, and every row says where it is from", () => {
    expect(whole.run.cases).toHaveLength(2 * 2 * 2 * 3);
    expect(new Set(whole.run.cases.map(({ id }) => id)).size).toBe(2 * 2 * 2 * 3);
    for (const row of whole.rows) {
      expect([row.instrument, row.assume, row.round]).toEqual(["simulator", "exact", 0]);
      expect(has(row, "machine=xeon-24-1s") && has(row, "swept=cgroups")).toBe(true);
      expect(has(row, "cgroups=5") || has(row, "cgroups=10")).toBe(true);
      expect(row.parameters).not.toContain("scaled=");
    }
    expect(new Set(whole.rows.map(({ cpus }) => cpus))).toEqual(new Set([1, 3]));
  });

  test("has the same records, to the byte, from one thread", async () => {
    const out = newOut();
    expect((await simulate(out, [...options, "--workers", "1"])).code).toBe(0);
    expect((await leftIn(out)).table).toBe(whole.table);
  });

  test("that is stopped keeps what was done, and resumed has the rows of one that was not", async () => {
    const out = newOut();
    const stopped = await simulate(out, [...options, "--workers", "2"], "cgroups-4000, simulated");
    expect(stopped.code).toBe(130);
    const left = await leftIn(out);
    expect([left.run.state, left.run.finishedAt]).toEqual(["incomplete", null]);
    expect(left.markdown).toContain("Incomplete");
    const done = left.run.cases.filter(({ state }) => state === "done");
    expect(done.length).toBeGreaterThan(0);
    expect(done.length).toBeLessThan(left.run.cases.length);
    const lines = new Set(whole.table.split("\n"));
    for (const line of left.table.split("\n")) expect(lines).toContain(line);

    expect((await call(["run", "--out", out, "--resume", "--workers", "1"])).code).toBe(0);
    const resumed = await leftIn(out);
    expect(resumed.run.state).toBe("complete");
    expect(sorted(resumed.table)).toEqual(sorted(whole.table));
  });

  test("that is killed is completed by --resume", async () => {
    const out = newOut();
    const program = path.join(packageRoot, "dist", "src", "cli", "bin.js");
    const argv = ["run", "shrinker", "--quick", "--no-check", "--instrument", "simulator", "--out", out, ...options];
    const killed = spawn(process.execPath, ["--import", killedAtThirdCase, program, ...argv, "--workers", "1"], {
      stdio: "ignore",
    });
    const signal = await new Promise((resolve) => killed.on("exit", (_, by) => resolve(by)));
    expect(signal).toBe("SIGKILL");
    // Of the cases on disk, not all are known to be done.
    const [name = ""] = readdirSync(path.join(out, "results"));
    expect(readdirSync(path.join(out, "results", name)).sort()).toEqual(["records.csv.partial", "run.json"]);
    const { code, stderr } = await call(["run", "--out", out, "--resume"]);
    expect([code, complaints(stderr)]).toEqual([0, [expect.stringMatching(/^run /)]]);
    const { run, table } = await leftIn(out);
    expect(run.state).toBe("complete");
    expect(sorted(table)).toEqual(sorted(whole.table));
  });
});

describe("a simulated run with changed costs, on a machine of the user's", { timeout: 120_000 }, () => {
  const mine = { ...loadProfile("xeon-24-1s"), name: "mine" };
  let left: Left;
  beforeAll(async () => {
    const out = newOut();
    const { code } = await simulate(out, [
      ...["--machine", file("mine.json", JSON.stringify(mine)), "--cpus", "3", "--sensitivity"],
      ...["--workload", "container-start", "--virtual-ms", "1", "--variant", "refcount-rcu"],
      ...set(["cgroups=10", "reclaimers=2", "mounters=1"]),
    ]);
    expect(code).toBe(0);
    left = await leftIn(out);
  }, 120_000);

  test("has each cost that plays a part halved and doubled, and the rows say which", () => {
    const scaled = new Set(left.rows.map(({ parameters }) => / scaled=(\S+)/.exec(parameters)?.[1] ?? "as it is"));
    // It has one socket, and one cluster in it.
    const without = ["memoryRemote", "transferSameSocket", "transferCrossSocket"];
    const costs = costNames.filter((name) => !without.includes(name));
    expect(scaled).toEqual(new Set(["as it is", ...costs.flatMap((cost) => [`${cost}*0.5`, `${cost}*2`])]));
    const visitsPerSecond = (change: string): number =>
      left.rows.find((row) => row.metric === "virtual-visits-per-s" && has(row, `scaled=${change}`))!.value!;
    expect(visitsPerSecond("locked*2")).toBeLessThan(visitsPerSecond("locked*0.5"));
  });

  test("has the profile in its run.json, so that it can be reported and repeated elsewhere", async () => {
    const [machine, ...others] = left.run.simulator!.machines;
    expect(others).toEqual([]);
    expect(machine!.name).toBe("mine");
    expect(checkProfile(machine!.profile, "run.json")).toEqual(mine);
    const elsewhere = path.join(newOut(), left.run.runId);
    mkdirSync(elsewhere);
    for (const name of ["run.json", "records.csv"]) {
      writeFileSync(path.join(elsewhere, name), readFileSync(path.join(left.folder, name)));
    }
    const reports = newOut();
    expect((await call(["report", elsewhere, "--out", reports])).code).toBe(0);
    expect(readFileSync(path.join(reports, `${left.run.runId}.md`), "utf8")).toBe(left.markdown);
  });
});

test("--refine simulates CPU counts that were not asked for where variants change places, and a resumed run ends alike", {
  timeout: 120_000,
}, async () => {
  const options = [
    ...["--workload", "container-start", "--virtual-ms", "1", "--variant", "srcu-split", "--variant", "refcount-rcu"],
    ...set(["cgroups=20", "reclaimers=8", "mounters=4"]),
    ...["--cpus", "1,12", "--refine"],
  ];
  const out = newOut();
  const { code, stderr } = await simulate(out, options);
  expect(code).toBe(0);
  // What was not planned counts as well, or there would be nothing left while it is simulated.
  const totals = [...stderr.matchAll(/^\d+% [\d.]+\/([\d.]+) /gm)].map(([, total]) => Number(total));
  expect(totals.at(-1)).toBeGreaterThan(totals[0]!);
  const whole = await leftIn(out);
  const counts = [...new Set(whole.rows.map(({ cpus }) => cpus))].sort((one, other) => one - other);
  expect(counts.length).toBeGreaterThan(2);
  for (const cpus of counts) expect(cpus >= 1 && cpus <= 12).toBe(true);
  // As a run is left that was killed behind its last case.
  const copy = path.join(newOut(), "results", whole.run.runId);
  mkdirSync(copy, { recursive: true });
  const incomplete = { ...whole.run, state: "incomplete", finishedAt: null };
  writeFileSync(path.join(copy, "run.json"), JSON.stringify(incomplete));
  writeFileSync(path.join(copy, "records.csv.partial"), readFileSync(path.join(whole.folder, "records.csv")));
  const resumedOut = path.dirname(path.dirname(copy));
  const resumed = await call(["run", "--out", resumedOut, "--resume"]);
  expect([resumed.code, complaints(resumed.stderr)]).toEqual([0, [expect.stringMatching(/^run /)]]);
  const after = await leftIn(resumedOut);
  expect(after.table).toBe(whole.table);
  expect(after.run.cases).toEqual(whole.run.cases);
});

describe("a variant that does what none may do is void on the simulator:", { timeout: 120_000 }, () => {
  const original = readFileSync(path.join(packageRoot, "src/kernel/shrinker/refcount-rcu.ts"), "utf8");
  const head = "export function unregister(shrinker: usize): void {\n";

  test.each([
    [
      "one that gets stuck",
      'import { wait as waitForEver } from "../machine/impl";\n',
      "  while (waitForEver(variantBase(), load<u32>(variantBase())) < 2);\n",
      /variant 'bad': on 3 CPUs of xeon-24-1s: nobody can go on: task \d on CPU \d waits for [a-z_ ]+ \(the cell at /,
    ],
    ["one that traps", "", "  unreachable();\n", /variant 'bad': on 3 CPUs of xeon-24-1s: CPU \d trapped in /],
  ])("%s is named with the reason, has no rows behind that, and the others go on", async (_, imports, body, reason) => {
    expect(original).toContain(head);
    const planted = `${imports}${original.replace(head, `${head}${body}`)}`;
    const out = newOut();
    const { code, stdout, stderr } = await simulate(out, [
      ...["--variant-file", file("bad.ts", planted), "--variant", "floor", "--cpus", "2,3"],
      ...["--workload", "container-start", "--virtual-ms", "1", ...set(["cgroups=5", "reclaimers=1", "mounters=1"])],
    ]);
    expect(code).toBe(4);
    expect(complaints(stderr)).toEqual([expect.stringMatching(/^run /), expect.stringMatching(reason)]);
    expect(stdout).not.toMatch(/choose bad/);
    const { run, rows, markdown } = await leftIn(out);
    expect(run.state).toBe("complete");
    expect(new Set(rows.map(({ variant }) => variant))).toEqual(new Set(["rwsem", "floor"]));
    const failed = run.cases.filter(({ state }) => state === "failed");
    expect(failed.map(({ id }) => id.split(" / ")[1])).toEqual(["bad", "bad"]);
    expect(failed.map(({ error = "" }) => error)).toContainEqual(expect.stringMatching(reason));
    expect(markdown).toContain("Failed cases");
  });
});
