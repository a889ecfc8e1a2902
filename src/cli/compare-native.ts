// The native gate: which code is timed beside which, and where every round goes.

import { mkdtemp, rm, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { isDeepStrictEqual } from "node:util";
import { gate } from "../../bench/gate.ts";
import type { CompiledModule, ModuleSource } from "../build/compile.ts";
import { interfaceOf } from "../build/interface.ts";
import { readMachineFloor } from "../compare/machine-floor.ts";
import { compareNatively, type NativeOptions, type NativeResult, processesWanted } from "../compare/native.ts";
import type { NativeCase, NativeRounds, NativeSide } from "../compare/timed-case.ts";
import { InputError } from "../errors.ts";
import { watchMachine } from "../native/machine-watch.ts";
import { measurePaired } from "../native/paired.ts";
import { type GateRow, timedVariants } from "../plan/gate.ts";
import { knownOnly } from "../plan/plan.ts";
import type { Suite } from "../plan/suite.ts";
import { type PlannedVariant, planVariant } from "../plan/variant.ts";
import type { Baseline, BaselineStore } from "../records/baseline.ts";
import { RecordWriter } from "../records/csv.ts";
import type { Environment } from "../records/environment.ts";
import { metricOf } from "../records/metrics.ts";
import type { MeasuredRow } from "../records/record.ts";
import { createWorkload } from "../workloads/index.ts";
import type { ParameterValue } from "../workloads/workload.ts";
import { storeIn } from "./baseline.ts";
import { gateVariants } from "./gate-variants.ts";
import type { Io } from "./io.ts";
import { compileAll } from "./modules.ts";
import { suitesOf } from "./options.ts";
import { Progress } from "./progress.ts";
import { hasVariant, lostVariants, type Revision } from "./revision.ts";
import { parameterText } from "./run-records.ts";
import type { Base } from "./sides.ts";

/** What the user wants of a comparison, as far as it concerns the native gate. */
export interface NativeWishes extends Pick<NativeOptions, "alpha" | "processes" | "rounds" | "minEffect" | "timesAll"> {
  /** Empty for all. */
  readonly problems: readonly string[];
  /** Ids; empty for all. */
  readonly variants: readonly string[];
  /** Of the order of turns. */
  readonly seed: number;
  /** Whether nothing else is compared. */
  readonly isRequired: boolean;
}

/** What is needed besides, whichever the sides. */
export interface NativeRun {
  readonly id: string;
  /** Folder that gets the table of all rounds. */
  readonly folder: string;
  readonly environment: Environment;
  /** Revisions of the two sides. */
  readonly commits: { readonly base: string; readonly head: string };
  readonly io: Io;
  readonly signal: AbortSignal;
}

export interface NativeOutcome extends NativeResult {
  /** In sentences without full stops. */
  readonly warnings: readonly string[];
}

/** Seed of the gate's workloads: what is timed is the same in every comparison. */
const workloadSeed = 1;

/** Code of a variant that is to be timed. */
export interface TimedCode {
  readonly problem: string;
  readonly variant: PlannedVariant;
  /** @default the working tree */
  readonly revision?: Revision;
}

function sourceOf({ problem, variant: { name, constants }, revision }: TimedCode): ModuleSource {
  const source = { problem, variant: name, machine: "native", constants } as const;
  return revision === undefined ? source : { ...source, kernelFolder: revision.kernelFolder };
}

/** Modules of the native form in files of their own, which go when the comparison ends. */
export class ModuleFiles {
  readonly #folder: string;
  readonly #io: Io;

  private constructor(folder: string, io: Io) {
    this.#folder = folder;
    this.#io = io;
  }

  static async open(io: Io): Promise<ModuleFiles> {
    return new ModuleFiles(await mkdtemp(path.join(os.tmpdir(), "reclaim-bench-native-")), io);
  }

  /** Compiles code of variants, all of it at once. @returns the module of each */
  async compile(wanted: readonly TimedCode[]): Promise<(code: TimedCode) => CompiledModule> {
    const moduleOf = await compileAll(wanted.map(sourceOf), this.#io);
    return (code) => moduleOf(sourceOf(code));
  }

  async sideOf(variant: PlannedVariant, { wasm, sha256 }: CompiledModule): Promise<NativeSide> {
    const wasmFile = path.join(this.#folder, `${sha256}.wasm`);
    await writeFile(wasmFile, wasm);
    const { id, skipWhenEmpty, isFloor } = variant;
    return { variant: id, wasmFile, sha256, skipWhenEmpty, isFloor };
  }

  close(): Promise<void> {
    return rm(this.#folder, { recursive: true });
  }
}

/** Parameters of a row, all of them, and how rows and records name them. */
export function workloadOf(
  row: GateRow,
  variant: PlannedVariant | null,
  set: Readonly<Record<string, ParameterValue>> = {},
): Pick<NativeCase, "workload" | "parameters"> {
  const given = { ...row.parameters, ...knownOnly(row.workload, set) };
  const { name, parameters, seed } = createWorkload(row.workload, given, workloadSeed);
  return {
    workload: { name, parameters: given, seed },
    parameters: parameterText({ ...parameters, ...variant?.parameters }),
  };
}

/** Variants of a row: those of the problem's lines whose own work shows in it, each code once. */
export function variantsOf(
  row: GateRow,
  isWanted: (variant: PlannedVariant) => boolean = () => true,
): PlannedVariant[] {
  return timedVariants(row, gateVariants(row.problem)).filter(isWanted);
}

/** Ids of variants that somebody names; those of names that no suite has are left out. */
function idsOf(suites: readonly Suite[], names: readonly string[]): Set<string> {
  const ids = names.flatMap((text) => {
    const [name] = text.trim().split(/\s+/);
    const knowing = suites.filter((suite) => suite.variants.some((one) => one.name === name));
    return knowing.map((suite) => planVariant(suite, text).id);
  });
  return new Set(ids);
}

/** Writes every round of a comparison as a row, in the order of the rounds. */
class RoundRecorder {
  readonly #run: NativeRun;
  readonly #writer: RecordWriter;
  #written: Promise<void> = Promise.resolve();

  constructor(run: NativeRun, writer: RecordWriter) {
    this.#run = run;
    this.#writer = writer;
  }

  readonly take = ({ purpose, case: what, variant, side, process, metric, values }: NativeRounds): void => {
    const { id, environment, commits } = this.#run;
    const { unit, better, assume } = metricOf(metric);
    const row: Omit<MeasuredRow, "round" | "value"> = {
      run_id: id,
      commit: commits[side],
      problem: what.problem,
      variant,
      workload: what.workload.name,
      instrument: "native",
      cpus: what.cpus,
      parameters: [...what.parameters.split(" "), `purpose=${purpose}`, `side=${side}`].sort().join(" "),
      process,
      ...{ metric, unit, better, assume },
      seed: what.workload.seed,
      environment_id: environment.id,
    };
    this.#written = this.#written.then(async () => {
      for (const [round, value] of values.entries()) await this.#writer.write({ ...row, round, value });
    });
    // Who waits for it hears of a failure.
    this.#written.catch(() => undefined);
  };

  /** Ends when everything up to now was taken over by the writer. */
  settle(): Promise<void> {
    return this.#written;
  }
}

/** Times cases, with everything that this needs. */
async function time(
  kind: NativeOptions["kind"],
  cases: readonly NativeCase[],
  { problems: _problems, variants: _variants, isRequired: _isRequired, ...wishes }: NativeWishes,
  run: NativeRun,
): Promise<NativeOutcome> {
  const { folder, environment, io, signal } = run;
  // The folder lies in that of all results.
  const machine = await readMachineFloor(path.dirname(folder), environment.id);
  const writer = await RecordWriter.open(folder);
  const recorder = new RoundRecorder(run, writer);
  const progress = new Progress(io, { unitsTotal: 1 });
  progress.begin("time");
  try {
    const result = await compareNatively({
      ...wishes,
      ...{ kind, cases, signal },
      machine: await watchMachine(),
      machineFloor: machine.floorOf,
      measure: async (job) => {
        // What could not be written is found before more is measured.
        await recorder.settle();
        return await measurePaired(job, signal);
      },
      onRounds: recorder.take,
      onProgress: (share, text) => progress.update(share, text),
    });
    await recorder.settle();
    await writer.finish();
    progress.finish(1);
    return { ...result, warnings: machine.warning === null ? [] : [machine.warning] };
  } finally {
    progress.clear();
    await writer.abort();
  }
}

/** Code of a baseline, as the gate needs it. */
class BaselineCode {
  readonly #baseline: Baseline;
  readonly #store: BaselineStore;

  constructor(baseline: Baseline, store: BaselineStore) {
    this.#baseline = baseline;
    this.#store = store;
  }

  /**
   * @param present the code of the candidate
   * @returns undefined when the baseline has no such variant
   * @throws {InputError} when today's host cannot run it
   */
  side(problem: string, { id }: PlannedVariant, present: CompiledModule): NativeSide | undefined {
    const found = this.#baseline.modules.find((one) => one.problem === problem && one.variant === id);
    if (found === undefined) return undefined;
    if (found.interfaceSha256 !== interfaceOf(problem, present.wasm)) {
      throw new InputError(
        `baseline '${this.#baseline.name}': what modules of ${problem} share with their host has changed since it was saved, so its code cannot be timed; save a new one with: reclaim-bench baseline save --force, or leave out what is timed with --exact-only`,
      );
    }
    const { skipWhenEmpty, isFloor, wasmSha256 } = found;
    return { variant: id, wasmFile: this.#store.moduleFile(found), sha256: wasmSha256, skipWhenEmpty, isFloor };
  }
}

/** A base with code; a run's folder has none. */
type CodeBase = Exclude<Base, { readonly kind: "run" }>;

/** What a base has code of and the working tree has not. */
function lostCode(from: CodeBase, suites: readonly Suite[]): string[] {
  const lost = suites.flatMap(({ problem, variants }) => {
    if (from.kind === "revision") return lostVariants(from.revision, problem).map((name) => `${problem} ${name}`);
    const names = new Set(variants.map(({ name }) => name));
    const gone = from.baseline.modules.filter(
      (one) => one.problem === problem && !names.has(one.variant.split(" ")[0]!),
    );
    return gone.map(({ variant }) => `${problem} ${variant}`);
  });
  return lost.length === 0 ? [] : [`the base has code of ${lost.join(", ")}, which is not there any more`];
}

/** The base's code beside that of the working tree, in the rows of the gate's suite: all of it compiled, and nothing timed yet. */
export class RevisionTiming {
  readonly #files: ModuleFiles;
  readonly #cases: readonly NativeCase[];
  readonly #warnings: readonly string[];
  readonly #wishes: NativeWishes;

  private constructor(
    files: ModuleFiles,
    cases: readonly NativeCase[],
    warnings: readonly string[],
    wishes: NativeWishes,
  ) {
    this.#files = files;
    this.#cases = cases;
    this.#warnings = warnings;
    this.#wishes = wishes;
  }

  /** @throws {InputError} when something cannot be compiled or run, or nothing could be told of it */
  static async plan(from: CodeBase, wishes: NativeWishes, out: string, io: Io): Promise<RevisionTiming> {
    const files = await ModuleFiles.open(io);
    try {
      const { cases, warnings } = await casesOf(from, wishes, out, files);
      processesWanted({ ...wishes, kind: "revisions", cases });
      return new RevisionTiming(files, cases, warnings, wishes);
    } catch (error) {
      await files.close();
      throw error;
    }
  }

  /** @throws {StoppedError} when the signal was raised */
  async time(run: NativeRun): Promise<NativeOutcome> {
    const result = await time("revisions", this.#cases, this.#wishes, run);
    return { ...result, warnings: [...result.warnings, ...this.#warnings] };
  }

  close(): Promise<void> {
    return this.#files.close();
  }
}

/** Pairs of code, and what is to be said of code that has none. */
async function casesOf(
  from: CodeBase,
  { problems, variants, isRequired }: NativeWishes,
  out: string,
  files: ModuleFiles,
): Promise<{ readonly cases: readonly NativeCase[]; readonly warnings: readonly string[] }> {
  const isInBase = (problem: string): boolean =>
    from.kind === "revision" || from.baseline.modules.some((one) => one.problem === problem);
  const suites = suitesOf(problems).filter(({ problem }) => isInBase(problem));
  const wanted = idsOf(suites, variants);
  const timed = gate.rows
    .filter(({ problem }) => suites.some((suite) => suite.problem === problem))
    .flatMap((row) =>
      variantsOf(row, ({ id }) => variants.length === 0 || wanted.has(id)).map((variant) => {
        const present: TimedCode = { problem: row.problem, variant };
        const isInRevision = from.kind === "revision" && hasVariant(from.revision, row.problem, variant.name);
        const before: TimedCode | null = isInRevision ? { ...present, revision: from.revision } : null;
        return { row, variant, present, before };
      }),
    );
  const cases: NativeCase[] = [];
  // What nobody asked for is not missed.
  const missing = new Set(problems.filter((problem) => !isInBase(problem)));
  const moduleOf = await files.compile(
    timed.flatMap(({ present, before }) => (before === null ? [present] : [present, before])),
  );
  for (const { row, variant, present, before } of timed) {
    const { problem, cpus, metrics } = row;
    const module = moduleOf(present);
    const base =
      from.kind === "baseline"
        ? new BaselineCode(from.baseline, storeIn(out)).side(problem, variant, module)
        : before === null
          ? undefined
          : await files.sideOf(variant, moduleOf(before));
    if (base === undefined) {
      missing.add(`${problem} ${variant.id}`);
      continue;
    }
    const heads = [await files.sideOf(variant, module)];
    cases.push({ problem, cpus, metrics, base, heads, ...workloadOf(row, variant) });
  }
  const warnings: string[] = [];
  if (missing.size > 0) warnings.push(`the base has no code of ${[...missing].join(", ")}, so it is not timed`);
  // What the exact gate finds gone it tells itself.
  if (variants.length === 0 && isRequired) warnings.push(...lostCode(from, suites));
  const untimed = variants.filter((text) => {
    const ids = idsOf(suites, [text]);
    return !timed.some(({ variant }) => ids.has(variant.id));
  });
  if (untimed.length > 0) warnings.push(`the gate's suite does not time ${untimed.join(", ")}`);
  if (cases.length === 0 && isRequired) {
    const why = warnings.length === 0 ? "the gate's suite has no row of what is to be compared" : warnings.join("; ");
    throw new InputError(`--native-only: nothing can be timed: ${why}`);
  }
  return { cases, warnings };
}

/** What variants are compared by. */
export interface VariantWishes extends NativeWishes {
  readonly problem: string;
  readonly reference: string;
  /** Empty for all of the gate's. */
  readonly workloads: readonly string[];
  readonly set: Readonly<Record<string, ParameterValue>>;
  readonly cpus?: number;
}

/**
 * Times variants beside a reference, all in the same processes.
 *
 * @throws {InputError} when the gate's suite has no such row, or no variant is left to compare
 * @throws {StoppedError} when the signal was raised
 */
export async function timeVariants(wishes: VariantWishes, run: NativeRun): Promise<NativeOutcome> {
  const { problem, reference, workloads, set, cpus, ...others } = wishes;
  const known = gate.rows.filter((row) => row.problem === problem);
  const rows = known.filter(({ workload }) => workloads.length === 0 || workloads.includes(workload));
  if (rows.length === 0) {
    const names = [...new Set(known.map(({ workload }) => workload))].join(", ");
    throw new InputError(`--workload ${workloads.join(", ")}: is not timed of problem '${problem}'; one of: ${names}`);
  }
  const unknown = Object.keys(set).find((key) =>
    rows.every(({ workload }) => !Object.hasOwn(knownOnly(workload, set), key)),
  );
  if (unknown !== undefined) {
    throw new InputError(`--set ${unknown}: no timed workload has this parameter; 'list' shows them`);
  }
  const asked = gateVariants(problem, [reference, ...wishes.variants]);
  const [suite] = suitesOf([problem]);
  const idOf = (text: string): string => planVariant(suite!, text).id;
  const first = asked.find(({ id }) => id === idOf(reference))!;
  const named = wishes.variants.map(idOf);
  const files = await ModuleFiles.open(run.io);
  const cases: NativeCase[] = [];
  try {
    for (const row of rows) {
      if ((row.without ?? []).includes(first.id)) continue;
      const chosen = named.length > 0 ? asked.filter(({ id }) => named.includes(id)) : variantsOf(row);
      const heads = chosen.filter(({ id }) => id !== first.id);
      if (heads.length === 0) continue;
      const codes = [first, ...heads].map((variant): TimedCode => ({ problem, variant }));
      const moduleOf = await files.compile(codes);
      const sides = await Promise.all(codes.map((code) => files.sideOf(code.variant, moduleOf(code))));
      const what: NativeCase = {
        ...{ problem, cpus: cpus ?? row.cpus, metrics: row.metrics },
        ...{ base: sides[0]!, heads: sides.slice(1) },
        ...workloadOf(row, null, set),
      };
      // Rows may differ in nothing but the CPUs, or in a parameter that is set.
      if (!cases.some((one) => isDeepStrictEqual(one, what))) cases.push(what);
    }
    if (cases.length === 0)
      throw new InputError(`--reference ${reference}: nothing of '${problem}' is timed beside it`);
    return await time("variants", cases, others, run);
  } finally {
    await files.close();
  }
}
