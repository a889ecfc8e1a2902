import { describe, expect, test } from "vitest";
import { renderCheckJunit } from "../../../src/report/check/junit.ts";
import { parseXml, type XmlElement } from "../xml.ts";
import { clean, counterexample, report, violated } from "./outcomes.ts";

/** Required by the schema of the format, in its order. */
const suiteAttributes = ["package", "id", "name", "timestamp", "hostname", "tests", "failures", "errors", "time"];

function suitesOf(xml: string): readonly XmlElement[] {
  const root = parseXml(xml);
  expect(root.name).toBe("testsuites");
  for (const suite of root.children) {
    expect(suite.name).toBe("testsuite");
    expect(suiteAttributes.filter((name) => suite.attributes[name] === undefined)).toEqual([]);
    expect(suite.attributes.timestamp).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d$/);
    const names = suite.children.map(({ name }) => name);
    const cases = names.filter((name) => name === "testcase");
    expect(names).toEqual(["properties", ...cases, "system-out", "system-err"]);
    expect(suite.attributes.tests).toBe(String(cases.length));
    const inside = (name: string): number =>
      suite.children.filter(({ children }) => children.some((child) => child.name === name)).length;
    expect([suite.attributes.failures, suite.attributes.skipped]).toEqual([
      String(inside("failure")),
      String(inside("skipped")),
    ]);
  }
  return root.children;
}

describe("JUnit XML of a check", () => {
  const suites = suitesOf(renderCheckJunit(report));
  const cases = suites.flatMap(({ children }) => children.filter(({ name }) => name === "testcase"));

  test("has a suite for each problem and a test case for each case", () => {
    expect(suites.map(({ attributes }) => attributes.name)).toEqual(["quarantine", "shrinker"]);
    expect(cases.map(({ attributes }) => attributes)).toEqual([
      { name: "single-list put-against-remove sc", classname: "reclaim-bench.check.quarantine", time: "1.500" },
      { name: "single-list put-against-remove tso", classname: "reclaim-bench.check.quarantine", time: "1.500" },
      { name: "single-list put-reduce-remove sc", classname: "reclaim-bench.check.quarantine", time: "1.500" },
      {
        name: "hash-buckets buckets=16 put-against-remove sc",
        classname: "reclaim-bench.check.quarantine",
        time: "1.500",
      },
      { name: "srcu unregister-walk sc", classname: "reclaim-bench.check.shrinker", time: "30.000" },
      { name: "rwsem late sc", classname: "reclaim-bench.check.shrinker", time: "0.000" },
    ]);
    expect(suites[0]?.attributes.time).toBe("6.000");
  });

  test("has a failure with timeline and token for a violation; what is not decided is skipped", () => {
    expect(cases.map(({ children }) => children.map(({ name }) => name))).toEqual([
      [],
      [],
      [],
      ["failure"],
      ["skipped"],
      ["skipped"],
    ]);
    const [failure] = cases[3]!.children;
    expect(failure?.attributes).toEqual({
      type: "interleaving",
      message: "use after free: task 1 loads a < b && c from object 3",
    });
    expect(failure?.text).toBe(
      `kasan_quarantine_put, src/kernel/quarantine/single-list.ts:88:5\n\n${counterexample.timeline}\n\nreclaim-bench replay AbC-dEf_123`,
    );
    expect(cases[4]?.children[0]?.attributes.message).toBe("stopped at the time limit");
  });

  test("has the command line as a property", () => {
    const properties = suites[0]?.children[0]?.children.map(({ attributes }) => attributes);
    expect(properties).toContainEqual({ name: "command", value: "reclaim-bench check 'a & b'" });
  });

  test("holds no character that XML may not hold, and every other one", () => {
    const message = 'a\u0000b\u001bc\ufffe\ud800 "quoted" & <x> \u{1f41b}\ttab\nline ]]>';
    const finding = { ...counterexample.finding, message };
    const [suite] = suitesOf(
      renderCheckJunit({
        ...clean,
        outcomes: [{ ...violated, counterexample: { ...counterexample, finding, timeline: message } }],
      }),
    );
    const [failure] = suite!.children.find(({ name }) => name === "testcase")!.children;
    const kept = 'abc "quoted" & <x> \u{1f41b}\ttab\nline ]]>';
    expect(failure?.attributes.message).toBe(`use after free: ${kept}`);
    expect(failure?.text).toContain(kept);
  });
});
