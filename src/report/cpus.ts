// On how many CPUs something was measured, in words.

import { formatNumber } from "./format.ts";
import type { SimulatedSummary } from "./part.ts";
import type { CpuUse } from "./rows.ts";

/** `1 CPU`, `2 CPUs`, `1 and 2 CPUs`; a dash when nobody measured. */
export function formatCpus(cpus: readonly number[]): string {
  const last = cpus.at(-1);
  if (last === undefined) return "–";
  const list = cpus.length === 1 ? `${last}` : `${cpus.slice(0, -1).join(", ")} and ${last}`;
  return `${list} CPU${list === "1" ? "" : "s"}`;
}

/** Where the numbers of a problem come from. */
export function formatInstruments(native: CpuUse, counted: CpuUse, simulated: readonly SimulatedSummary[]): string {
  const oversubscribed = native.isOversubscribed ? ", **oversubscribed** (more CPUs than cores)" : "";
  const sameCpus = counted.cpus.length === 0 || counted.cpus.join() === native.cpus.join();
  const ofCounted = sameCpus ? "counted" : `counted on ${formatCpus(counted.cpus)} of the traced machine`;
  const machines = [...new Set(simulated.map(({ machine }) => machine))].map((machine) => {
    const cpus = simulated.flatMap((one) => (one.machine === machine ? one.cpus : []));
    const [least, most] = [Math.min(...cpus), Math.max(...cpus)];
    return `${machine} with ${least === most ? formatCpus([most]) : `${least} to ${formatCpus([most])}`}`;
  });
  const ofSimulated = machines.length === 0 ? [] : [`virtual times: simulated, ${machines.join(", ")}`];
  const isOnlySimulated = machines.length > 0 && native.cpus.length + counted.cpus.length === 0;
  const own = isOnlySimulated
    ? []
    : [`native, ${formatCpus(native.cpus)}${oversubscribed}`, `exact numbers: ${ofCounted}`];
  return [...own, ...ofSimulated].join("; ");
}

/** A case in one line: its CPUs and its parameters. */
export function formatCase(use: CpuUse, parameters: string): string {
  const oversubscribed = use.isOversubscribed ? ["oversubscribed"] : [];
  return [formatCpus(use.cpus), ...oversubscribed, ...(parameters === "" ? [] : [parameters])].join("; ");
}

/** What it means for latencies that there were too few cores; empty where there were enough. */
export function oversubscribedText({ cpus, isOversubscribed }: CpuUse): string {
  if (!isOversubscribed) return "";
  return `> **Oversubscribed:** ${formatCpus(cpus)}, more than the machine has cores for them. Threads took turns, so latencies hold waits for a core, and whoever holds a lock may have lost its core meanwhile.`;
}

/** Where a stage was measured: `2 CPUs, cgroups=500`. */
export function placeOf(use: CpuUse, parameters: string): string {
  return `${formatCpus(use.cpus)}${parameters === "" ? "" : `, \`${parameters}\``}`;
}

/** What it means that tasks take turns; empty where each has a CPU to itself, or nobody knows. */
export function turnsText(tasks: number | null, { cpus: [cpus] }: CpuUse): string {
  if (tasks === null || cpus === undefined || tasks <= cpus) return "";
  return `${formatNumber(tasks)} tasks share ${formatCpus([cpus])} and take turns: a task that sleeps holds up the others of its CPU, so what waits costs more here than in a kernel, which would run another task.`;
}
