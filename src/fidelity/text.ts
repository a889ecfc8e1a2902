// Sentences that rows have in common.

import { formatNs } from "../report/format.ts";
import type { MachineProfile } from "../simulator/profile.ts";

/** `96 CPUs of xeon-8260-2s`. */
export function cpusOn(cpus: number, machine: MachineProfile): string {
  return `${cpus} ${cpus === 1 ? "CPU" : "CPUs"} of ${machine.name}`;
}

export function describeTime(ns: number): string {
  return formatNs(ns);
}
