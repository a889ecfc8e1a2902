// What a comparison found, as `comparison.json` holds it. Every format of `src/report/compare` is made from it alone.

import { z } from "zod";
import { environmentSchema } from "../records/environment.ts";

/** Name of the file in the folder of its comparison. */
export const comparisonFile = "comparison.json";

const share = z.number().min(0);
const count = z.int().min(0);
const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
const better = z.enum(["lower", "higher", ""]);

/** What is compared of whom: the fields that name a row, the same on both sides. */
const rowName = {
  problem: z.string(),
  /** The variant's id. */
  variant: z.string(),
  workload: z.string(),
  cpus: z.int().min(1),
  /** Sorted `key=value` pairs of the case. */
  parameters: z.string(),
  metric: z.string(),
  unit: z.string(),
  better,
};

/** All values that a case has of an exact metric, one per round. */
export const exactValueSchema = z.strictObject({
  samples: z.int().min(1),
  sum: z.number(),
  max: z.number(),
  /** Absent in comparisons that were made before it was kept. */
  min: z.number().optional(),
  /** Of all values in their order: it differs where sum and extremes agree and a single value does not. */
  sha256,
});

/**
 * `same`; `worse` or `better` by the metric's direction; `changed`: it has none, or sum and worst value agree and single
 * values do not; `within budget`: worse by no more than the budget; `gone`: the candidate lacks what the baseline has; `added`.
 */
export const exactChangeSchema = z.enum(["same", "worse", "better", "changed", "within budget", "gone", "added"]);

export const exactRowSchema = z.strictObject({
  ...rowName,
  instrument: z.enum(["native", "traced", "simulator", "checker"]),
  base: exactValueSchema.nullable(),
  head: exactValueSchema.nullable(),
  change: exactChangeSchema,
  /** Share by which it may get worse; 0 for most. */
  budget: share,
  /** Whether it fails the gate. */
  fails: z.boolean(),
});

export const verdictSchema = z.enum([
  "regressed",
  "improved",
  "equivalent",
  "inconclusive",
  // Between two variants, where none is the older one.
  "faster",
  "slower",
  "not separated",
]);

/** One process: both sides in turns, round by round. */
export const pairedProcessSchema = z.strictObject({
  /** Median over rounds of the metric, raw, in its unit. */
  base: z.number(),
  head: z.number(),
  /** Median over rounds of ln(head / base). */
  logRatio: z.number(),
  rounds: z.int().min(1),
});

/** What paired processes say. Ratios are of the metric, head over base, whatever its direction. */
export const pairedEstimateSchema = z.strictObject({
  /** exp of the Hodges-Lehmann estimate of the processes' log ratios. */
  ratio: z.number().positive(),
  /** Its exact interval at 95 %; null with too few processes. */
  low: z.number().positive().nullable(),
  high: z.number().positive().nullable(),
  /** At 90 %, which lies within the effect floor on both sides where the two are equivalent. */
  low90: z.number().positive().nullable(),
  high90: z.number().positive().nullable(),
  /** Two-sided, of the test named. */
  p: z.number().min(0).max(1),
  test: z.enum(["signed-rank", "sign"]),
  /** Smallest difference of the logarithms that is found with a probability of 90 %. */
  detectable: share,
});

export const nativeRowSchema = z.strictObject({
  ...rowName,
  /** Whether a regression of it fails the build; the others are listed as worth a look. */
  gated: z.boolean(),
  /** Code of the two sides. */
  baseSha256: sha256,
  headSha256: sha256,
  /** Empty where the code is the same to the byte and nothing had to be measured. */
  processes: z.array(pairedProcessSchema),
  /** Null without processes. */
  estimate: pairedEstimateSchema.nullable(),
  /** Smallest share that counts as a difference. */
  delta: share,
  /** Holm's over the gated rows; null for others. */
  holm: z.number().min(0).max(1).nullable(),
  /** Benjamini and Hochberg's over all rows. */
  falseDiscovery: z.number().min(0).max(1).nullable(),
  /** Fresh processes that a suspected regression was measured with again; null where there was no suspicion. */
  confirmation: z
    .strictObject({ processes: z.array(pairedProcessSchema), estimate: pairedEstimateSchema, confirmed: z.boolean() })
    .nullable(),
  verdict: verdictSchema,
  /** Suspected, and fresh processes could not be had: nothing confirmed it or refuted it, a hole in the gate. */
  open: z.boolean().optional(),
  /** Why, in a sentence without a full stop. */
  reason: z.string(),
});

/** A row whose two sides are the same code: what it shows is the machine. */
export const canarySchema = z.strictObject({
  ...rowName,
  processes: z.array(pairedProcessSchema),
  estimate: pairedEstimateSchema,
  delta: share,
  sings: z.boolean(),
});

const sideSchema = z.strictObject({
  /** How the user named it: `main`, a run id, a git revision, `working tree`, a variant. */
  label: z.string(),
  /** Revision of the project, empty when unknown. */
  commit: z.string(),
  /** Run whose exact metrics were taken; null where none were. */
  runId: z.string().nullable(),
  /** Machine that measured that run; exact metrics compare on any. */
  environmentId: z.string().nullable(),
});

export const comparisonSchema = z.strictObject({
  schemaVersion: z.literal(1),
  /** As a run's id. */
  id: z.string(),
  /** `revisions`: a baseline against a candidate; `variants`: variants against a reference. */
  kind: z.enum(["revisions", "variants"]),
  /** The command line, without the program's own path. */
  command: z.string(),
  startedAt: z.iso.datetime(),
  finishedAt: z.iso.datetime(),
  environment: environmentSchema,
  seed: count,
  base: sideSchema,
  head: sideSchema,
  /** Null where exact metrics were not compared. */
  exact: z
    .strictObject({
      /** Rows that both sides have. */
      compared: count,
      /** All, the same ones included. */
      rows: z.array(exactRowSchema),
    })
    .nullable(),
  /** Null where nothing was timed. */
  native: z
    .strictObject({
      alpha: z.number(),
      /** Processes of each row, and rounds of each process. */
      processes: count,
      rounds: count,
      rows: z.array(nativeRowSchema),
      canaries: z.array(canarySchema),
      /** Share of CPU time that the hypervisor took meanwhile; null where the system does not tell. */
      stealShare: share.nullable(),
      /** Runnable tasks per core when it began; null where the system does not tell. */
      loadPerCore: share.nullable(),
      /** Why its verdicts cannot be trusted, in sentences without full stops; empty when they can. */
      distrust: z.array(z.string()),
    })
    .nullable(),
  /** Violations that a variant committed while it was measured. */
  violations: z.array(z.strictObject({ case: z.string(), error: z.string() })),
  /** What a reader must know before trusting the comparison. */
  warnings: z.array(z.string()),
  outcome: z.enum(["passed", "regressed", "inconclusive", "violated"]),
});

export type Comparison = z.infer<typeof comparisonSchema>;
export type ExactRow = z.infer<typeof exactRowSchema>;
export type ExactValue = z.infer<typeof exactValueSchema>;
export type ExactChange = z.infer<typeof exactChangeSchema>;
export type NativeRow = z.infer<typeof nativeRowSchema>;
export type Canary = z.infer<typeof canarySchema>;
export type PairedProcess = z.infer<typeof pairedProcessSchema>;
export type PairedEstimate = z.infer<typeof pairedEstimateSchema>;
export type Verdict = z.infer<typeof verdictSchema>;

/** Exit code of an outcome. */
export const exitCodes: Readonly<Record<Comparison["outcome"], number>> = {
  passed: 0,
  regressed: 1,
  inconclusive: 3,
  violated: 4,
};
