import { describe, expect, test } from "vitest";
import { suites } from "../../bench/index.ts";
import { quarantine } from "../../bench/quarantine.ts";
import { shrinker } from "../../bench/shrinker.ts";
import { planWarnings } from "../../src/cli/plan-all.ts";
import { InputError } from "../../src/errors.ts";
import { type Choices, chooseVariants, planUnits } from "../../src/plan/plan.ts";
import type { SimulationChoices } from "../../src/plan/simulated.ts";
import type { Scale } from "../../src/plan/suite.ts";
import { caseId, instrumentOf, type Unit } from "../../src/plan/unit.ts";
import { VariantRows } from "../../src/report/rows.ts";
import { pointsOf } from "../../src/report/simulator/points.ts";
import { choose } from "./choices.ts";

const scales: readonly Scale[] = ["quick", "standard", "full"];

/** Units of a shrinker's simulated stage, of one workload unless told otherwise. */
function simulate(some: Partial<Choices> = {}, simulation: Partial<SimulationChoices> = {}): Unit[] {
  const workloads = ["cgroups-4000"];
  return planUnits(shrinker, choose({ instruments: ["simulator"], workloads, ...some }, simulation));
}

function places(units: readonly Unit[]): string[] {
  return units.map((unit) => caseId(unit, unit.variants[0]!).split(" / ").at(-1)!);
}

describe.each(suites.map((suite) => [suite.problem, suite] as const))("the simulated stage of the %s", (_, suite) => {
  test.each(scales)("at the scale '%s' has every workload at the suite's CPUs of its machine", (scale) => {
    const workloads = suite.workloads.map(({ name }) => name);
    const units = planUnits(suite, choose({ scale, instruments: ["simulator"] }));
    const { machine, cpus } = suite.simulated[scale];
    expect(units.map((unit) => [unit.workload.name, unit.stage, unit.simulation?.machine, unit.cpus])).toEqual(
      workloads.flatMap((name) => cpus.map((count) => [name, "simulated", machine, count])),
    );
    for (const unit of units) {
      expect(unit.variants).toEqual(chooseVariants(suite, choose({ scale })));
      expect(unit.simulation).toMatchObject({ scaled: null, swept: {} });
      expect(unit.weight).toBeGreaterThan(0);
    }
  });
});

test("quick runs simulate the shrinker, and the quarantine only when asked", () => {
  const instruments = (suite: typeof shrinker): Set<string> => {
    const some = { workloads: ["cgroups-4000"], parameters: { cgroups: 2 } };
    return new Set(planUnits(suite, choose(some)).map((unit) => instrumentOf(unit.stage)));
  };
  expect(instruments(shrinker)).toEqual(new Set(["native", "traced", "simulator"]));
  expect(instruments(quarantine)).toEqual(new Set(["native", "traced"]));
});

test.each([
  [["traced"], ["counted"]],
  [["native"], ["timed", "profiled"]],
  [
    ["simulator", "traced"],
    ["counted", "simulated"],
  ],
] as const)("of the instruments %j only their stages are run", (instruments, stages) => {
  expect([...new Set(simulate({ instruments, scale: "standard" }).map(({ stage }) => stage))]).toEqual(stages);
});

describe("the points of a sweep", () => {
  test("are the CPU counts in their order", () => {
    expect(simulate({ cpus: [1, 3, 24] }).map(({ cpus }) => cpus)).toEqual([1, 3, 24]);
  });

  test("combine machines, values, CPUs and costs, and each has an id of its own", () => {
    const units = simulate(
      { cpus: [1, 24] },
      {
        machines: ["xeon-8260-2s", "xeon-24-1s"],
        sweeps: new Map([
          ["cgroups", [5, 50]],
          ["touched", [0.5]],
        ]),
        isSensitivity: true,
      },
    );
    // Three costs play a part on the first machine, two on the second; each halved, doubled, and left alone.
    expect(units).toHaveLength(2 * 2 * (1 + 2 * 3) + 2 * 2 * (1 + 2 * 2));
    const ids = units.flatMap((unit) => unit.variants.map((variant) => caseId(unit, variant)));
    expect(new Set(ids).size).toBe(ids.length);
    expect(places(units).slice(0, 3)).toEqual([
      "simulated machine=xeon-8260-2s cpus=1 cgroups=5 touched=0.5",
      "simulated machine=xeon-8260-2s cpus=1 cgroups=5 touched=0.5 scaled=l1*0.5",
      "simulated machine=xeon-8260-2s cpus=1 cgroups=5 touched=0.5 scaled=l1*2",
    ]);
    expect(places(units).at(-1)).toBe("simulated machine=xeon-24-1s cpus=24 cgroups=50 touched=0.5 scaled=locked*2");
    for (const { workload, simulation } of units) expect(workload.parameters).toMatchObject(simulation!.swept);
    expect(places(units).filter((place) => place.includes("xeon-24-1s") && place.includes("memoryRemote"))).toEqual([]);
  });

  test("are swept where a workload has the parameter, and one where it has not", () => {
    const units = simulate(
      { workloads: ["container-start", "stress-ng-ramfs"] },
      { sweeps: new Map([["mounters", [1, 2]]]) },
    );
    expect(units.map(({ workload, simulation }) => [workload.name, simulation?.swept])).toEqual([
      ["container-start", { mounters: 1 }],
      ["container-start", { mounters: 2 }],
      ["stress-ng-ramfs", {}],
    ]);
  });

  test("tell times by CPU where there is only one of them", () => {
    const isByCpu = (...args: Parameters<typeof simulate>): unknown => simulate(...args)[0]?.simulation?.isByCpu;
    expect(isByCpu({ cpus: [4] })).toBe(true);
    expect(isByCpu({ cpus: [4, 5] })).toBe(false);
    expect(isByCpu({ cpus: [4] }, { isSensitivity: true })).toBe(false);
  });

  test("have of the suite's own counts those that the chosen machine has", () => {
    const { cpus } = shrinker.simulated.standard;
    const counts = (machine: string) =>
      simulate({ scale: "standard" }, { machines: [machine] }).map((unit) => unit.cpus);
    expect(counts("xeon-8260-2s")).toEqual(cpus);
    expect(counts("tiny")).toEqual(cpus.filter((count) => count <= 2));
    expect(simulate({}, { machines: ["tiny"] }).map((unit) => unit.cpus)).toEqual([2]);
  });
});

test("--set goes to the simulated size as it is, larger or smaller", () => {
  for (const cgroups of [3, 777])
    expect(simulate({ parameters: { cgroups } })[0]?.workload.parameters.cgroups).toBe(cgroups);
});

test("virtual time is for workloads that are repeated for it", () => {
  const virtualMs = (suite: typeof shrinker, workload: string, own?: number): unknown => {
    const chosen = choose(
      { instruments: ["simulator"], workloads: [workload] },
      own === undefined ? {} : { virtualMs: own },
    );
    return planUnits(suite, chosen)[0]?.simulation?.virtualMs;
  };
  expect(virtualMs(shrinker, "stress-ng-ramfs")).toBe(
    shrinker.workloads.find(({ name }) => name === "stress-ng-ramfs")?.simulated.quick.virtualMs,
  );
  expect(virtualMs(shrinker, "stress-ng-ramfs", 7)).toBe(7);
  expect(virtualMs(shrinker, "cgroups-4000", 7)).toBe(null);
  // It could be repeated, but for objects, whose frees come chunks after their allocations.
  expect(virtualMs(quarantine, "stress-ng-ramfs", 7)).toBe(null);
});

describe("virtual time where tasks share CPUs", () => {
  /** Eight mounters and 24 reclaimers, 10 ms where each has a CPU; the time slice is 3 ms. */
  const shared = (some: Partial<Choices> = {}, simulation: Partial<SimulationChoices> = {}): Unit[] =>
    simulate({ scale: "standard", workloads: ["container-start"], ...some }, simulation);
  const times = (units: readonly Unit[]): unknown =>
    units.map(({ cpus, simulation }) => [cpus, simulation?.scaled?.factor ?? 1, simulation?.virtualMs]);

  test("is five turns of every task, and the suite's own where each has a CPU", () => {
    expect(shared()[0]?.workload.limits.tasks).toBe(32);
    expect(times(shared({ cpus: [1, 4, 24, 31, 32, 96] }))).toEqual([
      [1, 1, 5 * 3 * 32],
      [4, 1, 5 * 3 * 8],
      [24, 1, 5 * 3 * 2],
      [31, 1, 5 * 3 * 2],
      [32, 1, 10],
      [96, 1, 10],
    ]);
  });

  test("is as long as the user says, who is told what the least would be", () => {
    const units = shared({ cpus: [4, 24, 96] }, { virtualMs: 7 });
    expect(times(units)).toEqual([
      [4, 1, 7],
      [24, 1, 7],
      [96, 1, 7],
    ]);
    expect(planWarnings(units)).toEqual([
      "--virtual-ms 7: 32 tasks of 'container-start' share 4 CPUs, so the time slice decides who gets on; 120 is the least with which each has its turn five times",
    ]);
    expect(planWarnings(shared({ cpus: [4, 24, 96] }, { virtualMs: 120 }))).toEqual([]);
    expect(planWarnings(shared({ cpus: [4] }))).toEqual([]);
    expect(planWarnings(shared({ cpus: [32] }, { virtualMs: 1 }))).toEqual([]);
  });

  test("is of the machine's own time slice, and longer where that is doubled", () => {
    const units = shared({ cpus: [2] }, { machines: ["tiny"], isSensitivity: true });
    expect(units.map(({ simulation }) => [simulation?.scaled ?? null, simulation?.virtualMs])).toEqual([
      [null, 200],
      [{ cost: "l1", factor: 0.5 }, 200],
      [{ cost: "l1", factor: 2 }, 200],
      [{ cost: "timeSlice", factor: 0.5 }, 200],
      [{ cost: "timeSlice", factor: 2 }, 400],
    ]);
  });

  test("is one for all points with the same CPUs, so that a sweep of CPUs and of tasks stays one of those two", () => {
    const units = shared({ cpus: [4, 24] }, { sweeps: new Map([["reclaimers", [1, 24]]]) });
    expect(times(units)).toEqual([
      [4, 1, 120],
      [24, 1, 30],
      [4, 1, 120],
      [24, 1, 30],
    ]);
    const cases = units.map(({ workload, cpus, simulation }) => ({
      variant: "rwsem",
      cpus,
      parameters: new Map([
        ["reclaimers", String(workload.parameters.reclaimers)],
        ["virtual-ms", String(simulation?.virtualMs)],
        ["tasks", String(workload.limits.tasks)],
        ["swept", "reclaimers"],
      ]),
      rows: new VariantRows(),
    }));
    const points = pointsOf(cases as unknown as Parameters<typeof pointsOf>[0]);
    expect(points.axes.map(({ key, with: others }) => [key, others])).toEqual([["reclaimers", []]]);
    expect(points.boundToCpus).toEqual(["virtual-ms"]);
    expect(points.baseline).toHaveLength(4);
  });

  test("makes no quick case of the suites longer", () => {
    for (const suite of suites) {
      for (const { simulation } of planUnits(suite, choose({ instruments: ["simulator"] }))) {
        if (simulation?.repetition) expect(simulation.virtualMs).toBe(simulation.repetition.namedMs);
      }
    }
  });
});

describe("the length of a jiffy", () => {
  const chosen = (hz?: number, variants: readonly string[] = ["srcu"]) =>
    chooseVariants(shrinker, choose({ variants, ...(hz === undefined ? {} : { hz }) }));

  test("goes to every variant, and is named by the id of those that have it as a parameter", () => {
    expect(chosen(250).map(({ id, parameters, constants }) => [id, String(parameters.hz), constants.LAB_HZ])).toEqual([
      ["rwsem", "250", 250],
      ["srcu hz=250", "250", 250],
      ["floor", "250", 250],
    ]);
    expect(chosen().map(({ id }) => id)).toEqual(["rwsem", "srcu", "floor"]);
  });

  test("is a variant's own where it has one", () => {
    expect(chosen(250, ["srcu hz=100", "srcu"]).map(({ id }) => id)).toEqual([
      "rwsem",
      "srcu hz=100",
      "srcu hz=250",
      "floor",
    ]);
  });

  test("is one that kernels are built with", () => {
    expect(() => chosen(200)).toThrow(new InputError("--hz: must be one of 100, 250, 300, 1000, got 200"));
  });
});

describe("a plan is refused", () => {
  test.each<[string, Partial<Choices>, Partial<SimulationChoices>, string]>([
    [
      "more CPUs than a machine has",
      { cpus: [1, 25] },
      { machines: ["xeon-8260-2s", "xeon-24-1s"] },
      "--cpus: machine 'xeon-24-1s' has 24 CPUs, got 25; ask for fewer, or choose another with --machine",
    ],
    ["an unknown machine", {}, { machines: ["pdp-11"] }, "machine 'pdp-11': unknown"],
    [
      "a sweep over what the workload has not",
      {},
      { sweeps: new Map([["mounters", [1]]]) },
      "--sweep mounters: no chosen workload has this parameter; they have: background-objects, ",
    ],
    ["a sweep over a text", {}, { sweeps: new Map([["slabinfo", [1]]]) }, "--sweep slabinfo: is a text, not a number"],
    [
      "a value that the workload refuses",
      {},
      { sweeps: new Map([["cgroups", [5, 0]]]) },
      "parameter 'cgroups': must be at least 1, got 0",
    ],
    [
      "a value with which nothing of the problem is left",
      { workloads: ["libvirt-teardown"], parameters: { "dev-tmpfs": 0 } },
      { sweeps: new Map([["reclaimers", [1, 0]]]) },
      "workload 'libvirt-teardown': exercises nothing of problem 'shrinker'",
    ],
    [
      "several counts of CPUs for threads",
      { instruments: ["native", "simulator"], cpus: [1, 2] },
      {},
      "--cpus: native stages take one count; leave them out with --instrument simulator",
    ],
    [
      "more threads than are sensible",
      { instruments: [], cpus: [65] },
      {},
      "--cpus: must be at most 64 in native stages, got 65",
    ],
  ])("with %s", (_, some, simulation, message) => {
    const plan = (): unknown => simulate(some, simulation);
    expect(plan).toThrow(InputError);
    expect(plan).toThrow(message);
  });
});
