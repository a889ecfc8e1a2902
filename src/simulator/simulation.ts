// What the simulations of all problems have in common: the case that is asked for, and what every machine tells.

import type { CompiledModule } from "../build/compile.ts";
import type { HarnessExports, RunningModule } from "../build/instance.ts";
import { eventFlagsOffset, flagMeasured } from "../kernel/events.ts";
import type { Histogram } from "../records/histogram.ts";
import type { Workload } from "../workloads/workload.ts";
import { idleSymbol } from "./core/protocol.ts";
import {
  activityBytes,
  addCounts,
  addHotLines,
  type CpuExports,
  type HotLine,
  type MachineCounts,
  type SimulatedMachine,
} from "./machine.ts";
import type { MachineProfile } from "./profile.ts";

/** A case to be simulated. */
export interface SimulatedCase {
  /** The compiled core (`compileSimulatorCore`). */
  readonly core: WebAssembly.Module;
  /** The variant, compiled for the simulated form of the machine. */
  readonly compiled: CompiledModule;
  readonly workload: Workload;
  readonly profile: MachineProfile;
  /** CPUs of the machine that are in use: the first ones of the profile. At most 256. */
  readonly cpus: number;
  /** Virtual time for which a repeatable workload's measured chunk is repeated; null: every chunk is run once. */
  readonly virtualMs: number | null;
  readonly signal?: AbortSignal;
  /** Called with the share that is done, 0 to 1. */
  readonly onProgress?: (share: number) => void;
  /** Called at ends of events, and whenever the machine looks whether it is to stop: often while the case gets on. */
  readonly onHeard?: () => void;
}

/** A line with what lies in it. */
export interface NamedLine extends HotLine {
  readonly name: string;
}

/** What the machine did in the measured part of a case. All numbers are exact. */
export interface SimulatedRun {
  /** Virtual time of the rounds that do the workload's own work. */
  readonly ns: number;
  /** What the machine did in them. */
  readonly counts: MachineCounts;
  /** The lines that were transferred most between cores, most first. */
  readonly hottest: readonly NamedLine[];
  /** The lock that was held longest, by name. */
  readonly longestHold: { readonly lock: string; readonly ns: number };
  /** Grace periods that ended, by flavour. */
  readonly gracePeriods: Readonly<Record<string, number>>;
  /** Durations, by name. */
  readonly distributions: Readonly<Record<string, Histogram>>;
}

/** Adds up the parts of a case that do the workload's own work. */
export class WorkPhases {
  readonly #machine: SimulatedMachine;
  #counts: MachineCounts | null = null;
  #hottest: readonly HotLine[] = [];
  #isOpen = false;
  /** Virtual time of the rounds. */
  ns = 0;

  constructor(machine: SimulatedMachine) {
    this.#machine = machine;
  }

  /** The next rounds belong to it. */
  open(): void {
    if (this.#isOpen) return;
    this.#isOpen = true;
    this.#machine.forget();
  }

  /** The next rounds do not. */
  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    const counts = this.#machine.counts();
    this.#counts = this.#counts === null ? counts : addCounts(this.#counts, counts);
    this.#hottest = addHotLines(this.#hottest, this.#machine.hottestLines());
  }

  get counts(): MachineCounts {
    return this.#counts ?? this.#machine.counts();
  }

  get hottest(): readonly HotLine[] {
    return this.#hottest.slice(0, 10);
  }
}

/** Time that CPUs were not idle, in ns. */
export function busyNs({ cpus }: MachineCounts): number {
  let sum = 0;
  for (const { symbolNs } of cpus) {
    for (const [symbol, ns] of symbolNs) sum += symbol === idleSymbol ? 0 : ns;
  }
  return sum;
}

/** Whether a chunk belongs to the measured part. */
export function isMeasured(chunk: Uint8Array): boolean {
  return ((chunk[eventFlagsOffset] as number) & flagMeasured) !== 0;
}

/** Bytes for the fibers of a case. */
export function fiberBytesOf(cpus: number, workload: Workload): number {
  return (cpus + workload.limits.tasks) * activityBytes;
}

/** A machine's imports that tell of every event's end. */
export function heardImports({ imports }: SimulatedMachine, onHeard: () => void): SimulatedMachine["imports"] {
  const { simulated, env } = imports;
  const quiescent = simulated.quiescent as () => void;
  return {
    simulated: {
      ...simulated,
      quiescent: () => {
        onHeard();
        quiescent();
      },
    },
    env,
  };
}

/**
 * Makes the instances of all CPUs, the first of which is there already, and gives them to the machine.
 *
 * @param imports those that the first one got of the machine
 */
export function attachInstances<Exports extends HarnessExports & CpuExports>(
  machine: SimulatedMachine,
  { module, memory, layout, exports, importsOf }: RunningModule<Exports>,
  cpus: number,
  imports: SimulatedMachine["imports"] = machine.imports,
): readonly Exports[] {
  const instances: Exports[] = [exports];
  const { simulated, env } = imports;
  for (let cpu = 1; cpu < cpus; cpu++) {
    const own = importsOf(cpu);
    const all = { ...own, simulated, env: { ...own.env, ...env } };
    instances.push(new WebAssembly.Instance(module, all).exports as unknown as Exports);
  }
  machine.attach(memory, instances, layout.fibers);
  return instances;
}
