// `reclaim-bench check`: explores the interleavings of variants in small scenarios, and reports.

import { suites } from "../../bench/index.ts";
import { type CompiledModule, compileCheckerCore, type ModuleSource } from "../build/compile.ts";
import type { CheckJob } from "../checker/outcome.ts";
import { type Checking, CheckPool } from "../checker/pool.ts";
import type { PoolOptions } from "../job-pool.ts";
import type { CheckReport } from "../report/check/report.ts";
import { renderColumns } from "../report/terminal.ts";
import { jobOf, performCases, TimeShares } from "./check-cases.ts";
import { boundsOf, type CheckOptions, checkWorkersOf, formatsOf, selectionOf, totalMsOf } from "./check-options.ts";
import { planOutput, writeOutput } from "./check-output.ts";
import { type CheckCase, checkedCase, checkedSource, planChecks } from "./check-plan.ts";
import type { Io } from "./io.ts";
import { compileAll } from "./modules.ts";
import { stoppedCode } from "./options.ts";
import { Progress } from "./progress.ts";

/** How long a case may not be heard of beyond its own limit of time before it counts as hung. */
export const patienceMs = 120_000;

/** What a check needs of the world; tests bring their own. */
export interface CheckWorld {
  readonly compile: (
    sources: readonly ModuleSource[],
    io: Io,
  ) => Promise<{ readonly core: CompiledModule; readonly moduleOf: (source: ModuleSource) => CompiledModule }>;
  readonly openPool: (options: PoolOptions) => Checking;
}

export const checkWorld: CheckWorld = {
  compile: async (sources, io) => ({ moduleOf: await compileAll(sources, io), core: await compileCheckerCore() }),
  openPool: (options) => new CheckPool(options),
};

function listCases(cases: readonly CheckCase[], io: Io): void {
  const rows = cases.map(({ problem, variant, scenario, model }) => [
    problem,
    variant.id,
    model,
    scenario.size,
    `${scenario.name}: ${scenario.description}`,
  ]);
  // All but the last column to the left.
  const widths = [0, 1, 2, 3].map((column) => Math.max(...rows.map((row) => [...row[column]!].length)));
  const padded = rows.map((row) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)));
  io.write(`${renderColumns(padded)}\n`);
}

/**
 * Checks and reports.
 *
 * @param names problems, or ids of variants
 * @param about the command line and the version, for the record
 * @param signal raised when the user stops the check
 * @returns exit code
 * @throws {InputError} before anything is compiled for most of what is wrong
 */
export async function checkCommand(
  names: readonly string[],
  options: CheckOptions,
  about: { readonly command: string; readonly version: string },
  io: Io,
  signal: AbortSignal,
  world: CheckWorld = checkWorld,
): Promise<number> {
  const bounds = boundsOf(options);
  const totalMs = totalMsOf(options);
  const workers = checkWorkersOf(options);
  const formats = formatsOf(options);
  const cases = planChecks(suites, selectionOf(names, options));
  if (options.list) {
    listCases(cases, io);
    return 0;
  }
  const output = await planOutput(formats, options.out);
  const startedAt = io.clock().toISOString();
  const { core, moduleOf } = await world.compile(cases.map(checkedSource), io);
  const jobs = cases.map((one): CheckJob => jobOf(one, { core, compiled: moduleOf(checkedSource(one)) }, bounds));
  const pool = world.openPool({ workers, bytesMax: process.availableMemory() / 2, signal, patienceMs });
  const shares = new TimeShares(totalMs, cases.length, workers);
  const outcomes = await performCases(
    cases,
    jobs,
    pool,
    new Progress(io, { unitsTotal: cases.length, msMax: totalMs }),
    { shares },
  );
  const report: CheckReport = {
    ...about,
    startedAt,
    outcomes: outcomes.flatMap((outcome, index) => {
      const variantFile = cases[index]?.variant.file;
      if (outcome === undefined) return [];
      return [variantFile === undefined ? outcome : { ...outcome, variantFile }];
    }),
    unfinished: cases.filter((_, index) => outcomes[index] === undefined).map(checkedCase),
  };
  await writeOutput(report, output, io);
  if (report.outcomes.some(({ outcome }) => outcome === "violation")) return 4;
  return report.unfinished.length > 0 ? stoppedCode : 0;
}
