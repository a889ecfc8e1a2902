// The checker finds every mutant in its scenario, and a process of its own sees it again from the token.

import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { compileCheckerCore, compileModule } from "../../src/build/compile.ts";
import { performCheck } from "../../src/checker/job.ts";
import type { CheckJob, CheckOutcome } from "../../src/checker/outcome.ts";
import { problemChecks } from "../../src/checker/problems/index.ts";
import { packageRoot } from "../../src/package-root.ts";
import { type Mutant, mutants } from "./mutants.ts";
import { writeMutant } from "./write.ts";

const folder = mkdtempSync(path.join(tmpdir(), "reclaim-bench-mutants-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** More than the deepest fault needs. */
const preemptions = 4;

async function jobOf(mutant: Mutant, part: "fault" | "reachable"): Promise<CheckJob> {
  const { problem, model } = mutant;
  const scenario = problemChecks[problem].scenarios.find(({ name }) => name === mutant.scenario);
  if (scenario === undefined) throw new Error(`there is no scenario '${mutant.scenario}'`);
  const source = writeMutant(mutant, folder, part);
  const constants = { ...scenario.constants, ...mutant.constants };
  return {
    problem,
    variant: { id: source.variant, skipWhenEmpty: false },
    scenario: scenario.name,
    model,
    scheduler: { name: "bounded", preemptions, isFull: false },
    statesMax: 3_000_000,
    stepsMax: 200_000,
    msMax: 120_000,
    bytesMax: 512 * 2 ** 20,
    core: (await compileCheckerCore()).wasm,
    compiled: await compileModule({ ...source, machine: "checked", constants }),
  };
}

/** What a fresh process prints for a token. */
function replay(token: string, variantFile: string): string {
  const program = path.join(packageRoot, "dist", "src", "cli", "bin.js");
  try {
    return execFileSync(process.execPath, [program, "replay", token, "--variant-file", variantFile], {
      encoding: "utf8",
    });
  } catch (error) {
    // A violation is exit code 4.
    const { status, stdout } = error as { status: number; stdout: string };
    expect(status).toBe(4);
    return stdout;
  }
}

function isExpected({ expected }: Mutant, { counterexample }: CheckOutcome): boolean {
  const found = counterexample?.finding;
  return expected.some(
    ({ kind, invariant }) => kind === found?.kind && (invariant === undefined || invariant === found.invariant),
  );
}

describe("the checker finds", () => {
  test.each(mutants.map((mutant) => [mutant.name, mutant] as const))("%s", async (_name, mutant) => {
    const outcome = await performCheck(await jobOf(mutant, "fault"));
    expect(outcome.outcome).toBe("violation");
    const { counterexample } = outcome;
    expect(isExpected(mutant, outcome), `${counterexample?.finding.kind}: ${counterexample?.finding.message}`).toBe(true);
    const seen = replay(counterexample!.token, path.join(folder, mutant.name, `${mutant.name}.ts`));
    expect(seen).toContain(counterexample!.finding.message);
  });
});

describe("without its fault, the checker finds nothing in", () => {
  const changed = mutants.filter(({ reachable }) => reachable !== undefined);
  test.each(changed.map((mutant) => [mutant.name, mutant] as const))("%s", async (_name, mutant) => {
    const outcome = await performCheck(await jobOf(mutant, "reachable"));
    expect(outcome.counterexample).toBeUndefined();
  });
});
