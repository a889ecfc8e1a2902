// Outcomes of the short check, kept for the next run. Nothing depends on them: what cannot be read or written is checked
// again.

import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import path from "node:path";
import { z } from "zod";
import type { CheckJob, CheckOutcome } from "../checker/outcome.ts";
import { workerFile } from "../checker/pool.ts";
import { timeBound } from "../checker/schedulers/ends.ts";
import { packageRoot } from "../package-root.ts";
import type { CheckCase } from "./check-plan.ts";

const count = z.int().min(0);
const ending = z.enum(["exhausted", "bound", "violation"]);
const judgement = z.enum(["exhausted", "bound", "violation", "defect"]);
const kinds = [
  "use after free",
  "double free",
  "leak",
  "lost object",
  "broken invariant",
  "deadlock",
  "livelock",
  "access outside the arena",
  "callback after free",
  "trap",
  "overflow",
] as const;

const counterexampleSchema = z.strictObject({
  finding: z.strictObject({
    kind: z.enum(kinds),
    invariant: z.string(),
    message: z.string(),
    agent: count.nullable(),
  }),
  schedule: z.array(z.strictObject({ agent: count, operations: count, isBuffered: z.boolean() })),
  preemptions: count,
  token: z.string(),
  timeline: z.string(),
  frames: z.array(z.strictObject({ symbol: z.string(), file: z.string(), line: count, column: count })),
});

const outcomeSchema = z.strictObject({
  problem: z.string(),
  variant: z.string(),
  scenario: z.string(),
  size: z.string(),
  model: z.enum(["sc", "tso"]),
  scheduler: z.enum(["exhaustive", "bounded", "pct", "random"]),
  outcome: judgement,
  bound: z.string(),
  rungs: z
    .array(
      z.strictObject({
        name: z.string(),
        exploration: z.strictObject({
          outcome: ending,
          bound: z.string(),
          states: count,
          transitions: count,
          executions: count,
          depth: count,
        }),
      }),
    )
    .min(1),
  ms: z.number().min(0),
  missProbability: z.number().min(0),
  counterexample: counterexampleSchema.optional(),
  defect: z.string().optional(),
});

/** Hash of everything that the threads run besides the modules. */
function hostHash(): string {
  const hash = createHash("sha256");
  const checker = path.dirname(workerFile);
  for (const folder of [checker, path.join(checker, "..", "build")]) {
    for (const file of readdirSync(folder, { recursive: true, encoding: "utf8" }).sort()) {
      if (file.endsWith(".js")) hash.update(`${file}\0`).update(readFileSync(path.join(folder, file)));
    }
  }
  return hash.digest("hex");
}

export class CheckCache {
  readonly #folder: string;
  readonly #host: string;

  /** @param folder made when it is needed */
  constructor(folder: string = path.join(packageRoot, "node_modules", ".cache", "reclaim-bench", "checks")) {
    this.#folder = folder;
    this.#host = hostHash();
  }

  #fileOf({ scenario }: CheckCase, { core, compiled, ...job }: CheckJob): string {
    const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");
    const key = JSON.stringify([this.#host, sha256(core), compiled.sha256, scenario, job]);
    return path.join(this.#folder, `${sha256(new TextEncoder().encode(key))}.json`);
  }

  /** What came of a case before; undefined when that is not known. */
  read(check: CheckCase, job: CheckJob): CheckOutcome | undefined {
    try {
      const { counterexample, defect, ...outcome } = outcomeSchema.parse(
        JSON.parse(readFileSync(this.#fileOf(check, job), "utf8")),
      );
      return {
        ...outcome,
        ...(counterexample === undefined ? {} : { counterexample }),
        ...(defect === undefined ? {} : { defect }),
      };
    } catch {
      // There is none, or it is damaged.
      return undefined;
    }
  }

  /** Keeps an outcome, but for one that a faster host, or this one when it is idle, might go beyond. */
  keep(check: CheckCase, job: CheckJob, outcome: CheckOutcome): void {
    const isHung = outcome.counterexample !== undefined && outcome.counterexample.token === "";
    if (outcome.bound === timeBound || isHung) return;
    try {
      const file = this.#fileOf(check, job);
      mkdirSync(this.#folder, { recursive: true });
      const temporary = `${file}.${process.pid}.tmp`;
      writeFileSync(temporary, JSON.stringify(outcome));
      renameSync(temporary, file);
    } catch {
      // Then it is checked again.
    }
  }
}
