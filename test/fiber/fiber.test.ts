// A fiber stops at an access and goes on as if nothing had been: alone, with others, and inside a real variant.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { compileModule } from "../../src/build/compile.ts";
import { suspendableOperations } from "../../src/build/flags.ts";
import { Fiber, FiberHost, type SuspendBefore } from "../../src/fiber/fiber.ts";
import { packageRoot } from "../../src/package-root.ts";
import { plainMachine } from "../kernel/plain-machine.ts";
import { makeRig, perform, problemBytesMax, type Rig, writeEvent } from "../kernel/quarantine-rig.ts";

const scratch = mkdtempSync(path.join(tmpdir(), "reclaim-bench-fiber-"));
afterAll(() => rmSync(scratch, { recursive: true }));

let litmus: Uint8Array<ArrayBuffer>;
let quarantine: Uint8Array<ArrayBuffer>;

beforeAll(async () => {
  const traced = { machine: "traced", fibers: true } as const;
  const compiled = await compileModule({
    ...traced,
    problem: "litmus",
    entry: "store-buffering",
    variant: "",
    constants: {},
  });
  litmus = compiled.wasm;
  const constants = { LAB_CPU_QUEUE_BYTES: 256, LAB_BATCHES: 8 };
  const variant = await compileModule({ ...traced, problem: "quarantine", variant: "singly-linked-fifo", constants });
  quarantine = variant.wasm;
}, 60_000);

interface Litmus {
  readonly host: FiberHost;
  readonly cells: Int32Array;
}

function startLitmus(suspendBefore: SuspendBefore): Litmus {
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true });
  const machine = plainMachine({ memory, layout: { taskStacks: 0 }, nowNs: 0, runWork: () => {} }, 0);
  const host = new FiberHost(machine, suspendBefore);
  const instance = new WebAssembly.Instance(new WebAssembly.Module(litmus), { env: { memory }, traced: host.imports });
  host.attach({ memory, exports: instance.exports });
  return { host, cells: new Int32Array(memory.buffer) };
}

const stackA = { base: 4096, end: 4608 };
const stackB = { base: 8192, end: 8704 };
/** Addresses of the two cells, and their indices. */
const [cellA, cellB] = [64, 128];
const [indexA, indexB] = [16, 32];

test("a fiber suspended at its load has stored, has not loaded, and sees what is stored meanwhile", () => {
  const { host, cells } = startLitmus((_fiber, operation) => operation === "load32");
  const fiber = new Fiber(host, stackA, "relaxed", [cellA, cellB]);

  expect(fiber.start()).toBe(true);
  expect(fiber.status).toBe("suspended");
  expect(cells[indexA]).toBe(1);

  cells[indexB] = 7;
  expect(fiber.resume()).toBe(false);
  expect(fiber.status).toBe("ended");
  expect(fiber.result).toBe(7);
});

test("a fiber suspended before its store has not stored", () => {
  const { host, cells } = startLitmus((_fiber, operation) => operation === "store32");
  const fiber = new Fiber(host, stackA, "sequential", [cellA, cellB]);
  fiber.start();
  expect(cells[indexA]).toBe(0);
  fiber.resume();
  expect(cells[indexA]).toBe(1);
});

test("the instrument is told operation and arguments, and is not asked again when the fiber goes on", () => {
  const asked: unknown[] = [];
  const { host } = startLitmus((_fiber, operation, a, b) => {
    asked.push([operation, a, b]);
    return true;
  });
  const fiber = new Fiber(host, stackA, "fenced", [cellA, cellB]);
  for (let isSuspended = fiber.start(); isSuspended; isSuspended = fiber.resume());
  expect(asked).toEqual([
    ["storeRelaxed32", cellA, 1],
    ["barrier", undefined, undefined],
    ["load32", cellB, undefined],
  ]);
});

test("two fibers of one instance interleave at every access", () => {
  const order: string[] = [];
  const { host } = startLitmus((fiber, operation) => {
    order.push(`${fiber === a ? "a" : "b"} ${operation}`);
    return true;
  });
  const a = new Fiber(host, stackA, "relaxed", [cellA, cellB]);
  const b = new Fiber(host, stackB, "relaxed", [cellB, cellA]);
  for (const fiber of [a, b]) fiber.start();
  for (const fiber of [a, b]) fiber.resume();
  for (const fiber of [b, a]) fiber.resume();
  expect(order).toEqual(["a storeRelaxed32", "b storeRelaxed32", "a load32", "b load32"]);
  expect([a.result, b.result]).toEqual([1, 1]);
});

test("a fiber is its region of memory: copied back, it goes on from there a second time", () => {
  const { host, cells } = startLitmus((_fiber, operation) => operation === "load32");
  const bytes = new Uint8Array(cells.buffer);
  const first = new Fiber(host, stackA, "relaxed", [cellA, cellB]);
  first.start();
  const kept = bytes.slice();
  cells[indexB] = 5;
  first.resume();

  const second = new Fiber(host, stackA, "relaxed", [cellA, cellB]);
  second.start();
  bytes.set(kept);
  cells[indexB] = 6;
  second.resume();
  expect([first.result, second.result]).toEqual([5, 6]);
});

test("a stack that is too small is an error that says how much is needed", () => {
  const { host } = startLitmus(() => true);
  const fiber = new Fiber(host, { base: 4096, end: 4104 }, "relaxed", [cellA, cellB]);
  expect(() => fiber.start()).toThrow(/^fiber stack exhausted: 'relaxed' needs \d+ bytes, has 8;/);
  expect(fiber.status).toBe("failed");
});

test("a fiber inside a fiber, and a fiber that is used again, are refused", () => {
  let inner: Fiber | undefined;
  const { host } = startLitmus(() => {
    inner?.start();
    return false;
  });
  inner = new Fiber(host, stackB, "relaxed", [cellB, cellA]);
  const outer = new Fiber(host, stackA, "relaxed", [cellA, cellB]);
  expect(() => outer.start()).toThrow("a fiber of this instance is running already");
  expect(() => outer.resume()).toThrow("cannot resume a fiber that is failed");
  inner = undefined;
  const other = new Fiber(host, stackA, "relaxed", [cellA, cellB]);
  expect(other.start()).toBe(false);
  expect(() => other.start()).toThrow("cannot start a fiber that is ended");
});

interface FiberRig {
  readonly rig: Rig;
  readonly host: FiberHost;
}

function startRig(wasm: Uint8Array<ArrayBuffer>, suspendBefore: SuspendBefore): FiberRig {
  let host: FiberHost | undefined;
  const rig = makeRig(wasm, 1, problemBytesMax, 64, ({ memory, layout, exports }) => {
    const machine = plainMachine(
      { memory, layout, nowNs: 1000, runWork: (cpu, work, argument) => exports[cpu]?.runWork(work, argument) },
      0,
    );
    host = new FiberHost(machine, suspendBefore);
    return { traced: host.imports };
  });
  if (host === undefined) throw new Error("no machine was bound");
  host.attach({ memory: rig.memory, exports: rig.exports[0] ?? {} });
  return { rig, host };
}

/** One cache with three objects; those before `firstLeft` are freed, and the others' frees lie in the event buffer. */
function prepare(rig: Rig, firstLeft: number): void {
  perform(rig, 0, { kind: "create", cache: 0, objectSize: 100, pages: 1 });
  for (let object = 0; object < 3; object++) perform(rig, 0, { kind: "allocate", object, cache: 0 });
  for (let object = 0; object < firstLeft; object++) perform(rig, 0, { kind: "free", object, cache: 0 });
  for (let object = firstLeft; object < 3; object++) {
    writeEvent(rig, object - firstLeft, { kind: "free", object, cache: 0 });
  }
}

test("putting an object into quarantine, suspended at any access or at all, does what it does unsuspended", () => {
  let remaining = Number.POSITIVE_INFINITY;
  let stride = Number.POSITIVE_INFINITY;
  let asked = 0;
  const { rig, host } = startRig(quarantine, () => {
    asked++;
    if (--remaining !== 0) return false;
    remaining = stride;
    return true;
  });
  // The third object is the one with which the CPU's queue of 256 bytes overflows into a batch.
  prepare(rig, 2);
  const before = rig.bytes.slice();
  const putFreed = (): { memory: Buffer; suspensions: number; result: number | undefined } => {
    const fiber = new Fiber(host, rig.spare, "run", [0, 1]);
    let suspensions = 0;
    for (let isSuspended = fiber.start(); isSuspended; isSuspended = fiber.resume()) suspensions++;
    rig.bytes.fill(0, rig.spare.base, rig.spare.end);
    return { memory: Buffer.from(rig.bytes), suspensions, result: fiber.result };
  };

  const plain = putFreed();
  const accesses = asked;
  expect(plain).toMatchObject({ suspensions: 0, result: 0 });
  expect(rig.exports[0]?.batchesInUse()).toBe(1);
  expect(rig.exports[0]?.quarantinedBytes()).toBe(300);
  expect(accesses).toBeGreaterThan(20);

  for (let at = 1; at <= accesses; at++) {
    rig.bytes.set(before);
    remaining = at;
    const suspended = putFreed();
    expect(suspended).toMatchObject({ suspensions: 1, result: 0 });
    expect(suspended.memory.equals(plain.memory), `suspended before access ${at} of ${accesses}`).toBe(true);
  }

  rig.bytes.set(before);
  remaining = 1;
  stride = 1;
  const everywhere = putFreed();
  expect(everywhere).toMatchObject({ suspensions: accesses, result: 0 });
  expect(everywhere.memory.equals(plain.memory)).toBe(true);
});

test("two fibers inside one CPU's queue at a time lose an object's bytes, which interrupts turned off would prevent", () => {
  const { rig, host } = startRig(quarantine, (_fiber, operation) => operation === "storeRelaxed64Halves");
  prepare(rig, 1);
  expect(rig.exports[0]?.quarantinedBytes()).toBe(100);
  const { base, end } = rig.spare;
  const middle = (base + end) / 2;
  // Both have loaded the queue's 100 bytes and are about to store 200.
  const first = new Fiber(host, { base, end: middle }, "run", [0, 1]);
  const second = new Fiber(host, { base: middle, end }, "run", [1, 2]);
  expect([first.start(), second.start()]).toEqual([true, true]);
  expect([second.resume(), first.resume()]).toEqual([false, false]);
  expect(rig.exports[0]?.quarantinedBytes()).toBe(200);
});

/** A variant whose `put` performs every operation of the machine that a fiber can be suspended at. */
const everyOperation = `
import {
  add32, add64, barrier, compareExchange32, compareExchange64, compute, exchange32, exchange64, interrupt, irqOff, irqOn, load32,
  load64, pause, preemptOff, preemptOn, quiescent, sleep, store32, store64, storeRelaxed32, storeRelaxed64, wait, wake,
} from "../machine/impl";
import { variantBase } from "./region";
export { batchesInUse, cpuOffline, cpuOnline, extraCacheBytes, extraObjectBytes, initialise, reduce, removeCache } from "./floor";
export function globalBytes(): usize { return 64; }
export function quarantinedBytes(): u64 { return load64(variantBase() + 16); }
function work(argument: usize): void { storeRelaxed32(argument, load32(argument) + 1000); }
export function put(_cache: usize, _object: usize): bool {
  const cell = variantBase();
  let sum: u64 = 0;
  preemptOff();
  irqOff();
  storeRelaxed32(cell, 1);
  store32(cell, load32(cell) + 1);
  sum += exchange32(cell, 30);
  sum += compareExchange32(cell, 30, 400);
  sum += add32(cell, 5);
  barrier();
  pause();
  sum += wait(cell, 0) + wake(cell, 1);
  storeRelaxed64(cell + 8, 0x1_0000_0000);
  store64(cell + 8, load64(cell + 8) + 0x2_0000_0000);
  sum += exchange64(cell + 8, 0xffff_ffff);
  sum += compareExchange64(cell + 8, 0xffff_ffff, 0xffff_fffe);
  sum += add64(cell + 8, 3);
  sum += load64(cell + 8);
  irqOn();
  preemptOn();
  sleep(5);
  compute(5);
  interrupt(0, work.index, cell);
  quiescent();
  storeRelaxed64(cell + 16, sum);
  return true;
}
`;

test("every operation of the machine that may suspend is suspended and resumed", async () => {
  const variantFile = path.join(scratch, "every-operation.ts");
  writeFileSync(variantFile, everyOperation);
  const { wasm } = await compileModule({
    problem: "quarantine",
    variant: "every-operation",
    variantFile,
    machine: "traced",
    fibers: true,
    constants: {},
  });
  const seen = new Set<string>();
  const { rig, host } = startRig(wasm, (_fiber, operation) => {
    seen.add(operation);
    return true;
  });
  prepare(rig, 0);
  const fiber = new Fiber(host, rig.spare, "run", [0, 1]);
  for (let isSuspended = fiber.start(); isSuspended; isSuspended = fiber.resume());

  expect([...seen].sort()).toEqual([...suspendableOperations].sort());
  // 2 exchanged, 30 found, 400 added to, 1 for a wait that did not sleep; then the same with 64 bits.
  const sum = 2 + 30 + 400 + 1 + 0x3_0000_0000 + 0xffff_ffff + 0xffff_fffe + 0x1_0000_0001;
  expect(rig.exports[0]?.quarantinedBytes()).toBe(sum);
  const words = new Int32Array(rig.memory.buffer);
  // 64 bytes of sizes, 1024 bytes of CPUs that are online, then the variant's first cell, which the interrupt added to.
  expect(words[(rig.layout.problemBase + 1088) >>> 2]).toBe(1405);
}, 60_000);

test("a machine binds exactly what the traced form imports", () => {
  const source = readFileSync(path.join(packageRoot, "src", "kernel", "machine", "traced.ts"), "utf8");
  const declared = [...source.matchAll(/declare function (\w+)/g)].map((match) => match[1]);
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true });
  const machine = plainMachine({ memory, layout: { taskStacks: 0 }, nowNs: 0, runWork: () => {} }, 0);
  expect(Object.keys(machine).sort()).toEqual(declared.sort());
});
