// What the simulations of all problems have in common: the case that is asked for, and what every machine tells.

import type { CompiledModule } from "../build/compile.ts";
import type { HarnessExports, RunningModule } from "../build/instance.ts";
import { eventFlagsOffset, flagMeasured } from "../kernel/events.ts";
import type { Histogram } from "../records/histogram.ts";
import type { Workload } from "../workloads/workload.ts";
import { activityBytes, type CpuExports, type HotLine, type MachineCounts, type SimulatedMachine } from "./machine.ts";
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
}

/** What the machine did in the measured part of a case. All numbers are exact. */
export interface SimulatedRun {
  /** Virtual time from the beginning of the measured part to the last task's end. */
  readonly ns: number;
  readonly counts: MachineCounts;
  /** The lines that were transferred most between cores, most first. */
  readonly hottest: readonly HotLine[];
  /** Durations, by name. */
  readonly distributions: Readonly<Record<string, Histogram>>;
}

/** Whether a chunk belongs to the measured part. */
export function isMeasured(chunk: Uint8Array): boolean {
  return ((chunk[eventFlagsOffset] as number) & flagMeasured) !== 0;
}

/** Bytes for the fibers of a case. */
export function fiberBytesOf(cpus: number, workload: Workload): number {
  return (cpus + workload.limits.tasks) * activityBytes;
}

/** Makes the instances of all CPUs, the first of which is there already, and gives them to the machine. */
export function attachInstances<Exports extends HarnessExports & CpuExports>(
  machine: SimulatedMachine,
  { module, memory, layout, exports, importsOf }: RunningModule<Exports>,
  cpus: number,
): readonly Exports[] {
  const instances: Exports[] = [exports];
  const { simulated, env } = machine.imports;
  for (let cpu = 1; cpu < cpus; cpu++) {
    const own = importsOf(cpu);
    const all = { ...own, simulated, env: { ...own.env, ...env } };
    instances.push(new WebAssembly.Instance(module, all).exports as unknown as Exports);
  }
  machine.attach(memory, instances, layout.fibers);
  return instances;
}
