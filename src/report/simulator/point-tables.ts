// Tables of one point: what the machine did, where the time went, and which lines moved.

import { formatNs, formatNumber, formatPercent, formatRatio, ratioOf } from "../format.ts";
import { type Table, variantCell, withoutEmptyColumns } from "../tables.ts";
import type { CpuTime, Detail, SimulatedAnswers } from "./model.ts";
import { readable } from "./sweep-tables.ts";

const none = "–";

/** Drops columns in which nobody has anything but 0. */
function withoutZeroColumns(table: Table): Table {
  const isNothing = (cell: string | undefined): boolean => cell === none || /^0( [^ ,]+)?$/.test(cell ?? "");
  const kept = table[0]!.map((_, column) => column === 0 || !table.slice(1).every((row) => isNothing(row[column])));
  return table.map((row) => row.filter((_, column) => kept[column]));
}

function perOp(total: number | null, { done }: Detail): number | null {
  if (total === null) return null;
  return done === null || done === 0 ? null : total / done;
}

/** The floor has no lock, and does next to nothing. */
function withoutFloor(variants: readonly Detail[]): readonly Detail[] {
  return variants.filter(({ role }) => role !== "floor");
}

/** Numbers of a variant that a row has room for; of more, each has a row. */
const numbersMax = 16;

function turned([heads = [], ...rows]: Table): Table {
  return heads.map((head, column) => [column === 0 ? "of" : head, ...rows.map((row) => row[column]!)]);
}

/** What the machine did at one point. */
export function machineTable({ main, measures, columns, work }: SimulatedAnswers): Table {
  // What ranks is shown once, with its ratios.
  const isRanking = (name: string): boolean => measures.some((measure) => measure.name === name);
  const own = columns.flatMap(({ name, format }, place) => (isRanking(name) ? [] : [{ name, format, place }]));
  const isTimed = !isRanking("virtual time");
  const reference = main.variants.find(({ role }) => role === "reference");
  const flavours = [...new Set(main.variants.flatMap(({ gracePeriods }) => [...gracePeriods.keys()]))];
  const per = work === null ? "" : `/${work.name}`;
  const amount = (total: number | null, one: Detail): string => formatNumber(work === null ? total : perOp(total, one));
  const table = withoutZeroColumns(
    withoutEmptyColumns([
      [
        "variant",
        ...measures.flatMap(({ name }) => [name, "ratio"]),
        ...own.map(({ name }) => name),
        ...(isTimed ? ["virtual time"] : []),
        ...(work === null ? [] : [`${work.name}s`]),
        "CPUs busy",
        "least, median, most busy CPU",
        `lines from other cores${per}`,
        "of them across sockets",
        `context switches${per}`,
        `interrupts${per}`,
        ...flavours.map((flavour) => `grace periods (${flavour.toUpperCase()})`),
        "interrupts off, most",
        "lock held, most",
      ],
      ...withoutFloor(main.variants).map((one) => [
        variantCell(one),
        ...measures.flatMap(({ format }, place) => [
          format(one.values[place]),
          formatRatio(ratioOf(one.values[place], reference?.values[place])),
        ]),
        ...own.map(({ format, place }) => format(one.own[place])),
        ...(isTimed ? [formatNs(one.virtualNs)] : []),
        ...(work === null ? [] : [formatNumber(one.done)]),
        one.utilisation === null ? none : one.utilisation.toFixed(1),
        one.busy === null
          ? none
          : [one.busy.least, one.busy.median, one.busy.most].map((share) => `${(100 * share).toFixed(0)} %`).join(", "),
        amount(one.transfers, one),
        one.transfers === null || one.transfers === 0
          ? none
          : `${((100 * (one.transfersAcross ?? 0)) / one.transfers).toFixed(0)} %`,
        amount(one.contextSwitches, one),
        amount(one.interrupts, one),
        ...flavours.map((flavour) => formatNumber(one.gracePeriods.get(flavour))),
        formatNs(one.irqOffNsMax),
        one.longestHold === null || one.longestHold.ns === 0
          ? none
          : `${formatNs(one.longestHold.ns)} (${one.longestHold.lock})`,
      ]),
    ]),
  );
  return table[0]!.length - 1 > numbersMax ? turned(table) : table;
}

/** What callers of each operation waited. Null when nobody recorded any. */
export function latencyTable({ main }: SimulatedAnswers): Table | null {
  const shown = withoutFloor(main.variants);
  const operations = [...new Set(shown.flatMap(({ latencies }) => [...latencies.keys()]))];
  if (operations.length === 0) return null;
  return withoutEmptyColumns([
    ["variant", ...operations.flatMap((operation) => [`${operation}: p50`, "p99", "max"])],
    ...shown.map((one) => [
      variantCell(one),
      ...operations.flatMap((operation) => {
        const latency = one.latencies.get(operation);
        return [formatNs(latency?.p50Ns), formatNs(latency?.p99Ns), formatNs(latency?.maxNs)];
      }),
    ]),
  ]);
}

/** Functions that are shown, those that some variant spends most in. */
const symbolsShown = 12;

/** Less than this in every variant is part of the rest. */
const shareMin = 0.0005;

/** Below this share of idle time the rest is as good as all. */
const idleMin = 0.005;

/** Above this share of idle time, shares of all time are nothing. */
const idleMax = 0.999;

/**
 * Shares of all CPUs' time, in brackets of their busy time where some were idle, and where they were nearly always these
 * alone: a row per function, a column per variant. Null when nobody recorded any.
 */
export function profileTable({ main }: SimulatedAnswers): Table | null {
  const profiled = withoutFloor(main.variants).filter(({ profile }) => profile.size > 0);
  if (profiled.length === 0) return null;
  const isIdle = profiled.some(({ profile }) => (profile.get("idle") ?? 0) >= idleMin);
  const busyOf = (profile: Detail["profile"]): number => 1 - (profile.get("idle") ?? 0);
  const ofBusy = (profile: Detail["profile"], share: number): number =>
    isIdle && busyOf(profile) > 0 ? share / busyOf(profile) : share;
  const largest = (symbol: string): number =>
    Math.max(
      ...profiled.map(({ profile }) => {
        const share = profile.get(symbol) ?? 0;
        return symbol === "idle" ? share : ofBusy(profile, share);
      }),
    );
  const symbols = [...new Set(profiled.flatMap(({ profile }) => [...profile.keys()]))]
    .map((symbol) => ({ symbol, share: largest(symbol) }))
    .filter(({ share }) => share >= shareMin)
    .sort((one, other) => other.share - one.share)
    .slice(0, symbolsShown)
    .map(({ symbol }) => symbol);
  const cell = (profile: Detail["profile"], symbol: string, share: number | undefined): string => {
    if (share === undefined) return none;
    const ofAll = formatPercent(share);
    if (!isIdle || symbol === "idle") return ofAll;
    const inBrackets = `(${formatPercent(ofBusy(profile, share))})`;
    return (profile.get("idle") ?? 0) > idleMax ? inBrackets : `${ofAll} ${inBrackets}`;
  };
  const rest = profiled.map(({ profile }) =>
    Math.max(0, 1 - symbols.reduce((sum, symbol) => sum + (profile.get(symbol) ?? 0), 0)),
  );
  return readable([
    ["function", ...profiled.map(variantCell)],
    ...symbols.map((symbol) => [symbol, ...profiled.map(({ profile }) => cell(profile, symbol, profile.get(symbol)))]),
    ...(rest.some((share) => share >= shareMin)
      ? [["_everything else_", ...profiled.map(({ profile }, place) => cell(profile, "", rest[place]))]]
      : []),
  ]);
}

/** Rows that a table of CPUs has at most. */
const cpuRowsMax = 32;

/** CPUs whose shares are no farther apart are alike. */
const alikeMax = 0.05;

/**
 * Where the time of single CPUs went: a row for each, or for several that follow each other and are alike. Null when
 * nobody recorded it.
 */
export function cpuTable({ main }: SimulatedAnswers): { readonly table: Table; readonly left: number } | null {
  const shown = withoutFloor(main.variants).filter(({ cpus }) => cpus.length > 0);
  if (shown.length === 0) return null;
  const numbers = [...new Set(shown.flatMap(({ cpus }) => cpus.map(({ cpu }) => cpu)))].sort((a, b) => a - b);
  const timesOf = (cpu: number): (CpuTime | undefined)[] =>
    shown.map(({ cpus }) => cpus.find((one) => one.cpu === cpu));
  const groups: number[][] = [];
  for (const number of numbers) {
    const group = groups.at(-1);
    const isNext = group !== undefined && group.at(-1) === number - 1;
    const firsts = isNext ? timesOf(group[0]!) : [];
    if (isNext && timesOf(number).every((time, place) => isAlikeTime(time, firsts[place]))) group.push(number);
    else groups.push([number]);
  }
  const table = [
    ["CPU", ...shown.map(variantCell)],
    ...groups
      .slice(0, cpuRowsMax)
      .map((group) => [
        group.length === 1 ? `${group[0]}` : `${group[0]} to ${group.at(-1)}`,
        ...shown.map((_, place) => cpuCell(group.flatMap((cpu) => timesOf(cpu)[place] ?? []))),
      ]),
  ];
  return { table, left: groups.slice(cpuRowsMax).flat().length };
}

function isAlikeTime(one: CpuTime | undefined, other: CpuTime | undefined): boolean {
  if (one === undefined || other === undefined) return one === other;
  return (
    one.hottest?.symbol === other.hottest?.symbol &&
    isNearlyIdle(one) === isNearlyIdle(other) &&
    Math.abs(one.busy - other.busy) <= alikeMax &&
    Math.abs(shareOf(one) - shareOf(other)) <= alikeMax
  );
}

function isNearlyIdle({ busy }: CpuTime): boolean {
  return busy < 1 - idleMax;
}

/** That of the hottest function: of all the CPU's time, or of its busy time where that is next to nothing. */
function shareOf(time: CpuTime): number {
  const share = time.hottest?.share ?? 0;
  return isNearlyIdle(time) && time.busy > 0 ? share / time.busy : share;
}

/** Of CPUs that are alike; empty where a variant has none of them. */
function cpuCell(times: readonly CpuTime[]): string {
  const [first] = times;
  if (first === undefined) return none;
  if (first.hottest === null) return "idle";
  const shares = percents(times.filter(({ hottest }) => hottest !== null).map(shareOf));
  if (isNearlyIdle(first)) return `${first.hottest.symbol} (${shares})`;
  return `${percents(times.map((one) => one.busy))}, ${first.hottest.symbol} ${shares}`;
}

/** `57 to 60 %`. */
function percents(shares: readonly number[]): string {
  const ends = [Math.min(...shares), Math.max(...shares)].map((share) => (100 * share).toFixed(0));
  return `${[...new Set(ends)].join(" to ")} %`;
}

/** Names that are shown of each variant. */
const linesShown = 5;

/** Waits shorter than this on average are none, in ns. */
const waitedMin = 0.1;

/** The lines that CPUs took from each other most: a row per name, a column per variant. Null when there are none. */
export function lineTable({ main, work }: SimulatedAnswers): Table | null {
  const moving = withoutFloor(main.variants).filter(({ lines }) => lines.length > 0);
  if (moving.length === 0) return null;
  const amountOf = (one: Detail, total: number | null): number | null => (work === null ? total : perOp(total, one));
  const largest = (name: string): number =>
    Math.max(
      ...moving.map((one) => amountOf(one, one.lines.find((line) => line.name === name)?.transfers ?? null) ?? 0),
    );
  const names = [...new Set(moving.flatMap(({ lines }) => lines.slice(0, linesShown).map(({ name }) => name)))].sort(
    (one, other) => largest(other) - largest(one),
  );
  return readable([
    ["lines of", ...moving.map(variantCell)],
    ...names.map((name) => [
      name,
      ...moving.map((one) => {
        const line = one.lines.find((other) => other.name === name);
        if (line === undefined) return none;
        const waited = amountOf(one, line.waitedNs) ?? 0;
        const lines = line.lines === 1 ? "" : ` (${line.lines} lines)`;
        return `${formatNumber(amountOf(one, line.transfers))}, ${formatNs(waited < waitedMin ? 0 : waited)}${lines}`;
      }),
    ]),
  ]);
}
