// Times several modules in pairs: all in one process, round by round in turn. What the machine does, and what a process
// happens to get of memory and of code layout, is then the same for all of them; how much a process's luck decides, shows
// between processes. So each job is performed in a process of its own, and says one thing: a value of each metric per round.

import { readFileSync } from "node:fs";
import path from "node:path";
import type { CompiledModule } from "../build/compile.ts";
import { InputError, ViolationError } from "../errors.ts";
import { runJsonProcess } from "../json-process.ts";
import { packageRoot } from "../package-root.ts";
import { type PairedJob, type PairedSamples, type PairedSubject, pairedSamplesSchema } from "../plan/paired.ts";
import { quarantineBytesOf } from "../plan/unit.ts";
import { problemOf } from "../problems/index.ts";
import { createWorkload } from "../workloads/index.ts";
import { Random } from "../workloads/random.ts";
import { measureNatively } from "./measure.ts";
import { measureProblem } from "./problem.ts";
import { measureOnCrew } from "./quarantine-crew.ts";
import type { SampleSink } from "./turns.ts";

/** An empty custom section, whose name is one character. */
function emptySection(index: number): Uint8Array {
  return Uint8Array.of(0, 2, 1, "a".charCodeAt(0) + (index % 26));
}

/**
 * A subject's module. V8 keeps one copy of the code of modules that are the same to the byte, and two builds never share
 * theirs: where code lies is part of what is compared, also between two sides of the same code.
 *
 * @throws {InputError} when the file is missing or no module
 */
function readModule({ id, wasmFile }: PairedSubject, index: number): CompiledModule {
  let wasm: Uint8Array<ArrayBuffer>;
  try {
    wasm = new Uint8Array(readFileSync(wasmFile));
  } catch (error) {
    throw new InputError(`${id}: cannot read ${wasmFile}: ${(error as NodeJS.ErrnoException).code ?? error}`);
  }
  if (!WebAssembly.validate(wasm)) throw new InputError(`${id}: ${wasmFile} is no WebAssembly module`);
  return { wasm: new Uint8Array([...wasm, ...emptySection(index)]), sha256: "", flags: [] };
}

/** What a job's subjects gave, by subject, metric and round. */
class Samples {
  readonly #job: PairedJob;
  readonly #values = new Map<string, Map<string, Map<number, number>>>();

  constructor(job: PairedJob) {
    this.#job = job;
    for (const { id } of job.subjects) this.#values.set(id, new Map(job.metrics.map((metric) => [metric, new Map()])));
  }

  readonly take: SampleSink = (id, metric, round, value) => {
    this.#values.get(id)?.get(metric)?.set(round, value);
  };

  /** Values of the rounds that all of these subjects have, without those that warmed up. */
  of(ids: readonly string[]): PairedSamples["samples"] {
    const { metrics, warmupRounds, rounds } = this.#job;
    const valuesOf = (id: string, metric: string): ReadonlyMap<number, number> => this.#values.get(id)!.get(metric)!;
    const samples = Object.fromEntries(ids.map((id): [string, Record<string, number[]>] => [id, {}]));
    for (const metric of metrics) {
      const all = [...new Set(ids.flatMap((id) => [...valuesOf(id, metric).keys()]))];
      const common = all.filter((round) => ids.every((id) => valuesOf(id, metric).has(round))).sort((a, b) => a - b);
      const kept = common.slice(warmupRounds, warmupRounds + rounds);
      for (const id of ids) samples[id]![metric] = kept.map((round) => valuesOf(id, metric).get(round)!);
    }
    return samples;
  }
}

/**
 * Performs a job in this process.
 *
 * @throws {InputError} when the job asks for what does not exist
 * @throws {StoppedError} when the signal was raised
 */
export async function performPaired(job: PairedJob, signal: AbortSignal): Promise<PairedSamples> {
  const workload = createWorkload(job.workload.name, job.workload.parameters, job.workload.seed);
  const failures: PairedSamples["failures"] = {};
  const order = Uint32Array.from(job.subjects.keys());
  // Memory is handed out in this order.
  new Random(job.seed).shuffle(order);
  const loaded = [...order].flatMap((index) => {
    const subject = job.subjects[index]!;
    try {
      return [{ ...subject, compiled: readModule(subject, index) }];
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      failures[subject.id] = { error: error.message, isViolation: false };
      return [];
    }
  });
  const samples = new Samples(job);
  const common = { workload, orderSeed: job.seed, onSample: samples.take, onProgress: () => {}, signal };
  const problem = problemOf(job.problem);
  let failed: ReadonlyMap<string, Error>;
  if (problem !== undefined) {
    const fixedTime = { slices: job.warmupRounds + job.rounds, sliceMs: job.sliceMs };
    failed = await measureProblem(problem, {
      ...common,
      subjects: loaded,
      cpus: job.cpus,
      fixedTime: workload.repeatable ? fixedTime : null,
      isProfiled: false,
      onDistribution: () => {},
    });
  } else {
    const sizes = { cpus: job.cpus, quarantineBytes: quarantineBytesOf(workload) };
    failed = await (job.cpus === 1 ? measureNatively : measureOnCrew)({
      ...common,
      subjects: loaded.map(({ id, compiled, isFloor, skipWhenEmpty }) => ({
        ...{ id, compiled, isFloor },
        sizes: { ...sizes, skipWhenEmpty },
      })),
      onRemovals: () => {},
    });
  }
  for (const [id, error] of failed) {
    failures[id] = { error: error.message, isViolation: error instanceof ViolationError };
  }
  return { samples: samples.of(loaded.map(({ id }) => id).filter((id) => failures[id] === undefined)), failures };
}

/** The program that performs a job; of the build, also where the sources run. */
const processFile = path.join(packageRoot, "dist", "src", "native", "paired-process.js");

/** Longest time that a job may take, in ms: it takes seconds, and one CPU alone is not watched for hangs. */
const patienceMs = 180_000;

/**
 * Performs a job in a process of its own.
 *
 * @throws {InputError} when the job asks for what does not exist
 * @throws {StoppedError} when the signal was raised
 * @throws {Error} when the process died or did not end
 */
export async function measurePaired(job: PairedJob, signal: AbortSignal): Promise<PairedSamples> {
  const end = await runJsonProcess(processFile, job, {
    // All code is that of the optimising compiler from the first call on.
    nodeArguments: ["--no-liftoff"],
    name: `${job.problem}, ${job.subjects.map(({ id }) => id).join(" and ")} in ${job.workload.name}`,
    patienceMs,
    signal,
  });
  if (end.isBadJob) throw new InputError(end.text);
  return pairedSamplesSchema.parse(JSON.parse(end.text));
}
