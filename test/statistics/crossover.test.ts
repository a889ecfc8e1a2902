import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Better } from "../../src/statistics/ahead.ts";
import { findCrossovers, locateCrossover, type Series } from "../../src/statistics/crossover.ts";

/** Series over x = 1, 2, 4, 8, ...; null is not measured. */
function sweep(values: Readonly<Record<string, readonly (number | null)[]>>): Map<string, Series> {
  return new Map(
    Object.entries(values).map(([variant, some]) => [
      variant,
      new Map(some.map((value, index) => [2 ** index, value])),
    ]),
  );
}

function pairOf(
  values: Readonly<Record<string, readonly (number | null)[]>>,
  better: Better = "higher",
  tolerance = 0,
) {
  const pairs = findCrossovers(sweep(values), { better, tolerance });
  expect(pairs).toHaveLength(1);
  return pairs[0]!;
}

describe("a crossover of two variants", () => {
  test("lies between neighbouring x, where the difference taken as linear is 0", () => {
    // Differences 30 at 2 and -10 at 4: three quarters of the way.
    expect(pairOf({ rwsem: [10, 50, 60, 70], srcu: [5, 20, 70, 140] })).toEqual({
      variants: ["rwsem", "srcu"],
      crossovers: [{ before: "rwsem", after: "srcu", from: 2, to: 4, level: { first: 3.5, last: 3.5 } }],
      touches: [],
      leader: "rwsem",
      compared: [1, 2, 4, 8],
      level: [],
      missing: [],
    });
  });

  test("has the variants the other way round where less is better, at the same place", () => {
    const { crossovers, leader } = pairOf({ rwsem: [10, 50, 60, 70], srcu: [5, 20, 70, 140] }, "lower");
    expect(leader).toBe("srcu");
    expect(crossovers).toEqual([{ before: "srcu", after: "rwsem", from: 2, to: 4, level: { first: 3.5, last: 3.5 } }]);
  });

  test("is there each time they change places", () => {
    const { crossovers } = pairOf({ a: [1, 3, 1, 3], b: [2, 2, 2, 2] });
    expect(crossovers.map(({ before, after, from, to, level }) => [before, after, from, to, level.first])).toEqual([
      ["b", "a", 1, 2, 1.5],
      ["a", "b", 2, 4, 3],
      ["b", "a", 4, 8, 6],
    ]);
  });

  test("at an x where both are equal is there, between the x around it", () => {
    const { crossovers, touches, level } = pairOf({ a: [3, 2, 1], b: [1, 2, 3] });
    expect(crossovers).toEqual([{ before: "a", after: "b", from: 1, to: 4, level: { first: 2, last: 2 } }]);
    expect([touches, level]).toEqual([[], [2]]);
  });

  test("spans all x at which they are equal before they change places", () => {
    const { crossovers, level } = pairOf({ a: [3, 2, 2, 2, 1], b: [1, 2, 2, 2, 3] });
    expect(crossovers).toEqual([{ before: "a", after: "b", from: 1, to: 16, level: { first: 2, last: 8 } }]);
    expect(level).toEqual([2, 4, 8]);
  });

  test("is not where they only touch", () => {
    const { crossovers, touches, leader, level } = pairOf({ a: [3, 2, 2, 3, 9], b: [1, 2, 2, 1, 9] });
    expect(crossovers).toEqual([]);
    expect(touches).toEqual([{ ahead: "a", first: 2, last: 4 }]);
    expect([leader, level]).toEqual(["a", [2, 4, 16]]);
  });

  test("is not where they part after being level, or end level", () => {
    const { crossovers, touches, leader, level } = pairOf({ a: [5, 5, 6, 7], b: [5, 5, 5, 7] });
    expect([crossovers, touches, leader, level]).toEqual([[], [], "a", [1, 2, 8]]);
  });

  test("is nowhere when they are level throughout, and nobody leads", () => {
    const { crossovers, touches, leader } = pairOf({ a: [5, 6], b: [5, 6] });
    expect([crossovers, touches, leader]).toEqual([[], [], null]);
  });

  test("within the tolerance is none", () => {
    const values = { a: [100, 100, 101, 100], b: [90, 100.5, 100, 100.9] };
    expect(pairOf(values).crossovers).toHaveLength(3);
    const { crossovers, level } = pairOf(values, "higher", 0.01);
    expect([crossovers, level]).toEqual([[], [2, 4, 8]]);
  });

  test("passes over what is missing, and tells it", () => {
    const values = { a: [3, null, 2, null, 1], b: [1, 5, null, null, 3] };
    const { crossovers, compared, missing } = pairOf(values);
    // Differences 2 at 1 and -2 at 16; at 8 nobody has a value.
    expect(crossovers).toEqual([{ before: "a", after: "b", from: 1, to: 16, level: { first: 8.5, last: 8.5 } }]);
    expect(compared).toEqual([1, 16]);
    expect(missing).toEqual([
      { x: 2, variants: ["a"] },
      { x: 4, variants: ["b"] },
    ]);
  });

  test("does not depend on the order in which a series has its x", () => {
    const forwards = sweep({ a: [4, 3, 2, 1], b: [1, 2, 3, 4] });
    const backwards = new Map([...forwards].map(([name, series]) => [name, new Map([...series].reverse())]));
    expect(findCrossovers(backwards, { better: "higher" })).toEqual(findCrossovers(forwards, { better: "higher" }));
  });

  test("of straight lines is where they cross, wherever they are measured", () => {
    const xs = fc.uniqueArray(fc.integer({ min: 0, max: 100 }), { minLength: 2, maxLength: 10 });
    const slope = fc.integer({ min: -50, max: 50 });
    fc.assert(
      fc.property(xs, slope, slope, fc.double({ min: 0.5, max: 99.5, noNaN: true }), (some, one, other, place) => {
        fc.pre(one !== other);
        const line = (rise: number): Series => new Map(some.map((x) => [x, 1000 + rise * (x - place)]));
        const lines = new Map([
          ["a", line(one)],
          ["b", line(other)],
        ]);
        const [pair] = findCrossovers(lines, { better: "higher" });
        const below = some.filter((x) => x < place);
        const above = some.filter((x) => x > place);
        if (below.length === 0 || above.length === 0) {
          expect(pair!.crossovers).toEqual([]);
          return;
        }
        const [crossover, ...more] = pair!.crossovers;
        expect(more).toEqual([]);
        expect(crossover!.level.first).toBeCloseTo(place, 6);
        expect([crossover!.from, crossover!.to]).toEqual([Math.max(...below), Math.min(...above)]);
        expect([crossover!.before, crossover!.after]).toEqual(one > other ? ["b", "a"] : ["a", "b"]);
      }),
    );
  });

  test("follows from who is ahead at each x, whatever the values are", () => {
    const few = fc.oneof(fc.integer({ min: 0, max: 3 }), fc.constant(null));
    const series = fc.array(few, { minLength: 8, maxLength: 8 });
    fc.assert(
      fc.property(series, series, (a, b) => {
        const { crossovers, touches, leader, compared, level, missing } = pairOf({ a, b });
        // A word of the leaders, level ones as "=": changes and touches are read off it.
        const word = a
          .map((one, index) => [one, b[index]!] as const)
          .map(([one, other]) => (one === null || other === null ? "" : one > other ? "a" : one < other ? "b" : "="))
          .join("");
        expect(crossovers).toHaveLength([...word.matchAll(/a(?==*b)|b(?==*a)/g)].length);
        expect(touches).toHaveLength([...word.matchAll(/a(?==+a)|b(?==+b)/g)].length);
        expect(leader).toBe(/[ab]/.exec(word)?.[0] ?? null);
        expect(compared).toHaveLength(word.length);
        expect(level).toHaveLength(word.replace(/[ab]/g, "").length);
        expect(missing.flatMap(({ variants }) => variants)).toHaveLength(
          a.filter((one, index) => (one === null) !== (b[index] === null)).length,
        );
        for (const { from, to, level: place } of crossovers) {
          expect(from < place.first && place.first <= place.last && place.last < to).toBe(true);
        }
      }),
    );
  });
});

describe("of several variants", () => {
  test("all pairs are compared, in the order given", () => {
    const pairs = findCrossovers(sweep({ a: [1, 2], b: [2, 1], c: [3, 3] }), { better: "higher" });
    expect(pairs.map(({ variants, leader, crossovers }) => [...variants, leader, crossovers.length])).toEqual([
      ["a", "b", "b", 1],
      ["a", "c", "c", 0],
      ["b", "c", "c", 0],
    ]);
  });

  test("what a third one has is missing of the two that lack it", () => {
    const [pair] = findCrossovers(sweep({ a: [1, 2], b: [2, 1], c: [3, 3, 3] }), { better: "higher" });
    expect(pair!.missing).toEqual([{ x: 4, variants: ["a", "b"] }]);
  });

  test("there are no pairs of one", () => {
    expect(findCrossovers(sweep({ a: [1, 2] }), { better: "higher" })).toEqual([]);
  });
});

test.each([
  ["an infinite value", new Map([[1, Number.POSITIVE_INFINITY]]), "variant 'a': the value at 1 must be finite or null"],
  [
    "a value that is no number",
    new Map([[1, Number.NaN]]),
    "variant 'a': the value at 1 must be finite or null, got NaN",
  ],
  ["an x that is no number", new Map([[Number.NaN, 1]]), "variant 'a': x must be finite, got NaN"],
])("%s is an error", (_, series, message) => {
  const find = (): unknown => findCrossovers(new Map([["a", series]]), { better: "lower" });
  expect(find).toThrow(RangeError);
  expect(find).toThrow(message);
});

describe("locating a crossover", () => {
  /** Whoever `ahead` names has 2, the other 1; both have 1 where they are level. */
  function prober(ahead: (x: number) => "a" | "b" | "=") {
    const asked: number[] = [];
    const measure = async (x: number): Promise<readonly [number, number]> => {
      asked.push(x);
      const who = ahead(x);
      return [who === "a" ? 2 : 1, who === "b" ? 2 : 1];
    };
    return { asked, measure };
  }
  const common = { variants: ["a", "b"], better: "higher", probesMax: 100 } as const;

  test("finds the neighbouring x for any bounds, with no more probes than bisection needs", async () => {
    const brackets = fc
      .tuple(fc.integer({ min: -1000, max: 1000 }), fc.integer({ min: 1, max: 1000 }))
      .chain(([low, width]) =>
        fc.record({
          low: fc.constant(low),
          high: fc.constant(low + width),
          last: fc.integer({ min: low, max: low + width - 1 }),
          swapped: fc.boolean(),
        }),
      );
    await fc.assert(
      fc.asyncProperty(brackets, async ({ low, high, last, swapped }) => {
        const { asked, measure } = prober((x) => (x <= last === swapped ? "b" : "a"));
        const { outcome, crossover, probes } = await locateCrossover({ ...common, low, high, measure });
        const names = swapped ? ["b", "a"] : ["a", "b"];
        expect(outcome).toBe("exact");
        expect([crossover!.from, crossover!.to]).toEqual([last, last + 1]);
        expect([crossover!.before, crossover!.after]).toEqual(names);
        expect(new Set(asked).size).toBe(asked.length);
        expect([...probes.keys()]).toEqual([...asked].sort((one, other) => one - other));
        expect(asked.length).toBeLessThanOrEqual(2 + Math.ceil(Math.log2(high - low)));
        expect(asked.every((x) => x >= low && x <= high)).toBe(true);
      }),
    );
  });

  test("finds both edges of a stretch where they are level", async () => {
    const stretches = fc.uniqueArray(fc.integer({ min: 1, max: 500 }), { minLength: 2, maxLength: 2 });
    await fc.assert(
      fc.asyncProperty(stretches, async (edges) => {
        const [from, to] = [Math.min(...edges), Math.max(...edges)];
        const { asked, measure } = prober((x) => (x <= from ? "a" : x >= to ? "b" : "="));
        const { outcome, crossover } = await locateCrossover({ ...common, low: 1, high: 500, measure });
        expect(outcome).toBe("exact");
        expect([crossover!.from, crossover!.to]).toEqual([from, to]);
        if (to - from > 1) expect(crossover!.level).toEqual({ first: from + 1, last: to - 1 });
        expect(asked.length).toBeLessThanOrEqual(2 + 2 * 9);
      }),
    );
  });

  test("finds a place where they change in any bracket whose ends differ", async () => {
    const letters = fc.array(fc.constantFrom("a", "b", "=") as fc.Arbitrary<"a" | "b" | "=">, { maxLength: 60 });
    await fc.assert(
      fc.asyncProperty(letters, async (inner) => {
        const word = ["a", ...inner, "b"] as const;
        const { measure } = prober((x) => word[x]!);
        const high = word.length - 1;
        const { outcome, crossover, probes } = await locateCrossover({ ...common, low: 0, high, measure });
        expect(outcome).toBe("exact");
        const { before, after, from, to } = crossover!;
        expect([word[from], word[to]]).toEqual([before, after]);
        expect(before).not.toBe(after);
        for (const edge of [from + 1, to - 1]) if (edge > from && edge < to) expect(word[edge]).toBe("=");
        for (const x of probes.keys()) if (x > from && x < to) expect(word[x]).toBe("=");
      }),
    );
  });

  test("stops at the limit of probes with what they have narrowed it to", async () => {
    const { asked, measure } = prober((x) => (x <= 700 ? "a" : "b"));
    const located = await locateCrossover({ ...common, low: 0, high: 1024, measure, probesMax: 4 });
    expect(asked).toEqual([0, 1024, 512, 768]);
    expect(located.outcome).toBe("limited");
    expect(located.crossover).toEqual({
      before: "a",
      after: "b",
      from: 512,
      to: 768,
      level: { first: 640, last: 640 },
    });
    expect(located.probes).toEqual(
      new Map([
        [0, [2, 1]],
        [512, [2, 1]],
        [768, [1, 2]],
        [1024, [1, 2]],
      ]),
    );
  });

  test("at the limit is still exact when nothing is left to ask", async () => {
    const { measure } = prober((x) => (x < 2 ? "a" : "b"));
    const { outcome } = await locateCrossover({ ...common, low: 1, high: 2, measure, probesMax: 2 });
    expect(outcome).toBe("exact");
  });

  test.each([
    ["the same variant is ahead at both ends", () => "a"],
    ["they are level at one end", (x: number) => (x === 1 ? "=" : "b")],
    ["they are level at both", () => "="],
  ] as const)("finds none and asks no further when %s", async (_, ahead) => {
    const { asked, measure } = prober(ahead as (x: number) => "a" | "b" | "=");
    const { outcome, crossover } = await locateCrossover({ ...common, low: 1, high: 96, measure });
    expect([outcome, crossover, asked]).toEqual(["none", null, [1, 96]]);
  });

  test("takes values within the tolerance as level, and less as better where asked", async () => {
    // a rises from 100 by 1 per x, b is 150: level within 1 % from 149 to 151.
    const measure = async (x: number): Promise<readonly [number, number]> => [100 + x, 150];
    const options = { ...common, better: "lower", low: 0, high: 200, measure, tolerance: 0.01 } as const;
    expect((await locateCrossover(options)).crossover).toEqual({
      before: "a",
      after: "b",
      from: 48,
      to: 52,
      level: { first: 49, last: 51 },
    });
  });

  test("passes on what a measurement throws", async () => {
    const measure = async (x: number): Promise<readonly [number, number]> => {
      if (x === 50) throw new Error("broken at 50");
      return [x, 60];
    };
    await expect(locateCrossover({ ...common, low: 0, high: 100, measure })).rejects.toThrow("broken at 50");
  });

  test.each([
    [{ low: 5, high: 5 }, "bounds: must be whole and in order, got 5 and 5"],
    [{ low: 1.5, high: 5 }, "bounds: must be whole and in order, got 1.5 and 5"],
    [{ probesMax: 1 }, "probesMax: must be whole and at least 2, got 1"],
    [{ probesMax: Number.NaN }, "probesMax: must be whole and at least 2, got NaN"],
    [{ tolerance: -1 }, "tolerance: must be at least 0 and below 1, got -1"],
    [{ variants: ["a", "a"] as const }, "variants: 'a' is given twice"],
    [{ measure: async () => [1, Number.NaN] as const }, "variant 'b': the value at 1 must be finite or null, got NaN"],
  ])("refuses %o", async (wrong, message) => {
    const { measure } = prober(() => "a");
    const located = locateCrossover({ ...common, low: 1, high: 96, measure, ...wrong });
    await expect(located).rejects.toThrow(RangeError);
    await expect(located).rejects.toThrow(message);
  });
});
