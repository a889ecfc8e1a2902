// What a simulated machine counted: read from the core, and added up over the parts of a case.

import { symbolNames } from "../symbol-names.ts";
import { idleSymbol, interruptSymbol, scheduleSymbol, symbolCount } from "./core/protocol.ts";
import type { CoreExports } from "./core-module.ts";
import { toNs } from "./time.ts";

/** The name under which a symbol is shown; the simulator's own included. */
export function nameOfSymbol(symbol: number): string {
  if (symbol === idleSymbol) return "idle";
  if (symbol === scheduleSymbol) return "schedule";
  if (symbol === interruptSymbol) return "interrupt";
  return symbolNames[symbol] ?? "other";
}

/** Where the accesses that did not hit the first cache found their line, in the core's order. */
export const fetchSources = [
  "l2",
  "l3",
  "same-cluster",
  "same-socket",
  "other-socket",
  "memory-local",
  "memory-remote",
] as const;

export type FetchSource = (typeof fetchSources)[number];

/** A line that cores took from each other. */
export interface HotLine {
  readonly address: number;
  readonly transfers: number;
  /** Time that transfers waited for others before them. */
  readonly waitedNs: number;
  /** Symbol of the last transfer. */
  readonly symbol: number;
}

/** What a machine did. */
export interface MachineCounts {
  /** By CPU: time by innermost symbol, and the longest time with interrupts off. */
  readonly cpus: readonly { readonly symbolNs: ReadonlyMap<number, number>; readonly irqOffMaxNs: number }[];
  /** How often each symbol was entered. */
  readonly calls: ReadonlyMap<number, number>;
  readonly accesses: number;
  /** Times that a fiber was suspended. */
  readonly suspensions: number;
  readonly fetched: Readonly<Record<FetchSource, number>>;
  readonly contextSwitches: number;
  readonly interrupts: number;
  readonly wakeUps: number;
  readonly sleeps: number;
  readonly longestHold: { readonly lock: number; readonly ns: number };
}

/** What the core itself counted. */
export type CoreCounts = Pick<MachineCounts, "cpus" | "calls" | "accesses" | "suspensions" | "fetched">;

/** Reads what the core counted, of CPUs below `cpus`. */
export function readCounts(core: CoreExports, cpus: number): CoreCounts {
  const ofCpus = Array.from({ length: cpus }, (_, cpu) => {
    const symbolNs = new Map<number, number>();
    for (let symbol = 0; symbol < symbolCount; symbol++) {
      const units = core.symbolTime(cpu, symbol);
      if (units > 0) symbolNs.set(symbol, toNs(units));
    }
    return { symbolNs, irqOffMaxNs: toNs(core.irqOffMax(cpu)) };
  });
  const calls = new Map<number, number>();
  for (let symbol = 0; symbol < symbolCount; symbol++) {
    const count = core.symbolCalls(symbol) >>> 0;
    if (count > 0) calls.set(symbol, count);
  }
  return {
    cpus: ofCpus,
    calls,
    accesses: core.accessCount(),
    suspensions: core.suspensionCount(),
    fetched: Object.fromEntries(fetchSources.map((name, source) => [name, core.fetchCount(source)])) as Record<
      FetchSource,
      number
    >,
  };
}

/**
 * The lines that were transferred between cores, the most often first; `address` is that of the line.
 *
 * @param buffer the core's memory
 * @param lines how many lines the memory of the code under test has
 */
export function readHotLines(core: CoreExports, buffer: ArrayBuffer, lines: number): HotLine[] {
  const size = core.lineSize();
  const [transfersAt, waitedAt, symbolAt] = [core.transfersOffset(), core.waitedOffset(), core.symbolOffset()];
  const words = new Uint32Array(buffer);
  const bytes = new Uint8Array(buffer);
  const doubles = new Float64Array(buffer);
  const found: HotLine[] = [];
  let record = core.lineTable() >>> 0;
  for (let line = 0; line < lines; line++, record += size) {
    const transfers = words[(record + transfersAt) >>> 2] as number;
    if (transfers === 0) continue;
    found.push({
      address: line * 64,
      transfers,
      waitedNs: toNs(doubles[(record + waitedAt) >>> 3] as number),
      symbol: bytes[record + symbolAt] as number,
    });
  }
  return found.sort(byHeat);
}

function byHeat(one: HotLine, other: HotLine): number {
  return other.transfers - one.transfers || one.address - other.address;
}

/** Adds what a machine did in one part of a case to what it did in another. */
export function addCounts(one: MachineCounts, other: MachineCounts): MachineCounts {
  const addMaps = (a: ReadonlyMap<number, number>, b: ReadonlyMap<number, number>): Map<number, number> => {
    const sum = new Map(a);
    for (const [key, value] of b) sum.set(key, (sum.get(key) ?? 0) + value);
    return sum;
  };
  return {
    cpus: one.cpus.map(({ symbolNs, irqOffMaxNs }, cpu) => ({
      symbolNs: addMaps(symbolNs, other.cpus[cpu]?.symbolNs ?? new Map()),
      irqOffMaxNs: Math.max(irqOffMaxNs, other.cpus[cpu]?.irqOffMaxNs ?? 0),
    })),
    calls: addMaps(one.calls, other.calls),
    accesses: one.accesses + other.accesses,
    suspensions: one.suspensions + other.suspensions,
    fetched: Object.fromEntries(
      fetchSources.map((source) => [source, one.fetched[source] + other.fetched[source]]),
    ) as Record<FetchSource, number>,
    contextSwitches: one.contextSwitches + other.contextSwitches,
    interrupts: one.interrupts + other.interrupts,
    wakeUps: one.wakeUps + other.wakeUps,
    sleeps: one.sleeps + other.sleeps,
    longestHold: one.longestHold.ns >= other.longestHold.ns ? one.longestHold : other.longestHold,
  };
}

/** Adds the hottest lines of two parts of a case. */
export function addHotLines(one: readonly HotLine[], other: readonly HotLine[]): readonly HotLine[] {
  const byAddress = new Map(one.map((line) => [line.address, line]));
  for (const line of other) {
    const before = byAddress.get(line.address);
    byAddress.set(
      line.address,
      before === undefined
        ? line
        : { ...line, transfers: line.transfers + before.transfers, waitedNs: line.waitedNs + before.waitedNs },
    );
  }
  return [...byAddress.values()].sort(byHeat);
}
