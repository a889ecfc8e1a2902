// What is held against variants: over all workloads, machines and places of a run, because a variant is chosen for a
// kernel, which has them all.

import type { Defects } from "../part.ts";
import type { Objection, SimulatedAnswers } from "./model.ts";
import { cpusText } from "./places.ts";
import { placeText } from "./points.ts";

/** Constraints that each variant breaks in what was measured and counted, by id. */
export type Faults = ReadonlyMap<string, readonly string[]>;

/** What a simulated case shows against a variant, and where. */
export interface PlacedObjection extends Objection {
  readonly workload: string;
  readonly machine: string;
}

/** What is known of variants besides what was simulated. */
export interface Known {
  /** Constraints that each breaks in what was measured and counted; null where nothing was. */
  readonly faults: Faults | null;
  /** Constraints that each could be judged by there; absent: all, or the verdict on it says which not. */
  readonly judged?: Faults;
  readonly defects?: Defects;
}

/** Everything that is held against the variants of a run. */
export interface Held {
  readonly faults: Faults;
  readonly defects: Defects;
  /** By id, in the order of workloads, machines and places. */
  readonly shown: ReadonlyMap<string, readonly PlacedObjection[]>;
  /** Constraints that nothing in the run could show to be kept or broken, by id. */
  readonly unjudged: ReadonlyMap<string, readonly string[]>;
}

/** How a variant is marked in sentences and tables that something is held against. */
export const heldMark = "\\*";

/**
 * Unites what is known against variants.
 *
 * @param all what was simulated of all workloads on all machines
 */
export function uniteHeld(all: readonly SimulatedAnswers[], { faults, judged, defects = new Map() }: Known): Held {
  const shown = new Map<string, PlacedObjection[]>();
  for (const { workload, machine, objections } of all) {
    for (const one of objections) {
      shown.set(one.variant, [...(shown.get(one.variant) ?? []), { ...one, workload, machine }]);
    }
  }
  const isSaidElsewhere = faults !== null && judged === undefined;
  const ids = isSaidElsewhere ? [] : new Set(all.flatMap(({ variants }) => variants.map(({ id }) => id)));
  const constraints = [...new Set(all.flatMap((one) => [...one.judged.keys()]))];
  const unjudged = [...ids].map((id) => {
    const isOpen = (constraint: string): boolean =>
      judged?.get(id)?.includes(constraint) !== true &&
      !all.some((one) => one.judged.get(constraint)?.includes(id) === true);
    return [id, constraints.filter(isOpen)] as const;
  });
  return {
    faults: faults ?? new Map(),
    defects,
    shown,
    unjudged: new Map(unjudged.filter(([, open]) => open.length > 0)),
  };
}

export function isHeld(id: string, { faults, shown, defects }: Held): boolean {
  return (faults.get(id)?.length ?? 0) > 0 || shown.has(id) || defects.has(id);
}

/** Of each constraint one objection, the first. */
function firstOfEach(objections: readonly PlacedObjection[]): PlacedObjection[] {
  const constraints = [...new Set(objections.map(({ constraint }) => constraint))];
  return constraints.map((name) => objections.find(({ constraint }) => constraint === name)!);
}

function textOf({ text, workload, machine, cpus, at }: PlacedObjection): string {
  const where = at.size === 0 ? "" : ` with ${placeText(at)}`;
  return `${text}, in ${workload}${where} on ${cpusText(cpus)} of ${machine}`;
}

/** Why variants are kept that have something wrong with them: each reason once, and of whom. */
function reasonsOf(defects: Defects): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (const [id, own] of defects) {
    for (const why of new Set(own.map((one) => one.why))) found.set(why, [...(found.get(why) ?? []), id]);
  }
  return found;
}

/** The same as a list. */
export function defectLines(defects: Defects): string[] {
  return [...reasonsOf(defects)].map(([why, ids]) => `- ${ids.map((id) => `\`${id}\``).join(", ")}: ${why}.`);
}

/** Everything that simulated cases show against variants, as a list; empty when that is nothing. */
export function heldLines({ shown }: Held): string[] {
  const lines = [...shown].flatMap(([id, objections]) =>
    firstOfEach(objections).map((one) => `- \`${id}\`, _${one.constraint}_: ${textOf(one)}.`),
  );
  if (lines.length === 0) return [];
  return [
    "What was simulated shows these constraints broken; a variant that breaks one is not chosen where it was simulated:",
    "",
    ...lines,
    "",
  ];
}

/** Everything that is held against variants, a line for each, for a terminal; empty when that is nothing. */
export function heldTexts({ faults, shown, defects }: Held): string[] {
  const known = [...reasonsOf(defects)].map(([why, ids]) => `known defect of ${ids.join(", ")}: ${why}`);
  const ids = new Set([...faults.keys(), ...shown.keys()]);
  const broken = [...ids].map((id) => {
    const objections = firstOfEach(shown.get(id) ?? []);
    // Where it was measured, too, the table has the number.
    const measured = (faults.get(id) ?? []).filter((name) => !objections.some(({ constraint }) => constraint === name));
    const texts = [...objections.map((one) => `${one.constraint}: ${textOf(one)}`), ...measured];
    return `${id} breaks ${texts.join("; ")}`;
  });
  return [...known, ...broken];
}
