// What a process is given that times functions of modules, and what it answers.

import { z } from "zod";

const subjectSchema = z.strictObject({
  /** URL of the module. */
  module: z.string(),
  /** Name of the function among its exports. */
  export: z.string(),
});

export const functionJobSchema = z.strictObject({
  subjects: z.array(subjectSchema).min(2),
  rounds: z.int().min(1),
  epochMs: z.number().positive(),
  warmupMs: z.number().min(0),
  /** Longest time that one function's calls may take in all rounds. */
  functionMs: z.number().positive(),
  /** Of the order of loading and of turns. */
  seed: z.int().min(0),
});

export const functionTimesSchema = z.strictObject({
  calls: z.int().min(1),
  ns: z.array(z.array(z.number().min(0))),
});

export type FunctionJob = z.infer<typeof functionJobSchema>;
export type FunctionTimes = z.infer<typeof functionTimesSchema>;
