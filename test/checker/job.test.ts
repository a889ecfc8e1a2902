// A check as a thread performs it, with what follows a search that stops at a bound.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, expect, test } from "vitest";
import { compileCheckerCore, compileModule } from "../../src/build/compile.ts";
import { performCheck } from "../../src/checker/job.ts";
import type { CheckJob } from "../../src/checker/outcome.ts";
import { problemChecks } from "../../src/checker/problems/index.ts";
import { mutants } from "../mutants/mutants.ts";
import { writeMutant } from "../mutants/write.ts";

const folder = mkdtempSync(path.join(tmpdir(), "reclaim-bench-job-"));
afterAll(() => rmSync(folder, { recursive: true }));

const core = (await compileCheckerCore()).wasm;
const scenario = problemChecks.quarantine.scenarios.find(({ name }) => name === "reduce-against-remove")!;

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
