import { describe, expect, test } from "vitest";
import { historySeries } from "../../src/compare/history.ts";
import type { HistoryRow } from "../../src/records/history.ts";
import {
  changedRanges,
  chartFile,
  rangeOf,
  renderChart,
  renderHistoryMarkdown,
  renderHistoryTerminal,
  SeriesLabels,
  sparkline,
  ticksOf,
} from "../../src/report/history.ts";
import { parseXml } from "./xml.ts";

function commitOf(day: number): string {
  return day.toString(16).padStart(2, "0").repeat(20);
}

function days(values: readonly number[], own: Partial<HistoryRow> = {}): HistoryRow[] {
  return values.map((value, day) => ({
    commit: commitOf(day),
    committed_at: new Date(Date.UTC(2025, 0, 1 + day)).toISOString(),
    run_id: `run-${day}`,
    environment_id: "0123456789ab",
    machine: "Ryzen 7, 8 cores, Node.js 24",
    problem: "cil",
    variant: "shadow-buffers",
    workload: "metadata-commits",
    instrument: "traced",
    cpus: 2,
    parameters: "items=12 seed=1",
    metric: "accesses-mean[xlog_cil_commit]",
    unit: "accesses/call",
    better: "lower",
    assume: "exact",
    value,
    ...own,
  }));
}

const rate = { instrument: "simulator", metric: "virtual-commits-per-s", unit: "commits/s", better: "higher" } as const;
const rows = [
  ...days([20, 20, 21, 21, 18]),
  ...days([500, 500, 450, 450, 450], rate),
  ...days([3, 3, 3, 3, 3], { ...rate, cpus: 8 }),
];
const series = historySeries(rows);
const history = { series, commits: new Map([[`${commitOf(1)}..${commitOf(2)}`, 3]]) };

describe("a history for people", () => {
  test("has ranges of commits, the newest first, and in each the largest change first", () => {
    const ranges = changedRanges(series);
    expect(ranges.map(rangeOf)).toEqual([`${commitOf(3)}..${commitOf(4)}`, `${commitOf(1)}..${commitOf(2)}`]);
    expect(ranges[1]!.changes.map(({ series: { metric } }) => metric)).toEqual([
      "virtual-commits-per-s",
      "accesses-mean[xlog_cil_commit]",
    ]);
  });

  test("tells on a terminal what changed by how much, for better or worse, and how many commits lie between", () => {
    expect(renderHistoryTerminal(history)).toBe(
      [
        "history: 5 runs of 5 commits, 2025-01-01 to 2025-01-05; 3 series, 2 of them changed",
        "",
        "2025-01-05  030303030303..040404040404",
        "  cil / shadow-buffers / accesses-mean[xlog_cil_commit] (metadata-commits, traced, 2 CPUs): 21 accesses/call to 18 accesses/call (−14.3 %, better)  ▆▆██▁",
        "",
        "2025-01-03  010101010101..020202020202, 3 commits",
        "  cil / shadow-buffers / virtual-commits-per-s (metadata-commits, simulator, 2 CPUs): 500 commits/s to 450 commits/s (−10.0 %, worse)  ██▁▁▁",
        "  cil / shadow-buffers / accesses-mean[xlog_cil_commit] (metadata-commits, traced, 2 CPUs): 20 accesses/call to 21 accesses/call (+5.0 %, worse)  ▆▆██▁",
        "",
      ].join("\n"),
    );
  });

  test("says in Markdown the same, with a chart of each series that changed", () => {
    const markdown = renderHistoryMarkdown(history, "history");
    expect(markdown).toContain("## 2025-01-03: 010101010101..020202020202, 3 commits\n");
    const changed = series.filter(({ changes }) => changes.length > 0);
    for (const one of changed) expect(markdown).toContain(`](history/${chartFile(one)})\n`);
    expect(markdown).not.toContain(chartFile(series[2]!));
    expect(markdown.match(/^!\[/gm)).toHaveLength(2);
    expect(renderHistoryMarkdown({ ...history, series: [series[2]!] }, "history")).toContain("Nothing has changed.");
  });

  test("leaves out changes that are too many for a terminal, and counts them", () => {
    const many = Array.from({ length: 25 }, (_, index) => days([1, 2], { cpus: index + 1 })).flat();
    const text = renderHistoryTerminal({ series: historySeries(many), commits: new Map() });
    expect(text.split("\n").filter((line) => line.startsWith("  cil"))).toHaveLength(20);
    expect(text).toContain("  and 5 more; all are in the report\n");
  });

  test("leaves out the oldest ranges of a long history from a terminal, and counts them", () => {
    const values = Array.from({ length: 16 }, (_, day) => day + 1);
    const text = renderHistoryTerminal({ series: historySeries(days(values)), commits: new Map() });
    expect(text.split("\n").filter((line) => line.startsWith("2025-"))).toHaveLength(10);
    expect(text).toContain("\n2025-01-16  ");
    expect(text).not.toContain("\n2025-01-06  ");
    expect(text.endsWith("\nand 5 ranges before; all are in the report\n")).toBe(true);
  });

  test("tells which machines ratios are of, and how many of their series are too short to show a change", () => {
    const ratio = { instrument: "native", metric: "rate-over-x", unit: "ratio", assume: "sampled" } as const;
    const short = days([1.2, 1.3, 1.2], { ...ratio, machine: "Xeon, 4 cores, Node.js 24" });
    const both = { series: historySeries([...days([1.2, 1.2, 1.2, 1.2], ratio), ...short]), commits: new Map() };
    const words =
      "2 machines (Ryzen 7, 8 cores, Node.js 24; Xeon, 4 cores, Node.js 24): 1 of 2 series of ratios has fewer than 4 runs, too few to show a change";
    expect(renderHistoryTerminal(both)).toContain(`\nratios: ${words}\n`);
    expect(renderHistoryMarkdown(both, "history")).toContain(`\nRatios: ${words}.\n`);
  });

  test("shows both values of an exact change in as many digits as tell them apart", () => {
    const near = historySeries(days([1_430_001, 1_430_002], { unit: "ns", metric: "virtual-round-ns" }));
    const text = renderHistoryTerminal({ series: near, commits: new Map() });
    expect(text).toContain(": 1,430,001 ns to 1,430,002 ns (+0.00007 %, worse)");
    expect(renderHistoryMarkdown({ series: near, commits: new Map() }, "history")).toMatch(
      /\| 1,430,001 ns +\| 1,430,002 ns +\|/,
    );
    const bytes = historySeries(days([2 ** 20, 2 ** 20 + 1], { unit: "bytes" }));
    const told = renderHistoryTerminal({ series: bytes, commits: new Map() });
    expect(told).toContain(": 1,048,576 bytes to 1,048,577 bytes (");
  });

  test("tells a change between two runs of one commit as such, and small or boundless ones without lying", () => {
    const same = days([20, 21]).map((row) => ({ ...row, commit: commitOf(7) }));
    expect(renderHistoryTerminal({ series: historySeries(same), commits: new Map() })).toContain(
      "070707070707, between runs of the same commit",
    );
    const text = renderHistoryTerminal({ series: historySeries(days([1e6, 1e6 + 1, 0, 5])), commits: new Map() });
    expect(text).toContain("(+0.0001 %, worse)");
    expect(text).toContain("0 accesses/call to 5 accesses/call (worse)");
  });

  test("names the parameters in which series of one name differ, and only those", () => {
    const both = historySeries([...days([1]), ...days([1], { parameters: "items=24 seed=1" })]);
    const labels = new SeriesLabels(both);
    expect(both.map((one) => labels.whereOf(one))).toEqual([
      "metadata-commits, traced, 2 CPUs, items=12",
      "metadata-commits, traced, 2 CPUs, items=24",
    ]);
    expect(new Set(both.map(chartFile)).size).toBe(2);
  });
});

test("a sparkline spans its values, is level where they are, and shows those around an index", () => {
  expect(sparkline([1, 2, 8], 0)).toBe("▁▂█");
  expect(sparkline([4, 4], 1)).toBe("▄▄");
  const zeros = (count: number): number[] => new Array<number>(count).fill(0);
  expect(sparkline([...zeros(100), 1], 100)).toBe(`${"▁".repeat(23)}█`);
  expect(sparkline([1, ...zeros(100)], 0)).toBe(`█${"▁".repeat(23)}`);
  expect(sparkline([...zeros(50), 1, ...zeros(50)], 50)).toBe(`${"▁".repeat(12)}█${"▁".repeat(11)}`);
});

test("ticks are round and cover what they are of", () => {
  expect(ticksOf(18, 21)).toEqual([18, 19, 20, 21]);
  expect(ticksOf(450, 500)).toEqual([440, 460, 480, 500]);
  expect(ticksOf(0.8, 0.8)[0]).toBeLessThanOrEqual(0.8);
  expect(ticksOf(0, 0)).toEqual([0, 0.5]);
  for (const [least, most] of [
    [-3, 7],
    [1e-9, 3e-9],
    [133_130.7, 133_131.2],
  ] as const) {
    const ticks = ticksOf(least, most);
    expect(ticks[0]!).toBeLessThanOrEqual(least);
    expect(ticks.at(-1)!).toBeGreaterThanOrEqual(most);
    expect(ticks.length).toBeLessThan(10);
  }
});

describe("a chart", () => {
  const svg = renderChart(series[0]!, "metadata-commits, traced, 2 CPUs");

  test("is well-formed XML with a dot for each run and a mark for each change", () => {
    expect(() => parseXml(svg)).not.toThrow();
    expect(svg.match(/<circle class="dot"/g)).toHaveLength(3);
    expect(svg.match(/<circle class="changed"/g)).toHaveLength(2);
    expect(svg.match(/<line class="change"/g)).toHaveLength(2);
  });

  test("has its title, its unit, its first and last run and round ticks as text", () => {
    for (const text of [
      ">cil / shadow-buffers / accesses-mean[xlog_cil_commit]<",
      ">accesses/call; metadata-commits, traced, 2 CPUs<",
      ">18<",
      ">21<",
      ">2025-01-01 0000000<",
      ">2025-01-05 0404040<",
      ">runs, by the time of their commit<",
    ]) {
      expect(svg).toContain(text);
    }
  });

  test("has no two ticks of the same text, however close its values are", () => {
    for (const [values, unit] of [
      [[133_130.7, 133_131.2], "commits/s"],
      [[1_430_001, 1_430_002], "ns"],
      [[2 ** 30, 2 ** 30 + 3], "bytes"],
      [[1.000_01, 1.000_02], "ratio"],
    ] as const) {
      const near = renderChart(historySeries(days(values, { unit }))[0]!, "here");
      const ticks = [...near.matchAll(/text-anchor="end">([^<]+)</g)].slice(0, -1).map(([, text]) => text);
      expect(ticks.length).toBeGreaterThan(2);
      expect(new Set(ticks).size).toBe(ticks.length);
    }
  });

  test("draws higher values higher, all within the picture, in colours for light and dark", () => {
    const dots = [...svg.matchAll(/ cx="([\d.]+)" cy="([\d.]+)"/g)].map(([, x, y]) => [Number(x), Number(y)] as const);
    const order = [...dots.keys()].sort((one, other) => dots[other]![1] - dots[one]![1]);
    expect(order[0]).toBe(4);
    expect(dots[2]![1]).toBeLessThan(dots[1]![1]);
    for (const [x, y] of dots) expect([x > 0 && x < 760, y > 0 && y < 260]).toEqual([true, true]);
    expect(dots.map(([x]) => x)).toEqual([...dots.map(([x]) => x)].sort((one, other) => one - other));
    expect(svg).toContain("@media (prefers-color-scheme: dark)");
  });

  test("escapes what is markup in names", () => {
    const [one] = historySeries(days([1, 2], { variant: "a<b>&c" }));
    expect(() => parseXml(renderChart(one!, "here"))).not.toThrow();
    expect(renderChart(one!, "here")).toContain("cil / a&lt;b&gt;&amp;c / ");
  });
});
