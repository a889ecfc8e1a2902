// What a user might choose, with every choice that a test does not name left to the suite.

import { InputError } from "../../src/errors.ts";
import type { Choices } from "../../src/plan/plan.ts";
import type { Machine, SimulationChoices } from "../../src/plan/simulated.ts";

/** Machines that exist in tests; `xeon-24-1s` and `xeon-8260-2s` are those that suites name. */
const machines: readonly Machine[] = [
  { name: "xeon-24-1s", cpus: 24, costs: ["l1", "locked"], timeSliceMs: 3 },
  { name: "xeon-8260-2s", cpus: 96, costs: ["l1", "locked", "memoryRemote"], timeSliceMs: 3 },
  { name: "tiny", cpus: 2, costs: ["l1", "timeSlice"], timeSliceMs: 2.5 },
];

function machineOf(name: string): Machine {
  const found = machines.find((machine) => machine.name === name);
  if (found === undefined) throw new InputError(`machine '${name}': unknown`);
  return found;
}

export function choose(some: Partial<Choices> = {}, simulation: Partial<SimulationChoices> = {}): Choices {
  return {
    scale: "quick",
    instruments: [],
    variants: [],
    outside: new Map(),
    workloads: [],
    parameters: {},
    simulation: { machines: [], sweeps: new Map(), isSensitivity: false, machineOf, ...simulation },
    seed: 1,
    ...some,
  };
}
