// From a suite and the user's choices to units of work.

import { InputError } from "../errors.ts";
import { eventFlagsOffset, eventKindOffset, eventSize, flagMeasured } from "../kernel/events.ts";
import { createWorkload, openWorkload, workloadTypes } from "../workloads/index.ts";
import { kindNames } from "../workloads/kind-names.ts";
import type { ParameterValue, Workload } from "../workloads/workload.ts";
import { type Repetition, virtualMsOf } from "./repetition.ts";
import { checkSweeps, pointsOf, type SimulationChoices } from "./simulated.ts";
import type { Instrument, Scale, Stage, Suite, SuiteWorkload } from "./suite.ts";
import { growthParameter, instrumentOf, type Unit, weigh } from "./unit.ts";
import { type PlannedVariant, planVariant } from "./variant.ts";

type Parameters = Readonly<Record<string, ParameterValue>>;

/** What the user chose. */
export interface Choices {
  readonly scale: Scale;
  /** Empty for the suite's own. */
  readonly instruments: readonly Instrument[];
  /** Ascending; absent for the suite's own. Native stages take one only. */
  readonly cpus?: readonly number[];
  /** Jiffies per second; absent for the suite's own. */
  readonly hz?: number;
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
  readonly simulation: SimulationChoices;
  readonly seed: number;
}

/** Refuses a workload that would measure nothing and look fast. */
function checkExercised(suite: Suite, workload: Workload): void {
  // First, for it takes no time.
  checkSize(suite, workload);
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

/** Refuses a size that makes no sense or cannot be had. */
function checkSize({ problem, sizing }: Suite, workload: Workload): void {
  if (sizing === undefined) return;
  const { parameter, min, max, limit } = sizing;
  const bytes = workload.parameters[parameter];
  if (typeof bytes !== "number") {
    throw new InputError(`workload '${workload.name}': has no parameter '${parameter}', which sizes the ${problem}`);
  }
  if (bytes < min || bytes > max) {
    throw new InputError(`parameter '${parameter}': must be from ${min} to ${max} (${limit}), got ${bytes}`);
  }
}

/** Constants that all variants get, and under which names they are recorded. */
function sharedConstants(suite: Suite, { scale, hz }: Choices): { name: string; constant: string; value: number }[] {
  return suite.constants.map(({ name, constant, values, choice = [] }) => {
    const own = { name, constant, value: values[scale] };
    if (name !== "hz" || hz === undefined) return own;
    if (!choice.includes(hz)) throw new InputError(`--hz: must be one of ${choice.join(", ")}, got ${hz}`);
    return { ...own, value: hz };
  });
}

/** Chooses the variants: those asked for, and always the reference and the floor, which every ratio and cost needs. */
export function chooseVariants(suite: Suite, choices: Choices): PlannedVariant[] {
  const asked = choices.variants.length > 0 ? choices.variants : suite.lines;
  const texts = [suite.reference, ...asked, ...choices.outside.keys(), suite.floor];
  const shared = sharedConstants(suite, choices);
  const chosen = new Map<string, PlannedVariant>();
  for (const text of texts) {
    const planned = planVariant(suite, withHz(suite, text, choices), choices.outside);
    const variant: PlannedVariant = {
      ...planned,
      parameters: { ...Object.fromEntries(shared.map(({ name, value }) => [name, value])), ...planned.parameters },
      constants: {
        ...Object.fromEntries(shared.map(({ constant, value }) => [constant, value])),
        ...planned.constants,
      },
    };
    if (!chosen.has(variant.id)) chosen.set(variant.id, variant);
  }
  return [...chosen.values()];
}

/** A variant's text with the chosen length of a jiffy, where it has such a parameter and does not say itself. */
function withHz(suite: Suite, text: string, { hz }: Choices): string {
  const [name, ...pairs] = text.trim().split(/\s+/);
  const takes = suite.variants.some((one) => one.name === name && one.parameters?.hz !== undefined);
  return hz === undefined || !takes || pairs.some((pair) => pair.startsWith("hz=")) ? text : `${text} hz=${hz}`;
}

/** Whether a generated workload has a parameter. */
export function knows(workload: string, parameter: string): boolean {
  const type = workloadTypes.find((one) => one.name === workload);
  return type !== undefined && Object.hasOwn(type.parameters, parameter);
}

/** Stages that use threads; the others look at one CPU's work at a time. */
const threadedStages: readonly Stage[] = ["timed", "profiled"];
/** Stages that time single operations from outside, on one CPU. */
const singleStages: readonly Stage[] = ["mitata", "instrumented"];

/** Stages that measure variants natively or count, on one workload of one size. */
type MeasuringStage = Exclude<Stage, "simulated">;

/** Plans the units of one problem. */
class Planner {
  readonly #suite: Suite;
  readonly #choices: Choices;
  readonly #variants: readonly PlannedVariant[];
  readonly #nativeCpus: number;
  readonly #stages: readonly MeasuringStage[];
  readonly #isSimulated: boolean;
  readonly units: Unit[] = [];

  constructor(suite: Suite, choices: Choices) {
    const { instruments, cpus } = choices;
    this.#suite = suite;
    this.#choices = choices;
    this.#variants = chooseVariants(suite, choices);
    const chosen = instruments.length > 0 ? instruments : suite.instruments[choices.scale];
    const stages = suite.stages.filter((stage) => chosen.includes(instrumentOf(stage)));
    this.#nativeCpus = cpus?.[0] ?? suite.cpus;
    if (stages.some((stage) => instrumentOf(stage) === "native")) checkNativeCpus(cpus ?? []);
    this.#isSimulated = stages.includes("simulated");
    this.#stages = stages.filter(
      (stage): stage is MeasuringStage =>
        stage !== "simulated" && (this.#nativeCpus === 1 || !singleStages.includes(stage)),
    );
  }

  #add(unit: Omit<Unit, "problem" | "weight">): void {
    checkSize(this.#suite, unit.workload);
    const planned = { problem: this.#suite.problem, ...unit };
    this.units.push({ ...planned, weight: weigh(planned, this.#suite.sizing) });
  }

  /** Adds a unit of every stage but the simulated one. */
  #measure(
    stage: MeasuringStage,
    workload: Workload,
    { fixedTime, ...more }: Partial<Pick<Unit, "purpose" | "variants" | "fixedTime" | "workloadFile">> = {},
  ): void {
    this.#add({
      stage,
      purpose: "answers",
      workload,
      // Timing one binary twice tells nothing new.
      variants: stage === "mitata" ? this.#distinct : this.#variants,
      cpus: stage === "counted" ? this.#suite.countedCpus : this.#nativeCpus,
      fixedTime: threadedStages.includes(stage) && workload.repeatable ? (fixedTime ?? null) : null,
      simulation: null,
      ...more,
    });
  }

  /** Adds a unit for each point of the simulated sweep of a workload. */
  #simulate(
    sweeps: SimulationChoices["sweeps"],
    make: (swept: Parameters) => Workload,
    { virtualMs = null, workloadFile }: { readonly virtualMs?: number | null; readonly workloadFile?: string },
  ): void {
    const { scale, cpus, simulation } = this.#choices;
    const points = pointsOf(this.#suite, scale, cpus, simulation, sweeps, make);
    const tasks = Math.max(...points.map(({ workload }) => workload.limits.tasks));
    for (const { workload, cpus, timeSliceMs, ...point } of points) {
      const repetition: Repetition | null =
        workload.repeatable && virtualMs !== null
          ? {
              namedMs: simulation.virtualMs ?? virtualMs,
              isChosen: simulation.virtualMs !== undefined,
              tasks,
              timeSliceMs,
            }
          : null;
      this.#add({
        stage: "simulated",
        purpose: "answers",
        workload,
        ...(workloadFile === undefined ? {} : { workloadFile }),
        variants: this.#variants,
        cpus,
        fixedTime: null,
        simulation: {
          ...point,
          repetition,
          virtualMs: repetition === null ? null : virtualMsOf(repetition, cpus),
          isByCpu: points.length === 1,
        },
      });
    }
  }

  /** Variants but for those that are others that skip only. */
  get #distinct(): readonly PlannedVariant[] {
    return this.#variants.filter((variant) => !variant.skipWhenEmpty);
  }

  /** Plans a saved workload. */
  planFile(workloadFile: string): void {
    const workload = openWorkload(workloadFile);
    // Of generated workloads the suite knows it.
    checkExercised(this.#suite, workload);
    for (const stage of this.#stages) this.#measure(stage, workload, { workloadFile });
    // Nothing is known of what a saved one repeats, so its chunks are run once.
    if (this.#isSimulated) this.#simulate(new Map(), () => workload, { workloadFile });
  }

  /** Plans a generated workload. */
  plan(one: SuiteWorkload): void {
    const { scale, parameters, seed, simulation } = this.#choices;
    const given = knownOnly(one.name, parameters);
    const make = (...layers: Parameters[]): Workload => createWorkload(one.name, Object.assign({}, ...layers), seed);
    const sizes = one.scales[scale];
    const isSet = Object.keys(given).length > 0;
    if (isSet && this.#stages.length > 0) checkExercised(this.#suite, make(sizes, given));
    for (const stage of this.#stages) {
      if (scale === "quick" && one.notInQuick?.includes(stage)) continue;
      const less = { ...one.lesser[stage], ...(scale === "quick" ? one.quickLesser?.[stage] : {}) };
      const workload = make(sizes, given, lesser(less, given));
      this.#measure(stage, workload, { fixedTime: one.fixedTime?.[scale] ?? null });
    }
    if (one.growth !== undefined) this.#planGrowth(one.growth, (...layers) => make(sizes, given, ...layers), given);
    if (!this.#isSimulated) return;
    const own = one.simulated[scale];
    const sweeps = new Map([...simulation.sweeps].filter(([key]) => knows(one.name, key)));
    const simulated = (swept: Parameters): Workload => {
      const workload = make(sizes, own.parameters, given, swept);
      if (isSet || sweeps.size > 0) checkExercised(this.#suite, workload);
      return workload;
    };
    this.#simulate(sweeps, simulated, { virtualMs: own.virtualMs ?? null });
  }

  #planGrowth(
    growth: NonNullable<SuiteWorkload["growth"]>,
    make: (...layers: Parameters[]) => Workload,
    given: Parameters,
  ): void {
    const { scale } = this.#choices;
    const variants = this.#distinct.filter((variant) => !variant.isFloor);
    const add = (stage: MeasuringStage, less: Parameters, sizes: readonly number[]): void => {
      if (!this.#stages.includes(stage)) return;
      for (const bytes of sizes) {
        const workload = make(lesser(less, given), { [growthParameter]: bytes });
        this.#measure(stage, workload, { purpose: "growth", variants });
      }
    };
    if (this.#nativeCpus === 1) add("timed", growth.native, growth.nativeBytes[scale]);
    add("counted", growth.exact, growth.exactBytes[scale]);
  }
}

/** Most CPUs of the native instrument: each is a thread. */
const nativeCpusMax = 64;

function checkNativeCpus(cpus: readonly number[]): void {
  if (cpus.length > 1) {
    throw new InputError("--cpus: native stages take one count; leave them out with --instrument simulator");
  }
  for (const count of cpus) {
    if (count <= nativeCpusMax) continue;
    throw new InputError(
      `--cpus: must be at most ${nativeCpusMax} in native stages, got ${count}; leave them out with --instrument simulator`,
    );
  }
}

/**
 * Everything that a run of one problem does, in order.
 *
 * @throws {InputError} for an unknown variant, workload, parameter or value
 */
export function planUnits(suite: Suite, choices: Choices): Unit[] {
  const planner = new Planner(suite, choices);
  if (choices.workloadFile !== undefined) {
    planner.planFile(choices.workloadFile);
    return planner.units;
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
  checkSweeps(choices.simulation.sweeps, names);
  for (const one of chosen) planner.plan(one);
  return planner.units;
}

/** Of some parameters those that a generated workload has. */
export function knownOnly(workload: string, parameters: Parameters): Parameters {
  return Object.fromEntries(Object.entries(parameters).filter(([parameter]) => knows(workload, parameter)));
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
