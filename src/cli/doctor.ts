// `reclaim-bench doctor`: says whether this machine is fit to measure, and what would make it fitter. The simulator
// and the checker do not depend on the machine and need none of this.

import { fitnessExitCode, judge, type Readings, readReadings, renderFitness } from "../native/fitness.ts";
import { type Environment, readEnvironment } from "../records/environment.ts";
import type { Io } from "./io.ts";

/** What `doctor` looks at. */
export interface Checkup {
  readonly environment: Environment;
  readonly readings: Readings;
}

/**
 * Prints the environment and the findings. Takes about a second of one busy CPU.
 *
 * @param read for tests: another machine than this one
 * @returns 0, or 3 when native timings from this machine would answer nothing
 */
export async function doctor(io: Io, read: () => Promise<Checkup> = readCheckup): Promise<number> {
  const { environment, readings } = await read();
  const { id, cpuModel, coreCount, os, kernel, arch, node } = environment;
  io.write(
    `environment ${id}: ${cpuModel ?? "unknown CPU"}, ${coreCount ?? "?"} CPUs, ${os} ${kernel} ${arch}, Node.js ${node}\n\n`,
  );
  const findings = judge(readings);
  io.write(renderFitness(findings));
  const count = (verdict: string) => findings.filter((finding) => finding.verdict === verdict).length;
  const code = fitnessExitCode(findings);
  io.write(
    `\n${code === 0 ? "fit to measure" : "not fit to measure"}: ${count("bad")} bad, ${count("warn")} to keep in mind\n`,
  );
  return code;
}

async function readCheckup(): Promise<Checkup> {
  const environment = await readEnvironment();
  return { environment, readings: await readReadings(environment) };
}
