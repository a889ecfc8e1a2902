// The checker finds every mutant in its scenario, and a process of its own sees it again from the token.

import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, test } from "vitest";
import { compileCheckerCore, compileModule } from "../../src/build/compile.ts";
import { performCheck } from "../../src/checker/job.ts";
import type { Finding } from "../../src/checker/model.ts";
import type { CheckJob } from "../../src/checker/outcome.ts";
import { problemChecks } from "../../src/checker/problems/index.ts";
import { type Mutant, mutants } from "./mutants.ts";
import { writeMutant } from "./write.ts";

const script = path.join(path.dirname(fileURLToPath(import.meta.url)), "replay-process.mjs");
const folder = mkdtempSync(path.join(tmpdir(), "reclaim-bench-mutants-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** More than the deepest fault needs. */
const preemptions = 4;

async function jobOf(mutant: Mutant, part: "fault" | "reachable"): Promise<CheckJob> {
  const { problem, model, changes } = mutant;
  const scenario = problemChecks[problem].scenarios.find(({ name }) => name === mutant.scenario);
  if (scenario === undefined) throw new Error(`there is no scenario '${mutant.scenario}'`);
  const source = writeMutant(mutant, folder, part);
  const constants = { ...scenario.constants, ...mutant.constants };
  return {
    problem,
    variant: { id: source.variant, skipWhenEmpty: false },
    scenario: scenario.name,
    model,
    scheduler:
      changes === undefined
        ? { name: "bounded", preemptions, isFull: false }
        : { name: "pct", changes, executions: 20_000, seed: 1 },
    statesMax: 3_000_000,
    stepsMax: 200_000,
    msMax: 120_000,
    bytesMax: 512 * 2 ** 20,
    core: (await compileCheckerCore()).wasm,
    compiled: await compileModule({ ...source, machine: "checked", constants }),
  };
}

/** What a process of its own finds when it follows a token. */
function replay({ core, compiled, stepsMax }: CheckJob, token: string): Finding | null {
  const jobFile = path.join(folder, "job.json");
  const outFile = path.join(folder, "out.json");
  const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64");
  const job = { token, core: text(core), wasm: text(compiled.wasm), operationsMax: stepsMax };
  writeFileSync(jobFile, JSON.stringify(job));
  execFileSync(process.execPath, [script, jobFile, outFile]);
  return JSON.parse(readFileSync(outFile, "utf8")) as Finding | null;
}

function isExpected({ expected }: Mutant, found: Finding): boolean {
  return expected.some(
    ({ kind, invariant }) => kind === found.kind && (invariant === undefined || invariant === found.invariant),
  );
}

describe("the checker finds", () => {
  test.each(mutants.map((mutant) => [mutant.name, mutant] as const))("%s", async (_name, mutant) => {
    const job = await jobOf(mutant, "fault");
    const outcome = performCheck(job);
    expect(outcome.outcome).toBe("violation");
    const { finding, token } = outcome.counterexample!;
    expect(isExpected(mutant, finding), `${finding.kind}: ${finding.message}`).toBe(true);
    expect(replay(job, token)).toEqual(finding);
  });
});

describe("without its fault, the checker finds nothing in", () => {
  const changed = mutants.filter(({ reachable }) => reachable !== undefined);
  test.each(changed.map((mutant) => [mutant.name, mutant] as const))("%s", async (_name, mutant) => {
    const outcome = performCheck(await jobOf(mutant, "reachable"));
    expect(outcome.counterexample).toBeUndefined();
  });
});
