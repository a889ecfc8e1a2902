import { parse } from "junit2json";
import { describe, expect, test } from "vitest";
import type { Comparison } from "../../../src/compare/comparison.ts";
import { renderCompareJunit } from "../../../src/report/compare/junit.ts";
import { outcomeText } from "../../../src/report/compare/words.ts";
import { parseXml, type XmlElement } from "../xml.ts";
import * as samples from "./comparisons.ts";
import { comparison, hostile } from "./comparisons.ts";

/** Required by the schema of Ant's reports; `skipped` is allowed. */
const suiteAttributes = ["package", "id", "name", "timestamp", "hostname", "tests", "failures", "errors", "time"];

/** Suites of a report that keeps to that schema. */
function suitesOf(one: Comparison): readonly XmlElement[] {
  const root = parseXml(renderCompareJunit(one));
  expect(root.name).toBe("testsuites");
  for (const [index, suite] of root.children.entries()) {
    expect(suite.name).toBe("testsuite");
    expect(Object.keys(suite.attributes).sort()).toEqual([...suiteAttributes, "skipped"].sort());
    expect(suite.attributes.id).toBe(String(index));
    expect(suite.attributes.timestamp).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d$/);
    expect(suite.attributes.time).toMatch(/^\d+\.\d{3}$/);
    const cases = suite.children.filter(({ name }) => name === "testcase");
    expect(suite.children.map(({ name }) => name)).toEqual([
      "properties",
      ...cases.map(() => "testcase"),
      "system-out",
      "system-err",
    ]);
    for (const { attributes, children } of cases) {
      expect(Object.keys(attributes)).toEqual(["name", "classname", "time"]);
      // No more than one, and nothing else.
      expect([[], ["failure"], ["skipped"]]).toContainEqual(children.map(({ name }) => name));
      for (const child of children) {
        const allowed = child.name === "failure" ? ["type", "message"] : ["message"];
        expect(Object.keys(child.attributes)).toEqual(allowed);
        expect(child.children).toEqual([]);
      }
    }
    const inside = (name: string): number => cases.filter(({ children }) => children[0]?.name === name).length;
    expect([
      suite.attributes.tests,
      suite.attributes.failures,
      suite.attributes.skipped,
      suite.attributes.errors,
    ]).toEqual([cases.length, inside("failure"), inside("skipped"), 0].map(String));
    expect(new Set(cases.map(({ attributes }) => attributes.name)).size).toBe(cases.length);
  }
  return root.children;
}

function casesOf(suite: XmlElement | undefined): XmlElement[] {
  return (suite?.children ?? []).filter(({ name }) => name === "testcase");
}

describe("JUnit XML of a comparison", () => {
  test.each(Object.entries(samples.all))("keeps to the schema: %s", (_, one) => {
    expect(suitesOf(one).length).toBeGreaterThan(0);
  });

  test("is read by a reader of the format as it was meant", async () => {
    const read = await parse(renderCompareJunit(comparison()));
    const suites = read && "testsuite" in read ? (read.testsuite ?? []) : [];
    expect(suites.map(({ name, tests, failures, skipped }) => ({ name, tests, failures, skipped }))).toEqual([
      { name: "comparison", tests: 2, failures: 0, skipped: 0 },
      { name: "quarantine", tests: 10, failures: 3, skipped: 1 },
      { name: "shrinker", tests: 3, failures: 1, skipped: 1 },
    ]);
    const failed = suites.flatMap(({ testcase }) => (testcase ?? []).filter(({ failure }) => failure !== undefined));
    expect(failed.map(({ name }) => name)).toEqual([
      "ring / put-accesses-mean (libvirt-teardown, 1 CPU)",
      "ring / removal-delay-puts (libvirt-teardown, 1 CPU)",
      "doubly-linked / put-ns (libvirt-teardown, 1 CPU)",
      "rwsem / line-transfers[slab pages (nodes) 10] (stress-ng-ramfs, 64 CPUs)",
    ]);
    expect(failed[2]?.failure?.[0]).toMatchObject({ type: "regression" });
    expect(failed[2]?.failure?.[0]?.message).toMatch(
      /put-ns \(.*\) is 9\.6 % slower \[.*\], confirmed on 12 fresh processes/,
    );
  });

  const [general, quarantine, shrinker] = suitesOf(comparison());

  test("has the outcome, the command, and how long it took in its first suite", () => {
    expect(general?.attributes.time).toBe("270.500");
    const properties = general?.children[0]?.children.map(({ attributes }) => [attributes.name, attributes.value]);
    expect(Object.fromEntries(properties ?? [])).toEqual({
      outcome: "regressed",
      command: "reclaim-bench compare --base main --problem 'a & b'",
      base: "main",
      head: "working tree",
      seed: "1",
      environment: "0123456789ab",
      "exact-compared": "12345",
      inconclusive: "1",
    });
    expect(general?.children.at(-2)?.text.split("\n")[0]).toBe(outcomeText(comparison()));
  });

  test("has values, interval, what would be found and confirmation of what failed, and of what was not decided", () => {
    const texts = [...casesOf(quarantine), ...casesOf(shrinker)].flatMap(({ children }) =>
      children.map(({ text }) => text),
    );
    const regressed = texts.find((text) => text.startsWith("regressed: slower by more than 3 %"));
    expect(regressed?.split("\n").slice(1)).toEqual([
      "base 96.4 ns/object, head 106 ns/object, head/base 1.096 [1.091, 1.103]",
      "finds 0.7 %; what counts: 3 %",
      "confirmed on 12 fresh processes (9.5 % slower [9.4, 10.0])",
      "batches=1024 slabinfo=packaged:libvirt-guest stage=timed",
    ]);
    expect(texts.some((text) => text.startsWith("inconclusive: fresh processes did not confirm it\n"))).toBe(true);
    // A regression that does not fail the gate is no failure.
    expect(texts.some((text) => text.startsWith("regressed, not gated: "))).toBe(true);
  });

  test("says that times beside a variant's are the reference's", () => {
    const { native } = samples.variants;
    const rows = native!.rows.map((row) => ({ ...row, verdict: "inconclusive" as const }));
    const [, suite] = suitesOf({ ...samples.variants, native: { ...native!, rows } });
    const [first] = casesOf(suite).flatMap(({ children }) => children.map(({ text }) => text));
    expect(first).toMatch(/\nsingly-linked-fifo \d\S* ns\/object, head \d\S* ns\/object, /);
  });

  test("has what passed in the output of its suite", () => {
    const output = quarantine?.children.at(-2)?.text ?? "";
    expect(output).toMatch(/hash-buckets .* is 10\.1 % faster \[.*\]: improved\n/);
    expect(output).toContain("is equivalent: the same code on both sides");
    expect(output).toContain("within its budget of 5 %");
  });

  test("skips a canary that sings and a machine that cannot be trusted, and fails for violations", () => {
    const [untrusted] = suitesOf(samples.inconclusive);
    expect(casesOf(untrusted).map(({ children }) => children[0]?.attributes.message)).toEqual([
      undefined,
      expect.stringMatching(/^the same code twice: the second is 7\.8 % slower/),
      "1.75 runnable tasks per core before it began, more than 1.5",
    ]);
    const [violated] = suitesOf(samples.violated);
    const [first] = casesOf(violated);
    // A bell is in no XML.
    expect(first?.children[0]?.attributes).toEqual({ type: "violation", message: hostile.replace("\u0007", "") });
    expect(first?.children[0]?.text).toBe(hostile.replace("\u0007", ""));
  });
});
