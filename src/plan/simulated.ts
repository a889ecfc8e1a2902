// The points of a sweep on the simulator: machines, CPUs, a workload's parameters, and costs of a machine.

import { InputError } from "../errors.ts";
import { workloadTypes } from "../workloads/index.ts";
import type { ParameterValue, Workload } from "../workloads/workload.ts";
import type { Scale, Suite } from "./suite.ts";
import type { ScaledCost } from "./unit.ts";

type Parameters = Readonly<Record<string, ParameterValue>>;

/** What a plan needs to know of a machine's profile. */
export interface Machine {
  readonly name: string;
  /** CPUs that it has. */
  readonly cpus: number;
  /** Names of the costs that play a part on it. */
  readonly costs: readonly string[];
  /** How long a task runs while others wait for its CPU, in ms. */
  readonly timeSliceMs: number;
}

/** What the user chose for the simulator. */
export interface SimulationChoices {
  /** Names of packaged profiles, or files; empty for the suite's own. */
  readonly machines: readonly string[];
  /** Values by parameter of a workload. */
  readonly sweeps: ReadonlyMap<string, readonly number[]>;
  /** Virtual time for which repeatable workloads are repeated; absent for the suite's own, or more where CPUs are shared. */
  readonly virtualMs?: number;
  /** Whether each cost is halved and doubled as well. */
  readonly isSensitivity: boolean;
  /** @throws {InputError} when there is no such profile */
  readonly machineOf: (nameOrFile: string) => Machine;
}

/** One point of a sweep. */
export interface Point {
  readonly machine: string;
  /** With the changed cost, where it is this one that is doubled. */
  readonly timeSliceMs: number;
  readonly cpus: number;
  readonly swept: Parameters;
  readonly scaled: ScaledCost | null;
  readonly workload: Workload;
}

/** Factors of a sensitivity run. */
const factors = [0.5, 2] as const;

/** @throws {InputError} for a parameter that none of the workloads has, or that is not a number */
export function checkSweeps(sweeps: SimulationChoices["sweeps"], workloads: readonly string[]): void {
  const types = workloadTypes.filter(({ name }) => workloads.includes(name));
  for (const key of sweeps.keys()) {
    const known = types.flatMap(({ parameters }) => (Object.hasOwn(parameters, key) ? [parameters[key]!] : []));
    if (known.some(({ kind }) => kind === "text")) throw new InputError(`--sweep ${key}: is a text, not a number`);
    if (known.length > 0) continue;
    const numbers = types.flatMap(({ parameters }) =>
      Object.entries(parameters).flatMap(([name, { kind }]) => (kind === "text" ? [] : [name])),
    );
    throw new InputError(
      `--sweep ${key}: no chosen workload has this parameter; they have: ${[...new Set(numbers)].sort().join(", ")}`,
    );
  }
}

/**
 * All combinations of machines, swept values and CPUs, and for each where it is asked for, the changed costs.
 *
 * @param cpus what the user chose; absent for the suite's own
 * @param sweeps those of the workload's own parameters
 * @throws {InputError} when a machine is unknown or has fewer CPUs, or a workload refuses a value
 */
export function pointsOf(
  suite: Suite,
  scale: Scale,
  cpus: readonly number[] | undefined,
  { machines, isSensitivity, machineOf }: SimulationChoices,
  sweeps: SimulationChoices["sweeps"],
  make: (swept: Parameters) => Workload,
): Point[] {
  const defaults = suite.simulated[scale];
  const chosen = (machines.length > 0 ? machines : [defaults.machine]).map(machineOf);
  const counts = cpus ?? defaults.cpus;
  const workloads = combinations(sweeps).map((swept) => ({ swept, workload: make(swept) }));
  return chosen.flatMap((machine) => {
    const own = cpus === undefined ? fitting(counts, machine) : counts;
    const most = Math.max(...own);
    if (most > machine.cpus) {
      throw new InputError(
        `--cpus: machine '${machine.name}' has ${machine.cpus} CPUs, got ${most}; ask for fewer, or choose another with --machine`,
      );
    }
    const changes = isSensitivity ? machine.costs.flatMap((cost) => factors.map((factor) => ({ cost, factor }))) : [];
    return workloads.flatMap((one) =>
      own.flatMap((count) =>
        [null, ...changes].map((scaled) => ({
          machine: machine.name,
          timeSliceMs: machine.timeSliceMs * (scaled?.cost === "timeSlice" ? Math.max(1, scaled.factor) : 1),
          cpus: count,
          scaled,
          ...one,
        })),
      ),
    );
  });
}

/** Of the suite's own counts those that a machine has, or else all of its CPUs. */
function fitting(counts: readonly number[], { cpus }: Machine): readonly number[] {
  const present = counts.filter((count) => count <= cpus);
  return present.length > 0 ? present : [cpus];
}

/** Every combination of the values of some parameters, the last of which varies fastest; one without any. */
function combinations(sweeps: SimulationChoices["sweeps"]): Parameters[] {
  return [...sweeps].reduce<Parameters[]>(
    (all, [key, values]) => all.flatMap((one) => values.map((value) => ({ ...one, [key]: value }))),
    [{}],
  );
}
