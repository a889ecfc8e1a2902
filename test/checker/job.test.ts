// A check as a thread performs it, with what follows a search that stops at a bound.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { compileCheckerCore, compileModule, type ModuleSource } from "../../src/build/compile.ts";
import { judged, performCheck } from "../../src/checker/job.ts";
import type { CheckJob, CheckOutcome } from "../../src/checker/outcome.ts";
import { problemCheckOf, problemChecks } from "../../src/checker/problems/index.ts";
import type { Mutant } from "../mutants/mutant.ts";
import { mutants } from "../mutants/mutants.ts";
import { writeMutant } from "../mutants/write.ts";
import { counterexample, outcome } from "../report/check/outcomes.ts";

const folder = mkdtempSync(path.join(tmpdir(), "reclaim-bench-job-"));
afterAll(() => rmSync(folder, { recursive: true }));

const core = (await compileCheckerCore()).wasm;
const scenario = problemCheckOf("quarantine").scenarios.find(({ name }) => name === "reduce-against-remove")!;

function jobOf(compiled: CheckJob["compiled"]): CheckJob {
  return {
    problem: "quarantine",
    variant: { id: "one", skipWhenEmpty: false },
    scenario: scenario.name,
    model: "sc",
    scheduler: { name: "exhaustive", reduction: true },
    // Far too few for the search to get anywhere.
    statesMax: 1,
    stepsMax: 20_000,
    msMax: 60_000,
    bytesMax: 2 ** 28,
    core,
    compiled,
  };
}

test("a search that stops at its bound is followed by executions by random priorities, which look elsewhere", async () => {
  const mutant = mutants.find(({ name }) => name === "fifo-sum-unlocked")!;
  const source = writeMutant(mutant, folder);
  const { constants } = scenario;
  const wrong = performCheck(jobOf(await compileModule({ ...source, machine: "checked", constants })));
  expect(wrong.rungs.map(({ exploration }) => exploration.outcome)).toEqual(["bound", "violation"]);
  expect(wrong).toMatchObject({ outcome: "violation", counterexample: { finding: { kind: "broken invariant" } } });

  const right = performCheck(
    jobOf(await compileModule({ problem: "quarantine", variant: mutant.base, machine: "checked", constants })),
  );
  expect(right.rungs.map(({ exploration }) => exploration.outcome)).toEqual(["bound", "bound"]);
  expect(right).toMatchObject({ outcome: "bound", bound: right.rungs[0]!.exploration.bound });
  expect(right.rungs[1]!.exploration.executions).toBe(500);
}, 120_000);

test("what is declared of a variant hides nothing else that is wrong with it", async () => {
  const where = { problem: "slab-offline", base: "keep-dead", scenario: "last-free-against-offline" } as const;
  const late: Mutant = {
    ...where,
    name: "keep-dead-counts-late",
    description: "statistics are written when the object is back, and the offline may free the cache before",
    files: {
      "slab-offline/clone": [
        [
          "  slubCountFree(cache);\n  slubFree<P>(cache, slab, object);\n",
          "  slubFree<P>(cache, slab, object);\n  slubCountFree(cache);\n",
        ],
      ],
    },
    model: "sc",
    expected: [],
  };
  const { constants } = problemCheckOf(where.problem).scenarios.find(({ name }) => name === where.scenario)!;
  const check = async (source: Pick<ModuleSource, "problem" | "variant">): Promise<CheckOutcome> =>
    performCheck({
      ...jobOf(await compileModule({ ...source, machine: "checked", constants })),
      ...where,
      variant: { id: where.base, skipWhenEmpty: false },
      statesMax: 200_000,
    });
  expect(await check(writeMutant(late, folder))).toMatchObject({
    outcome: "violation",
    counterexample: { finding: { kind: "use after free" } },
  });
  const right = await check({ problem: where.problem, variant: where.base });
  expect(right).toMatchObject({ outcome: "defect", counterexample: { finding: { kind: "leak" } } });
  expect(right.rungs.map(({ exploration }) => exploration.outcome)).toEqual(["violation", "exhausted"]);
}, 120_000);

describe("what is declared of a variant", () => {
  const known = {
    variant: "single-list",
    scenario: "put-against-remove",
    kind: "leak",
    why: "nobody frees it",
  } as const;
  const leak = {
    ...counterexample,
    finding: { ...counterexample.finding, kind: "leak", invariant: "no leak" },
  } as const;
  const leaking = outcome({ outcome: "violation", counterexample: leak });

  test("is no violation when it is found", () => {
    expect(judged(known, leaking)).toEqual({ ...leaking, outcome: "defect", defect: known.why });
    expect(judged({ ...known, invariant: "no leak" }, leaking).outcome).toBe("defect");
  });

  test("is no excuse for anything else", () => {
    const other = outcome({ outcome: "violation", counterexample });
    expect(judged(known, other)).toEqual(other);
    expect(judged({ ...known, invariant: "another" }, leaking)).toEqual(leaking);
    expect(judged(undefined, leaking)).toEqual(leaking);
  });

  test("is a violation when no interleaving shows it, and says nothing where not all were explored", () => {
    const missing = judged(known, outcome());
    expect(missing).toMatchObject({ outcome: "violation", counterexample: { finding: { kind: "broken invariant" } } });
    expect(missing.counterexample?.finding.message).toContain("leak");
    const stopped = outcome({ outcome: "bound", bound: "1 states" });
    expect(judged(known, stopped)).toEqual(stopped);
  });

  test("names a variant, a scenario and an invariant that there are", () => {
    for (const { scenarios, invariants, defects } of Object.values(problemChecks)) {
      for (const { scenario: declared, invariant } of defects) {
        expect(scenarios.map(({ name }) => name)).toContain(declared);
        if (invariant !== undefined) expect(invariants.map(({ name }) => name)).toContain(invariant);
      }
    }
  });
});
