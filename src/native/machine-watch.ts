// Watches what disturbs timings while something is measured in other processes.

import { cpus } from "node:os";
import { setTimeout } from "node:timers/promises";
import { readSystemFile } from "../records/environment.ts";
import { type CpuTimes, parseCpuTimes, stealShare, thresholds } from "./fitness.ts";

/** Looks at the run queues before the watch begins, and the time between two of them. */
const looks = 20;
const betweenMs = 25;

/** What a watch has seen, and what is more than can be borne. */
export interface MachineWatch {
  /** Runnable tasks of others per core when the watch began; null where the system does not tell. */
  readonly loadPerCore: number | null;
  /** Share of CPU time that the hypervisor took since then; null where the system does not tell. */
  readonly stealShare: () => Promise<number | null>;
  readonly limits: { readonly loadPerCore: number; readonly stealShare: number };
}

/** Tasks that run or could run, from `/proc/stat`; null when it does not tell. */
export function parseRunning(stat: string): number | null {
  const running = /^procs_running (\d+)$/m.exec(stat)?.[1];
  return running === undefined ? null : Number(running);
}

async function readStat(): Promise<string> {
  return (await readSystemFile("/proc/stat")) ?? "";
}

/**
 * Begins to watch. The load is that of this moment, not the average of the last minute: what was built or tested before
 * does not disturb what comes.
 */
export async function watchMachine(read: () => Promise<string> = readStat): Promise<MachineWatch> {
  const seen: number[] = [];
  for (let look = 0; look < looks; look++) {
    const running = parseRunning(await read());
    // This thread is one of them.
    if (running !== null) seen.push(Math.max(0, running - 1));
    if (look < looks - 1) await setTimeout(betweenMs);
  }
  const before: CpuTimes | null = parseCpuTimes(await read());
  // All CPUs, not only those that this process may use: so does the system count what could run.
  const mean = seen.reduce((sum, tasks) => sum + tasks, 0) / seen.length;
  return {
    loadPerCore: seen.length === 0 ? null : mean / cpus().length,
    stealShare: async () => stealShare(before, parseCpuTimes(await read())),
    limits: { loadPerCore: thresholds.loadPerCoreBad, stealShare: thresholds.stealShareBad },
  };
}
