// A native comparison of processes that are drawn from known distributions instead of being timed.

import { describe, expect, test } from "vitest";
import { compareNatively, type NativeOptions, type NativeResult } from "../../src/compare/native.ts";
import type { NativeCase, NativeRounds, NativeSide } from "../../src/compare/timed-case.ts";
import { StoppedError } from "../../src/errors.ts";
import type { PairedJob, PairedSamples } from "../../src/plan/paired.ts";
import { Random } from "../../src/workloads/random.ts";

const hash = (letter: string): string => letter.repeat(64);

function side(variant: string, letter: string): NativeSide {
  return { variant, wasmFile: `${letter}.wasm`, sha256: hash(letter), skipWhenEmpty: false, isFloor: false };
}

function makeCase(variant: string, more: Partial<NativeCase> = {}): NativeCase {
  return {
    problem: "shrinker",
    workload: { name: "container-start", parameters: { cgroups: 10 }, seed: 1 },
    cpus: 1,
    parameters: "cgroups=10",
    metrics: [{ metric: "visits-per-s", isGated: true }],
    base: side(variant, "a"),
    heads: [side(variant, "b")],
    ...more,
  };
}

/** How much longer a process's heads take, by the file of their module; and what fails. */
interface World {
  /** Head over base, by module file and number of the process. @default 1 */
  readonly time?: (file: string, process: number) => number;
  /** Spread of a process's ratio, as a share. @default 0.005 */
  readonly spread?: number;
  readonly failures?: (job: PairedJob) => PairedSamples["failures"];
}

interface Seen {
  readonly result: NativeResult;
  readonly jobs: readonly PairedJob[];
  readonly rounds: readonly NativeRounds[];
  readonly shares: readonly number[];
}

async function compare(
  cases: readonly NativeCase[],
  world: World = {},
  more: Partial<NativeOptions> = {},
): Promise<Seen> {
  const { time = () => 1, spread = 0.005 } = world;
  const jobs: PairedJob[] = [];
  const rounds: NativeRounds[] = [];
  const shares: number[] = [];
  const random = new Random(11);
  /** From -1 to 1. */
  const noise = (): number => random.below(2001) / 1000 - 1;
  const measure = async (job: PairedJob): Promise<PairedSamples> => {
    const process = jobs.push(job) - 1;
    const failed = world.failures?.(job) ?? {};
    const samples: PairedSamples["samples"] = {};
    for (const { id, wasmFile } of job.subjects) {
      if (failed[id] !== undefined) continue;
      const factor = time(wasmFile, process) * (1 + spread * noise());
      const valuesOf = (metric: string): number[] =>
        Array.from({ length: job.rounds }, () => {
          const ns = 100 * factor * (1 + 0.05 * noise());
          return metric.endsWith("per-s") ? 1e9 / ns : ns;
        });
      samples[id] = Object.fromEntries(job.metrics.map((metric) => [metric, valuesOf(metric)]));
    }
    return { samples, failures: failed };
  };
  const result = await compareNatively({
    kind: "revisions",
    cases,
    seed: 5,
    measure,
    machine: {
      loadPerCore: 0.1,
      stealShare: async () => 0.001,
      limits: { loadPerCore: 1.5, stealShare: 0.05 },
    },
    onRounds: (one) => rounds.push(one),
    onProgress: (share) => shares.push(share),
    signal: new AbortController().signal,
    ...more,
  });
  return { result, jobs, rounds, shares };
}

const slower = (by: number): World => ({ time: (file) => (file === "b.wasm" ? by : 1) });

describe("a row", () => {
  test("that is slower is suspected, confirmed on fresh processes alone, and regressed", async () => {
    const { result, jobs, rounds } = await compare([makeCase("rwsem")], slower(1.1));
    const [row] = result.native.rows;
    expect(row).toMatchObject({ verdict: "regressed", gated: true, delta: 0.03, better: "higher" });
    expect(row!.estimate!.ratio).toBeCloseTo(1 / 1.1, 1);
    expect(row!.processes).toHaveLength(result.native.processes);
    expect(row!.confirmation).toMatchObject({ confirmed: true });
    expect(row!.confirmation!.processes).toHaveLength(12);
    expect(row!.reason).toMatch(/^\d+\.\d % worse \(95 % interval .*\); \d+\.\d % worse in 12 fresh processes$/);
    // The canary has as many as the row.
    expect(result.native.processes).toBe(12);
    expect(jobs).toHaveLength(2 * 12 + 12);
    // Raw rounds of both sides, none averaged away, and no process has the number of another one.
    const heads = rounds.filter((one) => one.side === "head" && one.purpose !== "canary");
    expect(heads.map(({ process }) => process)).toEqual(Array.from({ length: 24 }, (_, index) => index));
    expect(rounds.every(({ values }) => values.length === 60)).toBe(true);
  });

  test("that is quicker is improved, and is not measured again", async () => {
    const { result, jobs } = await compare([makeCase("rwsem")], slower(0.9));
    expect(result.native.rows[0]).toMatchObject({ verdict: "improved", confirmation: null });
    expect(jobs).toHaveLength(24);
  });

  test("is suspected at the level that was asked for", async () => {
    // Of 7 processes, one of which disagrees, no p is below 0.031.
    const world: World = {
      time: (file, process) => (file !== "b.wasm" ? 1 : process === 1 ? 0.98 : 1 + 0.01 * process),
    };
    const at = async (alpha: number): Promise<string> => {
      const { result } = await compare([makeCase("rwsem")], world, { processes: 7, alpha });
      return result.native.rows[0]!.verdict;
    };
    expect([await at(0.05), await at(0.02)]).toEqual(["regressed", "inconclusive"]);
  });

  test("that is suspected and cannot be timed again is open, and its violation is told", async () => {
    let jobs = 0;
    const failures = (job: PairedJob): PairedSamples["failures"] =>
      ++jobs <= 24 ? {} : { [job.subjects[1]!.id]: { error: "lost a record", isViolation: true } };
    const { result } = await compare([makeCase("rwsem")], { ...slower(1.2), failures });
    expect(result.native.rows[0]).toMatchObject({ verdict: "inconclusive", open: true, confirmation: null });
    expect(result.native.rows[0]!.reason).toMatch(/worse.*; not confirmed: cannot be timed: lost a record$/);
    expect(result.violations).toMatchObject([{ error: "lost a record" }]);
  });

  test("whose base does what none may do is no violation", async () => {
    const failures = (job: PairedJob): PairedSamples["failures"] => ({
      [job.subjects[0]!.id]: { error: "lost a record", isViolation: true },
    });
    const { result } = await compare([makeCase("rwsem")], { failures });
    expect(result.violations).toEqual([]);
    expect(result.native.rows[0]!.reason).toContain("what it is compared with cannot be timed: lost a record");
    // A canary of one process would sing by chance.
    expect(result.native.canaries).toEqual([]);
  });

  test("is not trusted any more when it was not once", async () => {
    const shares = [0.06, 0.04];
    const machine = {
      loadPerCore: 0.1,
      stealShare: async () => shares.shift() ?? 0,
      limits: { loadPerCore: 1.5, stealShare: 0.05 },
    };
    const { result } = await compare([makeCase("rwsem")], slower(1.2), { machine });
    expect(result.native.distrust).toEqual([expect.stringContaining("the hypervisor took 6.0 %")]);
    expect(result.native.rows[0]!.verdict).toBe("inconclusive");
  });

  test("cannot be told by fewer processes than its family needs", async () => {
    const cases = [makeCase("rwsem"), makeCase("srcu")];
    await expect(compare(cases, slower(1.1), { processes: 6 })).rejects.toThrow(
      "--processes 6: with 2 rows judged together at alpha 0.05 no difference could be found; at least 7 are needed",
    );
    expect((await compare(cases, slower(1.1), { processes: 7 })).result.native.rows).toMatchObject([
      { verdict: "regressed" },
      { verdict: "regressed" },
    ]);
  });

  test("that is equal is equivalent, and says within what", async () => {
    const { result } = await compare([makeCase("rwsem")]);
    expect(result.native.rows[0]).toMatchObject({ verdict: "equivalent" });
    expect(result.native.rows[0]!.reason).toMatch(/^the 90 % interval, .* to .*, is within 3\.0 %$/);
    expect(result.native.distrust).toEqual([]);
  });

  test("that varies too much is inconclusive, and says what would have been found", async () => {
    // The canary's modules are both the base's.
    const wild = new Random(3);
    const time = (file: string): number => (file === "b.wasm" ? 0.8 + wild.below(400) / 1000 : 1);
    const { result } = await compare([makeCase("rwsem")], { time });
    expect(result.native.rows[0]).toMatchObject({ verdict: "inconclusive", confirmation: null });
    expect(result.native.rows[0]!.reason).toMatch(/12 processes find \d+\.\d % or more$/);
  });

  test("whose suspicion fresh processes do not share is inconclusive", async () => {
    const time = (file: string, process: number): number => (file === "b.wasm" && process < 24 ? 1.1 : 1);
    const { result } = await compare([makeCase("rwsem")], { time });
    expect(result.native.rows[0]).toMatchObject({ verdict: "inconclusive", confirmation: { confirmed: false } });
    expect(result.native.rows[0]!.reason).toContain("not confirmed");
  });

  test("that is not gated asks for no processes, and its time is one of lower is better", async () => {
    const metrics = [
      { metric: "visits-per-s", isGated: true },
      { metric: "visit-ns", isGated: false, delta: 0.08 },
    ];
    const { result, jobs } = await compare([makeCase("rwsem", { metrics })], slower(1.2));
    expect(result.native.rows).toMatchObject([
      { metric: "visits-per-s", verdict: "regressed", falseDiscovery: expect.any(Number) },
      { metric: "visit-ns", verdict: "regressed", gated: false, holm: null, delta: 0.08 },
    ]);
    // Both metrics come from the same processes.
    expect(jobs).toHaveLength(2 * 12 + 12);
    expect(jobs[0]!.metrics).toEqual(["visits-per-s"]);
    expect(jobs[1]!.metrics).toEqual(["visits-per-s", "visit-ns"]);
  });

  test("whose sides are the same to the byte is not timed", async () => {
    const base = side("srcu", "a");
    const same = makeCase("srcu", { base, heads: [{ ...base, wasmFile: "elsewhere.wasm" }] });
    const { result, jobs } = await compare([same]);
    expect(jobs).toHaveLength(0);
    expect(result.native).toMatchObject({ processes: 0, canaries: [], distrust: [], stealShare: null });
    expect(result.native.rows[0]).toMatchObject({ verdict: "equivalent", reason: "the same code", estimate: null });
    const all = await compare([same], {}, { timesAll: true });
    expect(all.result.native.rows[0]).toMatchObject({ verdict: "equivalent", holm: expect.any(Number) });
    expect(all.jobs).toHaveLength(24);
  });
});

test.each(["visits-per-s", "visit-ns"])(
  "an interval of %s goes from its better end to its worse one",
  async (metric) => {
    const { result } = await compare([makeCase("rwsem", { metrics: [{ metric, isGated: true }] })], slower(1.1));
    const found = /\(95 % interval (\d+\.\d) % worse to (\d+\.\d) % worse\)/.exec(result.native.rows[0]!.reason);
    expect(Number(found![1])).toBeLessThan(Number(found![2]));
  },
);

describe("the machine", () => {
  test("whose canary sings is not trusted, and nothing is measured again", async () => {
    // Of the same code, what comes second takes longer.
    const measured: string[] = [];
    const { result, jobs } = await compare([makeCase("rwsem"), makeCase("srcu", { cpus: 2 })], {
      time: (file) => (measured.push(file) % 2 === 0 ? 1.2 : 1),
    });
    expect(result.native.canaries).toMatchObject([
      { variant: "rwsem", cpus: 1, sings: true, delta: 0.03 },
      { variant: "srcu", cpus: 2, sings: true, delta: 0.05 },
    ]);
    expect(result.native.rows.map(({ verdict }) => verdict)).toEqual(["inconclusive", "inconclusive"]);
    expect(result.native.rows[0]!.reason).toMatch(/ worse .*; but the machine cannot be trusted$/);
    expect(result.native.distrust).toHaveLength(2);
    expect(result.native.distrust[0]).toMatch(/^the same code differed from itself by \d+\.\d % where 3\.0 % counts/);
    expect(jobs).toHaveLength(4 * result.native.processes);
  });

  test.each([
    [{ loadPerCore: 2, stealShare: async () => 0 }, "2.0 other tasks per core"],
    [{ loadPerCore: null, stealShare: async () => 0.2 }, "the hypervisor took 20.0 %"],
  ])("that is disturbed is not trusted", async (disturbed, text) => {
    const machine = { limits: { loadPerCore: 1.5, stealShare: 0.05 }, ...disturbed };
    const { result } = await compare([makeCase("rwsem")], slower(1.1), { machine });
    expect(result.native.distrust).toEqual([expect.stringContaining(text)]);
    expect(result.native.rows[0]).toMatchObject({ verdict: "inconclusive", confirmation: null });
  });

  test("that was studied has its own floor, and so has the user", async () => {
    const floors = async (more: Partial<NativeOptions>): Promise<number> =>
      (await compare([makeCase("rwsem")], {}, more)).result.native.rows[0]!.delta;
    expect(await floors({ machineFloor: () => 0.06 })).toBe(0.06);
    expect(await floors({ minEffect: 0.1 })).toBe(0.1);
  });
});

describe("a side that fails", () => {
  const failing =
    (letter: string, isViolation: boolean): NonNullable<World["failures"]> =>
    ({ subjects }) =>
      Object.fromEntries(
        subjects
          .filter(({ wasmFile }) => wasmFile === `${letter}.wasm`)
          .map(({ id }) => [id, { error: `variant '${id}': trapped`, isViolation }]),
      );

  test("is a violation when it is the head, and the other rows are judged", async () => {
    const { result, jobs } = await compare([makeCase("srcu"), makeCase("rwsem", { heads: [side("rwsem", "c")] })], {
      failures: failing("c", true),
    });
    expect(result.native.rows).toMatchObject([
      { variant: "srcu", verdict: "equivalent" },
      { variant: "rwsem", verdict: "inconclusive", reason: "cannot be timed: variant 'rwsem (head)': trapped" },
    ]);
    expect(result.violations).toEqual([
      { case: "shrinker / rwsem / container-start / timed", error: "variant 'rwsem (head)': trapped" },
    ]);
    // It is not asked again.
    expect(jobs.filter(({ subjects }) => subjects.some(({ wasmFile }) => wasmFile === "c.wasm"))).toHaveLength(1);
  });

  test("is nobody's fault when it is the base", async () => {
    const { result } = await compare([makeCase("rwsem"), makeCase("srcu", { base: side("srcu", "d") })], {
      failures: failing("d", true),
    });
    expect(result.violations).toEqual([]);
    expect(result.native.rows[1]!.reason).toBe(
      "what it is compared with cannot be timed: variant 'srcu (base)': trapped",
    );
  });

  test("without a value of the metric is told", async () => {
    const cases = [makeCase("rwsem", { metrics: [{ metric: "visit-ns", isGated: true }] })];
    const { result } = await compare(cases, { time: () => 0 });
    expect(result.native.rows[0]).toMatchObject({
      verdict: "inconclusive",
      reason: "half of the rounds of a process or more had no value of visit-ns on both sides",
    });
    expect(result.native.canaries).toEqual([]);
    expect(result.native.distrust).toEqual(["no case could be timed against itself"]);
  });
});

test("variants are compared with the reference in the same processes", async () => {
  const what = makeCase("rwsem", { heads: [side("srcu", "b"), side("refcount-rcu", "c"), side("srcu-split", "d")] });
  const factors: Readonly<Record<string, number>> = { "a.wasm": 1, "b.wasm": 1.2, "c.wasm": 0.8, "d.wasm": 1 };
  const { result, jobs, rounds } = await compare(
    [what],
    { time: (file) => factors[file]! },
    { kind: "variants", processes: 10 },
  );
  expect(result.native.rows).toMatchObject([
    { variant: "srcu", verdict: "slower", gated: false, confirmation: null },
    { variant: "refcount-rcu", verdict: "faster" },
    { variant: "srcu-split", verdict: "not separated" },
  ]);
  expect(jobs).toHaveLength(20);
  expect(jobs[1]!.subjects.map(({ id }) => id)).toEqual(["rwsem", "srcu", "refcount-rcu", "srcu-split"]);
  expect(rounds.filter((one) => one.purpose === "first" && one.side === "base")).toHaveLength(10);
});

test("a large family has more processes", async () => {
  const cases = Array.from({ length: 60 }, (_, index) => makeCase(`v${index}`));
  expect((await compare(cases)).result.native.processes).toBe(13);
});

test("all cases have a process before any has its second, and no order is that of another process", async () => {
  const { jobs, shares } = await compare([makeCase("rwsem"), makeCase("srcu", { base: side("srcu", "c") })]);
  const names = jobs.map(({ subjects }) => subjects[0]!.id);
  // With a canary of each.
  expect(names.slice(0, 8)).toEqual([...names.slice(0, 4), ...names.slice(0, 4)]);
  expect(new Set(jobs.map(({ seed }) => seed)).size).toBe(jobs.length);
  expect(shares.at(-1)).toBe(1);
  expect([...shares].sort((a, b) => a - b)).toEqual(shares);
});

test("a stop is heard between two processes", async () => {
  const controller = new AbortController();
  const stopped = compare(
    [makeCase("rwsem")],
    {},
    {
      signal: controller.signal,
      onProgress: () => controller.abort(),
    },
  );
  await expect(stopped).rejects.toThrow(StoppedError);
});

test("where nothing changed, a hundred comparisons raise no alarm", async () => {
  let alarms = 0;
  const base = side("rwsem", "a");
  const random = new Random(21);
  // A spread of processes as the same code has it on a disturbed machine: 2 %.
  const time = (): number => 1 + 0.02 * (random.below(2001) / 1000 - 1);
  for (let trial = 0; trial < 100; trial++) {
    const cases = Array.from({ length: 3 }, (_, index) => makeCase(`v${index}`, { base, heads: [{ ...base }] }));
    const { result } = await compare(cases, { time }, { timesAll: true });
    if (result.native.rows.some(({ verdict }) => verdict === "regressed")) alarms++;
  }
  expect(alarms).toBe(0);
});
