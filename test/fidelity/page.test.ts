import { describe, expect, test } from "vitest";
import {
  formatDifference,
  formatValue,
  hostSectionOf,
  renderPage,
  renderRows,
  withHostSection,
} from "../../src/fidelity/page.ts";
import { standingOf, type Unit } from "../../src/fidelity/row.ts";
import { figure, result, row } from "./results.ts";

describe("a figure of ours", () => {
  test.each([
    [-93, "reproduced"],
    [-75, "reproduced"],
    [-93.01, "missed"],
    [-74.99, "missed"],
    [null, "not modelled"],
  ] as const)("of %s in -93 to -75 is %s", (ours, standing) => {
    expect(standingOf(figure(), ours)).toBe(standing);
  });

  test("that was set from the published one is never reproduced, whatever it is", () => {
    expect(standingOf(figure({ accepted: "given" }), -88.8)).toBe("given");
    expect(standingOf(figure({ accepted: "given" }), 5)).toBe("given");
  });

  test("that agrees with no effect is counted apart, and missed outside of the range as any other", () => {
    const nothing = figure({ value: 1.6, accepted: [-3.4, 6.6], isNullEffect: true });
    expect(standingOf(nothing, -0.1)).toBe("no effect");
    expect(standingOf(nothing, -3.5)).toBe("missed");
    expect(standingOf(nothing, Number.NaN)).toBe("missed");
    expect(standingOf(nothing, null)).toBe("not modelled");
  });

  test("that is no number is missed", () => {
    expect(standingOf(figure(), Number.NaN)).toBe("missed");
  });
});

test.each<[number | null, Unit, string]>([
  [-88.84, "%", "-88.8 %"],
  [4.41, "points", "+4.4 points"],
  [1_526_500, "ns", "1.53 ms"],
  [23_479.4, "per s", "23,479"],
  [4.25, "CPUs", "4.25"],
  [2.299, "×", "2.30×"],
  [null, "%", "–"],
])("%s %s is written %s", (value, unit, text) => {
  expect(formatValue(value, unit)).toBe(text);
});

test.each<[number, number | null, Unit, string]>([
  [-88.8, -89.4, "%", "-0.6 points"],
  [4.4, 8.3, "points", "+3.9 points"],
  [2068, 2640, "ns", "+27.7 %"],
  [0, 0, "count", "0"],
  [0, 2, "count", "+2.00"],
  [5, null, "ns", "–"],
  [100, 99.99, "ns", "0.0 %"],
])("%s published and %s of ours, in %s, differ by %s", (published, ours, unit, text) => {
  expect(formatDifference(published, ours, unit)).toBe(text);
});

const twoFigures = row({
  drop: figure(),
  wait: figure({ quantity: "wait", value: 1000, unit: "ns", accepted: [800, 1200], source: "refcountV2" }),
  rate: figure({ quantity: "rate", value: 10, unit: "per s", accepted: "given", miss: "" }),
});

describe("a row", () => {
  test("shows each figure beside ours, cites its source, and gives the reasons of what is missed only", () => {
    const text = renderRows([result(twoFigures, { drop: -88, wait: 1500, rate: 10 })]);
    expect(text).toMatchInlineSnapshot(`
      "## X1: A row

      24 CPUs of a machine.

      | figure | published | ours | difference | counts as the same | |
      | :- | -: | -: | -: | -: | -: |
      | change of ops/s [1] | -88.8 % | -88.0 % | +0.8 points | -93.0 % to -75.0 % | reproduced |
      | wait [2] | 1 µs | 1.50 µs | +50.0 % | 800 ns to 1.20 µs | **missed** |
      | rate [1] | 10 | 10 | 0.0 % | – | given |

      Why, as far as known:

      - wait: grace periods of another length.

      ## Sources

      1. [kernel test robot, 'f95bdb700b: stress-ng.ramfs.ops_per_sec -88.8% regression', linux-kernel, 2023-05-23](https://lore.kernel.org/lkml/202305230837.db2c233f-yujie.liu@intel.com/)
      2. [Qi Zheng, 'use refcount+RCU method to implement lockless slab shrink', linux-mm, v2, 2023-07-24](https://lore.kernel.org/lkml/20230724094354.90817-1-zhengqi.arch@bytedance.com/)
      "
    `);
  });

  test("gives figures that are missed for the same reason one reason, and says how a figure follows from its source", () => {
    const one = row({
      first: figure({ quantity: "first", derivation: "half of it" }),
      second: figure({ quantity: "second" }),
    });
    const text = renderRows([result(one, { first: 0, second: null })]);
    expect(text).toContain("- first; second: grace periods of another length.\n");
    expect(text).toContain("- first: half of it.\n");
  });

  test("shows its own tables and notes", () => {
    const { row: one, found } = result(twoFigures, { drop: -88, wait: 1000, rate: 10 });
    const table = [
      ["symbol", "ours"],
      ["up_read", "21.62"],
    ];
    const text = renderRows([
      { row: one, found: { ...found, tables: [{ title: "Profile", table }], notes: ["A remark."] } },
    ]);
    expect(text).toContain("Profile:\n\n| symbol | ours |\n| :- | -: |\n| up_read | 21.62 |\n");
    expect(text).toContain("\nA remark.\n");
    expect(text).not.toContain("Why, as far as known");
  });
});

describe("the page", () => {
  const results = [
    result(twoFigures, { drop: -88, wait: 1500, rate: 10 }),
    result(row({ drop: figure() }, { id: "X2", title: "Another", seconds: 4 }), { drop: null }),
  ];

  test("counts where the figures stand, by row and in all", () => {
    expect(renderPage(results, null)).toContain(
      [
        "| row | reproduced | no effect, as published | missed | not modelled | given | takes |",
        "| :- | -: | -: | -: | -: | -: | -: |",
        "| X1: A row | 1 | 0 | 1 | 0 | 1 | 3 s |",
        "| X2: Another | 0 | 0 | 0 | 1 | 0 | 4 s |",
        "| all | 1 | 0 | 1 | 1 | 1 | 7 s |",
      ].join("\n"),
    );
  });

  test("counts agreement with no effect apart from what is reproduced, and says what it is worth", () => {
    const nothing = row({ change: figure({ value: 1.6, accepted: [-3.4, 6.6], isNullEffect: true }), drop: figure() });
    const text = renderPage([result(nothing, { change: -0.1, drop: -88 })], null);
    expect(text).toContain("| X1: A row | 1 | 1 | 0 | 0 | 0 | 3 s |");
    expect(text).toContain("| -3.4 % to 6.6 % | no effect, as published |");
    expect(text).toContain("Such a figure is not counted as reproduced");
  });

  test("is the same bytes for the same results", () => {
    expect(renderPage(results, null)).toBe(renderPage(results, null));
  });

  test("says how to measure a host as long as none was", () => {
    expect(hostSectionOf(renderPage(results, null))).toContain("reclaim-bench fidelity --host my-host.json");
  });

  test("keeps the section of a host when it is written again, also with other results", () => {
    const measured = withHostSection(renderPage(results, null), "This host.\n\n| a |\n| :- |");
    expect(hostSectionOf(measured)).toBe("This host.\n\n| a |\n| :- |");
    const again = renderPage(results.slice(1), hostSectionOf(measured));
    expect(hostSectionOf(again)).toBe("This host.\n\n| a |\n| :- |");
    expect(renderPage(results, hostSectionOf(measured))).toBe(measured);
  });

  test("that was not written by the command has no such section", () => {
    expect(hostSectionOf("# A page\n")).toBeNull();
    expect(() => withHostSection("# A page\n", "text")).toThrow("no place for the host's section");
  });
});
