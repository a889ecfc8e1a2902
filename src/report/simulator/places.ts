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
