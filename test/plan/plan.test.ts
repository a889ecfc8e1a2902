import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { suites } from "../../bench/index.ts";
import { quarantine } from "../../bench/quarantine.ts";
import { InputError } from "../../src/errors.ts";
import { type Choices, chooseVariants, planUnits } from "../../src/plan/plan.ts";
import type { Scale, Suite } from "../../src/plan/suite.ts";
import { caseId, quarantineBytesOf, type Unit } from "../../src/plan/unit.ts";
import { createWorkload, saveWorkload } from "../../src/workloads/index.ts";
import { choose } from "./choices.ts";

const mebibyte = 2 ** 20;
const scales: readonly Scale[] = ["quick", "standard", "full"];

/**
 * The suite without the set-up that fills the quarantine, which planning would generate, and without the simulator, which
 * has tests of its own: the rest of the plan is the same.
 */
const unfilled: Suite = {
  ...quarantine,
  stages: quarantine.stages.filter((stage) => stage !== "simulated"),
  workloads: quarantine.workloads.map((one) => ({
    ...one,
    scales: {
      quick: { ...one.scales.quick, fill: 0 },
      standard: { ...one.scales.standard, fill: 0 },
      full: { ...one.scales.full, fill: 0 },
    },
  })),
};

function idsOf(some: Partial<Choices>): string[] {
  return chooseVariants(quarantine, choose(some)).map((variant) => variant.id);
}

/** Units of one workload and purpose, by stage. */
function byStage(units: readonly Unit[], workload: string, purpose: Unit["purpose"] = "answers"): Map<string, Unit> {
  const some = units.filter((unit) => unit.workload.name === workload && unit.purpose === purpose);
  return new Map(some.map((unit) => [unit.stage, unit]));
}

describe("the chosen variants", () => {
  test("are the suite's lines when none are asked for", () => {
    expect(idsOf({})).toEqual(quarantine.lines);
  });

  test("begin with the reference and end with the floor, whatever was asked for", () => {
    expect(idsOf({ variants: ["hash-buckets"] })).toEqual(["singly-linked-fifo", "hash-buckets buckets=16", "floor"]);
    expect(idsOf({ variants: ["floor"] })).toEqual(["singly-linked-fifo", "floor"]);
    expect(idsOf({ variants: ["doubly-linked", "singly-linked-fifo"] })).toEqual([
      "singly-linked-fifo",
      "doubly-linked",
      "floor",
    ]);
  });

  test("hold each variant once, however its id was written", () => {
    const asked = [
      "batched-async group=2 form=scan",
      "batched-async form=scan  group=2",
      "floor skip-when-empty=false",
    ];
    expect(idsOf({ variants: asked })).toEqual(["singly-linked-fifo", "batched-async form=scan group=2", "floor"]);
  });

  test("have those from outside besides the ones asked for", () => {
    const outside = new Map([["mine", "/tmp/mine.ts"]]);
    expect(idsOf({ variants: ["single-list"], outside })).toEqual([
      "singly-linked-fifo",
      "single-list",
      "mine",
      "floor",
    ]);
    expect(idsOf({ outside })).toEqual([...quarantine.lines, "mine"]);
  });

  test("may be variants from outside with the common parameter", () => {
    const outside = new Map([["mine", "/tmp/mine.ts"]]);
    const variants = ["mine skip-when-empty=true"];
    expect(idsOf({ variants, outside })).toEqual(["singly-linked-fifo", "mine skip-when-empty=true", "mine", "floor"]);
  });

  test("must be known", () => {
    expect(() => idsOf({ variants: ["triply-linked"] })).toThrow(InputError);
  });
});

describe.each(scales)("the plan at the scale '%s'", (scale) => {
  const units = planUnits(unfilled, choose({ scale }));

  test("has every workload in every stage but for those that quick runs leave out, timed first", () => {
    for (const { name, notInQuick } of quarantine.workloads) {
      const left = scale === "quick" ? (notInQuick ?? []) : [];
      const stages = (["timed", "mitata", "instrumented", "counted"] as const).filter((stage) => !left.includes(stage));
      expect([...byStage(units, name).keys()]).toEqual(stages);
    }
  });

  test("has every stage somewhere", () => {
    expect(new Set(units.map(({ stage }) => stage))).toEqual(new Set(["timed", "mitata", "instrumented", "counted"]));
  });

  test("has the reference and the floor in each unit that answers", () => {
    for (const { variants } of units.filter((unit) => unit.purpose === "answers")) {
      expect(variants.filter((variant) => variant.isReference)).toHaveLength(1);
      expect(variants.filter((variant) => variant.isFloor)).toHaveLength(1);
    }
  });

  test("gives each case an id of its own", () => {
    const ids = units.flatMap((unit) => unit.variants.map((variant) => caseId(unit, variant)));
    expect(new Set(ids).size).toBe(ids.length);
  });

  test("looks for the law of growth at three sizes or more, natively and counted", () => {
    const growing = units.filter((unit) => unit.purpose === "growth");
    for (const { name, growth } of quarantine.workloads) {
      for (const stage of ["timed", "counted"] as const) {
        const sizes = growing
          .filter((unit) => unit.workload.name === name && unit.stage === stage)
          .map((unit) => quarantineBytesOf(unit.workload));
        if (growth === undefined) expect(sizes).toEqual([]);
        else expect(new Set(sizes).size).toBeGreaterThanOrEqual(3);
        expect([...sizes].sort((a, b) => a - b)).toEqual(sizes);
      }
    }
    // What only skips has the law of what it skips; the floor has none.
    for (const { variants } of growing) {
      expect(variants.some((variant) => variant.skipWhenEmpty || variant.isFloor)).toBe(false);
      expect(variants.some((variant) => variant.isReference)).toBe(true);
    }
  });

  test("weighs every unit, so that progress can be told", () => {
    for (const { weight } of units) expect(weight).toBeGreaterThan(0);
  });

  test("counts and marks at sizes that are no larger than the timed one", () => {
    for (const { name } of quarantine.workloads) {
      const stages = byStage(units, name);
      const events = (stage: string): number => stages.get(stage)?.workload.limits.events ?? 0;
      expect(events("timed")).toBeGreaterThan(0);
      expect(events("counted")).toBeLessThanOrEqual(events("timed"));
      expect(events("instrumented")).toBeLessThanOrEqual(events("timed"));
    }
  });
});

describe("--set", () => {
  test("goes to the timed run of the workloads that know the parameter", () => {
    const units = planUnits(unfilled, choose({ parameters: { guests: 3 } }));
    expect(byStage(units, "libvirt-teardown").get("timed")!.workload.parameters.guests).toBe(3);
    expect(byStage(units, "libvirt-teardown").get("mitata")!.workload.parameters.guests).toBe(3);
    expect(byStage(units, "cgroups-4000").get("timed")!.workload.parameters).not.toHaveProperty("guests");
  });

  test("goes to several workloads when they share the parameter", () => {
    const units = planUnits(unfilled, choose({ parameters: { "quarantine-bytes": 3 * mebibyte } }));
    for (const { name } of quarantine.workloads) {
      expect(quarantineBytesOf(byStage(units, name).get("timed")!.workload)).toBe(3 * mebibyte);
    }
  });

  test("counts and instruments less still in quick runs, and only there", () => {
    const bytesOf = (scale: Scale): number[] => {
      const units = byStage(
        planUnits(unfilled, choose({ scale, workloads: ["libvirt-teardown"] })),
        "libvirt-teardown",
      );
      return (["counted", "instrumented"] as const).map((stage) => quarantineBytesOf(units.get(stage)!.workload));
    };
    const standard = quarantine.workloads[0]!.scales.standard["quarantine-bytes"];
    expect(bytesOf("quick")).toEqual([2 * mebibyte, 2 * mebibyte]);
    expect(bytesOf("standard")).toEqual([4 * mebibyte, standard]);
  });

  test("lowers the sizes of counting and of growth, and never raises them", () => {
    const sizes = (parameters: Record<string, number>) =>
      planUnits(unfilled, choose({ scale: "standard", parameters, workloads: ["libvirt-teardown"] }))
        .filter((unit) => unit.stage === "counted" || unit.purpose === "growth")
        .map(({ workload, purpose }) => ({
          purpose,
          guests: workload.parameters.guests,
          bytes: Number(workload.parameters["quarantine-bytes"]),
        }));
    const plain = sizes({});
    expect(sizes({ guests: 30, "quarantine-bytes": 300 * mebibyte })).toEqual(plain);
    const lowered = sizes({ guests: 1, "quarantine-bytes": 3 * mebibyte });
    for (const [index, { purpose, guests, bytes }] of lowered.entries()) {
      expect(guests).toBe(1);
      // The sizes that a law is fitted to stay apart.
      expect(bytes).toBe(purpose === "growth" ? plain[index]?.bytes : 3 * mebibyte);
    }
  });

  test("of a slabinfo file goes to every size", () => {
    const parameters = { slabinfo: "packaged:linux-6.18-ramfs" };
    for (const { workload } of planUnits(unfilled, choose({ parameters, workloads: ["libvirt-teardown"] }))) {
      expect(workload.parameters.slabinfo).toBe("packaged:linux-6.18-ramfs");
    }
  });

  test("of a parameter that no chosen workload has is refused, with those that they have", () => {
    const plan = (): unknown =>
      planUnits(unfilled, choose({ parameters: { cgroups: 5 }, workloads: ["libvirt-teardown"] }));
    expect(plan).toThrow(InputError);
    expect(plan).toThrow(
      /^--set cgroups: no chosen workload has this parameter; they have: background-objects, .*guests/,
    );
  });

  test("of a value out of range is refused", () => {
    expect(() => planUnits(unfilled, choose({ parameters: { guests: -1 } }))).toThrow(
      "parameter 'guests': must be at least 1, got -1",
    );
    expect(() => planUnits(unfilled, choose({ parameters: { guests: "two" } }))).toThrow("parameter 'guests'");
  });

  test.each([
    [0, false],
    [2 * mebibyte - 1, false],
    [2 * mebibyte, true],
    [3840 * mebibyte, true],
    [3840 * mebibyte + 1, false],
  ])("of a quarantine of %i bytes is within bounds: %s", (bytes, isAllowed) => {
    const plan = (): unknown =>
      planUnits(unfilled, choose({ parameters: { "quarantine-bytes": bytes }, workloads: ["stress-ng-ramfs"] }));
    if (isAllowed) expect(plan).not.toThrow();
    else expect(plan).toThrow(`parameter 'quarantine-bytes': must be from 2097152 to 4026531840`);
  });
});

describe("the chosen workloads", () => {
  test("are run in the order asked for, each once", () => {
    const workloads = ["stress-ng-ramfs", "libvirt-teardown", "stress-ng-ramfs"];
    const units = planUnits(unfilled, choose({ workloads }));
    expect([...new Set(units.map((unit) => unit.workload.name))]).toEqual(["stress-ng-ramfs", "libvirt-teardown"]);
    const ids = units.flatMap((unit) => unit.variants.map((variant) => caseId(unit, variant)));
    expect(new Set(ids).size).toBe(ids.length);
  });

  test("must be the suite's", () => {
    expect(() => planUnits(unfilled, choose({ workloads: ["fork-bomb"] }))).toThrow(
      new InputError(
        "workload 'fork-bomb': unknown for problem 'quarantine'; one of: libvirt-teardown, cgroups-4000, stress-ng-ramfs",
      ),
    );
  });

  test("get the seed", () => {
    for (const { workload } of planUnits(unfilled, choose({ seed: 42 }))) expect(workload.seed).toBe(42);
  });
});

describe("a workload from a file", () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), "plan-"));
  });
  afterAll(async () => {
    await rm(folder, { recursive: true });
  });

  function saved(name: string, bytes: number): string {
    const file = path.join(folder, `${name}-${bytes}.bin`);
    const parameters = { guests: 1, "quarantine-bytes": bytes, fill: 0, "background-objects": 50, "churn-batch": 50 };
    saveWorkload(createWorkload(name, parameters, 9), file);
    return file;
  }

  test("is run in every stage at its own size, without a law of growth", () => {
    const units = planUnits(unfilled, choose({ workloadFile: saved("libvirt-teardown", 2 * mebibyte) }));
    expect(units.map((unit) => `${unit.stage} ${unit.purpose}`)).toEqual([
      "timed answers",
      "mitata answers",
      "instrumented answers",
      "counted answers",
    ]);
    for (const { workload } of units) {
      expect([workload.name, workload.seed, quarantineBytesOf(workload)]).toEqual([
        "libvirt-teardown",
        9,
        2 * mebibyte,
      ]);
    }
  });

  test("is held to the bounds of the quarantine too", () => {
    expect(() => planUnits(unfilled, choose({ workloadFile: saved("libvirt-teardown", 0) }))).toThrow(
      "parameter 'quarantine-bytes': must be from 2097152",
    );
  });
});

test("a case's id names problem, variant, workload and stage, and the size where it grows", () => {
  const units = planUnits(unfilled, choose({ workloads: ["libvirt-teardown"], variants: ["single-list"] }));
  const named = units.map((unit) => caseId(unit, unit.variants[0]!));
  expect(named[0]).toBe("quarantine / singly-linked-fifo / libvirt-teardown / timed");
  expect(named).toContain("quarantine / singly-linked-fifo / libvirt-teardown / timed quarantine-bytes=8388608");
  expect(named.at(-1)).toBe("quarantine / singly-linked-fifo / libvirt-teardown / counted quarantine-bytes=3145728");
});

describe.each(suites.map((suite) => [suite.problem, suite] as const))("the suite of the problem '%s'", (_, suite) => {
  test("names known variants, and its reference and floor among its lines", () => {
    const chosen = chooseVariants(suite, choose());
    expect(chosen.map((variant) => variant.id)).toEqual(suite.lines);
    expect(chosen[0]!.isReference).toBe(true);
    expect(chosen.at(-1)!.isFloor).toBe(true);
  });

  test("runs every variant that it has", () => {
    const run = new Set(chooseVariants(suite, choose()).map((variant) => variant.name));
    expect([...run].sort()).toEqual(suite.variants.map((variant) => variant.name).sort());
  });
});
