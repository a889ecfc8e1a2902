import { describe, expect, test } from "vitest";
import type { Comparison } from "../../../src/compare/comparison.ts";
import { renderCompareSarif, resultsMax } from "../../../src/report/compare/sarif.ts";
import { outcomeText } from "../../../src/report/compare/words.ts";
import { type SarifRun, sarif } from "../sarif.ts";
import * as samples from "./comparisons.ts";
import { comparison, exact, hostile, native, value } from "./comparisons.ts";

function runOf(one: Comparison): SarifRun {
  return sarif.parse(JSON.parse(renderCompareSarif(one))).runs[0];
}

describe("SARIF of a comparison", () => {
  test.each(Object.entries(samples.all))("keeps to the standard, and says the outcome: %s", (_, one) => {
    const { invocations, results, tool, originalUriBaseIds } = runOf(one);
    expect(invocations[0]?.toolExecutionNotifications[0]).toEqual({
      level: "note",
      message: { text: outcomeText(one) },
    });
    for (const { ruleId, ruleIndex, locations } of results) {
      expect(tool.driver.rules[ruleIndex]?.id).toBe(ruleId);
      for (const { physicalLocation } of locations) {
        expect(Object.keys(originalUriBaseIds)).toContain(physicalLocation.artifactLocation.uriBaseId);
      }
    }
  });

  test("has an error for what fails the gate, a warning for what is worth a look, and nothing else", () => {
    const { results } = runOf(comparison());
    expect(
      results.map((one) => [one.ruleId, one.level, one.locations[0]?.physicalLocation.artifactLocation.uri]),
    ).toEqual([
      ["exact", "error", "src/kernel/quarantine/ring.ts"],
      ["exact", "error", "src/kernel/shrinker/rwsem.ts"],
      ["exact", "error", "src/kernel/quarantine/ring.ts"],
      ["native", "error", "src/kernel/quarantine/doubly-linked.ts"],
      ["native", "warning", "src/kernel/shrinker/srcu.ts"],
    ]);
    expect(results[3]?.message.text).toMatch(/^quarantine \/ doubly-linked \/ put-ns \(.*\) is 9\.6 % slower .*\.$/);
    expect(results[3]?.properties).toMatchObject({ metric: "put-ns", cpus: 1 });
    expect(runOf(samples.passed).results).toEqual([]);
  });

  test("has a violation at the file of its variant", () => {
    const [one, ...others] = runOf(samples.violated).results.filter(({ ruleId }) => ruleId === "violation");
    expect(others).toEqual([]);
    expect(one).toMatchObject({ level: "error", properties: { case: "quarantine / ring / libvirt-teardown / timed" } });
    expect(one?.message.text).toBe(`quarantine / ring / libvirt-teardown / timed: ${hostile}.`);
    expect(one?.locations[0]?.physicalLocation.artifactLocation.uri).toBe("src/kernel/quarantine/ring.ts");
    // The same of the case, whatever it did.
    const again = { ...samples.violated, violations: [{ ...samples.violated.violations[0]!, error: "trapped" }] };
    expect(runOf(again).results.find(({ ruleId }) => ruleId === "violation")?.partialFingerprints).toEqual(
      one?.partialFingerprints,
    );
  });

  test("has violations without a variant, distrust and warnings as notifications", () => {
    const texts = (one: Comparison): string[] =>
      (runOf(one).invocations[0]?.toolExecutionNotifications ?? []).map(
        (found) => `${found.level} ${found.message.text}`,
      );
    expect(texts(samples.violated)).toContain("error the machine: 1 object left");
    expect(texts(samples.inconclusive).slice(1)).toEqual([
      "warning 1.75 runnable tasks per core before it began, more than 1.5",
      expect.stringMatching(/^warning the same code twice/),
      "warning --min-effect 10 %: nothing below is found",
    ]);
    // Nothing is known to be wrong of what could not be timed.
    for (const one of [samples.untimed, samples.open]) {
      expect(texts(one).slice(1)).toEqual([expect.stringMatching(/^warning quarantine \/ ring \/ put-ns .*trapped$/)]);
      expect(runOf(one).results).toEqual([]);
    }
    expect(runOf(samples.violated).invocations[0]?.executionSuccessful).toBe(false);
    expect(runOf(comparison()).invocations[0]?.executionSuccessful).toBe(true);
  });

  test("tells the same row by the same fingerprint, whatever its numbers", () => {
    const printOf = (row: ReturnType<typeof native>): string | undefined =>
      runOf(comparison({ exact: null, native: { ...comparison().native!, rows: [row] } })).results[0]
        ?.partialFingerprints["comparison/v1"];
    const print = printOf(samples.regressed);
    expect(print).toMatch(/^[0-9a-f]{32}$/);
    expect(printOf({ ...samples.regressed, ...native({ ratio: 1.5 }), verdict: "regressed" })).toBe(print);
    expect(printOf({ ...samples.regressed, gated: false })).toBe(print);
    for (const other of [{ metric: "other" }, { cpus: 2 }, { variant: "ring" }, { parameters: "a=1" }]) {
      expect(printOf({ ...samples.regressed, ...other })).not.toBe(print);
    }
  });

  test("has no more results than hosts show, and says how many are missing", () => {
    const rows = Array.from({ length: resultsMax + 3 }, (_, index) =>
      exact({ metric: `m-${index}`, head: value(13), change: "worse", fails: true }),
    );
    const { results, invocations } = runOf(comparison({ exact: { compared: rows.length, rows } }));
    expect(results).toHaveLength(resultsMax);
    // With the two of times.
    expect(invocations[0]?.toolExecutionNotifications[1]?.message.text).toBe("5 more results were left out");
  });

  test("has an address even for a name that no address may hold", () => {
    const rows = [native({ ...samples.regressed, variant: "my[variant]%x" })];
    const { results } = runOf(comparison({ exact: null, native: { ...comparison().native!, rows } }));
    expect(results[0]?.locations[0]?.physicalLocation.artifactLocation.uri).toBe(
      "src/kernel/quarantine/my%5Bvariant%5D%25x.ts",
    );
  });
});
