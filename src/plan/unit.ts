// A unit of work: one workload in one stage with all variants, at one point of a sweep. Its cases, one per variant, are
// what a run counts as done or pending.

import { InputError } from "../errors.ts";
import { kindReclaimPass } from "../kernel/events.ts";
import { problemOf } from "../problems/index.ts";
import type { ParameterValue, Workload } from "../workloads/workload.ts";
import type { Repetition } from "./repetition.ts";
import type { FixedTime, Instrument, Sizing, Stage } from "./suite.ts";
import type { PlannedVariant } from "./variant.ts";

type Parameters = Readonly<Record<string, ParameterValue>>;

/** A cost of a machine that is not what its profile says. */
export interface ScaledCost {
  readonly cost: string;
  readonly factor: number;
}

/** What the simulator is told of a unit. */
export interface Simulation {
  /** Name of the machine's profile. */
  readonly machine: string;
  readonly scaled: ScaledCost | null;
  /** What its virtual time follows from; null where each chunk is run once. */
  readonly repetition: Repetition | null;
  /** Virtual time for which the workload's measured chunk is repeated; null: each chunk is run once. */
  readonly virtualMs: number | null;
  /** Values of the parameters that the run sweeps, in this unit. */
  readonly swept: Parameters;
  /** Whether times are told by CPU, too: where the workload has one point only. */
  readonly isByCpu: boolean;
}

export interface Unit {
  readonly problem: string;
  readonly stage: Stage;
  /** `answers`: the workload at its scale; `growth`: one of several sizes, for the law of growth. */
  readonly purpose: "answers" | "growth";
  /** Ready to run; events are produced when its chunks are taken. */
  readonly workload: Workload;
  /** File that the workload was read from, if it was. */
  readonly workloadFile?: string;
  readonly variants: readonly PlannedVariant[];
  /** Virtual ones where it is counted or simulated. */
  readonly cpus: number;
  /** How long to repeat the workload's measured chunk natively; null: each chunk is run once. */
  readonly fixedTime: FixedTime | null;
  /** Null in all stages but the simulated one. */
  readonly simulation: Simulation | null;
  /** Expected cost in seconds, roughly. */
  readonly weight: number;
}

const instruments: Readonly<Record<Stage, Instrument>> = {
  timed: "native",
  mitata: "native",
  instrumented: "native",
  profiled: "native",
  counted: "traced",
  simulated: "simulator",
};

export function instrumentOf(stage: Stage): Instrument {
  return instruments[stage];
}

/** How ids and records name a changed cost: `l3*0.5`. */
export function scaledText({ cost, factor }: ScaledCost): string {
  return `${cost}*${factor}`;
}

/** How a case's id names its CPUs. */
export function cpusText(cpus: number): string {
  return cpus === 1 ? "" : ` cpus=${cpus}`;
}

/** How a simulated case's id names its place: `simulated machine=xeon-24-1s cpus=24 cgroups=500 scaled=l3*2`. */
export function pointText(machine: string, cpus: number, swept: Parameters, scaled: string | null): string {
  const pairs = Object.entries(swept)
    .map(([key, value]) => ` ${key}=${value}`)
    .sort();
  return `simulated machine=${machine} cpus=${cpus}${pairs.join("")}${scaled === null ? "" : ` scaled=${scaled}`}`;
}

/** The parameter at several values of which the law of growth is looked for. */
export const growthParameter = "quarantine-bytes";

/** How a case's id names the part of a unit that is not its workload. */
function placeOf({ stage, cpus, purpose, workload, simulation }: Unit): string {
  if (simulation !== null) {
    const { machine, swept, scaled } = simulation;
    return pointText(machine, cpus, swept, scaled === null ? null : scaledText(scaled));
  }
  const bytes = purpose === "growth" ? ` ${growthParameter}=${workload.parameters[growthParameter]}` : "";
  return `${stage}${cpusText(cpus)}${bytes}`;
}

/** A case's id: what is compared with itself between runs. */
export function caseId(unit: Unit, variant: PlannedVariant): string {
  return `${unit.problem} / ${variant.id} / ${unit.workload.name} / ${placeOf(unit)}`;
}

/** What the user is told that a unit is. */
export function unitText(unit: Unit): string {
  const size = unit.purpose === "growth" ? ` at ${Math.round(quarantineBytesOf(unit.workload) / 2 ** 20)} MiB` : "";
  return `${unit.problem}: ${unit.workload.name}, ${unit.stage}${size}`;
}

/** The quarantine's size that goes with a workload. */
export function quarantineBytesOf(workload: Workload): number {
  const bytes = workload.parameters[growthParameter];
  if (typeof bytes !== "number") throw new InputError(`workload '${workload.name}': has no '${growthParameter}'`);
  return bytes;
}

/** Whether a problem's harness walks cgroups on a reclaim pass. */
function isWalking(problem: string): boolean {
  return problemOf(problem)?.kinds.has(kindReclaimPass) ?? false;
}

/** Visits to cgroups of a workload that is run once. */
function visitsOf({ problem, workload }: Pick<Unit, "problem" | "workload">): number {
  const { reclaimers = 0, "reclaim-passes": passes = 0 } = workload.parameters;
  return isWalking(problem) ? Number(reclaimers) * Number(passes) * workload.limits.cgroups : 0;
}

/** Objects that the removals of a variant look at. */
function walkedBy({ name, skipWhenEmpty }: PlannedVariant, { limits, parameters }: Workload, sizing: Sizing): number {
  const objects = Number(parameters[sizing.parameter] ?? 0) / sizing.objectBytes;
  const removals = sizing.walkers.includes(name) ? limits.caches * (skipWhenEmpty ? 0.5 : 1) : limits.caches / 24;
  return removals * objects;
}

/**
 * Expected seconds of a unit on a common machine: only the relation between units matters.
 *
 * @param sizing that of its suite
 */
export function weigh(unit: Omit<Unit, "weight">, sizing?: Sizing): number {
  if (unit.simulation !== null) return weighSimulated(unit, unit.simulation);
  const { problem, stage, workload, variants, fixedTime } = unit;
  if (fixedTime !== null) return variants.length * (fixedTime.slices * fixedTime.sliceMs) * 1e-3 + 0.5;
  const isCounted = stage === "counted";
  // What a described problem does of an event is more than an allocation.
  const perEvent = (isCounted ? 500e-9 : 100e-9) * (problemOf(problem) === undefined ? 1 : 5);
  const perVisit = isCounted ? 5e-6 : 300e-9;
  const perWalked = isCounted ? 300e-9 : stage === "instrumented" ? 200e-9 : 30e-9;
  let seconds = 0;
  for (const variant of variants) {
    const walked = sizing === undefined || stage === "mitata" ? 0 : walkedBy(variant, workload, sizing);
    seconds += 0.02 + workload.limits.events * perEvent + visitsOf(unit) * perVisit + walked * perWalked;
  }
  return seconds;
}

/** Virtual CPU time that a host simulates in a second, and what begins a case, both roughly. */
const simulatedMsPerSecond = 100;
const simulatedStart = 0.2;

function weighSimulated(unit: Omit<Unit, "weight">, { virtualMs }: Simulation): number {
  const { problem, workload, variants, cpus } = unit;
  const { events, tasks } = workload.limits;
  const { reclaimers = 0 } = workload.parameters;
  // With more CPUs, more accesses are to lines that others have.
  const farther = 1 + cpus / 48;
  // Beside tasks that reclaim, the others compute and wait most of the time, which takes the host none.
  const busy = Math.min(cpus, isWalking(problem) ? Number(reclaimers) : tasks);
  const seconds =
    virtualMs === null
      ? events * 2e-6 + visitsOf(unit) * 15e-6 * farther
      : (virtualMs * busy * farther) / simulatedMsPerSecond + virtualMs * 1e-3;
  return variants.length * (simulatedStart + seconds);
}
