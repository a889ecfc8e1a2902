// What a row of the page consists of: figures that were published, the simulations that ours come from, and what is to
// be said where they differ.

import type { Table } from "../report/tables.ts";
import type { Lab } from "./lab.ts";
import type { SourceName } from "./sources.ts";

/** How a figure is written, and how two of them differ: percentages and points in points, everything else in percent. */
export type Unit = "%" | "points" | "ns" | "per s" | "CPUs" | "×" | "count";

/** A published figure, and what of ours counts as the same. */
export interface PublishedFigure {
  /** What it is, in a few words. */
  readonly quantity: string;
  /** In its unit; a percentage as 12.3, not 0.123. */
  readonly value: number;
  readonly unit: Unit;
  readonly source: SourceName;
  /** How it follows from what the source says, where it is not written there. */
  readonly derivation?: string;
  /**
   * Least and greatest value of ours that counts as reproduced: our choice, before the first run unless
   * {@link isRangeLate}. `given`: ours was set from
   * this one.
   */
  readonly accepted: readonly [number, number] | "given";
  /** The range was chosen when results of such runs had been seen. */
  readonly isRangeLate?: true;
  /** It says that something costs nothing: whatever costs nothing here has it, too, so agreement proves little. */
  readonly isNullEffect?: true;
  /** Why ours may be missing or beside the mark; shown only when it is. */
  readonly miss: string;
}

/** Ours, by figure. Null where the simulator has nothing to compare. */
export type Ours<Figures> = { readonly [Name in keyof Figures]: number | null };

/** What the simulations of a row came to. */
export interface Found<Figures extends Readonly<Record<string, PublishedFigure>>> {
  readonly ours: Ours<Figures>;
  /** What was simulated: machine, CPUs, workload with its parameters, HZ, how long. A sentence each. */
  readonly simulated: readonly string[];
  readonly tables?: readonly { readonly title: string; readonly table: Table }[];
  /** What a reader has to know, whatever came out. */
  readonly notes?: readonly string[];
}

/** A row of the page. */
export interface Row<
  Figures extends Readonly<Record<string, PublishedFigure>> = Readonly<Record<string, PublishedFigure>>,
> {
  /** Short, and never used again for another row. */
  readonly id: string;
  readonly title: string;
  readonly figures: Figures;
  /** Seconds that it takes on one core, roughly. */
  readonly seconds: number;
  readonly simulate: (lab: Lab) => Promise<Found<Figures>>;
}

/** Makes a row whose simulation answers exactly its figures. */
export function makeRow<const Figures extends Readonly<Record<string, PublishedFigure>>>(row: Row<Figures>): Row {
  return row as unknown as Row;
}

/** Where a figure of ours stands. */
export type Standing = "given" | "reproduced" | "no effect" | "missed" | "not modelled";

export function standingOf({ accepted, isNullEffect }: PublishedFigure, ours: number | null): Standing {
  if (ours === null) return "not modelled";
  if (accepted === "given") return "given";
  if (!(ours >= accepted[0] && ours <= accepted[1])) return "missed";
  return isNullEffect ? "no effect" : "reproduced";
}
