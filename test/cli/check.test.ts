import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, test, vi } from "vitest";
import { suites } from "../../bench/index.ts";
import type { CheckJob, CheckOutcome } from "../../src/checker/outcome.ts";
import type { CheckResult } from "../../src/checker/pool.ts";
import { checkCommand } from "../../src/cli/check.ts";
import { performCases } from "../../src/cli/check-cases.ts";
import { type CheckOptions, defaults } from "../../src/cli/check-options.ts";
import { planChecks } from "../../src/cli/check-plan.ts";
import type { Io } from "../../src/cli/io.ts";
import { Progress } from "../../src/cli/progress.ts";
import { StoppedError } from "../../src/errors.ts";
import type { RunningJob } from "../../src/job-pool.ts";
import { checkFormats } from "../../src/report/check/formats.ts";
import { counterexample, outcome, rung } from "../report/check/outcomes.ts";
import { call, complaints, file, newOut } from "./program.ts";

const noOptions: CheckOptions = {
  problem: [],
  variantFile: [],
  scenario: [],
  memoryModel: [],
  reduction: true,
  format: [],
  list: false,
  ...defaults,
};

const module = { wasm: new Uint8Array(), sha256: "ab".repeat(32), flags: [] };

/** What came of a command whose cases are performed by hand. */
interface Checked {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  readonly jobs: readonly CheckJob[];
  readonly isClosed: boolean;
}

/** A case's outcome: exhausted, unless it is said otherwise. */
function outcomeOf(
  { problem, variant, scenario, model, scheduler }: CheckJob,
  some: Partial<CheckOutcome>,
): CheckOutcome {
  return outcome({ problem, variant: variant.id, scenario, model, scheduler: scheduler.name, ...some });
}

/** Checks, with what comes of each case made by hand. An error rejects it. */
async function check(
  names: readonly string[],
  options: Partial<CheckOptions> = {},
  perform: (job: CheckJob) => Partial<CheckOutcome> | CheckResult | Error = () => ({}),
): Promise<Checked> {
  const jobs: CheckJob[] = [];
  let [stdout, stderr, isClosed] = ["", "", false];
  const io: Io = {
    write: (text) => {
      stdout += text;
    },
    warn: (text) => {
      stderr += text;
    },
    clock: () => new Date(Date.UTC(2025, 0, 31)),
    isTerminal: false,
    columns: 80,
  };
  const run = (job: CheckJob): Promise<CheckResult> => {
    jobs.push(job);
    const result = perform(job);
    if (result instanceof Error) return Promise.reject(result);
    return Promise.resolve("kind" in result ? result : { kind: "done", outcome: outcomeOf(job, result) });
  };
  const code = await checkCommand(
    names,
    { ...noOptions, ...options },
    { command: "reclaim-bench check", version: "0.1.0" },
    io,
    new AbortController().signal,
    {
      compile: () => Promise.resolve({ core: module, moduleOf: () => module }),
      openPool: () => ({
        run: ({ job, prepare = (one) => one }): RunningJob<CheckResult> => ({
          outcome: run(prepare(job)),
          share: () => 0,
          own: () => [0, 0],
        }),
        close: () => {
          isClosed = true;
          return Promise.resolve();
        },
      }),
    },
  );
  return { code, stdout, stderr, jobs, isClosed };
}

/** Lines of the table of a problem, by variant and model. */
function linesOf(stdout: string, begin: string): string[] {
  return stdout.split("\n").filter((line) => line.startsWith(begin));
}

const one = { scenario: ["put-against-remove"], memoryModel: ["sc"] };

describe("which cases are checked:", () => {
  test("without arguments all variants of all problems, and under x86-TSO the scenarios that are for it", async () => {
    const { code, jobs, isClosed } = await check([]);
    expect([code, isClosed]).toEqual([0, true]);
    const variants = (problem: string): Set<string> =>
      new Set(jobs.filter((job) => job.problem === problem).map(({ variant }) => variant.id));
    expect(variants("quarantine").size).toBe(12);
    expect(variants("quarantine")).toContain("hash-buckets buckets=16 skip-when-empty=true");
    expect([...variants("quarantine")]).not.toContain("floor");
    expect([...variants("shrinker")]).toEqual(
      expect.arrayContaining(["rwsem", "srcu", "srcu-expedited", "srcu-split", "refcount-rcu"]),
    );
    const tso = jobs.filter(({ model }) => model === "tso");
    expect(tso.length).toBeGreaterThan(0);
    expect(tso.length).toBeLessThan(jobs.length / 2);
    const keys = jobs.map(({ problem, variant, scenario, model }) => `${problem} ${variant.id} ${scenario} ${model}`);
    expect(new Set(keys).size).toBe(keys.length);
  });

  test.each<[string, readonly string[], Partial<CheckOptions>, readonly string[]]>([
    ["a variant by its id", ["hash-buckets buckets=4"], one, ["hash-buckets buckets=4 put-against-remove sc"]],
    [
      "several, of which one skips",
      ["single-list", "doubly-linked skip-when-empty=true"],
      one,
      ["single-list put-against-remove sc", "doubly-linked skip-when-empty=true put-against-remove sc"],
    ],
    [
      "models with a comma",
      ["single-list"],
      { ...one, memoryModel: ["tso,sc"] },
      ["single-list put-against-remove tso", "single-list put-against-remove sc"],
    ],
    [
      "scenarios",
      ["single-list"],
      { memoryModel: ["sc"], scenario: ["put-against-remove", "two-removals"] },
      ["single-list put-against-remove sc", "single-list two-removals sc"],
    ],
  ])("%s", async (_, names, options, expected) => {
    const { jobs } = await check(names, options);
    expect(jobs.map(({ variant, scenario, model }) => `${variant.id} ${scenario} ${model}`)).toEqual(expected);
  });

  test("a problem by its name, as an argument or an option", async () => {
    const asArgument = (await check(["shrinker"])).jobs;
    const asOption = (await check([], { problem: ["shrinker"] })).jobs;
    expect(new Set(asArgument.map(({ problem }) => problem))).toEqual(new Set(["shrinker"]));
    const withoutTime = (jobs: readonly CheckJob[]) => jobs.map((job) => ({ ...job, msMax: 0 }));
    expect(withoutTime(asOption)).toEqual(withoutTime(asArgument));
  });

  test("a file of the user's alone, and in the quarantine with skip-when-empty, too", async () => {
    const mine = file("mine.ts", "");
    const { jobs } = await check([], { ...one, problem: ["quarantine"], variantFile: [mine] });
    expect(jobs.map(({ variant }) => variant)).toEqual([
      { id: "mine", skipWhenEmpty: false },
      { id: "mine skip-when-empty=true", skipWhenEmpty: true },
    ]);
    const both = await check(["mine", "single-list"], { ...one, problem: ["quarantine"], variantFile: [mine] });
    expect(both.jobs.map(({ variant }) => variant.id)).toEqual(["mine", "single-list"]);
  });

  test("--list shows them and checks none", async () => {
    const { code, stdout, jobs } = await check(["single-list"], { list: true });
    expect([code, jobs]).toEqual([0, []]);
    const checked = (await check(["single-list"])).jobs;
    const lines = stdout.trimEnd().split("\n");
    expect(lines.map((line) => line.split(/\s{2,}/).slice(0, 3))).toEqual(
      checked.map(({ problem, variant, model }) => [problem, variant.id, model]),
    );
    for (const [index, { scenario }] of checked.entries()) expect(lines[index]).toContain(`  ${scenario}: `);
  });
});

test.each<[Partial<CheckOptions>, Partial<CheckJob>]>([
  [{}, { scheduler: { name: "exhaustive", reduction: true }, statesMax: Number(defaults.statesMax), msMax: 30_000 }],
  [{ reduction: false }, { scheduler: { name: "exhaustive", reduction: false } }],
  [{ scheduler: "bounded" }, { scheduler: { name: "bounded", preemptions: 3, isFull: true } }],
  [{ scheduler: "bounded", preemptions: "0" }, { scheduler: { name: "bounded", preemptions: 0, isFull: false } }],
  [
    { scheduler: "pct", preemptions: "2", executions: "50", seed: "7" },
    { scheduler: { name: "pct", changes: 2, executions: 50, seed: 7 } },
  ],
  [{ scheduler: "random" }, { scheduler: { name: "random", executions: 10_000, seed: 1 } }],
  [
    { statesMax: "5", stepsMax: "6000", secondsMax: "7" },
    { statesMax: 5, stepsMax: 6000, msMax: 7000 },
  ],
])("of the options %j each case hears", async (options, expected) => {
  const { jobs } = await check(["single-list"], { ...one, ...options });
  expect(jobs).toEqual([expect.objectContaining(expected)]);
});

test("a case has its own limit of time, and less where the time for all is short, but never nothing", async () => {
  const limitsOf = async (secondsTotal: string): Promise<readonly number[]> =>
    (await check([], { workers: "1", secondsTotal })).jobs.map(({ msMax }) => msMax);
  expect(new Set(await limitsOf("86400"))).toEqual(new Set([30_000]));
  const short = await limitsOf("300");
  // Sixteen times its even share: whatever the clock says, no more than that at first.
  expect(short[0]).toBeLessThanOrEqual((16 * 300_000) / short.length);
  expect(Math.min(...short)).toBeGreaterThan(500);
  expect(Math.min(...(await limitsOf("1")))).toBe(500);
});

describe("a check ends", () => {
  test("with 0 when everything was exhausted or stopped at a bound, and says which", async () => {
    const { code, stdout } = await check(["single-list", "doubly-linked"], one, ({ variant }) =>
      variant.id === "single-list"
        ? {}
        : { outcome: "bound", bound: "10 states", rungs: [rung("all", { states: 10 })] },
    );
    expect(code).toBe(0);
    expect(linesOf(stdout, "single-list")).toEqual([expect.stringMatching(/ exhausted: 1 of 1$/)]);
    expect(linesOf(stdout, "doubly-linked")).toEqual([
      expect.stringMatching(/ sc +– +10 .* stopped at 10 states: put-against-remove$/),
    ]);
    expect(stdout).toContain("\n2 cases: 1 exhausted, 1 stopped at a bound\n");
  });

  test("with 4 when something was found, and shows it", async () => {
    const { code, stdout } = await check(["single-list", "doubly-linked"], one, ({ variant }) =>
      variant.id === "single-list" ? { outcome: "violation", counterexample } : {},
    );
    expect(code).toBe(4);
    expect(stdout).toContain("\nviolation in quarantine: single-list, put-against-remove ");
    expect(stdout).toContain(`\n${counterexample.timeline}\nat kasan_quarantine_put, `);
    expect(stdout).toContain(`\n\nreclaim-bench replay ${counterexample.token}\n`);
  });

  test("with 4 when a variant of the user's own is wrong, and says how to replay that", async () => {
    const mine = file("mine.ts", "");
    const options = { ...one, problem: ["quarantine"], variantFile: [mine] };
    const { code, stdout } = await check(["mine"], options, () => ({ outcome: "violation", counterexample }));
    expect(code).toBe(4);
    expect(stdout).toContain(`\nreclaim-bench replay ${counterexample.token} --variant-file ${mine}\n`);
  });

  test("with 4 when a case hung, for whoever goes on for ever is wrong", async () => {
    const message = "not heard of for 120 s";
    const { code, stdout } = await check(["single-list"], one, () => ({ kind: "hung", message, ms: 120_000 }));
    expect(code).toBe(4);
    expect(stdout).toContain(`\nlivelock: ${message}\n`);
    expect(linesOf(stdout, "single-list")).toEqual([expect.stringContaining("  2 min  violation: livelock in ")]);
    expect(stdout).not.toContain("replay");
  });

  test("with 130 when the user stops it, and reports what was done until then", async () => {
    const { code, stdout } = await check(["single-list", "doubly-linked"], one, ({ variant }) =>
      variant.id === "single-list" ? {} : new StoppedError("stopped"),
    );
    expect(code).toBe(130);
    expect(linesOf(stdout, "single-list")).toHaveLength(1);
    expect(stdout).toContain("2 cases: 1 exhausted, 1 not checked, as the check was stopped\n");
  });

  test("with the harness's own error when there is one, its threads closed", async () => {
    await expect(check(["single-list"], one, () => new Error("the thread died"))).rejects.toThrow("the thread died");
  });

  test("with bad input when a case's memory cannot be had", async () => {
    await expect(check(["single-list"], one, () => ({ kind: "bad input", message: "no memory" }))).rejects.toThrow(
      expect.objectContaining({ name: "InputError", message: "no memory" }),
    );
  });
});

test("progress says how many cases are done, and what remains", async () => {
  const { stderr } = await check(["single-list", "doubly-linked"], one);
  expect(stderr).toMatch(/^50% 1\/2 {2}elapsed 0s, remaining \? {2}quarantine: doubly-linked, put-against-remove /m);
  expect(stderr).toMatch(/^100% 2\/2 {2}elapsed 0s, remaining 0s {2}done$/m);
});

test.each([
  ["states", [500, 900, 100, 400], "650 states/s"],
  ["executions", [500, 900, 1000, 1200], "600 executions/s"],
])(
  "progress tells a speed over two seconds, of %s, and never less than nothing when they begin again",
  async (what, told, speed) => {
    vi.useFakeTimers();
    try {
      const [first] = planChecks(suites, {
        problems: [],
        variants: ["single-list"],
        outside: new Map(),
        scenarios: [],
        models: [],
      });
      let end: (result: CheckResult) => void = () => {};
      const ended = new Promise<CheckResult>((resolve) => {
        end = resolve;
      });
      const shown: string[] = [];
      let place = -1;
      const own = (): readonly [number, number] => {
        const value = told[place] ?? 0;
        return what === "states" ? [value, 3] : [0, value];
      };
      const pool = { run: () => ({ outcome: ended, share: () => 0.25, own }), close: () => Promise.resolve() };
      const io: Io = {
        write: () => {},
        warn: (text) => void shown.push(text),
        clock: () => new Date(),
        isTerminal: true,
        columns: 200,
      };
      const job = { scheduler: { name: "exhaustive", reduction: true } } as CheckJob;
      const performed = performCases([first!], [job], pool, new Progress(io, { unitsTotal: 1 }));
      for (place = 0; place < told.length; place++) await vi.advanceTimersByTimeAsync(500);
      await vi.advanceTimersByTimeAsync(200);
      end({ kind: "done", outcome: outcome() });
      await performed;
      expect(shown.filter((text) => text.includes("/s"))).not.toEqual([]);
      for (const text of shown.filter((one) => one.includes("/s"))) expect(text).toContain(`  ${speed}  `);
    } finally {
      vi.useRealTimers();
    }
  },
);

describe("a report is written", () => {
  const settled = (out: string): string[] => readdirSync(out).sort();

  test.each(Object.keys(checkFormats))("to standard output as %s, and nothing else is", async (format) => {
    const { stdout } = await check(["single-list"], { ...one, format: [format] });
    const { stdout: terminal } = await check(["single-list"], one);
    expect(stdout === terminal).toBe(format === "terminal");
    if (format === "json") expect(JSON.parse(stdout).counts.exhausted).toBe(1);
  });

  test("to a folder in every format, or in those named, and the terminal's to standard output", async () => {
    const out = newOut();
    const { stdout } = await check(["single-list"], { ...one, out });
    expect(settled(out)).toEqual(["check.csv", "check.json", "check.md", "check.sarif", "check.txt", "check.xml"]);
    expect(readFileSync(path.join(out, "check.txt"), "utf8")).toBe(stdout.replace(/^report .*\n/gm, ""));
    const some = path.join(newOut(), "new/");
    await check(["single-list"], { ...one, out: some, format: ["sarif,junit"] });
    expect(settled(some)).toEqual(["check.sarif", "check.xml"]);
  });

  test("to a folder, whatever it is called", async () => {
    const out = path.join(newOut(), "x.json");
    mkdirSync(out);
    await check(["single-list"], { ...one, out, format: ["csv"] });
    expect(settled(out)).toEqual(["check.csv"]);
  });

  test("to a file, whose name tells the format unless it is named", async () => {
    const out = newOut();
    await check(["single-list"], { ...one, out: path.join(out, "deep", "result.xml") });
    await check(["single-list"], { ...one, out: path.join(out, "deep", "result"), format: ["csv"] });
    expect(readFileSync(path.join(out, "deep", "result.xml"), "utf8")).toMatch(/^<\?xml /);
    expect(readFileSync(path.join(out, "deep", "result"), "utf8")).toMatch(/^problem,variant,/);
  });
});

describe("bad input gives exit code 2, one line that says what is wrong, and leaves nothing behind:", () => {
  test.each<[string, () => readonly string[], string]>([
    ["an unknown variant", () => ["triply-linked"], "variant 'triply-linked': unknown; one of: single-list, "],
    ["an unknown problem", () => ["--problem", "fork-bomb"], "problem 'fork-bomb': unknown; one of: quarantine"],
    ["a variant of another problem", () => ["quarantine", "rwsem"], "variant 'rwsem': unknown"],
    ["an unknown parameter", () => ["single-list speed=9"], "unknown parameter 'speed'"],
    ["a variant that cannot be checked", () => ["quarantine", "floor"], "variant 'floor': cannot be checked: "],
    ["an unknown scenario", () => ["--scenario", "lunch"], "--scenario lunch: unknown; one of: put-against-remove"],
    [
      "a scenario of another problem",
      () => ["shrinker", "--scenario", "put-against-remove"],
      "--scenario put-against-remove: unknown",
    ],
    ["an unknown model", () => ["--memory-model", "arm"], "--memory-model arm: unknown; one of: sc, tso"],
    ["an unknown scheduler", () => ["--scheduler", "fair"], "--scheduler fair: unknown; one of: exhaustive, bounded"],
    [
      "preemptions of the exhaustive",
      () => ["--preemptions", "2"],
      "--preemptions: only with --scheduler bounded or pct",
    ],
    ["a seed of the exhaustive", () => ["--seed", "2"], "--seed: only with --scheduler pct or random, not exhaustive"],
    [
      "executions of the bounded",
      () => ["--scheduler", "bounded", "--executions", "2"],
      "--executions: only with --scheduler pct or random, not bounded",
    ],
    [
      "no reduction of the random",
      () => ["--scheduler", "random", "--no-reduction"],
      "--no-reduction: only with --scheduler exhaustive, not random",
    ],
    ["no states", () => ["--states-max", "0"], "--states-max: must be from 1 to 2147483647, got 0"],
    ["states that are no number", () => ["--states-max", "1e6"], "--states-max: must be a whole number, got '1e6'"],
    ["no time", () => ["--seconds-max", "0"], "--seconds-max: must be from 1 to 86400, got 0"],
    ["no time at all", () => ["--seconds-total", "0"], "--seconds-total: must be from 1 to 86400, got 0"],
    ["no steps", () => ["--steps-max", "0"], "--steps-max: must be from 1000 to"],
    ["no workers", () => ["--workers", "0"], "--workers: must be from 1 to 1024, got 0"],
    ["a seed too large", () => ["--scheduler", "random", "--seed", "4294967296"], "seed: must be a whole number"],
    ["an unknown format", () => ["--format", "pdf"], "--format pdf: unknown; one of: terminal, markdown, json, csv"],
    ["two formats for standard output", () => ["--format", "csv,json"], "--format: several go to files"],
    [
      "two formats for a file",
      () => ["--format", "csv,json", "--out", "result.csv"],
      "--out result.csv: is one file, and --format names 2 formats",
    ],
    ["a file of no known format", () => ["--out", "result.pdf"], "--out result.pdf: name the format with --format"],
    [
      "a file in what is no folder",
      () => ["--out", path.join(file("plain", ""), "x.json")],
      "plain/x.json: cannot write in ",
    ],
    ["a place that cannot be written", () => ["--out", "/proc/none/"], "--out /proc/none/: cannot write in /proc"],
    [
      "a variant file without its problem",
      () => ["--variant-file", file("mine.ts", "")],
      "--variant-file: name the one problem that it is for with --problem: quarantine, shrinker",
    ],
    [
      "a missing variant file",
      () => ["quarantine", "--variant-file", "/none/mine.ts"],
      "--variant-file /none/mine.ts: no such file",
    ],
    [
      "a variant file that lacks the contract",
      () => ["quarantine", "--variant-file", file("mine.ts", "// Nothing.\n")],
      "the contract is in src/kernel/quarantine/contract.ts",
    ],
  ])("%s", async (_, argv, message) => {
    const { code, stdout, stderr } = await call(["check", ...argv()]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(complaints(stderr)).toEqual([expect.stringMatching(/^reclaim-bench: /)]);
    expect(stderr).toContain(message);
  });
});
