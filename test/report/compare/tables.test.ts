import { parse } from "csv-parse/sync";
import { describe, expect, test } from "vitest";
import { comparisonSchema } from "../../../src/compare/comparison.ts";
import { compareColumns, renderCompareCsv } from "../../../src/report/compare/csv.ts";
import { renderCompareJson } from "../../../src/report/compare/json.ts";
import { renderMmtests } from "../../../src/report/compare/mmtests.ts";
import { renderZeroDay } from "../../../src/report/compare/zero-day.ts";
import * as samples from "./comparisons.ts";
import { comparison, exact, native, value } from "./comparisons.ts";

test.each(Object.entries(samples.all))("JSON is the whole comparison: %s", (_, one) => {
  expect(comparisonSchema.parse(JSON.parse(renderCompareJson(one)))).toEqual(one);
});

describe("CSV", () => {
  const rows = parse(renderCompareCsv(comparison()), { columns: true }) as Record<string, string>[];
  const find = (kind: string, variant: string, metric: string): Record<string, string> | undefined =>
    rows.find((row) => row.kind === kind && row.variant === variant && row.metric === metric);

  test("has a row for each exact value, the same ones too, each row of times and each canary", () => {
    expect(rows.map(({ kind }) => kind).join(" ")).toBe(
      [...Array(7).fill("exact"), ...Array(7).fill("native"), "canary"].join(" "),
    );
    for (const row of rows) expect(Object.keys(row)).toEqual([...compareColumns]);
  });

  test("has all numbers of a row of times, and of its confirmation", () => {
    const { estimate, confirmation, holm } = samples.regressed;
    expect(find("native", "doubly-linked", "put-ns")).toMatchObject({
      verdict: "regressed",
      gated: "true",
      fails: "true",
      base: "96.355",
      ratio: String(estimate?.ratio),
      low_95: String(estimate?.low),
      high_90: String(estimate?.high90),
      p: String(estimate?.p),
      test: "signed-rank",
      holm: String(holm),
      detectable: String(estimate?.detectable),
      delta: "0.03",
      processes: "12",
      confirmed: "true",
      confirmation_processes: "12",
      confirmation_ratio: String(confirmation?.estimate.ratio),
      reason: "slower by more than 3 %",
      head_sha256: "b".repeat(64),
    });
  });

  test("has nothing where nothing is known, and no 0 there", () => {
    const same = rows.find((row) => row.kind === "native" && row.parameters?.includes("fill=2"));
    expect([same?.base, same?.ratio, same?.confirmed, same?.holm, same?.processes]).toEqual(["", "", "", "", "0"]);
    const gone = find("exact", "rwsem", "line-transfers[slab pages (nodes) 10]");
    expect([gone?.base, gone?.head, gone?.head_sha256, gone?.verdict, gone?.fails]).toEqual([
      "120",
      "",
      "",
      "gone",
      "true",
    ]);
    const several = find("exact", "ring", "remove-accesses");
    expect([several?.base, several?.head, several?.base_max, several?.head_max, several?.head_samples]).toEqual([
      "1000",
      "1010",
      "40",
      "41",
      "50",
    ]);
  });

  test("has the smallest of several exact values, where it was kept", () => {
    const [one] = parse(renderCompareCsv(samples.worseByMin), { columns: true }) as Record<string, string>[];
    expect([one?.base_min, one?.head_min]).toEqual(["5", "1"]);
    const [older] = parse(renderCompareCsv(samples.worseByMax), { columns: true }) as Record<string, string>[];
    expect([older?.base_min, older?.head_min]).toEqual(["", ""]);
  });

  test("has no text that a spreadsheet would run", () => {
    const one = comparison({
      exact: null,
      native: { ...comparison().native!, rows: [native({ variant: "=1+1", reason: '@a,"b"\nc' })] },
    });
    const [row] = parse(renderCompareCsv(one), { columns: true }) as Record<string, string>[];
    expect([row?.variant, row?.reason]).toEqual(["'=1+1", '\'@a,"b"\nc']);
  });

  test("says what the base is: of variants the reference", () => {
    const labels = (one: typeof samples.variants) =>
      (parse(renderCompareCsv(one), { columns: true }) as Record<string, string>[]).map(
        ({ kind, base_label }) => `${kind} ${base_label}`,
      );
    expect(new Set(labels(samples.variants))).toEqual(new Set(["native singly-linked-fifo", "canary "]));
    expect(new Set(labels(comparison()))).toEqual(new Set(["exact main", "native main", "canary "]));
  });

  test("without rows is its header", () => {
    expect(renderCompareCsv(samples.empty)).toBe(`${compareColumns.join(",")}\n`);
  });
});

/** A row of times with two processes. */
function pair(
  base: readonly [number, number],
  head: readonly [number, number],
  more: Partial<Parameters<typeof native>[0]> = {},
) {
  return native({
    processes: base.map((one, index) => ({
      base: one,
      head: head[index]!,
      logRatio: Math.log(head[index]! / one),
      rounds: 60,
    })),
    ...more,
  });
}

function timed(rows: ReturnType<typeof native>[], exactRows: ReturnType<typeof exact>[] = []) {
  return comparison({ exact: { compared: 1, rows: exactRows }, native: { ...comparison().native!, rows } });
}

describe("the table of 0-day", () => {
  // The lines are printf's, with the conversions of the format: %10.2f, %10d or %10.4g, " ±%3d%%" or blanks, %+10.1f%%.
  test.each([
    // A deviation of 2 % or less is not shown.
    [[100, 101], [110, 111], "    100.50           +10.0%     110.50        "],
    [[98.5, 101.5], [98.7, 101.3], "    100.00 ±  2%      +0.0%     100.00        "],
    [[90, 110], [100, 130], "    100.00 ± 14%     +15.0%     115.00 ± 18%  "],
    [[1000, 1000], [998, 1000], "      1000            -0.1%     999.00        "],
    [[812_345.9, 812_345.9], [812_345.9, 812_345.9], "    812345            +0.0%     812345        "],
    [[2.5e9, 2.5e9], [5e9, 5e9], "   2.5e+09          +100.0%      5e+09        "],
    [
      [1_234_567_890_123, 1_234_567_890_123],
      [123_456_789, 123_456_789],
      " 1.235e+12          -100.0%  1.235e+08        ",
    ],
    [[1, 1], [2000, 2000], "      1.00          +2e+05%       2000        "],
    [[0.001, 0.001], [123, 123], "      0.00        +1.2e+07%     123.00        "],
  ] as const)("has %j and %j as %s", (base, head, line) => {
    const lines = renderZeroDay(timed([pair(base, head)])).split("\n");
    expect(lines).toContain(`${line}reclaim-bench.quarantine.doubly-linked.put-ns`);
  });

  test("has a block for each case, with its axes, both commits, and titles", () => {
    const blocks = renderZeroDay(comparison()).split(`${"=".repeat(89)}\n`);
    expect(blocks).toHaveLength(5);
    expect(blocks[1]!.split("\n").slice(0, 11)).toEqual([
      "problem/workload/nr_cpu/batches/slabinfo/stage:",
      "  quarantine/libvirt-teardown/1/1024/packaged:libvirt-guest/counted",
      "",
      "commit: ",
      "  1111111111111111111111111111111111111111",
      "  working_tree",
      "",
      "1111111111111111                working_tree ",
      "---------------- --------------------------- ",
      "         %stddev     %change         %stddev",
      "             \\          |                \\  ",
    ]);
    expect(blocks[1]).toContain(
      "     12.00            +8.3%      13.00        reclaim-bench.quarantine.ring.put-accesses-mean\n",
    );
    expect(blocks[0]!.split("\n")[0]).toMatch(/^# regressed: /);
    expect(blocks[0]).toContain(
      "# shrinker / rwsem / line-transfers[slab pages (nodes) 10] (stress-ng-ramfs, 64 CPUs) is gone",
    );
    // What one side lacks is in no block.
    expect(blocks.slice(1).join("")).not.toContain("rwsem");
  });

  test("heads its columns with labels where the commits do not tell the sides apart", () => {
    const heads = (commit: string): string[] | undefined => {
      const one = samples.variants;
      const text = renderZeroDay({
        ...one,
        base: { ...one.base, commit: "2".repeat(40) },
        head: { ...one.head, commit },
      });
      return text.match(/\ncommit: \n(.*)\n(.*)\n/)?.slice(1);
    };
    expect(heads("2".repeat(40))).toEqual(["  singly-linked-fifo", "  variants"]);
    expect(heads("3".repeat(40))).toEqual([`  ${"2".repeat(40)}`, `  ${"3".repeat(40)}`]);
  });

  test("has the sum and the largest of several exact values", () => {
    const lines = renderZeroDay(samples.worseByMax).split("\n");
    expect(lines).toContain(
      "      1846            -2.9%       1793        reclaim-bench.cil.shadow-buffers.line-waited-ns",
    );
    expect(lines).toContain(
      "    456.00            +2.2%     466.20        reclaim-bench.cil.shadow-buffers.line-waited-ns:max",
    );
  });

  test("has the smallest of several exact values of which more is better", () => {
    const lines = renderZeroDay(samples.worseByMin).split("\n");
    expect(lines).toContainEqual(
      expect.stringMatching(/^ +5\.00 +-80\.0% +1\.00 +reclaim-bench\.cil\.shadow-buffers\.checkpoint-fill:min$/),
    );
  });

  test("without rows is the outcome", () => {
    expect(renderZeroDay(samples.empty)).toBe("# passed: nothing was compared\n");
  });
});

describe("the table of mmtests", () => {
  const linesOf = (text: string): string[] => text.trimEnd().split("\n");

  test.each([
    // A plus is better, whatever the direction.
    [pair([100, 200], [110, 220]), "Amean", "150.00", "165.00 ( -10.00%)"],
    [pair([100, 200], [90, 180], { verdict: "improved" }), "Amean", "150.00", "135.00 *  10.00%*"],
    [pair([100, 300], [110, 330], { better: "higher", unit: "ops/s" }), "Hmean", "150.00", "165.00 (  10.00%)"],
    [
      pair([100, 300], [50, 150], { better: "higher", unit: "ops/s", verdict: "regressed" }),
      "Hmean",
      "150.00",
      "75.00 * -50.00%*",
    ],
    [pair([100, 200], [100, 200], { verdict: "not separated" }), "Amean", "150.00", "150.00 (   0.00%)"],
  ])("has a row for times %#", (row, statistic, base, head) => {
    const [, , , line] = linesOf(renderMmtests(timed([row])));
    const operation = "quarantine/doubly-linked/put-ns-libvirt-teardown-1-CPU";
    const [headValue = "", ...rest] = head.split(" ");
    expect(line).toBe(
      `${statistic} ${operation}${base.padStart(12)} (   0.00%)${headValue.padStart(12)} ${rest.join(" ")}`,
    );
  });

  test("has values without a direction nowhere, nor what one side lacks", () => {
    const text = renderMmtests(comparison());
    expect(linesOf(text).slice(1).join("\n")).not.toContain("rwsem");
    expect(linesOf(renderMmtests(timed([native({ better: "" })])))).toHaveLength(3);
    expect(linesOf(text)[0]).toMatch(/^# regressed: /);
  });

  test("has the columns under their heads", () => {
    const [, base, labels, ...rows] = linesOf(renderMmtests(comparison()));
    expect(new Set([base, labels, ...rows].map((line) => [...line!].length)).size).toBe(1);
    expect(labels).toMatch(/ main {11}working tree$/);
    // Of two values the sum and the largest differ.
    expect(rows).toHaveLength(11);
  });

  test("has the sum and the largest of several exact values, and says which is worse", () => {
    const operation = "cil/shadow-buffers/line-waited-ns-libvirt-teardown-1-CPU";
    expect(linesOf(renderMmtests(samples.worseByMax)).slice(3)).toEqual([
      `Sum   ${operation}     1846.20 (   0.00%)     1793.40 *   2.86%*`,
      `Max   ${operation}      456.00 (   0.00%)      466.20 *  -2.24%*`,
    ]);
  });

  test("has the smallest of several exact values of which more is better", () => {
    expect(linesOf(renderMmtests(samples.worseByMin)).slice(3)).toEqual([
      expect.stringMatching(/^Min {3}cil\/shadow-buffers\/checkpoint-fill.* 5\.00 .* 1\.00 \* -80\.00%\*$/),
    ]);
  });

  test("has columns that are apart, however large the values", () => {
    const rows = [
      exact({ base: value(4_072_999_195.52), head: value(4_071_849_562.16), change: "better" }),
      exact({ variant: "ring", base: value(1), head: value(123_456_789_012), change: "worse" }),
    ];
    const [base, labels, ...lines] = linesOf(renderMmtests(timed([], rows))).slice(1);
    for (const line of lines) {
      expect(line).toMatch(/^Amean \S+ +\d+\.\d\d \( +0\.00%\) +\d+\.\d\d \* *-?\d+\.\d\d%\*$/);
    }
    expect(new Set([base, labels, ...lines].map((line) => line?.length)).size).toBe(1);
  });

  test("has an exact value that was 0, or is", () => {
    const of = (from: number, to: number): string =>
      linesOf(renderMmtests(timed([], [exact({ base: value(from), head: value(to), change: "changed" })])))[3]!.slice(
        -23,
      );
    expect(of(0, 5)).toBe("        5.00 * -99.00%*");
    expect(of(5, 0)).toBe("        0.00 * 100.00%*");
  });
});
