// What OASIS SARIF 2.1.0 says of the objects that reports write: required properties, allowed ones, and their types.

import { z } from "zod";

const message = z.strictObject({ text: z.string().min(1) });
const level = z.enum(["none", "note", "warning", "error"]);

/** A relative reference without what an address may not hold, or one with a scheme. */
const uri = z.string().regex(/^(file:\/\/\/)?([\w.~!$&'()*+,;=:@/-]|%[0-9A-F]{2})+$/);
const location = z.strictObject({
  physicalLocation: z.strictObject({
    artifactLocation: z.strictObject({ uri, uriBaseId: z.string().optional() }),
    region: z.strictObject({ startLine: z.int().min(1), startColumn: z.int().min(1).optional() }),
  }),
  logicalLocations: z
    .array(z.strictObject({ name: z.string().min(1), kind: z.enum(["function", "module"]) }))
    .optional(),
});

const run = z.strictObject({
  tool: z.strictObject({
    driver: z.strictObject({
      name: z.string().min(1),
      version: z.string().min(1).optional(),
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
      endTimeUtc: z.iso.datetime().optional(),
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
});

/** A log of one run. */
export const sarif = z.strictObject({
  $schema: z.literal("https://json.schemastore.org/sarif-2.1.0.json"),
  version: z.literal("2.1.0"),
  runs: z.tuple([run]),
});

export type SarifRun = z.infer<typeof run>;
