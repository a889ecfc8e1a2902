// How the tests have the checker look for the mutants of a problem.

import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, test } from "vitest";
import { compileCheckerCore, compileModule, type ModuleSource } from "../../src/build/compile.ts";
import { performCheck, replaySchedule } from "../../src/checker/job.ts";
import type { Finding } from "../../src/checker/model.ts";
import type { CheckJob, Counterexample, SourceFrame } from "../../src/checker/outcome.ts";
import { problemCheckOf } from "../../src/checker/problems/index.ts";
import { decodeToken } from "../../src/checker/token.ts";
import { packageRoot } from "../../src/package-root.ts";
import { type Mutant, mutants } from "./mutants.ts";
import { changedLines, type MutantSource, writeMutant } from "./write.ts";

const replayScript = path.join(path.dirname(fileURLToPath(import.meta.url)), "replay-process.mjs");
const commandScript = path.join(packageRoot, "dist", "src", "cli", "bin.js");

/** Each mutant is found within so many states; what it is made of is explored for as long. */
const statesMax = 200_000;
/** Without the reduction, every operation is a state of its own. */
const statesMaxUnreduced = 400_000;
const operationsMax = 1_000_000;
/** Rows are at most 160, of up to three lines each. */
const timelineLinesMax = 400;
/** Of a test: compiling takes seconds where nothing is cached and others want the CPUs, too. */
const timeoutMs = 180_000;

type Source = Pick<ModuleSource, "problem" | "variant"> & Partial<MutantSource>;

async function jobOf(mutant: Mutant, source: Source, reduction: boolean): Promise<CheckJob> {
  const { problem, model } = mutant;
  const scenario = problemCheckOf(problem).scenarios.find(({ name }) => name === mutant.scenario);
  if (scenario === undefined) throw new Error(`there is no scenario '${mutant.scenario}'`);
  const constants = { ...scenario.constants, ...mutant.constants };
  return {
    problem,
    variant: { id: source.variant, skipWhenEmpty: false },
    scenario: scenario.name,
    model,
    scheduler: { name: "exhaustive", reduction },
    statesMax: reduction ? statesMax : statesMaxUnreduced,
    stepsMax: 20_000,
    // The number of states is what limits it, on any machine.
    msMax: Number.MAX_SAFE_INTEGER,
    bytesMax: 512 * 2 ** 20,
    core: (await compileCheckerCore()).wasm,
    compiled: await compileModule({ ...source, machine: "checked", constants }),
  };
}

function isExpected({ expected }: Mutant, found: Finding): boolean {
  return expected.some(
    ({ kind, invariant }) => kind === found.kind && (invariant === undefined || invariant === found.invariant),
  );
}

function find(mutant: Mutant, job: CheckJob): Counterexample {
  const { outcome, bound, counterexample } = performCheck(job);
  expect(outcome, bound).toBe("violation");
  const { finding } = counterexample!;
  expect(isExpected(mutant, finding), `${finding.kind} (${finding.invariant}): ${finding.message}`).toBe(true);
  return counterexample!;
}

interface Caught {
  readonly mutant: Mutant;
  readonly job: CheckJob;
  readonly counterexample: Counterexample;
}

/** What a process of its own finds when it follows tokens. */
function replayAll(caught: readonly Caught[], folder: string): readonly (Finding | null)[] {
  const core = path.join(folder, "core.wasm");
  const jobs = caught.map(({ mutant, job, counterexample: { token } }) => {
    const wasm = path.join(folder, `${mutant.name}.wasm`);
    writeFileSync(wasm, job.compiled.wasm);
    writeFileSync(core, job.core);
    return { token, wasm, operationsMax };
  });
  const [jobsFile, outFile] = [path.join(folder, "jobs.json"), path.join(folder, "out.json")];
  writeFileSync(jobsFile, JSON.stringify({ core, jobs }));
  execFileSync(process.execPath, [replayScript, jobsFile, outFile]);
  return JSON.parse(readFileSync(outFile, "utf8")) as (Finding | null)[];
}

/** What `reclaim-bench replay` says of a token. */
function replayByCommand(token: string, variantFile: string): { readonly code: number; readonly text: string } {
  try {
    const text = execFileSync(process.execPath, [commandScript, "replay", token, "--variant-file", variantFile], {
      encoding: "utf8",
    });
    return { code: 0, text };
  } catch (error) {
    const { status, stdout } = error as { status: number; stdout: string };
    return { code: status, text: stdout };
  }
}

/** All places that the replay of a token comes by. */
function framesOf({ job, counterexample: { token } }: Caught): readonly SourceFrame[] {
  return replaySchedule(job, decodeToken(token).schedule).operations.flatMap(({ frames }) => frames);
}

/** What the tests of a problem's mutants name. */
export interface Chosen {
  /** Mutants that do something else, in lines that the replay has to come by, and not only less. */
  readonly shown: readonly string[];
  /** Mutants, each of one file, whose token is handed to the command. */
  readonly byCommand: readonly string[];
  /** Mutants that are looked for without the reduction, too. */
  readonly unreduced: readonly string[];
}

/** Declares the tests of all mutants of a problem. */
export function describeMutants(problem: string, { shown, byCommand, unreduced }: Chosen): void {
  const folder = mkdtempSync(path.join(tmpdir(), "reclaim-bench-mutants-"));
  afterAll(() => rmSync(folder, { recursive: true }));
  const own = mutants.filter((mutant) => mutant.problem === problem);
  const named = (names: readonly string[]): Mutant[] =>
    names.map((name) => {
      const mutant = own.find((one) => one.name === name);
      if (mutant === undefined) throw new Error(`there is no mutant '${name}' of ${problem}`);
      return mutant;
    });
  const caught = new Map<string, Caught>();

  describe("the checker finds", () => {
    test.each(own.map((mutant) => [mutant.name, mutant] as const))(
      "%s",
      async (name, mutant) => {
        const job = await jobOf(mutant, writeMutant(mutant, folder), true);
        const counterexample = find(mutant, job);
        const found = { mutant, job, counterexample };
        caught.set(name, found);
        expect(framesOf(found).some(({ file }) => file.startsWith(`${problem}/${name}`))).toBe(true);
        expect(counterexample.timeline.split("\n").length).toBeLessThan(timelineLinesMax);
      },
      timeoutMs,
    );
  });

  test.each(named(shown).map((mutant) => [mutant.name, mutant] as const))(
    "the replay comes by the changed lines of %s",
    (name, mutant) => {
      const changed = changedLines(mutant, folder);
      const frames = framesOf(caught.get(name)!);
      for (const { file, from, to } of changed) {
        const isThere = frames.some((frame) => frame.file === file && frame.line >= from && frame.line <= to);
        expect(isThere, `${file}:${from}`).toBe(true);
      }
      expect(changed.length).toBeGreaterThan(0);
    },
    timeoutMs,
  );

  test(
    "another process finds the same from the tokens",
    () => {
      expect([...caught.keys()]).toEqual(own.map(({ name }) => name));
      const all = [...caught.values()];
      expect(replayAll(all, folder)).toEqual(all.map(({ counterexample }) => counterexample.finding));
    },
    timeoutMs,
  );

  test.each(named(byCommand).map((mutant) => [mutant.name, mutant] as const))(
    "the command replays %s",
    (name, mutant) => {
      const { finding, token } = caught.get(name)!.counterexample;
      const { variantFile } = writeMutant(mutant, folder);
      const { code, text } = replayByCommand(token, variantFile);
      expect(code).toBe(4);
      expect(text.replaceAll(/\s+/g, " ")).toContain(finding.message);
      expect(text).toContain(`${problem}: ${name}, ${mutant.scenario} `);
    },
    timeoutMs,
  );

  describe("without the reduction, the checker finds the same in", () => {
    test.each(named(unreduced).map((mutant) => [mutant.name, mutant] as const))(
      "%s",
      async (_name, mutant) => {
        find(mutant, await jobOf(mutant, writeMutant(mutant, folder), false));
      },
      timeoutMs,
    );
  });

  describe("within as many states, nothing is found in", () => {
    const bases = new Map<string, Mutant>();
    for (const mutant of own) {
      const { name, base, reachable, scenario, model, constants = {} } = mutant;
      const made = reachable === undefined ? base : `${base} as changed for ${name}`;
      const settings = Object.entries(constants).map(([constant, value]) => `, ${constant}=${value}`);
      bases.set(`${made}, ${scenario}, ${model}${settings.join("")}`, mutant);
    }
    test.each([...bases])(
      "%s",
      async (_name, mutant) => {
        const { base, reachable } = mutant;
        const source = reachable === undefined ? { problem, variant: base } : writeMutant(mutant, folder, "reachable");
        const { counterexample } = performCheck(await jobOf(mutant, source, true));
        expect(counterexample?.finding).toBeUndefined();
      },
      timeoutMs,
    );
  });
}
