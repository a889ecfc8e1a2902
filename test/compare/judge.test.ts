import { describe, expect, test } from "vitest";
import type { PairedProcess } from "../../src/compare/comparison.ts";
import {
  effectFloor,
  estimate,
  isConfirmed,
  judgeRows,
  pairedProcess,
  type RowInput,
  sings,
  worsening,
} from "../../src/compare/judge.ts";
import { Random } from "../../src/workloads/random.ts";

/** Processes around a ratio, with a spread as a share. */
function processes(ratio: number, spread = 0.01, count = 12, seed = 1): PairedProcess[] {
  const random = new Random(seed);
  return Array.from({ length: count }, () => {
    const noise = spread * (random.below(2001) / 1000 - 1);
    return { base: 100, head: 100 * ratio, logRatio: Math.log(ratio) + noise, rounds: 60 };
  });
}

function row(ratio: number, more: Partial<RowInput> = {}): RowInput {
  return { better: "lower", gated: true, delta: 0.03, processes: processes(ratio), ...more };
}

function verdicts(rows: readonly RowInput[], kind: "revisions" | "variants" = "revisions"): string[] {
  return judgeRows(rows, kind).map(({ verdict }) => verdict);
}

describe("a row of revisions", () => {
  test.each([
    [1.1, "lower", "suspect"],
    [0.9, "lower", "improved"],
    [0.9, "higher", "suspect"],
    [1.1, "higher", "improved"],
    [1.001, "lower", "equivalent"],
    // Clearly there, but below what counts.
    [1.02, "lower", "equivalent"],
  ] as const)("at a ratio of %d, %s is better, is %s", (ratio, better, verdict) => {
    expect(verdicts([row(ratio, { better })])).toEqual([verdict]);
  });

  test("that varies more than the floor is inconclusive", () => {
    expect(verdicts([row(1.02, { processes: processes(1.02, 0.3) })])).toEqual(["inconclusive"]);
  });

  test("has too few processes for a family", () => {
    const rows = Array.from({ length: 40 }, (_, seed) => row(1, { processes: processes(1, 0.01, 8, seed) }));
    expect(verdicts([row(1.5, { processes: processes(1.5, 0.01, 8) }), ...rows])[0]).not.toBe("suspect");
    const more = Array.from({ length: 40 }, (_, seed) => row(1, { processes: processes(1, 0.01, 12, seed) }));
    expect(verdicts([row(1.5), ...more])[0]).toBe("suspect");
  });

  test("that is not gated does not count for those that are", () => {
    const rows = Array.from({ length: 40 }, (_, seed) =>
      row(1, { gated: false, processes: processes(1, 0.01, 8, seed) }),
    );
    const [first] = judgeRows([row(1.5, { processes: processes(1.5, 0.01, 8) }), ...rows], "revisions");
    expect(first).toMatchObject({ verdict: "suspect", holm: 2 / 256 });
    expect(judgeRows(rows, "revisions")[0]!.holm).toBeNull();
  });
});

test("between variants there is no floor, and none is suspected", () => {
  expect(verdicts([row(1.5), row(0.98), row(1)], "variants")).toEqual(["slower", "faster", "not separated"]);
});

test("a suspicion is confirmed by fresh processes alone, of the full size", () => {
  const fresh = (ratio: number, spread = 0.01): boolean =>
    isConfirmed(estimate(processes(ratio, spread, 12, 9)), "lower", 0.03);
  expect(fresh(1.05)).toBe(true);
  expect(fresh(1.02)).toBe(false);
  expect(fresh(0.9)).toBe(false);
  expect(fresh(1.04, 0.5)).toBe(false);
});

test("the same code that differs makes the machine suspect, in either direction", () => {
  const canary = (ratio: number): boolean => sings(estimate(processes(ratio)), 0.03);
  expect([canary(1), canary(1.04), canary(0.96)]).toEqual([false, true, true]);
});

test("one far process has the sign test decide", () => {
  const far = { base: 1, head: 3, logRatio: Math.log(3), rounds: 60 };
  expect(estimate([...processes(1.1), far]).test).toBe("sign");
  expect(estimate(processes(1.1)).test).toBe("signed-rank");
});

test("a process's log ratio is the median over its rounds", () => {
  expect(pairedProcess([10, 20, 30, 0], [11, 40, 33, 0])).toEqual({
    base: 20,
    head: 33,
    logRatio: Math.log(33 / 30),
    rounds: 3,
  });
  expect(pairedProcess([0], [0])).toBeNull();
});

test("a round in which one side comes to nothing counts as an extreme", () => {
  expect(pairedProcess([10, 10, 10], [0, 10, 9])).toMatchObject({ logRatio: Math.log(0.9), rounds: 3 });
  expect(pairedProcess([10, 10, 10], [0, 0, 10])).toBeNull();
  expect(pairedProcess([0, 10, 10, 10], [10, 0, 10, 10])).toMatchObject({ logRatio: 0 });
});

test("a rate that falls by a tenth is worse by a ninth", () => {
  expect(worsening({ ratio: 0.9 }, "higher")).toBeCloseTo(1 / 9, 12);
  expect(worsening({ ratio: 0.9 }, "lower")).toBeCloseTo(-0.1, 12);
});

test.each([
  [1, undefined, null, 0.03],
  [2, undefined, null, 0.05],
  [1, 0.1, null, 0.1],
  [1, 0.01, 0.04, 0.04],
])("with %i CPUs, %s declared and a machine of %s the floor is %d", (cpus, declared, machine, floor) => {
  expect(effectFloor(cpus, declared, machine)).toBe(floor);
});

test("where nothing changed, hardly any comparison suspects something", () => {
  let alarms = 0;
  for (let trial = 0; trial < 300; trial++) {
    const rows = Array.from({ length: 10 }, (_, index) =>
      row(1, { processes: processes(1, 0.08, 12, trial * 10 + index) }),
    );
    if (verdicts(rows).includes("suspect")) alarms++;
  }
  // Alpha allows 15, and half of them are improvements.
  expect(alarms).toBeLessThanOrEqual(15);
});
