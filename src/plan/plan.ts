// From a suite and the user's choices to units of work. A unit is one workload on one instrument with all variants;
// its cases, one per variant, are done or pending together.

import { InputError } from "../errors.ts";
import {
  eventFlagsOffset,
  eventKindOffset,
  eventSize,
  flagMeasured,
  kindCacheDestroy,
  kindObjectFree,
} from "../kernel/events.ts";
import { createWorkload, openWorkload, workloadTypes } from "../workloads/index.ts";
import type { ParameterValue, Workload } from "../workloads/workload.ts";
import type { Scale, Suite, SuiteWorkload } from "./suite.ts";
import { type PlannedVariant, planVariant } from "./variant.ts";

/** How a unit is measured. `timed` is the native build without marks; `counted` the traced one. */
export type Stage = "timed" | "mitata" | "instrumented" | "counted";

type Parameters = Readonly<Record<string, ParameterValue>>;

export interface Unit {
  readonly problem: string;
  readonly stage: Stage;
  /** `answers`: the workload at its scale; `growth`: one of several sizes, for the law of growth. */
  readonly purpose: "answers" | "growth";
  /** Ready to run; events are produced when its chunks are taken. */
  readonly workload: Workload;
  readonly variants: readonly PlannedVariant[];
  /** Expected cost in seconds, roughly. */
  readonly weight: number;
}

/** What the user chose. */
export interface Choices {
  readonly scale: Scale;
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

/** A case's id: what is compared with itself between runs. */
export function caseId(unit: Unit, variant: PlannedVariant): string {
  const purpose = unit.purpose === "growth" ? ` quarantine-bytes=${unit.workload.parameters["quarantine-bytes"]}` : "";
  return `${unit.problem} / ${variant.id} / ${unit.workload.name} / ${unit.stage}${purpose}`;
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
function checkExercised(workload: Workload): void {
  for (const chunk of workload.chunks()) {
    // By hand: at full size the set-up has millions of events, and to decode them all would take longer than to make them.
    const view = new DataView(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    for (let event = 0; event < chunk.byteLength; event += eventSize) {
      if ((view.getUint16(event + eventFlagsOffset, true) & flagMeasured) === 0) continue;
      const kind = view.getUint16(event + eventKindOffset, true);
      if (kind === kindObjectFree || kind === kindCacheDestroy) return;
    }
  }
  throw new InputError(
    `workload '${workload.name}': exercises nothing of the problem: it frees no object and destroys no cache in its measured part`,
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
    const batches = suite.batches[choices.scale];
    const variant: PlannedVariant = {
      ...planned,
      parameters: { ...planned.parameters, batches },
      constants: { ...planned.constants, LAB_BATCHES: batches },
    };
    if (!chosen.has(variant.id)) chosen.set(variant.id, variant);
  }
  return [...chosen.values()];
}

function knows(workload: string, parameter: string): boolean {
  const type = workloadTypes.find((one) => one.name === workload);
  return type !== undefined && Object.hasOwn(type.parameters, parameter);
}

/** Expected seconds of a unit on a common machine: only the relation between units matters. */
function weigh(stage: Stage, workload: Workload, variants: readonly PlannedVariant[]): number {
  const { events, caches } = workload.limits;
  const objects = quarantineBytesOf(workload) / 250;
  let seconds = 0;
  for (const { name, skipWhenEmpty } of variants) {
    const walks =
      name === "single-list" || name === "singly-linked-fifo" ? caches * (skipWhenEmpty ? 0.5 : 1) : caches / 24;
    const perEvent = stage === "counted" ? 500e-9 : 100e-9;
    const perWalked = stage === "counted" ? 300e-9 : stage === "instrumented" ? 200e-9 : 30e-9;
    seconds += 0.02 + events * perEvent + (stage === "mitata" ? 0 : walks * objects * perWalked);
  }
  return seconds;
}

/**
 * Everything that a run does, in order.
 *
 * @throws {InputError} for an unknown variant, workload, parameter or value
 */
export function planUnits(suite: Suite, choices: Choices): Unit[] {
  const variants = chooseVariants(suite, choices);
  const units: Unit[] = [];
  const add = (stage: Stage, purpose: Unit["purpose"], workload: Workload, some: readonly PlannedVariant[]): void => {
    checkQuarantineBytes(workload);
    const weight = weigh(stage, workload, some);
    units.push({ problem: suite.problem, stage, purpose, workload, variants: some, weight });
  };
  // Timing one binary twice tells nothing new, so mitata and the growth runs leave out what only skips.
  const distinct = variants.filter((variant) => !variant.skipWhenEmpty);

  if (choices.workloadFile !== undefined) {
    const workload = openWorkload(choices.workloadFile);
    // Of generated workloads the suite knows it.
    checkExercised(workload);
    add("timed", "answers", workload, variants);
    add("mitata", "answers", workload, distinct);
    add("instrumented", "answers", workload, variants);
    add("counted", "answers", workload, variants);
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
    const given = Object.fromEntries(Object.entries(choices.parameters).filter(([key]) => knows(one.name, key)));
    const make = (...overrides: Parameters[]): Workload =>
      createWorkload(one.name, Object.assign({}, ...overrides), choices.seed);
    const scale = one.scales[choices.scale];
    const full = make(scale, given);
    add("timed", "answers", full, variants);
    add("mitata", "answers", full, distinct);
    add("instrumented", "answers", make(scale, given, lesser(one.instrumented, given)), variants);
    add("counted", "answers", make(scale, given, lesser(one.exact, given)), variants);
    if (one.growth === undefined) continue;
    const growing = distinct.filter((variant) => !variant.isFloor);
    for (const bytes of one.growth.nativeBytes[choices.scale]) {
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
