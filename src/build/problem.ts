// The module of a described problem, running.

import { InputError } from "../errors.ts";
import type { Problem } from "../problems/index.ts";
import { bucketCount, Histogram } from "../records/histogram.ts";
import type { Workload } from "../workloads/workload.ts";
import type { CompiledModule } from "./compile.ts";
import { type HarnessExports, type MachineImports, type MakeMachine, type RunningModule, start } from "./instance.ts";

/** What the harness of a described problem exports. Integers are 32 bits wide unless said otherwise. */
export interface ProblemExports extends HarnessExports {
  /** Prepares zeroed memory. Once per case, on CPU 0. */
  initialise(): void;
  /** Repeats the events until `now() >= deadlineNs` (an f64), looked at where all of the workload may begin anew. */
  runUntil(first: number, end: number, deadlineNs: number): number;
  /** Finishes what this CPU deferred, while all other CPUs are idle. */
  drain(): void;
  /** What this CPU counted. An f64. */
  counter(index: number): number;
  /** A state of the whole case, while nobody runs. An f64. */
  gauge(index: number): number;
  /** Address of one of this CPU's histograms (`src/kernel/histogram.ts`). */
  histogramAddress(index: number): number;
  /** Address and bytes of the statistics of all CPUs, and of what else the harness keeps for itself. */
  statisticsAddress(): number;
  statisticsBytes(): number;
  /** What the problem's memory holds at an address: the problem's `areas.ts`. */
  areaAt(address: number): number;
  /** Pages of the arena that were ever used. */
  touchedPageCount(): number;
}

/** Where a histogram holds its longest duration, behind its buckets; more of them than are ever used. */
const histogramMaxOffset = 6400;

/** Adds up one of the histograms of all CPUs (`src/kernel/histogram.ts`). */
export function readHistogram(
  instances: readonly Pick<ProblemExports, "histogramAddress">[],
  { buffer }: WebAssembly.Memory,
  index: number,
): Histogram {
  const histogram = new Histogram();
  for (const instance of instances) {
    const address = instance.histogramAddress(index) >>> 0;
    const max = new DataView(buffer, address + histogramMaxOffset, 8).getBigUint64(0, true);
    histogram.addCounts(new Uint32Array(buffer, address, bucketCount), Number(max));
  }
  return histogram;
}

/** Sizes of a case. */
export interface ProblemSizes {
  /** CPUs of the machine, at least 1. */
  readonly cpus: number;
  /** Steps of `compute` in a microsecond; see {@link start}. */
  readonly spinsPerMicrosecond?: number;
  /** Bytes for fibers; see {@link start}. */
  readonly fiberBytes?: number;
  /** Bytes of the arena at most, for a case that is known to need less; see {@link start}. */
  readonly arenaBytesMax?: number;
}

/**
 * Instantiates a problem's module on memory of its own and prepares it for a workload.
 *
 * @param machine imports of the form of the machine that the module was compiled for, for CPU 0
 * @param attach called before the module touches its memory, for machines that act on it themselves
 * @throws {InputError} when the memory that the case needs cannot be had
 */
export function startProblem<Exports extends ProblemExports = ProblemExports>(
  problem: Problem,
  compiled: CompiledModule,
  workload: Pick<Workload, "limits" | "parameters">,
  { cpus, spinsPerMicrosecond, fiberBytes = 0, arenaBytesMax }: ProblemSizes,
  machine: MachineImports | MakeMachine,
  attach: (running: RunningModule<Exports>) => void = () => {},
): RunningModule<Exports> {
  const globals = problem.globals(workload);
  const arenaBytes = problem.arenaBytes(workload);
  const running = start<Exports>({
    compiled,
    cpus,
    limits: problem.limits(workload.limits),
    heldBytesMax: arenaBytes,
    harness: (layout) => ({ ...globals, trueSize: layout.trueSize ? 1 : 0 }),
    machine,
    ...(spinsPerMicrosecond === undefined ? {} : { spinsPerMicrosecond }),
    fiberBytes,
    ...(arenaBytesMax === undefined ? {} : { arenaBytesMax }),
    advice: problem.advice,
  });
  const { arenaBase, arenaEnd } = running.layout;
  if (arenaBytesMax === undefined && arenaEnd - arenaBase < arenaBytes) {
    throw new InputError(
      `${problem.name} needs ${Math.ceil(arenaBytes / 2 ** 20)} MiB for this workload, more than 32-bit Wasm can address beside the rest; ${problem.advice}`,
    );
  }
  attach(running);
  running.exports.initialise();
  return running;
}
