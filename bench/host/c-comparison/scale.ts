// Fills the quarantine with ten million objects of a hundred thousand caches, within the 4 GiB that 32-bit Wasm can
// address, and removes a few caches. Shows that the size runs at all and what it takes; a figure here is one sample.

import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { compileModule } from "../../../src/build/compile.ts";
import type { RunningModule } from "../../../src/build/instance.ts";
import { type QuarantineExports, startQuarantine } from "../../../src/build/quarantine.ts";
import { type Chunk, objectBytesMean, Program } from "./program.ts";

const usage = `usage: scale.js [options]
  --objects N    objects in quarantine         (default 10000000)
  --caches N     caches that they belong to    (default 100000)
  --removals N   caches removed at the end     (default 5)
  --seed N       seed of the event program     (default 1)
`;

/** Resident size of this process in bytes, or undefined where the system does not say. */
function residentBytes(): number | undefined {
  try {
    const kibibytes = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1];
    return kibibytes === undefined ? undefined : Number(kibibytes) * 1024;
  } catch {
    return undefined;
  }
}

function mebibytes(bytes: number | undefined): string {
  return bytes === undefined ? "unknown" : `${Math.round(bytes / (1024 * 1024))} MiB`;
}

function load({ memory, layout }: RunningModule<QuarantineExports>, { bytes }: Chunk): void {
  new Uint8Array(memory.buffer).set(bytes, layout.eventBuffer);
}

/** Nanoseconds for events `first` to `end - 1`. */
function timeRange({ exports }: RunningModule<QuarantineExports>, first: number, end: number): number {
  const begin = process.hrtime.bigint();
  if (exports.run(first, end) !== 0) throw new Error("the arena is full");
  return Number(process.hrtime.bigint() - begin);
}

function readCount(text: string, name: string, max: number): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1 || value > max)
    throw new RangeError(`--${name}: 1 to ${max}, got '${text}'`);
  return value;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      help: { type: "boolean", default: false },
      objects: { type: "string", default: "10000000" },
      caches: { type: "string", default: "100000" },
      removals: { type: "string", default: "5" },
      seed: { type: "string", default: "1" },
    },
  });
  if (values.help) {
    process.stdout.write(usage);
    return;
  }
  const caches = readCount(values.caches, "caches", 1_000_000);
  const seed = readCount(values.seed, "seed", 0xffff_ffff);
  const removals = readCount(values.removals, "removals", 1000);
  // When full, the quarantine lets go a batch of up to 1/512 of itself, so it is made that much larger.
  const quarantineBytes = Math.ceil(readCount(values.objects, "objects", 40_000_000) * objectBytesMean * (1 + 1 / 256));
  const program = new Program({
    caches,
    quarantineBytes,
    liveObjects: 0,
    roundObjects: 30_000,
    repetitions: 1,
    removals: 1,
    seed,
  });
  const compiled = await compileModule({
    problem: "quarantine",
    variant: "singly-linked-fifo",
    machine: "native",
    constants: {},
  });
  const machine = { access: { clockNs: () => Number(process.hrtime.bigint()) } };
  const sizes = { cpus: 1, quarantineBytes, skipWhenEmpty: false };
  const running = startQuarantine(compiled, program.limits, sizes, machine);
  const { layout, exports } = running;
  const write = (text: string): void => void process.stdout.write(`${text}\n`);
  write(`seed ${seed}, ${process.version}`);
  write(`memory: ${mebibytes(layout.wasmPages * 65_536)} of Wasm memory, arena from ${mebibytes(layout.arenaBase)}`);
  write(
    `objects: ${objectBytesMean.toFixed(0)} bytes on average, in ${layout.trueSize ? "their true sizes" : "64-byte slots"}`,
  );
  const residentBefore = residentBytes();

  let fillNs = 0;
  for (const chunk of program.fill()) {
    load(running, chunk);
    for (const { first, end } of chunk.ranges) fillNs += timeRange(running, first, end);
  }
  const quarantined = (): number => program.putCount - (exports.freedCount() >>> 0);
  const filled = residentBytes();
  const grown = filled === undefined || residentBefore === undefined ? undefined : filled - residentBefore;
  write(`filled: ${quarantined()} objects of ${caches} caches in ${exports.batchesInUse()} batches`);
  write(`fill: ${(fillNs / 1e9).toFixed(2)} s for ${program.putCount} allocations and puts`);
  write(
    `slabs: ${mebibytes(exports.touchedPageCount() * 4096)}; resident: ${mebibytes(filled)}, grown by ${mebibytes(grown)}`,
  );

  for (let removal = 0; removal < removals; removal++) {
    const chunk = program.round();
    load(running, chunk);
    for (const range of chunk.ranges) {
      const found = range.operation === "remove" ? program.putCount - (exports.freedCount() >>> 0) : 0;
      const ns = timeRange(running, range.first, range.end);
      if (range.operation !== "remove") continue;
      write(
        `removal ${removal + 1}: ${(ns / 1e6).toFixed(0)} ms over ${found} objects, ${(ns / found).toFixed(1)} ns each`,
      );
    }
  }
}

try {
  await main();
} catch (error) {
  process.stderr.write(`scale: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = error instanceof RangeError || error instanceof TypeError ? 2 : 5;
}
