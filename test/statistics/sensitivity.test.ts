import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { analyseSensitivity, type ChangedRun, type SensitivityOptions } from "../../src/statistics/sensitivity.ts";

type Values = Readonly<Record<string, number | null>>;

function run(cost: string, factor: number, values: Values): ChangedRun {
  return { cost, factor, values: new Map(Object.entries(values)) };
}

function analyse(baseline: Readonly<Record<string, number>>, runs: readonly ChangedRun[], options = {}) {
  const all: SensitivityOptions = { better: "lower", reference: "a", tolerance: 0.01, ...options };
  return analyseSensitivity(new Map(Object.entries(baseline)), runs, all);
}

describe("a pair is", () => {
  test("robust when the same one is ahead with every change", () => {
    const { pairs, ranking } = analyse({ a: 100, b: 50 }, [
      run("locked", 0.5, { a: 90, b: 60 }),
      run("locked", 2, { a: 200, b: 190 }),
    ]);
    expect(pairs).toEqual([
      {
        variants: ["a", "b"],
        verdict: "robust",
        ahead: "b",
        flippedBy: [],
        levelledBy: [],
        separatedBy: [],
        unknownBy: [],
      },
    ]);
    expect(ranking).toEqual({ order: ["b", "a"], verdict: "robust", flippedBy: [] });
  });

  test("flipped by the changes that put the other one ahead, which are named with the order they bring", () => {
    const { pairs, ranking } = analyse({ a: 100, b: 50, c: 10 }, [
      run("locked", 0.5, { a: 90, b: 60, c: 10 }),
      run("barrier", 0.5, { a: 110, b: 50, c: 10 }),
      run("barrier", 2, { a: 90, b: 100, c: 10 }),
      run("wakeUp", 2, { a: 100, b: 99.5, c: 10 }),
    ]);
    expect(pairs[0]).toMatchObject({
      variants: ["a", "b"],
      verdict: "flipped",
      ahead: "b",
      flippedBy: [{ cost: "barrier", factor: 2 }],
      levelledBy: [{ cost: "wakeUp", factor: 2 }],
    });
    expect(pairs.slice(1).map(({ verdict }) => verdict)).toEqual(["robust", "robust"]);
    expect(ranking).toEqual({
      order: ["c", "b", "a"],
      verdict: "flipped",
      flippedBy: [{ cost: "barrier", factor: 2, order: ["c", "a", "b"] }],
    });
  });

  test("not separated, which is not flipped, when a change brings the two within the tolerance", () => {
    const { pairs, ranking } = analyse({ a: 100, b: 50 }, [run("l3", 2, { a: 100, b: 101 })]);
    expect(pairs[0]).toMatchObject({
      verdict: "not separated",
      ahead: "b",
      flippedBy: [],
      levelledBy: [{ cost: "l3", factor: 2 }],
    });
    expect(ranking).toMatchObject({ verdict: "not separated", flippedBy: [] });
    // Outside the tolerance the same values flip it.
    const strict = analyse({ a: 100, b: 50 }, [run("l3", 2, { a: 100, b: 101 })], { tolerance: 0.005 });
    expect(strict.pairs[0]!.verdict).toBe("flipped");
  });

  test("not separated when the baseline does not separate them, whoever gets ahead by changes", () => {
    const { pairs, ranking } = analyse({ a: 100, b: 100.5 }, [
      run("l3", 0.5, { a: 100, b: 90 }),
      run("l3", 2, { a: 100, b: 110 }),
      run("l2", 2, { a: 100, b: 100 }),
    ]);
    expect(pairs[0]).toMatchObject({
      verdict: "not separated",
      ahead: null,
      flippedBy: [],
      levelledBy: [],
      separatedBy: [
        { cost: "l3", factor: 0.5, ahead: "b" },
        { cost: "l3", factor: 2, ahead: "a" },
      ],
    });
    expect(ranking).toMatchObject({ verdict: "not separated", flippedBy: [] });
  });

  test("unknown, not robust, when a change lacks a value", () => {
    const { pairs, ranking } = analyse({ a: 100, b: 50, c: 10 }, [
      run("l3", 0.5, { a: 100, b: null, c: 10 }),
      run("l3", 2, { a: 100, b: 50 }),
    ]);
    expect(pairs.map(({ verdict, unknownBy }) => [verdict, unknownBy.map(({ factor }) => factor)])).toEqual([
      ["unknown", [0.5]],
      ["unknown", [2]],
      ["unknown", [0.5, 2]],
    ]);
    expect(ranking.verdict).toBe("unknown");
  });

  test("compared by the larger value where more is better", () => {
    const { pairs, ranking } = analyse({ a: 100, b: 50 }, [run("l3", 2, { a: 40, b: 50 })], { better: "higher" });
    expect(pairs[0]).toMatchObject({ verdict: "flipped", ahead: "a" });
    expect(ranking.order).toEqual(["a", "b"]);
    expect(ranking.flippedBy[0]!.order).toEqual(["b", "a"]);
  });

  test("within 1 % not separated when no tolerance is given", () => {
    const values = new Map([
      ["a", 1000],
      ["b", 1009],
      ["c", 1021],
    ]);
    const { pairs } = analyseSensitivity(values, [{ cost: "l1", factor: 2, values }], {
      better: "lower",
      reference: "a",
    });
    expect(pairs.map(({ ahead }) => ahead)).toEqual([null, "a", "b"]);
  });
});

describe("the ranking", () => {
  test("has equal values in the baseline's order", () => {
    const values = { a: 5, b: 3, c: 5, d: 3 };
    expect(analyse(values, [run("l1", 2, values)]).ranking.order).toEqual(["b", "d", "a", "c"]);
  });

  test("has the worst verdict of its pairs", () => {
    // a and b are flipped, a and c are brought together, b and c stay apart.
    const values = { a: 100, b: 50, c: 200 };
    const both = [run("l1", 2, { a: 100, b: 150, c: 200 }), run("l2", 2, { a: 200, b: 50, c: 200 })];
    expect(analyse(values, both).pairs.map(({ verdict }) => verdict)).toEqual(["flipped", "not separated", "robust"]);
    expect(analyse(values, both).ranking.verdict).toBe("flipped");
    expect(analyse(values, both.slice(1)).ranking.verdict).toBe("not separated");
    const unknown = run("l3", 2, { a: 100, b: null, c: 200 });
    expect(analyse(values, [unknown]).ranking.verdict).toBe("unknown");
    expect(analyse(values, [...both.slice(1), unknown]).ranking.verdict).toBe("not separated");
  });

  test("leaves a variant without a value out of a changed order", () => {
    const { ranking } = analyse({ a: 1, b: 2, c: 3 }, [run("l1", 2, { a: 2, b: 1 })]);
    expect(ranking.flippedBy).toEqual([{ cost: "l1", factor: 2, order: ["b", "a"] }]);
  });

  test("is robust exactly if every change orders the separated values alike", () => {
    const names = ["a", "b", "c", "d"];
    // Distinct whole numbers are further apart than 1 %.
    const order = fc.shuffledSubarray([10, 20, 30, 40], { minLength: 4 });
    const some = fc.array(fc.oneof(fc.constant([10, 20, 30, 40]), order), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(order, some, (base, changed) => {
        const named = (values: readonly number[]): Record<string, number> =>
          Object.fromEntries(names.map((name, index) => [name, values[index]!]));
        const runs = changed.map((values, index) => run(`cost-${index}`, 2, named(values)));
        const { ranking, pairs } = analyse(named(base), runs);
        const changes = changed.flatMap((values, index) =>
          values.some((value, place) => value !== base[place]) ? [`cost-${index}`] : [],
        );
        expect(ranking.verdict).toBe(changes.length === 0 ? "robust" : "flipped");
        expect(ranking.flippedBy.map(({ cost }) => cost)).toEqual(changes);
        for (const { variants, flippedBy } of pairs) {
          const [one, other] = variants.map((name) => names.indexOf(name)) as [number, number];
          const flips = changed.map((values) => base[one]! < base[other]! !== values[one]! < values[other]!);
          expect(flippedBy.map(({ cost }) => cost)).toEqual(
            flips.flatMap((flip, index) => (flip ? [`cost-${index}`] : [])),
          );
        }
      }),
    );
  });
});

describe("elasticity", () => {
  test("is the relative change of the ratio over that of the cost, between the smallest and the largest factor", () => {
    const { elasticities } = analyse({ a: 10, b: 40 }, [
      run("l3", 2, { a: 10, b: 60 }),
      run("l3", 0.5, { a: 10, b: 30 }),
      run("l2", 2, { a: 20, b: 80 }),
    ]);
    // l3: ratios 3, 4, 6: (6 - 3) / (6 + 3) over (2 - 0.5) / (2 + 0.5). l2: 4 with both, from 1 to 2.
    expect(elasticities).toEqual([
      {
        variant: "b",
        cost: "l3",
        ratio: 4,
        changes: [
          { factor: 0.5, ratio: 3, change: -0.25 },
          { factor: 2, ratio: 6, change: 0.5 },
        ],
        elasticity: expect.closeTo(1 / 3 / 0.6, 12),
      },
      { variant: "b", cost: "l2", ratio: 4, changes: [{ factor: 2, ratio: 4, change: 0 }], elasticity: 0 },
    ]);
  });

  test("is 1 for a ratio proportional to the cost, -1 for one inverse to it and between for one that has other parts", () => {
    const positive = fc.double({ min: 0.1, max: 1000, noNaN: true });
    fc.assert(
      fc.property(positive, positive, fc.double({ min: 0.05, max: 0.95, noNaN: true }), (base, value, part) => {
        const at = (factor: number): Record<string, number> => ({
          a: base,
          proportional: value * factor,
          inverse: value / factor,
          partly: value * (1 - part + part * factor),
        });
        const runs = [run("pause", 0.5, at(0.5)), run("pause", 2, at(2))];
        const [proportional, inverse, partly] = analyse(at(1) as Record<string, number>, runs).elasticities;
        expect(proportional!.elasticity).toBeCloseTo(1, 9);
        expect(inverse!.elasticity).toBeCloseTo(-1, 9);
        expect(partly!.elasticity! > 0 && partly!.elasticity! < 1).toBe(true);
        expect(partly!.changes[1]!.change).toBeCloseTo(part, 9);
      }),
    );
  });

  test("has the baseline as one end when only one factor is given", () => {
    const { elasticities } = analyse({ a: 1, b: 4 }, [run("l3", 2, { a: 1, b: 8 })]);
    expect(elasticities[0]!.elasticity).toBeCloseTo(1, 12);
  });

  test("is unknown where the reference is 0 or missing, and where the ratio stays 0", () => {
    const zero = analyse({ a: 0, b: 4 }, [run("l3", 2, { a: 1, b: 8 })]).elasticities[0]!;
    expect(zero).toMatchObject({ ratio: null, changes: [{ factor: 2, ratio: 8, change: null }], elasticity: null });
    const missing = analyse({ a: 1, b: 4 }, [run("l3", 2, { b: 8 })]).elasticities[0]!;
    expect(missing).toMatchObject({ ratio: 4, changes: [{ factor: 2, ratio: null, change: null }], elasticity: null });
    const nothing = analyse({ a: 1, b: 0 }, [run("l3", 2, { a: 1, b: 0 })]).elasticities[0]!;
    expect(nothing).toMatchObject({ ratio: 0, changes: [{ factor: 2, ratio: 0, change: null }], elasticity: null });
  });

  test("is of all variants but the reference, and of all costs", () => {
    const values = { b: 1, a: 2, c: 3 };
    const runs = [run("l1", 2, values), run("l2", 2, values), run("l1", 0.5, values)];
    expect(analyse(values, runs).elasticities.map(({ variant, cost }) => `${variant} ${cost}`)).toEqual([
      "b l1",
      "b l2",
      "c l1",
      "c l2",
    ]);
  });
});

describe("what cannot be right is an error:", () => {
  const good = run("l3", 2, { a: 1, b: 2 });
  test.each([
    ["no runs", { a: 1, b: 2 }, [], {}, "runs: without a changed cost nothing is known of the ranking"],
    ["a reference that is not there", { b: 1 }, [good], {}, "baseline: the reference 'a' has no value"],
    ["a negative value", { a: -1, b: 1 }, [good], {}, "baseline: variant 'a': must be finite and not negative, got -1"],
    [
      "a value that is no number",
      { a: 1, b: 1 },
      [run("l3", 2, { a: 1, b: Number.NaN })],
      {},
      "cost 'l3' times 2: variant 'b': must be finite and not negative, got NaN",
    ],
    ["a factor of 1", { a: 1 }, [run("l3", 1, { a: 1 })], {}, "cost 'l3' times 1: the factor must be finite, above 0"],
    ["a factor of 0", { a: 1 }, [run("l3", 0, { a: 1 })], {}, "cost 'l3' times 0: the factor must be finite, above 0"],
    ["a change given twice", { a: 1 }, [good, good], {}, "cost 'l3' times 2: given twice"],
    ["a tolerance of 1", { a: 1 }, [good], { tolerance: 1 }, "tolerance: must be at least 0 and below 1, got 1"],
  ] as const)("%s", (_, baseline, runs, options, message) => {
    const call = (): unknown => analyse(baseline as unknown as Record<string, number>, runs, options);
    expect(call).toThrow(RangeError);
    expect(call).toThrow(message);
  });
});
