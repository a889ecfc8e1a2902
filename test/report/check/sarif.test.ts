import { describe, expect, test } from "vitest";
import { z } from "zod";
import type { CheckOutcome } from "../../../src/checker/outcome.ts";
import { renderCheckSarif } from "../../../src/report/check/sarif.ts";
import { clean, counterexample, report, violated } from "./outcomes.ts";

// What OASIS SARIF 2.1.0 says of the objects that are written: required properties, allowed ones, and their types.
const message = z.strictObject({ text: z.string().min(1) });
const region = z.strictObject({ startLine: z.int().min(1), startColumn: z.int().min(1) });
const location = z.strictObject({
  physicalLocation: z.strictObject({
    artifactLocation: z.strictObject({ uri: z.string().min(1), uriBaseId: z.string().optional() }),
    region,
  }),
  logicalLocations: z.array(z.strictObject({ name: z.string().min(1), kind: z.literal("function") })).optional(),
});
const level = z.enum(["none", "note", "warning", "error"]);
const sarif = z.strictObject({
  $schema: z.literal("https://json.schemastore.org/sarif-2.1.0.json"),
  version: z.literal("2.1.0"),
  runs: z.tuple([
    z.strictObject({
      tool: z.strictObject({
        driver: z.strictObject({
          name: z.string().min(1),
          version: z.string().min(1),
          rules: z.array(
            z.strictObject({
              id: z.string().regex(/^[a-z]+(-[a-z]+)*$/),
              shortDescription: message,
              fullDescription: message,
              help: message,
              defaultConfiguration: z.strictObject({ level }),
            }),
          ),
        }),
      }),
      invocations: z.array(
        z.strictObject({
          commandLine: z.string(),
          startTimeUtc: z.iso.datetime(),
          executionSuccessful: z.boolean(),
          toolExecutionNotifications: z.array(z.strictObject({ level, message })),
        }),
      ),
      originalUriBaseIds: z.record(z.string(), z.strictObject({ description: message })),
      columnKind: z.enum(["utf16CodeUnits", "unicodeCodePoints"]),
      results: z.array(
        z.strictObject({
          ruleId: z.string(),
          ruleIndex: z.int().min(0),
          level,
          message,
          locations: z.array(location),
          stacks: z
            .array(z.strictObject({ message, frames: z.array(z.strictObject({ location })).min(1) }))
            .min(1)
            .optional(),
          partialFingerprints: z.record(z.string(), z.string().min(1)),
          properties: z.record(z.string(), z.unknown()),
        }),
      ),
    }),
  ]),
});

function runOf(outcomes: readonly CheckOutcome[]): z.infer<typeof sarif>["runs"][0] {
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
