// Results made by hand.

import type { RowResult } from "../../src/fidelity/page.ts";
import type { PublishedFigure, Row } from "../../src/fidelity/row.ts";

export function figure(given: Partial<PublishedFigure> = {}): PublishedFigure {
  return {
    quantity: "change of ops/s",
    value: -88.8,
    unit: "%",
    source: "robot",
    accepted: [-93, -75],
    miss: "grace periods of another length",
    ...given,
  };
}

export function row(figures: Readonly<Record<string, PublishedFigure>>, given: Partial<Row> = {}): Row {
  return {
    id: "X1",
    title: "A row",
    seconds: 3,
    figures,
    simulate: async () => {
      throw new Error("is not simulated");
    },
    ...given,
  };
}

/** A row's result with these values of ours. */
export function result(one: Row, ours: Readonly<Record<string, number | null>>): RowResult {
  return { row: one, found: { ours, simulated: ["24 CPUs of a machine."] } };
}

/** A row's result in which nothing was found. */
export function emptyResult(one: Row): RowResult {
  return result(one, Object.fromEntries(Object.keys(one.figures).map((name) => [name, null])));
}
