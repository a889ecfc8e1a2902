import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { InputError } from "../../src/errors.ts";
import { readCounts, spreadCounts } from "../../src/plan/ranges.ts";

const bounds = { min: 1, max: 256 };
const read = (text: string, { min, max } = bounds): number[] => readCounts("--cpus", text, { min, max });

describe("counts are read from", () => {
  test.each([
    ["24", [24]],
    ["1,2,8", [1, 2, 8]],
    ["8,1,2", [1, 2, 8]],
    [" 1, 2 ,8 ", [1, 2, 8]],
    ["016", [16]],
    ["1..8", [1, 2, 3, 4, 5, 6, 7, 8]],
    ["5..5", [5]],
    ["1..12", [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]],
    ["1..96", [1, 2, 3, 4, 6, 9, 13, 19, 28, 42, 63, 96]],
    ["1..256", [1, 2, 3, 5, 8, 13, 21, 35, 58, 95, 156, 256]],
    ["64..96", [64, 66, 69, 72, 75, 78, 81, 84, 87, 90, 93, 96]],
    ["1 .. 96 : 3", [1, 10, 96]],
    ["1..96:2", [1, 96]],
    ["1..256:9", [1, 2, 4, 8, 16, 32, 64, 128, 256]],
    ["1..4:24", [1, 2, 3, 4]],
  ])("'%s'", (text, expected) => {
    expect(read(text)).toEqual(expected);
  });

  test("a list of any counts, in order", () => {
    const lists = fc.uniqueArray(fc.integer({ min: 1, max: 256 }), { minLength: 1, maxLength: 20 });
    fc.assert(
      fc.property(lists, (counts) => {
        expect(read(counts.join(","))).toEqual([...counts].sort((one, other) => one - other));
      }),
    );
  });

  test("a range as it is spread", () => {
    const ends = fc.tuple(fc.integer({ min: 1, max: 256 }), fc.integer({ min: 1, max: 256 }));
    fc.assert(
      fc.property(ends, fc.integer({ min: 2, max: 300 }), ([one, other], points) => {
        const [first, last] = [Math.min(one, other), Math.max(one, other)];
        expect(read(`${first}..${last}`)).toEqual(spreadCounts(first, last, 12));
        expect(read(`${first}..${last}:${points}`)).toEqual(spreadCounts(first, last, points));
      }),
    );
  });
});

describe("a spread range", () => {
  const ranges = fc.record({
    first: fc.integer({ min: 1, max: 5000 }),
    width: fc.oneof(fc.integer({ min: 0, max: 40 }), fc.integer({ min: 0, max: 100_000 })),
    points: fc.integer({ min: 2, max: 60 }),
  });

  test("has as many counts as asked for or all there are, both ends among them, each once and ascending", () => {
    fc.assert(
      fc.property(ranges, ({ first, width, points }) => {
        const counts = spreadCounts(first, first + width, points);
        expect(counts).toHaveLength(Math.min(points, width + 1));
        expect([counts[0], counts.at(-1)]).toEqual([first, first + width]);
        expect(counts.every((count, index) => index === 0 || count > counts[index - 1]!)).toBe(true);
        expect(counts.every(Number.isInteger)).toBe(true);
      }),
    );
  });

  test("is geometric wherever a step is not one", () => {
    fc.assert(
      fc.property(ranges, ({ first, width, points }) => {
        const counts = spreadCounts(first, first + width, points);
        for (const [index, count] of counts.entries()) {
          const next = counts[index + 1];
          const left = counts.length - 1 - index;
          if (next === undefined || next === count + 1) continue;
          // What an ideal spread of the rest has next; it is rounded.
          const ideal = count * ((first + width) / count) ** (1 / left);
          expect(Math.abs(next - ideal)).toBeLessThanOrEqual(0.5 + 1e-6);
        }
      }),
    );
  });
});

describe("text of another form is refused:", () => {
  const example = "give a count, a list or a range, such as 256 or 1,256 or 1..256";
  test.each([
    ["", "'' is not a whole number"],
    ["many", "'many' is not a whole number"],
    ["1.5", "'1.5' is not a whole number"],
    ["-1", "'-1' is not a whole number"],
    ["+1", "'+1' is not a whole number"],
    ["0x10", "'0x10' is not a whole number"],
    ["1e2", "'1e2' is not a whole number"],
    ["1 2", "'1 2' is not a whole number"],
    ["1,,2", "'' is not a whole number"],
    ["1,2,", "'' is not a whole number"],
    ["1-8", "'1-8' is not a whole number"],
    ["8:3", "'8:3' is not a whole number"],
    ["0", "must be from 1 to 256, got 0"],
    ["257", "must be from 1 to 256, got 257"],
    ["1,300", "must be from 1 to 256, got 300"],
    ["99999999999999999999999", "must be from 1 to 256, got 99999999999999999999999"],
    ["4,8,4", "4 is given twice"],
    ["4,04", "4 is given twice"],
    ["1..", "'' is not a whole number"],
    ["..8", "'' is not a whole number"],
    ["a..8", "'a' is not a whole number"],
    ["1...8", "a range is of the form first..last or first..last:points"],
    ["1..4..8", "a range is of the form first..last or first..last:points"],
    ["0..8", "must be from 1 to 256, got 0"],
    ["1..257", "must be from 1 to 256, got 257"],
    ["8..1", "the first count is above the last"],
    ["1,4..8", "a range stands alone, not in a list"],
    ["1..8:", "the number of points must be whole and at least 2, got ''"],
    ["1..8:1", "the number of points must be whole and at least 2, got '1'"],
    ["1..8:x", "the number of points must be whole and at least 2, got 'x'"],
    ["1..8:3:4", "the number of points must be whole and at least 2, got '3:4'"],
  ])("'%s'", (text, wrong) => {
    expect(() => read(text)).toThrow(InputError);
    expect(() => read(text)).toThrow(new InputError(`--cpus ${text}: ${wrong}; ${example}`));
  });

  test("the bounds are the caller's, and the example keeps to them", () => {
    expect(read("4..6", { min: 4, max: 6 })).toEqual([4, 5, 6]);
    const refused = (): unknown => readCounts("--width", "3", { min: 4, max: 6 });
    expect(refused).toThrow(
      "--width 3: must be from 4 to 6, got 3; give a count, a list or a range, such as 6 or 4,6 or 4..6",
    );
  });

  test("any text gives counts within the bounds or an error of the input", () => {
    const characters = fc.constantFrom(..."0123456789.,:- x");
    fc.assert(
      fc.property(fc.array(characters, { maxLength: 10 }), (some) => {
        const text = some.join("");
        let counts: number[];
        try {
          counts = read(text);
        } catch (error) {
          expect(error).toBeInstanceOf(InputError);
          return;
        }
        expect(counts.length).toBeGreaterThan(0);
        expect(counts.every((count) => count >= 1 && count <= 256)).toBe(true);
      }),
    );
  });
});
