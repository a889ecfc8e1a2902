import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { beforeAll, beforeEach, describe, expect, test } from "vitest";
import { addHistory, revisionOf, showHistory } from "../../src/cli/history.ts";
import type { Io } from "../../src/cli/io.ts";
import { RecordWriter } from "../../src/records/csv.ts";
import { readEnvironment } from "../../src/records/environment.ts";
import { machineOf, readHistory } from "../../src/records/history.ts";
import { type Run, writeRun } from "../../src/records/run-file.ts";
import { rowsOfCase } from "../report/rows.ts";
import { call, folder, newOut } from "./program.ts";

/** A checkout with some commits, the oldest first. */
let checkout: string;
const commits: string[] = [];
let environment: Run["environment"];

function git(...args: string[]): string {
  const identity = {
    GIT_AUTHOR_NAME: "a",
    GIT_AUTHOR_EMAIL: "a@b",
    GIT_COMMITTER_NAME: "a",
    GIT_COMMITTER_EMAIL: "a@b",
  };
  const date = `2025-01-0${commits.length + 1}T12:00:00+02:00`;
  const env = { PATH: process.env.PATH, ...identity, GIT_AUTHOR_DATE: date, GIT_COMMITTER_DATE: date };
  return execFileSync("git", args, { cwd: checkout, env, encoding: "utf8" }).trim();
}

beforeAll(async () => {
  checkout = mkdtempSync(path.join(folder, "checkout-"));
  git("init", "--quiet");
  for (let count = 0; count < 5; count++) {
    git("commit", "--quiet", "--allow-empty", "--message", `change ${count}`);
    commits.push(git("rev-parse", "HEAD"));
  }
  environment = await readEnvironment();
});

let out: string;
let runs = 0;
beforeEach(() => {
  out = newOut();
});

const counted = {
  problem: "cil",
  variant: "shadow-buffers",
  workload: "metadata-commits",
  stage: "counted",
  cpus: 2,
  parameters: "items=12 purpose=answers",
};

/** Writes a complete run, of a commit and with that many accesses. */
async function record(commit: string, accesses: number, own: Partial<Run> = {}): Promise<string> {
  const runId = `20250131T2359${String(10 + runs++)}Z-0a1b2c`;
  const where = path.join(out, "results", runId);
  mkdirSync(where, { recursive: true });
  await writeRun(where, {
    ...{ schemaVersion: 1, runId, command: "reclaim-bench run cil", state: "complete" },
    ...{ startedAt: "2025-01-31T23:59:59.000Z", finishedAt: "2025-01-31T23:59:59.000Z" },
    ...{ environment: { ...environment, commit }, parameters: {}, seed: 1, flags: [], modules: [], workloads: [] },
    ...{ cases: [], warnings: [], rssBytesMax: 0 },
    ...own,
  });
  const writer = await RecordWriter.open(where);
  for (const row of rowsOfCase(counted, { "accesses-mean[xlog_cil_commit]": [accesses] })) {
    await writer.write({ ...row, run_id: runId, environment_id: environment.id });
  }
  await writer.finish();
  return runId;
}

/** Performs an action and says what it printed. */
async function printed(action: (io: Io) => Promise<number>): Promise<string> {
  let text = "";
  const io: Io = {
    write: (more) => {
      text += more;
    },
    warn: () => undefined,
    clock: () => new Date(),
    isTerminal: false,
    columns: 80,
  };
  expect(await action(io)).toBe(0);
  return text;
}

function add(run?: string, commit?: string): Promise<string> {
  return printed((io) => addHistory(run, { out, ...(commit === undefined ? {} : { commit }) }, io, checkout));
}

function show(options: { readonly series?: string; readonly json?: boolean } = {}): Promise<string> {
  return printed((io) => showHistory({ json: false, out, ...options }, io, checkout));
}

const history = (): string => path.join(out, "results", "history");

describe("history add", () => {
  test("adds a run by its id with the time of its commit, in UTC", async () => {
    const run = await record(commits[1]!, 20);
    expect(await add(run)).toBe(
      `history: run ${run} of ${commits[1]!.slice(0, 12)}: 1 exact numbers and 0 ratios added to ${history()}\n`,
    );
    expect(await readHistory(history())).toEqual([
      expect.objectContaining({
        ...{ commit: commits[1], committed_at: "2025-01-02T10:00:00.000Z", run_id: run, value: 20 },
        ...{ environment_id: environment.id, parameters: "items=12 seed=1" },
        machine: machineOf(environment),
      }),
    ]);
  });

  test("takes the newest complete run when none is named", async () => {
    await record(commits[0]!, 20);
    const newest = await record(commits[1]!, 21);
    await record(commits[2]!, 22, { state: "incomplete", finishedAt: null });
    await record(commits[2]!, 23, { command: "reclaim-bench compare" });
    expect(await add()).toContain(`run ${newest} of`);
  });

  test("refuses a run that is there, an incomplete one, and one with a failed case", async () => {
    const run = await record(commits[1]!, 20);
    await add(run);
    await expect(add(run)).rejects.toThrow(`run ${run}: is in ${history()} already`);
    const incomplete = await record(commits[1]!, 20, { state: "incomplete", finishedAt: null });
    await expect(add(incomplete)).rejects.toThrow(/it is incomplete; finish it with: reclaim-bench run --resume/);
    const cases = [{ id: "cil / mine / metadata-commits / counted", state: "failed" as const, error: "trapped" }];
    const failed = await record(commits[1]!, 20, { cases });
    await expect(add(failed)).rejects.toThrow(/metadata-commits \/ counted failed, so .*: trapped$/);
    expect(await readHistory(history())).toHaveLength(1);
  });

  test("refuses a run of a dirty or unknown commit, unless it is told which one it stands for", async () => {
    const dirty = await record(`${commits[1]}-dirty`, 20);
    await expect(add(dirty)).rejects.toThrow(/measured with changes on top of [0-9a-f]{40}; .*--commit$/);
    const unknown = await record("", 20);
    await expect(add(unknown)).rejects.toThrow(/no commit is known of it; .*--commit$/);
    await add(dirty, "HEAD~3");
    expect((await readHistory(history()))[0]).toMatchObject({ commit: commits[1] });
  });

  test("refuses a commit that is none, and one that is not the run's", async () => {
    const run = await record(commits[1]!, 20);
    await expect(add(run, commits[2])).rejects.toThrow(`run ${run} was measured at ${commits[1]}`);
    await expect(add(run, "--output=x")).rejects.toThrow(/^--commit --output=x: the checkout has no such revision/);
    expect(existsSync(history())).toBe(false);
  });

  test("takes the run's own time where the checkout does not know its commit", async () => {
    const run = { runId: "r", startedAt: "2025-01-31T23:59:59.000Z", environment: { commit: "f".repeat(40) } } as Run;
    expect(await revisionOf(run, undefined, checkout)).toEqual({ commit: "f".repeat(40), committedAt: run.startedAt });
  });

  test("refuses a run without a headline", async () => {
    const run = await record(commits[1]!, 20);
    const file = path.join(out, "results", run, "records.csv");
    writeFileSync(file, readFileSync(file, "utf8").replace("purpose=answers", "purpose=growth"));
    await expect(add(run)).rejects.toThrow(/has nothing that a history keeps/);
  });
});

describe("history show", () => {
  test("names the range of a change and how many commits it has, and draws it", async () => {
    for (const [index, accesses] of [20, 20, 21].entries()) await add(await record(commits[2 * index]!, accesses));
    const text = await show();
    const [good, bad] = [commits[2]!.slice(0, 12), commits[4]!.slice(0, 12)];
    expect(text).toContain(`2025-01-05  ${good}..${bad}, 2 commits\n`);
    expect(text).toContain("20 accesses/call to 21 accesses/call (+5.0 %, worse)");
    const reports = path.join(out, "reports");
    expect(text.endsWith(`\nreport  ${path.join(reports, "history.md")}\n`)).toBe(true);
    const charts = readdirSync(path.join(reports, "history"));
    expect(charts).toHaveLength(1);
    expect(readFileSync(path.join(reports, "history.md"), "utf8")).toContain(`](history/${charts[0]})`);
  });

  test("counts no commits where the checkout does not know them", async () => {
    await add(await record(commits[0]!, 20));
    await add(await record("e".repeat(40), 21));
    const { series } = JSON.parse(await show({ json: true }));
    expect(series[0].changes).toEqual([
      expect.objectContaining({ good: commits[0], bad: "e".repeat(40), commits: null }),
    ]);
  });

  test("removes charts of what has not changed, and leaves other files alone", async () => {
    await add(await record(commits[0]!, 20));
    const charts = path.join(out, "reports", "history");
    mkdirSync(charts, { recursive: true });
    writeFileSync(path.join(charts, "old.svg"), "");
    writeFileSync(path.join(charts, "notes.txt"), "");
    await show();
    expect(readdirSync(charts)).toEqual(["notes.txt"]);
  });

  test("shows the series that are asked for, and says which there are when there are none", async () => {
    await add(await record(commits[0]!, 20));
    const { series } = JSON.parse(await show({ series: "cil/*", json: true }));
    expect(series).toEqual([
      expect.objectContaining({ points: [expect.objectContaining({ value: 20 })], changes: [] }),
    ]);
    const { code, stderr } = await call(["history", "show", "--series", "shrinker/*", "--out", out]);
    expect([code, stderr]).toEqual([
      2,
      expect.stringMatching(/none of 1 series has such a name; the first: cil\/shadow/),
    ]);
  });

  test("says in one line that there is no history, or that it is damaged", async () => {
    const none = await call(["history", "show", "--out", out]);
    expect([none.code, none.stderr]).toEqual([
      2,
      expect.stringMatching(/^reclaim-bench: no history in .*history add\n$/),
    ]);
    await add(await record(commits[0]!, 20));
    const file = path.join(history(), "cil.csv");
    writeFileSync(file, readFileSync(file, "utf8").replace(",20\n", ",\n"));
    const damaged = await call(["history", "show", "--out", out]);
    expect(damaged.code).toBe(2);
    expect(damaged.stderr).toMatch(/^reclaim-bench: .*cil\.csv:2: column 'value': expected a decimal number\n$/);
    rmSync(file);
  });
});
