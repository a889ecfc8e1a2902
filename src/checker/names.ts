// Who is who among the agents, and who waits for what, in words.

import {
  operationEnd,
  operationPause,
  operationSleep,
  operationWait,
  stateBlocked,
  stateNone,
  statePaused,
  stateSleeping,
} from "./core/protocol.ts";
import type { CoreExports } from "./core-module.ts";
import type { Agent } from "./model.ts";

/** The agents of a case, in the core's order. */
export function agentsOf(taskCpus: readonly number[], cpus: number): readonly Agent[] {
  const perCpu = (kind: Agent["kind"], name: (cpu: number) => string): Agent[] =>
    Array.from({ length: cpus }, (_, cpu) => ({ kind, cpu, name: name(cpu) }));
  return [
    ...taskCpus.map((cpu, task): Agent => ({ kind: "task", cpu, name: `task ${task} on CPU ${cpu}` })),
    ...perCpu("worker", (cpu) => `worker of CPU ${cpu}`),
    ...perCpu("handler", (cpu) => `interrupt on CPU ${cpu}`),
    ...perCpu("flush", (cpu) => `store buffer of CPU ${cpu}`),
    { kind: "clock", cpu: null, name: "clock" },
  ];
}

/** Who waits for what, where nobody can go on. */
export function describeWaits(
  agents: readonly Agent[],
  core: Pick<CoreExports, "stateOf" | "operationOf" | "operandOf" | "awaitedOf">,
  nameOf: (address: number) => string,
): string {
  const waits: string[] = [];
  for (const [index, { kind, name }] of agents.entries()) {
    if (kind === "flush" || kind === "clock") continue;
    const state = core.stateOf(index);
    if (state === stateNone) continue;
    const operation = core.operationOf(index);
    if (state === stateBlocked) waits.push(`${name} sleeps until ${nameOf(core.operandOf(index) >>> 0)} changes`);
    else if (state === statePaused || operation === operationPause) waits.push(`${name} spins`);
    else if (state === stateSleeping || operation === operationSleep) waits.push(`${name} sleeps for a while`);
    else if (operation === operationWait) waits.push(`${name} is about to sleep`);
    else if (operation === operationEnd) waits.push(`${name} is about to end`);
    else if (core.awaitedOf(index) !== 0)
      waits.push(`${name} waits for the lock at ${nameOf(core.awaitedOf(index) >>> 0)}`);
    else waits.push(`${name} does not get its CPU`);
  }
  return waits.length === 0 ? "nobody waits" : waits.join("; ");
}
