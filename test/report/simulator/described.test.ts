import { describe, expect, test } from "vitest";
import { problems } from "../../../src/problems/index.ts";
import { shrinker } from "../../../src/problems/shrinker.ts";
import { virtualName } from "../../../src/records/metrics.ts";
import { reporterOf } from "../../../src/report/compose.ts";
import { singular } from "../../../src/report/format.ts";
import { reporterOfProblem, viewOfProblem } from "../../../src/report/problems.ts";
import { simulated, VariantRows } from "../../../src/report/rows.ts";
import { shrinkerView } from "../../../src/report/shrinker/simulated.ts";
import { describedView } from "../../../src/report/simulator/described.ts";
import { latencyOf, operationsOf } from "../../../src/report/simulator/detail.ts";
import { defaultView, measuresOf, workOf } from "../../../src/report/simulator/view.ts";
import { toy } from "../../simulator/toy-description.ts";
import { collect } from "../rows.ts";
import { subject } from "../shrinker/rows.ts";
import { fixedRows, reference, roles, rowsOf } from "./rows.ts";

/** Rows of a case that came to some values, of metrics by their native names. */
function having(values: Readonly<Record<string, number>>): VariantRows {
  const rows = new VariantRows();
  const [row] = rowsOf(reference, {}, { "virtual-ns": 1 });
  for (const [metric, value] of Object.entries(values))
    rows.add(simulated, { ...row!, metric: virtualName(metric), value });
  return rows;
}

const names = (all: readonly { readonly name: string }[]): string[] => all.map(({ name }) => name);

describe("what follows from a description", () => {
  const view = describedView(toy);
  const rows = having({ "taken-per-s": 5e6, taken: 100, "take-ns": 3, "put-at-once": 7, "marbles-max": 20 });

  test("is ranked by bogo-ops, and by its rates where there are none", () => {
    expect(names(measuresOf(view, [rows]))).toEqual(["taken/s"]);
    const both = having({ "bogo-ops-per-s": 3, "taken-per-s": 5e6 });
    expect(names(measuresOf(view, [both]))).toEqual(["bogo-ops/s", "taken/s"]);
    expect(measuresOf(view, [both]).map(({ better, read }) => [better, read(both)])).toEqual([
      ["higher", 3],
      ["higher", 5e6],
    ]);
    expect(names(measuresOf(view, [having({ ns: 5 })]))).toEqual(["virtual time"]);
  });

  test("is ranked by what it names, the foremost first", () => {
    const other = describedView({ ...toy, ranking: ["marbles-max", "take-ns", "taken-per-s"] });
    const measures = measuresOf(other, [rows]);
    expect(names(measures)).toEqual(["marbles max", "take", "taken/s"]);
    expect(measures.map(({ better, read, format }) => [better, format(read(rows))])).toEqual([
      ["lower", "20"],
      ["lower", "3 ns"],
      ["higher", "5,000,000"],
    ]);
    for (const ranking of [["none"], ["taken"], ["marbles"]]) {
      expect(() => describedView({ ...toy, ranking })).toThrow(`toy cannot be ranked by '${ranking[0]}'`);
    }
  });

  test("is counted by the work of its rates", () => {
    const work = workOf(view, [rows])!;
    expect([work.name, work.read(rows)]).toEqual(["marble", 100]);
    expect(workOf(view, [having({ "bogo-ops": 2, taken: 100 })])!.name).toBe("bogo-op");
  });

  test("has columns of costs, of counters of which more or fewer are better, and of gauges, in their units", () => {
    expect(view.columns.map(({ name, read, format }) => [name, format(read(rows))])).toEqual([
      ["CPU time per marble", "3 ns"],
      ["put at once", "7"],
      ["marbles max", "20"],
      ["marbles end", "–"],
    ]);
    expect(names(view.costs)).toEqual(["CPU time per marble"]);
  });

  test.each([
    "visits visit",
    "passes pass",
    "entries entry",
    "bogo-ops bogo-op",
    "pass pass",
    "slabs slab",
    "boxes box",
    "caches cache",
    "pushes push",
    "accesses access",
  ])("has one of many: %s", (pair) => {
    const [many = "", one] = pair.split(" ");
    expect(singular(many)).toBe(one);
  });
});

test("durations have their callers' waits told, whatever they are called", () => {
  const rows = having({
    "register-latency-ns[64,66)": 1,
    "register-latency-ns-max": 65,
    "commit-ns[8,9)": 3,
    "commit-ns-max": 8,
  });
  expect(operationsOf(rows, defaultView)).toEqual(["register", "commit"]);
  expect(latencyOf(rows, "register")).toMatchObject({ count: 1, maxNs: 65 });
  expect(latencyOf(rows, "commit")).toMatchObject({ count: 3, p50Ns: 8 });
});

test("rankings and columns of every described problem are of metrics that it has", () => {
  for (const problem of problems) {
    expect(names(describedView(problem).measures([])).length, problem.name).toBeGreaterThan(0);
  }
});

test("a problem with answers of its own goes by these, and one that nobody knows by bogo-ops", () => {
  expect(viewOfProblem("shrinker")).toBe(shrinkerView);
  expect(viewOfProblem("nobody's")).toBe(defaultView);
  expect(reporterOfProblem("nobody's")).toBeUndefined();
});

test("a problem without answers of its own has all sections on what was simulated", async () => {
  const nowhere = { cpus: [], isOversubscribed: false };
  const report = reporterOf(
    () =>
      Promise.resolve({
        workloads: [],
        remarks: "",
        answers: [],
        faults: new Map(),
        native: nowhere,
        counted: nowhere,
      }),
    describedView(shrinker),
  );
  const { markdown, simulated: places } = await report(collect(fixedRows(), reference), {
    ...subject,
    order: roles.order,
  });
  expect(places.map(({ workload, best }) => `${workload}: ${best}`)).toContain("cgroups-4000: refcount-rcu");
  const heads = markdown.split("\n").filter((line) => /^#/.test(line));
  for (const head of ["## Verdict", "## cgroups-4000", "### Simulated on box", "#### By CPUs: visits/s"]) {
    expect(heads).toContain(head);
  }
  for (const wrong of ["NaN", "null", "undefined", "Infinity", "[object"]) expect(markdown).not.toContain(wrong);
});
