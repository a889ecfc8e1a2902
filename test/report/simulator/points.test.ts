import { describe, expect, test } from "vitest";
import type { MeasuredRow } from "../../../src/records/record.ts";
import { type Points, placeText, pointsOf } from "../../../src/report/simulator/points.ts";
import { collect } from "../rows.ts";
import { type Place, reference, rowsOf } from "./rows.ts";

const one = { "virtual-ns": 1 };

function pointsOfRows(...rows: readonly MeasuredRow[][]): Points {
  const { simulated } = collect(rows.flat(), reference);
  return pointsOf([...simulated.casesOf("cgroups-4000").values()].flat());
}

const at = (parameters: string, more: Place = {}): MeasuredRow[] => rowsOf(reference, { parameters, ...more }, one);

describe("what was swept", () => {
  test("is nothing where only CPUs and costs differ", () => {
    const points = pointsOfRows(at("cgroups=5", { cpus: 4 }), at("cgroups=5"), at("cgroups=5", { scaled: "l3*0.5" }));
    expect(points.axes).toEqual([]);
    expect(points.baseline.map(({ cpus }) => cpus)).toEqual([4, 8]);
    expect(points.changed.map(({ cpus, change }) => [cpus, change])).toEqual([[8, { cost: "l3", factor: 0.5 }]]);
    expect(points.fixed.get("cgroups")).toBe("5");
  });

  test("is a parameter with several values, numbers in their order", () => {
    const points = pointsOfRows(at("cgroups=100"), at("cgroups=20"), at("cgroups=3"));
    expect(points.axes).toEqual([{ key: "cgroups", with: [], values: ["3", "20", "100"], isNumeric: true }]);
    expect(points.baseline.map((point) => placeText(point.at))).toEqual(["cgroups=3", "cgroups=20", "cgroups=100"]);
    expect(points.fixed.has("cgroups")).toBe(false);
  });

  test("keeps the order of values that are no numbers", () => {
    const [axis] = pointsOfRows(at("mode=slow"), at("mode=fast")).axes;
    expect(axis).toMatchObject({ values: ["slow", "fast"], isNumeric: false });
  });

  test("is one axis where several parameters change together, named by the one that was asked for", () => {
    const rows = [at("a=1 b=10 swept=b"), at("a=2 b=20 swept=b"), at("a=3 b=30 swept=b")];
    expect(pointsOfRows(...rows).axes).toMatchObject([{ key: "b", with: ["a"], values: ["10", "20", "30"] }]);
  });

  test("is two axes where they change apart", () => {
    const rows = ["a=1 b=1", "a=2 b=1", "a=1 b=2", "a=2 b=2"].map((parameters) => at(parameters));
    const points = pointsOfRows(...rows);
    expect(points.axes.map(({ key }) => key)).toEqual(["a", "b"]);
    expect(points.baseline).toHaveLength(4);
  });

  test("is not what grows with the CPUs", () => {
    const points = pointsOfRows(at("workers=4", { cpus: 4 }), at("workers=8", { cpus: 8 }));
    expect([points.axes, points.boundToCpus]).toEqual([[], ["workers"]]);
    expect(points.baseline).toHaveLength(2);
  });

  test("is not what differs between variants only", () => {
    const points = pointsOfRows(at("form=a"), rowsOf("srcu", { parameters: "form=b" }, one));
    expect(points.axes).toEqual([]);
    expect([...points.baseline[0]!.variants.keys()]).toEqual([reference, "srcu"]);
    expect(points.fixed.has("form")).toBe(false);
  });

  test("is not the number of tasks, which points tell by themselves", () => {
    const points = pointsOfRows(at("workers=2", { tasks: 2 }), at("workers=4", { tasks: 4 }));
    expect(points.axes).toMatchObject([{ key: "workers", with: [] }]);
    expect(points.baseline.map(({ tasks }) => tasks)).toEqual([2, 4]);
  });
});
