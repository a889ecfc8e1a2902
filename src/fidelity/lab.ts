// Simulates the cases of the rows in threads, each case once however many rows ask for it.

import { mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { type CompiledModule, compileCheckerCore, compileModule, compileSimulatorCore } from "../build/compile.ts";
import { performCheck, scenarioOf } from "../checker/job.ts";
import type { CheckOutcome } from "../checker/outcome.ts";
import { InputError, ViolationError } from "../errors.ts";
import { Histogram } from "../records/histogram.ts";
import { labelledMetric } from "../records/labelled.ts";
import type { SimulationJob, WorkloadSource } from "../simulator/job.ts";
import { SimulationPool } from "../simulator/pool.ts";
import type { MachineProfile } from "../simulator/profile.ts";
import type { Sample } from "../simulator/rows.ts";
import { createWorkload, saveWorkload } from "../workloads/index.ts";
import type { ParameterValue, Workload } from "../workloads/workload.ts";

/** A case that a row wants simulated. */
export interface CaseSpec {
  /** One that can be simulated. */
  readonly problem: string;
  readonly variant: string;
  /** Constants of the build, such as `LAB_HZ`. */
  readonly constants: Readonly<Record<string, number>>;
  /** Whether caches without used objects are destroyed without asking the variant. @default false */
  readonly skipWhenEmpty?: boolean;
  /** A workload of the project with its parameters, or one of a row's own. */
  readonly workload:
    | { readonly name: string; readonly parameters: Readonly<Record<string, ParameterValue>> }
    | Workload;
  readonly machine: MachineProfile;
  readonly cpus: number;
  /** Virtual time for which a repeatable workload is repeated; null: each chunk is run once. */
  readonly virtualMs: number | null;
}

/** A case whose interleavings a row wants explored. */
export interface CheckSpec {
  readonly problem: string;
  readonly variant: string;
  readonly constants: Readonly<Record<string, number>>;
  /** One of the checker's. */
  readonly scenario: string;
}

/** Samples of a case, by metric. */
export class Outcome {
  /** Time that the host took to simulate it. No figure may depend on it. */
  readonly hostSeconds: number;
  readonly #samples: readonly Sample[];
  readonly #values: ReadonlyMap<string, number>;

  constructor(samples: readonly Sample[], hostSeconds: number) {
    this.hostSeconds = hostSeconds;
    this.#samples = samples;
    this.#values = new Map(samples.map(({ metric, value }) => [metric, value]));
  }

  /** Value of a metric. @throws {Error} when the case has none */
  value(metric: string): number {
    const value = this.#values.get(metric);
    if (value === undefined) throw new Error(`the simulation tells no '${metric}'`);
    return value;
  }

  /** Value of a labelled metric; 0 when the case has none, because labels that did not occur are left out. */
  labelled(name: string, label: string): number {
    return this.#values.get(labelledMetric(name, label)) ?? 0;
  }

  /** CPU time in a symbol, of all CPUs, in ns. */
  symbolNs(symbol: string): number {
    return this.labelled("symbol-ns", symbol);
  }

  /** CPU time that was not idle, in ns. */
  get busyNs(): number {
    return this.value("utilisation") * this.value("virtual-ns");
  }

  /** Values of a metric that is told after each round, in their order; empty when it is not. */
  series(metric: string): number[] {
    return this.#samples
      .filter((sample) => sample.metric === metric)
      .sort((one, other) => (one.round ?? 0) - (other.round ?? 0))
      .map(({ value }) => value);
  }

  distribution(name: string): Histogram {
    return Histogram.fromRows(this.#samples, name);
  }
}

/** What rows simulate with. */
export interface Lab {
  /** @throws {InputError | ViolationError} with the case's own message */
  run(spec: CaseSpec): Promise<Outcome>;
  /** Explores every interleaving, with every store at once. @throws {InputError} for an unknown scenario */
  check(spec: CheckSpec): Promise<CheckOutcome>;
}

/** A lab that knows how long its simulations took, one after the other. */
export class TimedLab implements Lab {
  readonly #lab: Lab;
  #seconds = 0;

  constructor(lab: Lab) {
    this.#lab = lab;
  }

  async run(spec: CaseSpec): Promise<Outcome> {
    const outcome = await this.#lab.run(spec);
    this.#seconds += outcome.hostSeconds;
    return outcome;
  }

  async check(spec: CheckSpec): Promise<CheckOutcome> {
    const outcome = await this.#lab.check(spec);
    this.#seconds += outcome.ms / 1000;
    return outcome;
  }

  get seconds(): number {
    return this.#seconds;
  }
}

/** Memory that one case takes at most, roughly: most of it is the address space of its Wasm memories. */
const caseBytes = 3 * 2 ** 30;

/** Threads of a pool behind a {@link Lab}. End with {@link close}, also after an error. */
export class PooledLab implements Lab {
  readonly #pool: SimulationPool;
  readonly #outcomes = new Map<string, Promise<Outcome>>();
  readonly #modules = new Map<string, Promise<CompiledModule>>();
  readonly #folder = mkdtempSync(path.join(os.tmpdir(), "reclaim-bench-"));
  #files = 0;
  #core: Promise<CompiledModule> | null = null;

  constructor(workers: number, signal: AbortSignal) {
    this.#pool = new SimulationPool({ workers, bytesMax: 0.75 * os.totalmem(), signal });
  }

  run(spec: CaseSpec): Promise<Outcome> {
    const { workload, ...rest } = spec;
    const key = JSON.stringify([rest, workload.name, workload.parameters]);
    let outcome = this.#outcomes.get(key);
    if (outcome === undefined) {
      outcome = this.#simulate(spec);
      this.#outcomes.set(key, outcome);
    }
    return outcome;
  }

  async #simulate(spec: CaseSpec): Promise<Outcome> {
    const { problem, variant, skipWhenEmpty = false, machine: profile, cpus, virtualMs } = spec;
    const [core, compiled] = await Promise.all([this.#compileCore(), this.#compile(spec)]);
    const job: SimulationJob = {
      problem,
      variant: { id: variant, isFloor: variant === "floor", skipWhenEmpty },
      core: core.wasm,
      compiled,
      workload: this.#sourceOf(spec.workload),
      profile,
      cpus,
      virtualMs,
      isByCpu: false,
    };
    let beginMs = 0;
    // Asked when its turn comes.
    const isWanted = (): boolean => {
      beginMs = performance.now();
      return true;
    };
    const outcome = await this.#pool.run({ job, bytes: caseBytes, isWanted }).outcome;
    if (outcome === null) throw new Error("a wanted case was left out");
    if (outcome.kind === "done") return new Outcome(outcome.samples, (performance.now() - beginMs) / 1000);
    throw outcome.kind === "violation" ? new ViolationError(outcome.message) : new InputError(outcome.message);
  }

  /** In this thread: the cases of rows are small. */
  async check({ problem, variant, constants, scenario }: CheckSpec): Promise<CheckOutcome> {
    const all = { ...scenarioOf({ problem, scenario }).constants, ...constants };
    const [core, compiled] = await Promise.all([
      compileCheckerCore(),
      compileModule({ problem, variant, machine: "checked", constants: all }),
    ]);
    return performCheck({
      problem,
      variant: { id: variant, skipWhenEmpty: false },
      scenario,
      model: "sc",
      scheduler: { name: "exhaustive", reduction: true },
      ...checkBounds,
      core: core.wasm,
      compiled,
    });
  }

  #compileCore(): Promise<CompiledModule> {
    this.#core ??= compileSimulatorCore();
    return this.#core;
  }

  #compile({ problem, variant, constants }: CaseSpec): Promise<CompiledModule> {
    const key = JSON.stringify([problem, variant, constants]);
    let module = this.#modules.get(key);
    if (module === undefined) {
      module = compileModule({ problem, variant, machine: "simulated", constants });
      this.#modules.set(key, module);
    }
    return module;
  }

  /** A thread makes its workload itself; one of a row's own goes there as a file. */
  #sourceOf(workload: CaseSpec["workload"]): WorkloadSource {
    if (!isWorkload(workload)) return { ...workload, seed };
    const file = path.join(this.#folder, `${this.#files++}.workload`);
    saveWorkload(workload, file);
    return { file };
  }

  async close(): Promise<void> {
    await this.#pool.close();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** Far beyond what the cases of rows take. */
const checkBounds = { statesMax: 1_000_000, stepsMax: 5000, msMax: 60_000, bytesMax: 256 * 1024 * 1024 };

/** Seed of all workloads. */
const seed = 1;

function isWorkload(workload: CaseSpec["workload"]): workload is Workload {
  return "limits" in workload;
}

/** A workload as a case gets it. */
export function workloadOf({ workload }: Pick<CaseSpec, "workload">): Workload {
  return isWorkload(workload) ? workload : createWorkload(workload.name, workload.parameters, seed);
}
