import { expect, test } from "vitest";
import {
  formatBytes,
  formatCount,
  formatNs,
  formatNumber,
  formatRatio,
  joinAnd,
  ratioOf,
} from "../../src/report/format.ts";
import { renderColumns } from "../../src/report/terminal.ts";

test("a missing value is written as a dash, never as 0", () => {
  for (const format of [formatNumber, formatNs, formatBytes, formatRatio]) {
    expect([format(null), format(undefined)]).toEqual(["–", "–"]);
    expect(format(0)).toMatch(/^0/);
  }
});

test("columns are aligned by characters, the first and the last to the left", () => {
  const table = [
    ["variant", "µs", "note"],
    ["é", "10", "x"],
    ["long one", "1", ""],
  ];
  expect(renderColumns(table)).toBe("variant   µs  note\né         10  x\nlong one   1");
});

test.each([
  [formatNs(0), "0 ns"],
  [formatNs(1.234), "1.23 ns"],
  [formatNs(-12.34), "-12.3 ns"],
  [formatNs(999), "999 ns"],
  [formatNs(1500), "1.50 µs"],
  [formatNs(2_500_000), "2.50 ms"],
  [formatNs(119e9), "119 s"],
  [formatNs(180e9), "3 min"],
  [formatNs(119 * 60e9), "119 min"],
  [formatNs(840 * 60e9), "14 h"],
  [formatNs(47.5 * 3600e9), "47.5 h"],
  [formatNs(7 * 24 * 3600e9), "7 days"],
  [joinAnd([]), ""],
  [joinAnd(["cil"]), "cil"],
  [joinAnd(["cil", "shrinker"]), "cil and shrinker"],
  [joinAnd(["cil", "shrinker", "quarantine"]), "cil, shrinker and quarantine"],
  [formatCount(1, "cgroups"), "1 cgroup"],
  [formatCount(1, "visits/s"), "1 visit/s"],
  [formatCount(2000, "visits/s"), "2,000 visits/s"],
  [formatCount(1.5, "ratio"), "1.50×"],
  [formatCount(1, ""), "1"],
  [formatBytes(1023), "1023 B"],
  [formatBytes(1536), "1.50 KiB"],
  [formatBytes(2 ** 20), "1 MiB"],
  [formatBytes(3_646_449_664), "3.40 GiB"],
  [formatNumber(1_234_567), "1,234,567"],
  [formatNumber(1234.5), "1,235"],
  [formatNumber(0.00123), "0.0012"],
  [formatRatio(1), "1×"],
  [formatRatio(0.0021), "0.0021×"],
  [formatRatio(Number.POSITIVE_INFINITY), "∞"],
  [formatRatio(Number.NaN), "–"],
])("a number for people: %s", (written, text) => {
  expect(written).toBe(text);
});

test.each([
  [6, 3, 2],
  [6, 0, null],
  [null, 3, null],
  [undefined, 3, null],
  [6, null, null],
  [0, 3, 0],
])("the ratio of %s to %s is %s", (value, base, ratio) => {
  expect(ratioOf(value, base)).toBe(ratio);
});
