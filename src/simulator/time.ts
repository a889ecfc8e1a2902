// Virtual time: integers of 0.1 ns in a double, exact for ten days.

/** Units of virtual time in a ns. */
export const unitsPerNs = 10;

/** A time that never comes. */
export const never = Number.POSITIVE_INFINITY;

/** A span in ns as virtual time. */
export function fromNs(ns: number): number {
  return Math.round(ns * unitsPerNs);
}

/** Virtual time in ns. */
export function toNs(units: number): number {
  return units / unitsPerNs;
}
