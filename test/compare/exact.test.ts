import { describe, expect, test } from "vitest";
import type { ExactRow } from "../../src/compare/comparison.ts";
import { budgetOf, compareExact, type ExactComparison, type ExactTable, gatherExact } from "../../src/compare/exact.ts";
import type { MeasuredRow } from "../../src/records/record.ts";

const row: MeasuredRow = {
  run_id: "20250131T235959Z-0a1b2c",
  commit: "",
  problem: "cil",
  variant: "shadow-buffers",
  workload: "metadata-commits",
  instrument: "traced",
  cpus: 2,
  parameters: "items=16 stage=counted",
  process: 0,
  round: 0,
  metric: "accesses-mean[commit]",
  unit: "accesses/call",
  better: "lower",
  assume: "exact",
  value: 100,
  seed: 1,
  environment_id: "0123456789ab",
};

type Change = Partial<MeasuredRow>;

async function* stream(changes: readonly Change[]): AsyncGenerator<MeasuredRow> {
  for (const change of changes) yield { ...row, ...change };
}

function table(...changes: readonly Change[]): Promise<ExactTable> {
  return gatherExact(stream(changes));
}

async function compare(
  base: readonly Change[],
  head: readonly Change[],
  budgetOf: (problem: string, metric: string) => number = () => 0,
): Promise<ExactComparison> {
  return compareExact(await table(...base), await table(...head), { budgetOf, remedy: "save them" });
}

/** The only row of a comparison. */
async function only(base: readonly Change[], head: readonly Change[], budget = 0): Promise<ExactRow> {
  const { rows } = await compare(base, head, () => budget);
  expect(rows).toHaveLength(1);
  return rows[0]!;
}

const rounds = (...values: readonly number[]): Change[] => values.map((value, round) => ({ round, value }));

describe("a value", () => {
  test("is the same where every sample is, whatever the order of the rows and the machine", async () => {
    const head = rounds(3, 4, 5).reverse();
    const elsewhere = head.map((one) => ({ ...one, environment_id: "ba9876543210", run_id: "another" }));
    expect(await only(rounds(3, 4, 5), elsewhere)).toMatchObject({
      change: "same",
      fails: false,
      base: { samples: 3, sum: 12, max: 5, min: 3 },
    });
  });

  test("is of one process after the other", async () => {
    const base = [...rounds(1, 2), { process: 1, value: 3 }];
    expect((await only(base, [base[2]!, base[0]!, base[1]!])).change).toBe("same");
    expect((await only(base, [{ value: 3 }, { round: 1, value: 2 }, { process: 1, value: 1 }])).change).toBe("changed");
  });

  test.each([
    ["one access more", "lower", [100], [101], "worse", true],
    ["one access less", "lower", [100], [99], "better", false],
    ["more of what should be high", "higher", [100], [101], "better", false],
    ["less of what should be high", "higher", [100], [99], "worse", true],
    ["no direction", "", [100], [101], "changed", false],
    ["sums and maxima alike", "lower", [1, 2, 3], [2, 1, 3], "changed", false],
    ["less in sum, more at most", "lower", [5, 5], [1, 6], "worse", true],
    ["more in sum, less at most", "lower", [1, 6], [5, 5], "worse", true],
    ["more of what should be high in sum, less at most", "higher", [1, 6], [5, 5], "better", false],
    ["from nothing", "lower", [0], [0.5], "worse", true],
    ["to nothing", "lower", [0.5], [0], "better", false],
    ["below nothing", "lower", [-2], [-1], "worse", true],
    ["more rounds", "lower", [1, 1], [1, 1, 1], "worse", true],
    ["fewer rounds", "lower", [10, 10], [10], "changed", true],
    ["fewer rounds, each of them better", "lower", [10, 10], [9], "changed", true],
    ["more rounds of what should be high", "higher", [10], [10, 10], "changed", true],
    ["fewer rounds and no direction", "", [10, 10], [10], "changed", true],
    ["less of what should be high in a round, more in another", "higher", [5, 5], [1, 9], "worse", true],
  ] as const)("that has %s", async (_, better, base, head, change, fails) => {
    const directed = (values: readonly number[]): Change[] => rounds(...values).map((one) => ({ ...one, better }));
    expect(await only(directed(base), directed(head))).toMatchObject({ change, fails, budget: 0 });
  });

  test("may get worse by its budget, and by no more", async () => {
    expect(await only([{ value: 100 }], [{ value: 105 }], 0.05)).toMatchObject({
      change: "within budget",
      fails: false,
    });
    expect(await only([{ value: 100 }], [{ value: 105.01 }], 0.05)).toMatchObject({ change: "worse", fails: true });
    expect(await only([{ value: 0 }], [{ value: 1 }], 0.05)).toMatchObject({ change: "worse", fails: true });
  });

  test.each([
    ["accesses-mean[commit]", 0.02],
    ["accesses-mean[push]", 0.05],
    ["line-transfers", 0.1],
    ["lines-mean[commit]", 0],
  ])("%s has a budget of %d", (metric, share) => {
    const budgets = [
      { problem: "cil", metric: "accesses-mean[commit]", share: 0.02 },
      { problem: "cil", metric: "accesses-mean[]", share: 0.05 },
      { problem: "cil", metric: "line-transfers[]", share: 0.1 },
      { problem: "shrinker", metric: "lines-mean[commit]", share: 0.5 },
    ];
    expect(budgetOf(budgets, "cil", metric)).toBe(share);
  });

  test("of another number of rounds has no budget, and is told", async () => {
    const { rows, warnings } = await compare(rounds(100, 100), rounds(201), () => 2);
    expect(rows).toMatchObject([{ change: "changed", fails: true }]);
    expect(warnings).toEqual([
      "values have another number of rounds than in the base, which fails: cil shadow-buffers / metadata-commits",
    ]);
  });

  test("has the budget of its problem and metric", async () => {
    const asked: string[] = [];
    await compare([{}], [{}], (problem, metric) => {
      asked.push(`${problem} ${metric}`);
      return 0;
    });
    expect(asked).toEqual(["cil accesses-mean[commit]"]);
  });
});

describe("a comparison", () => {
  test("takes no sampled metrics and no missing values", async () => {
    const sampled: Change = { metric: "round-ns", assume: "sampled" };
    const { rows, compared } = await compare([{}, sampled, { metric: "a", value: null }], [{}]);
    expect([rows.length, compared]).toEqual([1, 1]);
  });

  test("tells cases apart by everything that names them", async () => {
    const others: readonly Change[] = [
      { problem: "shrinker" },
      { variant: "floor" },
      { workload: "other" },
      { instrument: "simulator" },
      { cpus: 4 },
      { parameters: "items=16" },
      { metric: "accesses-mean[push]" },
    ];
    for (const other of others) {
      const { rows } = await compare([{}], [other]);
      expect(rows.map(({ change, fails }) => [change, fails])).toEqual([
        ["gone", true],
        ["added", false],
      ]);
    }
  });

  test("does not look at what hangs on the machine, nor at the order of parameters", async () => {
    const head = { parameters: "stage=counted oversubscribed=true items=16" };
    expect(await only([{}], [head])).toMatchObject({ change: "same", parameters: "items=16 stage=counted" });
  });

  test("says that sizes have changed", async () => {
    const { warnings } = await compare([{}], [{ parameters: "items=32 stage=counted" }]);
    expect(warnings).toEqual([
      expect.stringMatching(
        /^sizes have changed.*: cil shadow-buffers \/ metadata-commits \(items=16 to items=32\); if that is wanted, save them$/,
      ),
    ]);
    expect((await compare([{}, { variant: "floor" }], [{}])).warnings).toEqual([]);
  });

  test("takes what it is told to include", async () => {
    const changes = [{}, { variant: "floor" }];
    const { values } = await gatherExact(stream(changes), ({ variant }) => variant !== "floor");
    expect([...values.values()].map(({ name }) => name.variant)).toEqual(["shadow-buffers"]);
  });
});

describe("parts", () => {
  test("whose labels were found in the run are one value, and none of them goes missing", async () => {
    const line = (label: string, value: number): Change => ({ metric: `line-transfers[${label}]`, value });
    const base = [line("a", 10), line("b", 4)];
    expect(await only(base, [...base].reverse())).toMatchObject({ metric: "line-transfers", change: "same" });
    // Another line is among the hottest now.
    expect(await only(base, [line("a", 10), line("c", 4)])).toMatchObject({ change: "changed", fails: false });
    expect(await only(base, [line("a", 10), line("c", 5)])).toMatchObject({ change: "worse", head: { sum: 15 } });
    // A part that does not occur any more is no round that is missing.
    expect(await only(base, [line("a", 10)])).toMatchObject({ change: "better", fails: false });
  });

  test("of a distribution are one value", async () => {
    const bucket = (name: string, value: number): Change => ({
      metric: `virtual-pass-latency-ns[${name})`,
      better: "",
      value,
    });
    const base = [bucket("40,41", 3), bucket("41,42", 1)];
    expect(await only(base, base)).toMatchObject({ metric: "virtual-pass-latency-ns", base: { samples: 2, sum: 4 } });
    expect((await only(base, [bucket("40,41", 3), bucket("50,51", 1)])).change).toBe("changed");
  });

  test("that the harness names are compared one by one", async () => {
    const { rows } = await compare(
      [{}, { metric: "accesses-mean[push]" }],
      [{}, { metric: "accesses-mean[push]", value: 101 }],
    );
    expect(rows.map(({ metric, change }) => [metric, change])).toEqual([
      ["accesses-mean[commit]", "same"],
      ["accesses-mean[push]", "worse"],
    ]);
  });
});

describe("what the check counts", () => {
  const states: Change = { instrument: "checker", metric: "check-states", better: "", value: 500 };
  const done: Change = { ...states, metric: "check-exhausted", assume: "sampled", value: 1 };
  const stopped: Change = { ...done, value: 0 };

  test("is not gone where a slower machine did not come to it", async () => {
    const { rows, warnings, compared } = await compare([{}, states, done], [{}, stopped]);
    expect(rows.map(({ change }) => change)).toEqual(["same"]);
    expect(compared).toBe(1);
    expect(warnings).toEqual([expect.stringMatching(/^the check stopped at a bound .*: cil shadow-buffers/)]);
  });

  test("is not added where a slower machine had not come to it", async () => {
    const { rows } = await compare([{}, stopped], [{}, states, done]);
    expect(rows.map(({ change }) => change)).toEqual(["same"]);
  });

  test("is gone where the check was not made at all", async () => {
    const { rows } = await compare([{}, states, done], [{}]);
    expect(rows.map(({ change }) => change)).toEqual(["same", "gone"]);
  });
});
