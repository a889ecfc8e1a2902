// Compares the reference quarantine, compiled to Wasm, with the same structure in C, operation by operation.
//
// Both run the same events on the same memory layout in processes of their own, one batch of events at a time in
// rotating order, and must end with the same memory. Times within a round are compared with each other only.
// Not a record and not a gate: it shows what Wasm adds to the native figures.

import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { markdownTable } from "markdown-table";
import { compileModule } from "../../../src/build/compile.ts";
import { packageRoot } from "../../../src/package-root.ts";
import { estimate, verdict } from "./estimate.ts";
import { type Chunk, Program, type ProgramSizes } from "./program.ts";
import { Side, type SideKind } from "./side.ts";
import type { StartRequest } from "./wasm-side.ts";

const folder = path.join(packageRoot, "bench", "host", "c-comparison");
const wasmSide = path.join(path.dirname(fileURLToPath(import.meta.url)), "wasm-side.js");

const usage = `usage: compare.js [options]
  --small-mib N      quarantine of the cache-resident size, in MiB; 0 leaves it out   (default 2)
  --large-mib N      quarantine of the memory-bound size, in MiB; 0 leaves it out     (default 512)
  --small-rounds N   rounds at the cache-resident size                                (default 200)
  --large-rounds N   rounds at the memory-bound size                                  (default 25)
  --seed N           seed of the event program                                        (default 1)
  --module NAME=FILE one more Wasm build to compare, such as an experiment; repeatable
`;

/** A ratio above its bound misses the requirement; other operations have none. */
const bounds: Readonly<Record<string, number>> = { "put, one event": 1.3, "remove, walked object": 1.15 };

interface Size {
  readonly name: string;
  readonly program: ProgramSizes;
  readonly rounds: number;
  /** Rounds that are run and not counted: both sides' caches fill, and V8 optimises. */
  readonly warmUpRounds: number;
}

/** ns per operation of one side, one value per round. */
type Series = Map<string, number[]>;

interface Measured {
  readonly size: Size;
  readonly quarantinedObjects: number;
  readonly trueSize: boolean;
  readonly series: ReadonlyMap<string, Series>;
}

function compileC(output: string, definitions: readonly string[]): void {
  const source = path.join(folder, "quarantine.c");
  const flags = ["-O2", "-std=c11", "-fPIE", "-pie", ...definitions];
  const { status, stderr } = spawnSync("gcc", [...flags, "-o", output, source], { encoding: "utf8" });
  if (status !== 0) throw new Error(`gcc failed:\n${stderr}`);
}

async function compileWasm(output: string, variant: string): Promise<void> {
  const { wasm } = await compileModule({ problem: "quarantine", variant, machine: "native", constants: {} });
  writeFileSync(output, wasm);
}

interface SideCommand {
  readonly name: string;
  readonly kind: SideKind;
  readonly language: "c" | "wasm";
  readonly command: readonly string[];
}

/** All processes of one size, and the file through which they get their events. */
class Bench {
  readonly sides: readonly Side[];
  readonly #commands: readonly SideCommand[];
  readonly #chunkFile: string;
  #turn = 0;

  constructor(commands: readonly SideCommand[], chunkFile: string) {
    this.#commands = commands;
    this.sides = commands.map(({ name, kind, command }) => new Side(name, kind, command));
    this.#chunkFile = chunkFile;
  }

  /** Starts every side; each C side gets the addresses of the Wasm side of its kind. Returns whether objects take their true size. */
  async start(request: StartRequest): Promise<boolean> {
    const addresses = new Map<SideKind, string>();
    for (const language of ["wasm", "c"]) {
      for (const [index, { kind }] of this.#commands.entries()) {
        if (this.#commands[index]?.language !== language) continue;
        const side = this.sides[index] as Side;
        if (language === "wasm") addresses.set(kind, await side.ask(`start ${JSON.stringify(request)}`));
        else await side.ask(`start ${addresses.get(kind)}`);
      }
    }
    return addresses.get("quarantine")?.split(" ")[9] === "1";
  }

  async load({ bytes }: Chunk): Promise<void> {
    writeFileSync(this.#chunkFile, bytes);
    await Promise.all(this.sides.map((side) => side.ask(`load ${this.#chunkFile}`)));
  }

  /** All sides, beginning with another one each time. */
  rotated(): Side[] {
    const first = this.#turn++ % this.sides.length;
    return [...this.sides.slice(first), ...this.sides.slice(0, first)];
  }

  /** @throws {Error} when two sides of a kind have come to different memories */
  async compareMemories(): Promise<void> {
    const hashes = new Map<SideKind, string>();
    for (const side of this.sides) {
      const hash = await side.ask("hash");
      const other = hashes.get(side.kind) ?? hash;
      if (hash !== other) throw new Error(`${side.name}: after the same events its memory differs from the others'`);
      hashes.set(side.kind, hash);
    }
  }

  async close(): Promise<void> {
    await Promise.all(this.sides.map((side) => side.close()));
  }
}

/** Runs one chunk on one side: ns of each timed operation, and what was in quarantine before the timed removals. */
async function runRound(
  side: Side,
  chunk: Chunk,
  program: Program,
): Promise<{ perOperation: ReadonlyMap<string, number>; quarantined: number }> {
  const totals = new Map<string, { ns: number; operations: number }>();
  let quarantined = 0;
  for (const range of chunk.ranges) {
    if (range.operation === "remove") quarantined = program.putCount - Number(await side.ask("freed"));
    const ns = await side.run(range);
    if (range.operation === "set-up") continue;
    const total = totals.get(range.operation) ?? { ns: 0, operations: 0 };
    total.ns += ns;
    total.operations += range.operation === "remove" ? program.walked(quarantined, range) : range.end - range.first;
    totals.set(range.operation, total);
  }
  const perOperation = new Map([...totals].map(([operation, { ns, operations }]) => [operation, ns / operations]));
  return { perOperation, quarantined };
}

async function measure(size: Size, commands: readonly SideCommand[], chunkFile: string): Promise<Measured> {
  const program = new Program(size.program);
  const bench = new Bench(commands, chunkFile);
  try {
    const trueSize = await bench.start({ limits: program.limits, quarantineBytes: size.program.quarantineBytes });
    for (const chunk of program.fill()) {
      await bench.load(chunk);
      for (const side of bench.rotated()) for (const range of chunk.ranges) await side.run(range);
    }
    const series = new Map<string, Series>(bench.sides.map(({ name }) => [name, new Map()]));
    let quarantinedObjects = 0;
    for (let round = -size.warmUpRounds; round < size.rounds; round++) {
      const chunk = program.round();
      await bench.load(chunk);
      // A side does its whole round before the next one: what it put is still in its caches when it walks.
      for (const side of bench.rotated()) {
        const { perOperation, quarantined } = await runRound(side, chunk, program);
        if (side.kind === "quarantine") quarantinedObjects = quarantined;
        if (round < 0) continue;
        const ofSide = series.get(side.name) as Series;
        for (const [operation, ns] of perOperation) {
          const values = ofSide.get(operation) ?? [];
          values.push(ns);
          ofSide.set(operation, values);
        }
      }
    }
    await bench.compareMemories();
    return { size, quarantinedObjects, trueSize, series };
  } finally {
    await bench.close();
  }
}

/** ns of one operation of one side, by round; with a floor, less what the floor took in the same round. */
function valuesOf({ series }: Measured, side: string, operation: string, floor?: string): number[] {
  const values = series.get(side)?.get(operation) ?? [];
  if (floor === undefined) return values;
  const below = series.get(floor)?.get(operation) ?? [];
  return values.map((value, round) => value - (below[round] as number));
}

function rowsOf(measured: Measured, wasm: string, floors: { c: string; wasm: string }): string[][] {
  const operations = [
    { label: "put, one event", operation: "put", lessFloor: false },
    { label: "put, less the interpreter", operation: "put", lessFloor: true },
    { label: "reduce and allocate, one event", operation: "allocate", lessFloor: false },
    { label: "remove, walked object", operation: "remove", lessFloor: false },
  ];
  return operations.map(({ label, operation, lessFloor }) => {
    const c = valuesOf(measured, "C", operation, lessFloor ? floors.c : undefined);
    const ours = valuesOf(measured, wasm, operation, lessFloor ? floors.wasm : undefined);
    const ratio = estimate(ours.map((value, round) => value / (c[round] as number)));
    const bound = bounds[label];
    return [
      label,
      measured.size.name,
      wasm,
      estimate(c).median.toFixed(2),
      estimate(ours).median.toFixed(2),
      ratio.median.toFixed(2),
      `${ratio.lower.toFixed(2)} to ${ratio.upper.toFixed(2)}`,
      bound?.toFixed(2) ?? "",
      verdict(bound, ratio),
    ];
  });
}

function mebibytes(count: number): number {
  return count * 1024 * 1024;
}

function readNumber(text: string, name: string, max: number): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0 || value > max)
    throw new RangeError(`--${name}: 0 to ${max}, got '${text}'`);
  return value;
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      help: { type: "boolean", default: false },
      "small-mib": { type: "string", default: "2" },
      "large-mib": { type: "string", default: "512" },
      "small-rounds": { type: "string", default: "200" },
      "large-rounds": { type: "string", default: "25" },
      seed: { type: "string", default: "1" },
      module: { type: "string", multiple: true, default: [] },
    },
  });
  if (values.help) {
    process.stdout.write(usage);
    return 0;
  }
  const number = (name: "small-mib" | "large-mib" | "small-rounds" | "large-rounds" | "seed", max: number): number =>
    readNumber(values[name], name, max);
  const seed = number("seed", 0xffff_ffff);
  const sizes: Size[] = [
    {
      name: `cache-resident, ${values["small-mib"]} MiB`,
      program: {
        caches: 64,
        quarantineBytes: mebibytes(number("small-mib", 64)),
        liveObjects: 0,
        roundObjects: 4000,
        repetitions: 6,
        removals: 9,
        seed,
      },
      rounds: number("small-rounds", 100_000),
      warmUpRounds: 100,
    },
    {
      name: `memory-bound, ${values["large-mib"]} MiB`,
      program: {
        caches: 1000,
        quarantineBytes: mebibytes(number("large-mib", 1024)),
        liveObjects: 200_000,
        roundObjects: 20_000,
        repetitions: 1,
        removals: 1,
        seed,
      },
      rounds: number("large-rounds", 10_000),
      warmUpRounds: 3,
    },
  ].filter(({ program, rounds }) => program.quarantineBytes > 0 && rounds > 0);

  if (spawnSync("gcc", ["--version"]).status !== 0) {
    process.stdout.write("skipped: gcc not found\n");
    return 0;
  }
  const temporary = mkdtempSync(path.join(tmpdir(), "reclaim-bench-c-"));
  try {
    const file = (name: string): string => path.join(temporary, name);
    compileC(file("quarantine"), []);
    compileC(file("floor"), ["-DFLOOR"]);
    await compileWasm(file("quarantine.wasm"), "singly-linked-fifo");
    await compileWasm(file("floor.wasm"), "floor");
    const node = (flags: readonly string[], wasm: string): string[] => [process.execPath, ...flags, wasmSide, wasm];
    const others = values.module.map((text): SideCommand => {
      const [name = "", wasm = ""] = text.split("=");
      return { name, kind: "quarantine", language: "wasm", command: node([], wasm) };
    });
    const commands: SideCommand[] = [
      { name: "C", kind: "quarantine", language: "c", command: [file("quarantine")] },
      { name: "Wasm", kind: "quarantine", language: "wasm", command: node([], file("quarantine.wasm")) },
      {
        name: "Wasm --no-liftoff",
        kind: "quarantine",
        language: "wasm",
        command: node(["--no-liftoff"], file("quarantine.wasm")),
      },
      ...others,
      { name: "C floor", kind: "floor", language: "c", command: [file("floor")] },
      { name: "Wasm floor", kind: "floor", language: "wasm", command: node([], file("floor.wasm")) },
    ];
    const rows = [
      ["operation", "quarantine", "Wasm build", "C ns", "Wasm ns", "ratio", "middle half", "bound", "verdict"],
    ];
    process.stdout.write(`seed ${seed}, ${process.version}\n`);
    for (const size of sizes) {
      const measured = await measure(size, commands, file("chunk"));
      process.stdout.write(
        `${size.name}: ${measured.quarantinedObjects} objects in quarantine, ${size.rounds} rounds, ` +
          `${measured.trueSize ? "true sizes" : "64-byte slots"}, memories equal\n`,
      );
      for (const { name, kind, language } of commands) {
        if (kind === "floor" || language === "c") continue;
        rows.push(...rowsOf(measured, name, { c: "C floor", wasm: "Wasm floor" }));
      }
    }
    process.stdout.write(`\n${markdownTable(rows, { align: ["l", "l", "l", "r", "r", "r", "r", "r", "l"] })}\n`);
    return 0;
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
}

try {
  process.exitCode = await main();
} catch (error) {
  process.stderr.write(`compare: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = error instanceof RangeError || error instanceof TypeError ? 2 : 5;
}
