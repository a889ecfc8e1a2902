// What a study makes of processes.

import { describe, expect, test } from "vitest";
import type { PairedProcess } from "../../src/compare/comparison.ts";
import {
  confirms,
  floorsOf,
  judgeFirst,
  Resampler,
  rateOf,
  resampleEffect,
  resampleFamilies,
  type StudyRow,
  type StudyVerdict,
  summariseSame,
  summariseSlowed,
  worsened,
} from "../../src/compare/study.ts";

function row(name: string, more: Partial<StudyRow> = {}): StudyRow {
  return {
    ...{ name, problem: "p", variant: "v", workload: "w", cpus: 1, metric: "put-ns", better: "lower", delta: 0.03 },
    ...more,
  };
}

const process = (logRatio: number): PairedProcess => ({
  base: 100,
  head: 100 * Math.exp(logRatio),
  logRatio,
  rounds: 60,
});

/** Around `middle`, symmetric, no two alike. */
function around(middle: number, count = 12, width = 0.01): PairedProcess[] {
  return Array.from({ length: count }, (_, index) =>
    process(middle + width * ((2 * index + 1) / count - 1) * 1.0001 ** index),
  );
}

const quiet = row("quiet");
const rates = row("rates", { metric: "visits-per-s", better: "higher" });

describe("a comparison", () => {
  test("is suspected in the direction of the metric, from the floor on", () => {
    expect(judgeFirst(quiet, around(0.05))).toMatchObject({ isSuspected: true, isImproved: false });
    expect(judgeFirst(quiet, around(0.05)).shift).toBeCloseTo(Math.expm1(0.05), 3);
    expect(judgeFirst(quiet, around(0.02, 12, 0.001)).isSuspected).toBe(false);
    expect(judgeFirst(rates, around(-0.05))).toMatchObject({ isSuspected: true, isImproved: false });
    expect(judgeFirst(rates, around(0.05))).toMatchObject({ isSuspected: false, isImproved: true });
  });

  test("needs more processes in a large family", () => {
    const others = Array.from({ length: 49 }, () => ({
      ...({ better: "lower", gated: true, delta: 0.03 } as const),
      processes: around(0, 8),
    }));
    expect(judgeFirst(quiet, around(0.05, 8)).isSuspected).toBe(true);
    expect(judgeFirst(quiet, around(0.05, 8), others).isSuspected).toBe(false);
  });

  test("is confirmed by fresh processes that show as much", () => {
    expect([confirms(quiet, around(0.05)), confirms(quiet, around(0.02)), confirms(rates, around(0.05))]).toEqual([
      ...[true, false, false],
    ]);
  });
});

test.each([
  ["lower", 0.1],
  ["higher", -0.1],
] as const)("worse by a factor, where %s is better", (better, sign) => {
  const [made] = worsened([process(0.01)], better, 0.1);
  expect(made!.logRatio).toBeCloseTo(0.01 + Math.sign(sign) * Math.log(1.1));
  expect(made!.head / made!.base).toBeCloseTo(Math.exp(made!.logRatio));
});

describe("families that are drawn", () => {
  const several = row("several", { cpus: 2, delta: 0.05 });

  test("are those of the seed, and of rows with as many CPUs", () => {
    const pools = new Map([
      [quiet, around(0)],
      [several, around(0.2)],
    ]);
    const draw = (seed: number): PairedProcess[] => new Resampler(pools, seed).processes(quiet, 20);
    expect(draw(1)).toEqual(draw(1));
    expect(draw(1)).not.toEqual(draw(2));
    const resampler = new Resampler(pools, 1);
    expect(new Set(Array.from({ length: 50 }, () => resampler.rowLike(2)))).toEqual(new Set([several]));
    // None was studied with four.
    expect(new Set(Array.from({ length: 50 }, () => resampler.rowLike(4)))).toEqual(new Set([quiet, several]));
  });

  test("raise an alarm always, where the same code is off by more than the floor, and never, where by less", () => {
    const family = [1, 1, 1, 1];
    const off = resampleFamilies(new Resampler(new Map([[quiet, around(0.1)]]), 1), family, 12, 40);
    expect(off).toEqual({ suspected: rateOf(40, 40), confirmed: rateOf(40, 40) });
    const still = resampleFamilies(new Resampler(new Map([[quiet, around(0)]]), 1), family, 12, 40);
    expect(still).toEqual({ suspected: rateOf(0, 40), confirmed: rateOf(0, 40) });
  });

  test("show an effect that is large beside the noise, and none below the floor", () => {
    const draw = new Resampler(new Map([[rates, around(0)]]), 1);
    expect(resampleEffect(draw, 1, 0.1, [1, 1], 12, 40).confirmed.hits).toBe(40);
    expect(resampleEffect(draw, 1, 0.01, [1, 1], 12, 40).suspected.hits).toBe(0);
  });
});

describe("a summary", () => {
  const verdict = (shift: number, more: Partial<StudyVerdict> = {}): StudyVerdict => ({
    ...{ shift, isSuspected: false, isImproved: false, isConfirmed: false },
    ...more,
  });

  test("counts verdicts, and takes shifts of either direction for the same", () => {
    const verdicts = [
      verdict(0.04, { isSuspected: true, isConfirmed: true }),
      verdict(0.04, { isSuspected: true }),
      verdict(1 / 1.04 - 1, { isImproved: true }),
    ];
    const found = summariseSame(quiet, verdicts, around(0));
    expect([found.suspected.hits, found.confirmed.hits, found.improved.hits, found.confirmed.trials]).toEqual([
      ...[2, 1, 1, 3],
    ]);
    expect(found.shift50).toBeCloseTo(0.04);
    expect(found.shift99).toBeNull();
  });

  test("of a slowed row tells the spread", () => {
    const what = { row: quiet, effect: 0.05, calibrated: 0.049, steps: 10, every: 64 };
    const found = summariseSlowed(what, [verdict(0.03), verdict(0.06, { isSuspected: true }), verdict(0.05)]);
    expect(found).toMatchObject({ ...what, shiftLow: 0.03, shift50: 0.05, shiftHigh: 0.06 });
    expect([found.suspected.hits, found.confirmed.hits]).toEqual([1, 0]);
  });

  test("the floor is told of CPU counts with 100 comparisons", () => {
    const several = row("several", { cpus: 2 });
    const shifts = Array.from({ length: 50 }, (_, index) => index / 1000);
    const floors = floorsOf(
      new Map([
        [quiet, shifts],
        [rates, shifts.map((shift) => -shift / (1 + shift))],
        [several, shifts],
      ]),
    );
    expect(floors).toEqual([{ cpus: 1, shift: expect.closeTo(0.049, 6), comparisons: 100 }]);
  });
});
