// Places of a sweep, in words.

import { formatNumber } from "../format.ts";
import { placeText } from "./points.ts";

/** `24 CPUs, cgroups=500`. */
export function placeOf({ cpus, at }: { readonly cpus: number; readonly at: ReadonlyMap<string, string> }): string {
  return [cpusText(cpus), ...(at.size === 0 ? [] : [placeText(at)])].join(", ");
}

/** `1 CPU`, `24 CPUs`. */
export function cpusText(cpus: number): string {
  return `${formatNumber(cpus)} CPU${cpus === 1 ? "" : "s"}`;
}

/** Whether two places have the same CPUs and the same values of what was swept. */
export function isSamePlace(
  one: { readonly cpus: number; readonly at: ReadonlyMap<string, string> },
  other: { readonly cpus: number; readonly at: ReadonlyMap<string, string> },
): boolean {
  return (
    one.cpus === other.cpus &&
    one.at.size === other.at.size &&
    [...one.at].every(([key, value]) => other.at.get(key) === value)
  );
}
