// `reclaim-bench compare`: holds a candidate against a base, or variants against a reference, and says by its exit code what
// came of it.

import path from "node:path";
import { gate } from "../../bench/gate.ts";
import { type Comparison, exitCodes } from "../compare/comparison.ts";
import { alpha as usualAlpha } from "../compare/judge.ts";
import { outcomeOf } from "../compare/outcome.ts";
import { InputError, StoppedError } from "../errors.ts";
import { gateRounds } from "../plan/gate.ts";
import { type Environment, readEnvironment } from "../records/environment.ts";
import { newRunId } from "../records/run-file.ts";
import { checkSeed } from "../workloads/parameters.ts";
import { compareExactly, type ExactOutcome } from "./compare-exact.ts";
import { type NativeOutcome, type NativeWishes, RevisionTiming, timeVariants } from "./compare-native.ts";
import { ComparisonFolder, planFormats, showComparison } from "./compare-output.ts";
import type { Io } from "./io.ts";
import { integerOf, readSettings, stoppedCode, suitesOf, withinBounds, workersOf } from "./options.ts";
import { asOfRevision } from "./revision.ts";
import { type Base, openBase, openRun, type RecordedRun, sideOf } from "./sides.ts";
import { checkWritable } from "./writable.ts";

/** Options as the command line gives them. */
export interface CompareOptions {
  readonly base?: string;
  readonly exactOnly: boolean;
  readonly nativeOnly: boolean;
  readonly problem: readonly string[];
  readonly variant: readonly string[];
  readonly reference?: string;
  readonly workload: readonly string[];
  readonly set: readonly string[];
  readonly cpus?: string;
  readonly minEffect?: string;
  readonly alpha?: string;
  readonly processes?: string;
  readonly rounds?: string;
  readonly all: boolean;
  readonly workers?: string;
  readonly seed: string;
  readonly format: readonly string[];
  readonly out: string;
  readonly exitZero: boolean;
}

/** What every comparison has. */
interface About {
  readonly command: string;
  readonly id: string;
  readonly startedAt: string;
  readonly environment: Environment;
  readonly seed: number;
  readonly native: NativeWishes;
  /** Where rounds are written to. */
  readonly folder: string;
  readonly io: Io;
  readonly signal: AbortSignal;
}

/** With fewer processes no interval at 95 % exists; more of a row take days. */
const processesMin = 6;
const processesMax = 1000;

/** Reads `0.05` or `5%`. */
function shareOf(option: string, text: string): number {
  const [, number, percent] = /^(\d+(?:\.\d+)?)(%?)$/.exec(text) ?? [];
  const share = Number(number) / (percent === "%" ? 100 : 1);
  if (number === undefined || !(share > 0 && share < 1)) {
    throw new InputError(`${option}: must be a share between 0 and 1, such as 0.05 or 5%, got '${text}'`);
  }
  return share;
}

/** Intervals are at 95 %, so a larger share of false alarms would be allowed in vain. */
function levelOf(text: string): number {
  const level = shareOf("--alpha", text);
  if (level > usualAlpha) throw new InputError(`--alpha: must be at most ${usualAlpha}, got ${text}`);
  return level;
}

/** @throws {InputError} for options that make no sense, alone or together */
function readWishes(options: CompareOptions): NativeWishes {
  const { exactOnly, nativeOnly, reference, minEffect, alpha, processes, rounds, problem, variant } = options;
  if (exactOnly && nativeOnly) throw new InputError("--exact-only and --native-only exclude each other");
  suitesOf(problem);
  const ofVariants = { "--workload": options.workload.length > 0, "--set": options.set.length > 0 };
  for (const [option, isGiven] of Object.entries({ ...ofVariants, "--cpus": options.cpus !== undefined })) {
    if (isGiven && reference === undefined) {
      throw new InputError(`${option}: goes with --reference; against a base the sizes are those of the base`);
    }
  }
  if (reference !== undefined && alpha !== undefined) {
    throw new InputError("--alpha: is about rows that can fail; between variants none does, so leave it out");
  }
  const ofTiming = { "--alpha": alpha, "--processes": processes, "--rounds": rounds, "--min-effect": minEffect };
  const idle = Object.entries(ofTiming).find(([, given]) => given !== undefined)?.[0];
  if (exactOnly && (idle !== undefined || options.all)) {
    throw new InputError(`${idle ?? "--all"}: is about what is timed; leave it out with --exact-only`);
  }
  if (reference !== undefined && options.all) {
    throw new InputError("--all: times code that is the same on both sides; leave it out with --reference");
  }
  if (reference !== undefined && (exactOnly || options.base !== undefined)) {
    throw new InputError("--reference: times variants beside each other; leave out --base and --exact-only");
  }
  if (reference !== undefined && problem.length !== 1) {
    throw new InputError("--reference: name the one problem of the variants with --problem");
  }
  return {
    problems: problem,
    variants: variant,
    seed: checkSeed(integerOf("--seed", options.seed)),
    timesAll: options.all,
    isRequired: nativeOnly,
    ...(minEffect === undefined ? {} : { minEffect: shareOf("--min-effect", minEffect) }),
    ...(alpha === undefined ? {} : { alpha: levelOf(alpha) }),
    ...(processes === undefined
      ? {}
      : { processes: withinBounds("--processes", processes, processesMax, processesMin) }),
    // The suite's workloads are as long as its rounds, and the unit is the process.
    ...(rounds === undefined ? {} : { rounds: withinBounds("--rounds", rounds, gateRounds) }),
  };
}

/** A note about machines that differ; null when they do not, or nothing stored is compared. */
function machineNote(base: RecordedRun | null, environment: Environment): string | null {
  if (base === null || base.run.environment.id === environment.id) return null;
  const { id, cpuModel } = base.run.environment;
  return `the base was measured on another machine or Node.js (${id}, ${cpuModel ?? "unknown CPU"}; this is ${environment.id}): exact metrics are the same on all of them, and no time that it measured is compared`;
}

/** What is left out of the native gate because there is no code; null when nothing is. */
function whyUntimed(base: Base, candidate: RecordedRun | null): string | null {
  if (candidate !== null)
    return "a run's folder has no code, so nothing is timed; without a candidate the working tree is";
  return base.kind === "run"
    ? "a run's folder has no code, so nothing is timed; baselines and revisions have it"
    : null;
}

/** Puts a comparison together. */
function conclude(
  { command, id, startedAt, environment, seed, io }: About,
  found: Pick<Comparison, "kind" | "base" | "head" | "warnings">,
  exact: ExactOutcome | null,
  timed: NativeOutcome | null,
): Comparison {
  const parts = {
    exact: exact?.exact ?? null,
    native: timed?.native ?? null,
    violations: [...(exact?.violations ?? []), ...(timed?.violations ?? [])],
  };
  return {
    schemaVersion: 1,
    ...{ id, kind: found.kind, command, startedAt },
    finishedAt: io.clock().toISOString(),
    ...{ environment, seed, base: found.base, head: found.head },
    ...parts,
    warnings: [...found.warnings, ...(exact?.warnings ?? []), ...(timed?.warnings ?? [])],
    outcome: outcomeOf(parts),
  };
}

/** Compares revisions: the base, and the candidate or the working tree. */
async function compareRevisions(
  base: Base,
  candidate: RecordedRun | null,
  options: CompareOptions,
  about: About,
): Promise<Comparison> {
  const { environment, io, signal, command, native } = about;
  const { problem: problems, variant: variants, out } = options;
  const warnings: string[] = [];
  const untimed = options.exactOnly ? null : whyUntimed(base, candidate);
  if (untimed !== null) {
    if (options.nativeOnly) throw new InputError(`--native-only: ${untimed}`);
    warnings.push(untimed);
  }
  const stored = base.kind === "revision" ? null : base.recorded;
  const note = machineNote(stored, environment);
  if (note !== null) warnings.push(note);
  // What cannot be timed is found before minutes are spent on what is exact.
  const timing =
    options.exactOnly || untimed !== null || base.kind === "run"
      ? null
      : await RevisionTiming.plan(base, native, out, io);
  try {
    const exact = options.nativeOnly
      ? null
      : await compareExactly(
          base,
          candidate,
          { ...{ problems, variants, out, command }, budgets: gate.budgets, workers: workersOf(options) },
          io,
          signal,
        );
    const baseSide = sideOf(
      base.label,
      exact?.base.run ?? stored?.run ?? null,
      base.kind === "revision" ? base.revision.commit : "",
    );
    const headRun = exact?.head.run ?? candidate?.run ?? null;
    const headSide = sideOf(candidate?.run.runId ?? "working tree", headRun, environment.commit);
    const commits = { base: baseSide.commit, head: headSide.commit };
    const timed = timing === null ? null : await timing.time({ ...about, commits });
    return conclude(about, { kind: "revisions", base: baseSide, head: headSide, warnings }, exact, timed);
  } finally {
    await timing?.close();
  }
}

/** Compares variants with a reference. */
async function compareVariants(reference: string, options: CompareOptions, about: About): Promise<Comparison> {
  const { commit } = about.environment;
  const cpus = options.cpus === undefined ? undefined : withinBounds("--cpus", options.cpus, 64);
  const timed = await timeVariants(
    {
      ...about.native,
      ...{ problem: options.problem[0]!, reference, workloads: options.workload, set: readSettings(options.set) },
      ...(cpus === undefined ? {} : { cpus }),
    },
    { ...about, commits: { base: commit, head: commit } },
  );
  const heads = new Set(timed.native.rows.map(({ variant }) => variant));
  const label = heads.size === 1 ? [...heads][0]! : `${heads.size} variants`;
  const sides = { base: sideOf(reference, null, commit), head: sideOf(label, null, commit) };
  return conclude(about, { kind: "variants", ...sides, warnings: [] }, null, timed);
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
  const native = readWishes(options);
  const { reference, out } = options;
  if (reference !== undefined && run !== undefined) {
    throw new InputError(`--reference: times what is there now; leave out the run ${run}`);
  }
  const output = await planFormats(options.format);
  await checkWritable(out);
  const startedAt = io.clock();
  const id = newRunId(() => startedAt);
  const candidate = run === undefined ? null : await openRun(run, out);
  const base = reference === undefined ? await openBase(options.base, out) : null;
  const folder = new ComparisonFolder(path.join(out, "results"), id);
  try {
    await folder.open();
    const about: About = {
      ...{ command, id, startedAt: startedAt.toISOString(), environment: await readEnvironment() },
      ...{ seed: native.seed, native, folder: folder.temporary, io, signal },
    };
    const comparison =
      base === null
        ? await compareVariants(reference!, options, about)
        : await compareRevisions(base, candidate, options, about);
    const places = { folder: await folder.finish(comparison), reports: path.join(out, "reports") };
    await showComparison(comparison, output, places, io);
    return options.exitZero ? 0 : exitCodes[comparison.outcome];
  } catch (error) {
    if (!(error instanceof StoppedError)) throw base?.kind === "revision" ? asOfRevision(base.revision, error) : error;
    io.warn("reclaim-bench: stopped; nothing was compared\n");
    return stoppedCode;
  } finally {
    await folder.abandon();
    if (base?.kind === "revision") await base.revision.close();
  }
}
