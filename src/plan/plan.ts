// From a suite and the user's choices to units of work. A unit is one workload on one instrument with all variants;
// its cases, one per variant, are done or pending together.

import { InputError } from "../errors.ts";
import { eventFlagsOffset, eventKindOffset, eventSize, flagMeasured } from "../kernel/events.ts";
import { createWorkload, openWorkload, workloadTypes } from "../workloads/index.ts";
import { kindNames } from "../workloads/kind-names.ts";
import type { ParameterValue, Workload } from "../workloads/workload.ts";
import type { FixedTime, Scale, Stage, Suite, SuiteWorkload } from "./suite.ts";
import { type PlannedVariant, planVariant } from "./variant.ts";

type Parameters = Readonly<Record<string, ParameterValue>>;

export interface Unit {
  readonly problem: string;
  readonly stage: Stage;
  /** `answers`: the workload at its scale; `growth`: one of several sizes, for the law of growth. */
  readonly purpose: "answers" | "growth";
  /** Ready to run; events are produced when its chunks are taken. */
  readonly workload: Workload;
  readonly variants: readonly PlannedVariant[];
  readonly cpus: number;
  /** How long to repeat the workload's measured chunk; null: each chunk is run once. */
  readonly fixedTime: FixedTime | null;
  /** Expected cost in seconds, roughly. */
  readonly weight: number;
}

/** What the user chose. */
export interface Choices {
  readonly scale: Scale;
  /** CPUs of the native stages; absent for the suite's own number. */
  readonly cpus?: number;
  /** Variant ids; empty for the suite's own lines. The reference and the floor are always added. */
  readonly variants: readonly string[];
  /** Variants from outside, by name, with their files. They are added to the chosen ones. */
  readonly outside: ReadonlyMap<string, string>;
  /** Workload names; empty for all. */
  readonly workloads: readonly string[];
  /** A saved workload to run instead. */
  readonly workloadFile?: string;
  /** Parameters that override the scale's, from `--set`. */
  readonly parameters: Parameters;
  readonly seed: number;
}

/** How a case's id names its CPUs. */
export function cpusText(cpus: number): string {
  return cpus === 1 ? "" : ` cpus=${cpus}`;
}

/** A case's id: what is compared with itself between runs. */
export function caseId(unit: Unit, variant: PlannedVariant): string {
  const purpose = unit.purpose === "growth" ? ` quarantine-bytes=${unit.workload.parameters["quarantine-bytes"]}` : "";
  return `${unit.problem} / ${variant.id} / ${unit.workload.name} / ${unit.stage}${cpusText(unit.cpus)}${purpose}`;
}

/** The quarantine's size that goes with a workload. */
export function quarantineBytesOf(workload: Workload): number {
  const bytes = workload.parameters["quarantine-bytes"];
  if (typeof bytes !== "number") {
    throw new InputError(
      `workload '${workload.name}': has no parameter 'quarantine-bytes', which sizes the quarantine`,
    );
  }
  return bytes;
}

/** Smallest quarantine that makes sense: below, batches do not turn over (a batch is at least 1 MiB). */
const quarantineBytesMin = 2 * 1024 * 1024;
/** What 32-bit Wasm can hold at all, less what the tables take. */
const quarantineBytesMax = 3.75 * 1024 * 1024 * 1024;

/** Refuses a workload that would measure nothing and look fast. */
function checkExercised(suite: Suite, workload: Workload): void {
  for (const chunk of workload.chunks()) {
    // By hand: at full size the set-up has millions of events, and to decode them all would take longer than to make them.
    const view = new DataView(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    for (let event = 0; event < chunk.byteLength; event += eventSize) {
      if ((view.getUint16(event + eventFlagsOffset, true) & flagMeasured) === 0) continue;
      if (suite.exercisedBy.includes(kindNames[view.getUint16(event + eventKindOffset, true)] ?? "")) return;
    }
  }
  throw new InputError(
    `workload '${workload.name}': exercises nothing of problem '${suite.problem}': its measured part holds none of: ${suite.exercisedBy.join(", ")}`,
  );
}

function checkQuarantineBytes(workload: Workload): void {
  const bytes = quarantineBytesOf(workload);
  if (bytes < quarantineBytesMin || bytes > quarantineBytesMax) {
    throw new InputError(
      `parameter 'quarantine-bytes': must be from ${quarantineBytesMin} to ${quarantineBytesMax} (3.75 GiB; Wasm has 4 GiB of memory), got ${bytes}`,
    );
  }
}

/** Chooses the variants: those asked for, and always the reference and the floor, which every ratio and cost needs. */
export function chooseVariants(suite: Suite, choices: Choices): PlannedVariant[] {
  const asked = choices.variants.length > 0 ? choices.variants : suite.lines;
  const texts = [suite.reference, ...asked, ...choices.outside.keys(), suite.floor];
  const chosen = new Map<string, PlannedVariant>();
  for (const text of texts) {
    const planned = planVariant(suite, text, choices.outside);
    const shared = suite.constants.map(
      ({ name, constant, values }) => [name, constant, values[choices.scale]] as const,
    );
    const variant: PlannedVariant = {
      ...planned,
      parameters: { ...Object.fromEntries(shared.map(([name, , value]) => [name, value])), ...planned.parameters },
      constants: {
        ...Object.fromEntries(shared.map(([, constant, value]) => [constant, value])),
        ...planned.constants,
      },
    };
    if (!chosen.has(variant.id)) chosen.set(variant.id, variant);
  }
  return [...chosen.values()];
}

/** Whether a generated workload has a parameter. */
export function knows(workload: string, parameter: string): boolean {
  const type = workloadTypes.find((one) => one.name === workload);
  return type !== undefined && Object.hasOwn(type.parameters, parameter);
}

/** Expected seconds of a unit on a common machine: only the relation between units matters. */
function weigh(unit: Omit<Unit, "weight">): number {
  const { stage, workload, variants, fixedTime } = unit;
  if (fixedTime !== null) return variants.length * (fixedTime.slices * fixedTime.sliceMs) * 1e-3 + 0.5;
  const { events, caches, cgroups } = workload.limits;
  const { "quarantine-bytes": bytes = 0, reclaimers = 0, "reclaim-passes": passes = 0 } = workload.parameters;
  const objects = unit.problem === "quarantine" ? Number(bytes) / 250 : 0;
  const visits = unit.problem === "quarantine" ? 0 : Number(reclaimers) * Number(passes) * cgroups;
  const perEvent = stage === "counted" ? 500e-9 : 100e-9;
  const perVisit = stage === "counted" ? 5e-6 : 300e-9;
  const perWalked = stage === "counted" ? 300e-9 : stage === "instrumented" ? 200e-9 : 30e-9;
  let seconds = 0;
  for (const { name, skipWhenEmpty } of variants) {
    const walks =
      name === "single-list" || name === "singly-linked-fifo" ? caches * (skipWhenEmpty ? 0.5 : 1) : caches / 24;
    seconds += 0.02 + events * perEvent + visits * perVisit + (stage === "mitata" ? 0 : walks * objects * perWalked);
  }
  return seconds;
}

/** Stages that use threads; the others look at one CPU's work at a time. */
const threadedStages: readonly Stage[] = ["timed", "profiled"];
/** Stages that time single operations from outside, on one CPU. */
const singleStages: readonly Stage[] = ["mitata", "instrumented"];

/**
 * Everything that a run of one problem does, in order.
 *
 * @throws {InputError} for an unknown variant, workload, parameter or value
 */
export function planUnits(suite: Suite, choices: Choices): Unit[] {
  const variants = chooseVariants(suite, choices);
  const nativeCpus = choices.cpus ?? suite.cpus;
  const stages = suite.stages.filter((stage) => nativeCpus === 1 || !singleStages.includes(stage));
  const units: Unit[] = [];
  const add = (
    stage: Stage,
    purpose: Unit["purpose"],
    workload: Workload,
    some: readonly PlannedVariant[],
    fixedTime: FixedTime | null = null,
  ): void => {
    if (suite.problem === "quarantine") checkQuarantineBytes(workload);
    const unit = {
      problem: suite.problem,
      stage,
      purpose,
      workload,
      variants: some,
      cpus: stage === "counted" ? suite.countedCpus : nativeCpus,
      fixedTime: threadedStages.includes(stage) && workload.repeatable ? fixedTime : null,
    };
    units.push({ ...unit, weight: weigh(unit) });
  };
  // Timing one binary twice tells nothing new, so mitata and the growth runs leave out what only skips.
  const distinct = variants.filter((variant) => !variant.skipWhenEmpty);
  const ofStage = (stage: Stage): readonly PlannedVariant[] => (stage === "mitata" ? distinct : variants);

  if (choices.workloadFile !== undefined) {
    const workload = openWorkload(choices.workloadFile);
    // Of generated workloads the suite knows it.
    checkExercised(suite, workload);
    for (const stage of stages) add(stage, "answers", workload, ofStage(stage));
    return units;
  }
  const names = choices.workloads.length > 0 ? choices.workloads : suite.workloads.map((one) => one.name);
  const chosen = [...new Set(names)].map((name) => findWorkload(suite, name));
  for (const parameter of Object.keys(choices.parameters)) {
    if (chosen.some(({ name }) => knows(name, parameter))) continue;
    const known = new Set(
      workloadTypes.filter(({ name }) => names.includes(name)).flatMap((type) => Object.keys(type.parameters)),
    );
    throw new InputError(
      `--set ${parameter}: no chosen workload has this parameter; they have: ${[...known].sort().join(", ")}`,
    );
  }
  for (const one of chosen) {
    const given = Object.fromEntries(
      Object.entries(choices.parameters).filter(([parameter]) => knows(one.name, parameter)),
    );
    const make = (...layers: Parameters[]): Workload =>
      createWorkload(one.name, Object.assign({}, ...layers), choices.seed);
    const scale = one.scales[choices.scale];
    for (const stage of stages) {
      const sizes = one.lesser[stage];
      const workload = sizes === undefined ? make(scale, given) : make(scale, given, lesser(sizes, given));
      if (stage === "timed" && Object.keys(given).length > 0) checkExercised(suite, workload);
      add(stage, "answers", workload, ofStage(stage), one.fixedTime?.[choices.scale] ?? null);
    }
    if (one.growth === undefined) continue;
    const growing = distinct.filter((variant) => !variant.isFloor);
    for (const bytes of nativeCpus === 1 ? one.growth.nativeBytes[choices.scale] : []) {
      add(
        "timed",
        "growth",
        make(scale, given, lesser(one.growth.native, given), { "quarantine-bytes": bytes }),
        growing,
      );
    }
    for (const bytes of one.growth.exactBytes[choices.scale]) {
      add(
        "counted",
        "growth",
        make(scale, given, lesser(one.growth.exact, given), { "quarantine-bytes": bytes }),
        growing,
      );
    }
  }
  return units;
}

/** The smaller sizes of a suite, and where the user asked for less still, that. */
function lesser(sizes: Parameters, given: Parameters): Parameters {
  return Object.fromEntries(
    Object.entries(sizes).map(([key, size]) => {
      const asked = given[key];
      return [key, typeof asked === "number" && typeof size === "number" ? Math.min(asked, size) : size];
    }),
  );
}

function findWorkload(suite: Suite, name: string): SuiteWorkload {
  if (suite.takes[name] === "refused") {
    throw new InputError(`workload '${name}': exercises nothing of problem '${suite.problem}', which refuses it`);
  }
  const workload = suite.workloads.find((one) => one.name === name);
  if (workload === undefined) {
    const known = suite.workloads.map((one) => one.name).join(", ");
    throw new InputError(`workload '${name}': unknown for problem '${suite.problem}'; one of: ${known}`);
  }
  return workload;
}
