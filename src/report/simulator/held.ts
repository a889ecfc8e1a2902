// What is held against variants: over all workloads, machines and places of a run, because a variant is chosen for a
// kernel, which has them all.

import type { Objection, SimulatedAnswers } from "./model.ts";
import { cpusText, isSamePlace } from "./places.ts";
import { placeText } from "./points.ts";

/** Constraints that each variant breaks in what was measured and counted, by id. */
export type Faults = ReadonlyMap<string, readonly string[]>;

/** What a simulated case shows against a variant, and where. */
export interface PlacedObjection extends Objection {
  readonly workload: string;
  readonly machine: string;
}

/** Everything that is held against the variants of a run. */
export interface Held {
  readonly faults: Faults;
  /** By id, in the order of workloads, machines and places. */
  readonly shown: ReadonlyMap<string, readonly PlacedObjection[]>;
  /** Constraints that nothing in the run could show to be kept or broken, by id. */
  readonly unjudged: ReadonlyMap<string, readonly string[]>;
}

/**
 * Unites what workloads show against variants.
 *
 * @param all what was simulated of all workloads on all machines
 * @param faults what was measured and counted shows; null where nothing was
 */
export function uniteHeld(all: readonly SimulatedAnswers[], faults: Faults | null): Held {
  const shown = new Map<string, PlacedObjection[]>();
  for (const { workload, machine, objections } of all) {
    for (const one of objections) {
      shown.set(one.variant, [...(shown.get(one.variant) ?? []), { ...one, workload, machine }]);
    }
  }
  // Of what was measured, the verdict on it says what could not be judged.
  const ids = faults === null ? new Set(all.flatMap(({ variants }) => variants.map(({ id }) => id))) : [];
  const constraints = [...new Set(all.flatMap(({ judged }) => [...judged.keys()]))];
  const unjudged = [...ids].map((id) => {
    const open = constraints.filter((constraint) => !all.some(({ judged }) => judged.get(constraint)?.includes(id)));
    return [id, open] as const;
  });
  return { faults: faults ?? new Map(), shown, unjudged: new Map(unjudged.filter(([, open]) => open.length > 0)) };
}

export function isHeld(id: string, { faults, shown }: Held): boolean {
  return (faults.get(id)?.length ?? 0) > 0 || shown.has(id);
}

/** Of each constraint one objection: that of the main point of some answers, or else the nearest to it. */
function nearest(objections: readonly PlacedObjection[], answers: SimulatedAnswers | null): PlacedObjection[] {
  const constraints = [...new Set(objections.map(({ constraint }) => constraint))];
  return constraints.map((name) => {
    const all = objections.filter(({ constraint }) => constraint === name);
    return all.find((one) => isAtMain(one, answers)) ?? all.find((one) => isOf(one, answers)) ?? all[0]!;
  });
}

function isOf({ workload, machine }: PlacedObjection, answers: SimulatedAnswers | null): boolean {
  return workload === answers?.workload && machine === answers.machine;
}

function isAtMain(one: PlacedObjection, answers: SimulatedAnswers | null): boolean {
  return answers !== null && isOf(one, answers) && isSamePlace(one, answers.main);
}

function textOf(one: PlacedObjection, answers: SimulatedAnswers | null): string {
  const { text, workload, machine, cpus, at } = one;
  if (isAtMain(one, answers)) return text;
  const where = at.size === 0 ? "" : ` with ${placeText(at)}`;
  if (isOf(one, answers)) return `${text}, on ${cpusText(cpus)}${where}`;
  return `${text}, in ${workload}${where} on ${cpusText(cpus)} of ${machine}`;
}

/** What is held against a variant, and where it shows when that is not the main point of these answers. */
export function textsAgainst(id: string, answers: SimulatedAnswers, { faults, shown }: Held): string[] {
  const broken = faults.get(id) ?? [];
  return [
    ...(broken.length === 0 ? [] : [`which breaks: ${broken.join(", ")}`]),
    ...nearest(shown.get(id) ?? [], answers).map((one) => textOf(one, answers)),
  ];
}

/** Everything that simulated cases show against variants, as a list; empty when that is nothing. */
export function heldLines({ shown }: Held): string[] {
  const lines = [...shown].flatMap(([id, objections]) =>
    nearest(objections, null).map((one) => `- \`${id}\`, _${one.constraint}_: ${textOf(one, null)}.`),
  );
  if (lines.length === 0) return [];
  return [
    "What was simulated shows these constraints broken; a variant that breaks one is not chosen for any workload:",
    "",
    ...lines,
    "",
  ];
}
