// The Wasm side of the comparison: runs a compiled quarantine module in a process of its own and answers commands on
// its standard input, as `quarantine.c` does. Started by `compare.ts` with the module's file as only argument.

import { readFileSync, readSync, writeSync } from "node:fs";
import type { RunningModule } from "../../../src/build/instance.ts";
import { type QuarantineExports, ramPagesFor, startQuarantine } from "../../../src/build/quarantine.ts";
import type { WorkloadLimits } from "../../../src/workloads/workload.ts";

/** What `start` gets, as JSON. */
export interface StartRequest {
  readonly limits: WorkloadLimits;
  /** Bytes that the global quarantine may hold. */
  readonly quarantineBytes: number;
}

/** Nanoseconds that a range takes. Kept free of closures and allocation: it is the timed region. */
function timeRange({ exports }: RunningModule<QuarantineExports>, first: number, end: number): number {
  const begin = process.hrtime.bigint();
  const outcome = exports.run(first, end);
  const elapsed = process.hrtime.bigint() - begin;
  return outcome === 0 ? Number(elapsed) : -1;
}

function hashWords(seed: number, words: Uint32Array): number {
  let hash = seed;
  for (let index = 0; index < words.length; index++) hash = Math.imul(hash ^ (words[index] as number), 16777619);
  return hash;
}

/** Of all memory that was ever used, as `memory_hash` in `quarantine.c`. */
function memoryHash({ exports, memory, layout }: RunningModule<QuarantineExports>): number {
  const words = new Uint32Array(memory.buffer);
  const pages = exports.touchedPageCount();
  const hash = hashWords(2166136261, words.subarray(layout.cpuBlocks / 4, (layout.pageTable + pages * 64) / 4));
  return hashWords(hash, words.subarray(layout.arenaBase / 4, (layout.arenaBase + pages * 4096) / 4)) >>> 0;
}

function start(wasmFile: string, request: StartRequest): RunningModule<QuarantineExports> {
  const { limits, quarantineBytes } = request;
  const wasm = new Uint8Array(readFileSync(wasmFile));
  // The clock stands still: the times that a grace period leaves behind would keep memories from being equal.
  const machine = { access: { clockNs: () => 0 } };
  return startQuarantine(
    { wasm, flags: [], sha256: "" },
    limits,
    { cpus: 1, quarantineBytes, skipWhenEmpty: false },
    machine,
  );
}

/** The arguments of the C side's `start`, so that everything gets the same address there. */
function addresses({ layout }: RunningModule<QuarantineExports>, quarantineBytes: number): string {
  return [
    layout.cpuBlocks,
    layout.taskStacks,
    layout.eventBuffer,
    layout.objectTable,
    layout.cacheTable,
    layout.problemBase,
    layout.pageTable,
    layout.arenaBase,
    layout.arenaEnd,
    layout.trueSize ? 1 : 0,
    ramPagesFor(quarantineBytes, 1),
  ].join(" ");
}

let running: RunningModule<QuarantineExports> | undefined;

function answer(line: string): string {
  const [command = "", ...operands] = line.split(" ");
  if (command === "start") {
    const request = JSON.parse(operands.join(" ")) as StartRequest;
    running = start(process.argv[2] ?? "", request);
    return `ok ${addresses(running, request.quarantineBytes)}`;
  }
  if (running === undefined) return "not started";
  const [first, end] = operands.map(Number) as [number, number];
  switch (command) {
    case "load": {
      const bytes = readFileSync(operands.join(" "));
      new Uint8Array(running.memory.buffer).set(bytes, running.layout.eventBuffer);
      return `ok ${bytes.length / 32}`;
    }
    case "run": {
      const ns = timeRange(running, first, end);
      return ns < 0 ? "arena full" : `ok ${ns}`;
    }
    case "settle":
      running.exports.settle(first, end);
      return "ok";
    case "freed":
      return `ok ${running.exports.freedCount() >>> 0}`;
    case "hash":
      return `ok ${memoryHash(running)}`;
    default:
      return "unknown command";
  }
}

// Blocking reads, so that nothing else of Node's runs between a command and its answer.
const input = Buffer.alloc(65_536);
let pending = "";
for (;;) {
  const size = readSync(0, input);
  if (size === 0) break;
  pending += input.toString("utf8", 0, size);
  for (let at = pending.indexOf("\n"); at >= 0; at = pending.indexOf("\n")) {
    const line = pending.slice(0, at);
    pending = pending.slice(at + 1);
    writeSync(1, `${answer(line)}\n`);
  }
}
