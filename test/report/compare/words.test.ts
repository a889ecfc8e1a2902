import { describe, expect, test } from "vitest";
import type { Comparison } from "../../../src/compare/comparison.ts";
import { reasonOf } from "../../../src/compare/reasons.ts";
import {
  caseId,
  caseNameOf,
  nanosecondsOf,
  RowNames,
  rowId,
  sideMedians,
  variantFile,
} from "../../../src/report/compare/names.ts";
import {
  changeText,
  exactSides,
  exactText,
  exactTexts,
  findingsOf,
  nativeText,
  outcomeText,
  percent,
  signedPercent,
  timedRows,
  valueText,
} from "../../../src/report/compare/words.ts";
import * as samples from "./comparisons.ts";
import { comparison, exact, native, regressed, value } from "./comparisons.ts";

describe("a row's name", () => {
  const names = new RowNames(comparison());

  test("has the workload, the CPUs, and only those parameters that tell it from another row", () => {
    expect(names.full(regressed)).toBe("quarantine / doubly-linked / put-ns (libvirt-teardown, 1 CPU)");
    const removals = samples.nativeRows.filter(({ metric }) => metric === "remove-ns").map((row) => names.full(row));
    expect(removals).toEqual([
      "quarantine / ring / remove-ns (libvirt-teardown, 1 CPU, fill=1.25)",
      "quarantine / ring / remove-ns (libvirt-teardown, 1 CPU, fill=2)",
    ]);
  });

  test("is no other row's, whatever the rows differ in", () => {
    const rows = [
      native(),
      native({ cpus: 2 }),
      native({ workload: "other" }),
      native({ problem: "shrinker" }),
      native({ variant: "ring" }),
      native({ metric: "remove-ns" }),
      native({ parameters: "stage=timed" }),
      native({ parameters: "stage=two%20words" }),
      native({ parameters: "" }),
    ];
    const own = comparison({ exact: null, native: { ...comparison().native!, rows } });
    const ofOwn = new RowNames(own);
    expect(new Set(rows.map((row) => ofOwn.full(row))).size).toBe(rows.length);
    expect(new Set(rows.map(rowId)).size).toBe(rows.length);
    expect(ofOwn.full(rows[7]!)).toContain("stage=two words");
  });

  test("for tools is one word, and the same whatever else is compared", () => {
    const row = native({ variant: "hash-buckets buckets=16", metric: "waits[slab pages (a) 1]" });
    expect(rowId(row)).toMatch(
      /^quarantine\/hash-buckets_buckets=16\/libvirt-teardown\/cpus:1#[0-9a-f]{8}\/waits\[slab_pages_\(a\)_1\]$/,
    );
    expect(caseId(row)).toBe(caseId({ ...row, metric: "other", unit: "ns" }));
    expect(variantFile(row)).toBe("src/kernel/quarantine/hash-buckets.ts");
  });
});

test("a case's id names its problem and variant, and what is no such id names none", () => {
  const id = "quarantine / hash-buckets buckets=16 / libvirt-teardown / timed, 2 CPUs";
  expect(caseNameOf(id)).toEqual({ problem: "quarantine", variant: "hash-buckets buckets=16", case: id });
  expect([caseNameOf("the machine"), caseNameOf("a / b / c"), caseNameOf("")]).toEqual([null, null, null]);
});

describe("a change", () => {
  test.each([
    [1.098, "lower", "ns/object", "9.8 % slower"],
    [0.5, "lower", "ns", "100.0 % faster"],
    // A rate that is a tenth lower takes a ninth longer.
    [0.9, "higher", "ops/s", "11.1 % slower"],
    [1.1, "higher", "ops/s", "10.0 % faster"],
    [1.1, "lower", "bytes", "10.0 % worse"],
    [1.1, "higher", "bytes", "10.0 % better"],
    [1.1, "", "objects", "10.0 % higher"],
    [0.9, "", "objects", "10.0 % lower"],
    [1, "lower", "ns", "0.0 % slower"],
  ] as const)("to %d of what is better %s, in %s, is %s", (ratio, better, unit, text) => {
    expect(changeText({ ratio, low: null, high: null }, native({ better, unit }))).toBe(text);
  });

  test("has its interval from its lower end to its upper one, of the same share", () => {
    const of = (ratio: number, low: number, high: number, better: "lower" | "higher" | ""): string =>
      changeText({ ratio, low, high }, native({ better, unit: "ns" }));
    expect(of(1.098, 1.081, 1.112, "lower")).toBe("9.8 % slower [8.1, 11.2]");
    expect(of(1.01, 0.98, 1.04, "lower")).toBe("1.0 % slower [-2.0, 4.0]");
    expect(of(0.8, 0.5, 1.25, "lower")).toBe("25.0 % faster [-25.0, 100.0]");
    expect(of(0.8, 0.5, 1.25, "higher")).toBe("25.0 % slower [-25.0, 100.0]");
    expect(of(0.8, 0.5, 1.25, "")).toBe("20.0 % lower [-25.0, 50.0]");
  });

  test("has the same numbers as the reason of its verdict", () => {
    const found = { ...regressed.estimate!, ratio: 1.101, low: 0.874, high: 1.314 };
    const row = { ...regressed, estimate: found, confirmation: null };
    expect(changeText(found, row)).toBe("10.1 % slower [-14.4, 31.4]");
    expect(reasonOf(row)).toBe("10.1 % worse (95 % interval 14.4 % better to 31.4 % worse)");
    const rate = { ...row, better: "higher" as const };
    expect(changeText(found, rate)).toBe("10.1 % faster [-14.4, 31.4]");
    expect(reasonOf(rate)).toBe("10.1 % better (95 % interval 31.4 % better to 14.4 % worse)");
  });

  test("of a share is never shown as 0 when it is not", () => {
    expect([0.03, 0.098, 0, -0.0002, 0.00003].map(percent)).toEqual(["3 %", "9.8 %", "0 %", "-0.02 %", "0.003 %"]);
    expect([0.01, -0.01, 0].map(signedPercent)).toEqual(["+1 %", "-1 %", "0 %"]);
  });

  test("of a row of times says what fresh processes said", () => {
    expect(nativeText(regressed)).toMatch(
      /^is 9\.\d % slower \[\d+\.\d, \d+\.\d\], confirmed on 12 fresh processes \(9\.5 % slower \[/,
    );
    expect(nativeText(samples.nativeRows[3]!)).toMatch(/, not confirmed on 12 fresh processes \(.*\): inconclusive$/);
    expect(nativeText(samples.nativeRows[6]!)).toBe("is equivalent: the same code on both sides");
  });
});

describe("exact values", () => {
  test.each([
    [12, 13, "12", "13"],
    [1_000_000, 1_000_001, "1,000,000", "1,000,001"],
    [4.125, 4.0625, "4.125", "4.063"],
    [4.12345678, 4.12345679, "4.12345678", "4.12345679"],
    [1234567.891, 1234567.891, "1,234,568", "1,234,568"],
    [0.000012345678, 0.1, "0.00001235", "0.1"],
    [0, 0.5, "0", "0.5"],
    [0.1 + 0.2, 0.3, "0.30000000000000004", "0.3"],
  ])("%d and %d are shown as %s and %s", (base, head, ...texts) => {
    expect(exactTexts(base, head)).toEqual(texts);
  });

  test("that are several show what of them differs, and by how much the worst of it", () => {
    type Side = ReturnType<typeof value> | null;
    const sides = (base: Side, head: Side, better: "lower" | "higher" | "" = "lower") =>
      exactSides({ base, head, better });
    expect(sides(value(12), value(13))).toEqual({ base: "12", head: "13", by: "+8.3 %" });
    expect(sides(value(0), value(13)).by).toBe("–");
    expect(sides(value(20, 2, 11), value(20, 2, 12))).toEqual({ base: "max 11", head: "max 12", by: "+9.1 %" });
    expect(sides(value(20, 2, 11), value(22, 2, 11))).toEqual({ base: "sum 20", head: "sum 22", by: "+10 %" });
    const grown = { base: "sum 20, samples 2", head: "sum 30, samples 3", by: "+50 %" };
    expect(sides(value(20, 2, 11), value(30, 3, 11))).toEqual(grown);
    expect(sides(value(20, 2, 11), value(20, 3, 11)).by).toBe("+50 %");
    // One does not make up for the other.
    expect(sides(value(20, 2, 11), value(18, 2, 22)).by).toBe("+100 %");
    expect(sides(value(20, 2, 11), value(18, 2, 22), "higher").by).toBe("-10 %");
    expect(sides(value(20, 2, 11), value(18, 2, 22), "").by).toBe("-10 %");
    // Of what should be high the smallest is the worst.
    const ofRounds = (...values: number[]) => ({
      ...value(values[0]! + values[1]!, 2, Math.max(...values)),
      min: Math.min(...values),
    });
    const fallen = { base: "min 5", head: "min 1", by: "-80 %" };
    expect(sides(ofRounds(5, 5), ofRounds(1, 9), "higher")).toEqual(fallen);
    expect(sides(ofRounds(5, 5), ofRounds(1, 9))).toEqual({ base: "max 5", head: "max 9", by: "+80 %" });
    expect(exactText(exact({ base: ofRounds(5, 5), head: ofRounds(1, 9), better: "higher", change: "worse" }))).toBe(
      "is worse, from min 5 to min 1 (-80 %)",
    );
    expect(sides(value(20, 2, 11, "1"), value(20, 2, 11, "2"))).toEqual({
      base: "sum 20, max 11",
      head: "sum 20, max 11",
      by: "–",
    });
    expect(sides(value(12), null)).toEqual({ base: "12", head: "–", by: "–" });
    expect(sides(null, null)).toEqual({ base: "–", head: "–", by: "–" });
  });

  test("are told in a sentence for every change", () => {
    const [base, head] = [value(100), value(110)];
    expect(exactText(exact({ base, head, change: "worse" }))).toBe("is worse, from 100 to 110 (+10 %)");
    expect(exactText(exact({ base, head, change: "worse", budget: 0.05 }))).toBe(
      "is worse, from 100 to 110 (+10 %), over its budget of 5 %",
    );
    expect(exactText(exact({ base, head, change: "within budget", budget: 0.2 }))).toBe(
      "is worse, from 100 to 110 (+10 %), within its budget of 20 %",
    );
    expect(exactText(exact({ base, head, change: "better" }))).toBe("is better, from 100 to 110 (+10 %)");
    expect(exactText(exact({ base, head, change: "changed" }))).toBe("has changed, from 100 to 110 (+10 %)");
    expect(exactText(exact({ base, head: value(100, 1, 100, "1"), change: "changed" }))).toBe(
      "has changed: sum and maximum agree, single values do not",
    );
    const several = { ...value(100, 2, 60, "1"), min: 40 };
    const other = { ...several, sha256: "2".repeat(64) };
    expect(exactText(exact({ base: several, head: other, better: "higher", change: "changed" }))).toBe(
      "has changed: sum and minimum agree, single values do not",
    );
    expect(exactText(exact({ base, head: null, change: "gone" }))).toContain("is gone");
    expect(exactText(exact({ base: null, head, change: "added" }))).toContain("is new");
    expect(exactText(exact())).toBe("is the same, 12");
  });
});

test("a row is its medians over processes, and nothing without any", () => {
  const processes = [1, 5, 3].map((base) => ({ base, head: 2 * base, logRatio: Math.log(2), rounds: 1 }));
  expect(sideMedians(processes)).toEqual({ base: 3, head: 6 });
  expect(sideMedians([])).toBeNull();
});

test.each([
  ["ns", 5, 5],
  ["ns/object", 5, 5],
  ["ms", 5, 5e6],
  ["ops/s", 1e6, 1000],
  ["ops/s", 0, null],
  ["bytes", 5, null],
])("in %s, %d is %s ns", (unit, number, ns) => {
  expect(nanosecondsOf(unit, number)).toBe(ns);
});

test("a value has its unit", () => {
  expect(valueText(1200, "ns/object")).toBe("1.20 µs/object");
  expect(valueText(3, "accesses")).toBe("3 accesses");
  expect(valueText(null, "ns")).toBe("–");
});

describe("the outcome in one line", () => {
  test.each([
    [
      "regressed",
      /^regressed: quarantine \/ ring \/ put-accesses-mean \(.*\) is worse, from 12 to 13 \(\+8\.3 %\); and 3 more rows, also of shrinker \/ rwsem, quarantine \/ doubly-linked$/,
    ],
    [
      "slower",
      /^regressed: quarantine \/ doubly-linked \/ put-ns \(.*\) is 9\.6 % slower \[.*\], confirmed on 12 fresh processes \(9\.5 % slower \[.*\]\)$/,
    ],
    [
      "passed",
      /^passed: 12,345 exact values compared, all the same; 3 rows timed: 1 improved, 2 equivalent; 1 row of the same code, not timed$/,
    ],
    [
      "inconclusive",
      /^inconclusive: 1\.75 runnable tasks per core before it began, more than 1\.5; and 1 more reason$/,
    ],
    ["few", /^passed: 1 row timed: 1 inconclusive$/],
    ["untimed", /^inconclusive: quarantine \/ ring \/ put-ns \(.*\) cannot be timed: trapped$/],
    [
      "open",
      /^inconclusive: quarantine \/ ring \/ put-ns \(.*\) is inconclusive: 9\.6 % worse; not confirmed: the process trapped$/,
    ],
    ["violated", /^violated: quarantine \/ ring \/ libvirt-teardown \/ timed: lost .*; and 1 more violation$/],
    ["variants", /^passed: 3 rows timed: 1 slower, 1 faster, 1 not separated$/],
    ["empty", /^passed: nothing was compared$/],
  ])("of %s", (name, text) => {
    expect(outcomeText(samples.all[name]!)).toMatch(text);
  });

  test("has no line break, whatever was thrown", () => {
    for (const one of Object.values(samples.all)) expect(outcomeText(one)).not.toMatch(/[\r\n]/);
  });
});

describe("what is to be said", () => {
  test("comes in the order of its weight, and what fails the gate is an error", () => {
    const kinds = findingsOf(comparison()).map(({ level, rule, about }) => `${level} ${rule} ${about?.variant}`);
    expect(kinds).toEqual([
      "error exact ring",
      "error exact rwsem",
      "error exact ring",
      "error native doubly-linked",
      "warning native srcu",
      "note exact ring",
      "note exact srcu",
      "note exact hash-buckets buckets=16",
      "note native hash-buckets buckets=16 skip-when-empty=true",
    ]);
  });

  test("has why the machine cannot be trusted, a canary that sings, and warnings", () => {
    const found = findingsOf(samples.inconclusive);
    expect(found.map(({ level, rule }) => `${level} ${rule}`)).toEqual([
      "warning machine",
      "warning machine",
      "warning warning",
    ]);
    expect(found[1]?.text).toMatch(
      /^the same code twice, .*: the second is 7\.8 % slower \[.*\], more than the 3 % that count$/,
    );
  });

  test("has rows that could not be timed, or whose suspicion stayed open, apart from regressions", () => {
    for (const one of [samples.untimed, samples.open]) {
      expect(findingsOf(one).map(({ level, rule, about }) => `${level} ${rule} ${about?.variant}`)).toEqual([
        "warning untimed ring",
      ]);
    }
  });

  test("puts the rows of times that matter first", () => {
    const verdicts = timedRows(comparison()).map(({ verdict, gated }) => `${verdict}${gated ? "" : ", not gated"}`);
    expect(verdicts).toEqual([
      "regressed",
      "regressed, not gated",
      "inconclusive",
      "improved",
      "equivalent",
      "equivalent",
    ]);
    const none: Comparison = samples.empty;
    expect([timedRows(none), findingsOf(none)]).toEqual([[], []]);
  });
});

test("of many failing rows the largest change leads, and the variants are named", () => {
  const failing = (variant: string, head: number) =>
    exact({ variant, base: value(100), head: value(head), change: "worse", fails: true });
  const of = (rows: ReturnType<typeof exact>[]): string =>
    outcomeText(comparison({ exact: { compared: rows.length, rows }, native: null }));
  expect(of([failing("a", 101), failing("b", 150), { ...failing("b", 110), metric: "other" }])).toMatch(
    /^regressed: quarantine \/ b \/ put-accesses-mean \(.*\) is worse, from 100 to 150 \(\+50 %\); and 2 more rows, also of quarantine \/ a$/,
  );
  expect(of([failing("b", 150), { ...failing("b", 110), metric: "other" }])).toMatch(/; and 1 more row$/);
  expect(of(["a", "b", "c", "d", "e", "f"].map((variant) => failing(variant, 101)))).toMatch(
    /; and 5 more rows, also of quarantine \/ b, quarantine \/ c, quarantine \/ d and 2 more variants$/,
  );
});
