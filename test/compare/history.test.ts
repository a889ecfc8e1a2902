import { describe, expect, test } from "vitest";
import { headlineRows, historySeries, isWorse, matchingSeries } from "../../src/compare/history.ts";
import type { HistoryRow } from "../../src/records/history.ts";
import type { MeasuredRow } from "../../src/records/record.ts";
import { Random } from "../../src/workloads/random.ts";
import { type Case, rowsOfCase, type Values } from "../report/rows.ts";

const roles = new Map([["cil", { reference: "shadow-buffers", floor: "floor" }]]);

const cilCase: Case = {
  problem: "cil",
  variant: "shadow-buffers",
  workload: "metadata-commits",
  stage: "simulated",
  cpus: 16,
  parameters: "items=12 purpose=answers tasks=6",
};

async function* each(rows: readonly MeasuredRow[]): AsyncGenerator<MeasuredRow> {
  yield* rows;
}

function headlines(cases: readonly (readonly [Partial<Case>, Values])[]): ReturnType<typeof headlineRows> {
  return headlineRows(each(cases.flatMap(([own, metrics]) => rowsOfCase({ ...cilCase, ...own }, metrics))), roles);
}

function shown(rows: Awaited<ReturnType<typeof headlineRows>>): string[] {
  return rows.map(({ variant, metric, unit, value }) => `${variant} ${metric} ${value} ${unit}`);
}

describe("headline numbers", () => {
  test("are of the simulator what variants are ranked by, and nothing that only adds detail", async () => {
    const found = await headlines([
      [{}, { "virtual-commits-per-s": [5], "virtual-accesses": [7], "virtual-bogo-ops-per-s": [9], "virtual-ns": [3] }],
    ]);
    expect(shown(found)).toEqual([
      "shadow-buffers virtual-commits-per-s 5 commits/s",
      "shadow-buffers virtual-bogo-ops-per-s 9 ops/s",
    ]);
    expect(found[0]).toMatchObject({ instrument: "simulator", cpus: 16, assume: "exact", better: "higher" });
  });

  test("are of counted cases the mean accesses of each operation", async () => {
    const metrics = { "accesses-mean[xlog_cil_commit]": [21.5], "lines-mean[xlog_cil_commit]": [4] };
    expect(shown(await headlines([[{ stage: "counted" }, metrics]]))).toEqual([
      "shadow-buffers accesses-mean[xlog_cil_commit] 21.5 accesses/call",
    ]);
  });

  test("are told with the case's own parameters and its seed, without what follows from other columns", async () => {
    const [row] = await headlines([[{}, { "virtual-commits-per-s": [5] }]]);
    expect(row!.parameters).toBe("items=12 seed=1");
  });

  test("leave out missing values, cases with a changed cost, and those for a law of growth", async () => {
    const metrics = { "virtual-commits-per-s": [5] };
    expect(
      await headlines([
        [{ parameters: "items=12 purpose=answers scaled=l3*2" }, metrics],
        [{ parameters: "items=12 purpose=growth" }, metrics],
        [{}, { "virtual-commits-per-s": [null] }],
      ]),
    ).toEqual([]);
  });

  const timed = { stage: "timed", cpus: 2 };
  test("are natively medians over rounds of the ratio to the reference, and never a time or a rate", async () => {
    const found = await headlines([
      [timed, { "commits-per-s": [100, 200, 400], "round-ns": [1, 1, 1] }],
      [{ ...timed, variant: "fail-fast-allocation" }, { "commits-per-s": [150, 220, undefined] }],
      [{ ...timed, variant: "allocate-under-lock" }, { "commits-per-s": [50, 150, 100] }],
      [{ ...timed, variant: "floor" }, { "commits-per-s": [900, 900, 900] }],
    ]);
    expect(shown(found)).toEqual([
      "fail-fast-allocation commits-per-s-over-shadow-buffers 1.3 ratio",
      "allocate-under-lock commits-per-s-over-shadow-buffers 0.5 ratio",
    ]);
    expect(found[0]).toMatchObject({ instrument: "native", assume: "sampled", better: "higher" });
  });

  test("have no ratio of a workload without the reference, nor of a variant that a watchdog had to wake", async () => {
    const rate = { "commits-per-s": [100, 100] };
    const other = { ...timed, variant: "allocate-under-lock" };
    expect(
      await headlines([
        [{ ...timed, workload: "commits-short-of-memory" }, rate],
        [other, rate],
      ]),
    ).toEqual([]);
    expect(
      await headlines([
        [timed, rate],
        [other, { ...rate, deadlocks: [1] }],
      ]),
    ).toEqual([]);
    expect(
      await headlines([
        [timed, { ...rate, deadlocks: [1] }],
        [other, rate],
      ]),
    ).toEqual([]);
    expect(
      await headlines([
        [timed, { ...rate, deadlocks: [0] }],
        [other, rate],
      ]),
    ).toHaveLength(1);
  });
});

const template: HistoryRow = {
  commit: "",
  committed_at: "",
  run_id: "",
  environment_id: "a",
  machine: "a",
  problem: "cil",
  variant: "shadow-buffers",
  workload: "metadata-commits",
  instrument: "simulator",
  cpus: 16,
  parameters: "items=12 seed=1",
  metric: "virtual-commits-per-s",
  unit: "commits/s",
  better: "higher",
  assume: "exact",
  value: 0,
};

function commitOf(day: number): string {
  return day.toString(16).padStart(40, "0");
}

/** A row for each day, in a run of its own. */
function days(values: readonly number[], own: Partial<HistoryRow> = {}): HistoryRow[] {
  return values.map((value, day) => ({
    ...template,
    commit: commitOf(day),
    committed_at: new Date(Date.UTC(2025, 0, 1 + day)).toISOString(),
    run_id: `run-${day}`,
    value,
    ...own,
  }));
}

const ratio = { instrument: "native", metric: "commits-per-s-over-x", unit: "ratio", assume: "sampled" } as const;

describe("series", () => {
  test("of exact numbers change at any difference, on whatever machine, and name the range", () => {
    const rows = days([7, 7, 8, 8]).map((row, day) => ({ ...row, machine: `machine ${day}` }));
    const [series, ...others] = historySeries(rows);
    expect(others).toEqual([]);
    expect(series).toMatchObject({
      name: "cil/shadow-buffers/metadata-commits/simulator/virtual-commits-per-s",
      machine: null,
      changes: [{ index: 2, before: 7, after: 8, good: commitOf(1), bad: commitOf(2) }],
    });
  });

  test("of ratios are of one machine each, and noise on them is no change", () => {
    const random = new Random(1);
    const noisy = (level: number, count: number): number[] =>
      Array.from({ length: count }, () => level * (1 + (random.below(2001) - 1000) / 50_000));
    const here = days([...noisy(1.2, 20), ...noisy(1.05, 20)], { ...ratio, machine: "here" });
    const there = days(noisy(0.8, 40), { ...ratio, machine: "there" });
    const interleaved = here.flatMap((row, index) => [row, there[index]!]);
    const series = historySeries(interleaved);
    expect(series.map(({ machine }) => machine)).toEqual(["here", "there"]);
    expect(series[0]!.changes).toHaveLength(1);
    const [change] = series[0]!.changes;
    expect(change).toMatchObject({ index: 20, good: commitOf(19), bad: commitOf(20) });
    expect(change!.change).toBeCloseTo(1.05 / 1.2 - 1, 1);
    expect(isWorse(series[0]!, change!)).toBe(true);
    expect(series[1]!.changes).toEqual([]);
  });

  test("of ratios go on where only the kernel or a patch of Node.js has changed", () => {
    const rows = days([1.2, 1.2, 1.2], ratio).map((row, day) => ({ ...row, environment_id: `kernel ${day}` }));
    expect(historySeries(rows).map(({ points }) => points.length)).toEqual([3]);
  });

  test("are ordered by the time of the commit, whenever the run was added", () => {
    const [one, two, three] = days([7, 7, 8]);
    const [series] = historySeries([three!, one!, two!]);
    expect(series!.points.map(({ commit }) => commit)).toEqual([0, 1, 2].map(commitOf));
    expect(series!.changes).toHaveLength(1);
  });

  test("of other sizes, CPUs or seeds are others", () => {
    const all = [
      ...days([7]),
      ...days([8], { parameters: "items=24 seed=1" }),
      ...days([9], { cpus: 8 }),
      ...days([1], { parameters: "items=12 seed=2" }),
    ];
    expect(historySeries(all).map(({ changes }) => changes)).toEqual([[], [], [], []]);
  });

  test("are worse by the direction of their metric, and neither where it has none", () => {
    const [series] = historySeries(days([7, 8]));
    const change = series!.changes[0]!;
    expect(isWorse({ better: "higher" }, change)).toBe(false);
    expect(isWorse({ better: "lower" }, change)).toBe(true);
    expect(isWorse({ better: "" }, change)).toBe(null);
  });

  test("are chosen by a pattern of their whole name", () => {
    const series = historySeries([...days([7]), ...days([8], { metric: "accesses-mean[xlog_cil_commit]" })]);
    expect(matchingSeries(series, "cil/*")).toHaveLength(2);
    expect(matchingSeries(series, "*/virtual-*-per-?")).toEqual([series[0]]);
    expect(matchingSeries(series, "*accesses-mean[xlog_cil_commit]")).toEqual([series[1]]);
    expect(matchingSeries(series, "cil")).toEqual([]);
    expect(matchingSeries(series, "cil.shadow*")).toEqual([]);
  });
});
