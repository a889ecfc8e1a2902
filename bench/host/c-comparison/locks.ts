// Compares the read sides of `src/kernel/sync`, compiled to Wasm, with the same instructions in C, on one and two threads.
//
// Both sides are processes of their own that run many short rounds in rotating order; times within a round are compared
// with each other only. Not a record and not a gate: it shows what Wasm adds to the native figures.

import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, cpus, tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { markdownTable } from "markdown-table";
import { compileModule } from "../../../src/build/compile.ts";
import { packageRoot } from "../../../src/package-root.ts";
import { estimate, verdict } from "./estimate.ts";
import { Side } from "./side.ts";

const source = path.join(packageRoot, "bench", "host", "c-comparison", "locks.c");
const wasmSide = path.join(path.dirname(fileURLToPath(import.meta.url)), "locks-wasm-side.js");

const usage = `usage: locks.js [options]
  --rounds N         rounds of each pair and number of threads   (default 100)
  --round-us N       length of a round, in microseconds          (default 2000)
  --seed N           seed of the gaps                            (default 1)
  --module NAME=FILE one more Wasm build to compare, such as an experiment; repeatable
`;

interface Primitive {
  readonly name: string;
  /** Pairs between two gaps: so many that the gaps, some 10 ns, do not count. */
  readonly pairs: number;
  /** What Wasm may take: a multiple of C's time, or so many ns more. */
  readonly bound: { readonly ratio: number } | { readonly ns: number };
}

const primitives: readonly Primitive[] = [
  { name: "rwsem", pairs: 32, bound: { ratio: 1.15 } },
  { name: "refcount", pairs: 32, bound: { ratio: 1.15 } },
  { name: "srcu", pairs: 256, bound: { ratio: 1.15 } },
  { name: "rcu", pairs: 1024, bound: { ns: 1 } },
];

/** Bursts that a thread does between two looks at whether the round is over. */
const burstsAtOnce = 8;
/** Times that a side begins within a round. */
const beginnings = 8;
const warmUpRounds = 3;

interface Case {
  readonly primitive: Primitive;
  readonly threads: number;
  /** By side: ns per pair of each round. */
  readonly series: ReadonlyMap<string, number[]>;
}

interface Options {
  readonly rounds: number;
  readonly roundNs: number;
  readonly seed: number;
}

/** Mean of the middle half. */
function middleMean(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const cut = Math.floor(sorted.length / 4);
  const middle = sorted.slice(cut, sorted.length - cut);
  return middle.reduce((sum, value) => sum + value, 0) / middle.length;
}

/**
 * One round of a case: every side in rotating order, several times. Two threads on one line settle into one of a few
 * rhythms that differ by a factor of 2 and more, another one each time they begin; so a round is many short beginnings.
 *
 * @returns ns per pair by side, the mean of the middle half of the beginnings
 */
async function runRound(sides: readonly Side[], order: (turn: number) => string): Promise<number[]> {
  const values = sides.map(() => [] as number[]);
  for (let turn = 0; turn < beginnings; turn++) {
    for (let step = 0; step < sides.length; step++) {
      const index = (turn + step) % sides.length;
      values[index]?.push(Number(await sides[index]?.ask(`run ${order(turn)}`)));
    }
  }
  return values.map(middleMean);
}

async function measure(sides: readonly Side[], { rounds, roundNs, seed }: Options): Promise<Case[]> {
  const cases = primitives.flatMap((primitive) =>
    [1, 2].map(
      (threads): Case => ({ primitive, threads, series: new Map(sides.map(({ name }) => [name, [] as number[]])) }),
    ),
  );
  /** By case: bursts that a thread does, as many as C does in the length of a beginning. */
  const bursts = cases.map(({ primitive }) => Math.ceil(100_000 / primitive.pairs / burstsAtOnce) * burstsAtOnce);
  for (let round = -warmUpRounds; round < rounds; round++) {
    for (const [index, { primitive, threads, series }] of cases.entries()) {
      const seedOf = (turn: number): number => seed + 2 * ((round + warmUpRounds) * beginnings + turn);
      const values = await runRound(
        sides,
        (turn) => `${primitive.name} ${threads} ${bursts[index]} ${primitive.pairs} ${seedOf(turn)}`,
      );
      if (round === -1) {
        const burstNs = (values[0] as number) * primitive.pairs;
        bursts[index] = Math.max(1, Math.round(roundNs / beginnings / burstNs / burstsAtOnce)) * burstsAtOnce;
      } else if (round >= 0) {
        for (const [side, { name }] of sides.entries()) series.get(name)?.push(values[side] as number);
      }
    }
  }
  return cases;
}

function rowOf({ primitive, threads, series }: Case, side: string): string[] {
  const c = series.get("C") ?? [];
  const ours = series.get(side) ?? [];
  const ratio = estimate(ours.map((ns, round) => ns / (c[round] as number)));
  const more = estimate(ours.map((ns, round) => ns - (c[round] as number)));
  const { bound } = primitive;
  return [
    primitive.name,
    String(threads),
    side,
    estimate(c).median.toFixed(2),
    estimate(ours).median.toFixed(2),
    ratio.median.toFixed(2),
    `${ratio.lower.toFixed(2)} to ${ratio.upper.toFixed(2)}`,
    more.median.toFixed(2),
    "ratio" in bound ? bound.ratio.toFixed(2) : `+${bound.ns.toFixed(2)} ns`,
    "ratio" in bound ? verdict(bound.ratio, ratio) : verdict(bound.ns, more),
  ];
}

function compileC(output: string, definitions: readonly string[]): void {
  const flags = ["-O2", "-std=gnu11", "-pthread", ...definitions];
  const { status, stderr } = spawnSync("gcc", [...flags, "-o", output, source], { encoding: "utf8" });
  if (status !== 0) throw new Error(`gcc failed:\n${stderr}`);
}

function readNumber(text: string, name: string, max: number): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1 || value > max)
    throw new RangeError(`--${name}: 1 to ${max}, got '${text}'`);
  return value;
}

/** The first two cores that this process may use. */
function twoCores(): [string, string] | undefined {
  const allowed = /^Cpus_allowed_list:\s*(.+)$/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1] ?? "";
  const cores = allowed.split(",").flatMap((range) => {
    const [first = Number.NaN, last = first] = range.split("-").map(Number);
    return Array.from({ length: last - first + 1 }, (_, index) => String(first + index));
  });
  const [first, second] = cores;
  return first === undefined || second === undefined ? undefined : [first, second];
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      help: { type: "boolean", default: false },
      rounds: { type: "string", default: "100" },
      "round-us": { type: "string", default: "2000" },
      seed: { type: "string", default: "1" },
      module: { type: "string", multiple: true, default: [] },
    },
  });
  if (values.help) {
    process.stdout.write(usage);
    return 0;
  }
  const rounds = readNumber(values.rounds, "rounds", 100_000);
  const roundNs = readNumber(values["round-us"], "round-us", 1_000_000) * 1000;
  const seed = readNumber(values.seed, "seed", 1_000_000_000);
  if (spawnSync("gcc", ["--version"]).status !== 0) {
    process.stdout.write("skipped: gcc not found\n");
    return 0;
  }
  const cores = twoCores();
  if (cores === undefined || spawnSync("taskset", ["--version"]).status !== 0) {
    process.stdout.write("skipped: needs two cores and taskset\n");
    return 0;
  }
  const temporary = mkdtempSync(path.join(tmpdir(), "reclaim-bench-locks-"));
  const sides: Side[] = [];
  try {
    const programs = { C: [], "C, exchanges": ["-DEXCHANGE"] };
    const wasm = path.join(temporary, "read-side.wasm");
    const compiled = await compileModule({
      problem: "litmus",
      variant: "read-side",
      entry: "read-side",
      machine: "native",
      constants: {},
    });
    writeFileSync(wasm, compiled.wasm);
    for (const [name, definitions] of Object.entries(programs)) {
      const program = path.join(temporary, name);
      compileC(program, definitions);
      sides.push(new Side(name, "quarantine", [program, ...cores]));
    }
    for (const [name, file] of [["Wasm", wasm], ...values.module.map((text) => text.split("="))]) {
      sides.push(
        new Side(name ?? "", "quarantine", [process.execPath, "--no-liftoff", wasmSide, file ?? "", ...cores]),
      );
    }
    const cases = await measure(sides, { rounds, roundNs, seed });
    const heading = ["pair", "threads", "build", "C ns", "Wasm ns", "ratio", "middle half", "more by, ns", "bound"];
    const rows = [[...heading, "verdict"]];
    for (const { name } of sides.slice(1)) for (const one of cases) rows.push(rowOf(one, name));
    process.stdout.write(
      `seed ${seed}, ${process.version} --no-liftoff, ${rounds} rounds of ${roundNs / 1000} us, ` +
        `${availableParallelism()} x ${cpus()[0]?.model ?? "unknown CPU"}, ${new Date().toISOString().slice(0, 10)}\n\n`,
    );
    const align = ["l", "r", "l", "r", "r", "r", "r", "r", "r", "l"];
    process.stdout.write(`${markdownTable(rows, { align })}\n`);
    return 0;
  } finally {
    await Promise.all(sides.map((side) => side.close()));
    rmSync(temporary, { recursive: true, force: true });
  }
}

try {
  process.exitCode = await main();
} catch (error) {
  process.stderr.write(`locks: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = error instanceof RangeError || error instanceof TypeError ? 2 : 5;
}
