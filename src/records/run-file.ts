// `run.json`: everything about a run that is not a measured row. It says what was asked for, on which machine, with
// which binaries, and how far the run came, so that it can be resumed, repeated and trusted.

import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { z } from "zod";
import { writeJsonFile } from "./atomic-file.ts";
import { environmentSchema } from "./environment.ts";
import { firstIssue, readJsonFile } from "./json-file.ts";

/** Name of the file in the folder of its run. */
export const runFile = "run.json";

const count = z.int().min(0);
const sha256 = z.string().regex(/^[0-9a-f]{64}$/, "expected 64 hexadecimal digits");
const parameters = z.record(z.string(), z.union([z.string(), z.number(), z.boolean()]));

export const runSchema = z
  .strictObject({
    schemaVersion: z.literal(1),
    runId: z.string().regex(/^\d{8}T\d{6}Z-[0-9a-f]{6}$/, "expected a run id such as 20250131T235959Z-0a1b2c"),
    /** The command line that began the run, without the program's own path. */
    command: z.string(),
    /** UTC. */
    startedAt: z.iso.datetime(),
    /** UTC; `null` until the run has ended. */
    finishedAt: z.iso.datetime().nullable(),
    /** `complete` when every case was tried; a failed case does not make a run incomplete. */
    state: z.enum(["complete", "incomplete"]),
    environment: environmentSchema,
    /** Settings of the run that are not a workload's, defaults included. */
    parameters,
    /** The seed from which the order of variants and every workload's own seed follow. */
    seed: count,
    /**
     * Flags given to the AssemblyScript compiler, in order, by form of the machine, such as `native`. Constants are left out:
     * they follow from the parameters of variants and suites. Older runs have the flags of one module, of no stated form.
     */
    flags: z.union([z.record(z.string(), z.array(z.string())), z.array(z.string())]),
    modules: z.array(
      z.strictObject({
        problem: z.string(),
        /** The variant's id, parameters included. */
        variant: z.string(),
        /** Form of the machine that was built in, such as `native` or `traced`. */
        machine: z.string(),
        wasmSha256: sha256,
      }),
    ),
    /** What was simulated on; absent when nothing was. */
    simulator: z
      .strictObject({
        /** Of the module that keeps clocks, caches and costs. */
        coreWasmSha256: sha256,
        machines: z.array(
          z.strictObject({
            name: z.string(),
            /** Of the profile as JSON without white space, its fields in the order of the file's form. */
            sha256,
            /** The whole profile, which can be given to the simulator again. */
            profile: z.record(z.string(), z.unknown()),
          }),
        ),
      })
      .optional(),
    workloads: z.array(
      z.strictObject({
        name: z.string(),
        parameters,
        seed: count,
        /** Of the encoded events. */
        sha256,
        /** As `WorkloadLimits` describes them. */
        limits: z.strictObject({
          events: count,
          caches: count,
          objects: count,
          cgroups: count,
          superblocks: count,
          tasks: count,
          liveBytesMax: count,
          slabBytesMax: count,
        }),
      }),
    ),
    cases: z.array(
      z.strictObject({
        id: z.string(),
        state: z.enum(["done", "pending", "failed"]),
        /** Why it failed, in one line. */
        error: z.string().optional(),
      }),
    ),
    /** What a reader must know before trusting the run. Empty when nothing is. */
    warnings: z.array(z.string()),
    /** Largest resident memory of any process of the run, in bytes. */
    rssBytesMax: count,
  })
  .superRefine((run, context) => {
    if (run.state !== "complete") return;
    if (run.finishedAt === null) {
      context.addIssue({
        code: "custom",
        path: ["finishedAt"],
        message: "a complete run has a time at which it ended",
      });
    }
    const pending = run.cases.findIndex((entry) => entry.state === "pending");
    if (pending >= 0) {
      context.addIssue({
        code: "custom",
        path: ["cases", pending, "state"],
        message: "a complete run has no pending case",
      });
    }
  });

export type Run = z.infer<typeof runSchema>;

/**
 * A new name for a run: UTC time to the second, then 6 random hexadecimal digits, such as `20250131T235959Z-0a1b2c`.
 * Sorted as texts, runs are sorted by time.
 *
 * @param clock the present time
 * @param random 3 bytes; for tests
 */
export function newRunId(clock: () => Date, random: Buffer = randomBytes(3)): string {
  const time = clock()
    .toISOString()
    .replace(/\.\d+Z$/, "Z")
    .replace(/[-:]/g, "");
  return `${time}-${random.toString("hex")}`;
}

/**
 * Writes `run.json` into the folder of a run, whole or not at all; one that exists is replaced.
 *
 * @returns path of the file
 * @throws {Error} when the run breaks the schema: the harness made it wrongly
 * @throws the system's error: folder missing, no permission, disk full
 */
export async function writeRun(folder: string, run: Run): Promise<string> {
  const file = join(folder, runFile);
  const result = runSchema.safeParse(run);
  if (!result.success) throw new Error(`refused to write ${file}: ${firstIssue(result.error)}`);
  await writeJsonFile(file, result.data);
  return file;
}

/**
 * Reads and checks `run.json` in the folder of a run.
 *
 * @throws {InputError} with file and field: no such file, not JSON, of another version, a field missing, unknown or of
 *   the wrong type
 */
export async function readRun(folder: string): Promise<Run> {
  return await readJsonFile(join(folder, runFile), runSchema);
}
