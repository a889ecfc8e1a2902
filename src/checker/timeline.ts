// A replay drawn for people: time goes down, each CPU has a column, and each operation a row.
//
// What matters to a race are the cells that several agents touch and one of them writes. Which ones these are, the trace
// itself tells; all else is left out unless it is asked for.

import {
  operationAdd,
  operationAllocated,
  operationBarrier,
  operationBegin,
  operationCompareExchange,
  operationDefer,
  operationEnd,
  operationExchange,
  operationFlush,
  operationFreed,
  operationInterrupt,
  operationIrqOff,
  operationIrqOn,
  operationIsIdle,
  operationIsRunning,
  operationLoad,
  operationNow,
  operationPause,
  operationPreemptOff,
  operationPreemptOn,
  operationSleep,
  operationStore,
  operationStoreOrdered,
  operationTick,
  operationWait,
  operationWake,
  operationWrong,
} from "./core/protocol.ts";
import type { Agent, Finding } from "./model.ts";
import type { TracedOperation } from "./trace.ts";

export interface TimelineOptions {
  /** What it ends in. */
  readonly finding?: Finding;
  /** Whether every operation is shown. @default false */
  readonly all?: boolean;
  /** Characters of a line. @default 120 */
  readonly width?: number;
}

/** A line of the drawing before it is laid out. */
interface Row {
  /** Number of the operation in the whole trace, from 1 on; undefined for a remark. */
  readonly number?: number | undefined;
  /** Index of the column, or undefined for all of them. */
  readonly column?: number;
  /** `task 1 kasan_quarantine_put: `; empty for a remark. */
  readonly who: string;
  /** Whether the row before is of the same agent in the same function. */
  readonly isContinued: boolean;
  readonly what: string;
  /** Rows of an agent, up to another one's, have the same. */
  readonly turn: number;
}

/** Of a longer turn, only so many rows at its beginning and at its end are drawn: a race is where turns meet. */
const turnRowsMax = 40;
const [turnHead, turnTail] = [14, 22];
/** The same for the whole drawing: of a livelock, the middle says what the end says. */
const rowsMax = 160;
const [head, tail] = [60, 40];

/** In front of what an interrupt handler does. */
const handlerSign = "! ";

interface Drawing {
  /** CPUs that did anything. */
  readonly cpus: readonly number[];
  readonly rows: readonly Row[];
}

/** A drawing for a terminal. */
export function timeline(
  operations: readonly TracedOperation[],
  agents: readonly Agent[],
  options: TimelineOptions = {},
): string {
  const { cpus, rows } = draw(operations, agents, options.all === true);
  const width = options.width ?? 120;
  const numberWidth = Math.max(String(operations.length).length, 2);
  const room = width - numberWidth - 1;
  const separator = " | ";
  const columnWidth = Math.max(12, Math.floor((room + separator.length) / Math.max(1, cpus.length)) - separator.length);
  const line = (number: string, column: number, text: string): string => {
    const cells = cpus.map((_, other) => (other === column ? text : "").padEnd(columnWidth));
    return `${number.padStart(numberWidth)} ${cells.join(separator)}`.trimEnd();
  };
  const heads = cpus.map((cpu) => `CPU ${cpu}`.padEnd(columnWidth)).join(separator);
  const lines = [`${" ".repeat(numberWidth)} ${heads}`.trimEnd()];
  for (const { number, column, who, isContinued, what } of rows) {
    const lineWidth = column === undefined ? room : columnWidth;
    const ditto = who.startsWith(handlerSign) ? handlerSign : "  ";
    const texts = isContinued ? wrap(what, lineWidth - 2).map((part) => ditto + part) : wrap(who + what, lineWidth);
    texts.forEach((part, place) => {
      const shown = place === 0 && number !== undefined ? String(number) : "";
      lines.push(column === undefined ? `${shown.padStart(numberWidth)} ${part}` : line(shown, column, part));
    });
  }
  if (options.finding !== undefined) lines.push(...wrap(textOfFinding(options.finding), width, ""));
  return lines.join("\n");
}

/** The same as a table of Markdown, with the finding below. */
export function timelineMarkdown(
  operations: readonly TracedOperation[],
  agents: readonly Agent[],
  options: Omit<TimelineOptions, "width"> = {},
): string {
  const { cpus, rows } = draw(operations, agents, options.all === true);
  const lineOf = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  const lines = [lineOf(["", ...cpus.map((cpu) => `CPU ${cpu}`)]), lineOf(["--:", ...cpus.map(() => ":--")])];
  for (const { number, column, who, what } of rows) {
    const cells = cpus.map((_, other) => (other === (column ?? 0) ? escapeMarkdown(who + what) : ""));
    lines.push(lineOf([number === undefined ? "" : String(number), ...cells]));
  }
  if (options.finding !== undefined) lines.push("", `**${escapeMarkdown(textOfFinding(options.finding))}**`);
  return lines.join("\n");
}

function escapeMarkdown(text: string): string {
  return text.replaceAll(noBreak, " ").replaceAll(/[\\|*`<]/g, (sign) => `\\${sign}`);
}

function textOfFinding({ kind, invariant, message }: Finding): string {
  return `${kind}${invariant === "" ? "" : ` (${invariant})`}: ${message}`;
}

function draw(operations: readonly TracedOperation[], agents: readonly Agent[], isAll: boolean): Drawing {
  const cpuOf = (operation: TracedOperation): number | null => agents[operation.agent]!.cpu;
  const cpus = [...new Set(operations.map(cpuOf).filter((cpu) => cpu !== null))].sort((one, other) => one - other);
  const shared = sharedWords(operations, agents);
  const rows: Row[] = [];
  /** Who ran last, by CPU. */
  const running = new Map<number, number>();
  let hidden = 0;
  let turn = 0;
  let lastWho = "";
  const tellHidden = (agent: number): void => {
    if (hidden === 0) return;
    const thing = agents[agent]!.kind === "flush" ? "flush" : "operation";
    const text = `… ${hidden} ${thing}${hidden === 1 ? "" : thing === "flush" ? "es" : "s"} of its own`;
    rows.push(rowOf(agents[agent]!, cpus, text, turn));
    hidden = 0;
  };
  operations.forEach((operation, index) => {
    const { agent } = operation;
    const before = operations[index - 1];
    if (before !== undefined && before.agent !== agent) {
      tellHidden(before.agent);
      turn++;
    }
    const change = changeOf(operation, agents, running);
    if (change !== "") rows.push(rowOf(agents[agent]!, cpus, change, turn));
    if (isAll || isShown(operation, shared)) {
      // Amid a turn, the numbers say as much.
      if (rows.at(-1)?.turn === turn && rows.at(-1)?.number !== undefined) hidden = 0;
      tellHidden(agent);
      const who = whoOf(operation, agents[agent]!);
      const isContinued = who !== "" && who === lastWho && change === "" && before?.agent === agent;
      const row = rowOf(agents[agent]!, cpus, whatOf(operation) + sourceOf(operation), turn);
      rows.push({ ...row, who, isContinued, number: index + 1 });
      lastWho = who;
    } else hidden++;
  });
  const last = operations.at(-1);
  if (last !== undefined) tellHidden(last.agent);
  return { cpus, rows: isAll ? rows : elideMiddle(elideTurns(rows)) };
}

/** Leaves out the middle of long turns. */
function elideTurns(rows: readonly Row[]): readonly Row[] {
  const turns = new Map<number, Row[]>();
  for (const row of rows) turns.set(row.turn, [...(turns.get(row.turn) ?? []), row]);
  return [...turns.values()].flatMap((turn) => {
    if (turn.length <= turnRowsMax) return turn;
    const count = turn.length - turnHead - turnTail;
    const remark = { ...turn[turnHead]!, number: undefined, who: "", isContinued: false };
    return [...turn.slice(0, turnHead), { ...remark, what: `… ${count} more` }, ...begunAnew(turn.slice(-turnTail))];
  });
}

function elideMiddle(rows: readonly Row[]): readonly Row[] {
  if (rows.length <= rowsMax) return rows;
  const what = `… ${rows.length - head - tail} rows left out …`;
  const remark = { who: "", isContinued: false, what, turn: -1 };
  return [...rows.slice(0, head), remark, ...begunAnew(rows.slice(-tail))];
}

/** Rows behind a gap: the first one says again whose it is. */
function begunAnew([first, ...rest]: readonly Row[]): readonly Row[] {
  return first === undefined ? [] : [{ ...first, isContinued: false }, ...rest];
}

function rowOf({ cpu }: Agent, cpus: readonly number[], what: string, turn: number): Row {
  const remark = { who: "", isContinued: false, what, turn };
  return cpu === null ? remark : { ...remark, column: cpus.indexOf(cpu) };
}

/** What it means for a CPU that somebody else than before goes on there; empty where nothing changes. */
function changeOf(operation: TracedOperation, agents: readonly Agent[], running: Map<number, number>): string {
  const { agent } = operation;
  const { kind, cpu } = agents[agent]!;
  if (cpu === null || kind === "flush") return "";
  const before = running.get(cpu);
  running.set(cpu, agent);
  if (kind === "handler") {
    const isTaken = before !== agent || operation.operation === operationBegin;
    if (!isTaken) return "";
    const isAmid = before !== undefined && before !== agent;
    return `${handlerSign}interrupt taken${isAmid ? ` in ${nameOf(agents[before]!)}` : ""}`;
  }
  if (before === undefined || before === agent) return "";
  if (agents[before]!.kind === "handler") return `-- back to ${nameOf(agents[agent]!)} --`;
  return `-- switch from ${nameOf(agents[before]!)} to ${nameOf(agents[agent]!)} --`;
}

/** An agent's name in its CPU's column. */
function nameOf({ name, cpu }: Agent): string {
  return name.replace(new RegExp(`,? (on|of|for) CPU ${cpu}$`), "");
}

const writes: ReadonlySet<number> = new Set([
  operationStore,
  operationStoreOrdered,
  operationExchange,
  operationCompareExchange,
  operationAdd,
]);
const accesses: ReadonlySet<number> = new Set([...writes, operationLoad, operationWait]);

/** What is shown wherever it is: what makes others run, what one waits for, what lives and dies. */
const alwaysShown: ReadonlySet<number> = new Set([
  operationPause,
  operationWait,
  operationWake,
  operationInterrupt,
  operationSleep,
  operationDefer,
  operationEnd,
  operationTick,
  operationAllocated,
  operationFreed,
  operationWrong,
]);

/** Addresses of the words of 4 bytes that several agents access, and one of them writes. */
function sharedWords(operations: readonly TracedOperation[], agents: readonly Agent[]): ReadonlySet<number> {
  const users = new Map<number, { first: number; isShared: boolean; isWritten: boolean }>();
  for (const operation of operations) {
    // A store buffer is no user: it does what a task of its CPU did before.
    if (!accesses.has(operation.operation) || agents[operation.agent]!.kind === "flush") continue;
    for (const word of wordsOf(operation)) {
      const user = users.get(word) ?? { first: operation.agent, isShared: false, isWritten: false };
      users.set(word, {
        first: user.first,
        isShared: user.isShared || user.first !== operation.agent,
        isWritten: user.isWritten || writes.has(operation.operation),
      });
    }
  }
  return new Set([...users].filter(([, { isShared, isWritten }]) => isShared && isWritten).map(([word]) => word));
}

function wordsOf({ cell, bytes }: TracedOperation): number[] {
  return bytes === 8 ? [cell, cell + 4] : bytes === 4 ? [cell] : [];
}

function isShown(operation: TracedOperation, shared: ReadonlySet<number>): boolean {
  if (alwaysShown.has(operation.operation)) return true;
  const isAccess = accesses.has(operation.operation) || operation.operation === operationFlush;
  return isAccess && wordsOf(operation).some((word) => shared.has(word));
}

function whoOf({ symbol }: TracedOperation, agent: Agent): string {
  if (agent.kind === "flush" || agent.kind === "clock") return "";
  return `${agent.kind === "handler" ? handlerSign : ""}${nameOf(agent)}${symbol === "" ? "" : ` ${symbol}`}: `;
}

function sourceOf({ frames }: TracedOperation): string {
  // The operations themselves are of the machine; what counts is who performs them.
  const frame = frames.find(({ file }) => !file.startsWith("machine/")) ?? frames[0];
  return frame === undefined ? "" : ` (${frame.file}:${frame.line})`;
}

/** A space at which a line ends only where there is no other way. It is shown as any other. */
const noBreak = "\u00a0";

function whatOf(traced: TracedOperation): string {
  const { operation, cell, before, after, isBuffered } = traced;
  const place = traced.place === "" ? `0x${cell.toString(16)}` : traced.place;
  const values = `${formatValue(before)}${noBreak}→${noBreak}${formatValue(after)}`;
  const change = `${place}: ${values}`;
  const answer = after === 0n ? "no" : "yes";
  switch (operation) {
    case operationBegin:
      return "begins";
    case operationLoad:
      return `${place} is ${formatValue(after)}`;
    case operationStore:
      return isBuffered ? `${change}, in the store buffer` : change;
    case operationStoreOrdered:
      return `${change}, ordered`;
    case operationExchange:
      return `${change}, exchange`;
    case operationCompareExchange:
      return before === after
        ? `${place} stays ${formatValue(after)}, compare-exchange`
        : `${change}, compare-exchange`;
    case operationAdd:
      return `${change}, add`;
    case operationBarrier:
      return "barrier";
    case operationPause:
      return "waits until something that it read changes";
    case operationWait:
      if (before === after) return `waits at ${place}, which is ${formatValue(after)}`;
      return `does not wait at ${place}: it is ${formatValue(before)}, not ${formatValue(after)}`;
    case operationWake:
      return `wakes ${after === 0n ? "nobody" : formatValue(after)} at ${place}`;
    case operationInterrupt:
      return `sends an interrupt to CPU ${cell}`;
    case operationSleep:
      return "sleeps";
    case operationDefer:
      return "defers work";
    case operationPreemptOff:
      return "preemption off";
    case operationPreemptOn:
      return "preemption on";
    case operationIrqOff:
      return "interrupts off";
    case operationIrqOn:
      return "interrupts on";
    case operationNow:
      return `the time is ${formatValue(after)}`;
    case operationIsRunning:
      return `is task ${cell} running? ${answer}`;
    case operationIsIdle:
      return `is CPU ${cell} idle? ${answer}`;
    case operationEnd:
      return "ends";
    case operationFlush:
      return `store buffer: ${place} reaches memory, ${values}`;
    case operationTick:
      return "clock: a tick passes";
    case operationAllocated:
      return `allocates ${place}`;
    case operationFreed:
      return `frees ${place}`;
    case operationWrong:
      return traced.bytes === 0 ? "goes wrong" : `goes wrong at ${place}`;
    default:
      throw new RangeError(`operation ${operation}`);
  }
}

/** Small numbers are counts, large ones addresses and bits. */
function formatValue(value: bigint): string {
  return value < 1000n ? String(value) : `0x${value.toString(16)}`;
}

/** Text in lines of a width, those after the first with an indent. Words that are too long lose their middle. */
function wrap(text: string, width: number, indent = "  "): string[] {
  const lines: string[] = [];
  let line = "";
  const room = width - indent.length;
  const words = text.split(" ").flatMap((word) => (word.length <= room ? [word] : word.split(noBreak)));
  for (const word of words) {
    const short = word.length <= room ? word : elide(word, room);
    if (line !== "" && line !== indent && line.length + 1 + short.length > width) {
      lines.push(line);
      line = indent + short;
    } else line = line === "" ? short : `${line} ${short}`;
  }
  return [...lines, line].map((one) => one.replaceAll(noBreak, " "));
}

function elide(word: string, width: number): string {
  const tail = Math.ceil((width - 1) / 2);
  return `${word.slice(0, width - 1 - tail)}…${word.slice(word.length - tail)}`;
}
