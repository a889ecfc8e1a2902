// The units of all problems of a run: each takes of what was chosen that which it knows.

import { InputError } from "../errors.ts";
import { type Choices, knows, planUnits } from "../plan/plan.ts";
import { leastMs } from "../plan/repetition.ts";
import type { Suite } from "../plan/suite.ts";
import type { Unit } from "../plan/unit.ts";

/** What of the choices concerns one of several problems; null when nothing does. */
function restrict(suite: Suite, choices: Choices): Choices | null {
  const variants = choices.variants.filter((text) => {
    const [name] = text.trim().split(/\s+/);
    return suite.variants.some((one) => one.name === name);
  });
  const workloads = choices.workloads.filter((name) => suite.workloads.some((one) => one.name === name));
  if (choices.variants.length > 0 && variants.length === 0) return null;
  if (choices.workloads.length > 0 && workloads.length === 0) return null;
  const taken = workloads.length > 0 ? workloads : suite.workloads.map((one) => one.name);
  const isKnown = ([parameter]: readonly [string, unknown]): boolean => taken.some((name) => knows(name, parameter));
  const { simulation } = choices;
  return {
    ...choices,
    variants,
    workloads,
    parameters: Object.fromEntries(Object.entries(choices.parameters).filter(isKnown)),
    simulation: { ...simulation, sweeps: new Map([...simulation.sweeps].filter(isKnown)) },
  };
}

/**
 * The units of all chosen problems. Where several were chosen, each takes of the variants and workloads those that it
 * knows; what none knows is refused.
 *
 * @throws {InputError} for what no problem knows, or one refuses
 */
export function planAll(chosen: readonly Suite[], choices: Choices): Unit[] {
  const units = planEach(chosen, choices);
  const { simulation, hz } = choices;
  if (simulation.virtualMs !== undefined && !units.some((unit) => (unit.simulation?.virtualMs ?? null) !== null)) {
    throw new InputError("--virtual-ms: no chosen workload is repeated for a time; each is simulated to its end");
  }
  if (hz !== undefined && !chosen.some(({ constants }) => constants.some(({ name }) => name === "hz"))) {
    throw new InputError(`--hz: problem ${chosen.map(({ problem }) => problem).join(", ")} has no jiffies`);
  }
  return units;
}

/** What the user should know of a plan before it is carried out. */
export function planWarnings(units: readonly Unit[]): string[] {
  let worst: { readonly workload: string; readonly tasks: number; readonly cpus: number; readonly ms: number } | null =
    null;
  let chosenMs = 0;
  for (const { workload, cpus, simulation } of units) {
    const repetition = simulation?.repetition ?? null;
    if (repetition === null || !repetition.isChosen) continue;
    chosenMs = repetition.namedMs;
    const ms = leastMs(repetition, cpus);
    if (ms <= chosenMs || ms <= (worst?.ms ?? 0)) continue;
    worst = { workload: workload.name, tasks: repetition.tasks, cpus, ms };
  }
  if (worst === null) return [];
  const { workload, tasks, cpus, ms } = worst;
  return [
    `--virtual-ms ${chosenMs}: ${tasks} tasks of '${workload}' share ${cpus} ${cpus === 1 ? "CPU" : "CPUs"}, so the time slice decides who gets on; ${ms} is the least with which each has its turn five times`,
  ];
}

function planEach(chosen: readonly Suite[], choices: Choices): Unit[] {
  const [only] = chosen;
  if (only !== undefined && chosen.length === 1) return planUnits(only, choices);
  const names = chosen.map((one) => one.problem).join(", ");
  if (choices.outside.size > 0 || choices.workloadFile !== undefined) {
    throw new InputError(`--variant-file and --workload-file: name the one problem that they are for: ${names}`);
  }
  for (const text of choices.variants) {
    const [name = ""] = text.trim().split(/\s+/);
    if (chosen.some((suite) => suite.variants.some((one) => one.name === name))) continue;
    throw new InputError(
      `variant '${name}': unknown; one of: ${chosen.flatMap((suite) => suite.variants.map((one) => one.name)).join(", ")}`,
    );
  }
  for (const name of choices.workloads) {
    if (chosen.some((suite) => suite.workloads.some((one) => one.name === name))) continue;
    const known = new Set(chosen.flatMap((suite) => suite.workloads.map((one) => one.name)));
    throw new InputError(`workload '${name}': unknown for problems ${names}; one of: ${[...known].join(", ")}`);
  }
  const restricted = chosen.flatMap((suite) => {
    const own = restrict(suite, choices);
    return own === null ? [] : [{ suite, own }];
  });
  if (restricted.length === 0) throw new InputError(`no problem of ${names} knows both the variants and the workloads`);
  for (const parameter of Object.keys(choices.parameters)) {
    if (restricted.some(({ own }) => Object.hasOwn(own.parameters, parameter))) continue;
    throw new InputError(`--set ${parameter}: no chosen workload has this parameter; 'list' shows them`);
  }
  for (const parameter of choices.simulation.sweeps.keys()) {
    if (restricted.some(({ own }) => own.simulation.sweeps.has(parameter))) continue;
    throw new InputError(`--sweep ${parameter}: no chosen workload has this parameter; 'list' shows them`);
  }
  return restricted.flatMap(({ suite, own }) => planUnits(suite, own));
}
