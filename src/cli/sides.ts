// What is compared with what: a baseline, a run's folder, another revision, or what is measured now.

import { existsSync } from "node:fs";
import path from "node:path";
import type { Comparison } from "../compare/comparison.ts";
import { InputError } from "../errors.ts";
import type { Baseline } from "../records/baseline.ts";
import { recordsFile } from "../records/csv.ts";
import { type Run, readRun, runFile } from "../records/run-file.ts";
import { defaultBaseline, runFolderOf, storeIn } from "./baseline.ts";
import { openRevision, type Revision } from "./revision.ts";

/** A run, and its table. */
export interface RecordedRun {
  readonly run: Run;
  /** Read it with `readRecords`. */
  readonly records: string;
}

/** What the candidate is held against. */
export type Base = { readonly label: string } & (
  | { readonly kind: "baseline"; readonly recorded: RecordedRun; readonly baseline: Baseline }
  | { readonly kind: "run"; readonly recorded: RecordedRun }
  | { readonly kind: "revision"; readonly revision: Revision }
);

/** @throws {InputError} when there is no such run, or it is not complete */
export async function openRun(name: string, out: string): Promise<RecordedRun> {
  const folder = runFolderOf(name, out);
  const run = await readRun(folder);
  if (run.state !== "complete") {
    throw new InputError(`run ${run.runId}: it is incomplete; finish it with: reclaim-bench run --resume ${run.runId}`);
  }
  return { run, records: path.join(folder, recordsFile) };
}

/**
 * Finds what the user means by `--base`: a baseline of that name, a run, or a git revision, whichever is there first.
 *
 * @param name absent for the usual baseline
 * @throws {InputError} when it is none of them, or damaged
 */
export async function openBase(name: string | undefined, out: string): Promise<Base> {
  const store = storeIn(out);
  const label = name ?? defaultBaseline;
  // A path or a revision can hold what a baseline's name cannot.
  const isName = /^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(label) && label !== "modules";
  if (name === undefined || (isName && store.has(label))) {
    const { baseline, run, records } = await store.read(label);
    return { kind: "baseline", label, recorded: { run, records }, baseline };
  }
  const folder = runFolderOf(label, out);
  if (existsSync(path.join(folder, runFile))) {
    const recorded = await openRun(label, out);
    return { kind: "run", label: recorded.run.runId, recorded };
  }
  if (existsSync(label)) throw new InputError(`--base ${label}: has no ${runFile}, so it is not the folder of a run`);
  const revision = await openRevision(label);
  if (revision !== null) return { kind: "revision", label, revision };
  const names = await store.names();
  const known = names.length === 0 ? "there are no baselines" : `baselines are: ${names.join(", ")}`;
  throw new InputError(`--base ${label}: neither a baseline, nor a run's folder, nor a git revision; ${known}`);
}

/** How a comparison names a side. */
export function sideOf(label: string, run: Run | null, commit = ""): Comparison["base"] {
  return {
    label,
    commit: run?.environment.commit ?? commit,
    runId: run?.runId ?? null,
    environmentId: run?.environment.id ?? null,
  };
}
