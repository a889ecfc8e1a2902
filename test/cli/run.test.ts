import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { packageRoot } from "../../src/package-root.ts";
import { readRecords } from "../../src/records/csv.ts";
import type { MeasuredRow } from "../../src/records/record.ts";
import { type Run, readRun } from "../../src/records/run-file.ts";
import {
  call,
  complaints,
  file,
  folder,
  newOut,
  type Outcome,
  savedWorkload,
  set,
  smallest,
  teardown,
} from "./program.ts";

const bucketsFile = path.join(packageRoot, "src/kernel/quarantine/hash-buckets.ts");

/** What a run left behind. */
interface Left {
  readonly folder: string;
  readonly markdown: string;
  readonly run: Run;
  readonly rows: readonly MeasuredRow[];
}

async function leftIn(out: string): Promise<Left> {
  const [name, ...others] = readdirSync(path.join(out, "results"));
  expect(others).toEqual([]);
  const results = path.join(out, "results", name!);
  const rows: MeasuredRow[] = [];
  for await (const row of readRecords(path.join(results, "records.csv"))) rows.push(row);
  const markdown = readFileSync(path.join(out, "reports", `${name}.md`), "utf8");
  return { folder: results, markdown, run: await readRun(results), rows };
}

/** Runs with the reference, hash-buckets and the floor. */
async function run(out: string, options: readonly string[], stopAt?: string): Promise<Outcome> {
  const { code, stdout, stderr } = await call(
    ["run", "quarantine", "--quick", "--no-check", "--out", out, ...options],
    stopAt,
  );
  return { code, stdout, stderr };
}

function stageOf(row: MeasuredRow): string {
  return row.parameters.split(" ").find((pair) => pair.startsWith("stage="))!;
}

/** Exact rows as sorted text, without what differs from run to run. */
function exactOf(rows: readonly MeasuredRow[]): string[] {
  return rows
    .filter((row) => row.assume === "exact")
    .map(({ variant, workload, parameters, metric, round, value, seed }) =>
      [variant, workload, parameters, metric, round, value, seed].join(","),
    )
    .sort();
}

function keysOf(rows: readonly MeasuredRow[]): string[] {
  return rows.map(({ variant, workload, instrument, parameters, metric, process, round }) =>
    [variant, workload, instrument, parameters, metric, process, round].join(","),
  );
}

/** Sizes at which the suite counts, so that a saved workload can be compared in every stage. */
const counted = [
  ...["guests=1", "quarantine-bytes=2097152", "churn-cycles=4"],
  ...["background-objects=8192", "churn-batch=2048"],
];
const buckets = ["--variant", "hash-buckets"];

describe("a run", { timeout: 120_000 }, () => {
  let out: string;
  let outcome: Outcome;
  let left: Left;
  beforeAll(async () => {
    out = newOut();
    outcome = await run(out, [...teardown, ...buckets, ...set(counted), "--seed", "5"]);
    left = await leftIn(out);
  }, 120_000);

  test("ends with exit code 0 and tells its seed, its choice and its files", () => {
    expect(outcome.code).toBe(0);
    expect(outcome.stderr).toContain(`run ${left.run.runId}, seed 5\n`);
    expect(outcome.stdout).toMatch(/^libvirt-teardown {2}\(/);
    expect(outcome.stdout).toMatch(/\nchoose [a-z][a-z0-9= -]+: /);
    expect(outcome.stdout).toContain(path.join(left.folder, "records.csv"));
  });

  test("leaves records, run and answers in its folder, a report beside it, and nothing else", () => {
    expect(readdirSync(left.folder).sort()).toEqual(["answers.json", "records.csv", "run.json"]);
    expect(readdirSync(path.join(out, "reports"))).toEqual([`${left.run.runId}.md`]);
    expect(readdirSync(out).sort()).toEqual(["reports", "results"]);
  });

  test("has sizes of structures counted as they are natively on as many CPUs", () => {
    for (const metric of ["object-extra-bytes", "cache-extra-bytes", "global-bytes"]) {
      const sizes = (instrument: string): string[] => {
        const rows = left.rows.filter(
          (row) => row.metric === metric && row.instrument === instrument && row.cpus === 1,
        );
        return [...new Set(rows.map(({ variant, value }) => `${variant} ${value}`))].sort();
      };
      expect(sizes("traced").length, metric).toBeGreaterThan(1);
      expect(sizes("traced"), metric).toEqual(expect.arrayContaining(sizes("native")));
    }
  });

  test("is complete: each case is done and has rows", () => {
    expect(left.run.state).toBe("complete");
    expect(left.run.cases.every((one) => one.state === "done")).toBe(true);
    const measured = new Set(left.rows.map((row) => `${row.variant} ${stageOf(row).slice("stage=".length)}`));
    const planned = left.run.cases
      .map(({ id }) => id.split(" / "))
      .map(([, variant, , stage]) => `${variant} ${stage!.split(" ")[0]}`);
    expect([...measured].sort()).toEqual([...new Set(planned)].filter((one) => !one.endsWith("mitata")).sort());
    for (const row of left.rows) expect([row.run_id, row.seed]).toEqual([left.run.runId, 5]);
  });

  test("answers what its rows say", () => {
    const {
      quarantine: [answers],
    } = JSON.parse(readFileSync(path.join(left.folder, "answers.json"), "utf8"));
    const sumOf = (variant: string): number =>
      left.rows
        .filter(
          (row) =>
            row.variant === variant && row.metric === "teardown-ns" && row.parameters.includes("purpose=answers"),
        )
        .reduce((sum, row) => sum + row.value!, 0);
    for (const { id, teardownNs } of answers.variants) expect(teardownNs).toBe(sumOf(id));
    expect(answers.variants.map((one: { id: string }) => one.id)).toEqual([
      "singly-linked-fifo",
      "hash-buckets buckets=16",
      "floor",
    ]);
    expect(left.markdown).toContain("| hash-buckets buckets=16 |");
    expect(left.markdown).toContain(`Run \`${left.run.runId}\`, seed 5`);
  });

  test("again with the same seed has the same exact rows", async () => {
    const again = newOut();
    expect((await run(again, [...teardown, ...buckets, ...set(counted), "--seed", "5"])).code).toBe(0);
    const { rows } = await leftIn(again);
    expect(exactOf(rows)).toEqual(exactOf(left.rows));
    expect(exactOf(rows).length).toBeGreaterThan(100);
  });

  test("has the same report when it is made again, byte by byte, in a folder that is made for it", async () => {
    const reports = path.join(newOut(), "again");
    const { code, stderr } = await call(["report", left.folder, "--out", reports]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(readFileSync(path.join(reports, `${left.run.runId}.md`), "utf8")).toBe(left.markdown);
  });

  test("can be reported as JSON", async () => {
    const { code, stdout } = await call(["report", left.folder, "--out", newOut(), "--json"]);
    const { run: reported, answers } = JSON.parse(stdout);
    expect([code, reported, answers.quarantine.length]).toEqual([0, left.run, 1]);
  });

  test("from a saved workload has the exact rows of the generated one, and a variant of the user's those of its original", async () => {
    const mine = file("my-buckets.ts", readFileSync(bucketsFile));
    const other = newOut();
    const saved = await savedWorkload(counted, "5");
    const { code, stdout } = await run(other, ["--workload-file", saved, ...buckets, "--variant-file", mine]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^my-buckets\b/m);
    const { rows, markdown } = await leftIn(other);
    expect(markdown).toContain("\n| my-buckets |");

    const generated = exactOf(left.rows.filter((row) => row.parameters.includes("purpose=answers")));
    expect(exactOf(rows.filter((row) => row.variant !== "my-buckets"))).toEqual(generated);

    const numbers = (variant: string): string[] =>
      exactOf(
        rows.filter((row) => row.variant === variant).map((row) => ({ ...row, variant: "", parameters: stageOf(row) })),
      );
    expect(numbers("my-buckets")).toEqual(numbers("hash-buckets buckets=16"));
    expect(numbers("my-buckets").length).toBeGreaterThan(50);
  });

  test("voids a variant that leaves objects behind or traps, names it, and measures the others", async () => {
    const exports =
      "batchesInUse, cpuOffline, cpuOnline, extraCacheBytes, extraObjectBytes, globalBytes, initialise, put";
    const rest = `export { ${exports}, quarantinedBytes, reduce } from "./singly-linked-fifo";\n`;
    const leak = file("leak.ts", `${rest}export function removeCache(_cache: usize): bool { return true; }\n`);
    const trap = file(
      "trap.ts",
      `${rest}export function removeCache(_cache: usize): bool { unreachable(); return true; }\n`,
    );
    const other = newOut();
    const saved = await savedWorkload(counted, "5");
    const files = ["--variant-file", leak, "--variant-file", trap];
    const { code, stdout, stderr } = await run(other, [
      "--workload-file",
      saved,
      "--variant",
      "doubly-linked",
      ...files,
    ]);
    expect(code).toBe(4);
    expect(stderr).toMatch(/variant 'leak': removeCache left \d+ objects in caches that were then destroyed/);
    expect(stderr).toMatch(/variant 'trap': trapped: unreachable/);
    expect(stdout).not.toMatch(/choose (leak|trap)/);
    const { rows, markdown } = await leftIn(other);
    expect(markdown).toContain("**Failed cases:**");
    const timed = rows.filter((row) => stageOf(row) === "stage=timed").map((row) => row.variant);
    expect([...new Set(timed)].sort()).toEqual(["doubly-linked", "floor", "singly-linked-fifo"]);
  });

  test("that is complete is not resumed", async () => {
    const { code, stderr } = await call(["run", "--out", out, "--resume", left.run.runId]);
    expect(code).toBe(2);
    expect(complaints(stderr)).toEqual([
      `reclaim-bench: --resume ${left.run.runId}: the run is complete; nothing is left to do`,
    ]);
    expect(complaints((await call(["run", "--out", out, "--resume"])).stderr)).toEqual([
      expect.stringContaining("--resume: no incomplete run in "),
    ]);
  });

  /** A copy of the run's folder with one file changed. */
  function changed(name: string, change: (text: string) => string): string {
    const copy = path.join(newOut(), left.run.runId);
    mkdirSync(copy);
    for (const one of ["records.csv", "run.json"]) copyFileSync(path.join(left.folder, one), path.join(copy, one));
    writeFileSync(path.join(copy, name), change(readFileSync(path.join(copy, name), "utf8")));
    return copy;
  }

  test.each<[string, () => string, string]>([
    ["a missing folder", () => path.join(folder, "none"), "none/run.json: no such file"],
    ["a torn table", () => changed("records.csv", (text) => text.slice(0, -40)), "/records.csv:"],
    [
      "a table with a value that is none",
      () => changed("records.csv", (text) => text.replace(/,exact,\d+,/, ",exact,much,")),
      "column 'value': 'much' found",
    ],
    [
      "a table without its header",
      () => changed("records.csv", (text) => text.slice(text.indexOf("\n") + 1)),
      "records.csv:1: column 'run_id'",
    ],
    ["an empty table", () => changed("records.csv", () => ""), "records.csv:1: no header"],
    ["a torn run.json", () => changed("run.json", (text) => text.slice(0, -40)), "run.json: not JSON"],
    [
      "a run.json without its seed",
      () => changed("run.json", (text) => text.replace(/"seed": 5,/, "")),
      "run.json: field 'seed'",
    ],
    [
      "a run of an unknown problem",
      () => changed("run.json", (text) => text.replaceAll('"problem": "quarantine"', '"problem": "x"')),
      "problem 'x' is not known",
    ],
  ])("cannot be reported from %s", async (_, damage, message) => {
    const reports = newOut();
    const { code, stdout, stderr } = await call(["report", damage(), "--out", reports]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(complaints(stderr)).toEqual([expect.stringContaining(message)]);
    expect(readdirSync(reports)).toEqual([]);
  });
});

describe("a run that does not reach its end", { timeout: 120_000 }, () => {
  let saved: string;
  let whole: Left;
  beforeAll(async () => {
    saved = await savedWorkload(smallest);
    const out = newOut();
    expect((await run(out, ["--workload-file", saved, ...buckets])).code).toBe(0);
    whole = await leftIn(out);
  }, 120_000);

  /** Resumes the only run of a folder and compares it with one that was never stopped. */
  async function resume(out: string, options: readonly string[] = []): Promise<void> {
    const before = readdirSync(path.join(out, "results"));
    const { code, stderr } = await call(["run", "--out", out, "--resume", ...options]);
    expect([code, complaints(stderr)]).toEqual([0, [`run ${before[0]}, seed 1`]]);
    const { run: resumed, rows, folder: results } = await leftIn(out);
    expect(resumed.state).toBe("complete");
    expect(resumed.cases).toEqual(whole.run.cases);
    expect(new Set(keysOf(rows)).size).toBe(rows.length);
    expect(exactOf(rows)).toEqual(exactOf(whole.rows));
    expect(readdirSync(results).sort()).toEqual(["answers.json", "records.csv", "run.json"]);
  }

  test("because the user stops it keeps its rows, ends with exit code 130, and is completed by --resume", async () => {
    const out = newOut();
    const { code, stderr } = await run(out, ["--workload-file", saved, ...buckets], "libvirt-teardown, counted");
    expect(code).toBe(130);
    const stopped = await leftIn(out);
    expect(stderr).toMatch(new RegExp(`stopped; go on with: reclaim-bench run --resume ${stopped.run.runId}\n$`));
    expect([stopped.run.state, stopped.run.finishedAt]).toEqual(["incomplete", null]);
    const pending = stopped.run.cases.filter((one) => one.state === "pending");
    expect(pending.map((one) => one.id.split(" / ").at(-1))).toEqual(["counted", "counted", "counted"]);
    const timedOf = (rows: readonly MeasuredRow[]) => rows.filter((row) => stageOf(row) === "stage=timed");
    expect(exactOf(timedOf(stopped.rows))).toEqual(exactOf(timedOf(whole.rows)));
    expect(stopped.markdown).toContain("> **Incomplete.**");
    await resume(out);
    expect((await leftIn(out)).markdown).not.toContain("Incomplete");
  });

  /** A folder as a killed run leaves it: all stages but the last done, its table partial, and its last row torn. */
  function killed(): { readonly out: string; readonly results: string } {
    const out = newOut();
    const results = path.join(out, "results", whole.run.runId);
    mkdirSync(results, { recursive: true });
    const cases = whole.run.cases.map((one) => (one.id.endsWith("counted") ? { ...one, state: "pending" } : one));
    const run = { ...whole.run, state: "incomplete", finishedAt: null, cases };
    writeFileSync(path.join(results, "run.json"), JSON.stringify(run));
    const table = readFileSync(path.join(whole.folder, "records.csv"), "utf8");
    const counting = table.indexOf("\n", table.indexOf("stage=counted")) + 1;
    writeFileSync(path.join(results, "records.csv.partial"), table.slice(0, counting + 60));
    return { out, results };
  }

  test("because it was killed is completed by --resume, though its last row is torn", async () => {
    await resume(killed().out);
  });

  test("because it was killed while it resumed loses no row", async () => {
    const { out, results } = killed();
    const partial = path.join(results, "records.csv.partial");
    copyFileSync(partial, path.join(results, "records.previous.csv"));
    // The copy had come no further than its header.
    const table = readFileSync(partial, "utf8");
    writeFileSync(partial, table.slice(0, table.indexOf("\n") + 1));
    await resume(out);
  });

  test.each([
    [
      "other binaries",
      (text: string) => text.replace(/"wasmSha256":"./g, '"wasmSha256":"0'),
      "the variants have changed",
    ],
    [
      "other events",
      (text: string) => text.replace(/"sha256":"[0-9a-f]{64}/, `"sha256":"${"0".repeat(64)}`),
      "its workloads have changed",
    ],
    [
      "another machine",
      (text: string) => text.replace(/"id":"[0-9a-f]{12}"/, '"id":"000000000000"'),
      "another machine or Node.js",
    ],
    [
      "other cases",
      (text: string) => text.replace(/floor \/ libvirt-teardown/, "roof / libvirt-teardown"),
      "its cases are not those",
    ],
  ])("is not resumed with %s", async (_, change, message) => {
    const { out, results } = killed();
    const file = path.join(results, "run.json");
    writeFileSync(file, change(readFileSync(file, "utf8")));
    const before = readdirSync(results);
    const { code, stderr } = await call(["run", "--out", out, "--resume"]);
    expect([code, complaints(stderr)]).toEqual([2, [expect.stringContaining(message)]]);
    expect(readdirSync(results)).toEqual(before);
    expect(existsSync(path.join(out, "reports"))).toBe(false);
  });

  test("is resumed as it was begun, settings with commas included", async () => {
    const out = newOut();
    const settings = [
      "cgroups=1",
      "touched=0",
      "caches-per-cgroup=inode_cache, dentry",
      "quarantine-bytes=2097152",
      "background-objects=500",
      "churn-batch=100",
      "churn-cycles=1",
    ];
    const options = ["--workload", "cgroups-4000", ...buckets, ...set(settings)];
    expect((await run(out, options, "cgroups-4000, counted")).code).toBe(130);
    const { code, stderr } = await call(["run", "--out", out, "--resume"]);
    expect([code, complaints(stderr)]).toEqual([0, [expect.stringMatching(/^run /)]]);
    expect((await leftIn(out)).run.state).toBe("complete");
  });
});
