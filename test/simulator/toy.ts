// Runs workloads of the toy problem, written down event by event.

import path from "node:path";
import { compileModule, compileSimulatorCore } from "../../src/build/compile.ts";
import { flagMeasured, kindCgroupCreate, kindReclaimPass } from "../../src/kernel/events.ts";
import { packageRoot } from "../../src/package-root.ts";
import type { Problem } from "../../src/problems/index.ts";
import { type SimulatedProblem, simulateProblem } from "../../src/simulator/problem.ts";
import { loadProfile } from "../../src/simulator/profile.ts";
import { EventWriter } from "../../src/workloads/event-writer.ts";
import type { Workload } from "../../src/workloads/workload.ts";
import { toy } from "./toy-description.ts";

export interface ToyEvent {
  readonly kind: number;
  readonly task?: number;
  readonly a?: number;
}

export interface ToyChunk {
  readonly isMeasured: boolean;
  readonly events: readonly ToyEvent[];
}

export const put = (a: number): ToyEvent => ({ kind: kindCgroupCreate, a });
/** Marbles taken by each of some tasks. */
export function take(marbles: number, tasks = 1): ToyEvent[] {
  return Array.from({ length: marbles * tasks }, (_, index) => ({ kind: kindReclaimPass, task: index % tasks }));
}

/** What a scripted workload needs no more than. */
const limits = { caches: 1, objects: 1, cgroups: 1, superblocks: 0, liveBytesMax: 0, slabBytesMax: 0 };

export function scriptedToy(chunks: readonly ToyChunk[], { tasks = 1, repeatable = false } = {}): Workload {
  return {
    name: "scripted",
    parameters: {},
    seed: 0,
    repeatable,
    limits: { ...limits, tasks, events: chunks.reduce((sum, { events }) => sum + events.length, 0) },
    *chunks() {
      const writer = new EventWriter();
      for (const { isMeasured, events } of chunks) {
        writer.flags = isMeasured ? flagMeasured : 0;
        for (const { kind, task = 0, a = 0 } of events) {
          writer.task = task;
          writer.add(kind, 0, 0, a, 0);
        }
        yield* writer.flush();
      }
    },
  };
}

const core = new WebAssembly.Module((await compileSimulatorCore()).wasm);
const compiled = await compileModule({
  problem: "sync",
  variant: "toy-problem",
  variantFile: path.join(packageRoot, "test", "kernel", "assembly", "toy-problem.ts"),
  entry: "toy-problem",
  machine: "simulated",
  constants: {},
});

export function simulateToy(
  workload: Workload,
  { cpus = 1, virtualMs = null, problem = toy }: { cpus?: number; virtualMs?: number | null; problem?: Problem } = {},
): Promise<SimulatedProblem> {
  return simulateProblem(problem, { core, compiled, workload, profile: loadProfile("xeon-24-1s"), cpus, virtualMs });
}
