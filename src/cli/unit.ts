// What carrying out a unit needs, whichever its problem.

import type { Unit } from "../plan/unit.ts";
import type { PlannedVariant } from "../plan/variant.ts";
import type { Modules } from "./modules.ts";

/** A unit to be carried out, and where what it measures goes. */
export interface UnitRun {
  readonly unit: Unit;
  readonly modules: Modules;
  readonly emit: (variant: PlannedVariant, metric: string, round: number, value: number) => void;
  readonly warn: (warning: string) => void;
  /** Called with the share of the unit that is done, 0 to 1. */
  readonly onProgress: (share: number) => void;
  readonly signal: AbortSignal;
}

/** Errors by variant id; the other variants are not affected. */
export type UnitFailures = ReadonlyMap<string, Error>;

/** Splits subjects into groups that fit into memory together; within a group they run in turns. */
export function groupByMemory<T>(subjects: readonly T[], bytesEach: number, bytesAvailable: number): T[][] {
  const size = Math.max(1, Math.floor(bytesAvailable / bytesEach));
  const groups: T[][] = [];
  for (let first = 0; first < subjects.length; first += size) groups.push(subjects.slice(first, first + size));
  return groups;
}

/** What to say when a unit's variants had to be measured in several groups. */
export function groupWarning(unit: Unit, groups: readonly (readonly unknown[])[]): string {
  return `${unit.workload.name}: only ${groups[0]?.length} variants fit into memory at a time, so not all were measured in turns; ratios between groups carry the machine's drift`;
}
