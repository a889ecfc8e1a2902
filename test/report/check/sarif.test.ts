import { describe, expect, test } from "vitest";
import type { CheckOutcome } from "../../../src/checker/outcome.ts";
import { renderCheckSarif } from "../../../src/report/check/sarif.ts";
import { type SarifRun, sarif } from "../sarif.ts";
import { clean, counterexample, report, violated } from "./outcomes.ts";

function runOf(outcomes: readonly CheckOutcome[]): SarifRun {
  return sarif.parse(JSON.parse(renderCheckSarif({ ...clean, outcomes }))).runs[0];
}

describe("SARIF of a check", () => {
  const [run] = sarif.parse(JSON.parse(renderCheckSarif(report))).runs;

  test("has a result at the line of the variant for each violation, and none for anything else", () => {
    const { results, tool } = run;
    expect(results).toHaveLength(1);
    const [result] = results;
    expect(result).toMatchObject({ ruleId: "use-after-free", level: "error" });
    expect(tool.driver.rules[result!.ruleIndex]?.id).toBe("use-after-free");
    expect(result?.locations).toEqual([
      {
        physicalLocation: {
          artifactLocation: { uri: "src/kernel/quarantine/single-list.ts", uriBaseId: "%SRCROOT%" },
          region: { startLine: 88, startColumn: 5 },
        },
        logicalLocations: [{ name: "kasan_quarantine_put", kind: "function" }],
      },
    ]);
    expect(result?.stacks?.[0]?.frames).toHaveLength(3);
    expect(result?.message.text).toContain("reclaim-bench replay AbC-dEf_123");
    expect(Object.keys(run.originalUriBaseIds)).toEqual(["%SRCROOT%"]);
  });

  test("has a note for what stopped at a bound or was not reached", () => {
    const [invocation] = run.invocations;
    expect(invocation?.executionSuccessful).toBe(false);
    expect(invocation?.toolExecutionNotifications.map((one) => one.message.text)).toEqual([
      "shrinker: srcu, unregister-walk (3 tasks x 2 operations), sc: stopped at the time limit",
      "shrinker: rwsem, late (2 tasks x 2 operations), sc: not checked, as the check was stopped",
    ]);
  });

  test("without a violation has no result, and its rules", () => {
    const { results, tool, invocations } = runOf(clean.outcomes);
    expect(results).toEqual([]);
    expect(tool.driver.rules.length).toBeGreaterThan(5);
    expect(invocations[0]?.executionSuccessful).toBe(true);
  });

  test("tells the same finding by the same fingerprint, whatever its schedule and line", () => {
    const printOf = (one: CheckOutcome): string | undefined =>
      runOf([one]).results[0]?.partialFingerprints["interleaving/v1"];
    const moved = counterexample.frames.map((frame) => ({ ...frame, line: frame.line + 10 }));
    const later = { ...counterexample, token: "xyz", schedule: [], frames: moved };
    expect(printOf({ ...violated, counterexample: later })).toBe(printOf(violated));
    const deadlock = { ...counterexample, finding: { ...counterexample.finding, kind: "deadlock" as const } };
    expect(printOf({ ...violated, counterexample: deadlock })).not.toBe(printOf(violated));
    expect(printOf({ ...violated, model: "tso" })).not.toBe(printOf(violated));
  });

  test("has addresses, be the user's file where it is, and no place where nobody knows any", () => {
    const at = (file: string) => {
      const frames = [{ symbol: "", file, line: 0, column: 0 }];
      return runOf([{ ...violated, counterexample: { ...counterexample, frames } }]).results[0]?.locations[0];
    };
    expect(at("/elsewhere/my variant.ts")?.physicalLocation.artifactLocation).toEqual({
      uri: "file:///elsewhere/my%20variant.ts",
    });
    expect(at(`${process.cwd()}/my folder/variant.ts`)?.physicalLocation).toEqual({
      artifactLocation: { uri: "my%20folder/variant.ts", uriBaseId: "%SRCROOT%" },
      region: { startLine: 1, startColumn: 1 },
    });
    // The places in the package are none of the repository that a user's own variant lies in.
    const [own] = sarif.parse(
      JSON.parse(renderCheckSarif({ ...clean, outcomes: [{ ...violated, variantFile: "/elsewhere/mine.ts" }] })),
    ).runs[0].results;
    expect(own?.locations).toEqual([
      {
        physicalLocation: {
          artifactLocation: { uri: "file:///elsewhere/mine.ts" },
          region: { startLine: 1, startColumn: 1 },
        },
      },
    ]);
    expect(own?.stacks?.[0]?.frames).toHaveLength(3);
    const nowhere = { ...counterexample, frames: [] };
    expect(runOf([{ ...violated, counterexample: nowhere }]).results[0]?.locations).toEqual([]);
  });
});
