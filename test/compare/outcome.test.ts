import { describe, expect, test } from "vitest";
import type { Comparison, ExactRow, NativeRow } from "../../src/compare/comparison.ts";
import { outcomeOf } from "../../src/compare/outcome.ts";

type Parts = Parameters<typeof outcomeOf>[0];

function exact(...fails: readonly boolean[]): Parts["exact"] {
  return { compared: fails.length, rows: fails.map((one) => ({ fails: one }) as ExactRow) };
}

function native(rows: readonly Partial<NativeRow>[], distrust: readonly string[] = []): Parts["native"] {
  return { rows: rows as readonly NativeRow[], distrust } as NonNullable<Comparison["native"]>;
}

const violations = [{ case: "a", error: "trapped" }];
const gated = { gated: true, verdict: "regressed" } as const;
const told = { gated: true, verdict: "equivalent", estimate: {} as NativeRow["estimate"] } as const;
const loaded = ["the machine is loaded"];

describe("a comparison", () => {
  test.each<[what: string, parts: Partial<Parts>, outcome: Comparison["outcome"]]>([
    [
      "of nothing that fails passes",
      { exact: exact(false), native: native([{ gated: true, verdict: "equivalent" }]) },
      "passed",
    ],
    ["without a part passes by the other", { exact: exact(false) }, "passed"],
    ["with an exact row that fails regressed", { exact: exact(false, true), native: native([], loaded) }, "regressed"],
    ["with a gated row that regressed did so", { exact: exact(false), native: native([gated]) }, "regressed"],
    ["with another row that regressed passes", { native: native([{ ...gated, gated: false }]) }, "passed"],
    ["with a row that was not told passes", { native: native([{ ...told, verdict: "inconclusive" }]) }, "passed"],
    [
      "with a gated row that could not be timed is inconclusive",
      { native: native([told, { ...told, verdict: "inconclusive", estimate: null }]) },
      "inconclusive",
    ],
    [
      "with a gated row that is open is inconclusive",
      { native: native([{ ...told, verdict: "inconclusive", open: true }]) },
      "inconclusive",
    ],
    [
      "with another row that could not be timed passes",
      { native: native([{ gated: false, verdict: "inconclusive", estimate: null }]) },
      "passed",
    ],
    ["of the same code passes", { native: native([{ gated: true, verdict: "equivalent", estimate: null }]) }, "passed"],
    [
      "on a machine that is not trusted is inconclusive",
      { exact: exact(false), native: native([], loaded) },
      "inconclusive",
    ],
    ["with a violation is void", { exact: exact(true), native: native([gated], loaded), violations }, "violated"],
  ])("%s", (_, parts, outcome) => {
    expect(outcomeOf({ exact: null, native: null, violations: [], ...parts })).toBe(outcome);
  });
});
