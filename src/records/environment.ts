// What a run says about the machine that measured: enough to tell whether two results may be compared.
//
// Results are published, so nothing here names a person or a place: no host name, no user name, no path, no address,
// no serial number. The tests hold the list of fields to that; think twice before adding one.

import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import os from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { median } from "simple-statistics";
import { z } from "zod";

/** The environment in `run.json`. `null` stands where the operating system does not tell. */
export const environmentSchema = z.strictObject({
  /** {@link environmentId} of the other fields. */
  id: z.string().regex(/^[0-9a-f]{12}$/),
  /** Version of Node.js without the `v`, such as `20.20.0`. */
  node: z.string(),
  v8: z.string(),
  /** `linux`, `darwin`, `win32`, as Node.js names it. */
  os: z.string(),
  /** Release of the kernel, as `uname -r` prints it. */
  kernel: z.string(),
  /** `x64`, `arm64`, as Node.js names it. */
  arch: z.string(),
  cpuModel: z.string().nullable(),
  /** Logical CPUs that are online, whether or not this process may use them. */
  coreCount: z.int().min(1).nullable(),
  /** Memory of the machine, not of a container. */
  memoryBytes: z.int().min(0),
  /** Frequency governor of CPU 0, such as `performance`. */
  governor: z.string().nullable(),
  /** Whether a hypervisor announces itself; only x86 Linux tells. */
  virtualised: z.boolean().nullable(),
  /** Runnable tasks, averaged over 1, 5 and 15 minutes. */
  loadAverage: z.tuple([z.number(), z.number(), z.number()]).nullable(),
  /** Smallest step seen between two readings of the clock: an upper bound of its resolution. */
  clockResolutionNs: z.number().positive(),
  /** What one reading of the clock takes. */
  clockCostNs: z.number().min(0),
  /** Revision of the project that measured, with `-dirty` when files differ from it; empty outside a git checkout. */
  commit: z.string(),
});

export type Environment = z.infer<typeof environmentSchema>;

/** Reads the environment; takes some 30 ms, for the clock and for git. Never fails for what is merely unknown. */
export async function readEnvironment(): Promise<Environment> {
  const clock = measureClock();
  const described = {
    node: process.versions.node,
    v8: process.versions.v8,
    os: os.platform(),
    kernel: os.release(),
    arch: os.arch(),
    cpuModel: os.cpus()[0]?.model.trim() || null,
    coreCount: os.cpus().length || null,
    memoryBytes: os.totalmem(),
    governor: (await readSystemFile("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"))?.trim() || null,
    virtualised: parseVirtualised((await readSystemFile("/proc/cpuinfo")) ?? ""),
    // Windows has no load average; Node.js gives zeros there.
    loadAverage: os.platform() === "win32" ? null : (os.loadavg() as [number, number, number]),
    clockResolutionNs: clock.resolutionNs,
    clockCostNs: clock.costNs,
    commit: await readCommit(projectFolder()),
  };
  return { id: environmentId(described), ...described };
}

/**
 * Short name of a machine and its software: 12 hexadecimal digits of a SHA-256.
 *
 * Load, clock measurements and commit do not enter, so it is the same from run to run. Memory enters in whole GiB,
 * because a virtual machine's varies by a little from boot to boot.
 */
export function environmentId(environment: Omit<Environment, "id">): string {
  const { node, v8, os, kernel, arch, cpuModel, coreCount, memoryBytes, governor, virtualised } = environment;
  const memoryGib = Math.round(memoryBytes / 2 ** 30);
  const stable = [node, v8, os, kernel, arch, cpuModel, coreCount, memoryGib, governor, virtualised];
  return createHash("sha256").update(JSON.stringify(stable)).digest("hex").slice(0, 12);
}

/** @returns `null` when the text has no `flags` line, as on ARM, where nothing would announce a hypervisor */
export function parseVirtualised(cpuinfo: string): boolean | null {
  const flags = /^flags\s*:(.*)$/m.exec(cpuinfo)?.[1];
  return flags === undefined ? null : flags.split(/\s+/).includes("hypervisor");
}

/**
 * Measures a clock by reading it back to back, 100 000 times; some 10 ms.
 *
 * The cost is the median over batches of a batch's mean, so that interruptions and the first batches, which are not
 * compiled yet, do not count. A clock that never steps is reported with a resolution of its whole measurement.
 *
 * @param now time in ns; it must not run backwards
 */
export function measureClock(now: () => bigint = process.hrtime.bigint): { resolutionNs: number; costNs: number } {
  const readings = new BigInt64Array(500);
  const costs: number[] = [];
  let resolution: bigint | null = null;
  const begin = now();
  for (let batch = 0; batch < 200; batch += 1) {
    readBackToBack(now, readings);
    costs.push(Number(readings.at(-1)! - readings[0]!) / (readings.length - 1));
    for (let index = 1; index < readings.length; index += 1) {
      const step = readings[index]! - readings[index - 1]!;
      if (step > 0n && (resolution === null || step < resolution)) resolution = step;
    }
  }
  return { resolutionNs: Math.max(1, Number(resolution ?? now() - begin)), costNs: median(costs) };
}

function readBackToBack(now: () => bigint, readings: BigInt64Array): void {
  for (let index = 0; index < readings.length; index += 1) readings[index] = now();
}

/**
 * Revision of the checkout to which `folder` belongs.
 *
 * @returns the full hash, followed by `-dirty` when a file was changed or added; empty when git is missing, or when
 *   the folder's `package.json` is not under version control (installed into somebody else's checkout)
 */
export async function readCommit(folder: string): Promise<string> {
  try {
    await git(folder, ["ls-files", "--error-unmatch", "package.json"]);
    const commit = await git(folder, ["rev-parse", "HEAD"]);
    const changes = await git(folder, ["status", "--porcelain"]);
    return changes === "" ? commit : `${commit}-dirty`;
  } catch {
    return "";
  }
}

/**
 * Asks git.
 *
 * @returns what it printed, without white space around it
 * @throws what it complained about
 */
export async function git(folder: string, args: readonly string[]): Promise<string> {
  // Inside a hook these variables point git at another repository, whatever the working folder is.
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("GIT_")));
  const { stdout } = await promisify(execFile)("git", [...args], {
    cwd: folder,
    env: { ...env, GIT_OPTIONAL_LOCKS: "0" },
    maxBuffer: 2 ** 26,
  });
  return stdout.trim();
}

/** The nearest folder above this file with a `package.json`, both as source and compiled. */
function projectFolder(): string {
  let folder = import.meta.dirname;
  while (!existsSync(join(folder, "package.json")) && dirname(folder) !== folder) folder = dirname(folder);
  return folder;
}

/** Content of a file of the system, or `null` where there is none: another system, or a container that hides it. */
export async function readSystemFile(file: string): Promise<string | null> {
  return await readFile(file, "utf8").catch(() => null);
}
