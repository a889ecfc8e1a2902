// The Wasm side of the comparison of locks: runs the bursts of a compiled `litmus/read-side.ts` on threads of its own and
// answers commands on its standard input, as `locks.c` does. Started by `locks.ts` with the module's file and the
// threads' cores as arguments.

import { spawnSync } from "node:child_process";
import { readFileSync, readlinkSync, readSync, writeSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { isMainThread, Worker, workerData } from "node:worker_threads";

const threadsMax = 2;
const burstsAtOnce = 8;

/** Indices of the 32-bit cells by which the threads of a round meet, each on a line of its own. */
const cellRound = 0;
const cellMissing = 16;
const cellArrived = 32;
const cellStopped = 48;
/** What a round is to do: primitive, threads, bursts, pairs, seed. */
const cellOrder = 64;
/** Byte offset of the threads' results: ns per pair. */
const resultsAt = 384;
const controlBytes = 512;

const primitives = ["rwsem", "refcount", "srcu", "rcu"] as const;

/** Where the lines of a CPU and what is under test lie in the module's memory. */
const cpuBlocks = 65_536;
const regions = cpuBlocks + 4096;
const regionBytes = 4096;
/** Pages for each primitive: what a transfer between cores takes depends on where a line lies. */
const places = 32;

type Bursts = (memory: number, bursts: number, pairs: number, random: number) => number;
type Exports = Readonly<Record<`${(typeof primitives)[number]}Bursts`, Bursts>> & {
  heapBase(): number;
  pairsBytes(cpus: number): number;
};

interface Shared {
  readonly module: WebAssembly.Module;
  readonly memory: WebAssembly.Memory;
  readonly control: SharedArrayBuffer;
  readonly cpu: number;
  /** The core that the thread stays on. */
  readonly core: string;
}

function regionOf(primitive: number, place: number): number {
  return regions + (primitive * places + place) * regionBytes;
}

function instantiate({ module, memory, cpu }: Shared): Exports {
  const layout = {
    thisCpu: cpu,
    cpuCount: threadsMax,
    cpuBlocks,
    taskStacks: regionOf(primitives.length, 0),
    roundCells: cpuBlocks + 2048,
    spinsPerMicrosecond: 1000,
  };
  const access = { clockNs: () => Number(process.hrtime.bigint()) };
  const exports = new WebAssembly.Instance(module, { env: { memory }, layout, access }).exports as unknown as Exports;
  if (exports.heapBase() > cpuBlocks) throw new Error("the module's constants reach into what is under test");
  if (exports.pairsBytes(threadsMax) > regionBytes) throw new Error("a primitive needs more than its region");
  return exports;
}

/** Runs until this thread has done its bursts or another one has: from then on there would be no contention. */
function perform(run: Bursts, control: Int32Array, shared: Shared): number {
  const order = (index: number): number => Atomics.load(control, cellOrder + index);
  const memory = regionOf(order(0), Math.floor(order(4) / 2) % places);
  const threads = order(1);
  const bursts = order(2);
  const pairs = order(3);
  let random = order(4) + shared.cpu;
  Atomics.add(control, cellArrived, 1);
  while (Atomics.load(control, cellArrived) < threads);
  let done = 0;
  const begin = process.hrtime.bigint();
  do {
    random = run(memory, burstsAtOnce, pairs, random);
    done += burstsAtOnce;
  } while (done < bursts && Atomics.load(control, cellStopped) === 0);
  const elapsed = process.hrtime.bigint() - begin;
  Atomics.store(control, cellStopped, 1);
  return Number(elapsed) / (done * pairs);
}

/** Keeps this thread on a core. Node has no function for it. */
function stayOn(core: string): void {
  const thread = path.basename(readlinkSync("/proc/thread-self"));
  const { status, stderr } = spawnSync("taskset", ["-pc", core, thread], { encoding: "utf8" });
  if (status !== 0) throw new Error(`taskset failed: ${stderr}`);
}

function threadMain(shared: Shared): void {
  stayOn(shared.core);
  const exports = instantiate(shared);
  const functions = primitives.map((name) => exports[`${name}Bursts`]);
  const control = new Int32Array(shared.control);
  const results = new Float64Array(shared.control, resultsAt, threadsMax);
  let seen = 0;
  for (;;) {
    Atomics.wait(control, cellRound, seen);
    seen = Atomics.load(control, cellRound);
    if (shared.cpu >= Atomics.load(control, cellOrder + 1)) continue;
    const run = functions[Atomics.load(control, cellOrder)] as Bursts;
    results[shared.cpu] = perform(run, control, shared);
    Atomics.sub(control, cellMissing, 1);
    Atomics.notify(control, cellMissing);
  }
}

/** Mean of the threads' times per pair. */
function runRound(control: Int32Array, order: readonly number[]): number {
  const [, threads = 0] = order;
  for (const [index, value] of order.entries()) Atomics.store(control, cellOrder + index, value);
  Atomics.store(control, cellArrived, 0);
  Atomics.store(control, cellStopped, 0);
  Atomics.store(control, cellMissing, threads);
  Atomics.add(control, cellRound, 1);
  Atomics.notify(control, cellRound);
  for (let missing = threads; missing > 0; missing = Atomics.load(control, cellMissing)) {
    Atomics.wait(control, cellMissing, missing);
  }
  const results = new Float64Array(control.buffer, resultsAt, threads);
  return results.reduce((sum, ns) => sum + ns, 0) / threads;
}

function answer(line: string, control: Int32Array, words: Int32Array): string {
  const [command, name, ...operands] = line.split(" ");
  const primitive = primitives.indexOf(name as (typeof primitives)[number]);
  if (command !== "run" || primitive < 0 || operands.length !== 4) return "unknown command";
  const ns = runRound(control, [primitive, ...operands.map(Number)]);
  for (let place = 0; place < places; place++) {
    if (words[regionOf(0, place) / 4] !== 0 || words[regionOf(1, place) / 4] !== 1) return "a lock is still held";
  }
  return `ok ${ns.toFixed(4)}`;
}

function sideMain(wasmFile: string, cores: readonly string[]): void {
  const module = new WebAssembly.Module(readFileSync(wasmFile));
  const memory = new WebAssembly.Memory({ initial: 16, maximum: 65_536, shared: true });
  const control = new SharedArrayBuffer(controlBytes);
  const words = new Int32Array(memory.buffer);
  // One reference to the object, and a first grace period that all CPUs have seen or see at once.
  for (let place = 0; place < places; place++) {
    words[regionOf(1, place) / 4] = 1;
    words[regionOf(3, place) / 4] = 1;
  }
  for (let cpu = 0; cpu < threadsMax; cpu++) {
    const shared: Shared = { module, memory, control, cpu, core: cores[cpu] ?? "" };
    new Worker(fileURLToPath(import.meta.url), { workerData: shared }).on("error", (error) => {
      throw error;
    });
  }
  const cells = new Int32Array(control);
  const input = Buffer.alloc(65_536);
  let pending = "";
  const serve = (): void => {
    const size = readSync(0, input);
    if (size === 0) process.exit();
    pending += input.toString("utf8", 0, size);
    for (let at = pending.indexOf("\n"); at >= 0; at = pending.indexOf("\n")) {
      const line = pending.slice(0, at);
      pending = pending.slice(at + 1);
      writeSync(1, `${answer(line, cells, words)}\n`);
    }
    // Between two commands the threads' errors are seen.
    setImmediate(serve);
  };
  serve();
}

if (isMainThread) sideMain(process.argv[2] ?? "", process.argv.slice(3));
else threadMain(workerData as Shared);
