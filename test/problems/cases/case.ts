// What a described problem is tried with: small workloads and variants that together come to something of all it counts.

import type { Problem } from "../../../src/problems/index.ts";
import type { ParameterValue } from "../../../src/workloads/workload.ts";

export interface Run {
  readonly variant: string;
  /** Takes no second. */
  readonly workload: readonly [name: string, parameters: Readonly<Record<string, ParameterValue>>];
}

export interface Case {
  readonly problem: Problem;
  /** The first is measured on threads and counted, too. */
  readonly runs: readonly [Run, ...Run[]];
  /**
   * Counters, and gauges, that come to the same in each of the runs: nobody would notice that one is taken for the other.
   * What no variant may do is left out.
   */
  readonly alike: readonly (readonly string[])[];
}
