import { describe, expect, test } from "vitest";
import { formatNumber } from "../../../src/report/format.ts";
import { isDescribed, lawTable } from "../../../src/report/simulator/law-table.ts";
import { simulatedMarkdown } from "../../../src/report/simulator/markdown.ts";
import { mainCurve } from "../../../src/report/simulator/model.ts";
import { cpuTable, machineTable, profileTable } from "../../../src/report/simulator/point-tables.ts";
import { costTable, growthTable } from "../../../src/report/simulator/sweep-tables.ts";
import { defaultView, type Quantity } from "../../../src/report/simulator/view.ts";
import { answer, heldOf, labelled, latencies, rates, reference, rowsOf } from "./rows.ts";

const text = (...given: Parameters<typeof answer>): string =>
  simulatedMarkdown([answer(...given)], heldOf(new Map(), answer(...given)));

describe("laws of scalability", () => {
  const curve = (...values: readonly number[]) =>
    mainCurve(answer(values.flatMap((value, place) => rates({ cpus: 2 ** place }, { [reference]: value }))))!;

  test("that do not describe a variant show residuals, and no parameters", () => {
    const [, row] = lawTable(curve(100, 900, 100, 900));
    expect(row!.slice(0, 6)).toEqual([reference, "–", "–", "–", "–", "2 CPUs"]);
    expect(row![6]).toMatch(/^\d+\.\d %$/);
    const [, good] = lawTable(curve(100, 200, 400, 800));
    expect(good!.slice(1, 4)).toEqual(["100", "0", "0"]);
  });

  test("are poor from one point that is far off on", () => {
    const law = (rmsError: number, error: number) =>
      isDescribed({
        fitted: true,
        gamma: 1,
        alpha: 0,
        beta: 0,
        peakCpus: null,
        rmsError,
        worst: { cpus: 4, error },
        points: 9,
      });
    expect([law(0.1, -0.1), law(0.11, 0.1), law(0.05, -0.11)]).toEqual([true, false, false]);
  });

  test("name of counts that are level the smallest as best", () => {
    expect(lawTable(curve(100, 200, 400, 401))[1]![5]).toBe("4 CPUs");
  });
});

describe("costs along a sweep", () => {
  const sweep = (costs: readonly number[]) =>
    answer(
      costs.flatMap((cost, place) =>
        rowsOf(
          reference,
          { parameters: `cgroups=${2 ** place}` },
          { "virtual-visits-per-s": 5, "virtual-visit-ns": cost, ...latencies("pass", 100 * cost) },
        ),
      ),
    );
  const last = (costs: readonly number[]): string => {
    const found = sweep(costs);
    return costTable(found.sweeps[0]!, found.sweeps[0]!.costs[0]!, found.variants)[1]!.at(-1)!;
  };

  test("have an exponent of three values or more, and where they are near a power", () => {
    expect(last([10, 20, 40])).toBe("1.00");
    expect(last([10, 20])).toBe("20 ns");
    expect(last([10, 10, 90])).toBe("no power");
  });

  test("are given at both ends, once where these are the same", () => {
    const found = sweep([10, 40, 10]);
    expect(growthTable(found.sweeps[0]!, found.variants)[1]![1]).toMatch(/^[\d.]+ µs \(no power\)$/);
  });
});

describe("what the machine did", () => {
  const columns = Array.from(
    { length: 20 },
    (_, place): Quantity => ({ name: `n${place}`, format: formatNumber, read: () => place + 1 }),
  );
  const [first, second] = columns as [Quantity, Quantity, ...Quantity[]];
  const table = (own: readonly Quantity[], measure: Quantity) => {
    const measures = () => [{ ...measure, better: "lower" as const }];
    return machineTable(
      answer(rowsOf(reference, {}, { "virtual-ns": 5 }), {}, { ...defaultView, columns: own, measures }),
    );
  };

  test("shows what ranks once", () => {
    expect(table([first, second], second)[0]!.slice(0, 4)).toEqual(["variant", "n1", "ratio", "n0"]);
    expect(table([first, second], second)[1]!.slice(1, 4)).toEqual(["2", "1×", "1"]);
  });

  test("has a row for each number where there are many", () => {
    const rows = table(columns, first);
    expect(rows.slice(0, 4)).toEqual([
      ["of", "rwsem (reference)"],
      ["n0", "1"],
      ["ratio", "1×"],
      ["n1", "2"],
    ]);
  });
});

describe("where the time goes", () => {
  const profile = (ns: Readonly<Record<string, number>>) =>
    profileTable(answer(rowsOf(reference, {}, { "virtual-visits-per-s": 1, ...labelled("symbol-ns", ns) })))!;

  test("is a share of all time, and in brackets of busy time where somebody was idle", () => {
    expect(profile({ idle: 60, up_read: 10, other: 30 }).slice(1)).toEqual([
      ["other", "30.00 % (75.00 %)"],
      ["idle", "60.00 %"],
      ["up_read", "10.00 % (25.00 %)"],
    ]);
    expect(profile({ up_read: 10, other: 30 }).slice(1)).toEqual([
      ["other", "75.00 %"],
      ["up_read", "25.00 %"],
    ]);
    expect(profile({ idle: 5 }).slice(1)).toEqual([["idle", "100.00 %"]]);
  });

  test("is of busy time alone where next to all is idle", () => {
    expect(profile({ idle: 99_996, up_read: 1, other: 3 }).slice(1)).toEqual([
      ["idle", "100.00 %"],
      ["other", "(75.00 %)"],
      ["up_read", "(25.00 %)"],
    ]);
    const ns = { "0 idle": 99_996, "0 other": 3, "0 up_read": 1, "1 idle": 50, "1 other": 50 };
    const found = answer(rowsOf(reference, {}, { "virtual-visits-per-s": 1, ...labelled("cpu-symbol-ns", ns) }));
    expect(cpuTable(found)!.table.slice(1)).toEqual([
      ["0", "other (75 %)"],
      ["1", "50 %, other 50 %"],
    ]);
  });

  test("is told by CPU, those that follow each other and are alike in one row", () => {
    const ns = { "0 up_read": 30, "0 idle": 70, "1 idle": 9, "2 idle": 5, "10 other": 4, "3 idle": 1 };
    const found = cpuTable(
      answer(rowsOf(reference, {}, { "virtual-visits-per-s": 1, ...labelled("cpu-symbol-ns", ns) })),
    );
    expect(found).toEqual({
      table: [
        ["CPU", "rwsem (reference)"],
        ["0", "30 %, up_read 30 %"],
        ["1 to 3", "idle"],
        ["10", "100 %, other 100 %"],
      ],
      left: 0,
    });
    expect(cpuTable(answer(rates({}, { [reference]: 1 })))).toBeNull();
  });

  test("is a range for CPUs that are nearly alike, which a far one ends", () => {
    const shares = [40, 44, 45, 46, 90];
    const ns = Object.fromEntries(
      shares.flatMap((share, cpu) => [
        [`${cpu} up_read`, share],
        [`${cpu} idle`, 100 - share],
      ]),
    );
    const rows = rowsOf(reference, {}, { "virtual-visits-per-s": 1, ...labelled("cpu-symbol-ns", ns) });
    expect(cpuTable(answer(rows))!.table.slice(1)).toEqual([
      ["0 to 2", "40 to 45 %, up_read 40 to 45 %"],
      ["3", "46 %, up_read 46 %"],
      ["4", "90 %, up_read 90 %"],
    ]);
  });

  test("of more CPUs than a table has rows says how many are left", () => {
    const ns = Object.fromEntries(
      Array.from({ length: 40 }, (_, cpu) => [
        [`${cpu} up_read`, cpu % 2 === 0 ? 90 : 10],
        [`${cpu} idle`, cpu % 2 === 0 ? 10 : 90],
      ]).flat(),
    );
    const rows = rowsOf(reference, {}, { "virtual-visits-per-s": 1, ...labelled("cpu-symbol-ns", ns) });
    expect(cpuTable(answer(rows))).toMatchObject({ left: 8 });
    expect(text(rows)).toContain("And 8 CPUs more, in `answers.json`.");
  });
});

describe("what a reader has to know", () => {
  test("is said of counts of CPUs that the workload has no tasks for", () => {
    const rows = [1, 2, 4].flatMap((cpus) => rates({ cpus, tasks: 2 }, { [reference]: cpus }));
    expect(text(rows)).toContain("The workload has fewer tasks than 4 CPUs: there some CPUs have nothing to do");
    expect(text(rows.filter(({ cpus }) => cpus < 4))).not.toContain("fewer tasks");
  });

  test("is said of void variants, and where the reason stands", () => {
    const rows = rates({}, { [reference]: 5, srcu: 9, "refcount-rcu": 7 });
    const some = text(rows, { voids: new Set(["srcu"]) });
    expect(some).toContain("**Void:** `srcu`, by what no variant may do; the failed cases say what.");
    expect(some).toContain("choose `refcount-rcu`");
    expect(text(rows)).not.toContain("Void");
  });

  test("is said of variants that have no value where the verdict speaks", () => {
    const rows = [2, 4].flatMap((cpus) => rates({ cpus }, { [reference]: 5, srcu: cpus === 4 ? null : 9 }));
    expect(text(rows)).toContain("Without a value on 4 CPUs: `srcu`; the failed cases say why");
    expect(text(rows.filter(({ cpus }) => cpus === 2))).not.toContain("Without a value");
  });

  test("is said of what ran on after its time", () => {
    const at = (virtualMs: number) =>
      text(rowsOf(reference, { virtualMs }, { "virtual-visits-per-s": 5, "virtual-ns": 2.5e6 }));
    expect(at(2)).toContain("No task began anything after 2 ms, but what was begun went on: `rwsem` for 2.50 ms.");
    for (const virtualMs of [0, 3]) expect(at(virtualMs)).not.toContain("No task began anything");
  });

  test("is said of first passes that are part of the numbers", () => {
    const at = (parameters: string) => text(rates({ parameters }, { [reference]: 5 }));
    expect(at("settling-passes=0")).toContain("The first passes after growing maps");
    for (const parameters of ["settling-passes=13", "cgroups=5"]) expect(at(parameters)).not.toContain("first passes");
  });
});
