// Keeps a process to some of the CPUs. Sides that take turns have threads of their own: on an idle machine the scheduler gives
// each side its own CPU and leaves it there, and what one CPU has of its neighbours on the host, the other has not.

import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { Random } from "../workloads/random.ts";
import { parseAllowedCpus } from "./fitness.ts";

/** CPUs that this process may use; null where the system does not tell. */
export function allowedCpus(): readonly number[] | null {
  try {
    const read = (file: string): string => readFileSync(file, "utf8");
    return parseAllowedCpus(read("/proc/self/status"), read("/sys/devices/system/cpu/online"));
  } catch {
    return null;
  }
}

/**
 * Keeps this process, and threads that it starts from now on, to as many of its CPUs as it needs.
 *
 * @param seed draws which ones they are
 * @returns whether it is; where the system has no `taskset`, threads run where they please
 */
export function keepToCpus(count: number, seed: number): boolean {
  const allowed = Uint32Array.from(allowedCpus() ?? []);
  if (allowed.length === 0) return false;
  if (allowed.length <= count) return true;
  new Random(seed).shuffle(allowed);
  try {
    execFileSync("taskset", ["-a", "-p", "-c", allowed.slice(0, count).join(","), String(process.pid)], {
      stdio: "ignore",
    });
    return true;
  } catch {
    return false;
  }
}
