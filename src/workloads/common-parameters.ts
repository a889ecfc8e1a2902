// Parameters that several workloads share, and the bound on what they may ask for together.

import { InputError } from "../errors.ts";
import { callbackSleepNsMax } from "./validate.ts";
import { chunkEventsMax, type WorkloadLimits } from "./workload.ts";

/** Most tasks that a parameter may ask for. */
export const tasksMax = 4096;

/** Bytes of the quarantine. */
export const quarantineBytes = {
  kind: "integer",
  default: 64 * 1024 * 1024,
  min: 0,
  max: 2 ** 40,
  unit: "bytes",
  meaning: "size of the quarantine in the case, and of what set-up frees to fill it; 0 frees nothing",
} as const;

export const fill = {
  kind: "real",
  default: 1.25,
  min: 0,
  max: 100,
  unit: "",
  meaning: "how many times quarantine-bytes is freed to fill the quarantine",
} as const;

/** Background churn; see `Background`. */
export const churnParameters = {
  "background-objects": {
    kind: "integer",
    default: 32_768,
    min: 1,
    max: 100_000_000,
    unit: "objects",
    meaning: "live objects of root caches after a burst of allocations (our choice: several times the CPU caches)",
  },
  "root-caches": {
    kind: "integer",
    default: 0,
    min: 0,
    max: 1_000_000,
    unit: "caches",
    meaning: "root caches, those with most objects in slabinfo first, over again when there are more; 0: one per line",
  },
  "churn-batch": {
    kind: "integer",
    default: 4096,
    min: 1,
    max: chunkEventsMax,
    unit: "events",
    meaning: "events in one homogeneous burst of background allocations or frees",
  },
  "churn-tasks": {
    kind: "integer",
    default: 1,
    min: 1,
    max: tasksMax,
    unit: "tasks",
    meaning: "tasks, from task 0 on, that share the background objects and every burst evenly, so on several CPUs",
  },
} as const;

/** Removal by several tasks. */
export const teardownTasks = {
  kind: "integer",
  default: 1,
  min: 1,
  max: tasksMax,
  unit: "tasks",
  meaning: "tasks, from task 0 on, that remove at the same time, each the next guest or cgroup in turn",
} as const;

/** Sleeping shrinkers. */
export const callbackSleepNs = {
  kind: "integer",
  default: 0,
  min: 0,
  max: callbackSleepNsMax,
  unit: "ns",
} as const;

export const slabinfo = {
  kind: "text",
  default: "packaged:libvirt-guest",
  unit: "path",
  meaning: "slabinfo 2.1 file of one cgroup's caches, or packaged:NAME",
} as const;

/** @throws {InputError} when a parameter asks for more tasks than there is work to divide among them */
export function checkTasks(parameter: string, tasks: number, work: { count: number; of: string }): void {
  if (tasks > Math.max(1, work.count)) {
    throw new InputError(`parameter '${parameter}': must be at most ${work.of} (${work.count}), got ${tasks}`);
  }
}

const objectsMax = 2 ** 28;
const indicesMax = 2 ** 24;

/** @throws {InputError} when the parameters together ask for more than a case could ever hold */
export function checkLimits(workload: string, limits: WorkloadLimits): WorkloadLimits {
  const maxima = { objects: objectsMax, caches: indicesMax, cgroups: indicesMax, superblocks: indicesMax } as const;
  for (const [name, max] of Object.entries(maxima)) {
    const value = limits[name as keyof typeof maxima];
    if (value > max) {
      throw new InputError(
        `workload '${workload}': would need ${value} ${name}, more than ${max}; lower its parameters`,
      );
    }
  }
  if (!Number.isSafeInteger(limits.events)) {
    throw new InputError(`workload '${workload}': would need ${limits.events} events; lower its parameters`);
  }
  return limits;
}
