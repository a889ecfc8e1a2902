// Every scenario of the memcg iterator, its tasks in every order, each as a whole: nothing is found wrong but what is
// declared. And an end that is wrong is found: what the checks look at is there.

import { describe, expect, test } from "vitest";
import { compileCheckerCore, compileModule } from "../../src/build/compile.ts";
import { performCheck } from "../../src/checker/job.ts";
import { type MemcgIteratorExports, memcgIteratorCheck } from "../../src/checker/problems/memcg-iterator.ts";
import type { Scenario } from "../../src/checker/scenario.ts";
import { kindCgroupCreate, kindCgroupOffline, kindReclaimPass } from "../../src/kernel/events.ts";
import { noteFreedCgroupVisited, noteGracePeriod, noteLongWalk, noteReferenceMissing } from "../../src/kernel/notes.ts";
import { iteratorVariants } from "../kernel/memcg-iterator-rig.ts";

const scenarioOf = (name: string): Scenario => {
  const found = memcgIteratorCheck.scenarios.find((scenario) => scenario.name === name);
  if (found === undefined) throw new Error(`no scenario ${name}`);
  return found;
};

const shorts = memcgIteratorCheck.scenarios.filter(({ isShort }) => isShort);

test("the short scenarios are few, and share one set of constants", () => {
  expect(shorts).toHaveLength(3);
  expect(new Set(shorts.map(({ constants }) => JSON.stringify(constants))).size).toBe(1);
});

test("every scenario walks, all but two of them remove, and one has three tasks by two operations", () => {
  const kindsOf = ({ setup, tasks }: Scenario): Set<number> =>
    new Set([...setup, ...tasks.flatMap(({ events }) => events)].map(({ kind }) => kind));
  const all = memcgIteratorCheck.scenarios;
  for (const scenario of all) expect(kindsOf(scenario).has(kindReclaimPass), scenario.name).toBe(true);
  expect(all.filter((scenario) => !kindsOf(scenario).has(kindCgroupOffline)).map(({ name }) => name)).toEqual([
    "two-walkers",
  ]);
  expect(all.some(({ size }) => size === "3 tasks x 2 operations")).toBe(true);
});

test.each(iteratorVariants)(
  "$id comes through the short scenarios, or shows what is declared of it",
  async ({ id, variant, constants }) => {
    const core = (await compileCheckerCore()).wasm;
    for (const scenario of shorts) {
      const compiled = await compileModule({
        problem: "memcg-iterator",
        variant,
        machine: "checked",
        constants: { ...scenario.constants, ...constants },
      });
      const outcome = performCheck({
        problem: "memcg-iterator",
        variant: { id: variant, skipWhenEmpty: false },
        scenario: scenario.name,
        model: "sc",
        scheduler: { name: "exhaustive", reduction: true },
        statesMax: 300_000,
        stepsMax: 20_000,
        msMax: Number.MAX_SAFE_INTEGER,
        bytesMax: 512 * 2 ** 20,
        core,
        compiled,
      });
      const known = memcgIteratorCheck.defects.some(
        (defect) => defect.variant === variant && defect.scenario === scenario.name,
      );
      const message = `${id}, ${scenario.name}: ${outcome.counterexample?.finding.message}`;
      expect(outcome.outcome, message).toBe(known ? "defect" : "exhausted");
    }
  },
  120_000,
);

test("every defect is of a variant and of a scenario that there are", () => {
  const variants = iteratorVariants.map(({ variant }) => variant);
  for (const { variant, scenario } of memcgIteratorCheck.defects) {
    expect(variants).toContain(variant);
    expect(scenarioOf(scenario).name).toBe(scenario);
  }
});

describe("a wrong end is found:", () => {
  const cgroupBytes = 1024;
  /** An instance that says what a test has it say. */
  const saying = (said: Partial<MemcgIteratorExports>): readonly MemcgIteratorExports[] => [
    {
      allocatedBytes: () => cgroupBytes,
      cgroupBytes: () => cgroupBytes,
      counter: () => 0,
      roundOf: () => 1,
      visits: () => 1,
      ...said,
    } as MemcgIteratorExports,
  ];
  const scenario = scenarioOf("two-walkers");

  test("nothing is wrong with one cgroup left and each visited once", () => {
    expect(memcgIteratorCheck.checkTasks(saying({}), scenario, null)).toBeUndefined();
    expect(memcgIteratorCheck.checkEnd(saying({}), scenario, null)).toBeUndefined();
  });

  test("a cgroup without a visit in a complete round", () => {
    const instances = saying({ visits: (_root, _node, _priority, _round, index) => (index === 1 ? 0 : 1) });
    expect(memcgIteratorCheck.checkTasks(instances, scenario, null)?.message).toBe(
      "round 0 over cgroup 0 came to its end without cgroup 1, which was there",
    );
  });

  test("a second visit by a walker that is alone", () => {
    const [first] = scenario.tasks;
    const alone = { ...scenario, tasks: [first!] };
    expect(memcgIteratorCheck.checkTasks(saying({ visits: () => 2 }), alone, null)?.invariant).toBe(
      "once in a round alone",
    );
    // Two walkers may.
    expect(memcgIteratorCheck.checkTasks(saying({ visits: () => 2 }), scenario, null)).toBeUndefined();
  });

  test("a removed cgroup that is kept, and one that was freed twice", () => {
    const kept = saying({ allocatedBytes: () => 3 * cgroupBytes });
    expect(memcgIteratorCheck.checkEnd(kept, scenario, null)).toMatchObject({
      kind: "leak",
      message: "2 removed cgroups are not freed",
    });
    const twice = saying({ allocatedBytes: () => 0 });
    expect(memcgIteratorCheck.checkEnd(twice, scenario, null)?.kind).toBe("double free");
  });

  test("a visit of a freed cgroup", () => {
    expect(memcgIteratorCheck.checkEnd(saying({ counter: () => 1 }), scenario, null)?.kind).toBe("use after free");
  });

  test("what the code under test says itself", () => {
    expect(memcgIteratorCheck.violationOf(noteFreedCgroupVisited)?.kind).toBe("use after free");
    expect(memcgIteratorCheck.violationOf(noteReferenceMissing)?.kind).toBe("broken invariant");
    expect(memcgIteratorCheck.violationOf(noteLongWalk)?.kind).toBe("livelock");
    expect(memcgIteratorCheck.violationOf(noteGracePeriod)).toBeUndefined();
  });
});

test("what is created in the tasks is counted at the end", () => {
  const creating = scenarioOf("walks-creates-and-destroys");
  expect(creating.tasks.some(({ events }) => events.some(({ kind }) => kind === kindCgroupCreate))).toBe(true);
});
