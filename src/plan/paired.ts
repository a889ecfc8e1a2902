// A paired measurement: what one process is given to measure, and what it gives back. The code of all subjects is loaded into
// the same process and takes turns, so that what the machine does, it does to all of them.

import { z } from "zod";

const subjectSchema = z.strictObject({
  id: z.string().min(1),
  /** File of the module, of the native form of the machine. */
  wasmFile: z.string().min(1),
  skipWhenEmpty: z.boolean(),
  isFloor: z.boolean(),
});

export const pairedJobSchema = z.strictObject({
  problem: z.string(),
  workload: z.strictObject({
    name: z.string(),
    parameters: z.record(z.string(), z.union([z.number(), z.string(), z.boolean()])),
    seed: z.int().min(0),
  }),
  cpus: z.int().min(1),
  /** What is wanted of each round. */
  metrics: z.array(z.string()).min(1),
  /** Rounds that are kept, after those that warm up. */
  rounds: z.int().min(1),
  warmupRounds: z.int().min(0),
  /** Length of a round where the workload is repeated for a time; elsewhere a round is what the instrument makes of it. */
  sliceMs: z.number().positive(),
  /** Of the order in which the modules are instantiated and take their turns. */
  seed: z.int().min(0),
  /** The first is the one that the others are compared with. Several may have the same code. */
  subjects: z.array(subjectSchema).min(2),
});

export type PairedJob = z.infer<typeof pairedJobSchema>;
export type PairedSubject = z.infer<typeof subjectSchema>;

/** Why a subject has no samples. */
const failureSchema = z.strictObject({
  error: z.string(),
  /** Whether it did what no variant may do; otherwise it could not be run at all. */
  isViolation: z.boolean(),
});

export const pairedSamplesSchema = z.strictObject({
  /** By subject and metric, one value per round. The same index is the same round of all subjects. */
  samples: z.record(z.string(), z.record(z.string(), z.array(z.number()))),
  /** By subject. */
  failures: z.record(z.string(), failureSchema),
});

export type PairedSamples = z.infer<typeof pairedSamplesSchema>;
