import fc from "fast-check";
import { expect, test } from "vitest";
import { leastWidth, renderColumns, renderFitting, terminalWidth, wrapText } from "../../src/report/terminal.ts";

const lines = (text: string): string[] => text.split("\n");

const widest = (text: string): number => Math.max(...lines(text).map((line) => [...line].length));

const word = fc.string({ minLength: 1, maxLength: 30, unit: fc.constantFrom("a", "b", "µ", "×", "-", "1") });

test("a wrapped text fits, and has the same words in the same order", () => {
  fc.assert(
    fc.property(fc.array(word, { minLength: 1, maxLength: 60 }), fc.integer({ min: 30, max: 120 }), (words, width) => {
      const text = wrapText(words.join(" "), width);
      expect(widest(text)).toBeLessThanOrEqual(width);
      expect(text.split(/[ \n]/)).toEqual(words);
    }),
  );
});

test("a line is broken only where the next word has no room", () => {
  expect(wrapText("one two three", 7)).toBe("one two\nthree");
  expect(wrapText("one two three", 6)).toBe("one\ntwo\nthree");
  expect(wrapText("a-very-long-word b", 4)).toBe("a-very-long-word\nb");
  expect(wrapText("name  (note)")).toBe("name  (note)");
});

test("a table that fits is written as columns", () => {
  const table = [
    ["variant", "µs", "breaks"],
    ["srcu", "10", "nothing"],
  ];
  expect(renderFitting(table)).toBe(renderColumns(table));
});

test("the last column goes on below itself", () => {
  const text = lines(
    renderFitting([
      ["variant", "µs", "breaks"],
      ["srcu", "10", "word ".repeat(30).trim()],
    ]),
  );
  expect(text[0]).toBe("variant  µs  breaks");
  expect(text[1]).toMatch(/^srcu {5}10 {2}word( word)+$/);
  expect(text[2]).toMatch(/^ {13}word( word)*$/);
  expect(text.join(" ").match(/word/g)).toHaveLength(30);
});

test("where that is not enough, first cells have lines of their own", () => {
  const long = "batched-async form=deferred skip-when-empty=true";
  const values = Array.from({ length: 9 }, (_, place) => `${place}00.5 µs`);
  const text = lines(
    renderFitting([
      ["variant", ...values],
      [long, ...values],
    ]),
  );
  expect(text).toHaveLength(4);
  expect([text[0], text[2]]).toEqual(["variant", long]);
  expect(text[3]).toBe(`    ${values.join("  ")}`);
});

test("every table fits whose columns can", () => {
  const table = fc
    .integer({ min: 2, max: 8 })
    .chain((columns) =>
      fc.array(fc.array(word, { minLength: columns, maxLength: columns }), { minLength: 1, maxLength: 6 }),
    );
  fc.assert(
    fc.property(table, (rows) => {
      const text = renderFitting(rows);
      if (leastWidth(rows) <= terminalWidth) expect(widest(text)).toBeLessThanOrEqual(terminalWidth);
      const cells = text.split(/\s+/).filter((cell) => cell !== "");
      expect(cells).toEqual(rows.flat());
    }),
  );
});
