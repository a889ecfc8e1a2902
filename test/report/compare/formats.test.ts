import { describe, expect, test } from "vitest";
import { compareFormats } from "../../../src/report/compare/formats.ts";
import { outcomeText } from "../../../src/report/compare/words.ts";
import * as samples from "./comparisons.ts";

const formats = Object.entries(compareFormats);

test("every format has an extension of its own, by which its file is named", () => {
  expect(new Set(formats.map(([, { extension }]) => extension)).size).toBe(formats.length);
  for (const [name, { extension }] of formats) {
    expect(extension).toMatch(/^[a-z0-9-]+(\.[a-z]+)*$/);
    expect(name).toMatch(/^[a-z0-9-]+$/);
  }
});

describe.each(formats)("%s", (_, { render, extension }) => {
  test.each(Object.entries(samples.all))("is text that ends with one newline, and the same each time: %s", (_, one) => {
    const text = render(one);
    expect(text).toMatch(/[^\n]\n$/);
    expect(text).not.toMatch(/\bundefined\b|\bNaN\b|Infinity|\[object/);
    expect(render(structuredClone(one))).toBe(text);
    if (extension.endsWith("json") || extension === "sarif") expect(() => JSON.parse(text)).not.toThrow();
  });

  test("changes nothing in what it is given", () => {
    const before = structuredClone(samples.all);
    for (const one of Object.values(samples.all)) render(one);
    expect(samples.all).toEqual(before);
  });
});

test("a format that a tool may refuse when it holds nothing knows how many results it holds", () => {
  const counts = (one: Parameters<(typeof formats)[number][1]["render"]>[0]): Record<string, number> =>
    Object.fromEntries(formats.flatMap(([name, { results }]) => (results === undefined ? [] : [[name, results(one)]])));
  expect(counts(samples.empty)).toEqual({
    "github-benchmark-smaller": 0,
    "github-benchmark-bigger": 0,
    bencher: 0,
    "google-benchmark": 0,
    hyperfine: 0,
    "pyperf-base": 0,
    "pyperf-head": 0,
  });
  // Three variants beside a reference, of 12 processes each.
  expect(counts(samples.variants)).toEqual({
    "github-benchmark-smaller": 3,
    "github-benchmark-bigger": 0,
    bencher: 3,
    "google-benchmark": 72,
    hyperfine: 6,
    "pyperf-base": 3,
    "pyperf-head": 3,
  });
});

test.each(["terminal", "markdown", "github-summary", "github-annotations", "0-day", "mmtests", "benchfmt"])(
  "%s has the outcome in its first line",
  (name) => {
    const [first = ""] = compareFormats[name]!.render(samples.passed).split("\n");
    expect(first.replace(/^(\*\*|# |::notice title=[^:]*::)/, "").replace(/\*\*$/, "")).toBe(
      outcomeText(samples.passed),
    );
  },
);
