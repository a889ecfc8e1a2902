// Everything of one variant at one point: what its callers waited for, and what the machine did meanwhile.

import { median } from "simple-statistics";
import { type Latency, latencyOf as stageLatencyOf } from "../latency.ts";
import { simulated, type VariantRows } from "../rows.ts";
import type { CpuTime, Detail, HotLines, SimulatedVariant } from "./model.ts";
import { type Measure, readValue, type View, type Work } from "./view.ts";

/** Operations whose callers' waits were recorded, and are shown: `unregister`. */
export function operationsOf(rows: VariantRows, { operations }: View): string[] {
  const recorded = rows
    .distributionNames(simulated)
    .flatMap((name) => /^virtual-(.+?)(?:-latency)?-ns$/.exec(name)?.[1] ?? []);
  return operations?.filter((one) => recorded.includes(one)) ?? recorded;
}

/** Null when none was recorded. */
export function latencyOf(rows: VariantRows, operation: string): Latency | null {
  return (
    stageLatencyOf(rows, simulated, `virtual-${operation}-latency-ns`) ??
    stageLatencyOf(rows, simulated, `virtual-${operation}-ns`)
  );
}

export function longestHoldOf(rows: VariantRows): Detail["longestHold"] {
  const holds = [...rows.labelled(simulated, "virtual-lock-hold-ns-max")].map(([lock, ns]) => ({ lock, ns }));
  if (holds.length === 0) return null;
  return holds.reduce((longest, one) => (one.ns > longest.ns ? one : longest));
}

/** Shares of a whole, most first. */
function sharesOf(amounts: ReadonlyMap<string, number>): Map<string, number> {
  const total = [...amounts.values()].reduce((sum, amount) => sum + amount, 0);
  if (total === 0) return new Map();
  return new Map([...amounts].map(([key, amount]) => [key, amount / total] as const).sort(([, a], [, b]) => b - a));
}

/** Where the time of single CPUs went, from rows that name CPU and symbol. */
function cpuTimesOf(rows: VariantRows): CpuTime[] {
  const symbols = new Map<number, Map<string, number>>();
  for (const [label, ns] of rows.labelled(simulated, "cpu-symbol-ns")) {
    const [, cpu, symbol] = /^(\d+) (.+)$/.exec(label) ?? [];
    if (cpu === undefined || symbol === undefined) continue;
    symbols.set(Number(cpu), (symbols.get(Number(cpu)) ?? new Map<string, number>()).set(symbol, ns));
  }
  return [...symbols]
    .sort(([one], [other]) => one - other)
    .flatMap(([cpu, ofCpu]) => {
      const shares = sharesOf(ofCpu);
      if (shares.size === 0) return [];
      const [hottest] = [...shares].filter(([symbol, share]) => symbol !== "idle" && share > 0);
      return [
        {
          cpu,
          busy: 1 - (shares.get("idle") ?? 0),
          hottest: hottest === undefined ? null : { symbol: hottest[0], share: hottest[1] },
        },
      ];
    });
}

function busyOf(cpus: readonly CpuTime[]): Detail["busy"] {
  const shares = cpus.map(({ busy }) => busy);
  if (shares.length === 0) return null;
  return { least: Math.min(...shares), median: median(shares), most: Math.max(...shares) };
}

/** Of lines with one name all but the first have a number behind it: what counts is what they hold. */
function linesOf(rows: VariantRows): HotLines[] {
  const waited = rows.labelled(simulated, "line-waited-ns");
  const found = new Map<string, HotLines>();
  for (const [label, transfers] of rows.labelled(simulated, "line-transfers")) {
    const name = label.replace(/ \d+$/, "");
    const sum = found.get(name) ?? { name, lines: 0, transfers: 0, waitedNs: 0 };
    found.set(name, {
      name,
      lines: sum.lines + 1,
      transfers: sum.transfers + transfers,
      waitedNs: sum.waitedNs + (waited.get(label) ?? 0),
    });
  }
  return [...found.values()].sort((one, other) => other.transfers - one.transfers);
}

/** Where a line comes from when another core had it. */
const transferSources = ["same-cluster", "same-socket", "other-socket"];

export function detailOf(
  variant: SimulatedVariant,
  rows: VariantRows,
  {
    view,
    measures,
    work,
  }: {
    readonly view: View;
    readonly measures: readonly Measure[];
    readonly work: Work | null;
  },
): Detail {
  const fetched = rows.labelled(simulated, "fetched");
  const transfers = transferSources.reduce((sum, source) => sum + (fetched.get(source) ?? 0), 0);
  const cpus = cpuTimesOf(rows);
  return {
    ...variant,
    values: measures.map(({ read }) => read(rows)),
    hangs: view.hangsOf?.(rows) ?? 0,
    virtualNs: readValue(rows, "virtual-ns"),
    decidingNs: view.decidingOperation === undefined ? null : (latencyOf(rows, view.decidingOperation)?.p50Ns ?? null),
    done: work?.read(rows) ?? null,
    own: view.columns.map(({ read }) => read(rows)),
    utilisation: readValue(rows, "utilisation"),
    cpus,
    busy: busyOf(cpus),
    transfers: fetched.size === 0 ? null : transfers,
    transfersAcross: fetched.size === 0 ? null : (fetched.get("other-socket") ?? 0),
    contextSwitches: readValue(rows, "context-switches"),
    interrupts: readValue(rows, "interrupts"),
    gracePeriods: rows.labelled(simulated, "grace-periods"),
    irqOffNsMax: readValue(rows, "virtual-irq-off-ns-max"),
    longestHold: longestHoldOf(rows),
    latencies: new Map(operationsOf(rows, view).map((operation) => [operation, latencyOf(rows, operation)!])),
    profile: sharesOf(rows.labelled(simulated, "symbol-ns")),
    lines: linesOf(rows),
  };
}
