// `reclaim-bench compare`: holds a candidate against a base, and says by its exit code what came of it.

import path from "node:path";
import { gate } from "../../bench/gate.ts";
import { type Comparison, exitCodes } from "../compare/comparison.ts";
import { outcomeOf } from "../compare/outcome.ts";
import { InputError, StoppedError } from "../errors.ts";
import { type Environment, readEnvironment } from "../records/environment.ts";
import { newRunId } from "../records/run-file.ts";
import { checkSeed } from "../workloads/parameters.ts";
import { compareExactly, type ExactOutcome } from "./compare-exact.ts";
import { ComparisonFolder, planFormats, showComparison } from "./compare-output.ts";
import type { Io } from "./io.ts";
import { integerOf, stoppedCode, suitesOf, workersOf } from "./options.ts";
import { type Base, openBase, openRun, type RecordedRun, sideOf } from "./sides.ts";
import { checkWritable } from "./writable.ts";

/** Options as the command line gives them. */
export interface CompareOptions {
  readonly base?: string;
  readonly exactOnly: boolean;
  readonly nativeOnly: boolean;
  readonly problem: readonly string[];
  readonly variant: readonly string[];
  readonly workers?: string;
  readonly seed: string;
  readonly format: readonly string[];
  readonly out: string;
  readonly exitZero: boolean;
}

/** A note about machines that differ; null when they do not, or nothing stored is compared. */
function machineNote(base: RecordedRun | null, environment: Environment): string | null {
  if (base === null || base.run.environment.id === environment.id) return null;
  const { id, cpuModel } = base.run.environment;
  return `the base was measured on another machine or Node.js (${id}, ${cpuModel ?? "unknown CPU"}; this is ${environment.id}): exact metrics are the same on all of them, and no time that it measured is compared`;
}

/** Compares revisions: the base, and the candidate or the working tree. */
async function compareRevisions(
  base: Base,
  candidate: RecordedRun | null,
  options: CompareOptions,
  about: { readonly command: string; readonly id: string; readonly startedAt: string },
  io: Io,
  signal: AbortSignal,
): Promise<Comparison> {
  const environment = await readEnvironment();
  const exact: ExactOutcome | null = options.nativeOnly
    ? null
    : await compareExactly(
        base,
        candidate,
        {
          problems: options.problem,
          variants: options.variant,
          budgets: gate.budgets,
          workers: workersOf(options),
          out: options.out,
          command: about.command,
        },
        io,
        signal,
      );
  const stored = base.kind === "revision" ? null : base.recorded;
  const headRun = exact?.head.run ?? candidate?.run ?? null;
  const note = machineNote(stored, environment);
  const parts = {
    exact: exact?.exact ?? null,
    native: null,
    violations: [...(exact?.violations ?? [])],
  };
  return {
    schemaVersion: 1,
    id: about.id,
    kind: "revisions",
    command: about.command,
    startedAt: about.startedAt,
    finishedAt: io.clock().toISOString(),
    environment,
    seed: checkSeed(integerOf("--seed", options.seed)),
    base: sideOf(
      base.label,
      exact?.base.run ?? stored?.run ?? null,
      base.kind === "revision" ? base.revision.commit : "",
    ),
    head: sideOf(candidate === null ? "working tree" : candidate.run.runId, headRun, environment.commit),
    ...parts,
    warnings: [...(note === null ? [] : [note]), ...(exact?.warnings ?? [])],
    outcome: outcomeOf(parts),
  };
}

/**
 * Compares.
 *
 * @param run the candidate; the working tree when it is absent
 * @param command the command line, for the record
 * @param signal raised when the user stops it: nothing is left behind then
 * @returns exit code
 */
export async function compareCommand(
  run: string | undefined,
  options: CompareOptions,
  command: string,
  io: Io,
  signal: AbortSignal,
): Promise<number> {
  if (options.exactOnly && options.nativeOnly)
    throw new InputError("--exact-only and --native-only exclude each other");
  suitesOf(options.problem);
  const output = await planFormats(options.format);
  await checkWritable(options.out);
  const startedAt = io.clock();
  const about = { command, id: newRunId(() => startedAt), startedAt: startedAt.toISOString() };
  const candidate = run === undefined ? null : await openRun(run, options.out);
  const base = await openBase(options.base, options.out);
  const folder = new ComparisonFolder(path.join(options.out, "results"), about.id);
  try {
    await folder.open();
    const comparison = await compareRevisions(base, candidate, options, about, io, signal);
    const places = { folder: await folder.finish(comparison), reports: path.join(options.out, "reports") };
    await showComparison(comparison, output, places, io);
    return options.exitZero ? 0 : exitCodes[comparison.outcome];
  } catch (error) {
    if (!(error instanceof StoppedError)) throw error;
    io.warn("reclaim-bench: stopped; nothing was compared\n");
    return stoppedCode;
  } finally {
    await folder.abandon();
    if (base.kind === "revision") await base.revision.close();
  }
}
